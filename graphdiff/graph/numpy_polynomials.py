"""NumPy's polynomials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np


def polyval(p: Any, x: Any) -> Any:
    """np.polyval: Horner's scheme, the highest power first."""
    total = np.zeros_like(x)
    for i in range(np.shape(p)[0]):
        total = total * x + p[i]
    return total


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """np.vander."""
    powers = np.arange(x.shape[0] if N is None else N)
    return x[:, np.newaxis] ** (powers if increasing else powers[::-1])


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {np.polyval: polyval, np.vander: vander}
)
