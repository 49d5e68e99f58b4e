"""Rows of the table for windows, and for assignment to places given by integers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from tests.ops.table import REAL, Operand, Row


def _windows(x: Any, window: Any, axis: Any = None) -> Any:
    lengths = (window,) if isinstance(window, int) else window
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    for length, i in zip(lengths, axes, strict=True):
        i %= x.ndim
        places = np.arange(x.shape[i] - length + 1)[:, None] + np.arange(length)
        x = jnp.moveaxis(jnp.take(x, places, axis=i), i + 1, -1)
    return x


def _overlap_add(g: Any, shape: Any, axis: Any) -> Any:
    windows = _windows(np.arange(np.prod(shape)).reshape(shape), g.shape[len(shape) :], axis)
    return jnp.zeros(int(np.prod(shape)), g.dtype).at[windows].add(g).reshape(shape)


_ORDER = Operand(0, 3, "int")

ROWS = (
    Row(
        "sliding_window_view",
        _windows,
        [
            (((5,),), {"window": 3}),
            (((3, 4),), {"window": (2, 3)}),
            (((2, 4, 3),), {"window": 2, "axis": 1}),
        ],
    ),
    Row(
        "overlap_add",
        _overlap_add,
        [
            (((3, 3),), {"shape": (5,), "axis": 0}),
            (((2, 3, 3, 2),), {"shape": (2 + 2, 3 + 1), "axis": (0, 1)}),
            (((2, 3, 3, 2),), {"shape": (2, 4, 3), "axis": (1,)}),
        ],
    ),
    Row(
        "put_at",
        lambda x, value, *indices: x.at[indices].set(value),
        [
            (((3, 2), (4, 2), (4,)), {}),
            (((3, 3), (), (4,), (4,)), {}),
            (((3, 3), (4,), (2, 1), (4,)), {}),
            (((3,), (), ()), {}),
        ],
        (REAL, REAL, _ORDER),
    ),
)
