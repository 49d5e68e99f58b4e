"""Against brute force: every schedule of small graphs, by a search that shares no code or idea."""

import random

import pytest

from graphdiff.errors import PlanError
from graphdiff.planning import plan, tradeoff
from tests.planning.oracle import gradient_chain, least_cost, random_dag, run


def _sinks(dag):
    return [v for v in dag if not dag.out_degree(v)]


@pytest.mark.parametrize("seed", range(160))
def test_optimal_is_optimal_on_random_graphs(seed):
    dag = random_dag(6 + seed % 5, seed)
    outputs = _sinks(dag)
    if seed % 3 == 0:
        outputs = sorted({*outputs, random.Random(seed).choice(list(dag))})
    curve = tradeoff(dag, outputs)
    assert curve.complete
    most = plan(dag, "store", outputs=outputs).peak_bytes
    least = curve.points[0].peak_bytes
    for limit in {least - 1, least, (least + most) // 2, most - 1, most}:
        best = least_cost(dag, outputs, limit)
        if best is None:
            with pytest.raises(PlanError, match=f"at least {least:,} bytes, the smallest"):
                plan(dag, "optimal", limit, outputs)
            continue
        found = plan(dag, "optimal", limit, outputs)
        assert run(dag, outputs, found.steps) == (found.peak_bytes, found.cost)
        assert found.peak_bytes <= limit
        assert (found.cost, found.gap) == (best, 0.0)
        assert min(p.cost for p in curve.points if p.peak_bytes <= limit) == best


@pytest.mark.parametrize("length", [4, 5, 6])
def test_optimal_is_optimal_on_gradient_chains(length):
    dag = gradient_chain(length)
    for limit in range(2, length + 2):
        best = least_cost(dag, ["b1"], limit)
        if best is None:
            with pytest.raises(PlanError):
                plan(dag, "optimal", limit)
        else:
            assert plan(dag, "optimal", limit).cost == best


def test_without_a_limit_nothing_is_computed_twice_and_the_peak_is_least():
    for seed in range(20):
        dag = random_dag(8, seed)
        stored = plan(dag, "store")
        base = sum(cost for _, cost in dag.nodes(data="cost"))
        for strategy in ("optimal", "auto"):
            found = plan(dag, strategy)
            assert (found.cost, found.peak_bytes) == (base, stored.peak_bytes)
            assert not found.recomputed
        assert least_cost(dag, _sinks(dag), stored.peak_bytes) == base
        cheaper = least_cost(dag, _sinks(dag), stored.peak_bytes - 1)
        assert cheaper is None or cheaper > base


def test_costs_may_be_fractions_or_zero():
    dag = gradient_chain(6)
    for i, node in enumerate(dag):
        dag.nodes[node]["cost"] = (i % 3) / 7
    for limit in (4, 5):
        assert plan(dag, "optimal", limit).cost == pytest.approx(least_cost(dag, ["b1"], limit))


def with_free_values(dag, rng):
    """The graph with operands that cost nothing, made of nothing or of others, for one or two."""
    nodes = list(dag)
    for k, node in enumerate(nodes):
        if rng.random() < 0.5:
            dag.add_node(f"free{k}", size=rng.randint(1, 4), cost=0)
            dag.add_edges_from((f"free{k}", user) for user in (node, *nodes[-1:][: k % 2]))
        elif rng.random() < 0.4:
            dag.nodes[node]["cost"] = 0
    return dag


@pytest.mark.parametrize("seed", range(60))
def test_values_that_cost_nothing_are_computed_whenever_they_are_wanted(seed):
    rng = random.Random(seed)
    dag = with_free_values(random_dag(4 + seed % 3, seed), rng)
    outputs = [v for v in dag if not dag.out_degree(v) or rng.random() < 0.1]
    most = plan(dag, "store", outputs=outputs).peak_bytes
    points = tradeoff(dag, outputs).points
    for limit in range(most // 2, most + 1):
        best = least_cost(dag, outputs, limit)
        assert min((p.cost for p in points if p.peak_bytes <= limit), default=None) == best
        if best is None:
            with pytest.raises(PlanError, match="the smallest"):
                plan(dag, "optimal", limit, outputs)
            continue
        found = plan(dag, "optimal", limit, outputs)
        assert run(dag, outputs, found.steps) == (found.peak_bytes, found.cost)
        assert (found.cost, found.gap) == (best, 0.0)


def test_values_may_be_empty():
    dag = gradient_chain(6)
    dag.nodes["f2"]["size"] = dag.nodes["f4"]["size"] = 0
    for limit in (3, 4):
        assert plan(dag, "optimal", limit).cost == least_cost(dag, ["b1"], limit)


def test_an_interrupted_search_gives_what_it_has():
    dag = gradient_chain(40)
    for has_plan in (True, False):

        def interrupt(seconds, cost, bound, has_plan=has_plan):
            if (cost < float("inf")) == has_plan:
                raise KeyboardInterrupt

        if has_plan:
            found = plan(dag, "optimal", 8, progress=interrupt)
            assert found.peak_bytes <= 8
            assert found.gap > 0
        else:
            with pytest.raises(KeyboardInterrupt):
                plan(dag, "optimal", 8, progress=interrupt)


def test_progress_is_told():
    seen = []
    plan(gradient_chain(12), "optimal", 5, progress=lambda *now: seen.append(now))
    assert seen
    seconds, cost, bound = seen[-1]
    assert seconds >= 0
    assert cost == bound
