"""Edge elimination: optima against brute force over all sequences, Jacobians against jax."""

from __future__ import annotations

import random
from functools import cache

import jax
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.autodiff.elimination_edges import EDGE_RULES, cost_of_edges, search_edges
from graphdiff.autodiff.elimination_orders import Structure, search
from tests.autodiff.functions import FUNCTIONS, graph_of

Edges = frozenset[tuple[int, int]]


def random_structure(seed: int, count: int) -> Structure:
    rng = random.Random(seed)
    sources, sinks = rng.randint(1, 3), rng.randint(1, 3)
    ends = range(count + sources, count + sources + sinks)
    pairs = set()
    for v in range(count):
        above = [*range(v), *range(count, count + sources)]
        pairs |= {(u, v) for u in rng.sample(above, min(len(above), rng.randint(1, 3)))}
    for v in range(count):
        if not any(u == v for u, _ in pairs) or rng.random() < 0.4:
            pairs.add((v, rng.choice(ends)))
    total = count + sources + sinks
    return Structure(
        count,
        tuple(frozenset(u for u, w in pairs if w == v) for v in range(total)),
        tuple(frozenset(w for u, w in pairs if u == v) for v in range(total)),
    )


def least(graph: Structure) -> int:
    """The fewest multiplications over all sequences of edges, at either end, by recursion."""
    inner = set(range(graph.count))

    def pruned(edges: Edges) -> Edges:
        while True:
            kept = frozenset(
                (u, v)
                for u, v in edges
                if (u not in inner or any(w == u for _, w in edges))
                and (v not in inner or any(w == v for w, _ in edges))
            )
            if kept == edges:
                return kept
            edges = kept

    @cache
    def best(edges: Edges) -> int:
        found = []
        for u, v in edges:
            if v in inner:
                below = [w for a, w in edges if a == v]
                rest = pruned(edges - {(u, v)} | {(u, w) for w in below})
                found.append(len(below) + best(rest))
            if u in inner:
                above = [a for a, w in edges if w == u]
                rest = pruned(edges - {(u, v)} | {(a, v) for a in above})
                found.append(len(above) + best(rest))
        return min(found, default=0)

    return best(frozenset((u, w) for u, after in enumerate(graph.after) for w in after))


@pytest.mark.parametrize("seed", range(38))
def test_the_optimum_is_that_of_brute_force(seed: int) -> None:
    graph = random_structure(seed, 2 + seed % 3)
    found = search_edges(graph)
    assert found.how == "proved optimal"
    assert found.cost == found.bound == least(graph) == cost_of_edges(graph, found.edges)
    assert found.cost <= search(graph).cost
    for rule in EDGE_RULES.values():
        assert cost_of_edges(graph, rule(graph)) >= found.cost


def test_edges_can_beat_every_order_of_vertices() -> None:
    """Of the arguments of u, the one that v has too is taken before v, the others after it."""
    u, v, a, b, c, *ends = range(8)
    edges = [(a, u), (b, u), (c, u), (a, v), (u, v), (u, ends[0]), *((v, end) for end in ends)]
    graph = Structure(
        2,
        tuple(frozenset(s for s, t in edges if t == n) for n in range(8)),
        tuple(frozenset(t for s, t in edges if s == n) for n in range(8)),
    )
    assert search(graph).cost == 15
    found = search_edges(graph)
    assert (found.cost, found.how) == (14, "proved optimal")
    assert least(graph) == 14


@pytest.mark.parametrize("name", ["Black–Scholes", "propane combustion", "robot arm"])
@pytest.mark.parametrize("order", ["forward", "markowitz", "optimal"])
def test_jacobians_are_those_of_jax(name: str, order: str) -> None:
    g, results, arguments = graph_of(name)
    found = gd.eliminate(g, results, arguments, order, by="edge")  # type: ignore[arg-type]  # one of them
    values = np.random.default_rng(1).uniform(0.5, 1.5, len(arguments))
    computed = gd.compile(found.graph)(**{f"x{i}": v for i, v in enumerate(values)})
    with jax.enable_x64(True):
        wanted = [
            [float(slope) for slope in row]
            for row in jax.jacrev(lambda x: jax.numpy.stack(jaxed(name)(*x)))(values)
        ]
    for i, row in enumerate(wanted):
        for j, slope in enumerate(row):
            assert computed[f"dy{i}/dx{j}"] == pytest.approx(slope, rel=1e-10, abs=1e-12)


def jaxed(name: str):
    """The test function with jax's functions in place of NumPy's."""
    import types

    function, _ = FUNCTIONS[name]
    special = types.SimpleNamespace(erf=jax.scipy.special.erf)
    scope = {"np": jax.numpy, "gd": types.SimpleNamespace(special=special)}
    return types.FunctionType(function.__code__, scope)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_best_found_is_never_above_markowitz(name: str) -> None:
    g, results, arguments = graph_of(name)
    costs = {
        order: gd.eliminate(g, results, arguments, order).multiplications
        for order in ("forward", "reverse", "markowitz", "relative_markowitz", "optimal")
    }
    assert costs["optimal"] == min(costs.values())
    edges = gd.eliminate(g, results, arguments, "optimal", by="edge")
    assert edges.multiplications <= costs["optimal"]
    assert len(edges.order) >= len(set(edges.order)) > 0
    assert edges.additions + edges.fill_in == edges.multiplications


def test_an_edge_is_told_by_its_ends() -> None:
    g = gd.Graph()
    x = g.input("x")
    h = np.sin(x).named("h")
    g.output("y", np.cos(h))
    found = gd.eliminate(g, "y", "x", by="edge")
    assert found.order == (("x", "h", "h"),)
    assert (found.multiplications, found.optimal) == (1, True)
    with pytest.raises(gd.GradientError, match="by is 'path'"):
        gd.eliminate(g, "y", "x", by="path")  # type: ignore[arg-type]  # it is refused
