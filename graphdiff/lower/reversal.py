"""The steps of a loop from the last to the first, with a few states kept, as two loops.

The outer one goes back. The inner one runs forward again, from the last state that is kept to the
state that the step back begins with, and keeps states on the way as far as there is room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphdiff.graph.body import cut_out, input_names, output_nodes, results
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.lower.names import identifier
from graphdiff.lower.steps import (
    Block,
    Carry,
    carry_all,
    count,
    finish,
    give,
    owner_in,
    put_rows,
    slices_of,
    stacks,
    steps,
    typed,
)
from graphdiff.ops.notation import ADD, dimension_code

if TYPE_CHECKING:
    from graphdiff.lower.program import Writer


def reversal(writer: Writer, node: str) -> Block:
    """The statements of a reversal."""
    params, operands = writer.pieces[node].facts["params"], writer.graph.operands(node)
    body: Graph = params["body"]
    step: Graph = params["step"]
    carries, states = params["carries"], params["states"]
    inputs, outputs, residuals = input_names(body), output_nodes(body), output_nodes(step)[states:]
    back, taken, written = writer.within(body), results(writer.graph, node), Block()
    counter = back.names.counter(identifier(inputs[-1]) if params["index"] else None)
    given = operands[carries + states :]
    head = _hand_in(writer, back, inputs[carries + len(residuals) :], given, params, counter)
    carried = carry_all(writer, back, operands[:carries], taken, inputs, outputs)
    stores = stacks(writer, body, taken, outputs, carries, params["length"], written)
    for carry in carried:
        written.add(f"{carry.variable} = {carry.first}")
    again = writer.within(cut_out(step, residuals, input_names(step)))
    _run_again(writer, back, again, node, counter, written)
    head += _hand_in(writer, again, input_names(step)[states:], given, params, counter)
    written.add(*dict.fromkeys(head), depth=1)
    again.handed.update(residuals)  # each is a variable
    written.lines += [line.moved(1) for line in again.lines()]
    for name, residual in zip(inputs[carries:], residuals, strict=False):
        back.give(name, "", again.pieces[residual])
    rest = put_rows(back, stores, inputs[:carries], counter, written)
    steps(back, carried, rest, written)
    finish(carried, taken, body, written, always=False)
    return written


def _run_again(
    writer: Writer, back: Writer, again: Writer, node: str, counter: str, written: Block
) -> None:
    """The head of the loop, and in it what leads to the state before the step."""
    params, operands = writer.pieces[node].facts["params"], writer.graph.operands(node)
    step: Graph = params["step"]
    start, states, most = params["carries"], params["states"], params["checkpoints"]
    inputs, outputs = input_names(step), output_nodes(step)[:states]
    length = dimension_code(writer.own_shape((params["length"],))[0])
    from_last = f"{length.within(ADD)} - 1 - " if params["reverse"] else ""
    helper = back.names.helper
    number = helper("n") if from_last else counter
    numbered = [f"{counter} = {from_last}{number}"] if from_last else []
    if not states:
        written.add(f"for {number} in reversed(range({length.text})):")
        written.add(*numbered, depth=1)
        return
    onward = back.within(cut_out(step, outputs, inputs))
    variables = [again.names.variable(name) for name in inputs[:states]]
    for name, variable in zip(inputs, variables, strict=False):
        again.give(name, variable)
        onward.give(name, variable)
    kept, begin, places = helper("kept"), helper("begin"), helper("places")
    first = [typed(writer.pieces[name]).text for name in operands[start : start + states]]
    written.add(
        f"# the states before a few of the steps, at most {most} at a time",
        f"{kept} = {{0: {_together(first)}}}",
        f"for {number} in reversed(range({length.text})):",
    )
    written.add(
        f"{begin} = max({kept})",
        f"{', '.join(variables)} = {kept}[{begin}]",
        f"{places} = snapshots({begin}, {number}, {most} - len({kept}))",
        depth=1,
    )
    inner = onward.names.counter()
    place = helper("m") if from_last else inner
    run = Block()
    run.add(f"for {place} in range({begin}, {number}):")
    run.add(f"if {place} in {places}:", depth=1)
    run.add(f"{kept}[{place}] = {_together(_own(step, outputs, variables))}", depth=2)
    run.add(*([f"{inner} = {from_last}{place}"] if from_last else []), depth=1)
    head = _hand_in(writer, onward, inputs[states:], operands[start + states :], params, inner)
    run.add(*head, depth=1)
    carried = [
        Carry(variable, "", False, before, after)  # a new array each time: the old one may be kept
        for variable, before, after in zip(variables, inputs, outputs, strict=False)
    ]
    steps(onward, carried, [], run)
    written.lines += [line.moved(1) for line in run.lines]
    written.add(f"{kept}.pop({number}, None)", *numbered, depth=1)


def _own(step: Graph, outputs: Sequence[str], variables: Sequence[str]) -> list[str]:
    """States as they are kept: of a view a copy, lest it keeps alive what it is a view of."""
    owners = [owner_in(step, output) for output in outputs]
    return [
        f"{variable}.copy()" if owner != output and step.dag.nodes[owner]["op"] not in SOURCES
        else variable
        for variable, output, owner in zip(variables, outputs, owners, strict=True)
    ]  # fmt: skip


def _together(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _hand_in(
    writer: Writer,
    inner: Writer,
    names: Sequence[str],
    operands: Sequence[str],
    params: Mapping[str, Any],
    counter: str,
) -> list[str]:
    """Let the last inputs of a body be slices, values that are the same in all steps, the number.

    Returns the statements that a step begins with.
    """
    slices = params["slices"]
    if params["index"]:
        count(inner, names[-1], counter)
    give(writer, inner, names[slices : len(operands)], operands[slices:])
    return slices_of(writer, inner, names[:slices], operands[:slices], counter)
