"""`gd.special`, and SciPy's own ufuncs with tensors: the same values, and the derivatives."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special as sp

import graphdiff as gd
from graphdiff.ops import OPS
from graphdiff.ops.special import OPS as SPECIAL

X = np.linspace(0.15, 0.9, 6)
ONE = [op.name for op in SPECIAL if op.operands in (("x",), ("p",))]
TWO = [op.name for op in SPECIAL if len(op.operands) == 2]
MADE = ["log_expit", "entr", "exp10"]


@pytest.mark.parametrize("name", [*ONE, *MADE, "expit", "erf", "log1p", "cbrt"])
def test_scipys_functions_of_one_argument(name: str) -> None:
    scipys = getattr(sp, name)
    np.testing.assert_allclose(gd.jit(lambda x: scipys(x))(X), scipys(X), rtol=1e-14)
    assert gd.check_gradients(lambda x: scipys(x), (X,))
    if name in ONE:
        np.testing.assert_array_equal(gd.jit(getattr(gd.special, name))(X), OPS[name](X))


@pytest.mark.parametrize("name", [*TWO, "rel_entr", "kl_div", "huber", "pseudo_huber"])
def test_scipys_functions_of_two_arguments(name: str) -> None:
    scipys = getattr(sp, name)
    first = 2.0 if name in ("jv", "yv", "iv", "kv", "ive", "zeta", "gammainc", "gammaincc") else 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(
            gd.jit(lambda x: scipys(first, x))(X), scipys(first, X), rtol=1e-14
        )
        assert gd.check_gradients(lambda x: scipys(first, x), (X,))
    if name in TWO:
        ours = getattr(gd.special, name)
        np.testing.assert_allclose(gd.jit(lambda x: ours(first, x))(X), scipys(first, X))


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_polygamma(n: int) -> None:
    np.testing.assert_allclose(
        gd.jit(lambda x: gd.special.polygamma(n, x))(X), sp.polygamma(n, X), rtol=1e-13
    )
    np.testing.assert_allclose(
        gd.grad(lambda x: np.sum(gd.special.polygamma(n, x)))(X), sp.polygamma(n + 1, X), rtol=1e-13
    )


def test_multigammaln() -> None:
    np.testing.assert_allclose(gd.special.multigammaln(X + 2, 3), sp.multigammaln(X + 2, 3))
    assert gd.check_gradients(lambda x: gd.special.multigammaln(x + 2, 3), (X,))


def test_logit_at_both_ends_and_in_the_middle() -> None:
    p = np.concatenate([np.geomspace(1e-300, 0.5), 0.5 + np.geomspace(1e-16, 0.49), [0.0, 1.0]])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(gd.special.logit(p), sp.logit(p), rtol=5e-16, atol=1e-16)


def test_zero_times_the_logarithm_of_zero() -> None:
    x, y = np.array([0.0, 0.0, 2.0, np.nan]), np.array([0.0, np.nan, 0.0, 1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(gd.special.xlogy(x, y), sp.xlogy(x, y))
        np.testing.assert_array_equal(gd.special.xlog1py(x, y - 1), sp.xlog1py(x, y - 1))
        np.testing.assert_array_equal(gd.jit(lambda x: sp.rel_entr(x, 0.5))(x), sp.rel_entr(x, 0.5))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_logsumexp_with_factors(axis: Any, keepdims: bool) -> None:
    a, b = np.array([[0.5, -1.2, 2.0], [1e3, 0.1, -3.0]]), np.array([[1.0, 0.0, 2.0], [0, 0.5, 1]])

    def ours(a: Any, b: Any) -> Any:
        return gd.special.logsumexp(a, axis=axis, b=b, keepdims=keepdims)

    wanted = sp.logsumexp(a, axis=axis, b=b, keepdims=keepdims)
    np.testing.assert_allclose(gd.jit(ours)(a, b), wanted, rtol=1e-15)
    by_a = gd.grad(lambda a: np.sum(ours(a, b)))(a)
    shares = np.where(b != 0, b * np.exp(np.where(b != 0, a, 0)), 0)
    np.testing.assert_allclose(
        by_a, shares / np.sum(shares, axis=axis, keepdims=True), rtol=1e-14, atol=0
    )
    factors = b[:1] + (axis == 0)  # a sum of nothing but zeros has no logarithm
    by_b = gd.grad(lambda b: np.sum(ours(a[:1], b)))(factors)
    total = np.sum(factors * np.exp(a[:1]), axis=axis, keepdims=True)
    np.testing.assert_allclose(by_b, np.exp(a[:1]) / total, rtol=1e-14)


def test_entropy_of_probabilities_that_are_0() -> None:
    p = np.array([0.0, 0.25, 0.75])
    found = gd.jit(lambda p: np.sum(sp.entr(p)))(p)
    assert found == pytest.approx(np.sum(sp.entr(p)), rel=1e-15)


@pytest.mark.parametrize("f", [gd.special.jv, gd.special.zeta])
def test_by_the_order_there_is_no_formula(f: Any) -> None:
    with pytest.raises(gd.GradientError, match=r"no formula for the derivative of .* by"):
        gd.grad(lambda v: f(v, 2.0))(1.5)
    assert np.isfinite(gd.grad(lambda x: f(gd.stop_gradient(1.5 * x / x), x))(2.0))


PARAMETERS = [(0.05, 1e-3), (0.4, 0.1), (0.4, 3.0), (1.0, 1.0), (7.5, 6.0), (40.0, 55.0)]


@pytest.mark.parametrize(("a", "x"), PARAMETERS)
def test_incomplete_gamma_by_its_parameter(a: float, x: float) -> None:
    """The first three derivatives, and mixed ones, against mpmath."""
    with mpmath.workdps(40):
        slopes = [
            float(mpmath.diff(lambda s: mpmath.gammainc(s, 0, x, regularized=True), a, n))
            for n in (1, 2, 3)
        ]
        mixed = float(
            mpmath.diff(lambda s, t: mpmath.gammainc(s, 0, t, regularized=True), (a, x), (1, 1))
        )
    by_a = gd.grad(gd.special.gammainc)
    twice = gd.grad(by_a)
    found = [by_a(a, x), twice(a, x), gd.grad(twice)(a, x)]
    np.testing.assert_allclose(found, slopes, rtol=1e-10)
    np.testing.assert_allclose(gd.grad(by_a, argnums=1)(a, x), mixed, rtol=1e-10)
    np.testing.assert_allclose(gd.grad(sp.gammaincc)(a, x), -slopes[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("a", "b", "x"),
    [(0.3, 0.2, 1e-3), (0.7, 2.0, 0.9), (3.0, 0.5, 0.7), (2.0, 5.0, 0.2), (30.0, 20.0, 0.65)],
)
def test_incomplete_beta_by_its_parameters(a: float, b: float, x: float) -> None:
    orders = [(1, 0, 0), (0, 1, 0), (2, 0, 0), (1, 1, 0), (0, 2, 0), (1, 0, 1), (0, 1, 1)]
    with mpmath.workdps(40):
        slopes = [
            float(
                mpmath.diff(
                    lambda s, t, u: mpmath.betainc(s, t, 0, u, regularized=True), (a, b, x), n
                )
            )
            for n in orders
        ]
    hessian = gd.hessian(lambda v: sp.betainc(v[0], v[1], v[2]))(np.array([a, b, x]))
    first = [gd.grad(gd.special.betainc, argnums=i)(a, b, x) for i in (0, 1)]
    second = [hessian[i] for i in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose([*first, *second], slopes, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:divide by zero")  # the logarithm of 0
def test_incomplete_functions_at_their_ends() -> None:
    assert gd.grad(gd.special.gammainc)(1.5, 0.0) == 0.0
    for x in (0.0, 1.0):
        assert gd.grad(gd.special.betainc)(1.5, 2.0, x) == 0.0
        assert gd.grad(gd.special.betainc, argnums=1)(1.5, 2.0, x) == 0.0
    assert gd.grad(gd.special.gammainc)(np.float32(1.5), np.float32(2.0)).dtype == np.float32


def test_a_generated_file_says_that_it_needs_scipy(tmp_path: Path) -> None:
    f = gd.value_and_grad(lambda x, special: gd.special.gammaln(x) * special)
    source = f.source(2.5, 1.0)
    assert "needs NumPy and SciPy." in source
    assert "import numpy as np\nfrom scipy import special\n" in source
    (tmp_path / "f.py").write_text(source, encoding="utf-8")
    code = f"print(value_and_grad(2.5, 1.0)[1]['x'] - {float(sp.psi(2.5))!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"from f import *\n{code}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert abs(float(done.stdout)) < 1e-15
    assert "needs NumPy only." in gd.jit(gd.special.erf).source(1.0)


def test_inside_a_loop() -> None:
    def total(x: Any) -> Any:
        return gd.scan(lambda c, y: (c + gd.special.gammaln(y), None), 0.0, x)[0]

    assert total(X) == pytest.approx(np.sum(sp.gammaln(X)))
    np.testing.assert_allclose(gd.grad(total)(X), sp.psi(X), rtol=1e-13)


def test_polygamma_of_no_order() -> None:
    with pytest.raises(gd.GraphError, match="not a whole number"):
        gd.special.polygamma(0.5, X)


@pytest.mark.parametrize(
    "f",
    [
        sp.erfi,
        sp.loggamma,
        sp.k0e,
        sp.k1e,
        lambda x: sp.yn(2, x) + sp.kn(1, x),
        lambda x: sp.entr(x) + sp.rel_entr(x, 0.5) + sp.kl_div(0.3, x),
        lambda x: sp.huber(1.0, x) + sp.pseudo_huber(0.5, x) + sp.exp10(x) + sp.log_expit(x),
    ],
)
def test_scipys_ufuncs_that_are_made_of_others(f: Any) -> None:
    np.testing.assert_allclose(gd.jit(f)(X), f(X), rtol=1e-13)
    assert gd.check_gradients(f, (X,))
