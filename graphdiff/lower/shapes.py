"""What a generated function does first: it reads the named dimensions, and asserts all shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphdiff.errors import CompileError
from graphdiff.lower.layout import WIDTH, wrap
from graphdiff.lower.program import Program
from graphdiff.lower.statements import mentioned
from graphdiff.ops.dimension import Dim
from graphdiff.ops.notation import shape_code


def shape_lines(program: Program) -> list[str]:
    """The named dimensions are read off the arguments, and all shapes are asserted."""
    names = program.names
    shapes = {
        names.variable(node): tuple(
            own_dimension(part, program.dimensions) for part in program.graph.spec(node).shape
        )
        for node in program.arguments
    }
    lines, known = _bindings(program.dimensions.values(), shapes)
    groups: dict[str, list[str]] = {}
    for name, shape in shapes.items():
        if shape and name not in known:
            groups.setdefault(shape_code(shape), []).append(f"{name}.shape")
    conditions = (part for text, members in groups.items() for part in _equal(members, text))
    return lines + _joined(conditions)


def dimension_lines(program: Program, text: str) -> list[str]:
    """The named dimensions that a text mentions are read off the arguments."""
    read = mentioned(text, program.dimensions.values())
    named = [name for name in program.dimensions.values() if name in read]
    places = dimension_places(program)
    variables = [program.names.variable(node) for node in program.arguments]
    return [f"    {n} = {variables[places[n][0]]}.shape[{places[n][1]}]" for n in named]


def dimension_places(program: Program) -> dict[str, tuple[int, int]]:
    """For each named dimension's variable an argument and an axis of it that is that long.

    Raises
    ------
    CompileError
        If there is none.
    """
    found: dict[str, tuple[int, int]] = {}
    for i, node in enumerate(program.arguments):
        for axis, part in enumerate(program.graph.spec(node).shape):
            if isinstance(part, str) and part in program.dimensions:
                found.setdefault(program.dimensions[part], (i, axis))
    for name in program.dimensions.values():
        if name not in found:
            raise _unreadable(name)
    return found


def _unreadable(name: str) -> CompileError:
    return CompileError(
        f"the size {name!r} cannot be read off any argument",
        expected="an input or a parameter with it as one of its dimensions",
    )


def _bindings(
    dimensions: Iterable[str], shapes: Mapping[str, Sequence[int | Dim]]
) -> tuple[list[str], set[str]]:
    """Statements that set the named dimensions, and the arguments that they check wholly."""
    lines: list[str] = []
    known: set[str] = set()
    bound: set[str] = set()
    holders: dict[str, list[str]] = {}
    for name, shape in shapes.items():
        for part in dict.fromkeys(shape):
            holders.setdefault(str(part), []).append(name)
    for dim in dimensions:
        if dim in bound:
            continue
        if dim not in holders:
            raise _unreadable(dim)
        whole = [name for name in holders[dim] if _all_new(shapes[name], bound)]
        name = min(whole or holders[dim], key=lambda n: len(shapes[n]))
        shape = shapes[name]
        if whole:
            targets = ", ".join(map(str, shape))
            unpacked = f"({targets},)" if len(shape) == 1 else targets
            lines.append(f"    {unpacked} = {name}.shape")
            known.add(name)
            bound.update(map(str, shape))
        else:
            lines.append(f"    {dim} = {name}.shape[{list(map(str, shape)).index(dim)}]")
            bound.add(dim)
    return lines, known


def own_dimension(part: int | Dim, dimensions: Mapping[str, str]) -> int | Dim:
    """A dimension over the variables of the program."""
    return part if isinstance(part, int) else Dim(dimensions.get(part, part))


def _all_new(shape: Sequence[int | Dim], bound: set[str]) -> bool:
    """Whether a shape is made of different names, none of them set yet."""
    names = [part for part in shape if isinstance(part, str) and part.isidentifier()]
    return len(set(names)) == len(shape) and not bound.intersection(names)


def _equal(members: Sequence[str], text: str) -> list[str]:
    """``a.shape == b.shape == (t, 2)``, in as many pieces as the width asks for."""
    pieces: list[str] = []
    start = 0
    for stop in range(1, len(members) + 1):
        longer = " == ".join([*members[start : stop + 1], text])
        if stop == len(members) or len(longer) > WIDTH - len("    assert "):
            pieces.append(" == ".join([*members[start:stop], text]))
            start = stop
    return pieces


def _joined(conditions: Iterable[str]) -> list[str]:
    """Assert statements of no more than the width, each with as many conditions as fit."""
    lines: list[str] = []
    for condition in conditions:
        longer = f"{lines[-1]} and {condition}" if lines else ""
        if lines and len(longer) <= WIDTH:
            lines[-1] = longer
        else:
            lines.append(f"    assert {condition}")
    return [part for line in lines for part in wrap(line)]
