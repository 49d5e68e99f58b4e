"""Nodes that the fast style computes in one call, though they are several.

The sum of all products of two arrays is one pass over them in BLAS, without an array for the
products. It adds in an order of its own, so the last digits may differ from NumPy's sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphdiff.graph.rows import Rows
from graphdiff.lower.liveness import orderly
from graphdiff.lower.pieces import Piece
from graphdiff.ops.notation import Written

_PRODUCTS = frozenset({"multiply", "square"})
_FLAT = frozenset({"expand_dims", "identity", "reshape", "result", "squeeze", "stop_gradient"})


def sums_of_products(rows: Rows, reads: Sequence[int]) -> dict[int, int]:
    """For sums over all elements that `numpy.vdot` computes, the product that it takes along.

    The product is read by the sum alone, nobody named it, and it multiplies arrays of its own shape
    whose elements are side by side in memory, as far as that is known: others would be copied. It
    is of dtype float64: BLAS adds from one end to the other, which costs digits that float32 does
    not have to spare. The sum of ten million squares was off by 2e-5, NumPy's pairwise sum by 3e-8.

    Linear in nodes and edges.
    """
    handed = {rows.number[node] for node in rows.graph.outputs_by_name.values()}
    found: dict[int, int] = {}
    for i, op in enumerate(rows.ops):
        if op.name == "sum" and not rows.facts[i]["spec"].ndim:
            (product,) = rows.operands[i]
            single = reads[product] == 1 and product not in handed
            if single and not rows.facts[product]["named"] and _is_product(rows, product):
                found[i] = product
    if not found:
        return {}
    in_order = orderly(rows)
    return {
        total: product
        for total, product in found.items()
        if all(_is_flat(rows, factor, in_order) for factor in rows.operands[product])
    }


def _is_product(rows: Rows, node: int) -> bool:
    """Whether a node multiplies arrays of one shape, element by element, in float64."""
    spec = rows.facts[node]["spec"]
    factors = (rows.facts[factor]["spec"] for factor in rows.operands[node])
    alike = spec.dtype == np.float64 and spec.ndim > 0 and all(f == spec for f in factors)
    return alike and rows.ops[node].name in _PRODUCTS


def _is_flat(rows: Rows, node: int, in_order: Sequence[bool]) -> bool:
    """Whether the elements of a value are side by side in memory in the order of its axes."""
    while rows.ops[node].view and rows.ops[node].name in _FLAT and rows.operands[node]:
        node = rows.operands[node][0]
    return in_order[node] and not rows.ops[node].view


def dot(product: Piece) -> Written:
    """The call for the sum of a product of two arrays, or of the square of one."""
    factors = [factor.text.text for factor in product.operands]
    return Written(f"vdot({factors[0]}, {factors[-1]})")
