"""Loops and branches against JAX: values and all derivatives of the same programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

OURS = SimpleNamespace(
    np=np, scan=gd.scan, fori=gd.fori, cond=gd.cond, while_loop=gd.while_loop, grad=gd.grad
)
THEIRS = SimpleNamespace(
    np=jnp,
    scan=jax.lax.scan,
    fori=jax.lax.fori_loop,
    cond=jax.lax.cond,
    while_loop=jax.lax.while_loop,
    grad=jax.grad,
)
KEEPING = [
    SimpleNamespace(
        **{
            **vars(OURS),
            "scan": partial(gd.scan, checkpoints=count),
            "fori": partial(gd.fori, checkpoints=count),
        }
    )
    for count in (1, 2, 3, 9)
]
RNG = np.random.default_rng(0)


# Programs of parameters and data that give a scalar -----------------------------------------------


def rnn(m: Any, p: Any, x: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = m.np.tanh(x @ p["W"] + h @ p["U"] + p["b"])
        return h, h @ p["v"]

    h, ys = m.scan(step, m.np.zeros_like(p["b"]), x)
    return m.np.sum(ys**2) + m.np.sum(h)


def lstm(m: Any, p: Any, x: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        z = x @ p["W"] + h @ p["U"] + p["b"]
        i, f, o, g = z[:2], z[2:4], z[4:6], z[6:]
        gate = lambda a: 1 / (1 + m.np.exp(-a))  # noqa: E731  # a formula
        c = gate(f + 1.0) * c + gate(i) * m.np.tanh(g)
        h = gate(o) * m.np.tanh(c)
        return (h, c), {"h": h, "c": c}

    _, states = m.scan(step, (m.np.zeros(2), m.np.zeros(2)), x)
    return m.np.sum(states["h"] ** 2) + m.np.mean(states["c"])


def running_sums(m: Any, p: Any, x: Any) -> Any:
    def step(total: Any, x: Any) -> Any:
        return total + p["rate"] * x, total * x

    total, ys = m.scan(step, m.np.zeros(2), x, reverse=True)
    return m.np.sum(total**2) + m.np.sum(ys)


def pendulum(m: Any, p: Any, x: Any) -> Any:
    """Four steps of the classical Runge-Kutta method."""

    def slope(state: Any) -> Any:
        return m.np.stack([state[1], -p["k"] * m.np.sin(state[0]) - p["rate"] * state[1]])

    def step(_: Any, state: Any) -> Any:
        a = slope(state)
        b = slope(state + 0.05 * a)
        c = slope(state + 0.05 * b)
        d = slope(state + 0.1 * c)
        return state + 0.1 / 6 * (a + 2 * b + 2 * c + d)

    return m.np.sum(m.fori(0, 4, step, x[0]) ** 2)


def powers(m: Any, p: Any, x: Any) -> Any:
    """A loop that uses its counter."""
    return m.np.sum(m.fori(2, 6, lambda i, y: y * p["k"] + i * m.np.sin(x[0]), x[1]))


def nested(m: Any, p: Any, x: Any) -> Any:
    def outer(c: Any, row: Any) -> Any:
        def inner(a: Any, e: Any) -> Any:
            a = m.np.sin(a * e) + p["k"] * c
            return a, a * e

        a, es = m.scan(inner, c * 1.0, row)
        return a + c, m.np.sum(es)

    c, ys = m.scan(outer, p["k"] * 2.0, x)
    return c + m.np.sum(ys**2)


def branching(m: Any, p: Any, x: Any) -> Any:
    def step(c: Any, row: Any) -> Any:
        e = row[0]
        c = m.cond(
            e > 0, lambda c: c * m.np.sin(e) + p["k"], lambda c: c * c * 0.5 + p["rate"] * e, c
        )
        return c, c * e

    c, ys = m.scan(step, m.np.ones_like(p["k"]), x)
    return c + m.np.sum(ys)


def differentiating(m: Any, p: Any, x: Any) -> Any:
    """Gradient descent inside: the body calls grad."""
    cost = lambda w: m.np.sum((w - x[0]) ** 2 * p["b"][:2] ** 2)  # noqa: E731  # a formula
    w = m.fori(0, 3, lambda _, w: w - p["rate"] * m.grad(cost)(w), x[1])
    return m.np.sum(w**3)


def carried_past(m: Any, p: Any, x: Any) -> Any:
    """Carries that change places, one that stays, and one that is the slice before."""

    def step(carry: Any, row: Any) -> Any:
        a, b, same, last = carry
        return (b, a + b * p["k"], same, row), a * same + m.np.sum(last * row)

    one = m.np.ones_like(p["k"])
    (a, b, _, last), ys = m.scan(step, (one, p["k"], p["rate"], x[0]), x)
    return a * b + m.np.sum(ys) + m.np.sum(last**2)


P = {
    "W": RNG.normal(size=(2, 8)),
    "U": RNG.normal(size=(2, 8)),
    "b": RNG.normal(size=8),
    "v": RNG.normal(size=8),
    "k": np.array(0.7),
    "rate": np.array(0.2),
}
X = RNG.normal(size=(5, 2))
PROGRAMS = [
    lstm, running_sums, pendulum, powers, nested, branching, differentiating, carried_past, rnn,
]  # fmt: skip


def parameters(program: Callable[..., Any]) -> dict[str, Any]:
    return {**P, "U": RNG.normal(size=(8, 8))} if program is rnn else P


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.__name__)
def case(request: pytest.FixtureRequest) -> Any:
    """The program for us and for JAX, and its arguments."""
    program = request.param
    return (
        lambda p, x: program(OURS, p, x),
        lambda p, x: program(THEIRS, p, x),
        parameters(program),
    )


def same(found: Any, wanted: Any, rtol: float = 1e-10) -> None:
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-11)


def direction(x: Any) -> Any:
    return jax.tree.map(lambda a: np.cos(np.arange(np.size(a))).reshape(np.shape(a)) + 0.1, x)


# The tests ----------------------------------------------------------------------------------------


def test_value_and_gradient(case: Any) -> None:
    ours, theirs, p = case
    same(gd.value_and_grad(ours, (0, 1))(p, X), jax.value_and_grad(theirs, (0, 1))(p, X))


def test_forward_mode(case: Any) -> None:
    ours, theirs, p = case
    tangents = direction((p, X))
    same(gd.jvp(ours, (p, X), tangents), jax.jvp(theirs, (p, X), tangents))


def test_hessian_vector_product(case: Any) -> None:
    ours, theirs, p = case
    v = direction(p)
    wanted = jax.jvp(lambda p: jax.grad(theirs)(p, X), (p,), (v,))[1]
    same(gd.hvp(ours)(p, X, v), wanted, 1e-9)


def test_gradient_of_a_gradient(case: Any) -> None:
    ours, theirs, p = case
    found = gd.grad(lambda x: np.sum(gd.grad(ours, 1)(p, x) ** 2))(X)
    wanted = jax.grad(lambda x: jnp.sum(jax.grad(theirs, 1)(p, x) ** 2))(X)
    same(found, wanted, 1e-9)


def test_hessian_in_both_modes(case: Any) -> None:
    ours, theirs, p = case
    wanted = jax.hessian(theirs, 1)(p, X)
    same(gd.hessian(ours, 1)(p, X), wanted, 1e-9)
    same(gd.jacobian(gd.grad(ours, 1), 1, mode="reverse")(p, X), wanted, 1e-9)


def test_many_examples(case: Any) -> None:
    ours, theirs, p = case
    many = np.stack([X, 0.5 * X, -X])
    found = gd.vmap(gd.value_and_grad(ours), (None, 0))(p, many)
    same(found, jax.vmap(jax.value_and_grad(theirs), (None, 0))(p, many))


def test_many_examples_of_parameters(case: Any) -> None:
    ours, theirs, p = case
    many = jax.tree.map(lambda a: np.stack([a, 0.9 * a]), p)
    found = gd.vmap(gd.grad(ours, 1), (0, None))(many, X)
    same(found, jax.vmap(jax.grad(theirs, 1), (0, None))(many, X))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_with_checkpoints_the_gradient_is_the_same_to_the_last_bit(program: Any) -> None:
    p = parameters(program)
    wanted = gd.value_and_grad(lambda p, x: program(OURS, p, x), (0, 1))(p, X)
    for m in KEEPING:
        found = gd.value_and_grad(lambda p, x, m=m: program(m, p, x), (0, 1))(p, X)
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_all_transforms_of_a_loop_with_checkpoints(program: Any) -> None:
    p, m = parameters(program), KEEPING[1]
    ours, theirs = (lambda p, x, m=m: program(m, p, x) for m in (m, THEIRS))
    v, gradient = direction(p), jax.grad(theirs)
    same(gd.hvp(ours)(p, X, v), jax.jvp(lambda p: gradient(p, X), (p,), (v,))[1], 1e-9)
    found = gd.grad(lambda x: np.sum(gd.grad(ours, 1)(p, x) ** 2))(X)
    wanted = jax.grad(lambda x: jnp.sum(jax.grad(theirs, 1)(p, x) ** 2))(X)
    same(found, wanted, 1e-9)
    many = np.stack([X, 0.5 * X, -X])
    same(gd.vmap(gd.grad(ours), (None, 0))(p, many), jax.vmap(gradient, (None, 0))(p, many))
    each = jax.tree.map(lambda a: np.stack([a, 0.9 * a]), p)
    same(gd.vmap(gd.grad(ours), (0, None))(each, X), jax.vmap(gradient, (0, None))(each, X))


def newton(m: Any, a: Any) -> Any:
    def goes_on(x: Any) -> Any:
        return m.np.abs(x * x - a) > 1e-13 * a

    return m.while_loop(goes_on, lambda x: 0.5 * (x + a / x), a + 1.0)


def test_a_while_loop_forward() -> None:
    ours, theirs = (lambda a, m=m: newton(m, a) for m in (OURS, THEIRS))
    same(gd.jvp(ours, (2.0,), (1.0,)), jax.jvp(theirs, (2.0,), (1.0,)))
    many = np.array([2.0, 1e6, 1e-3])
    same(gd.vmap(ours)(many), jax.vmap(theirs)(many))
    found = gd.vmap(gd.jacobian(ours, mode="forward"))(many)
    same(found, jax.vmap(jax.jacfwd(theirs))(many), 1e-9)


def test_a_while_loop_has_no_reverse_mode() -> None:
    with pytest.raises(gd.GradientError, match=r"(?s)while_loop.*test_loops.py:.*gd\.fori"):
        gd.grad(lambda a: newton(OURS, a))(2.0)


def test_bounds_that_are_values_run_forward_only() -> None:
    def ours(n: Any, x: Any) -> Any:
        return gd.fori(0, n, lambda i, y: y * x + i, x)

    assert gd.jit(ours)(np.int64(3), 2.0) == 20.0
    assert gd.jvp(lambda x: ours(np.int64(3), x), (2.0,), (1.0,))[1] == 33.0
    with pytest.raises(gd.GradientError, match="while_loop"):
        gd.grad(ours, 1)(np.int64(3), 2.0)


def test_the_branch_not_taken_does_not_matter() -> None:
    f = gd.grad(lambda x: gd.cond(x > 0, np.sqrt, lambda x: 3.0 * x, x))
    assert (f(0.0), f(-1.0), f(4.0)) == (3.0, 3.0, 0.25)


def test_named_lengths() -> None:
    g = gd.Graph()
    x, w = g.input("x", ("t",)), g.parameter("w")
    g.output("J", gd.scan(lambda c, x: (np.sin(c * w + x), None), 0.0, x)[0])
    f = gd.compile(gd.gradient(g, of="J"))
    for t in (1, 4):
        given = np.arange(1.0, t + 1)

        def cost(w: Any, given: Any = given) -> Any:
            return jax.lax.scan(lambda c, x: (jnp.sin(c * w + x), None), 0.0, given)[0]

        found = f(x=given, w=0.3)
        np.testing.assert_allclose(found["dJ/dw"], jax.grad(cost)(0.3), rtol=1e-12)


def test_what_a_loop_does_not_depend_on_is_disconnected() -> None:
    g = gd.Graph()
    x, w, u = g.input("x", (3,)), g.parameter("w"), g.parameter("u")
    (a, _), _ = gd.scan(lambda c, x: ((c[0] * w + x, c[1] * u), None), (0.0, 1.0), x)
    g.output("J", a)
    with pytest.raises(gd.GradientError, match="does not depend on it"):
        gd.gradient(g, of="J", wrt="u")
    assert list(gd.gradient(g, of="J", wrt="w").outputs) == ["J", "dJ/dw"]


def test_products_equal_path_edges() -> None:
    G = gd.grad(lambda p: rnn(OURS, p, X)).graph(parameters(rnn))
    report = G.report()
    assert report.products == report.path_edges


def test_float32_stays() -> None:
    x = np.arange(4, dtype=np.float32)

    def f(w: Any) -> Any:
        return gd.scan(lambda c, x: (c * w + x, c * w), 0.0, x)[0]

    value, slope = gd.value_and_grad(f)(np.float32(0.5))
    assert value.dtype == slope.dtype == np.float32


def test_two_gradients_of_one_loop_with_checkpoints() -> None:
    """The loop leaves its states for one of them; the other runs its own first sweep."""

    def both(checkpoints: int | None) -> dict[str, Any]:
        g = gd.Graph()
        x, W = g.input("x", (12, 3)), g.parameter("W", (3, 3))

        def step(h: Any, x: Any) -> Any:
            h = np.tanh(h @ W + x)
            return h, np.sum(h)

        h, ys = gd.scan(step, np.zeros(3), x, checkpoints=checkpoints)
        g.output("J", np.sum(h**2))
        g.output("K", np.prod(h) + np.sum(ys))
        G = gd.gradient(gd.gradient(g, of="J"), of="K")
        rng = np.random.default_rng(0)
        return gd.compile(G)(x=rng.normal(size=(12, 3)), W=rng.normal(size=(3, 3)))

    wanted = both(None)
    for count in (1, 2, 5, 20):
        for name, found in both(count).items():
            np.testing.assert_array_equal(found, wanted[name])


def test_loops_with_checkpoints_in_loops_and_branches() -> None:
    """A loop leaves nothing for a step back that is another loop's."""

    def program(x: Any, W: Any, outer: int | None, inner: int | None) -> Any:
        def step(h: Any, x: Any) -> Any:
            def small(_: Any, h: Any) -> Any:
                return np.tanh(h @ W + x)

            h = gd.fori(0, 5, small, h, checkpoints=inner)
            h = gd.cond(h[0] > 0, lambda h: gd.fori(0, 3, small, h, checkpoints=inner), np.sin, h)
            return h, h[0]

        h, ys = gd.scan(step, np.zeros(3), x, checkpoints=outer)
        return np.sum(h**2) + np.sum(ys)

    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    wanted = gd.grad(partial(program, outer=None, inner=None), argnums=(0, 1))(x, W)
    hessian = gd.hvp(lambda x: program(x, W, None, None))(x, x)
    for outer in (None, 3):
        for inner in (None, 2, 4):
            f = partial(program, outer=outer, inner=inner)
            for found, one in zip(gd.grad(f, argnums=(0, 1))(x, W), wanted, strict=True):
                np.testing.assert_array_equal(found, one)
            again = gd.hvp(lambda x, f=f: f(x, W))(x, x)
            np.testing.assert_allclose(again, hessian, rtol=1e-12)
            many = gd.vmap(gd.grad(f), in_axes=(0, None))(np.stack([x, 2 * x]), W)
            np.testing.assert_allclose(many[0], wanted[0], rtol=1e-12)


def test_no_steps_at_all() -> None:
    """Nothing that a step would have left is read or deleted after the loop."""
    x, w = np.ones((5, 3)), np.array([0.5, -1.0, 2.0])

    def f(x: Any, w: Any, scan: Any) -> Any:
        c, ys = scan(lambda c, r: (c * r + w, c * 2), w, x[:0])
        return (c**2).sum() + ys.sum()

    wanted = jax.grad(partial(f, scan=jax.lax.scan), (0, 1))(jnp.array(x), jnp.array(w))
    for count in (None, 1, 3):
        scan = partial(gd.scan, checkpoints=count)
        for found, one in zip(gd.grad(partial(f, scan=scan), (0, 1))(x, w), wanted, strict=True):
            np.testing.assert_allclose(found, one)


@pytest.mark.parametrize("checkpoints", [None, 1, 2])
def test_a_length_that_is_zero_for_some_sizes(checkpoints: int | None) -> None:
    g = gd.Graph()
    x, w = g.input("x", ("t", 3)), g.parameter("w", (3,))
    h, _ = gd.scan(lambda h, r: (np.tanh(h * r + w), None), w, x[1:], checkpoints=checkpoints)
    g.output("J", np.sum(h**2))
    G = gd.gradient(g, of="J")
    for t in (1, 2, 4):
        values: dict[str, Any] = {"x": np.linspace(-1, 1, 3 * t).reshape(t, 3), "w": np.ones(3)}
        wanted = gd.compile(G, style="readable")(**values)
        if t == 1:
            np.testing.assert_allclose(wanted["dJ/dw"], [2.0, 2.0, 2.0])
        plan = gd.plan(G, "store", sizes={"t": t})
        for found in (gd.compile(G)(**values), gd.compile(G, plan=plan)(**values)):
            np.testing.assert_array_equal(found["dJ/dw"], wanted["dJ/dw"])


def test_a_part_of_the_carry_is_returned_as_it_is() -> None:
    """It is called after its successor, and is still what is stacked and carried on."""

    def f(m: Any, x: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            h, c, _ = carry
            new = m.np.tanh(h * x + c)
            d = c * x
            return (new, d, h), (h, c)

        (h, c, d), (hs, cs) = m.scan(step, (x[0], x[1], x[2]), x)
        return h + c * d + m.np.sum(hs * cs)

    x = np.linspace(-1, 1, 5)
    wanted = jax.grad(partial(f, THEIRS))(x)
    for m in (OURS, *KEEPING):
        np.testing.assert_allclose(gd.grad(partial(f, m))(x), wanted, rtol=1e-12)
