"""Loops back that read what a loop forward has stored, made ones that run its steps again.

What is found is a scan that stacks values of its steps, and a scan of the gradient that reads them
the other way round. The second one becomes a `reversal`, which holds the step forward beside the
step back. Both steps stay as they are, so every result stays the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphdiff.graph.body import (
    call_before,
    cut_out,
    input_names,
    leave_states,
    output_nodes,
    remake,
    results,
)
from graphdiff.graph.dag import Graph
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.spec import Spec
from graphdiff.rewrite.bodies import above, narrow
from graphdiff.rewrite.engine import Draft


@dataclass(frozen=True, slots=True)
class LoopBack:
    """A scan of the gradient that reads what another scan has stacked for it.

    Attributes
    ----------
    node, forward
        The two scans.
    length
        Their number of steps.
    residuals
        For each slice of ``node`` that is read from such a stack, its position among the operands,
        and the number of the result of ``forward`` that it is.
    """

    node: str
    forward: str
    length: Dimension
    residuals: Mapping[int, int]


def loops_back(graph: Graph) -> list[LoopBack]:
    """The loops of a gradient that can run steps again in place of reading what was stored.

    Linear in nodes and edges.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> x, w = g.input("x", ("t",)), g.parameter("w")
    >>> y, _ = gd.scan(lambda y, x: (np.tanh(w * y + x), None), 0.0, x)
    >>> J = g.output("J", y * y)
    >>> [str(loop.length) for loop in loops_back(gd.gradient(g, of="J"))]
    ['t']
    """
    nodes = graph.dag.nodes
    scans = (node for node in graph.of_op("scan") if nodes[node]["phase"] == "gradient")
    return [found for node in scans for found in _loop_back(graph, node)]


def _loop_back(graph: Graph, node: str) -> Iterator[LoopBack]:
    """The loop whose steps a scan goes through the other way round, if there is one."""
    nodes, params = graph.dag.nodes, graph.dag.nodes[node]["params"]
    carries, operands = params["carries"], graph.operands(node)
    stacks: dict[str, dict[int, int]] = {}
    for i, operand in enumerate(operands[carries : carries + params["slices"]], start=carries):
        if nodes[operand]["op"] == "result":
            (source,) = graph.operands(operand)
            stacks.setdefault(source, {})[i] = nodes[operand]["params"]["index"]
    for source, found in stacks.items():
        facts = nodes[source]
        if facts["op"] != "scan" or facts["params"]["reverse"] == params["reverse"]:
            continue
        residuals = {
            i: index
            for i, index in found.items()
            if index >= facts["params"]["carries"] and _is_for(graph, operands[i], node)
        }
        if residuals and not _keeps(facts["params"]["body"]):
            yield LoopBack(node, source, params["length"], residuals)
            return


def _is_for(graph: Graph, stack: str, node: str) -> bool:
    """Whether a stack can be forgotten before a loop of the gradient, but for that loop."""
    if stack in graph.outputs_by_name.values():
        return False
    nodes = graph.dag.nodes
    users = [u for u in graph.dag.succ[stack] if u != node and nodes[u]["phase"] == "gradient"]
    return not users or above(graph, [node]).issuperset(users)


def _keeps(body: Graph) -> bool:
    """Whether a value of a step is marked to be kept."""
    return any(policy == "keep" for _, policy in body.dag.nodes(data="policy"))


def run_again(graph: Graph, snapshots: Mapping[str, int]) -> Graph:
    """The graph in which some loops back run steps again, from so many states kept at a time.

    Parameters
    ----------
    graph
        What is copied.
    snapshots
        For nodes among those of `loops_back` the number of states.

    Notes
    -----
    A loop that still stacks values leaves no states for the loop back: what it results in is one
    thing in a plan, and the stacks would be there as long as the states.

    Linear in nodes and edges.
    """
    draft = Draft(graph)
    for node in [loop.node for loop in loops_back(draft.graph)]:
        # Of two loops one of which reads what the other stacks, only one can run the other again.
        for loop in _loop_back(draft.graph, node) if node in snapshots else ():
            _run_again(draft, loop, snapshots[node])
    narrow(draft)
    return draft.settled()


def _run_again(draft: Draft, loop: LoopBack, snapshots: int) -> None:
    graph = draft.graph
    back, forward = (graph.dag.nodes[n]["params"] for n in (loop.node, loop.forward))
    carries, states = back["carries"], forward["carries"]
    ours, theirs = graph.operands(loop.node), graph.operands(loop.forward)
    body, step = _Inputs(back["body"], ours, back), _Inputs(forward["body"], theirs, forward)
    slices = [i for i in range(carries, carries + back["slices"]) if i not in loop.residuals]
    fixed = range(carries + back["slices"], len(ours))
    more = range(states, states + forward["slices"])
    others = range(states + forward["slices"], len(theirs))
    index = back["index"] or forward["index"]
    body_inputs = [
        *body.given[:carries],
        *(body.given[i] for i in loop.residuals),
        *(body.given[i] for i in slices),
        *(body.unread(step.spec(i)) for i in more),
        *(body.given[i] for i in fixed),
        *(body.unread(step.spec(i)) for i in others),
        *([body.number()] if index else []),
    ]
    step_inputs = [
        *step.given[:states],
        *(step.unread(body.spec(i)) for i in slices),
        *(step.given[i] for i in more),
        *(step.unread(body.spec(i)) for i in fixed),
        *(step.given[i] for i in others),
        *([step.number()] if index else []),
    ]
    ends = output_nodes(step.graph)
    ends = [*ends[:states], *(ends[k] for k in loop.residuals.values())]
    again = cut_out(step.graph, ends, step_inputs)
    call_before(again, step.given[:states])
    operands = [
        *ours[:carries],
        *theirs[:states],
        *(ours[i] for i in slices),
        *(theirs[i] for i in more),
        *(ours[i] for i in fixed),
        *(theirs[i] for i in others),
    ]
    params = {
        "body": cut_out(body.graph, output_nodes(body.graph), body_inputs),
        "step": again,
        "carries": carries,
        "states": states,
        "slices": len(slices) + len(more),
        "length": loop.length,
        "reverse": forward["reverse"],
        "index": index,
        "checkpoints": snapshots,
    }
    graph.dag.nodes[loop.node]["op"] = "reversal"
    same = {i: i for i in range(len(output_nodes(body.graph)))}
    remake(graph, loop.node, operands, params, same)
    draft.in_order = False
    draft.remove_dead([ours[i] for i in loop.residuals])
    if max(results(graph, loop.forward), default=0) < states:
        left = [tensor.name for tensor in leave_states(graph, loop.forward, snapshots)]
        remake(graph, loop.node, [*operands, *left], {**params, "left": bool(left)}, same)


class _Inputs:
    """The inputs of a copy of a loop's body, and others that are put beside them."""

    def __init__(self, body: Graph, operands: Sequence[str], params: Mapping[str, object]) -> None:
        self.graph: Graph = body.copy()
        self.given = input_names(self.graph)
        self.last = self.given[len(operands) :] if params["index"] else []

    def spec(self, i: int) -> Spec:
        """What an input is given."""
        return self.graph.spec(self.given[i])

    def unread(self, spec: Spec) -> str:
        """An input that only the other step reads."""
        return self.graph._insert("input", {}, spec, (), self.graph._fresh("input"))

    def number(self) -> str:
        """The input for the number of the step."""
        return self.last[0] if self.last else self.unread(Spec((), np.dtype(np.int64)))
