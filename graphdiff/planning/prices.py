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

A value is in memory as a whole or not at all, and of values of a size d no more are than room // d.
Counted in blocks of d bytes, each size rounded down, the same holds for values of all sizes (V.
Chvátal, "Edmonds polytopes and a hierarchy of combinatorial problems", *Discrete Mathematics* 4,
1973); and where a value is in memory whose last bytes do not fit beside room // d blocks, there is
one block less. With these rows the programme often says what whole numbers would.

The programme's dual is a set of *prices*: what it is worth that a value is there later, and what a
byte of memory is worth at the pivot. Any prices that are not negative give a bound, whatever
tolerance they were found with (A. Neumaier and O. Shcherbina, "Safe bounds in linear and
mixed-integer linear programming", *Mathematical Programming* 99, 2004). With r and s whole numbers,
which is slower, the bound is higher by up to what one value costs.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdiff.planning.problem import Problem

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

BLOCKS = 3
"""In blocks of how many sizes memory is counted, beside bytes."""

MOST_BLOCKS = 200
"""Where so many blocks fit, what is lost by fractions of one does not matter."""


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
        asked, edges = len(held.asked), len(held.edges)
        fixed = -(prices[asked + edges :] @ least[asked + edges :] + slack) * scale
        worth, handed = np.zeros(len(self.problem)), np.zeros(len(self.operand))
        worth[held.asked] = prices[:asked] * scale
        handed[held.edges] = prices[asked : asked + edges] * scale
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
        blocks = _blocks(self.sizes[nodes], room)
        return _Programme(
            np.concatenate([np.where(before, self.costs, 0)[nodes], 0 * nodes, 0 * blocks]),
            self.sizes[nodes], blocks, room, np.flatnonzero(needed), edges, place[needed],
            place[self.operand[edges]], place[self.consumer[edges]],
        )  # fmt: skip

    def _reached(self, graph: Any, start: int) -> npt.NDArray[np.bool_]:
        """What can be reached from a node, the node itself left out."""
        from scipy.sparse.csgraph import breadth_first_order

        found = np.zeros(len(self.problem), bool)
        found[breadth_first_order(graph, start, return_predecessors=False)] = True
        found[start] = False
        return found


def _blocks(sizes: Numbers, room: float) -> Numbers:
    """The sizes in which memory is worth counting: those that take most of it."""
    bytes_of: Counter[float] = Counter()
    for size in sizes.tolist():
        bytes_of[size] += size
    found = [size for size, _ in bytes_of.most_common(BLOCKS) if size * MOST_BLOCKS > room]
    return np.array(found, float)


@dataclass(frozen=True)
class _Programme:
    """The programme of a pivot: its columns are r, then s, then for each of the ``blocks`` a t.

    t says that one block less fits. The last rows are those of memory, counted down.

    ``asked`` are values that are needed later, ``edges`` those of the problem that matter; in the
    programme they are called ``places``, and ``operands`` and ``consumers``.
    """

    costs: Numbers
    sizes: Numbers
    blocks: Numbers
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
        row = np.concatenate([first, first, links, links, links])
        column = np.concatenate([
            self.places, self.places + count,
            self.operands, self.operands + count, self.consumers,
        ])  # fmt: skip
        values = np.concatenate([np.ones(2 * asked + 2 * edges), -np.ones(edges)])
        shape = (asked + edges, 2 * count + len(self.blocks))
        computed = scipy.sparse.csr_array((values, (row, column)), shape)
        return scipy.sparse.vstack([computed, *self._memory(unit)], format="csr")

    def _memory(self, unit: float) -> list[Any]:
        """Bytes; and for each block the number of blocks, and what takes one away."""
        import scipy.sparse

        count, blocks = len(self.sizes), len(self.blocks)
        computed, bytes_held = np.zeros(count), -self.sizes / unit
        found = [np.concatenate([computed, bytes_held, np.zeros(blocks)])[None]]
        for k, block in enumerate(self.blocks):
            taken = np.arange(blocks) == k
            found.append(np.concatenate([computed, -(self.sizes // block), -1.0 * taken])[None])
            large = self._large(block)
            row = np.arange(len(large))
            ones, columns = np.ones(len(large)), np.full(len(large), 2 * count + k)
            found.append(scipy.sparse.csr_array(
                (np.concatenate([ones, -ones]),
                 (np.concatenate([row, row]), np.concatenate([columns, count + large]))),
                (len(large), 2 * count + blocks),
            ))  # fmt: skip
        return [scipy.sparse.csr_array(rows) for rows in found]

    def _large(self, block: float) -> Indices:
        """The values whose last bytes do not fit beside as many blocks as there is room for."""
        return np.flatnonzero(self.sizes % block > self.room % block)

    def least(self, unit: float) -> Numbers:
        """What each row is to be at least."""
        asked, edges = np.ones(len(self.asked)), np.zeros(len(self.edges))
        memory = [np.array([-self.room / unit])]
        for block in self.blocks:
            memory += [np.array([-(self.room // block)]), np.zeros(len(self._large(block)))]
        return np.concatenate([asked, edges, *memory])
