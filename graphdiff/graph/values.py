"""Values that a user gives: numbers, arrays, and whether they fit a declared shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError
from graphdiff.ops.dimension import Dim, dimension_names, evaluate_dimension
from graphdiff.ops.spec import dtype_of, shape_text

_INT64 = np.iinfo(np.int64)


def is_weak(value: object) -> bool:
    """Whether a number takes the dtype of what it is combined with: Python's do, NumPy's do not."""
    return isinstance(value, (bool, int, float, complex, Dim)) and not isinstance(value, np.generic)


def check_meaning(value: object) -> None:
    """Raise for an array that computes otherwise than NumPy's own: a masked one, a np.matrix.

    Raises
    ------
    DTypeError
        If it is one. Its values alone would give other results than its own operators.
    """
    if type(value) is not np.ndarray and isinstance(value, (np.ma.MaskedArray, np.matrix)):
        raise DTypeError(
            f"a {type(value).__name__}, whose operators are not those of an array",
            expected="an array", got=f"{value.dtype} {shape_text(value.shape)}",
            hint="np.asarray(x); of a masked array x.filled(0), and its mask for np.where",
        )  # fmt: skip


def frozen_array(value: object, dtype: object = None) -> np.ndarray[Any, Any]:
    """A read-only array of one of graphdiff's dtypes; a copy, unless it is one already.

    Raises
    ------
    DTypeError
        If it is not numeric, has a dtype that graphdiff has not, or does not fit the one asked for.
    """
    wanted = None if dtype is None else dtype_of(dtype)
    check_meaning(value)
    if type(value) is np.ndarray and not value.flags.writeable and value.base is None:
        array = value
    else:
        try:
            array = np.array(value)
        except GraphdiffError:
            raise
        except (TypeError, ValueError):
            raise DTypeError("not an array of numbers", got=repr(value)) from None
    if wanted is None:
        wanted = np.dtype(np.int64) if array.dtype.kind in "iu" else dtype_of(array.dtype)
    elif not np.can_cast(array.dtype, wanted, "same_kind"):
        raise DTypeError(
            "the value does not fit the dtype", expected=str(wanted), got=str(array.dtype)
        )
    if array.dtype.kind == "u" and wanted.kind == "i" and array.size and array.max() > _INT64.max:
        raise DTypeError("the value does not fit the dtype", expected="int64", got=str(array.max()))
    if array.dtype != wanted or not array.dtype.isnative:
        array = array.astype(wanted)
    if array.flags.writeable:
        array.setflags(write=False)
    return array


def weak_dtype(value: Any, others: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """The dtype that a Python number takes beside values of the given dtypes.

    Raises
    ------
    DTypeError
        If it is an integer that does not fit.
    """
    if isinstance(value, bool):
        return np.dtype(bool)
    number = 0j if isinstance(value, complex) else 0.0 if isinstance(value, float) else 0
    dtype = np.result_type(*others, number)
    if dtype.kind == "i" and not isinstance(value, Dim) and not _INT64.min <= value <= _INT64.max:
        raise DTypeError("the number does not fit the dtype", expected=str(dtype), got=str(value))
    return dtype


def fits(actual: Sequence[int], declared: Sequence[int | Dim]) -> bool:
    """Whether an array's shape agrees with a declared one: a name stands for one length in it."""
    if len(actual) != len(declared):
        return False
    sizes: dict[str, int] = {}
    for length, wanted in zip(actual, declared, strict=True):
        if isinstance(wanted, str) and wanted.isidentifier():
            sizes.setdefault(wanted, length)
    return all(
        evaluate_dimension(wanted, sizes) == length
        for length, wanted in zip(actual, declared, strict=True)
        if sizes.keys() >= set(dimension_names(wanted))
    )
