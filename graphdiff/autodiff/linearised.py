"""The linearised graph of a network of scalars, with a tensor on each edge: its derivative."""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.autodiff.elimination_edges import EdgeStep
from graphdiff.autodiff.elimination_faces import Dual, Face
from graphdiff.autodiff.elimination_orders import Structure
from graphdiff.autodiff.flow import Edge
from graphdiff.autodiff.naming import add_derivative
from graphdiff.autodiff.path_sum import product_along
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor


class Linear:
    """The linearised graph: a tensor, the partial derivative, on each edge.

    An argument that depends on another, and a result that another depends on, are intermediate
    values too; a vertex of its own, joined by an edge with the derivative 1, stands for the end.
    """

    def __init__(
        self, graph: Graph, edges: list[Edge], results: dict[str, str], arguments: dict[str, str]
    ) -> None:
        self.graph, self.results, self.arguments = graph, results, arguments
        self.label = ", ".join(results)
        above: dict[str, dict[str, list[int]]] = {}
        for node, position, operand in reversed(edges):
            above.setdefault(node, {}).setdefault(operand, []).append(position)
        used = {edge.operand for edge in edges}
        both = {n for n in arguments.values() if n not in above and n in results.values()}
        end = {n for n in results.values() if n not in used} - both
        self.inner = [n for n in above if n not in end]
        self.inner += [n for n in dict.fromkeys(arguments.values()) if n in both]
        start = set(arguments.values()) - set(self.inner) - end
        number = {node: i for i, node in enumerate(self.inner)}
        self.first = {
            n: number.setdefault(n, len(number)) for n in arguments.values() if n in start
        }
        self.last = {n: number.setdefault(n, len(number)) for n in results.values() if n in end}
        self.size = len(number)
        self.after: dict[int, dict[int, Tensor]] = {}
        self.before: dict[int, dict[int, Tensor]] = {}
        for node, operands in above.items():
            for operand, positions in operands.items():
                self.join(number[operand], number[node], self.partial(node, operand, positions))
        for ends, inward in ((arguments, True), (results, False)):
            for node in dict.fromkeys(ends.values()):
                place = self.first if inward else self.last
                if node not in place:
                    place[node], self.size = self.size, self.size + 1
                    pair = (place[node], number[node]) if inward else (number[node], place[node])
                    self.join(*pair, self.one(node))

    def one(self, node: str) -> Tensor:
        """The number 1, as a derivative."""
        with self.graph.marking(phase="gradient", seed=self.label, via=node):
            return self.graph.constant(1.0, dtype=self.graph.spec(node).dtype)

    def partial(self, node: str, operand: str, positions: list[int]) -> Tensor:
        """The derivative of a value by one of its operands: a sweep over that edge alone."""
        return product_along(self.graph, self.label, {operand: (), node: tuple(positions)})

    def join(self, source: int, target: int, value: Tensor) -> None:
        """Add to an edge."""
        known = self.after.setdefault(source, {}).get(target)
        total = value if known is None else known + value
        self.after[source][target] = total
        self.before.setdefault(target, {})[source] = total

    def eliminate(self, vertex: int) -> None:
        """Eliminate a vertex."""
        above, below = self.before.pop(vertex), self.after.pop(vertex)
        with self.graph.marking(phase="gradient", seed=self.label, via=self.inner[vertex]):
            for source in above:
                del self.after[source][vertex]
            for target in below:
                del self.before[target][vertex]
            for source, inward in above.items():
                for target, outward in below.items():
                    self.join(source, target, outward * inward)

    def eliminate_edge(self, edge: EdgeStep) -> int:
        """Eliminate an edge, and remove what hangs loose then; returns the fill-in."""
        source, target, head = edge
        value = self.remove(source, target)
        fill = 0
        with self.graph.marking(
            phase="gradient", seed=self.label, via=self.inner[target if head else source]
        ):
            if head:
                for other, outward in list(self.after[target].items()):
                    fill += other not in self.after.get(source, {})
                    self.join(source, other, outward * value)
            else:
                for other, inward in list(self.before[source].items()):
                    fill += target not in self.after.get(other, {})
                    self.join(other, target, value * inward)
        self.prune([source, target])
        return fill

    def remove(self, source: int, target: int) -> Tensor:
        """Remove an edge; returns its value."""
        del self.before[target][source]
        return self.after[source].pop(target)

    def eliminate_faces(self, structure: Structure, faces: Sequence[Face]) -> tuple[int, int]:
        """Eliminate faces; returns the fill-in and the additions."""
        values = {(u, v): value for u, after in self.after.items() for v, value in after.items()}
        dual = Dual(structure, values, lambda a, b: a * b, lambda a, b: a + b)
        fill = additions = 0
        for face in faces:
            via = self.inner[dual.head[face[0]]]
            with self.graph.marking(phase="gradient", seed=self.label, via=via):
                fresh, added = dual.eliminate(face)
            fill, additions = fill + fresh, additions + added
        self.after = {}
        for d, value in dual.value.items():
            self.after.setdefault(dual.tail[d], {})[dual.head[d]] = value
        return fill, additions

    def prune(self, waiting: list[int]) -> None:
        """Remove the edges of intermediate vertices that nothing leads to, or that lead nowhere."""
        while waiting:
            vertex = waiting.pop()
            above, below = self.before.get(vertex, {}), self.after.get(vertex, {})
            if vertex >= len(self.inner) or (above and below):
                continue
            for other in list(above):
                self.remove(other, vertex)
                waiting.append(other)
            for other in list(below):
                self.remove(vertex, other)
                waiting.append(other)

    def names(self) -> dict[int, str]:
        """What each vertex is called: an end as the user calls it."""
        ends = ((self.first, self.arguments), (self.last, self.results))
        found = {place[node]: name for place, given in ends for name, node in given.items()}
        return found | dict(enumerate(self.inner))

    def structure(self) -> Structure:
        """The neighbours of each vertex."""
        return Structure(
            count=len(self.inner),
            before=tuple(frozenset(self.before.get(v, ())) for v in range(self.size)),
            after=tuple(frozenset(self.after.get(v, ())) for v in range(self.size)),
        )

    def add_outputs(self) -> None:
        """Make outputs of the results, and of what has become the Jacobian."""
        graph = self.graph
        for result, node in self.results.items():
            if result not in graph.outputs_by_name:
                graph.output(result, graph[node])
            for argument, other in self.arguments.items():
                found = self.after.get(self.first[other], {}).get(self.last[node])
                if found is None:
                    found = self.one(node) * 0.0
                add_derivative(graph, result, argument, found)
