"""A graph as a list of values that a person would write, each with its code and its formula.

A node that is used once and that nobody named is folded into the value that uses it. Source and
pictures are both made from this list, so they tell the same story.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.origin import ends_a_line
from graphdiff.lower.names import Names
from graphdiff.ops.notation import ATOM, Site, Written
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Dim, Spec, dimension_names

Step = tuple[str, str]  # "compute" or "free", and a node

LIMIT = 66  # columns of an expression, beyond which a part of it becomes a value of its own
ELLIPSIS = "…"  # stands for a part of a formula that is too long to be read
_LONGEST = 200
_UNWRITTEN = Written("")

_BORROWED = frozenset({"input", "parameter", "constant", "broadcast_to"})
_FREE = frozenset({"transpose", "expand_dims"})  # views: written again at each use
_WHOLE = frozenset({"add", "subtract", "multiply", "negative"})
_ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "power", "negative"})


@dataclass(frozen=True, slots=True)
class Value:
    """One line of a program, and one shape of a picture.

    Parameters
    ----------
    node
        The node whose value it is.
    name
        The variable.
    code
        The expression over other values' variables.
    spec, phase
        Shape and dtype; ``"forward"`` or ``"gradient"``.
    nodes
        The nodes that are folded into it, itself the last.
    operands
        The nodes of the values that it is computed from.
    """

    node: str
    name: str
    code: Written
    spec: Spec
    phase: str
    nodes: tuple[str, ...]
    operands: tuple[str, ...]


def _strong(op: Op, specs: tuple[Spec, ...], weak: tuple[bool, ...]) -> list[str]:
    """The dtype that each operand is to be given in the text, "" for none.

    A number is written as Python's, which takes the dtype of what it meets. Where that would not
    be the dtype of the result (there is nothing to meet, or less than the number's own), it is
    written as one of NumPy's.
    """
    first = 1 if op.name == "where" else 0
    dtypes = [spec.dtype for spec in specs[first:]]
    met: list[Any] = [dtype for dtype, w in zip(dtypes, weak[first:], strict=True) if not w]
    numbers = [dtype.type(0).item() for dtype, w in zip(dtypes, weak[first:], strict=True) if w]
    natural = np.result_type(*met, *numbers) if met else np.result_type(*map(type, numbers))
    if natural == np.result_type(*dtypes):
        array = op.kernel is not None and weak[0]  # a kernel asks for its dtype
        return [f"np.{specs[0].dtype}" if array else "", *("" for _ in specs[1:])]
    return [
        f"np.{spec.dtype}" if w and spec.ndim == 0 else ""
        for spec, w in zip(specs, weak, strict=True)
    ]


def _typed(text: Written, dtype: str) -> Written:
    return Written(f"{dtype}({text.text})") if dtype else text


def substituted(site: Site, names: Mapping[str, str]) -> Site:
    """A site whose named dimensions are called otherwise."""

    def one(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(one, value))
        if isinstance(value, Dim):
            return Dim(re.sub(r"[^\W\d]\w*", lambda m: names.get(m.group(), m.group()), value))
        return value

    def spec(value: Spec) -> Spec:
        return Spec(one(value.shape), value.dtype)

    params = {key: one(value) for key, value in site.params.items()}
    return Site(site.operands, tuple(map(spec, site.specs)), spec(site.out), params)


@dataclass(frozen=True, slots=True)
class Program:
    """All values of a graph in the order of their computation.

    ``arguments`` are the inputs and parameters, ``arrays`` the constants that are no numbers.
    ``steps`` says what is computed and freed, and when. ``dimensions`` gives the variable of each
    named dimension. ``results`` is the text for each output, and ``reads`` the values in it.
    """

    graph: Graph
    names: Names
    arguments: tuple[str, ...]
    arrays: tuple[str, ...]
    values: Mapping[str, Value]
    steps: tuple[Step, ...]
    holder: Mapping[str, str]
    dimensions: Mapping[str, str]
    results: Mapping[str, Written]
    reads: Mapping[str, tuple[str, ...]]


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
    return _Writer(graph, taken, schedule).program()


@dataclass(slots=True, eq=False)
class _Piece:
    """A node on its way into the text.

    ``text`` stands for it in the expressions of its users; ``code`` is what its own line says, None
    as long as it has none. A ``number`` is one of Python's, not of NumPy's; it is ``whole`` if it
    is an int, being made of sizes. What is not ``given`` and has no line is folded into its users:
    ``inner`` are the nodes of which its expression is made, ``reads`` those that it refers to.
    """

    node: str
    op: Op
    facts: Mapping[str, Any]
    operands: list[_Piece]
    text: Written = _UNWRITTEN
    code: Written | None = None
    number: bool = False
    whole: bool = False
    given: bool = False
    inner: Sequence[str] = ()
    reads: Mapping[str, None] = field(default_factory=dict)

    @property
    def spec(self) -> Spec:
        spec: Spec = self.facts["spec"]
        return spec


class _Writer:
    """The state of one pass over a graph in topological order."""

    def __init__(self, graph: Graph, taken: Iterable[str], schedule: Sequence[Step] | None) -> None:
        self.graph = graph
        self.schedule = schedule
        self.planned = {node for _, node in schedule or ()}
        self.names = Names(graph, taken)
        self.outputs = set(graph.outputs_by_name.values())
        self.pieces: dict[str, _Piece] = {}
        for node in forward_first(graph):
            operands = [self.pieces[operand] for operand in graph.operands(node)]
            self.pieces[node] = _Piece(node, graph.op(node), graph.dag._node[node], operands)

    def program(self) -> Program:
        pieces = self.pieces.values()
        arguments = [p for p in pieces if p.op.name in ("input", "parameter")]
        arguments.sort(key=lambda p: p.op.name == "parameter")
        self._give(arguments)
        for piece in pieces:
            for part in piece.spec.shape:
                for name in dimension_names(part):
                    self.names.dimension(name)
        arrays = [p for p in pieces if p.op.name == "constant" and p.spec.ndim > 0]
        self._give(arrays)
        for piece in pieces:
            if not piece.given:
                self._write(piece)
        results = self._results()
        values = {p.node: _value(p) for p in pieces if not p.given and _folded(p)}
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
            results,
            {name: self._read(node) for name, node in self.graph.outputs_by_name.items()},
        )

    def _give(self, pieces: Iterable[_Piece]) -> None:
        """Let values that are there at the start be called by their names."""
        for piece in pieces:
            piece.given = True
            piece.text = Written(self.names.variable(piece.node))

    # -- code --------------------------------------------------------------------------------

    def _write(self, piece: _Piece) -> None:
        written = self._expression(piece)
        while len(written.text) > LIMIT and (wide := _widest(piece.operands)) is not None:
            if self.schedule is not None:
                break
            self._keep(wide)
            written = self._expression(piece)
        piece.text = written
        if self._has_line(piece):
            self._keep(piece)

    def _expression(self, piece: _Piece) -> Written:
        op, operands = piece.op, piece.operands
        specs = tuple([operand.spec for operand in operands])
        texts = tuple([operand.text for operand in operands])
        weak = tuple([operand.number for operand in operands])
        if op.name in SOURCES or (op.name in _ARITHMETIC and all(weak)):
            piece.number = True
            whole = op.name in _WHOLE and all(operand.whole for operand in operands)
            piece.whole = whole or op.name == "size"
        elif any(weak):
            texts = tuple(map(_typed, texts, _strong(op, specs, weak)))
            if op.name == "broadcast_to" and piece.spec.is_float and operands[0].whole:
                texts = (Written(f"float({texts[0].text})"),)
        site = Site(texts, specs, piece.spec, piece.facts["params"])
        return op.numpy(self._own_dimensions(site))

    def _own_dimensions(self, site: Site) -> Site:
        """The site with the variables of named dimensions that could not keep their name."""
        changed = {old: new for old, new in self.names.dimensions.items() if old != new}
        return substituted(site, changed) if changed else site

    def _has_line(self, piece: _Piece) -> bool:
        """Whether a value gets a line of its own."""
        node, facts = piece.node, piece.facts
        if self.schedule is not None:
            return node in self.planned
        if node in self.outputs:
            return True
        if piece.op.name in ("constant", "size"):
            return False
        if facts["named"] or ends_a_line(self.graph.dag, node):
            return True
        if piece.op.name in _FREE and piece.text.text.count("(") == 0:
            return False
        if sum(map(len, self.graph.dag._succ[node].values())) != 1:
            return True
        return facts["phase"] == "gradient" and self.names.gradient_of(node) is not None

    def _keep(self, piece: _Piece) -> None:
        """Give a value a line, and a name by which the others refer to it."""
        if piece.node in self.outputs:
            piece.code = _result(piece)
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
            text, owner = _result(piece), self._owner(piece)
            shared = owner.node in handed or owner.op.name in SOURCES
            if shared and piece.spec.ndim and not text.text.startswith("np.array("):
                text = Written(f"np.array({text.text})")
            handed.add(owner.node)
            results[name] = text
        return results

    def _read(self, node: str) -> tuple[str, ...]:
        """The values that what is handed out for an output is written with."""
        piece = self.pieces[node]
        if piece.given:
            return ()
        return tuple(piece.reads) if piece.code is None else (node,)

    def _owner(self, piece: _Piece) -> _Piece:
        """The value whose memory a view shows, itself for what is none."""
        while piece.op.view and not (piece.node in self.outputs and piece.op.name in _BORROWED):
            piece = piece.operands[0]
        return piece


def _widest(operands: Sequence[_Piece]) -> _Piece | None:
    """The longest operand that is an expression yet."""
    folded = [p for p in operands if p.code is None]
    wide = [p for p in folded if p.text.binds < ATOM] + [p for p in folded if "(" in p.text.text]
    return max(wide, key=lambda p: len(p.text.text), default=None)


def _result(piece: _Piece) -> Written:
    """What is handed out for an output: never a bare number, or a view that is read-only."""
    if piece.number:
        return Written(f"np.{piece.spec.dtype}({piece.text.text})")
    if piece.code is None and piece.op.name in _BORROWED:
        return Written(f"np.array({piece.text.text})")
    return piece.text


def _folded(piece: _Piece) -> bool:
    """Note what a piece is made of; whether it has a line."""
    inner: list[str] = []
    reads: dict[str, None] = {}
    for operand in piece.operands:
        if operand.given or operand.code is not None:
            reads[operand.node] = None
        else:
            inner += operand.inner
            reads |= operand.reads
    piece.inner, piece.reads = [*dict.fromkeys(inner), piece.node], reads
    return piece.code is not None


def _value(piece: _Piece) -> Value:
    assert piece.code is not None  # it has a line
    return Value(
        piece.node,
        piece.text.text,
        piece.code,
        piece.spec,
        piece.facts["phase"],
        tuple(piece.inner),
        tuple(piece.reads),
    )


def forward_first(graph: Graph) -> list[str]:
    """The topological order, with all that is of the forward phase before the gradient."""
    nodes, pred = graph.dag._node, graph.dag._pred
    order = graph.order()
    phases = [nodes[node]["phase"] for node in order]
    if "forward" not in phases[phases.count("forward") :]:
        return order
    early = dict.fromkeys(
        node for node in order if nodes[node]["phase"] == "forward" and not pred[node]
    )
    for node in order:
        if nodes[node]["phase"] == "forward" and all(operand in early for operand in pred[node]):
            early[node] = None
    return [*early, *(node for node in order if node not in early)]


def _holders(values: Mapping[str, Value]) -> dict[str, str]:
    """For each node the value that it is folded into, itself for a value."""
    return {inner: node for node, value in values.items() for inner in value.nodes} | {
        node: node for node in values
    }


def formulas_over(
    graph: Graph, order: Iterable[str], lines: Container[str], label: Callable[[str], str]
) -> dict[str, Written]:
    """The formula of each node; the given values are written as their labels within others.

    So is what stands outside the order. ``label`` gives the text as it is put into a formula. A
    part that would be too long to be read is left out.
    """
    outer: dict[str, Written] = {}
    formulas: dict[str, Written] = {}
    nodes = graph.dag._node
    for node in order:
        attributes = nodes[node]
        if attributes["op"] in ("input", "parameter"):
            outer[node] = formulas[node] = Written(label(node))
            continue
        operands = graph.operands(node)
        specs = tuple(graph.spec(operand) for operand in operands)
        texts = tuple(outer.get(operand) or Written(label(operand)) for operand in operands)
        site = Site(texts, specs, graph.spec(node), attributes["params"])
        formulas[node] = graph.op(node).formula(site)
        if node in lines:
            outer[node] = Written(label(node))
        elif len(formulas[node].text) > _LONGEST:  # or it could double at every level
            outer[node] = Written(ELLIPSIS)
        else:
            outer[node] = formulas[node]
    return formulas
