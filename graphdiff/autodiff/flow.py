"""What a derivative flows through: the edges on paths from some values to others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from graphdiff.autodiff.influences import influences
from graphdiff.errors import GradientError
from graphdiff.graph.dag import Graph
from graphdiff.graph.order import entries, in_position, order_among, users_of
from graphdiff.ops.op import Op


class Edge(NamedTuple):
    """An edge that a derivative flows along: from a node back to its operand at a position."""

    node: str
    position: int
    operand: str


def active(
    graph: Graph, roots: set[str], targets: set[str], cut: Collection[str] = ()
) -> dict[str, tuple[int, ...]]:
    """The nodes between the targets and the roots, in order, with the positions of path edges."""
    order = order_among(graph.dag, users_of(graph.dag, targets))
    reached: dict[str, tuple[int, ...]] = {}
    read: list[list[str]] = []
    deep: dict[str, list[set[int]]] = {}  # what the results of loops have derivatives by
    for node, facts, sources in entries(graph.dag, order):
        operands = in_position(sources)
        read.append(operands)
        along = [i for i, operand in enumerate(operands) if operand in reached]
        if along:
            op = graph.find(facts["op"])
            if op.name == "result":
                (loop,) = operands
                if loop not in deep:
                    deep[loop] = influences(graph, loop)
                by = deep[loop][facts["params"]["index"]] if facts["spec"].is_inexact else set()
                along = [] if by.isdisjoint(reached[loop]) else along
            elif not op.bodies:
                along = [i for i in along if _carries(graph, op, i, operands[i], node)]
            elif node in cut:
                along = []
            else:
                along = [i for i in along if graph.spec(operands[i]).is_inexact]
        if along or node in targets:
            reached[node] = tuple(along)
    needed = roots & reached.keys()
    for node, operands in zip(reversed(order), reversed(read), strict=True):
        if node in needed:
            needed.update(operands[i] for i in reached[node])
    return {node: positions for node, positions in reached.items() if node in needed}


def edges_between(g: Graph, sources: Iterable[str], roots: Iterable[str]) -> list[Edge]:
    """The edges on paths from some nodes to others, those of the last nodes first.

    Cost: linear in what depends on the sources.

    Raises
    ------
    GradientError
        If a path leads through a loop or a branch.
    """
    edges: list[Edge] = []
    for node, positions in reversed(active(g, set(roots), set(sources)).items()):
        if positions and g.op(node).bodies:
            raise GradientError(
                "a loop or a branch is no single derivative, so paths do not lead through it",
                node=node, op=g.op(node).name, origin=g.dag.nodes[node]["origin"],
                hint="gd.gradient and gd.jacobian differentiate it",
            )  # fmt: skip
        operands = g.operands(node)
        edges += [Edge(node, position, operands[position]) for position in positions]
    return edges


def _carries(graph: Graph, op: Op, position: int, operand: str, node: str) -> bool:
    """Whether a derivative flows along an edge."""
    floats = graph.spec(operand).is_inexact and graph.spec(node).is_inexact
    return floats and op.carries(position)
