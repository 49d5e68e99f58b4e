"""Makes a program of a graph: what gets a line, and what is folded into the lines of others.

A node that is used once and that nobody named is folded into the value that uses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from graphdiff.graph.body import begins_loops, results
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.origin import ends_a_line
from graphdiff.graph.rows import Rows, forward_first, rows_of
from graphdiff.lower.control import block
from graphdiff.lower.names import Names
from graphdiff.lower.pieces import (
    BORROWED,
    OWN,
    UNWRITTEN,
    Piece,
    as_arrays,
    folded,
    handed_out,
    in_dtypes,
    is_of_numbers,
    widest_first,
)
from graphdiff.lower.program import Program, Step, Value, own_shape, substituted
from graphdiff.lower.statements import Line
from graphdiff.lower.steps import typed
from graphdiff.ops.dimension import Shape, dimension_names
from graphdiff.ops.notation import Site, Written
from graphdiff.ops.sources import is_imaginary

LIMIT = 66  # columns of an expression, beyond which a part of it becomes a value of its own
_DEEPEST = 100  # parentheses of an expression; Python takes no more than 200 in one another
_SCALARS = frozenset({"squeeze", "reshape"})  # a view without axes is made a number
_FREE = frozenset({"transpose", "expand_dims"})  # views: written again at each use
_WHOLE = frozenset({"add", "subtract", "multiply", "negative"})
_ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "power", "negative"})


def program(
    graph: Graph, taken: Iterable[str] = (), schedule: Sequence[Step] | None = None
) -> Program:
    """The values of a graph.

    Parameters
    ----------
    graph
        What to write.
    taken
        Names that may not be used for variables.
    schedule
        The steps of a plan: what they compute gets a line, at each step that computes it, and
        nothing else does. Without one every value is computed once, and none is freed.

    Notes
    -----
    Linear in nodes and edges.
    """
    return Writer(graph, Names(graph, taken), schedule).program()


class Writer:
    """The state of one pass over a graph in topological order.

    ``around`` is the writer of the graph that holds this one; the outputs are then for a loop or a
    branch to use, and ``handed`` says how often. What ``follows`` a plan, in loops too, has lines
    where the plan knows of them, however wide they are as long as Python takes them.
    """

    def __init__(
        self,
        graph: Graph,
        names: Names,
        schedule: Sequence[Step] | None,
        around: Writer | None = None,
        rows: Rows | None = None,
    ) -> None:
        self.graph = graph
        self.rows = rows_of(graph, forward_first(graph)) if rows is None else rows
        self.schedule = schedule
        self.follows: bool = schedule is not None or (around is not None and around.follows)
        self.planned = {self.rows.number[node] for _, node in schedule or ()}
        self.names = names
        handed = graph.outputs_by_name.values()
        self.outputs = set(handed if around is None else ())
        self.handed = Counter(() if around is None else handed)
        self.inner_arrays: dict[str, np.ndarray[Any, Any]]
        self.inner_arrays = {} if around is None else around.inner_arrays
        self.counts = self.rows.reads()
        self.taken: dict[str, dict[int, list[str]]] = {}
        self.pieces = pieces_of(self.rows)

    def program(self) -> Program:
        """All values of the graph."""
        pieces = self.pieces.values()
        arguments = [p for p in pieces if p.op.name in ("input", "parameter")]
        arguments.sort(key=lambda p: p.op.name == "parameter")
        self._give(arguments)
        self._name_dimensions()
        arrays = self._arrays()
        self._give(arrays)
        values = self._values()
        steps = self.schedule or [("compute", node) for node in values]
        return Program(
            self.graph,
            self.names,
            tuple(p.node for p in arguments),
            tuple(p.node for p in arrays),
            values,
            tuple(steps),
            _holders(values),
            dict(self.names.dimensions),
            self._results(),
            {name: self._read(node) for name, node in self.graph.outputs_by_name.items()},
            self.inner_arrays,
            self.rows,
        )

    def _name_dimensions(self) -> None:
        for piece in self.pieces.values():
            for part in chain(piece.spec.shape, *(one.shape for one in piece.spec.parts)):
                for name in dimension_names(part):
                    self.names.dimension(name)

    def _arrays(self) -> list[Piece]:
        pieces = self.pieces.values()
        return [p for p in pieces if p.op.name == "constant" and p.spec.ndim > 0]

    def _values(self) -> dict[str, Value]:
        """Write all that is not given; returns what has a line."""
        pieces = [piece for piece in self.pieces.values() if not piece.given]
        for piece in pieces:
            self._write(piece)
        return {piece.node: self._value(piece) for piece in pieces if folded(piece)}

    # -- inside loops and branches -----------------------------------------------------------

    def within(self, body: Graph) -> Writer:
        """The writer of a graph inside this one."""
        return Writer(body, Names(body, around=self.names), None, self)

    def lines(self) -> list[Line]:
        """The statements of a graph inside another; its inputs have been given before."""
        self._name_dimensions()
        arrays = self._arrays()
        self._give(arrays)
        self.inner_arrays |= {p.text.text: np.asarray(p.facts["params"]["value"]) for p in arrays}
        return [Line(0, value) for value in self._values().values()]

    def give(self, node: str, text: str, like: Piece | None = None) -> None:
        """Let an input of a body be written as what stands outside for it."""
        piece = self.pieces[node]
        piece.given = True
        piece.text = Written(text)
        if like is not None:
            piece.text, piece.number = like.text, like.number
            piece.whole, piece.imaginary = like.whole, like.imaginary

    def atom(self, node: str) -> Piece:
        """A value, given a line unless it is a name, a number, a mere transpose, or not planned."""
        piece = self.pieces[node]
        text = piece.text.text
        view = piece.op.name in _FREE and "(" not in text
        if self.schedule is not None and piece.row not in self.planned:
            view = True  # what a plan has no step for is one of something that it has
        if not (view or piece.given or text.isidentifier() or piece.number):
            self._keep(piece)
        return piece

    def reads(self, node: str) -> int:
        """How often a value is read."""
        return self.counts[self.rows.number[node]] + self.handed[node]

    def own_shape(self, shape: Shape) -> Shape:
        """A shape over the variables of the program."""
        return own_shape(shape, self.names.respelt)

    def _give(self, pieces: Iterable[Piece]) -> None:
        """Let values that are there at the start be called by their names."""
        for piece in pieces:
            piece.given = True
            piece.text = Written(self.names.variable(piece.node))

    # -- code --------------------------------------------------------------------------------

    def _write(self, piece: Piece) -> None:
        if piece.op.bodies:
            piece.block = block(self, piece.node)
            piece.code = UNWRITTEN
            piece.text = Written(", ".join(dict.fromkeys(piece.block.texts.values())))
            return
        if piece.op.name == "result":
            self._write_result(piece)
            return
        written = self._expression(piece)
        if len(written.text) > LIMIT and self.schedule is None:
            written = self._shortened(piece, written)
        piece.text = written
        if self._has_line(piece):
            self._keep(piece)

    def _shortened(self, piece: Piece, written: Written) -> Written:
        """An expression of which the widest operands have lines of their own, until it fits.

        It is written again only where it may fit: not as long as what it is made of is too wide.
        """
        parts = {operand.node: operand for operand in piece.operands}.values()
        least = sum(len(part.text.text) for part in parts)
        whole = piece.op.variadic and least <= len(written.text)  # all of them stand in it
        for wide in widest_first(parts):
            if least <= LIMIT or self.follows or not whole:
                written = self._expression(piece)
                shallow = self.follows and written.text.count("(") <= _DEEPEST
                if shallow or len(written.text) <= LIMIT:
                    return written
            least -= len(wide.text.text)
            self._keep(wide)
            least += len(wide.text.text)
        return self._expression(piece)

    def _expression(self, piece: Piece) -> Written:
        return piece.op.numpy(self._site(piece))

    def _site(self, piece: Piece) -> Site:
        """The use of an op, with its operands as they are written."""
        op, operands = piece.op, piece.operands
        specs = tuple([operand.spec for operand in operands])
        texts = tuple([operand.text for operand in operands])
        weak = tuple([operand.number for operand in operands])
        if op.name in SOURCES or (op.name in _ARITHMETIC and is_of_numbers(piece)):
            piece.number = True
            piece.sized = op.name == "size" or any(operand.sized for operand in operands)
            whole = op.name in _WHOLE and all(operand.whole for operand in operands)
            piece.whole = whole or op.name == "size"
            piece.imaginary = any(operand.imaginary for operand in operands) or (
                op.name == "constant" and is_imaginary(piece.facts["params"]["value"])
            )
        elif any(weak):
            texts = in_dtypes(op, specs, operands)
            if op.name == "broadcast_to" and piece.spec.is_inexact and operands[0].whole:
                texts = (Written(f"float({texts[0].text})"),)
            texts = as_arrays(piece, specs, texts)
        site = Site(texts, specs, piece.spec, piece.facts["params"])
        return substituted(site, self.names.respelt) if self.names.respelt else site

    def _write_result(self, piece: Piece) -> None:
        """A result of a loop or a branch is a variable already; it may have another name."""
        (loop,) = piece.operands
        assert loop.block is not None  # it has been written
        index = piece.facts["params"]["index"]
        text = loop.block.texts[index]
        piece.text, piece.borrowed = Written(text), index in loop.block.borrowed
        first = self._taken(loop.node)[index][0]
        if self.names.variables.get(first) != text and self._has_line(piece):
            self._keep(piece)
        else:
            self.names.variables.setdefault(piece.node, text)

    def _taken(self, loop: str) -> dict[int, list[str]]:
        """The nodes that take each result of a loop or a branch."""
        if loop not in self.taken:
            self.taken[loop] = results(self.graph, loop)
        return self.taken[loop]

    def _has_line(self, piece: Piece) -> bool:
        """Whether a value gets a line of its own."""
        node, facts = piece.node, piece.facts
        if self.schedule is not None:
            return piece.row in self.planned
        if node in self.outputs:
            return True
        if piece.op.name in ("constant", "size"):
            return False
        if facts["named"] or ends_a_line(self.graph.dag, node):
            return True
        if piece.op.name in _FREE and piece.text.text.count("(") == 0:
            return False
        if piece.op.name == "broadcast_to" and begins_loops(self.graph, node):
            return False
        if self.reads(node) != 1:
            return True
        return facts["phase"] == "gradient" and self.names.gradient_of(node) is not None

    def _keep(self, piece: Piece) -> None:
        """Give a value a line, and a name by which the others refer to it."""
        if piece.node in self.outputs:
            piece.code = handed_out(piece)
            piece.number = False
        elif piece.node in self.handed:
            piece.code = typed(piece)
            piece.number = False
        else:
            piece.code = piece.text
        piece.text = Written(self.names.variable(piece.node))

    def _results(self) -> dict[str, Written]:
        """What is handed out for each output: no two share memory, nor one with an argument."""
        results: dict[str, Written] = {}
        handed: set[str] = set()
        for name, node in self.graph.outputs_by_name.items():
            piece = self.pieces[node]
            text, owner = handed_out(piece), self._owner(piece)
            shared = owner.node in handed or owner.op.name in SOURCES or owner.borrowed
            if shared and piece.spec.ndim and not text.text.startswith(OWN):
                text = Written(f"np.array({text.text})")
            elif piece.op.name in _SCALARS and not piece.spec.ndim:
                text = Written(f"{text.text}[()]")
            handed.add(owner.node)
            results[name] = text
        return results

    def _read(self, node: str) -> tuple[str, ...]:
        """The values that what is handed out for an output is written with."""
        piece = self.pieces[node]
        if piece.given:
            return ()
        if piece.code is not None:
            return (node,)
        return tuple(self.rows.names[row] for row in piece.reads)

    def _owner(self, piece: Piece) -> Piece:
        """The value whose memory a view shows, itself for what is none."""
        while piece.op.view and not (piece.node in self.outputs and piece.op.name in BORROWED):
            if piece.op.name == "result":
                index = piece.facts["params"]["index"]
                return self.pieces[self._taken(piece.operands[0].node)[index][0]]
            piece = piece.operands[0]
        return piece

    def _value(self, piece: Piece) -> Value:
        assert piece.code is not None  # it has a line
        nodes = tuple(piece.inner)
        if piece.block is not None:
            own = chain(*self._taken(piece.node).values())
            nodes += tuple(node for node in own if self.pieces[node].code is None)
        return Value(
            piece.node,
            piece.row,
            piece.text.text,
            piece.code,
            piece.spec,
            piece.facts["phase"],
            nodes,
            tuple(piece.reads),
            () if piece.block is None else tuple(piece.block.lines),
            piece.quick,
        )


def pieces_of(rows: Rows) -> dict[str, Piece]:
    """A piece for each node."""
    pieces: list[Piece] = []
    each = zip(rows.names, rows.ops, rows.facts, rows.operands, strict=True)
    for i, (node, op, facts, operands) in enumerate(each):
        read = [pieces[operand] for operand in operands]
        pieces.append(Piece(node, i, op, facts, facts["spec"], read))
    return dict(zip(rows.names, pieces, strict=True))


def _holders(values: Mapping[str, Value]) -> dict[str, str]:
    """For each node the value that it is folded into, itself for a value."""
    holder = dict(zip(values, values, strict=True))
    for node, value in values.items():
        if len(value.nodes) > 1:
            holder.update((inner, node) for inner in value.nodes if inner not in values)
    return holder
