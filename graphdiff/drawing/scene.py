"""What a picture shows, before anything is laid out: boxes, arrows, and which box faces which.

The ``values`` level has one box for each value of the generated source, with the formula that is
written there; the ``ops`` level has one for each node. Either way the box of a gradient *faces* the
box of the value that it is the gradient of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from graphdiff.drawing.labels import Labels
from graphdiff.graph.body import results
from graphdiff.graph.dag import Graph
from graphdiff.lower.names import Names, plain
from graphdiff.lower.program import Program
from graphdiff.lower.writer import program
from graphdiff.ops.spec import Spec, shape_text

Kind = Literal["input", "parameter", "constant", "op", "scope"]
Detail = Literal["values", "ops"]

_SCALARS = ("constant", "size")


@dataclass(frozen=True, slots=True)
class Box:
    """One shape of a picture.

    Parameters
    ----------
    key
        What DOT calls it: the variable of the generated source.
    kind
        Decides on its shape.
    name, lines, note
        The name in bold, the formula after it, and small type below.
    shape, used
        The shape of its value, "" where the note tells it; whether an arrow leaves the box.
    column
        0 for the forward pass; the gradients are counted from 1.
    scope, home
        The scope whose frame it is drawn in, and the one that it goes into when that is collapsed.
        They differ for a step of a gradient that faces nothing; inside, it would tear frames apart.
    output
        Whether it is a result.
    faces
        The key of the box that it is the gradient of.
    tip
        What is shown when one points at it.
    """

    key: str
    kind: Kind
    name: str
    lines: tuple[str, ...]
    note: str
    shape: str
    used: bool
    column: int
    scope: str
    home: str
    output: bool
    faces: str | None
    tip: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a value to one that is computed from it; ``again`` if it was stored for a gradient."""

    tail: str
    head: str
    shape: str
    again: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a picture shows; ``columns`` are the titles of its phases."""

    title: str
    columns: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A node that gets a box: its formula with tokens for names, and what it is computed from.

    ``nodes`` are those that are folded into it.
    """

    node: str
    formula: str
    operands: tuple[str, ...]
    tip: str
    nodes: tuple[str, ...] = ()


def scene(graph: Graph, detail: Detail) -> Scene:
    """The boxes and arrows of a graph.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph("line")
    >>> w, x = g.parameter("w"), g.input("x")
    >>> y = g.output("y", w * x + 1.0)
    >>> [(box.name, *box.lines) for box in scene(g, "values").boxes]
    [('x',), ('w',), ('y', 'w x + 1')]
    >>> [(box.name, *box.lines) for box in scene(g, "ops").boxes]
    [('w',), ('x',), ('v', 'w x'), ('1',), ('y', 'v + 1')]

    Notes
    -----
    Linear in nodes and edges, but for one sort.
    """
    if detail == "values":
        written = program(graph)
        labels = Labels(graph, written.names)
        return _Stage(graph, labels, written.holder).scene(_values(written, labels))
    names = Names(graph)
    for node in graph.order():
        names.variable(node)
    labels = Labels(graph, names)
    return _Stage(graph, labels, {node: node for node in graph.dag}).scene(_ops(graph, labels))


def _values(written: Program, labels: Labels) -> Iterator[_Entry]:
    """The values of the generated source, its arguments first."""
    given = (*written.arguments, *written.arrays)
    order = [*given, *(node for value in written.values.values() for node in value.nodes)]
    formulas = labels.formulas(dict.fromkeys(order), (*given, *written.values))
    for node in given:
        yield _Entry(node, "", (), repr(written.graph.spec(node)))
    for node, value in written.values.items():
        tip = f"{value.name} = {value.code.text}  # {value.spec!r}"
        operands = tuple(written.rows.names[operand] for operand in value.operands)
        yield _Entry(node, formulas[node], operands, tip, tuple(value.nodes))


def _ops(graph: Graph, labels: Labels) -> Iterator[_Entry]:
    """Every node; numbers are written into the formulas that use them."""
    order = graph.order()
    numbers = {n for n in order if graph.op(n).name in _SCALARS and graph.spec(n).ndim == 0}
    formulas = labels.formulas(order, [node for node in order if node not in numbers])
    for node in order:
        op, leaf = graph.op(node).name, not graph.dag.pred[node] and node not in numbers
        operands = tuple(dict.fromkeys(graph.operands(node)))
        formula = "" if leaf or op == "result" else formulas[node]
        yield _Entry(node, formula, operands, f"{op}: {graph.spec(node)!r}", (node,))


class _Stage:
    """Sets up boxes and arrows, entry by entry in the order of computation."""

    def __init__(self, graph: Graph, labels: Labels, holder: Mapping[str, str]) -> None:
        self.graph = graph
        self.labels = labels
        self.holder = holder
        self.results: dict[str, list[str]] = {}
        for name, node in graph.outputs_by_name.items():
            self.results.setdefault(node, []).append(name)
        self.sweeps = {seed: i for i, seed in enumerate(graph.dag.graph["sweeps"], start=1)}
        self.boxes: dict[str, Box] = {}
        self.arrows: list[Arrow] = []
        self.facing: set[tuple[str, str | None]] = set()

    def scene(self, entries: Iterable[_Entry]) -> Scene:
        entries = list(entries)
        used = {operand for entry in entries for operand in entry.operands}
        for entry in entries:
            self.boxes[entry.node] = self.box(entry, entry.node in used)
            self.connect(entry)
        last = max((box.column for box in self.boxes.values()), default=0)
        columns = tuple(map(self.title, range(last + 1)))
        return Scene(self.graph.name, columns, tuple(self.boxes.values()), tuple(self.arrows))

    def box(self, entry: _Entry, used: bool) -> Box:
        graph, node, labels = self.graph, entry.node, self.labels
        attributes, spec = graph.dag.nodes[node], graph.spec(node)
        faced = self.faced(node)
        column = self.column(node, entry.operands)
        home = attributes["scope"] if faced is None else self.boxes[faced].home
        scope = home if faced is not None or column == 0 else ""
        op = attributes["op"]
        kind: Kind = op if op in ("input", "parameter") else "op"
        name = labels.name(node, scope)
        if op in _SCALARS and not self.results.get(node):
            kind = "constant"
        lines: tuple[str, ...] = ()
        if kind == "constant" and entry.formula:
            name = entry.formula
        elif entry.formula:
            lines = tuple(labels.broken(entry.formula, scope, len(name) + 3))
        return Box(
            key=labels.names.variable(node),
            kind=kind,
            name=name,
            lines=lines,
            note=self.note(node, op, spec),
            shape=_shape(spec) if kind == "op" else "",
            used=used,
            column=column,
            scope=scope,
            home=home,
            output=not self.results.keys().isdisjoint((node, *self.inside(node))),
            faces=None if faced is None else self.boxes[faced].key,
            tip=plain(entry.tip),
        )

    def inside(self, node: str) -> list[str]:
        """The results of a loop that have no box of their own."""
        return [part for part in self.labels.parts(node) if self.holder.get(part) == node]

    def faced(self, node: str) -> str | None:
        """The node of the box that a gradient's box is to face.

        A part of a value that is folded into another has its gradient beside that value's only
        where no gradient stands there yet, since it comes after that one.
        """
        seed = self.graph.dag.nodes[node].get("seed")
        of = self.labels.names.gradient_of(node)
        every: tuple[str, ...] = self.graph.dag.nodes[node].get("of", ())
        for candidate in every if of is None else (of, *every):
            held = self.holder.get(candidate, candidate)
            first = (held, seed) not in self.facing
            if held in self.boxes and held != node and (first or held == candidate):
                self.facing.add((held, seed))
                return held
        return None

    def note(self, node: str, op: str, spec: Spec) -> str:
        """The small type: of a leaf what it is, of others the dtype if it is not the usual one."""
        plain = spec.dtype.name == "float64" or spec.parts
        words = [] if plain else [spec.dtype.name]
        if op in ("input", "parameter") or (op == "constant" and spec.ndim):
            role = self.graph.dag.nodes[node].get("role", op)
            words = [role, *words, shape_text(spec.shape)]
        derivatives = self.graph.dag.graph["derivatives"]
        also = [name for name in self.results.get(node, ()) if name not in {node, *derivatives}]
        return " ".join([*words, *(f"· output {name}" for name in also)])

    def column(self, node: str, operands: Iterable[str]) -> int:
        """0 for the forward pass, else the sweep that a node belongs to."""
        attributes = self.graph.dag.nodes[node]
        before = max((self.boxes[operand].column for operand in operands), default=0)
        if attributes["phase"] == "update" or self.is_for_update(node):
            return len(self.sweeps) + 1
        if attributes["phase"] == "forward" and before == 0:
            return 0
        return max(before, self.sweeps.get(attributes.get("seed"), 1))

    def is_for_update(self, node: str) -> bool:
        """Whether a node is an argument of nothing but the update in a step of training."""
        dag = self.graph.dag
        users = dag.succ[node]
        return (
            dag.nodes[node]["op"] == "input"
            and bool(users)
            and all(dag.nodes[user]["phase"] == "update" for user in users)
        )

    def title(self, column: int) -> str:
        if column == 0:
            return "forward"
        for seed, found in self.sweeps.items():
            if found == column:
                return f"gradient of {self.labels.seed(seed)}"
        return "update" if column > len(self.sweeps) > 0 else "gradient"

    def connect(self, entry: _Entry) -> None:
        head = self.boxes[entry.node]
        for operand in entry.operands:
            tail = self.boxes[operand]
            shape = self.shape(operand, entry.nodes)
            again = tail.column < head.column and tail.kind != "constant"
            shape = "" if tail.kind == "constant" else shape
            self.arrows.append(Arrow(tail.key, head.key, shape, again))

    def shape(self, operand: str, users: Iterable[str]) -> str:
        """The shape of an operand; of a loop's results those that are used there."""
        graph, among = self.graph, set(users)
        if not graph.spec(operand).parts:
            return _shape(graph.spec(operand))
        taken = [r for parts in results(graph, operand).values() for r in parts]
        used = [r for r in taken if r in among or not among.isdisjoint(graph.dag.succ[r])]
        return ", ".join(dict.fromkeys(_shape(graph.spec(r)) for r in used))


def _shape(spec: Spec) -> str:
    """The shape of a value; of several, each of theirs."""
    return ", ".join(dict.fromkeys(shape_text(part.shape) for part in spec.parts or (spec,)))
