"""NumPy's functions that give numbers in a row between two tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.ops.spec import normal_axis, real_dtype


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, *,
    axis: int = 0,
) -> Any:  # fmt: skip
    """np.linspace."""
    steps = num - 1 if endpoint else num
    weights = np.arange(num) / max(steps, 1)
    ndim = max(np.ndim(start), np.ndim(stop))
    axis = normal_axis(axis, ndim + 1)
    weights = np.reshape(weights, (num, *[1] * (ndim - axis)))
    dtype = np.result_type(*(x.dtype for x in (start, stop) if hasattr(x, "graph")))
    weights = weights.astype(real_dtype(dtype) if dtype.kind in "fc" else np.float64)
    first, last = (np.expand_dims(x, axis) if np.ndim(x) == ndim else x for x in (start, stop))
    samples = first * (1.0 - weights) + last * weights
    return (samples, (stop - start) / max(steps, 1)) if retstep else samples


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, *, axis: int = 0
) -> Any:
    """np.logspace."""
    return np.power(base, linspace(start, stop, num, endpoint, axis=axis))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    """np.geomspace of positive numbers."""
    return np.exp(linspace(np.log(start), np.log(stop), num, endpoint, axis=axis))


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {np.linspace: linspace, np.logspace: logspace, np.geomspace: geomspace}
)
