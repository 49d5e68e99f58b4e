"""Jacobians by eliminating the vertices or the edges of the linearised graph, in any order.

Each edge of a network of scalars carries one partial derivative. A vertex is eliminated by
multiplying each edge into it with each edge out of it and adding the product to the edge between
the two ends. What is left in the end are edges from arguments to results: the Jacobian. Forward
mode and reverse mode are two of the orders; the best order is often neither. A single edge can be
eliminated as well, at either of its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from graphdiff.autodiff.counting import Edge, edges_between, named
from graphdiff.autodiff.elimination_edges import (
    EDGE_RULES,
    EdgeStep,
    FoundEdges,
    cost_of_edges,
    search_edges,
)
from graphdiff.autodiff.elimination_orders import RULES, Found, Structure, cost_of, search
from graphdiff.autodiff.elimination_orders import Elimination as Eliminating
from graphdiff.autodiff.path_sum import product_along
from graphdiff.autodiff.reverse import add_derivative
from graphdiff.errors import GradientError, here
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor

Order = Literal["forward", "reverse", "markowitz", "relative_markowitz", "optimal"]


@dataclass(frozen=True)
class Elimination:
    """A Jacobian accumulated by elimination, made by `graphdiff.eliminate`.

    Parameters
    ----------
    rule
        The ``order`` that was asked for.
    order
        The intermediate values in the order of their elimination; with ``by="edge"`` triples of an
        edge's two ends and the one at which it is eliminated.
    multiplications
        One for each predecessor and successor of a vertex at the time it is eliminated; for an edge
        one for each that continues it.
    additions
        The products that met an edge which was there already.
    fill_in
        The products that became a new edge.
    lower_bound
        No order (of vertices or of edges) takes fewer multiplications: proved. It comes from the
        search for ``"optimal"``, else it is the number of intermediate values.
    how
        ``"proved optimal"``, ``"local search"`` (the best that was found), or ``"by rule"``.
    graph
        The network with the Jacobian after it, outputs ``"dy/dx"``; for `compile`.
    """

    rule: str
    order: tuple[str | tuple[str, str, str], ...]
    multiplications: int
    additions: int
    fill_in: int
    lower_bound: int
    how: str
    graph: Graph = field(repr=False)

    @property
    def optimal(self) -> bool:
        """Whether no order of vertices (or of edges) takes fewer multiplications, by proof."""
        return self.multiplications == self.lower_bound

    def __repr__(self) -> str:
        return (
            f"<Elimination {self.rule}: {self.multiplications} multiplications, "
            f"{self.additions} additions, fill-in {self.fill_in}; {self.how}>"
        )


def eliminate(
    g: Graph,
    of: str | Tensor | Sequence[str | Tensor],
    wrt: str | Tensor | Sequence[str | Tensor],
    order: Order = "optimal",
    by: Literal["vertex", "edge"] = "vertex",
) -> Elimination:
    """The Jacobian of scalars by scalars, by elimination in a chosen order.

    Parameters
    ----------
    g
        A network whose values between ``wrt`` and ``of`` are scalars. It is not changed.
    of, wrt
        The results and the arguments: one name or tensor, or several.
    order
        ``"forward"`` and ``"reverse"`` are the two modes; ``"markowitz"`` takes the vertex that
        costs least at the moment; ``"relative_markowitz"`` subtracts from that the pairs of
        argument and result that the vertex connects; ``"optimal"`` searches all orders.
    by
        Whether vertices are eliminated, or single edges, at their head or tail. The best sequence
        of edges takes no more multiplications than the best order of vertices, sometimes fewer.
        ``"markowitz"`` is then the edge that costs least; the other rules are those of vertices.

    Returns
    -------
    Elimination
        With ``.multiplications``, ``.fill_in``, ``.order``, and the Jacobian as ``.graph``.

    Raises
    ------
    GraphError
        If there is no such value.
    GradientError
        If a value on the way is no scalar, the order is unknown, or a ``wrt`` has no influence on
        any ``of``.

    Notes
    -----
    Every product counts, also one with a partial derivative that is 1. ``"optimal"`` is proved for
    up to 25 intermediate values (links of a chain not counted), unless 100 000 sets of vertices do
    not suffice; beyond that a local search improves on the best of the rules, and ``.how`` says
    so. For edges it is proved where 6 000 sets of edges suffice (fewer in a large graph); else a
    beam search is made. Eliminating single faces, pairs of edges, could take fewer still. Forward,
    reverse and Markowitz orders of a graph of bounded degree are linear in it. Griewank & Walther,
    *Evaluating Derivatives* (2008), chapters 9 and 10; Naumann, *Optimal accumulation of Jacobian
    matrices by elimination methods on the dual computational graph* (2004).

    Examples
    --------
    Two arguments and two results that meet in one value: neither mode is best.

    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("waist")
    >>> a, b = g.input("a"), g.input("b")
    >>> s = np.tanh(np.sin(a * b))
    >>> y, z = g.output("y", np.exp(np.cos(s))), g.output("z", np.log(s))
    >>> gd.eliminate(g, ["y", "z"], ["a", "b"], order="forward")
    <Elimination forward: 10 multiplications, 0 additions, fill-in 10; by rule>
    >>> best = gd.eliminate(g, ["y", "z"], ["a", "b"], order="optimal")
    >>> best
    <Elimination optimal: 8 multiplications, 0 additions, fill-in 8; proved optimal>
    >>> sorted(gd.compile(best.graph)(a=0.5, b=2.0))
    ['dy/da', 'dy/db', 'dz/da', 'dz/db', 'y', 'z']
    """
    if by not in ("vertex", "edge"):
        raise GradientError(f"by is {by!r}", origin=here(), expected="'vertex' or 'edge'")
    if order not in (*RULES, "optimal"):
        raise GradientError(
            f"there is no order {order!r}", origin=here(), expected=", ".join((*RULES, "optimal"))
        )
    results, arguments = _ends(g, of, "of"), _ends(g, wrt, "wrt")
    edges = edges_between(g, arguments.values(), results.values())
    _check(g, edges, results, arguments)
    graph = g.copy()
    linear = _Linear(graph, edges, results, arguments)
    structure = linear.structure()
    if by == "edge":
        return _by_edges(linear, structure, order)
    if order == "optimal":
        found = search(structure)
    else:
        chosen = RULES[order](structure)
        found = Found(chosen, cost_of(structure, chosen), structure.count, "by rule")
    state, fill = Eliminating(structure), 0
    for vertex in found.order:
        fill += state.eliminate(vertex)
        linear.eliminate(vertex)
    linear.add_outputs()
    return Elimination(
        rule=order,
        order=tuple(linear.inner[vertex] for vertex in found.order),
        multiplications=found.cost,
        additions=found.cost - fill,
        fill_in=fill,
        lower_bound=found.bound,
        how=found.how,
        graph=graph,
    )


def _by_edges(linear: _Linear, structure: Structure, order: Order) -> Elimination:
    if order == "optimal":
        found = search_edges(structure)
    else:
        chosen = EDGE_RULES[order](structure)
        found = FoundEdges(chosen, cost_of_edges(structure, chosen), structure.count, "by rule")
    fill = sum(map(linear.eliminate_edge, found.edges))
    linear.add_outputs()
    name = linear.names()
    return Elimination(
        rule=order,
        order=tuple(
            (name[edge.source], name[edge.target], name[edge.target if edge.head else edge.source])
            for edge in found.edges
        ),
        multiplications=found.cost,
        additions=found.cost - fill,
        fill_in=fill,
        lower_bound=found.bound,
        how=found.how,
        graph=linear.graph,
    )


def _ends(g: Graph, given: object, what: str) -> dict[str, str]:
    """The nodes under the names that the user calls them by."""
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    ends = {}
    for item in items:
        node = named(g, item)
        ends[item if isinstance(item, str) else node] = node
    if not ends:
        raise GradientError(f"{what} is empty", origin=here(), hint="name at least one value")
    return ends


def _check(g: Graph, edges: list[Edge], results: dict[str, str], arguments: dict[str, str]) -> None:
    touched = {edge.operand for edge in edges} | {edge.node for edge in edges}
    for node in [*results.values(), *arguments.values(), *sorted(touched)]:
        spec = g.spec(node)
        if spec.ndim or not spec.is_real:
            raise GradientError(
                "only a network of float scalars is eliminated vertex by vertex",
                node=node, op=g[node].op, origin=g[node].origin,
                expected="shape ()", got=repr(spec),
                hint="gd.gradient and gd.jacobian take arrays",
            )  # fmt: skip
    for node in arguments.values():
        if node not in touched and node not in results.values():
            raise GradientError(
                "no result depends on it, so there is no derivative",
                node=node, op=g[node].op, origin=g[node].origin, hint="leave it out of wrt",
            )  # fmt: skip


class _Linear:
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
        with self.graph.marking(phase="gradient", seed=self.label, via=node):
            return self.graph.constant(1.0, dtype=self.graph.spec(node).dtype)

    def partial(self, node: str, operand: str, positions: list[int]) -> Tensor:
        """The derivative of a value by one of its operands: a sweep over that edge alone."""
        return product_along(self.graph, self.label, {operand: (), node: tuple(positions)})

    def join(self, source: int, target: int, value: Tensor) -> None:
        known = self.after.setdefault(source, {}).get(target)
        total = value if known is None else known + value
        self.after[source][target] = total
        self.before.setdefault(target, {})[source] = total

    def eliminate(self, vertex: int) -> None:
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
        del self.before[target][source]
        return self.after[source].pop(target)

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
        return Structure(
            count=len(self.inner),
            before=tuple(frozenset(self.before.get(v, ())) for v in range(self.size)),
            after=tuple(frozenset(self.after.get(v, ())) for v in range(self.size)),
        )

    def add_outputs(self) -> None:
        graph = self.graph
        for result, node in self.results.items():
            if result not in graph.outputs_by_name:
                graph.output(result, graph[node])
            for argument, other in self.arguments.items():
                found = self.after.get(self.first[other], {}).get(self.last[node])
                if found is None:
                    found = self.one(node) * 0.0
                add_derivative(graph, result, argument, found)
