"""Faces eliminated one by one: pairs of edges that follow each other, the finest steps there are.

In the *dual graph* every edge i → j is a vertex, and leads to every edge j → k. The way from one to
the other is a *face*. It is eliminated by multiplying the two derivatives; the product becomes an
edge of its own, which is led to as the first is and leads on as the second does, or is added to
one that is there and does. Edges that have become alike in that are added up; one that nothing
leads to any more, or that leads nowhere, is gone. To eliminate an edge is to eliminate all faces
on one side of it, so the best sequence of faces is never worse than the best of edges.

U. Naumann, "Optimal accumulation of Jacobian matrices by elimination methods on the dual
computational graph", *Mathematical Programming* 99 (2004).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from graphdiff.autodiff.elimination_edges import EDGE_RULES, EdgeStep, search_edges
from graphdiff.autodiff.elimination_orders import BOUNDED, Structure, least_degree

MOST_STATES = 2_000  # that the exact search looks at, of a small graph
_WORK = 1_000_000  # edges and faces that it copies: what limits it for a large graph
_GREEDY = 10_000_000  # the square of the multiplications up to which the rule is tried
_PRIME = 2**127 - 1

Face = tuple[int, int]


class FoundFaces(NamedTuple):
    """A sequence of faces, its multiplications, the proved least number, how it was found."""

    faces: tuple[Face, ...]
    cost: int
    bound: int
    how: str


class Dual:
    """A dual graph of which faces are eliminated, with a value on each edge.

    Its vertices are numbers: first one for each end, which stands for what comes from there or goes
    there, then one for each edge. ``tail`` and ``head`` say between which values an edge is.

    Parameters
    ----------
    graph
        The linearised graph.
    values
        Of each edge; by default numbers that tell different sums of products apart.
    times, plus
        How values are multiplied and added.
    """

    def __init__(
        self,
        graph: Structure,
        values: Mapping[tuple[int, int], Any] | None = None,
        times: Callable[[Any, Any], Any] = lambda a, b: a * b % _PRIME,
        plus: Callable[[Any, Any], Any] = lambda a, b: (a + b) % _PRIME,
    ) -> None:
        self.count, self.times, self.plus = graph.count, times, plus
        ends = range(graph.count, len(graph.after))
        edges = [(u, v) for u, after in enumerate(graph.after) for v in sorted(after)]
        if values is None:
            draw = random.Random(0)
            values = {edge: draw.randrange(_PRIME) for edge in edges}
        self.tail = [-1 if graph.after[v] else v for v in ends] + [u for u, _ in edges]
        self.head = [v if graph.after[v] else -1 for v in ends] + [v for _, v in edges]
        self.first = len(ends)  # of the vertices that are edges
        into: dict[int, set[int]] = {}
        out: dict[int, set[int]] = {}
        for d, (u, v) in enumerate(zip(self.tail, self.head, strict=True)):
            out.setdefault(u, set()).add(d)
            into.setdefault(v, set()).add(d)
        numbers = range(len(self.tail))
        into.pop(-1, None)
        out.pop(-1, None)
        self.before = {d: set(into.get(self.tail[d], ())) for d in numbers}
        self.after = {d: set(out.get(self.head[d], ())) for d in numbers}
        self.value = {d: values[edge] for d, edge in enumerate(edges, start=self.first)}
        self.done = [0] * graph.count  # multiplications at each value

    def copy(self) -> Self:
        """Another one, to go on with."""
        result = object.__new__(type(self))
        result.__dict__.update(self.__dict__)
        result.tail, result.head = list(self.tail), list(self.head)
        result.before = {d: set(others) for d, others in self.before.items()}
        result.after = {d: set(others) for d, others in self.after.items()}
        result.value = dict(self.value)
        result.done = list(self.done)
        return result

    def faces(self) -> list[Face]:
        """What can be eliminated; alone, if it is the only one at its place.

        That takes the one multiplication that it always does, and changes nothing else.
        """
        at: dict[int, list[Face]] = {}
        for d in self.value:
            for e in self.after[d]:
                if e >= self.first:
                    at.setdefault(self.head[d], []).append((d, e))
        for faces in at.values():
            if len(faces) == 1:
                return faces
        return sorted(face for faces in at.values() for face in faces)

    def eliminate(self, face: Face) -> tuple[bool, int]:
        """Eliminate a face; returns whether there is a new edge, and the additions."""
        d, e = face
        self.done[self.head[d]] += 1
        above, below = self.before[d], self.after[e]
        self.after[d].remove(e)
        self.before[e].remove(d)
        value = self.times(self.value[e], self.value[d])
        known = self.alike(above, below)
        if known is not None:
            self.value[known] = self.plus(self.value[known], value)
        else:
            new = len(self.tail)
            self.tail.append(self.tail[d])
            self.head.append(self.head[e])
            self.value[new] = value
            self.before[new], self.after[new] = set(above), set(below)
            for other in above:
                self.after[other].add(new)
            for other in below:
                self.before[other].add(new)
        return known is None, (known is not None) + self.settle([*above, *below, d, e])

    def alike(self, above: set[int], below: set[int], than: int = -1) -> int | None:
        """An edge that some edges lead to, and that leads to some, just these."""
        for other in sorted(self.after[next(iter(above))]) if above else ():
            if other != than and self.before[other] == above and self.after[other] == below:
                return other
        return None

    def settle(self, waiting: list[int]) -> int:
        """Remove what hangs loose, and add up what is alike; returns the additions."""
        additions = 0
        while waiting:
            d = waiting.pop()
            if d not in self.value:
                continue
            if self.before[d] and self.after[d]:
                other = self.alike(self.before[d], self.after[d], d)
                if other is None:
                    continue
                self.value[other] = self.plus(self.value[other], self.value[d])
                additions += 1
            del self.value[d]
            for other in self.before.pop(d):
                self.after[other].discard(d)
                waiting.append(other)
            for other in self.after.pop(d):
                self.before[other].discard(d)
                waiting.append(other)
        return additions

    def left(self, floors: Sequence[int]) -> int:
        """A bound for the multiplications that are left.

        At a value where faces are, one is multiplied at least, and each from an end to an end is;
        ``floors`` are numbers of multiplications that are never all at it.
        """
        pairs: dict[int, set[tuple[int, int]]] = {}
        for d in self.value:
            for e in self.after[d]:
                if e >= self.first:
                    ends = pairs.setdefault(self.head[d], set())
                    if self.tail[d] >= self.count and self.head[e] >= self.count:
                        ends.add((self.tail[d], self.head[e]))
        return sum(max(1, len(ends), floors[v] - self.done[v]) for v, ends in pairs.items())

    def growth(self, face: Face) -> int:
        """How many more faces there are after one is eliminated (but for what becomes alike)."""
        d, e = face
        above, below = self.before[d], self.after[e]
        real = self.first
        change = -1
        if len(self.after[d]) == 1:
            change -= sum(other >= real for other in above)
        if len(self.before[e]) == 1:
            change -= sum(other >= real for other in below)
        if self.alike(above, below) is None:
            change += sum(other >= real for other in above) + sum(other >= real for other in below)
        return change

    def key(self) -> frozenset[tuple[int, int]]:
        """The same for two graphs that are the same, whatever order led to them."""
        name = {**{d: -1 - d for d in range(self.first)}, **self.value}
        return frozenset((name[d], name[e]) for d in self.after for e in self.after[d])


def by_edges(graph: Structure, sequence: Iterable[EdgeStep]) -> tuple[Face, ...]:
    """The faces whose elimination is that of the edges in their order."""
    dual, faces = Dual(graph), []
    number = {(dual.tail[d], dual.head[d]): d for d in dual.value}
    for source, target, head in sequence:
        edge = number[source, target]
        sides = (
            [(edge, other) for other in dual.after[edge]]
            if head
            else [(other, edge) for other in dual.before[edge]]
        )
        for face in sorted(sides):
            fresh, _ = dual.eliminate(face)
            faces.append(face)
            if fresh:
                new = len(dual.tail) - 1
                number[dual.tail[new], dual.head[new]] = new
    return tuple(faces)


def cost_of_faces(graph: Structure, sequence: Iterable[Face]) -> int:
    """The multiplications of a sequence, which must leave no face."""
    dual, cost = Dual(graph), 0
    for face in sequence:
        dual.eliminate(face)
        cost += 1
    assert not dual.faces()
    return cost


def fewest_left(graph: Structure) -> tuple[Face, ...]:
    """The face after which the fewest are left next; of those, the earliest."""
    dual, sequence = Dual(graph), []
    while faces := dual.faces():
        face = min(faces, key=dual.growth)
        dual.eliminate(face)
        sequence.append(face)
    return tuple(sequence)


FACE_RULES: dict[str, Callable[[Structure], tuple[Face, ...]]] = {
    "forward": lambda graph: by_edges(graph, EDGE_RULES["forward"](graph)),
    "reverse": lambda graph: by_edges(graph, EDGE_RULES["reverse"](graph)),
    "markowitz": fewest_left,
    "relative_markowitz": lambda graph: by_edges(graph, EDGE_RULES["relative_markowitz"](graph)),
}


def search_faces(graph: Structure) -> FoundFaces:
    """The sequence of fewest multiplications: proved for small graphs, else the best found.

    It is never worse than the best sequence of edges that is found.
    """
    best = by_edges(graph, search_edges(graph).edges)
    if len(best) ** 2 <= _GREEDY:
        best = min(best, fewest_left(graph), key=len)
    floors = [1] * graph.count
    if graph.count <= BOUNDED:  # no multiplication is for two pairs of ways that share no value
        floors = [least_degree(graph, vertex) for vertex in range(graph.count)]
    exact, bound = _exact(graph, len(best), floors)
    best = best if exact is None else exact
    how = "proved optimal" if bound >= len(best) else "local search"
    return FoundFaces(best, len(best), min(bound, len(best)), how)


def _exact(
    graph: Structure, below: int, floors: Sequence[int]
) -> tuple[tuple[Face, ...] | None, int]:
    """A sequence of less than a cost, if there is one, and a bound: A* over the dual graphs."""
    start = Dual(graph)
    heap: list[tuple[int, int, int, Dual, Any]] = [(start.left(floors), 0, 0, start, None)]
    least = {start.key(): 0}
    serial = 0
    faces = sum(len(start.after[d]) for d in start.value)
    for _ in range(min(MOST_STATES, _WORK // (faces * (faces + len(start.value)) + 1))):
        if not heap or heap[0][0] >= below:
            return None, below
        bound, minus, _, dual, link = heapq.heappop(heap)
        if least[dual.key()] < -minus:
            continue
        choice = dual.faces()
        if not choice:
            return _walk(link), -minus
        for face in choice:
            after, paid = dual.copy(), 1 - minus
            after.eliminate(face)
            key, total = after.key(), paid + after.left(floors)
            if total < below and paid < least.get(key, below):
                least[key] = paid
                serial += 1
                heapq.heappush(heap, (max(bound, total), -paid, serial, after, (link, face)))
    return None, heap[0][0] if heap else below


def _walk(link: Any) -> tuple[Face, ...]:
    sequence = []
    while link is not None:
        link, face = link
        sequence.append(face)
    return tuple(reversed(sequence))
