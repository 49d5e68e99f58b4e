"""Universal approximation: what one hidden layer can do with its width, and several with depth."""

from __future__ import annotations

import numpy as np
import pytest

import graphdiff as gd


@pytest.mark.parametrize("width", [4, 16, 64])
def test_one_layer_of_rectifiers_is_as_close_as_its_width_allows(width):
    """n rectifiers interpolate between n + 1 points: the error is at most max|f''| h² / 8."""
    knots = np.linspace(-1, 1, width + 1)
    h = 2 / width
    slopes = np.diff(np.sin(3 * knots)) / h
    g = gd.Graph("interpolant")
    x = g.input("x", ("t", 1))
    W = g.parameter("W", value=np.ones((1, width)))
    c = g.parameter("c", value=-knots[:-1])
    w = g.parameter("w", value=np.diff(slopes, prepend=0.0))
    b = g.parameter("b", value=np.sin(3 * knots[0]))
    g.output("y", gd.nn.relu(x @ W + c) @ w + b)
    at = np.linspace(-1, 1, 2001)
    error = np.abs(gd.compile(g)(x=at[:, None])["y"] - np.sin(3 * at)).max()
    assert error <= 9 * h**2 / 8 + 1e-12
    assert error >= 9 * h**2 / 8 / 2  # and it is no better than that either


@pytest.mark.parametrize("n", [2, 5, 9])
def test_a_deep_network_computes_parity_with_two_rectifiers_a_bit(n):
    g = gd.Graph("parity")
    bits = g.input("bits", ("t", n))
    odd = bits[:, 0]
    for i in range(1, n):
        total = odd + bits[:, i]
        odd = gd.nn.relu(total) - 2 * gd.nn.relu(total - 1)
    g.output("odd", odd)
    every = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) * 1.0
    assert gd.compile(g)(bits=every)["odd"].tolist() == (every.sum(axis=1) % 2).tolist()
    assert sum(tensor.op == "relu" for tensor in g) == 2 * (n - 1)
