"""Algebra that a careful person would do before writing a formula down.

Each rule has a name and says in its docstring what it does. A rule never changes a result beyond
rounding, NaN and infinity included: there is no ``0 * x = 0``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from graphdiff.graph.tensor import Tensor
from graphdiff.ops import OPS
from graphdiff.ops.shaping import permutation
from graphdiff.rewrite.engine import Draft, Rule, in_place, sweep
from graphdiff.rewrite.factors import (
    factor_first,
    gather_factors,
    gather_scalars,
    join_factors,
    positive_factors,
)
from graphdiff.rewrite.matching import fits, is_number, uses
from graphdiff.rewrite.pieces import (
    join_branches,
    join_joined,
    join_pieces,
    sum_of_scattered,
    whole_piece,
)
from graphdiff.rewrite.products import product_rules
from graphdiff.rewrite.stabilise import stable_rules


@in_place
def simplify(draft: Draft) -> None:
    """Every rule of this module, of `stabilise` and of `products` is applied, in one sweep."""
    sweep(draft, stable_rules, product_rules, algebraic_rules)


def fold_constants(t: Tensor, *operands: Tensor) -> Tensor | None:
    """An op on constants alone is computed now."""
    if not operands or any(operand.op != "constant" for operand in operands):
        return None
    if t.spec.parts:
        return None  # loops run when the code does
    if not isinstance(t.size, int) or t.size > max(1, *map(_length, operands)):
        return None  # a larger array is not put into the source
    weak = t.ndim == 0 and t.spec.is_inexact
    values = [np.asarray(operand.params["value"], operand.dtype) for operand in operands]
    if weak:
        values = [v.astype(_WIDE.get(v.dtype.kind, v.dtype)) for v in values]
    with np.errstate(all="ignore"):
        value = t.graph.op(t.name).evaluate(*values, **t.params)
    return t.graph.constant(value.astype(_WIDE[t.dtype.kind]) if weak else value, dtype=t.dtype)


_WIDE: Mapping[str, type] = {"f": np.float64, "c": np.complex128}


def _length(t: Tensor) -> int:
    return t.size if isinstance(t.size, int) else 1


def drop_zero(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``x + 0`` and ``x - 0`` are ``x``; ``0 - x`` is ``-x``."""
    if is_number(b, 0):
        return fits(a, t)
    if is_number(a, 0):
        return fits(b if t.op == "add" else -b, t)
    return None


def drop_one(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``1 * x``, ``x * 1``, ``x / 1`` and ``x ** 1`` are ``x``; ``-1 * x`` is ``-x``."""
    if is_number(b, 1):
        return fits(a, t)
    if t.op == "multiply":
        if is_number(a, 1):
            return fits(b, t)
        if is_number(a, -1) or is_number(b, -1):
            return fits(-(b if is_number(a, -1) else a), t)
    return None


def square_power(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``x ** 2`` and ``x * x`` are the square of ``x``; ``x ** 0`` is 1."""
    if (t.op == "power" and is_number(b, 2)) or (t.op == "multiply" and a.name == b.name):
        return fits(OPS["square"](a), t) if a.dtype.kind != "b" else None
    if t.op == "power" and is_number(b, 0):
        return _full(t, 1)
    return None


def _full(t: Tensor, value: float) -> Tensor:
    constant = t.graph.constant(value, dtype=t.dtype)
    return np.broadcast_to(constant, t.shape) if t.ndim else constant  # type: ignore[arg-type, return-value]  # a Tensor of named dimensions


def double(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``x + x`` is ``2 * x``."""
    return fits(2 * a, t) if a.name == b.name and a.spec.is_inexact else None


def lift_sign(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """Signs come outward: ``a + (-b)`` is ``a - b``, ``(-a) * b`` is ``-(a * b)``."""
    if t.op == "add":
        if b.op == "negative":
            return fits(a - b.operands[0], t)
        return fits(b - a.operands[0], t) if a.op == "negative" else None
    if t.op == "subtract":
        return fits(a + b.operands[0], t) if b.op == "negative" else None
    if a.op == "negative" and b.op == "negative":
        return fits(_again(t, a.operands[0], b.operands[0]), t)
    if a.op == "negative" and uses(a) == 1:
        return fits(-_again(t, a.operands[0], b), t)
    if b.op == "negative" and uses(b) == 1:
        return fits(-_again(t, a, b.operands[0]), t)
    return None


def _again(t: Tensor, *operands: Tensor) -> Tensor:
    """The same op on other operands."""
    return t.graph.apply(t.op, operands, t.params)


def sign_after(t: Tensor, x: Tensor) -> Tensor | None:
    """``sum(-x)`` is ``-sum(x)``: the sign of fewer numbers changes."""
    if x.op != "negative" or not x.spec.is_inexact or t.graph.dag._node[x.name]["named"]:
        return None
    return fits(-_again(t, x.operands[0]), t)


def double_negative(t: Tensor, x: Tensor) -> Tensor | None:
    """``-(-x)`` is ``x``; ``-(a - b)`` is ``b - a``."""
    if x.op == "negative":
        return fits(x.operands[0], t)
    if x.op == "subtract" and uses(x) == 1 and x.spec.is_inexact:
        a, b = x.operands
        return None if is_number(a, 0) else fits(b - a, t)
    return None


def name_relu(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``maximum(0, x)`` is the rectifier of ``x``."""
    if is_number(a, 0) or is_number(b, 0):
        x = b if is_number(a, 0) else a
        return fits(OPS["relu"](x), t)
    return None


def without_broadcast(t: Tensor, *operands: Tensor) -> Tensor | None:
    """An operand that the op broadcasts anyhow is not broadcast before."""
    plain = [o.operands[0] if o.op == "broadcast_to" else o for o in operands]
    if all(new.name == old.name for new, old in zip(plain, operands, strict=True)):
        return None
    for i, (new, old) in enumerate(zip(plain, operands, strict=True)):
        if new.name != old.name:
            candidate = _again(t, *operands[:i], new, *operands[i + 1 :])
            if candidate.spec == t.spec:
                return candidate
    return None


def same_branches(t: Tensor, condition: Tensor, x: Tensor, y: Tensor) -> Tensor | None:
    """``where(c, x, x)`` is ``x``, and ``where(not c, x, y)`` is ``where(c, y, x)``."""
    if x.name == y.name:
        return fits(x, t)
    if condition.op == "logical_not":
        return fits(_again(t, condition.operands[0], y, x), t)
    return None


def transpose_twice(t: Tensor, x: Tensor) -> Tensor | None:
    """``A.T.T`` is ``A``; any two transposes are one."""
    if t.ndim < 2:
        return fits(x, t)
    order = permutation(t.params["axes"], t.ndim)
    if order == tuple(range(t.ndim)):
        return fits(x, t)
    if x.op != "transpose":
        return None
    inner = permutation(x.params["axes"], t.ndim)
    both = tuple(inner[axis] for axis in order)
    source = x.operands[0]
    return fits(source if both == tuple(range(t.ndim)) else np.transpose(source, both), t)  # type: ignore[arg-type]  # a Tensor


def transpose_product(t: Tensor, x: Tensor) -> Tensor | None:
    """``(A.T @ B).T`` is ``B.T @ A``, and ``outer(u, v).T`` is ``outer(v, u)``."""
    if t.ndim != 2 or uses(x) != 1 or x.op not in ("matmul", "outer"):
        return None
    a, b = x.operands
    if x.op == "outer":
        return fits(np.outer(b, a), t)  # type: ignore[arg-type]  # a Tensor
    if a.ndim != 2 or b.ndim != 2 or "transpose" not in (a.op, b.op):
        return None
    return fits(b.T @ a.T, t)


def same_shape(t: Tensor, x: Tensor) -> Tensor | None:
    """A reshape, broadcast, squeeze, cast or copy that changes nothing is dropped."""
    return fits(x, t)


def reshape_twice(t: Tensor, x: Tensor) -> Tensor | None:
    """Of two changes of shape in a row the last one counts; two that cancel are dropped."""
    if x.op not in _RESHAPING or (t.op == "broadcast_to") != (x.op == "broadcast_to"):
        return None
    source = x.operands[0]
    if source.spec == t.spec:
        return source
    return _again(t, source) if t.op in ("reshape", "broadcast_to") else None


def without_own_gradient(t: Tensor, value: Tensor, *rest: Tensor) -> Tensor | None:
    """A value that has a derivative of its own is the value; what was to be derived has been."""
    return fits(value, t)


_RESHAPING = ("reshape", "expand_dims", "squeeze", "broadcast_to")

_BY_OP: Mapping[str, tuple[Rule, ...]] = {
    "add": (drop_zero, double, lift_sign, positive_factors, join_branches, join_pieces),
    "subtract": (drop_zero, lift_sign, positive_factors),
    "multiply": (
        drop_one,
        square_power,
        lift_sign,
        gather_scalars,
        gather_factors,
        join_factors,
        factor_first,
    ),
    "divide": (drop_one, lift_sign, gather_scalars, gather_factors),
    "power": (drop_one, square_power),
    "negative": (double_negative,),
    "concatenate": (join_joined,),
    "sum": (sign_after, sum_of_scattered),
    "mean": (sign_after,),
    "maximum": (name_relu,),
    "where": (same_branches,),
    "transpose": (transpose_twice, transpose_product),
    "place": (whole_piece,),
    "reshape": (same_shape, reshape_twice),
    "broadcast_to": (same_shape, reshape_twice),
    "expand_dims": (reshape_twice, sign_after),
    "squeeze": (same_shape, reshape_twice, sign_after),
    "identity": (same_shape,),
    "astype": (same_shape,),
    "custom_gradient": (without_own_gradient,),
}


# What a rule looks for among the ops of a node's operands; the others look at any.
_LOOKS_FOR: Mapping[Rule, frozenset[str]] = {
    fold_constants: frozenset({"constant"}),
    drop_zero: frozenset({"constant"}),
    drop_one: frozenset({"constant"}),
    name_relu: frozenset({"constant"}),
    lift_sign: frozenset({"negative"}),
    gather_factors: frozenset({"multiply", "divide"}),
    join_factors: frozenset({"multiply", "divide"}),
    factor_first: frozenset({"constant", "size", "divide", "multiply"}),
    join_branches: frozenset({"where"}),
    join_pieces: frozenset({"place"}),
    join_joined: frozenset({"concatenate"}),
    positive_factors: frozenset({"multiply"}),
    sum_of_scattered: frozenset({"scatter_add_along_axis"}),
    sign_after: frozenset({"negative"}),
    double_negative: frozenset({"negative", "subtract"}),
    transpose_product: frozenset({"matmul", "outer"}),
    reshape_twice: frozenset(_RESHAPING),
    without_broadcast: frozenset({"broadcast_to"}),
}


@lru_cache(maxsize=4096)
def algebraic_rules(name: str, operands: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules that may fit a node of this op whose operands are of these ops."""
    op = OPS.get(name)  # None for one of the user's
    general = (without_broadcast,) if op and op.elementwise and name != "broadcast_to" else ()
    found = set(operands)
    return tuple(
        rule
        for rule in (fold_constants, *_BY_OP.get(name, ()), *general)
        if rule not in _LOOKS_FOR or not found.isdisjoint(_LOOKS_FOR[rule])
    )
