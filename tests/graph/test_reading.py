"""Networks that a person built with networkx alone."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from networkx.utils import graphs_equal

import graphdiff as gd
from tests.reference import run


def line() -> nx.MultiDiGraph:
    """y = tanh(W x + b), by hand."""
    dag = nx.MultiDiGraph(name="line", author="me")
    dag.add_node("x", op="input", shape=(3,), colour="red")
    dag.add_node("W", op="parameter", shape=(2, 3))
    dag.add_node("b", op="parameter", value=[1.0, 2.0])
    dag.add_node("Wx", op="matmul")
    dag.add_node("z", op="add")
    dag.add_node("y", op="tanh", output=True)
    dag.add_edge("W", "Wx", 0)
    dag.add_edge("x", "Wx", 1, weight=7)
    dag.add_edge("Wx", "z", 0)
    dag.add_edge("b", "z", 1)
    dag.add_edge("z", "y", 0)
    return dag


W, X = np.arange(6.0).reshape(2, 3) / 10, np.array([1.0, -1.0, 2.0])


def test_a_network_built_by_hand() -> None:
    g = gd.Graph.from_networkx(line())
    assert repr(g) == "<Graph 'line': 6 nodes, 1 input, 2 parameters, output y>"
    assert g["y"].shape == (2,)
    np.testing.assert_allclose(run(g, x=X, W=W)["y"], np.tanh(W @ X + [1, 2]))


def test_what_was_given_is_not_changed_and_what_else_was_said_is_kept() -> None:
    dag = line()
    before = dag.copy()
    g = gd.Graph.from_networkx(dag)
    assert graphs_equal(dag, before)
    assert g.dag.graph["author"] == "me"
    assert g.dag.nodes["x"]["colour"] == "red"
    assert g.dag.edges["x", "Wx", 1] == {"weight": 7}
    assert graphs_equal(gd.Graph.from_networkx(g.dag).dag, g.dag)


def test_edges_may_be_added_in_any_order() -> None:
    dag = nx.MultiDiGraph()
    dag.add_edge("b", "y", 1)
    dag.add_edge("a", "y", 0)
    dag.add_node("y", op="subtract", output="difference")
    dag.add_node("a", op="input", shape=())
    dag.add_node("b", op="input", shape=())
    g = gd.Graph.from_networkx(dag)
    assert run(g, a=5.0, b=3.0) == {"difference": 2.0}
    assert g.order() == ["b", "a", "y"]


def test_a_digraph_says_positions_in_the_attribute_operand() -> None:
    dag = nx.DiGraph()
    dag.add_node("a", op="input", shape=())
    dag.add_node("b", op="input", shape=())
    dag.add_node("y", op="subtract")
    dag.add_node("z", op="multiply", output=True)
    dag.add_edge("b", "y", operand=1)
    dag.add_edge("a", "y", operand=0)
    dag.add_edge("y", "z", operand=(0, 1), weight=2)
    g = gd.Graph.from_networkx(dag)
    assert run(g, a=5.0, b=3.0) == {"z": 4.0}
    assert g.dag["y"]["z"] == {0: {"weight": 2}, 1: {"weight": 2}}
    multi = gd.Graph.from_networkx(nx.MultiDiGraph(dag))
    assert run(multi, a=5.0, b=3.0) == {"z": 4.0}


def test_the_one_operand_of_a_digraph_needs_no_position() -> None:
    dag = nx.DiGraph([("x", "y")])
    dag.add_node("x", op="input", shape=("t",))
    dag.add_node("y", op="exp", output=True)
    assert gd.Graph.from_networkx(dag)["y"].shape == ("t",)


def test_outputs_may_be_declared_later() -> None:
    dag = line()
    del dag.nodes["y"]["output"]
    g = gd.Graph.from_networkx(dag)
    assert g.outputs == {}
    assert g.output("y", g["y"]).name == "y"
    g.output("J", np.sum(g["y"]))
    assert list(gd.gradient(g, of="J").outputs) == ["y", "J", "dJ/dW", "dJ/db"]


def test_nodes_added_with_networkx_to_a_graph() -> None:
    g = gd.Graph.from_networkx(line())
    g.dag.add_node("norm", op="sum", axis=-1, output="J")
    g.dag.add_node("squares", op="square")
    g.dag.add_edge("y", "squares", 0)
    g.dag.add_edge("squares", "norm", 0)
    g = gd.Graph.from_networkx(g.dag)
    assert list(g.outputs) == ["y", "J"]
    assert g.order()[-2:] == ["squares", "norm"]
    assert g["norm"].params == {"axis": None, "keepdims": False}
    found = run(g, x=X, W=W)
    assert found["J"] == pytest.approx(np.sum(found["y"] ** 2))


def test_parameters_of_ops_are_attributes() -> None:
    dag = nx.DiGraph()
    dag.add_node("x", op="input", shape=(4, 3), dtype="float32")
    for name, attributes in {
        "softmax": {"axis": np.int64(-1)},
        "sum": {"axis": [0, 1], "keepdims": True},
        "reshape": {"shape": [-1]},
        "slice": {"index": (slice(1, None), ..., 0)},
        "astype": {"dtype": np.float64},
        "transpose": {"axes": [1, 0]},
    }.items():
        dag.add_node(name, op=name, output=True, **attributes)
        dag.add_edge("x", name)
    g = gd.Graph.from_networkx(dag)
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    found = run(g, x=x)
    np.testing.assert_array_equal(found["sum"], [[x.sum()]])
    np.testing.assert_array_equal(found["reshape"], x.ravel())
    np.testing.assert_array_equal(found["slice"], x[1:, 0])
    np.testing.assert_array_equal(found["transpose"], x.T)
    assert found["astype"].dtype == np.float64
    assert g["softmax"].params == {"axis": 1}
    assert graphs_equal(gd.Graph.from_networkx(g.dag).dag, g.dag)


def test_shapes_and_dtypes_of_results_may_be_stated() -> None:
    dag = line()
    dag.nodes["y"].update(shape=(2,), dtype="float64")
    assert gd.Graph.from_networkx(dag)["y"].shape == (2,)


def test_node_keys_that_are_no_strings() -> None:
    dag = nx.DiGraph()
    dag.add_node(0, op="input", shape=())
    dag.add_node(1, op="tanh")
    dag.add_node(("layer", 2), op="exp", output=True)
    dag.add_node(2.5, op="sin", output="last")
    dag.add_edges_from([(0, 1), (1, ("layer", 2)), (("layer", 2), 2.5)])
    g = gd.Graph.from_networkx(dag)
    assert list(g.dag) == ["input_0", "tanh_1", "layer_2", "2.5"]
    assert {name: t.name for name, t in g.outputs.items()} == {"layer_2": "layer_2", "last": "2.5"}
    assert [g.dag.nodes[node]["named"] for node in g.order()] == [False, False, True, True]


def test_pythons_numbers_are_weak() -> None:
    dag = nx.DiGraph()
    dag.add_node("x", op="input", shape=(2,), dtype="float32")
    dag.add_node("two", op="constant", value=2)
    dag.add_node("y", op="multiply", output=True)
    dag.add_edge("x", "y", operand=0)
    dag.add_edge("two", "y", operand=1)
    g = gd.Graph.from_networkx(dag)
    assert g["y"].dtype == g["two"].dtype == np.float32
    assert graphs_equal(gd.Graph.from_networkx(g.dag).dag, g.dag)
    dag.nodes["two"]["dtype"] = "float64"
    assert gd.Graph.from_networkx(dag)["y"].dtype == np.float64
    dag.nodes["two"].update(value=np.float64(2), dtype=None)
    assert gd.Graph.from_networkx(dag)["y"].dtype == np.float64


def test_a_long_chain_needs_no_recursion() -> None:
    dag = nx.path_graph(5_000, create_using=nx.DiGraph)
    nx.set_node_attributes(dag, "sin", "op")
    dag.nodes[0].update(op="input", shape=())
    assert len(gd.Graph.from_networkx(dag)) == 5_000


def _with(**changes: Any) -> Any:
    """The network by hand, with other attributes of a node; None takes one away."""

    def change(dag: nx.MultiDiGraph) -> None:
        for node, attributes in changes.items():
            dag.nodes[node].update(attributes)
            for key in [key for key, value in attributes.items() if value is None]:
                del dag.nodes[node][key]

    return change


def _removed(dag: nx.MultiDiGraph) -> None:
    dag.remove_edge("b", "z", 1)


def _doubled(dag: nx.MultiDiGraph) -> None:
    dag.add_edge("x", "z", "later", operand=1)


def _gap(dag: nx.MultiDiGraph) -> None:
    dag.add_edge("x", "z", 3)


def _unkeyed(dag: nx.MultiDiGraph) -> None:
    dag.add_edge("x", "y", "first")


def _many(dag: nx.MultiDiGraph) -> None:
    dag.add_edge("x", "y", 1)


def _cycle(dag: nx.MultiDiGraph) -> None:
    dag.remove_edge("b", "z", 1)
    dag.add_edge("y", "z", 1)


def _loop(dag: nx.MultiDiGraph) -> None:
    dag.remove_edge("b", "z", 1)
    dag.add_edge("z", "z", 1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (_cycle, gd.GraphError, "the graph has a cycle"),
        (_cycle, gd.GraphError, "got: z → y → z"),
        (_loop, gd.GraphError, "got: z → z"),
        (_removed, gd.GraphError, "node 'z' (add): operand 1 is missing"),
        (_removed, gd.GraphError, "expected: 0 = a, 1 = b"),
        (_removed, gd.GraphError, "got: 0 = Wx"),
        (_gap, gd.GraphError, "node 'z' (add): operand 2 is missing"),
        (_doubled, gd.GraphError, "node 'z' (add): operand 1 is given twice"),
        (_doubled, gd.GraphError, "got: 'b' and 'x'"),
        (_unkeyed, gd.GraphError, "the edge from 'x' has no operand position"),
        (_many, gd.GraphError, "node 'y' (tanh): too many operands"),
        (_with(y={"op": "tahn"}), gd.GraphError, "node 'y': there is no op 'tahn'"),
        (_with(y={"op": "reshap"}), gd.GraphError, "did you mean 'reshape'"),
        (_with(y={"op": ["tanh"]}), gd.GraphError, "there is no op ['tanh']"),
        (_with(y={"op": None}), gd.GraphError, "node 'y': the node has no op"),
        (_with(W={"shape": (3, 3)}), gd.ShapeError, "node 'z' (add): operands do not broadcast"),
        (_with(W={"shape": (3, 2)}), gd.ShapeError, "node 'Wx' (matmul): operands do not fit"),
        (_with(W={"shape": (3, 2)}), gd.ShapeError, "W: float64 (3, 2), x: float64 (3,)"),
        (_with(x={"shape": None}), gd.ShapeError, "node 'x' (input): the shape is not given"),
        (_with(x={"shape": "a b"}), gd.ShapeError, "'a b' is not a dimension"),
        (_with(x={"dtype": "float16"}), gd.DTypeError, "dtype not supported"),
        (_with(x={"value": 1.0}), gd.GraphError, "a node of the op 'input' has no value"),
        (_with(y={"value": 1.0}), gd.GraphError, "a node of the op 'tanh' has no value"),
        (_with(b={"value": [1, "a"]}), gd.DTypeError, "node 'b' (parameter)"),
        (_with(b={"shape": (3,)}), gd.ShapeError, "the value does not fit the declared shape"),
        (_with(b={"op": "constant", "value": None}), gd.GraphError, "a constant needs a value"),
        (_with(y={"axis": 1}), gd.GraphError, "node 'y' (tanh): there is no parameter 'axis'"),
        (_with(y={"op": "sum", "axes": 0}), gd.GraphError, "did you mean 'axis'?"),
        (_with(y={"op": "sum", "axis": 5}), gd.ShapeError, "node 'y' (sum): there is no axis 5"),
        (_with(y={"op": "reshape"}), gd.GraphError, "the parameter 'shape' is missing"),
        (_with(y={"params": 3}), gd.GraphError, "params is no dict"),
        (_with(y={"shape": (3,)}), gd.ShapeError, "the declared shape is not what the op gives"),
        (_with(y={"dtype": "float32"}), gd.DTypeError, "the declared dtype is not what the op"),
        (_with(y={"output": 3}), gd.GraphError, "the output's name 3 is taken, or is no name"),
        (_with(y={"output": "x"}), gd.GraphError, "the output's name 'x' is taken"),
        (_with(z={"output": "y"}), gd.GraphError, "the output's name 'y' is taken"),
        (_with(z={"declared": "first"}), gd.GraphError, "the attribute 'declared' is graphdiff's"),
        (lambda dag: dag.graph.update(outputs=["y"]), gd.GraphError, "'outputs' is no dict"),
        (lambda dag: dag.graph.update(outputs={"J": "q"}), gd.GraphError, "'J' names no node"),
        (lambda dag: dag.graph.update(name=5), gd.GraphError, "5 is not a name"),
    ],
)
def test_what_is_wrong_is_named(change: Any, error: type[Exception], message: str) -> None:
    dag = line()
    change(dag)
    with pytest.raises(error) as caught:
        gd.Graph.from_networkx(dag)
    assert message in str(caught.value)
    assert "test_reading.py:" in str(caught.value)


@pytest.mark.parametrize("other", [nx.Graph(), None, gd.Graph(), {"x": []}])
def test_what_is_no_directed_graph(other: Any) -> None:
    with pytest.raises(gd.GraphError, match="not a directed networkx graph"):
        gd.Graph.from_networkx(other)


def test_two_nodes_of_one_name() -> None:
    dag = nx.DiGraph()
    dag.add_node("input_1", op="input", shape=())
    dag.add_node(1, op="input", shape=())
    with pytest.raises(gd.GraphError, match="'input_1' of the node 1 is taken"):
        gd.Graph.from_networkx(dag)


def test_a_long_cycle_is_shortened() -> None:
    dag = nx.cycle_graph(1000, create_using=nx.DiGraph)
    with pytest.raises(gd.GraphError) as caught:
        gd.Graph.from_networkx(dag)
    assert "the graph has a cycle" in str(caught.value)
    assert "→ … →" in str(caught.value)
    assert len(str(caught.value)) < 400
