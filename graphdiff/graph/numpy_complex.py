"""NumPy's functions of complex numbers, and which of its other functions take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.graph import numpy_api


def is_complex(value: Any) -> bool:
    """Whether a tensor, an array or a number is complex."""
    dtype = getattr(value, "dtype", None)
    return isinstance(value, complex) if dtype is None else bool(dtype.kind == "c")


def any_complex(values: Iterable[Any]) -> bool:
    """Whether something complex is among arguments, or in lists and tuples among them."""
    stack = list(values)
    while stack:
        value = stack.pop()
        if isinstance(value, (list, tuple)):
            stack.extend(value)
        elif is_complex(value):
            return True
    return False


def real(val: Any) -> Any:
    """np.real; a real value is its own."""
    return numpy_api.apply("real", val) if is_complex(val) else val


def imag(val: Any) -> Any:
    """np.imag; 0 for a real value."""
    return numpy_api.apply("imag", val) if is_complex(val) else np.zeros_like(val)


def conjugate(x: Any) -> Any:
    """np.conjugate; a real value is its own."""
    return x.graph.apply("conjugate", (x,)) if is_complex(x) else x.copy()


def angle(z: Any, deg: bool = False) -> Any:
    """np.angle; its slope is 0 at 0."""
    if not is_complex(z):
        return np.where(z < 0, 180.0 if deg else np.pi, 0.0)
    found = np.arctan2(np.imag(z), np.real(z))
    return found * (180.0 / np.pi) if deg else found


UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType({np.conjugate: conjugate})
FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.real: real,
        np.imag: imag,
        np.angle: angle,
        np.iscomplexobj: is_complex,
        np.isrealobj: lambda x: not is_complex(x),
        np.isreal: lambda x: np.imag(x) == 0,
        np.iscomplex: lambda x: np.imag(x) != 0,
    }
)
