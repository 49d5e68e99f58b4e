"""All windows of an array, and their adjoint."""

from __future__ import annotations

from typing import Any

from graphdiff.errors import ShapeError
from graphdiff.ops import kernels
from graphdiff.ops.dimension import Dimension, Shape, shape_of
from graphdiff.ops.notation import Site, Written, call, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, normal_axis

Axes = tuple[int, ...]


def _normal(x: Spec, window: Any, axis: Any) -> dict[str, Any]:
    lengths = shape_of(window)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    normal = tuple(normal_axis(i, x.ndim) for i in axes)
    if len(lengths) != len(normal) or len(set(normal)) < len(normal):
        raise ShapeError("not one length of the window for each axis", got=f"{window} for {axis}")
    if not all(isinstance(length, int) for length in lengths):
        raise ShapeError("the length of a window is not known", got=str(window))
    return {"window": lengths, "axis": normal}


def _infer(x: Spec, window: tuple[int, ...], axis: Axes) -> Spec:
    shape: list[Dimension] = list(x.shape)
    for length, i in zip(window, axis, strict=True):
        whole = shape[i]
        if isinstance(whole, int) and whole < length:
            raise ShapeError("the window is longer than the axis", got=f"{length} against {whole}")
        shape[i] = whole - length + 1
    return Spec((*shape, *window), x.dtype)


def _infer_added(g: Spec, shape: Shape, axis: Axes) -> Spec:
    window = g.shape[len(shape) :]
    whole = Spec(shape, g.dtype)
    if _infer(whole, window, axis).shape != g.shape:  # type: ignore[arg-type]  # ints, by _normal
        raise ShapeError("the windows do not fit the shape", expected=str(shape), got=str(g))
    return whole


def _normal_added(g: Spec, shape: Any, axis: Any) -> dict[str, Any]:
    whole = shape_of(shape)
    params = _normal(Spec(whole, g.dtype), g.shape[len(whole) :], axis)
    return {"shape": whole, "axis": params["axis"]}


def _view_code(site: Site) -> Written:
    window, axis = (shape_code(site.params[key]) for key in ("window", "axis"))
    function = "np.lib.stride_tricks.sliding_window_view"
    return Written(f"{function}({site.operands[0].text}, {window}, {axis})")


def _added_code(site: Site) -> Written:
    shape, axis = shape_code(site.out.shape), shape_code(site.params["axis"])
    return Written(f"overlap_add({site.operands[0].text}, {shape}, {axis})")


sliding_window_view: Op = Op(
    "sliding_window_view",
    _infer,
    ("x",),
    vjp=(lambda g, y, x, window, axis: overlap_add(g, shape=x.shape, axis=axis),),
    params={"window": REQUIRED, "axis": None},
    normal=_normal,
    numpy=_view_code,
    formula=call("windows"),
    view=True,
    complex=True,
)
overlap_add: Op = Op(
    "overlap_add",
    _infer_added,
    ("g",),
    vjp=(lambda v, y, g, shape, axis: sliding_window_view(
        v, window=g.shape[len(shape) :], axis=axis
    ),),
    params={"shape": REQUIRED, "axis": REQUIRED},
    normal=_normal_added,
    numpy=_added_code,
    formula=call("overlap_add"),
    kernel=kernels.overlap_add,
    flops=lambda out, g: g.size,
    complex=True,
)  # fmt: skip

OPS = (sliding_window_view, overlap_add)
