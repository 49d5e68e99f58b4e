"""Forward mode from the rules of reverse mode: JAX's tangents, and no more work than by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops import OPS
from tests.ops.rows import ROWS
from tests.ops.table import Row, is_inexact, normal
from tests.properties.test_random_graphs import BINARY, OURS, THEIRS, UNARY

CASES = [
    pytest.param(row, case, id=f"{row.op}-{case}")
    for row in ROWS
    if OPS[row.op].vjp is not None
    for case in range(len(row.cases))
    if row.cases[case][1].get("dtype", "float64") == "float64"
]


@pytest.mark.parametrize(("row", "case"), CASES)
def test_every_op_against_jax(row: Row, case: int) -> None:
    arrays, params = row.draw(case), row.cases[case][1]
    rng = np.random.default_rng(1)
    along = [normal(rng, a.shape, a.dtype) for a in arrays if is_inexact(a)]

    def with_floats(function: Callable[..., Any]) -> Callable[..., Any]:
        def of_floats(*floats: Any) -> Any:
            given = iter(floats)
            return function(*(next(given) if is_inexact(a) else a for a in arrays))

        return of_floats

    floats = tuple(a for a in arrays if is_inexact(a))
    ours = with_floats(lambda *xs: OPS[row.op](*xs, **params))
    theirs = jax.jit(with_floats(lambda *xs: row.other(*xs, **params)))
    found = gd.jvp(ours, floats, tuple(along))
    wanted = jax.jvp(theirs, floats, tuple(along))
    for value, expected in zip(found, wanted, strict=True):
        assert np.shape(value) == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("word", [*UNARY, *BINARY])
def test_forward_and_reverse_are_transposes(word: str) -> None:
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩ for random u and v, and J v is JAX's."""
    rng = np.random.default_rng(5)
    a, b, va, vb, u = rng.normal(size=(5, 3, 3))

    def f(m: Any, a: Any, b: Any) -> Any:
        return UNARY[word](m, a) + 0.0 * b if word in UNARY else BINARY[word](m, a, b)

    _, tangent = gd.jvp(lambda a, b: f(OURS, a, b), (a, b), (va, vb))
    _, pullback = gd.vjp(lambda a, b: f(OURS, a, b), a, b)
    wanted = jax.jvp(lambda a, b: f(THEIRS, a, b), (a, b), (va, vb))[1]
    np.testing.assert_allclose(tangent, wanted, rtol=1e-10, atol=1e-12)
    ua, ub = pullback(u)
    assert np.vdot(u, tangent) == pytest.approx(np.vdot(ua, va) + np.vdot(ub, vb), rel=1e-10)


def layers(x: Any, W: Any, m: Any = np) -> Any:
    for _ in range(5):
        x = m.tanh(x @ W)
    return x


def test_as_many_ops_as_by_hand() -> None:
    """By hand a layer takes 3 products of matrices, tanh, 1 - h², and 3 more: about 8."""
    x, W = np.ones((4, 3)), np.ones((3, 3))
    fn = gd.jit(lambda x, W, dx, dW: gd.jvp(layers, (x, W), (dx, dW)))
    source = fn.source(x, W, x, W)
    assert source.count(" @ ") <= 3 * 5 + 5  # and those in the docstring's formula
    assert source.count("np.tanh") == 5
    assert ".T" not in source
    compiled = gd.compile(fn.graph(x, W, x, W))
    ops = [op for _, op in compiled.graph.dag.nodes(data="op") if op not in ("input", "constant")]
    assert len(ops) <= 9 * 5
    assert ops.count("matmul") == 3 * 5
    assert "sum" not in ops


def test_no_work_of_reverse_mode_is_left_in_the_graph() -> None:
    g = gd.Graph()
    x, v = g.input("x", (3,)), g.input("v", (3,))
    tangent = gd.jvp(lambda x: np.sum(np.sin(x) * x), (x,), (v,))[1]
    g.output("s", tangent)
    assert list(g.inputs) == ["x", "v"]
    for node in g.dag:
        assert g.dag.nodes[node]["op"] != "input" or node in ("x", "v")
    value = np.arange(3.0)
    wanted = np.sum(np.cos(value) * value + np.sin(value))
    assert gd.compile(g)(x=value, v=np.ones(3))["s"] == pytest.approx(wanted)


def test_a_branch_not_taken_stays_out_of_it() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0, np.sqrt(x), 0.0)

    with np.errstate(all="ignore"):
        found = gd.jvp(f, (np.array([0.0, 4.0]),), (np.ones(2),))[1]
    np.testing.assert_array_equal(found, [0.0, 0.25])


def test_what_is_not_a_float_or_does_not_depend_has_tangent_zero() -> None:
    def f(x: Any) -> Any:
        return {"mask": x > 0, "count": (x > 0).sum(), "else": np.ones(2), "x": x * x}

    value, tangent = gd.jvp(f, (np.array([1.0, -1.0]),), (np.ones(2),))
    np.testing.assert_array_equal(tangent["x"], 2 * np.array([1.0, -1.0]))
    assert not any(np.any(tangent[key]) for key in ("mask", "count", "else"))
    assert value["count"] == 1


def test_higher_orders_mix() -> None:
    def f(m: Any, x: Any) -> Any:
        return m.sin(x) * x**2

    def along(d: Any, f: Any) -> Any:
        return lambda x: d.jvp(f, (x,), (1.0,))[1]

    ours = along(gd, gd.grad(along(gd, lambda x: f(np, x))))
    theirs = along(jax, jax.grad(along(jax, lambda x: f(jnp, x))))
    assert ours(0.7) == pytest.approx(float(theirs(0.7)), rel=1e-12)


def test_a_long_chain_does_not_recurse() -> None:
    def f(x: Any) -> Any:
        for _ in range(3000):
            x = np.sin(x)
        return x

    _, tangent = gd.jvp(f, (0.5,), (1.0,))
    h, slope = 0.5, 1.0
    for _ in range(3000):
        slope *= np.cos(h)
        h = np.sin(h)
    assert tangent == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize(
    ("tangents", "message"),
    [
        ((np.ones(3),), "'tangent.0' has the wrong shape.*float64 \\(2,\\).*float64 \\(3,\\)"),
        ((np.ones(2), 1.0), "not nested as primals"),
        (([np.ones(2)],), "not nested as primals"),
    ],
)
def test_tangents_that_do_not_fit_are_refused(tangents: Any, message: str) -> None:
    with pytest.raises(gd.ArgumentError, match=f"(?s){message}") as caught:
        gd.jvp(lambda x: x, (np.ones(2),), tangents)
    assert "test_forward.py:" in str(caught.value)
