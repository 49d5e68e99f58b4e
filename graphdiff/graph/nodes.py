"""What is worked out of a node before it is added: its name, parameters, spec and place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError, ShapeError
from graphdiff.graph.origin import assigned_name
from graphdiff.graph.values import fits, frozen_array, is_weak, weak_dtype
from graphdiff.ops.dimension import Dim, shape_of
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, dtype_of


class Source(NamedTuple):
    """A node without operands that is not in the graph yet."""

    op: str
    params: Mapping[str, Any]
    spec: Spec


@lru_cache(maxsize=4096)
def place_of(line: tuple[str, int] | None) -> dict[str, str]:
    """What a line of the user's code tells of a node that is declared there."""
    if line is None:
        return {}
    place = {"origin": f"{line[0]}:{line[1]}"}
    local = assigned_name(*line)
    return place if local is None else {**place, "local": local}


def source_spec(shape: object, dtype: object, value: object) -> tuple[dict[str, Any], Spec]:
    """The parameters and the spec of a declared input or parameter.

    Raises
    ------
    ShapeError, DTypeError
        If the shape or the dtype is none, or the value does not fit them.
    """
    if value is None:
        dtype = dtype_of("float64" if dtype is None else dtype)
        return {}, Spec(shape_of(() if shape is None else shape), dtype)
    array = frozen_array(value, dtype)
    spec = Spec(array.shape if shape is None else shape_of(shape), array.dtype)
    if not fits(array.shape, spec.shape):
        raise ShapeError(
            "the value does not fit the declared shape", expected=repr(spec), got=str(array.shape)
        )
    return {"value": array}, spec


def source_of(value: object, beside: Iterable[object]) -> Source:
    """The constant, or the size, that a number or an array becomes beside other operands."""
    if not is_weak(value):
        array = frozen_array(value)
        return Source("constant", {"value": array}, Spec(array.shape, array.dtype))
    dtype = weak_dtype(value, [_dtype(other) for other in beside if not is_weak(other)])
    if isinstance(value, Dim):
        params = {"dimension": value, "dtype": str(dtype)}
        return Source("size", params, Spec((), dtype))
    return Source("constant", {"value": value}, Spec((), dtype))


def _dtype(value: object) -> np.dtype[Any]:
    """The dtype of a tensor, an array or what becomes one."""
    dtype: np.dtype[Any] | None = getattr(value, "dtype", None)
    return frozen_array(value).dtype if dtype is None else dtype_of(dtype)


def infer(
    op: Op,
    specs: tuple[Spec, ...],
    given: Mapping[str, Any],
    operands: Sequence[str | Source],
    node: str | None = None,
) -> tuple[dict[str, Any], Spec]:
    """The parameters and the spec of an op's result; errors name the operands and the place."""
    try:
        for spec in specs:
            if spec.parts and op.name != "result":
                raise DTypeError(
                    "the results of a loop or a branch are several values",
                    hint="take one: graph.apply('result', [node], {'index': 0})",
                )
        params = op.complete(given, specs)
        return params, op.infer(*specs, **params) if params else _infer_plain(op, specs)
    except GraphdiffError as error:
        names = (operand if isinstance(operand, str) else operand.op for operand in operands)
        among = ", ".join(f"{n}: {s!r}" for n, s in zip(names, specs, strict=True))
        error.got = f"{error.got} (operands {among})" if error.got else f"operands {among}"
        raise error.at(node, op.name, None) from None


@lru_cache(maxsize=8192)
def _infer_plain(op: Op, specs: tuple[Spec, ...]) -> Spec:
    return op.infer(*specs)


def check_name(name: object) -> None:
    """Raise if something is not a name."""
    if not isinstance(name, str) or not name.strip():
        raise GraphError(f"{name!r} is not a name", expected="a string with something in it")
