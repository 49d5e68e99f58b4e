"""Elements that arrays of integers point at, and the adjoints: sums into such places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.ops import kernels, quick_kernels
from graphdiff.ops.dimension import Dimension, Shape, combine, shape_of
from graphdiff.ops.indexing import fitting
from graphdiff.ops.notation import ATOM, Site, Written, dimension_code, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.shaping import equal_but_for
from graphdiff.ops.spec import Spec, broadcast, normal_axis, shape_text

_BUFFER = 1 << 16  # bytes of indices that NumPy takes at a time


def _indices_shape(x: Spec, indices: tuple[Spec, ...]) -> Shape:
    if len(indices) > x.ndim:
        raise ShapeError("too many indices", expected=f"at most {x.ndim}", got=str(len(indices)))
    for index in indices:
        if index.dtype.kind != "i":
            raise DTypeError("an index is not an integer", expected="int64", got=str(index))
    return (*broadcast(*(index.shape for index in indices)), *x.shape[len(indices) :])


def infer_gather(x: Spec, *indices: Spec) -> Spec:
    """The shape rule of ``x[rows, columns]`` for integer arrays on the leading axes."""
    if not indices:
        raise ShapeError("nothing to gather by")
    return Spec(_indices_shape(x, indices), x.dtype)


def _infer_scatter(x: Spec, *indices: Spec, shape: Shape) -> Spec:
    whole = Spec(shape, x.dtype)
    return fitting(x, infer_gather(whole, *indices), whole)


def _infer_along(x: Spec, indices: Spec, axis: int) -> Spec:
    if indices.dtype.kind != "i":
        raise DTypeError("an index is not an integer", expected="int64", got=str(indices))
    if not equal_but_for(axis, indices.shape, x.shape):
        raise ShapeError(
            "the indices do not fit the value",
            expected=f"{shape_text(x.shape)} but for axis {axis}",
            got=shape_text(indices.shape),
        )
    return Spec(indices.shape, x.dtype)


def _infer_scatter_along(x: Spec, indices: Spec, shape: Shape, axis: int) -> Spec:
    whole = Spec(shape, x.dtype)
    return fitting(x, _infer_along(whole, indices, axis), whole)


def _gather_vjp(positions: Sequence[int], g: Any, y: Any, x: Any, *indices: Any) -> list[Any]:
    return [scatter_add(g, *indices, shape=x.shape)]  # no index is a float


def _scatter_vjp(
    positions: Sequence[int], g: Any, y: Any, x: Any, *indices: Any, shape: Any
) -> list[Any]:
    return [gather(g, *indices)]


def _along_vjp(g: Any, y: Any, x: Any, indices: Any, axis: int) -> Any:
    return scatter_add_along_axis(g, indices, shape=x.shape, axis=axis)


def _scatter_along_vjp(g: Any, y: Any, x: Any, indices: Any, shape: Any, axis: int) -> Any:
    return take_along_axis(g, indices, axis=axis)


def _scatter_code(site: Site) -> Written:
    x, *indices = (operand.text for operand in site.operands)
    return Written(f"scatter_add({', '.join([x, shape_code(site.out.shape), *indices])})")


def _along_code(site: Site) -> Written:
    x, indices = (operand.text for operand in site.operands)
    shape = shape_code(site.out.shape)
    return Written(f"scatter_add_along_axis({x}, {indices}, {shape}, {site.params['axis']})")


def _along_workspace(
    out: Spec, x: Spec, indices: Spec, *, axis: int, shape: Shape | None = None
) -> Dimension:
    """The positions along the other axes, and a buffer of NumPy's, where there are any."""
    if indices.ndim < 2:
        return 0
    total = combine("min", indices.nbytes, _BUFFER)
    for other, length in enumerate(indices.shape):
        if other != axis:
            total = combine("+", total, combine("*", 8, length))
    return total


def _bracketed(site: Site) -> Written:
    x, *indices = site.operands
    return Written(f"{x.within(ATOM)}[{', '.join(index.text for index in indices)}]")


def _take_code(site: Site) -> Written:
    x, indices = (operand.text for operand in site.operands)
    return Written(f"np.take_along_axis({x}, {indices}, axis={site.params['axis']})")


def _quick_take(site: Site) -> Written:
    """``x[np.arange(t)[:, None], i]``: what `np.take_along_axis` does after some checks."""
    x, indices = site.operands
    shape, where = site.specs[1].shape, []
    for after, length in zip(reversed(range(len(shape))), shape, strict=True):
        column = f"[:{', None' * after}]" if after else ""
        where.append(f"np.arange({dimension_code(length).text}){column}")
    where[site.params["axis"]] = indices.text
    return Written(f"{x.within(ATOM)}[{', '.join(where)}]")


gather = Op(
    "gather",
    infer_gather,
    ("x", "*indices"),
    vjp=_gather_vjp,
    numpy=_bracketed,
    formula=_bracketed,
    complex=True,
)
scatter_add = Op(
    "scatter_add",
    _infer_scatter,
    ("x", "*indices"),
    vjp=_scatter_vjp,
    params={"shape": REQUIRED},
    normal=lambda x, *indices, shape: {"shape": shape_of(shape)},
    numpy=_scatter_code,
    formula=lambda site: Written(
        f"scatter({', '.join(operand.text for operand in site.operands)})"
    ),
    kernel=kernels.scatter_add,
    flops=lambda out, x, *indices: x.size,
    complex=True,
)
take_along_axis = Op(
    "take_along_axis",
    _infer_along,
    ("x", "indices"),
    vjp=(_along_vjp, None),
    params={"axis": REQUIRED},
    normal=lambda x, indices, axis: {"axis": normal_axis(axis, x.ndim)},
    numpy=_take_code,
    quick=_quick_take,
    formula=_bracketed,
    workspace=_along_workspace,
    complex=True,
)
scatter_add_along_axis = Op(
    "scatter_add_along_axis",
    _infer_scatter_along,
    ("x", "indices"),
    vjp=(_scatter_along_vjp, None),
    params={"shape": REQUIRED, "axis": REQUIRED},
    normal=lambda x, indices, shape, axis: {
        "shape": shape_of(shape),
        "axis": normal_axis(axis, x.ndim),
    },
    numpy=_along_code,
    quick=_along_code,
    formula=lambda site: Written(
        f"scatter({', '.join(operand.text for operand in site.operands)})"
    ),
    kernel=kernels.scatter_add_along_axis,
    quick_kernel=quick_kernels.scatter_add_along_axis,
    flops=lambda out, x, *indices: x.size,
    workspace=_along_workspace,
    complex=True,
)

OPS = (gather, scatter_add, take_along_axis, scatter_add_along_axis)
