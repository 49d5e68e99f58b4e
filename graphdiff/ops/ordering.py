"""Ops that compare along an axis: sorting, places of extremes, and whether any or all are true."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops.gathering import take_along_axis
from graphdiff.ops.notation import Site, Written, axes_text, call
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.reduction import AXES, infer_sum, named, normal_reduction
from graphdiff.ops.spec import Spec, normal_axes, normal_axis

_INT = np.dtype("int64")


def _infer_truth(x: Spec, axis: Any, keepdims: bool) -> Spec:
    return Spec(infer_sum(x, axis, keepdims).shape, np.dtype("bool"))


def _infer_place(x: Spec, axis: Any, keepdims: bool) -> Spec:
    if any(x.shape[i] == 0 for i in normal_axes(axis, x.ndim)):
        raise ShapeError("the largest of no elements does not exist", got=str(x))
    return Spec(infer_sum(x, axis, keepdims).shape, _INT)


def _normal_place(x: Spec, axis: Any, keepdims: Any) -> dict[str, Any]:
    if isinstance(axis, tuple):
        raise ShapeError("the place of an extreme along several axes", got=str(axis))
    return normal_reduction(x, axis, keepdims)


def _normal_axis(x: Spec, axis: Any) -> dict[str, Any]:
    return {"axis": normal_axis(axis, x.ndim)}


def _sort_vjp(g: Any, y: Any, x: Any, axis: int) -> Any:
    """Each value gets the cotangent of the place that it came to."""
    rank = argsort(argsort(x, axis=axis), axis=axis)
    return take_along_axis(g, rank, axis=axis)


def _normal_partition(x: Spec, kth: Any, axis: Any) -> dict[str, Any]:
    axis = normal_axis(axis, x.ndim)
    many = tuple(kth) if isinstance(kth, (tuple, list, np.ndarray)) else (kth,)
    return {"kth": tuple(normal_axis(k, _length(x, axis)) for k in many), "axis": axis}


def _length(x: Spec, axis: int) -> int:
    length = x.shape[axis]
    if not isinstance(length, int):
        raise ShapeError("a partition along an axis of a length that is not known", got=str(x))
    return length


def _partition_code(site: Site) -> Written:
    kth, axis = axes_text(site.params["kth"]), site.params["axis"]
    return Written(f"np.argpartition({site.operands[0].text}, {kth}, axis={axis})")


def _argsort_code(site: Site) -> Written:
    axis = site.params["axis"]
    return Written(f'np.argsort({site.operands[0].text}, axis={axis}, kind="stable")')


def _truth(name: str) -> Op:
    return Op(
        name,
        _infer_truth,
        ("x",),
        params=AXES,
        normal=normal_reduction,
        numpy=call(f"np.{name}", "axis", "keepdims"),
        formula=named(name),
    )


def _place(name: str) -> Op:
    return Op(
        name,
        _infer_place,
        ("x",),
        params=AXES,
        normal=_normal_place,
        numpy=call(f"np.{name}", "axis", "keepdims"),
        formula=named(name),
        flops=lambda out, x: x.size,
    )


any_ = _truth("any")
all_ = _truth("all")
argmax = _place("argmax")
argmin = _place("argmin")
argsort = Op(
    "argsort",
    lambda x, axis: Spec(x.shape, _INT),
    ("x",),
    params={"axis": REQUIRED},
    normal=_normal_axis,
    numpy=_argsort_code,
    formula=named("argsort"),
    complex=True,
)
argpartition = Op(
    "argpartition",
    lambda x, kth, axis: Spec(x.shape, _INT),
    ("x",),
    params={"kth": REQUIRED, "axis": REQUIRED},
    normal=_normal_partition,
    numpy=_partition_code,
    formula=named("argpartition"),
)
sort = Op(
    "sort",
    lambda x, axis: x,
    ("x",),
    vjp=(_sort_vjp,),
    params={"axis": REQUIRED},
    normal=_normal_axis,
    numpy=call("np.sort", "axis"),
    formula=named("sort"),
    convention="equal values keep their order, and each its own cotangent",
    complex=True,  # by the real parts, and by the imaginary ones where these are equal
)


def _infer_searchsorted(a: Spec, v: Spec, side: str) -> Spec:
    if a.ndim != 1:
        raise ShapeError("what is searched is not a vector", got=str(a))
    return Spec(v.shape, _INT)


searchsorted = Op(
    "searchsorted",
    _infer_searchsorted,
    ("a", "v"),
    params={"side": "left"},
    numpy=call("np.searchsorted", "side"),
    formula=call("searchsorted"),
)

OPS = (any_, all_, argmax, argmin, argsort, argpartition, sort, searchsorted)
