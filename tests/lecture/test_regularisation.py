"""Regularisation: where training with `gd.train` ends, the lecture has a formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import graphdiff as gd
from graphdiff import train

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.normal(size=40)
A = RNG.normal(size=(4, 4))
H = A @ A.T + 0.1 * np.eye(4)  # a Hessian
BEST = np.array([1.5, -0.8, 0.05, 0.4])  # w*
ALPHA = 0.3


def quadratic(hessian, penalty=lambda w: 0.0 * np.sum(w), start=None):
    """Ĵ(w) = ½ (w − w*)ᵀ H (w − w*) and a penalty."""
    g = gd.Graph("quadratic")
    w = g.parameter("w", value=np.zeros(4) if start is None else start)
    d = w - BEST
    g.output("J", 0.5 * (d @ hessian @ d) + penalty(w))
    return g


def l2(w):
    return ALPHA / 2 * (w @ w)


def solved(g, data=None):
    found = train.fit(g, data or {}, optimiser=train.lbfgs(tolerance=1e-13), epochs=500)
    return found.parameters["w"]


def descended(g, rate, steps, then=()):
    found = train.fit(g, {}, optimiser=train.sgd(rate).then(*then), epochs=steps)
    return found.parameters["w"]


# -- L² ------------------------------------------------------------------------------------------


def test_a_step_with_weight_decay_is_a_step_from_shrunk_weights():
    """w ← (1 − εα) w − ε ∇J."""
    w, rate = RNG.normal(size=4), 0.1
    found = descended(quadratic(H, l2, w), rate, 1)
    expected = (1 - rate * ALPHA) * w - rate * H @ (w - BEST)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_adamw_without_moments_shrinks_alike():
    """With a zero gradient AdamW's step is w ← (1 − ελ) w, whatever the moments are."""
    f = gd.compile(train.adamw(0.1, weight_decay=ALPHA).graph())
    theta, zero = RNG.normal(size=3), np.zeros(3)
    found = f(theta=theta, g=zero, rate=0.1, k=1.0, m=zero, v=zero)["new theta"]
    np.testing.assert_allclose(found, (1 - 0.1 * ALPHA) * theta, rtol=1e-14)


def test_the_minimum_with_l2_is_the_lectures():
    """w̃ = (H + αI)⁻¹ H w*."""
    expected = np.linalg.solve(H + ALPHA * np.eye(4), H @ BEST)
    np.testing.assert_allclose(solved(quadratic(H, l2)), expected, atol=1e-10)
    np.testing.assert_allclose(descended(quadratic(H, l2), 0.1, 2000), expected, atol=1e-10)


def test_the_quadratic_expansion_of_a_cost_predicts_its_penalised_minimum():
    """(H + αI)⁻¹ H w* with the Hessian of logistic regression: off by O(α²), as Taylor has it."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 4))
    y = (x @ [1.0, -1.0, 0.5, 0.0] + rng.normal(size=50) > 0) * 1.0

    def logistic(w):
        return gd.nn.bernoulli_nll(x @ w, y)

    def minimum(alpha):
        gradient = gd.grad(lambda w: logistic(w) + alpha / 2 * (w @ w))
        curvature, w = gd.hessian(logistic), np.zeros(4)
        for _ in range(30):
            w = w - np.linalg.solve(curvature(w) + alpha * np.eye(4), gradient(w))
        return w

    best = minimum(0.0)
    hessian = gd.hessian(logistic)(best)
    errors = [
        np.abs(minimum(a) - np.linalg.solve(hessian + a * np.eye(4), hessian @ best)).max()
        for a in (1e-3, 1e-4)
    ]
    assert 80 < errors[0] / errors[1] < 120


def test_along_an_eigenvector_the_weight_shrinks_by_its_eigenvalue():
    """qᵢᵀ w̃ = λᵢ / (λᵢ + α) qᵢᵀ w*."""
    eigenvalues, Q = np.linalg.eigh(H)
    w = solved(quadratic(H, l2))
    np.testing.assert_allclose(
        Q.T @ w, eigenvalues / (eigenvalues + ALPHA) * (Q.T @ BEST), atol=1e-10
    )


def test_ridge_regression():
    """The minimum of ½‖Xw − y‖² + ½α‖w‖² is (XᵀX + αI)⁻¹ Xᵀ y."""
    g = gd.Graph("ridge")
    x, y = g.input("x", ("t", 4)), g.input("y", ("t",))
    w = g.parameter("w", value=np.zeros(4))
    e = x @ w - y
    g.output("J", 0.5 * (e @ e) + l2(w))
    expected = np.linalg.solve(X.T @ X + ALPHA * np.eye(4), X.T @ Y)
    np.testing.assert_allclose(solved(g, {"x": X, "y": Y}), expected, atol=1e-10)


# -- L¹ ------------------------------------------------------------------------------------------


def soft(w, by):
    return np.sign(w) * np.maximum(np.abs(w) - by, 0.0)


def test_the_gradient_of_l1_has_the_sign_of_the_weights():
    g = quadratic(H, lambda w: ALPHA * np.sum(np.abs(w)), start=BEST)
    G = gd.compile(gd.gradient(g, of="J"))
    np.testing.assert_allclose(G()["dJ/dw"], ALPHA * np.sign(BEST), rtol=1e-10)


def test_with_a_diagonal_hessian_l1_is_a_soft_threshold():
    """wᵢ = sign(wᵢ*) max(|wᵢ*| − α/hᵢᵢ, 0), reached by proximal steps, zeros exactly."""
    h = np.array([2.0, 0.5, 1.0, 0.7])
    found = descended(quadratic(np.diag(h)), 0.4, 400, [train.soft_threshold(ALPHA)])
    expected = soft(BEST, ALPHA / h)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert (found == 0.0).tolist() == (expected == 0.0).tolist() == [False, False, True, True]


def test_with_any_hessian_proximal_steps_find_the_lasso():
    """Against the same problem as a smooth one with w = u − v, u and v not negative."""
    found = descended(quadratic(H), 0.1, 5000, [train.soft_threshold(ALPHA)])

    def split(z):
        d = z[:4] - z[4:] - BEST
        g = H @ d
        return d @ g / 2 + ALPHA * z.sum(), np.concatenate([g, -g]) + ALPHA

    smooth = minimize(
        split, np.ones(8), jac=True, bounds=[(0, None)] * 8, method="L-BFGS-B",
        options={"ftol": 1e-16, "gtol": 1e-12, "maxiter": 10_000},
    )  # fmt: skip
    np.testing.assert_allclose(found, smooth.x[:4] - smooth.x[4:], atol=1e-6)
    gradient = H @ (found - BEST)  # the optimality condition of the lasso
    zero = found == 0.0
    np.testing.assert_allclose(gradient[~zero], -ALPHA * np.sign(found[~zero]), atol=1e-10)
    assert (np.abs(gradient[zero]) <= ALPHA).all()


def test_l1_is_sparse_where_l2_is_not():
    rng = np.random.default_rng(1)
    X, w = rng.normal(size=(60, 30)), np.zeros(30)
    w[:4] = [2.0, -3.0, 1.5, 2.5]
    y = X @ w + 0.1 * rng.normal(size=60)
    g = gd.Graph("sparse")
    x, target = g.input("x", ("t", 30)), g.input("y", ("t",))
    parameter = g.parameter("w", value=np.zeros(30))
    error = np.mean((x @ parameter - target) ** 2) / 2
    g.output("J", error)
    g.output("ridge", error + 0.05 * (parameter @ parameter))
    data = {"x": X, "y": y}
    lasso = train.fit(
        g, data, optimiser=train.sgd(0.2).then(train.soft_threshold(0.2)), epochs=1000
    ).parameters["w"]
    ridge = train.fit(g, data, of="ridge", optimiser=train.lbfgs(), epochs=200).parameters["w"]
    assert np.flatnonzero(lasso).tolist() == [0, 1, 2, 3]
    assert np.count_nonzero(ridge) == 30


# -- constraints ---------------------------------------------------------------------------------


def test_a_norm_constraint_ends_where_the_multiplier_says():
    """The minimum with ‖w‖ ≤ k is that of an L² penalty whose α puts it on the sphere."""
    limit = 0.8
    w = descended(quadratic(H), 0.1, 3000, [train.max_norm(limit)])
    assert np.linalg.norm(w) == pytest.approx(limit, abs=1e-12)
    multiplier = -(H @ (w - BEST)) @ w / (w @ w)
    assert multiplier > 0
    np.testing.assert_allclose(w, np.linalg.solve(H + multiplier * np.eye(4), H @ BEST), atol=1e-10)


# -- early stopping ------------------------------------------------------------------------------


def test_after_so_many_steps_each_eigendirection_has_come_so_far():
    """qᵢᵀ w(τ) = (1 − (1 − ελᵢ)^τ) qᵢᵀ w*, from w(0) = 0 (Goodfellow et al., eq. 7.40)."""
    eigenvalues, Q = np.linalg.eigh(H)
    rate, steps = 0.05, 17
    w = descended(quadratic(H), rate, steps)
    np.testing.assert_allclose(
        Q.T @ w, (1 - (1 - rate * eigenvalues) ** steps) * (Q.T @ BEST), atol=1e-12
    )


def test_stopping_early_is_l2_with_the_matching_alpha():
    """(I − εΛ)^τ = (Λ + αI)⁻¹ α makes both the same (eq. 7.44), in each direction exactly."""
    eigenvalue, rate, steps = 0.6, 0.05, 17
    kept = (1 - rate * eigenvalue) ** steps
    alpha = eigenvalue * kept / (1 - kept)
    early = descended(quadratic(eigenvalue * np.eye(4)), rate, steps)
    np.testing.assert_allclose(early, eigenvalue / (eigenvalue + alpha) * BEST, atol=1e-12)


def test_alpha_is_about_one_over_steps_times_rate():
    """α ≈ 1/(τε), the better the smaller ελ and λ/α are: the error is of first order in them."""
    steps, rate = 100, 0.1
    gaps = []
    for scale in (1e-3, 1e-4, 1e-5):
        hessian = scale * H
        early = descended(quadratic(hessian), rate, steps)
        alpha = 1 / (steps * rate)
        l2 = np.linalg.solve(hessian + alpha * np.eye(4), hessian @ BEST)
        gaps.append(np.linalg.norm(early - l2) / np.linalg.norm(l2))
    assert gaps[0] < 0.15
    np.testing.assert_allclose(np.array(gaps[:-1]) / gaps[1:], 10, rtol=0.2)


# -- tying and sharing ---------------------------------------------------------------------------


def test_tied_parameters_come_together_as_the_penalty_grows():
    """The minimum of ½(a − p)² + ½(b − q)² + λ(a − b)² has a − b = (p − q) / (1 + 4λ)."""
    for weight in (0.0, 0.5, 50.0):
        g = gd.Graph("tied")
        a, b = g.parameter("a", value=0.0), g.parameter("b", value=0.0)
        g.output("J", 0.5 * (a - 3.0) ** 2 + 0.5 * (b - 1.0) ** 2 + weight * (a - b) ** 2)
        found = train.fit(g, {}, optimiser=train.lbfgs(tolerance=1e-13), epochs=100).parameters
        np.testing.assert_allclose(found["a"] - found["b"], 2 / (1 + 4 * weight), atol=1e-10)
        np.testing.assert_allclose(found["a"] + found["b"], 4.0, atol=1e-10)


def test_the_gradients_of_a_shared_parameter_add_up():
    g = gd.Graph("shared")
    x, w = g.input("x", (3,)), g.parameter("w", (3,))
    g.output("J", np.sum(np.tanh(w * x)) + np.sum(w**3))
    apart = gd.Graph("apart")
    x2, u, v = apart.input("x", (3,)), apart.parameter("u", (3,)), apart.parameter("v", (3,))
    apart.output("J", np.sum(np.tanh(u * x2)) + np.sum(v**3))
    at, w = RNG.normal(size=3), RNG.normal(size=3)
    one = gd.compile(gd.gradient(g, of="J"))(x=at, w=w)
    two = gd.compile(gd.gradient(apart, of="J"))(x=at, u=w, v=w)
    np.testing.assert_allclose(one["dJ/dw"], two["dJ/du"] + two["dJ/dv"], rtol=1e-14)


def test_connections_that_are_left_out_have_no_gradient():
    """A layer that is not fully connected: W ⊙ M with a constant M of zeros and ones."""
    M = np.tri(4, 3)
    g = gd.Graph("sparse")
    x, W = g.input("x", ("t", 4)), g.parameter("W", (4, 3))
    g.output("J", np.mean(np.tanh(x @ (W * M)) ** 2))
    values = RNG.normal(size=(4, 3))
    found = gd.compile(gd.gradient(g, of="J"))(x=X, W=values)["dJ/dW"]
    h = np.tanh(X @ (values * M))
    np.testing.assert_allclose(found, M * (X.T @ (2 * h * (1 - h**2) / h.size)), rtol=1e-10)
    assert (found[M == 0] == 0).all()


def test_a_convolution_is_a_dense_layer_with_shared_weights():
    """Its gradient by a kernel's weight is the sum over all places of the dense layer's."""
    n, k = 9, 3
    g = gd.Graph("convolution")
    x, kernel = g.input("x", (n,)), g.parameter("kernel", (k,))
    g.output("J", np.sum(np.tanh(np.convolve(x, kernel[::-1], mode="valid"))))
    dense = gd.Graph("dense")
    x2, W = dense.input("x", (n,)), dense.parameter("W", (n - k + 1, n))
    dense.output("J", np.sum(np.tanh(W @ x2)))
    at, weights = RNG.normal(size=n), RNG.normal(size=k)
    shared = np.zeros((n - k + 1, n))
    for place in range(n - k + 1):
        shared[place, place : place + k] = weights
    one = gd.compile(gd.gradient(g, of="J"))(x=at, kernel=weights)
    two = gd.compile(gd.gradient(dense, of="J"))(x=at, W=shared)
    assert one["J"] == pytest.approx(two["J"], rel=1e-14)
    sums = [sum(two["dJ/dW"][place, place + i] for place in range(n - k + 1)) for i in range(k)]
    np.testing.assert_allclose(one["dJ/dkernel"], sums, rtol=1e-12)


# -- bias and variance -----------------------------------------------------------------------------


def test_the_penalty_buys_less_variance_for_more_bias():
    """Ridge regression is linear in y: w = A y, so E w = A X w° and cov w = σ² A Aᵀ."""
    rng = np.random.default_rng(3)
    x, truth = rng.normal(size=(7, 3)), np.array([1.0, -2.0, 0.5])
    found = {}
    for alpha in (0.0, 0.5, 5.0):
        g = gd.Graph("ridge")
        inputs, y, w = g.input("x", ("t", 3)), g.input("y", ("t",)), g.parameter("w", (3,))
        g.output("J", 0.5 * np.sum((inputs @ w - y) ** 2) + alpha / 2 * np.sum(w * w))

        def trained(y, g=g):
            start = {"w": np.zeros(3)}
            return train.fit(
                g, {"x": x, "y": y}, optimiser=train.lbfgs(tolerance=1e-13), epochs=200, start=start
            ).parameters["w"]

        A = np.column_stack([trained(row) for row in np.eye(7)])
        shrunk = np.linalg.inv(x.T @ x + alpha * np.eye(3))
        np.testing.assert_allclose(A @ A.T, shrunk @ x.T @ x @ shrunk, atol=1e-10)
        np.testing.assert_allclose(trained(x @ truth) - truth, -alpha * shrunk @ truth, atol=1e-10)
        found[alpha] = np.linalg.norm(alpha * shrunk @ truth), np.trace(A @ A.T)
    (bias0, variance0), (bias1, variance1), (bias2, variance2) = found.values()
    assert bias0 == 0.0 < bias1 < bias2
    assert variance0 > variance1 > variance2


# -- ensembles -----------------------------------------------------------------------------------


def test_the_error_of_an_ensemble_is_v_over_k_and_the_covariance():
    """E[(1/k Σ εᵢ)²] = v/k + (k − 1)c/k (Goodfellow et al., eq. 7.51), on given errors."""
    k, errors = 5, RNG.normal(size=(5, 5)) @ RNG.normal(size=(5, 100_000))
    moments = errors @ errors.T / errors.shape[1]
    v, c = np.trace(moments) / k, (moments.sum() - np.trace(moments)) / (k * (k - 1))
    found = np.mean(errors.mean(axis=0) ** 2)
    np.testing.assert_allclose(found, v / k + (k - 1) * c / k, rtol=1e-10)


def test_bagging_lowers_the_error_on_new_data():
    """Fifth-degree least squares on noisy samples, each member from a bootstrap of them."""
    rng = np.random.default_rng(4)

    def features(x):
        return np.vander(x, 6)

    x = rng.uniform(-1, 1, 25)
    data = {"x": features(x), "y": np.sin(3 * x) + 0.5 * rng.normal(size=25)}
    new = np.linspace(-0.9, 0.9, 200)
    g = gd.Graph("polynomial")
    inputs, y, w = g.input("x", ("t", 6)), g.input("y", ("t",)), g.parameter("w", value=np.zeros(6))
    g.output("J", np.mean((inputs @ w - y) ** 2) + 1e-6 * (w @ w))
    predictions = []
    for member in range(15):
        drawn = train.bootstrap(data, rng=member)
        found = train.fit(g, drawn, optimiser=train.lbfgs(), epochs=300)
        predictions.append(features(new) @ found.parameters["w"])
    truth = np.sin(3 * new)
    alone = [np.mean((p - truth) ** 2) for p in predictions]
    together = np.mean((np.mean(predictions, axis=0) - truth) ** 2)
    assert together < np.mean(alone) / 1.5
