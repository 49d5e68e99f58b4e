"""Folded problems against brute force."""

import networkx as nx
import pytest

from graphdiff.planning.exact import cheapest
from graphdiff.planning.folding import fold
from graphdiff.planning.moves import Budget
from graphdiff.planning.problem import problem_from_dag
from graphdiff.planning.schedule import measure, simulate, with_frees
from tests.planning.oracle import least_cost, random_dag


def stretched(dag):
    """The graph with one node more on every third edge, and behind every output."""
    for k, (u, v) in enumerate(sorted(dag.edges)):
        if k % 3 == 0:
            dag.remove_edge(u, v)
            dag.add_node(f"m{k}", size=1 + k % 4, cost=1 + k % 3)
            nx.add_path(dag, [u, f"m{k}", v])
    for v in [v for v in dag if not dag.out_degree(v)]:
        dag.add_node(f"end of {v}", size=1, cost=2)
        dag.add_edge(v, f"end of {v}")
    return dag


@pytest.mark.parametrize("seed", range(40))
def test_no_schedule_costs_less_than_the_folded_problem(seed):
    dag = stretched(random_dag(4 + seed % 2, seed))
    outputs = [v for v in dag if not dag.out_degree(v)]
    problem = problem_from_dag(dag, outputs)
    folded = fold(problem)
    assert len(folded.problem) < len(problem)
    assert sorted(node for group in folded.groups for node in group) == [*range(len(problem))]
    peak, _ = measure(problem, range(len(problem)))
    for limit in range(peak // 3, peak + 1):
        best = least_cost(dag, outputs, limit)
        answers = cheapest(folded.problem, limit).answers
        if not answers:
            assert best is None
            continue
        _, cost, sequence = answers[0]
        sequence = folded.unfolded(sequence)
        trace = simulate(problem, with_frees(problem, sequence))
        assert trace.cost == cost
        assert best is None or cost <= best
        if trace.peak <= limit:
            assert best == cost


def network(layers):
    """The gradient graph of layers whose derivatives take a step beside."""
    dag = nx.DiGraph()
    before = None
    for k in range(layers):
        nx.add_path(dag, [v for v in (before, f"z{k}", f"h{k}") if v])
        before = f"h{k}"
    for k in reversed(range(layers)):
        nx.add_path(dag, [f"h{k}", f"square{k}", f"slope{k}", f"d{k}", f"back{k}"])
        dag.add_edge(before, f"d{k}")
        before = f"back{k}"
    nx.set_node_attributes(dag, 8, "size")
    nx.set_node_attributes(dag, {v: 32 if v[0] in "zb" else 1 for v in dag}, "cost")
    return dag


def test_the_folded_problem_is_searched_sooner():
    problem = problem_from_dag(network(7))
    folded = fold(problem)
    whole, small = (cheapest(q, 56, budget=Budget(200_000)) for q in (problem, folded.problem))
    assert whole.answers[0][1] == small.answers[0][1]
    assert measure(problem, folded.unfolded(small.answers[0][2])) == whole.answers[0][:2]
    assert small.states < whole.states / 2
