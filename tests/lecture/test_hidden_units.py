"""Hidden units: what the lecture says of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import graphdiff as gd

Z = np.linspace(-6, 6, 41)
z = sympy.Symbol("z", real=True)


def slope(unit: Any) -> Any:
    """The derivative of a unit as sympy has it."""
    g = gd.Graph()
    g.output("h", unit(g.input("z")))
    return gd.expression(g, of="h", wrt="z").expanded


def test_tanh_is_a_sigmoid_scaled() -> None:
    np.testing.assert_allclose(gd.nn.tanh(Z), 2 * gd.nn.sigmoid(2 * Z) - 1, rtol=1e-12, atol=1e-15)
    scaled = slope(lambda z: 2 * gd.nn.sigmoid(2 * z) - 1)
    assert sympy.simplify((slope(gd.nn.tanh) - scaled).rewrite(sympy.exp)) == 0


def test_both_are_sensitive_near_zero_only() -> None:
    g = gd.Graph()
    values = g.input("z", Z.shape)
    g.output("s", np.sum(gd.nn.sigmoid(values)))
    g.output("t", np.sum(gd.nn.tanh(values)))
    sigmoid = gd.compile(gd.gradient(g, of="s", wrt="z"))(z=Z)["ds/dz"]
    tanh = gd.compile(gd.gradient(g, of="t", wrt="z"))(z=Z)["dt/dz"]
    middle = len(Z) // 2
    assert sigmoid.argmax() == tanh.argmax() == middle
    assert (sigmoid[middle], tanh[middle]) == (0.25, 1.0)
    assert sigmoid[-1] < 0.01 * sigmoid[middle]
    assert tanh[-1] < 1e-4 * tanh[middle]


def test_a_tanh_network_is_nearly_linear_while_activations_are_small() -> None:
    rng = np.random.default_rng(0)
    V, U, w = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    g = gd.Graph()
    x = g.input("x", ("t", 5))
    g.output("y", np.tanh(np.tanh(x @ V) @ U) @ w)
    f = gd.compile(g)
    x = rng.normal(size=(20, 5))
    errors = [
        np.abs(f(x=size * x)["y"] - size * x @ V @ U @ w).max() / size for size in (1e-3, 1e-4)
    ]
    assert errors[1] < 1e-5
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.05)  # the error falls as size²


def test_a_linear_bottleneck_has_fewer_parameters_and_the_same_form() -> None:
    n, m, k = 100, 80, 10
    full, factored = gd.Graph(), gd.Graph()
    gd.nn.dense(full.input("x", ("t", n)), m, gd.nn.relu, scope="h")
    gd.nn.factored_dense(factored.input("x", ("t", n)), m, k, gd.nn.relu, scope="h")
    assert gd.nn.parameter_count(full, roles=["weight"]) == n * m
    assert gd.nn.parameter_count(factored, roles=["weight"]) == (n + m) * k
    rng = np.random.default_rng(0)
    x, U, V, b = rng.normal(size=(3, n)), rng.normal(size=(n, k)), rng.normal(size=(k, m)), 1.0
    values = {"x": x, "h/b": np.full(m, b)}
    outputs = []
    for g, weights in ((full, {"h/W": U @ V}), (factored, {"h/U": U, "h/V": V})):
        g.output("h", g["h/h"])
        outputs.append(gd.compile(g)(**values, **weights)["h"])
    np.testing.assert_allclose(*outputs, rtol=1e-10, atol=1e-10)


def test_two_linear_layers_collapse_into_one() -> None:
    rng = np.random.default_rng(0)
    W, V, x = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(5, 4))
    g = gd.Graph()
    h = gd.nn.dense(g.input("x", ("t", 4)), 3, scope="one", bias=False)
    g.output("y", gd.nn.dense(h, 2, scope="two", bias=False))
    found = gd.compile(g)(**{"x": x, "one/W": W, "two/W": V})["y"]
    np.testing.assert_allclose(found, x @ (W @ V), rtol=1e-12, atol=1e-14)


def test_a_softmax_layer_reads_from_a_memory() -> None:
    rows = np.arange(12.0).reshape(4, 3)
    g = gd.Graph()
    address = g.input("address", ("t", 4))
    g.output("read", gd.nn.softmax(address) @ rows)
    found = gd.compile(g)(address=50 * np.eye(4)[[2, 0]])["read"]
    np.testing.assert_allclose(found, rows[[2, 0]], atol=1e-12)


def test_a_radial_basis_function_has_no_gradient_far_from_its_centre() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 2))
    h = gd.nn.rbf(x, 1, scope="spot")
    g.output("J", np.sum(h))
    f = gd.compile(gd.gradient(g, of="J", wrt="spot/C"))
    near, far = (
        np.abs(f(**{"x": [[d, 0.0]], "spot/C": [[0.0, 0.0]], "spot/sigma": [1.0]})["dJ/dspot/C"])
        for d in (1.0, 10.0)
    )
    np.testing.assert_allclose(near[0, 0], 2 * np.exp(-1), rtol=1e-13)
    assert 0 < far[0, 0] < 1e-40


def test_softplus_is_a_smooth_rectifier_whose_slope_is_the_sigmoid() -> None:
    np.testing.assert_allclose(gd.nn.softplus(Z), np.log(1 + np.exp(Z)), rtol=1e-13)
    assert sympy.simplify(slope(gd.nn.softplus) - 1 / (1 + sympy.exp(-z))) == 0
    far = np.abs(gd.nn.softplus(10 * Z) - gd.nn.relu(10 * Z))
    assert far[[0, -1]].max() < 1e-20


def test_hard_tanh() -> None:
    np.testing.assert_array_equal(gd.nn.hard_tanh(Z), np.maximum(-1, np.minimum(1, Z)))


def test_a_linear_bottleneck_learns_the_principal_components() -> None:
    """The best rank-k reconstruction leaves the singular values behind k: Eckart-Young."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 5)) * [5.0, 3.0, 1.0, 0.5, 0.2] @ rng.normal(size=(5, 5))
    X = X - X.mean(axis=0)
    g = gd.Graph("bottleneck")
    x = g.input("x", ("t", 5))
    U = g.parameter("U", value=0.1 * rng.normal(size=(5, 2)))
    V = g.parameter("V", value=0.1 * rng.normal(size=(2, 5)))
    g.output("J", np.sum((x @ U @ V - x) ** 2))
    found = gd.train.fit(g, {"x": X}, optimiser=gd.train.lbfgs(tolerance=1e-12), epochs=2000)
    _, values, directions = np.linalg.svd(X)
    assert gd.compile(found.graph)(x=X)["J"] == pytest.approx(np.sum(values[2:] ** 2), rel=1e-10)
    projection = found.parameters["U"] @ found.parameters["V"]
    np.testing.assert_allclose(projection, directions[:2].T @ directions[:2], atol=1e-4)
