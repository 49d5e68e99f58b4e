"""What a loop stacks for its gradient: no more than a person would, and gradients as JAX's."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)
ROWS, COLUMNS, STEPS = 3, 4, 6


def sigmoid(m: Any, a: Any) -> Any:
    return gd.special.sigmoid(a) if m is np else jax.nn.sigmoid(a)


def gru(m: Any, scan: Any, p: Any, x: Any) -> Any:
    """Five: the state, three gates (1 - z is one) and the candidate; not the product r h."""

    def step(h: Any, x: Any) -> Any:
        z, r = sigmoid(m, x @ p["W"] + h @ p["U"]), sigmoid(m, x @ p["V"])
        n = m.tanh(x @ p["W"] + (r * h) @ p["R"])
        return (1 - z) * n + z * h, None

    return m.sum(scan(step, x[0], x)[0] ** 2)


def predators(m: Any, scan: Any, p: Any, x: Any) -> Any:
    """Four: two values at the beginning and two in the middle of a step of the midpoint rule."""

    def slope(u: Any, v: Any) -> Any:
        return p["s"][0] * u - p["s"][1] * u * v, p["s"][2] * u * v - p["s"][3] * v

    def step(state: Any, _: Any) -> Any:
        u, v = state
        a, b = slope(u, v)
        c, d = slope(u + 0.05 * a, v + 0.05 * b)
        return (u + 0.1 * c, v + 0.1 * d), None

    (u, v), _ = scan(step, (x[0], x[1]), x)
    return m.mean(u * v)


def normed(m: Any, scan: Any, p: Any, x: Any) -> Any:
    """Three: the state, what is left of the mean, and the deviation."""

    def step(h: Any, x: Any) -> Any:
        a = h @ p["W"] + x
        mean = m.mean(a, axis=1, keepdims=True)
        deviation = m.sqrt(m.mean((a - mean) ** 2, axis=1, keepdims=True) + 1e-5)
        return m.maximum(0, p["s"] * (a - mean) / deviation), None

    return m.mean(scan(step, x[0], x)[0] ** 2)


def near(m: Any, scan: Any, p: Any, x: Any) -> Any:
    """One: the state."""

    def step(h: Any, x: Any) -> Any:
        return 0.5 * h * h + m.sin(h + p["s"] * x), None

    return m.mean(scan(step, x[0], x)[0] ** 2)


def far(m: Any, scan: Any, p: Any, x: Any) -> Any:
    """Two: the state, and a sum that takes more operations than it is worth to make again."""

    def step(h: Any, x: Any) -> Any:
        a = h
        for k in range(1, 7):
            a = a + m.where(x > k, p["s"], 0.1 * k)
        return 0.5 * h * h + m.sin(a), None

    return m.mean(scan(step, x[0], x)[0] ** 2)


PARAMETERS = {
    **{name: 0.4 * RNG.normal(size=(COLUMNS, COLUMNS)) for name in "WUVR"},
    "s": RNG.uniform(0.2, 0.9, size=COLUMNS),
}
X = RNG.normal(size=(STEPS, ROWS, COLUMNS))


@pytest.mark.parametrize(
    ("program", "count"), [(gru, 5), (predators, 4), (normed, 3), (near, 1), (far, 2)]
)
def test_what_is_cheap_to_make_again_is_not_stacked(program: Any, count: int) -> None:
    def cost(p: Any, x: Any) -> Any:
        return program(np, gd.scan, p, x)

    wanted = jax.grad(lambda p, x: program(jnp, jax.lax.scan, p, x), (0, 1))(PARAMETERS, X)
    found = gd.grad(cost, (0, 1))(PARAMETERS, X)
    for name in PARAMETERS:
        np.testing.assert_allclose(found[0][name], wanted[0][name], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-10, atol=1e-13)
    source = gd.grad(cost).source(PARAMETERS, X)
    forward = source[: source.index("# gradient")]
    stacks = re.findall(rf"= np\.empty\(\({STEPS}, {ROWS}, \d", forward)
    assert len(stacks) == count, forward


def test_what_is_marked_to_be_kept_is_stacked() -> None:
    def cost(x: Any, mark: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            product = mark(h * x)
            return np.sin(product), None

        return np.sum(gd.scan(step, x[0], x)[0])

    def stacks(mark: Any) -> int:
        return gd.grad(lambda x: cost(x, mark)).source(X).count("= np.empty((")

    assert stacks(lambda a: a.keep()) == stacks(lambda a: a) + 1


def test_values_that_are_computed_alike_are_handed_in_once() -> None:
    g = gd.Graph()
    s, x = g.parameter("s", (4,)), g.input("x", ("t",))
    k = g.parameter("k")
    h, _ = gd.scan(
        lambda h, x: (-k * h + s[0] * x + s[1] * np.sin(-k * x) - s[0] * h, None), 0.0, x
    )
    g.output("J", h**2)
    (loop,) = g.dag.predecessors(h.name)
    assert len(g.dag.nodes[loop]["params"]["body"].inputs) == 5  # h, x, -k, s[0] and s[1]
    gradient = gd.compile(gd.gradient(g, of="J"))
    values = {"s": np.array([0.3, 0.2, 0.7, 1.0]), "k": 0.4, "x": np.linspace(0, 1, 5)}

    def cost(s: Any, k: Any) -> Any:
        h = 0.0
        for x in values["x"]:  # type: ignore[attr-defined]  # an array
            h = -k * h + s[0] * x + s[1] * jnp.sin(-k * x) - s[0] * h
        return h**2

    found = gradient(**values)
    wanted = jax.grad(cost, (0, 1))(jnp.asarray(values["s"]), 0.4)
    np.testing.assert_allclose(found["dJ/ds"], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(found["dJ/dk"], wanted[1], rtol=1e-12)


def test_large_indices_are_compared_whole() -> None:
    """Values that look alike when printed are two."""
    one = np.arange(3000) % 7
    other = one.copy()
    other[1500] = 3
    table = np.linspace(0, 1, 7)

    def cost(table: Any) -> Any:
        def step(h: Any, _: Any) -> Any:
            return np.tanh(h + np.sum(table[one]) - np.sum(table[other])), None

        return gd.scan(step, 0.1, None, length=3)[0]

    found = gd.grad(cost)(table)
    with_ones = gd.check_gradients(cost, (table,))
    assert with_ones is not None
    assert found[one[1500]] == -found[3] != 0
