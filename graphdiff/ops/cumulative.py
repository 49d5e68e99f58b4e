"""Sums and products along an axis, products of all, and lengths.

The derivative of a product by one factor is the product of the others, also where factors are 0.
It is made without a division, from cumulative products on both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import DTypeError
from graphdiff.ops import kernels
from graphdiff.ops.notation import Site, Written, axes_text, call
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.reduction import AXES, expand, infer_mean, infer_sum, named, normal_reduction
from graphdiff.ops.spec import Spec, normal_axes, normal_axis, promote, real_dtype


def _normal_axis(x: Spec, axis: Any) -> dict[str, Any]:
    return {"axis": normal_axis(axis, x.ndim)}


def _infer_cumulative(x: Spec, axis: int) -> Spec:
    return Spec(x.shape, np.dtype("int64") if x.dtype.kind == "b" else x.dtype)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, part)


def reversed_along(x: Any, axis: int) -> Any:
    """The values of an axis in the opposite order."""
    return x[_along(axis, slice(None, None, -1))]


def _cumsum_vjp(g: Any, y: Any, x: Any, axis: int) -> Any:
    return reversed_along(cumsum(reversed_along(g, axis), axis=axis), axis)


def _before(x: Any, axis: int) -> Any:
    """For each factor the product of those before it."""
    one = np.ones_like(x[_along(axis, slice(0, 1))])
    shifted = np.concatenate([one, x[_along(axis, slice(0, -1))]], axis=axis)
    return cumprod(shifted, axis=axis)


def _cumprod_vjp(g: Any, y: Any, x: Any, axis: int) -> Any:
    """``Π_{k<j} x_k · h_j``, where ``h_j = g_j + x_{j+1} h_{j+1}`` runs from the end."""
    after = np.concatenate(
        [x[_along(axis, slice(1, None))], np.zeros_like(x[_along(axis, slice(0, 1))])], axis=axis
    )
    h = recurrence(reversed_along(after, axis), reversed_along(g, axis), axis=axis)
    return _before(x, axis) * reversed_along(h, axis)


def _decay_vjp(g: Any, y: Any, a: Any, b: Any, axis: int) -> Any:
    """By the factors of a recurrence: the values before, times what comes back."""
    first = np.zeros_like(y[_along(axis, slice(0, 1))])
    earlier = np.concatenate([first, y[_along(axis, slice(0, -1))]], axis=axis)
    return _backward(g, a, axis) * earlier


def _backward(g: Any, a: Any, axis: int) -> Any:
    """``λ_i = g_i + a_{i+1} λ_{i+1}``, the adjoint of the recurrence."""
    zero = np.zeros_like(a[_along(axis, slice(0, 1))])
    after = np.concatenate([a[_along(axis, slice(1, None))], zero], axis=axis)
    found = recurrence(reversed_along(after, axis), reversed_along(g, axis), axis=axis)
    return reversed_along(found, axis)


def _extremes_vjp(g: Any, y: Any, x: Any, axis: int) -> Any:
    """All that are equal to the extreme so far share the cotangent equally, as in max and min."""
    before = np.concatenate([y[_along(axis, slice(0, 1))], y[_along(axis, slice(0, -1))]], axis)
    same, attained = (y == before).astype(x.dtype), (x == y).astype(x.dtype)
    count = recurrence(same, attained, axis=axis)
    return _backward(g / count, same, axis) * attained


def _extremes(name: str, ufunc: str) -> Op:
    return Op(
        name,
        lambda x, axis: x,
        ("x",),
        vjp=(_extremes_vjp,),
        params={"axis": REQUIRED},
        normal=_normal_axis,
        numpy=call(f"np.{ufunc}.accumulate", "axis"),
        formula=named(name),
        convention="those that attain it share equally",
        flops=lambda out, x: x.size,
    )


def _others(x: Any, axis: int) -> Any:
    """For each factor the product of all others along an axis."""
    after = reversed_along(_before(reversed_along(x, axis), axis), axis)
    return _before(x, axis) * after


def _prod_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    axes = normal_axes(axis, x.ndim)
    if not axes:
        return g
    if len(axes) == 1:
        return expand(g, axes[0], keepdims) * _others(x, axes[0])
    kept = [i for i in range(x.ndim) if i not in axes]
    order = (*kept, *axes)
    moved = np.transpose(x, order)
    others = _others(moved.reshape((*moved.shape[: len(kept)], -1)), len(kept))
    back = tuple(order.index(i) for i in range(x.ndim))
    return expand(g, axis, keepdims) * np.transpose(others.reshape(moved.shape), back)


def _norm_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    length = expand(np.where(y == 0, 1, y), axis, keepdims)
    return expand(g, axis, keepdims) * (np.conj(x) / length)


def _norm_code(site: Site) -> Written:
    """np.linalg.norm, which takes a vector, a matrix, or all there is."""
    axis, x = site.params["axis"], site.operands[0].text
    keep = ", keepdims=True" if site.params["keepdims"] else ""
    if axis is None:
        return Written(f"np.linalg.norm({x}{keep})")
    if isinstance(axis, tuple) and len(axis) != 2:
        squares = f"np.abs({x}) ** 2" if site.specs[0].is_complex else f"np.square({x})"
        return Written(f"np.sqrt(np.sum({squares}, axis={axes_text(axis)}{keep}))")
    return Written(f"np.linalg.norm({x}, axis={axis}{keep})")


def _infer_norm(x: Spec, axis: Any, keepdims: bool) -> Spec:
    if not x.is_inexact:
        raise DTypeError("floats are needed", got=str(x.dtype), hint="use astype(np.float64)")
    return infer_mean(Spec(x.shape, real_dtype(x.dtype)), axis, keepdims)


cumsum = Op(
    "cumsum",
    _infer_cumulative,
    ("x",),
    vjp=(_cumsum_vjp,),
    params={"axis": REQUIRED},
    normal=_normal_axis,
    numpy=call("np.cumsum", "axis"),
    formula=named("cumsum"),
    flops=lambda out, x: x.size,
    complex=True,
)
cumprod = Op(
    "cumprod",
    _infer_cumulative,
    ("x",),
    vjp=(_cumprod_vjp,),
    params={"axis": REQUIRED},
    normal=_normal_axis,
    numpy=call("np.cumprod", "axis"),
    formula=named("cumprod"),
    flops=lambda out, x: x.size,
    complex=True,
)
recurrence = Op(
    "recurrence",
    lambda a, b, axis: Spec(b.shape, promote(a.dtype, b.dtype)),
    ("a", "b"),
    vjp=(_decay_vjp, lambda g, y, a, b, axis: _backward(g, a, axis)),
    params={"axis": REQUIRED},
    normal=lambda a, b, axis: {"axis": normal_axis(axis, a.ndim)},
    numpy=call("recurrence", "axis"),
    formula=call("recurrence"),
    kernel=kernels.recurrence,
    flops=lambda out, a, b: 2 * out.size,
    complex=True,
)
cummax = _extremes("cummax", "maximum")
cummin = _extremes("cummin", "minimum")
prod = Op(
    "prod",
    infer_sum,
    ("x",),
    vjp=(_prod_vjp,),
    params=AXES,
    normal=normal_reduction,
    numpy=call("np.prod", "axis", "keepdims"),
    formula=named("Π"),
    flops=lambda out, x: x.size,
    complex=True,
)
norm = Op(
    "norm",
    _infer_norm,
    ("x",),
    vjp=(_norm_vjp,),
    params=AXES,
    normal=normal_reduction,
    numpy=_norm_code,
    formula=lambda site: Written(f"‖{site.operands[0].text}‖"),
    complex=True,
    convention="0 at 0",
    flops=lambda out, x: 2 * x.size,
)

OPS = (cumsum, cumprod, recurrence, cummax, cummin, prod, norm)
