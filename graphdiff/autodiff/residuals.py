"""The values of a step of a loop that its step back is given: those that are stored.

A loop that is pulled back through is a `Loop`, whose body holds the step forward and, added to it,
the step back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphdiff.graph.dag import SOURCES, Graph

_SIMPLE = frozenset(
    {"add", "subtract", "multiply", "divide", "negative", "square", "maximum", "minimum", "where"}
    | {"greater", "less", "greater_equal", "less_equal", "equal", "not_equal", "astype"}
)
"""Ops that take about as long as to store their result and to read it again."""

_FEW = 4
"""How many of them are done again in place of storing what they result in."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A scan that is pulled back through; ``body`` is a copy, to which the step back is added."""

    graph: Graph
    node: str
    body: Graph
    inputs: list[str]
    outputs: list[str]
    operands: list[str]
    carries: int
    slices: int

    @property
    def forward(self) -> Graph:
        """The body as it is in the node."""
        body: Graph = self.graph.dag.nodes[self.node]["params"]["body"]
        return body

    def among(self, names: Sequence[str], start: int, stop: int | None) -> list[str]:
        """Those of the names that are inputs at these positions."""
        inputs = set(self.inputs[start:stop])
        return [name for name in names if name in inputs]


@dataclass(frozen=True, slots=True)
class StepBack:
    """What a step back is given and what it results in: nodes of the body.

    ``begins`` are the cotangents of the carries and the sums so far, ``rows`` the cotangents of
    what is stacked; ``ends`` are the new ones of ``begins``, then the cotangents of slices.
    ``positions`` are the operands that the ends are the cotangents of.
    """

    begins: list[str]
    rows: list[str]
    ends: list[str]
    positions: list[int]


def residuals(loop: Loop, back: StepBack) -> list[str]:
    """The values of a step forward that a step back is to be given.

    The body holds both steps; what is not in the body forward belongs to the step back, but for
    results that a loop inside it stacks now. Of what is left after views, and values that are the
    same in all steps, simple arithmetic on the others is made again.
    """
    body, forward = loop.body, loop.forward.dag
    inputs, order = set(loop.inputs), body.order()
    fixed = set(loop.inputs[loop.carries + loop.slices :])  # the same in all steps
    for node in order:
        if node in forward and node not in inputs and fixed.issuperset(body.operands(node)):
            fixed.add(node)
    again = {
        node
        for node, facts in forward.nodes(data=True)
        if body.op(node).name != "result"
        and (body.op(node).view or node in fixed or facts.get("policy") == "recompute")
    }
    kept = _read(loop, back, again)
    kept = _read(loop, back, again | _simple(loop, kept, again, {*kept, *fixed, *_handed(loop)}))
    return [node for node in order if node in kept]


def _simple(loop: Loop, kept: set[str], again: set[str], there: set[str]) -> set[str]:
    """Values that take a few operations to be made again, of what is there."""
    body, forward = loop.body, loop.forward.dag
    found: set[str] = set()
    work = dict.fromkeys(there, 0)  # operations that nothing else needs
    for node in body.order():
        operands = body.operands(node)
        if node not in forward or not operands or not work.keys() >= set(operands):
            continue
        simple = body.op(node).name in _SIMPLE and forward.nodes[node].get("policy") != "keep"
        needed = sum(work[operand] for operand in dict.fromkeys(operands)) + simple
        if (simple or node in again) and needed <= _FEW:
            found.add(node)
            work[node] = 0 if node in kept else needed
    return found


def _handed(loop: Loop) -> list[str]:
    """The slices of what is there in any case: arguments."""
    nodes, last = loop.graph.dag.nodes, loop.carries + loop.slices
    pairs = zip(loop.inputs[loop.carries : last], loop.operands[loop.carries : last], strict=True)
    return [name for name, operand in pairs if nodes[operand]["op"] in SOURCES]


def _read(loop: Loop, back: StepBack, again: set[str]) -> set[str]:
    """What a step back reads of the step forward, where some values are made again."""
    body, forward, inputs = loop.body, loop.forward.dag, set(loop.inputs)
    kept: set[str] = set()
    seen, stack = {*back.begins, *back.rows}, list(back.ends)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        operands = body.operands(node)
        stays = node in forward and node not in again
        if body.op(node).name == "result":
            stays = operands[0] in forward
        if node in inputs or stays:
            kept.add(node)
        else:
            stack.extend(operands)
    return kept
