"""The functions of `scipy.special`.

Those that a few lines of NumPy compute to the last digits are such lines. For the others (gamma and
Bessel functions, the normal distribution, integrals) a generated file imports SciPy, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.errors import GradientError
from graphdiff.ops import kernels
from graphdiff.ops.elementwise import inferred
from graphdiff.ops.incomplete import beta_moment, gamma_moment
from graphdiff.ops.notation import Form, call
from graphdiff.ops.op import Op, Rule

_ROOT_PI = math.sqrt(math.pi)


def _declared(
    name: str,
    operands: tuple[str, ...],
    *vjp: Rule,
    convention: str | None = None,
    singular: bool = False,
    kernel: Callable[..., Any] | None = None,
) -> Op:
    code: Form = call(kernel.__name__ if kernel else f"special.{name}")
    return Op(
        name,
        inferred(name),
        operands,
        vjp=vjp,
        numpy=code,
        formula=call(name),
        kernel=kernel,
        elementwise=True,
        spreads=True,
        singular=singular,
        convention=convention,
        module=None if kernel else "scipy.special",
        flops=lambda out, *operands: 20 * out.size,
    )


def _unknown(name: str, operand: str) -> Rule:
    """The rule for an operand by which no derivative in closed form is known."""

    def rule(*values: Any) -> Any:
        raise GradientError(
            f"there is no formula for the derivative of {name} by {operand!r}", op=name,
            hint="hold it constant: gd.stop_gradient, or give it as a number",
        )  # fmt: skip

    return rule


# -- logarithms, in NumPy --------------------------------------------------------------------------

logit = _declared(
    "logit",
    ("x",),
    lambda g, y, x: g / (x * (1.0 - x)),
    singular=True,
    kernel=kernels.log_odds,
)
xlogy = _declared(
    "xlogy",
    ("x", "y"),
    lambda g, out, x, y: g * np.log(y),
    lambda g, out, x, y: g * (x / np.where(x == 0, 1.0, y)),
    singular=True,
    convention="by the second, 0 where the first is 0",
    kernel=kernels.xlogy,
)
xlog1py = _declared(
    "xlog1py",
    ("x", "y"),
    lambda g, out, x, y: g * np.log1p(y),
    lambda g, out, x, y: g * (x / np.where(x == 0, 1.0, 1.0 + y)),
    singular=True,
    convention="by the second, 0 where the first is 0",
    kernel=kernels.xlog1py,
)

# -- the error function and the normal distribution ------------------------------------------------

erfc = _declared("erfc", ("x",), lambda g, y, x: g * (-2.0 / _ROOT_PI * np.exp(-np.square(x))))
erfcx = _declared("erfcx", ("x",), lambda g, y, x: g * (2.0 * x * y - 2.0 / _ROOT_PI))
erfinv = _declared("erfinv", ("x",), lambda g, y, x: g * (_ROOT_PI / 2.0 * np.exp(np.square(y))))
erfcinv = _declared("erfcinv", ("x",), lambda g, y, x: g * (-_ROOT_PI / 2.0 * np.exp(np.square(y))))
dawsn = _declared("dawsn", ("x",), lambda g, y, x: g * (1.0 - 2.0 * x * y))
ndtr = _declared(
    "ndtr",
    ("x",),
    lambda g, y, x: g * (1.0 / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * np.square(x))),
)
ndtri = _declared(
    "ndtri",
    ("p",),
    lambda g, y, p: g * (math.sqrt(2.0 * math.pi) * np.exp(0.5 * np.square(y))),
)
log_ndtr = _declared(
    "log_ndtr",
    ("x",),
    lambda g, y, x: g * np.exp(-0.5 * np.square(x) - y - 0.5 * math.log(2.0 * math.pi)),
)

# -- gamma functions -------------------------------------------------------------------------------

gamma = _declared("gamma", ("x",), lambda g, y, x: g * (y * psi(x)))
rgamma = _declared("rgamma", ("x",), lambda g, y, x: -g * (y * psi(x)))
gammaln = _declared("gammaln", ("x",), lambda g, y, x: g * psi(x))
psi: Op = _declared("psi", ("x",), lambda g, y, x: g * zeta(2.0, x))
zeta: Op = _declared(
    "zeta",
    ("x", "q"),
    _unknown("zeta", "x"),
    lambda g, y, x, q: g * (-x * zeta(x + 1.0, q)),
)
beta = _declared(
    "beta",
    ("a", "b"),
    lambda g, y, a, b: g * (y * (psi(a) - psi(a + b))),
    lambda g, y, a, b: g * (y * (psi(b) - psi(a + b))),
)
betaln = _declared(
    "betaln",
    ("a", "b"),
    lambda g, y, a, b: g * (psi(a) - psi(a + b)),
    lambda g, y, a, b: g * (psi(b) - psi(a + b)),
)


def _density(a: Any, x: Any) -> Any:
    """Of the gamma distribution."""
    return np.exp(xlogy(a - 1.0, x) - x - gammaln(a))


def _gamma_by_order(g: Any, y: Any, a: Any, x: Any) -> Any:
    """The mean of log t - ψ(a) over (0, x) by the gamma distribution."""
    weight = np.exp(xlogy(a, x) - x - gammaln(a))
    return g * (weight * gamma_moment(a, x, psi(a)))


gammainc = _declared(
    "gammainc",
    ("a", "x"),
    _gamma_by_order,
    lambda g, y, a, x: g * _density(a, x),
)
gammaincc = _declared(
    "gammaincc",
    ("a", "x"),
    lambda g, y, a, x: -_gamma_by_order(g, y, a, x),
    lambda g, y, a, x: -g * _density(a, x),
)


def _beta_by(first: bool) -> Rule:
    """The mean of log t less its mean over (0, 1), or of log(1 - t), by the beta distribution."""

    def rule(g: Any, y: Any, a: Any, b: Any, x: Any) -> Any:
        weight = np.exp(xlogy(a, x) + xlog1py(b, -x) - betaln(a, b))
        c, d = psi(a) - psi(a + b), psi(b) - psi(a + b)
        return g * (weight * beta_moment(a, b, x, c, d, m=int(first), n=int(not first),
                                         by_first=first))  # fmt: skip

    return rule


betainc = _declared(
    "betainc",
    ("a", "b", "x"),
    _beta_by(True),
    _beta_by(False),
    lambda g, y, a, b, x: g * np.exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b)),
)

# -- Bessel functions (M. Abramowitz and I. Stegun, sections 9.1.27 and 9.6.26) --------------------

jv: Op = _declared(
    "jv",
    ("v", "x"),
    _unknown("jv", "v"),
    lambda g, y, v, x: g * (0.5 * (jv(v - 1.0, x) - jv(v + 1.0, x))),
)
yv: Op = _declared(
    "yv",
    ("v", "x"),
    _unknown("yv", "v"),
    lambda g, y, v, x: g * (0.5 * (yv(v - 1.0, x) - yv(v + 1.0, x))),
)
iv: Op = _declared(
    "iv",
    ("v", "x"),
    _unknown("iv", "v"),
    lambda g, y, v, x: g * (0.5 * (iv(v - 1.0, x) + iv(v + 1.0, x))),
)
kv: Op = _declared(
    "kv",
    ("v", "x"),
    _unknown("kv", "v"),
    lambda g, y, v, x: -g * (0.5 * (kv(v - 1.0, x) + kv(v + 1.0, x))),
)
ive: Op = _declared(
    "ive",
    ("v", "x"),
    _unknown("ive", "v"),
    lambda g, y, v, x: g * (0.5 * (ive(v - 1.0, x) + ive(v + 1.0, x)) - np.sign(x) * y),
)
kve: Op = _declared(
    "kve",
    ("v", "x"),
    _unknown("kve", "v"),
    lambda g, y, v, x: g * (y - 0.5 * (kve(v - 1.0, x) + kve(v + 1.0, x))),
)
j0: Op = _declared("j0", ("x",), lambda g, y, x: -g * j1(x))
j1: Op = _declared("j1", ("x",), lambda g, y, x: g * (0.5 * (j0(x) - jv(2.0, x))))
y0: Op = _declared("y0", ("x",), lambda g, y, x: -g * y1(x))
y1: Op = _declared("y1", ("x",), lambda g, y, x: g * (0.5 * (y0(x) - yv(2.0, x))))
i0: Op = _declared("i0", ("x",), lambda g, y, x: g * i1(x))
i1: Op = _declared("i1", ("x",), lambda g, y, x: g * (0.5 * (i0(x) + iv(2.0, x))))
i0e: Op = _declared(
    "i0e",
    ("x",),
    lambda g, y, x: g * (i1e(x) - np.sign(x) * y),
    convention="0 at 0",
)
i1e: Op = _declared(
    "i1e",
    ("x",),
    lambda g, y, x: g * (0.5 * (i0e(x) + ive(2.0, x)) - np.sign(x) * y),
)
k0: Op = _declared("k0", ("x",), lambda g, y, x: -g * k1(x))
k1: Op = _declared("k1", ("x",), lambda g, y, x: -g * (0.5 * (k0(x) + kv(2.0, x))))

# -- integrals -------------------------------------------------------------------------------------

expi = _declared("expi", ("x",), lambda g, y, x: g * (np.exp(x) / x))
exp1 = _declared("exp1", ("x",), lambda g, y, x: -g * (np.exp(-x) / x))

_LOGARITHMS = (logit, xlogy, xlog1py)
_NORMAL = (erfc, erfcx, erfinv, erfcinv, dawsn, ndtr, ndtri, log_ndtr)
_GAMMA = (gamma, rgamma, gammaln, psi, zeta, beta, betaln, gammainc, gammaincc, betainc)
_BESSEL = (jv, yv, iv, kv, ive, kve, j0, j1, y0, y1, i0, i1, i0e, i1e, k0, k1)

OPS = (*_LOGARITHMS, *_NORMAL, *_GAMMA, *_BESSEL, expi, exp1)
