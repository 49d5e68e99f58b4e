"""Formulas that overflow or cancel when they are computed as written, computed stably.

``-log(1 / (1 + exp(-u)))`` is right on paper; at ``u = -800`` a computer gives infinity. Each rule
here puts a function that does not overflow in the place of such a text. They run before a graph is
differentiated, so that the gradient is stable too, and again before it is lowered.

Most hold for real values only: the square of a complex one is not its length squared, and what is
put in the place of a text takes real values.

Goodfellow et al., *Deep Learning* (2016), sections 4.1 and 6.2.2.
"""

from __future__ import annotations

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
    if z is None or a.op != "exp" or a.operands[0].name != z.name or not _lines_up(b, z):
        return None
    if z.spec.is_complex:
        return None
    return fits(OPS["softmax"](z, axis=b.params["axis"]), t)


def stable_log(t: Tensor, x: Tensor) -> Tensor | None:
    """The logarithm of a sigmoid, of a softmax, of a sum of exponentials, or of ``1 + x``."""
    if x.op == "sigmoid":
        return fits(-OPS["softplus"](-x.operands[0]), t)
    if x.op == "softmax":
        return fits(OPS["log_softmax"](x.operands[0], **x.params), t)
    z = _summed_exp(x)
    if z is not None and not z.spec.is_complex:
        return fits(OPS["logsumexp"](z, **x.params), t)
    other = _one_plus(x)
    if other is None:
        return None
    if other.op == "exp" and not other.spec.is_complex:
        return fits(OPS["softplus"](other.operands[0]), t)
    return fits(OPS["log1p"](other), t)


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


def stable_norm(t: Tensor, x: Tensor) -> Tensor | None:
    """``sqrt(sum(x²))`` and ``sqrt(x @ x)`` are the norm of ``x``, whose slope is 0 where x is."""
    if x.op == "sum":
        base = _squared(x.operands[0])
        return None if base is None else fits(OPS["norm"](base, **x.params), t)
    if x.op == "matmul":
        a, b = x.operands
        same = a.name == b.name and a.ndim == 1 and a.spec.is_real
        return fits(OPS["norm"](a), t) if same else None
    return None


def stable_abs(t: Tensor, x: Tensor) -> Tensor | None:
    """``sqrt(x²)`` is the absolute value of ``x``, whose slope at 0 is 0."""
    base = _squared(x)
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
    if t.op not in ("square", "multiply", "power"):
        return None
    base, *other = t.operands
    same = t.op == "multiply" and other[0].name == base.name
    power = t.op == "power" and is_number(other[0], 2)
    return base if base.spec.is_real and (t.op == "square" or same or power) else None


def _one_plus(t: Tensor) -> Tensor | None:
    """``x`` of ``1 + x`` or ``x + 1``; of ``1 - y`` it is ``-y``."""
    if t.op not in ("add", "subtract"):
        return None
    a, b = t.operands
    if is_number(a, 1):
        return b if t.op == "add" else -b
    return a if t.op == "add" and is_number(b, 1) else None


def _summed_exp(t: Tensor) -> Tensor | None:
    """``z`` of ``sum(exp(z))``."""
    if t.op != "sum" or t.operands[0].op != "exp":
        return None
    return t.operands[0].operands[0]


def _lines_up(reduced: Tensor, z: Tensor) -> bool:
    """Whether each element of ``z`` meets the reduction of its own slice in an element-wise op."""
    axis = reduced.params["axis"]
    if reduced.params["keepdims"] or axis is None:
        return True
    axes = axis if isinstance(axis, tuple) else (axis,)
    return sorted(i % z.ndim for i in axes) == list(range(len(axes)))


_BY_OP: Mapping[str, tuple[Rule, ...]] = {
    "divide": (stable_sigmoid, stable_softmax),
    "subtract": (complement, stable_log_softmax, stable_expm1),
    "log": (stable_log,),
    "sqrt": (stable_norm, stable_abs),
    "square": (square_of_length,),
    "multiply": (square_of_length,),
    "power": (square_of_length,),
}

# What a rule looks for among the ops of a node's operands.
_LOOKS_FOR: Mapping[Rule, frozenset[str]] = {
    stable_sigmoid: frozenset({"add"}),
    stable_softmax: frozenset({"sum"}),
    complement: frozenset({"sigmoid"}),
    stable_log_softmax: frozenset({"logsumexp"}),
    stable_expm1: frozenset({"exp"}),
    stable_norm: frozenset({"sum", "matmul"}),
    stable_abs: frozenset({"square", "multiply", "power", "abs2"}),
    square_of_length: frozenset({"abs"}),
    stable_log: frozenset({"sigmoid", "softmax", "sum", "add", "subtract"}),
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
