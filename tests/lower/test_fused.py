"""What the fast style computes in one call: where it does, where it may not, and the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.lower import buffers
from tests.lower.test_fast import agree


def source(g: gd.Graph, **options: Any) -> str:
    return gd.compile(g, style="fast", **options).source


def adds_in_place(g: gd.Graph, **options: Any) -> bool:
    """Whether the kernel is called with an array to add to."""
    return "onto=" in source(g, **options).partition("def forward")[2]


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
