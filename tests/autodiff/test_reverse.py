"""The gradient graph: what it holds, what it costs, what it refuses."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import sympy

import graphdiff as gd


def xor() -> gd.Graph:
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", (2,))
    w, b = g.parameter("w", (2,)), g.parameter("b")
    h = np.maximum(0, x @ W + c).named("h")
    g.output("J", np.mean((h @ w + b - y) ** 2))
    return g


def test_the_result_is_a_graph_of_the_same_kind() -> None:
    g = xor()
    before = nx.MultiDiGraph(g.dag)
    G = gd.gradient(g, of="J")
    assert nx.utils.graphs_equal(g.dag, before)
    assert list(G.outputs) == ["J", "dJ/dW", "dJ/dc", "dJ/dw", "dJ/db"]
    for name, parameter in g.parameters.items():
        assert G[f"dJ/d{name}"].spec == parameter.spec
    assert nx.is_directed_acyclic_graph(G.dag)
    assert set(g.dag) <= set(G.dag)
    assert nx.utils.graphs_equal(gd.Graph.from_networkx(G.dag).dag, G.dag)


def test_one_product_for_each_edge_on_a_path() -> None:
    g = xor()
    G = gd.gradient(g, of="J")
    reached = set(g.parameters)
    for parameter in g.parameters:
        reached |= nx.descendants(g.dag, parameter)
    on_path = reached & (nx.ancestors(g.dag, "J") | {"J"})
    edges = [(u, v) for u, v in g.dag.edges() if u in on_path and v in on_path]
    assert G.report().path_edges == G.report().products == len(edges) == 11


def test_parallel_edges_count_twice() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    g.output("z", w * w)
    assert gd.gradient(g, of="z").report().products == 2


def test_products_stay_linear_where_paths_double() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    h = w
    for _ in range(60):  # 2**60 paths
        h = np.sin(h) + np.cos(h)
    g.output("z", h)
    assert gd.gradient(g, of="z").report().products == 4 * 60
    f = gd.compile(gd.gradient(g, of="z"))
    h, slope = 0.3, 1.0
    for _ in range(60):
        slope *= np.cos(h) - np.sin(h)
        h = np.sin(h) + np.cos(h)
    assert f(w=0.3)["dz/dw"] == pytest.approx(slope, rel=1e-9, abs=0)


def test_gradient_nodes_know_what_they_are_the_gradient_of() -> None:
    G = gd.gradient(xor(), of="J")
    for name in ("W", "c", "w", "b"):
        node = G[f"dJ/d{name}"].name
        assert name in G.dag.nodes[node]["of"]
        assert G.dag.nodes[node]["seed"] == "J"
        assert G.dag.nodes[node]["phase"] == "gradient"
    assert any("h" in attributes.get("of", ()) for _, attributes in G.dag.nodes(data=True))
    vias = {attributes.get("via") for _, attributes in G.dag.nodes(data=True)}
    assert {"h", "J"} <= vias


def test_by_a_value_in_the_middle() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    h = np.sin(w).named("h")
    g.output("z", h * h * w)
    f = gd.compile(gd.gradient(g, of="z", wrt=["h", "w"]))
    found = f(w=0.7)
    assert found["dz/dh"] == pytest.approx(2 * np.sin(0.7) * 0.7)
    wanted = 2 * np.sin(0.7) * np.cos(0.7) * 0.7 + np.sin(0.7) ** 2
    assert found["dz/dw"] == pytest.approx(wanted)


def test_of_itself_is_one() -> None:
    g = gd.Graph()
    g.output("z", g.parameter("w") * 2.0)
    assert gd.compile(gd.gradient(g, of="z", wrt="z"))(w=1.0)["dz/dz"] == 1.0


def test_tensors_serve_as_names() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    z = np.exp(w)
    G = gd.gradient(g, of=z, wrt=w)
    assert list(G.outputs) == [z.name, f"d{z.name}/dw"]


@pytest.mark.parametrize("order", [2, 3, 4])
def test_derivatives_of_derivatives(order: int) -> None:
    g = gd.Graph()
    w = g.parameter("w")
    z = np.tanh(w) * np.exp(w * w)
    g.output("z", z)
    name = "z"
    for _ in range(order):
        g = gd.gradient(g, of=name, wrt="w")
        name = list(g.outputs)[-1]
    s = sympy.Symbol("w")
    wanted = sympy.diff(sympy.tanh(s) * sympy.exp(s**2), s, order).subs(s, sympy.Rational(3, 10))
    assert gd.compile(g)(w=0.3)[name] == pytest.approx(float(wanted), rel=1e-12)


def test_a_disconnected_parameter_is_an_error_that_names_it() -> None:
    g = gd.Graph()
    g.parameter("unused")
    w = g.parameter("w")
    g.output("z", w * w)
    with pytest.raises(gd.GradientError, match=r"'unused'.*does not depend") as caught:
        gd.gradient(g, of="z")
    assert "test_reverse.py" in str(caught.value)
    assert "disconnected='zero'" in str(caught.value)
    found = gd.compile(gd.gradient(g, of="z", disconnected="zero"))(w=3.0, unused=1.0)
    assert found["dz/dunused"] == 0.0
    assert found["dz/dw"] == 6.0
    with pytest.warns(UserWarning, match="does not depend"):
        gd.gradient(g, of="z", disconnected="warn")
    with pytest.raises(gd.GradientError, match="disconnected is 'no'"):
        gd.gradient(g, of="z", disconnected="no")  # type: ignore[arg-type]  # wrong on purpose


def test_zeros_have_the_shape_and_dtype_of_what_they_are_for() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",), "float32")
    g.parameter("unused", (2, "t"), "float32")
    g.output("z", x.sum())
    f = gd.compile(gd.gradient(g, of="z", wrt=["unused"], disconnected="zero"))
    found = f(x=np.ones(3, np.float32), unused=np.ones((2, 3), np.float32))["dz/dunused"]
    assert found.shape == (2, 3)
    assert found.dtype == np.float32
    assert not found.any()
    found += 1.0  # the caller's own array


def test_what_has_no_gradient_is_refused_with_the_way_out() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",))
    n = g.input("n", (), "int64")
    g.output("y", x * 2.0)
    g.output("k", n * 2)
    g.output("z", x.sum() * n)
    with pytest.raises(gd.GradientError, match="only a scalar") as caught:
        gd.gradient(g, of="y", wrt="x")
    assert "np.sum" in str(caught.value)
    with pytest.raises(gd.GradientError, match="only a float"):
        gd.gradient(g, of="k", wrt="x")
    with pytest.raises(gd.GradientError, match="not a float"):
        gd.gradient(g, of="z", wrt="n")
    with pytest.raises(gd.GradientError, match="no parameter"):
        gd.gradient(g, of="z")
    with pytest.raises(gd.GradientError, match="wrt is empty"):
        gd.gradient(g, of="z", wrt=[])
    with pytest.raises(gd.GraphError, match="no node 'zz'"):
        gd.gradient(g, of="zz", wrt="x")
    with pytest.raises(gd.GraphError, match="another graph"):
        gd.gradient(g, of="z", wrt=gd.Graph().parameter("x"))


def test_only_through_a_comparison_is_disconnected() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    g.output("z", (w > 0.0).astype(np.float64) * 2.0)
    with pytest.raises(gd.GradientError, match="does not depend"):
        gd.gradient(g, of="z")


@pytest.mark.parametrize("at", [0.0, -1.0])
def test_a_branch_not_taken_gives_exactly_zero(at: float) -> None:
    """√x is ∞-steep at 0 and NaN below; neither may reach a gradient that does not use it."""
    g = gd.Graph()
    x = g.parameter("x", (2,))
    root = np.sqrt(x) * 3.0
    g.output("J", np.where(x > 0, root, 0.0).sum())
    with np.errstate(all="ignore"):
        found = gd.compile(gd.gradient(g, of="J"))(x=[at, 4.0])["dJ/dx"]
    np.testing.assert_array_equal(found, [0.0, 0.75])


def test_a_branch_not_taken_behind_a_sum() -> None:
    g = gd.Graph()
    x = g.parameter("x", (2, 2))
    total = np.sum(np.log(x), axis=1)
    g.output("J", np.where(np.min(x, axis=1) > 0, total, 0.0).sum())
    with np.errstate(all="ignore"):
        found = gd.compile(gd.gradient(g, of="J"))(x=[[0.0, 1.0], [2.0, 4.0]])["dJ/dx"]
    np.testing.assert_array_equal(found, [[0.0, 0.0], [0.5, 0.25]])


def test_broadcasting_is_undone_in_every_position() -> None:
    shapes = [(), (1,), (3,), (1, 3), (2, 1), (1, 1), (2, 3)]
    for shape in shapes:
        g = gd.Graph()
        a = g.parameter("a", shape)
        m = g.input("m", (2, 3))
        g.output("J", (np.sin(a) * m + a).sum())
        f = gd.compile(gd.gradient(g, of="J"))
        rng = np.random.default_rng(1)
        av, mv = rng.normal(size=shape), rng.normal(size=(2, 3))
        full = np.cos(av) * mv + 1.0
        lead = full.ndim - len(shape)
        wanted = full.sum(axis=tuple(range(lead)))
        ones = tuple(i for i, n in enumerate(shape) if n == 1 and wanted.shape[i] != 1)
        wanted = wanted.sum(axis=ones, keepdims=True) if ones else wanted
        np.testing.assert_allclose(f(a=av, m=mv)["dJ/da"], wanted, rtol=1e-13)


def test_mixed_dtypes_give_each_gradient_its_own() -> None:
    g = gd.Graph()
    a = g.parameter("a", (3,), "float32")
    b = g.parameter("b", (3,), "float64")
    g.output("J", (a * b).sum())
    found = gd.compile(gd.gradient(g, of="J"))(a=np.ones(3, np.float32), b=[1.0, 2.0, 3.0])
    assert found["dJ/da"].dtype == np.float32
    assert found["dJ/db"].dtype == np.float64


def test_a_long_chain_does_not_recurse() -> None:
    g = gd.Graph()
    h = g.parameter("w")
    for _ in range(5000):
        h = np.sin(h)
    g.output("z", h)
    G = gd.gradient(g, of="z")
    assert G.report().products == 5000
    h, slope = 0.5, 1.0
    for _ in range(5000):
        slope *= np.cos(h)
        h = np.sin(h)
    assert gd.compile(G)(w=0.5)["dz/dw"] == pytest.approx(slope, rel=1e-9)
