"""The memory of loops and branches: what is measured is what the plan says, at every length."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from tests.planning.test_executed import measured_peak

N, M = 512, 32  # a state takes 128 KiB


def two_states(c: Any, xs: Any, W: Any) -> Any:
    """The cotangents of the two are one array for a while."""
    step = lambda c, x: ((np.tanh(c[0] @ W + c[1]), c[0] * x), None)  # noqa: E731  # it is one
    (a, b), _ = gd.scan(step, (c, c * 0.5), xs)
    return a + b


def nested(c: Any, xs: Any, W: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        return gd.fori(0, 3, lambda _, d: np.tanh(d @ W + x), c) * 0.9, None

    return gd.scan(step, c, xs)[0]


def marked(c: Any, xs: Any, W: Any) -> Any:
    f = gd.checkpoint(lambda c, x: np.tanh(np.sin(c) @ W + x))
    return gd.scan(lambda c, x: (f(c, x), None), c, xs, reverse=True)[0]


def stacked(c: Any, xs: Any, W: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        c = np.tanh(c @ W + x)
        return c, c

    c, ys = gd.scan(step, c, xs)
    return c + np.mean(ys, axis=0)


def turned(c: Any, xs: Any, W: Any) -> Any:
    return gd.scan(lambda c, x: (np.tanh(c[::-1] @ W + x)[::-1], None), c, xs[::-1])[0]


def handed_on(c: Any, xs: Any, W: Any) -> Any:
    """Each state is the one before it of another."""
    step = lambda c, x: ((np.sin(c[2] @ W) * x, c[0], c[1]), None)  # noqa: E731  # it is one
    return sum(gd.scan(step, (c, c * 0.5, np.cos(c)), xs)[0])


BODIES = {f.__name__: f for f in (two_states, nested, marked, stacked, turned)}


def network(body: Any, length: int) -> gd.Graph:
    g = gd.Graph()
    xs, c, W = g.input("xs", (length, M)), g.input("c", (N, M)), g.parameter("W", (M, M))
    g.output("J", np.mean(body(c, xs, W) ** 2))
    return gd.gradient(g, of="J")


def values_of(G: gd.Graph) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    tensors = {**G.inputs, **G.parameters}
    return {name: 0.3 * rng.normal(size=tensor.shape) for name, tensor in tensors.items()}


@pytest.mark.parametrize("length", [1, 2, 3, 9])
@pytest.mark.parametrize("name", BODIES)
def test_loops_of_every_length_take_what_is_predicted(name: str, length: int) -> None:
    G = network(BODIES[name], length)
    values, store = values_of(G), gd.plan(G, "store")
    plans = [store]
    for share in (0.7, 0.4):
        with suppress(gd.PlanError):  # short loops have little to gain
            limit = share * store.peak_bytes
            plans.append(gd.plan(G, memory_limit=limit, time_limit=0.5))
    wanted = gd.compile(G, style="readable")(**values)
    for plan in plans:
        for style in ("readable", "fast"):
            f = gd.compile(G, plan=plan, style=style)
            for output, found in f(**values).items():
                np.testing.assert_array_equal(found, wanted[output])
            assert measured_peak(f, values) == pytest.approx(plan.peak_bytes, rel=0.05)


def test_a_state_that_becomes_another_one_is_there_longer() -> None:
    G = network(handed_on, 9)
    plan = gd.plan(G, "store")
    peak = measured_peak(gd.compile(G, plan=plan), values_of(G))
    assert peak == pytest.approx(plan.peak_bytes, rel=0.05)


def test_of_a_branch_both_sides_are_counted() -> None:
    """What one step leaves of a side is there while the next one takes the other."""

    def body(c: Any, xs: Any, W: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return gd.cond(x[0] > 0, lambda c: np.tanh(c @ W), lambda c: np.sin(c) * c, c), None

        return gd.scan(step, c, xs)[0]

    G = network(body, 6)
    values, plan = values_of(G), gd.plan(G, "store")
    for signs in ([1, 1, 1, 1, 1, 1], [-1, -1, -1, -1, -1, -1], [1, -1, 1, -1, 1, -1]):
        values["xs"] = np.abs(values["xs"]) * np.array(signs)[:, None]
        peak = measured_peak(gd.compile(G, plan=plan), values)
        assert 0.7 * plan.peak_bytes < peak < 1.05 * plan.peak_bytes


def test_nothing_of_a_loop_or_a_branch_stays() -> None:
    """Large values inside, a small result, and as much again behind it."""
    g = gd.Graph()
    x, n = g.input("x", (N, 4 * M)), g.input("n")

    def step(_: Any, c: Any) -> Any:
        return gd.fori(0, 2, lambda _, d: np.mean(np.tanh(x * d)), c)

    c = gd.fori(0, 2, step, n)
    c = gd.cond(n > 0, lambda c: np.mean(np.sin((y := np.tanh(x * c)) * y)), lambda c: c, c)
    c = gd.while_loop(lambda c: c > 9, lambda c: np.mean(np.sin((y := np.tanh(x * c)) * y)), c + 9)
    g.output("y", np.mean(np.tanh(np.sin(x) * c)))
    values, plan = {"x": np.ones((N, 4 * M)), "n": 1.0}, gd.plan(g)
    for style in ("readable", "fast"):
        peak = measured_peak(gd.compile(g, plan=plan, style=style), values)
        assert peak == pytest.approx(plan.peak_bytes, rel=0.05)
        assert peak < 4.2 * 8 * N * 4 * M
