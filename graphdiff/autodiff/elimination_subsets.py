"""The order of vertices that takes the fewest multiplications, by going through all sets of them.

What remains of a graph depends only on which vertices are eliminated, so the least cost of each set
follows from those of the sets with one vertex less (Bodlaender et al., *On exact algorithms for
treewidth* (2012), do the same for undirected graphs). The sets are the indices of an array, and are
taken 2^LOW at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

LOW = 14
"""Vertices whose subsets are dealt with at once: arrays of that many numbers stay in the caches."""

_UNKNOWN = 1 << 30

Neighbours = Sequence[frozenset[int]]
Array = npt.NDArray[Any]


def least_order(count: int, before: Neighbours, after: Neighbours) -> tuple[tuple[int, ...], int]:
    """The order in which eliminating vertices takes the fewest multiplications, and that number.

    Parameters
    ----------
    count
        The vertices to eliminate are 0 … count - 1, in topological order; the others are ends.
    before, after
        The predecessors and the successors of each vertex.

    Notes
    -----
    Proportional to 2^count edges; four bytes for each set. 20 vertices take about 0.1 seconds, 25
    about 5 (``tests/benchmarks/test_elimination.py``).
    """
    low = min(LOW, count)
    least = np.full((1 << (count - low), 1 << low), _UNKNOWN, np.int32)
    least[0, 0] = 0
    sides = (
        _Reached(count, low, before, range(count)),
        _Reached(count, low, after, range(count - 1, -1, -1)),
    )
    levels = _by_size(low)
    for pattern, row in enumerate(least):
        above, below = (side.counts(pattern) for side in sides)
        degrees = [np.multiply(a, b, dtype=np.int32) for a, b in zip(above, below, strict=True)]
        for vertex in range(low, count):
            bit = 1 << (vertex - low)
            if pattern & bit:
                np.minimum(row, least[pattern ^ bit] + degrees[vertex], out=row)
        inner = [np.broadcast_to(degree, row.shape) for degree in degrees[:low]]
        for sets in levels:
            best = row[sets]
            for vertex, degree in enumerate(inner):  # a set without the vertex is not known yet
                np.minimum(best, row[sets ^ (1 << vertex)] + degree[sets], out=best)
            row[sets] = best
    return _walk(count, least.reshape(-1), before, after), int(least[-1, -1])


def _by_size(low: int) -> list[Array]:
    """The subsets of the first vertices, but for the empty one, by how many are in them."""
    sizes = np.bitwise_count(np.arange(1 << low, dtype=np.uint32))
    return [np.flatnonzero(sizes == size) for size in range(1, low + 1)]


class _Reached:
    """What is next to each vertex in one direction once a set of vertices is eliminated.

    That is a set of vertices and ends, in as many words of 64 bits as it takes.
    """

    def __init__(self, count: int, low: int, towards: Neighbours, order: Sequence[int]) -> None:
        self.count, self.low, self.towards, self.order = count, low, towards, order
        ends = sorted({u for near in towards[:count] for u in near if u >= count})
        place = {u: i for i, u in enumerate([*range(count), *ends])}
        words = (len(place) + 63) // 64
        self.bits = {u: _bit(i, words) for u, i in place.items()}
        subsets = np.arange(1 << low)
        self.inside = [(subsets >> v & 1).astype(bool) for v in range(low)]

    def counts(self, pattern: int) -> list[Array]:
        """How many are next to each vertex, for all subsets of the first vertices.

        Of the others those in the pattern are eliminated. One number stands for all subsets where
        it is the same for all.
        """
        seen: dict[int, Array] = {}  # through or at each vertex, from those after it
        found: dict[int, Array] = {}
        for v in self.order:
            near = np.zeros_like(self.bits[v])
            for u in self.towards[v]:
                near = near | (seen[u] if u < self.count else self.bits[u])
            found[v] = np.bitwise_count(near).sum(axis=0, dtype=np.int32)
            if v < self.low:
                seen[v] = np.where(self.inside[v], near, self.bits[v])
            else:
                seen[v] = near if pattern >> (v - self.low) & 1 else self.bits[v]
        return [found[v] for v in range(self.count)]


def _bit(place: int, words: int) -> Array:
    """A set of one, as a column of words."""
    column = np.zeros((words, 1), np.uint64)
    column[place // 64] = np.uint64(1) << np.uint64(place % 64)
    return column


def _walk(count: int, least: Array, before: Neighbours, after: Neighbours) -> tuple[int, ...]:
    """The order that the costs of the sets come from, last to first."""
    done, order = (1 << count) - 1, []
    while done:
        for vertex in range(count):
            rest = done & ~(1 << vertex)
            if rest != done and least[done] == least[rest] + _degree(vertex, rest, before, after):
                order.append(vertex)
                done = rest
                break
    return tuple(reversed(order))


def _degree(vertex: int, done: int, before: Neighbours, after: Neighbours) -> int:
    """The multiplications that eliminating a vertex takes after a set of others."""
    count = 1
    for towards in (before, after):
        near: set[int] = set()
        waiting, passed = [vertex], {vertex}
        while waiting:
            for u in towards[waiting.pop()]:
                if not done >> u & 1:
                    near.add(u)
                elif u not in passed:
                    passed.add(u)
                    waiting.append(u)
        count *= len(near)
    return count
