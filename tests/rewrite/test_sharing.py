"""Common subexpressions, also those that are common only after something else was rewritten."""

from __future__ import annotations

import random

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.rewrite import DEFAULT, rewritten, share


def random_graph(seed: int) -> gd.Graph:
    """A gradient with sums of equal things that are written in several ways."""
    draw = random.Random(seed)
    g = gd.Graph("random")
    values = [g.parameter("w", (3, 3)), g.parameter("u", (3,))]
    unary = [
        lambda a: a * 1.0, lambda a: a + 0.0, lambda a: -(0.0 - a), lambda a: a.T.T, np.tanh,
        lambda a: 2.0 * a, lambda a: a + a, lambda a: a**2, lambda a: a * a, np.exp,
        lambda a: a * np.ones(3), lambda a: a + np.array([1.0, 2.0, 3.0]),
    ]  # fmt: skip
    for _ in range(30):
        a, b = draw.choice(values[-12:]), draw.choice(values)
        values.append(
            draw.choice(unary)(a) if draw.random() < 0.6 else np.tanh(a) + b * draw.choice([1, 2])
        )
        if draw.random() < 0.1 and values[-1].op != "parameter":
            values[-1] = values[-1].named(f"h{len(values)}")
    g.output("J", sum(np.sum(np.tanh(value)) for value in values[2:]))
    return gd.gradient(g, of="J", disconnected="zero")


@pytest.mark.parametrize("seed", range(30))
def test_nothing_is_left_to_share(seed: int) -> None:
    """Though the last pass looks only at what the one before it has changed."""
    graph = rewritten(random_graph(seed), DEFAULT)
    assert len(share(graph)) == len(graph)


@pytest.mark.parametrize("seed", range(5))
def test_shared_values_are_those_of_the_plain_graph(seed: int) -> None:
    graph = random_graph(seed)
    rng = np.random.default_rng(seed)
    values = {"w": 0.1 * rng.normal(size=(3, 3)), "u": 0.1 * rng.normal(size=3)}
    plain = gd.compile(graph, rewrites=())(**values)
    for name, value in gd.compile(graph)(**values).items():
        np.testing.assert_allclose(value, plain[name], rtol=1e-12)


def test_what_becomes_equal_is_shared_step_after_step() -> None:
    """Two chains whose beginnings are equal once a factor of 1 is gone are one in the end."""
    g = gd.Graph("chains")
    w = g.parameter("w", (3,))
    one, other = w * 1.0, w
    for _ in range(500):
        one, other = np.sin(one), np.sin(other)
    g.output("y", one + np.exp(other))
    graph = rewritten(g, DEFAULT)
    ops = [op for _, op in graph.dag.nodes(data="op")]
    assert ops.count("sin") == 500
