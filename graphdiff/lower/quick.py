"""Values as the fast style writes them: one call a line, by names that are bound once.

On small arrays a call costs what it takes to find out what is meant. So the functions are NumPy's
ufuncs themselves, a number that meets an array is an array of its dtype, made once, and nothing is
checked that was checked before. The computations are those of the readable style, to the bit;
`graphdiff.lower.fused` says which of them are one call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from graphdiff.graph.body import begins_loops
from graphdiff.graph.dag import Graph
from graphdiff.graph.rows import Rows, forward_first, rows_of
from graphdiff.lower.fused import Fused, added, fused
from graphdiff.lower.names import Names, Numbered, identifier
from graphdiff.lower.pieces import Piece
from graphdiff.lower.program import Program, Step, Value
from graphdiff.lower.statements import Line, read_by
from graphdiff.lower.writer import Writer
from graphdiff.ops.notation import Site, Written
from graphdiff.planning.cost import own_memory

_NUMBER = r"(-?(?:[\d.]+(?:e[+-]?\d+)?|np\.inf))"
_FIRST = re.compile(rf"^(\w+\(){_NUMBER}(, )")
_LAST = re.compile(rf"(, ){_NUMBER}(\))$")
_CALL = re.compile(r"(?<![\w.])([a-z]\w*)\(")
REDUCTIONS = {f"{name}_reduce": f"np.{name}.reduce" for name in ("add", "maximum", "minimum")}
UFUNCS = frozenset(name for name, value in vars(np).items() if isinstance(value, np.ufunc))
BARE = UFUNCS | REDUCTIONS.keys()  # what is called by a name without a dot


def quick_program(
    graph: Graph,
    taken: Iterable[str] = (),
    schedule: Sequence[Step] | None = None,
    *,
    bare: bool = False,
) -> Program:
    """The values of a graph, each on a line of its own.

    Parameters
    ----------
    graph
        What to write.
    taken
        Names that may not be used for variables.
    schedule
        The steps of a plan. Without one every value is computed once, in the order of the graph.
    bare
        Whether variables are numbers, since nobody is going to read them.
    """
    rows = rows_of(graph, forward_first(graph))
    together: Fused = {} if schedule else fused(rows, rows.reads())
    lines = lines_of(rows, chain.from_iterable(together.values()))
    steps = schedule or [("compute", rows.names[i]) for i in lines]
    own = ("buffer", "math", "out", "results", "work", "workspace")
    taken = (*taken, *BARE, *own)
    names = Numbered(graph, taken) if bare else Names(graph, taken)
    return QuickWriter(graph, names, steps, rows, together, planned=schedule is not None).program()


def lines_of(rows: Rows, folded: Iterable[int] = ()) -> list[int]:
    """The nodes with a line: what owns memory, and views that are read more than once.

    A value that is read once is computed just before, as it would be inside an expression. What is
    ``folded`` into the call of its user has none.
    """
    own, numbers = own_memory(rows)
    reads = rows.reads()
    lines = own.copy()
    for i in folded:
        lines[i] = False
    for i in _shared_views(rows, reads, numbers):
        lines[i] = True
    outputs = {rows.number[node] for node in rows.graph.outputs_by_name.values()}
    alone = [  # read by one node only
        count == 1 and i not in outputs and not facts["named"]
        for i, (count, facts) in enumerate(zip(reads, rows.facts, strict=True))
    ]
    written = [False] * len(alone)
    order: list[int] = []
    for i, inside in enumerate(alone):
        if inside:
            continue
        stack = [i]
        while stack:
            last = stack[-1]
            waiting = [o for o in rows.operands[last] if alone[o] and not written[o]]
            if waiting:
                stack += reversed(_as_joined(rows, last, waiting))
                continue
            written[stack.pop()] = True
            if lines[last]:
                order.append(last)
    return order


def _as_joined(rows: Rows, node: int, operands: list[int]) -> list[int]:
    """Some operands of a node in the order in which they were joined to it."""
    if len(operands) == 1:
        return operands
    chosen = set(operands)
    every = map(rows.number.__getitem__, rows.graph.dag._pred[rows.names[node]])
    return [operand for operand in every if operand in chosen]


_TRIVIAL = frozenset({"result", "transpose", "expand_dims", "identity", "stop_gradient"})


def _shared_views(rows: Rows, reads: Sequence[int], numbers: Sequence[bool]) -> Iterator[int]:
    """Views that are read more than once, or inside a loop or a branch."""
    graph, users = rows.graph, rows.graph.dag._succ
    for i, (node, op) in enumerate(zip(rows.names, rows.ops, strict=True)):
        if not op.view or numbers[i] or op.name == "result":
            continue
        inside = any(graph.op(user).bodies for user in users[node])
        often = op.name not in _TRIVIAL and reads[i] > 1
        if (inside or often) and not begins_loops(graph, node):
            yield i


def called(values: Iterable[Value]) -> set[str]:
    """The functions of NumPy's that values call by their bare names."""
    found: set[str] = set()
    for value in values:
        text = value.code.text
        if value.block or text.count("(") > 1:
            found.update(_CALL.findall(read_by(Line(0, value))))
        else:
            found.add(text.partition("(")[0])
    return found & BARE


class InnerWriter(Writer):
    """Writes what is inside loops and branches: expressions, but with quick reductions in them."""

    def __init__(self, body: Graph, around: Writer) -> None:
        super().__init__(body, Names(body, around=around.names), None, around)

    def within(self, body: Graph) -> Writer:
        """The writer of a graph inside this one."""
        return InnerWriter(body, self)

    def _expression(self, piece: Piece) -> Written:
        site, op = self._site(piece), piece.op
        brief = op.view or (op.name in _INSIDE and _fits(site, op.name))
        if op.quick is None or piece.number or not brief:
            return op.numpy(site)
        return op.quick(site)


_SECOND = frozenset({"mean"})  # ops whose quick code has a second array, of the result's size


class QuickWriter(Writer):
    """Writes single calls, one a line."""

    def __init__(
        self,
        graph: Graph,
        names: Names,
        steps: Sequence[Step],
        rows: Rows,
        together: Fused,
        *,
        planned: bool,
    ) -> None:
        super().__init__(graph, names, steps, rows=rows)
        self.fused = together
        self.follows = planned
        self.own_kernels = not planned  # plans know the memory that the usual code takes
        self.constants: dict[tuple[str, np.dtype[Any]], str] = {}

    def within(self, body: Graph) -> Writer:
        """The writer of a graph inside this one."""
        return InnerWriter(body, self)

    def _expression(self, piece: Piece) -> Written:
        if piece.row in self.fused:
            return self._together(piece)
        site, op = self._site(piece), piece.op
        if op.view:
            return op.numpy(site) if op.quick is None else op.quick(site)
        usual = (op.quick_kernel or op.name in _SECOND) and not self.own_kernels
        if op.quick is None or usual or piece.number or not _fits(site, op.name):
            return op.numpy(site)
        written = op.quick(site)
        piece.quick = site.out.ndim > 0 and written.text.endswith(")")  # not what has an index
        operands = piece.operands  # an op of one may have a number of its own: maximum(x, 0.0)
        bound = op.elementwise and (len(operands) == 1 or any(o.number for o in operands))
        return self._bound(piece, written) if bound else written

    def _together(self, piece: Piece) -> Written:
        """The call that computes other nodes as well."""
        piece.quick = True
        inside = self.fused[piece.row]
        scattered, onto = sorted(piece.operands, key=lambda operand: operand.row != inside[0])
        return added(onto, scattered, self._site(scattered), filled=len(inside) > 1)

    def _bound(self, piece: Piece, written: Written) -> Written:
        """The call with a number that meets arrays of one dtype as an array of no dimension."""
        dtypes = {p.spec.dtype for p in piece.operands if not p.number}
        dtype = next(iter(dtypes))
        if len(dtypes) != 1 or dtype.kind != "f":
            return written
        text = _FIRST.sub(lambda m: f"{m[1]}{self._constant(m[2], dtype)}{m[3]}", written.text)
        return Written(_LAST.sub(lambda m: f"{m[1]}{self._constant(m[2], dtype)}{m[3]}", text))

    def _constant(self, number: str, dtype: np.dtype[Any]) -> str:
        """The name of a number that is an array."""
        key = number, dtype
        if key not in self.constants:
            digits = number.removesuffix(".0").replace("-", "m").replace("np.", "")
            name = self.constants[key] = self.names.helper(identifier(f"k{digits}"))
            self.inner_arrays[name] = np.asarray(float(number.replace("np.", "")), dtype)
        return self.constants[key]


def _fits(site: Site, name: str) -> bool:
    """Whether a call of the ufunc is what the op's own code does, and pays."""
    if name in _REDUCED:
        (x,) = site.specs
        same = name != "mean" or x.dtype == site.out.dtype == np.dtype(np.float64)
        return same and x.ndim > 0 and 0 not in x.shape
    return site.out.ndim > 0


_REDUCED = frozenset({"sum", "mean", "max", "min"})
_INSIDE = _REDUCED | {"outer", "take_along_axis"}
