"""How a number grows with depth, in closed form: from its first terms, by linear recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from graphdiff.ops.lazily import Lazily

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")

_MOST_ORDER = 8
_MOST_TERMS = 48  # that the recurrence is looked for in; it is checked against all


@lru_cache(maxsize=1)
def depth() -> Any:
    """The symbol ``d`` of the formulas (made once sympy is loaded)."""
    return sympy.Symbol("d", integer=True, nonnegative=True)


def closed_form(terms: Sequence[int]) -> Any:
    """The formula in ``d`` whose values for d = 0, 1, … are the terms, a sympy expression.

    It is exact for all terms, of which there must be at least two more than the recurrence has
    unknowns, so that it is not just a formula that fits any. None where there is none.

    Notes
    -----
    The shortest linear recurrence is found by J. L. Massey, "Shift-register synthesis and BCH
    decoding", *IEEE Transactions on Information Theory* 15 (1969), over the rational numbers; its
    solution is a sum of dʲ λᵈ over the roots λ of the characteristic polynomial.

    Examples
    --------
    >>> closed_form([1, 3, 9, 27, 81])
    3**d
    >>> closed_form([1, 1, 2, 2, 4, 4, 8])
    2**floor(d/2)
    >>> closed_form([1, 3, 6, 10, 15, 21, 28, 36])
    d**2/2 + 3*d/2 + 1
    """
    rule = _recurrence([Fraction(term) for term in terms[:_MOST_TERMS]])
    order = len(rule)
    if order > _MOST_ORDER or len(terms) < 2 * order + 2:
        return None
    for at in range(order, len(terms)):
        if terms[at] != sum(c * terms[at - 1 - i] for i, c in enumerate(rule)):
            return None
    if order > 1 and not any(rule[:-1]):
        return _periodic(terms[:order], rule[-1])
    return _from_roots(terms[:order], rule)


def growth(terms: Sequence[int]) -> Any:
    """The same for terms of which the first one or two may stand apart.

    Examples
    --------
    >>> growth([1, 3, 6, 12, 24, 48, 96])
    Piecewise((3*2**(d - 1), d >= 1), (1, True))
    """
    d = depth()
    for start in range(3):
        found = closed_form(terms[start:])
        if found is not None and not start:
            return found
        if found is not None:
            first = [(sympy.Integer(term), sympy.Eq(d, i)) for i, term in enumerate(terms)]
            rest = (
                sympy.expand_power_base(found.subs(d, d - start)),
                sympy.Ge(d, start),
            )
            return sympy.Piecewise(rest, *first[: start - 1], (terms[start - 1], True))
    return None


def _recurrence(terms: Sequence[Fraction]) -> list[Fraction]:
    """The shortest c with terms[n] = c[0] terms[n-1] + c[1] terms[n-2] + … for all n."""
    rule: list[Fraction] = []
    old: list[Fraction] = []
    old_error, since, order = Fraction(1), 1, 0
    for n, term in enumerate(terms):
        error = term - sum(c * terms[n - 1 - i] for i, c in enumerate(rule))
        if not error:
            since += 1
            continue
        scale = error / old_error
        change = [Fraction(0)] * (since - 1) + [scale] + [-scale * c for c in old]
        longer = max(len(rule), len(change))
        changed = [_at(rule, i) + _at(change, i) for i in range(longer)]
        if 2 * order <= n:
            old, old_error, since, order = rule, error, 1, n + 1 - order
        else:
            since += 1
        rule = changed
    return rule + [Fraction(0)] * (order - len(rule))


def _at(values: Sequence[Fraction], i: int) -> Fraction:
    return values[i] if i < len(values) else Fraction(0)


def _periodic(first: Sequence[int], factor: Fraction) -> Any:
    """Of terms that repeat after a while, each time multiplied by a factor."""
    period = len(first)
    power = sympy.Rational(factor) ** sympy.floor(depth() / period)
    if all(a == b for a, b in pairwise(first)):
        return first[0] * power
    cases = [(value, sympy.Eq(sympy.Mod(depth(), period), i)) for i, value in enumerate(first)]
    return power * sympy.Piecewise(*cases[:-1], (first[-1], True))


def _from_roots(first: Sequence[int], rule: Sequence[Fraction]) -> Any:
    """The sum of dʲ λᵈ with the given first values; None where a root is none of a quadratic."""
    d, x, order = depth(), sympy.Symbol("x"), len(rule)
    if not order:
        return sympy.Integer(0)
    polynomial = x**order - sum(
        sympy.Rational(c) * x ** (order - 1 - i) for i, c in enumerate(rule)
    )
    roots = sympy.roots(sympy.Poly(polynomial, x), cubics=False, quartics=False)
    if sum(roots.values()) < order or 0 in roots or any(not root.is_real for root in roots):
        return None
    basis = [d**j * root**d for root, times in roots.items() for j in range(times)]
    matrix = sympy.Matrix([[part.subs(d, n) for part in basis] for n in range(order)])
    factors = matrix.LUsolve(sympy.Matrix(first)).applyfunc(sympy.radsimp)
    return sum(
        (factor * part for factor, part in zip(factors, basis, strict=True)), sympy.Integer(0)
    )
