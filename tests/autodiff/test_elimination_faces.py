"""Face elimination: optima against brute force over all sequences, Jacobians against jax."""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.autodiff.elimination_edges import search_edges
from graphdiff.autodiff.elimination_faces import (
    FACE_RULES,
    Dual,
    by_edges,
    cost_of_faces,
    search_faces,
)
from graphdiff.autodiff.elimination_orders import RULES, Structure, search
from tests.autodiff.functions import FUNCTIONS, graph_of
from tests.autodiff.test_elimination_edges import jaxed, random_structure

Ways = frozenset[tuple[int, ...]]
Faces = frozenset[tuple[Ways, Ways]]


def least(graph: Structure) -> int:
    """The fewest multiplications over all sequences of faces, by recursion.

    An edge of the dual graph is told by the ways through the network that it is the sum of; an
    end, by what no way is.
    """
    size = len(graph.after)
    edges = [frozenset({(u, v)}) for u, after in enumerate(graph.after) for v in after]
    begins = {v: frozenset({(-1, v)}) for v in range(size) if not graph.before[v]}
    ends = {v: frozenset({(v, -1)}) for v in range(size) if not graph.after[v]}
    vertices = [*edges, *begins.values(), *ends.values()]
    outer = {*begins.values(), *ends.values()}

    def first(ways: Ways) -> int:
        return min(ways)[0]

    def last(ways: Ways) -> int:
        return min(ways)[-1]

    def tidied(faces: Faces) -> Faces:
        while True:
            above: dict[Ways, set[Ways]] = {}
            below: dict[Ways, set[Ways]] = {}
            for d, e in faces:
                below.setdefault(d, set()).add(e)
                above.setdefault(e, set()).add(d)
            inner = ({*above, *below}) - outer
            loose = {d for d in inner if d not in above or d not in below}
            if loose:
                faces = frozenset(f for f in faces if loose.isdisjoint(f))
                continue
            same = next(
                (
                    (d, e) for d in inner for e in inner
                    if d != e and above[d] == above[e] and below[d] == below[e]
                ),
                None,
            )  # fmt: skip
            if same is None:
                return faces
            both = same[0] | same[1]
            faces = frozenset(
                (both if d in same else d, both if e in same else e) for d, e in faces
            )

    @cache
    def best(faces: Faces) -> int:
        found = []
        for d, e in faces:
            if d in outer or e in outer:
                continue
            product = frozenset(a + b[1:] for a in d for b in e)
            rest = faces - {(d, e)}
            rest |= {(a, product) for a, b in faces if b == d}
            rest |= {(product, b) for a, b in faces if a == e}
            found.append(1 + best(tidied(rest)))
        return min(found, default=0)

    start = frozenset(
        (d, e) for d in vertices for e in vertices if last(d) == first(e) != -1 and d != e
    )
    return best(tidied(start))


def few_faces(graph: Structure) -> bool:
    return sum(len(graph.before[v]) * len(graph.after[v]) for v in range(graph.count)) <= 9


@pytest.mark.parametrize(
    "seed", [seed for seed in range(49) if few_faces(random_structure(seed, 2 + seed % 4))]
)
def test_the_optimum_is_that_of_brute_force(seed: int) -> None:
    graph = random_structure(seed, 2 + seed % 4)
    found = search_faces(graph)
    assert found.how == "proved optimal"
    assert found.cost == found.bound == least(graph) == cost_of_faces(graph, found.faces)
    for rule in FACE_RULES.values():
        assert cost_of_faces(graph, rule(graph)) >= found.cost


@pytest.mark.parametrize("seed", range(40, 60))
def test_faces_are_never_worse_than_edges_nor_edges_than_vertices(seed: int) -> None:
    graph = random_structure(seed, 2 + seed % 4)
    faces, edges, vertices = search_faces(graph), search_edges(graph), search(graph)
    assert faces.bound <= faces.cost <= edges.cost <= vertices.cost
    assert cost_of_faces(graph, by_edges(graph, edges.edges)) == edges.cost
    for word in ("forward", "reverse", "relative_markowitz"):
        order = RULES[word](graph)
        assert len(FACE_RULES[word](graph)) == sum(map(_Counter(graph), order))


class _Counter:
    """The multiplications of a vertex, and its elimination."""

    def __init__(self, graph: Structure) -> None:
        self.edges = {(u, v) for u, after in enumerate(graph.after) for v in after}

    def __call__(self, vertex: int) -> int:
        above = [u for u, v in self.edges if v == vertex]
        below = [v for u, v in self.edges if u == vertex]
        self.edges = {e for e in self.edges if vertex not in e}
        self.edges |= {(u, v) for u in above for v in below}
        return len(above) * len(below)


def test_the_bound_never_exceeds_what_is_left() -> None:
    for seed in range(12):
        graph = random_structure(seed, 2 + seed % 4)
        found = search_faces(graph)
        dual = Dual(graph)
        for done, face in enumerate(found.faces):
            assert done + dual.left([1] * graph.count) <= found.cost
            dual.eliminate(face)
        assert dual.left([1] * graph.count) == 0


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", ["forward", "markowitz", "optimal"])
def test_jacobians_are_those_of_jax(name: str, order: str) -> None:
    g, results, arguments = graph_of(name)
    found = gd.eliminate(g, results, arguments, order, by="face")  # type: ignore[arg-type]  # one of them
    values = np.random.default_rng(1).uniform(0.5, 1.5, len(arguments))
    computed = gd.compile(found.graph)(**{f"x{i}": v for i, v in enumerate(values)})
    with jax.enable_x64(True):
        wanted = np.array(jax.jacrev(lambda x: jax.numpy.stack(jaxed(name)(*x)))(values))
    for i, row in enumerate(wanted):
        for j, slope in enumerate(row):
            assert computed[f"dy{i}/dx{j}"] == pytest.approx(slope, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_best_found_is_that_of_edges_or_less(name: str) -> None:
    g, results, arguments = graph_of(name)
    edges = gd.eliminate(g, results, arguments, by="edge")
    faces = gd.eliminate(g, results, arguments, by="face")
    assert faces.lower_bound <= faces.multiplications <= edges.multiplications
    assert len(faces.order) == faces.multiplications
    assert faces.fill_in <= faces.multiplications <= faces.fill_in + faces.additions


def test_a_face_is_told_by_three_values() -> None:
    g = gd.Graph()
    x = g.input("x")
    h = np.sin(x).named("h")
    g.output("y", np.cos(h))
    found = gd.eliminate(g, "y", "x", by="face")
    assert found.order == (("x", "h", "y"),)
    assert (found.multiplications, found.optimal) == (1, True)
    assert gd.eliminate(g, "y", "x", by="face").order == found.order
