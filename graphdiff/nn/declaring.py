"""What layers share: checking what they are given, and declaring parameters with a role."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn import units
from graphdiff.nn.initial import Array, Initialiser, glorot, he

# Half of what comes in is passed on, so the weights have to be larger.
RECTIFIERS = (
    units.relu,
    units.leaky_relu,
    units.elu,
    units.gelu,
    units.silu,
    units.softplus,
)


def usual(activation: object) -> Initialiser:
    """The initialiser of a layer that is given none: `he` for a rectifier, else `glorot`."""
    return he if activation in RECTIFIERS else glorot


def check_tensor(x: object, layer: str, ndim: int = 1) -> None:
    """Raise if a layer's operand is no tensor, or has too few axes."""
    if not isinstance(x, gd.Tensor):
        raise gd.GraphError(
            f"{layer} takes a tensor of a graph", got=f"{type(x).__name__} {x!r}"[:80],
            hint='declare it: x = g.input("x", ("t", 64))',
        )  # fmt: skip
    if x.ndim < ndim:
        raise gd.ShapeError(
            f"{layer} needs an operand with {ndim} or more axes", node=x.name, got=repr(x.spec)
        )


def check_activation(activation: object, layer: str) -> None:
    """Raise if an activation is no function."""
    if not callable(activation):
        raise gd.GraphError(
            f"the activation of {layer} is no function", got=repr(activation),
            hint="give a unit itself, such as gd.nn.relu",
        )  # fmt: skip


def check_width(width: object, layer: str, what: str = "units", named: bool = True) -> None:
    """Raise if a number of units is neither 1 or more nor (where that is possible) a name."""
    counted = isinstance(width, (int, np.integer)) and not isinstance(width, bool) and width >= 1
    if not (counted or (named and isinstance(width, str))):
        raise gd.ShapeError(
            f"not a number of {what} for {layer}", got=repr(width),
            expected="1 or more, or the name of a dimension" if named else "1 or more",
        )  # fmt: skip


def check_amount(name: str, value: object, zero: bool = False) -> None:
    """Raise if what has to be a positive number (or zero, where that is possible) is none."""
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else -1.0
    if not (number > 0 or (zero and number == 0)):
        raise gd.ArgumentError(
            f"{name} is no amount", expected=f"{name} {'≥' if zero else '>'} 0", got=repr(value)
        )


def check_generator(rng: object) -> None:
    """Raise if what numbers are to be drawn with is no generator."""
    if not isinstance(rng, np.random.Generator):
        raise gd.ArgumentError(
            "the generator of random numbers is none", got=f"rng={rng!r}",
            hint="rng=np.random.default_rng(0), one for all layers",
        )  # fmt: skip


def parameter_dtype(x: gd.Tensor) -> np.dtype[Any]:
    """The dtype of a layer's parameters: its operand's, float64 where that is no float."""
    return x.dtype if x.dtype.kind == "f" else np.dtype("float64")


def weight(
    x: gd.Tensor,
    name: str,
    shape: Sequence[Any],
    init: Initialiser,
    rng: np.random.Generator | None,
    fans: tuple[Any, Any] | None = None,
    role: str = "weight",
) -> gd.Tensor:
    """Declare the weights of a layer of ``x``; without a generator they have no value yet.

    ``fans`` are the inputs and outputs that each weight stands between; those of a matrix are its
    rows and columns.

    Raises
    ------
    ShapeError
        If a value is to be drawn for a shape with named dimensions.
    """
    dtype, value = parameter_dtype(x), None
    gd.Spec.of(shape, dtype)  # or NumPy would be the one to complain of it
    if rng is not None:
        check_generator(rng)
        if not all(isinstance(part, (int, np.integer)) for part in (*shape, *(fans or ()))):
            raise gd.ShapeError(
                "no value can be drawn for a dimension that is known at calls only",
                node=name, expected="numbers", got=str(tuple(shape)),
                hint="give the size as a number, or leave rng out and pass the value at calls",
            )  # fmt: skip
        fan_in, fan_out = fans or (shape[-2], shape[-1])
        value = _drawn(name, init, rng, tuple(map(int, shape)), fan_in, fan_out).astype(dtype)
    return x.graph.parameter(name, tuple(shape), dtype, value, role=role)


def _drawn(
    name: str, init: Initialiser, rng: np.random.Generator, shape: tuple[int, ...],
    fan_in: int, fan_out: int,
) -> Array:  # fmt: skip
    """Initial values, checked to be an array of numbers of that shape."""
    try:
        value = np.asarray(init(rng, shape, fan_in, fan_out))
    except TypeError as error:
        raise gd.ArgumentError(
            "the initialiser cannot be called", node=name, got=str(error),
            expected="init(rng, shape, fan_in, fan_out)", hint="init=gd.nn.normal(0.01)",
        ) from error  # fmt: skip
    if value.shape != shape or value.dtype.kind not in "fiu":
        raise gd.ArgumentError(
            "the initialiser does not give the weights", node=name,
            expected=f"numbers of shape {shape}", got=f"{value.dtype} {value.shape}",
        )  # fmt: skip
    return value


def filled(x: gd.Tensor, name: str, shape: Sequence[Any], role: str, fill: Any) -> gd.Tensor:
    """Declare a parameter that starts with a number or an array, or (None) with no value."""
    dtype, value = parameter_dtype(x), None
    if fill is not None and all(isinstance(part, int) for part in shape):
        value = np.full(tuple(shape), fill, dtype)
    return x.graph.parameter(name, tuple(shape), dtype, value, role=role)
