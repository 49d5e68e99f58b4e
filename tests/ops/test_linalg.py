"""Matrix products in all of NumPy's cases."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from tests.reference import run

MATMUL = hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3)


@given(MATMUL)
def test_matmul_of_vectors_matrices_and_stacks(shapes: hnp.BroadcastableShapes) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes.input_shapes)
    g = gd.Graph()
    x, y = g.parameter("x", a.shape), g.parameter("y", b.shape)
    g.output("out", x @ y)
    weights = rng.normal(size=np.shape(a @ b))
    g.output("J", np.sum(weights * (x @ y)))
    found = run(gd.gradient(g, of="J"), x=a, y=b)
    np.testing.assert_allclose(found["out"], a @ b, rtol=1e-13, atol=1e-13)
    # J is bilinear, so that its derivative along an operand is J itself.
    for name, value in (("x", a), ("y", b)):
        along = np.sum(found[f"dJ/d{name}"] * value)
        assert along == pytest.approx(found["J"], rel=1e-10, abs=1e-12)


def test_arrays_on_either_side() -> None:
    g = gd.Graph()
    W, v = g.input("W", (2, 3)), g.input("v", (3,))
    values = {"W": np.arange(6.0).reshape(2, 3), "v": np.array([1.0, 2.0, 4.0])}
    expressions: dict[str, Any] = {
        "left": lambda W, v: np.ones(2) @ W,
        "right": lambda W, v: W @ np.ones((3, 2)),
        "both": lambda W, v: W @ W.T @ W @ v,
        "dot": lambda W, v: np.dot(W, v),
        "scaled": lambda W, v: np.dot(2.0, W),
        "method": lambda W, v: W.dot(v),
        "inner": lambda W, v: v @ v,
        "outer": lambda W, v: np.outer(v, W),
        "function": lambda W, v: np.matmul(W, v),
    }
    for name, expression in expressions.items():
        g.output(name, expression(W, v))
    found = run(g, **values)
    for name, expression in expressions.items():
        np.testing.assert_array_equal(found[name], expression(**values), strict=True)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (2, 3), "(2, 3) @ (2, 3): 3 against 2"),
        (("t", 2), ("t", 2), "(t, 2) @ (t, 2): 2 against t"),
        ((2, 3), (), "a matrix product of a scalar"),
        ((4, 2, 3), (5, 3, 2), "operands do not broadcast together"),
    ],
)
def test_shapes_that_do_not_fit(a: Any, b: Any, message: str) -> None:
    g = gd.Graph()
    left, right = g.input("left", a), g.input("right", b)
    with pytest.raises(gd.ShapeError) as caught:
        left @ right
    text = str(caught.value)
    assert message in text
    assert f"operands left: {left.spec}, right: {right.spec}" in text
    assert "test_linalg.py:" in text
    assert set(g.dag) == {"left", "right"}


def test_dot_of_stacks_takes_the_last_axis_but_one() -> None:
    x, y = np.arange(6.0).reshape(2, 3), np.arange(24.0).reshape(2, 3, 4)
    g = gd.Graph()
    g.output("z", np.dot(g.input("x", x.shape), y))
    np.testing.assert_array_equal(gd.compile(g)(x=x)["z"], np.dot(x, y))


def _third_derivatives(x: Any) -> Any:
    """Those of a determinant, by Leibniz's sum over permutations."""
    n = len(x)
    found = np.zeros((n,) * 6)
    for order in itertools.permutations(range(n)):
        sign = np.linalg.det(np.eye(n)[list(order)])
        for i, j, k in itertools.permutations(range(n), 3):
            rest = [x[r, order[r]] for r in range(n) if r not in (i, j, k)]
            found[i, order[i], j, order[j], k, order[k]] += sign * np.prod(rest)
    return found


@pytest.mark.parametrize(("n", "rank"), [(2, 1), (3, 0), (3, 2), (4, 1), (4, 2), (4, 3), (5, 2)])
def test_determinants_of_every_rank_have_derivatives_of_every_order(n: int, rank: int) -> None:
    rng = np.random.default_rng(n + rank)
    x = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))
    third = gd.jacobian(gd.hessian(np.linalg.det))(x)
    np.testing.assert_allclose(third, _third_derivatives(x), rtol=1e-12, atol=1e-13)
    slope, v = np.linalg.det, rng.normal(size=(n, n))
    for _ in range(n):  # of degree n along a line, whose last coefficient is det(v)
        slope = lambda y, f=slope: gd.jvp(f, (y,), (v,))[1]  # noqa: E731
    wanted = math.factorial(n) * np.linalg.det(v)
    assert gd.jit(slope)(x) == pytest.approx(wanted, rel=1e-11)
