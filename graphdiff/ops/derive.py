"""Derivatives of element-wise ops, derived from their sympy expressions.

The vector-Jacobian product ``g · ∂f/∂zᵢ`` is formed symbolically, put in terms of the saved output
``y`` where that is an exact rational expression (``1 - y²`` for tanh), and turned into a Python
function in NumPy's own words, which works on arrays and on the tensors of a graph alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import lazy_loader
import numpy as np

from graphdiff.ops.op import Op

if TYPE_CHECKING:
    import sympy
else:
    sympy = lazy_loader.load("sympy")

Expression = Callable[..., Any]


@lru_cache(maxsize=1024)
def derivative_rule(
    expression: Expression,
    arity: int,
    position: int,
    saved: bool,
    via: tuple[Op, Expression] | None,
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
        Another op, and its expression, that the derivative equals (sigmoid, for softplus): it is
        applied instead, for a stable evaluation. The equality is checked here.
    """
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
    if via is not None:
        op, claimed = via
        if sympy.simplify(derivative - claimed(*z)) != 0:
            raise AssertionError(f"the derivative is {derivative}, not {claimed(*z)}")
        return lambda g, y, *operands: g * op(*operands)
    if saved:
        derivative = _in_terms_of_output(derivative, value, y, z)
    return _function(_kinks(g * derivative, g), (g, y, *z))


def _in_terms_of_output(derivative: Any, value: Any, y: Any, z: Sequence[Any]) -> Any:
    """The derivative with the op's own value in it written as ``y``.

    Where the value is made of one transcendental function (its kernel), that function is
    eliminated: sigmoid's exp(-z) is 1/y - 1, so that its derivative becomes y (1 - y).
    """
    plain = derivative.subs(value, y)
    if plain.has(y) and not plain.has(*value.atoms(sympy.Function)):
        return plain
    kernels = value.atoms(sympy.Function)
    if len(kernels) != 1:
        return derivative
    kernel, stand_in = kernels.pop(), sympy.Dummy()
    solutions = sympy.solve(value.subs(kernel, stand_in) - y, stand_in)
    if len(solutions) != 1:
        return derivative
    found = sympy.factor(sympy.simplify(derivative.subs(kernel, solutions[0])))
    return found if not found.has(*z) and found.is_rational_function(y) else derivative


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
    words = {
        "taken": _taken,
        "where": np.where,
        "exp": np.exp,
        "log": _log,
        "logical_and": np.logical_and,
        "logical_or": np.logical_or,
        "StrictGreaterThan": operator.gt,
        "GreaterThan": operator.ge,
        "StrictLessThan": operator.lt,
        "LessThan": operator.le,
    }
    function: Callable[..., Any] = sympy.lambdify(arguments, expression, [words, "numpy"])
    return function


def _taken(g: Any, above: Any, below: Any) -> Any:
    """``g`` where ``above > below``: at a tie none of it against a constant, else half of it."""
    if _is_constant(above) or _is_constant(below):
        return g * (above > below)
    return np.where(above == below, 0.5 * g, g * (above > below))


def _log(value: Any) -> Any:
    """The log in the derivative of ``aᵇ`` by ``b``: 0 at 0, so that ``0ᵇ`` has the derivative 0."""
    return np.log(np.where(value == 0, 1.0, value))


def _is_constant(value: Any) -> bool:
    return getattr(value, "op", "constant") == "constant"
