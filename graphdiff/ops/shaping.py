"""Ops that move elements and compute none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops.dimension import Dimension, Shape, combine, product, shape_of
from graphdiff.ops.notation import (
    ADD,
    ATOM,
    Site,
    Written,
    axes_text,
    call,
    dtype_code,
    shape_code,
    size_code,
    subscript,
)
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, broadcast, normal_axes, normal_axis, promote, shape_text


def permutation(axes: Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The axes of a transpose, all of them counted from the front; None reverses them.

    Raises
    ------
    ShapeError
        If they are not a permutation.
    """
    if axes is None:
        return tuple(reversed(range(ndim)))
    given = axes if isinstance(axes, (tuple, list)) else (axes,)
    normal = tuple(normal_axis(axis, ndim) for axis in given)
    if sorted(normal) != list(range(ndim)):
        raise ShapeError(
            "the axes are not a permutation", expected=f"of {tuple(range(ndim))}", got=str(axes)
        )
    return normal


def _normal_transpose(x: Spec, axes: Any) -> dict[str, Any]:
    order = permutation(axes, x.ndim)
    return {"axes": None if order == permutation(None, x.ndim) else order}


def _infer_transpose(x: Spec, axes: tuple[int, ...] | None) -> Spec:
    return Spec(tuple(x.shape[axis] for axis in permutation(axes, x.ndim)), x.dtype)


def _transpose_vjp(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None) -> Any:
    if axes is None or g.ndim == 0:
        return g if g.ndim == 0 else g.T
    return np.transpose(g, tuple(np.argsort(permutation(axes, x.ndim)).tolist()))


def _transpose_code(site: Site) -> Written:
    ndim = site.out.ndim
    axes, x = site.params["axes"], site.operands[0]
    if axes is None:
        return Written(f"{x.within(ATOM)}.T")
    if axes == (*range(ndim - 2), ndim - 1, ndim - 2):
        return Written(f"{x.within(ATOM)}.mT")
    return Written(f"np.transpose({x.text}, {axes})")


def _quick_transpose(site: Site) -> Written:
    written = _transpose_code(site)
    axes = ", ".join(map(str, site.params["axes"] or ()))
    if not written.text.startswith("np."):
        return written
    return Written(f"{site.operands[0].within(ATOM)}.transpose({axes})")


def _transpose_formula(site: Site) -> Written:
    axes, ndim = site.params["axes"], site.out.ndim
    if axes is None or axes == (*range(ndim - 2), ndim - 1, ndim - 2):
        return Written(f"{site.operands[0].within(ATOM)}ᵀ")
    return Written(f"transpose{subscript(axes)}({site.operands[0].text})")


def _normal_reshape(x: Spec, shape: Any) -> dict[str, Any]:
    """The shape with its one open dimension, -1, filled in."""
    wanted = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    holes = [i for i, part in enumerate(wanted) if isinstance(part, (int, np.integer)) and part < 0]
    if len(holes) > 1:
        raise ShapeError("more than one dimension is left open", got=shape_text(wanted))
    if holes and wanted[holes[0]] == -1:
        wanted[holes[0]] = 1
        known = product(shape_of(wanted))
        wanted[holes[0]] = 0 if known == 0 else combine("//", x.size, known)
    return {"shape": shape_of(wanted)}


def _infer_reshape(x: Spec, shape: Shape) -> Spec:
    if product(shape) != x.size:
        raise ShapeError(
            "reshape would change the number of elements",
            expected=f"{x.size} elements, as in {shape_text(x.shape)}",
            got=f"{product(shape)} elements in {shape_text(shape)}",
        )
    return Spec(shape, x.dtype)


def _infer_broadcast(x: Spec, shape: Shape) -> Spec:
    if broadcast(x.shape, shape) != shape:
        raise ShapeError(
            "a value cannot be broadcast to a smaller shape",
            expected=shape_text(shape),
            got=shape_text(x.shape),
        )
    return Spec(shape, x.dtype)


def _broadcast_code(site: Site) -> Written:
    x, shape = site.operands[0], size_code(site.out.shape)
    if site.specs[0].ndim:
        return Written(f"np.broadcast_to({x.text}, {shape_code(site.out.shape)})")
    dtype = "" if site.out.dtype == np.float64 else f", dtype={dtype_code(site.out)}"
    filled = {"0.0": "zeros", "1.0": "ones"}.get(x.text)
    if filled is not None:
        return Written(f"np.{filled}({shape}{dtype})")
    return Written(f"np.full({shape}, {x.text}{dtype})")


def _one_or_many(axes: tuple[int, ...]) -> int | tuple[int, ...]:
    return axes[0] if len(axes) == 1 else axes


def _normal_expand(x: Spec, axis: Any) -> dict[str, Any]:
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    if axis is None:
        raise ShapeError("the axis is not given", expected="an int or a tuple of ints")
    return {"axis": _one_or_many(normal_axes(axis, x.ndim + count))}


def _infer_expand(x: Spec, axis: int | tuple[int, ...]) -> Spec:
    axes, parts = (axis,) if isinstance(axis, int) else axis, iter(x.shape)
    shape = (1 if i in axes else next(parts) for i in range(x.ndim + len(axes)))
    return Spec(tuple(shape), x.dtype)


def _expand_code(site: Site) -> Written:
    axes = normal_axes(site.params["axis"], site.out.ndim)
    if not axes:
        return site.operands[0]
    parts = ["None" if i in axes else ":" for i in range(max(axes) + 1)]
    return Written(f"{site.operands[0].within(ATOM)}[{', '.join(parts)}]")


def _normal_squeeze(x: Spec, axis: Any) -> dict[str, Any]:
    if axis is None:
        axis = tuple(i for i, part in enumerate(x.shape) if part == 1)
    return {"axis": _one_or_many(normal_axes(axis, x.ndim))}


def _infer_squeeze(x: Spec, axis: int | tuple[int, ...]) -> Spec:
    axes = (axis,) if isinstance(axis, int) else axis
    for i in axes:
        if x.shape[i] != 1:
            raise ShapeError(
                f"axis {i} cannot be dropped", expected="length 1", got=shape_text(x.shape)
            )
    return Spec(tuple(part for i, part in enumerate(x.shape) if i not in axes), x.dtype)


def _normal_concatenate(*parts: Spec, axis: Any) -> dict[str, Any]:
    if not parts:
        raise ShapeError("nothing to concatenate")
    if parts[0].ndim == 0:
        raise ShapeError("scalars cannot be concatenated", hint="use np.stack")
    return {"axis": normal_axis(axis, parts[0].ndim)}


def equal_but_for(axis: int, a: Shape, b: Shape) -> bool:
    """Whether two shapes differ along one axis at most."""
    return len(a) == len(b) and all(
        i == axis or p == q for i, (p, q) in enumerate(zip(a, b, strict=True))
    )


def _infer_concatenate(*parts: Spec, axis: int) -> Spec:
    first = parts[0]
    length: Dimension = 0
    for part in parts:
        if part.ndim != first.ndim or any(
            a != b
            for i, (a, b) in enumerate(zip(part.shape, first.shape, strict=True))
            if i != axis
        ):
            raise ShapeError(
                "operands do not fit for concatenate",
                expected=f"{shape_text(first.shape)} but for axis {axis}",
                got=shape_text(part.shape),
            )
        length = length + part.shape[axis]
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    return Spec(shape, promote(*(part.dtype for part in parts)))


def _concatenate_vjp(
    positions: Sequence[int], g: Any, y: Any, *parts: Any, axis: int
) -> Iterator[Any]:
    bounds = list(accumulate((part.shape[axis] for part in parts), initial=0))
    for i in positions:
        yield g[(*(slice(None),) * axis, slice(bounds[i], bounds[i + 1]))]


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
    normal=_normal_transpose,
    numpy=_transpose_code,
    quick=_quick_transpose,
    formula=_transpose_formula,
    spreads=True,
    view=True,
    complex=True,
)
reshape = Op(
    "reshape",
    _infer_reshape,
    ("x",),
    vjp=(lambda g, y, x, shape: g if g.ndim == 0 else g.reshape(x.shape),),
    params={"shape": REQUIRED},
    normal=_normal_reshape,
    numpy=lambda site: Written(
        f"{site.operands[0].within(ATOM)}.reshape({shape_code(site.out.shape)})"
    ),
    formula=lambda site: Written(
        f"{site.operands[0].within(ATOM)} as {shape_text(site.out.shape)}", ADD
    ),
    spreads=True,
    view=True,
    complex=True,
)
broadcast_to = Op(
    "broadcast_to",
    _infer_broadcast,
    ("x",),
    vjp=(lambda g, y, x, shape: g,),
    params={"shape": REQUIRED},
    normal=lambda x, shape: {"shape": shape_of(shape)},
    numpy=_broadcast_code,
    formula=lambda site: Written(
        f"{site.operands[0].within(ATOM)} over {shape_text(site.out.shape)}", ADD
    ),
    elementwise=True,
    spreads=True,
    view=True,
    complex=True,
)
expand_dims = Op(
    "expand_dims",
    _infer_expand,
    ("x",),
    vjp=(lambda g, y, x, axis: g if g.ndim == 0 else np.squeeze(g, axis=axis),),
    params={"axis": REQUIRED},
    normal=_normal_expand,
    numpy=_expand_code,
    formula=lambda site: site.operands[0],
    spreads=True,
    view=True,
    complex=True,
)
squeeze = Op(
    "squeeze",
    _infer_squeeze,
    ("x",),
    vjp=(lambda g, y, x, axis: g if g.ndim == 0 else np.expand_dims(g, axis),),
    params={"axis": None},
    normal=_normal_squeeze,
    numpy=call("np.squeeze", "axis"),
    quick=lambda site: Written(
        f"{site.operands[0].within(ATOM)}.squeeze({axes_text(site.params['axis'])})"
    ),
    formula=lambda site: site.operands[0],
    spreads=True,
    view=True,
    complex=True,
)
concatenate = Op(
    "concatenate",
    _infer_concatenate,
    ("*parts",),
    vjp=_concatenate_vjp,
    params={"axis": 0},
    normal=_normal_concatenate,
    numpy=_concatenate_code,
    formula=lambda site: Written(f"[{', '.join(part.text for part in site.operands)}]"),
    complex=True,
)
identity = Op(
    "identity",
    lambda x: x,
    ("x",),
    vjp=(lambda g, y, x: g,),
    numpy=lambda site: site.operands[0],
    formula=lambda site: site.operands[0],
    elementwise=True,
    spreads=True,
    view=True,
    complex=True,
)
stop_gradient = Op(
    "stop_gradient",
    lambda x: x,
    ("x",),
    numpy=lambda site: site.operands[0],
    formula=lambda site: site.operands[0],
    convention="0: it is held constant",
    view=True,
    complex=True,
)

OPS = (
    transpose,
    reshape,
    broadcast_to,
    expand_dims,
    squeeze,
    concatenate,
    identity,
    stop_gradient,
)
