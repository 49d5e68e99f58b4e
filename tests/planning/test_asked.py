"""What a user may ask of a plan, and what is refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd
from tests.planning.oracle import random_dag
from tests.planning.test_executed import SIZES, gated_net


def network() -> gd.Graph:
    g = gd.Graph()
    x, W = g.input("x", ("t", 4)), g.parameter("W", (4, 4))
    g.output("J", np.sum(np.tanh(x @ W).named("h") ** 2))
    return gd.gradient(g, of="J")


def pair(**facts: Any) -> nx.DiGraph:
    dag = nx.DiGraph(["ab"])
    nx.set_node_attributes(dag, 4, "size")
    nx.set_node_attributes(dag, 1, "cost")
    dag.nodes["a"].update(facts)
    return dag


@pytest.mark.parametrize("limit", [Fraction(1000, 3), Decimal(333), np.int64(333), np.float32(333)])
def test_a_limit_is_any_number(limit: Any) -> None:
    assert gd.plan(network(), memory_limit=limit, sizes={"t": 3}).peak_bytes <= 333
    assert gd.plan(pair(), memory_limit=limit).peak_bytes == 8


@pytest.mark.parametrize(
    ("word", "asked", "told"),
    [("memory_limit", x, "number of bytes")
     for x in ("100MB", b"1", [100], {}, 1j, True, np.nan, -1, np.array([1.0]))]
    + [("memory_limit", 0.5, "a share")]
    + [("time_limit", x, "number of seconds") for x in (None, "5", -1, np.nan, True)]
    + [("strategy", x, "no strategy") for x in (["auto"], None, "Store")],
)  # fmt: skip
def test_what_is_no_limit_is_refused(word: str, asked: Any, told: str) -> None:
    for graph, sizes in ((network(), {"t": 3}), (pair(), None)):
        with pytest.raises(gd.PlanError, match=told):
            gd.plan(graph, sizes=sizes, **{word: asked})


@pytest.mark.parametrize("points", [0, -1, 2.5, "3", None, True])
def test_the_number_of_points_is_positive(points: Any) -> None:
    for graph, sizes in ((network(), {"t": 3}), (pair(), None)):
        with pytest.raises(gd.PlanError, match="number of points"):
            gd.tradeoff(graph, sizes, points=points)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"sizes": 5}, "no dict"),
        ({"sizes": "t"}, "no dict"),
        ({"sizes": {"t": 3, 5: 6}}, "no dimension 5"),
        ({"sizes": {"t": 3}, "costs": {}}, "no model"),
    ],
)
def test_what_is_known_of_a_graph_is_checked(words: Any, told: str) -> None:
    for f in (gd.plan, gd.tradeoff):
        with pytest.raises(gd.PlanError, match=told):
            f(network(), **words)


def test_lengths_may_be_numpys() -> None:
    G = network()
    assert gd.plan(G, sizes={"t": np.int64(3)}) == gd.plan(G, sizes={"t": 3})


@pytest.mark.parametrize("rewrites", [5, None, [5], "x"])
def test_rewrites_are_passes(rewrites: Any) -> None:
    for f in (gd.plan, gd.compile):
        with pytest.raises(gd.GraphError, match="no passes"):
            f(network(), rewrites=rewrites)


@pytest.mark.parametrize("facts", [{"size": 10**400}, {"cost": 1e300}, {"size": "4"}, {"cost": -1}])
def test_sizes_and_costs_are_numbers(facts: Any) -> None:
    with pytest.raises(gd.GraphError, match="every node needs a"):
        gd.plan(pair(**facts))


def test_fractions_are_numbers() -> None:
    plan = gd.plan(pair(cost=Fraction(1, 2), size=Fraction(8, 2)))
    assert (plan.cost, plan.peak_bytes) == (1.5, 8)


def test_outputs_are_a_list() -> None:
    with pytest.raises(gd.PlanError, match="no list of nodes"):
        gd.plan(pair(), outputs=5)  # type: ignore[arg-type]  # that is the point


def test_values_of_no_bytes() -> None:
    """Where the gradient pass begins is no question of bytes then."""
    for seed in range(20):
        dag = random_dag(6, seed)
        nx.set_node_attributes(dag, 0, "size")
        for strategy in ("store", "recompute", "sqrt", "revolve", "optimal", "auto"):
            plan = gd.plan(dag, strategy, memory_limit=0)
            assert plan.peak_bytes == 0
            assert plan.cost >= sum(cost for _, cost in dag.nodes(data="cost"))


@pytest.mark.parametrize("plan", [5, "store", [1], nx.DiGraph()])
def test_what_is_no_plan_is_not_compiled(plan: Any) -> None:
    with pytest.raises(gd.CompileError, match="no plan"):
        gd.compile(network(), plan=plan)


def test_steps_that_cannot_be_code_are_refused() -> None:
    G = network()
    plan = gd.plan(G, sizes={"t": 3})
    wrong: list[tuple[Any, str]] = [
        ((), "not in memory at the end"),
        (plan.steps[1:], "is not in memory"),
        (plan.steps + plan.steps, "while it is in memory"),
        ((("free", "h"), *plan.steps), "freed while"),
        ((("compute", "nothing"),), "none of the graph"),
        ((("keep", "h"), *plan.steps), "none of the graph"),
        (5, "none of the graph"),
        (((1, 2, 3),), "none of the graph"),
    ]
    for steps, told in wrong:
        with pytest.raises(gd.PlanError, match=told):
            gd.compile(G, plan=replace(plan, steps=steps))


def test_what_is_to_be_kept_is_refused_with_what_is_enough() -> None:
    """Each value is kept, so nothing can be computed again."""
    dag = nx.path_graph(5, create_using=nx.DiGraph)
    nx.set_node_attributes(dag, 4, "size")
    nx.set_node_attributes(dag, 1, "cost")
    nx.set_node_attributes(dag, "keep", "policy")
    for strategy in ("store", "auto", "optimal"):
        with pytest.raises(gd.PlanError, match="at least 20 bytes, the smallest") as error:
            gd.plan(dag, strategy, memory_limit=19)
        assert "keep()" in str(error.value)
        assert gd.plan(dag, strategy, memory_limit=20).peak_bytes == 20


@pytest.mark.parametrize("share", [0.1, 0.15, 0.2])
def test_what_is_enough_is_less_than_storing_takes(share: float) -> None:
    """For a graph beyond a proof, too; and it is enough, whatever limit was refused."""
    G = gated_net(8)
    store = gd.plan(G, "store", sizes=SIZES)
    with pytest.raises(gd.PlanError, match="bytes are enough") as error:
        gd.plan(G, memory_limit=share * store.peak_bytes, sizes=SIZES, time_limit=0.3)
    enough = int(str(error.value.expected).split()[0].replace(",", ""))
    assert enough < 0.7 * store.peak_bytes
    plan = gd.plan(G, memory_limit=enough, sizes=SIZES, time_limit=0.3)
    assert plan.peak_bytes <= enough
