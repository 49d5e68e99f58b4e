"""`optimal` and `auto`: the cheapest schedule of all, or the best that is found and a bound."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from graphdiff.errors import PlanError
from graphdiff.planning.beam import beams
from graphdiff.planning.bounds import least_cost
from graphdiff.planning.demand import on_demand
from graphdiff.planning.exact import cheapest, lowest
from graphdiff.planning.moves import Budget
from graphdiff.planning.orders import least_peak
from graphdiff.planning.refill import refill
from graphdiff.planning.schedule import measure
from graphdiff.planning.strategies import Answer, Request, revolve, sqrt, store
from graphdiff.planning.treeverse import persistent

EXACT_NODES = 200
"""Above so many nodes, the exact search is not tried."""

FIRST_STATES = 20_000
"""How many states it may visit before other methods are asked for a schedule."""

MOST_STATES = 3_000_000
"""How many it may visit in the end; a state takes some hundred bytes."""

DEMAND_NODES = 3_000
"""Above so many nodes, recomputing everything is not tried."""

REFUSAL_SECONDS = 5.0
"""How long to look for the smallest limit that can be met, when one is refused."""

ALL = "any order, any number of recomputations"


def optimal(request: Request) -> Answer:
    """The cheapest schedule, with a proof if the time suffices.

    An exact search (`graphdiff.planning.exact`) comes first and last; between them the schedules of
    all other strategies are improved.
    """
    return _Search(request).run(prove=True)


def auto(request: Request) -> Answer:
    """The best of all strategies within the time: as `optimal`, but without a long proof."""
    return _Search(request).run(prove=False)


class _Search:
    """The best schedule so far, the bounds so far, and the methods that move them together."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.problem = request.problem
        self.limit = request.limit
        self.sequence: list[int] | None = None
        self.cost = math.inf
        self.lowest = math.inf
        self.peak_bound: float = least_peak(self.problem)
        self.bound = self.problem.base_cost
        self.proof = ""

    def run(self, *, prove: bool) -> Answer:
        """Apply one method after the other until nothing is left to prove."""
        stored = store(self.request)
        if stored.sequence is not None:
            proof = f"nothing is computed twice; {stored.proof}"
            return Answer(stored.sequence, proof, stored.cost_bound, stored.peak_bound)
        self.lowest = stored.lowest
        if self.peak_bound <= self.limit:
            try:
                self._methods(prove)
            except KeyboardInterrupt:
                if self.sequence is None:
                    raise
        if self.sequence is None:
            self._find_lowest()
        return Answer(self.sequence, self.proof, self.bound, self.peak_bound, self.lowest)

    def _methods(self, prove: bool) -> None:
        self._raise(
            least_cost(self.problem, self.limit), "of the memory that has to be held at once"
        )
        self._exact(FIRST_STATES)
        if not self._settled():
            for sequence in _candidates(self.request):
                self._take(refill(self.problem, sequence, int(self.limit)))
                if self._settled():
                    return
            if len(self.problem) <= EXACT_NODES:
                now = time.monotonic()
                deadline = self.request.deadline
                if prove:
                    deadline = now + (deadline - now) / 2
                for sequence in beams(self.problem, self.limit, below=self.cost, deadline=deadline):
                    self._take(refill(self.problem, sequence, int(self.limit)))
        if prove and not self._settled():
            self._exact(None)

    def _settled(self) -> bool:
        return self.cost <= self.bound or self.peak_bound > self.limit

    def _take(self, sequence: Sequence[int]) -> None:
        """Keep a schedule if it is the best so far."""
        peak, cost = measure(self.problem, sequence)
        self.lowest = min(self.lowest, peak)
        if peak <= self.limit and cost < self.cost:
            self.sequence, self.cost = list(sequence), cost
            self._tell()

    def _raise(self, bound: float, reason: str) -> None:
        if bound > self.bound:
            self.bound = bound
            self._tell()
            self.proof = f"no schedule ({ALL}) costs less than {bound:,}, because {reason}"

    def _tell(self) -> None:
        if self.request.progress is not None:
            seconds = time.monotonic() - self.request.started
            self.request.progress(seconds, self.cost, self.bound)

    def _exact(self, states: int | None) -> None:
        """Search for a schedule that is cheaper than the best; if there is none, that is proved."""
        if len(self.problem) > EXACT_NODES:
            return
        budget = Budget(states or MOST_STATES, self.request.deadline)
        found = cheapest(self.problem, self.limit, below=self.cost, budget=budget)
        for _, _, sequence in found.answers:
            self._take(sequence)
        reason = "all have been searched"
        if found.complete and self.sequence is None:
            self.peak_bound = self.limit + 1
        else:
            self._raise(min(found.bound, self.cost), reason)

    def _find_lowest(self) -> None:
        """The smallest limit that can be met, for the message that refuses this one."""
        if len(self.problem) <= EXACT_NODES:
            budget = Budget(FIRST_STATES, time.monotonic() + REFUSAL_SECONDS)
            found = lowest(self.problem, budget=budget)
            self.peak_bound = max(self.peak_bound, found.bound)
            for peak, _, _ in found.answers:
                self.lowest = min(self.lowest, peak)


def _candidates(request: Request) -> Iterator[list[int]]:
    """Schedules to start from."""
    problem = request.problem
    yield from persistent(problem, request.limit, tries=max(2, min(40, 20_000 // len(problem))))
    for strategy in (sqrt, revolve):
        answer = strategy(request)
        if answer.sequence is not None:
            yield answer.sequence
    if len(problem) <= DEMAND_NODES:
        with suppress(PlanError):
            yield on_demand(problem, 100 * len(problem))
