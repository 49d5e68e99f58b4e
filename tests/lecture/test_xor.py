"""The lecture's first example: XOR cannot be learnt by a linear model, and is by two rectifiers."""

from __future__ import annotations

import numpy as np

import graphdiff as gd

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


def linear():
    g = gd.Graph("linear")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    w, b = g.parameter("w", (2,)), g.parameter("b", ())
    g.output("J", np.mean((x @ w + b - y) ** 2))
    return g


def rectifiers():
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", (2,))
    w, b = g.parameter("w", (2,)), g.parameter("b", ())
    h = np.maximum(0, x @ W + c).named("h")
    f = (h @ w + b).named("f")
    g.output("f", f)
    g.output("J", np.mean((f - y) ** 2))
    return g


def test_the_linear_model_has_its_minimum_at_w_0_and_b_one_half():
    f = gd.compile(gd.gradient(linear(), of="J"))
    values = {"w": np.array([1.0, -2.0]), "b": np.array(3.0)}
    for _ in range(400):
        found = f(x=X, y=Y, **values)
        values = {name: value - 0.4 * found[f"dJ/d{name}"] for name, value in values.items()}
    np.testing.assert_allclose(values["w"], [0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(values["b"], 0.5, atol=1e-12)
    at = f(x=X, y=Y, w=np.zeros(2), b=0.5)
    assert at["J"] == 0.25
    assert not at["dJ/dw"].any()
    assert at["dJ/db"] == 0.0


def test_the_lectures_parameters_solve_it_and_every_gradient_is_zero():
    f = gd.compile(gd.gradient(rectifiers(), of="J"), style="readable")
    found = f(x=X, y=Y, W=np.ones((2, 2)), c=[0.0, -1.0], w=[1.0, -2.0], b=0.0)
    assert found["f"].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert found["J"] == 0.0
    for name in ("W", "c", "w", "b"):
        assert not np.any(found[f"dJ/d{name}"])


def test_the_hidden_layer_maps_two_of_the_points_onto_each_other():
    g = rectifiers()
    hidden = gd.Graph.from_networkx(g.dag)
    hidden.output("hidden", hidden["h"])
    found = gd.compile(hidden)(x=X, y=Y, W=np.ones((2, 2)), c=[0.0, -1.0], w=[1.0, -2.0], b=0.0)
    assert found["hidden"].tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [2.0, 1.0]]
