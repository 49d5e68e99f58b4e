"""A graph as a list of values that a person would write, each with its code and its formula.

A node that is used once and that nobody named is folded into the value that uses it. Source and
pictures are both made from this list, so they tell the same story.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    named dimension.
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


class _Writer:
    """The state of one pass over a graph in topological order."""

    def __init__(self, graph: Graph, taken: Iterable[str], schedule: Sequence[Step] | None) -> None:
        self.graph = graph
        self.schedule = schedule
        self.planned = {node for _, node in schedule or ()}
        self.nodes = graph.dag._node
        self.names = Names(graph, taken)
        self.outputs = set(graph.outputs_by_name.values())
        self.text: dict[str, Written] = {}
        self.code: dict[str, Written] = {}
        self.weak: set[str] = set()  # numbers of Python's, not of NumPy's
        self.whole: set[str] = set()  # those of them that are ints, being made of sizes

    def program(self) -> Program:
        graph, names = self.graph, self.names
        order = forward_first(graph)
        arguments = [n for n in order if self.nodes[n]["op"] in ("input", "parameter")]
        arguments.sort(key=lambda n: self.nodes[n]["op"] == "parameter")
        for node in arguments:
            self.text[node] = Written(names.variable(node))
        for node in order:
            for part in graph.spec(node).shape:
                for name in dimension_names(part):
                    names.dimension(name)
        arrays = [n for n in order if self._is_array(n)]
        for node in arrays:
            self.text[node] = Written(names.variable(node))
        for node in order:
            if node not in self.text:
                self._write(node)
        results = self._results()
        values = self._values(order, {*arguments, *arrays})
        steps = self.schedule or [("compute", node) for node in values]
        return Program(
            graph,
            names,
            tuple(arguments),
            tuple(arrays),
            values,
            tuple(steps),
            _holders(values),
            dict(names.dimensions),
            results,
        )

    def _is_array(self, node: str) -> bool:
        return self.nodes[node]["op"] == "constant" and self.graph.spec(node).ndim > 0

    # -- code --------------------------------------------------------------------------------

    def _write(self, node: str) -> None:
        operands = self.graph.operands(node)
        written = self._expression(node, operands)
        while len(written.text) > LIMIT and (wide := self._widest(operands)) is not None:
            if self.schedule is not None:
                break
            self._keep(wide)
            written = self._expression(node, operands)
        self.text[node] = written
        if self._has_line(node):
            self._keep(node)

    def _expression(self, node: str, operands: list[str]) -> Written:
        op, spec = self.graph.op(node), self.graph.spec(node)
        specs = tuple(self.graph.spec(operand) for operand in operands)
        texts = tuple(self.text[operand] for operand in operands)
        weak = tuple(operand in self.weak for operand in operands)
        if op.name in SOURCES or (op.name in _ARITHMETIC and all(weak)):
            self.weak.add(node)
            if op.name == "size" or (op.name in _WHOLE and self.whole.issuperset(operands)):
                self.whole.add(node)
        elif any(weak):
            texts = tuple(map(_typed, texts, _strong(op, specs, weak)))
            if op.name == "broadcast_to" and spec.is_float and operands[0] in self.whole:
                texts = (Written(f"float({texts[0].text})"),)
        site = Site(texts, specs, spec, self.nodes[node]["params"])
        return op.numpy(self._own_dimensions(site))

    def _own_dimensions(self, site: Site) -> Site:
        """The site with the variables of named dimensions that could not keep their name."""
        changed = {old: new for old, new in self.names.dimensions.items() if old != new}
        return substituted(site, changed) if changed else site

    def _widest(self, operands: list[str]) -> str | None:
        """The longest operand that is an expression yet."""
        wide = [n for n in operands if n not in self.code and self.text[n].binds < ATOM]
        wide += [n for n in operands if n not in self.code and "(" in self.text[n].text]
        return max(wide, key=lambda n: len(self.text[n].text), default=None)

    def _has_line(self, node: str) -> bool:
        """Whether a value gets a line of its own."""
        attributes = self.nodes[node]
        if self.schedule is not None:
            return node in self.planned
        if node in self.outputs:
            return True
        if attributes["op"] in ("constant", "size"):
            return False
        if attributes["named"] or ends_a_line(self.graph.dag, node):
            return True
        uses = sum(map(len, self.graph.dag._succ[node].values()))
        if attributes["op"] in _FREE and self.text[node].text.count("(") == 0:
            return False
        if uses != 1:
            return True
        return attributes["phase"] == "gradient" and self.names.gradient_of(node) is not None

    def _keep(self, node: str) -> None:
        """Give a value a line, and a name by which the others refer to it."""
        self.code[node] = self._result(node) if node in self.outputs else self.text[node]
        if node in self.outputs:
            self.weak.discard(node)
        self.text[node] = Written(self.names.variable(node))

    def _result(self, node: str) -> Written:
        """What is handed out for an output: never a bare number, or a view that is read-only."""
        text = self.text[node]
        if node in self.weak:
            return Written(f"np.{self.graph.spec(node).dtype}({text.text})")
        if node not in self.code and self.nodes[node]["op"] in _BORROWED:
            return Written(f"np.array({text.text})")
        return text

    def _results(self) -> dict[str, Written]:
        """What is handed out for each output: no two share memory, nor one with an argument."""
        results: dict[str, Written] = {}
        handed: set[str] = set()
        for name, node in self.graph.outputs_by_name.items():
            text, owner = self._result(node), self._owner(node)
            shared = owner in handed or self.nodes[owner]["op"] in SOURCES
            if shared and self.graph.spec(node).ndim and not text.text.startswith("np.array("):
                text = Written(f"np.array({text.text})")
            handed.add(owner)
            results[name] = text
        return results

    def _owner(self, node: str) -> str:
        """The value whose memory a view shows, itself for what is none."""
        while self.graph.op(node).view and not (
            node in self.outputs and self.nodes[node]["op"] in _BORROWED
        ):
            node = self.graph.operands(node)[0]
        return node

    # -- the list ---------------------------------------------------------------

    def _values(self, order: list[str], given: set[str]) -> dict[str, Value]:
        folded: dict[str, list[str]] = {}
        reads: dict[str, dict[str, None]] = {}
        values: dict[str, Value] = {}
        for node in order:
            if node in given:
                continue
            inner: list[str] = []
            sources: dict[str, None] = {}
            for operand in self.graph.operands(node):
                if operand in self.code or operand in given:
                    sources[operand] = None
                else:
                    inner += folded.get(operand, ())
                    sources |= reads.get(operand, {})
            if node not in self.code:
                folded[node], reads[node] = [*inner, node], sources
                continue
            values[node] = Value(
                node,
                self.text[node].text,
                self.code[node],
                self.graph.spec(node),
                self.nodes[node]["phase"],
                (*dict.fromkeys(inner), node),
                tuple(sources),
            )
        return values


def forward_first(graph: Graph) -> list[str]:
    """The topological order, with all that is of the forward phase before the gradient."""
    nodes, pred = graph.dag._node, graph.dag._pred
    order = graph.order()
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
