"""What the docstring of a generated module says: the network in formulas, and its arguments."""

from __future__ import annotations

from collections.abc import Sequence, Set

from graphdiff.lower.formulas import ELLIPSIS, formulas_over
from graphdiff.lower.layout import WIDTH, cut
from graphdiff.lower.names import plain
from graphdiff.lower.program import Program, Value

_MOST_EQUATIONS = 24


def docstring(program: Program, values: Sequence[str], needed: Set[str], origin: str) -> list[str]:
    """The lines of the docstring.

    Parameters
    ----------
    program
        What the module computes.
    values
        The outputs that are no derivatives.
    needed
        The values that those are computed from.
    origin
        The sentence on where the file comes from, and what it needs.
    """
    lines = [f'"""{_title(program, values)}', ""]
    equations = _equations(program, needed)
    if equations:
        lines += [*(f"    {equation}" for equation in equations), ""]
    lines += [*_table(program), origin]
    if 0 < len(values) < len(program.graph.outputs_by_name):
        lines.append("Run it as a script to check the gradient against differences.")
    return [*lines, '"""']


def equations_of(program: Program, values: Sequence[Value], lines: Set[str]) -> list[str]:
    """``h = max(0, x W + c)`` for each of the lines; the other values are folded in."""

    def label(node: str) -> str:
        return plain(program.names.label(node))

    order = [node for value in values for node in value.nodes]
    formulas = formulas_over(program.graph, order, lines, label)
    return [f"{label(node)} = {formulas[node].text}" for node in order if node in lines]


def _title(program: Program, values: Sequence[str]) -> str:
    name, outputs = plain(program.graph.name), program.graph.outputs_by_name
    if not values:
        return cut(f"{name}: {', '.join(map(plain, outputs))}.")
    if len(values) < len(outputs):
        seeds = {pair[0] for pair in program.graph.dag.graph["derivatives"].values()}
        ordered = [plain(output) for output in outputs if output in seeds]
        return cut(f"{name}: {', '.join(ordered)} and its gradient.")
    return cut(f"{name}: {', '.join(map(plain, values))}.")


def _equations(program: Program, needed: Set[str]) -> list[str]:
    """The network in formulas over the names that the user gave."""
    values = program.values.values()
    forward = [v for v in values if v.node in needed and v.phase == "forward"]
    if len(forward) > 4 * _MOST_EQUATIONS:
        return []
    others = {v.row for v in values} - {v.row for v in forward}
    if any(not others.isdisjoint(v.operands) for v in forward):
        return []
    nodes = program.graph.dag.nodes
    named = {v.node for v in forward if nodes[v.node]["named"] or v.block}
    for lines in (named, {v.node for v in forward}):
        equations = equations_of(program, forward, lines)
        if all(len(text) < WIDTH - 4 and ELLIPSIS not in text for text in equations):
            return equations if len(equations) <= _MOST_EQUATIONS else []
    return []


def _table(program: Program) -> list[str]:
    rows = []
    for node in program.arguments:
        attributes = program.graph.dag.nodes[node]
        rows.append((program.names.variable(node), attributes["op"], attributes["spec"]))
    if not rows:
        return []
    wide = max(len(name) for name, _, _ in rows)
    return [
        "Arguments",
        *(f"    {name:{wide}}  {op:9}  {spec!r}" for name, op, spec in rows),
        "",
    ]
