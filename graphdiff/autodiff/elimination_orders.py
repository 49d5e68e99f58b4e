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

MOST_EXPANSIONS = 100_000  # of the exact search; beyond that the best that is known is taken
EXACT = 25  # vertices with a choice that the exact search takes
BOUNDED = 100  # vertices of which a bound is found, by two flows each
_EVALUATED = 200_000  # vertices eliminated on trial by the local search


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
    candidates = [rule(graph) for rule in RULES.values()]
    order = min(candidates, key=lambda order: cost_of(graph, order))
    cost = cost_of(graph, order)
    bound = graph.count  # each vertex takes at least one
    if graph.count <= BOUNDED:
        floors = [least_degree(graph, vertex) for vertex in range(graph.count)]
        bound = sum(floors)
        if graph.count - _links(graph) <= EXACT:
            exact = branch_and_bound(graph, order, cost, floors)
            if exact is not None:
                cost = cost_of(graph, exact)
                return Found(exact, cost, cost, "proved optimal")
    order = improve(graph, order)
    cost = cost_of(graph, order)
    return Found(order, cost, bound, "proved optimal" if cost == bound else "local search")


def _links(graph: Structure) -> int:
    """How many vertices go at once since they have one predecessor and one successor."""
    state, gone = Elimination(graph), 0
    waiting = list(range(graph.count))
    done: set[int] = set()
    while waiting:
        vertex = waiting.pop()
        if vertex < graph.count and vertex not in done and state.degree(vertex) == 1:
            state.eliminate(vertex)
            done.add(vertex)
            gone += 1
            waiting += [*state.before[vertex], *state.after[vertex]]
    return gone


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


def branch_and_bound(
    graph: Structure, order: tuple[int, ...], cost: int, floors: Sequence[int]
) -> tuple[int, ...] | None:
    """The optimal order, or None where the search was given up.

    Best first over the sets of eliminated vertices: what remains depends on the set alone. A
    vertex with one predecessor and one successor goes at once, since that costs the one
    multiplication that it always does and makes no other vertex dearer.
    """
    everything = (1 << graph.count) - 1
    above = tuple(sum(1 << u for u in graph.before[v]) for v in range(len(graph.before)))
    below = tuple(sum(1 << w for w in graph.after[v]) for v in range(len(graph.after)))
    least = {0: 0}
    came: dict[int, tuple[int, int]] = {}
    heap = [(sum(floors), 0, 0, above, below)]
    for _ in range(MOST_EXPANSIONS):
        if not heap or heap[0][0] >= cost:
            return order
        bound, minus, done, above, below = heapq.heappop(heap)
        paid = least[done]
        left = [v for v in range(graph.count) if not done >> v & 1]
        if bound > paid + sum(floors[v] for v in left):
            continue  # it has been reached at less since
        degrees = {v: above[v].bit_count() * below[v].bit_count() for v in left}
        for vertex in [v for v in left if degrees[v] == 1][:1] or left:
            after, price = done | 1 << vertex, paid + degrees[vertex]
            total = bound + degrees[vertex] - floors[vertex]
            if price >= least.get(after, price + 1) or total >= cost:
                continue
            least[after], came[after] = price, (done, vertex)
            if after == everything:
                cost, order = price, _walk(came, after)
            else:
                heapq.heappush(heap, (total, minus - 1, after, *_without(vertex, above, below)))
    return None


def _without(
    vertex: int, above: tuple[int, ...], below: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    sources, targets, bit = above[vertex], below[vertex], 1 << vertex
    return (
        tuple(m & ~bit | sources if m & bit else m for m in above),
        tuple(m & ~bit | targets if m & bit else m for m in below),
    )


def _walk(came: dict[int, tuple[int, int]], done: int) -> tuple[int, ...]:
    order: list[int] = []
    while done:
        done, vertex = came[done]
        order.append(vertex)
    return tuple(reversed(order))


def improve(graph: Structure, order: tuple[int, ...]) -> tuple[int, ...]:
    """Take one vertex after another to another place, as long as that saves multiplications."""
    draw = random.Random(0)
    best, cost = list(order), cost_of(graph, order)
    for _ in range(_EVALUATED // max(1, graph.count)):
        trial = list(best)
        trial.insert(draw.randrange(graph.count), trial.pop(draw.randrange(graph.count)))
        found = cost_of(graph, trial)
        if found <= cost:
            best, cost = trial, found
    return tuple(best)
