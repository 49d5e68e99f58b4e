"""`optimal` and `auto`: the cheapest schedule of all, or the best that is found and a bound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product

from graphdiff.errors import PlanError
from graphdiff.planning.beam import beams
from graphdiff.planning.beside import NODES as BESIDE_NODES
from graphdiff.planning.beside import WAIT, Beside, available
from graphdiff.planning.bounds import WHOLE, cost_of, strongest, whole_cost
from graphdiff.planning.demand import on_demand
from graphdiff.planning.eviction import TASTES, evicting
from graphdiff.planning.exact import cheapest, lowest
from graphdiff.planning.falling import falling
from graphdiff.planning.folding import fold
from graphdiff.planning.moves import Budget
from graphdiff.planning.neighbourhood import improvements
from graphdiff.planning.noising import noised
from graphdiff.planning.orders import least_peak
from graphdiff.planning.prices import Prices
from graphdiff.planning.problem import reordered
from graphdiff.planning.refill import refill
from graphdiff.planning.schedule import measure
from graphdiff.planning.strategies import Answer, Request, candidates, store

EXACT_NODES = 200
"""Above so many nodes, the exact search is not tried."""

FIRST_STATES, FIRST_NODES = 5_000, 60
"""How many states it may visit before other methods are asked for a schedule: so many in a graph of
so many nodes, in a larger one fewer, which take longer."""

BEAM_NODES = 600
"""Above so many nodes, beam search is not tried."""

MOST_STATES = 3_000_000
"""How many it may visit in the end; a state takes some hundred bytes."""

SMALL_NODES = 2_000
"""Up to so many, a bound in whole numbers is asked for, and the long dynamic programme is not."""

EVICTION_NODES = 30_000
"""Above so many nodes, schedules by eviction are not tried."""

LEVELS = 20
"""How many shares of the memory of storing everything they are tried for."""

MOST_ROUNDS = 20
"""How often the searches around a schedule take turns."""

DEMAND_COMPUTATIONS = 1_000_000
"""The most computations of a schedule that recomputes everything."""

DEMAND_NODES = 5_000
"""Above so many nodes, recomputing everything is not tried."""

REFUSAL_SECONDS = 5.0
"""How long to look for the smallest limit that can be met, when one is refused."""

PAUSE = 0.02
"""Seconds between two looks at what the search beside has found."""

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
        self.own: list[int] = []  # the best without what is found beside
        self.own_cost = math.inf
        self.stored = self.lowest = math.inf
        self.peak_bound: float = least_peak(self.problem)
        self.bound = self.problem.base_cost
        self.prices: list[Prices] = []
        self.proof = ""
        self.order = list(range(len(self.problem)))
        self.beside: Beside | None = None

    def run(self, *, prove: bool) -> Answer:
        """Apply one method after the other until nothing is left to prove."""
        stored = store(self.request)
        if stored.sequence is not None:
            proof = f"nothing is computed twice; {stored.proof}"
            return Answer(stored.sequence, proof, stored.cost_bound, stored.peak_bound)
        self.stored = self.lowest = stored.lowest
        self.order = stored.order or self.order
        if self.peak_bound <= self.limit:
            try:
                self._methods(prove)
            except KeyboardInterrupt:
                if self.sequence is None:
                    raise
            finally:
                if self.beside is not None:
                    self.beside.close()
            self._heard()
        if self.sequence is None:
            self._find_lowest()
        return Answer(self.sequence, self.proof, self.bound, self.peak_bound, self.lowest)

    def _methods(self, prove: bool) -> None:
        self.prices = strongest(self.problem, self.limit)
        self._raise(cost_of(self.problem, self.prices), "of the memory that has to be held at once")
        most = MOST_STATES if prove else 4 * FIRST_STATES
        methods: list[Callable[[], None]] = [
            lambda: self._exact(FIRST_STATES * FIRST_NODES // max(FIRST_NODES, len(self.problem))),
            self._start_beside,
            self._whole,
            lambda: self._folded(most if prove else 0, 0.2),
            lambda: self._evict(0.5),
            self._start,
            lambda: self._beams(0.0 if self.sequence else 0.5),
            lambda: self._improve(0.5 if prove else 0.8),
            lambda: self._beams(0.5 if prove else 1.0),
            lambda: self._folded(most, 0.8),
            lambda: self._exact(most),
            self._await,
        ]
        for method in methods:
            if not self._settled():
                method()
                self._heard()

    def _start_beside(self) -> None:
        """Let the idle cores search, too, from the first schedule that is found."""
        begin, deadline = self.request.started + WAIT, self.request.deadline
        if begin < deadline and len(self.problem) <= BESIDE_NODES and available():
            self.beside = Beside(self.problem, int(self.limit), begin=begin, deadline=deadline)
            self.beside.start()
            self._evict(0.1, one=True)

    def _heard(self) -> bool:
        """Exchange schedules with the search beside; tells whether nothing is left to do."""
        if self.beside is not None:
            found = self.beside.exchange(self.sequence, self.cost)
            if found is not None:
                self.sequence, self.cost = found, measure(self.problem, found)[1]
                self._tell()
        return self._settled()

    def _below(self) -> float:
        """What an exact search has to be below, given what is heard while it runs."""
        return -math.inf if self._heard() else self.cost

    def _await(self) -> None:
        """Wait for the search beside, until it gives up."""
        while self.beside is not None and self.beside.busy and not self._heard():
            time.sleep(PAUSE)

    def _whole(self) -> None:
        """Raise the bound by programmes in whole numbers."""
        if len(self.problem) <= SMALL_NODES:
            seconds = (self._until(0.2) - time.monotonic()) / WHOLE
            bound = whole_cost(self.problem, self.limit, self.prices, seconds)
            self._raise(bound, "of the memory that has to be held at once")

    def _start(self) -> None:
        """Take the schedules of all strategies, with the memory that they leave filled."""
        given = list(range(len(self.problem)))
        orders = [given]
        if measure(self.problem, self.order)[0] < measure(self.problem, given)[0]:
            orders.append(self.order)
        for order in orders:
            problem = self.problem if order is given else reordered(self.problem, order)
            thorough = self.sequence is None or len(given) > SMALL_NODES
            for sequence in candidates(replace(self.request, problem=problem), thorough):
                self._take_filled([order[node] for node in sequence])
                if self._settled():
                    return
        if len(given) <= DEMAND_NODES:
            most = DEMAND_COMPUTATIONS if self.sequence is None else 20 * len(given)
            with suppress(PlanError):
                sequence = on_demand(self.problem, most)
                self._take(sequence, known=True)
                if len(sequence) <= 20 * len(given):
                    self._take(refill(self.problem, sequence, int(self.limit)))

    def _evict(self, share: float, *, one: bool = False) -> None:
        """Schedules by eviction, within the limit and within smaller ones, the memory then filled.

        The smaller ones are shares of the memory of storing everything, so that what is tried for a
        limit is tried for any larger one too.
        """
        if len(self.problem) > EVICTION_NODES:
            return
        until = self._until(share)
        shares = (self.stored * k // LEVELS for k in range(LEVELS - 1, 0, -1))
        levels = [int(self.limit), *(m for m in shares if self.peak_bound <= m < self.limit)]
        for level, order, taste in product(levels, self._orders(), TASTES):
            sequence = evicting(self.problem, order, level, taste, deadline=until)
            if sequence is not None:
                self._take(refill(self.problem, sequence, int(self.limit)))
            if self._settled() or time.monotonic() > until or (one and self.sequence):
                return

    def _take_filled(self, sequence: list[int]) -> None:
        """Take a schedule, and while there is time what comes of it when the memory is filled."""
        self._take(sequence)
        if self.sequence is None or time.monotonic() < self.request.deadline:
            self._take(refill(self.problem, sequence, int(self.limit)))

    def _improve(self, share: float) -> None:
        """Search around the best schedule in two ways, in turn, until neither finds a cheaper one.

        The one that gives up first lets the other go on from where it was. Only then do they go on
        from a cheaper one that was found beside: two searches in different places find more.
        """
        if self.sequence is None:
            return
        until = self._until(share)
        searches = [improvements, noised] if len(self.problem) <= EVICTION_NODES else [improvements]
        before = math.inf
        for seed in range(MOST_ROUNDS):
            if self.own_cost == before:
                self.own, self.own_cost = self.sequence, self.cost
            if self.own_cost == before or time.monotonic() > until:
                return
            before = self.own_cost
            for search in searches:
                for sequence in search(
                    self.problem,
                    self.own,
                    int(self.limit),
                    deadline=until,
                    seed=seed,
                    stop=self._heard,
                ):
                    self._take(sequence)
                    if self._settled():
                        return

    def _beams(self, share: float) -> None:
        if len(self.problem) > BEAM_NODES or not share:
            return
        until = self._until(share)
        for sequence in beams(
            self.problem, self.limit, self.prices, below=self.cost, deadline=until
        ):
            self._take(refill(self.problem, sequence, int(self.limit)))
            if self._settled():
                return

    def _until(self, share: float) -> float:
        """The time at which a share of the time that is left is over."""
        now = time.monotonic()
        return now + max(0.0, self.request.deadline - now) * share

    def _settled(self) -> bool:
        return self.cost <= self.bound or self.peak_bound > self.limit

    def _take(self, sequence: Sequence[int], *, known: bool = False) -> None:
        """Keep a schedule if it is the best so far; ``known``: with any limit it is found again."""
        peak, cost = measure(self.problem, sequence)
        if known:
            self.lowest = min(self.lowest, peak)
        if peak <= self.limit and cost < self.own_cost:
            self.own, self.own_cost = list(sequence), cost
            if cost < self.cost:
                self.sequence, self.cost = self.own, cost
                self._tell()
                self._heard()

    def _raise(self, bound: float, reason: str) -> None:
        if bound > self.bound:
            self.bound = bound
            self._tell()
            self.proof = f"no schedule ({ALL}) costs less than {bound:,}, because {reason}"

    def _tell(self) -> None:
        if self.request.progress is not None:
            seconds = time.monotonic() - self.request.started
            self.request.progress(seconds, self.cost, self.bound)

    def _exact(self, states: int) -> None:
        """Search for a schedule that is cheaper than the best; if there is none, that is proved."""
        if len(self.problem) > EXACT_NODES or not states:
            return
        budget = Budget(states, self.request.deadline, self._below)
        found = cheapest(
            self.problem, self.limit, below=self.cost, prices=self.prices, budget=budget
        )
        for _, _, sequence in found.answers:
            self._take(sequence)
        if found.complete and self.sequence is None:
            self.peak_bound = self.limit + 1
        else:
            self._raise(min(found.bound, self.cost), "all cheaper ones have been searched")

    def _folded(self, states: int, share: float) -> None:
        """The same with a smaller problem, whose schedules may not fit."""
        folded = fold(self.problem)
        nodes = len(folded.problem)
        if nodes == len(self.problem) or nodes > EXACT_NODES or not states:
            return
        prices = strongest(folded.problem, self.limit)
        budget = Budget(states, self._until(share), self._below)
        found = cheapest(folded.problem, self.limit, below=self.cost, prices=prices, budget=budget)
        for _, _, sequence in found.answers:
            self._take(folded.unfolded(sequence))
        if found.complete and not found.answers and self.sequence is None:
            self.peak_bound = self.limit + 1
        else:
            self._raise(min(found.bound, self.cost), "all cheaper ones have been searched")

    def _find_lowest(self) -> None:
        """The smallest limit that can be met, for the message that refuses this one."""
        started = time.monotonic()
        if len(self.problem) <= EXACT_NODES:
            budget = Budget(FIRST_STATES, started + REFUSAL_SECONDS / 2)
            found = lowest(self.problem, budget=budget)
            self.peak_bound = max(self.peak_bound, found.bound)
            for _, _, sequence in found.answers:
                self._take(sequence, known=True)
        if len(self.problem) <= EVICTION_NODES:
            deadline = started + REFUSAL_SECONDS
            for sequence in falling(
                self.problem, self._orders(), self.limit, int(self.stored), deadline=deadline
            ):
                self._take(sequence, known=True)

    def _orders(self) -> list[tuple[int, ...]]:
        """The given order, and that of least memory if it is another one."""
        return list(dict.fromkeys([tuple(range(len(self.problem))), tuple(self.order)]))
