"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops.dimension import Shape
from graphdiff.ops.notation import ATOM, MULTIPLY, Site, Written, call, infix
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, broadcast, promote, shape_text


def _infer_matmul(a: Spec, b: Spec) -> Spec:
    """np.matmul's shapes: vectors, matrices, and stacks of matrices that broadcast."""
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError("a matrix product of a scalar", got=f"{a} @ {b}", hint="use *")
    left: Shape = (1, *a.shape) if a.ndim == 1 else a.shape
    right: Shape = (*b.shape, 1) if b.ndim == 1 else b.shape
    if left[-1] != right[-2]:
        raise ShapeError(
            "operands do not fit for a matrix product",
            expected="the last dimension of the left equal to the first of the right's last two",
            got=f"{shape_text(a.shape)} @ {shape_text(b.shape)}: {left[-1]} against {right[-2]}",
            hint="transpose an operand, or correct its declared shape",
        )
    shape = broadcast(left[:-2], right[:-2])
    shape += (() if a.ndim == 1 else (left[-2],)) + (() if b.ndim == 1 else (right[-1],))
    return Spec(shape, promote(a.dtype, b.dtype))


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:  # y_i = Σ_k a_ik b_k
        return g * b if a.ndim == 1 else _outer(g, b)
    if a.ndim == 1:  # y_j = Σ_k a_k b_kj
        return b @ g if b.ndim == 2 else np.squeeze(b @ np.expand_dims(g, -1), axis=-1)
    return g @ b.mT


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:  # y_j = Σ_k a_k b_kj
        return g * a if b.ndim == 1 else _outer(a, g)
    if b.ndim == 1:  # y_i = Σ_k a_ik b_k
        return a.T @ g if a.ndim == 2 else np.expand_dims(g, -1) * a
    return a.mT @ g


def _outer(u: Any, v: Any) -> Any:
    """u vᵀ for vectors, and for stacks of them in either place."""
    if u.ndim == v.ndim == 1:
        return np.outer(u, v)
    return np.expand_dims(u, -1) * np.expand_dims(v, -2)


def _infer_outer(a: Spec, b: Spec) -> Spec:
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError("an outer product of more than vectors", got=f"{a} and {b}")
    return Spec((*a.shape, *b.shape), promote(a.dtype, b.dtype))


def _matmul_formula(site: Site) -> Written:
    left, right = site.operands
    return Written(f"{left.within(MULTIPLY)} {right.within(MULTIPLY + 1)}", MULTIPLY)


def _outer_formula(site: Site) -> Written:
    left, right = (operand.within(MULTIPLY + 1) for operand in site.operands)
    return Written(f"{left} {right}ᵀ", MULTIPLY)


matmul = Op(
    "matmul",
    _infer_matmul,
    ("a", "b"),
    vjp=(_matmul_left, _matmul_right),
    numpy=infix("@", MULTIPLY),
    quick=call("matmul"),
    formula=_matmul_formula,
    flops=lambda out, a, b: 2 * out.size * a.shape[-1],
    complex=True,
)
outer = Op(
    "outer",
    _infer_outer,
    ("a", "b"),
    vjp=(lambda g, y, a, b: g @ b, lambda g, y, a, b: g.T @ a),
    numpy=call("np.outer"),
    quick=lambda site: Written(
        f"multiply({site.operands[0].within(ATOM)}[:, None], {site.operands[1].text})"
    ),
    formula=_outer_formula,
    flops=lambda out, a, b: out.size,
    complex=True,
)

OPS = (matmul, outer)
