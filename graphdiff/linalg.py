"""Linear algebra that NumPy lacks, on tensors and on plain arrays alike.

Names and arguments are those of `scipy.linalg`. All that is in np.linalg is used as it is.
"""

from __future__ import annotations

from typing import Any

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
