"""What loops and branches cost: what they run, and how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphdiff.graph.body import bodies_of, cut_out, input_names, output_nodes
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.ops.dimension import Dimension, evaluate_dimension
from graphdiff.planning.chain import forward_steps
from graphdiff.planning.schedule import LoopSteps


class Again(NamedTuple):
    """How many steps a loop with checkpoints runs again to come to states that it has not kept.

    The first sweep is not among them where the other loop has ``left`` states.
    """

    length: Dimension
    states: int
    left: bool

    def number(self, sizes: Mapping[str, int]) -> int:
        """The number for some sizes. A length of 0 has none."""
        length = evaluate_dimension(self.length, sizes)
        if length < 1:
            return 0
        return forward_steps(length, self.states) - (length - 1) * self.left


Count = Dimension | Again
"""How often something is run, or how many operations that takes."""


def evaluated(count: Count, sizes: Mapping[str, int]) -> int:
    """A count for some sizes."""
    return count.number(sizes) if isinstance(count, Again) else evaluate_dimension(count, sizes)


def runs(graph: Graph, node: str) -> list[tuple[Graph, Count]]:
    """What a node with bodies runs, and how often.

    Both sides of a branch are run once, and so is a loop whose length is not known.
    """
    params = graph.dag.nodes[node]["params"]
    times: list[Count] = [params.get("length", 1)] * 3
    if "states" in params:
        times[2] = _steps_again(params)
    return list(zip(parts_of(graph, node), times, strict=False))


def _steps_again(params: Mapping[str, Any]) -> Again:
    return Again(params["length"], params["checkpoints"], params["left"])


def parts_of(graph: Graph, node: str) -> list[Graph]:
    """The graphs that are run; with checkpoints, the step for residuals and the one for states."""
    params = graph.dag.nodes[node]["params"]
    if "states" not in params:
        return list(bodies_of(graph.op(node), params).values())
    step, states = params["step"], params["states"]
    inputs, outputs = input_names(step), output_nodes(step)
    ends = (outputs[states:], outputs[:states])
    return [params["body"], *(cut_out(step, end, inputs) for end in ends)]


def work_of(graph: Graph, node: str, number: Callable[[Count], Any]) -> Any:
    """The floating-point operations of a node; of a loop, those of all its steps.

    ``number`` says what a count is: a number for some sizes, or a formula.
    """
    op = graph.op(node)
    if not op.bodies:
        operands = (graph.spec(operand) for operand in graph.operands(node))
        return number(op.work(graph.spec(node), *operands))
    total = number(0)
    for body, times in runs(graph, node):
        inner = (name for name in body.order() if body.dag.nodes[name]["op"] not in SOURCES)
        total += number(times) * sum((work_of(body, name, number) for name in inner), number(0))
    return total


def loops_again(graph: Graph, number: Callable[[Count], Any]) -> tuple[LoopSteps, ...]:
    """The loops of a graph that keep some states at a time and run steps again from them."""
    found = []
    for node in graph.of_op("reversal"):
        params = graph.dag.nodes[node]["params"]
        length, again = number(params["length"]), number(_steps_again(params))
        found.append(LoopSteps(node, params["body"].name, length, params["checkpoints"], again))
    return tuple(found)
