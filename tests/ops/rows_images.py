"""Rows of the table for convolution and pooling: JAX's, and for pooling its words for windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from tests.ops.table import REAL, Row


def _conv2d(x: Any, kernel: Any, stride: Any = (1, 1)) -> Any:
    """jax.lax's, with one kernel for all images or each its own."""
    if kernel.ndim > 4:
        return jax.vmap(lambda x, kernel: _conv2d(x, kernel, stride))(x, kernel)
    stride = (stride, stride) if isinstance(stride, int) else stride
    flat = x.reshape(-1, *x.shape[-3:])
    y = jax.lax.conv_general_dilated(
        flat, kernel, stride, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y.reshape(*x.shape[:-3], *y.shape[1:])


def _conv2d_input(g: Any, kernel: Any, shape: Any, stride: Any = (1, 1)) -> Any:
    back = jax.vjp(lambda x: _conv2d(x, kernel, stride), jnp.zeros(shape, kernel.dtype))[1]
    return back(g)[0]


def _conv2d_kernel(x: Any, g: Any, shape: Any, stride: Any = (1, 1)) -> Any:
    back = jax.vjp(lambda kernel: _conv2d(x, kernel, stride), jnp.zeros(shape, x.dtype))[1]
    return back(g)[0]


def _pooled(combine: Callable[..., Any], x: Any, size: Any, stride: Any = None) -> Any:
    h, w = (size, size) if isinstance(size, int) else size
    stride = (h, w) if stride is None else stride
    s, t = (stride, stride) if isinstance(stride, int) else stride
    rows, columns = (x.shape[-3] - h) // s + 1, (x.shape[-2] - w) // t + 1
    windows = [
        x[..., i : i + s * rows : s, j : j + t * columns : t, :] for i in range(h) for j in range(w)
    ]
    return combine(jnp.stack(windows), axis=0)


def _sum_pool(x: Any, size: Any, stride: Any = None) -> Any:
    return _pooled(jnp.sum, x, size, stride)


def _sum_pool_input(g: Any, shape: Any, size: Any, stride: Any = None) -> Any:
    return jax.vjp(lambda x: _sum_pool(x, size, stride), jnp.zeros(shape, g.dtype))[1](g)[0]


def _max_pool(x: Any, size: Any, stride: Any = None) -> Any:
    return _pooled(jnp.max, x, size, stride)


def _max_pool_input(g: Any, x: Any, size: Any, stride: Any = None) -> Any:
    return jax.vjp(lambda x: _max_pool(x, size, stride), x)[1](g)[0]


def _max_pool_tangent(v: Any, x: Any, size: Any, stride: Any = None) -> Any:
    return jax.jvp(lambda x: _max_pool(x, size, stride), (x,), (v,))[1]


_POOLS: list[Any] = [
    (((2, 4, 4, 2),), {"size": (2, 2)}),
    (((5, 4, 1),), {"size": (3, 2), "stride": (2, 1)}),
]

ROWS = (
    Row(
        "conv2d",
        _conv2d,
        [
            (((2, 4, 3, 2), (2, 2, 2, 3)), {}),
            (((5, 4, 1), (3, 2, 1, 2)), {"stride": (2, 1)}),
            (((2, 1, 3, 3, 1), (2, 2, 2, 1, 2)), {"stride": 1}),
        ],
        (REAL, REAL),
    ),
    Row(
        "conv2d_input",
        _conv2d_input,
        [
            (((2, 3, 2, 3), (2, 2, 2, 3)), {"shape": (2, 4, 3, 2)}),
            (((2, 3, 2), (3, 2, 1, 2)), {"shape": (6, 4, 1), "stride": (2, 1)}),
            (((2, 1, 2, 2, 2), (2, 2, 2, 1, 2)), {"shape": (2, 1, 3, 3, 1)}),
        ],
        (REAL, REAL),
    ),
    Row(
        "conv2d_kernel",
        _conv2d_kernel,
        [
            (((2, 4, 3, 2), (2, 3, 2, 3)), {"shape": (2, 2, 2, 3)}),
            (((6, 4, 1), (2, 3, 2)), {"shape": (3, 2, 1, 2), "stride": (2, 1)}),
            (((2, 1, 3, 3, 1), (2, 1, 2, 2, 2)), {"shape": (2, 2, 2, 1, 2)}),
        ],
        (REAL, REAL),
    ),
    Row("sum_pool2d", _sum_pool, _POOLS),
    Row(
        "sum_pool2d_input",
        _sum_pool_input,
        [
            (((2, 2, 2, 2),), {"shape": (2, 4, 4, 2), "size": 2}),
            (((2, 3, 1),), {"shape": (6, 4, 1), "size": (3, 2), "stride": (2, 1)}),
        ],
    ),
    Row("max_pool2d", _max_pool, _POOLS),
    Row(
        "max_pool2d_input",
        _max_pool_input,
        [
            (((2, 2, 2, 2), (2, 4, 4, 2)), {"size": 2}),
            (((2, 3, 1), (6, 4, 1)), {"size": (3, 2), "stride": (2, 1)}),
        ],
        (REAL, REAL),
    ),
    Row(
        "max_pool2d_tangent",
        _max_pool_tangent,
        [
            (((2, 4, 4, 2), (2, 4, 4, 2)), {"size": 2}),
            (((6, 4, 1), (6, 4, 1)), {"size": (3, 2), "stride": (2, 1)}),
        ],
        (REAL, REAL),
    ),
)
