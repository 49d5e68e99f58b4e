"""The functions of np.fft."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops.fourier import opposite
from graphdiff.ops.spec import normal_axis


def _along_one(op: str) -> Callable[..., Any]:
    def transform(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
        s = None if n is None else (n,)
        return a.graph.apply(op, (a,), {"s": s, "axes": axis, "norm": norm})

    transform.__name__ = op
    return transform


def _along_all(op: str, usual: Sequence[int] | None) -> Callable[..., Any]:
    """A transform along several axes: all of them, or the last as many as there are lengths."""

    def transform(
        a: Any, s: Any = None, axes: Sequence[int] | None = usual, norm: str | None = None
    ) -> Any:
        if axes is None:
            axes = range(a.ndim) if s is None else range(-len(s), 0)
        if s is not None:
            s = _own_lengths(op, a, s, axes)
        return a.graph.apply(op, (a,), {"s": s, "axes": tuple(axes), "norm": norm})

    transform.__name__ = op
    return transform


def _own_lengths(op: str, a: Any, s: Any, axes: Sequence[int]) -> tuple[Any, ...]:
    """The lengths, with those of the operand where -1 stands."""
    if len(s) != len(axes):
        raise ShapeError("not one length for each axis", expected=f"{len(axes)}", got=repr(s))
    own = [a.shape[normal_axis(i, a.ndim)] for i in axes]
    if op == "irfft" and own:
        own[-1] = 2 * (own[-1] - 1)
    return tuple(o if n in (None, -1) else n for n, o in zip(s, own, strict=True))


def hfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
    """np.fft.hfft: of values whose other half is conjugate, so that the result is real."""
    return np.fft.irfft(np.conj(a), n, axis, opposite(norm))  # type: ignore[arg-type]  # one of its norms


def ihfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
    """np.fft.ihfft."""
    return np.conj(np.fft.rfft(a, n, axis, opposite(norm)))  # type: ignore[arg-type]  # one of its norms


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.fft.fft: _along_one("fft"),
        np.fft.ifft: _along_one("ifft"),
        np.fft.rfft: _along_one("rfft"),
        np.fft.irfft: _along_one("irfft"),
        np.fft.hfft: hfft,
        np.fft.ihfft: ihfft,
        np.fft.fft2: _along_all("fft", (-2, -1)),
        np.fft.ifft2: _along_all("ifft", (-2, -1)),
        np.fft.rfft2: _along_all("rfft", (-2, -1)),
        np.fft.irfft2: _along_all("irfft", (-2, -1)),
        np.fft.fftn: _along_all("fft", None),
        np.fft.ifftn: _along_all("ifft", None),
        np.fft.rfftn: _along_all("rfft", None),
        np.fft.irfftn: _along_all("irfft", None),
    }
)
