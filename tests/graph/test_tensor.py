"""A `Tensor` behaves as a NumPy array in expressions: values, dtypes, and what is refused."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import graphdiff as gd
from graphdiff.ops.spec import DTYPES
from tests.reference import run

A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
V = np.array([1.0, 2.0, 4.0])

# Each is evaluated on tensors and on the arrays themselves.
EXPRESSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "operators": lambda a, v: (a + v) * 2 - a / v + (-a) + (+v),
    "reflected": lambda a, v: 3 - a + 2 * v + 1 / v + 2**a,
    "powers": lambda a, v: a**2 + v**0.5 + v**a,
    "abs": lambda a, v: abs(a),
    "rounded to decimals": lambda a, v: round(a[0, 0] * 1.234, 2) + v,
    "arrays on the left": lambda a, v: np.ones(3) * a + np.arange(3) - v,
    "arrays on the right": lambda a, v: a * np.ones((2, 1)) + [1, 2, 3],
    "comparisons": lambda a, v: (a > 0) & (a <= v) | ~(a < 1) & (v >= 2),
    "equalities": lambda a, v: np.where((a == 1) | (v != 2), a, -a),
    "maximum": lambda a, v: np.maximum(0, a) + np.minimum(v, 2.5) + np.maximum(a, v),
    "ufuncs": lambda a, v: np.exp(a) + np.log(v) + np.tanh(a) + np.sqrt(v) + np.sin(a) + np.cos(v),
    "more ufuncs": lambda a, v: np.expm1(a) + np.log1p(v) + np.square(a) + np.sign(a) + np.abs(a),
    "reciprocal": lambda a, v: np.reciprocal(v) + np.negative(a) + np.positive(a) + np.power(v, 2),
    "softplus": lambda a, v: np.logaddexp(0, a) + np.logaddexp(v, 0.0) + np.logaddexp(a, v),
    "clip": lambda a, v: np.clip(a, -1, 1) + np.clip(v, 2, None) + np.clip(a, min=0),
    "where": lambda a, v: (
        np.where(a > 0, a, 0) + np.where(np.arange(3), v, 1.0) + np.where(a, 1, 2)
    ),
    "likes": lambda a, v: np.zeros_like(a) + np.ones_like(v) + np.full_like(a, 3),
    "special": lambda a, v: scipy.special.erf(a) + scipy.special.expit(v),
    "logic": lambda a, v: np.logical_and(a > 0, True) | np.logical_not(v > 1),
    "booleans in arithmetic": lambda a, v: (a > 0) * a + (v > 1) * 2 + True * v,
    "integers": lambda a, v: (a > 0).astype(int) * 2 + np.arange(3) // 1,
    "rows": lambda a, v: sum(row * row for row in a),
    "len": lambda a, v: len(a) * a[len(v) - 2],
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_have_numpys_values(name: str) -> None:
    g = gd.Graph()
    g.output("out", EXPRESSIONS[name](g.input("a", (2, 3)), g.input("v", (3,))))
    found = run(g, a=A, v=V)["out"]
    expected = EXPRESSIONS[name](A, V)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-15, strict=True)


# -- dtypes ----------------------------------------------------------------------------------------

OTHERS: list[Any] = [True, 2, 2.5, np.True_, np.int64(2), np.float32(2), np.float64(2)]
OTHERS += [np.ones(2, dtype) for dtype in DTYPES]


@pytest.mark.parametrize("other", OTHERS, ids=lambda o: f"{type(o).__name__}-{np.asarray(o).dtype}")
@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_are_weak_and_numpys_are_strong(dtype: str, other: Any) -> None:
    array = np.ones(2, dtype)
    real = not np.iscomplexobj(array * other)
    for operator in (
        np.multiply,
        np.add,
        *([np.maximum] if real else []),
        lambda a, b: np.where([True, False], a, b),
    ):
        expected = operator(array, other)
        for swapped in (False, True):
            g = gd.Graph()
            x = g.input("x", (2,), dtype)
            g.output("out", operator(other, x) if swapped else operator(x, other))
            assert g["out"].dtype == expected.dtype
            assert run(g, x=array)["out"].dtype == expected.dtype


def test_float32_stays_float32_through_a_network() -> None:
    g = gd.Graph()
    x, W = g.input("x", ("t", 3), "float32"), g.parameter("W", (3, 2), "float32")
    h = 0.5 * np.tanh(x @ W + 1) ** 2 / 3
    J = g.output("J", np.mean(np.where(h > 0.1, h, 0)) / x.shape[0])
    assert {t.dtype.name for t in gd.gradient(g, of="J")} == {"float32", "bool"}
    assert J.dtype == np.float32


def test_a_named_dimension_is_a_number_in_expressions() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 3))
    t, n = x.shape
    g.output("mean", np.sum(x, axis=0) / t)
    g.output("scaled", t * x[0] - (2 * t + 1) * n)
    found = run(g, x=np.arange(6.0).reshape(2, 3))
    assert found["mean"].tolist() == [1.5, 2.5, 3.5]
    assert found["scaled"].tolist() == [-15.0, -13.0, -11.0]
    assert np.shape(x) == ("t", 3)
    assert np.size(x) == "3*t"
    assert np.size(x, 0) == "t"
    assert np.ndim(x) == x.ndim == 2
    assert x.size == "3*t"


# -- values ----------------------------------------------------------------------------------------


def test_in_place_operators_are_numpys() -> None:
    def program(x: Any) -> dict[str, Any]:
        y = other = x * 1.0
        y += 1
        y *= y
        y -= x
        y /= 2.0
        y **= 2
        z = x > 0
        mask = z | False
        mask &= x < 1
        mask |= z
        w = x * 1.0
        w @= np.ones((3, 3))
        return {"y": y, "other": other + 0.0, "mask": mask, "w": w}

    g = gd.Graph()
    for name, tensor in program(g.input("x", (2, 3))).items():
        g.output(name, tensor)
    wanted = program(A)
    for name, value in run(g, x=A).items():
        np.testing.assert_allclose(value, wanted[name])


def test_a_tensor_can_be_kept_in_dicts_and_copied() -> None:
    g = gd.Graph()
    x = g.input("x")
    assert {x: 1}[x] == 1
    for other in (copy.copy(x), copy.deepcopy(x)):
        assert other.graph is g
        assert other.name == "x"
    assert pickle.loads(pickle.dumps(x)).name == "x"
    assert repr(x) == "<Tensor 'x': input, float64 ()>"


def test_what_a_tensor_knows() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 3), "float32")
    y = np.sum(x, axis=1, keepdims=True)
    assert (y.op, y.params) == ("sum", {"axis": 1, "keepdims": True})
    assert [operand.name for operand in y.operands] == ["x"]
    assert y.spec == gd.Spec.of(("t", 1), "float32")
    assert y.dimension_names == ("t",)
    assert y.origin is not None
    assert "test_tensor.py:" in y.origin


def test_a_tensor_whose_node_was_removed_says_so() -> None:
    g = gd.Graph()
    y = np.tanh(g.input("x"))
    g.dag.remove_node(y.name)
    with pytest.raises(gd.GraphError, match="is no longer in 'graph'"):
        y + 1


# -- refusals --------------------------------------------------------------------------------------

REFUSED: list[tuple[Callable[..., Any], str]] = [
    (lambda x, m: float(x[0, 0]), "is not known yet, so it cannot become a float"),
    (lambda x, m: int(x[0, 0]), "cannot become an int"),
    (lambda x, m: complex(x[0, 0]), "cannot become a complex number"),
    (lambda x, m: bool(x[0, 0]), "cannot become a truth value"),
    (lambda x, m: 1 if x[0, 0] > 0 else 2, "try: np.where(condition, a, b)"),
    (lambda x, m: [x[0, 0]].index(x[0, 1]), "cannot become a truth value"),
    (lambda x, m: range(x[0, 0]), "cannot become an index"),
    (lambda x, m: [1, 2, 3][x[0, 0]], "cannot become an index"),
    (lambda x, m: math.sin(x[0, 0]), "cannot become a float"),
    (lambda x, m: f"{x[0, 0]:.2f}", "cannot become text in the format '.2f'"),
    (lambda x, m: np.asarray(x), "cannot become an array"),
    (lambda x, m: scipy.special.logsumexp(x[0]), "gd.special and gd.linalg have functions"),
    (lambda x, m: np.array([x, x]), "np.stack([…]) joins tensors"),
    (lambda x, m: np.ones(3)[x], "g.constant(array)[labels] takes rows of an array"),
    (lambda x, m: len(x), "the length is not a known number"),
    (lambda x, m: list(x), "the length is not a known number"),
    (lambda x, m: np.add(x, 1, out=np.ones(3)), "out= of np.add into a NumPy array"),
    (lambda x, m: np.ones((2, 3)).__iadd__(x[:2]), "out= of np.add into a NumPy array"),
    (lambda x, m: np.add(x, 1, where=True), "np.add with where= has no rule"),
    (lambda x, m: np.add(x, 1, dtype="float16"), "dtype not supported"),
    (lambda x, m: np.subtract.reduce(x), "np.subtract along an axis of a length that is not known"),
    (lambda x, m: np.multiply.at(x, [0], 1), "np.multiply.at at places that are not known"),
    (lambda x, m: np.frexp(x), "np.frexp has no rule"),
    (lambda x, m: x << 1, "np.left_shift has no rule"),
    (lambda x, m: m ^ m, "np.bitwise_xor has no rule"),
    (lambda x, m: x & 1, "np.bitwise_and works on booleans only"),
    (lambda x, m: ~x, "np.invert works on booleans only"),
    (lambda x, m: np.histogram(x), "np.histogram has no rule"),
    (lambda x, m: np.histogram(x), "np.histogram has no rule"),
    (lambda x, m: np.ones((2, 3))[x > 0], "cannot become an array"),
    (lambda x, m: np.quantile(x, 0.5, 0, method="lower"), "by the method 'lower'"),
    (lambda x, m: np.pad(x[0], 1, mode="empty"), "np.pad with mode 'empty'"),
    (lambda x, m: np.where(x > 0), "np.where: how many places there are depends on values"),
    (lambda x, m: np.nonzero(x), "np.nonzero: how many there are depends on values"),
    (lambda x, m: np.unique(x), "np.unique: how many there are depends on values"),
    (lambda x, m: np.reshape(x, (3, -1), order="A"), "the order 'A', which is that of memory"),
    (lambda x, m: np.clip(x, 0, 1, signature="dd->d"), "signature= has no rule"),
    (lambda x, m: m - m, "np.subtract does not take bool and bool"),
    (lambda x, m: -m, "np.negative does not take bool"),
    (lambda x, m: m**m, "np.power gives int8 here"),
    (lambda x, m: np.exp(m), "np.exp gives float16 here"),
    (lambda x, m: gd.special.sigmoid(m), "numbers are needed"),
    (lambda x, m: x + "a", "dtype not supported"),
    (lambda x, m: x + None, "dtype not supported"),
    (lambda x, m: x * np.clongdouble(1j), "dtype not supported"),
    (lambda x, m: np.maximum(x * 1j, 0.0), "maximum: complex values are not taken"),
    (lambda x, m: np.unwrap(x * 1j), "np.unwrap of complex values has no rule"),
    (lambda x, m: scipy.special.xlogy(x, 1j), "xlogy: complex values are not taken"),
    (lambda x, m: (x * 1j).astype(float), "a complex value as float64"),
    (lambda x, m: x.__setitem__(0, 1j), "dtype"),
    (lambda x, m: x + np.array([None] * 3), "got: object"),
    (lambda x, m: x + np.ones(3, np.float16), "got: float16"),
    (lambda x, m: np.add(x, [[1], [1, 2]]), "not an array of numbers"),
    (lambda x, m: (x > 0) * 10**30, "the number does not fit the dtype"),
    (lambda x, m: (x > 0) + np.uint64(2**63), "does not fit the dtype"),
    (lambda x, m: x + gd.Graph().input("x"), "a tensor of another graph"),
    (lambda x, m: x + m[:, None, None, None] + m, "operands do not broadcast together"),
    (lambda x, m: x.astype("float16"), "np.astype: dtype not supported"),
    (lambda x, m: x.reshape(7), "reshape would change the number of elements"),
    (lambda x, m: x.mean(axis=4), "there is no axis 4"),
    (lambda x, m: x.dot(x), "operands do not fit for a matrix product"),
    (lambda x, m: 1 / x.shape[0], "try: put a tensor beside it"),
]


@pytest.mark.parametrize(("attempt", "message"), REFUSED)
def test_what_is_refused_is_refused_clearly(attempt: Callable[..., Any], message: str) -> None:
    g = gd.Graph()
    x, m = g.input("x", ("t", 3)), g.input("m", ("t",), "bool")
    with pytest.raises(gd.GraphdiffError) as caught:
        attempt(x, m)
    text = str(caught.value)
    assert message in text
    assert "test_tensor.py:" in text


def test_the_message_of_shapes_that_do_not_fit() -> None:
    g = gd.Graph()
    x, y = g.input("x", ("t", 3)), g.input("y", ("t",))
    with pytest.raises(gd.ShapeError) as caught:
        x + y
    message, at, *rest = str(caught.value).splitlines()
    assert message == "add: operands do not broadcast together"
    assert at.startswith("  at: ")
    assert "test_tensor.py:" in at
    assert rest == [
        "  expected: equal dimensions, or 1, counted from the right",
        "  got: (t, 3) and (t,) (operands x: float64 (t, 3), y: float64 (t,))",
        "  try: reshape an operand, or give equal dimensions the same name",
    ]
