"""Forward mode through loops and branches.

The tangents of a body are added to it, so that there is one loop which carries a value and its
tangent side by side. Nothing is stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graphdiff.autodiff.influences import influences
from graphdiff.autodiff.inside import beside_input, or_zeros, zeros
from graphdiff.autodiff.reversals import as_scans, put_in
from graphdiff.graph.body import cut_out, input_names, output_nodes
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor

PushForward = Callable[..., list[Tensor | None]]


@dataclass(frozen=True, slots=True)
class _Places:
    """How many operands of a loop are carried, are slices, and are there at all."""

    carries: int
    slices: int
    count: int

    def both(self, values: Sequence[str], others: Mapping[int, str]) -> list[str]:
        """Carried values and their tangents, then slices and theirs, then the rest and theirs."""
        starts = (0, self.carries, self.carries + self.slices, self.count)
        parts: list[str] = []
        for start, stop in pairwise(starts):
            parts += values[start:stop]
            parts += [others[i] for i in range(start, stop) if i in others]
        return [*parts, *values[self.count :]]

    def slices_of(self, positions: Iterable[int]) -> int:
        """How many of the operands at some positions are slices."""
        return sum(self.carries <= i < self.carries + self.slices for i in positions)


def push_forward_through(
    graph: Graph, node: str, tangents: Mapping[int, Tensor], seed: str, push_forward: PushForward
) -> dict[int, Tensor]:
    """The tangents of a node's results, given those of its operands.

    They are results of a new node, which computes the values beside them.
    """
    pushes = {"cond": _push_cond, "reversal": _push_reversal}
    push = pushes.get(graph.op(node).name, _push_loop)
    return push(graph, node, tangents, seed, push_forward)


def _push_loop(
    graph: Graph, node: str, tangents: Mapping[int, Tensor], seed: str, push_forward: PushForward
) -> dict[int, Tensor]:
    params, deep = graph.dag.nodes[node]["params"], influences(graph, node)
    operands, body = graph.operands(node), params["body"].copy()
    inputs, outputs = input_names(body), output_nodes(body)
    places = _Places(params["carries"], params.get("slices", 0), len(operands))
    moved = [j for j in range(places.carries) if deep[j] & tangents.keys()]
    given = [*moved, *(i for i in tangents if i >= places.carries)]
    beside = {i: beside_input(body, f"d{inputs[i]}", inputs[i]) for i in given}
    found = _pushed(body, outputs, inputs, beside, seed, push_forward)
    extra = [i for i in range(places.carries, len(outputs)) if found[i] is not None]
    ends = [
        *outputs[: places.carries],
        *(or_zeros(body, found[j], body.spec(inputs[j])) for j in moved),
        *outputs[places.carries :],
        *(or_zeros(body, found[i], body.spec(outputs[i])) for i in extra),
    ]
    heads = {i: tensor.name for i, tensor in beside.items()}
    changed = {
        **params,
        "body": cut_out(body, ends, places.both(inputs, heads)),
        "carries": places.carries + len(moved),
    }
    if "condition" in params:
        changed["condition"] = _unread(params["condition"], given, places)
    else:
        changed["slices"] = places.slices + places.slices_of(given)
        changed["leaves"] = False
    first = {i: tangent.name for i, tangent in tangents.items()}
    first |= {j: zeros(graph, graph.spec(operands[j])).name for j in moved if j not in first}
    values = tuple(graph[name] for name in places.both(operands, first))
    loop = graph.apply(graph.op(node).name, values, changed)
    at = {j: places.carries + k for k, j in enumerate(moved)}
    at |= {i: len(outputs) + len(moved) + k for k, i in enumerate(extra)}
    return {i: graph.apply("result", (loop,), {"index": k}) for i, k in at.items()}


def _unread(condition: Graph, given: Sequence[int], places: _Places) -> Graph:
    """The condition of a loop, which is handed the tangents too."""
    condition = condition.copy()
    names = input_names(condition)
    more = {i: beside_input(condition, f"d{names[i]}", names[i]).name for i in given}
    return cut_out(condition, output_nodes(condition), places.both(names, more))


def _push_cond(
    graph: Graph, node: str, tangents: Mapping[int, Tensor], seed: str, push_forward: PushForward
) -> dict[int, Tensor]:
    params = graph.dag.nodes[node]["params"]
    deep = influences(graph, node)
    moved = [i for i, sources in enumerate(deep) if sources & tangents.keys()]
    branches: dict[str, Graph] = {}
    for word in ("then", "otherwise"):
        body: Graph = params[word].copy()
        inputs, outputs = input_names(body), output_nodes(body)
        beside = {i - 1: beside_input(body, f"d{inputs[i - 1]}", inputs[i - 1]) for i in tangents}
        found = _pushed(body, outputs, inputs, beside, seed, push_forward)
        ends = [or_zeros(body, found[i], body.spec(outputs[i])) for i in moved]
        begins = [*inputs, *(tensor.name for tensor in beside.values())]
        branches[word] = cut_out(body, [*outputs, *ends], begins)
    operands = (*(graph[o] for o in graph.operands(node)), *tangents.values())
    loop = graph.apply("cond", operands, branches)
    return {
        i: graph.apply("result", (loop,), {"index": len(deep) + k}) for k, i in enumerate(moved)
    }


def _push_reversal(
    graph: Graph, node: str, tangents: Mapping[int, Tensor], seed: str, push_forward: PushForward
) -> dict[int, Tensor]:
    scans = as_scans(graph, node)
    inputs, outputs = input_names(scans), output_nodes(scans)
    beside = {i: beside_input(scans, f"d{inputs[i]}", inputs[i]) for i in tangents}
    found = _pushed(scans, outputs, inputs, beside, seed, push_forward)
    kept = {i: value for i, value in enumerate(found) if value is not None}
    values = put_in(scans, list(kept.values()), list(tangents.values()), graph, node)
    return dict(zip(kept, values, strict=True))


def _pushed(
    body: Graph,
    outputs: Sequence[str],
    inputs: Sequence[str],
    beside: Mapping[int, Tensor],
    seed: str,
    push_forward: PushForward,
) -> list[Tensor | None]:
    pairs = [(body[inputs[i]], tensor) for i, tensor in beside.items()]
    return push_forward([body[name] for name in outputs], pairs, seed)
