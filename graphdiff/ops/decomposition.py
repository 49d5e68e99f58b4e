"""Singular values and vectors, orthogonal bases, pseudo-inverses and exponentials of matrices.

An op has one result, so a decomposition is an op for each of its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops import kernels
from graphdiff.ops.dimension import Dimension, Shape, combine
from graphdiff.ops.factorisation import declared, field, matrix, solve
from graphdiff.ops.notation import Form, Written, call
from graphdiff.ops.op import Op
from graphdiff.ops.products import tril
from graphdiff.ops.spec import Spec, promote, real_dtype

_EQUAL = "singular vectors of equal values do not mix; complex ones turn their phases on the left"


def _smaller(x: Spec) -> Dimension:
    rows, columns = matrix(x, square=False).shape[-2:]
    return combine("min", rows, columns)


def _of_shape(x: Spec, *last: Dimension) -> Spec:
    shape: Shape = (*x.shape[:-2], *last)
    return Spec(shape, x.dtype)


def _tall(x: Spec) -> Spec:
    rows, columns = matrix(x, square=False).shape[-2:]
    if _smaller(x) != columns:
        raise ShapeError(
            "a matrix with more columns than rows, or with lengths that are not known",
            got=f"{rows} and {columns}",
        )
    return x


def _svd_part(part: str) -> Form:
    return lambda site: Written(
        f"np.linalg.svd({site.operands[0].text}, full_matrices=False).{part}"
    )


# -- singular values and vectors -------------------------------------------------------------------


def _svdvals_vjp(g: Any, y: Any, x: Any) -> Any:
    return np.conj((svd_left(x) * g[..., None, :]) @ svd_right(x))


def _turned(s: Any, inner: Any) -> Any:
    """How a cotangent turns the singular vectors: ``(inner - innerᴴ)_ij / (s_j² - s_i²)``."""
    squares = np.square(s)
    gap = squares[..., None, :] - squares[..., :, None]
    return (inner - np.conj(inner).mT) / np.where(gap == 0, np.inf, gap)


def _eye(x: Any) -> Any:
    """The identity beside a matrix, of its precision."""
    return np.eye(x.shape[-1]).astype(str(real_dtype(x.dtype)))


def _svd_left_vjp(g: Any, y: Any, x: Any) -> Any:
    """J. Townsend, *Differentiating the singular value decomposition* (2016)."""
    s, right, inner = svdvals(x), svd_right(x), y.mT @ g
    back, size = np.conj(y), np.where(s == 0, np.inf, s)[..., None, :]
    found = (back @ _turned(s, inner)) * s[..., None, :]
    if y.dtype.kind == "c":
        found = (
            found + back * np.sum(1j * np.imag(inner) * _eye(inner), axis=-2)[..., None, :] / size
        )
    if y.shape[-2] != y.shape[-1]:  # the vectors may also leave their span
        found = found + (g - back @ inner) / size
    return found @ np.conj(right)


def _svd_right_vjp(g: Any, y: Any, x: Any) -> Any:
    s, left, inner = svdvals(x), svd_left(x), y @ g.mT
    ahead = np.conj(y)
    found = (s[..., :, None] * _turned(s, np.conj(inner))) @ ahead
    if y.shape[-2] != y.shape[-1]:
        found = found + (g - inner.mT @ ahead) / np.where(s == 0, np.inf, s)[..., :, None]
    return np.conj(left) @ found


svdvals = declared(
    "svdvals",
    lambda x: Spec((*x.shape[:-2], _smaller(x)), real_dtype(x.dtype)),
    _svdvals_vjp,
    call("np.linalg.svdvals"),
    complex=True,
)
svd_left = declared(
    "svd_left",
    lambda x: _of_shape(x, x.shape[-2], _smaller(x)),
    _svd_left_vjp,
    _svd_part("U"),
    _EQUAL,
    complex=True,
)
svd_right = declared(
    "svd_right",
    lambda x: _of_shape(x, _smaller(x), x.shape[-1]),
    _svd_right_vjp,
    _svd_part("Vh"),
    _EQUAL,
    complex=True,
)
matrix_rank = declared(
    "matrix_rank",
    lambda x: Spec(matrix(x, square=False).shape[:-2], np.dtype("int64")),
    None,
    call("np.linalg.matrix_rank"),
    complex=True,
)


# -- orthogonal and triangular ---------------------------------------------------------------------


def _qr_vjp(q: Any, r: Any, direct: Any, inner: Any) -> Any:
    """S. Walter and L. Lehmann, *Algorithmic differentiation of linear algebra functions* (2010).

    ``direct`` is the cotangent of Q or 0, and ``inner`` is R times that of R, less that of Q times
    Q. What is below its diagonal stands above it as well. The phases on the diagonal of R stay.
    """
    below = tril(inner, k=-1)
    total = np.conj(q) @ (np.conj(below) + below.mT + np.real(inner) * _eye(r)) + direct
    return solve(r, total.mT).mT


def _qr_q_vjp(g: Any, y: Any, x: Any) -> Any:
    return _qr_vjp(y, qr_r(x), g, -(g.mT @ y))


def _qr_r_vjp(g: Any, y: Any, x: Any) -> Any:
    return _qr_vjp(qr_q(x), y, 0.0, y @ g.mT)


qr_q = declared("qr_q", _tall, _qr_q_vjp, field("qr", "Q"), complex=True)
qr_r = declared(
    "qr_r",
    lambda x: _of_shape(_tall(x), x.shape[-1], x.shape[-1]),
    _qr_r_vjp,
    field("qr", "R"),
    complex=True,
)


# -- inverses and exponentials ---------------------------------------------------------------------


def _pinv_vjp(g: Any, y: Any, x: Any) -> Any:
    """G. Golub and V. Pereyra, *The differentiation of pseudo-inverses* (1973), equation 4.12."""
    back = -(y.mT @ g @ y.mT)
    adjoint = np.conj(y).mT
    left, right = g.mT @ y @ adjoint, adjoint @ y @ g.mT
    return back + np.conj(left - x @ (y @ left) + right - (right @ y) @ x)


def _infer_expm(x: Spec, *along: Spec) -> Spec:
    for direction in along:
        if direction.shape != matrix(x).shape:
            raise ShapeError("the direction does not fit", expected=str(x), got=str(direction))
    return Spec(matrix(x).shape, promote(x.dtype, *(v.dtype for v in along)))


def _expm_vjp(positions: Sequence[int], g: Any, y: Any, x: Any, *along: Any) -> Iterator[Any]:
    """Derivatives of tr(exp X) are symmetric in their directions, of which gᵀ is one more.

    By X one direction is added, by a direction it is put in its place.
    """
    for position in positions:
        rest = (v for i, v in enumerate(along, 1) if i != position)
        yield expm(x, *rest, g.mT).mT


pinv = declared(
    "pinv",
    lambda x: _of_shape(matrix(x, square=False), x.shape[-1], x.shape[-2]),
    _pinv_vjp,
    call("np.linalg.pinv"),
    "the rank is taken as constant",
    complex=True,
)
expm: Op = Op(  # its derivative along directions, where there are some
    "expm",
    _infer_expm,
    ("x", "*along"),
    vjp=_expm_vjp,
    numpy=call("expm"),
    formula=call("expm"),
    kernel=kernels.expm,
    complex=True,
    flops=lambda out, x, *along: 20 * x.size * x.shape[-1] * 8 ** len(along),
)

OPS = (svdvals, svd_left, svd_right, matrix_rank, qr_q, qr_r, pinv, expm)
