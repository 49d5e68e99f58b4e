"""Nodes that the fast style computes in one call, though they are several.

What is put into zeros, which are then added to an array, is added to the array at once: this is how
the slope by a part of a value, such as the logits of the labels, meets the slope by the whole. As
long as no place is met twice, these are the same additions but for that of 0, so that a result of
-0.0 may stay what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from graphdiff.graph.rows import Rows
from graphdiff.lower.liveness import orderly
from graphdiff.lower.pieces import Piece
from graphdiff.ops.notation import Site, Written

Fused = Mapping[int, tuple[int, ...]]  # for nodes the others that their calls compute along

_SCATTERING = frozenset({"place", "scatter_add_along_axis"})


def fused(rows: Rows, reads: Sequence[int]) -> Fused:
    """What is computed together. Linear in nodes and edges."""
    fusing = _Fusing(rows, reads)
    found = {i: fusing.scattered(i) for i, op in enumerate(rows.ops) if op.name == "add"}
    return {node: others for node, others in found.items() if others}


class _Fusing:
    def __init__(self, rows: Rows, reads: Sequence[int]) -> None:
        self.rows, self.reads = rows, reads
        self.handed = {rows.number[node] for node in rows.graph.outputs_by_name.values()}
        self.specs = [facts["spec"] for facts in rows.facts]

    @cached_property
    def in_order(self) -> list[bool]:
        return orderly(self.rows)

    def scattered(self, total: int) -> tuple[int, ...]:
        """The operand of an addition that is scattered over the other one instead, if it can be.

        With it the array that is scattered, where that is one number, filled in for this alone.
        """
        operands, spec = self.rows.operands[total], self.specs[total]
        for scattered, other in (operands, operands[::-1]):
            if (
                self.rows.ops[scattered].name in _SCATTERING
                and self.specs[scattered] == self.specs[other] == spec
                and self._is_for_one(scattered)
                and self._meets_no_place_twice(scattered)
                and self.in_order[other]
            ):
                x, *indices = self.rows.operands[scattered]
                if self._owner(other) in map(self._owner, (x, *indices)):
                    continue  # it is written over while it is read
                one = self.rows.ops[x].name == "broadcast_to" and self._is_for_one(x)
                filled = one and self.specs[self.rows.operands[x][0]].ndim == 0
                return (scattered, x) if filled else (scattered,)
        return ()

    def _is_for_one(self, node: int) -> bool:
        """Whether a value is read once and nobody asks for it by name."""
        named = self.rows.facts[node]["named"]
        return self.reads[node] == 1 and not named and node not in self.handed

    def _meets_no_place_twice(self, scattered: int) -> bool:
        if self.rows.ops[scattered].name == "place":
            return True
        axis = self.rows.facts[scattered]["params"]["axis"]
        return bool(self.specs[self.rows.operands[scattered][1]].shape[axis] == 1)

    def _owner(self, node: int) -> int:
        """The value whose memory a view shows."""
        while self.rows.ops[node].view and self.rows.operands[node]:
            node = self.rows.operands[node][0]
        return node


def added(onto: Piece, scattered: Piece, site: Site, *, filled: bool) -> Written:
    """The call that adds what is scattered to an array; ``site`` is how it is scattered.

    What is ``filled`` with a number is written as the number.
    """
    assert scattered.op.quick is not None  # its kernel
    if filled:
        (number,) = scattered.operands[0].operands
        text = number.text
        if number.number and number.spec.dtype != np.float64:
            text = Written(f"np.{number.spec.dtype}({text.text})")
        site = site._replace(operands=(text, *site.operands[1:]))
    return Written(f"{scattered.op.quick(site).text[:-1]}, onto={onto.text.text})")
