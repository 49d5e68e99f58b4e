"""Tracing plain NumPy functions: names, structure, constants, and what is refused."""

from __future__ import annotations

import gc
import weakref
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from tests.reference import run


@dataclass
class Layer:
    W: Any
    b: Any
    kind: str = "tanh"


Pair = namedtuple("Pair", "left right")


def value(f: Any, *args: Any) -> Any:
    """The output of a function's graph, from an interpreter that knows nothing of lowering."""
    g = gd.trace(f, *args)
    leaves = [leaf for leaf in args if not isinstance(leaf, int)]
    return run(g, **dict(zip(g.inputs, leaves, strict=True)))["out"]


def test_inputs_are_called_as_arguments_are() -> None:
    def f(params: Any, layers: Any, pair: Any, *rest: Any, scale: Any) -> Any:
        hidden = layers[0].W @ params["a"] + layers[1].b["c"][0]
        return {"loss": np.sum(hidden) * scale, "parts": (pair.left, rest[1] * pair.right)}

    g = gd.trace(
        f,
        {"b": 1.0, "a": np.ones(3)},
        [Layer(np.ones((2, 3)), 1.0), Layer(0.0, {"c": [np.ones(2)]})],
        Pair(1.0, 2.0),
        1.0,
        np.float32(2.0),
        scale=3.0,
    )
    assert list(g.inputs) == [
        "params.a", "params.b", "layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b.c.0",
        "pair.left", "pair.right", "rest.0", "rest.1", "scale",
    ]  # fmt: skip
    assert list(g.outputs) == ["out.loss", "out.parts.0", "out.parts.1"]
    assert g["rest.1"].dtype == np.float32
    assert g.name == "f"


def test_a_single_result_is_out_and_steps_aside_for_an_argument() -> None:
    assert list(gd.trace(lambda x: x * 2.0, 1.0).outputs) == ["out"]
    assert list(gd.trace(lambda out: out * 2.0, 1.0).outputs) == ["out_"]


def test_specs_give_named_dimensions() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.mean(x @ w, axis=0)

    g = gd.trace(f, gd.Spec.of(("t", 3), "float32"), gd.Spec.of((3,), "float32"))
    assert g.inputs["x"].shape == ("t", 3)
    assert g.outputs["out"].dtype == np.float32
    assert "shape" in gd.compile(g).source


def test_local_variables_name_values() -> None:
    def f(x: Any) -> Any:
        hidden = np.tanh(x)
        scaled = hidden * hidden
        return scaled + np.sum(hidden)

    source = gd.compile(gd.trace(f, np.ones(3)), style="readable").source
    assert "hidden = np.tanh(x)" in source
    origin = gd.trace(f, np.ones(3))["out"].origin
    assert origin is not None
    assert "test_trace.py:" in origin


def test_the_name_of_a_lambda_is_not_that_of_a_value() -> None:
    square = lambda x: np.tanh(x) * np.tanh(x)  # noqa: E731  # on purpose
    source = gd.compile(gd.trace(square, np.ones(3)), style="readable").source
    assert "square =" not in source


def test_loops_and_branches_on_what_is_known_unroll() -> None:
    def f(x: Any, n: int, flag: bool) -> Any:
        for i in range(n):
            x = x * 2.0 if flag and i % 2 == 0 else x + 1.0
        return x

    x = np.arange(3.0)
    g = gd.trace(f, x, 5, True)
    assert list(g.inputs) == ["x"]
    np.testing.assert_array_equal(run(g, x=x)["out"], f(x, 5, True))


def test_closed_over_arrays_are_copied() -> None:
    table = np.arange(3.0)
    g = gd.trace(lambda x: x * table, np.ones(3))
    table[:] = 7.0
    np.testing.assert_array_equal(run(g, x=np.ones(3))["out"], [0.0, 1.0, 2.0])


def test_no_reference_to_an_argument_is_kept() -> None:
    class Array(np.ndarray):  # np.ndarray itself takes no weak reference
        pass

    x = np.ones(3).view(Array)
    seen = weakref.ref(x)
    g = gd.trace(lambda x: np.sum(x * x), x)
    f = gd.jit(lambda x: np.sum(x * x))
    assert f(x) == 3.0
    del x
    gc.collect()
    assert seen() is None
    assert len(g) > 1


def test_numbers_and_arrays_may_be_results() -> None:
    g = gd.trace(lambda x: (x, 2.0, np.arange(3)), np.ones(2))
    found = run(g, x=np.ones(2))
    assert found["out.1"] == 2.0
    np.testing.assert_array_equal(found["out.2"], [0, 1, 2])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x if x[0] > 0 else -x, "truth value.*np.where"),
        (lambda x: float(x[0]) * x, "cannot become a float"),
        (lambda x: x[0].item() * x, "cannot become a number"),
        (lambda x: x.tolist(), "cannot become a list"),
        (lambda x: range(int(x[0])), "cannot become an int"),
        (lambda x: [1, 2][x[0]], "cannot become an index"),
        (lambda x: np.asarray(x), "cannot become an array"),
        (lambda x: np.array([x[0], x[1]]), "cannot become an array.*np.stack"),
        (lambda x: np.histogram(x), r"np\.histogram has no rule"),
        (lambda x: x + np.ones(5), "do not broadcast"),
    ],
)
def test_what_cannot_be_traced_is_refused_with_the_line(f: Any, message: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=f"(?s){message}") as caught:
        gd.trace(f, np.ones(2))
    assert f"test_trace.py:{f.__code__.co_firstlineno}" in str(caught.value)


def test_a_result_that_is_no_number_is_refused() -> None:
    with pytest.raises(gd.GraphError, match=r"(?s)not a number or an array.*'text' as"):
        gd.trace(lambda x: ("text", x), np.ones(2))


def test_a_dtype_that_there_is_not_is_refused_by_the_arguments_name() -> None:
    with pytest.raises(gd.DTypeError, match=r"(?s)'p\.z'.*float16"):
        gd.trace(lambda p: p["z"], {"z": np.float16(1.0)})


def test_names_that_collide_are_refused() -> None:
    with pytest.raises(gd.GraphError, match="taken"):
        gd.trace(lambda p: p, {"a": {"b": 1.0}, "a.b": 2.0})


def test_threads_trace_at_once() -> None:
    def f(x: Any, n: int) -> Any:
        for _ in range(n):
            x = np.sin(x) + x
        return np.sum(x)

    with ThreadPoolExecutor(4) as pool:
        graphs = list(pool.map(lambda n: gd.trace(f, np.ones(2), n), range(1, 40)))
    for n, g in enumerate(graphs, 1):
        assert len(g) == 2 * n + 2
        assert run(g, x=np.ones(2))["out"] == pytest.approx(f(np.ones(2), n))


@pytest.mark.parametrize("kind", ["masked", "matrix"])
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_arrays_whose_operators_mean_something_else_are_refused(kind: str) -> None:
    x = np.array([1.0, 2.0])
    other = np.ma.array(x, mask=[False, True]) if kind == "masked" else np.matrix([x])
    for attempt in (
        lambda: gd.grad(lambda a: np.sum(a * a))(other),
        lambda: gd.grad(lambda a: np.sum(a * other))(x),
        lambda: gd.compile(gd.trace(lambda a: np.sum(a), x))(a=other),
    ):
        with pytest.raises(gd.DTypeError, match="whose operators are not those of an array"):
            attempt()
