"""The networks of the demo, declared as a user would declare them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff import special
from graphdiff.graph.dag import Graph

PENALTY = 3e-3  # α of the L² penalty on the digits network's weights


def linear() -> Graph:
    """The linear model of two inputs, J = mean((x w + b − y)²)."""
    g = Graph("linear")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    w, b = g.parameter("w", (2,)), g.parameter("b", ())
    g.output("J", np.mean((x @ w + b - y) ** 2))
    return g


def xor(hidden: int | str = 2) -> Graph:
    """The lecture's network for XOR: one hidden layer of rectifiers and a linear output."""
    g = Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, hidden)), g.parameter("c", (hidden,))
    w, b = g.parameter("w", (hidden,)), g.parameter("b", ())
    h = np.maximum(0, x @ W + c).named("h")
    g.output("J", np.mean((h @ w + b - y) ** 2))
    return g


def classifier() -> Graph:
    """Scores of the ten digits for images of 8 × 8 pixels: 64-H-H-10, H rectifiers a layer."""
    g = Graph("classifier")
    g.output("scores", _layers(g, g.input("x", ("t", 64))))
    return g


def digits() -> Graph:
    """The cost of the classifier: cross-entropy, and L² on the weights but not on the biases."""
    g = Graph("digits")
    x: Any = g.input("x", ("t", 64))
    y: Any = g.input("y", ("t",), dtype="int64")
    log_p = special.log_softmax(_layers(g, x), axis=1).named("log_p")
    W1, W2, W3 = g["W1"], g["W2"], g["W3"]
    penalty: Any = PENALTY / 2 * (np.sum(W1**2) + np.sum(W2**2) + np.sum(W3**2))
    likelihood = np.mean(np.take_along_axis(log_p, y[:, None], axis=1))
    g.output("J", penalty.named("penalty") - likelihood)
    return g


def _layers(g: Graph, x: Any) -> Any:
    """Two layers of rectifiers and a linear one."""
    W1, b1 = g.parameter("W1", (64, "H")), g.parameter("b1", ("H",))
    W2, b2 = g.parameter("W2", ("H", "H")), g.parameter("b2", ("H",))
    W3, b3 = g.parameter("W3", ("H", 10)), g.parameter("b3", (10,))
    h1 = np.maximum(0, x @ W1 + b1).named("h1")
    h2 = np.maximum(0, h1 @ W2 + b2).named("h2")
    return (h2 @ W3 + b3).named("scores")


def chain(steps: int = 3) -> Graph:
    """Figure 6.9: the same function, here tanh, at every step from w to z."""
    g = Graph("chain")
    value: Any = g.input("w")
    for name in _names(steps):
        value = np.tanh(value).named(name)
    g.output("z", value)
    return g


def _names(steps: int) -> list[str]:
    """The values after w: x, y, z, or x1 … z where there are more of them."""
    return ["x", "y", "z"] if steps == 3 else [*(f"x{i}" for i in range(1, steps)), "z"]
