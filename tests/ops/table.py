"""The table of ops: one row an op, with an independent function and the operands to try it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

jax.config.update("jax_enable_x64", True)

# Shapes of two operands that broadcast against each other in every way there is.
PAIRS = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), ()), ((), ()))
SINGLE = (((2, 3),), ((),))


@dataclass(frozen=True)
class Operand:
    """What to draw for an operand.

    Floats of an interval, complex numbers whose real parts are such, integers below a bound, or
    booleans.
    """

    low: float = -2.0
    high: float = 2.0
    kind: str = "float"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Values that float32 has exactly, no two of a size equal, and none at a kink."""
        if self.kind == "int":
            return rng.integers(int(self.low), int(self.high), shape)
        if self.kind == "bool":
            return np.asarray(rng.random(shape) < 0.5)
        if self.kind == "complex":
            real = Operand(self.low, self.high).draw(rng, shape)
            return np.asarray(real + 1j * Operand(-1.1, 1.5).draw(rng, shape))
        values = rng.permutation(np.linspace(self.low, self.high, int(np.prod(shape)) + 2)[1:-1])
        return (values + 0.013).astype(np.float32).astype(np.float64).reshape(shape)


REAL = Operand()
COMPLEX = Operand(kind="complex")
POSITIVE = Operand(0.2, 3.0)


@dataclass(frozen=True, eq=False)
class Row:
    """An op, what it is elsewhere, and cases: the shapes of the operands and the parameters."""

    op: str
    other: Callable[..., Any]
    cases: Sequence[tuple[tuple[tuple[int, ...], ...], Mapping[str, Any]]]
    operands: tuple[Operand, ...] = (REAL,)

    def draw(self, case: int, example: int = 0) -> list[np.ndarray[Any, Any]]:
        shapes, _ = self.cases[case]
        rng = np.random.default_rng(case + 100 * example)
        many = [*self.operands, *self.operands[-1:] * (len(shapes) - len(self.operands))]
        return [operand.draw(rng, shape) for operand, shape in zip(many, shapes, strict=False)]


def as_dtype(array: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Floats in another precision, complex ones with parts of it; anything else as it is."""
    if array.dtype.kind == "c":
        return array.astype(np.result_type(dtype, 1j))
    return array.astype(dtype) if array.dtype.kind == "f" else array


def is_inexact(array: np.ndarray[Any, Any]) -> bool:
    """Whether there are derivatives by values of this kind."""
    return array.dtype.kind in "fc"


def normal(
    rng: np.random.Generator, shape: tuple[int, ...], like: np.dtype[Any]
) -> np.ndarray[Any, Any]:
    """Normal numbers; complex ones where those of a dtype are."""
    values = rng.normal(size=shape)
    return np.asarray(values + 1j * rng.normal(size=shape) if like.kind == "c" else values)


def some(
    rng: np.random.Generator, shape: tuple[int, ...], like: np.dtype[Any]
) -> np.ndarray[Any, Any]:
    """Numbers around 1 that float32 has exactly; complex ones where those of a dtype are."""
    values = rng.uniform(0.5, 1.5, shape).astype(np.float32).astype(np.float64)
    if like.kind != "c":
        return values
    return np.asarray(values - 1j * rng.uniform(0.5, 1.5, shape).astype(np.float32))


def unary(op: str, other: Callable[..., Any], operand: Operand = REAL) -> Row:
    return Row(op, other, [(shapes, {}) for shapes in SINGLE], (operand,))


def binary(op: str, other: Callable[..., Any], a: Operand = REAL, b: Operand | None = None) -> Row:
    return Row(op, other, [(shapes, {}) for shapes in PAIRS], (a, b or a))


def reduction(op: str, other: Callable[..., Any]) -> Row:
    def keep(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return other(x, axis=axis, keepdims=keepdims)

    axes = ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}, {"keepdims": True})
    cases = [*((((2, 3, 2),), params) for params in axes), (((),), {}), (((4,),), {"axis": 0})]
    return Row(op, keep, cases)


def normaliser(op: str, other: Callable[..., Any]) -> Row:
    cases = [(((2, 3),), {}), (((2, 3),), {"axis": 0}), (((2, 3),), {"axis": None}), (((4,),), {})]
    return Row(op, lambda x, axis=-1: other(x, axis=axis), cases)


def _slices(index: Any) -> Any:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in index)


def _place(x: Any, shape: Any, index: Any) -> Any:
    where = tuple(slice(*part) if isinstance(part, tuple) else part for part in index)
    return jnp.zeros(shape, x.dtype).at[where].set(x)


def _along(x: Any, indices: Any, shape: Any, axis: int) -> Any:
    hot = jnp.moveaxis(indices, axis, -1)[..., None] == jnp.arange(shape[axis])
    spread = jnp.sum(jnp.moveaxis(x, axis, -1)[..., None] * hot, axis=-2)
    return jnp.moveaxis(spread, -1, axis)


def _sliced(x: Any, index: Any) -> Any:
    where = tuple(slice(*part) if isinstance(part, tuple) else part for part in index)
    return x[where]


_LABELS = Operand(0, 3, "int")
_MATMULS = (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((4, 2, 3), (3,)),
    ((3,), (4, 3, 2)),
    ((4, 2, 3), (3, 2)),
    ((2, 3), (4, 3, 2)),
    ((4, 1, 2, 3), (5, 3, 2)),
)

ROWS = (
    binary("add", jnp.add),
    binary("subtract", jnp.subtract),
    binary("multiply", jnp.multiply),
    binary("divide", jnp.divide, REAL, POSITIVE),
    binary("power", jnp.power, POSITIVE, REAL),
    unary("negative", jnp.negative),
    unary("square", jnp.square),
    unary("reciprocal", jnp.reciprocal, POSITIVE),
    unary("exp", jnp.exp),
    unary("expm1", jnp.expm1),
    unary("log", jnp.log, POSITIVE),
    unary("log1p", jnp.log1p, POSITIVE),
    unary("sqrt", jnp.sqrt, POSITIVE),
    unary("sin", jnp.sin),
    unary("cos", jnp.cos),
    unary("tanh", jnp.tanh),
    unary("sigmoid", jax.nn.sigmoid),
    unary("softplus", jax.nn.softplus),
    unary("erf", jax.scipy.special.erf),
    unary("relu", jax.nn.relu),
    unary("hard_tanh", jax.nn.hard_tanh),
    binary("maximum", jnp.maximum),
    binary("minimum", jnp.minimum),
    Row(
        "where",
        jnp.where,
        [(shapes, {}) for shapes in (((2, 3),) * 3, ((3,), (2, 1), ()), ((), (2, 3), (3,)))],
        (Operand(kind="bool"), REAL, REAL),
    ),
    Row(
        "astype",
        lambda x, dtype: x.astype(dtype),
        [
            (((2, 3),), {"dtype": "float64"}),
            (((),), {"dtype": "int64"}),
            (((2,),), {"dtype": "bool"}),
        ],
    ),
    binary("greater", jnp.greater),
    binary("greater_equal", jnp.greater_equal),
    binary("less", jnp.less),
    binary("less_equal", jnp.less_equal),
    binary("equal", jnp.equal),
    binary("not_equal", jnp.not_equal),
    binary("logical_and", jnp.logical_and, Operand(kind="bool")),
    binary("logical_or", jnp.logical_or, Operand(kind="bool")),
    unary("logical_not", jnp.logical_not, Operand(kind="bool")),
    unary("abs", jnp.abs),
    unary("abs2", lambda x: jnp.real(x) ** 2 + jnp.imag(x) ** 2),
    unary("sign", jnp.sign),
    unary("real", jnp.real, COMPLEX),
    unary("imag", jnp.imag, COMPLEX),
    unary("conjugate", jnp.conj, COMPLEX),
    reduction("sum", jnp.sum),
    reduction("mean", jnp.mean),
    reduction("max", jnp.max),
    reduction("min", jnp.min),
    reduction("logsumexp", jax.scipy.special.logsumexp),
    normaliser("softmax", jax.nn.softmax),
    normaliser("log_softmax", jax.nn.log_softmax),
    Row("matmul", jnp.matmul, [(shapes, {}) for shapes in _MATMULS], (REAL, REAL)),
    Row("outer", jnp.outer, [(((2,), (3,)), {}), (((1,), (1,)), {})], (REAL, REAL)),
    Row(
        "transpose",
        lambda x, axes=None: jnp.transpose(x, axes),
        [
            (((2, 3),), {}),
            (((4,),), {}),
            (((2, 3, 4),), {"axes": (0, 2, 1)}),
            (((2, 3, 4),), {"axes": (2, 0, 1)}),
            (((2, 3, 4),), {"axes": (-1, 0, 1)}),
        ],
    ),
    Row(
        "reshape",
        lambda x, shape: jnp.reshape(x, shape),
        [
            (((2, 3),), {"shape": (3, 2)}),
            (((2, 3),), {"shape": -1}),
            (((2, 3),), {"shape": (1, -1)}),
        ],
    ),
    Row(
        "broadcast_to",
        lambda x, shape: jnp.broadcast_to(x, shape),
        [
            (((2, 3),), {"shape": (2, 3)}),
            (((3,),), {"shape": (2, 3)}),
            (((2, 1),), {"shape": (4, 2, 3)}),
            (((),), {"shape": (2, 3)}),
            (((),), {"shape": ()}),
        ],
    ),
    Row(
        "expand_dims",
        lambda x, axis: jnp.expand_dims(x, axis),
        [(((2, 3),), {"axis": a}) for a in (0, 1, -1, (0, 2), (-1, -2))] + [(((),), {"axis": 0})],
    ),
    Row(
        "squeeze",
        lambda x, axis=None: jnp.squeeze(x, axis),
        [(((1, 3, 1),), {"axis": a}) for a in (0, -1, (0, 2), None)] + [(((1,),), {})],
    ),
    Row(
        "concatenate",
        lambda *parts, axis=0: jnp.concatenate(parts, axis),
        [
            (((2, 3), (1, 3)), {}),
            (((2, 3), (2, 1), (2, 2)), {"axis": -1}),
            (((4,),), {}),
            (((0, 2), (3, 2)), {"axis": 0}),
        ],
    ),
    unary("identity", lambda x: x),
    unary("stop_gradient", jax.lax.stop_gradient),
    Row(
        "slice",
        _sliced,
        [
            (((4, 3),), {"index": (1,)}),
            (((4, 3),), {"index": ((1, None, None), -1)}),
            (((4, 3),), {"index": ((None, None, -1), None, (-2, None, None))}),
            (((5,),), {"index": ((4, 0, -2),)}),
            (((5,),), {"index": ((3, 3, None),)}),
            (((2,),), {"index": ()}),
            (((2,),), {"index": (None,)}),
        ],
    ),
    Row(
        "place",
        _place,
        [
            (((3,),), {"shape": (4, 3), "index": (1,)}),
            (((3,),), {"shape": (4, 3), "index": ((1, None, None), -1)}),
            (((2,),), {"shape": (5,), "index": ((4, 0, -2),)}),
        ],
    ),
    Row(
        "put",
        lambda x, value, index: x.at[_slices(index)].set(value),
        [
            (((4, 3), (3,)), {"index": (1,)}),
            (((4, 3), ()), {"index": ((1, None, None), -1)}),
            (((4, 3), (1,)), {"index": ((None, None, 2), (0, 2, None))}),
            (((5,), (2,)), {"index": ((4, 0, -2),)}),
            (((2,), ()), {"index": (0,)}),
        ],
        (REAL, REAL),
    ),
    Row(
        "gather",
        lambda x, *indices: x[indices],
        [
            (((3, 2), (4,)), {}),
            (((3, 3), (4,), (4,)), {}),
            (((3, 3), (2, 1), (4,)), {}),
            (((3,), ()), {}),
        ],
        (REAL, _LABELS),
    ),
    Row(
        "scatter_add",
        lambda x, *indices, shape: jnp.zeros(shape, x.dtype).at[indices].add(x),
        [
            (((4, 2), (4,)), {"shape": (3, 2)}),
            (((4,), (4,), (4,)), {"shape": (3, 3)}),
            (((2, 4), (2, 1), (4,)), {"shape": (3, 3)}),
            (((), ()), {"shape": (3,)}),
        ],
        (REAL, _LABELS),
    ),
    Row(
        "take_along_axis",
        lambda x, indices, axis: jnp.take_along_axis(x, indices, axis),
        [
            (((4, 3), (4, 1)), {"axis": 1}),
            (((3, 2), (5, 2)), {"axis": 0}),
            (((3,), (4,)), {"axis": -1}),
        ],
        (REAL, _LABELS),
    ),
    Row(
        "scatter_add_along_axis",
        _along,
        [
            (((4, 2), (4, 2)), {"shape": (4, 3), "axis": 1}),
            (((5, 2), (5, 2)), {"shape": (3, 2), "axis": 0}),
        ],
        (REAL, _LABELS),
    ),
)
