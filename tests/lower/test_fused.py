"""What the fast style computes in one call: where it does, where it may not, and the numbers."""

from __future__ import annotations

import math
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.lower import buffers
from tests.lower.test_fast import agree

EPS = np.finfo(float).eps
Sum = Callable[[gd.Tensor, gd.Tensor], Any]


def declared(total: Sum, shape: tuple[Any, ...] = (3, 4), dtype: str = "float64") -> gd.Graph:
    g = gd.Graph("sum")
    g.output("s", total(g.input("x", shape, dtype), g.input("y", shape, dtype)))
    return g


def source(g: gd.Graph, **options: Any) -> str:
    return gd.compile(g, style="fast", **options).source


def adds_in_place(g: gd.Graph, **options: Any) -> bool:
    """Whether the kernel is called with an array to add to."""
    return "onto=" in source(g, **options).partition("def forward")[2]


# -- sums of products ------------------------------------------------------------------------------

FUSED: dict[str, Sum] = {
    "squares": lambda x, y: np.sum(x * x),
    "a power": lambda x, y: np.sum(x**2),
    "products": lambda x, y: np.sum(x * y),
    "of values": lambda x, y: np.sum(np.exp(x) * np.sin(y)),
    "in an expression": lambda x, y: 0.5 * np.sum(x * y) + 1.0,
    "mean of squares": lambda x, y: np.mean(x**2),
    "mean of products": lambda x, y: 2.0 * np.mean(x * y),
    "twice": lambda x, y: np.sum(x * x) + np.sum(x * y),
    "in another shape": lambda x, y: np.sum(x.reshape(12) * y.reshape(12)),
}


@pytest.mark.parametrize("total", FUSED.values(), ids=FUSED)
def test_a_sum_of_products_is_one_call_without_an_array(total: Sum) -> None:
    g = declared(total)
    text = source(g)
    assert "vdot(" in text
    assert "multiply" not in text
    assert "add_reduce" not in text
    x, y = np.random.default_rng(0).normal(size=(2, 3, 4))
    wanted = gd.compile(g, style="readable")(x=x, y=y)["s"]
    found = gd.compile(g)(x=x, y=y)["s"]
    assert type(found) is type(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_a_mean_divides_by_sizes_that_are_named() -> None:
    g = declared(lambda x, y: np.mean((x[:, 0] - y[:, 0]) ** 2) + np.mean(x * y), ("t", "n"))
    assert re.search(r"vdot\(x, y\) / \((n \* t|t \* n)\)", source(g))
    x, y = np.random.default_rng(0).normal(size=(2, 7, 5))
    wanted = np.mean((x[:, 0] - y[:, 0]) ** 2) + np.mean(x * y)
    np.testing.assert_allclose(gd.compile(g)(x=x, y=y)["s"], wanted, rtol=1e-14)


READ_ELSEWHERE: dict[str, Sum] = {
    "in the sum's own line": lambda x, y: np.sum(p := x * y) + p[0, 0],
    "named": lambda x, y: np.sum((x * y).named("p")),
}
OTHER_SUMS: dict[str, Sum] = {
    "of rows": lambda x, y: np.sum(np.sum(x * y, axis=0) + 1.0),
    "with axes": lambda x, y: np.sum(x * y, keepdims=True),
    "of a row with rows": lambda x, y: np.sum(x * y[0]),
    "of a column with columns": lambda x, y: np.sum(x * y[:, :1]),
    "with a number": lambda x, y: np.sum(3.0 * x + y),
    "transposed": lambda x, y: np.sum(x * y.reshape((4, 3)).T),
    "of values made of a transposed one": lambda x, y: np.sum(x * np.exp(y.reshape((4, 3)).T)),
    "of a part": lambda x, y: np.sum(x[:, 1:] * y[:, :-1]),
    "mean of rows": lambda x, y: np.mean(np.mean(x * y, axis=0) + 1.0),
    "mean with axes": lambda x, y: np.mean(x * y, keepdims=True),
}


@pytest.mark.parametrize("total", [*READ_ELSEWHERE.values(), *OTHER_SUMS.values()],
                         ids=[*READ_ELSEWHERE, *OTHER_SUMS])  # fmt: skip
def test_where_the_product_is_needed_or_would_be_copied_it_is_computed(total: Sum) -> None:
    assert "vdot" not in source(declared(total))


def test_a_product_that_is_handed_out_is_computed() -> None:
    g = gd.Graph()
    x = g.input("x", (3,))
    p = g.output("p", x * x)
    g.output("s", np.sum(p))
    assert "vdot" not in source(g)


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128", "complex64"])
def test_other_dtypes_are_summed_by_numpy(dtype: str) -> None:
    assert "vdot" not in source(declared(lambda x, y: np.sum(x * y), dtype=dtype))


def test_dtypes_that_meet_are_summed_by_numpy() -> None:
    g = gd.Graph()
    x, y = g.input("x", (3,), "float32"), g.input("y", (3,))
    g.output("s", np.sum(x * y))
    assert "vdot" not in source(g)


def penalised() -> gd.Graph:
    g = gd.Graph("penalised")
    x, W = g.input("x", ("t", 30)), g.parameter("W", (30, 30))
    h = np.tanh(x @ W).named("h")
    g.output("J", np.sum(h * h) + 0.5 * np.sum(W * W))
    return g


def test_a_plan_and_marks_keep_their_steps() -> None:
    G = gd.gradient(penalised(), of="J")
    plan = gd.plan(G, "store", sizes={"t": 40})
    f = gd.compile(G, plan=plan)
    assert "vdot" in source(G)
    assert "vdot" not in f.source
    lines = f.source.partition("def value_and_grad")[2].partition("\n\n\n")[0].splitlines()
    computed = [line for line in lines if " = " in line and "shape" not in line]
    assert len(computed) == sum(action == "compute" for action, _ in plan.steps)
    marked = penalised()
    marked["h"].recompute()
    assert "vdot" not in source(gd.gradient(marked, of="J"))


def test_the_readable_style_says_what_was_written() -> None:
    g = declared(lambda x, y: np.sum(x * y))
    assert "return np.sum(x * y)" in gd.compile(g, style="readable").source


def test_a_loop_has_the_call_in_its_expressions() -> None:
    g = gd.Graph("loop")
    xs = g.input("xs", (5, 4))

    def step(c: Any, x: Any) -> Any:
        h = np.tanh(c * x)
        return h[0] + np.sum(h * h), c

    g.output("J", gd.scan(step, 0.5, xs)[0])
    G = gd.gradient(g, of="J", wrt="xs")
    f = gd.compile(G)
    assert "vdot(h, h)" in f.source
    values = {"xs": np.random.default_rng(0).normal(size=(5, 4))}
    wanted = gd.compile(G, style="readable")(**values)
    for name, found in f(**values).items():
        np.testing.assert_allclose(found, wanted[name], rtol=1e-13)
    assert "vdot" not in gd.compile(G, plan=gd.plan(G, "store")).source


@pytest.mark.parametrize("shape", [(1,), (7,), (31, 33), (100_003,), (4, 0), (0,)])
def test_the_error_is_within_that_of_any_order(shape: tuple[int, ...]) -> None:
    """N. Higham, *Accuracy and Stability of Numerical Algorithms* (2002), section 3.1."""
    x, y = np.random.default_rng(1).normal(size=(2, *shape))
    f = gd.compile(declared(lambda x, y: np.sum(x * y), shape))
    products = (x * y).ravel()
    assert abs(f(x=x, y=y)["s"] - math.fsum(products)) <= x.size * EPS * np.abs(products).sum()
    for twisted in (x[..., ::-1], np.asfortranarray(x)):  # what is not in order is copied
        wanted = math.fsum((twisted * y).ravel())
        found = f(x=twisted, y=y)["s"]
        assert abs(found - wanted) <= x.size * EPS * np.abs(products).sum()


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_infinite_values_and_nans_come_through(bad: float) -> None:
    f = gd.compile(declared(lambda x, y: np.sum(x * y), (3,)))
    x = np.array([1.0, bad, 2.0])
    for y in (np.ones(3), np.array([1.0, 0.0, 1.0]), -np.ones(3)):
        with np.errstate(invalid="ignore"):
            wanted = np.sum(x * y)
        np.testing.assert_equal(f(x=x, y=y)["s"], wanted)


def test_factors_are_not_written_over_before_the_sum() -> None:
    g = gd.Graph("late")
    x = g.input("x", (64, 64))
    h = np.tanh(x)
    k = np.exp(np.sin(x) + 1.0)
    k = np.cos(k) * 2.0 + k
    g.output("s", np.sum(k) + np.sum(h * np.cos(x)))
    values = {"x": np.random.default_rng(0).normal(size=(64, 64))}
    f = gd.compile(g)
    assert "vdot" in f.source
    wanted = gd.compile(g, style="readable")(**values)["s"]
    for _ in range(2):
        np.testing.assert_allclose(f(**values)["s"], wanted, rtol=1e-13)


def test_a_sum_of_squares_takes_no_memory() -> None:
    x = np.ones((400, 400))
    for style, takes in (("readable", True), ("fast", False)):
        f = gd.compile(declared(lambda x, y: np.sum(x * x), ("m", "n")), style=style)
        f(x=x, y=x)
        tracemalloc.start()
        f(x=x, y=x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (peak > x.nbytes) is takes


# -- what is scattered onto an array ---------------------------------------------------------------


def classifier(dtype: str = "float64", shape: tuple[Any, ...] = ("t", 5)) -> gd.Graph:
    """The cross-entropy of labels, in the last axis of logits."""
    g = gd.Graph("classifier")
    z, y = g.parameter("z", shape, dtype), g.input("y", shape[:-1], "int64")
    g.output("J", gd.nn.multinoulli_nll(z, y))
    return gd.gradient(g, of="J")


@pytest.mark.parametrize("small", [0, buffers.SMALL])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(6, 5), (3, 2, 5), (6, 1)])
def test_the_slope_by_the_labels_is_added_in_place(
    shape: tuple[int, ...], dtype: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "SMALL", small)
    rng = np.random.default_rng(0)
    y = rng.integers(-shape[-1], shape[-1], size=shape[:-1])  # counted from the end, too
    values = {"z": rng.normal(size=shape).astype(dtype), "y": y}
    for declared_shape in (shape, (*"st"[: len(shape) - 1], shape[-1])):
        G = classifier(dtype, declared_shape)
        assert adds_in_place(G)
        assert "np.full" not in source(G)
        agree(G, values)


def test_labels_out_of_range_are_refused() -> None:
    f = gd.compile(classifier())
    z = np.zeros((2, 5))
    for wrong in (5, -6):
        with pytest.raises(gd.ArgumentError, match="out of range"):
            f(z=z, y=np.array([0, wrong]))


def scattered(
    total: Callable[..., Any], columns: int = 1, shape: tuple[int, int] = (4, 3)
) -> gd.Graph:
    g = gd.Graph("scattered")
    x, w = g.input("x", (shape[0], columns)), g.input("w", shape)
    i = g.input("i", x.shape, "int64")

    def spread(x: Any) -> Any:
        return g.apply("scatter_add_along_axis", (x, i), {"shape": shape, "axis": 1})

    g.output("y", total(spread, x, w))
    return g


ADDED: dict[str, Callable[..., Any]] = {
    "to an argument": lambda spread, x, w: spread(x) + w,
    "behind it": lambda spread, x, w: w + spread(x),
    "to a value that is read later": lambda spread, x, w: (h := np.sin(w)) + spread(x) * 1.0 + h,
    "to a value": lambda spread, x, w: np.sin(w) + spread(np.cos(x)),
    "to each other": lambda spread, x, w: spread(x) + spread(np.cos(x)),
    "one after the other": lambda spread, x, w: np.exp(w) + spread(x) + spread(np.cos(x)),
    "of a number": lambda spread, x, w: w * 2.0 + spread(np.broadcast_to(x[0, 0], x.shape)),
}
KEPT: dict[str, Callable[..., Any]] = {
    "read elsewhere": lambda spread, x, w: (s := spread(x)) + w * s,
    "named": lambda spread, x, w: spread(x).named("s") + w,
    "to a row": lambda spread, x, w: spread(x) + w[0],
    "a part of what it is added to": lambda spread, x, w: (h := np.exp(w)) + spread(h[:, :1]),
    "to a transposed value": lambda spread, x, w: spread(x) + np.exp(w.reshape((3, 4)).T),
}


@pytest.mark.parametrize("small", [0, buffers.SMALL])
@pytest.mark.parametrize("total", [*ADDED.values(), *KEPT.values()], ids=[*ADDED, *KEPT])
def test_what_is_scattered_is_added_at_once_where_it_can_be(
    total: Callable[..., Any], small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "SMALL", small)
    g = scattered(total)
    assert adds_in_place(g) is (total in ADDED.values())
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 1)), rng.normal(size=(4, 3))
    agree(g, {"x": x, "w": w, "i": rng.integers(3, size=(4, 1))})


def test_places_that_are_met_twice_are_added_up_first() -> None:
    g = scattered(lambda spread, x, w: spread(x) + w, columns=2)
    assert not adds_in_place(g)
    x, w = np.random.default_rng(0).normal(size=(2, 4, 3))
    agree(g, {"x": x[:, :2], "w": w, "i": np.ones((4, 2), int)})


def test_with_a_plan_it_is_scattered_into_zeros() -> None:
    G = classifier()
    plan = gd.plan(G, "store", sizes={"t": 6})
    assert not adds_in_place(G, plan=plan)
    assert "np.full" in source(G, plan=plan)


def test_the_array_of_what_is_scattered_is_not_written_over() -> None:
    shape = (4096, 1)
    g = scattered(lambda spread, x, w: spread(x) + w, shape=shape)
    f = gd.compile(g)
    assert f.generated.outs == {"y": ("w",)}
    x, w = np.random.default_rng(0).normal(size=(2, *shape))
    i = np.zeros(shape, int)
    arrays = {"x": x, "w": w.copy(), "i": i}
    found = f.function(*(arrays[name] for name in f.generated.arguments), out={"y": arrays["w"]})
    assert found is arrays["w"]
    np.testing.assert_array_equal(found, x + w)


PLACED: dict[str, Callable[..., Any]] = {
    "differences": lambda x, w: np.sum((x[1:] - x[:-1]) ** 2),
    "columns": lambda x, w: np.sum(np.sin(x[:, 1:]) * x[:, :-1]),
    "a step": lambda x, w: np.sum(np.exp(x[::2])) + np.sum(x * x),
    "backwards": lambda x, w: np.sum(np.exp(x[::-1, 1:]) * w[:, 1:]) + np.sum(np.sin(x)),
    "a row": lambda x, w: x[2] @ w[0] + np.sum(np.sin(x)),
    "an element": lambda x, w: np.sin(x[2, 1]) + np.sum(np.sin(x)),
    "a new axis": lambda x, w: np.sum(np.exp(x[1:, None]) * w[:3, None]) + np.sum(np.sin(x)),
    "a number": lambda x, w: 3.0 * np.sum(x[1:]) + np.sum(np.sin(x)),
}


@pytest.mark.parametrize("small", [0, buffers.SMALL])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("cost", PLACED.values(), ids=PLACED)
def test_the_slopes_by_parts_are_added_in_place(
    cost: Callable[..., Any], dtype: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "SMALL", small)
    g = gd.Graph("parts")
    x, w = g.parameter("x", (4, 3), dtype), g.input("w", (4, 3), dtype)
    g.output("J", cost(x, w))
    G = gd.gradient(g, of="J")
    assert adds_in_place(G)
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(dtype)
    agree(G, dict(zip("xw", values, strict=True)))
    assert not adds_in_place(G, plan=gd.plan(G, "store"))
