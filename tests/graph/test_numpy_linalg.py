"""np.linalg on tensors: what plain arrays give, and slopes; and SciPy's matrix exponential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import graphdiff as gd

L = np.linalg
rng = np.random.default_rng(11)
TALL, WIDE, SQUARE = (rng.normal(size=shape) for shape in ((4, 3), (3, 4), (3, 3)))
STACK, SIDE = rng.normal(size=(2, 3, 4)), rng.normal(size=4)
TWO = np.stack([SIDE, SIDE**2], axis=1)


def joined(parts: Any) -> Any:
    return np.concatenate([np.ravel(part) for part in parts])


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "svd of columns": (lambda x: joined(L.svd(x, full_matrices=False)), TALL),
    "svd of rows": (lambda x: joined(L.svd(x, full_matrices=False)), WIDE),
    "svd of a square": (lambda x: joined(L.svd(x)), SQUARE),
    "svd of a stack": (lambda x: joined(L.svd(x, full_matrices=False)), STACK),
    "singular values": (lambda x: L.svd(x, compute_uv=False) + L.svdvals(x), TALL),
    "qr of columns": (lambda x: joined(L.qr(x)), TALL),
    "qr of rows": (lambda x: joined(L.qr(x)), WIDE),
    "qr of a stack": (lambda x: joined(L.qr(x)), STACK),
    "r": (lambda x: L.qr(x, mode="r"), TALL),
    "pinv": (lambda x: L.pinv(x), WIDE),
    "lstsq": (lambda x: joined(L.lstsq(x, SIDE)[:2]), TALL),
    "lstsq of two": (lambda x: joined(L.lstsq(x, TWO)[:2]), TALL),
    "lstsq without residuals": (lambda x: joined(L.lstsq(x, SIDE[:3])[:2]), WIDE),
    "vector norms": (lambda x: L.vector_norm(x, axis=(0, 1), ord=3) + L.vector_norm(x), STACK),
    "cond": (lambda x: L.cond(x) + L.cond(x, 1) + L.cond(x, -2) + L.matrix_rank(x), SQUARE),
    "tensors": (lambda x: L.tensorinv(x.reshape(3, 1, 3)) + L.tensorsolve(x, SIDE[:3]), SQUARE),
    "triangular": (
        lambda x: (
            gd.linalg.solve_triangular(x, SIDE[:3])
            + gd.linalg.solve_triangular(x, SIDE[:3], trans="T", lower=True, unit_diagonal=True)
        ),
        SQUARE,
    ),
    "from Cholesky's factor": (
        lambda x: gd.linalg.cho_solve((L.cholesky(x @ x.T), True), TWO[:3]),
        SQUARE,
    ),
    "expm": (lambda x: gd.linalg.expm(x), SQUARE),
    "expm of a stack": (lambda x: gd.linalg.expm(x @ x.mT), STACK),
    "np.linalg's products": (
        lambda x: L.matmul(x, x.T) * L.outer(L.vecdot(x, x), x[0]) + L.trace(x) + L.diagonal(x),
        SQUARE,
    ),
} | {
    f"norm {order}": (
        lambda x, order=order: joined(
            [L.norm(x[0], order), L.norm(x, order, axis=(2, 0), keepdims=True)]
        ),
        STACK,
    )
    for order in (1, -1, 2, -2, np.inf, -np.inf, "nuc", "fro", None)
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_with_plain_arrays(name: str) -> None:
    f, x = CASES[name]
    wanted = f(x)
    np.testing.assert_allclose(gd.jit(f)(x), wanted, rtol=1e-11, atol=1e-12)
    weights = np.linspace(1.0, 2.0, np.size(wanted)).reshape(np.shape(wanted))
    slope = gd.grad(lambda x: np.sum(weights.astype(x.dtype) * f(x) ** 2))
    assert gd.check_gradients(lambda x: np.sum(weights * f(x) ** 2), (x,))
    assert gd.check_gradients(lambda x: np.sum(np.cos(x) * slope(x)), (x,))


@pytest.mark.parametrize("size", [0.0, 1e-8, 0.1, 1.0, 5.0, 30.0])
def test_the_exponential_is_that_of_scipy(size: float) -> None:
    x = size * SQUARE
    np.testing.assert_allclose(gd.linalg.expm(x), scipy.linalg.expm(x), rtol=1e-11, atol=1e-15)
    found = gd.jvp(gd.linalg.expm, (x,), (WIDE[:, :3],))[1]
    wanted = scipy.linalg.expm_frechet(x, WIDE[:, :3], compute_expm=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: L.svd(x), "full_matrices=False"),
        (lambda x: L.qr(x, mode="complete"), "'reduced' or 'r'"),
        (lambda x: L.norm(x, "nuc", axis=0), "of vectors with ord='nuc'"),
        (lambda x: L.norm(x, 3), "of matrices with ord=3"),
        (lambda x: np.histogram(x), "np.histogram has no rule"),
        (lambda x: L.eig(x), "eigvals: not a square matrix"),
        (lambda x: gd.linalg.expm(x), "not a square matrix"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(call: Any, message: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=message):
        call(gd.Graph().input("x", (4, 3)))


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, "T"])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_systems_are_scipys(lower: bool, trans: Any, unit: bool) -> None:
    given = SQUARE.copy()
    given[np.triu_indices(3, 1) if lower else np.tril_indices(3, -1)] = np.nan
    found = gd.linalg.solve_triangular(given, TWO[:3], trans, lower, unit)
    wanted = scipy.linalg.solve_triangular(SQUARE, TWO[:3], trans, lower, unit)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("lower", [True, False])
def test_a_system_is_solved_from_choleskys_factor_as_scipy_does(lower: bool) -> None:
    factor = scipy.linalg.cholesky(SQUARE @ SQUARE.T, lower=lower)
    found = gd.linalg.cho_solve((factor, lower), SIDE[:3])
    np.testing.assert_allclose(found, scipy.linalg.cho_solve((factor, lower), SIDE[:3]), rtol=1e-10)


GENERAL = np.array([[1.0, 2.0, 0.0], [-1.0, 0.5, 1.0], [0.3, 0.2, -1.0]])


@pytest.mark.parametrize("matrix", [GENERAL, GENERAL + 0.3j * SQUARE])
def test_what_does_not_depend_on_the_phases_of_eigenvectors_has_two_derivatives(
    matrix: Any,
) -> None:
    def f(x: Any) -> Any:
        w, v = L.eig(x)
        return np.sum(np.abs(v) ** 4 * SQUARE) + np.sum(np.abs(w - 1.0) ** 2)

    np.testing.assert_allclose(gd.jit(f)(matrix), f(matrix), rtol=1e-12)
    assert gd.check_gradients(f, (matrix,))
    slope = gd.grad(f)
    assert gd.check_gradients(lambda x: np.sum(np.abs(slope(x)) ** 2), (matrix,))


def test_equal_eigenvalues_do_not_mix() -> None:
    slope = gd.grad(lambda x: np.sum(np.real(L.eig(x)[1])))(np.eye(2))
    np.testing.assert_array_equal(slope, np.zeros((2, 2)))


def test_roots_are_numpys_and_their_slopes_those_of_the_implicit_function() -> None:
    p = np.array([2.0, -6.0, 11.0, -6.5])
    z = np.roots(p)
    np.testing.assert_allclose(gd.jit(np.roots)(p), z, rtol=1e-13)
    slopes = gd.jacobian(lambda q: np.stack([np.roots(q).real, np.roots(q).imag]))(p)
    wanted = -np.vander(z, 4) / np.polyval(np.polyder(p), z)[:, None]
    np.testing.assert_allclose(slopes[0] + 1j * slopes[1], wanted, rtol=1e-10)
