"""A layer of convolutions against JAX's."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import graphdiff as gd
from tests.nn.running import run

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(1)


def test_a_layer_of_convolutions_is_jaxs() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 6, 5, 2))
    rng = np.random.default_rng(0)
    h = gd.nn.conv2d(x, 3, (3, 2), gd.nn.tanh, scope="conv", stride=2, padding="valid", rng=rng)
    images = RNG.normal(size=(4, 6, 5, 2))
    found, p = run(h, x=images)
    expected = jax.lax.conv_general_dilated(
        images, p["conv/W"], (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(found, np.tanh(expected), rtol=1e-12, atol=1e-14)
    assert gd.nn.parameter_count(g) == 3 * 2 * 2 * 3 + 3
    for size in (2.5, (3, 3, 3)):
        with pytest.raises(gd.ShapeError, match="not a size of kernels"):
            gd.nn.conv2d(x, 3, size, scope="other")  # type: ignore[arg-type]  # refused
    with pytest.raises(gd.ShapeError, match="3 or more axes"):
        gd.nn.conv2d(g.input("y", ("t", 4)), 3, 3, scope="other")
