"""A graph for one example made into the graph for many: each op with a leading axis more.

Only what depends on the examples is made anew; everything else is computed once and broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.autodiff import batching_control
from graphdiff.autodiff.batched import Batched, Use
from graphdiff.autodiff.batching_rules import RULES, Rule, elementwise, one_by_one
from graphdiff.graph.order import order_among, users_of
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension

_MARKS = ("phase", "scope", "origin", "seed", "via", "local", "policy")


def batch(
    of: Sequence[Tensor], given: Sequence[tuple[Tensor, Tensor]], length: Dimension
) -> list[Tensor | None]:
    """Add to a graph some of its values for many examples.

    Parameters
    ----------
    of
        The values, each for one example.
    given
        Values that they depend on, each with what it is for all examples: the same with an axis
        in front.
    length
        The number of examples.

    Returns
    -------
    list
        For each of ``of`` the value with an axis in front; None where it depends on no example.
    """
    graph = given[0][0].graph
    table = {one.name: Batched(many, True) for one, many in given}
    below = users_of(graph.dag, table)
    wanted = [value.name for value in of]
    needed = {node for node in wanted if node in below}
    order = order_among(graph.dag, below)
    for node in reversed(order):
        if node in needed and node not in table:
            needed.update(source for source in graph.operands(node) if source in below)
    for node in order:
        if node not in needed or node in table:
            continue
        attributes = graph.dag.nodes[node]
        operands = tuple(
            table.get(source) or Batched(graph[source], False) for source in graph.operands(node)
        )
        use = Use(attributes["op"], attributes["params"], operands, attributes["spec"], length)
        with graph.marking(**{key: attributes[key] for key in _MARKS if key in attributes}):
            if use.op in batching_control.RULES:
                parts = batching_control.RULES[use.op](use, batch)
                table[node] = Batched(parts[0], True, parts)
            else:
                table[node] = Batched(_rule(graph[node])(use), True)
    return [table[node].value if node in table else None for node in wanted]


def _rule(tensor: Tensor) -> Rule:
    found = RULES.get(tensor.op)
    if found is None:
        found = elementwise if tensor.graph.op(tensor.name).elementwise else one_by_one
    return found
