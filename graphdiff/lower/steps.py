"""What loops and branches share as statements: the variables that they carry, and what is stacked.

What a loop carries is a variable that each step assigns to; what it stacks is an array that is made
before and filled row by row. A value that replaces a carried one is given that one's variable where
nothing needs the old one any more, so that a step reads ``h = np.tanh(x[i] @ W + h @ U)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import networkx as nx

from graphdiff.graph.body import input_names, joined, output_nodes
from graphdiff.graph.dag import Graph
from graphdiff.lower.names import identifier
from graphdiff.lower.statements import (
    Line,
    assigned,
    defines,
    mentions,
    names_in,
    read_by,
    reads_first,
    renamed,
    replaced,
    tidied,
)
from graphdiff.ops.dimension import Dimension, combine
from graphdiff.ops.notation import ATOM, Written, size_code
from graphdiff.ops.spec import Spec

if TYPE_CHECKING:
    from graphdiff.lower.pieces import Piece
    from graphdiff.lower.program import Value
    from graphdiff.lower.writer import Writer


_MOST_COLUMNS = 80  # of names that are forgotten in one statement

MOST_READS = 2  # of a slice, beyond which it becomes a variable
FRESH = ("np.zeros(", "np.full(", "np.ones(")  # arrays that nobody else has


@dataclass(slots=True)
class Block:
    """The statements of a node with bodies, and the variables that they leave.

    ``texts`` has the variable of each result that is used; ``borrowed`` are those results that may
    share memory with something else. ``carried`` are the variables that a loop begins with,
    ``parts`` those of arrays of which some results are a part.
    """

    lines: list[Line] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    borrowed: set[int] = field(default_factory=set)
    carried: list[str] = field(default_factory=list)
    parts: dict[int, str] = field(default_factory=dict)

    def add(
        self,
        *statements: Value | str,
        depth: int = 0,
        result: int | None = None,
        counts: bool = False,
    ) -> None:
        """Put statements after the others."""
        self.lines += [Line(depth, one, result, counts=counts) for one in statements]


@dataclass(slots=True)
class Carry:
    """A carried value: its variable, its first value, the body's input and output for it."""

    variable: str
    first: str
    fresh: bool
    before: str
    after: str


def carry_all(
    writer: Writer,
    inner: Writer,
    operands: Sequence[str],
    taken: Mapping[int, list[str]],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> list[Carry]:
    """The carried values, each with a variable: the body's name for it, or the result's."""
    found: list[Carry] = []
    for i, operand in enumerate(operands):
        before = inputs[i]
        own = inner.pieces[before].facts["named"]
        if i in taken and (not own or writer.names.wishes(taken[i][0], identifier(before))):
            variable = writer.names.variable(taken[i][0])
        else:
            variable = inner.names.variable(before)
        first = writer.pieces[operand]
        fresh = first.code is None and first.text.text.startswith(FRESH)
        inner.give(before, variable)
        text = typed(first).text
        found.append(Carry(variable, text, fresh or not first.spec.ndim, before, outputs[i]))
    return found


def count(inner: Writer, name: str, counter: str) -> None:
    """Let an input of a body be the number of the step."""
    inner.give(name, counter)
    inner.pieces[name].number = inner.pieces[name].whole = True


def slices_of(
    writer: Writer, inner: Writer, names: Sequence[str], operands: Sequence[str], counter: str
) -> list[str]:
    """Let inputs of a body be slices of arrays; returns what a step begins with.

    A slice that is read often becomes a variable.
    """
    head: list[str] = []
    for name, operand in zip(names, operands, strict=True):
        text = f"{writer.atom(operand).text.within(ATOM)}[{counter}]"
        if inner.reads(name) > MOST_READS or goes_inside(inner.graph, name):
            inner.give(name, inner.names.variable(name))
            head.append(f"{inner.names.variable(name)} = {text}")
        else:
            inner.give(name, text)
    return head


def stacks(
    writer: Writer,
    body: Graph,
    taken: Mapping[int, list[str]],
    outputs: Sequence[str],
    carries: int,
    length: Any,
    written: Block,
    others: Mapping[int, int] = MappingProxyType({}),
) -> list[tuple[int, str, str]]:
    """Make the arrays of what is stacked; returns their variables and what is put into them.

    Those of ``others`` have been made by `states`.
    """
    stores: list[tuple[int, str, str]] = []
    for index in range(carries, len(outputs)):
        if index in others.values():
            stores.append((index, written.texts[index], outputs[index]))
        elif index in taken and index not in others:
            variable = writer.names.variable(taken[index][0])
            spec = body.spec(outputs[index])
            made = _empty(writer, Spec((length, *spec.shape), spec.dtype))
            written.add(f"{variable} = {made}", result=index)
            written.texts[index] = variable
            stores.append((index, variable, outputs[index]))
    return stores


def states(
    writer: Writer,
    node: str,
    taken: Mapping[int, list[str]],
    carried: Sequence[Carry],
    written: Block,
) -> tuple[dict[int, int], list[Line]]:
    """Make one array for what is stacked of a state before and after each step, and two views.

    Returns the results that these are, and the statements that put the first states into them.
    Where those before are not read, the others have an array of their own.
    """
    params = writer.pieces[node].facts["params"]
    body, length, back = params["body"], params["length"], params["reverse"]
    names, found, begins = input_names(body), joined(writer.graph, node), []
    for before, after in found.items():
        j = names.index(output_nodes(body)[before])
        variables = [writer.names.variable(taken[i][0]) for i in (before, after)]
        whole = writer.names.helper(f"{identifier(names[j])}_states")
        spec = body.spec(names[j])
        made = _empty(writer, Spec((combine("+", length, 1), *spec.shape), spec.dtype))
        views = (f"{whole}[1:]", f"{whole}[:-1]") if back else (f"{whole}[:-1]", f"{whole}[1:]")
        lone = _empty(writer, Spec((length, *spec.shape), spec.dtype))
        written.lines.append(Line(0, f"{variables[1]} = {lone}", after, before))
        written.add(f"{whole} = {made}", result=before)
        written.add(f"{', '.join(variables)} = {', '.join(views)}", result=before)
        written.texts |= dict(zip((before, after), variables, strict=True))
        written.parts[before] = whole
        begins.append(Line(0, f"{whole}[{-1 if back else 0}] = {carried[j].variable}", before))
    return found, begins


def put_rows(
    inner: Writer,
    stores: Sequence[tuple[int, str, str]],
    before: Sequence[str],
    counter: str,
    written: Block,
) -> list[tuple[int, str, str]]:
    """Store what is carried into a step at its beginning; returns what is stored at its end."""
    for result, variable, name in stores:
        if name in before:
            put = f"{variable}[{counter}] = {inner.pieces[name].text.text}"
            written.add(put, depth=1, result=result)
    return [(i, f"{v}[{counter}]", n) for i, v, n in stores if n not in before]


def _empty(writer: Writer, spec: Spec) -> str:
    shape = size_code(writer.own_shape(spec.shape))
    if spec.dtype.name == "float64":
        return f"np.empty({shape})"
    return f"np.empty({shape}, dtype={'bool' if spec.dtype.kind == 'b' else f'np.{spec.dtype}'})"


def steps(
    inner: Writer,
    carried: Sequence[Carry],
    stores: Sequence[tuple[int, str, str]],
    written: Block,
) -> None:
    """The statements inside a loop: the body's, what is stored, and what is carried on."""
    lines = inner.lines()
    puts = [f"{target} = {inner.pieces[node].text.text}" for _, target, node in stores]
    updates = [_update(inner, carry) for carry in carried]
    for i, carry in enumerate(carried):
        name = inner.pieces[carry.after].text.text
        place = next((k for k, line in enumerate(lines) if defines(line, name)), None)
        if place is not None and not reads_first(lines[place], name, carry.variable):
            continue
        if place is None or carry.after in {other.after for other in carried[:i]}:
            continue
        others = [text for j, text in enumerate(updates) if j != i]
        later = [*map(read_by, lines[place + 1 :]), *puts, *others]
        if any(mentions(text, carry.variable) for text in later):
            continue
        updates[i] = ""
        renaming = {name: carry.variable}
        lines[place:] = [tidied(renamed(line, renaming)) for line in lines[place:]]
        puts = [replaced(text, renaming) for text in puts]
        updates = [replaced(text, renaming) for text in updates]
    written.lines += [line.moved(1) for line in lines]
    for (result, _, _), put in zip(stores, puts, strict=True):
        written.add(put, depth=1, result=result)
    written.add(*_ordered(carried, updates), depth=1)
    if written.lines[-1].depth == 0:
        written.add("pass", depth=1)


def _update(inner: Writer, carry: Carry) -> str:
    """The statement that carries a value on, "" where it stays."""
    after = inner.pieces[carry.after]
    if carry.after == carry.before:
        return ""
    others = [piece for piece in after.operands if piece.node != carry.before]
    alone = inner.reads(carry.after) == 1 and inner.reads(carry.before) == 1
    added = after.op.name == "add" and after.code is None and len(others) == 1
    if added and alone and carry.fresh:
        return f"{carry.variable} += {others[0].text.text}"
    return f"{carry.variable} = {typed(after).text}"


def _ordered(carried: Sequence[Carry], updates: Sequence[str]) -> list[str]:
    """The updates one after the other, so that none reads what another has changed before."""
    pending = {c.variable: text for c, text in zip(carried, updates, strict=True) if text}
    place = {variable: i for i, variable in enumerate(pending)}
    before: nx.DiGraph[str] = nx.DiGraph()  # what is read, after what reads it
    before.add_nodes_from(pending)
    for variable, text in pending.items():
        read = names_in(text.partition(" = ")[2] or text)
        before.add_edges_from(
            (variable, other) for other in read & pending.keys() if other != variable
        )
    ordered: list[str] = []
    with suppress(nx.NetworkXUnfeasible):  # what is left is read in a circle
        for variable in nx.lexicographical_topological_sort(before, key=place.__getitem__):
            update = pending.pop(variable)
            ordered.append(update)
    if pending:
        values = [text.partition(" = ")[2] or _whole(text) for text in pending.values()]
        ordered.append(f"{', '.join(pending)} = {', '.join(values)}")
    return ordered


def _whole(text: str) -> str:
    """``a + b`` for ``a += b``."""
    return text.replace(" += ", " + ", 1)


def finish(
    carried: Sequence[Carry], taken: Mapping[int, list[str]], shared: Set[int], written: Block
) -> None:
    """Note which variable holds each carried result, and whether another may share its memory."""
    written.carried = [carry.variable for carry in carried]
    for i, carry in enumerate(carried):
        if i in taken:
            written.texts[i] = carry.variable
            if i in shared:
                written.borrowed.add(i)


def forget(written: Block, length: Dimension | None) -> None:
    """Delete what a loop or a branch has left, but for the results; after no step there is less.

    What loops and branches inside it leave may not be there: such a name is given to None. So is
    all that is assigned on the sides of a branch, and in a loop of unknown length.
    """
    results = set(written.texts.values())
    carried = [name for name in dict.fromkeys(written.carried) if name not in results]
    inside = [
        line.text.name
        for line in written.lines
        if line.depth == 1 and not isinstance(line.text, str) and not line.text.block
    ]
    steps = [n for n in dict.fromkeys(inside) if n not in results and n not in carried]
    if length is None or length == 0:
        steps = []
    known = {*results, *carried, *steps, *written.parts.values()}
    deeper = [name for name in assigned(written.lines) if name not in known]
    if length is not None and not isinstance(length, int) and not str(length).isidentifier():
        deeper, steps = [*steps, *deeper], []
    if carried or steps:
        written.add(f"del {', '.join([*carried, *steps])}")
    written.add(*_to_none(deeper))
    for result, whole in written.parts.items():
        written.add(f"del {whole}", result=result)


def _to_none(names: Sequence[str]) -> Iterator[str]:
    """Statements that let names be None, a few each."""
    line: list[str] = []
    for name in names:
        if line and sum(map(len, line)) + 3 * len(line) + len(name) > _MOST_COLUMNS:
            yield f"{' = '.join(line)} = None"
            line = []
        line.append(name)
    if line:
        yield f"{' = '.join(line)} = None"


def give(writer: Writer, inner: Writer, names: Sequence[str], operands: Sequence[str]) -> None:
    """Write the inputs of a body as what stands outside for them."""
    for name, operand in zip(names, operands, strict=True):
        inner.give(name, "", writer.atom(operand))


def typed(piece: Piece) -> Written:
    """The text of a value as it is assigned to a variable: never a number of Python's."""
    if piece.number and piece.code is None:
        return Written(f"np.{piece.spec.dtype}({piece.text.text})")
    return piece.text


def goes_inside(body: Graph, node: str) -> bool:
    """Whether a value is read in a loop or a branch of a body."""
    return any(body.op(user).bodies for user in body.dag.succ[node])
