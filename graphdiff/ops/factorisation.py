"""Linear algebra on square matrices and stacks of them: inverses, determinants, eigenvalues."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.ops import kernels
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.notation import Form, Written, call
from graphdiff.ops.op import Op
from graphdiff.ops.products import tril
from graphdiff.ops.spec import Spec, broadcast, promote, real_dtype, shape_text

_SYMMETRIC = "the matrix is taken as symmetric, or Hermitian, and so is its derivative"


def matrix(x: Spec, square: bool = True) -> Spec:
    """The shape rule of an op that gives a matrix of the same shape.

    Raises
    ------
    ShapeError, DTypeError
        If it is none, none that is square, or none of floats.
    """
    if not x.is_inexact:
        raise DTypeError("floats are needed", got=str(x.dtype), hint="use astype(np.float64)")
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        raise ShapeError("not a square matrix" if square else "not a matrix", got=str(x))
    return x


def _scalar(x: Spec) -> Spec:
    return Spec(matrix(x).shape[:-2], x.dtype)


def _length(x: Spec) -> Spec:
    return Spec(matrix(x).shape[:-2], real_dtype(x.dtype))


def _real_vector(x: Spec) -> Spec:
    return Spec(matrix(x).shape[:-1], real_dtype(x.dtype))


def _cube(out: Spec, x: Spec, *others: Spec) -> Dimension:
    return 2 * x.size * x.shape[-1]


def declared(
    name: str,
    infer: Callable[..., Spec],
    vjp: Callable[..., Any] | None,
    numpy: Form,
    convention: str | None = None,
    kernel: Callable[..., Any] | None = None,
    complex: bool = False,
) -> Op:
    """An op of matrices that costs as much as products of them."""
    return Op(
        name,
        infer,
        ("x",),
        vjp=None if vjp is None else (vjp,),
        numpy=numpy,
        formula=call(name),
        convention=convention,
        kernel=kernel,
        complex=complex,
        flops=_cube,
    )


def field(function: str, field: str) -> Form:
    """One part of what a function of np.linalg returns."""
    return lambda site: Written(f"np.linalg.{function}({site.operands[0].text}).{field}")


def _infer_along(x: Spec, *along: Spec) -> Spec:
    for v in along:
        if matrix(x).shape != v.shape:
            raise ShapeError("the direction does not fit the matrix", expected=str(x), got=str(v))
    return Spec(x.shape, promote(x.dtype, *(v.dtype for v in along)))


def _each(value: Any) -> Any:
    """Numbers of a stack of matrices beside the matrices."""
    return value[..., None, None] if value.ndim else value


def _inv_vjp(g: Any, y: Any, x: Any) -> Any:
    return -(y.mT @ g @ y.mT)


def _along_vjp(positions: Sequence[int], g: Any, y: Any, x: Any, *along: Any) -> Iterator[Any]:
    """One derivative more, or one along ``g`` instead: those of a determinant are symmetric."""
    for position in positions:
        rest = (v for i, v in enumerate(along, 1) if i != position)
        yield cofactor_along(x, *rest, g)


def _cholesky_vjp(g: Any, y: Any, x: Any) -> Any:
    """I. Murray, *Differentiation of the Cholesky decomposition* (2016), equation 10."""
    inner = tril(y.mT @ g)
    half = inner - 0.5 * (inner * np.eye(x.shape[-1]).astype(str(x.dtype)))
    s = solve(np.conj(y).mT, solve(y.mT, half).mT)
    return 0.5 * (np.conj(s) + s.mT)


def _eigenvectors_vjp(g: Any, y: Any, x: Any) -> Any:
    w = eigvalsh(x)
    gap = w[..., None, :] - w[..., :, None]
    gap = np.where(gap == 0, np.inf, gap)
    s = np.conj(y) @ ((y.mT @ g) / gap) @ y.mT
    return 0.5 * (s + np.conj(s).mT)


def _eigvalsh_vjp(g: Any, y: Any, x: Any) -> Any:
    v = eigenvectors(x)
    return (np.conj(v) * g[..., None, :]) @ v.mT


def _signdet_vjp(g: Any, y: Any, x: Any) -> Any:
    """The phase of a complex determinant turns; a real one has a sign."""
    if x.dtype.kind != "c":
        return 0.0
    return _each(1j * np.imag(g * y)) * inv(x).mT


def _infer_solve(a: Spec, b: Spec) -> Spec:
    matrix(a)
    dtype = promote(a.dtype, b.dtype)
    if b.ndim == 0 or b.shape[-1 if b.ndim == 1 else -2] != a.shape[-1]:
        raise ShapeError(
            "the right side does not fit the matrix",
            got=f"{shape_text(a.shape)} and {shape_text(b.shape)}",
        )
    if b.ndim == 1:
        return Spec(a.shape[:-1], dtype)
    return Spec((*broadcast(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), dtype)


def _solve_matrix(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        found = solve(a.mT, g) if a.ndim == 2 else solve(a.mT, g[..., None])[..., 0]
        return -(found[..., :, None] * y[..., None, :])
    return -(solve(a.mT, g) @ y.mT)


def _solve_side(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1 and a.ndim > 2:
        return solve(a.mT, g[..., None])[..., 0]
    return solve(a.mT, g)


inv = declared("inv", matrix, _inv_vjp, call("np.linalg.inv"), complex=True)
cofactor = declared(
    "cofactor",
    matrix,
    lambda g, y, x: cofactor_along(x, g),  # second derivatives of det are symmetric
    call("cofactor"),
    kernel=kernels.cofactor,
    complex=True,
)
cofactor_along: Op = Op(
    "cofactor_along",
    _infer_along,
    ("*values",),
    vjp=_along_vjp,
    numpy=call("cofactor_along"),
    formula=call("cofactor_along"),
    kernel=kernels.cofactor_along,
    complex=True,
    flops=_cube,
)
det = declared(
    "det",
    _scalar,
    lambda g, y, x: _each(g) * cofactor(x),
    call("np.linalg.det"),
    complex=True,
)
logabsdet = declared(
    "logabsdet",
    _length,
    lambda g, y, x: _each(g) * inv(x).mT,
    field("slogdet", "logabsdet"),
    complex=True,
)
signdet = declared(
    "signdet", _scalar, _signdet_vjp, field("slogdet", "sign"), "0 for real matrices", complex=True
)
cholesky = declared(
    "cholesky", matrix, _cholesky_vjp, call("np.linalg.cholesky"), _SYMMETRIC, complex=True
)
eigvalsh = declared(
    "eigvalsh",
    _real_vector,
    _eigvalsh_vjp,
    call("np.linalg.eigvalsh"),
    _SYMMETRIC,
    complex=True,
)
eigenvectors = declared(
    "eigenvectors",
    matrix,
    _eigenvectors_vjp,
    field("eigh", "eigenvectors"),
    f"{_SYMMETRIC}; equal eigenvalues do not mix, and phases do not turn",
    complex=True,
)
solve = Op(
    "solve",
    _infer_solve,
    ("a", "b"),
    vjp=(_solve_matrix, _solve_side),
    numpy=call("np.linalg.solve"),
    formula=call("solve"),
    flops=lambda out, a, b: a.size * a.shape[-1] + 2 * out.size * a.shape[-1],
    complex=True,
)

OPS = (
    inv,
    cofactor,
    cofactor_along,
    det,
    logabsdet,
    signdet,
    cholesky,
    eigvalsh,
    eigenvectors,
    solve,
)
