"""Where gradients vanish: output units under the squared error and under the log-likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import graphdiff as gd

WRONG = np.array([-5.0, -20.0, -40.0])  # logits of an example with y = 1
RIGHT = -WRONG


def slopes(cost: Any, z: Any) -> Any:
    """dJ/dz of each of several examples by itself."""
    g = gd.Graph()
    zs = g.input("z", np.shape(z))
    g.output("J", np.sum(cost(zs)))
    return gd.compile(gd.gradient(g, of="J", wrt="z"))(z=z)["dJ/dz"]


def likelihood(z: Any) -> Any:
    return -np.log(gd.nn.sigmoid(z))


def squared(z: Any) -> Any:
    return (1.0 - gd.nn.sigmoid(z)) ** 2


def test_with_the_wrong_sign_the_slope_of_the_likelihood_does_not_shrink() -> None:
    np.testing.assert_allclose(slopes(likelihood, WRONG), -special.expit(-WRONG), rtol=1e-12)
    assert (np.abs(slopes(likelihood, WRONG)) > 0.99).all()
    assert np.abs(slopes(likelihood, [-1e6])) == 1.0


def test_it_vanishes_where_the_answer_is_right() -> None:
    assert (np.abs(slopes(likelihood, RIGHT)) < 0.01).all()


def test_under_the_squared_error_it_vanishes_on_both_sides() -> None:
    p = special.expit(WRONG)
    expected = -2 * special.expit(-WRONG) ** 2 * p
    np.testing.assert_allclose(slopes(squared, WRONG), expected, rtol=1e-10, atol=1e-15)
    assert (np.abs(slopes(squared, WRONG)) <= [0.0133, 5e-9, 1e-17]).all()
    assert (np.abs(slopes(squared, RIGHT)) < 1e-4).all()


@pytest.mark.parametrize("size", [10.0, 30.0])
def test_a_softmax_under_the_squared_error_saturates_and_under_the_likelihood_does_not(
    size: float,
) -> None:
    z = np.array([[size, 0.0, 0.0]])  # sure of class 0, but it is class 1
    likelihood = slopes(lambda z: gd.nn.multinoulli_nll(z, [1]), z)
    squared = slopes(lambda z: gd.nn.mse(gd.nn.softmax(z), [[0.0, 1.0, 0.0]]), z)
    p = special.softmax(z)
    error = p - [[0.0, 1.0, 0.0]]
    expected = 2 / 3 * p * (error - np.sum(error * p))
    np.testing.assert_allclose(squared, expected, rtol=1e-10, atol=1e-15)
    assert np.abs(squared).max() < 2 * np.exp(-size)
    np.testing.assert_allclose(likelihood, error, rtol=1e-10, atol=1e-15)
    assert np.abs(likelihood).max() > 0.99


def test_the_logarithm_of_a_sigmoid_is_not_computed_as_it_is_written() -> None:
    g = gd.Graph()
    z = g.input("z", (3,))
    g.output("J", np.sum(-np.log(1 / (1 + np.exp(-z)))))
    far = np.array([-800.0, 0.0, 800.0])
    naive = gd.compile(gd.gradient(g, of="J", wrt="z", rewrites=()), rewrites=())
    with np.errstate(all="ignore"):
        assert np.isinf(naive(z=far)["J"])
        assert np.isnan(naive(z=far)["dJ/dz"][0])
    stable = gd.compile(gd.gradient(g, of="J", wrt="z"), style="readable")
    found = stable(z=far)
    np.testing.assert_allclose(found["J"], 800 + np.log(2), rtol=1e-15)
    np.testing.assert_allclose(found["dJ/dz"], [-1.0, -0.5, 0.0], rtol=1e-15)
    assert "stable_log" in str(stable.report())
    assert "np.logaddexp(0.0, " in stable.source
