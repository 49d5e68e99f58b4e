"""Edges eliminated one by one: finer steps than vertices, which can take fewer multiplications.

An edge i → j is eliminated at its head j by multiplying it with each edge out of j, an edge j → k
at its tail j by multiplying each edge into j with it; the products are added to the edges between
the ends. Eliminating all edges into a vertex at their heads is to eliminate the vertex, so the best
sequence of edges is never worse than the best order of vertices.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from graphdiff.autodiff.elimination_orders import BOUNDED, RULES, Structure, least_degree, search

MOST_STATES = 6_000  # that the exact search looks at, of a small graph
_WORK = 2_000_000  # vertices that a search looks at: what limits it for a large graph


class EdgeStep(NamedTuple):
    """An edge to be eliminated, and whether at its head (else at its tail)."""

    source: int
    target: int
    head: bool


class FoundEdges(NamedTuple):
    """A sequence of edges, its multiplications, the proved least number, how it was found."""

    edges: tuple[EdgeStep, ...]
    cost: int
    bound: int
    how: str


class State(NamedTuple):
    """The edges that are there: for each vertex the set of those after it, as bits."""

    after: tuple[int, ...]

    def before(self, vertex: int) -> int:
        """The vertices before one, as bits."""
        return sum(1 << u for u, bits in enumerate(self.after) if bits >> vertex & 1)

    def before_each(self, count: int) -> list[int]:
        """The same for each of the first vertices."""
        found = [0] * len(self.after)
        for u, bits in enumerate(self.after):
            for v in _bits(bits):
                found[v] |= 1 << u
        return found[:count]


class Edges:
    """A linearised graph whose edges are eliminated."""

    def __init__(self, graph: Structure) -> None:
        self.graph = graph
        self.start = State(tuple(sum(1 << w for w in after) for after in graph.after))

    def moves(self, state: State) -> list[tuple[int, EdgeStep]]:
        """Each edge that can be eliminated, with its cost."""
        count = self.graph.count
        before = state.before_each(count)
        for v in range(count):  # one in, one out: it goes at once, for it never costs less
            if before[v].bit_count() == 1 == state.after[v].bit_count():
                return [(1, EdgeStep(before[v].bit_length() - 1, v, True))]
        found = []
        for v in range(count):
            above, below = before[v], state.after[v]
            if above and below:
                found += [(below.bit_count(), EdgeStep(u, v, True)) for u in _bits(above)]
                found += [(above.bit_count(), EdgeStep(v, w, False)) for w in _bits(below)]
        return found

    def without(self, state: State, edge: EdgeStep) -> State:
        """The state after an edge has been eliminated, and what hangs loose removed."""
        after = list(state.after)
        source, target, head = edge
        if head:
            after[source] |= after[target]
        else:
            for u in _bits(state.before(source)):
                after[u] |= 1 << target
        after[source] &= ~(1 << target)
        return State(self._pruned(after))

    def _pruned(self, after: list[int]) -> tuple[int, ...]:
        """Without edges of intermediate vertices that nothing leads to, or that lead nowhere."""
        count = self.graph.count
        while True:
            reached = 0
            for bits in after:
                reached |= bits
            loose = [v for v in range(count) if after[v] and not reached >> v & 1]
            dead = sum(1 << v for v in range(count) if reached >> v & 1 and not after[v])
            if not loose and not dead:
                return tuple(after)
            for v in loose:
                after[v] = 0
            after = [bits & ~dead for bits in after]

    def left(self, state: State) -> int:
        """A bound for the multiplications that are left.

        Of the paths that lead to a vertex and from it on, each pair of one and one has to be
        multiplied there, if the paths are disjoint; and edges to ends are disjoint paths.
        """
        before = state.before_each(self.graph.count)
        return sum(
            max(1, (above >> self.graph.count).bit_count())
            * max(1, (below >> self.graph.count).bit_count())
            for above, below in zip(before, state.after, strict=False)
            if below
        )

    def estimate(self, state: State) -> int:
        """The Markowitz degrees of the vertices that are left."""
        before = state.before_each(self.graph.count)
        return sum(
            above.bit_count() * below.bit_count()
            for above, below in zip(before, state.after, strict=False)
        )


def _bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def by_vertices(graph: Structure, order: Sequence[int]) -> tuple[EdgeStep, ...]:
    """The edges whose elimination is that of the vertices in their order."""
    edges = Edges(graph)
    state, sequence = edges.start, []
    for vertex in order:
        for source in _bits(state.before(vertex)):
            edge = EdgeStep(source, vertex, True)
            sequence.append(edge)
            state = edges.without(state, edge)
    return tuple(sequence)


def cost_of_edges(graph: Structure, sequence: Sequence[EdgeStep]) -> int:
    """The multiplications of a sequence."""
    edges = Edges(graph)
    state, cost = edges.start, 0
    for edge in sequence:
        cost += (state.after[edge.target] if edge.head else state.before(edge.source)).bit_count()
        state = edges.without(state, edge)
    return cost


EDGE_RULES: dict[str, Callable[[Structure], tuple[EdgeStep, ...]]] = {
    "forward": lambda graph: by_vertices(graph, RULES["forward"](graph)),
    "reverse": lambda graph: by_vertices(graph, RULES["reverse"](graph)),
    "markowitz": lambda graph: cheapest_edges(graph),
    "relative_markowitz": lambda graph: by_vertices(graph, RULES["relative_markowitz"](graph)),
}


def cheapest_edges(graph: Structure) -> tuple[EdgeStep, ...]:
    """The edge of least cost next; of those, the earliest."""
    edges = Edges(graph)
    state, sequence = edges.start, []
    while moves := edges.moves(state):
        _, edge = min(moves, key=lambda move: move[0])
        state = edges.without(state, edge)
        sequence.append(edge)
    return tuple(sequence)


def search_edges(graph: Structure) -> FoundEdges:
    """The sequence of fewest multiplications: proved for small graphs, else the best found.

    It is never worse than the best order of vertices that is found.
    """
    best = by_vertices(graph, search(graph).order)
    others = [cheapest_edges(graph), _beam(graph)] if _width(graph) else []
    for other in others:
        best = min(best, other, key=lambda sequence: cost_of_edges(graph, sequence))
    cost = cost_of_edges(graph, best)
    exact, bound = _exact(graph, cost)
    if exact is not None:
        best = exact
        cost = cost_of_edges(graph, best)
    elif bound < cost and graph.count <= BOUNDED:
        bound = max(bound, sum(least_degree(graph, vertex) for vertex in range(graph.count)))
    how = "proved optimal" if bound >= cost else "local search"
    return FoundEdges(best, cost, min(bound, cost), how)


def _exact(graph: Structure, below: int) -> tuple[tuple[EdgeStep, ...] | None, int]:
    """A sequence of less than a cost, if there is one, and a bound: A* over the sets of edges."""
    edges = Edges(graph)
    least = {edges.start: 0}
    came: dict[State, tuple[State, EdgeStep]] = {}
    heap = [(edges.left(edges.start), 0, edges.start)]
    for _ in range(min(MOST_STATES, _WORK // (graph.count * _edges(graph) + 1))):
        if not heap or heap[0][0] >= below:
            return None, below
        bound, _, state = heapq.heappop(heap)
        paid = least[state]
        if bound > paid + edges.left(state):
            continue
        moves = edges.moves(state)
        if not moves:
            return _walk(came, state), paid
        for cost, edge in moves:
            price, after = paid + cost, edges.without(state, edge)
            if price < least.get(after, below):
                least[after], came[after] = price, (state, edge)
                heapq.heappush(heap, (price + edges.left(after), -price, after))
    return None, heap[0][0] if heap else below


def _walk(came: dict[State, tuple[State, EdgeStep]], state: State) -> tuple[EdgeStep, ...]:
    sequence = []
    while state in came:
        state, edge = came[state]
        sequence.append(edge)
    return tuple(reversed(sequence))


def _edges(graph: Structure) -> int:
    return sum(map(len, graph.after))


def _width(graph: Structure) -> int:
    """How many sequences the beam search goes on with; 0 for a graph that is too large for it."""
    return min(64, _WORK // (graph.count * _edges(graph) ** 2 + 1))


def _beam(graph: Structure) -> tuple[EdgeStep, ...]:
    """The best of the sequences whose starts are the most promising at every length."""
    edges, width = Edges(graph), _width(graph)
    layer: dict[State, tuple[int, Any]] = {edges.start: (0, None)}  # the cost, and what led there
    best: tuple[int, Any] | None = None
    while layer:
        fresh: dict[State, tuple[int, Any]] = {}
        for state, (paid, link) in layer.items():
            moves = edges.moves(state)
            if not moves and (best is None or paid < best[0]):
                best = paid, link
            for cost, edge in moves:
                price, after = paid + cost, edges.without(state, edge)
                if after not in fresh or price < fresh[after][0]:
                    fresh[after] = price, (link, edge)
        ranked = sorted(fresh, key=lambda state: fresh[state][0] + edges.estimate(state))
        layer = {state: fresh[state] for state in ranked[:width]}
    assert best is not None  # every walk ends
    sequence, link = [], best[1]
    while link is not None:
        link, edge = link
        sequence.append(edge)
    return tuple(reversed(sequence))
