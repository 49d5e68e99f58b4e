"""Where parameters begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import graphdiff as gd
from graphdiff.train.checking import array_of, fitting
from graphdiff.train.data import Array


def starting_values(graph: gd.Graph, start: Mapping[str, npt.ArrayLike] | None) -> dict[str, Array]:
    """A value for each parameter: the one that is given, else the one it was declared with.

    Raises
    ------
    ArgumentError
        If a parameter has none, or there is one for what is no parameter.
    """
    parameters, given = graph.parameters, dict(start or {})
    if unknown := set(given) - set(parameters):
        raise gd.ArgumentError(
            f"there is no parameter {min(unknown, key=str)!r} in {graph.name!r}",
            expected=", ".join(parameters),
        )
    values: dict[str, Array] = {}
    for name, tensor in parameters.items():
        value: Any = given.get(name, tensor.params.get("value"))
        if value is None:
            raise gd.ArgumentError(
                "the parameter has no value to start from", node=name, op="parameter",
                origin=tensor.origin, expected=repr(tensor.spec),

                hint=f"fit(…, start={{{name!r}: …}}), or declare it with value=…; "
                "a layer draws values if it is given rng=np.random.default_rng(0)",
            )  # fmt: skip
        array = array_of(name, value).copy()
        fitting(name, array, tensor, "starting value")
        if not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
            raise gd.ArgumentError(
                f"the starting value of {name!r} has the wrong dtype", node=name, op="parameter",
                origin=tensor.origin, expected=repr(tensor.spec), got=str(array.dtype),
            )  # fmt: skip
        values[name] = array.astype(tensor.dtype)[()]
    return values
