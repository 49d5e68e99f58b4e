"""Outputs that are handed out as copies, since their memory is another one's or the caller's.

Generated code makes the copies as it returns, when nothing else is left to compute. In the bare DAG
each is an output of its own, a `Copied`, which costs nothing and is put at the end of a schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from graphdiff.graph.body import borrowed, results
from graphdiff.graph.dag import SOURCES, Graph


@dataclass(frozen=True, slots=True)
class Copied:
    """The copy that is handed out for an output."""

    output: str


def copied_outputs(graph: Graph) -> list[str]:
    """The names of outputs that are handed out as copies. Linear in the views behind them.

    Examples
    --------
    >>> import numpy as np
    >>> g = Graph()
    >>> x = g.input("x", (2, 3))
    >>> y = g.output("y", np.exp(x))
    >>> outputs = g.output("turned", y.T), g.output("same", x)
    >>> copied_outputs(g)
    ['turned', 'same']
    """
    outputs = set(graph.outputs_by_name.values())
    taken, lent = cache(partial(results, graph)), cache(partial(borrowed, graph))  # once a loop
    found, handed = [], set[str]()
    for name, node in graph.outputs_by_name.items():
        owner = _owner(graph, node, outputs, taken)
        if graph.spec(node).ndim and (owner in handed or _is_lent(graph, owner, lent)):
            found.append(name)
        handed.add(owner)
    return found


def _owner(
    graph: Graph, node: str, outputs: set[str], taken: Callable[[str], dict[int, list[str]]]
) -> str:
    """The value whose memory a view shows; a result of a loop is one."""
    while graph.op(node).view and not (node in outputs and graph.op(node).name == "broadcast_to"):
        (first, *_) = graph.operands(node)
        if graph.op(node).name == "result":
            index = graph.dag.nodes[node]["params"]["index"]
            return taken(first)[index][0]
        node = first
    return node


def _is_lent(graph: Graph, node: str, lent: Callable[[str], set[int]]) -> bool:
    """Whether the memory may be an argument's, or another value's."""
    attributes = graph.dag.nodes[node]
    if attributes["op"] != "result":
        return attributes["op"] in SOURCES
    (loop,) = graph.operands(node)
    return attributes["params"]["index"] in lent(loop)
