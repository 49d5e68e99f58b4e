"""Moments of the logarithm over a part of the gamma and of the beta distribution.

The derivatives of the incomplete gamma and beta functions by their parameters are such moments, and
so are the derivatives of these: there is one of every order. Each side of ``x`` is integrated where
the integrand of the first derivative does not change its sign, so that no digits cancel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.ops import incomplete_kernels as kernels
from graphdiff.ops.elementwise import inferred
from graphdiff.ops.notation import call
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec

_NODES = 185  # of the quadrature


def _infer(*specs: Spec, **params: Any) -> Spec:
    return inferred("moment")(*specs)


def _workspace(out: Spec, *operands: Spec, **params: Any) -> Any:
    return 8 * 8 * _NODES * out.size


def _gamma_by_a(g: Any, y: Any, a: Any, x: Any, c: Any, order: int) -> Any:
    """``y`` itself is scaled by ``x`` to the power ``-a``."""
    return g * (gamma_moment(a, x, c, order=order + 1) + (c - np.log(x)) * y)


def _gamma_by_x(g: Any, y: Any, a: Any, x: Any, c: Any, order: int) -> Any:
    return g * ((np.log(x) - c) ** order / x - (a / x - 1.0) * y)


def _gamma_by_c(g: Any, y: Any, a: Any, x: Any, c: Any, order: int) -> Any:
    return g * (-order * gamma_moment(a, x, c, order=order - 1)) if order else 0.0


gamma_moment = Op(
    "gamma_moment",
    _infer,
    ("a", "x", "c"),
    vjp=(_gamma_by_a, _gamma_by_x, _gamma_by_c),
    params={"order": 1},
    numpy=call("gamma_moment", "order"),
    formula=call("gamma_moment"),
    kernel=kernels.gamma_moment,
    elementwise=True,
    spreads=True,
    flops=lambda out, *operands, **params: 60 * _NODES * out.size,
    workspace=_workspace,
)


def _beta(position: int) -> Any:
    def rule(
        g: Any, y: Any, a: Any, b: Any, x: Any, c: Any, d: Any, m: int, n: int, by_first: bool
    ) -> Any:
        def moment(m: int, n: int) -> Any:
            return beta_moment(a, b, x, c, d, m=m, n=n, by_first=by_first)

        if position == 0:
            return g * (moment(m + 1, n) + (c - np.log(x)) * y)
        if position == 1:
            return g * (moment(m, n + 1) + (d - np.log1p(-x)) * y)
        if position == 2:
            edge = (np.log(x) - c) ** m * (np.log1p(-x) - d) ** n / (x * (1.0 - x))
            return g * (edge - (a / x - b / (1.0 - x)) * y)
        if position == 3:
            return g * (-m * moment(m - 1, n)) if m else 0.0
        return g * (-n * moment(m, n - 1)) if n else 0.0

    return rule


beta_moment = Op(
    "beta_moment",
    _infer,
    ("a", "b", "x", "c", "d"),
    vjp=tuple(map(_beta, range(5))),
    params={"m": 1, "n": 0, "by_first": True},
    numpy=call("beta_moment", "m", "n", "by_first"),
    formula=call("beta_moment"),
    kernel=kernels.beta_moment,
    elementwise=True,
    spreads=True,
    flops=lambda out, *operands, **params: 80 * _NODES * out.size,
    workspace=_workspace,
)

OPS = (gamma_moment, beta_moment)
