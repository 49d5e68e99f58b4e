"""Orders in which to eliminate the vertices of a linearised graph, by rule or by search.

The graph here is nothing but structure: vertices are numbers, 0 … n - 1 the intermediate ones in
topological order. Eliminating a vertex joins each of its predecessors to each of its successors and
costs one multiplication a pair.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import networkx as nx

from graphdiff.autodiff.elimination_subsets import least_order

EXACT = 25  # vertices, links of a chain not counted, all orders of which are compared
BOUNDED = 150  # vertices of which a bound is found, by two flows each
ROUNDS = 4  # of the local search
WINDOW = 14  # vertices that follow each other in an order, all orders of which are compared
_EVALUATED = 100_000  # vertices eliminated on trial in a round


@dataclass(frozen=True)
class Structure:
    """The neighbours of each vertex: the first ``count`` are intermediate, the others ends."""

    count: int
    before: tuple[frozenset[int], ...]
    after: tuple[frozenset[int], ...]


@dataclass(frozen=True)
class Found:
    """An order, its multiplications, the proved least number, and how it was found."""

    order: tuple[int, ...]
    cost: int
    bound: int
    how: str


class Elimination:
    """A structure of which vertices are eliminated one after the other."""

    def __init__(self, graph: Structure) -> None:
        self.before = [set(neighbours) for neighbours in graph.before]
        self.after = [set(neighbours) for neighbours in graph.after]

    def degree(self, vertex: int) -> int:
        """The Markowitz degree: the multiplications that eliminating the vertex takes now."""
        return len(self.before[vertex]) * len(self.after[vertex])

    def eliminate(self, vertex: int) -> int:
        """Join the neighbours; returns the number of new edges (the fill-in)."""
        sources, targets = self.before[vertex], self.after[vertex]
        fill = 0
        for source in sources:
            below = self.after[source]
            below.remove(vertex)
            fill += len(targets - below)
            below |= targets
        for target in targets:
            above = self.before[target]
            above.remove(vertex)
            above |= sources
        return fill

    def left(self, inner: Sequence[int], others: Iterable[int]) -> Structure:
        """What is left, as a structure whose intermediate vertices are some of it."""
        vertices = [*inner, *others]
        number = {vertex: i for i, vertex in enumerate(vertices)}
        before, after = (
            tuple(frozenset(number[u] for u in near[vertex]) for vertex in vertices)
            for near in (self.before, self.after)
        )
        return Structure(len(inner), before, after)


def cost_of(graph: Structure, order: Iterable[int]) -> int:
    """The multiplications of an order."""
    state, cost = Elimination(graph), 0
    for vertex in order:
        cost += state.degree(vertex)
        state.eliminate(vertex)
    return cost


def greedy(graph: Structure, relative: bool = False) -> tuple[int, ...]:
    """The vertex of least Markowitz degree next; of those, the earliest.

    Relative: of least degree beyond the number of pairs of ends that the vertex connects, which
    have to be joined in any case.
    """
    offset = _pairs(graph) if relative else [0] * graph.count
    state = Elimination(graph)
    degree = [state.degree(v) - offset[v] for v in range(graph.count)]
    heap = [(degree[v], v) for v in range(graph.count)]
    heapq.heapify(heap)
    order: list[int] = []
    done: set[int] = set()
    while heap:
        known, vertex = heapq.heappop(heap)
        if vertex in done or known != degree[vertex]:
            continue
        done.add(vertex)
        order.append(vertex)
        state.eliminate(vertex)
        for other in sorted(state.before[vertex] | state.after[vertex]):
            if other < graph.count:
                degree[other] = state.degree(other) - offset[other]
                heapq.heappush(heap, (degree[other], other))
    return tuple(order)


def _pairs(graph: Structure) -> list[int]:
    """For each vertex the ends that reach it times the ends that it reaches."""
    ends = range(graph.count, len(graph.before))
    above = {v: 1 << (v - graph.count) for v in ends if not graph.before[v]}
    below = {v: 1 << (v - graph.count) for v in ends if not graph.after[v]}
    for v in range(graph.count):
        above[v] = 0
        for u in graph.before[v]:
            above[v] |= above[u]
    for v in reversed(range(graph.count)):
        below[v] = 0
        for w in graph.after[v]:
            below[v] |= below[w]
    return [above[v].bit_count() * below[v].bit_count() for v in range(graph.count)]


RULES: dict[str, Callable[[Structure], tuple[int, ...]]] = {
    "forward": lambda graph: tuple(range(graph.count)),
    "reverse": lambda graph: tuple(reversed(range(graph.count))),
    "markowitz": greedy,
    "relative_markowitz": lambda graph: greedy(graph, relative=True),
}


def search(graph: Structure) -> Found:
    """The order of fewest multiplications: proved for small graphs, else the best found."""
    links, rest, smaller = _without_links(graph)
    if smaller.count <= EXACT:
        chosen, least = least_order(smaller.count, smaller.before, smaller.after)
        cost = len(links) + least
        return Found((*links, *(rest[v] for v in chosen)), cost, cost, "proved optimal")
    candidates = [rule(graph) for rule in RULES.values()]
    order = min(candidates, key=lambda order: cost_of(graph, order))
    for seed in range(ROUNDS):
        order = in_windows(graph, improve(graph, order, seed))
    cost = cost_of(graph, order)
    bound = graph.count  # each vertex takes at least one
    if graph.count <= BOUNDED:
        bound = sum(least_degree(graph, vertex) for vertex in range(graph.count))
    return Found(order, cost, bound, "proved optimal" if cost == bound else "local search")


def _without_links(graph: Structure) -> tuple[list[int], list[int], Structure]:
    """The vertices with one predecessor and one successor, the others, and the graph of these.

    A link goes at once: that costs the one multiplication that it always does, and makes no other
    vertex dearer.
    """
    state, links = Elimination(graph), dict[int, None]()
    waiting = list(range(graph.count))
    while waiting:
        vertex = waiting.pop()
        if vertex < graph.count and vertex not in links and state.degree(vertex) == 1:
            state.eliminate(vertex)
            links[vertex] = None
            waiting += [*state.before[vertex], *state.after[vertex]]
    rest = [vertex for vertex in range(graph.count) if vertex not in links]
    return list(links), rest, state.left(rest, range(graph.count, len(graph.before)))


def least_degree(graph: Structure, vertex: int) -> int:
    """The least Markowitz degree that a vertex can have, whatever is eliminated before it.

    Its predecessors always separate it from the sources, so they are no fewer than the vertices of
    a least cut; and the same towards the sinks. Edges and faces take no fewer multiplications at a
    vertex: there are as many ways to it that share no vertex as a least cut has, and each of them
    is multiplied with each of those from it, in products of their own.
    """
    return _cut(graph.before, vertex) * _cut(graph.after, vertex)


def _cut(towards: Sequence[frozenset[int]], vertex: int) -> int:
    """The fewest vertices that separate one from the ends that lie in one direction."""
    network = nx.DiGraph()
    seen, waiting = {vertex}, [vertex]
    while waiting:
        v = waiting.pop()
        if v != vertex:
            network.add_edge((v, 0), (v, 1), capacity=1)
        if not towards[v]:
            network.add_edge((v, 1), "ends")
        for u in towards[v]:
            network.add_edge((v, 1), (u, 0))
            if u not in seen:
                seen.add(u)
                waiting.append(u)
    return int(nx.maximum_flow_value(network, (vertex, 1), "ends"))


def improve(graph: Structure, order: tuple[int, ...], seed: int) -> tuple[int, ...]:
    """Take one vertex after another to another place, as long as that saves multiplications."""
    draw = random.Random(seed)
    best, cost = list(order), cost_of(graph, order)
    for _ in range(_EVALUATED // max(1, graph.count)):
        trial = list(best)
        trial.insert(draw.randrange(graph.count), trial.pop(draw.randrange(graph.count)))
        found = cost_of(graph, trial)
        if found <= cost:
            best, cost = trial, found
    return tuple(best)


def in_windows(graph: Structure, order: tuple[int, ...]) -> tuple[int, ...]:
    """Put vertices that follow each other into their best order, as long as that saves anything.

    Which order they come in changes nothing for those before and after them.
    """
    best, saved = list(order), True
    while saved:
        saved = False
        state = Elimination(graph)
        for start in range(0, max(1, graph.count - WINDOW // 2), WINDOW // 2):
            window = best[start : start + WINDOW]
            inner = sorted(window)
            others = [*best[start + len(window) :], *range(graph.count, len(graph.before))]
            part = state.left(inner, others)
            chosen, cost = least_order(part.count, part.before, part.after)
            if cost < cost_of(part, map(inner.index, window)):
                best[start : start + len(window)] = [inner[i] for i in chosen]
                saved = True
            for vertex in best[start : start + WINDOW // 2]:
                state.eliminate(vertex)
    return tuple(best)
