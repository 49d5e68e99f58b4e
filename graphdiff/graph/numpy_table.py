"""Every function of NumPy that takes tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.graph import (
    numpy_api,
    numpy_applying,
    numpy_complex,
    numpy_differences,
    numpy_elementwise,
    numpy_fourier,
    numpy_indexing,
    numpy_joining,
    numpy_linalg,
    numpy_nan,
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
    {
        **numpy_api.UFUNCS,
        **numpy_complex.UFUNCS,
        **numpy_elementwise.UFUNCS,
        **numpy_products.UFUNCS,
    }
)
FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **numpy_api.FUNCTIONS,
        **numpy_applying.FUNCTIONS,
        **numpy_complex.FUNCTIONS,
        **numpy_differences.FUNCTIONS,
        **numpy_elementwise.FUNCTIONS,
        **numpy_fourier.FUNCTIONS,
        **numpy_indexing.FUNCTIONS,
        **numpy_joining.FUNCTIONS,
        **numpy_linalg.FUNCTIONS,
        **numpy_nan.FUNCTIONS,
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

# Those that hold for complex values too; the others refuse them, as ops do that are not `complex`.
COMPLEX: frozenset[Any] = frozenset(
    {
        *numpy_api.UFUNCS,
        *numpy_api.FUNCTIONS,
        *numpy_applying.FUNCTIONS,
        *numpy_complex.UFUNCS,
        *numpy_complex.FUNCTIONS,
        *numpy_fourier.FUNCTIONS,
        *numpy_indexing.FUNCTIONS,
        *numpy_joining.FUNCTIONS,
        *numpy_padding.FUNCTIONS,
        *(numpy_placing.FUNCTIONS.keys() - {np.bincount}),
        *numpy_polynomials.FUNCTIONS,
        *numpy_products.UFUNCS,
        *numpy_products.FUNCTIONS,
        *numpy_shaping.FUNCTIONS,
        *(np.nan_to_num, np.float_power, np.logical_xor, np.round, np.around),
        *(np.sort, np.argsort, np.corrcoef),
        *(np.isclose, np.allclose, np.array_equal, np.isin, np.select, np.choose, np.piecewise),
        *(np.sum, np.prod, np.mean, np.average, np.var, np.std, np.cov, np.count_nonzero),
        *(np.nansum, np.nanprod, np.nanmean, np.cumsum, np.cumprod, np.nancumsum, np.nancumprod),
        *(np.diff, np.ediff1d, np.gradient, np.trapezoid, np.linspace, np.logspace),
        *numpy_reduction.NEWER,
        *numpy_linalg.FUNCTIONS,
    }
)

# Those whose results have lengths that no graph can know.
OF_UNKNOWN_LENGTH: frozenset[Any] = frozenset(
    {
        *(np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.trim_zeros),
        *(np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d),
    }
)
