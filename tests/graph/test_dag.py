"""A `Graph` is one `networkx.MultiDiGraph`: declarations, names, order, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networkx.utils import graphs_equal

import graphdiff as gd
from tests.reference import run


def xor() -> gd.Graph:
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", value=np.zeros(2))
    w, b = g.parameter("w", (2,)), g.parameter("b", ())
    h = np.maximum(0, x @ W + c).named("h")
    g.output("J", np.mean((h @ w + b - y) ** 2))
    return g


# -- declarations ----------------------------------------------------------------------------------


def test_inputs_parameters_and_outputs_in_the_order_of_declaration() -> None:
    g = xor()
    assert list(g.inputs) == ["x", "y"]
    assert list(g.parameters) == ["W", "c", "w", "b"]
    assert list(g.outputs) == ["J"]
    assert repr(g) == f"<Graph 'xor': {len(g)} nodes, 2 inputs, 4 parameters, output J>"
    assert repr(gd.Graph()) == "<Graph 'graph': 0 nodes, 0 inputs, 0 parameters, no outputs>"
    assert len(g) == len(list(g)) == len(g.dag)
    assert "h" in g
    assert "z" not in g


def test_what_a_node_says() -> None:
    g = xor()
    h = g.dag.nodes["h"]
    assert h["op"] == "maximum"
    assert h["spec"] == gd.Spec.of(("t", 2))
    assert h["phase"] == "forward"
    assert h["named"] is True
    assert "test_dag.py:" in h["origin"]
    assert h["local"] == "h"
    assert dict(g.dag["x"]) == {"matmul_6": {0: {}}}


def test_a_parameter_with_a_value_needs_no_shape() -> None:
    g = gd.Graph()
    assert g.parameter("a", value=[[1, 2]]).spec == gd.Spec.of((1, 2), "int64")
    assert g.parameter("b", value=3.0).spec == gd.Spec.of(())
    assert g.parameter("c", value=[1, 2], dtype="float32").spec == gd.Spec.of((2,), "float32")
    assert g.parameter("d", ("n", 3), value=np.zeros((2, 3))).shape == ("n", 3)
    assert g.parameter("e", 0).shape == (0,)
    value = g["d"].params["value"]
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 1


def test_a_value_is_copied() -> None:
    g, array = gd.Graph(), np.zeros(2)
    g.parameter("a", value=array)
    array[0] = 1
    assert g["a"].params["value"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda g: g.input("x"), gd.GraphError, "the name 'x' is taken"),
        (lambda g: g.parameter("J"), gd.GraphError, "the name 'J' is taken"),
        (lambda g: g.input(""), gd.GraphError, "'' is not a name"),
        (lambda g: g.input("  "), gd.GraphError, "'  ' is not a name"),
        (lambda g: g.input(3), gd.GraphError, "3 is not a name"),
        (lambda g: gd.Graph(""), gd.GraphError, "'' is not a name"),
        (lambda g: gd.Graph(None), gd.GraphError, "None is not a name"),
        (lambda g: g.input("z", (-1,)), gd.ShapeError, "node 'z' (input): a dimension is negative"),
        (lambda g: g.input("z", 2.5), gd.ShapeError, "node 'z' (input): 2.5 is not a shape"),
        (lambda g: g.input("z", ("a b",)), gd.ShapeError, "'a b' is not a dimension"),
        (lambda g: g.input("z", (), "float16"), gd.DTypeError, "got: float16"),
        (lambda g: g.input("z", (), "zz"), gd.DTypeError, "node 'z' (input): 'zz' is not a dtype"),
        (lambda g: g.parameter("z", value="a"), gd.DTypeError, "node 'z' (parameter): dtype not"),
        (lambda g: g.parameter("z", value=[[1], [2, 3]]), gd.DTypeError, "not an array of numbers"),
        (lambda g: g.parameter("z", value=[None]), gd.DTypeError, "got: object"),
        (lambda g: g.parameter("z", value=1.5, dtype=int), gd.DTypeError, "does not fit the dtype"),
        (lambda g: g.parameter("z", value=2**63), gd.DTypeError, "does not fit the dtype"),
        (lambda g: g.parameter("z", (3,), value=[1.0]), gd.ShapeError, "does not fit the declared"),
        (
            lambda g: g.parameter("z", ("n", "n"), value=np.ones((2, 3))),
            gd.ShapeError,
            "expected: float64 (n, n)",
        ),
        (
            lambda g: g.parameter("z", ("n", "2*n"), value=np.ones((2, 3))),
            gd.ShapeError,
            "got: (2, 3)",
        ),
        (lambda g: g.parameter("z", value=g["h"]), gd.GraphError, "is not known yet"),
        (lambda g: g.output("J", g["h"]), gd.GraphError, "there is an output 'J' already"),
        (lambda g: g.output("x", g["h"]), gd.GraphError, "the name 'x' is taken"),
        (
            lambda g: g.output("z", gd.Graph().input("q")),
            gd.GraphError,
            "a tensor of another graph",
        ),
        (lambda g: g["h"].named("x"), gd.GraphError, "the name 'x' is taken"),
        (lambda g: g["h"].named(""), gd.GraphError, "'' is not a name"),
        (lambda g: g["hh"], gd.GraphError, "did you mean 'h'?"),
        (lambda g: g[3], gd.GraphError, "there is no node 3"),
        (lambda g: g.scope("").__enter__(), gd.GraphError, "'' is not a name"),
    ],
)
def test_what_cannot_be_declared(declare: Any, error: type[Exception], message: str) -> None:
    g = xor()
    before = nx.MultiDiGraph(g.dag)
    with pytest.raises(error) as caught:
        declare(g)
    assert message in str(caught.value)
    assert "test_dag.py:" in str(caught.value)
    assert graphs_equal(g.dag, before)


# -- applying --------------------------------------------------------------------------------------


def test_ops_by_name() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 3))
    assert g.apply("softmax", [x], {"axis": 1}).params == {"axis": 1}
    assert g.apply("softmax", [x]).params == {"axis": 1}
    assert g.apply("absolute", [x]).op == "abs"


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (lambda g, x: g.apply("tahn", [x]), "there is no op 'tahn'"),
        (lambda g, x: g.apply(None, [x]), "there is no op None"),
        (lambda g, x: g.apply("tanh", x), "tanh: the operands are not in a list"),
        (lambda g, x: g.apply("tanh", [x, x]), "tanh: wrong number of operands"),
        (lambda g, x: g.apply("gather", []), "gather: wrong number of operands"),
        (lambda g, x: g.apply("gather", [x]), "gather: nothing to gather by"),
        (lambda g, x: g.apply("tanh", [x], {"axis": 1}), "tanh: there is no parameter 'axis'"),
        (lambda g, x: g.apply("reshape", [x]), "reshape: the parameter 'shape' is missing"),
        (lambda g, x: g.apply("slice", [x], {"index": object()}), "slice: not a basic index"),
        (lambda g, x: g.apply("astype", [x], {"dtype": "f2"}), "astype: dtype not supported"),
        (lambda g, x: g.apply("transpose", [x], {"axes": 5}), "transpose: there is no axis 5"),
        (lambda g, x: g.apply("expand_dims", [x], {"axis": None}), "the axis is not given"),
        (lambda g, x: g.apply("where", [x, x, x]), "where: the condition is not boolean"),
        (lambda g, x: g.apply("add", [x, "a"]), "dtype not supported"),
    ],
)
def test_what_cannot_be_applied_leaves_no_trace(apply: Any, message: str) -> None:
    g = gd.Graph()
    x = g.input("x", (4, 3))
    with pytest.raises(gd.GraphdiffError) as caught:
        apply(g, x)
    assert message in str(caught.value)
    assert "test_dag.py:" in str(caught.value)
    with pytest.raises(gd.ShapeError):
        x @ np.ones(5)
    assert list(g.dag) == ["x"]


# -- names -----------------------------------------------------------------------------------------


def test_tensors_follow_when_their_node_is_named() -> None:
    g = gd.Graph()
    a = np.tanh(g.input("x"))
    automatic = a.name
    b = g[automatic]
    assert a.named("a") is a
    assert b.name == "a"
    assert a.operands[0].name == "x"
    with pytest.raises(gd.GraphError):
        g[automatic]


def test_an_automatic_name_may_be_taken_by_the_user_later() -> None:
    g = gd.Graph()
    a = np.tanh(g.input("x"))
    automatic = a.name
    a.named("a")
    z = g.input(automatic, (3,))
    assert (a.name, a.op, a.shape) == ("a", "tanh", ())
    assert (z.name, z.op, z.shape) == (automatic, "input", (3,))


def test_an_automatic_name_steps_aside_for_the_users() -> None:
    g = gd.Graph()
    x = g.input("tanh_1")
    g.output("tanh_3", np.tanh(np.tanh(x)))
    assert len(set(g.dag)) == 3
    assert g["tanh_1"].op == "input"
    assert g["tanh_3"].operands[0].operands[0].name == x.name


def test_an_unnamed_result_takes_the_outputs_name_and_a_named_one_keeps_its_own() -> None:
    g = gd.Graph()
    x = g.input("x")
    y = g.output("y", np.sin(x))
    assert y.name == "y"
    z = g.output("z", y)
    assert z.name == g["z"].name == y.name
    assert g.output("same", x).name == "x"
    assert [tensor.name for tensor in g.outputs.values()] == ["y", "y", "x"]
    with pytest.raises(gd.GraphError, match="the name 'z' is taken"):
        g.input("z")


def test_numbers_and_arrays_can_be_outputs() -> None:
    g = gd.Graph()
    g.output("two", 2.0)
    g.output("ones", np.ones(2))
    found = run(g)
    assert found["two"] == 2.0
    assert found["ones"].tolist() == [1.0, 1.0]


def test_scopes_are_part_of_names() -> None:
    g = gd.Graph()
    with g.scope("encoder"):
        x = g.input("x")
        with g.scope("first"):
            h = np.tanh(x).named("h")
            c = g.constant(2.0, "c")
        z = h + c
    y = np.tanh(z)
    assert [t.name for t in (x, h, c)] == ["encoder/x", "encoder/first/h", "encoder/first/c"]
    scopes = [g.dag.nodes[t.name]["scope"] for t in (x, h, z, y)]
    assert scopes == ["encoder", "encoder/first", "encoder", ""]


def test_naming_a_forward_value_of_a_gradient_graph_renames_it_everywhere() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    a = np.sin(w)
    g.output("J", np.exp(a))
    G = gd.gradient(gd.gradient(g, of="J"), of="dJ/dw")
    G[a.name].named("a")
    G["w"].named("v")
    mentioned = {
        name
        for _, data in G.dag.nodes(data=True)
        for name in (*data.get("of", ()), data.get("via"))
    }
    assert {"a", "v"} <= mentioned
    assert mentioned - {None} <= set(G.dag)
    assert G.dag.graph["derivatives"]["dJ/dw"] == ("J", "v")
    assert graphs_equal(gd.Graph.from_networkx(G.dag).dag, G.dag)


# -- order -----------------------------------------------------------------------------------------


@given(st.randoms(use_true_random=False))
def test_naming_does_not_change_the_order(random: Any) -> None:
    g = gd.Graph()
    tensors = [g.input("x")]
    for _ in range(12):
        a, b = random.choice(tensors), random.choice(tensors)
        tensors.append(random.choice([np.add, np.multiply])(a, b))
    before = [g[node] for node in g.order()]
    for i in random.sample(range(len(tensors)), 6):
        tensors[i].named(f"n{i}")
    assert all(a.name == node for a, node in zip(before, g.order(), strict=True))


def test_the_order_is_that_of_declaration() -> None:
    g = xor()
    assert g.order() == sorted(g.dag, key=lambda node: g.dag.nodes[node]["declared"])
    assert nx.is_directed_acyclic_graph(g.dag)
    place = {node: i for i, node in enumerate(g.order())}
    assert all(place[u] < place[v] for u, v in g.dag.edges())


def test_a_long_chain_needs_no_recursion() -> None:
    g = gd.Graph()
    x = g.input("x", (2,))
    for _ in range(5_000):
        x = np.tanh(x)
    g.output("y", x)
    assert g.order()[-1] == "y"
    assert gd.Graph.from_networkx(g.dag).order() == g.copy().order() == g.order()


# -- copies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("copied", "same_arrays"),
    [
        (gd.Graph.copy, True),
        (copy.copy, True),
        (copy.deepcopy, True),
        (lambda g: gd.Graph.from_networkx(g.dag), True),
        (lambda g: gd.Graph.from_networkx(g.dag.copy()), True),
        (lambda g: pickle.loads(pickle.dumps(g)), False),
    ],
)
@pytest.mark.parametrize("make", [xor, lambda: gd.gradient(xor(), of="J")])
def test_copies_are_equal_and_their_own(copied: Any, same_arrays: bool, make: Any) -> None:
    g = make()
    other = copied(g)
    assert other.order() == g.order()
    assert not same_arrays or graphs_equal(other.dag, g.dag)
    other.input("more")
    other["h"].named("hidden")
    other.output("hidden output", other["hidden"])
    assert "more" not in g
    assert "h" in g
    assert list(g.outputs) == list(make().outputs)
    assert other["x"].graph is other


def test_new_nodes_of_a_copy_have_new_names() -> None:
    g = xor()
    other = g.copy()
    assert (other["h"] + 1).name not in g


# -- networkx --------------------------------------------------------------------------------------


def test_networkx_algorithms_work_on_it() -> None:
    g = xor()
    dag = g.dag
    assert nx.ancestors(dag, "h") >= {"x", "W", "c"}
    assert nx.descendants(dag, "W") >= {"h", "J"}
    assert list(nx.topological_sort(dag))[-1] == "J"
    assert nx.dag_longest_path_length(dag) == len(nx.dag_longest_path(dag)) - 1
    assert set(next(iter(nx.topological_generations(dag)))) >= {"x", "y", "W"}
    assert len(list(nx.all_simple_paths(dag, "W", "J"))) == 1
    assert nx.transitive_reduction(nx.DiGraph(dag)).number_of_nodes() == len(g)
    assert (
        nx.node_link_graph(nx.node_link_data(dag, edges="links"), edges="links").nodes == dag.nodes
    )


def test_a_subgraph_is_a_graph() -> None:
    g = xor()
    part = g.dag.subgraph(nx.ancestors(g.dag, "h") | {"h"}).copy()
    part.graph["outputs"] = {"h": "h"}
    found = gd.Graph.from_networkx(part)
    assert list(found.inputs) == ["x"]
    values = {"x": np.ones((3, 2)), "W": np.eye(2)}
    np.testing.assert_array_equal(run(found, **values)["h"], np.ones((3, 2)))


def test_tensors_follow_their_node_when_its_old_name_is_taken_again() -> None:
    g = gd.Graph()
    sine = np.sin(g.parameter("w"))
    also, old = g[sine.name], sine.name
    sine.named("a")
    cosine = np.cos(also).named(old)
    assert (sine.name, also.name, cosine.name) == ("a", "a", old)
    cosine.named("b")
    root = np.sqrt(cosine).named(old)
    assert (also.op, cosine.op, root.op) == ("sin", "cos", "sqrt")
    assert (also.name, cosine.name, root.name) == ("a", "b", old)
