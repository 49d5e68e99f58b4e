"""Output units and their costs: the lecture's formulas, symbolically and in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from scipy import special

import graphdiff as gd

RNG = np.random.default_rng(0)
T, N = 9, 4
Z = RNG.normal(size=(T, N))
LABELS = RNG.integers(N, size=T)


def gradient_by_z(cost: Any, z: Any, y: Any) -> dict[str, Any]:
    g = gd.Graph()
    zs = g.input("z", np.shape(z))
    g.output("J", cost(zs, g.constant(np.asarray(y))))
    return gd.compile(gd.gradient(g, of="J", wrt="z"))(z=z)


def slope(cost: Any, y: float) -> Any:
    """dJ/dz of a scalar cost as sympy has it."""
    g = gd.Graph()
    g.output("J", cost(g.input("z"), y))
    return gd.expression(g, of="J", wrt="z").expanded


# -- linear units for Gaussian outputs -------------------------------------------------------------


def test_the_gaussian_likelihood_is_the_squared_error_and_a_constant() -> None:
    y_hat, y = RNG.normal(size=(2, T, N))
    constant = gd.nn.gaussian_nll(y_hat, y) - np.mean((y - y_hat) ** 2) / 2
    np.testing.assert_allclose(constant, np.log(2 * np.pi) / 2, rtol=1e-12)
    likelihood = gradient_by_z(gd.nn.gaussian_nll, y_hat, y)["dJ/dz"]
    squares = gradient_by_z(gd.nn.mse, y_hat, y)["dJ/dz"]
    np.testing.assert_allclose(likelihood, squares / 2, rtol=1e-12)


def test_its_minimum_is_the_conditional_mean() -> None:
    y = RNG.normal(size=T)
    found = gradient_by_z(gd.nn.mse, np.full(T, y.mean()), y)["dJ/dz"]
    np.testing.assert_allclose(found.sum(), 0, atol=1e-15)


# -- sigmoid units for Bernoulli outputs -----------------------------------------------------------


def test_normalising_exp_yz_gives_a_sigmoid() -> None:
    z = sympy.Symbol("z", real=True)
    for y in (0, 1):
        p = sympy.exp(y * z) / (1 + sympy.exp(z))
        assert sympy.simplify(p - 1 / (1 + sympy.exp(-(2 * y - 1) * z))) == 0
    for y in (0.0, 1.0):
        p = np.exp(y * Z) / (1 + np.exp(Z))
        np.testing.assert_allclose(gd.nn.sigmoid((2 * y - 1) * Z), p, rtol=1e-13)


@pytest.mark.parametrize("y", [0, 1])
def test_the_cost_is_the_softplus_of_1_minus_2y_times_z(y: int) -> None:
    expected = -np.log(special.expit((2 * y - 1) * Z))
    for z, cost in zip(Z.ravel(), expected.ravel(), strict=True):
        np.testing.assert_allclose(gd.nn.bernoulli_nll(z, y), cost, rtol=1e-12)
    z = sympy.Symbol("z", real=True)
    sigma = 1 / (1 + sympy.exp(-z))
    assert sympy.simplify(slope(gd.nn.bernoulli_nll, y) - (sigma - y)) == 0


@pytest.mark.parametrize("y", [0, 1])
def test_the_squared_error_of_a_sigmoid_has_the_slope_that_saturates(y: int) -> None:
    z = sympy.Symbol("z", real=True)
    sigma = 1 / (1 + sympy.exp(-z))
    found = slope(lambda z, y: (gd.nn.sigmoid(z) - float(y)) ** 2, y)
    assert sympy.simplify(found - 2 * (sigma - y) * sigma * (1 - sigma)) == 0


def test_cross_entropy_as_the_lecture_writes_it_is_compiled_to_the_same() -> None:
    y = RNG.integers(2, size=(T, N)).astype(float)
    p = special.expit(Z)
    expected = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    for cost in (
        gd.nn.bernoulli_nll,
        lambda z, y: gd.nn.binary_cross_entropy(gd.nn.sigmoid(z), y),
    ):
        found = gradient_by_z(cost, Z, y)
        np.testing.assert_allclose(found["J"], expected, rtol=1e-12)
        np.testing.assert_allclose(found["dJ/dz"], (p - y) / y.size, rtol=1e-11, atol=1e-16)


# -- softmax units for multinoulli outputs ---------------------------------------------------------


def test_log_softmax_is_z_minus_the_log_of_the_sum() -> None:
    g = gd.Graph()
    z = g.input("z", (T, N))
    g.output("p", gd.nn.softmax(z))
    g.output("logp", np.log(gd.nn.softmax(z)))
    found = gd.compile(g)(z=Z)
    exp = np.exp(Z)
    np.testing.assert_allclose(found["p"], exp / exp.sum(axis=1, keepdims=True), rtol=1e-13)
    expected = Z - np.log(exp.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found["logp"], expected, rtol=1e-12)


def test_its_slope_is_the_probability_minus_what_was_observed() -> None:
    found = gradient_by_z(gd.nn.multinoulli_nll, Z, LABELS)
    expected = special.softmax(Z, axis=1) - np.eye(N)[LABELS]
    np.testing.assert_allclose(found["dJ/dz"], expected / T, rtol=1e-11, atol=1e-16)


def test_the_log_of_the_sum_is_about_the_largest() -> None:
    z = np.array([1.0, 40.0, 2.0])
    np.testing.assert_allclose(gd.special.logsumexp(z), z.max(), rtol=1e-10)


def test_an_example_that_is_recognised_contributes_next_to_nothing() -> None:
    z = np.array([[30.0, 0.0, 0.0], [0.0, 30.0, 0.0]])
    gradient = gradient_by_z(gd.nn.multinoulli_nll, z, [0, 0])["dJ/dz"]
    assert np.abs(gradient[0]).max() < 1e-12  # the answer is right
    np.testing.assert_allclose(gradient[1], [-0.5, 0.5, 0.0], atol=1e-12)  # it is wrong


def test_the_likeliest_softmax_gives_the_frequencies_of_the_classes() -> None:
    counts = np.array([5, 2, 1])
    labels = np.repeat(np.arange(3), counts)
    g = gd.Graph()
    b = g.parameter("b", (3,))
    z = np.ones((8, 1)) * b
    g.output("J", gd.nn.multinoulli_nll(z, labels))
    found = gd.compile(gd.gradient(g, of="J"))(b=np.log(counts / counts.sum()))
    np.testing.assert_allclose(found["dJ/db"], 0, atol=1e-15)


def test_with_one_input_fixed_two_classes_are_a_sigmoid() -> None:
    z = Z[:, :1]
    p = gd.nn.softmax_with_fixed_input(z)
    np.testing.assert_allclose(p[:, 0], special.expit(z[:, 0]), rtol=1e-14)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    fixed_at_1 = special.softmax(np.concatenate([z, np.ones_like(z)], axis=1), axis=1)
    shifted = gd.nn.softmax_with_fixed_input(z - 1)
    np.testing.assert_allclose(shifted, fixed_at_1, rtol=1e-14)


def test_the_cost_is_the_cross_entropy_of_the_data_and_the_model() -> None:
    """J = −E log p_model over the data is −Σ_k p̂_k log p_k; its minimum is the data's entropy."""
    y = RNG.integers(4, size=50)
    share = np.bincount(y, minlength=4) / 50
    g = gd.Graph("cross-entropy")
    b = g.parameter("b", (4,))
    g.output("J", gd.nn.multinoulli_nll(np.ones((50, 1)) * b, y))
    f, b = gd.compile(gd.gradient(g, of="J")), RNG.normal(size=4)
    log_p = b - np.log(np.sum(np.exp(b)))
    np.testing.assert_allclose(f(b=b)["J"], -np.sum(share * log_p), rtol=1e-12)
    least = f(b=np.log(share))
    np.testing.assert_allclose(least["J"], -np.sum(share * np.log(share)), rtol=1e-12)
    np.testing.assert_allclose(least["dJ/db"], np.zeros(4), atol=1e-15)


def test_a_softmax_of_large_inputs_is_winner_take_all() -> None:
    """softmax(βz) tends to the one-hot row of the largest input, as fast as exp(−β · the lead)."""
    z = np.array([0.3, 1.0, -0.5, 0.9])
    for beta in (10.0, 100.0, 300.0):
        p = gd.nn.softmax(beta * z)
        assert np.abs(p - [0, 1, 0, 0]).max() <= 3 * np.exp(-0.1 * beta)
