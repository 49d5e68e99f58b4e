"""Networks that the tests draw."""

from __future__ import annotations

import random

import numpy as np

import graphdiff as gd


def xor() -> gd.Graph:
    """The net of Goodfellow et al., *Deep Learning*, section 6.1, and its gradient."""
    g = gd.Graph("xor")
    x = g.input("x", ("t", 2))
    y = g.input("y", ("t",))
    W = g.parameter("W", (2, 2))
    c = g.parameter("c", (2,))
    w = g.parameter("w", (2,))
    b = g.parameter("b", ())
    h = np.maximum(0, x @ W + c).named("h")
    g.output("J", np.mean((h @ w + b - y) ** 2))
    return gd.gradient(g, of="J")


def chain(length: int = 3) -> gd.Graph:
    """Figure 6.9 of the same book: w → x → y → z, and its gradient."""
    g = gd.Graph("chain")
    value = g.input("w")
    for i in range(1, length):
        value = np.tanh(value).named(f"x{i}")
    g.output("z", np.tanh(value))
    return gd.gradient(g, of="z", wrt="w")


def layers(count: int = 3) -> gd.Graph:
    """A net with a scope for each layer, and its gradient."""
    g = gd.Graph("net")
    h, y = g.input("x", ("n", 8)), g.input("y", ("n", 8))
    for i in range(1, count + 1):
        with g.scope(f"layer{i}"):
            W, b = g.parameter("W", (8, 8)), g.parameter("b", (8,))
            a = h @ W + b
            h = np.tanh(a).named("h")
    with g.scope("loss"):
        loss = np.mean((h - y) ** 2)
    g.output("L", loss)
    return gd.gradient(g, of="L")


def softmax() -> gd.Graph:
    """A classifier with labels and a penalty, and its gradient."""
    g = gd.Graph("digits")
    x, label = g.input("x", ("n", 4)), g.input("label", ("n",), dtype="int64")
    W, b = g.parameter("W", (4, 3)), g.parameter("b", (3,))
    z = (x @ W + b).named("z")
    m = np.max(z, axis=1, keepdims=True)
    logp = z - m - np.log(np.sum(np.exp(z - m), axis=1, keepdims=True))
    nll = -np.mean(np.take_along_axis(logp, label[:, None], axis=1))
    g.output("J", nll + 0.01 * np.sum(W**2))
    return gd.gradient(g, of="J")


ODD = ('a<b>&"c"\n', "back\\slash\\n ünï", "\\N <b>x</b> &lt;", "r|{x}", "-->", "a:n", "node")


def odd() -> gd.Graph:
    """Names that would be markup or escapes if they were not escaped."""
    g = gd.Graph('odd <i> & "q" \\G')
    total = g.input("total")
    with g.scope('sc"ope<1>'):
        inner = (total * 2.0).named("<inner>")
    for name in ODD:
        inner = (inner * g.parameter(name)).named(f"{name}!")
    g.output('J "out" <i>', inner)
    return gd.gradient(g, of='J "out" <i>')


def tangle(size: int, seed: int, width: int = 10) -> gd.Graph:
    """A random network of scalars, and its gradient."""
    chance = random.Random(seed)
    g = gd.Graph("tangle")
    first = [g.parameter(f"p{i}") for i in range(width)]
    layer = first
    while len(g) < size:
        layer = [
            np.tanh(chance.choice(layer) * chance.choice(layer) + chance.choice(first))
            for _ in range(width)
        ]
    g.output("J", sum(layer[1:], layer[0]))
    return gd.gradient(g, of="J", disconnected="zero")


def descent() -> gd.Graph:
    """A step of gradient descent on the XOR net: values after the gradient."""
    G = xor()
    for name in list(G.parameters):
        G.output(f"new {name}", G[name] - 0.1 * G.outputs[f"dJ/d{name}"])
    return G
