"""Least squares and its penalties: where the gradient is zero, the lecture has a formula."""

from __future__ import annotations

import numpy as np

import graphdiff as gd

ALPHA = 0.7
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=20)


def least_squares(penalty):
    g = gd.Graph("least squares")
    x, y = g.input("X", ("t", 3)), g.input("y", ("t",))
    w = g.parameter("w", (3,))
    e = x @ w - y
    g.output("J", e @ e / 2 + penalty(w))
    return gd.compile(gd.gradient(g, of="J"), style="readable")


def test_the_normal_equations_have_a_zero_gradient():
    f = least_squares(lambda w: 0.0 * np.sum(w))
    w = np.linalg.solve(X.T @ X, X.T @ Y)
    np.testing.assert_allclose(f(X=X, y=Y, w=w)["dJ/dw"], 0, atol=1e-13)
    v = RNG.normal(size=3)
    np.testing.assert_allclose(f(X=X, y=Y, w=v)["dJ/dw"], X.T @ (X @ v - Y), rtol=1e-13)


def test_ridge_regression_has_a_zero_gradient():
    f = least_squares(lambda w: ALPHA / 2 * (w @ w))
    w = np.linalg.solve(X.T @ X + ALPHA * np.eye(3), X.T @ Y)
    np.testing.assert_allclose(f(X=X, y=Y, w=w)["dJ/dw"], 0, atol=1e-13)


def test_a_step_with_weight_decay_shrinks_the_weights_first():
    plain, decayed = (
        least_squares(lambda w: 0.0 * np.sum(w)),
        least_squares(lambda w: ALPHA / 2 * np.sum(w**2)),
    )
    w, rate = RNG.normal(size=3), 0.01
    stepped = w - rate * decayed(X=X, y=Y, w=w)["dJ/dw"]
    np.testing.assert_allclose(
        stepped, (1 - rate * ALPHA) * w - rate * plain(X=X, y=Y, w=w)["dJ/dw"], rtol=1e-13
    )


def test_the_gradient_of_the_l1_norm_is_the_sign():
    f = least_squares(lambda w: ALPHA * np.sum(np.abs(w)))
    w = np.array([0.4, -1.2, 0.0])
    expected = X.T @ (X @ w - Y) + ALPHA * np.sign(w)
    np.testing.assert_allclose(f(X=X, y=Y, w=w)["dJ/dw"], expected, rtol=1e-13)


def test_parameters_that_are_tied_by_a_penalty_pull_on_each_other():
    g = gd.Graph("tied")
    a, b = g.parameter("wA", (3,)), g.parameter("wB", (3,))
    g.output("Omega", np.sum((a - b) ** 2))
    A, B = RNG.normal(size=3), RNG.normal(size=3)
    found = gd.compile(gd.gradient(g, of="Omega"))(wA=A, wB=B)
    np.testing.assert_allclose(found["dOmega/dwA"], 2 * (A - B), rtol=1e-15)
    np.testing.assert_allclose(found["dOmega/dwB"], -2 * (A - B), rtol=1e-15)
