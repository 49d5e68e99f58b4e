"""Samples from noise that is passed in: inverse distribution functions, and their slopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import graphdiff as gd

rng = np.random.default_rng(0)
U = rng.random((4, 3))
NOISE = rng.standard_normal((4, 3))


@pytest.mark.parametrize(
    ("sample", "law", "params"),
    [
        (gd.random.uniform, lambda a, b: stats.uniform(a, b - a), (1.0, 3.0)),
        (gd.random.exponential, lambda rate: stats.expon(scale=1 / rate), (2.5,)),
        (gd.random.logistic, stats.logistic, (0.3, 1.7)),
        (gd.random.laplace, stats.laplace, (0.3, 1.7)),
        (gd.random.gumbel, stats.gumbel_r, (0.3, 1.7)),
    ],
)
def test_a_sample_is_the_inverse_distribution_function(
    sample: Callable[..., Any], law: Callable[..., Any], params: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(sample(*params, U), law(*params).ppf(U), rtol=1e-12)
    traced = gd.jit(sample)
    np.testing.assert_allclose(traced(*params, U), law(*params).ppf(U), rtol=1e-12)
    gd.check_gradients(lambda *p: sample(*p, U), params)


def test_the_derivative_by_the_parameters_of_a_normal_sample() -> None:
    cost = gd.grad(lambda m, s: np.sum(gd.random.normal(m, s, NOISE)), argnums=(0, 1))
    by_mean, by_scale = cost(np.zeros(3), 2.0)
    np.testing.assert_allclose(by_mean, 4.0)
    np.testing.assert_allclose(by_scale, NOISE.sum())


def test_classes_are_drawn_with_their_probabilities() -> None:
    logits = np.log([0.2, 0.5, 0.3])
    many = np.random.default_rng(1).random((40_000, 3))
    found = np.bincount(gd.random.categorical(logits, many), minlength=3) / len(many)
    np.testing.assert_allclose(found, [0.2, 0.5, 0.3], atol=0.01)
    soft = gd.random.gumbel_softmax(logits, many, 0.01)
    np.testing.assert_allclose(soft.sum(axis=1), 1.0)
    assert (soft.argmax(axis=1) == gd.random.categorical(logits, many)).all()
    gd.check_gradients(lambda z: gd.random.gumbel_softmax(z, U, 0.7), (logits,))
    assert gd.random.bernoulli(0.3, many).mean() == pytest.approx(0.3, abs=0.01)
