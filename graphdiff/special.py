"""Functions that NumPy lacks, on tensors and on plain arrays alike.

Names and arguments are those of `scipy.special` where it has the function. Its own ufuncs, such as
``scipy.special.gammaln``, can be called with tensors just as well.

Code that is generated for gamma and Bessel functions, for the normal distribution and for
exponential integrals imports SciPy, and its docstring says so. For all others it needs NumPy only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.ops import OPS


def sigmoid(x: Any) -> Any:
    """The logistic sigmoid σ(x) = 1 / (1 + exp(-x)), accurate in both tails.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.special.sigmoid(np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    return OPS["sigmoid"](x)


expit = sigmoid  # scipy's name


def softplus(x: Any) -> Any:
    """ζ(x) = log(1 + exp(x)), the smooth rectifier; its derivative is the sigmoid."""
    return OPS["softplus"](x)


def relu(x: Any) -> Any:
    """The rectifier max(0, x); its derivative at 0 is 0."""
    return OPS["relu"](x)


def hard_tanh(x: Any) -> Any:
    """max(-1, min(1, x)) (Collobert 2004); its derivative at -1 and at 1 is 1."""
    return OPS["hard_tanh"](x)


def erf(x: Any) -> Any:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt."""
    return OPS["erf"](x)


def logsumexp(a: Any, axis: Any = None, keepdims: bool = False, b: Any = None) -> Any:
    """log(Σ b exp(a)) over an axis, axes, or all of them; the largest term is taken out first.

    The factors ``b`` are 1 if they are not given; the sum must not be negative.
    """
    if b is None:
        return OPS["logsumexp"](a, axis=axis, keepdims=keepdims)
    counted = np.where(np.not_equal(b, 0), a, -np.inf)
    largest = np.max(counted, axis=axis, keepdims=True)
    largest = OPS["stop_gradient"](np.where(np.isfinite(largest), largest, 0.0))
    terms = np.exp(np.minimum(a - largest, 80.0))  # above 0 where it does not count only
    total = np.sum(b * terms, axis=axis, keepdims=True)
    found = np.log(total) + largest
    return found if keepdims else np.squeeze(found, _axes(axis, found.ndim))


def _axes(axis: Any, ndim: int) -> Any:
    return tuple(range(ndim)) if axis is None else axis


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / Σ exp(x) over an axis, axes, or all of them.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.special.softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    return OPS["softmax"](x, axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """x - log(Σ exp(x)) over an axis, axes, or all of them, which does not overflow."""
    return OPS["log_softmax"](x, axis=axis)


def logit(x: Any) -> Any:
    """log(x / (1 - x)), the inverse of the sigmoid."""
    return OPS["logit"](x)


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0."""
    return OPS["xlogy"](x, y)


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0."""
    return OPS["xlog1py"](x, y)


def erfc(x: Any) -> Any:
    """1 - erf(x), accurate where that is small."""
    return OPS["erfc"](x)


def erfcx(x: Any) -> Any:
    """exp(x²) erfc(x)."""
    return OPS["erfcx"](x)


def erfinv(y: Any) -> Any:
    """The inverse of the error function."""
    return OPS["erfinv"](y)


def erfcinv(y: Any) -> Any:
    """The inverse of erfc."""
    return OPS["erfcinv"](y)


def dawsn(x: Any) -> Any:
    """Dawson's integral exp(-x²) ∫₀ˣ exp(t²) dt."""
    return OPS["dawsn"](x)


def ndtr(x: Any) -> Any:
    """The standard normal distribution's probability of less than x."""
    return OPS["ndtr"](x)


def ndtri(p: Any) -> Any:
    """The standard normal distribution's quantile."""
    return OPS["ndtri"](p)


def log_ndtr(x: Any) -> Any:
    """log(ndtr(x)), accurate in both tails."""
    return OPS["log_ndtr"](x)


def gamma(x: Any) -> Any:
    """The gamma function Γ(x) = ∫₀^∞ tˣ⁻¹ exp(-t) dt."""
    return OPS["gamma"](x)


def rgamma(x: Any) -> Any:
    """1 / Γ(x), 0 at the poles."""
    return OPS["rgamma"](x)


def gammaln(x: Any) -> Any:
    """``log |Γ(x)|``."""
    return OPS["gammaln"](x)


def digamma(x: Any) -> Any:
    """ψ(x) = d log Γ(x) / dx."""
    return OPS["psi"](x)


psi = digamma


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of ψ(x), for a whole number n.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> bool(np.isclose(gd.special.polygamma(1, np.array(1.0)), np.pi**2 / 6))
    True
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise GraphError("the order of polygamma is not a whole number", got=repr(n))
    if n == 0:
        return digamma(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * zeta(n + 1.0, x)


def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the d-variate gamma function, for a > (d - 1) / 2."""
    total = d * (d - 1) / 4.0 * math.log(math.pi)
    return sum((gammaln(a - 0.5 * j) for j in range(d)), start=total)


def zeta(x: Any, q: Any) -> Any:
    """Hurwitz's zeta function Σ (k + q)⁻ˣ, k = 0, 1, …; by q it has a derivative."""
    return OPS["zeta"](x, q)


def beta(a: Any, b: Any) -> Any:
    """Γ(a) Γ(b) / Γ(a + b)."""
    return OPS["beta"](a, b)


def betaln(a: Any, b: Any) -> Any:
    """``log |beta(a, b)|``."""
    return OPS["betaln"](a, b)


def gammainc(a: Any, x: Any) -> Any:
    """∫₀ˣ tᵃ⁻¹ exp(-t) dt / Γ(a)."""
    return OPS["gammainc"](a, x)


def gammaincc(a: Any, x: Any) -> Any:
    """1 - gammainc(a, x)."""
    return OPS["gammaincc"](a, x)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """∫₀ˣ tᵃ⁻¹ (1 - t)ᵇ⁻¹ dt / beta(a, b)."""
    return OPS["betainc"](a, b, x)


def j0(x: Any) -> Any:
    """The Bessel function J₀."""
    return OPS["j0"](x)


def j1(x: Any) -> Any:
    """The Bessel function J₁."""
    return OPS["j1"](x)


def y0(x: Any) -> Any:
    """The Bessel function Y₀."""
    return OPS["y0"](x)


def y1(x: Any) -> Any:
    """The Bessel function Y₁."""
    return OPS["y1"](x)


def i0(x: Any) -> Any:
    """The modified Bessel function I₀."""
    return OPS["i0"](x)


def i1(x: Any) -> Any:
    """The modified Bessel function I₁."""
    return OPS["i1"](x)


def i0e(x: Any) -> Any:
    """``exp(-|x|) I₀(x)``."""
    return OPS["i0e"](x)


def i1e(x: Any) -> Any:
    """``exp(-|x|) I₁(x)``."""
    return OPS["i1e"](x)


def k0(x: Any) -> Any:
    """The modified Bessel function K₀."""
    return OPS["k0"](x)


def k1(x: Any) -> Any:
    """The modified Bessel function K₁."""
    return OPS["k1"](x)


def jv(v: Any, x: Any) -> Any:
    """The Bessel function J of order v; by x it has a derivative."""
    return OPS["jv"](v, x)


def yv(v: Any, x: Any) -> Any:
    """The Bessel function Y of order v; by x it has a derivative."""
    return OPS["yv"](v, x)


def iv(v: Any, x: Any) -> Any:
    """The modified Bessel function I of order v; by x it has a derivative."""
    return OPS["iv"](v, x)


def kv(v: Any, x: Any) -> Any:
    """The modified Bessel function K of order v; by x it has a derivative."""
    return OPS["kv"](v, x)


def ive(v: Any, x: Any) -> Any:
    """``exp(-|x|) I`` of order v; by x it has a derivative."""
    return OPS["ive"](v, x)


def kve(v: Any, x: Any) -> Any:
    """``exp(x) K`` of order v; by x it has a derivative."""
    return OPS["kve"](v, x)


def expi(x: Any) -> Any:
    """The exponential integral Ei(x) = ∫₋∞ˣ exp(t) / t dt."""
    return OPS["expi"](x)


def exp1(x: Any) -> Any:
    """The exponential integral E₁(x) = ∫ₓ^∞ exp(-t) / t dt."""
    return OPS["exp1"](x)
