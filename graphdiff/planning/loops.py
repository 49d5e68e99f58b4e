"""What loops and branches cost: what they run, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphdiff.errors import PlanError
from graphdiff.graph.body import bodies_of, cut_out, input_names, output_nodes
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.ops.dimension import Dimension, dimension_names, evaluate_dimension
from graphdiff.planning.chain import forward_steps
from graphdiff.planning.schedule import LoopSteps


def runs(
    graph: Graph, node: str, sizes: Mapping[str, int] | None = None
) -> list[tuple[Graph, Dimension]]:
    """What a node with bodies runs, and how often.

    Both sides of a branch are run once, and so is a loop whose length is not known.

    Raises
    ------
    PlanError
        For a loop with checkpoints, if its length is a name without a size.
    """
    params = graph.dag.nodes[node]["params"]
    length: Dimension = params.get("length", 1)
    times = [length] * 3
    if "states" in params:
        if sizes is None and dimension_names(length):
            raise PlanError(
                "how often a loop with checkpoints runs its steps is known for given sizes only",
                node=node, op=graph.op(node).name, origin=graph.dag.nodes[node]["origin"],
                hint="sizes={…}",
            )  # fmt: skip
        times[2] = _steps_again(evaluate_dimension(length, sizes or {}), params)
    return list(zip(parts_of(graph, node), times, strict=False))


def _steps_again(length: int, params: Mapping[str, Any]) -> int:
    """How many steps a loop runs again; the first sweep is not, where the other loop left states.

    A length of 0 has none.
    """
    if length < 1:
        return 0
    first: int = (length - 1) * params["left"]
    return forward_steps(length, params["checkpoints"]) - first


def parts_of(graph: Graph, node: str) -> list[Graph]:
    """The graphs that are run; with checkpoints, the step for residuals and the one for states."""
    params = graph.dag.nodes[node]["params"]
    if "states" not in params:
        return list(bodies_of(graph.op(node), params).values())
    step, states = params["step"], params["states"]
    inputs, outputs = input_names(step), output_nodes(step)
    ends = (outputs[states:], outputs[:states])
    return [params["body"], *(cut_out(step, end, inputs) for end in ends)]


def work_of(graph: Graph, node: str, sizes: Mapping[str, int] | None = None) -> Dimension:
    """The floating-point operations of a node; of a loop, those of all its steps.

    Raises
    ------
    PlanError
        See `runs`.
    """
    op = graph.op(node)
    if not op.bodies:
        return op.work(graph.spec(node), *(graph.spec(operand) for operand in graph.operands(node)))
    total: Dimension = 0
    for body, times in runs(graph, node, sizes):
        once: Dimension = 0
        for inner in body.order():
            if body.dag.nodes[inner]["op"] not in SOURCES:
                once = work_of(body, inner, sizes) + once
        total = once * times + total
    return total


def loops_again(graph: Graph, sizes: Mapping[str, int]) -> tuple[LoopSteps, ...]:
    """The loops of a graph that keep some states at a time and run steps again from them."""
    found = []
    for node in graph.of_op("reversal"):
        params = graph.dag.nodes[node]["params"]
        length, states = evaluate_dimension(params["length"], sizes), params["checkpoints"]
        again = _steps_again(length, params)
        found.append(LoopSteps(node, params["body"].name, length, states, again))
    return tuple(found)
