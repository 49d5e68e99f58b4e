"""Shapes, dtypes and named dimensions: arithmetic against numbers, rules against NumPy."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from graphdiff.ops import OPS
from graphdiff.ops.dimension import combine, dimension, evaluate_dimension, shape_of, sign
from graphdiff.ops.notation import ADD, MULTIPLY, UNARY, dimension_code
from graphdiff.ops.spec import DTYPES, Spec, broadcast, dtype_of

SIZES = st.fixed_dictionaries({"t": st.integers(1, 9), "n": st.integers(1, 9)})
SYMBOLS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "min": min,
    "max": max,
}

# A formula and its value for t and n, grown from the names and small numbers.
LEAVES = st.one_of(
    st.integers(-4, 4).map(lambda i: (i, lambda s: i)),
    st.sampled_from("tn").map(lambda name: (gd.Dim(name), lambda s: s[name])),
)


def grown(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def joined(symbol: str, a: Any, b: Any) -> Any:
        if symbol == "//":
            b = (3, lambda s: 3)
        value = SYMBOLS[symbol]
        return combine(symbol, a[0], b[0]), lambda s: value(a[1](s), b[1](s))

    return st.builds(joined, st.sampled_from(list(SYMBOLS)), parts, parts)


FORMULAS = st.recursive(LEAVES, grown, max_leaves=5)


@given(FORMULAS, SIZES)
def test_a_formula_has_the_value_of_what_it_stands_for(made: Any, sizes: dict[str, int]) -> None:
    found, value = made
    assert evaluate_dimension(found, sizes) == value(sizes)
    if isinstance(found, gd.Dim):  # its text means the same, and is canonical
        assert gd.Dim(str(found)) == found
        assert eval(found, {"Min": min, "Max": max, **sizes}) == value(sizes)


@given(FORMULAS, SIZES)
def test_a_formula_keeps_its_value_within_a_larger_one(made: Any, sizes: dict[str, int]) -> None:
    written, value = dimension_code(made[0]), made[1](sizes)
    text = f"7 * {written.within(MULTIPLY + 1)} - {written.within(ADD + 1)}"
    assert eval(text, dict(sizes)) == 7 * value - value
    assert eval(f"-{written.within(UNARY)}", dict(sizes)) == -value


@given(FORMULAS, SIZES)
def test_a_sign_that_is_known_is_right(made: Any, sizes: dict[str, int]) -> None:
    known, value = sign(made[0]), made[1](sizes)
    assert known is None or (value >= 0 if known == 1 else value < 0)


def test_equal_formulas_are_equal_texts() -> None:
    t = gd.Dim("t")
    assert (t + 1) * 2 == 2 + 2 * t == gd.Dim("2*(t+1)")
    assert (-t + 5, 3 // (t - t + 2)) == ("5 - t", 1)
    assert [t - t, (t + 3) - t, t * 0] == [0, 3, 0]
    assert hash(t) == hash("t")
    assert (t, 2) == ("t", 2)
    assert pickle.loads(pickle.dumps(t + 1)) == t + 1


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda t: 1 / t, "a dimension takes + - * // with whole numbers and other dimensions, or"),
        (lambda t: t * 2.5, "a dimension takes + - * //"),
        (lambda t: t // 0, "divided by 0"),
        (lambda t: t**2, "a dimension takes + - * //"),
        (lambda t: 2**t, "a dimension takes + - * //"),
        (lambda t: np.ones(3) * t, "put a tensor beside it"),
        (lambda t: t + np.ones(3), "put a tensor beside it"),
        (lambda t: np.float64(2) / t, "put a tensor beside it"),
        (lambda t: range(t), "the size of the dimension 't' is not known yet"),
        (lambda t: t > 1, "the size of the dimension 't' is not known yet"),
        (lambda t: t % 2, "the size of the dimension 't' is not known yet"),
        (lambda t: np.zeros((t, 2)), "the size of the dimension 't' is not known yet"),
        (lambda t: gd.Dim("3"), "'3' is not a named dimension"),
        (lambda t: gd.Dim(3), "3 is not a named dimension"),
        (lambda t: gd.Dim("lambda"), "'lambda' is not a dimension"),
        (lambda t: gd.Dim("t +"), "'t +' is not a dimension"),
        (lambda t: gd.Dim("f(t)"), "'f(t)' is not a dimension"),
        (lambda t: gd.Dim("9**9**9"), "'9**9**9' is not a dimension"),
        (lambda t: gd.Dim("__import__('os')"), "is not a dimension"),
        (lambda t: gd.Dim("t.real"), "is not a dimension"),
        (lambda t: gd.Dim("(" * 300 + "t" + ")" * 300), "is not a dimension"),
        (lambda t: dimension("t - t - 1"), "a dimension is negative: -1"),
        (lambda t: dimension(-1), "a dimension is negative: -1"),
        (lambda t: dimension(True), "True is not a dimension"),
        (lambda t: dimension(2.0), "2.0 is not a dimension"),
        (lambda t: shape_of(2.5), "2.5 is not a shape"),
        (lambda t: shape_of(None), "None is not a shape"),
        (lambda t: shape_of({2, 3}), "{2, 3} is not a shape"),
        (lambda t: shape_of((2, -3)), "a dimension is negative: -3"),
    ],
)
def test_what_is_no_dimension_is_refused(attempt: Any, message: str) -> None:
    with pytest.raises(gd.ShapeError) as caught:
        attempt(gd.Dim("t"))
    assert message in str(caught.value)
    assert "test_spec.py:" in str(caught.value)


def test_shapes_are_read_as_people_write_them() -> None:
    assert shape_of("t") == ("t",)
    assert shape_of(3) == shape_of(np.int64(3)) == (3,)
    assert shape_of(["t", 2]) == ("t", 2)
    assert shape_of(()) == ()
    assert repr(Spec.of(("t", 2), "float32")) == "float32 (t, 2)"
    assert Spec.of(("t", "n", 2)).size == "2*n*t"


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_in_any_form(dtype: str) -> None:
    for form in (dtype, np.dtype(dtype), getattr(np, dtype), np.dtype(dtype).newbyteorder(">")):
        assert dtype_of(form) == np.dtype(dtype)


@pytest.mark.parametrize(
    "dtype", ["float16", np.clongdouble, object, "U3", "zz", "f8,", {"a": 1}, 7, "i4"]
)
def test_other_dtypes_are_refused(dtype: object) -> None:
    with pytest.raises(gd.DTypeError, match=r"not supported|is not a dtype"):
        dtype_of(dtype)


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, min_side=0))
def test_shapes_broadcast_as_in_numpy(shapes: hnp.BroadcastableShapes) -> None:
    assert broadcast(*shapes.input_shapes) == shapes.result_shape


SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@given(SHAPES, SHAPES)
def test_shapes_are_refused_as_in_numpy(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(gd.ShapeError, match="do not broadcast together"):
            broadcast(a, b)
    else:
        assert broadcast(a, b) == expected


def test_names_broadcast_against_themselves_and_1() -> None:
    t, n = gd.Dim("t"), gd.Dim("n")
    assert broadcast((t, 1), (n,)) == ("t", "n")
    for other in (n, 3, t + 1, 0):
        with pytest.raises(gd.ShapeError):
            broadcast((t,), (other,))


UFUNCS = [
    op for op in OPS.values() if op.elementwise and isinstance(getattr(np, op.name, None), np.ufunc)
]


@pytest.mark.parametrize("op", UFUNCS, ids=lambda op: op.name)
def test_dtypes_promote_as_in_numpy(op: Any) -> None:
    pairs = (
        [(a, b) for a in DTYPES for b in DTYPES]
        if len(op.operands) == 2
        else [(a,) for a in DTYPES]
    )
    for dtypes in pairs:
        specs = [Spec.of((2,), dtype) for dtype in dtypes]
        try:
            expected = getattr(np, op.name)(*(np.zeros(0, dtype) for dtype in dtypes)).dtype
        except TypeError:
            expected = None
        if expected is None or expected.name not in DTYPES:  # such as int8 for bools
            with pytest.raises(gd.DTypeError):
                op.infer(*specs)
        else:
            assert op.infer(*specs) == Spec((2,), expected)
