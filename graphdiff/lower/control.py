"""Loops and branches as statements: ``for``, ``while``, ``if``, with the bodies written inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphdiff.graph.body import borrowed, input_names, output_nodes, results
from graphdiff.graph.dag import Graph
from graphdiff.lower.names import identifier
from graphdiff.lower.reversal import leave, reversal
from graphdiff.lower.statements import renamed, replaced
from graphdiff.lower.steps import (
    Block,
    carry_all,
    count,
    finish,
    forget,
    give,
    put_rows,
    slices_of,
    stacks,
    states,
    steps,
    typed,
)
from graphdiff.ops.notation import UNARY, Written, dimension_code

if TYPE_CHECKING:
    from graphdiff.lower.writer import Writer


def block(writer: Writer, node: str) -> Block:
    """The statements of a node with bodies."""
    op = writer.graph.op(node).name
    blocks = {"scan": _scan, "reversal": reversal, "while_loop": _while, "cond": _cond}
    written = blocks[op](writer, node)
    if writer.schedule is not None:
        length = writer.pieces[node].facts["params"].get("length")
        forget(written, None if length is None else writer.own_shape((length,))[0])
    return written


# -- loops -----------------------------------------------------------------------------------------


def _scan(writer: Writer, node: str) -> Block:
    graph, params = writer.graph, writer.pieces[node].facts["params"]
    body: Graph = params["body"]
    carries, slices, length = params["carries"], params["slices"], params["length"]
    operands, inputs, outputs = graph.operands(node), input_names(body), output_nodes(body)
    inner = writer.within(body)
    taken, written = results(graph, node), Block()
    last = len(inputs) - params["index"]
    give(writer, inner, inputs[carries + slices : last], operands[carries + slices :])
    carried = carry_all(writer, inner, operands[:carries], taken, inputs, outputs)
    counter = inner.names.counter(identifier(inputs[-1]) if params["index"] else None)
    if params["index"]:
        count(inner, inputs[-1], counter)
    used = bool(params["index"]) and inner.reads(inputs[-1]) > 0
    sliced = inputs[carries : carries + slices]
    used = used or any(inner.reads(name) > 0 for name in sliced)
    head = slices_of(writer, inner, sliced, operands[carries : carries + slices], counter)
    made, begins = states(writer, node, taken, carried, written)
    stores = stacks(writer, body, taken, outputs, carries, length, written, made)
    for carry in carried:
        written.add(f"{carry.variable} = {carry.first}")
    written.lines += begins
    kept = leave(writer, inner, node, taken, carried, counter, written)
    used = used or bool(stores or kept)
    order = f"range({dimension_code(writer.own_shape((length,))[0]).text})"
    order = f"reversed({order})" if params["reverse"] else order
    written.add(f"for {counter if used else '_'} in {order}:")
    written.lines += kept
    written.add(*head, depth=1)
    rest = put_rows(inner, stores, inputs[:carries], counter, written)
    steps(inner, carried, rest, written)
    finish(carried, taken, borrowed(graph, node), written)
    return written


def _while(writer: Writer, node: str) -> Block:
    graph, params = writer.graph, writer.pieces[node].facts["params"]
    body, condition, carries = params["body"], params["condition"], params["carries"]
    operands, inputs, outputs = graph.operands(node), input_names(body), output_nodes(body)
    inner, test = writer.within(body), writer.within(condition)
    taken, written = results(graph, node), Block()
    give(writer, inner, inputs[carries:], operands[carries:])
    carried = carry_all(writer, inner, operands[:carries], taken, inputs, outputs)
    for name, source in zip(input_names(condition), inputs, strict=True):
        test.give(name, "", inner.pieces[source])
    for carry in carried:
        written.add(f"{carry.variable} = {carry.first}")
    lines = test.lines()
    decided = test.pieces[output_nodes(condition)[0]].text
    if lines:
        written.add("while True:")
        written.lines += [line.moved(1) for line in lines]
        written.add(f"if not {decided.within(UNARY)}:", depth=1)
        written.add("break", depth=2)
    else:
        written.add(f"while {decided.text}:")
    steps(inner, carried, [], written)
    finish(carried, taken, borrowed(graph, node), written)
    return written


# -- branches --------------------------------------------------------------------------------------


def _cond(writer: Writer, node: str) -> Block:
    graph, params = writer.graph, writer.pieces[node].facts["params"]
    operands, taken, written = graph.operands(node), results(graph, node), Block()
    variables = {i: writer.names.variable(taken[i][0]) for i in sorted(taken)}
    written.texts, written.borrowed = dict(variables), borrowed(graph, node) & set(variables)
    for header, body in (
        (f"if {writer.pieces[operands[0]].text.text}:", params["then"]),
        ("else:", params["otherwise"]),
    ):
        inner, outputs = writer.within(body), output_nodes(body)
        give(writer, inner, input_names(body), operands[1:])
        lines = inner.lines()
        written.add(header)
        ends: list[str] = []
        called: dict[str, str] = {}
        defined = {line.text.name for line in lines if not isinstance(line.text, str)}
        first = {output: i for i, output in reversed(list(enumerate(outputs)))}
        for i, variable in variables.items():
            name = inner.pieces[outputs[i]].text.text
            if first[outputs[i]] == i and name in defined:
                called[name] = variable
                inner.pieces[outputs[i]].text = Written(variable)
            else:
                ends.append(f"{variable} = {typed(inner.pieces[outputs[i]]).text}")
        ends = [replaced(text, called) for text in ends]
        written.lines += [renamed(line, called).moved(1) for line in lines]
        written.add(*(ends if ends or lines else ["pass"]), depth=1)
    return written
