"""The steps of a loop from the last to the first, with a few states kept, as two loops.

The outer one goes back. The inner one runs forward again, from the last state that is kept to the
state that the step back begins with, and keeps states on the way as far as there is room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphdiff.graph.body import (
    borrowed,
    cut_out,
    input_names,
    output_nodes,
    owner_in,
    results,
)
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.lower.names import identifier, kept_as
from graphdiff.lower.statements import Line
from graphdiff.lower.steps import (
    Block,
    Carry,
    carry_all,
    count,
    finish,
    give,
    put_rows,
    slices_of,
    stacks,
    steps,
    typed,
)
from graphdiff.ops.notation import ADD, dimension_code

if TYPE_CHECKING:
    from graphdiff.lower.writer import Writer


def reversal(writer: Writer, node: str) -> Block:
    """The statements of a reversal."""
    params, operands = writer.pieces[node].facts["params"], writer.graph.operands(node)
    body: Graph = params["body"]
    step: Graph = params["step"]
    carries, states = params["carries"], params["states"]
    inputs, outputs, residuals = input_names(body), output_nodes(body), output_nodes(step)[states:]
    back, taken, written = writer.within(body), results(writer.graph, node), Block()
    counter = back.names.counter(identifier(inputs[-1]) if params["index"] else None)
    given = _given(params, operands)
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
    finish(carried, taken, borrowed(writer.graph, node), written)
    return written


def _given(params: Mapping[str, Any], operands: Sequence[str]) -> Sequence[str]:
    """The operands that both steps are handed."""
    states = params["states"]
    return operands[params["carries"] + states : len(operands) - states * params["left"]]


def _run_again(
    writer: Writer, back: Writer, again: Writer, node: str, counter: str, written: Block
) -> None:
    """The head of the loop, and in it what leads to the state before the step."""
    params, operands = writer.pieces[node].facts["params"], writer.graph.operands(node)
    step: Graph = params["step"]
    states, most, given = params["states"], params["checkpoints"], _given(params, operands)
    inputs, outputs = input_names(step), output_nodes(step)[:states]
    length = dimension_code(writer.own_shape((params["length"],))[0])
    from_last = f"{length.within(ADD)} - 1 - " if params["reverse"] else ""
    helper = back.names.helper
    number = helper("n") if from_last else counter
    numbered = [f"{counter} = {from_last}{number}"] if from_last else []
    if not states:
        written.add(f"for {number} in reversed(range({length.text})):")
        written.add(*numbered, depth=1, counts=True)
        return
    onward = back.within(cut_out(step, outputs, inputs))
    variables = [again.names.variable(name) for name in inputs[:states]]
    for name, variable in zip(inputs, variables, strict=False):
        again.give(name, variable)
        onward.give(name, variable)
    kept = _kept(writer, back, node, inputs[:states], written)
    begin, places = helper("begin"), helper("places")
    written.add(f"for {number} in reversed(range({length.text})):")
    states_before = (f"{v} = {of}[{begin}]" for v, of in zip(variables, kept, strict=True))
    room = f"{most} - len({kept[0]})"
    written.add(f"{begin} = max({kept[0]})", depth=1, counts=True)
    written.add(*states_before, depth=1)
    written.add(f"{places} = snapshots({begin}, {number}, {room})", depth=1, counts=True)
    inner = onward.names.counter()
    place = helper("m") if from_last else inner
    run = Block()
    run.add(f"for {place} in range({begin}, {number}):")
    run.lines += _keep(kept, place, places, _own(step, outputs, variables))
    run.add(*([f"{inner} = {from_last}{place}"] if from_last else []), depth=1, counts=True)
    head = _hand_in(writer, onward, inputs[states:], given, params, inner)
    run.add(*head, depth=1)
    carried = [
        Carry(variable, "", False, before, after)  # a new array each time: the old one may be kept
        for variable, before, after in zip(variables, inputs, outputs, strict=False)
    ]
    steps(onward, carried, [], run)
    written.lines += [line.moved(1) for line in run.lines]
    written.add(*(f"{of}.pop({number}, None)" for of in kept), depth=1)
    written.add(*numbered, depth=1, counts=True)


def _kept(
    writer: Writer, back: Writer, node: str, states: Sequence[str], written: Block
) -> list[str]:
    """The variables for what is kept of each state, with the first one in it."""
    params, operands = writer.pieces[node].facts["params"], writer.graph.operands(node)
    start, most = params["carries"], params["checkpoints"]
    first = [typed(writer.pieces[name]).text for name in operands[start : start + len(states)]]
    written.add(f"# the states before a few of the steps, at most {most} at a time")
    if params["left"]:
        kept = [writer.pieces[name].text.text for name in operands[len(operands) - len(states) :]]
        written.add(*(f"{of}[0] = {text}" for of, text in zip(kept, first, strict=True)))
    else:
        kept = [back.names.helper(kept_as(states, j)) for j in range(len(states))]
        written.add(*(f"{of} = {{0: {text}}}" for of, text in zip(kept, first, strict=True)))
    return kept


def _keep(kept: Sequence[str], place: str, places: str, states: Sequence[str]) -> list[Line]:
    """Statements of a step that keep the states before it, if it is among some places."""
    block = Block()
    block.add(f"if {place} in {places}:", depth=1)
    block.add(*(f"{of}[{place}] = {text}" for of, text in zip(kept, states, strict=True)), depth=2)
    return block.lines


def leave(
    writer: Writer,
    inner: Writer,
    node: str,
    taken: Mapping[int, list[str]],
    carried: Sequence[Carry],
    counter: str,
    written: Block,
) -> list[Line]:
    """Let a loop leave states for its reversal: those that the first sweep of revolve keeps.

    Returns the statements that each step begins with.
    """
    params, body = writer.pieces[node].facts["params"], inner.graph
    count = len(output_nodes(body))
    left = [j for j in range(params["carries"]) if count + j in taken]
    if not left:
        return []
    for j in left:
        carried[j].fresh = False  # a new array each time: the old one may be kept
        written.texts[count + j] = writer.names.variable(taken[count + j][0])
    kept = [written.texts[count + j] for j in left]
    length = dimension_code(writer.own_shape((params["length"],))[0]).within(ADD)
    places, room = inner.names.helper("places"), params["checkpoints"] - 1
    early = f"*snapshots(0, {length} - 1, {room}), " if room else ""
    written.add("# the states before a few of the steps, for the gradient")
    written.add(*(f"{of} = {{}}" for of in kept), f"{places} = [{early}{length} - 1]")
    ends, variables = output_nodes(body), [carried[j].variable for j in left]
    texts = _own(body, [ends[j] for j in left], variables)
    place = f"{length} - 1 - {counter}" if params["reverse"] else counter
    return _keep(kept, place, places, texts)


def _own(step: Graph, outputs: Sequence[str], variables: Sequence[str]) -> list[str]:
    """States as they are kept: of a view a copy, lest it keeps alive what it is a view of."""
    owners = [owner_in(step, output) for output in outputs]
    return [
        f"{variable}.copy()" if owner != output and step.dag.nodes[owner]["op"] not in SOURCES
        else variable
        for variable, output, owner in zip(variables, outputs, owners, strict=True)
    ]  # fmt: skip


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
