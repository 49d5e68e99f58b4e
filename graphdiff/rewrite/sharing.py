"""Common subexpressions computed once, and dead nodes dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.graph.dag import Graph, in_position
from graphdiff.graph.files import fingerprint
from graphdiff.graph.order import entries
from graphdiff.rewrite.bodies import narrow
from graphdiff.rewrite.engine import Draft, in_place, loops_of
from graphdiff.rewrite.merging import absorb, hand_in_once, stack_once

_COMMUTATIVE = frozenset(
    {"add", "multiply", "maximum", "minimum", "equal", "not_equal", "logical_and", "logical_or"}
)


@in_place
def share(draft: Draft) -> None:
    """Nodes that apply the same op to the same operands become one.

    But none is shared between those marked to be computed again and the others. Linear in nodes
    and edges.
    """
    result = draft.graph
    loops = loops_of(result) if draft.loops else []
    scans = [node for node in loops if result.dag.nodes[node]["op"] == "scan"]
    for node in scans:
        stack_once(result, node)
    first: dict[Any, str] = {}
    for node, attributes, sources in entries(result.dag, draft.order()):
        if attributes["op"] in ("input", "parameter"):
            continue
        operands = in_position(sources)
        if attributes["op"] in _COMMUTATIVE:
            operands.sort()
        key: tuple[Any, ...] = (attributes["op"], *operands)
        if not operands:  # of the others the spec follows from these
            key += (attributes["spec"],)
        if attributes["params"]:
            key += tuple((name, _key(value)) for name, value in attributes["params"].items())
        if attributes.get("policy") == "recompute":
            key += ("recompute", None)
        found = first.setdefault(key, node)
        if found != node:
            first[key] = draft.replace(node, found)
    for node in scans:
        if node in result.dag:
            hand_in_once(result, node)
    if scans:
        narrow(draft)
        draft.in_order = False


def _key(value: Any) -> Any:
    """A parameter's value as something that can be hashed and tells -0.0, 0.0 and 0 apart."""
    if isinstance(value, Graph):
        return "graph", fingerprint(value)
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return type(value), repr(value) if isinstance(value, (float, complex)) else value


@in_place
def prune(draft: Draft) -> None:
    """Nodes that no output depends on are dropped; inputs and parameters stay.

    Nor do loops and branches compute what nobody takes from them.
    """
    draft.remove_dead(reversed(draft.order()))
    if draft.loops:
        absorb(draft)
        narrow(draft)
        draft.in_order = False
