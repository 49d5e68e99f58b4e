"""Random bodies of loops: value, gradient, tangent and many examples against JAX."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

OURS = SimpleNamespace(np=np, scan=gd.scan, cond=gd.cond)
THEIRS = SimpleNamespace(np=jnp, scan=jax.lax.scan, cond=jax.lax.cond)

# Of the pool of vectors (3,) that a step has, each takes two and gives one of moderate size.
WORDS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "tanh": lambda m, a, b: m.np.tanh(a),
    "product": lambda m, a, b: m.np.sin(a) * b,
    "sum": lambda m, a, b: 0.5 * (a + b),
    "difference": lambda m, a, b: 0.5 * (a - b),
    "quotient": lambda m, a, b: a / (1.5 + b * b),
    "outer": lambda m, a, b: m.np.tanh(m.np.outer(a, b) @ b),
    "maximum": lambda m, a, b: m.np.maximum(a, b),
    "reversed": lambda m, a, b: a[::-1] * m.np.mean(b),
    "where": lambda m, a, b: m.np.where(a > 0.1, m.np.tanh(b), 0.3),
    "cond": lambda m, a, b: m.cond(
        a[0] > b[1], lambda u, v: u * 0.7, lambda u, v: m.np.cos(v) + a, a, b
    ),
    "loop": lambda m, a, b: m.scan(lambda c, e: (m.np.sin(c + e * b), c), a, b)[0],
    "constant": lambda m, a, b: m.np.tanh(a + np.array([0.1, -0.2, 0.3])),
}

line = st.tuples(st.sampled_from(sorted(WORDS)), st.integers(0, 9), st.integers(0, 9))


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """The lines of a step, what is carried on and what is stacked, as numbers into the pool."""
    return {
        "lines": draw(st.lists(line, min_size=1, max_size=5)),
        "carried": draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)),
        "stacked": draw(st.lists(st.integers(0, 9), max_size=2)),
        "reverse": draw(st.booleans()),
    }


def program(m: Any, body: dict[str, Any]) -> Callable[..., Any]:
    def f(w: Any, x: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            pool = [*carry, row, w]
            for word, i, j in body["lines"]:
                pool.append(WORDS[word](m, pool[-1 - i % len(pool)], pool[j % len(pool)]))
            picked = [tuple(pool[-1 - i % len(pool)] for i in body[k]) for k in ROLES]
            return picked[0], picked[1]

        start = tuple(m.np.tanh(w) * k for k in range(len(body["carried"])))
        carry, ys = m.scan(step, start, x, reverse=body["reverse"])
        total = sum(m.np.sum(part * part) for part in carry)
        return total + sum(m.np.sum(m.np.sin(y) * x) for y in ys)

    return f


ROLES = ("carried", "stacked")
RNG = np.random.default_rng(0)
W, X = RNG.normal(size=3), RNG.normal(size=(4, 3))


def same(found: Any, wanted: Any) -> None:
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@settings(max_examples=25)
@given(bodies())
def test_value_and_derivatives(body: dict[str, Any]) -> None:
    ours, theirs = program(OURS, body), program(THEIRS, body)
    wanted = jax.value_and_grad(theirs, (0, 1))(W, X)
    same(gd.value_and_grad(ours, (0, 1))(W, X), wanted)
    v = (np.cos(W), np.sin(X))
    _, slope = gd.jvp(ours, (W, X), v)
    same(slope, np.sum(wanted[1][0] * v[0]) + np.sum(wanted[1][1] * v[1]))


@settings(max_examples=25)
@given(bodies())
def test_rewrites_and_files_change_nothing(body: dict[str, Any]) -> None:
    f = program(OURS, body)
    G = gd.gradient(gd.trace(f, W, X), of="out", wrt=["w", "x"])
    plain = gd.compile(G, rewrites=())(w=W, x=X)
    same(gd.compile(G)(w=W, x=X), plain)
    again = gd.Graph.from_networkx(G.dag)
    assert gd.compile(again).source == gd.compile(G).source


@settings(max_examples=15)
@given(bodies())
def test_many_examples_are_one_after_the_other(body: dict[str, Any]) -> None:
    f = gd.grad(program(OURS, body))
    many = np.stack([X, 0.3 - X, X[::-1]])
    same(gd.vmap(f, (None, 0))(W, many), np.stack([f(W, x) for x in many]))


@settings(max_examples=15)
@given(bodies())
def test_hessian_vector_products(body: dict[str, Any]) -> None:
    f = program(OURS, body)
    v = np.cos(W)
    found = gd.hvp(f)(W, X, v)
    same(found, gd.grad(lambda w: np.sum(gd.grad(f)(w, X) * v))(W))


@settings(max_examples=10)
@given(bodies(), st.sampled_from([0.9, 0.7, 0.5]))
def test_plans_change_no_bit(body: dict[str, Any], share: float) -> None:
    G = gd.gradient(gd.trace(program(OURS, body), W, X), of="out", wrt=["w", "x"])
    wanted = gd.compile(G, style="readable")(w=W, x=X)
    store = gd.plan(G, "store")
    plans = [store]
    with suppress(gd.PlanError):  # that nothing fits
        plans.append(gd.plan(G, memory_limit=int(share * store.peak_bytes), time_limit=1))
    for plan in (None, *plans):
        for style in ("readable", "fast"):
            found = gd.compile(G, style=style, plan=plan)(w=W, x=X)
            for name, value in wanted.items():
                np.testing.assert_array_equal(found[name], value)
