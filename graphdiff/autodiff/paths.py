"""The derivative of a scalar graph as one expression, values on the way stored or recomputed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import networkx as nx
import numpy as np

from graphdiff.autodiff.factors import listed, primed, sum_of_products, written_over
from graphdiff.autodiff.flow import Edge, edges_between
from graphdiff.autodiff.naming import only_of_graphs
from graphdiff.errors import GradientError, here
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.lazily import Lazily
from graphdiff.ops.notation import ATOM, Site, Written
from graphdiff.ops.op import Op

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")

MOST_SYMBOLS = 20_000  # in an expression, beyond which nobody reads it
_SHORT = 40  # characters of an unnamed value that is written out among stored ones

# Expressions of ops that are not declared by one.
_MORE: Mapping[str, Callable[..., Any]] = {
    "astype": lambda x: x,
    "broadcast_to": lambda x: x,  # of a scalar to a scalar
    "where": lambda c, x, y: sympy.Piecewise((x, c), (y, True)),
    "greater": lambda a, b: sympy.Gt(a, b),
    "greater_equal": lambda a, b: sympy.Ge(a, b),
    "less": lambda a, b: sympy.Lt(a, b),
    "less_equal": lambda a, b: sympy.Le(a, b),
    "equal": lambda a, b: sympy.Eq(a, b),
    "not_equal": lambda a, b: sympy.Ne(a, b),
    "logical_and": lambda a, b: sympy.And(a, b),
    "logical_or": lambda a, b: sympy.Or(a, b),
    "logical_not": lambda z: sympy.Not(z),
}


@dataclass(frozen=True, eq=False)
class Expression:
    """A derivative as an expression, made by `graphdiff.expression`.

    Parameters
    ----------
    text
        The expression as it is read, ``f'(y) f'(x) f'(w)``; also ``str(...)``.
    definitions
        The formula of each named value on the way: ``{"x": "f(w)", "y": "f(x)", "z": "f(y)"}``.
    """

    text: str
    definitions: Mapping[str, str]
    _writer: _Writer = field(repr=False)

    def __str__(self) -> str:
        return self.text

    @cached_property
    def sympy(self) -> Any:
        """The same for sympy, with every function an undefined one: ``f'(y)*f'(x)*f'(w)``."""
        return self._writer.symbolic(concrete=False)

    @cached_property
    def expanded(self) -> Any:
        """The same for sympy, with functions and their derivatives filled in."""
        return self._writer.symbolic(concrete=True)


def expression(
    g: Graph,
    of: str | Tensor,
    wrt: str | Tensor,
    style: Literal["stored", "recomputed"] = "stored",
    names: Mapping[str, str] | None = None,
) -> Expression:
    """The derivative of one value of a scalar graph by another, as an expression to read.

    It is what the reverse sweep computes: the sum over the paths from ``wrt`` to ``of``, with the
    factors that paths share taken out.

    Parameters
    ----------
    g
        A network of scalars and element-wise ops, as far as ``of`` depends on it.
    of, wrt
        What to differentiate, and by what: names or tensors.
    style
        ``"stored"``: in terms of the values on the way, by their names. ``"recomputed"``: in terms
        of inputs and parameters alone, each value on the way written out wherever it is needed.
    names
        What to call ops: with ``{"tanh": "f"}`` the derivative of tanh is written ``f'``.

    Returns
    -------
    Expression
        With ``.text`` (also ``str``), ``.definitions``, ``.sympy`` and ``.expanded``.

    Raises
    ------
    GradientError
        If a value is no scalar, an op has no expression, ``of`` does not depend on ``wrt``, or
        the expression would have more than 20 000 symbols.

    Notes
    -----
    For a chain of n steps the stored form needs n − 1 evaluations of f besides the n of f′, the
    recomputed one n (n − 1) / 2, but then nothing has to be kept. Where paths branch, either
    expression may grow exponentially; the work of `gradient` stays linear. Figure 6.9 of
    Goodfellow et al., *Deep Learning* (2016), and section 6.5.3.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("chain")
    >>> w = g.input("w")
    >>> x = np.tanh(w).named("x")
    >>> y = np.tanh(x).named("y")
    >>> z = g.output("z", np.tanh(y))
    >>> print(gd.expression(g, of="z", wrt="w", style="stored", names={"tanh": "f"}))
    f'(y) f'(x) f'(w)
    >>> print(gd.expression(g, of="z", wrt="w", style="recomputed", names={"tanh": "f"}))
    f'(f(f(w))) f'(f(w)) f'(w)
    """
    if style not in ("stored", "recomputed"):
        raise GradientError(
            f"there is no style {style!r}", origin=here(), expected="'stored' or 'recomputed'"
        )
    only_of_graphs(g)
    ends = [(end if isinstance(end, Tensor) else g[end]).name for end in (of, wrt)]
    writer = _Writer(g, *ends, stored=style == "stored", names=names or {})
    return Expression(writer.text(), writer.definitions(), writer)


class _Writer:
    """One derivative: the nodes between its two ends, and how each of them is written.

    ``labels`` are the values that are written by name. ``function`` is an op's name as a function
    of its operands; None for arithmetic, which is written with signs.
    """

    def __init__(
        self, g: Graph, of: str, wrt: str, *, stored: bool, names: Mapping[str, str]
    ) -> None:
        self.g, self.of, self.wrt, self.stored, self.names = g, of, wrt, stored, names
        self.nodes = g.dag.nodes
        needed = {of} | nx.ancestors(g.dag, of)
        self.order = [node for node in g.order() if node in needed]
        for node in self.order:
            self._check(node)
        self.edges = self._edges()
        self.labels = _labels(g, self.order) if stored else {}
        self._check_size()
        self.values = self._values()

    def _check(self, node: str) -> None:
        op, spec = self.g.op(node), self.g.spec(node)
        written = not op.operands or op.expression or op.name in _MORE
        if spec.ndim or spec.is_complex or not written:
            raise GradientError(
                "only real scalars and element-wise ops can be written as an expression",
                node=node, op=op.name, origin=self.nodes[node]["origin"], got=repr(spec),
                hint="gd.gradient differentiates every graph",
            )  # fmt: skip

    def _edges(self) -> list[Edge]:
        """The edges that a derivative flows along, those of the last node first."""
        g, edges = self.g, edges_between(self.g, [self.wrt], [self.of])
        if not g.spec(self.wrt).is_inexact or not (edges or self.wrt == self.of):
            raise GradientError(
                f"{self.of!r} has no derivative by it", node=self.wrt,
                op=self.nodes[self.wrt]["op"], origin=self.nodes[self.wrt]["origin"],
                expected="a float that it depends on", got=repr(g.spec(self.wrt)),
            )  # fmt: skip
        return edges

    def _check_size(self) -> None:
        """Refuse what would be too long, before any of it is written."""
        value: dict[str, int] = {}
        for node in self.order:
            size = 1 + sum(value[operand] for operand in self.g.operands(node))
            value[node] = 1 if node in self.labels else min(size, _SHORT) if self.stored else size
        total = {self.of: 0}
        for node, _, operand in self.edges:
            factor = 1 + sum(value[other] for other in self.g.operands(node))
            total[operand] = total.get(operand, 0) + total[node] + factor
        if total.get(self.wrt, 0) > MOST_SYMBOLS:
            raise GradientError(
                f"the expression would have more than {MOST_SYMBOLS} symbols", origin=here(),
                hint="gd.gradient takes steps in proportion to the edges, not to the paths",
            )  # fmt: skip

    def function(self, op: Op) -> str | None:
        return self.names.get(op.name) or _function_name(op)

    # -- text --------------------------------------------------------------------------------

    def _values(self) -> dict[str, Written]:
        """How each value is written where it is used; too long an unnamed one by its node."""
        values: dict[str, Written] = {}
        for node in self.order:
            values[node] = self._formula(node, values)
            if self.stored and node not in self.labels and len(values[node].text) > _SHORT:
                self.labels[node] = node
            if node in self.labels:
                values[node] = Written(self.labels[node])
        return values

    def _formula(self, node: str, values: Mapping[str, Written]) -> Written:
        op = self.g.op(node)
        if op.name in ("input", "parameter"):
            return Written(node)
        operands = self.g.operands(node)
        texts = tuple(values[operand] for operand in operands)
        function = self.function(op)
        if function is not None:
            return Written(f"{function}({listed(texts)})")
        specs = tuple(self.g.spec(operand) for operand in operands)
        return op.formula(Site(texts, specs, self.g.spec(node), self.nodes[node]["params"]))

    def definitions(self) -> dict[str, str]:
        """The formulas of the named values."""
        labels = self.labels if self.stored else _labels(self.g, self.order)
        values = {**self.values, **{node: Written(label) for node, label in labels.items()}}
        return {
            labels[node]: self._formula(node, values).text for node in self.order if node in labels
        }

    def text(self) -> str:
        """The whole expression; a path's factors go from the last step to the first."""
        cotangents: dict[str, list[list[Written]]] = {self.of: [[]]}
        for node, position, operand in self.edges:
            paths = cotangents[node]
            if len(paths) > 1:
                cotangents[node] = paths = [[sum_of_products(paths)]]
            factor = self._factor(node, position)
            product = paths[0] if factor.text == "1" else [*paths[0], factor]
            cotangents.setdefault(operand, []).append(product)
        return sum_of_products(cotangents[self.wrt]).text

    def _factor(self, node: str, position: int) -> Written:
        """The derivative of a value by one of its operands."""
        op, operands = self.g.op(node), self.g.operands(node)
        texts = [self.values[operand] for operand in operands]
        function = self.function(op)
        if function is not None:
            return Written(f"{primed(function, position, len(texts))}({listed(texts)})")
        if op.name == "where":
            condition = texts[0]
            return Written(
                f"[{condition.text}]" if position == 1 else f"[not {condition.within(ATOM)}]"
            )
        marks = [sympy.Symbol(f"_{i}", real=True) for i in range(len(texts))]
        given = [self._number(operand) for operand in operands]
        values = [
            mark if number is None else number for mark, number in zip(marks, given, strict=True)
        ]
        return written_over(_partial(op, position, values), texts)

    # -- sympy -------------------------------------------------------------------------------

    def symbolic(self, *, concrete: bool) -> Any:
        """The whole expression for sympy, with the functions undefined or filled in."""
        values: dict[str, Any] = {}
        for node in self.order:
            values[node] = self._symbolic_value(node, values, concrete)
        cotangents = {self.of: sympy.Integer(1)}
        for node, position, operand in self.edges:
            given = [values[other] for other in self.g.operands(node)]
            op, function = self.g.op(node), self.function(self.g.op(node))
            if function is None or concrete:
                factor = _partial(op, position, given)
            else:
                factor = sympy.Function(primed(function, position, len(given)))(*given)
            cotangents[operand] = cotangents.get(operand, 0) + cotangents[node] * factor
        return cotangents[self.wrt]

    def _symbolic_value(self, node: str, values: Mapping[str, Any], concrete: bool) -> Any:
        op = self.g.op(node)
        number = self._number(node)
        if number is not None:
            return number
        if node in self.labels or not op.operands:
            known = {} if self.g.spec(node).dtype.kind == "b" else {"real": True}
            return sympy.Symbol(self.values[node].text, **known)
        given = [values[operand] for operand in self.g.operands(node)]
        function = self.function(op)
        if function is None or concrete:
            return (op.expression or _MORE[op.name])(*given)
        return sympy.Function(function)(*given)

    def _number(self, node: str) -> Any:
        """A constant for sympy, exact as it is typed; None for what is no constant."""
        if self.nodes[node]["op"] != "constant":
            return None
        value = np.asarray(self.nodes[node]["params"]["value"]).item()
        exact = not isinstance(value, bool) and np.isfinite(value)
        return sympy.Rational(repr(value)) if exact else sympy.sympify(value)


def _labels(g: Graph, order: Iterable[str]) -> dict[str, str]:
    """The names of values: the user's, else the variable of the user's line where it is one's own.

    Inputs and parameters are not among them, nor constants.
    """
    nodes, labels = g.dag.nodes, {}
    for node in order:
        attributes = nodes[node]
        if not g.op(node).operands:
            continue
        if attributes["named"]:
            labels[node] = node
        elif "local" in attributes and attributes["local"] not in g:
            line = (attributes["origin"], attributes["local"])
            users = (nodes[user] for user in g.dag.succ[node])
            if not any((user["origin"], user.get("local")) == line for user in users):
                labels[node] = attributes["local"]
    count = Counter(labels.values())
    return {node: label for node, label in labels.items() if count[label] == 1}


@lru_cache(maxsize=256)
def _function_name(op: Op) -> str | None:
    """What an op of one operand is called as a function; None if it is arithmetic, or has more."""
    if op.expression is None or len(op.operands) != 1:
        return None
    z = sympy.Symbol("z", real=True)
    if op.expression(z).is_rational_function(z):
        return None
    formula = op.formula(Site((Written("·"),), (), None, {}))  # type: ignore[arg-type]  # no spec
    found = re.fullmatch(r"([^\s(]+)\(·\)", formula.text)
    return found[1] if found else op.name


def _partial(op: Op, position: int, values: Sequence[Any]) -> Any:
    """The derivative of an op's expression, with each op's convention where there is none."""
    if op.name == "where":
        condition = values[0] if position == 1 else sympy.Not(values[0])
        return sympy.Piecewise((1, condition), (0, True))
    value = op.expression or _MORE[op.name]
    z = sympy.symbols(f"z:{len(values)}", real=True)
    derivative = sympy.powsimp(sympy.diff(value(*z), z[position]))
    derivative = derivative.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    if len(values) == 1 or any(value.is_number for value in values):  # else ties share
        derivative = derivative.replace(sympy.Heaviside, lambda d, *_: sympy.Heaviside(d, 0))
    return derivative.subs(dict(zip(z, values, strict=True)), simultaneous=True)
