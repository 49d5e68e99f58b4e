"""How little must be computed twice because of what has to pass by one computation.

Look at the first computation of some node, the *pivot*. Its ancestors have been computed then, its
descendants have not. A value that a descendant uses, or that is an output, is in memory at this
moment or is computed later; and what is computed later needs its operands, which are in memory or
are computed later in turn. What is in memory fits in the limit, beside the pivot and its operands.
Let s(v) say that v is in memory, and r(v) that it is computed later. Then

    r(v) + s(v) ≥ 1         for each value v that is needed later
    r(u) + s(u) ≥ r(v)      for each operand u of v
    Σ size(v) s(v) ≤ room
    0 ≤ r, s ≤ 1

and an ancestor of the pivot that is computed later is computed twice. The least cost of all such r,
as a linear programme, is a bound for every schedule within the limit.

The programme's dual is a set of *prices*: what it is worth that a value is there later, and what a
byte of memory is worth at the pivot. Any prices that are not negative give a bound, whatever
tolerance they were found with (A. Neumaier and O. Shcherbina, "Safe bounds in linear and
mixed-integer linear programming", *Mathematical Programming* 99, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdiff.planning.problem import Problem

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """The solved programme of a pivot.

    Attributes
    ----------
    pivot
        The node whose first computation is looked at.
    repeated
        No schedule within the limit computes less than this a second time, in cost.
    needed
        For each value what it is worth that it is not needed later.
    handed
        For each edge of the problem, as `Pivots` lists them, what its consumer pays its operand.
    fixed
        What is taken off the sum of the prices of what is needed: for memory, and for rounding.
    """

    pivot: int
    repeated: float
    needed: Numbers
    handed: Numbers
    fixed: float


class Pivots:
    """The programmes of a problem within a limit; ``operand`` and ``consumer`` are its edges."""

    def __init__(self, problem: Problem, limit: float) -> None:
        self.problem = problem
        self.limit = limit
        self.sizes = np.array(problem.sizes, float)
        self.costs = np.array(problem.costs, float)
        self.operand = np.array([u for us in problem.operands for u in us], np.int64)
        counts = [len(us) for us in problem.operands]
        self.consumer = np.repeat(np.arange(len(problem)), counts)
        self.wanted = np.zeros(len(problem), bool)
        self.wanted[list(problem.outputs)] = True

    @cached_property
    def _graph(self) -> Any:
        import scipy.sparse

        ones = np.ones(len(self.operand), np.int8)
        shape = (len(self.problem), len(self.problem))
        return scipy.sparse.csr_array((ones, (self.operand, self.consumer)), shape)

    @cached_property
    def _reversed(self) -> Any:
        return self._graph.T.tocsr()

    def solve(self, pivot: int) -> Prices | None:
        """The prices of a pivot, or None if nothing has to be computed twice because of it.

        Notes
        -----
        HiGHS takes a time that is near-linear in nodes and edges on networks.
        """
        import scipy.optimize
        import scipy.sparse

        behind = self._reached(self._graph, pivot)
        before = self._reached(self._reversed, pivot)
        present = np.zeros(len(self.problem), bool)
        present[[pivot, *self.problem.operands[pivot]]] = True
        room = self.limit - self.sizes[present].sum()
        free = ~behind & ~present
        needed = self.wanted.copy()
        needed[self.operand[behind[self.consumer]]] = True
        needed &= free
        if room < 0 or self.sizes[needed].sum() <= room:
            return None
        nodes = np.flatnonzero(free)
        place = np.zeros(len(self.problem), np.int64)
        place[nodes] = np.arange(len(nodes))
        edges = np.flatnonzero(free[self.consumer] & free[self.operand])
        asked = np.flatnonzero(needed)
        scale, unit = max(self.costs.max(), 1e-300), self.sizes.max()
        costs = np.concatenate([np.where(before, self.costs, 0)[nodes] / scale, 0 * nodes])
        rows = _rows(
            place[asked], place[self.operand[edges]], place[self.consumer[edges]],
            self.sizes[nodes] / unit,
        )  # fmt: skip
        least = np.zeros(rows.shape[0])
        least[: len(asked)], least[-1] = 1, -room / unit
        found = scipy.optimize.linprog(costs, A_ub=-rows, b_ub=-least, bounds=(0, 1))
        if found.status != 0:
            return None
        prices = np.maximum(0, -found.ineqlin.marginals)
        slack = np.minimum(0, costs - rows.T @ prices).sum()
        fixed = (prices[-1] * room / unit - slack) * scale
        worth, handed = np.zeros(len(self.problem)), np.zeros(len(self.operand))
        worth[asked] = prices[: len(asked)] * scale
        handed[edges] = prices[len(asked) : -1] * scale
        return Prices(pivot, float(worth.sum() - fixed), worth, handed, float(fixed))

    def _reached(self, graph: Any, start: int) -> npt.NDArray[np.bool_]:
        """What can be reached from a node, the node itself left out."""
        from scipy.sparse.csgraph import breadth_first_order

        found = np.zeros(len(self.problem), bool)
        found[breadth_first_order(graph, start, return_predecessors=False)] = True
        found[start] = False
        return found


def _rows(
    asked: npt.NDArray[np.int64],
    operands: npt.NDArray[np.int64],
    consumers: npt.NDArray[np.int64],
    sizes: Numbers,
) -> Any:
    """The programme's matrix: its columns are r, then s; memory, its last row, counts down."""
    import scipy.sparse

    count = len(sizes)
    first, links = np.arange(len(asked)), np.arange(len(asked), len(asked) + len(operands))
    last = np.full(count, len(asked) + len(operands))
    row = np.concatenate([first, first, links, links, links, last])
    column = np.concatenate(
        [asked, asked + count, operands, operands + count, consumers, np.arange(count) + count]
    )
    ones = np.ones(len(row) - count)
    ones[len(ones) - len(operands) :] = -1
    return scipy.sparse.csr_array(
        (np.concatenate([ones, -sizes]), (row, column)), (len(asked) + len(operands) + 1, 2 * count)
    )
