"""Ops that move elements and compute none of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops.notation import ADD, ATOM, Site, Written, call, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import (
    Dimension,
    Shape,
    Spec,
    broadcast,
    combine,
    normal_axes,
    normal_axis,
    product,
    promote,
    shape_of,
    shape_text,
)


def permutation(axes: tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """The axes of a transpose, all of them counted from the front."""
    if axes is None:
        return tuple(reversed(range(ndim)))
    normal = tuple(normal_axis(axis, ndim) for axis in axes)
    if sorted(normal) != list(range(ndim)):
        raise ShapeError(
            "the axes are not a permutation", expected=f"of {tuple(range(ndim))}", got=str(axes)
        )
    return normal


def _infer_transpose(x: Spec, axes: tuple[int, ...] | None) -> Spec:
    return Spec(tuple(x.shape[axis] for axis in permutation(axes, x.ndim)), x.dtype)


def _transpose_vjp(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None) -> Any:
    if axes is None or g.ndim == 0:
        return g if g.ndim == 0 else g.T
    return np.transpose(g, tuple(np.argsort(permutation(axes, x.ndim)).tolist()))


def _transpose_code(site: Site) -> Written:
    ndim = site.out.ndim
    axes = permutation(site.params["axes"], ndim)
    x = site.operands[0]
    if axes == tuple(reversed(range(ndim))):
        return Written(f"{x.within(ATOM)}.T")
    if axes == (*range(ndim - 2), ndim - 1, ndim - 2):
        return Written(f"{x.within(ATOM)}.mT")
    return Written(f"np.transpose({x.text}, {axes})")


def _infer_reshape(x: Spec, shape: Any) -> Spec:
    wanted = (shape,) if isinstance(shape, (int, str)) else tuple(shape)
    holes = [i for i, part in enumerate(wanted) if part == -1]
    known = product(shape_of([part for part in wanted if part != -1]))
    if len(holes) > 1:
        raise ShapeError("more than one dimension is left open", got=str(wanted))
    full: Shape
    if holes:
        rest: Dimension = 0 if known == 0 else combine("//", x.size, known)
        full = shape_of([rest if part == -1 else part for part in wanted])
    else:
        full = shape_of(wanted)
    if product(full) != x.size:
        raise ShapeError(
            "reshape would change the number of elements",
            expected=f"{x.size} elements, as in {shape_text(x.shape)}",
            got=f"{product(full)} elements in {shape_text(full)}",
        )
    return Spec(full, x.dtype)


def _infer_broadcast(x: Spec, shape: Any) -> Spec:
    wanted = shape_of(shape)
    if broadcast(x.shape, wanted) != wanted:
        raise ShapeError(
            "a value cannot be broadcast to a smaller shape",
            expected=shape_text(wanted),
            got=shape_text(x.shape),
        )
    return Spec(wanted, x.dtype)


def _broadcast_code(site: Site) -> Written:
    x, shape = site.operands[0], shape_code(site.out.shape)
    if site.specs[0].ndim:
        return Written(f"np.broadcast_to({x.text}, {shape})")
    dtype = "" if site.out.dtype == np.float64 else f", dtype={_dtype(site)}"
    if x.text == "0.0":
        return Written(f"np.zeros({shape}{dtype})")
    return Written(f"np.full({shape}, {x.text}{dtype})")


def _dtype(site: Site) -> str:
    return "bool" if site.out.dtype.kind == "b" else f"np.{site.out.dtype}"


def _infer_expand(x: Spec, axis: Any) -> Spec:
    count = len(axis) if isinstance(axis, tuple) else 1
    ndim = x.ndim + count
    axes, parts = normal_axes(axis, ndim), iter(x.shape)
    return Spec(tuple(1 if i in axes else next(parts) for i in range(ndim)), x.dtype)


def _expand_code(site: Site) -> Written:
    axes = normal_axes(site.params["axis"], site.out.ndim)
    parts = ["None" if i in axes else ":" for i in range(max(axes) + 1)]
    return Written(f"{site.operands[0].within(ATOM)}[{', '.join(parts)}]")


def _infer_squeeze(x: Spec, axis: Any) -> Spec:
    axes = (
        tuple(i for i, part in enumerate(x.shape) if part == 1)
        if axis is None
        else normal_axes(axis, x.ndim)
    )
    for i in axes:
        if x.shape[i] != 1:
            raise ShapeError(
                f"axis {i} cannot be dropped", expected="length 1", got=shape_text(x.shape)
            )
    return Spec(tuple(part for i, part in enumerate(x.shape) if i not in axes), x.dtype)


def _infer_concatenate(*parts: Spec, axis: int) -> Spec:
    if not parts:
        raise ShapeError("nothing to concatenate")
    first = parts[0]
    if first.ndim == 0:
        raise ShapeError("scalars cannot be concatenated", hint="use np.stack")
    i = normal_axis(axis, first.ndim)
    length: Dimension = 0
    for part in parts:
        if part.ndim != first.ndim or any(
            a != b for j, (a, b) in enumerate(zip(part.shape, first.shape, strict=True)) if j != i
        ):
            raise ShapeError(
                "operands do not fit for concatenate",
                expected=f"{shape_text(first.shape)} but for axis {i}",
                got=shape_text(part.shape),
            )
        length = length + part.shape[i]
    shape = (*first.shape[:i], length, *first.shape[i + 1 :])
    return Spec(shape, promote(*(part.dtype for part in parts)))


def _concatenate_vjp(position: int, g: Any, y: Any, *parts: Any, axis: int) -> Any:
    i = normal_axis(axis, y.ndim)
    start: Dimension = 0
    for part in parts[:position]:
        start = start + part.shape[i]
    stop = start + parts[position].shape[i]
    return g[(*(slice(None),) * i, slice(start, stop))]


def _concatenate_code(site: Site) -> Written:
    parts = ", ".join(operand.text for operand in site.operands)
    axis = f", axis={site.params['axis']}" if site.params["axis"] else ""
    return Written(f"np.concatenate([{parts}]{axis})")


transpose = Op(
    "transpose",
    _infer_transpose,
    ("x",),
    vjp=(_transpose_vjp,),
    params={"axes": None},
    numpy=_transpose_code,
    formula=lambda site: Written(f"{site.operands[0].within(ATOM)}ᵀ"),
    spreads=True,
)
reshape = Op(
    "reshape",
    _infer_reshape,
    ("x",),
    vjp=(lambda g, y, x, shape: g if g.ndim == 0 else g.reshape(x.shape),),
    params={"shape": REQUIRED},
    numpy=lambda site: Written(
        f"{site.operands[0].within(ATOM)}.reshape({shape_code(site.out.shape)})"
    ),
    formula=lambda site: Written(
        f"{site.operands[0].within(ATOM)} as {shape_text(site.out.shape)}", ADD
    ),
    spreads=True,
)
broadcast_to = Op(
    "broadcast_to",
    _infer_broadcast,
    ("x",),
    vjp=(lambda g, y, x, shape: g,),
    params={"shape": REQUIRED},
    numpy=_broadcast_code,
    formula=lambda site: Written(
        f"{site.operands[0].within(ATOM)} over {shape_text(site.out.shape)}", ADD
    ),
    elementwise=True,
    spreads=True,
)
expand_dims = Op(
    "expand_dims",
    _infer_expand,
    ("x",),
    vjp=(lambda g, y, x, axis: g if g.ndim == 0 else np.squeeze(g, axis=axis),),
    params={"axis": REQUIRED},
    numpy=_expand_code,
    formula=lambda site: site.operands[0],
    spreads=True,
)
squeeze = Op(
    "squeeze",
    _infer_squeeze,
    ("x",),
    vjp=(lambda g, y, x, axis: g if g.ndim == 0 else g.reshape(x.shape),),
    params={"axis": None},
    numpy=call("np.squeeze", "axis"),
    formula=lambda site: site.operands[0],
    spreads=True,
)
concatenate = Op(
    "concatenate",
    _infer_concatenate,
    ("*parts",),
    vjp=_concatenate_vjp,
    params={"axis": 0},
    numpy=_concatenate_code,
    formula=lambda site: Written(f"[{', '.join(part.text for part in site.operands)}]"),
)

OPS = (transpose, reshape, broadcast_to, expand_dims, squeeze, concatenate)
