"""A large-neighbourhood search by a solver, in a thread beside the other searches.

The others are Python, of which one thread runs at a time. CP-SAT is not, so it can use the cores
that are left idle. The thread opens a window of the best schedule (`graphdiff.planning.windows`),
has a cheaper one looked for, and opens the next; the best schedule is handed to and fro. Windows
become larger while they are quickly done with, as in L. Perron, P. Shaw and V. Furnon, "Propagation
guided large neighborhood search" (2004).
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import measure, simulate, with_frees

if TYPE_CHECKING:
    from graphdiff.planning.windows import Windows

WAIT = 1.0
"""Seconds of the other searches before this one begins."""

NODES = 2_000
"""Above so many nodes it does not."""

STEPS, PLACES, LEAST = 40, 50, 10
"""How many steps the first windows have on the average, and places more; and the fewest steps."""

NEAR = 0.8
"""The share of windows that are opened about a computation that is not the first of its value."""

SECONDS, QUICK = 1.0, 0.5
"""How long the solver may take for a window, and how long for the next ones to be larger."""

LARGER, SMALLER, RANGE = 1.12, 0.9, (0.2, 6.0)
"""By what windows grow and shrink, and between what factors."""

PATIENCE = 60
"""So many windows in a row without success are enough, until a better schedule is told."""


def available() -> bool:
    """Whether there are a solver and a core for it."""
    return find_spec("ortools") is not None and idle_cores() > 0


def idle_cores() -> int:
    """How many cores this process may run on beside the one that Python keeps busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) - 1
    return (os.cpu_count() or 1) - 1


class Beside:
    """The search beside, from `start` to `close`.

    Parameters
    ----------
    problem, limit
        What schedules are looked for.
    begin, deadline
        From when and until when on the clock `time.monotonic`.
    seed
        Of the random choice of windows.
    """

    def __init__(
        self, problem: Problem, limit: int, *, begin: float, deadline: float, seed: int = 0
    ) -> None:
        self.problem, self.limit, self.deadline = problem, limit, deadline
        self._begin = begin
        self._rng = random.Random(seed)
        self._lock = threading.Condition()
        self._best: list[int] = []
        self._cost = math.inf
        self._failures = 0
        self._scale = 1.0
        self._closed = False
        self._solver: Any = None
        self._thread = threading.Thread(target=self._run, name="graphdiff.planning.beside")

    def start(self) -> None:
        """Begin; the solver is imported only when it is time."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, whatever it is at."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        while self._thread.is_alive():
            if self._solver is not None:
                self._solver.stop_search()  # is not heard before the solver has begun
            self._thread.join(0.01)

    def exchange(self, sequence: Sequence[int] | None, cost: float) -> list[int] | None:
        """Tell the best schedule that is known here, and hear a cheaper one if there is one."""
        if cost == self._cost:
            return None
        with self._lock:
            if self._cost < cost:
                return self._best
            if sequence is not None:
                self._best, self._cost, self._failures = list(sequence), cost, 0
                self._lock.notify()
        return None

    @property
    def busy(self) -> bool:
        """Whether something may still come of it."""
        return self._thread.is_alive() and self._failures < PATIENCE

    def _run(self) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._closed, self._begin - time.monotonic())
        if self._closed:
            return
        try:
            from graphdiff.planning.windows import Numbers, Windows
        except ImportError:  # it is there, but not for this Python
            return
        numbers = Numbers(self.problem, self.limit)
        known: list[int] = []
        while self._await_task():
            if known is not self._best:
                known = self._best
                windows = Windows(numbers, known)
            found = self._repair(windows)
            cost = math.inf if found is None else self._checked(found)
            with self._lock:
                if found is not None and cost < self._cost:
                    self._best, self._cost, self._failures = found, cost, 0
                else:
                    self._failures += 1

    def _await_task(self) -> bool:
        """Wait for a schedule that is worth another window; tells whether to go on."""
        with self._lock:
            self._lock.wait_for(
                lambda: self._closed or (self._best and self._failures < PATIENCE),
                min(self.deadline - time.monotonic(), threading.TIMEOUT_MAX),
            )
            return not self._closed and time.monotonic() < self.deadline

    def _checked(self, sequence: Sequence[int]) -> float:
        """The cost of a schedule that has been run step by step; infinite if it does not fit."""
        trace = simulate(self.problem, with_frees(self.problem, sequence))
        return measure(self.problem, sequence)[1] if trace.peak <= self.limit else math.inf

    def _repair(self, windows: Windows) -> list[int] | None:
        """Open one window, and give the schedule with a cheaper one in its place."""
        from ortools.sat.python import cp_model

        from graphdiff.planning.windows import Model

        steps, rng = windows.steps, self._rng
        width = int(STEPS * self._scale * rng.uniform(0.5, 1.5))
        width = min(len(steps), max(LEAST, width))
        if windows.again and rng.random() < NEAR:
            middle = rng.choice(windows.again)
        else:
            middle = rng.randrange(len(steps))
        start = min(max(0, middle - width // 2), len(steps) - width)
        window = windows.opened(start, start + width, int(PLACES * self._scale), rng)
        model = Model(windows.numbers, window)
        begin = time.monotonic()
        self._solver = solver = cp_model.CpSolver()
        solver.parameters.num_workers = idle_cores()
        solver.parameters.linearization_level = 2  # memory is a matter of sums
        solver.parameters.random_seed = rng.randrange(1 << 30)
        solver.parameters.catch_sigint_signal = False  # Ctrl-C is for Python
        solver.parameters.max_time_in_seconds = min(SECONDS, max(0.01, self.deadline - begin))
        status = solver.solve(model.model)
        self._learn(status == cp_model.UNKNOWN, time.monotonic() - begin)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        used = [
            node
            for node, literal in zip(window.nodes, model.places, strict=True)
            if solver.boolean_value(literal)
        ]
        return windows.numbers.all([*steps[:start], *used, *steps[start + width :]])

    def _learn(self, unknown: bool, seconds: float) -> None:
        """Make the next windows smaller or larger."""
        least, most = RANGE
        if unknown:
            self._scale = max(least, self._scale * SMALLER)
        elif seconds < QUICK * SECONDS:
            self._scale = min(most, self._scale * LARGER)
