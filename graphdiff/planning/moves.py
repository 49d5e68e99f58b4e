"""Schedules read from their end: the graph that the exact searches look for paths in.

Let W be the values that the steps after some point need. Before the first of these steps comes the
computation of some w in W; what is needed before it is W without w, and with the operands of w. So
the schedules in which each value is freed after its last use are the paths from the outputs to the
empty set in a graph whose vertices are sets of nodes. There is no choice of what to free, nor a
value in memory that is of no use. Sets are bit masks.

Two facts make searches quick.

- All ancestors of W have yet to be computed once, which bounds the cost of what remains. The bound
  grows just when w, being an ancestor of another member of W, will be computed again.
- If w is no ancestor of another member of W, needing its operands in its stead takes no more bytes,
  and its computation fits, then some best schedule computes w here: in any other one, w can be
  moved to this place, since nothing in between uses it. No other choice has to be tried. The same
  holds if w costs nothing and its operands are in W: it can be computed once more. An operand that
  costs nothing and is computed from nothing, such as the memory that an op works in, takes no bytes
  in the stead of w: it can be computed just before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from graphdiff.planning.problem import Problem


@dataclass(frozen=True)
class Budget:
    """How much a search may do: a number of states, and a time on the clock `time.monotonic`.

    ``below`` is asked now and then for the cost that others have come to meanwhile.
    """

    states: int = 1_000_000
    deadline: float = math.inf
    below: Callable[[], float] | None = None


@dataclass(frozen=True)
class Found:
    """What a search gives.

    ``answers`` are triples of peak, cost and computations. ``complete`` tells whether the search
    ended by itself. No answer that is missing has less than ``bound``, in cost, or in peak where
    that was the goal.
    """

    answers: tuple[tuple[int, float, list[int]], ...]
    complete: bool
    bound: float
    states: int


class Moves:
    """The steps backward from a set of needed values."""

    def __init__(self, problem: Problem, *, recompute: bool = True) -> None:
        self.recompute = recompute
        self.sizes = problem.sizes
        self.costs = problem.costs
        self.operands = [sum(1 << u for u in us) for us in problem.operands]
        self.ancestors = [0] * len(problem)
        for node, operands in enumerate(problem.operands):
            for operand in operands:
                self.ancestors[node] |= self.ancestors[operand] | 1 << operand
        self.descendants = [0] * len(problem)
        for node in reversed(range(len(problem))):
            for consumer in problem.consumers[node]:
                self.descendants[node] |= self.descendants[consumer] | 1 << consumer
        free = sum(
            1 << node
            for node, operands in enumerate(problem.operands)
            if not (operands or problem.costs[node])
            and (recompute or len(problem.consumers[node]) == 1)
        )
        self._lasting = [operands & ~free for operands in self.operands]
        self._size_of = {0: 0}

    def size(self, values: int) -> int:
        """The bytes that a set of values takes."""
        found = self._size_of.get(values)
        if found is None:
            found = sum(self.sizes[node] for node in members(values))
            self._size_of[values] = found
        return found

    def after(self, wanted: int, size: int, cap: float) -> list[tuple[int, int, int, int, float]]:
        """The moves from a set: node, new set, its size, bytes during the step, cost of a repeat.

        If one of them is as good as any other for a peak of at most ``cap``, it stands alone.
        """
        moves: list[tuple[int, int, int, int, float]] = []
        rest = wanted
        while rest:
            bit = rest & -rest
            rest ^= bit
            node = bit.bit_length() - 1
            again = self.descendants[node] & wanted
            if again and not self.recompute:
                continue
            operands = self.operands[node]
            during = size + self.size(operands & ~wanted)
            less = during - self.sizes[node]
            repeat = self.costs[node] if again else 0
            move = (node, wanted ^ bit | operands, less, during, repeat)
            if not repeat and during <= cap:
                missing = self._lasting[node] & ~wanted
                if not missing or (not again and self.size(missing) <= self.sizes[node]):
                    return [move]
            moves.append(move)
        return moves


def members(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, in order."""
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit


def computations(labels: list[tuple[int, int]], label: int) -> list[int]:
    """The nodes on the way to a label: the path runs backward in time, and so do the labels."""
    sequence = []
    while label:
        label, node = labels[label]
        sequence.append(node)
    return sequence
