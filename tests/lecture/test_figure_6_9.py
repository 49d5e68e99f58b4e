"""Figure 6.9: x = f(w), y = f(x), z = f(y), and the derivative of z by w in two forms."""

from __future__ import annotations

import numpy as np
import pytest

import graphdiff as gd


def chain(f):
    g = gd.Graph("figure 6.9")
    w = g.input("w")
    x = f(w).named("x")
    y = f(x).named("y")
    g.output("z", f(y))
    return g


def test_the_two_forms_are_the_lectures():
    g = chain(np.tanh)
    stored = gd.expression(g, of="z", wrt="w", style="stored", names={"tanh": "f"})
    recomputed = gd.expression(g, of="z", wrt="w", style="recomputed", names={"tanh": "f"})
    assert str(stored) == "f'(y) f'(x) f'(w)"
    assert str(recomputed) == "f'(f(f(w))) f'(f(w)) f'(w)"


@pytest.mark.parametrize(
    ("f", "f_prime"),
    [
        (np.tanh, lambda v: 1 - np.tanh(v) ** 2),
        (np.exp, np.exp),
        (np.sin, np.cos),
        (np.square, lambda v: 2 * v),
        (gd.special.relu, lambda v: float(v > 0)),
    ],
)
def test_the_generated_code_computes_them(f, f_prime):
    G = gd.gradient(chain(f), of="z", wrt="w")
    for w in (0.3, -0.2):
        x, y = f(w), f(f(w))
        found = gd.compile(G)(w=w)
        np.testing.assert_allclose(found["z"], f(y), rtol=1e-15)
        np.testing.assert_allclose(found["dz/dw"], f_prime(y) * f_prime(x) * f_prime(w), rtol=1e-14)


def test_the_gradient_graph_stores_and_evaluates_f_three_times():
    G = gd.gradient(chain(np.tanh), of="z", wrt="w")
    assert [op for _, op in G.dag.nodes(data="op")].count("tanh") == 3
    assert G.report().products == 3
    source = gd.compile(G, style="readable").source
    body = source[source.index("def value_and_grad") :].partition("if __name__")[0]
    assert body.count("np.tanh(") == 3
