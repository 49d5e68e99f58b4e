"""Common subexpressions computed once, and dead nodes dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphdiff.graph.dag import Graph
from graphdiff.graph.files import fingerprint
from graphdiff.graph.order import entries, in_position
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
    and edges; where it was done before, in what has changed since and the neighbours of that.
    """
    if draft.touched is not None:
        _share_again(draft, draft.touched)
        return
    result = draft.graph
    loops = loops_of(result) if draft.loops else []
    scans = [node for node in loops if result.dag.nodes[node]["op"] == "scan"]
    for node in scans:
        stack_once(result, node)
    first: dict[Any, str] = {}
    for node, attributes, sources in entries(result.dag, draft.order()):
        if attributes["op"] in ("input", "parameter"):
            continue
        key = _identity(attributes, in_position(sources))
        found = first.setdefault(key, node)
        if found != node:
            first[key] = draft.replace(node, found)
    for node in scans:
        if node in result.dag:
            hand_in_once(result, node)
    if scans:
        narrow(draft)
        draft.in_order = False
    if not loops:
        draft.touched = set()


def _share_again(draft: Draft, touched: set[str]) -> None:
    """Share nodes again that were made or got other operands since all were shared.

    One of two equal nodes is among them, and the other next to it: at the first of its operands.
    """
    dag = draft.dag
    nodes, users = dag._node, dag._succ
    equal: dict[str | None, dict[Any, str]] = {}  # by the first operand
    while touched:
        changed = sorted(touched & nodes.keys(), key=lambda node: nodes[node]["declared"])
        touched.clear()
        for node in changed:
            if node not in nodes or nodes[node]["op"] in ("input", "parameter"):
                continue
            key = _identity_in(draft.graph, node)
            first = key[1] if dag._pred[node] else None
            if first not in equal:
                beside = users[first] if first is not None else _without_operands(draft.graph)
                equal[first] = {}
                for other in beside:
                    if equal[first].setdefault(_identity_in(draft.graph, other), other) != other:
                        touched.add(other)
            known = equal[first].setdefault(key, node)
            if known == node:
                continue
            if known not in nodes or _identity_in(draft.graph, known) != key:
                equal[first][key] = node  # the other one has changed since
                continue
            kept, other = sorted((known, node), key=lambda node: nodes[node]["declared"])
            now = draft.replace(other, kept)
            equal[first][key] = now
            if now != kept:
                equal.pop(now, None)
                equal.pop(kept, None)


def _without_operands(graph: Graph) -> list[str]:
    nodes = graph.dag._node
    return [
        node
        for node, sources in graph.dag._pred.items()
        if not sources and nodes[node]["op"] not in ("input", "parameter")
    ]


def _identity_in(graph: Graph, node: str) -> tuple[Any, ...]:
    return _identity(graph.dag._node[node], graph.operands(node))


def _identity(attributes: Mapping[str, Any], operands: list[str]) -> tuple[Any, ...]:
    """What nodes have in common that are equal."""
    if attributes["op"] in _COMMUTATIVE:
        operands.sort()
    key: tuple[Any, ...] = (attributes["op"], *operands)
    if not operands:  # of the others the spec follows from these
        key += (attributes["spec"],)
    if attributes["params"]:
        key += tuple((name, _key(value)) for name, value in attributes["params"].items())
    if attributes.get("policy") == "recompute":
        key += ("recompute", None)
    return key


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
