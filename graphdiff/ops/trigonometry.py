"""Trigonometric and hyperbolic functions, other logarithms and roots, angles and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.ops import kernels
from graphdiff.ops.elementwise import elementwise, inferred, sigmoid
from graphdiff.ops.lazily import Lazily
from graphdiff.ops.notation import Written, call, subscript
from graphdiff.ops.op import REQUIRED, Op

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")

_LOG_2 = float(np.log(2.0))

tan = elementwise("tan", lambda z: sympy.tan(z), complex=True)
arcsin = elementwise("arcsin", lambda z: sympy.asin(z), complex=True, singular=True)
arccos = elementwise("arccos", lambda z: sympy.acos(z), complex=True, singular=True)
arctan = elementwise("arctan", lambda z: sympy.atan(z), complex=True)
sinh = elementwise("sinh", lambda z: sympy.sinh(z), saved=False, complex=True)
cosh = elementwise("cosh", lambda z: sympy.cosh(z), saved=False, complex=True)
arcsinh = elementwise("arcsinh", lambda z: sympy.asinh(z), complex=True)
arccosh = elementwise("arccosh", lambda z: sympy.acosh(z), complex=True, singular=True)
arctanh = elementwise("arctanh", lambda z: sympy.atanh(z), complex=True, singular=True)
exp2 = elementwise("exp2", lambda z: 2**z, complex=True)
log2 = elementwise("log2", lambda z: sympy.log(z, 2), complex=True, singular=True)
log10 = elementwise("log10", lambda z: sympy.log(z, 10), complex=True, singular=True)


def _binary(name: str, left: Any, right: Any, convention: str | None = None) -> Op:
    """An element-wise op of two values, its two vector-Jacobian products written out."""
    return Op(
        name,
        inferred(name),
        ("a", "b"),
        vjp=(left, right),
        numpy=call(f"np.{name}"),
        formula=call(name),
        elementwise=True,
        spreads=True,
        convention=convention,
    )


def _nonzero(value: Any) -> Any:
    """A denominator that is 1 where it would be 0; what is divided by it is 0 there."""
    return np.where(value == 0, 1, value)


cbrt = Op(
    "cbrt",
    inferred("cbrt"),
    ("z",),
    vjp=(lambda g, y, z: g / (3.0 * np.square(y)),),
    numpy=call("np.cbrt"),
    formula=call("∛"),
    elementwise=True,
    spreads=True,
    singular=True,
    convention="∞ at 0",
)
hypot = _binary(
    "hypot",
    lambda g, y, a, b: g * (a / _nonzero(y)),
    lambda g, y, a, b: g * (b / _nonzero(y)),
    "0 at the origin",
)


def _by_square(value: Any, a: Any, b: Any) -> Any:
    """A value by ``a² + b²``, without the squares, which are 0 or ∞ too soon."""
    length = _nonzero(np.hypot(a, b))
    return value / length / length


arctan2 = _binary(
    "arctan2",
    lambda g, y, a, b: g * _by_square(b, a, b),
    lambda g, y, a, b: -g * _by_square(a, a, b),
    "0 at the origin",
)


def _difference(y: Any, a: Any, b: Any) -> Any:
    """0 where both are -inf, and so is the result."""
    return np.where(y == -np.inf, 0.0, a - b)


_HALF = "a half by each where both are -∞"
logaddexp = _binary(
    "logaddexp",
    lambda g, y, a, b: g * sigmoid(_difference(y, a, b)),
    lambda g, y, a, b: g * sigmoid(_difference(y, b, a)),
    _HALF,
)
logaddexp2 = _binary(
    "logaddexp2",
    lambda g, y, a, b: g * sigmoid(_difference(y, a, b) * _LOG_2),
    lambda g, y, a, b: g * sigmoid(_difference(y, b, a) * _LOG_2),
    _HALF,
)
sinc = Op(
    "sinc",
    inferred("sqrt"),
    ("x",),
    vjp=(lambda g, y, x: g * (-np.pi * spherical_jn(np.pi * x, n=1)),),
    numpy=call("np.sinc"),
    formula=call("sinc"),
    elementwise=True,
    spreads=True,
)
spherical_jn: Op = Op(
    "spherical_jn",
    lambda z, n: inferred("sqrt")(z),
    ("z",),
    vjp=(
        lambda g, y, z, n: (
            g * (n * spherical_jn(z, n=n - 1) - (n + 1) * spherical_jn(z, n=n + 1)) / (2 * n + 1)
        ),
    ),
    params={"n": REQUIRED},
    normal=lambda z, n: {"n": max(0, int(n))},
    numpy=lambda site: Written(f"spherical_jn({site.operands[0].text}, {site.params['n']})"),
    formula=lambda site: Written(f"j{subscript([site.params['n']])}({site.operands[0].text})"),
    kernel=kernels.spherical_jn,
    elementwise=True,
    spreads=True,
)

OPS = (
    tan,
    arcsin,
    arccos,
    arctan,
    sinh,
    cosh,
    arcsinh,
    arccosh,
    arctanh,
    exp2,
    log2,
    log10,
    cbrt,
    hypot,
    arctan2,
    logaddexp,
    logaddexp2,
    sinc,
    spherical_jn,
)
