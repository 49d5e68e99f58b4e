"""How an op is written: as NumPy source and as a formula for people.

A *form* takes a `Site` (one use of an op: its operands as they are already written, and what is
known of them) and returns a `Written`: the text and how tightly it binds, so that parentheses
appear only where they are needed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphdiff.ops.dimension import Dimension, Shape
from graphdiff.ops.spec import Spec

# Python's precedences, loosest first.
LOOSEST, OR, AND, COMPARE, ADD, MULTIPLY, UNARY, POWER, ATOM = range(9)


class Written(NamedTuple):
    """A piece of text and how tightly it binds."""

    text: str
    binds: int = ATOM

    def within(self, level: int) -> str:
        """The text, in parentheses if its place asks for something that binds tighter."""
        return self.text if self.binds >= level else f"({self.text})"


class Site(NamedTuple):
    """One use of an op, as a form sees it."""

    operands: tuple[Written, ...]
    specs: tuple[Spec, ...]
    out: Spec
    params: Mapping[str, Any]


Form = Callable[[Site], Written]

_SIMPLE = re.compile(r"-?[\w.]+")


def infix(symbol: str, level: int) -> Form:
    """``a + b``: left-associative, spaces around the symbol."""

    def form(site: Site) -> Written:
        left, right = site.operands
        return Written(f"{left.within(level)} {symbol} {right.within(level + 1)}", level)

    return form


def comparison(symbol: str) -> Form:
    """``a < b``: comparisons do not chain."""

    def form(site: Site) -> Written:
        left, right = site.operands
        text = f"{left.within(COMPARE + 1)} {symbol} {right.within(COMPARE + 1)}"
        return Written(text, COMPARE)

    return form


def prefix(symbol: str) -> Form:
    """``-a``."""

    def form(site: Site) -> Written:
        return Written(f"{symbol}{site.operands[0].within(UNARY)}", UNARY)

    return form


def call(function: str, *params: str) -> Form:
    """``f(a, b)``; the named parameters follow as keywords where they are not None or False."""

    def form(site: Site) -> Written:
        arguments = [operand.text for operand in site.operands]
        for name in params:
            value = site.params.get(name)
            if value is not None and value is not False:
                arguments.append(f"{name}={axes_text(value)}")
        return Written(f"{function}({', '.join(arguments)})")

    return form


def power_code(site: Site) -> Written:
    """``a**b``, with spaces where an operand is more than a name or a number."""
    base, exponent = site.operands
    left, right = base.within(POWER + 1), exponent.within(UNARY)
    tight = _SIMPLE.fullmatch(left) and _SIMPLE.fullmatch(right)
    return Written(f"{left}**{right}" if tight else f"{left} ** {right}", POWER)


def axes_text(value: Any) -> str:
    """An axis parameter as it is typed: a one-axis tuple as its int."""
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return repr(value)


def dimension_code(value: Dimension) -> Written:
    """A dimension as a Python expression over the names of dimensions."""
    if isinstance(value, int):
        return Written(str(value), ATOM if value >= 0 else UNARY)
    if value.isidentifier():
        return Written(value)
    tree = ast.parse(re.sub(r"\bM(in|ax)\(", r"m\1(", value), mode="eval").body
    return Written(ast.unparse(tree).replace(" ** ", "**"), binding(tree))


def binding(tree: ast.expr) -> int:
    """How tightly a Python expression binds."""
    match tree:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return ADD
        case ast.BinOp(op=ast.Mult() | ast.FloorDiv() | ast.Div() | ast.Mod() | ast.MatMult()):
            return MULTIPLY
        case ast.BinOp(op=ast.Pow()):
            return POWER
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert()):
            return UNARY
        case ast.Name() | ast.Call() | ast.Subscript() | ast.Attribute() | ast.Constant():
            return ATOM
        case ast.Tuple(elts=[_, *_]) | ast.List():
            return ATOM
        case _:
            return LOOSEST


def shape_code(shape: Shape) -> str:
    """A shape as a Python tuple over the names of dimensions."""
    parts = [dimension_code(part).text for part in shape]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def size_code(shape: Shape) -> str:
    """A shape as ``np.zeros`` is given it: the number itself where there is one dimension."""
    return dimension_code(shape[0]).text if len(shape) == 1 else shape_code(shape)


def dtype_code(spec: Spec) -> str:
    """A dtype as Python text."""
    return "bool" if spec.dtype.kind == "b" else f"np.{spec.dtype}"


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
_RAISED = re.compile(r"-?\d+")


def superscript(base: str, exponent: str) -> str:
    """``x²`` where the exponent is an integer, else ``x^exponent``."""
    if _RAISED.fullmatch(exponent):
        return base + exponent.translate(_SUPERSCRIPTS)
    return f"{base}^{exponent}"


def subscript(axes: Sequence[int]) -> str:
    """The axes of a reduction as lowered digits."""
    return ",".join(map(str, axes)).translate(_SUBSCRIPTS)
