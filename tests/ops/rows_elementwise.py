"""Rows of the table for element-wise ops beyond the customary ones."""

from __future__ import annotations

import jax.numpy as jnp

from tests.ops.table import POSITIVE, REAL, Operand, Row, binary, unary

INSIDE = Operand(-0.9, 0.9)
BEYOND_ONE = Operand(1.2, 3.0)

TRIGONOMETRY = (
    unary("tan", jnp.tan, Operand(-1.2, 1.2)),
    unary("arcsin", jnp.arcsin, INSIDE),
    unary("arccos", jnp.arccos, INSIDE),
    unary("arctan", jnp.arctan),
    unary("sinh", jnp.sinh),
    unary("cosh", jnp.cosh),
    unary("arcsinh", jnp.arcsinh),
    unary("arccosh", jnp.arccosh, BEYOND_ONE),
    unary("arctanh", jnp.arctanh, INSIDE),
    unary("exp2", jnp.exp2),
    unary("log2", jnp.log2, POSITIVE),
    unary("log10", jnp.log10, POSITIVE),
    unary("cbrt", jnp.cbrt),
    binary("hypot", lambda a, b: jnp.sqrt(a * a + b * b)),
    binary("arctan2", jnp.arctan2),
    binary("logaddexp", jnp.logaddexp),
    binary("logaddexp2", jnp.logaddexp2),
    unary("sinc", jnp.sinc),
    Row(
        "spherical_jn",
        lambda z, n: jnp.sin(z) / z if n == 0 else (jnp.sin(z) / z - jnp.cos(z)) / z,
        [(((2, 3),), {"n": 1}), (((),), {"n": 0})],
        (Operand(1.0, 7.0),),
    ),
)
ROUNDING = (
    unary("floor", jnp.floor),
    unary("ceil", jnp.ceil),
    unary("rint", jnp.rint),
    unary("trunc", jnp.trunc),
    binary("floor_divide", jnp.floor_divide, REAL, POSITIVE),
    binary("remainder", jnp.remainder, REAL, POSITIVE),
    binary("fmod", jnp.fmod, REAL, POSITIVE),
    binary("copysign", jnp.copysign),
    binary("heaviside", lambda a, b: jnp.select([a > 0, a < 0], [1.0, 0.0], b)),
    unary("isnan", jnp.isnan),
    unary("isfinite", jnp.isfinite),
    unary("isinf", jnp.isinf),
    unary("signbit", jnp.signbit),
)
ROWS = (*TRIGONOMETRY, *ROUNDING)
