"""Data: a dict of arrays by the names of a network's inputs, examples along the first axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import graphdiff as gd
from graphdiff.train.checking import array_of, fitting, labels, positive

Array = npt.NDArray[Any]
Data = Mapping[str, npt.ArrayLike]
Seed = int | np.random.Generator


def split(data: Data, share: float, rng: Seed = 0) -> tuple[dict[str, Array], dict[str, Array]]:
    """The examples in two parts at random: the rest, and a share to keep out of training.

    Raises
    ------
    ArgumentError
        If these are no arrays, they differ in length, or a part would be empty.

    Examples
    --------
    >>> train, held_out = split({"x": np.arange(10.0)}, 0.2)
    >>> train["x"].shape, held_out["x"].shape
    ((8,), (2,))
    """
    arrays, length = _alike(data)
    positive(share=share)
    held = round(share * length)
    if not 0 < held < length:
        raise gd.ArgumentError(
            "a part would be empty",
            got=f"a share of {share!r}",
            expected=f"one between {1 / length:.3g} and {1 - 1 / length:.3g} for {length} examples",
        )
    order = generator(rng).permutation(length)
    return _rows(arrays, np.sort(order[held:])), _rows(arrays, np.sort(order[:held]))


def join(*parts: Data) -> dict[str, Array]:
    """The examples of all parts together.

    Examples
    --------
    >>> join({"x": [1, 2]}, {"x": [3]})
    {'x': array([1, 2, 3])}
    """
    arrays = [_alike(part)[0] for part in parts]
    if len({frozenset(part) for part in arrays}) != 1:
        raise gd.ArgumentError(
            "the parts do not have the same inputs", expected="two or more parts, of one kind",
            got=" and ".join(", ".join(map(str, part)) for part in arrays) or "no parts",
        )  # fmt: skip
    for name, first in arrays[0].items():
        shapes = [part[name].shape for part in arrays]
        if any(shape[1:] != first.shape[1:] for shape in shapes):
            raise gd.ArgumentError(
                f"the examples of {name!r} differ in shape", got=" and ".join(map(str, shapes))
            )
    return {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}


def bootstrap(data: Data, rng: Seed = 0) -> dict[str, Array]:
    """As many examples as there are, drawn with replacement: what one of an ensemble is trained on.

    About 1 − 1/e of the examples are among them (Breiman 1996, bagging; Goodfellow et al., *Deep
    Learning* (2016), section 7.11).

    Examples
    --------
    >>> bootstrap({"x": np.arange(5)}, rng=1)
    {'x': array([2, 2, 3, 4, 0])}
    """
    arrays, length = _alike(data)
    return _rows(arrays, generator(rng).integers(length, size=length))


def generator(rng: Seed) -> np.random.Generator:
    """The generator of a seed, or the one that was given."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and rng >= 0:
        return np.random.default_rng(rng)
    raise gd.ArgumentError(
        "rng is no source of random numbers", got=repr(rng),
        expected="a seed (an int from 0 up) or a np.random.Generator",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Examples:
    """Data of a network: arrays with one row for each example, and those that all share.

    Parameters
    ----------
    rows
        The arrays with examples along their first axis.
    shared
        The others.
    length
        The number of examples; 0 if the network knows none.
    """

    rows: Mapping[str, Array]
    shared: Mapping[str, Array]
    length: int

    @staticmethod
    def of(graph: gd.Graph, data: Data, what: str = "data") -> Examples:
        """The data, checked to be that of a network.

        The examples lie along the named dimension that most inputs have as their first.

        Raises
        ------
        ArgumentError
            If an input has no data, there is data without an input, a shape or a length does not
            fit, or a label is out of range.
        """
        inputs = graph.inputs
        if not isinstance(data, Mapping):
            raise gd.ArgumentError(
                f"{what} is no dict of arrays", expected=", ".join(inputs), got=type(data).__name__
            )
        if set(data) != set(inputs):
            missing = [tensor for name, tensor in inputs.items() if name not in data]
            raise gd.ArgumentError(
                f"{what} is not that of {graph.name!r}", expected=", ".join(inputs) or "{}",
                got=", ".join(map(str, data)) or "{}",
                node=missing[0].name if missing else None,
                origin=missing[0].origin if missing else None,
                hint="add what is missing: " + ", ".join(tensor.name for tensor in missing)
                if missing
                else "leave out " + ", ".join(repr(n) for n in data if n not in inputs),
            )  # fmt: skip
        arrays = {name: _as_declared(data[name], tensor, what) for name, tensor in inputs.items()}
        first = [t.shape[0] for t in inputs.values() if t.ndim and isinstance(t.shape[0], str)]
        names = [name for name in first if name.isidentifier()]
        along = max(names, key=names.count, default=None)
        rows = {n: a for n, a in arrays.items() if a.ndim and inputs[n].shape[:1] == (along,)}
        length = _alike(rows)[1] if rows else 0
        labels(graph, arrays, what)
        return Examples(rows, {n: a for n, a in arrays.items() if n not in rows}, length)

    def whole(self) -> dict[str, Array]:
        """All of the data."""
        return {**self.rows, **self.shared}


def _as_declared(value: npt.ArrayLike, tensor: gd.Tensor, what: str) -> Array:
    """An array of the declared dtype where nothing is lost; else as it is, for the call to tell."""
    array = array_of(tensor.name, value)
    fitting(tensor.name, array, tensor, what)
    python = not isinstance(value, (np.ndarray, np.generic))
    if np.can_cast(array.dtype, tensor.dtype, "same_kind" if python else "safe"):
        return array.astype(tensor.dtype, copy=False)
    return array


def _rows(arrays: Mapping[str, Array], rows: Array) -> dict[str, Array]:
    return {name: array.take(rows, 0) for name, array in arrays.items()}


def _alike(data: Data) -> tuple[dict[str, Array], int]:
    """The arrays, and their common length."""
    if not isinstance(data, Mapping):
        raise gd.ArgumentError(
            "data is no dict of arrays", expected='{"x": …, "y": …}', got=type(data).__name__
        )
    arrays = {name: array_of(name, value) for name, value in data.items()}
    lengths = {name: len(array) if array.ndim else None for name, array in arrays.items()}
    length = next(iter(lengths.values()), None)
    if not length or any(other != length for other in lengths.values()):
        raise gd.ArgumentError(
            "the arrays do not have the same number of examples", expected="one length, above 0",
            got=", ".join(f"{name}: {length}" for name, length in lengths.items()) or "no arrays",
        )  # fmt: skip
    return arrays, length
