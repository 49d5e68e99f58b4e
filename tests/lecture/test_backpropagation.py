"""Back-propagation as the lecture derives it, against the formulas typed in as NumPy by hand.

The algorithms are "Forward propagation" and "Backpropagation through a typical deep network"
(Goodfellow et al., *Deep Learning*, algorithms 6.3 and 6.4), then the details for one hidden layer.
"""

from __future__ import annotations

import re

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd

LAMBDA = 0.1

# An activation f, on tensors as on arrays, and f′ of its argument, typed in by hand.
ACTIVATIONS = {
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "sigmoid": (
        gd.special.sigmoid,
        lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2,
    ),
    "relu": (gd.special.relu, lambda a: np.where(a > 0, 1.0, 0.0)),
    "softplus": (gd.special.softplus, lambda a: 1 / (1 + np.exp(-a))),
}


def sizes(depth):
    """The widths of h⁽⁰⁾ … h⁽ˡ⁾."""
    return [3, 4, 2, 5, 3, 2][: depth + 1]


def network(depth, activation):
    """h⁽ᵏ⁾ = f(b⁽ᵏ⁾ + W⁽ᵏ⁾ h⁽ᵏ⁻¹⁾) and J = L(ŷ, y) + λ Ω(θ) for one example, in columns."""
    f = ACTIVATIONS[activation][0]
    n = sizes(depth)
    g = gd.Graph("deep")
    h = g.input("x", (n[0],))
    y = g.input("y", (n[-1],))
    omega = 0.0
    for k in range(1, depth + 1):
        W, b = g.parameter(f"W{k}", (n[k], n[k - 1])), g.parameter(f"b{k}", (n[k],))
        a = (b + W @ h).named(f"a{k}")
        h = f(a).named(f"h{k}")
        omega = omega + np.sum(W**2) / 2 + np.sum(b**2) / 2
    g.output("J", np.sum((h - y) ** 2) / 2 + LAMBDA * omega)
    return g


def values_for(g, seed=0, t=6):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=[t if part == "t" else part for part in tensor.shape])
        for name, tensor in {**g.inputs, **g.parameters}.items()
    }


def forward_and_backward(depth, activation, values):
    """The two algorithms, line by line."""
    f, f_prime = ACTIVATIONS[activation]
    h = {0: values["x"]}
    a = {}
    for k in range(1, depth + 1):
        a[k] = values[f"b{k}"] + values[f"W{k}"] @ h[k - 1]
        h[k] = f(a[k])
    y_hat = h[depth]
    omega = sum(np.sum(values[f"{p}{k}"] ** 2) / 2 for k in range(1, depth + 1) for p in "Wb")
    J = np.sum((y_hat - values["y"]) ** 2) / 2 + LAMBDA * omega

    gradients = {}
    g = y_hat - values["y"]  # ∇_ŷ L
    for k in range(depth, 0, -1):
        g = g * f_prime(a[k])  # ∇_{a⁽ᵏ⁾} J
        gradients[f"dJ/da{k}"] = g
        gradients[f"dJ/db{k}"] = g + LAMBDA * values[f"b{k}"]
        gradients[f"dJ/dW{k}"] = np.outer(g, h[k - 1]) + LAMBDA * values[f"W{k}"]
        g = values[f"W{k}"].T @ g  # ∇_{h⁽ᵏ⁻¹⁾} J
    gradients["dJ/dx"] = g
    return J, gradients


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_a_network_of_l_layers(depth, activation):
    g = network(depth, activation)
    values = values_for(g, seed=depth)
    J, expected = forward_and_backward(depth, activation, values)
    wrt = [name.removeprefix("dJ/d") for name in expected]
    for rewrites in (None, ()):
        options = {} if rewrites is None else {"rewrites": rewrites}
        G = gd.gradient(g, of="J", wrt=wrt)
        found = gd.compile(G, style="readable", **options)(**values)
        np.testing.assert_allclose(found["J"], J, rtol=1e-13)
        for name, gradient in expected.items():
            np.testing.assert_allclose(found[name], gradient, rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_one_vector_jacobian_product_for_each_edge_on_a_path(depth):
    g = network(depth, "tanh")
    leaves = set(g.parameters)
    below = leaves.union(*(nx.descendants(g.dag, leaf) for leaf in leaves))
    above = {"J"} | nx.ancestors(g.dag, "J")
    edges = [1 for u, v in g.dag.edges() if u in below & above and v in below & above]
    report = gd.gradient(g, of="J").report()
    assert report.products == report.path_edges == len(edges)


def test_products_are_linear_in_depth_where_paths_are_exponential():
    counts = []
    for depth in (10, 20, 40):
        g = gd.Graph()
        value = g.parameter("w")
        for _ in range(depth):
            value = value * value  # two edges a step: 2ⁿ paths
        g.output("z", value)
        counts.append(gd.gradient(g, of="z").report().products)
    assert counts == [20, 40, 80]


# -- the details: one hidden layer of rectifiers ---------------------------------------------------


def hidden_layer(outputs):
    """Ŷ = σ(A⁽²⁾) with A⁽²⁾ = W⁽²⁾ h, h = ReLU(A⁽¹⁾), A⁽¹⁾ = W⁽¹⁾ x; J is the squared error."""
    g = gd.Graph("details")
    x = g.input("x", (3,))
    y = g.input("y", (outputs,) if outputs > 1 else ())
    W1 = g.parameter("W1", (4, 3))
    W2 = g.parameter("W2", (outputs, 4) if outputs > 1 else (4,))
    a1 = (W1 @ x).named("a1")
    h = np.maximum(0, a1).named("h")
    a2 = (W2 @ h).named("a2")
    y_hat = gd.special.sigmoid(a2).named("y_hat")
    g.output("J", np.sum((y_hat - y) ** 2))
    return g


def by_hand(values):
    sigmoid = gd.special.sigmoid
    a1 = values["W1"] @ values["x"]
    h = np.maximum(0, a1)
    a2 = values["W2"] @ h
    f_prime = sigmoid(a2) * (1 - sigmoid(a2))
    L_prime = 2 * (sigmoid(a2) - values["y"])
    return a1, h, f_prime, L_prime


def statement(source, name):
    """The expression that a variable of the generated `value_and_grad` is set to."""
    body = source[source.index("def value_and_grad") :]
    return re.search(rf"^    {name} = ([^#\n]*?)(?:  #.*)?$", body, re.MULTILINE)[1]


def test_case_1_a_single_output():
    g = hidden_layer(1)
    values = values_for(g)
    found = gd.compile(gd.gradient(g, of="J", wrt=["W2", "h", "W1", "x"]))(**values)
    a1, h, f_prime, L_prime = by_hand(values)
    R = np.diag((a1 > 0).astype(float))
    w2 = values["W2"]
    np.testing.assert_allclose(found["dJ/dW2"], h * f_prime * L_prime, rtol=1e-13)
    np.testing.assert_allclose(found["dJ/dh"], w2 * f_prime * L_prime, rtol=1e-13)
    dh_dx = values["W1"].T @ R  # ∇ₓ h = (W⁽¹⁾)ᵀ R(a⁽¹⁾)
    np.testing.assert_allclose(found["dJ/dx"], dh_dx @ (w2 * f_prime * L_prime), rtol=1e-13)
    g1 = R @ (w2 * f_prime * L_prime)
    np.testing.assert_allclose(found["dJ/dW1"], np.outer(g1, values["x"]), rtol=1e-13)


def test_case_2_several_outputs():
    g = hidden_layer(5)
    values = values_for(g)
    f = gd.compile(gd.gradient(g, of="J", wrt=["W2", "a2", "h", "W1"]), style="readable")
    found = f(**values)
    _, h, f_prime, L_prime = by_hand(values)
    gradient = f_prime * L_prime  # g = f′(a⁽²⁾) ⊙ L′(ŷ)
    np.testing.assert_allclose(found["dJ/da2"], gradient, rtol=1e-13)
    np.testing.assert_allclose(found["dJ/dW2"], gradient[:, None] @ h[None, :], rtol=1e-13)
    np.testing.assert_allclose(found["dJ/dh"], values["W2"].T @ gradient, rtol=1e-13)
    assert statement(f.source, "dJ_dW2") == "np.outer(dJ_da2, h)"  # g hᵀ
    assert statement(f.source, "dJ_dh") in ("W2.T @ dJ_da2", "dJ_da2 @ W2")  # (W⁽²⁾)ᵀ g


def batch():
    """The same with an example in each row: A⁽²⁾ = H W⁽²⁾, H = ReLU(A⁽¹⁾), A⁽¹⁾ = X W⁽¹⁾."""
    g = gd.Graph("batch")
    X, Y = g.input("X", ("t", 3)), g.input("Y", ("t", 2))
    W1, W2 = g.parameter("W1", (3, 4)), g.parameter("W2", (4, 2))
    A1 = (X @ W1).named("A1")
    H = np.maximum(0, A1).named("H")
    A2 = (H @ W2).named("A2")
    g.output("J", np.sum((np.tanh(A2) - Y) ** 2))
    return g


def test_a_batch_of_examples():
    g = batch()
    values = values_for(g)
    f = gd.compile(gd.gradient(g, of="J"), style="readable")
    found = f(**values)
    A1 = values["X"] @ values["W1"]
    H = np.maximum(0, A1)
    A2 = H @ values["W2"]
    G = 2 * (np.tanh(A2) - values["Y"]) * (1 - np.tanh(A2) ** 2)  # a row for each example
    np.testing.assert_allclose(found["dJ/dW2"], H.T @ G, rtol=1e-12)
    np.testing.assert_allclose(
        found["dJ/dW1"], values["X"].T @ ((G @ values["W2"].T) * (A1 > 0)), rtol=1e-12
    )


def test_the_products_of_a_batch_appear_literally():
    source = gd.compile(gd.gradient(batch(), of="J"), style="readable").source
    assert statement(source, "dJ_dW2") == "H.T @ dJ_dA2"  # Hᵀ G′
    assert statement(source, "dJ_dH") == "dJ_dA2 @ W2.T"
    assert statement(source, "dJ_dW1") == "X.T @ dJ_dA1"


def test_the_mask_R_appears_and_is_zero_at_zero():
    source = gd.compile(gd.gradient(batch(), of="J"), style="readable").source
    assert statement(source, "dJ_dA1") == "dJ_dH * (A1 > 0.0)"
    g = gd.Graph()
    a = g.parameter("a", (3,))
    g.output("J", np.sum(np.maximum(0, a)))
    found = gd.compile(gd.gradient(g, of="J"))(a=np.array([-1.0, 0.0, 2.0]))
    assert found["dJ/da"].tolist() == [0.0, 0.0, 1.0]


# -- the same with layers --------------------------------------------------------------------------


def layered(depth):
    """A batch through dense layers, and λ Ω of the weights alone, which are found by their role."""
    n = sizes(depth)
    g = gd.Graph("layered")
    h, y = g.input("x", ("t", n[0])), g.input("y", ("t", n[-1]))
    for k in range(1, depth + 1):
        h = gd.nn.dense(h, n[k], gd.nn.tanh, scope=f"layer{k}")
    g.output("J", gd.nn.mse(h, y) + LAMBDA * gd.nn.l2(g))
    return g


@pytest.mark.parametrize("depth", [1, 3, 5])
def test_layers_and_a_penalty_on_the_weights(depth):
    g = layered(depth)
    values = values_for(g, seed=depth)
    found = gd.compile(gd.gradient(g, of="J"))(**values)
    h = {0: values["x"]}
    for k in range(1, depth + 1):
        h[k] = np.tanh(h[k - 1] @ values[f"layer{k}/W"] + values[f"layer{k}/b"])
    G = 2 * (h[depth] - values["y"]) / h[depth].size
    for k in range(depth, 0, -1):
        G = G * (1 - h[k] ** 2)
        W = values[f"layer{k}/W"]
        expected = {"b": G.sum(axis=0), "W": h[k - 1].T @ G + LAMBDA * W}  # λ∇Ω of weights only
        for name, gradient in expected.items():
            np.testing.assert_allclose(
                found[f"dJ/dlayer{k}/{name}"], gradient, rtol=1e-10, atol=1e-14
            )
        G = G @ W.T


def test_the_backward_algorithm_appears_line_by_line_in_the_source():
    source = gd.compile(gd.gradient(layered(3), of="J"), style="readable").source
    for k in (3, 2, 1):
        a, h = f"dJ_dlayer{k}_a", f"dJ_dlayer{k}_h"
        below = f"layer{k - 1}_h" if k > 1 else "x"
        assert statement(source, a) == f"{h} * (1.0 - layer{k}_h * layer{k}_h)"  # g ⊙ f′(a)
        assert statement(source, f"dJ_dlayer{k}_b") == f"np.sum({a}, axis=0)"
        weights = statement(source, f"dJ_dlayer{k}_W")
        assert weights == f"0.1 * layer{k}_W + {below}.T @ {a}"  # Hᵀ G′ + λ W
        if k > 1:
            assert statement(source, f"dJ_dlayer{k - 1}_h") == f"{a} @ layer{k}_W.T"
