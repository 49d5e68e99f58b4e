"""Rows of the table for sums of products, diagonals, and linear algebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np

from tests.ops.table import REAL, Operand, Row


def _einsum(*operands: Any, subscripts: str) -> Any:
    return jnp.einsum(subscripts, *operands)


def _on_diagonal(x: Any, shape: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    at = np.zeros(shape)
    np.moveaxis(at, (axis1, axis2), (-2, -1))[...] = np.eye(shape[axis1], shape[axis2], offset)
    rows = max(-offset, 0)
    wide = jnp.zeros((*x.shape[:-1], shape[axis1]), x.dtype)
    wide = wide.at[..., rows : rows + x.shape[-1]].set(x)
    return (jnp.moveaxis(wide[..., None], (-2, -1), (axis1, axis2)) * at).astype(x.dtype)


PRODUCTS = (
    Row(
        "einsum",
        _einsum,
        [
            (((2, 3), (3, 4)), {"subscripts": "ij,jk->ik"}),
            (((2, 3), (4,)), {"subscripts": "ij,k->jk"}),
            (((2, 3), (2, 3), (3,)), {"subscripts": "ij,ij,j->i"}),
            (((2, 3, 4),), {"subscripts": "ijk->kj"}),
        ],
        (REAL,),
    ),
    Row(
        "diagonal",
        lambda x, **place: jnp.diagonal(x, **place),
        [(((3, 3),), {}), (((2, 3, 4),), {"offset": 1, "axis1": 2, "axis2": 0})],
    ),
    Row(
        "diagonal_matrix",
        _on_diagonal,
        [(((3,),), {"shape": (3, 3)}), (((2,),), {"shape": (3, 3), "offset": -1})],
    ),
    Row("tril", lambda x, k=0: jnp.tril(x, k), [(((3, 3),), {}), (((2, 3, 4),), {"k": -1})]),
    Row("triu", lambda x, k=0: jnp.triu(x, k), [(((3, 3),), {}), (((2, 3, 4),), {"k": 1})]),
    Row(
        "convolve",
        lambda a, v, mode="full": jnp.convolve(a, v, mode),
        [(((4,), (3,)), {}), (((4,), (2,)), {"mode": "valid"})],
        (REAL, REAL),
    ),
)


@dataclass(frozen=True)
class Matrix(Operand):
    """Matrices that are well-conditioned, and symmetric and positive where that is needed."""

    symmetric: bool = False

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        values = super().draw(rng, shape)
        if self.symmetric:
            values = values + np.swapaxes(values, -1, -2)
        if len(shape) < 2 or shape[-1] != shape[-2]:
            return values
        return np.asarray(values + np.diag(np.arange(5.0, 5.0 + shape[-1])))


REGULAR = Matrix()
POSITIVE = Matrix(-0.5, 0.5, symmetric=True)
_SQUARE = [(((3, 3),), {}), (((2, 2, 2),), {})]


def _cofactor(x: Any) -> Any:
    return jnp.linalg.det(x)[..., None, None] * jnp.linalg.inv(x).mT


def _cofactor_along(x: Any, *along: Any) -> Any:
    if not along:
        return _cofactor(x)
    return jax.jvp(lambda x: _cofactor_along(x, *along[1:]), (x,), (along[0],))[1]


def _eig(x: Any) -> Any:
    return jax.lax.linalg.eig(x, compute_left_eigenvectors=False, enable_eigvec_derivs=True)


def _solve(a: Any, b: Any) -> Any:
    return (
        (jnp.linalg.inv(a) @ b) if b.ndim > 1 else jnp.einsum("...ij,j->...i", jnp.linalg.inv(a), b)
    )


FACTORISATION = (
    Row("inv", jnp.linalg.inv, _SQUARE, (REGULAR,)),
    Row(
        "cofactor",
        _cofactor,
        _SQUARE,
        (REGULAR,),
    ),
    Row(
        "cofactor_along",
        _cofactor_along,
        [*((shapes * 2, {}) for shapes, _ in _SQUARE), (((5, 5),) * 3, {})],
        (REGULAR, REAL),
    ),
    Row("det", jnp.linalg.det, _SQUARE, (REGULAR,)),
    Row("logabsdet", lambda x: jnp.linalg.slogdet(x)[1], _SQUARE, (REGULAR,)),
    Row("signdet", lambda x: jnp.linalg.slogdet(x)[0], _SQUARE, (REGULAR,)),
    Row("cholesky", jnp.linalg.cholesky, _SQUARE, (POSITIVE,)),
    Row("eigvalsh", jnp.linalg.eigvalsh, _SQUARE, (POSITIVE,)),
    Row("eigenvectors", lambda x: jnp.linalg.eigh(x)[1], _SQUARE[:1], (POSITIVE,)),
    Row(
        "solve",
        _solve,
        [
            (((3, 3), (3,)), {}),
            (((3, 3), (3, 2)), {}),
            (((2, 2, 2), (2,)), {}),
            (((2, 2, 2), (2, 1)), {}),
        ],
        (REGULAR, REAL),
    ),
)


def _expm(x: Any, *along: Any) -> Any:
    """The exponential, or its derivative along one or two directions."""
    if not along:
        return jax.scipy.linalg.expm(x)
    return jax.jvp(lambda x: _expm(x, *along[1:]), (x,), (along[0],))[1]


_ANY = [(((3, 3),), {}), (((4, 2),), {}), (((2, 3),), {}), (((2, 3, 2),), {})]
_TALL = [_ANY[0], _ANY[1], _ANY[3]]
_SMALL = Operand(-0.5, 0.5)

DECOMPOSITION = (
    Row("svdvals", lambda x: jnp.linalg.svd(x, compute_uv=False), _ANY, (REGULAR,)),
    Row("svd_left", lambda x: jnp.linalg.svd(x, full_matrices=False)[0], _ANY, (REGULAR,)),
    Row("svd_right", lambda x: jnp.linalg.svd(x, full_matrices=False)[2], _ANY, (REGULAR,)),
    Row("matrix_rank", lambda x: jnp.linalg.matrix_rank(x).astype(int), _ANY[:2], (REGULAR,)),
    Row("qr_q", lambda x: jnp.linalg.qr(x)[0], _TALL, (REGULAR,)),
    Row("qr_r", lambda x: jnp.linalg.qr(x)[1], _TALL, (REGULAR,)),
    Row("pinv", jnp.linalg.pinv, _ANY, (REGULAR,)),
    Row(
        "expm",
        _expm,
        [
            (((3, 3),), {}),
            (((2, 2, 2),), {}),
            (((2, 2), (2, 2)), {}),
            (((2, 2), (2, 2), (2, 2)), {}),
        ],
        (_SMALL, REAL),
    ),
    Row("eigvals", lambda x: _eig(x)[0], _SQUARE, (REGULAR,)),
    Row("eig_vectors", lambda x: _eig(x)[1], _SQUARE, (REGULAR,)),
)
ROWS = (*PRODUCTS, *FACTORISATION, *DECOMPOSITION)
