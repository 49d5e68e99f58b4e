import networkx as nx
import pytest

from graphdiff.errors import GraphdiffError, GraphError, PlanError
from graphdiff.planning.problem import Problem, problem_from_dag
from graphdiff.planning.schedule import make_plan, measure, simulate, with_frees

# a (4 bytes) → b (2) → d (1), a → c (8) → d
DIAMOND = Problem(tuple("abcd"), ((), (0,), (0,), (1, 2)), (4, 2, 8, 1), (1, 10, 100, 1000), (3,))


def test_operands_and_result_are_resident_while_a_node_runs():
    steps = with_frees(DIAMOND, [0, 1, 2, 3])
    assert steps == [
        ("compute", 0),
        ("compute", 1),
        ("compute", 2),
        ("free", 0),
        ("compute", 3),
        ("free", 1),
        ("free", 2),
    ]
    trace = simulate(DIAMOND, steps)
    assert trace.timeline == (4, 6, 14, 10, 11, 9, 1)
    assert (trace.peak, trace.cost) == (14, 1111)


def test_a_value_is_freed_before_it_is_computed_again():
    chain = Problem(tuple("abc"), ((), (0,), (0, 1)), (5, 1, 1), (1, 1, 1), (2,))
    steps = with_frees(chain, [0, 1, 0, 2])
    assert steps[:4] == [("compute", 0), ("compute", 1), ("free", 0), ("compute", 0)]
    assert simulate(chain, steps).cost == 4


def test_outputs_stay():
    chain = Problem(tuple("ab"), ((), (0,)), (5, 1), (1, 1), (0, 1))
    assert with_frees(chain, [0, 1]) == [("compute", 0), ("compute", 1)]
    # An output may also be dropped and computed again.
    wide = Problem(tuple("abc"), ((), (0,), (1,)), (5, 1, 1), (1, 1, 1), (0, 2))
    assert with_frees(wide, [0, 1, 2, 0])[2] == ("free", 0)


def test_useless_computations_are_left_out():
    assert with_frees(DIAMOND, [0, 1, 2, 1, 3]) == with_frees(DIAMOND, [0, 2, 1, 3])


def test_measure_agrees_with_simulate():
    for sequence in ([0, 1, 2, 3], [0, 2, 0, 1, 3], [0, 1, 0, 2, 3]):
        trace = simulate(DIAMOND, with_frees(DIAMOND, sequence))
        assert measure(DIAMOND, sequence) == (trace.peak, trace.cost)


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([("compute", 1)], "operand 'a' is not in memory"),
        ([("compute", 0), ("compute", 0)], "computed while it is in memory"),
        ([("free", 0)], "freed while it is not in memory"),
        ([("compute", 0)], "output is not in memory at the end"),
    ],
)
def test_a_schedule_that_breaks_a_rule_is_refused(steps, what):
    with pytest.raises(PlanError, match=what):
        simulate(DIAMOND, steps)


def test_a_plan_speaks_of_the_users_nodes():
    plan = make_plan(DIAMOND, [0, 1, 0, 2, 3], lower_bound=1111, strategy="x", proof="")
    assert plan.steps[0] == ("compute", "a")
    assert plan.recomputed == ("a",)
    assert plan.stored == ("b", "c", "d")
    assert plan.computations == {"a": 2, "b": 1, "c": 1, "d": 1}
    assert plan.gap == pytest.approx(1 / 1112)
    assert len(plan.timeline) == len(plan.steps)
    assert "peak 14 bytes" in repr(plan)


def test_the_given_order_is_kept():
    dag = nx.DiGraph()
    dag.add_nodes_from("zyx", size=1, cost=1)
    dag.add_edge("x", "z")
    assert problem_from_dag(dag).names == ("y", "x", "z")


def test_parallel_edges_are_one_operand():
    dag = nx.MultiDiGraph([("x", "y"), ("x", "y")])
    nx.set_node_attributes(dag, 1, "size")
    nx.set_node_attributes(dag, 1, "cost")
    assert problem_from_dag(dag).operands == ((), (0,))


def test_resident_and_unneeded_nodes_are_no_part_of_the_problem():
    dag = nx.DiGraph([("w", "x"), ("x", "y"), ("x", "unneeded"), ("v", "y")])
    nx.set_node_attributes(dag, 1, "size")
    nx.set_node_attributes(dag, 1, "cost")
    dag.add_node("w", resident=True)
    problem = problem_from_dag(dag, ["y"], resident=["v"])
    assert problem.names == ("x", "y")
    assert problem.operands == ((), (0,))


def _dag(**attributes):
    dag = nx.DiGraph([("a", "b")])
    nx.set_node_attributes(dag, 1, "size")
    nx.set_node_attributes(dag, 1, "cost")
    dag.nodes["b"].update(attributes)
    return dag


@pytest.mark.parametrize(
    "attributes",
    [
        {"size": None},
        {"size": -1},
        {"size": 1.5},
        {"size": "4"},
        {"cost": None},
        {"cost": -0.5},
        {"cost": float("nan")},
        {"cost": float("inf")},
    ],
)
def test_sizes_and_costs_are_checked(attributes):
    with pytest.raises(GraphError, match="b") as caught:
        problem_from_dag(_dag(**attributes))
    assert isinstance(caught.value, GraphdiffError)


def test_a_cycle_is_named():
    dag = _dag()
    dag.add_edge("b", "a")
    with pytest.raises(GraphError, match="cycle"):
        problem_from_dag(dag)


def test_an_undirected_graph_is_refused():
    with pytest.raises(GraphError, match="directed"):
        problem_from_dag(nx.Graph([("a", "b")]))


def test_unknown_nodes_are_refused():
    with pytest.raises(PlanError, match="output 'c'"):
        problem_from_dag(_dag(), ["c"])
    with pytest.raises(PlanError, match="resident node 'c'"):
        problem_from_dag(_dag(), resident=["c"])
