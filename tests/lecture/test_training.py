"""Gradient-based learning: SGD on a quadratic against closed forms; both uses of an early stop."""

from __future__ import annotations

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import train

RNG = np.random.default_rng(0)
LAMBDA = np.array([4.0, 1.0, 0.1])


def bowl():
    g = gd.Graph("bowl")
    w = g.parameter("w", value=np.ones(3))
    g.output("J", 0.5 * np.sum(LAMBDA * w * w))
    return g


def test_gradient_descent_shrinks_each_direction_by_one_minus_rate_times_curvature():
    found = train.fit(bowl(), {}, optimiser=train.sgd(0.3), epochs=25)
    np.testing.assert_allclose(found.parameters["w"], (1 - 0.3 * LAMBDA) ** 25, rtol=1e-10)


def test_momentum_is_a_linear_recurrence():
    """(θ, v) ← M (θ, v) with M = [[1 − ελ, α], [−ελ, α]]."""
    rate, alpha, steps = 0.1, 0.9, 40
    found = train.fit(bowl(), {}, optimiser=train.momentum(rate, alpha), epochs=steps)
    for curvature, theta in zip(LAMBDA, found.parameters["w"], strict=True):
        M = np.array([[1 - rate * curvature, alpha], [-rate * curvature, alpha]])
        assert theta == pytest.approx(np.linalg.matrix_power(M, steps)[0, 0], abs=1e-12)


def test_sgd_with_a_falling_rate_finds_the_mean():
    """With ε = 1/(k + 1) every example moves the estimate to the mean of those so far."""
    g = gd.Graph("mean")
    x, m = g.input("x", ("t",)), g.parameter("m", value=5.0)
    g.output("J", 0.5 * np.mean((m - x) ** 2))
    at = RNG.normal(size=64)
    rate = train.Schedule("1/k", lambda epochs: 1 / (round(epochs * 64) + 1))
    found = train.fit(g, {"x": at}, optimiser=train.sgd(rate), batch=1, epochs=1)
    assert found.parameters["m"] == pytest.approx(np.mean(at), rel=1e-12)


def test_a_minibatch_gradient_is_unbiased():
    """The mean over all minibatches of an epoch is the gradient of the whole."""
    g = gd.Graph("line")
    x, y, w = g.input("x", ("t", 2)), g.input("y", ("t",)), g.parameter("w", value=[0.3, -0.2])
    g.output("J", np.mean((x @ w - y) ** 2))
    X, Y = RNG.normal(size=(32, 2)), RNG.normal(size=32)
    f, w = gd.compile(gd.gradient(g, of="J")), np.array([0.3, -0.2])
    seen = []

    def note(batch, rng):
        seen.append(f(**batch, w=w)["dJ/dw"])
        return batch

    train.fit(g, {"x": X, "y": Y}, optimiser=train.sgd(1e-3), batch=8, transform=note, epochs=1)
    np.testing.assert_allclose(np.mean(seen, axis=0), f(x=X, y=Y, w=w)["dJ/dw"], rtol=1e-12)


def test_the_linear_model_of_xor_ends_at_w_0_and_b_one_half():
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    w, b = g.parameter("w", value=[0.7, -0.4]), g.parameter("b", value=0.1)
    g.output("J", np.mean((x @ w + b - y) ** 2))
    data = {"x": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], "y": [0.0, 1.0, 1.0, 0.0]}
    for optimiser, epochs in ((train.sgd(0.3), 500), (train.lbfgs(tolerance=1e-12), 50)):
        found = train.fit(g, data, optimiser=optimiser, epochs=epochs)
        np.testing.assert_allclose(found.parameters["w"], 0.0, atol=1e-10)
        np.testing.assert_allclose(found.parameters["b"], 0.5, atol=1e-10)


# -- early stopping, and what to do with the validation data then ---------------------------------


def overfitting():
    """A polynomial of high degree on few noisy points, and points held out."""
    x = np.sort(RNG.uniform(-1, 1, 30))
    y = np.sin(3 * x) + 0.3 * RNG.normal(size=30)
    g = gd.Graph("polynomial")
    inputs, target = g.input("x", ("t", 12)), g.input("y", ("t",))
    w = g.parameter("w", value=np.zeros(12))
    g.output("J", np.mean((inputs @ w - target) ** 2))
    return g, *train.split({"x": np.polynomial.legendre.legvander(x, 11), "y": y}, 0.4, rng=1)


def test_training_goes_back_to_the_best_and_both_ways_on_use_all_data():
    g, data, held_out = overfitting()
    options = {"optimiser": train.sgd(0.1), "validation": held_out}
    long = train.fit(g, data, epochs=3000, **options)
    stopped = train.fit(g, data, epochs=3000, stop=train.early_stopping(50), **options)
    validation = np.array(long.history["validation J"])
    assert stopped.best_epoch == long.best_epoch == 1 + validation.argmin() < 2900
    assert validation[-1] > 1.05 * validation.min()  # it would overfit
    np.testing.assert_array_equal(stopped.parameters["w"], long.parameters["w"])

    # One way: from the start again, on all data, for as many epochs.
    everything = train.join(data, held_out)
    again = train.fit(g, everything, optimiser=train.sgd(0.1), epochs=stopped.best_epoch)
    # The other: on from the best parameters, on all data, until the cost of the validation data
    # is below the training cost at the stop.
    goal = stopped.history["J"][stopped.best_epoch - 1]
    on = train.fit(
        g, everything, optimiser=train.sgd(0.1), epochs=3000, start=stopped.parameters,
        validation=held_out, stop=train.until(goal),
    )  # fmt: skip
    f = gd.compile(g)
    assert f(**everything, **again.parameters)["J"] < f(**everything, **stopped.parameters)["J"]
    assert on.history["validation J"][-1] < goal <= on.history["validation J"][0]
