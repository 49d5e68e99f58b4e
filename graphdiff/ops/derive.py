"""Derivatives of element-wise ops, derived from their sympy expressions.

The vector-Jacobian product ``g · ∂f/∂zᵢ`` is formed symbolically, put in terms of the saved output
``y`` where that is an exact rational expression (``1 - y²`` for tanh), and turned into a Python
function in NumPy's own words, which works on arrays and on the tensors of a graph alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.ops.lazily import Lazily
from graphdiff.ops.op import Op

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")

Expression = Callable[..., Any]


@lru_cache(maxsize=1024)
def derivative_rule(
    expression: Expression,
    arity: int,
    position: int,
    saved: bool,
    via: Op | None,
) -> Callable[..., Any]:
    """``(g, y, *operands) ->`` the vector-Jacobian product by one operand, 0.0 where it is zero.

    Parameters
    ----------
    expression
        From sympy symbols to the sympy expression of the op.
    arity, position
        The number of operands, and the one to differentiate by.
    saved
        Whether the derivative may be stated in terms of the output.
    via
        Another op that the derivative equals (sigmoid, for softplus): it is applied instead, for a
        stable evaluation.
    """
    if via is not None:
        return lambda g, y, *operands: g * via(*operands)
    z = sympy.symbols("a:z", real=True)[:arity]
    g, y = sympy.Symbol("G", real=True), sympy.Symbol("Y", real=True)
    value = expression(*z)
    derivative = sympy.powsimp(sympy.diff(value, z[position]))
    derivative = derivative.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    if derivative == 0:
        return lambda g, y, *operands: 0.0
    if derivative == 1:
        return lambda g, y, *operands: g
    if derivative == -1:
        return lambda g, y, *operands: -g
    if saved:
        derivative = _in_terms_of_output(derivative, value, y, z)
    if value.is_Pow and arity == 2:
        derivative = derivative.subs(z[1] * z[0] ** (z[1] - 1), sympy.Function("slope")(*z))
    return _function(_kinks(g * derivative, g), (g, y, *z))


def _in_terms_of_output(derivative: Any, value: Any, y: Any, z: Sequence[Any]) -> Any:
    """The derivative with the op's own value in it written as ``y``.

    Where the value is a fraction in one transcendental function, linear above and below, that
    function is eliminated: sigmoid's exp(-z) is 1/y - 1, so that its derivative becomes y (1 - y).
    """
    plain = derivative.subs(value, y)
    if plain.has(y) and not plain.has(*value.atoms(sympy.Function)):
        return plain
    functions = value.atoms(sympy.Function)
    if len(functions) != 1:
        return derivative
    function, stand_in = functions.pop(), sympy.Dummy()
    above, below = value.subs(function, stand_in).as_numer_denom()
    linear = sympy.expand(above - y * below)
    slope = linear.coeff(stand_in, 1)
    if not linear.is_polynomial(stand_in) or slope == 0 or linear.coeff(stand_in, 2) != 0:
        return derivative
    found = _sign_inside(
        sympy.factor(derivative.subs(function, -linear.coeff(stand_in, 0) / slope))
    )
    return found if not found.has(*z) and found.is_rational_function(y) else derivative


def _sign_inside(product: Any) -> Any:
    """``y (1 - y)`` for ``-y (y - 1)``."""
    sums = [part for part in product.args if part.is_Add]
    if not product.is_Mul or product.args[0] != -1 or not sums:
        return product
    rest = [part for part in product.args[1:] if part is not sums[0]]
    return sympy.Mul(*rest, -sums[0])


def _kinks(total: Any, g: Any) -> Any:
    """Steps and case distinctions in functions that graphs have, each with its convention."""
    steps = list(total.atoms(sympy.Heaviside))
    if len(steps) == 1:
        above, below = _sides(steps[0].args[0])
        return sympy.Function("taken")(total.subs(steps[0], 1), above, below)
    cases = list(total.atoms(sympy.Piecewise))
    if len(cases) == 1:
        return _cases(total.subs(cases[0], 1), cases[0].args)
    return total


def _sides(difference: Any) -> tuple[Any, Any]:
    """``a - b > 0`` as the two sides of ``a > b``."""
    terms = sympy.Add.make_args(difference)
    negative = [term for term in terms if term.could_extract_minus_sign()]
    return sympy.Add(*(term for term in terms if term not in negative)), -sympy.Add(*negative)


def _cases(factor: Any, pieces: Sequence[Any]) -> Any:
    """``factor · Piecewise``: a zero piece is a 0/1 factor, any other a ``where``."""
    piece, condition = pieces[0]
    if condition == sympy.true:
        return factor * piece
    rest = _cases(factor, pieces[1:])
    if piece == 0:
        return rest * sympy.Mul(*map(_mask, sympy.And.make_args(sympy.to_nnf(~condition))))
    return sympy.Function("where")(_mask(condition), factor * piece, rest)


def _mask(relation: Any) -> Any:
    """A sympy relation as a call of one of the words below."""
    if relation.is_Boolean and relation.func in (sympy.And, sympy.Or):
        word = sympy.Function("logical_and" if relation.func is sympy.And else "logical_or")
        return reduce(word, map(_mask, relation.args))
    return sympy.Function(type(relation).__name__)(*relation.args)


def _function(expression: Any, arguments: Sequence[Any]) -> Callable[..., Any]:
    """The expression as a Python function in NumPy's words."""
    words: dict[str, Any] = {
        "taken": _taken,
        "slope": _slope,
        "where": np.where,
        "square": np.square,
        "exp": np.exp,
        "log": _log,
        "logical_and": np.logical_and,
        "logical_or": np.logical_or,
        "StrictGreaterThan": operator.gt,
        "GreaterThan": operator.ge,
        "StrictLessThan": operator.lt,
        "LessThan": operator.le,
    }
    expression = expression.replace(_is_square, lambda power: sympy.Function("square")(power.base))
    factor, rest = expression.as_independent(*arguments, as_Add=False)
    if factor.is_Rational:
        function: Callable[..., Any] = sympy.lambdify(arguments, expression, [words, "numpy"])
        return function
    # Such as 2/√π: it becomes a Python number, since one of NumPy's would make float32 float64.
    scale = sympy.Symbol("scale")
    return partial(
        sympy.lambdify((scale, *arguments), scale * rest, [words, "numpy"]), float(factor)
    )


def _is_square(expression: Any) -> bool:
    return bool(expression.is_Pow and expression.exp == 2)


def _taken(g: Any, above: Any, below: Any) -> Any:
    """``g`` where ``above > below``: at a tie none of it against a constant, else half of it."""
    if _is_constant(above) or _is_constant(below):
        return g * (above > below)
    return np.where(above == below, 0.5 * g, g * (above > below))


def _slope(a: Any, b: Any) -> Any:
    """``b aᵇ⁻¹``, which is 0 for ``b = 0``, at ``a = 0`` too."""
    number = b.params["value"] if getattr(b, "op", None) == "constant" else b
    if isinstance(number, (int, float, complex)):
        return number * a ** (number - 1) if number != 0 else np.zeros_like(a)
    return b * a ** np.where(np.logical_and(a == 0, b == 0), 0, b - 1)


def _log(value: Any) -> Any:
    """The log in the derivative of ``aᵇ`` by ``b``: 0 at 0, so that ``0ᵇ`` has the derivative 0."""
    return np.log(np.where(value == 0, 1, value))


_MOVED = frozenset({"astype", "broadcast_to", "expand_dims", "reshape", "squeeze", "transpose"})


def _is_constant(value: Any) -> bool:
    """Whether a value is the same whatever the inputs are: a number, an array, a dimension."""
    while getattr(value, "op", None) in _MOVED:
        (value,) = value.operands
    return getattr(value, "op", "constant") in ("constant", "size")
