"""Paths and what they cost, against enumeration; the sum over paths, against the reverse sweep."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd

UNARY = (np.tanh, np.sin, np.negative, np.square)
BINARY = (np.multiply, np.add, np.subtract)


@st.composite
def scalar_graphs(draw, largest=9, inputs=2):
    """A random network of scalars, with parallel edges; its last node is the output ``z``."""
    g = gd.Graph("random")
    values = [g.input(name) for name in "uvw"[:inputs]]
    for _ in range(draw(st.integers(1, largest))):
        a, b = (values[draw(st.integers(0, len(values) - 1))] for _ in range(2))
        if draw(st.booleans()):
            values.append(draw(st.sampled_from(UNARY))(a))
        else:
            values.append(draw(st.sampled_from(BINARY))(a, b))
    g.output("z", values[-1])
    return g


def all_paths(g, u, v):
    dag, u, v = g.dag, g[u].name, g[v].name
    return [()] if u == v else list(nx.all_simple_edge_paths(dag, u, v))


def dense(depth):
    """Layers of two values, each a function of both values of the layer before."""
    g = gd.Graph("dense")
    layer = [g.input("w")] * 2
    for _ in range(depth):
        layer = [layer[0] + layer[1], layer[0] * layer[1]]
    return g, g.output("z", layer[0])


@given(scalar_graphs())
def test_paths_and_products_are_those_of_enumeration(g):
    for source in ("u", "v"):
        paths = all_paths(g, source, "z")
        assert gd.count_paths(g, source, "z") == len(paths)
        found = gd.blowup(g, "z", source)
        assert found.paths == len(paths)
        assert found.multiplications == sum(len(path) - 1 for path in paths)
        edges = {edge for path in paths for edge in path}
        assert found.products == found.sweep == len(edges)
        assert found.longest == max(map(len, paths), default=0)
        if paths:
            assert found.ratio == found.multiplications / len(edges)
            G = gd.gradient(g, "z", source, rewrites=())
            assert G.report().path_edges == len(edges)


@settings(max_examples=30)
@given(scalar_graphs(largest=7), st.floats(-1, 1), st.floats(-1, 1))
def test_the_sum_over_paths_is_the_gradient(g, u, v):
    wrt = [name for name in ("u", "v") if gd.count_paths(g, name, "z")]
    naive = gd.compile(gd.path_sum(g, "z", wrt), rewrites=())
    swept = gd.compile(gd.gradient(g, "z", wrt, rewrites=()))
    given = {"u": u, "v": v}
    for name, value in swept(**given).items():
        np.testing.assert_allclose(naive(**given)[name], value, rtol=1e-9, atol=1e-9)


def network():
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", (2,))
    w, b = g.parameter("w", (2,)), g.parameter("b", ())
    h = np.maximum(0, x @ W + c).named("h")
    k = np.tanh(h @ W) * h + np.where(h > 0.3, np.sqrt(h + 1), 0.0)
    g.output("J", np.mean((k @ w + b - y) ** 2))
    return g


def test_the_sum_over_paths_of_a_network_of_arrays():
    g, rng = network(), np.random.default_rng(0)
    given = {name: rng.normal(size=[4 if n == "t" else n for n in t.shape])
             for name, t in [*g.inputs.items(), *g.parameters.items()]}  # fmt: skip
    naive = gd.compile(gd.path_sum(g, of="J"), rewrites=())(**given)
    swept = gd.compile(gd.gradient(g, of="J"))(**given)
    assert naive.keys() == swept.keys() == {"J", "dJ/dW", "dJ/dc", "dJ/dw", "dJ/db"}
    for name, value in swept.items():
        np.testing.assert_allclose(naive[name], value, rtol=1e-12, atol=1e-14)
        assert naive[name].shape == value.shape


def test_costs_of_arrays_are_formulas_in_their_dimensions():
    g = gd.Graph()
    x = g.input("x", ("t", "n"))
    W = g.parameter("W", ("n",))
    J = g.output("J", np.sum(np.tanh(x @ W)))
    found = gd.blowup(g, J, W)
    # 1 x t times the diagonal of tanh, then times t x n
    assert sympy.simplify(sympy.sympify(str(found.multiplications)) - sympy.sympify("t + t*n")) == 0
    assert gd.blowup(g, J, W, sizes={"t": 5, "n": 3}).multiplications == 5 + 15
    with pytest.raises(gd.GradientError, match="named dimensions"):
        _ = found.ratio


def test_figure_6_9_is_one_path():
    g = gd.Graph("chain")
    w = g.input("w")
    z = g.output("z", np.tanh(np.tanh(np.tanh(w))))
    found = gd.blowup(g, of=z, wrt=w)
    assert (found.paths, found.multiplications, found.products) == (1, 2, 3)
    assert found.ratio == pytest.approx(2 / 3)


@pytest.mark.parametrize("depth", [1, 5, 64, 300])
def test_layers_of_width_w_have_w_to_the_depth_paths(depth):
    g, z = dense(depth)
    assert gd.count_paths(g, "w", z) == 2**depth
    found = gd.blowup(g, z, "w")
    assert found.multiplications == 2**depth * (depth - 1)
    assert found.products == 4 * depth - 2
    assert f"{depth * 4 - 2} products" in repr(found)


@pytest.mark.parametrize("width", [3, 5])
def test_layers_of_any_width(width):
    g = gd.Graph("wide")
    layer = [g.input("w")]
    for _ in range(4):
        sums = []
        for _ in range(width):
            total = layer[0]
            for value in layer[1:]:
                total = total + value
            sums.append(np.tanh(total))
        layer = sums
    z = g.output("z", sum(layer[1:], layer[0]))
    assert gd.count_paths(g, "w", z) == width**4


def test_a_ratio_no_float_can_hold_is_infinite():
    g, z = dense(1200)
    assert gd.blowup(g, z, "w").ratio == np.inf


def test_what_no_derivative_flows_along_does_not_count():
    g = gd.Graph()
    x = g.input("x")
    z = g.output("z", np.where(x > 0, x * 2.0, 3.0))
    i = g.input("i", (), "int64")
    assert gd.count_paths(g, x, z) == 1
    assert gd.count_paths(g, x, x) == 1
    assert gd.count_paths(g, z, x) == 0
    assert gd.count_paths(g, i, z) == 0
    nothing = gd.blowup(g, z, i)
    assert (nothing.paths, nothing.multiplications, nothing.products) == (0, 0, 0)
    assert np.isnan(nothing.ratio)


def test_nothing_recurses_along_a_long_chain():
    g = gd.Graph("long")
    z = g.input("w")
    for _ in range(100_000):
        z = np.tanh(z)
    g.output("z", z)
    assert gd.count_paths(g, "w", "z") == 1
    assert gd.blowup(g, "z", "w").multiplications == 99_999


def test_too_many_paths_are_refused_with_their_number():
    g, z = dense(40)
    with pytest.raises(gd.GradientError, match=str(2**40)):
        gd.path_sum(g, z, "w")
    with pytest.raises(gd.GradientError, match=r"about 1\.14e602 paths"):
        gd.path_sum(*dense(2_000), "w")
    with pytest.raises(gd.GradientError, match="at most 7"):
        gd.path_sum(dense(3)[0], "z", "w", max_paths=7)
    assert gd.path_sum(dense(3)[0], "z", "w", max_paths=8)


def test_nothing_is_shared():
    g, z = dense(4)
    naive = gd.path_sum(g, z, "w")
    for node, attributes in naive.dag.nodes(data=True):
        if attributes["phase"] == "gradient":
            assert naive.dag.out_degree(node) <= 1, node


def test_errors_say_what_is_wrong():
    g, z = dense(2)
    with pytest.raises(gd.GraphError, match="no node"):
        gd.count_paths(g, "ww", z)
    with pytest.raises(gd.GraphError, match="does not name"):
        gd.count_paths(g, 3, z)
    with pytest.raises(gd.GraphError, match="another graph"):
        gd.count_paths(gd.Graph(), z, z)
    with pytest.raises(gd.GradientError, match="only a scalar"):
        gd.blowup(network(), "h", "W")
    g.input("alone")
    with pytest.raises(gd.GradientError, match="does not depend"):
        gd.path_sum(g, z, "alone")


@pytest.mark.parametrize(
    "call",
    [
        lambda: gd.gradient(None, of="J"),
        lambda: gd.count_paths(None, "x", "y"),
        lambda: gd.blowup(None, of="y", wrt="x"),
        lambda: gd.path_sum(None, of="y", wrt="x"),
        lambda: gd.eliminate(None, of="y", wrt="x"),
        lambda: gd.expression(None, of="y", wrt="x"),
    ],
)
def test_what_is_no_graph_is_refused(call):
    with pytest.raises(gd.GraphError, match="only a graph has derivatives"):
        call()
