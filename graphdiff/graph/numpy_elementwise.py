"""NumPy's element-wise functions that are made of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.graph import numpy_api
from graphdiff.graph.numpy_complex import is_complex


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of a graph."""
    return hasattr(value, "graph")


def _as_float(x: Any) -> Any:
    return x if not is_tensor(x) or x.dtype.kind == "f" else numpy_api.astype(x, np.float64)


def _applied(op: str) -> Callable[[Any], Any]:
    return lambda x: x.graph.apply(op, (x,))


def fabs(x: Any) -> Any:
    """np.fabs."""
    return np.abs(_as_float(x))


def float_power(x1: Any, x2: Any) -> Any:
    """np.float_power: a power in float64 or complex128."""

    def wide(x: Any) -> Any:
        dtype = np.complex128 if is_complex(x) else np.float64
        return numpy_api.astype(x, dtype) if is_tensor(x) else np.asarray(x, dtype)[()]

    return wide(x1) ** wide(x2)


def _without_nan(x: Any, other: Any) -> Any:
    """``x``, and the other value where ``x`` is NaN."""
    if not is_tensor(x) and not np.any(np.isnan(x)):
        return x
    return np.where(np.isnan(x), other, x)


def fmax(x1: Any, x2: Any) -> Any:
    """np.fmax: the maximum of what is not NaN."""
    return np.maximum(_without_nan(x1, x2), _without_nan(x2, x1))


def fmin(x1: Any, x2: Any) -> Any:
    """np.fmin: the minimum of what is not NaN."""
    return np.minimum(_without_nan(x1, x2), _without_nan(x2, x1))


def logaddexp(x1: Any, x2: Any) -> Any:
    """np.logaddexp; beside 0 it is the softplus of the other."""
    for a, b in ((x1, x2), (x2, x1)):
        if not is_tensor(a) and np.ndim(a) == 0 and a == 0:
            return b.graph.apply("softplus", (b,))
    graph = next(x.graph for x in (x1, x2) if is_tensor(x))
    return graph.apply("logaddexp", (x1, x2))


def divmod_(x1: Any, x2: Any) -> Any:
    """np.divmod."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


def modf(x: Any) -> Any:
    """np.modf: what stands behind the point, and what before it."""
    whole = np.trunc(x)
    return x - whole, whole


def degrees(x: Any) -> Any:
    """np.degrees."""
    return x * (180.0 / np.pi)


def radians(x: Any) -> Any:
    """np.radians."""
    return x * (np.pi / 180.0)


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """np.nan_to_num, of complex values in both parts; the slope is 0 at what is replaced."""
    if is_complex(x):
        u, v = (nan_to_num(part, copy, nan, posinf, neginf) for part in (np.real(x), np.imag(x)))
        return u + 1j * v
    if x.dtype.kind != "f":
        return x.copy()
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    result = np.where(x == np.inf, high, np.where(x == -np.inf, low, x))
    return np.where(np.isnan(x), nan, result)


def around(a: Any, decimals: int = 0) -> Any:
    """np.round, of complex values in both parts."""
    if is_complex(a):
        return around(np.real(a), decimals) + 1j * around(np.imag(a), decimals)
    if a.dtype.kind != "f":
        if decimals >= 0:
            return a.copy()
        raise GraphError("np.round of integers to tens or more", hint="use astype(np.float64)")
    if decimals == 0:
        return np.rint(a)
    scale = 10.0 ** abs(decimals)
    return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """np.select."""
    if len(condlist) != len(choicelist):
        raise GraphError("there are not as many conditions as choices")
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


def choose(a: Any, choices: Any, *, mode: str = "raise") -> Any:
    """np.choose; numbers that are not known must be in range, as there is no telling."""
    count = len(choices)
    if mode in ("wrap", "clip"):
        a = np.mod(a, count) if mode == "wrap" else np.clip(a, 0, count - 1)
    elif mode != "raise":
        raise GraphError(f"np.choose with mode={mode!r}", expected="'raise', 'wrap' or 'clip'")
    elif not is_tensor(a) and not np.all((np.asarray(a) >= 0) & (np.asarray(a) < count)):
        raise GraphError("numbers of choices that do not exist", expected=f"0 to {count - 1}")
    a = a if is_tensor(a) else np.asarray(a)
    result = np.where(a == count - 1, choices[-1], choices[-1])  # of the shape of both
    for number in reversed(range(count - 1)):
        result = np.where(a == number, choices[number], result)
    return result


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any) -> Any:
    """np.piecewise: each function is applied to everything, and its pieces are taken."""
    conditions = condlist if isinstance(condlist, (list, tuple)) else [condlist]
    pieces = [f(x, *args) if callable(f) else f for f in funclist]
    if len(pieces) not in (len(conditions), len(conditions) + 1):
        raise GraphError("there are not as many conditions as functions")
    default = pieces.pop() if len(pieces) > len(conditions) else 0
    for condition, piece in zip(conditions, pieces, strict=True):  # later ones overwrite
        default = np.where(condition, piece, default)
    return default


def logical_xor(x1: Any, x2: Any) -> Any:
    """np.logical_xor."""
    return np.not_equal(x1 != 0, x2 != 0)


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """np.isclose."""
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | np.isnan(a) & np.isnan(b) if equal_nan else close


def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """np.allclose."""
    return np.all(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """np.array_equal."""
    if np.shape(a1) != np.shape(a2):
        return False
    equal = a1 == a2
    return np.all(equal | np.isnan(a1) & np.isnan(a2) if equal_nan else equal)


def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False,
    *, kind: Any = None,
) -> Any:  # fmt: skip
    """np.isin."""
    found = np.any(np.expand_dims(element, -1) == np.ravel(test_elements), axis=-1)
    return np.logical_not(found) if invert else found


def ldexp(x1: Any, x2: Any) -> Any:
    """np.ldexp; in two steps, so that what is very small can become very large."""
    half = x2 // 2
    return x1 * np.exp2(half) * np.exp2(x2 - half)


UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {
        np.fabs: fabs,
        np.float_power: float_power,
        np.fmax: fmax,
        np.fmin: fmin,
        np.logaddexp: logaddexp,
        np.divmod: divmod_,
        np.ldexp: ldexp,
        np.modf: modf,
        np.logical_xor: logical_xor,
        np.degrees: degrees,
        np.rad2deg: degrees,
        np.radians: radians,
        np.deg2rad: radians,
    }
)
FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.real_if_close: lambda a, tol=100: a.copy(),
        np.isclose: isclose,
        np.allclose: allclose,
        np.array_equal: array_equal,
        np.isin: isin,
        np.nan_to_num: nan_to_num,
        np.round: around,
        np.around: around,
        np.fix: lambda x: np.trunc(x),
        np.sinc: _applied("sinc"),
        np.i0: _applied("i0"),
        np.isposinf: lambda x: x == np.inf,
        np.isneginf: lambda x: x == -np.inf,
        np.select: select,
        np.choose: choose,
        np.piecewise: piecewise,
    }
)
