"""Scalar factors: numbers and sizes, such as ``2 / t``, by which products of arrays are multiplied.

They come together in one, which stands in front of the product or with its smaller part: a factor
costs a pass over an array, and one is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import gcd

from graphdiff.graph.tensor import Tensor
from graphdiff.rewrite.matching import fits, free, is_factor, number_of

_DEPTH = 4  # how far into a product a factor is looked for
_MULTIPLE = re.compile(r"(\d+)\*([\w*]+)")  # of a dimension, such as 6*t


def gather_factors(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """Scalar factors come together in front: ``2 * (e / t)`` is ``(2 / t) * e``."""
    if t.op == "divide" or not is_factor(a):
        a, b = b, a
        if not is_factor(a):
            return None
    if is_factor(b) or b.op not in ("multiply", "divide") or b.ndim == 0:
        return None
    found = _changed(b, lambda f: f / a if t.op == "divide" else f * a, _DEPTH)
    return None if found is None else fits(found, t)


def _changed(t: Tensor, change: Callable[[Tensor], Tensor], depth: int) -> Tensor | None:
    """A product whose scalar factor is another; None where it has none."""
    x, y = t.operands
    found: Tensor | None
    if is_factor(y):
        found = change(1 / y if t.op == "divide" else y) * x
        return found
    if is_factor(x) and t.op == "multiply":
        found = change(x) * y
        return found
    inside = [(x, y)] if t.op == "divide" else [(x, y), (y, x)]
    for part, other in inside:
        if depth and part.op in ("multiply", "divide") and part.ndim and free(part):
            found = _changed(part, change, depth - 1)
            if found is not None:
                found = found / other if t.op == "divide" else found * other
                return found
    return None


def join_factors(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """One factor for a product of two: ``(u / 8) * (2 * e)`` is ``0.25 * u * e``.

    It stands in front, if no larger array is multiplied by it there: ``u * (2 * e)`` is
    ``2 * u * e``.
    """
    second = None if is_factor(a) or is_factor(b) else _split(b)
    if second is None:
        return None
    (d, y), first = second, _split(a)
    if first is None:
        if y.shape != t.shape:
            return None
        product = a.op in ("multiply", "divide") and free(a)
        merged = _changed(a, lambda f: f * d, _DEPTH) if product else None
        return fits((d * a if merged is None else merged) * y, t)
    c, x = first
    onto_second = x.shape == t.shape != y.shape
    return fits(x * ((c * d) * y) if onto_second else ((c * d) * x) * y, t)


def _split(t: Tensor) -> tuple[Tensor, Tensor] | None:
    """The factor and the rest of ``c * x``, ``x * c`` or ``x / c`` that is used here only."""
    if t.op not in ("multiply", "divide") or not t.ndim or not free(t):
        return None
    x, y = t.operands
    if _is_moderate(y):
        return (1 / y if t.op == "divide" else y), x
    return (x, y) if t.op == "multiply" and _is_moderate(x) else None


def _is_moderate(t: Tensor) -> bool:
    """Whether a tensor is a factor that does not overflow when it meets another array first."""
    number = number_of(t)
    return is_factor(t) and (number is None or 1e-6 <= abs(number) <= 1e6)


def factor_first(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """In a gradient ``g * 0.01`` is ``0.01 * g``; what the user wrote stays as it is."""
    if t.graph.dag._node[t.name]["phase"] == "gradient" and is_factor(b) and not is_factor(a):
        return fits(b * a, t)
    return None


def positive_factors(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``x - (-2 / t) * y`` is ``x + (2 / t) * y``, and ``x + (-2) * y`` is ``x - 2 * y``."""
    opposite = _opposite(b)
    if opposite is not None:
        return fits(a + opposite if t.op == "subtract" else a - opposite, t)
    if t.op == "add" and (opposite := _opposite(a)) is not None:
        return fits(b - opposite, t)
    return None


def _opposite(t: Tensor) -> Tensor | None:
    """``2 * x`` for a ``-2 * x`` that is used here only."""
    if t.op != "multiply" or not t.ndim or not free(t):
        return None
    for factor, value in (t.operands, t.operands[::-1]):
        if is_factor(factor) and factor.op in ("constant", "divide"):
            above = factor if factor.op == "constant" else factor.operands[0]
            number = number_of(above)
            if isinstance(number, (int, float)) and number < 0:
                turned = t.graph.constant(-number, dtype=above.dtype)
                turned = turned if factor.op == "constant" else turned / factor.operands[1]
                found: Tensor = turned * value
                return found
    return None


def gather_scalars(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """Within a scalar factor: ``(1 / t) * 2`` is ``2 / t``, and ``(2 / t) * t`` is 2."""
    if t.ndim or not (is_factor(a) and is_factor(b)):
        return None
    if t.op == "divide":
        if a.op == "divide":  # (p / q) / b
            p, q = a.operands
            return fits(p / (q * b), t)
        return _cancelled(a, b, t) or _reduced(a, b, t)
    if a.op != "divide":
        a, b = b, a
    if a.op != "divide":
        return None
    p, q = a.operands
    if b.op == "divide":
        r, s = b.operands
        return fits((p * r) / (q * s), t)
    return fits(p, t) if q.name == b.name or _same_size(q, b) else fits((p * b) / q, t)


def _cancelled(a: Tensor, b: Tensor, t: Tensor) -> Tensor | None:
    """``(p * s) / s`` is ``p``."""
    if a.op == "multiply":
        for p, s in (a.operands, a.operands[::-1]):
            if s.name == b.name or _same_size(s, b):
                return fits(p, t)
    return None


def _reduced(a: Tensor, b: Tensor, t: Tensor) -> Tensor | None:
    """``6 / (4 * t)`` is ``3 / (2 * t)``: the same number, so the same bits."""
    number = number_of(a)
    if b.op != "size" or not isinstance(number, (int, float)) or number % 1:
        return None
    multiple = _MULTIPLE.fullmatch(str(b.params["dimension"]))
    common = gcd(int(number), int(multiple[1])) if multiple else 1
    if multiple is None or common < 2:
        return None
    left = int(multiple[1]) // common
    dimension = multiple[2] if left == 1 else f"{left}*{multiple[2]}"
    size = t.graph.apply("size", b.operands, {**b.params, "dimension": dimension})
    return fits(t.graph.constant(number // common, dtype=a.dtype) / size, t)


def _same_size(a: Tensor, b: Tensor) -> bool:
    return a.op == b.op == "size" and a.params["dimension"] == b.params["dimension"]
