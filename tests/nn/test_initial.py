"""Initial values have the spread that the papers ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd

SHAPE = (300, 500)


@pytest.mark.parametrize(
    ("init", "variance"),
    [(gd.nn.normal(0.01), 1e-4), (gd.nn.glorot, 2 / 800), (gd.nn.he, 2 / 300)],
)
def test_variances(init: Any, variance: float) -> None:
    values = init(np.random.default_rng(0), SHAPE, *SHAPE)
    assert values.shape == SHAPE
    assert abs(values.mean()) < 0.01 * np.sqrt(variance)
    assert abs(values.var() / variance - 1) < 0.01


def test_glorot_is_uniform() -> None:
    values = gd.nn.glorot(np.random.default_rng(0), SHAPE, *SHAPE)
    bound = np.sqrt(6 / 800)
    assert 0.999 * bound < np.abs(values).max() <= bound


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    Q = gd.nn.orthogonal(np.random.default_rng(0), shape, *shape)
    product = Q @ Q.T if shape[0] < shape[1] else Q.T @ Q
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)


def test_he_keeps_the_size_of_activations_through_many_layers_of_rectifiers() -> None:
    sizes = {}
    for name, init in (("he", gd.nn.he), ("small", gd.nn.normal(0.01))):
        g = gd.Graph()
        h = g.input("x", ("t", 256))
        rng = np.random.default_rng(0)
        for k in range(20):
            h = gd.nn.dense(h, 256, gd.nn.relu, scope=f"layer{k}", rng=rng, init=init)
        g.output("size", np.mean(h**2))
        sizes[name] = gd.compile(g)(x=np.random.default_rng(1).normal(size=(64, 256)))["size"]
    assert 0.2 < sizes["he"] < 5
    assert sizes["small"] < 1e-30
