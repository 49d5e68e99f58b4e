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
mixed-integer linear programming", *Mathematical Programming* 99, 2004). With r and s whole numbers,
which is slower, the bound is higher by up to what one value costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdiff.planning.problem import Problem

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


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

        held = self._programme(pivot)
        if held is None:
            return None
        scale = max(self.costs.max(), 1e-300)
        unit = self.sizes.max()
        rows, least, costs = held.rows(unit), held.least(unit), held.costs / scale
        found = scipy.optimize.linprog(costs, A_ub=-rows, b_ub=-least, bounds=(0, 1))
        if found.status != 0:
            return None
        prices = np.maximum(0, -found.ineqlin.marginals)
        slack = np.minimum(0, costs - rows.T @ prices).sum()
        fixed = (-prices[-1] * least[-1] - slack) * scale
        worth, handed = np.zeros(len(self.problem)), np.zeros(len(self.operand))
        worth[held.asked] = prices[: len(held.asked)] * scale
        handed[held.edges] = prices[len(held.asked) : -1] * scale
        return Prices(pivot, float(worth.sum() - fixed), worth, handed, float(fixed))

    def whole(self, pivot: int, seconds: float) -> float:
        """The bound of a pivot if a value is in memory as a whole or not at all.

        Costs and sizes are counted in the largest units in which they are whole numbers. Where the
        time does not suffice, it is the bound that has been reached.
        """
        import scipy.optimize

        held = self._programme(pivot)
        if held is None or not held.costs.any():
            return 0.0
        unit = math.gcd(*self.problem.sizes)
        scale = self.problem.unit or self.costs.max()
        found = scipy.optimize.milp(
            held.costs / scale,
            constraints=scipy.optimize.LinearConstraint(held.rows(unit), held.least(unit)),
            integrality=np.ones(len(held.costs)),
            bounds=scipy.optimize.Bounds(0, 1),
            options={"time_limit": seconds, "mip_rel_gap": 0},
        )
        bound = found.mip_dual_bound
        if bound is None or not math.isfinite(bound):
            return 0.0
        return float(bound * (1 - 1e-9) - 1e-3) * scale

    def _programme(self, pivot: int) -> _Programme | None:
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
        return _Programme(
            np.concatenate([np.where(before, self.costs, 0)[nodes], 0 * nodes]),
            self.sizes[nodes], room, np.flatnonzero(needed), edges, place[needed],
            place[self.operand[edges]], place[self.consumer[edges]],
        )  # fmt: skip

    def _reached(self, graph: Any, start: int) -> npt.NDArray[np.bool_]:
        """What can be reached from a node, the node itself left out."""
        from scipy.sparse.csgraph import breadth_first_order

        found = np.zeros(len(self.problem), bool)
        found[breadth_first_order(graph, start, return_predecessors=False)] = True
        found[start] = False
        return found


@dataclass(frozen=True)
class _Programme:
    """The programme of a pivot: its columns are r, then s; memory is its last row, counted down.

    ``asked`` are values that are needed later, ``edges`` those of the problem that matter; in the
    programme they are called ``places``, and ``operands`` and ``consumers``.
    """

    costs: Numbers
    sizes: Numbers
    room: float
    asked: Indices
    edges: Indices
    places: Indices
    operands: Indices
    consumers: Indices

    def rows(self, unit: float) -> Any:
        """The matrix, with memory in units of so many bytes."""
        import scipy.sparse

        count, asked, edges = len(self.sizes), len(self.asked), len(self.edges)
        first, links = np.arange(asked), np.arange(asked, asked + edges)
        row = np.concatenate([first, first, links, links, links, np.full(count, asked + edges)])
        column = np.concatenate([
            self.places, self.places + count,
            self.operands, self.operands + count, self.consumers, np.arange(count, 2 * count),
        ])  # fmt: skip
        ones = np.ones(2 * asked + 2 * edges)
        values = np.concatenate([ones, -np.ones(edges), -self.sizes / unit])
        return scipy.sparse.csr_array((values, (row, column)), (asked + edges + 1, 2 * count))

    def least(self, unit: float) -> Numbers:
        """What each row is to be at least."""
        asked = np.ones(len(self.asked))
        return np.concatenate([asked, np.zeros(len(self.edges)), [-self.room / unit]])
