"""Every function of NumPy that takes tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.graph import (
    numpy_api,
    numpy_applying,
    numpy_elementwise,
    numpy_indexing,
    numpy_joining,
    numpy_linalg,
    numpy_ordering,
    numpy_padding,
    numpy_placing,
    numpy_polynomials,
    numpy_products,
    numpy_reduction,
    numpy_shaping,
    numpy_spacing,
)

UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {**numpy_api.UFUNCS, **numpy_elementwise.UFUNCS, **numpy_products.UFUNCS}
)
FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **numpy_api.FUNCTIONS,
        **numpy_applying.FUNCTIONS,
        **numpy_elementwise.FUNCTIONS,
        **numpy_indexing.FUNCTIONS,
        **numpy_joining.FUNCTIONS,
        **numpy_linalg.FUNCTIONS,
        **numpy_ordering.FUNCTIONS,
        **numpy_padding.FUNCTIONS,
        **numpy_placing.FUNCTIONS,
        **numpy_polynomials.FUNCTIONS,
        **numpy_products.FUNCTIONS,
        **numpy_reduction.FUNCTIONS,
        **numpy_shaping.FUNCTIONS,
        **numpy_spacing.FUNCTIONS,
    }
)

# Methods of ufuncs; unlike the functions they take the first axis if none is named.
METHODS: Mapping[tuple[np.ufunc, str], Callable[..., Any]] = MappingProxyType(
    {
        (np.add, "reduce"): FUNCTIONS[np.sum],
        (np.multiply, "reduce"): FUNCTIONS[np.prod],
        (np.maximum, "reduce"): FUNCTIONS[np.max],
        (np.minimum, "reduce"): FUNCTIONS[np.min],
        (np.logical_and, "reduce"): FUNCTIONS[np.all],
        (np.logical_or, "reduce"): FUNCTIONS[np.any],
        (np.add, "accumulate"): FUNCTIONS[np.cumsum],
        (np.multiply, "accumulate"): FUNCTIONS[np.cumprod],
        (np.maximum, "accumulate"): numpy_reduction.cumulative("cummax"),
        (np.minimum, "accumulate"): numpy_reduction.cumulative("cummin"),
    }
)
