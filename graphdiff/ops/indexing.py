"""Slices, and their adjoints.

A basic index is kept as a tuple of plain values: an int, None for a new axis, and
``(start, stop, step)`` for a slice.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.ops import kernels, quick_kernels
from graphdiff.ops.dimension import Dim, Dimension, Shape, combine, shape_of, sign
from graphdiff.ops.notation import ATOM, LOOSEST, Site, Written, dimension_code, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, broadcasts

Slice = tuple[Dimension | None, Dimension | None, int | None]
Index = tuple[int | Slice | None, ...]


def basic_index(key: Any, ndim: int) -> Index:
    """What stands in the brackets of ``x[...]`` as an `Index`, its ellipsis filled in.

    Raises
    ------
    ShapeError
        If there are more indices than axes, or an entry is not an int, a slice, None or ``...``.
    """
    entries = list(key) if isinstance(key, (tuple, list)) else [key]
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    taken = sum(entry is not None for entry in entries) - len(dots)
    if len(dots) > 1:
        raise ShapeError("an index has more than one ellipsis")
    if taken > ndim:
        raise ShapeError("too many indices", expected=f"at most {ndim}", got=str(taken))
    for i in dots:
        entries[i : i + 1] = [slice(None)] * (ndim - taken)
    return tuple(map(_entry, entries))


def _entry(entry: Any) -> int | Slice | None:
    if isinstance(entry, slice):
        entry = (entry.start, entry.stop, entry.step)
    if isinstance(entry, (tuple, list)) and len(entry) == 3:
        start, stop, step = (None if part is None else _whole(part) for part in entry)
        if step == 0 or isinstance(step, Dim):
            raise ShapeError("the step of a slice is a number other than 0", got=str(step))
        return start, stop, step
    whole = None if entry is None else _whole(entry)
    if isinstance(whole, Dim):
        raise ShapeError("a dimension as an index", got=str(whole), hint="use a slice")
    return whole


def _whole(value: Any) -> Dimension:
    if isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, np.integer):
        return int(value)
    raise ShapeError("not a basic index", expected="an int, a slice, None or ...", got=repr(value))


def _length(size: Dimension, part: Slice) -> Dimension:
    """The number of elements that a slice takes from a dimension."""
    start, stop, step = part
    if isinstance(size, int) and not isinstance(start, Dim) and not isinstance(stop, Dim):
        return len(range(*slice(start, stop, step).indices(size)))
    step = 1 if step is None else step
    if step < 0:
        if start is not None or stop is not None:
            raise ShapeError(
                "a backward slice with bounds and a named dimension",
                got=f"[{index_code((part,))}] of {size}",
                hint="slice forward, then reverse with [::-1]",
            )
        return combine("//", size + (-step - 1), -step)
    # The stop is the least of these and the start the largest; no more needs to be said of a
    # start beyond the end and a stop before the beginning, since then nothing is left.
    stops = (
        [size] if stop is None else [combine("+", size, stop)] if _from_end(stop) else [size, stop]
    )
    starts = (
        [0] if start is None else [0, combine("+", size, start)] if _from_end(start) else [start]
    )
    spans = [combine("-", high, low) for high in stops for low in starts]
    span = combine("max", 0, reduce(lambda a, b: combine("min", a, b), spans))
    return span if step == 1 else combine("//", span + (step - 1), step)


def _from_end(bound: Dimension) -> bool:
    """Whether a bound of a slice is negative, and thus counted from the end."""
    known = sign(bound)
    if known is None:
        raise ShapeError(
            f"the bound {str(bound)!r} of a slice could be negative, and then counts from the end",
            hint="declare the shape with numbers, or slice in two steps",
        )
    return known < 0


def _infer_slice(x: Spec, index: Index) -> Spec:
    shape: list[Dimension] = []
    axis = 0
    for entry in index:
        if entry is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        axis += 1
        if isinstance(entry, tuple):
            shape.append(_length(size, entry))
        elif isinstance(size, int) and not -size <= entry < size:
            raise ShapeError(
                f"index {entry} is out of range", expected=f"{-size} to {size - 1}", got=str(x)
            )
    return Spec((*shape, *x.shape[axis:]), x.dtype)


def index_code(index: Index) -> str:
    """A basic index as it is typed between brackets."""
    parts = []
    for entry in index:
        if not isinstance(entry, tuple):
            parts.append(str(entry))
            continue
        start, stop = ("" if b is None else dimension_code(b).text for b in entry[:2])
        wide = not all(
            text.lstrip("-").replace("_", "a").isalnum() for text in (start, stop) if text
        )
        colon = (
            " : " if wide and start and stop else " :" if wide and start else ": " if wide else ":"
        )
        step = "" if entry[2] in (None, 1) else f":{entry[2]}"
        parts.append(f"{start}{colon}{stop}{step}")
    return ", ".join(parts) or "()"


def _normal_place(x: Spec, shape: Any, index: Any) -> dict[str, Any]:
    whole = shape_of(shape)
    return {"shape": whole, "index": basic_index(index, len(whole))}


def _infer_place(x: Spec, shape: Shape, index: Index) -> Spec:
    whole = Spec(shape, x.dtype)
    return fitting(x, _infer_slice(whole, index), whole)


def _infer_put(x: Spec, value: Spec, index: Index) -> Spec:
    part = _infer_slice(x, index)
    if not broadcasts(value.shape, part.shape):
        raise ShapeError("the value does not fit its place", expected=str(part), got=str(value))
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise DTypeError(
            "the value does not fit the dtype of its place",
            expected=str(x.dtype), got=str(value.dtype), hint="convert one with astype",
        )  # fmt: skip
    return x


def fitting(x: Spec, part: Spec, whole: Spec) -> Spec:
    """The spec of the whole, if the value has the shape of the part that it is put into."""
    if part.shape != x.shape:
        raise ShapeError("the value does not fit its place", expected=str(part), got=str(x))
    return whole


def _slice_vjp(g: Any, y: Any, x: Any, index: Index) -> Any:
    return place(g, shape=x.shape, index=index)


def _place_vjp(g: Any, y: Any, x: Any, shape: Any, index: Index) -> Any:
    return slice_(g, index=index)


def _put_vjp_x(g: Any, y: Any, x: Any, value: Any, index: Index) -> Any:
    return put(g, np.zeros((), g.dtype), index=index)


def _put_vjp_value(g: Any, y: Any, x: Any, value: Any, index: Index) -> Any:
    return slice_(g, index=index)


def _place_code(site: Site) -> Written:
    index = index_code(site.params["index"])
    shape = shape_code(site.out.shape)
    return Written(f"place({site.operands[0].text}, {shape}, np.s_[{index}])")


def _put_code(site: Site) -> Written:
    x, value = (operand.text for operand in site.operands)
    return Written(f"put({x}, {value}, np.s_[{index_code(site.params['index'])}])")


def _put(site: Site) -> Written:
    x, value = (operand.text for operand in site.operands)
    return Written(f"({x} with [{index_code(site.params['index'])}] = {value})")


def _sliced(site: Site) -> Written:
    return Written(f"{site.operands[0].within(ATOM)}[{index_code(site.params['index'])}]")


def _placed(site: Site) -> Written:
    text = f"0 with [{index_code(site.params['index'])}] = {site.operands[0].text}"
    return Written(text, LOOSEST)


slice_ = Op(
    "slice",
    _infer_slice,
    ("x",),
    vjp=(_slice_vjp,),
    params={"index": REQUIRED},
    normal=lambda x, index: {"index": basic_index(index, x.ndim)},
    numpy=_sliced,
    formula=_sliced,
    view=True,
    complex=True,
)
place = Op(
    "place",
    _infer_place,
    ("x",),
    vjp=(_place_vjp,),
    params={"shape": REQUIRED, "index": REQUIRED},
    normal=_normal_place,
    numpy=_place_code,
    quick=_place_code,
    formula=_placed,
    kernel=kernels.place,
    quick_kernel=quick_kernels.place,
    complex=True,
)
put = Op(
    "put",
    _infer_put,
    ("x", "value"),
    vjp=(_put_vjp_x, _put_vjp_value),
    params={"index": REQUIRED},
    normal=lambda x, value, index: {"index": basic_index(index, x.ndim)},
    numpy=_put_code,
    formula=_put,
    kernel=kernels.put,
    complex=True,
)
OPS = (slice_, place, put)
