"""Reductions over axes, and the normalisations that are made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.ops import kernels, quick_kernels
from graphdiff.ops.dimension import Shape, product
from graphdiff.ops.notation import (
    MULTIPLY,
    POWER,
    Form,
    Site,
    Written,
    axes_text,
    call,
    dimension_code,
    subscript,
)
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, normal_axes

Axis = int | tuple[int, ...] | None


def _normal_axis(axis: Any, ndim: int) -> Axis:
    """The axes to reduce: None for all, an int for one, else a tuple."""
    axes = normal_axes(axis, ndim)
    return None if len(axes) == ndim else axes[0] if len(axes) == 1 else axes


def normal_reduction(x: Spec, axis: Any, keepdims: Any) -> dict[str, Any]:
    """The parameters of a reduction in their one form."""
    if not isinstance(keepdims, (bool, np.bool_)):
        raise GraphError("keepdims is neither True nor False", got=repr(keepdims))
    return {"axis": _normal_axis(axis, x.ndim), "keepdims": bool(keepdims)}


def _shape(x: Spec, axis: Axis, keepdims: bool) -> Shape:
    axes = normal_axes(axis, x.ndim)
    if keepdims:
        return tuple(1 if i in axes else part for i, part in enumerate(x.shape))
    return tuple(part for i, part in enumerate(x.shape) if i not in axes)


def infer_sum(x: Spec, axis: Axis, keepdims: bool) -> Spec:
    """The shape rule of a sum: booleans are counted."""
    dtype = np.dtype("int64") if x.dtype.kind == "b" else x.dtype
    return Spec(_shape(x, axis, keepdims), dtype)


def infer_mean(x: Spec, axis: Axis, keepdims: bool) -> Spec:
    """The shape rule of a mean: it is a float."""
    dtype = x.dtype if x.is_inexact else np.dtype("float64")
    return Spec(_shape(x, axis, keepdims), dtype)


def _infer_extremum(x: Spec, axis: Axis, keepdims: bool) -> Spec:
    for i in normal_axes(axis, x.ndim):
        if x.shape[i] == 0:
            raise ShapeError("the largest or smallest of no elements", got=str(x))
    return Spec(_shape(x, axis, keepdims), x.dtype)


def _infer_float(x: Spec, axis: Axis, keepdims: bool) -> Spec:
    if not x.is_inexact:
        raise DTypeError("floats are needed", got=str(x.dtype), hint="use astype(np.float64)")
    return _infer_extremum(x, axis, keepdims)


def expand(reduced: Any, axis: Axis, keepdims: bool) -> Any:
    """A reduced value with its axes back, of length 1; a scalar needs none."""
    if keepdims or axis is None or reduced.ndim == 0:
        return reduced
    return np.expand_dims(reduced, axis)


def _count(x: Any, axis: Axis) -> Any:
    """How many elements a reduction takes together."""
    return product(x.shape[i] for i in normal_axes(axis, x.ndim))


def _extremum_vjp(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Those that attain the extremum share the cotangent equally."""
    attained = (x == expand(y, axis, keepdims)).astype(x.dtype)
    share = attained / np.sum(attained, axis=axis, keepdims=True)
    return expand(g, axis, keepdims) * share


def _big(symbol: str) -> Form:
    """``Σ x``, with the axes lowered where they are not all."""

    def form(site: Site) -> Written:
        axis = site.params["axis"]
        axes = () if axis is None else normal_axes(axis, site.specs[0].ndim)
        text = f"{symbol}{subscript(axes)} {site.operands[0].within(POWER)}"
        return Written(text, MULTIPLY)

    return form


def named(name: str) -> Form:
    """``max₀(x)``, with the axes lowered where they are not all."""

    def form(site: Site) -> Written:
        axis = site.params["axis"]
        axes = () if axis is None else normal_axes(axis, site.specs[0].ndim)
        return Written(f"{name}{subscript(axes)}({site.operands[0].text})")

    return form


def _reduced(ufunc: str) -> Form:
    """``add_reduce(x, axis=1)``: what `np.sum` calls after some checks."""

    def form(site: Site) -> Written:
        axis, keepdims, x = site.params["axis"], site.params["keepdims"], site.operands[0].text
        along = "" if site.specs[0].ndim == 1 and axis is None else f", axis={axes_text(axis)}"
        return Written(f"{ufunc}_reduce({x}{along}{', keepdims=True' if keepdims else ''})")

    return form


def _averaged(site: Site) -> Written:
    """``divide(add_reduce(x, axis=1), n)``: what `np.mean` does, but for narrow dtypes."""
    x, total = site.specs[0], _reduced("add")(site).text
    count = dimension_code(product(x.shape[i] for i in normal_axes(site.params["axis"], x.ndim)))
    if site.out.ndim == 0:
        return Written(f"{total} / {count.within(MULTIPLY + 1)}", MULTIPLY)
    return Written(f"divide({total}, {count.text})")


AXES = {"axis": None, "keepdims": False}

sum_ = Op(
    "sum",
    infer_sum,
    ("x",),
    vjp=(lambda g, y, x, axis, keepdims: expand(g, axis, keepdims),),
    params=AXES,
    normal=normal_reduction,
    numpy=call("np.sum", "axis", "keepdims"),
    quick=_reduced("add"),
    formula=_big("Σ"),
    spreads=True,
    flops=lambda out, x: x.size,
    complex=True,
)
mean = Op(
    "mean",
    infer_mean,
    ("x",),
    vjp=(lambda g, y, x, axis, keepdims: expand(g, axis, keepdims) / _count(x, axis),),
    params=AXES,
    normal=normal_reduction,
    numpy=call("np.mean", "axis", "keepdims"),
    quick=_averaged,
    formula=named("mean"),
    spreads=True,
    flops=lambda out, x: x.size,
    complex=True,
)
max_ = Op(
    "max",
    _infer_extremum,
    ("x",),
    vjp=(_extremum_vjp,),
    params=AXES,
    normal=normal_reduction,
    numpy=call("np.max", "axis", "keepdims"),
    quick=_reduced("maximum"),
    formula=named("max"),
    convention="those that attain it share equally",
    flops=lambda out, x: x.size,
)
min_ = Op(
    "min",
    _infer_extremum,
    ("x",),
    vjp=(_extremum_vjp,),
    params=AXES,
    normal=normal_reduction,
    numpy=call("np.min", "axis", "keepdims"),
    quick=_reduced("minimum"),
    formula=named("min"),
    convention="those that attain it share equally",
    flops=lambda out, x: x.size,
)


def _logsumexp_vjp(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return expand(g, axis, keepdims) * softmax(x, axis=axis)


def _softmax_vjp(g: Any, y: Any, x: Any, axis: Axis) -> Any:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


def _log_softmax_vjp(g: Any, y: Any, x: Any, axis: Axis) -> Any:
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


logsumexp = Op(
    "logsumexp",
    _infer_float,
    ("x",),
    vjp=(_logsumexp_vjp,),
    params=AXES,
    normal=normal_reduction,
    numpy=call("logsumexp", "axis", "keepdims"),
    formula=named("logsumexp"),
    quick=call("logsumexp", "axis", "keepdims"),
    convention="the largest share equally where they are ∞, or all are -∞",
    kernel=kernels.logsumexp,
    quick_kernel=quick_kernels.logsumexp,
    flops=lambda out, x: 4 * x.size,  # max, difference, exp, sum
    workspace=lambda out, x, axis, keepdims: 2 * x.nbytes,  # x - max, exp
)


_BUFFER = 8192  # elements that NumPy spreads over an axis at a time


def _spread(out: Spec, more: int = 0) -> Any:
    """An array beside the result, and NumPy's buffer as one value is spread over an axis.

    ``more`` are bytes of an element that are buffered too.
    """
    buffered = min(out.size, _BUFFER) if isinstance(out.size, int) else _BUFFER
    return out.nbytes + buffered * (out.dtype.itemsize + more)


softmax = Op(
    "softmax",
    lambda x, axis: Spec(x.shape, _infer_float(x, axis, True).dtype),
    ("x",),
    vjp=(_softmax_vjp,),
    params={"axis": -1},
    normal=lambda x, axis: {"axis": _normal_axis(axis, x.ndim)},
    numpy=call("softmax", "axis"),
    formula=named("softmax"),
    quick=call("softmax", "axis"),
    kernel=kernels.softmax,
    quick_kernel=quick_kernels.softmax,
    flops=lambda out, x: 4 * x.size,  # max, difference, exp, sum
    workspace=lambda out, x, axis: _spread(out, 1) + out.size,  # and what is the largest
)
log_softmax = Op(
    "log_softmax",
    lambda x, axis: Spec(x.shape, _infer_float(x, axis, True).dtype),
    ("x",),
    vjp=(_log_softmax_vjp,),
    params={"axis": -1},
    normal=lambda x, axis: {"axis": _normal_axis(axis, x.ndim)},
    numpy=call("log_softmax", "axis"),
    formula=named("log softmax"),
    quick=call("log_softmax", "axis"),
    kernel=kernels.log_softmax,
    quick_kernel=quick_kernels.log_softmax,
    flops=lambda out, x: 4 * x.size,  # max, difference, exp, sum
    workspace=lambda out, x, axis: _spread(out),
)

OPS = (sum_, mean, max_, min_, logsumexp, softmax, log_softmax)
