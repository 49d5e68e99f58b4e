"""Rows of the table for discrete Fourier transforms, against JAX's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from tests.ops.table import Row


def _many(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    """JAX's transform along several axes, with the parameters of the op."""

    def transform(x: Any, s: Any = None, axes: Any = -1, norm: Any = None) -> Any:
        return function(x, _many(s), _many(axes), norm)

    return transform


# Even and odd lengths, longer and shorter transforms, one axis and several in any order.
_CASES = [
    (((6,),), {}),
    (((5,),), {"norm": "ortho"}),
    (((2,),), {"norm": "forward"}),
    (((1, 3),), {"axes": 0}),
    (((2, 4),), {"s": 7}),
    (((5, 2),), {"s": 4, "axes": 0, "norm": "forward"}),
    (((3, 4),), {"axes": (0, 1)}),
    (((4, 3, 2),), {"axes": (2, 0), "norm": "ortho"}),
    (((4, 3),), {"axes": (-2, -1), "s": (3, 6)}),
    (((2, 3, 4),), {"axes": None}),
]
_BACK = [case for case in _CASES if case[0] != ((2,),)] + [(((4,),), {"s": 5})]

ROWS = (
    Row("fft", _along(jnp.fft.fftn), _CASES),
    Row("ifft", _along(jnp.fft.ifftn), _CASES),
    Row("rfft", _along(jnp.fft.rfftn), _CASES),
    Row("irfft", _along(jnp.fft.irfftn), _BACK[:2] + _BACK[3:]),
)
