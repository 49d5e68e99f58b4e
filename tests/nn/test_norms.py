"""Normalisation against JAX's, and against what it is to achieve."""

from __future__ import annotations

import jax
import numpy as np

import graphdiff as gd
from tests.nn.running import run

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(1)
X = RNG.normal(size=(5, 4))


def test_layer_norm_is_jaxs() -> None:
    g = gd.Graph()
    found, _ = run(gd.nn.layer_norm(g.input("x", ("t", 4)), scope="norm"), x=X)
    np.testing.assert_allclose(
        found, jax.nn.standardize(X, axis=-1, epsilon=1e-5), rtol=1e-12, atol=1e-14
    )


def test_batch_norm_of_a_batch_and_with_given_statistics() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    h = gd.nn.batch_norm(x, scope="norm", epsilon=0.0)
    g.output("mean", g["norm/mean"])
    found, _ = run(h, x=X)
    np.testing.assert_allclose(found.mean(axis=0), np.zeros(4), atol=1e-14)
    np.testing.assert_allclose(found.std(axis=0), np.ones(4), rtol=1e-13)
    g = gd.Graph()
    x, mean, variance = g.input("x", ("t", 4)), g.input("m", (4,)), g.input("v", (4,))
    h = gd.nn.batch_norm(x, scope="norm", epsilon=0.0, statistics=(mean, variance))
    found, _ = run(h, x=X, m=np.ones(4), v=np.full(4, 4.0))
    np.testing.assert_allclose(found, (X - 1) / 2, rtol=1e-14)


def test_batch_norm_of_images_keeps_their_last_axis() -> None:
    g = gd.Graph()
    images = RNG.normal(size=(5, 3, 3, 2))
    h = gd.nn.batch_norm(g.input("x", ("t", 3, 3, 2)), scope="norm", epsilon=0.0)
    found, _ = run(h, x=images)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), np.ones(2), rtol=1e-13)
