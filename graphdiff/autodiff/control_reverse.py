"""Reverse mode through loops and branches.

One step of a loop takes a carry c, a slice x and constants w, and gives c' and y. Its
vector-Jacobian product, by the same sweep as any other, takes the cotangents of c' and y to those
of c, x and w. So the gradient of the loop is a loop the other way round that carries the cotangent
of c, and the sum so far of that of w. The values of a step that the product needs are *residuals*:
the first loop stacks them as further results, and the second takes its slices of them. Views of
them, and what depends on constants alone, are made again and not stacked.

A loop with checkpoints stacks nothing; its gradient is a `reversal`, which runs the steps again.

A branch has no steps to remember: its gradient is a branch that computes what it needs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphdiff.autodiff.influences import influences
from graphdiff.autodiff.inside import beside_input, called_in, or_zeros, zeros
from graphdiff.autodiff.residuals import Loop, StepBack, residuals
from graphdiff.autodiff.reversals import as_scans, put_in
from graphdiff.errors import GradientError
from graphdiff.graph.body import (
    call_before,
    cut_out,
    input_names,
    leave_states,
    output_nodes,
    remake,
    results_of,
)
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Passage:
    """A node with bodies that a derivative flows back through.

    Parameters
    ----------
    graph, node
        The node, and where it is.
    cotangents
        Of the results that have one, each of the result's shape.
    wanted
        The positions of the operands whose cotangents are asked for.
    seed, linear
        See `graphdiff.autodiff.reverse.pull_back`.
    sweep
        That function, for the bodies.
    """

    graph: Graph
    node: str
    cotangents: Mapping[int, Tensor]
    wanted: Sequence[int]
    seed: str
    linear: bool
    sweep: Callable[..., list[Tensor | None]]

    def pull_back(
        self, seeds: Sequence[tuple[Tensor, Tensor]], wrt: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """The cotangents of some values of a body, given those of others."""
        return self.sweep(seeds, wrt, self.seed, self.linear)


def pull_back_through(passage: Passage) -> dict[int, Tensor]:
    """The cotangents of a node's operands, given those of its results.

    Raises
    ------
    GradientError
        For a loop of an unknown number of steps, and for a value to be kept in one with
        checkpoints.
    """
    graph, node = passage.graph, passage.node
    op = graph.op(node).name
    if op == "while_loop":
        raise GradientError(
            "a while_loop has no derivative in reverse mode: the number of its steps is not known",
            node=node, op=op, origin=graph.dag.nodes[node]["origin"],
            hint="use gd.fori or gd.scan, whose number of steps is known, or forward mode: "
            'gd.jvp, gd.jacobian(f, mode="forward")',
        )  # fmt: skip
    if op == "reversal":
        return _pull_back_reversal(passage)
    if op == "cond":
        return _pull_back_cond(passage)
    return _pull_back_scan(passage)


def _pull_back_scan(passage: Passage) -> dict[int, Tensor]:
    graph, node, cotangents = passage.graph, passage.node, passage.cotangents
    wanted, seed = passage.wanted, passage.seed
    params = graph.dag.nodes[node]["params"]
    body, carries, slices = params["body"].copy(), params["carries"], params["slices"]
    inputs, outputs, operands = input_names(body), output_nodes(body), graph.operands(node)
    loop = Loop(graph, node, body, inputs, outputs, operands, carries, slices)
    deep = influences(graph, node)
    useful = set().union(*(deep[i] for i in cotangents))
    varied = [j for j in range(carries) if j in useful and not deep[j].isdisjoint(wanted)]
    by = [*varied, *(i for i in wanted if i >= carries and i in useful)]
    if not by:
        return {}
    back = _step_back(loop, varied, by, passage)
    _part(loop)
    first = [
        cotangents[i] if i in cotangents and i < carries else zeros(graph, graph.spec(operands[i]))
        for i in back.positions[: len(back.begins)]
    ]
    rows = [cotangents[i] for i in cotangents if i >= carries]
    run_back = _from_stored if params["checkpoints"] is None else _from_checkpoints
    gradient = run_back(loop, back, first, rows, seed)
    return {
        i: graph.apply("result", (gradient,), {"index": k})
        for k, i in enumerate(back.positions)
        if i in wanted
    }


def _from_stored(
    loop: Loop, back: StepBack, first: Sequence[Tensor], rows: Sequence[Tensor], seed: str
) -> Tensor:
    """The loop back, from what the first loop stacks."""
    graph, params = loop.graph, loop.graph.dag.nodes[loop.node]["params"]
    stored, others = _needed(loop, back)
    begins = [*back.begins, *back.rows, *stored, *others, *loop.inputs[len(loop.operands) :]]
    body = _body_back(loop, back, begins, stored, seed)
    place = dict(zip(loop.inputs, loop.operands, strict=False))
    values = (*first, *rows, *_store(loop, stored), *(graph[place[name]] for name in others))
    read = loop.among(others, loop.carries, loop.carries + loop.slices)
    changed = {
        "body": body,
        "carries": len(first),
        "slices": len(back.rows) + len(stored) + len(read),
        "length": params["length"],
        "reverse": not params["reverse"],
        "index": params["index"],
    }
    return graph.apply("scan", values, changed)


def _from_checkpoints(
    loop: Loop, back: StepBack, first: Sequence[Tensor], rows: Sequence[Tensor], seed: str
) -> Tensor:
    """The loop back, which runs the steps again from a few states that are kept."""
    graph, params = loop.graph, loop.graph.dag.nodes[loop.node]["params"]
    carries = loop.carries
    for name, attributes in loop.forward.dag.nodes(data=True):
        if attributes.get("policy") == "keep":
            raise GradientError(
                "keep() marks a value in a loop whose steps are run again from checkpoints",
                node=name, op=loop.forward.op(name).name, origin=attributes["origin"],
                hint="leave keep() away, or checkpoints, with which nothing of a step is kept",
            )  # fmt: skip
    stored, _ = _needed(loop, back)
    given = [*back.rows, *loop.inputs[carries:]]
    ends = [*loop.outputs[:carries], *stored]
    step = cut_out(loop.body, ends, [*loop.inputs[:carries], *given])
    body = _body_back(loop, back, [*back.begins, *stored, *given], stored, seed)
    call_before(step, loop.inputs[:carries])
    left = leave_states(graph, loop.node, params["checkpoints"])
    values = (
        *first,
        *(graph[name] for name in loop.operands[:carries]),
        *rows,
        *(graph[name] for name in loop.operands[carries:]),
        *left,
    )
    changed = {
        "body": body,
        "step": step,
        "carries": len(first),
        "states": carries,
        "slices": len(rows) + loop.slices,
        "length": params["length"],
        "reverse": params["reverse"],
        "index": params["index"],
        "checkpoints": params["checkpoints"],
        "left": bool(left),
    }
    return graph.apply("reversal", values, changed)


def _body_back(
    loop: Loop, back: StepBack, begins: Sequence[str], stored: Sequence[str], seed: str
) -> Graph:
    """A step back as a body; the state before a step is called so."""
    body = cut_out(loop.body, back.ends, begins, f"gradient of {loop.body.name}")
    _name_after(body, loop.forward, seed)
    call_before(body, loop.among(stored, 0, loop.carries))
    return body


def _step_back(
    loop: Loop,
    varied: Sequence[int],
    by: Sequence[int],
    passage: Passage,
) -> StepBack:
    """Add to the body the cotangents of some of its inputs, given those of its outputs."""
    body, inputs, outputs = loop.body, loop.inputs, loop.outputs
    cotangents, seed = passage.cotangents, passage.seed
    given = {j: beside_input(body, f"d{seed}/d{inputs[j]}", inputs[j]) for j in varied}
    rows = [i for i in cotangents if i >= loop.carries]
    for i in rows:
        name = f"d{seed}/d{called_in(body, outputs[i])}s"
        given[i] = beside_input(body, name, outputs[i])
    seeds = [(body[outputs[i]], tensor) for i, tensor in given.items()]
    pulled = passage.pull_back(seeds, [body[inputs[i]] for i in by])
    found = {i: value for i, value in zip(by, pulled, strict=True) if value is not None}
    last = loop.carries + loop.slices
    sums = [i for i in found if i >= last]
    slices = [i for i in found if loop.carries <= i < last]
    ends = [or_zeros(body, found.get(j), body.spec(inputs[j])) for j in varied]
    begins = [given[j].name for j in varied]
    for i in sums:
        total = beside_input(body, f"sum_{i}", inputs[i], named=False)
        marks = body.dag.nodes[found[i].name]
        marks["of"] = tuple(of for of in marks.get("of", ()) if of != inputs[i])  # the sum is
        with body.marking(phase="gradient", seed=seed, origin=marks["origin"]):
            ends.append((total + found[i]).name)
        begins.append(total.name)
    ends += [found[i].name for i in slices]
    return StepBack(begins, [given[i].name for i in rows], ends, [*varied, *sums, *slices])


def _part(loop: Loop) -> None:
    """Let no loop leave states in a step forward for one in the step back: these are two graphs."""
    body, forward = loop.body, loop.forward
    for node in body.of_op("reversal"):
        params = body.dag.nodes[node]["params"]
        if node not in forward.dag and params["left"]:
            operands = body.operands(node)[: -params["states"]]
            same = {i: i for i in range(len(output_nodes(params["body"])))}
            remake(body, node, operands, {**params, "left": False}, same)


def _needed(loop: Loop, back: StepBack) -> tuple[list[str], list[str]]:
    """What a step back reads of the step forward: what is to be stacked, and other inputs.

    Of the inputs slices come first, then what is the same in all steps.
    """
    last = loop.carries + loop.slices
    kept = residuals(loop, back)
    read = loop.among(kept, loop.carries, last)
    fixed = loop.among(kept, last, len(loop.operands))
    given = set(loop.inputs[loop.carries :])
    return [name for name in kept if name not in given], [*read, *fixed]


def _pull_back_reversal(passage: Passage) -> dict[int, Tensor]:
    graph, node, cotangents = passage.graph, passage.node, passage.cotangents
    wanted, seed = passage.wanted, passage.seed
    scans = as_scans(graph, node)
    inputs, outputs = input_names(scans), output_nodes(scans)
    given = [beside_input(scans, f"d{seed}/d{outputs[i]}", outputs[i]) for i in cotangents]
    seeds = list(zip((scans[outputs[i]] for i in cotangents), given, strict=True))
    found = passage.pull_back(seeds, [scans[inputs[i]] for i in wanted])
    kept = {i: value for i, value in zip(wanted, found, strict=True) if value is not None}
    values = put_in(scans, list(kept.values()), list(cotangents.values()), graph, node)
    return dict(zip(kept, values, strict=True))


def _pull_back_cond(passage: Passage) -> dict[int, Tensor]:
    graph, node, cotangents = passage.graph, passage.node, passage.cotangents
    wanted, seed = passage.wanted, passage.seed
    params = graph.dag.nodes[node]["params"]
    operands = graph.operands(node)
    deep = influences(graph, node)
    useful = set().union(*(deep[i] for i in cotangents))
    by = [i for i in wanted if i in useful]
    if not by:
        return {}
    branches: dict[str, Graph] = {}
    for word in ("then", "otherwise"):
        body: Graph = params[word].copy()
        inputs, outputs = input_names(body), output_nodes(body)
        given = [
            beside_input(body, f"d{seed}/d{called_in(body, outputs[i])}", outputs[i])
            for i in cotangents
        ]
        seeds = list(zip((body[outputs[i]] for i in cotangents), given, strict=True))
        found = passage.pull_back(seeds, [body[inputs[i - 1]] for i in by])
        ends = [
            or_zeros(body, value, body.spec(inputs[i - 1]))
            for i, value in zip(by, found, strict=True)
        ]
        begins = [*(tensor.name for tensor in given), *inputs]
        branches[word] = cut_out(body, ends, begins, f"gradient of {body.name}")
    loop = graph.apply(
        "cond",
        (graph[operands[0]], *cotangents.values(), *(graph[o] for o in operands[1:])),
        branches,
    )
    return {i: graph.apply("result", (loop,), {"index": k}) for k, i in enumerate(by)}


def _store(loop: Loop, stored: Sequence[str]) -> list[Tensor]:
    """Let a loop stack some values of each step; returns the stacks."""
    graph, node, outputs = loop.graph, loop.node, loop.outputs
    attributes = graph.dag.nodes[node]
    params = attributes["params"]
    known = {name: i for i, name in reversed(list(enumerate(outputs))) if i >= loop.carries}
    new = [name for name in stored if name not in known]
    known |= {name: i for i, name in enumerate(new, start=len(outputs))}
    if new:
        longer = cut_out(loop.body, [*outputs, *new], loop.inputs)
        same = {i: i for i in range(len(outputs))}
        remake(graph, node, loop.operands, {**params, "body": longer}, same)
    marks = {key: attributes[key] for key in ("phase", "scope", "origin")}
    return results_of(graph, node, [known[name] for name in stored], **marks)


def _name_after(step: Graph, forward: Graph, seed: str) -> None:
    """Call the cotangents in a step back after the values of the step forward."""
    taken = set(input_names(step))
    for node, attributes in step.dag.nodes(data=True):
        if node in taken:
            continue
        for of in attributes.get("of", ()):
            name = called_in(forward, of) if of in forward.dag else of
            if name != of and f"d{seed}/d{name}" not in taken:
                attributes["local"] = f"d{seed}/d{name}"
                break
