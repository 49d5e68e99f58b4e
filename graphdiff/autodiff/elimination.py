"""Jacobians by eliminating vertices, edges or faces of the linearised graph, in any order.

Each edge of a network of scalars carries one partial derivative. A vertex is eliminated by
multiplying each edge into it with each edge out of it and adding the product to the edge between
the two ends. What is left in the end are edges from arguments to results: the Jacobian. Forward
mode and reverse mode are two of the orders; the best order is often neither. A single edge can be
eliminated as well, at either of its ends, and a single face: a pair of edges that follow each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from graphdiff.autodiff.counting import named
from graphdiff.autodiff.elimination_edges import (
    EDGE_RULES,
    FoundEdges,
    cost_of_edges,
    search_edges,
)
from graphdiff.autodiff.elimination_faces import FACE_RULES, Dual, FoundFaces, search_faces
from graphdiff.autodiff.elimination_orders import RULES, Found, Structure, cost_of, search
from graphdiff.autodiff.elimination_orders import Elimination as Eliminating
from graphdiff.autodiff.flow import Edge, edges_between
from graphdiff.autodiff.linearised import Linear
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
        edge's two ends and the one at which it is eliminated; with ``by="face"`` triples of where
        the first edge begins, where it meets the second, and where that ends.
    multiplications
        One for each predecessor and successor of a vertex at the time it is eliminated; for an edge
        one for each that continues it; for a face one.
    additions
        The products that met an edge which was there already; of faces also the edges that became
        alike.
    fill_in
        The products that became a new edge.
    lower_bound
        No order (of vertices, edges or faces) takes fewer multiplications: proved. It comes from
        the search for ``"optimal"``, else it is the number of intermediate values.
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
        """Whether no order of what was eliminated takes fewer multiplications, by proof."""
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
    by: Literal["vertex", "edge", "face"] = "vertex",
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
        Whether vertices are eliminated, or single edges, at their head or tail, or single faces,
        pairs of edges that follow each other. The best sequence of edges takes no more
        multiplications than the best order of vertices, sometimes fewer, and so do faces beside
        edges. ``"markowitz"`` is then the edge that costs least, or the face after which the fewest
        are left; the other rules are those of vertices.

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
    up to 25 intermediate values, links of a chain not counted: 20 take 0.1 seconds, 25 take 5, and
    134 MB. Beyond that a local search improves on the best of the rules, and ``.how`` says so. For
    edges it is proved where 6 000 sets of edges suffice (fewer in a large graph); else a
    beam search is made. For faces it is proved where 2 000 dual graphs suffice, or a bound by
    disjoint paths is met; else it is the best of edges and of rules. Forward, reverse and Markowitz
    orders of vertices of a graph of bounded degree are linear in it. Griewank & Walther,
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
    if by not in ("vertex", "edge", "face"):
        raise GradientError(f"by is {by!r}", origin=here(), expected="'vertex', 'edge' or 'face'")
    if order not in (*RULES, "optimal"):
        raise GradientError(
            f"there is no order {order!r}", origin=here(), expected=", ".join((*RULES, "optimal"))
        )
    results, arguments = _ends(g, of, "of"), _ends(g, wrt, "wrt")
    edges = edges_between(g, arguments.values(), results.values())
    _check(g, edges, results, arguments)
    graph = g.copy()
    linear = Linear(graph, edges, results, arguments)
    structure = linear.structure()
    if by != "vertex":
        return (_by_edges if by == "edge" else _by_faces)(linear, structure, order)
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


def _by_edges(linear: Linear, structure: Structure, order: Order) -> Elimination:
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


def _by_faces(linear: Linear, structure: Structure, order: Order) -> Elimination:
    if order == "optimal":
        found = search_faces(structure)
    else:
        chosen = FACE_RULES[order](structure)
        found = FoundFaces(chosen, len(chosen), structure.count, "by rule")
    name, places = linear.names(), Dual(structure)
    triples = []
    for d, e in found.faces:
        triples.append((name[places.tail[d]], name[places.head[d]], name[places.head[e]]))
        places.eliminate((d, e))
    fill, additions = linear.eliminate_faces(structure, found.faces)
    linear.add_outputs()
    return Elimination(
        rule=order,
        order=tuple(triples),
        multiplications=found.cost,
        additions=additions,
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
