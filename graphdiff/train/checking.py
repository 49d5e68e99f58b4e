"""What training is given, checked before it starts, and where a cost that is no number comes from.

All of it is told by name: the input or the parameter, the place in it, the line that declared it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

import graphdiff as gd

Array = npt.NDArray[Any]

# Ops that give an index on as it is, in another shape.
_PASS_ON = ("expand_dims", "reshape", "transpose", "squeeze", "broadcast_to")
_INDEXED = ("gather", "take_along_axis")  # the second operand is the index


def positive(**values: Any) -> None:
    """Raise unless each is a positive number."""
    for name, value in values.items():
        if not (_real(value) and 0 < value < math.inf):
            raise gd.ArgumentError(
                f"{name} is no positive number", expected=f"0 < {name} < ∞", got=repr(value)
            )


def not_negative(**values: Any) -> None:
    """Raise unless each is a number from 0 up."""
    for name, value in values.items():
        if not (_real(value) and 0 <= value < math.inf):
            raise gd.ArgumentError(
                f"{name} is no amount", expected=f"0 ≤ {name} < ∞", got=repr(value)
            )


def fraction(**values: Any) -> None:
    """Raise unless each is a number from 0 up and below 1."""
    for name, value in values.items():
        if not (_real(value) and 0 <= value < 1):
            raise gd.ArgumentError(
                f"{name} is no fraction", expected=f"0 ≤ {name} < 1", got=repr(value)
            )


def count(**values: Any) -> None:
    """Raise unless each is an int from 1 up."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise gd.ArgumentError(f"{name} is no count", expected="1 or more", got=repr(value))


def function(name: str, value: Any, form: str) -> None:
    """Raise unless an option is a function."""
    if not callable(value):
        raise gd.ArgumentError(f"{name} is no function", expected=form, got=repr(value)[:80])


def array_of(name: str, value: npt.ArrayLike) -> Array:
    """An array; lists that are none are refused by name."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise gd.ArgumentError(f"{name!r} is no array of numbers", got=str(error)) from None


def fitting(name: str, array: Array, tensor: gd.Tensor, what: str) -> None:
    """Raise unless an array has the axes, and the lengths that are numbers, of its declaration."""
    if array.ndim == tensor.ndim and all(
        length == part or isinstance(part, str)
        for part, length in zip(tensor.shape, array.shape, strict=True)
    ):
        return
    raise gd.ArgumentError(
        f"the {what} of {name!r} has the wrong shape", node=name, op=tensor.op,
        origin=tensor.origin, expected=repr(tensor.spec), got=str(array.shape),
    )  # fmt: skip


def labels(graph: gd.Graph, arrays: Mapping[str, Array], what: str) -> None:
    """Raise if an input that picks from an axis has an index that is not there.

    A negative one would count from the end, as in NumPy, and train on the wrong class.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "iu" or not array.size:
            continue
        for length, user in _picked_from(graph, name):
            wrong = (array < 0) | (array >= length)
            if wrong.any():
                place = tuple(map(int, np.argwhere(wrong)[0]))
                tensor = graph.inputs[name]
                raise gd.ArgumentError(
                    f"the {what} of {name!r} has labels that are out of range", node=name,
                    op="input", origin=tensor.origin,
                    expected=f"0 to {length - 1}: {user.name!r} picks from {length}",
                    got=f"{array[place]} at {_where(place)}, and {int(wrong.sum()) - 1} more",
                    hint="number the classes from 0, or make the layer wider",
                )  # fmt: skip


def _picked_from(graph: gd.Graph, name: str) -> list[tuple[int, gd.Tensor]]:
    """The axes that an input is an index into: their lengths, where these are numbers."""
    found, waiting, dag = [], [name], graph.dag
    while waiting:
        for _, user, operand in dag.out_edges(waiting.pop(), keys=True):
            op = dag.nodes[user]["op"]
            if op in _PASS_ON:
                waiting.append(user)
            elif op in _INDEXED and operand == 1:
                source = next(u for u, _, key in dag.in_edges(user, keys=True) if key == 0)
                length = graph[source].shape[dag.nodes[user]["params"].get("axis", 0)]
                if isinstance(length, int):
                    found.append((length, graph[user]))
    return found


def failure(
    graph: gd.Graph, cost: str, value: float, when: str,
    data: Mapping[str, Array], values: Mapping[str, Array], made: bool = False,
) -> gd.TrainingError:  # fmt: skip
    """The error for a cost that is no number, and where that may come from.

    ``values`` are those of the parameters, and ``made`` says whether a step of training made them.
    """
    origin, got = None, None
    hint = "a smaller learning rate, or other starting values"
    of_values = "value that the step before gave" if made else "starting value"
    for arrays, what in ((data, "data"), (values, of_values)):
        for name, array in arrays.items():
            if array.dtype.kind in "fc" and not np.isfinite(array).all():
                place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
                origin = graph[name].origin
                of = "to" if made and arrays is values else "of"
                got = f"{array[place]} in the {what} {of} {name!r}, at {_where(place)}"
                if of == "of":
                    hint = "leave out or replace what is not finite: np.isfinite finds it"
                else:
                    hint += "; its gradient was no finite number, or its rate far too large"
                break
        if got:
            break
    return gd.TrainingError(
        f"{cost} is {value} {when}", node=graph[cost].name if cost in graph.outputs else cost,
        origin=origin, expected="a finite cost", got=got, hint=hint,
    )  # fmt: skip


def _where(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]" if place else "its only place"


def _real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
