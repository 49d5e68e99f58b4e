"""Rows of the table for functions of SciPy: JAX's, and integrals for those that it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as js
import numpy as np

from tests.ops.table import PAIRS, POSITIVE, REAL, Operand, Row, binary, unary

_INSIDE = Operand(0.05, 0.95)
_ORDER = Operand(2, 3, "int")

# Periodic integrals by equal steps, the others by Gauss's rule: both to the last digits.
_CIRCLE = 2 * np.pi * np.arange(64) / 64
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


def _circle(f: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """The mean over a turn."""
    return lambda x: jnp.mean(f(x[..., None], _CIRCLE.astype(x.dtype)), axis=-1)


def _integral(f: Callable[[Any, Any], Any], start: float, stop: float) -> Callable[[Any], Any]:
    t = (_NODES + 1) / 2 * (stop - start) + start

    def integral(x: Any) -> Any:
        return f(x[..., None], t) @ (_WEIGHTS * (stop - start) / 2)

    return lambda x: integral(x).astype(x.dtype)


def _j(n: int) -> Callable[[Any], Any]:
    return _circle(lambda x, t: jnp.cos(n * t - x * jnp.sin(t)))


def _i(n: int) -> Callable[[Any], Any]:
    return _circle(lambda x, t: jnp.exp(x * jnp.cos(t)) * jnp.cos(n * t))


def _y(n: int) -> Callable[[Any], Any]:
    """DLMF 10.9.7."""
    near = _integral(lambda x, t: jnp.sin(x * jnp.sin(t) - n * t), 0.0, np.pi)
    far = _integral(
        lambda x, t: (jnp.exp(n * t) + (-1) ** n * jnp.exp(-n * t)) * jnp.exp(-x * jnp.sinh(t)),
        0.0,
        6.0,
    )
    return lambda x: (near(x) - far(x)) / np.pi


def _k(n: int) -> Callable[[Any], Any]:
    """DLMF 10.32.9."""
    return _integral(lambda x, t: jnp.exp(-x * jnp.cosh(t)) * jnp.cosh(n * t), 0.0, 6.0)


_dawsn = _integral(lambda x, t: x * jnp.exp(x * x * (t * t - 1)), 0.0, 1.0)


def _ordered(op: str, other: Callable[[Any, Any], Any], x: Operand = POSITIVE) -> Row:
    """A function of an order, by which there is no derivative, so that it is an integer here."""

    def of_both(v: Any, x: Any) -> Any:
        dtype = np.result_type(v.dtype, x.dtype)
        v, x = jnp.broadcast_arrays(v.astype(dtype), x.astype(dtype))
        return other(v, x)

    return Row(op, of_both, [(shapes, {}) for shapes in PAIRS], (_ORDER, x))


def _second(f: Callable[[int], Callable[[Any], Any]]) -> Callable[[Any, Any], Any]:
    return lambda v, x: f(2)(x)


def _betaln(a: Any, b: Any) -> Any:
    """Not JAX's, whose second derivatives for equal arguments are wrong."""
    return js.gammaln(a) + js.gammaln(b) - js.gammaln(a + b)


LOGARITHMS = (
    unary("logit", js.logit, _INSIDE),
    binary("xlogy", js.xlogy, REAL, POSITIVE),
    binary("xlog1py", js.xlog1py, REAL, POSITIVE),
)
NORMAL = (
    unary("erfc", js.erfc),
    unary("erfcx", lambda x: jnp.exp(x * x) * js.erfc(x)),
    unary("erfinv", js.erfinv, Operand(-0.9, 0.9)),
    unary("erfcinv", lambda x: js.erfinv(1.0 - x), Operand(0.1, 1.9)),
    unary("dawsn", _dawsn),
    unary("ndtr", js.ndtr),
    unary("ndtri", js.ndtri, _INSIDE),
    unary("log_ndtr", js.log_ndtr),
)
_ORDER_REAL = Operand(0.6, 3.0)


def _pieces(f: Callable[[Any], Any], end: Any) -> Any:
    """Of a function from 0 to an end, by Gauss's rule on pieces that become smaller towards 0."""
    total, high = 0.0, end
    for low in (*(end * 4.0**-k for k in range(1, 12)), 0.0 * end):
        w = low[..., None] + (high - low)[..., None] * (_NODES + 1.0) / 2.0
        total = total + jnp.sum(f(w) * _WEIGHTS, axis=-1) * (high - low) / 2.0
        high = low
    return total


def _gamma_moment(a: Any, x: Any, c: Any, order: int = 1) -> Any:
    dtype = jnp.result_type(a, x, c)
    a, x, c = (v[..., None] for v in jnp.broadcast_arrays(a, x, c))
    L = jnp.log(x)

    def left(w: Any) -> Any:
        return jnp.exp(-a * w - x * jnp.expm1(-w)) * (L - w - c) ** order

    def right(w: Any) -> Any:
        return jnp.exp(a * w - x * jnp.expm1(w)) * (L + w - c) ** order

    end = jax.lax.stop_gradient
    below = _pieces(left, end((50.0 + x) / a)[..., 0])
    above = _pieces(right, end(jnp.log1p((50.0 + 40.0 * a) / x))[..., 0])
    return jnp.where((c > L)[..., 0], below, -above).astype(dtype)


def _beta_moment(
    a: Any, b: Any, x: Any, c: Any, d: Any, m: int = 1, n: int = 0, by_first: bool = True
) -> Any:
    dtype = jnp.result_type(a, b, x, c, d)
    a, b, x, c, d = (v[..., None] for v in jnp.broadcast_arrays(a, b, x, c, d))

    def side(a: Any, b: Any, x: Any, swapped: bool) -> Any:
        def f(w: Any) -> Any:
            t = x * jnp.exp(-w)
            logs = (jnp.log(t), jnp.log1p(-t))
            first, second = logs[::-1] if swapped else logs
            power = jnp.exp(-a * w + (b - 1.0) * (jnp.log1p(-t) - jnp.log1p(-x)))
            return power * (first - c) ** m * (second - d) ** n

        return _pieces(f, jax.lax.stop_gradient(60.0 / a)[..., 0]) / (1.0 - x)[..., 0]

    is_left = (jnp.log(x) < c if by_first else jnp.log1p(-x) > d)[..., 0]
    total = jnp.where(is_left, side(a, b, x, False), -side(b, a, 1.0 - x, True))
    return total.astype(dtype)


MOMENTS = (
    Row(
        "gamma_moment",
        _gamma_moment,
        [
            (((2, 3), (3,), ()), {}),
            (((), (), ()), {"order": 2}),
            (((2,), (2,), (2,)), {"order": 0}),
        ],
        (_ORDER_REAL, POSITIVE, REAL),
    ),
    Row(
        "beta_moment",
        _beta_moment,
        [
            (((2, 3), (3,), (), (2, 1), ()), {}),
            (((3,), (), (3,), (), ()), {"m": 1, "n": 1, "by_first": False}),
        ],
        (_ORDER_REAL, _ORDER_REAL, _INSIDE, Operand(-2.0, -0.1), Operand(-2.0, -0.1)),
    ),
)
GAMMA = (
    unary("gamma", lambda x: jnp.exp(js.gammaln(x)), POSITIVE),
    unary("rgamma", lambda x: jnp.exp(-js.gammaln(x)), POSITIVE),
    unary("gammaln", js.gammaln, POSITIVE),
    unary("psi", js.digamma, POSITIVE),
    _ordered("zeta", js.zeta, Operand(0.5, 3.0)),
    binary("beta", lambda a, b: jnp.exp(_betaln(a, b)), POSITIVE),
    binary("betaln", _betaln, POSITIVE),
    _ordered("gammainc", js.gammainc),
    _ordered("gammaincc", js.gammaincc),
    Row(
        "betainc",
        lambda a, b, x: js.betainc(
            *(v.astype(np.result_type(a.dtype, x.dtype)) for v in (a, b, x))
        ),
        [(((3,), (), (2, 3)), {}), (((), (), ()), {})],
        (_ORDER, Operand(3, 4, "int"), _INSIDE),
    ),
)
BESSEL = (
    _ordered("jv", _second(_j), REAL),
    _ordered("yv", _second(_y)),
    _ordered("iv", _second(_i), REAL),
    _ordered("kv", _second(_k)),
    _ordered("ive", lambda v, x: jnp.exp(-jnp.abs(x)) * _i(2)(x), REAL),
    _ordered("kve", lambda v, x: jnp.exp(x) * _k(2)(x)),
    unary("j0", _j(0)),
    unary("j1", _j(1)),
    unary("y0", _y(0), POSITIVE),
    unary("y1", _y(1), POSITIVE),
    unary("i0", _i(0)),
    unary("i1", _i(1)),
    unary("i0e", js.i0e),
    unary("i1e", lambda x: jnp.exp(-jnp.abs(x)) * _i(1)(x)),
    unary("k0", _k(0), POSITIVE),
    unary("k1", _k(1), POSITIVE),
)
INTEGRALS = (unary("expi", js.expi, POSITIVE), unary("exp1", lambda x: -js.expi(-x), POSITIVE))

ROWS = (*MOMENTS, *LOGARITHMS, *NORMAL, *GAMMA, *BESSEL, *INTEGRALS)
