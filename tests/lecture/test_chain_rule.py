"""The chain rule as the lecture states it: for vectors, for tensors, and for one hidden layer."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import graphdiff as gd

RNG = np.random.default_rng(0)
M, N = 3, 4
W, X = RNG.normal(size=(N, M)), RNG.normal(size=M)


def inner(x):
    return np.tanh(W @ x)


def outer(y):
    return np.sum(y**3) + y[0] * y[1]


def test_the_gradient_is_the_jacobian_transposed_times_the_gradient() -> None:
    y = inner(X)
    jacobian = gd.jacobian(inner)(X)  # ∂y/∂x, with ∂yⱼ/∂xᵢ in row j
    by_y = gd.grad(outer)(y)
    by_x = gd.grad(lambda x: outer(inner(x)))(X)
    np.testing.assert_allclose(by_x, jacobian.T @ by_y, rtol=1e-12)
    for i in range(M):  # ∂z/∂xᵢ = Σⱼ ∂z/∂yⱼ ∂yⱼ/∂xᵢ
        np.testing.assert_allclose(by_x[i], sum(by_y * jacobian[:, i]), rtol=1e-12)
    np.testing.assert_allclose(jacobian, (1 - y**2)[:, None] * W, rtol=1e-12)


def test_the_pullback_is_that_product_without_the_jacobian() -> None:
    cotangent = RNG.normal(size=N)
    _, pullback = gd.vjp(inner, X)
    (found,) = pullback(cotangent)
    np.testing.assert_allclose(found, gd.jacobian(inner)(X).T @ cotangent, rtol=1e-12)


def test_for_a_tensor_the_sum_runs_over_tuples_of_indices() -> None:
    A = RNG.normal(size=(2, 3))

    def Y(A):
        return np.sin(A @ A.T)

    def z(Y):
        return np.sum(np.exp(Y) * np.arange(4.0).reshape(2, 2))

    by_A = gd.grad(lambda A: z(Y(A)))(A)
    by_Y, blocks = gd.grad(z)(Y(A)), gd.jacobian(Y)(A)  # blocks[j] is ∇_A Yⱼ
    total = sum(blocks[j] * by_Y[j] for j in np.ndindex(2, 2))
    np.testing.assert_allclose(by_A, total, rtol=1e-12)


# -- one hidden layer of rectifiers ----------------------------------------------------------------


def test_the_jacobian_of_the_rectifiers_is_the_diagonal_R() -> None:
    a = np.array([1.5, -0.5, 0.0, 2.0])
    R = gd.jacobian(gd.nn.relu)(a)
    np.testing.assert_array_equal(R, np.diag([1.0, 0.0, 0.0, 1.0]))


def test_the_jacobians_of_an_affine_map_and_of_the_layer() -> None:
    a = W @ X
    np.testing.assert_allclose(gd.jacobian(lambda x: W @ x)(X), W, rtol=1e-13)
    h = gd.jacobian(lambda x: gd.nn.relu(W @ x))(X)
    R = np.diag((a > 0).astype(float))
    # The lecture lays Jacobians out the other way round: ∇ₓ h = Wᵀ R(a).
    np.testing.assert_allclose(h.T, W.T @ R, rtol=1e-13)
    for j in range(N):  # column j of it is zero unless unit j is active
        assert h.T[:, j].any() == (a[j] > 0)


def test_the_jacobian_by_the_weights_is_a_tensor_of_n_matrices_with_one_row() -> None:
    tensor = gd.jacobian(lambda W: W @ X)(W)
    assert tensor.shape == (N, N, M)
    for i in range(N):
        expected = np.zeros((N, M))
        expected[i] = X
        np.testing.assert_allclose(tensor[i], expected, rtol=1e-13)


@pytest.mark.parametrize("n", [4, 8, 16])
def test_back_propagation_never_forms_that_tensor(n: int) -> None:
    g = gd.Graph()
    x, weights = g.input("x", (M,)), g.parameter("W", (n, M))
    g.output("J", np.sum(np.tanh(weights @ x) ** 2))
    G = gd.gradient(g, of="J")
    assert max(int(tensor.size) for tensor in G) == n * M  # as large as W, not n times that
    source = gd.compile(G, style="readable").source
    assert "np.outer(" in source
    tensor = gd.jacobian(lambda W: W @ X)(np.ones((n, M)))
    g_a = RNG.normal(size=n)
    np.testing.assert_allclose(np.tensordot(g_a, tensor, 1), np.outer(g_a, X), rtol=1e-13)


def test_of_scalars_the_derivatives_are_multiplied() -> None:
    """dz/dx = dz/dy · dy/dx for y = g(x) = sin x and z = f(y) = exp y, as one expression."""
    g = gd.Graph("scalars")
    y = np.sin(g.input("x")).named("y")
    g.output("z", np.exp(y))
    x = sympy.Symbol("x", real=True)
    found = gd.expression(g, of="z", wrt="x", style="recomputed").expanded
    assert sympy.simplify(found - sympy.exp(sympy.sin(x)) * sympy.cos(x)) == 0
    assert str(gd.expression(g, of="z", wrt="x", names={"exp": "f", "sin": "g"})) == "f'(y) g'(x)"
