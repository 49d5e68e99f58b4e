"""The functions of np.linalg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import numpy_products
from graphdiff.graph.numpy_complex import is_complex
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.dimension import product
from graphdiff.ops.spec import normal_axes, normal_axis


def _apply(op: str, *operands: Any, **params: Any) -> Any:
    graph = next(operand.graph for operand in operands if is_tensor(operand))
    return graph.apply(op, operands, params)


# -- norms -----------------------------------------------------------------------------------------


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm; the slope of a length is 0 at 0."""
    axes = normal_axes(axis, x.ndim)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return _apply("norm", x, axis=axis, keepdims=keepdims)
    if len(axes) == 1:
        return _norm_of_vectors(x, ord, axis, keepdims)
    if len(axes) == 2:
        pair = axes if axis is None else tuple(normal_axis(i, x.ndim) for i in axis)
        found = _norm_of_matrices(np.moveaxis(x, pair, (-2, -1)), ord)
        return np.expand_dims(found, axes) if keepdims else found
    raise GraphError(f"np.linalg.norm with ord={ord!r}", hint="name one axis, or two")


def _norm_of_vectors(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise GraphError(f"np.linalg.norm of vectors with ord={ord!r}", expected="a number")
    size = np.abs(x)
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(size, axis=axis, keepdims=keepdims)
    if ord in (0, 1):
        terms = size if ord == 1 else (x != 0).astype(size.dtype)
        return np.sum(terms, axis=axis, keepdims=keepdims)
    if 0 < ord < 1:  # as for the absolute value, there is no slope where an element is 0
        size = np.where(size == 0, 0.0, size)
    total = np.sum(size**ord, axis=axis, keepdims=keepdims)
    if ord > 0:
        return np.where(total == 0, 0.0, total) ** (1.0 / ord)
    return np.where(total == np.inf, 0.0, total ** (1.0 / ord))  # an element is 0


def _norm_of_matrices(x: Any, ord: Any) -> Any:
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1)
        return (np.max if ord > 0 else np.min)(sums, axis=-1)
    if ord == "fro":
        return _apply("norm", x, axis=(-2, -1))
    if ord in (2, -2):
        return (np.max if ord > 0 else np.min)(svdvals(x), axis=-1)
    if ord == "nuc":
        return np.sum(svdvals(x), axis=-1)
    raise GraphError(
        f"np.linalg.norm of matrices with ord={ord!r}",
        expected="None, 'fro', 'nuc', 1, -1, 2, -2, np.inf or -np.inf",
    )


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """np.linalg.vector_norm: of all elements where no axis is named."""
    axes = normal_axes(axis, x.ndim)
    if ord == 2:
        return _apply("norm", x, axis=axes, keepdims=keepdims)
    rest = [i for i in range(x.ndim) if i not in axes]
    flat = np.reshape(np.transpose(x, (*rest, *axes)), (*(x.shape[i] for i in rest), -1))
    found = _norm_of_vectors(flat, ord, -1, False)
    return np.expand_dims(found, axes) if keepdims else found


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """np.linalg.matrix_norm."""
    return norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Any:
    """np.linalg.cond: the largest singular value by the smallest, or by another norm."""
    if p in (None, 2, -2):
        s = svdvals(x)
        ratio = np.max(s, axis=-1) / np.min(s, axis=-1)
        return 1.0 / ratio if p == -2 else ratio
    return norm(x, p, (-2, -1)) * norm(_apply("inv", x), p, (-2, -1))


# -- solving and decomposing -----------------------------------------------------------------------


def _linear(op: str) -> Callable[..., Any]:
    def function(a: Any) -> Any:
        return _apply(op, a)

    function.__name__ = op
    return function


_RESULTS: Mapping[str, Any] = {
    f.__name__: type(f(np.eye(1)))
    for f in (np.linalg.slogdet, np.linalg.eigh, np.linalg.eig, np.linalg.svd, np.linalg.qr)
}


def slogdet(a: Any) -> Any:
    """np.linalg.slogdet."""
    return _RESULTS["slogdet"](_apply("signdet", a), _apply("logabsdet", a))


def eigh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigh of matrices that are symmetric."""
    a = a if UPLO.upper() == "L" else np.conj(np.matrix_transpose(a))
    return _RESULTS["eigh"](_apply("eigvalsh", a), _apply("eigenvectors", a))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigvalsh of matrices that are symmetric."""
    return _apply("eigvalsh", a if UPLO.upper() == "L" else np.conj(np.matrix_transpose(a)))


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """np.linalg.cholesky."""
    found = _apply("cholesky", a)
    return np.conj(np.matrix_transpose(found)) if upper else found


def eig(a: Any) -> Any:
    """np.linalg.eig, complex whatever the matrix."""
    return _RESULTS["eig"](_apply("eigvals", a), _apply("eig_vectors", a))


def solve(a: Any, b: Any) -> Any:
    """np.linalg.solve."""
    return _apply("solve", a, b)


def svdvals(x: Any) -> Any:
    """np.linalg.svdvals."""
    return _apply("svdvals", x)


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """np.linalg.svd; with full matrices only of a square one."""
    if hermitian and compute_uv:
        raise GraphError("the vectors of np.linalg.svd with hermitian=", hint="leave it out")
    if not compute_uv:
        return svdvals(a)
    if full_matrices and a.shape[-1] != a.shape[-2]:
        raise GraphError(
            "np.linalg.svd of a matrix that is not square, with full_matrices",
            hint="full_matrices=False: the other vectors have no derivative",
        )
    return _RESULTS["svd"](_apply("svd_left", a), svdvals(a), _apply("svd_right", a))


def qr(a: Any, mode: str = "reduced") -> Any:
    """np.linalg.qr; of more columns than rows, the columns behind are turned as well."""
    rows, columns = a.shape[-2:]
    if mode == "complete" and rows == columns:
        mode = "reduced"
    if mode not in ("reduced", "r"):
        raise GraphError(f"np.linalg.qr with mode {mode!r}", expected="'reduced' or 'r'")
    wide = isinstance(rows, int) and isinstance(columns, int) and columns > rows
    first = a[..., :rows] if wide else a
    r = _apply("qr_r", first)
    if mode == "r" and not wide:
        return r
    q = _apply("qr_q", first)
    if wide:
        r = np.concatenate([r, q.mT @ a[..., rows:]], axis=-1)
    return r if mode == "r" else _RESULTS["qr"](q, r)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """np.linalg.lstsq of a matrix of full rank."""
    if rcond not in (None, -1):
        raise GraphError("np.linalg.lstsq with rcond=", hint="leave it out")
    a = a if is_tensor(a) else b.graph.constant(a)
    x = _apply("pinv", a) @ b
    rows, columns = a.shape[-2:]
    if isinstance(rows, int) and isinstance(columns, int) and rows <= columns:
        residuals = np.sum(np.zeros_like(np.real(x)), axis=0, keepdims=True)[:0]
    else:
        misfit = b - a @ x
        squares = np.square(np.abs(misfit) if is_complex(misfit) else misfit)
        residuals = np.sum(squares, axis=0, keepdims=np.ndim(b) == 1)
    return x, residuals, _apply("matrix_rank", a), svdvals(a)


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """np.linalg.tensorsolve."""
    if axes is not None:
        rest = [i for i in range(a.ndim) if i not in normal_axes(axes, a.ndim)]
        a = np.transpose(a, (*rest, *(normal_axis(i, a.ndim) for i in axes)))
    shape = np.shape(a)[np.ndim(b) :]
    size = product(shape)
    return np.reshape(_apply("solve", np.reshape(a, (-1, size)), np.ravel(b)), shape)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """np.linalg.tensorinv."""
    if ind <= 0:
        raise ShapeError("not a number of axes", got=str(ind))
    left, right = a.shape[:ind], a.shape[ind:]
    flat = np.reshape(a, (product(left), product(right)))
    return np.reshape(_apply("inv", flat), (*right, *left))


def matrix_power(a: Any, n: int) -> Any:
    """np.linalg.matrix_power."""
    if n == 0:
        return np.zeros_like(a) + np.eye(a.shape[-1])
    base, found = (a if n > 0 else _apply("inv", a)), None
    n = abs(n)
    while n:
        if n & 1:
            found = base if found is None else found @ base
        n >>= 1
        base = base @ base if n else base
    return found


def multi_dot(arrays: Any) -> Any:
    """np.linalg.multi_dot, from the left to the right."""
    return reduce(lambda a, b: a @ b, arrays)


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.linalg.norm: norm,
        np.linalg.vector_norm: vector_norm,
        np.linalg.matrix_norm: matrix_norm,
        np.linalg.cond: cond,
        np.linalg.inv: _linear("inv"),
        np.linalg.pinv: _linear("pinv"),
        np.linalg.det: _linear("det"),
        np.linalg.cholesky: cholesky,
        np.linalg.eigvalsh: eigvalsh,
        np.linalg.eig: eig,
        np.linalg.eigvals: _linear("eigvals"),
        np.linalg.matrix_rank: _linear("matrix_rank"),
        np.linalg.slogdet: slogdet,
        np.linalg.eigh: eigh,
        np.linalg.svd: svd,
        np.linalg.svdvals: svdvals,
        np.linalg.qr: qr,
        np.linalg.solve: solve,
        np.linalg.lstsq: lstsq,
        np.linalg.tensorsolve: tensorsolve,
        np.linalg.tensorinv: tensorinv,
        np.linalg.matrix_power: matrix_power,
        np.linalg.multi_dot: multi_dot,
        np.linalg.trace: lambda x, offset=0: numpy_products.trace(x, offset, -2, -1),
        np.linalg.diagonal: lambda x, offset=0: numpy_products.diagonal(x, offset, -2, -1),
        np.linalg.cross: lambda x1, x2, axis=-1: numpy_products.cross(x1, x2, axis=axis),
        np.linalg.outer: lambda x1, x2: np.outer(x1, x2),
        np.linalg.matmul: lambda x1, x2: np.matmul(x1, x2),
        np.linalg.matrix_transpose: lambda x: np.matrix_transpose(x),
        np.linalg.tensordot: lambda x1, x2, axes=2: numpy_products.tensordot(x1, x2, axes),
        np.linalg.vecdot: lambda x1, x2, axis=-1: numpy_products.vecdot(x1, x2, axis=axis),
    }
)
