"""A window of a schedule, put together again by a solver of Boolean programmes.

A window is a stretch of a schedule; what waits in memory before it and after it stays. Its *places*
are the computations that the schedule makes there, in their order, and between them others that
might be made: of what a later one of the window needs, or of what is computed elsewhere in it. Two
kinds of literals say what is done: whether a place is used, and whether a value waits from one
place that has to do with it to the next one. So the order and what is computed again are both free,
as far as there are places. The choice of what to hold is that of P. Jain et al., "Checkmate:
breaking the memory wall with optimal tensor rematerialization" (2020), with one literal for each
wait in place of one for each step that it lasts.

CP-SAT, the solver of OR-tools (the extra ``[plan]``), is told the window as it is, and asked for a
cheaper one.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from ortools.sat.python import cp_model

from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import computed, with_frees

LARGEST = 1 << 30
"""Larger sizes and costs are told in coarser units."""

NEAR = 0.7
"""The share of places for what is needed there; the others are for what is computed elsewhere."""

MOST_NEAR = (2, 4, 8, 16)
"""How many values may be given places before the computation that needs them."""


class Numbers:
    """A problem as the solver is told it: in whole numbers, without what comes for nothing.

    What costs nothing and is computed from nothing, such as the memory that an op works in, is
    computed just before each use. Sizes are rounded up, so that what fits in these units fits.

    Attributes
    ----------
    operands, sizes, costs
        As in a `Problem`.
    during
        What a node takes while it is computed: its size, and what is computed for it just before.
    limit
        The limit in these units.
    """

    def __init__(self, problem: Problem, limit: int) -> None:
        self.problem = problem
        outputs = set(problem.outputs)
        self._free = [
            not (operands or cost or node in outputs)
            for node, (operands, cost) in enumerate(
                zip(problem.operands, problem.costs, strict=True)
            )
        ]
        self.operands = [[u for u in us if not self._free[u]] for us in problem.operands]
        unit = max(math.gcd(*problem.sizes), -(-max(problem.sizes) // LARGEST), 1)
        self.sizes = [-(-size // unit) for size in problem.sizes]
        self.during = [
            self.sizes[node] + sum(self.sizes[u] for u in us if self._free[u])
            for node, us in enumerate(problem.operands)
        ]
        self.limit = limit // unit
        step = max(problem.unit, max(problem.costs) / LARGEST) or 1
        self.costs = [round(cost / step) for cost in problem.costs]

    def told(self, sequence: Sequence[int]) -> list[int]:
        """Those computations of a schedule that the solver is told of."""
        used = computed(with_frees(self.problem, sequence))
        return [node for node in used if not self._free[node]]

    def all(self, told: Iterable[int]) -> list[int]:
        """All computations of the schedule again."""
        operands, free = self.problem.operands, self._free
        sequence = [u for node in told for u in (*(u for u in operands[node] if free[u]), node)]
        return computed(with_frees(self.problem, sequence))


@dataclass(frozen=True)
class Window:
    """Places for computations, which of them are used now, and what waits in memory.

    ``before`` and ``after`` are the values that wait when the window begins and when it ends, of
    those that have to do with a place; ``passing`` is what the others take.
    """

    nodes: list[int]
    used: list[bool]
    before: frozenset[int]
    after: frozenset[int]
    passing: int


class Windows:
    """The windows of one schedule.

    Attributes
    ----------
    steps
        Its computations, of which the solver is told.
    again
        Those of them that compute a value a second time and are not for nothing.
    """

    def __init__(self, numbers: Numbers, sequence: Sequence[int]) -> None:
        self.numbers = numbers
        self.steps = numbers.told(sequence)
        self._events: dict[int, list[int]] = {}  # for each value the steps that have to do with it
        self.again: list[int] = []
        for step, node in enumerate(self.steps):
            if node in self._events and numbers.costs[node]:
                self.again.append(step)
            for value in (*numbers.operands[node], node):
                self._events.setdefault(value, []).append(step)
        self._outputs = frozenset(numbers.problem.outputs)
        self._waiting = [0] * (len(self.steps) + 1)  # bytes before each step, and at the end
        self._waiting[-1] = sum(numbers.sizes[node] for node in self._outputs)
        present = set(self._outputs)
        for step in reversed(range(len(self.steps))):
            node = self.steps[step]
            change = {*numbers.operands[node]} - present
            self._waiting[step] = self._waiting[step + 1] - numbers.sizes[node]
            self._waiting[step] += sum(numbers.sizes[value] for value in change)
            present.discard(node)
            present |= change

    def _waits(self, value: int, step: int) -> bool:
        """Whether a value is in memory when a step begins."""
        events = self._events[value]
        following = bisect_left(events, step)
        if following == len(events):
            return value in self._outputs
        return self.steps[events[following]] != value

    def opened(self, start: int, stop: int, more: int, rng: random.Random) -> Window:
        """The window from a step up to another one, with about so many places more."""
        steps = self.steps[start:stop]
        gaps: list[set[int]] = [set() for _ in steps]  # what might be computed before each step
        for _ in range(10 * more):
            if more <= 0:
                break
            place = rng.randrange(len(steps))
            if rng.random() < NEAR:
                found = self._needed(steps[place], rng.choice(MOST_NEAR))
            else:
                other = int(rng.gauss(place, len(steps) / 4))
                found = {steps[min(max(0, other), len(steps) - 1)]}
            more -= len(found - gaps[place])
            gaps[place] |= found
        nodes: list[int] = []
        used: list[bool] = []
        for gap, step in zip(gaps, steps, strict=True):
            nodes += [*sorted(gap), step]  # the given order is topological
            used += [False] * len(gap) + [True]
        touched = {*nodes, *chain.from_iterable(self.numbers.operands[node] for node in nodes)}
        after = frozenset(value for value in touched if self._waits(value, stop))
        return Window(
            nodes,
            used,
            frozenset(value for value in touched if self._waits(value, start)),
            after,
            self._waiting[stop] - sum(self.numbers.sizes[value] for value in after),
        )

    def _needed(self, node: int, most: int) -> set[int]:
        """What a node is computed from, and what that is computed from, the nearest first."""
        found: dict[int, None] = {}
        waiting = [node]
        for other in waiting:
            for operand in self.numbers.operands[other]:
                if operand not in found and len(found) < most:
                    found[operand] = None
                    waiting.append(operand)
        return set(found)


class Model:
    """The programme of a window: all ways through it that cost less than the one that is used now.

    Attributes
    ----------
    model
        The programme as the solver takes it.
    places
        For each place whether it is used.
    """

    def __init__(self, numbers: Numbers, window: Window) -> None:
        self._numbers, self._window = numbers, window
        self.model = cp_model.CpModel()
        self.places = [self._literal(used) for used in window.used]
        self._memory = [  # for each place, what can be in memory there
            ([literal], [numbers.during[node]])
            for literal, node in zip(self.places, window.nodes, strict=True)
        ]
        events: dict[int, list[int]] = {}
        for place, node in enumerate(window.nodes):
            for value in (*numbers.operands[node], node):
                events.setdefault(value, []).append(place)
        for value, found in events.items():
            self._hold(value, found)
        room = numbers.limit - window.passing
        for literals, sizes in self._memory:
            if sum(sizes) > room:
                self.model.add(cp_model.LinearExpr.weighted_sum(literals, sizes) <= room)
        costs = [numbers.costs[node] for node in window.nodes]
        work = cp_model.LinearExpr.weighted_sum(self.places, costs)
        now = sum(cost for cost, used in zip(costs, window.used, strict=True) if used)
        self.model.add(work <= now - 1)
        self.model.minimize(work)

    def _literal(self, hint: bool) -> cp_model.IntVar:
        literal = self.model.new_bool_var("")
        self.model.add_hint(literal, hint)
        return literal

    def _hold(self, value: int, events: Sequence[int]) -> None:
        """Add a literal for each wait of a value between the places that have to do with it."""
        window, end = self._window, len(self._window.nodes)
        source: list[cp_model.IntVar] = []  # one of these is true where the value is in memory
        begin = 0
        for place, hint in zip([*events, end], self._hints(value, events), strict=True):
            if place == end and value not in window.after:
                return
            wait = None
            if value in window.before if begin == 0 else source:
                wait = self._literal(hint)
                if source:
                    self.model.add_bool_or([wait.negated(), *source])
                for literals, sizes in self._memory[begin : place + 1]:
                    literals.append(wait)
                    sizes.append(self._numbers.sizes[value])
            source = [] if wait is None else [wait]
            if place == end:
                self.model.add_bool_or(source)
                return
            used = self.places[place]
            if window.nodes[place] == value:  # it is not computed while it is in memory
                self.model.add_at_most_one([*source, used])
                source.append(used)
            else:
                self.model.add_bool_or([used.negated(), *source])
            begin = place + 1

    def _hints(self, value: int, events: Sequence[int]) -> list[bool]:
        """For each of these waits whether the value is in memory now."""
        window = self._window
        wanted = value in window.after
        hints = [wanted]
        for place in reversed(events):
            if window.used[place]:
                wanted = window.nodes[place] != value
            hints.append(wanted)
        return hints[::-1]
