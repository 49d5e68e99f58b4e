"""Eigenvalues and eigenvectors of matrices that need not be symmetric.

They are complex, whatever the matrix: NumPy's own results are real where all eigenvalues of a real
matrix happen to be, and a graph cannot know that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.ops.factorisation import declared, matrix, solve
from graphdiff.ops.notation import Form, Written
from graphdiff.ops.spec import Spec, complex_dtype


def _vector(x: Spec) -> Spec:
    return Spec(matrix(x).shape[:-1], complex_dtype(x.dtype))


def _matrix(x: Spec) -> Spec:
    return Spec(matrix(x).shape, complex_dtype(x.dtype))


def _part(part: str) -> Form:
    """One part of what np.linalg.eig returns, as complex numbers."""
    return lambda site: Written(
        f"np.linalg.eig({site.operands[0].text}).{part}.astype(np.{site.out.dtype})"
    )


def _eigvals_vjp(g: Any, y: Any, x: Any) -> Any:
    """``dλ_k = (V⁻¹ dA V)_kk``."""
    v = eig_vectors(x)
    return solve(v.mT, g[..., :, None] * v.mT)


def _eig_vectors_vjp(g: Any, y: Any, x: Any) -> Any:
    """``dV = V (F ∘ V⁻¹ dA V)`` with ``F_ij = 1 / (λ_j - λ_i)``, and what LAPACK makes of it.

    It gives each vector the length 1, and the phase in which its largest component is real.
    """
    w = eigvals(x)
    gap = w[..., None, :] - w[..., :, None]
    gap = np.where(gap == 0, np.inf, gap)
    along = np.sum(g * y, axis=-2)[..., None, :]
    largest = np.argmax(np.abs(y), axis=-2)[..., None, :] == np.arange(y.shape[-1])[:, None]
    size = np.sum(np.where(largest, np.real(y), 0.0), axis=-2)[..., None, :]
    turned = np.where(largest, 1j * np.imag(along) / size, 0.0)
    inner = y.mT @ (g - np.conj(y) * np.real(along) - turned)
    return solve(y.mT, (inner / gap) @ y.mT)


eigvals = declared(
    "eigvals",
    _vector,
    _eigvals_vjp,
    _part("eigenvalues"),
    "of a matrix with fewer eigenvectors than rows there is none",
    complex=True,
)
eig_vectors = declared(
    "eig_vectors",
    _matrix,
    _eig_vectors_vjp,
    _part("eigenvectors"),
    "vectors of equal eigenvalues do not mix; lengths stay 1 and largest components real",
    complex=True,
)

OPS = (eigvals, eig_vectors)
