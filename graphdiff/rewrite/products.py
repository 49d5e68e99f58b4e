"""The order of matrix products: the one that takes fewer operations, whatever the sizes are.

``A @ B @ x`` is ``(A @ B) @ x`` to Python: two matrices are multiplied, where ``A @ (B @ x)`` takes
two products with a vector. The order is changed before a graph is differentiated, so that the
gradient has the better one too, and again before it is lowered.
"""

from __future__ import annotations

from functools import lru_cache

from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension, combine, product, sign
from graphdiff.rewrite.engine import Draft, Rule, sweep, sweeping
from graphdiff.rewrite.matching import fits, free


def order_products(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``(A B) x`` is ``A (B x)`` where that takes fewer operations, and the other way round."""
    if a.op == "matmul" and free(a) and b.ndim <= 2:
        p, q = a.operands
        if p.ndim <= 2 and q.ndim == 2 and _is_less(_right(p, q, b), _left(p, q, b)):
            return fits(p @ (q @ b), t)
    if b.op == "matmul" and free(b) and a.ndim <= 2:
        q, r = b.operands
        if r.ndim <= 2 and q.ndim == 2 and _is_less(_left(a, q, r), _right(a, q, r)):
            return fits((a @ q) @ r, t)
    return None


def _left(p: Tensor, q: Tensor, r: Tensor) -> Dimension:
    """The multiplications of ``(p q) r``."""
    (k, n), rows, columns = q.shape, _rows(p), _columns(r)
    return _sum(product((rows, k, n)), product((rows, n, columns)))


def _right(p: Tensor, q: Tensor, r: Tensor) -> Dimension:
    """The multiplications of ``p (q r)``."""
    (k, n), rows, columns = q.shape, _rows(p), _columns(r)
    return _sum(product((k, n, columns)), product((rows, k, columns)))


def _rows(p: Tensor) -> Dimension:
    return p.shape[0] if p.ndim == 2 else 1


def _columns(r: Tensor) -> Dimension:
    return r.shape[1] if r.ndim == 2 else 1


def _sum(a: Dimension, b: Dimension) -> Dimension:
    return a + b if isinstance(a, int) and isinstance(b, int) else combine("+", a, b)


def _is_less(a: Dimension, b: Dimension) -> bool:
    """Whether a number of operations is the smaller one for all sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    return a != b and sign(combine("-", b, a)) == 1


@lru_cache(maxsize=4096)
def product_rules(name: str, operands: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rule of this module, for a product of a product."""
    return (order_products,) if name == "matmul" and "matmul" in operands else ()


@sweeping(product_rules)
def order(draft: Draft) -> None:
    """Matrix products are put into the better order, in one sweep."""
    sweep(draft, product_rules)
