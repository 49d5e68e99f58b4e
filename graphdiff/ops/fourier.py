"""Discrete Fourier transforms along one axis or several.

The matrix of a transform is symmetric, so that the vector-Jacobian product of ``fft`` is ``fft`` of
the cotangent, and that of ``ifft`` is ``ifft`` (not its inverse). A transform of real values gives
half of the frequencies; the other half is conjugate to it. Its transpose is the inverse transform
of the conjugate, without the factor 1/n, in which each frequency that stands for two counts half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.ops.dimension import Dimension, Shape, combine, shape_of
from graphdiff.ops.indexing import place, put, slice_
from graphdiff.ops.notation import Form, Site, Written, call, dimension_code, shape_code
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, complex_dtype, normal_axis, real_dtype

Axes = tuple[int, ...]

_NORMS = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def opposite(norm: str | None) -> str:
    """The normalisation of the transform the other way that has the same factor.

    Raises
    ------
    GraphError
        If there is none of that name.
    """
    if norm is not None and norm not in _NORMS:
        raise GraphError(
            f"there is no normalisation {norm!r}", expected="'backward', 'ortho' or 'forward'"
        )
    return _NORMS[norm or "backward"]


# -- parameters and shapes -------------------------------------------------------------------------


def _normal(x: Spec, s: Any, axes: Any, norm: Any) -> dict[str, Any]:
    """The lengths of the transform, its axes counted from the front, and how it is scaled."""
    given: Any = [axes] if isinstance(axes, (int, np.integer)) else axes
    found = tuple(range(x.ndim)) if given is None else tuple(normal_axis(i, x.ndim) for i in given)
    if len(set(found)) < len(found) or not found:
        raise ShapeError("the axes of a transform are one or more, each once", got=repr(axes))
    return {"s": s, "axes": found, "norm": _NORMS[opposite(norm)]}


def _normal_fft(x: Spec, s: Any, axes: Any, norm: Any) -> dict[str, Any]:
    params = _normal(x, s, axes, norm)
    own = tuple(x.shape[i] for i in params["axes"])
    lengths = own if s is None else _lengths(s, params["axes"])
    return {**params, "s": lengths}


def _normal_irfft(x: Spec, s: Any, axes: Any, norm: Any) -> dict[str, Any]:
    params = _normal(x, s, axes, norm)
    if s is None:
        *others, last = (x.shape[i] for i in params["axes"])
        return {**params, "s": (*others, 2 * (last - 1))}
    return {**params, "s": _lengths(s, params["axes"])}


def _lengths(s: Any, axes: Axes) -> Shape:
    found = shape_of(s)
    if len(found) != len(axes):
        raise ShapeError("not one length for each axis", expected=f"{len(axes)}", got=repr(s))
    return found


def _with(shape: Shape, axes: Axes, lengths: Sequence[Dimension]) -> Shape:
    """A shape with other lengths along some axes."""
    for length in lengths:
        if isinstance(length, int) and length < 1:
            raise ShapeError("a transform of no values", expected="1 or more", got=str(length))
    changed = dict(zip(axes, lengths, strict=True))
    return tuple(changed.get(i, part) for i, part in enumerate(shape))


def _infer_fft(x: Spec, s: Shape, axes: Axes, norm: str) -> Spec:
    return Spec(_with(x.shape, axes, s), complex_dtype(x.dtype))


def _infer_rfft(x: Spec, s: Shape, axes: Axes, norm: str) -> Spec:
    shape = _with(x.shape, axes, s)
    return Spec(_with(shape, axes[-1:], [s[-1] // 2 + 1]), complex_dtype(x.dtype))


def _infer_irfft(x: Spec, s: Shape, axes: Axes, norm: str) -> Spec:
    dtype = real_dtype(complex_dtype(x.dtype))
    return Spec(_with(x.shape, axes, s), dtype)


# -- vector-Jacobian products ----------------------------------------------------------------------


def _fitted(value: Any, shape: Shape, axes: Axes) -> Any:
    """The adjoint of padding with zeros, or cutting off, what a transform is longer or shorter."""
    for i in axes:
        have, want = value.shape[i], shape[i]
        known = isinstance(have, int) and isinstance(want, int)
        if have == want:
            continue
        before = ((None, None, None),) * i
        if not known or have > want:
            value = slice_(value, index=(*before, (None, want, None)))
        if not known or have < want:
            whole = (*value.shape[:i], want, *value.shape[i + 1 :])
            value = place(value, shape=whole, index=(*before, (None, have, None)))
    return value


def _scaled_inside(value: Any, factor: float, length: Dimension, axis: int) -> Any:
    """The frequencies that stand for two, themselves and their conjugates, times a factor."""
    stop = (length + 1) // 2
    if isinstance(stop, int) and stop <= 1:
        return value
    index = (*((None, None, None),) * axis, (1, stop, None))
    return put(value, factor * slice_(value, index=index), index=index)


def _fft_vjp(g: Any, y: Any, x: Any, s: Shape, axes: Axes, norm: str) -> Any:
    return _fitted(fft(g, axes=axes, norm=norm), x.shape, axes)


def _ifft_vjp(g: Any, y: Any, x: Any, s: Shape, axes: Axes, norm: str) -> Any:
    return _fitted(ifft(g, axes=axes, norm=norm), x.shape, axes)


def _rfft_vjp(g: Any, y: Any, x: Any, s: Shape, axes: Axes, norm: str) -> Any:
    once = np.conj(_scaled_inside(g, 0.5, s[-1], axes[-1]))
    return _fitted(irfft(once, s=s, axes=axes, norm=opposite(norm)), x.shape, axes)


def _irfft_vjp(g: Any, y: Any, x: Any, s: Shape, axes: Axes, norm: str) -> Any:
    back = np.conj(rfft(g, axes=axes, norm=opposite(norm)))
    return _fitted(_scaled_inside(back, 2.0, s[-1], axes[-1]), x.shape, axes)


# -- code ------------------------------------------------------------------------------------------


def _code(name: str) -> Form:
    """NumPy's function for one axis, for the last two, or for any; defaults are left out."""

    def form(site: Site) -> Written:
        x, params = site.specs[0], site.params
        s, axes, last = params["s"], params["axes"], x.ndim - 1
        own = tuple(x.shape[i] for i in axes)
        usual = (*own[:-1], 2 * (own[-1] - 1)) if name == "irfft" else own
        function, arguments = f"{name}n", [site.operands[0].text]
        if len(axes) == 1:
            function = name
            if s != usual:
                arguments.append(dimension_code(s[0]).text)
            if axes[0] != last:
                arguments.append(f"axis={axes[0]}")
        else:
            if axes == (last - 1, last):
                function = f"{name}2"
            if s != usual:
                arguments.append(f"s={shape_code(s)}")
            if function == f"{name}n" and (s != usual or axes != tuple(range(x.ndim))):
                arguments.append(f"axes={axes}")
        if params["norm"] != "backward":
            arguments.append(f'norm="{params["norm"]}"')
        return Written(f"np.fft.{function}({', '.join(arguments)})")

    return form


def _flops(out: Spec, x: Spec) -> Dimension:
    """3/2 n log₂ n for n complex numbers, of a named n as if it were 4096."""
    size = out.size if out.is_complex else x.size
    return 3 * size * size.bit_length() // 2 if isinstance(size, int) else 18 * size


def _workspace(name: str) -> Callable[..., Any]:
    """Beside the result: NumPy transforms one axis after the other, into an array each.

    Real values of a complex transform are made complex first.
    """

    def workspace(out: Spec, x: Spec, s: Shape, axes: Axes, norm: str) -> Any:
        dtype = complex_dtype(x.dtype)
        order = range(len(axes)) if name == "irfft" else reversed(range(len(axes)))
        converted = Spec(x.shape, dtype).nbytes if name != "rfft" and dtype != x.dtype else 0
        peak: Any
        before: Any
        peak, before, shape = 0, 0, list(x.shape)
        for i in order:
            shape[axes[i]] = out.shape[axes[i]]
            last = name == "irfft" and i == len(axes) - 1
            made = Spec(tuple(shape), out.dtype if last else dtype).nbytes
            peak = combine("max", peak, converted + before + made)
            converted, before = 0, made
        return peak - out.nbytes

    return workspace


def _transform(name: str, infer: Any, normal: Any, vjp: Any, complex: bool = True) -> Op:
    return Op(
        name,
        infer,
        ("x",),
        vjp=(vjp,),
        params={"s": None, "axes": -1, "norm": None},
        normal=normal,
        numpy=_code(name),
        formula=call(name),
        complex=complex,
        flops=_flops,
        workspace=_workspace(name),
    )


fft = _transform("fft", _infer_fft, _normal_fft, _fft_vjp)
ifft = _transform("ifft", _infer_fft, _normal_fft, _ifft_vjp)
rfft = _transform("rfft", _infer_rfft, _normal_fft, _rfft_vjp, complex=False)
irfft = _transform("irfft", _infer_irfft, _normal_irfft, _irfft_vjp)

OPS = (fft, ifft, rfft, irfft)
