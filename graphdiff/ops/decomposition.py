"""Singular values and vectors, orthogonal bases, pseudo-inverses and exponentials of matrices.

An op has one result, so a decomposition is an op for each of its parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops import kernels
from graphdiff.ops.dimension import Dimension, Shape, combine
from graphdiff.ops.factorisation import declared, field, matrix, solve
from graphdiff.ops.notation import Form, Written, call
from graphdiff.ops.op import Op
from graphdiff.ops.products import tril
from graphdiff.ops.spec import Spec, promote

_EQUAL = "singular vectors of equal values do not mix"


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
    return (svd_left(x) * g[..., None, :]) @ svd_right(x)


def _turned(s: Any, inner: Any) -> Any:
    """How a cotangent turns the singular vectors: ``(inner - innerᵀ)_ij / (s_j² - s_i²)``."""
    squares = np.square(s)
    gap = squares[..., None, :] - squares[..., :, None]
    return (inner - inner.mT) / np.where(gap == 0, np.inf, gap)


def _svd_left_vjp(g: Any, y: Any, x: Any) -> Any:
    """J. Townsend, *Differentiating the singular value decomposition* (2016)."""
    s, right, inner = svdvals(x), svd_right(x), y.mT @ g
    found = (y @ _turned(s, inner)) * s[..., None, :]
    if y.shape[-2] != y.shape[-1]:  # the vectors may also leave their span
        found = found + (g - y @ inner) / np.where(s == 0, np.inf, s)[..., None, :]
    return found @ right


def _svd_right_vjp(g: Any, y: Any, x: Any) -> Any:
    s, left, inner = svdvals(x), svd_left(x), y @ g.mT
    found = (s[..., :, None] * _turned(s, inner)) @ y
    if y.shape[-2] != y.shape[-1]:
        found = found + (g - inner.mT @ y) / np.where(s == 0, np.inf, s)[..., :, None]
    return left @ found


svdvals = declared(
    "svdvals", lambda x: _of_shape(x, _smaller(x)), _svdvals_vjp, call("np.linalg.svdvals")
)
svd_left = declared(
    "svd_left",
    lambda x: _of_shape(x, x.shape[-2], _smaller(x)),
    _svd_left_vjp,
    _svd_part("U"),
    _EQUAL,
)
svd_right = declared(
    "svd_right",
    lambda x: _of_shape(x, _smaller(x), x.shape[-1]),
    _svd_right_vjp,
    _svd_part("Vh"),
    _EQUAL,
)
matrix_rank = declared(
    "matrix_rank",
    lambda x: Spec(matrix(x, square=False).shape[:-2], np.dtype("int64")),
    None,
    call("np.linalg.matrix_rank"),
)


# -- orthogonal and triangular ---------------------------------------------------------------------


def _qr_vjp(q: Any, r: Any, direct: Any, inner: Any) -> Any:
    """S. Walter and L. Lehmann, *Algorithmic differentiation of linear algebra functions* (2010).

    ``direct`` is the cotangent of Q or 0, and ``inner`` is R times that of R, less that of Q times
    Q. What is below its diagonal stands above it as well.
    """
    eye = np.eye(r.shape[-1]).astype(str(r.dtype))
    below = tril(inner, k=-1)
    total = q @ (below + below.mT + inner * eye) + direct
    return solve(r, total.mT).mT


def _qr_q_vjp(g: Any, y: Any, x: Any) -> Any:
    return _qr_vjp(y, qr_r(x), g, -(g.mT @ y))


def _qr_r_vjp(g: Any, y: Any, x: Any) -> Any:
    return _qr_vjp(qr_q(x), y, 0.0, y @ g.mT)


qr_q = declared("qr_q", _tall, _qr_q_vjp, field("qr", "Q"))
qr_r = declared(
    "qr_r",
    lambda x: _of_shape(_tall(x), x.shape[-1], x.shape[-1]),
    _qr_r_vjp,
    field("qr", "R"),
)


# -- inverses and exponentials ---------------------------------------------------------------------


def _pinv_vjp(g: Any, y: Any, x: Any) -> Any:
    """G. Golub and V. Pereyra, *The differentiation of pseudo-inverses* (1973), equation 4.12."""
    back = -(y.mT @ g @ y.mT)
    left, right = g.mT @ y @ y.mT, y.mT @ y @ g.mT
    return back + left - x @ (y @ left) + right - (right @ y) @ x


def _infer_expm(x: Spec, *along: Spec) -> Spec:
    for direction in along:
        if direction.shape != matrix(x).shape:
            raise ShapeError("the direction does not fit", expected=str(x), got=str(direction))
    return Spec(matrix(x).shape, promote(x.dtype, *(v.dtype for v in along)))


def _expm_vjp(position: int, g: Any, y: Any, x: Any, *along: Any) -> Any:
    """Derivatives of tr(exp X) are symmetric in their directions, of which gᵀ is one more.

    By X one direction is added, by a direction it is put in its place.
    """
    rest = (v for i, v in enumerate(along, 1) if i != position)
    return expm(x, *rest, g.mT).mT


pinv = declared(
    "pinv",
    lambda x: _of_shape(matrix(x, square=False), x.shape[-1], x.shape[-2]),
    _pinv_vjp,
    call("np.linalg.pinv"),
    "the rank is taken as constant",
)
expm: Op = Op(  # its derivative along directions, where there are some
    "expm",
    _infer_expm,
    ("x", "*along"),
    vjp=_expm_vjp,
    numpy=call("expm"),
    formula=call("expm"),
    kernel=kernels.expm,
    flops=lambda out, x, *along: 20 * x.size * x.shape[-1] * 8 ** len(along),
)

OPS = (svdvals, svd_left, svd_right, matrix_rank, qr_q, qr_r, pinv, expm)
