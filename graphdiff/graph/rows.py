"""The nodes of a graph by numbers, with what is known of each in lists.

Where a graph has hundreds of thousands of nodes, its dicts do not fit into the processor's caches,
and each look-up by name waits for memory. What goes through all nodes several times reads them once
and walks lists from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphdiff.graph.dag import Graph
from graphdiff.graph.order import entries, in_position
from graphdiff.ops.op import Op


@dataclass(frozen=True, slots=True)
class Rows:
    """The nodes of a graph in an order in which operands come before their users.

    ``number`` gives a node's place in it, by which all else is found: the attributes in ``facts``,
    the op, and the numbers of the operands, in order of position.
    """

    graph: Graph
    names: Sequence[str]
    number: Mapping[str, int]
    facts: Sequence[dict[str, Any]]
    ops: Sequence[Op]
    operands: Sequence[Sequence[int]]

    def reads(self) -> list[int]:
        """How often each node is an operand."""
        count = [0] * len(self.names)
        for operands in self.operands:
            for operand in operands:
                count[operand] += 1
        return count


def rows_of(graph: Graph, order: Sequence[str]) -> Rows:
    """The nodes of a graph in a given topological order. Linear in nodes and edges."""
    number = dict(zip(order, range(len(order)), strict=True))
    facts: list[dict[str, Any]] = []
    operands: list[tuple[int, ...]] = []
    for _, attributes, sources in entries(graph.dag, order):
        facts.append(attributes)
        operands.append(tuple([number[name] for name in in_position(sources)]))
    known = {name: graph.find(name) for name in {attributes["op"] for attributes in facts}}
    ops = [known[attributes["op"]] for attributes in facts]
    return Rows(graph, order, number, facts, ops, operands)


def forward_first(graph: Graph) -> list[str]:
    """The topological order, with all that is of the forward phase before the gradient."""
    order = graph.order()
    forward = [facts["phase"] == "forward" for _, facts, _ in entries(graph.dag, order)]
    if not any(forward[forward.count(True) :]):
        return order
    pred = graph.dag._pred
    chosen = [node for node, early in zip(order, forward, strict=True) if early]
    early = dict.fromkeys(node for node in chosen if not pred[node])
    for node in chosen:
        if all(operand in early for operand in pred[node]):
            early[node] = None
    return [*early, *(node for node in order if node not in early)]
