"""Units against JAX's, values and slopes, and against the formulas of the lecture."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

Z = np.array([-30.0, -3.0, -1.5, -0.7, -1e-3, 1e-3, 0.4, 0.9, 1.2, 3.0, 30.0])

UNITS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "linear": (gd.nn.linear, lambda z: z),
    "relu": (gd.nn.relu, jax.nn.relu),
    "sigmoid": (gd.nn.sigmoid, jax.nn.sigmoid),
    "tanh": (gd.nn.tanh, jax.numpy.tanh),
    "tanh as a sigmoid": (gd.nn.tanh, lambda z: 2 * jax.nn.sigmoid(2 * z) - 1),
    "softplus": (gd.nn.softplus, jax.nn.softplus),
    "hard_tanh": (gd.nn.hard_tanh, jax.nn.hard_tanh),
    "leaky_relu": (gd.nn.leaky_relu, jax.nn.leaky_relu),
    "elu": (gd.nn.elu, jax.nn.elu),
    "gelu": (gd.nn.gelu, lambda z: jax.nn.gelu(z, approximate=False)),
    "silu": (gd.nn.silu, jax.nn.silu),
    "softmax": (gd.nn.softmax, jax.nn.softmax),
}


@pytest.mark.parametrize("name", UNITS)
def test_values_and_slopes_are_jaxs(name: str) -> None:
    ours, theirs = UNITS[name]
    g = gd.Graph()
    z, cotangent = g.parameter("z", Z.shape), np.linspace(-1, 2, len(Z))
    h = g.output("h", ours(z) * 1.0)
    g.output("J", np.sum(h * cotangent))
    found = gd.compile(gd.gradient(g, of="J"))(z=Z)
    value, pullback = jax.vjp(theirs, Z)
    np.testing.assert_allclose(found["h"], value, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(found["dJ/dz"], pullback(cotangent)[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ours(Z), value, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", UNITS)
def test_nothing_overflows_and_single_precision_stays(name: str) -> None:
    ours, _ = UNITS[name]
    g = gd.Graph()
    z = g.parameter("z", (3,), "float32")
    h = ours(z)
    assert h.dtype == np.float32
    g.output("J", np.sum(h * 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gd.compile(gd.gradient(g, of="J"))(z=np.array([-1e4, 0.0, 1e4], "float32"))
    assert np.isfinite(found["dJ/dz"]).all()


def slope_at_zero(unit: Callable[[Any], Any]) -> float:
    g = gd.Graph()
    g.output("J", unit(g.parameter("z")))
    return float(gd.compile(gd.gradient(g, of="J"))(z=0.0)["dJ/dz"])


def test_slopes_at_zero() -> None:
    assert slope_at_zero(gd.nn.relu) == 0.0
    assert slope_at_zero(gd.nn.leaky_relu) == 0.01
    assert slope_at_zero(gd.nn.elu) == 1.0
    assert slope_at_zero(lambda z: gd.nn.elu(z, 0.5)) == 0.5
    assert slope_at_zero(gd.nn.gelu) == slope_at_zero(gd.nn.silu) == 0.5


def test_a_softmax_with_one_input_fixed() -> None:
    z = np.array([[0.3, -1.0], [2.0, 5.0]])
    fixed = np.concatenate([z, np.zeros((2, 1))], axis=1)
    expected = np.exp(fixed) / np.exp(fixed).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gd.nn.softmax_with_fixed_input(z), expected, rtol=1e-14)
    two = gd.nn.softmax_with_fixed_input(np.array([[0.7]]))
    np.testing.assert_allclose(two[0, 0], gd.nn.sigmoid(0.7), rtol=1e-15)
    g = gd.Graph()
    p = g.output("p", gd.nn.softmax_with_fixed_input(g.input("z", ("t", 2))))
    assert p.shape == ("t", 3)
    np.testing.assert_allclose(gd.compile(g)(z=z)["p"], expected, rtol=1e-14)
