"""Ufuncs of `scipy.special` that are made of others; the rest are ops of the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.graph.numpy_elementwise import is_tensor


def _apply(op: str, *operands: Any) -> Any:
    graph = next(operand.graph for operand in operands if is_tensor(operand))
    return graph.apply(op, operands)


def log_expit(x: Any) -> Any:
    """The logarithm of the logistic sigmoid."""
    return -_apply("softplus", -x)


def entr(x: Any) -> Any:
    """-x log(x), 0 at 0."""
    return np.where(x < 0, -np.inf, -_apply("xlogy", x, np.where(x < 0, 1.0, x)))


def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), 0 where x is 0."""
    outside = np.logical_or(x < 0, np.logical_or(y < 0, np.logical_and(x > 0, y == 0)))
    ratio = np.where(np.logical_or(outside, x == 0), 1.0, x) / np.where(y == 0, 1.0, y)
    return np.where(outside, np.inf, x * np.log(ratio))


def kl_div(x: Any, y: Any) -> Any:
    """x log(x / y) - x + y."""
    return rel_entr(x, y) - x + y


def huber(delta: Any, r: Any) -> Any:
    """r² / 2 up to delta, and a line beyond."""
    size = np.abs(r)
    return np.where(size <= delta, 0.5 * np.square(r), delta * (size - 0.5 * delta))


def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta² (√(1 + (r / delta)²) - 1)."""
    u = np.square(r / delta)
    return np.square(delta) * (u / (1.0 + np.sqrt(1.0 + u)))


def exp10(x: Any) -> Any:
    """10 to the power of x."""
    return 10.0**x


def erfi(x: Any) -> Any:
    """The imaginary error function, by Dawson's integral."""
    return 2.0 / np.sqrt(np.pi) * np.exp(np.square(x)) * _apply("dawsn", x)


def loggamma(x: Any) -> Any:
    """The logarithm of the gamma function, which is not real below 0."""
    return np.where(x < 0, np.nan, _apply("gammaln", x))


def yn(n: Any, x: Any) -> Any:
    """Bessel's function of the second kind, of an integer order."""
    return _apply("yv", n, x)


def kn(n: Any, x: Any) -> Any:
    """The modified Bessel function of the second kind, of an integer order."""
    return _apply("kv", n, x)


def k0e(x: Any) -> Any:
    """exp(x) times the modified Bessel function of the second kind, of order 0."""
    return _apply("kve", 0.0, x)


def k1e(x: Any) -> Any:
    """exp(x) times the modified Bessel function of the second kind, of order 1."""
    return _apply("kve", 1.0, x)


_LOGARITHMS = (log_expit, entr, rel_entr, kl_div, huber, pseudo_huber, exp10)
_OTHERS = (erfi, loggamma, yn, kn, k0e, k1e)

UFUNCS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {f.__name__: f for f in (*_LOGARITHMS, *_OTHERS)}
)
