"""NumPy's polynomials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.graph.numpy_complex import is_complex


def polyval(p: Any, x: Any) -> Any:
    """np.polyval: Horner's scheme, the highest power first."""
    p = p if hasattr(p, "graph") else np.atleast_1d(p)
    total = np.zeros_like(x)
    for i in range(np.shape(p)[0]):
        total = total * x + p[i]
    return total


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """np.vander."""
    powers = np.arange(x.shape[0] if N is None else N)
    return x[:, np.newaxis] ** (powers if increasing else powers[::-1])


def polyadd(a1: Any, a2: Any) -> Any:
    """np.polyadd."""
    terms = max(np.shape(a1)[0], np.shape(a2)[0])
    return np.pad(a1, (terms - np.shape(a1)[0], 0)) + np.pad(a2, (terms - np.shape(a2)[0], 0))


def polysub(a1: Any, a2: Any) -> Any:
    """np.polysub."""
    return polyadd(a1, np.negative(a2))


def polymul(a1: Any, a2: Any) -> Any:
    """np.polymul."""
    return np.convolve(a1, a2)


def polyder(p: Any, m: int = 1) -> Any:
    """np.polyder."""
    for _ in range(_order("np.polyder", m)):
        p = p[:-1] * np.arange(np.shape(p)[0] - 1, 0, -1)
    return p


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """np.polyint; ``k`` are the constants of integration."""
    constants = np.zeros(_order("np.polyint", m)) if k is None else k
    if np.ndim(constants) == 0:
        constants = np.broadcast_to(constants, (m,))
    for i in range(m):
        p = np.concatenate([p / np.arange(np.shape(p)[0], 0, -1), constants[i : i + 1]])
    return p


def _order(function: str, m: int) -> int:
    if m < 0:
        raise GraphError(f"the order of {function} is negative", got=repr(m))
    return m


def poly(seq_of_zeros: Any) -> Any:
    """np.poly of the zeros, not of a matrix; complex ones have complex coefficients."""
    if seq_of_zeros.ndim != 1:
        raise GraphError(
            "np.poly of a matrix", got=f"{seq_of_zeros.ndim} axes", hint="give it the eigenvalues"
        )
    coefficients = np.ones(1)
    for zero in seq_of_zeros:
        coefficients = polysub(np.pad(coefficients, (0, 1)), np.pad(zero * coefficients, (1, 0)))
    return coefficients


def roots(p: Any) -> Any:
    """np.roots: the eigenvalues of the companion matrix. The first coefficient must not be 0."""
    if p.ndim != 1:
        raise GraphError("np.roots of more than one polynomial", got=f"{p.ndim} axes")
    companion = np.diag(np.ones(p.shape[0] - 2), -1) * np.ones_like(p[0])
    companion[0, :] = -p[1:] / p[0]
    return np.linalg.eigvals(companion)


def polyfit(x: Any, y: Any, deg: int, *, w: Any = None) -> Any:
    """np.polyfit by least squares, the coefficients alone.

    As in NumPy, the columns of Vandermonde's matrix are first divided by their norms.
    """
    powers = np.vander(x, deg + 1)
    if w is not None:
        powers = powers * w[:, np.newaxis]
        y = y * (w[:, np.newaxis] if np.ndim(y) == 2 else w)
    scale = np.sqrt(np.sum(np.square(np.abs(powers) if is_complex(powers) else powers), axis=0))
    found = np.linalg.lstsq(powers / scale, y)[0]
    return found / (scale[:, np.newaxis] if np.ndim(y) == 2 else scale)


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.polyval: polyval,
        np.vander: vander,
        np.polyadd: polyadd,
        np.polysub: polysub,
        np.polymul: polymul,
        np.polyder: polyder,
        np.polyint: polyint,
        np.poly: poly,
        np.roots: roots,
        np.polyfit: polyfit,
    }
)
