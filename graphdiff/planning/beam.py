"""Beam search: good schedules where the exact search is too long."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from graphdiff.planning.moves import Moves, computations
from graphdiff.planning.passing import Passing
from graphdiff.planning.prices import Prices
from graphdiff.planning.problem import Problem

FIRST_WIDTH, LAST_WIDTH = 8, 2048


def beams(
    problem: Problem,
    limit: float,
    prices: Sequence[Prices],
    *,
    below: float = math.inf,
    deadline: float = math.inf,
) -> Iterator[list[int]]:
    """Ever cheaper schedules within a limit, from beams that are ever wider.

    A beam goes through the graph of `graphdiff.planning.moves` a computation at a time and keeps
    the states of which the bound of A* is least. B. T. Lowerre, "The HARPY speech recognition
    system" (1976).
    """
    moves = Moves(problem)
    passing = Passing(problem, moves, prices)
    width = FIRST_WIDTH
    while width <= LAST_WIDTH and time.monotonic() < deadline:
        beam = _Beam(problem, moves, passing, limit, width)
        for cost, sequence in beam.run(below, deadline):
            below = cost
            yield sequence
        if not beam.cut:
            return
        width *= 4


class _Beam:
    """One pass through the graph; ``cut`` tells whether a state was left out for want of width."""

    def __init__(
        self, problem: Problem, moves: Moves, passing: Passing, limit: float, width: int
    ) -> None:
        self.problem, self.moves, self.passing = problem, moves, passing
        self.limit, self.width = limit, width
        self.cut = False

    def run(self, below: float, deadline: float) -> Iterator[tuple[float, list[int]]]:
        """The schedules that are found, each cheaper than the one before."""
        problem, limit = self.problem, self.limit
        start = sum(1 << node for node in problem.outputs)
        labels = [(-1, -1)]
        size = self.moves.size(start)
        # For each set: cost, label, closure and size.
        layer = {start: (problem.base_cost, 0, (1 << len(problem)) - 1, size)}
        best = {start: problem.base_cost}
        while layer and time.monotonic() < deadline:
            following: dict[int, tuple[float, int, int, int]] = {}
            for wanted, (cost, label, closure, now) in layer.items():
                for node, needed, less, during, repeat in self.moves.after(wanted, now, limit):
                    new_cost = cost + repeat
                    if during > limit or new_cost >= min(below, best.get(needed, math.inf)):
                        continue
                    best[needed] = new_cost
                    rest = closure if repeat else closure & ~(1 << node)
                    following[needed] = (new_cost, len(labels), rest, less)
                    labels.append((label, node))
            if 0 in following:
                below, label, _, _ = following.pop(0)
                yield below, computations(labels, label)
            layer = self._narrow(following, below)

    def _narrow(
        self, layer: dict[int, tuple[float, int, int, int]], below: float
    ) -> dict[int, tuple[float, int, int, int]]:
        """The most promising states: of least bound, and half as many of fewest bytes."""
        ranked = []
        for wanted, state in layer.items():
            bound = state[0] + self.passing.repeated(wanted, state[2])
            if bound < below:
                ranked.append((bound, state[3], state[1], wanted))
        self.cut = self.cut or len(ranked) > self.width
        ranked.sort()
        chosen = ranked[: self.width]
        # Where memory is tight the cheapest states may all be dead ends: so the smallest, too.
        rest = ranked[self.width :]
        rest.sort(key=lambda state: (state[1], state[0], state[2]))
        chosen += rest[: self.width // 2]
        return {wanted: layer[wanted] for *_, wanted in chosen}
