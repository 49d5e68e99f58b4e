"""A reversal as two loops, for its own derivatives.

The derivative of a loop that keeps a few states is that of one that stores all: a scan that stacks
the residuals of its steps, and a scan the other way round that reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.graph.body import cut_out, inline, input_names, output_nodes
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor


def as_scans(graph: Graph, node: str) -> Graph:
    """A body of the same operands and results as a reversal, in which two scans do the same."""
    attributes = graph.dag.nodes[node]
    params = attributes["params"]
    body, step, carries, states = (params[key] for key in ("body", "step", "carries", "states"))
    given = params["slices"]
    result = Graph(body.name)
    with result.marking(phase="gradient", scope=attributes["scope"], origin=attributes["origin"]):
        operands = [
            Tensor(result, result._insert("input", {}, graph.spec(operand), (), f"x{i}"))
            for i, operand in enumerate(graph.operands(node))
        ]
        count = len(operands) - states * params["left"]
        first, others = operands[:carries], operands[carries:count]
        alike = {"length": params["length"], "index": params["index"]}
        forward = {"body": step, "carries": states, "slices": given, "reverse": params["reverse"]}
        run = result.apply("scan", others, {**forward, **alike})
        count = len(output_nodes(step)) - states
        residuals = [result.apply("result", (run,), {"index": states + k}) for k in range(count)]
        back = {
            "body": body,
            "carries": carries,
            "slices": count + given,
            "reverse": not params["reverse"],
        }
        loop = result.apply("scan", (*first, *residuals, *others[states:]), {**back, **alike})
        for i in range(len(output_nodes(body))):
            part = result.apply("result", (loop,), {"index": i})
            result.outputs_by_name[str(i)] = part.name
    return result


def put_in(
    part: Graph, ends: Sequence[Tensor], more: Sequence[Tensor], graph: Graph, node: str
) -> list[Tensor]:
    """Add to a graph what was found in a reversal as scans.

    ``ends`` are values of ``part``, whose inputs stand for ``more`` (those that were added to it),
    after the operands of the node.
    """
    inputs = input_names(part)
    found = cut_out(part, [end.name for end in ends], inputs)
    for _, attributes in found.dag.nodes(data=True):
        if "via" in attributes:
            attributes["via"] = node
    operands = [graph[operand] for operand in graph.operands(node)]
    return inline(found, graph, [*operands, *more])
