"""Formulas that overflow or cancel when they are computed as written, computed stably.

``-log(1 / (1 + exp(-u)))`` is right on paper; at ``u = -800`` a computer gives infinity. Each rule
here puts a function that does not overflow in the place of such a text. They run before a graph is
differentiated, so that the gradient is stable too, and again before it is lowered.

Most hold for real values only: the square of a complex one is not its length squared, and what is
put in the place of a text takes real values.

Goodfellow et al., *Deep Learning* (2016), sections 4.1 and 6.2.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache

from graphdiff.graph.tensor import Tensor
from graphdiff.ops import OPS
from graphdiff.rewrite.engine import Draft, Rule, sweep, sweeping
from graphdiff.rewrite.matching import fits, is_number


def stable_sigmoid(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``1 / (1 + exp(-u))`` and ``exp(u) / (1 + exp(u))`` are the sigmoid of ``u``."""
    other = _one_plus(b)
    if other is None or other.op != "exp" or t.spec.is_complex:
        return None
    (x,) = other.operands
    if is_number(a, 1):
        return fits(OPS["sigmoid"](x.operands[0] if x.op == "negative" else -x), t)
    if a.op == "exp" and a.operands[0].name == x.name:
        return fits(OPS["sigmoid"](x), t)
    return None


def complement(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``1 - sigmoid(z)`` is the sigmoid of ``-z``, which keeps its digits where it is small.

    In a gradient, the ``y (1 - y)`` of a sigmoid's slope, one more sigmoid would cost too much.
    """
    forward = t.graph.dag.nodes[t.name]["phase"] == "forward"
    if b.op != "sigmoid" or not is_number(a, 1) or not forward:
        return None
    return fits(OPS["sigmoid"](-b.operands[0]), t)


def stable_softmax(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``exp(z) / sum(exp(z))`` is the softmax of ``z``."""
    z = _summed_exp(b)
    if z is None or b.op != "sum" or a.op != "exp" or a.operands[0].name != z.name:
        return None
    if not _lines_up(b, z):
        return None
    if z.spec.is_complex:
        return None
    return fits(OPS["softmax"](z, axis=b.params["axis"]), t)


def stable_log(t: Tensor, x: Tensor) -> Tensor | None:
    """The logarithm of a sigmoid, a softmax, a sum or mean of exponentials, cosh, or ``1 + x``."""
    if x.op == "sigmoid":
        return fits(-OPS["softplus"](-x.operands[0]), t)
    if x.op == "softmax":
        return fits(OPS["log_softmax"](x.operands[0], **x.params), t)
    if x.op == "exp" and x.spec.is_real:
        return fits(x.operands[0], t)
    if x.op == "cosh" and x.spec.is_real:
        (u,) = x.operands
        return fits(OPS["logaddexp"](u, -u) - math.log(2.0), t)
    z = _summed_exp(x)
    if z is not None and not z.spec.is_complex:
        found = OPS["logsumexp"](z, **x.params)
        return fits(found if x.op == "sum" else found - math.log(_averaged(x)), t)
    other = _one_plus(x)
    if other is None:
        return None
    if other.op == "exp" and not other.spec.is_complex:
        return fits(OPS["softplus"](other.operands[0]), t)
    return fits(OPS["log1p"](other), t)


def stable_log1p(t: Tensor, x: Tensor) -> Tensor | None:
    """``log1p(exp(z))`` is the softplus of ``z``."""
    return None if t.spec.is_complex else fits(OPS["softplus"](x.operands[0]), t)


def log_of_part(t: Tensor, x: Tensor) -> Tensor | None:
    """The logarithm of a part of a softmax or sigmoid is that part of its logarithm."""
    source, views = x, list[Tensor]()
    while source.op in _PARTS:
        views.append(source)
        source = source.operands[0]
    if source.op not in ("softmax", "sigmoid"):
        return None
    found: Tensor = OPS["log"](source)
    for view in reversed(views):
        found = OPS[view.op](found, *view.operands[1:], **view.params)
    return fits(found, t)


def stable_log_softmax(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``z - logsumexp(z)`` is the log-softmax of ``z``."""
    if b.op != "logsumexp" or b.operands[0].name != a.name or not _lines_up(b, a):
        return None
    return fits(OPS["log_softmax"](a, axis=b.params["axis"]), t)


def stable_expm1(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``exp(x) - 1`` is expm1, which keeps its digits near 0."""
    if a.op != "exp" or not is_number(b, 1):
        return None
    return fits(OPS["expm1"](a.operands[0]), t)


def stable_norm(t: Tensor, x: Tensor, *others: Tensor) -> Tensor | None:
    """``sqrt(sum(x²))`` and ``sqrt(x @ x)`` are the norm of ``x``, whose slope is 0 where x is."""
    if not _is_root(t):
        return None
    if x.op in ("sum", "mean"):
        base = _squared(x.operands[0])
        if base is None:
            return None
        length = OPS["norm"](base, **x.params)
        count = _averaged(x)
        return fits(length if x.op == "sum" else length / math.sqrt(count), t) if count else None
    a, *b = x.operands
    if len(b) != 1 or b[0].name != a.name or not a.spec.is_real:
        return None
    if x.op == "matmul":
        return fits(OPS["norm"](a), t) if a.ndim == 1 else None
    labels, other, rest = re.split(",|->", x.params["subscripts"])
    if labels != other or not _is_in_order(rest, labels):
        return None
    axes = tuple(i for i, label in enumerate(labels) if label not in rest)
    return fits(OPS["norm"](a, axis=axes) if axes else OPS["abs"](a), t)


def _is_in_order(part: str, labels: str) -> bool:
    return [label for label in labels if label in part] == list(part)


def _is_root(t: Tensor) -> bool:
    """Whether it is a square root, or a power of one half."""
    return t.op == "sqrt" or is_number(t.operands[1], 0.5)


def _averaged(t: Tensor) -> int:
    """How many elements are added up or averaged; 0 where it is not known."""
    size, out = t.operands[0].size, t.size
    count = size // max(out, 1) if isinstance(size, int) and isinstance(out, int) else 0
    return count if t.op == "mean" else 1


def square_of_norm(t: Tensor, a: Tensor, *others: Tensor) -> Tensor | None:
    """``‖x‖²`` is the sum of the squares of ``x``, which is smooth at 0 too."""
    length = a if t.op == "square" else _factor_of_square(t)
    if length is None or length.op != "norm" or not length.operands[0].spec.is_real:
        return None
    return fits(OPS["sum"](OPS["square"](length.operands[0]), **length.params), t)


def stable_abs(t: Tensor, x: Tensor, *others: Tensor) -> Tensor | None:
    """``sqrt(x²)`` is the absolute value of ``x``, whose slope at 0 is 0."""
    base = _squared(x) if _is_root(t) else None
    return None if base is None else fits(OPS["abs"](base), t)


def square_of_length(t: Tensor, a: Tensor, *others: Tensor) -> Tensor | None:
    """``|z|²`` is smooth at 0 too; for a real ``z`` it is the square of ``z``."""
    base = _squared(t)
    if base is None or base.op != "abs":
        return None
    (z,) = base.operands
    return fits(OPS["abs2" if z.spec.is_complex else "square"](z), t)


def _squared(t: Tensor) -> Tensor | None:
    """``x`` of ``x²``, ``x * x`` or ``x ** 2``, for real floats; ``z`` of ``|z|²``."""
    if t.op == "abs2":
        return t.operands[0]
    base = t.operands[0] if t.op == "square" else _factor_of_square(t)
    return base if base is not None and base.spec.is_real else None


def _factor_of_square(t: Tensor) -> Tensor | None:
    """``x`` of ``x * x`` or ``x ** 2``."""
    if t.op not in ("multiply", "power"):
        return None
    base, other = t.operands
    same = other.name == base.name if t.op == "multiply" else is_number(other, 2)
    return base if same else None


def _one_plus(t: Tensor) -> Tensor | None:
    """``x`` of ``1 + x`` or ``x + 1``; of ``1 - y`` it is ``-y``."""
    if t.op not in ("add", "subtract"):
        return None
    a, b = t.operands
    if is_number(a, 1):
        return b if t.op == "add" else -b
    return a if t.op == "add" and is_number(b, 1) else None


def _summed_exp(t: Tensor) -> Tensor | None:
    """``z`` of ``sum(exp(z))``, or of the mean of known many."""
    if t.op not in ("sum", "mean") or t.operands[0].op != "exp":
        return None
    return t.operands[0].operands[0] if _averaged(t) else None


def _lines_up(reduced: Tensor, z: Tensor) -> bool:
    """Whether each element of ``z`` meets the reduction of its own slice in an element-wise op."""
    axis = reduced.params["axis"]
    if reduced.params["keepdims"] or axis is None:
        return True
    axes = axis if isinstance(axis, tuple) else (axis,)
    return sorted(i % z.ndim for i in axes) == list(range(len(axes)))


# Ops that take elements of their first operand and do nothing to them.
_PARTS = frozenset(
    {"slice", "gather", "take_along_axis", "transpose", "reshape", "squeeze", "expand_dims"}
)

_BY_OP: Mapping[str, tuple[Rule, ...]] = {
    "divide": (stable_sigmoid, stable_softmax),
    "subtract": (complement, stable_log_softmax, stable_expm1),
    "log": (stable_log, log_of_part),
    "log1p": (stable_log1p,),
    "sqrt": (stable_norm, stable_abs),
    "square": (square_of_length, square_of_norm),
    "multiply": (square_of_length, square_of_norm),
    "power": (square_of_length, square_of_norm, stable_norm, stable_abs),
}

# What a rule looks for among the ops of a node's operands.
_LOOKS_FOR: Mapping[Rule, frozenset[str]] = {
    stable_sigmoid: frozenset({"add"}),
    stable_softmax: frozenset({"sum"}),
    complement: frozenset({"sigmoid"}),
    stable_log_softmax: frozenset({"logsumexp"}),
    stable_expm1: frozenset({"exp"}),
    stable_norm: frozenset({"sum", "mean", "matmul", "einsum"}),
    stable_abs: frozenset({"square", "multiply", "power", "abs2"}),
    square_of_length: frozenset({"abs"}),
    square_of_norm: frozenset({"norm"}),
    stable_log1p: frozenset({"exp"}),
    log_of_part: _PARTS,
    stable_log: frozenset({"sigmoid", "softmax", "sum", "mean", "exp", "cosh", "add", "subtract"}),
}


@lru_cache(maxsize=4096)
def stable_rules(name: str, operands: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules that may fit a node of this op whose operands are of these ops."""
    found = set(operands)
    return tuple(rule for rule in _BY_OP.get(name, ()) if not found.isdisjoint(_LOOKS_FOR[rule]))


@sweeping(stable_rules)
def stabilise(draft: Draft) -> None:
    """Every rule of this module is applied, in one sweep."""
    sweep(draft, stable_rules)
