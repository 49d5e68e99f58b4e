"""Eviction against the model's rules, and the searches against graphs that other ways fail on."""

import math
import random

import networkx as nx
import pytest

from graphdiff.planning import plan
from graphdiff.planning.eviction import TASTES, evicting
from graphdiff.planning.noising import noised
from graphdiff.planning.problem import problem_from_dag
from graphdiff.planning.schedule import measure, simulate, with_frees
from tests.planning.oracle import random_dag
from tests.planning.test_strategies import gradient_of


def u_net(levels):
    """The gradient graph of halvings and doublings that are joined level by level."""
    forward = nx.DiGraph()
    forward.add_node("x", size=2**levels)
    before, saved = "x", []

    def add(name, size, *operands):
        forward.add_node(name, size=size)
        forward.add_edges_from((u, name) for u in operands)
        return name

    for k in range(levels):
        saved.append(add(f"down{k}", 2 ** (levels - k), before))
        before = add(f"half{k}", 2 ** (levels - k - 1), saved[-1])
    before = add("middle", 1, before)
    for k in reversed(range(levels)):
        before = add(f"join{k}", 2 ** (levels - k + 1), before, saved[k])
        before = add(f"up{k}", 2 ** (levels - k), before)
    dag = gradient_of(forward)
    for node in dag:
        of = node[1] if isinstance(node, tuple) else node
        dag.nodes[node].update(size=forward.nodes[of]["size"], cost=forward.nodes[of]["size"])
    return dag


@pytest.mark.parametrize("taste", TASTES)
@pytest.mark.parametrize("seed", range(8))
def test_evictions_keep_to_the_limit_and_the_rules(taste, seed):
    problem = problem_from_dag(random_dag(25, seed))
    order = list(range(len(problem)))
    most = measure(problem, order)[0]
    found = 0
    for share in (1.0, 0.9, 0.8, 0.7):
        limit = int(share * most)
        sequence = evicting(problem, order, limit, taste)
        if sequence is not None:
            found += 1
            trace = simulate(problem, with_frees(problem, sequence))
            assert trace.peak <= limit
            assert trace.cost >= problem.base_cost
    assert found  # with all the memory nothing needs to leave


def test_with_enough_memory_nothing_is_evicted():
    problem = problem_from_dag(u_net(4))
    order = list(range(len(problem)))
    for taste in TASTES:
        assert evicting(problem, order, math.inf, taste) == order


def test_what_does_not_fit_is_not_found():
    dag = nx.DiGraph([("a", "c"), ("b", "c")])
    nx.set_node_attributes(dag, 8, "size")
    nx.set_node_attributes(dag, 1, "cost")
    problem = problem_from_dag(dag)
    assert evicting(problem, [0, 1, 2], 23, TASTES[0]) is None
    assert evicting(problem, [0, 1, 2], 24, TASTES[0]) == [0, 1, 2]


def test_noise_finds_ever_cheaper_schedules_and_the_same_ones_again():
    problem = problem_from_dag(random_dag(60, 4))
    limit = int(0.8 * measure(problem, range(len(problem)))[0])
    start = next(
        found for taste in TASTES
        if (found := evicting(problem, list(range(len(problem))), limit, taste)) is not None
    )  # fmt: skip
    runs = []
    for _ in range(2):
        search = noised(problem, start, limit, deadline=math.inf, seed=3)
        runs.append([next(search) for _ in range(3)])
    assert runs[0] == runs[1]
    costs = [measure(problem, sequence)[1] for sequence in [start, *runs[0]]]
    assert costs == sorted(set(costs), reverse=True)
    assert all(measure(problem, sequence)[0] <= limit for sequence in runs[0])


def test_auto_proves_that_a_u_net_has_no_cheaper_schedule():
    dag = u_net(5)
    limit = plan(dag, "store").peak_bytes * 3 // 4
    found = plan(dag, "auto", limit)
    assert found.gap == 0.0
    assert "because of the memory that has to be held at once" in found.proof


def test_whatever_order_nodes_have_a_limit_is_kept():
    rng = random.Random(5)
    dag = u_net(3)
    stored = plan(dag, "store").peak_bytes
    nodes = list(dag)
    rng.shuffle(nodes)
    shuffled = nx.DiGraph()
    shuffled.add_nodes_from((node, dag.nodes[node]) for node in nodes)
    shuffled.add_edges_from(dag.edges)
    limit = int(0.8 * stored)
    assert plan(shuffled, "auto", limit, time_limit=2).peak_bytes <= limit
