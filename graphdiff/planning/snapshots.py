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
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import networkx as nx

from graphdiff.errors import PlanError
from graphdiff.planning.asked import checked_limit
from graphdiff.planning.cost import Scratch
from graphdiff.planning.ladder import Choice, Option, Taken, ladder, least_work, options
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


class _Left(NamedTuple):
    """The node of a loop whose gradient has a choice, and what it leaves and costs with each."""

    node: str
    options: list[Option]


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
        rungs = list(self.ladder)
        first = bisect_left(rungs, True, key=lambda choice: self._fits(choice, limit))
        if first == len(rungs):
            rungs.append(self._leanest())
            first += not self._fits(rungs[-1], limit)
        last = min(first, len(rungs) - 1)
        before = sorted({last * k // TRIES for k in range(TRIES)} | {last - 1} if last else ())
        choice = self._fuller(rungs[last], limit) if first == last else rungs[last]
        until = deadline if first == last or not last else deadline - time_limit / 2
        best = self._found(choice, strategy, limit, until)
        with suppress(KeyboardInterrupt):  # there is a plan already
            for left, i in zip(range(len(before), 0, -1), before, strict=True):
                if self._work(rungs[i]) < best.plan.cost:
                    now = time.monotonic()
                    until = now + max(0.0, deadline - now) / left
                    found = self._attempt(rungs[i], strategy, limit, until)
                    if isinstance(found, Plan) and found.cost < best.plan.cost:
                        best = Chosen(found, rungs[i])
        return best._replace(plan=self._bounded(*best, limit))

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
        """The choice with fewer loops, if those fit, and as many more states as then fit.

        One loop after the other, the one that costs the most first.
        """
        found = dict(choice)
        whole = self._work(choice)
        saved = {loop: whole - self._work(_without(choice, loop)) for loop in choice}
        for loop in sorted(choice, key=lambda loop: -saved[loop]):
            if self._fits(fewer := _without(found, loop), limit):
                found = dict(fewer)
        for loop, states in list(found.items()):
            more = [{**found, loop: s} for s in range(states + 1, self.steps[loop])]
            found[loop] += bisect_left(more, True, key=lambda c: not self._fits(c, limit))
        return found

    def _work(self, choice: Choice) -> float:
        return self.problem(choice).own.base_cost

    def _attempt(self, choice: Choice, strategy: str, limit: float, until: float) -> Plan | Refused:
        dag = self.weigh(choice)
        seconds = max(0.0, until - time.monotonic())
        return attempt(dag, strategy, limit, dag.graph["outputs"], time_limit=seconds)

    def _found(self, choice: Choice, strategy: str, limit: float, until: float) -> Chosen:
        """The plan for a choice of least memory, or for storing; or what could be met."""
        refused = []
        for tried in (choice, {}) if choice else ({},):
            found = self._attempt(tried, strategy, limit, until)
            if isinstance(found, Plan):
                return Chosen(found, tried)
            refused.append(found)
        bound: float = 0
        if len(self.steps) < 2:  # a state less takes no more, so one state or storing is the least
            one = dict.fromkeys(self.steps, 1)
            least = (least_peak(self.problem(tried).problem) for tried in ({}, one))
            bound = min(*least, *(found.bound for found in refused))
        raise refusal(limit, strategy, min(found.lowest for found in refused), bound)

    def _leanest(self) -> Choice:
        """A choice of little memory: of one loop after the other, it stores or keeps few states."""
        found = self.ladder[-1]
        for loop in self.steps:
            others = _without(found, loop)
            found = min([found, others, *({**others, loop: s} for s in (1, 2))], key=self._peak)
        return found

    def _bounded(self, plan: Plan, choice: Choice, limit: float) -> Plan:
        """A plan for one choice with a bound that holds for all of them."""
        if plan.cost <= self._work({}):
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
            return base + self._held(limit)
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

    def _held(self, limit: float) -> float:
        """What it costs at least to hold what loops leave for their gradients.

        The moment is the first computation of a node that stands between as many loops as can be
        and their gradients. What such a loop leaves is in memory then, or the loop is run again.
        """
        dag = self.weigh({})
        left = {loop: found for loop in self.steps if (found := self._left(loop)) is not None}
        between = {
            loop: nx.descendants(dag, found.node) & nx.ancestors(dag, loop)
            for loop, found in left.items()
        }
        times = Counter(node for nodes in between.values() for node in nodes)
        changing = {*self.steps, *(found.node for found in left.values())}
        pivot = max((v for v in times if v not in changing), key=times.__getitem__, default=None)
        if pivot is None:
            return 0.0
        there = [pivot, *(u for u in dag.pred[pivot] if u not in changing)]
        room = limit - sum(dag.nodes[node]["size"] for node in there)
        return least_work((left[loop].options for loop in left if pivot in between[loop]), room)

    def _left(self, loop: str) -> _Left | None:
        """What a loop leaves for its gradient, if that does not depend on what other loops do."""
        dags = [self.weigh({loop: states} if states else {}) for states in range(4)]
        sizes = [dag.nodes(data="size") for dag in dags]
        values = [v for v in dags[0].pred[loop] if not isinstance(v, Scratch) and v in dags[1]]
        changed = [v for v in values if sizes[0][v] != sizes[1][v]]
        if len(changed) != 1:
            return None
        (node,) = changed
        others = self.weigh(_without(self.ladder[-1], loop))
        if any(others.nodes.get(v) != dags[0].nodes[v] for v in (node, loop)):
            return None
        costs = [sum(cost for _, cost in dag.nodes(data="cost")) for dag in dags]
        taken = [
            Taken(size[node] if dag.has_edge(node, loop) else 0, cost - costs[0])
            for dag, size, cost in zip(dags, sizes, costs, strict=True)
        ]
        again = min(dag.nodes[node]["cost"] for dag in dags)
        return _Left(node, [*options(self.steps[loop], *taken), Option(0, again, 1)])


def _without(choice: Choice, loop: str) -> Choice:
    """A choice in which a loop stores."""
    return {other: states for other, states in choice.items() if other != loop}
