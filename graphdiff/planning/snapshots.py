"""How many states each loop keeps, where storing all that its gradient needs takes too much.

A choice (see `graphdiff.planning.ladder`) changes the sizes and costs of a few nodes, so each makes
a planning problem of its own, and strategies know nothing of loops. On the ladder of choices, from
the least work to the least memory, the first one is taken whose values all fit at once, with as
many states more as there is room for. Those before it fit only if other values are computed again;
a few of them are tried in the time that there is.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import networkx as nx

from graphdiff.errors import PlanError
from graphdiff.planning.asked import checked_limit
from graphdiff.planning.cost import Scratch
from graphdiff.planning.ladder import Choice, Taken, ladder, options
from graphdiff.planning.marks import Marked, marked
from graphdiff.planning.orders import least_peak
from graphdiff.planning.planner import Refused, attempt, refusal
from graphdiff.planning.schedule import Plan
from graphdiff.planning.tradeoff import falling

TRIES = 4
"""How many choices that need other values computed again are tried."""


class Chosen(NamedTuple):
    """A plan, and the choice that it is for."""

    plan: Plan
    choice: Choice


class Snapshots:
    """The choices of one graph, and plans for them.

    Parameters
    ----------
    weigh
        Gives the bare DAG of the graph with a choice, the same one if it is asked again.
    steps
        The number of steps of each loop.
    """

    def __init__(self, weigh: Callable[[Choice], nx.DiGraph], steps: Mapping[str, int]) -> None:
        self.weigh = weigh
        self.steps = steps
        self._peaks: dict[tuple[tuple[str, int], ...], int] = {}
        stored = self._taken({})
        self.ladder = ladder(
            {
                loop: options(length, stored, *(self._taken({loop: s}) for s in (1, 2, 3)))
                for loop, length in steps.items()
            }
        )

    def plan(self, strategy: str, memory_limit: float, time_limit: float) -> Chosen:
        """The cheapest plan that is found.

        Raises
        ------
        PlanError
            If the limit cannot be met, with the smallest that can.
        """
        limit, deadline = checked_limit(memory_limit), time.monotonic() + time_limit
        rungs = self.ladder
        first = bisect_left(rungs, True, key=lambda choice: self._fits(choice, limit))
        last = min(first, len(rungs) - 1)
        before = sorted({last * k // TRIES for k in range(TRIES)} | {last - 1} if last else ())
        choice = self._fuller(rungs[last], limit) if first == last else rungs[last]
        until = deadline if first == last or not last else deadline - time_limit / 2
        best = self._found(choice, strategy, limit, until)
        for left, i in zip(range(len(before), 0, -1), before, strict=True):
            if self.problem(rungs[i]).own.base_cost < best.cost:
                now = time.monotonic()
                until = now + max(0.0, deadline - now) / left
                found = self._attempt(rungs[i], strategy, limit, until)
                if isinstance(found, Plan) and found.cost < best.cost:
                    best, choice = found, rungs[i]
        return Chosen(self._bounded(best, choice, limit), choice)

    def curve(self, points: int, time_limit: float) -> list[Chosen]:
        """Plans for limits between a bound below all peaks and the peak of storing everything."""
        deadline = time.monotonic() + time_limit
        low = min(least_peak(self.problem(rung).problem) for rung in self.ladder)
        found = []
        with suppress(PlanError):  # from some limit on none fits
            for left, limit in falling(low, self._peak({}), points):
                share = max(0.0, deadline - time.monotonic()) / left
                found.append(self.plan("auto", limit, share))
        return found

    def problem(self, choice: Choice) -> Marked:
        """The planning problem of a choice."""
        dag = self.weigh(choice)
        return marked(dag, dag.graph["outputs"])

    def _taken(self, choice: Choice) -> Taken:
        """All values at once, with the most that one of them takes while it is computed."""
        sizes, work, most = 0.0, 0.0, 0.0
        for node, weights in self.weigh(choice).nodes.items():
            work += weights["cost"]
            if isinstance(node, Scratch):
                most = max(most, weights["size"])
            else:
                sizes += weights["size"]
        return Taken(sizes + most, work)

    def _peak(self, choice: Choice) -> int:
        """The peak of computing each value once."""
        key = tuple(sorted(choice.items()))
        if key not in self._peaks:
            stored = self._attempt(choice, "store", math.inf, 0.0)
            assert isinstance(stored, Plan)  # without a limit nothing is refused
            self._peaks[key] = stored.peak_bytes
        return self._peaks[key]

    def _fits(self, choice: Choice, limit: float) -> bool:
        return self._peak(choice) <= limit

    def _fuller(self, choice: Choice, limit: float) -> Choice:
        """The choice with as many more states as fit, for one loop after the other."""
        found = dict(choice)
        for loop, states in choice.items():
            more = [{**found, loop: s} for s in range(states + 1, self.steps[loop])]
            found[loop] += bisect_left(more, True, key=lambda c: not self._fits(c, limit))
        return found

    def _attempt(self, choice: Choice, strategy: str, limit: float, until: float) -> Plan | Refused:
        dag = self.weigh(choice)
        seconds = max(0.0, until - time.monotonic())
        return attempt(dag, strategy, limit, dag.graph["outputs"], time_limit=seconds)

    def _found(self, choice: Choice, strategy: str, limit: float, until: float) -> Plan:
        """The plan for a choice of least memory, or the error that says what could be met."""
        found = self._attempt(choice, strategy, limit, until)
        if isinstance(found, Plan):
            return found
        bound: float = 0
        if len(self.steps) < 2:  # a state less takes no more, so this one or storing is the least
            bound = min(found.bound, least_peak(self.problem({}).problem))
        raise refusal(limit, strategy, found.lowest, bound)

    def _bounded(self, plan: Plan, choice: Choice, limit: float) -> Plan:
        """A plan for one choice with a bound that holds for all of them."""
        if not choice and plan.cost <= plan.lower_bound:
            return plan
        bound = min(plan.cost, self._bound(plan, choice, limit))
        if bound >= plan.cost:
            proof = "no schedule within the limit costs less, however many states are kept"
        else:
            proof = f"{plan.proof}; the lower bound holds for any number of states"
        return replace(plan, lower_bound=bound, proof=proof)

    def _bound(self, plan: Plan, choice: Choice, limit: float) -> float:
        """What every schedule within the limit costs at least, whatever the choice is."""
        base = self.problem({}).own.base_cost
        if len(self.steps) > 1:
            return base
        ((loop, length),) = self.steps.items()
        stored = plan.lower_bound if not choice else base
        if least_peak(self.problem({}).problem) > limit:
            stored = math.inf
        numbers = range(1, max(2, length))
        most = bisect_left(
            numbers, True, key=lambda s: least_peak(self.problem({loop: s}).problem) > limit
        )
        kept = self.problem({loop: numbers[most - 1]}).own.base_cost if most else math.inf
        return min(stored, kept)
