"""Bounds against brute force, and against what plans take."""

import math

import networkx as nx
import pytest

from graphdiff.planning import plan
from graphdiff.planning.bounds import least_cost, strongest, whole_cost
from graphdiff.planning.problem import problem_from_dag
from tests.planning.oracle import gradient_chain, random_dag
from tests.planning.oracle import least_cost as brute_force


@pytest.mark.parametrize("seed", range(60))
def test_no_schedule_of_a_random_graph_costs_less(seed):
    dag = random_dag(5 + seed % 5, seed)
    outputs = [v for v in dag if not dag.out_degree(v)]
    problem = problem_from_dag(dag, outputs)
    most = plan(dag, "store", outputs=outputs).peak_bytes
    for limit in range(most // 3, most + 1):
        best = brute_force(dag, outputs, limit)
        if best is not None:
            prices = strongest(problem, limit)
            relaxed = least_cost(problem, limit)
            whole = whole_cost(problem, limit, prices, seconds=10)
            assert problem.base_cost <= relaxed <= max(relaxed, whole) <= best


@pytest.mark.parametrize("length", [3, 5, 6])
def test_no_schedule_of_a_gradient_chain_costs_less(length):
    dag = gradient_chain(length)
    problem = problem_from_dag(dag)
    for limit in range(3, length + 3):
        best = brute_force(dag, ["b1"], limit)
        assert best is None or least_cost(problem, limit) <= best


def pairs(layers):
    """The gradient graph of layers of a dear product and a cheap function; the latter is needed."""
    dag = nx.DiGraph()
    before = None
    for k in range(layers):
        dag.add_node(f"z{k}", size=8, cost=100)
        dag.add_node(f"h{k}", size=8, cost=1)
        dag.add_edge(f"z{k}", f"h{k}")
        if before:
            dag.add_edge(before, f"z{k}")
        before = f"h{k}"
    for k in reversed(range(layers)):
        dag.add_node(f"d{k}", size=8, cost=1)
        dag.add_edge(f"h{k}", f"d{k}")
        dag.add_edge(before, f"d{k}")
        before = f"d{k}"
    return dag


def test_what_a_value_is_computed_from_is_counted():
    """A value given up costs its product too, unless the product is held in its stead."""
    layers = 20
    problem = problem_from_dag(pairs(layers))
    for held in (15, 10):
        limit = 8 * held
        # A place or two are taken by what is computed; each value beyond the rest costs 101.
        assert least_cost(problem, limit) - layers * 102 >= 101 * (layers - held)


@pytest.mark.parametrize("places", [18.5, 14.5])
def test_values_are_held_as_a_whole(places):
    """Half a place more holds nothing more, which both bounds see."""
    problem = problem_from_dag(pairs(20))
    bounds = [
        (least_cost(problem, limit), whole_cost(problem, limit, strongest(problem, limit), 10))
        for limit in (8 * int(places), 8 * places)
    ]
    assert bounds[0] == bounds[1]
    found = plan(pairs(20), "auto", memory_limit=8 * places)
    assert found.cost == found.lower_bound == bounds[1][1]


def test_a_value_that_does_not_fit_beside_the_others_takes_the_place_of_one():
    """Places for n values hold n - 1 of them where a small one has to be held as well."""
    dag = pairs(20)
    dag.add_node("small", size=3, cost=10_000)
    dag.add_edge("h19", "small")
    dag.add_edge("small", "d0")
    problem = problem_from_dag(dag)
    one_less, exact, more = (least_cost(problem, 8 * 12 + rest) for rest in (-5, 2, 3))
    assert one_less == exact > more


def test_a_bound_that_there_is_no_time_for_is_a_bound():
    problem = problem_from_dag(pairs(20))
    found = whole_cost(problem, 100, strongest(problem, 100), seconds=0)
    assert problem.base_cost <= found <= whole_cost(problem, 100, strongest(problem, 100), 10)


def test_bounds_of_costs_that_are_fractions_are_not_rounded_up():
    dag = gradient_chain(6)
    for node in dag:
        dag.nodes[node]["cost"] = 0.125
    problem = problem_from_dag(dag)
    bound = least_cost(problem, 5)
    best = brute_force(dag, ["b1"], 5)
    assert problem.base_cost < bound <= best < math.ceil(best)


def test_where_nothing_costs_anything_the_bound_is_zero():
    dag = pairs(90)
    nx.set_node_attributes(dag, 0, "cost")
    found = plan(dag, "auto", memory_limit=8 * 60)
    assert (found.cost, found.lower_bound) == (0, 0)
    problem = problem_from_dag(dag)
    assert whole_cost(problem, 480, strongest(problem, 480), 1) == 0
