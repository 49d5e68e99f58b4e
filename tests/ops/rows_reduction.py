"""Rows of the table for cumulative sums and products, norms, and comparisons along an axis."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.ops.table import REAL, Operand, Row

_AXES = [
    (((2, 3, 2),), {}),
    (((2, 3, 2),), {"axis": 1, "keepdims": True}),
    (((2, 3, 2),), {"axis": (0, 2)}),
    (((4,),), {"axis": 0}),
]


def _recurrence(a: Any, b: Any, axis: int) -> Any:
    def step(before: Any, both: Any) -> Any:
        now = both[0] * before + both[1]
        return now, now

    a, b = jnp.moveaxis(a, axis, 0), jnp.moveaxis(b, axis, 0)
    return jnp.moveaxis(jax.lax.scan(step, jnp.zeros_like(b[0]), (a, b))[1], 0, axis)


def _norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return jnp.sqrt(jnp.sum(jnp.real(x * jnp.conj(x)), axis=axis, keepdims=keepdims))


def _running(extreme: Any, x: Any, axis: int) -> Any:
    x = jnp.moveaxis(x, axis, 0)
    return jnp.moveaxis(jnp.stack([extreme(x[: i + 1], axis=0) for i in range(len(x))]), 0, axis)


def _argpartition(x: Any, kth: Any, axis: int) -> Any:
    """NumPy's: the order on both sides of the kth is not said."""
    shape = jax.ShapeDtypeStruct(x.shape, "int64")
    return jax.pure_callback(lambda x: np.argpartition(x, kth, axis), shape, x)


_ALONG = [(((2, 3),), {"axis": 0}), (((2, 3),), {"axis": -1}), (((4,),), {"axis": 0})]

CUMULATIVE = (
    Row("cumsum", jnp.cumsum, _ALONG),
    Row("cumprod", jnp.cumprod, _ALONG),
    Row("recurrence", _recurrence, [(((2, 4),) * 2, {"axis": 1}), (((3,),) * 2, {"axis": 0})]),
    Row("cummax", lambda x, axis: _running(jnp.max, x, axis), _ALONG),
    Row("cummin", lambda x, axis: _running(jnp.min, x, axis), _ALONG),
    Row("prod", jnp.prod, [*_AXES, (((),), {})]),
    Row("norm", _norm, [*_AXES, (((2, 3),), {"axis": (0, 1)})]),
)
_TRUTH = Operand(kind="bool")
ORDERING = (
    Row("any", jnp.any, _AXES, (_TRUTH,)),
    Row("all", jnp.all, _AXES, (_TRUTH,)),
    Row("argmax", jnp.argmax, [_AXES[0], _AXES[1], _AXES[3]]),
    Row("argmin", jnp.argmin, [_AXES[0], _AXES[1], _AXES[3]]),
    Row("argsort", jnp.argsort, _ALONG),
    Row(
        "argpartition",
        _argpartition,
        [(((2, 5),), {"axis": -1, "kth": 2}), (((5, 2),), {"axis": 0, "kth": (1, -1)})],
    ),
    Row("sort", jnp.sort, _ALONG),
    Row(
        "searchsorted",
        lambda a, v, side="left": jnp.searchsorted(jnp.sort(a), v, side=side).astype(int),
        [(((1,), (4,)), {}), (((1,), (4,)), {"side": "right"})],
        (REAL, REAL),
    ),
)
ROWS = (*CUMULATIVE, *ORDERING)
