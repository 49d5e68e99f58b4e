"""Parameters in vectors: those that one rule changes element by element lie in one array.

A rule such as that of `adam` asks nothing of a parameter but its elements. So it is compiled once,
for a vector of all parameters, θ of the textbooks, and not once for each of them. The network takes
views of this vector, and puts its gradient into views of another one. A rule that looks at a shape,
as `max_norm` does, has each parameter to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.train.data import Array
from graphdiff.train.optimisers import Optimiser

_PART = 256 * 1024  # bytes; several arrays of this size fit the second-level cache


class Vector:
    """Some parameters, with their gradient and state, and the function that makes the next ones.

    Parameters
    ----------
    optimiser
        Their rule.
    values
        The parameters where training begins, of one dtype.
    shape
        The shape of the parameter if the rule depends on it, and it is alone; None for a rule that
        goes element by element. A long vector is then worked on in parts, which stay in the cache
        from the first line of the rule to the last.

    Attributes
    ----------
    arrays
        ``theta`` and the values of the state, by name. A step writes over them.
    parameters, gradients
        Views of ``theta`` and of its gradient, by the names of the parameters.
    function
        The compiled rule.
    """

    def __init__(
        self, optimiser: Optimiser, values: Mapping[str, Any], shape: tuple[int, ...] | None
    ) -> None:
        dtype = np.result_type(*values.values())
        parts = 1
        if shape is None:
            length = sum(np.size(value) for value in values.values())
            parts = max(1, -(-length * dtype.itemsize // _PART))
            shape = (-(-length // parts),)  # all alike: the last one may be longer than is used
        self.optimiser = optimiser
        self.function = gd.compile(optimiser.graph(shape, dtype), style="fast")
        names = ("theta", *optimiser.state)
        *held, gradient = (_zeros((parts, *shape), dtype) for _ in range(len(names) + 1))
        self.arrays = dict(zip(names, held, strict=True))
        self.parameters = views(self.arrays["theta"], values)
        self.gradients = views(gradient, values)
        for name, view in self.parameters.items():
            view[...] = values[name]
        names = self.function.generated.arguments
        whole = (gradient, *held)
        self._parts = [self._part(*(array[i, ...] for array in whole)) for i in range(parts)]
        self._rate, self._count = (
            names.index(name) if name in names else None for name in ("rate", "k")
        )
        self._scalar = np.empty(0, dtype).real.dtype.type

    @property
    def uses_rate(self) -> bool:
        """Whether the rule asks for the learning rate."""
        return self._rate is not None

    def _part(self, gradient: Array, *held: Array) -> tuple[list[Any], Any, Any]:
        """The arguments of a call, the results that it is to put in their place, and the rest."""
        arrays = dict(zip(self.arrays, held, strict=True))
        outs = self.function.generated.outs
        new = {f"new {name}": (name, array) for name, array in arrays.items()}
        room = {key: array for key, (name, array) in new.items() if name in outs.get(key, ())}
        moved = [(key, array) for key, (_, array) in new.items() if key not in room]
        known = {**arrays, "g": gradient, "rate": None, "k": None}
        arguments = [known[name] for name in self.function.generated.arguments]
        return arguments, {"out": room} if room else {}, moved

    def step(self, rate: float, count: int) -> None:
        """Put what follows from the gradient into the place of the parameters and their state."""
        number, k = self._scalar(rate), self._scalar(count)
        for arguments, room, moved in self._parts:
            if self._rate is not None:
                arguments[self._rate] = number
            if self._count is not None:
                arguments[self._count] = k
            found = self.function.function(*arguments, **room)
            if not self.optimiser.state:  # a result alone is returned bare
                found = {"new theta": found}
            for name, array in moved:
                array[...] = found[name]


def vectors(chosen: Mapping[str, Optimiser], values: Mapping[str, Any]) -> tuple[Vector, ...]:
    """The parameters in as few vectors as their rules and dtypes allow.

    Parameters
    ----------
    chosen
        The optimiser of each parameter that is trained.
    values
        Where they begin.
    """
    alone: list[Vector] = []
    groups: dict[tuple[Optimiser, np.dtype[Any]], dict[str, Any]] = {}
    forms: dict[Any, Any] = {}
    for name, optimiser in chosen.items():
        shape, key = np.shape(values[name]), (optimiser, np.asarray(values[name]).dtype)
        if key not in forms:
            forms[key] = _form(optimiser.graph(("n",), key[1]))
        if forms[key] is not None and _form(optimiser.graph(shape, key[1])) == forms[key]:
            groups.setdefault(key, {})[name] = values[name]
        else:
            alone.append(Vector(optimiser, {name: values[name]}, shape))
    together = [Vector(optimiser, group, None) for (optimiser, _), group in groups.items()]
    return (*together, *alone)


def _form(graph: gd.Graph) -> list[Any] | None:
    """What a rule computes, without its shape; None if it is not done element by element."""
    theta, form = graph["theta"].shape, []
    for tensor in graph:
        if tensor.operands and not graph.op(tensor.name).elementwise:
            return None
        if tensor.shape not in ((), theta):
            return None
        params = sorted((name, _frozen(value)) for name, value in tensor.params.items())
        form.append((tensor.name, tensor.op, params, [each.name for each in tensor.operands]))
    outputs = [(name, tensor.name) for name, tensor in graph.outputs.items()]
    return [*form, *outputs]


def _frozen(value: Any) -> Any:
    """A parameter of a node as something that can be compared."""
    if isinstance(value, (np.ndarray, np.generic)):
        return str(value.dtype), value.shape, value.tobytes()
    return repr(value)


def views(vector: Array, values: Mapping[str, Any]) -> dict[str, Array]:
    """Parts of an array in the shapes of some values."""
    ends = np.cumsum([np.size(value) for value in values.values()])
    parts = np.split(vector.reshape(-1)[: ends[-1]], ends[:-1])
    return {
        name: part.reshape(np.shape(value))
        for (name, value), part in zip(values.items(), parts, strict=True)
    }


def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros that begin at a multiple of 64 bytes, as vector units like it."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
