"""Assignment to places that are given by integer arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.ops import kernels
from graphdiff.ops.gathering import gather, infer_gather
from graphdiff.ops.notation import LOOSEST, Site, Written, call
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, broadcasts


def _infer(x: Spec, value: Spec, *indices: Spec) -> Spec:
    part = infer_gather(x, *indices)
    if not broadcasts(value.shape, part.shape):
        raise ShapeError("the value does not fit its places", expected=str(part), got=str(value))
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise DTypeError(
            "the value does not fit the dtype of its places",
            expected=str(x.dtype), got=str(value.dtype), hint="convert one with astype",
        )  # fmt: skip
    return x


def _vjp(
    positions: Sequence[int], g: Any, y: Any, x: Any, value: Any, *indices: Any
) -> Iterator[Any]:
    for position in positions:
        if position == 0:
            yield put_at(g, np.zeros((), g.dtype), *indices)
        else:
            yield _stayed(g, x, *indices)


def _stayed(g: Any, x: Any, *indices: Any) -> Any:
    """Where places come twice, the last value stays, and it alone gets the cotangent."""
    part = gather(g, *indices)
    if _distinct(x.shape, indices):
        return part
    zero = gather(np.zeros_like(x, dtype=np.int64), *indices)
    number = np.reshape(np.cumsum(zero + 1), part.shape)
    last = gather(put_at(np.zeros_like(x, dtype=np.int64), number, *indices), *indices)
    return np.where(last == number, part, 0.0)


def _distinct(shape: Any, indices: tuple[Any, ...]) -> bool:
    """Whether it is known that no place comes twice."""
    arrays = [_known(index) for index in indices]
    lengths = shape[: len(arrays)]
    if any(array is None for array in arrays) or any(isinstance(n, str) for n in lengths):
        return False
    places = np.broadcast_arrays(*arrays)
    flat = np.ravel_multi_index(tuple(p % n for p, n in zip(places, lengths, strict=True)), lengths)
    return len(np.unique(flat)) == np.size(flat)


def _known(index: Any) -> Any:
    """The values of an index that is the same whatever the inputs are."""
    if hasattr(index, "graph"):
        return index.params["value"] if index.op == "constant" else None
    return index


def _formula(site: Site) -> Written:
    x, value, *indices = (operand.text for operand in site.operands)
    return Written(f"{x} with [{', '.join(indices)}] = {value}", LOOSEST)


put_at: Op = Op(
    "put_at",
    _infer,
    ("x", "value", "*indices"),
    vjp=_vjp,
    numpy=call("put_at"),
    formula=_formula,
    kernel=kernels.put_at,
    convention="where a place comes twice, the last value stays and has the slope",
    complex=True,
)

OPS = (put_at,)
