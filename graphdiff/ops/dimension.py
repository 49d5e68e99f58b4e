"""Dimensions of shapes: ints, names, and formulas over names.

A dimension is an ``int`` or a `Dim`: a name such as ``"t"`` or a formula such as ``"2*t + 1"``.
Named dimensions stand for positive integers.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops.lazily import Lazily

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")


class Dim(str):
    """A symbolic dimension: a name or an integer formula over names, in canonical text.

    It compares and hashes as its text, so ``x.shape == ("t", 2)`` holds, and it takes ``+ - * //``
    with ints and other dimensions; the result is an ``int`` where it is one. In an expression with
    tensors it is a number. Whatever needs its value now, such as ``range(t)``, is a `ShapeError`.

    Examples
    --------
    >>> t = Dim("t")
    >>> t + 1, 2 * t - t, (t + 1) - t
    ('t + 1', 't', 1)
    """

    __slots__ = ()
    __array_priority__ = 1000  # an array on the left leaves the operation to the dimension

    def __new__(cls, text: str) -> Self:
        """Check the text, and put it in canonical form."""
        value = text if isinstance(text, Dim) else dimension(text)
        if not isinstance(value, str):
            raise ShapeError(f"{text!r} is not a named dimension", expected="a name such as 't'")
        return str.__new__(cls, value)

    # Arithmetic, where a str would join, repeat or format.
    def __add__(self, other: int | str) -> Dimension:  # type: ignore[override]  # not a str's
        return _arithmetic("+", self, other)

    def __radd__(self, other: int | str) -> Dimension:  # type: ignore[misc]  # likewise
        return _arithmetic("+", other, self)

    def __sub__(self, other: int | str) -> Dimension:
        return _arithmetic("-", self, other)

    def __rsub__(self, other: int | str) -> Dimension:
        return _arithmetic("-", other, self)

    def __mul__(self, other: int | str) -> Dimension:  # type: ignore[override]  # not a str's
        return _arithmetic("*", self, other)

    def __rmul__(self, other: int | str) -> Dimension:  # type: ignore[override, misc]  # likewise
        return _arithmetic("*", other, self)

    def __floordiv__(self, other: int | str) -> Dimension:
        return _arithmetic("//", self, other)

    def __rfloordiv__(self, other: int | str) -> Dimension:
        return _arithmetic("//", other, self)

    def __neg__(self) -> Dimension:
        return combine("-", 0, self)

    def __truediv__(self, other: object) -> Dimension:
        return _arithmetic("/", self, other)

    def __rtruediv__(self, other: object) -> Dimension:
        return _arithmetic("/", other, self)

    def __pow__(self, other: object) -> Dimension:
        return _arithmetic("**", self, other)

    def __rpow__(self, other: object) -> Dimension:
        return _arithmetic("**", other, self)

    def __mod__(self, other: object) -> NoReturn:
        raise _unknown(self)

    def __index__(self) -> NoReturn:
        raise _unknown(self)

    def __lt__(self, other: object) -> NoReturn:
        raise _unknown(self)

    __le__ = __gt__ = __ge__ = __lt__


def _unknown(value: Dim) -> ShapeError:
    return ShapeError(
        f"the size of the dimension {str(value)!r} is not known yet",
        hint="declare the shape with a number where the program depends on it",
    )


def _arithmetic(symbol: str, left: Any, right: Any) -> Dimension:
    """``left symbol right`` for a dimension and what a user put beside it."""
    whole = (int, np.integer, str)
    if symbol in _OPERATIONS and isinstance(left, whole) and isinstance(right, whole):
        return combine(symbol, left, right)
    if hasattr(right if isinstance(left, Dim) else left, "graph"):
        return NotImplemented  # type: ignore[no-any-return]  # it is the tensor's turn
    raise ShapeError(
        "a dimension takes + - * // with whole numbers and other dimensions, or a tensor",
        got=f"{left} {symbol} {right}",
        hint="put a tensor beside it, as in np.sum(x) / x.shape[0]",
    )


Dimension = int | Dim
Shape = tuple[Dimension, ...]


@lru_cache(maxsize=4096)
def formula(text: str) -> Any:
    """The sympy expression of a dimension; every name in it is a positive integer.

    Raises
    ------
    ShapeError
        If the text is neither an identifier nor a formula over identifiers.
    """
    names = {name: sympy.Symbol(name, integer=True, positive=True) for name in _words(text)}
    if text in names:
        return names[text]
    try:
        return sympy.expand(_evaluate(ast.parse(text.strip(), mode="eval").body, names))
    except (SyntaxError, KeyError, TypeError, ValueError, RecursionError, MemoryError):
        raise _no_dimension(text) from None


def _no_dimension(value: object) -> ShapeError:
    return ShapeError(
        f"{value!r} is not a dimension",
        expected="an int, a name such as 't', or a formula such as '2*t + 1'",
    )


def _is_name(text: str) -> bool:
    """Whether a text can name a dimension, and a variable of the generated code."""
    return text.isidentifier() and not keyword.iskeyword(text) and text not in _FUNCTIONS


def _words(text: str) -> set[str]:
    """The names of dimensions in a formula."""
    return set(filter(_is_name, _WORD.findall(text)))


_WORD = re.compile(r"[^\W\d]\w*")
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Min": lambda *parts: sympy.Min(*parts),
    "Max": lambda *parts: sympy.Max(*parts),
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def _evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a parsed formula: arithmetic, names, Min and Max; nothing else is run."""
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return sympy.Integer(value)
        case ast.Name(id=name):
            return names[name]
        case ast.BinOp(op=ast.Pow(), right=right) if not _is_exponent(right):
            raise TypeError(ast.dump(right))
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_evaluate(left, names), _evaluate(right, names))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, names)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if args:
            return _FUNCTIONS[name](*(_evaluate(arg, names) for arg in args))
        case _:
            raise TypeError(ast.dump(node))


def _is_exponent(node: ast.expr) -> bool:
    """Whether a formula's exponent is one that products of dimensions come to, such as t**2."""
    return isinstance(node, ast.Constant) and node.value in range(1, 33)


def _canonical(expression: Any) -> Dimension:
    expression = sympy.expand(expression)
    if expression.is_Integer:
        return int(expression)
    text = _printer().doprint(expression)
    return str.__new__(Dim, text[1:-1] if expression.func is sympy.floor else text)


@lru_cache(maxsize=1)
def _printer() -> Any:
    """Prints formulas as Python text (made once sympy is loaded)."""
    from sympy.printing.str import StrPrinter

    class DimensionPrinter(StrPrinter):  # type: ignore[misc]  # sympy has no types
        def _print_floor(self, expression: Any) -> str:
            # In parentheses throughout, since -(t//3) is not -t//3.
            above, below = sympy.fraction(sympy.together(expression.args[0]))
            text = self._print(above)
            bare = above.is_Symbol or above.func is sympy.floor
            return f"({text if bare else f'({text})'}//{self._print(below)})"

    return DimensionPrinter()


@lru_cache(maxsize=4096)
def combine(symbol: str, left: int | str, right: int | str) -> Dimension:
    """``left symbol right`` over dimensions, for ``+ - * //``, ``min`` and ``max``."""
    a, b = (
        formula(part) if isinstance(part, str) else sympy.Integer(part) for part in (left, right)
    )
    if symbol == "//" and b == 0:
        raise ShapeError("a dimension is divided by 0", got=f"{left} // {right}")
    return _canonical(_OPERATIONS[symbol](a, b))


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "min": lambda a, b: _smaller(a, b),
    "max": lambda a, b: -_smaller(-a, -b),
}


def _smaller(a: Any, b: Any) -> Any:
    """The smaller of two formulas, decided now where it is the same for all sizes."""
    return a if _never_negative(b - a) else b if _never_negative(a - b) else sympy.Min(a, b)


def _never_negative(expression: Any) -> bool:
    """Whether a formula can be seen to be 0 or more for all sizes."""
    more = {
        s: 1 + sympy.Symbol(s.name, integer=True, nonnegative=True) for s in expression.free_symbols
    }
    return sympy.expand(expression.subs(more)).is_nonnegative is True


@lru_cache(maxsize=4096)
def sign(value: Dimension) -> int | None:
    """1 for a dimension or bound that is never negative, -1 for one that always is, else None."""
    expression = formula(value) if isinstance(value, str) else sympy.Integer(value)
    return 1 if _never_negative(expression) else -1 if _never_negative(-1 - expression) else None


def dimension(value: object) -> Dimension:
    """An int or a named dimension, checked and in canonical form.

    Raises
    ------
    ShapeError
        If the value is negative, or not an int, a name or a formula.
    """
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        if _is_name(value):
            return str.__new__(Dim, value)
        value = _canonical(formula(value))
        if isinstance(value, Dim):
            return value
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise _no_dimension(value)
    if value < 0:
        raise ShapeError(f"a dimension is negative: {value}", expected="0 or more")
    return int(value)


def shape_of(value: object) -> Shape:
    """A shape as a tuple of checked dimensions; a lone int or name is a shape of one dimension."""
    if isinstance(value, (str, int, np.integer)):
        return (dimension(value),)
    if not isinstance(value, Sequence):
        raise ShapeError(f"{value!r} is not a shape", expected="a tuple such as ('t', 2)")
    return tuple(map(dimension, value))


def product(dimensions: Iterable[Dimension]) -> Dimension:
    """The product of dimensions, symbolic where one of them is."""
    total: Dimension = 1
    for part in dimensions:
        total = part if total == 1 else total if part == 1 else total * part
    return total


def evaluate_dimension(value: Dimension, sizes: Mapping[str, int]) -> int:
    """The number that a dimension is for given sizes of its names."""
    if isinstance(value, int):
        return value
    found = sizes.get(value)
    if found is not None:
        return found
    expression = formula(value)
    return int(expression.subs({symbol: sizes[symbol.name] for symbol in expression.free_symbols}))


@lru_cache(maxsize=4096)
def dimension_names(value: Dimension) -> tuple[str, ...]:
    """The names that a dimension is made of, sorted."""
    return () if isinstance(value, int) else tuple(sorted(_words(value)))
