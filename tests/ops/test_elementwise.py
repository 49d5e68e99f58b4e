"""Derivatives of element-wise ops, proved: sympy's own equal the expressions of gradient graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.ops import OPS

P, Q, R = sympy.symbols("p q r", positive=True)
X, Y = sympy.symbols("x y", real=True)
INSIDE = 2 * P / (1 + P) - 1  # any number between -1 and 1, as p runs over the positive ones

# Where the op is smooth: one region, or several that together leave out the kinks only.
REGIONS: dict[str, Sequence[tuple[Any, ...]]] = {
    "divide": [(X, P), (X, -P)],
    "power": [(P, Y)],
    "reciprocal": [(P,), (-P,)],
    "log": [(P,)],
    "log1p": [(P,)],
    "sqrt": [(P,)],
    "abs": [(P,), (-P,)],
    "sign": [(P,), (-P,)],
    "relu": [(P,), (-P,)],
    "hard_tanh": [(INSIDE,), (1 + P,), (-1 - P,)],
    "maximum": [(X, X + P), (X, X - P)],
    "minimum": [(X, X + P), (X, X - P)],
}

ARITHMETIC = {
    "parameter",
    "constant",
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "square",
    "power",
}

SMOOTH = [op for op in OPS.values() if op.expression is not None]


def _truth(relation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: relation(sympy.simplify(a - b), 0)


# The ops in gradient graphs that have no expression of their own.
OTHERS: dict[str, Callable[..., Any]] = {
    "greater": _truth(sympy.Gt),
    "greater_equal": _truth(sympy.Ge),
    "less": _truth(sympy.Lt),
    "less_equal": _truth(sympy.Le),
    "equal": _truth(sympy.Eq),
    "logical_and": sympy.And,
    "logical_or": sympy.Or,
    "logical_not": sympy.Not,
    "where": lambda c, a, b: sympy.Piecewise((a, c), (b, True)),
}


def expression(graph: gd.Graph, output: str, **values: Any) -> Any:
    """The sympy expression of an output of a scalar graph."""
    known: dict[str, Any] = dict(values)
    for node in graph.order():
        attributes = graph.dag.nodes[node]
        op = OPS[attributes["op"]]
        operands = [known[operand] for operand in graph.operands(node)]
        if op.name == "constant":
            known[node] = _exact(attributes["params"]["value"])
        elif op.name in OTHERS:
            known[node] = OTHERS[op.name](*operands)
        elif op.expression is not None:
            known[node] = op.expression(*map(_number, operands))
    return known[graph.outputs_by_name[output]]


def _exact(value: Any) -> Any:
    """A constant as sympy has it: 0.5 as 1/2, and 2/√π by its name."""
    if np.asarray(value).dtype.kind == "b":
        return sympy.true if value else sympy.false
    return sympy.nsimplify(float(value), [1 / sympy.sqrt(sympy.pi)], rational=None, tolerance=1e-15)


def _number(value: Any) -> Any:
    """A truth value in arithmetic is 0 or 1."""
    return sympy.Piecewise((1, value), (0, True)) if getattr(value, "is_Boolean", False) else value


def _equal(a: Any, b: Any) -> bool:
    return bool(sympy.simplify(sympy.piecewise_fold(_number(a) - _number(b))) == 0)


def declared(op: str) -> gd.Graph:
    g = gd.Graph(op)
    operands = [g.parameter(name) for name in ("a", "b")[: len(OPS[op].operands)]]
    g.output("J", g.apply(op, operands))
    return g


@pytest.mark.parametrize("op", [op.name for op in SMOOTH])
def test_the_gradient_graph_is_the_derivative(op: str) -> None:
    g = declared(op)
    G = gd.gradient(g, of="J", disconnected="zero")
    symbols = sympy.symbols("a b", real=True)[: len(g.parameters)]
    value = expression(g, "J", **{str(symbol): symbol for symbol in symbols})
    for region in REGIONS.get(op, [(X, Y)[: len(symbols)]]):
        at = dict(zip(symbols, region, strict=True))
        for symbol in symbols:
            found = expression(G, f"dJ/d{symbol}", **{str(s): v for s, v in at.items()})
            wanted = sympy.diff(value, symbol).subs(at).doit()
            assert _equal(wanted, found), (region, wanted, found)


@pytest.mark.parametrize(
    "op", ["tanh", "sigmoid", "softplus", "exp", "square", "erf", "sin", "log1p"]
)
def test_the_gradient_of_the_gradient_is_the_second_derivative(op: str) -> None:
    g, z = declared(op), P if op in REGIONS else X
    H = gd.gradient(gd.gradient(g, of="J"), of="dJ/da")
    wanted = sympy.diff(expression(g, "J", a=z), z, 2)
    assert _equal(wanted, expression(H, "d(dJ/da)/da", a=z))


def test_a_chain_of_several_ops() -> None:
    g = gd.Graph()
    a, b = g.parameter("a"), g.parameter("b")
    h = np.tanh(a * b + 1) / (1 + a**2)
    g.output("J", np.log(1 + h**2) * np.exp(-b) + h)
    G = gd.gradient(g, of="J")
    value = expression(g, "J", a=X, b=Y)
    for name, symbol in (("a", X), ("b", Y)):
        found = expression(G, f"dJ/d{name}", a=X, b=Y)
        assert _equal(sympy.diff(value, symbol), found)


JOINED: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a / (2 + b * b),
    lambda a, b: np.tanh(a) - b,
    lambda a, b: np.exp(a / 4) * b,
    lambda a, b: np.sin(a * b),
    lambda a, b: np.log1p(a * a) ** 2,
    lambda a, b: gd.special.sigmoid(a) * gd.special.erf(b),
]


@given(
    st.lists(st.tuples(st.sampled_from(JOINED), st.integers(1, 3), st.integers(1, 3)), max_size=4)
)
@settings(max_examples=30)
def test_random_scalar_graphs_to_thirty_digits(steps: Any) -> None:
    g = gd.Graph()
    values = [g.parameter("a"), g.parameter("b"), g["a"] * g["b"]]
    for function, i, j in steps:
        values.append(function(values[-i], values[-j]))
    g.output("J", values[-1] + values[0])
    G = gd.gradient(g, of="J", disconnected="zero")
    value, at = expression(g, "J", a=X, b=Y), {X: sympy.Rational(3, 7), Y: sympy.Rational(-5, 11)}
    for name, symbol in (("a", X), ("b", Y)):
        wanted = sympy.diff(value, symbol).subs(at).evalf(30)
        found = expression(G, f"dJ/d{name}", a=X, b=Y).subs(at).evalf(30)
        assert abs(wanted - found) <= abs(wanted) * sympy.Float("1e-25") + sympy.Float("1e-25")


def test_a_derivative_is_in_terms_of_the_saved_value() -> None:
    for op in ("tanh", "sigmoid", "exp", "sqrt", "reciprocal"):
        ops = [tensor.op for tensor in gd.gradient(declared(op), of="J")]
        assert ops.count(op) == 1
        assert set(ops) - {op} <= ARITHMETIC


def test_the_derivative_of_softplus_is_the_sigmoid() -> None:
    assert "sigmoid" in {tensor.op for tensor in gd.gradient(declared("softplus"), of="J")}
