"""Element-wise ops that jump: rounding, remainders, signs, and questions about floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.ops.elementwise import inferred, predicate
from graphdiff.ops.notation import call
from graphdiff.ops.op import Op, Rule

_STEP = "0 everywhere, at the jumps too"


def _zero(*values: Any) -> float:
    """The vector-Jacobian product of what is constant between its jumps."""
    return 0.0


def _jumping(
    name: str, operands: tuple[str, ...], vjp: tuple[Rule | None, ...], convention: str
) -> Op:
    return Op(
        name,
        inferred(name),
        operands,
        vjp=vjp,
        numpy=call(f"np.{name}"),
        formula=call(name),
        elementwise=True,
        spreads=True,
        convention=convention,
    )


_PAIR = ("a", "b")

floor = _jumping("floor", ("z",), (_zero,), _STEP)
ceil = _jumping("ceil", ("z",), (_zero,), _STEP)
rint = _jumping("rint", ("z",), (_zero,), _STEP)
trunc = _jumping("trunc", ("z",), (_zero,), _STEP)
floor_divide = _jumping("floor_divide", _PAIR, (_zero, _zero), _STEP)
remainder = _jumping(
    "remainder",
    _PAIR,
    (lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor(a / b)),
    "at the jumps that of the side above",
)
fmod = _jumping(
    "fmod",
    _PAIR,
    (lambda g, y, a, b: g, lambda g, y, a, b: -g * np.trunc(a / b)),
    "at the jumps that of the side away from 0",
)
copysign = _jumping(
    "copysign",
    _PAIR,
    (lambda g, y, a, b: g * (np.sign(a) * np.copysign(1.0, b)), _zero),
    "by the first 0 where it is 0; by the second 0 everywhere",
)
heaviside = _jumping(
    "heaviside",
    _PAIR,
    (_zero, lambda g, y, a, b: g * (a == 0)),
    "by the first 0 everywhere; by the value at 0, 1 there",
)

isnan = predicate("isnan", call("np.isnan"), call("isnan"), ("z",), complex=True)
isfinite = predicate("isfinite", call("np.isfinite"), call("isfinite"), ("z",), complex=True)
isinf = predicate("isinf", call("np.isinf"), call("isinf"), ("z",), complex=True)
signbit = predicate("signbit", call("np.signbit"), call("signbit"), ("z",))

OPS = (
    floor,
    ceil,
    rint,
    trunc,
    floor_divide,
    remainder,
    fmod,
    copysign,
    heaviside,
    isnan,
    isfinite,
    isinf,
    signbit,
)
