"""Loops and branches for many examples: the body is made for many, and the loop stays one loop.

Each rule returns the results of the node, with the axis of examples in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphdiff.autodiff.batched import Batched, Use
from graphdiff.graph.body import cut_out, inline, input_names, output_nodes
from graphdiff.graph.dag import Graph
from graphdiff.graph.order import users_of
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.spec import Spec

Batch = Callable[..., list[Tensor | None]]


def scan(use: Use, batch: Batch) -> tuple[Tensor, ...]:
    """A scan whose carries and slices have the examples in front."""
    params, operands = use.params, use.operands
    carries, slices = params["carries"], params["slices"]
    moved = _moved(params["body"], carries, {i for i, x in enumerate(operands) if x.has_axis})
    body, ends = _batched(params["body"], moved, set(range(carries)) & moved, use.length, batch)
    whole = moved & set(range(carries))
    values = _handed(operands, whole, range(carries, carries + slices), use.length)
    loop = values[0].graph.apply("scan", values, {**params, "body": body})
    left = range(len(ends), len(ends) + carries * params["leaves"])
    taken = _taken(loop, ends, carries, use.length)
    return (*taken, *(loop.graph.apply("result", (loop,), {"index": i}) for i in left))


def reversal(use: Use, batch: Batch) -> tuple[Tensor, ...]:
    """The steps of a loop from the last to the first: both bodies are made for many."""
    params, operands, length = use.params, use.operands, use.length
    carries, states, slices = params["carries"], params["states"], params["slices"]
    count = len(operands) - states * params["left"]
    left = tuple(x.value for x in operands[count:])  # as the other loop, made for many, left them
    operands = operands[:count]
    given = {i for i, x in enumerate(operands) if x.has_axis}
    moved = _moved(params["step"], states, {i - carries for i in given if i >= carries})
    stated = moved & set(range(states))
    step, after = _batched(params["step"], moved, stated, length, batch)
    residuals = after[states:]
    begins = {i for i in given if i < carries}
    begins |= {carries + k for k, has_axis in enumerate(residuals) if has_axis}
    begins |= {i - states + len(residuals) for i in given if i >= carries + states}
    moved = _moved(params["body"], carries, begins)
    whole = moved & set(range(carries))
    body, ends = _batched(params["body"], moved, whole, length, batch)
    first = carries + states
    whole |= {carries + i for i in stated}
    values = (*_handed(operands, whole, range(first, first + slices), length), *left)
    loop = values[0].graph.apply("reversal", values, {**params, "body": body, "step": step})
    return _taken(loop, ends, carries, length)


def while_loop(use: Use, batch: Batch) -> tuple[Tensor, ...]:
    """A loop until the condition fails for all examples; those it fails for stay as they are."""
    params, operands = use.params, use.operands
    carries = params["carries"]
    body: Graph = params["body"].copy()
    condition: Graph = params["condition"]
    inputs, outputs = input_names(body), output_nodes(body)
    given = {i for i, x in enumerate(operands) if x.has_axis}
    moved = _moved(body, carries, given)
    tests = input_names(condition)
    (decided,) = output_nodes(condition)
    if decided in users_of(condition.dag, [tests[i] for i in moved]):
        moved |= set(range(carries))
        (goes_on,) = inline(condition, body, [body[name] for name in inputs])
        outputs = [
            body.apply("where", (goes_on, body[after], body[before])).name
            for before, after in zip(inputs, outputs, strict=False)
        ]
        body = cut_out(body, outputs, inputs)
    many, ends = _batched(body, moved, set(range(carries)) & moved, use.length, batch)
    test, (each,) = _batched(condition, moved, set(), use.length, batch)
    if each:
        one = test.apply("any", (test[output_nodes(test)[0]],), {"axis": None})
        test = cut_out(test, [one.name], input_names(test))
    values = [x.spread(use.length) if i in moved else x.value for i, x in enumerate(operands)]
    graph = values[0].graph
    loop = graph.apply("while_loop", tuple(values), {**params, "condition": test, "body": many})
    parts = [graph.apply("result", (loop,), {"index": i}) for i in range(len(ends))]
    return tuple(
        part if has_axis else _spread(part, use.length)
        for part, has_axis in zip(parts, ends, strict=True)
    )


def cond(use: Use, batch: Batch) -> tuple[Tensor, ...]:
    """One branch for all examples; both, where they differ in the condition."""
    p, *operands = use.operands
    moved = {i for i, x in enumerate(operands) if x.has_axis}
    count = len(output_nodes(use.params["then"]))
    bodies = {
        word: _batched(use.params[word], moved, set(range(count)), use.length, batch)[0]
        for word in ("then", "otherwise")
    }
    values = [x.value for x in operands]
    graph = p.value.graph
    if not p.has_axis:
        loop = graph.apply("cond", (p.value, *values), bodies)
        return tuple(graph.apply("result", (loop,), {"index": i}) for i in range(count))
    branches = [inline(body, graph, values) for body in bodies.values()]
    return tuple(
        graph.apply("where", (p.aligned(a.ndim - 1), a, b)) for a, b in zip(*branches, strict=True)
    )


def custom_gradient(use: Use, batch: Batch) -> tuple[Tensor, ...]:
    """A value whose derivative is a graph: that is made for many examples too.

    The cotangent of an operand that is the same for all of them is the sum of theirs.
    """
    params, (value, *operands) = use.params, use.operands
    moved = {0, 1, *(i for i, x in enumerate(operands, start=2) if x.has_axis)}
    floats = [x for x in operands[: params["count"]] if x.value.spec.is_inexact]
    body, _ = _batched(params["backward"], moved, set(range(len(floats))), use.length, batch)
    ends = [
        one if x.has_axis else body.apply("sum", (body[one],), {"axis": (0,)}).name
        for one, x in zip(output_nodes(body), floats, strict=True)
    ]
    backward = cut_out(body, ends, input_names(body))
    values = (value.spread(use.length), *(x.value for x in operands))
    return (values[0].graph.apply("custom_gradient", values, {**params, "backward": backward}),)


def _handed(
    operands: Sequence[Batched], whole: set[int], slices: range, length: Dimension
) -> tuple[Tensor, ...]:
    """The operands of a loop for many: ``whole`` with their axis, slices behind that of steps."""
    return tuple(
        x.spread(length) if i in whole
        else _exchanged(x.value) if i in slices and x.has_axis
        else x.value
        for i, x in enumerate(operands)
    )  # fmt: skip


def _taken(
    loop: Tensor, ends: Sequence[bool], carries: int, length: Dimension
) -> tuple[Tensor, ...]:
    """The results of a loop for many, with the axis of examples in front."""
    found: list[Tensor] = []
    for i, has_axis in enumerate(ends):
        part = loop.graph.apply("result", (loop,), {"index": i})
        if has_axis and i >= carries:
            part = _exchanged(part)
        found.append(part if has_axis else _spread(part, length))
    return tuple(found)


def _moved(body: Graph, carries: int, given: set[int]) -> set[int]:
    """The inputs of a loop's body that have the axis of examples."""
    inputs, outputs = input_names(body), output_nodes(body)
    moved = set(given)
    while True:
        below = users_of(body.dag, [inputs[i] for i in moved])
        more = {j for j in range(carries) if outputs[j] in below} - moved
        if not more:
            return moved
        moved |= more


def _batched(
    body: Graph, moved: set[int], whole: set[int], length: Dimension, batch: Batch
) -> tuple[Graph, list[bool]]:
    """A body for many examples, and which of its outputs have their axis.

    ``moved`` are the inputs that have it, ``whole`` the outputs that shall have it.
    """
    body = body.copy()
    inputs, outputs = input_names(body), output_nodes(body)
    pairs: list[tuple[Tensor, Tensor]] = []
    begins = list(inputs)
    for i in sorted(moved):
        spec = body.spec(inputs[i])
        marks = body.dag.nodes[inputs[i]]
        with body.marking(phase=marks["phase"], scope=marks["scope"], origin=marks["origin"]):
            many = Spec((length, *spec.shape), spec.dtype)
            begins[i] = body._insert("input", {}, many, (), body._fresh("many"))
        pairs.append((body[inputs[i]], body[begins[i]]))
    found: list[Tensor | None] = [None] * len(outputs)
    if pairs:
        found = batch([body[name] for name in outputs], pairs, length)
    ends = [
        value.name if value is not None
        else _spread(body[outputs[i]], length).name if i in whole
        else outputs[i]
        for i, value in enumerate(found)
    ]  # fmt: skip
    result = cut_out(body, ends, begins)
    for before, after in zip(inputs, begins, strict=True):
        if before != after and before not in result:
            named = body.dag.nodes[before]["named"]
            result._rename(after, before)
            result.dag.nodes[before]["named"] = named
    return result, [value is not None or i in whole for i, value in enumerate(found)]


def _exchanged(x: Tensor) -> Tensor:
    """The first two axes, of examples and of steps, exchanged."""
    return x.graph.apply("transpose", (x,), {"axes": (1, 0, *range(2, x.ndim))})


def _spread(x: Tensor, length: Dimension) -> Tensor:
    return x.graph.apply("broadcast_to", (x,), {"shape": (length, *x.shape)})


RULES: dict[str, Callable[[Any, Batch], tuple[Tensor, ...]]] = {
    "scan": scan,
    "reversal": reversal,
    "while_loop": while_loop,
    "cond": cond,
    "custom_gradient": custom_gradient,
}
