"""Rows of the table with complex operands, and with a complex one beside a real one.

JAX's derivatives are in graphdiff's convention. Where JAX's own are wrong (sign, arccosh where the
real part is negative), another formula of the same function stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from tests.ops import (
    rows_algebra,
    rows_fourier,
    rows_images,
    rows_indexing,
    rows_reduction,
    table,
)
from tests.ops.table import COMPLEX, POSITIVE, REAL, Operand, Row, binary, unary

SMALL = Operand(-0.8, 0.8, "complex")
RIGHT = Operand(0.2, 2.0, "complex")  # where the real part is positive


def _sign(z: Any) -> Any:
    return z / jnp.abs(z)


UNARY: Mapping[str, tuple[Callable[..., Any], Operand]] = {
    "negative": (jnp.negative, COMPLEX),
    "square": (jnp.square, COMPLEX),
    "reciprocal": (jnp.reciprocal, RIGHT),
    "exp": (jnp.exp, COMPLEX),
    "expm1": (jnp.expm1, COMPLEX),
    "log": (jnp.log, COMPLEX),
    "log1p": (jnp.log1p, COMPLEX),
    "sqrt": (jnp.sqrt, COMPLEX),
    "abs": (jnp.abs, COMPLEX),
    "abs2": (lambda z: jnp.real(z) ** 2 + jnp.imag(z) ** 2, COMPLEX),
    "sign": (_sign, COMPLEX),
    "sin": (jnp.sin, COMPLEX),
    "cos": (jnp.cos, COMPLEX),
    "tanh": (jnp.tanh, SMALL),
    "tan": (jnp.tan, SMALL),
    "arcsin": (jnp.arcsin, COMPLEX),
    "arccos": (jnp.arccos, COMPLEX),
    "arctan": (jnp.arctan, SMALL),
    "sinh": (jnp.sinh, COMPLEX),
    "cosh": (jnp.cosh, COMPLEX),
    "arcsinh": (jnp.arcsinh, RIGHT),
    "arccosh": (lambda z: jnp.log(z + jnp.sqrt(z - 1) * jnp.sqrt(z + 1)), COMPLEX),
    "arctanh": (jnp.arctanh, SMALL),
    "exp2": (jnp.exp2, COMPLEX),
    "logical_not": (jnp.logical_not, COMPLEX),
    "log2": (lambda z: jnp.log(z) / float(np.log(2.0)), COMPLEX),
    "log10": (lambda z: jnp.log(z) / float(np.log(10.0)), COMPLEX),
    "isnan": (jnp.isnan, COMPLEX),
    "isfinite": (jnp.isfinite, COMPLEX),
    "isinf": (jnp.isinf, COMPLEX),
}


def _few(row: Row) -> Row:
    """The row with its first cases: what kinds meet makes no difference to shapes."""
    return replace(row, cases=row.cases[:2])


def mixed(op: str, other: Callable[..., Any], b: Operand = COMPLEX) -> tuple[Row, ...]:
    """Two complex operands, and a real one in either place."""
    real = POSITIVE if op in ("divide", "power") else REAL
    return (
        binary(op, other, COMPLEX, b),
        _few(binary(op, other, COMPLEX, real)),
        _few(binary(op, other, real, b)),
    )


ELEMENTWISE = (
    *(unary(op, other, operand) for op, (other, operand) in UNARY.items()),
    *mixed("add", jnp.add),
    *mixed("subtract", jnp.subtract),
    *mixed("multiply", jnp.multiply),
    *mixed("divide", jnp.divide, RIGHT),
    *mixed("power", jnp.power),
    *mixed("logical_and", jnp.logical_and),
    *mixed("logical_or", jnp.logical_or),
    *mixed("equal", jnp.equal),
    *mixed("not_equal", jnp.not_equal),
    Row(
        "where",
        jnp.where,
        [(shapes, {}) for shapes in (((2, 3),) * 3, ((3,), (2, 1), ()))],
        (Operand(kind="bool"), COMPLEX, REAL),
    ),
    Row(
        "astype",
        lambda x, dtype: x.astype(dtype),
        [(((2, 3),), {"dtype": "complex128"})],
        (COMPLEX,),
    ),
)


# Ops whose rows for real values hold as they are, with complex operands instead.
_ALIKE = frozenset(
    {"sum", "mean", "norm", "matmul", "outer", "transpose", "reshape", "broadcast_to"}
    | {"expand_dims", "squeeze", "concatenate", "identity", "stop_gradient", "slice", "place"}
    | {"put", "gather", "scatter_add", "take_along_axis", "scatter_add_along_axis", "cumsum"}
    | {"cumprod", "prod", "recurrence", "einsum", "diagonal", "diagonal_matrix", "tril", "triu"}
    | {"convolve", "put_at", "sliding_window_view", "overlap_add", "fft", "ifft", "irfft"}
    | {"inv", "cofactor", "cofactor_along", "det", "logabsdet", "signdet", "solve", "cholesky"}
    | {"eigvals", "eig_vectors", "eigvalsh", "eigenvectors", "svdvals", "svd_left", "svd_right"}
    | {"matrix_rank", "qr_q"}
    | {"qr_r", "pinv", "expm", "sort", "argsort"}
)


@dataclass(frozen=True)
class ComplexOf(Operand):
    """Complex numbers whose real parts another operand draws; Hermitian for symmetric matrices."""

    real: Operand = REAL

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        imag = Operand(-0.9, 1.1).draw(rng, shape)
        if getattr(self.real, "symmetric", False):  # Hermitian then
            imag = imag - np.swapaxes(imag, -1, -2)
        return np.asarray(self.real.draw(rng, shape) + 1j * imag)


def _complex(operand: Operand) -> Operand:
    return ComplexOf(real=operand) if operand.kind == "float" else operand


def _alike(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with complex operands, and those of two with a real one in each place."""
    for row in rows:
        if row.op not in _ALIKE:
            continue
        yield replace(row, operands=tuple(map(_complex, row.operands)))
        first, *rest = row.operands
        if rest and rest[0].kind == "float" and row.op not in ("cofactor_along", "expm"):
            yield _few(replace(row, operands=(_complex(first), *rest)))
            if row.op not in ("put", "put_at"):  # into a real array goes nothing complex
                yield _few(replace(row, operands=(first, *map(_complex, rest))))


ALIKE = tuple(
    _alike(
        (
            *table.ROWS,
            *rows_reduction.ROWS,
            *rows_algebra.ROWS,
            *rows_images.ROWS,
            *rows_indexing.ROWS,
            *rows_fourier.ROWS,
        )
    )
)
ROWS = (*ELEMENTWISE, *ALIKE)
