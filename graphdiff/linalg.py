"""Linear algebra that NumPy lacks, on tensors and on plain arrays alike.

Names and arguments are those of `scipy.linalg`. All that is in np.linalg is used as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.ops import OPS


def expm(A: Any) -> Any:
    """The exponential Σ Aᵏ / k! of a square matrix, or of each of a stack of them.

    Raises
    ------
    ShapeError, DTypeError
        If it is not square, or not of floats.

    Notes
    -----
    Padé's approximation with scaling and squaring (N. Higham, *The scaling and squaring method for
    the matrix exponential revisited*, 2005). Cost: about 8 products of matrices and one solution,
    and a product for each doubling of the norm beyond 5. The derivative is part of the exponential
    of a matrix twice as large (C. Van Loan, *Computing integrals involving the matrix exponential*,
    1978).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> gd.linalg.expm(np.pi / 2 * turn).round(12) + 0.0
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    return OPS["expm"](A)


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """Solve ``a x = b`` for a triangular matrix; what is beyond its triangle is not looked at.

    Parameters
    ----------
    a
        Of shape (n, n), or a stack of such.
    b
        Of shape (n,) or (n, k).
    trans
        0 or ``"N"``; 1 or ``"T"`` solves with the transpose of ``a``.
    lower
        Whether the lower triangle is meant.
    unit_diagonal
        Whether the diagonal counts as ones.

    Raises
    ------
    GraphError, ShapeError
        For another ``trans``, or if the shapes do not fit.

    Notes
    -----
    NumPy has no such solver: the code calls `np.linalg.solve`, which costs 2/3 n³ operations where
    n² k would do.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> L = np.array([[2.0, np.nan], [1.0, 4.0]])
    >>> gd.linalg.solve_triangular(L, np.array([2.0, 9.0]), lower=True)
    array([1., 2.])
    """
    if np.ndim(a) < 2:
        raise ShapeError("there is no triangle", expected="a matrix", got=f"{np.ndim(a)} axes")
    if trans not in (0, 1, "N", "T"):
        raise GraphError(
            "this is no way to solve", expected="trans 0, 'N', 1 or 'T'", got=repr(trans)
        )
    triangle = np.tril if lower else np.triu
    if unit_diagonal:
        ones = np.eye(np.shape(a)[-1])
        matrix = triangle(a, -1 if lower else 1) + ones
    else:
        matrix = triangle(a)
    return np.linalg.solve(matrix if trans in (0, "N") else np.swapaxes(matrix, -1, -2), b)


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Solve ``A x = b`` from Cholesky's factor of ``A``, as SciPy's function of that name.

    Parameters
    ----------
    c_and_lower
        The factor, of shape (n, n), and whether it is the lower one, L of ``A = L Lᵀ``, as
        `numpy.linalg.cholesky` gives it.
    b
        Of shape (n,) or (n, k).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> A = np.array([[4.0, 2.0], [2.0, 5.0]])
    >>> gd.linalg.cho_solve((np.linalg.cholesky(A), True), np.array([8.0, 12.0]))
    array([1., 2.])
    """
    c, lower = c_and_lower
    ahead, behind = (c, np.conj(c)) if lower else (np.conj(c), c)
    first = solve_triangular(ahead, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(behind, first, trans=1 if lower else 0, lower=lower)
