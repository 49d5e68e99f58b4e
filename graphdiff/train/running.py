"""A run of `fit`: from state to state, one step of compiled code at a time.

A step has two parts: the network gives its cost and its gradient, and the rules put what follows in
the place of the parameters and the optimiser's state. Whatever happens before or after the second
part, be it Ctrl-C or the end of the process, finds arrays that are whole; within it, Ctrl-C has to
wait. Everything random follows from the seed, the epoch and the position in it, and needs no state
of its own.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

import graphdiff as gd
from graphdiff.train import checkpoint
from graphdiff.train.checking import failure
from graphdiff.train.costs import Costs
from graphdiff.train.interrupts import Interrupts
from graphdiff.train.minibatches import Minibatches
from graphdiff.train.optimisers import Optimiser
from graphdiff.train.progress import bar
from graphdiff.train.recording import Record, Recorder
from graphdiff.train.result import Fit
from graphdiff.train.schedules import Always, Schedule
from graphdiff.train.slope import Slope
from graphdiff.train.stepping import rate_names
from graphdiff.train.vectors import vectors


class State(NamedTuple):
    """How far training is; after the last step of an epoch, the epoch is still to be closed.

    Parameters
    ----------
    steps
        How many steps were made.
    position, total
        In this epoch: the examples used so far, and the sum of their costs.
    record
        What the finished epochs have left.
    rates
        The learning rates of the last step.
    """

    steps: int
    position: int
    total: float
    record: Record
    rates: Mapping[str, float]


class Run:
    """Training: what stays the same throughout, and the arrays that every step writes over.

    Parameters
    ----------
    graph, of
        The network, and the output to make small.
    chosen
        The optimiser of each parameter that is trained.
    batches
        The examples.
    values
        Where the parameters begin.
    recorder
        What closes an epoch.

    Raises
    ------
    GradientError
        If the cost is no scalar, or does not depend on a parameter.
    """

    def __init__(
        self, graph: gd.Graph, of: str, chosen: Mapping[str, Optimiser], batches: Minibatches,
        values: Mapping[str, Any], recorder: Recorder,
    ) -> None:  # fmt: skip
        self.graph, self.of, self.batches, self.recorder = graph, of, batches, recorder
        self.begin = values
        self.fixed = {name: value for name, value in values.items() if name not in chosen}
        self.vectors = vectors(chosen, values)
        views = {n: view for vector in self.vectors for n, view in vector.parameters.items()}
        places = {n: view for vector in self.vectors for n, view in vector.gradients.items()}
        self.parameters = {name: views[name] for name in chosen}
        self.slope = Slope(graph, of, {**self.fixed, **self.parameters}, places)
        names = rate_names(chosen)
        self.moves = [(v, names[v.optimiser] if v.uses_rate else None) for v in self.vectors]
        used = {name for _, name in self.moves}
        self.schedules = [(name, each.rate) for each, name in names.items() if name in used]
        steady = all(isinstance(schedule.at, Always) for _, schedule in self.schedules)
        self.steady = self.rates(0.0) if steady else None  # the rates, if they never change
        self.checked: set[int] = set()  # the sizes of minibatches that fit
        self._fingerprint: str | None = None

    def start(self) -> State:
        """The state before the first step."""
        return State(0, 0, 0.0, self.recorder.start(), {})

    def run(self, state: State, epochs: int, saver: checkpoint.Saver, progress: bool) -> Fit:
        """Step after step, to the end or to an interruption."""
        stopped, length = "", self.batches.length
        self.save(saver, state)  # if that cannot be done, it is better to know now
        with bar(self.graph.name, epochs, progress) as tell, Interrupts() as interrupts:

            def settle() -> None:
                if saver.due():
                    self.save(saver, state)
                if tell is not None:
                    tell(state.record.epoch + state.position / length, state.record.history)

            watched = saver.path is not None or tell is not None
            try:
                while not state.record.stopped and state.record.epoch < epochs:
                    with np.errstate(all="ignore"):  # a cost that is no number is looked for
                        while state.position < length:
                            state = self.advance(state, interrupts.hold)
                            interrupts.release()
                            if watched:
                                settle()
                    state = self.close(state)
                    settle()
            except KeyboardInterrupt:
                stopped = "interrupted"
        self.save(saver, state)
        return self.result(state, stopped or state.record.stopped or "all epochs done")

    def advance(self, state: State, hold: Callable[[], None]) -> State:
        """The state after one step; ``hold`` is called when arrays begin to be written over."""
        epoch, position = state.record.epoch, state.position
        data = self.batches.at(epoch, position)
        count = min(self.batches.size, self.batches.length - position)
        rates = self.steady
        if rates is None:
            rates = self.rates(epoch + position / self.batches.length)
        known = count in self.checked and self.batches.transform is None
        cost = self.slope(data) if known else self.slope.checked(data)
        if not math.isfinite(cost):
            raise self.diverged(state, cost)
        hold()
        for vector, name in self.moves:
            vector.step(0.0 if name is None else rates[name], state.steps + 1)
        self.checked.add(count)
        total = state.total + count * cost
        return State(state.steps + 1, position + count, total, state.record, rates)

    def rates(self, time: float) -> dict[str, float]:
        """The learning rates after so many epochs."""
        return {name: _rate(schedule, time) for name, schedule in self.schedules}

    def close(self, state: State) -> State:
        """The state before the first step of the next epoch."""
        mean = state.total / self.batches.length
        costs = {self.of: mean, **state.rates, self.of: mean}  # the first, and not lost to a rate
        record = self.recorder.close(state.record, costs, self.parameters, self.fixed)
        following = State(state.steps, 0, 0.0, record, state.rates)
        try:
            self.recorder.check(record)
        except gd.TrainingError as error:
            error.fit = self.result(following, error.message)
            raise
        return following

    def diverged(self, state: State, cost: float) -> gd.TrainingError:
        """The error for a cost that is no number."""
        when = f"in epoch {state.record.epoch + 1}, step {state.steps + 1}"
        data = self.batches.examples.whole()
        values, made = self.slope.values, state.steps > 0
        error = failure(self.graph, self.of, cost, when, data, values, made=made)
        error.fit = self.result(state, f"{self.of} is {cost}")
        return error

    def result(self, state: State, stopped: str) -> Fit:
        """What is returned for a state."""
        last = {name: view.copy() for name, view in self.parameters.items()}
        record, judged = state.record, self.recorder.validation is not None
        best = {name: np.asarray(value) for name, value in record.best.items()} if judged else last
        return Fit(
            parameters={**self.fixed, **(best or last)}, last={**self.fixed, **last},
            history=record.plain(), best_epoch=record.best_epoch if judged else record.epoch,
            epochs=record.epoch, stopped=stopped, gradient=self.slope.function,
            updates=tuple(vector.function for vector in self.vectors), _trained=self.graph,
        )  # fmt: skip

    # -- checkpoints -----------------------------------------------------------------------------

    def fingerprint(self) -> str:
        """A text that tells apart runs which do not go the same way."""
        if self._fingerprint is None:
            rates = [repr(schedule) for _, schedule in self.schedules]
            rules = [(*vector.parameters, vector.function.source) for vector in self.vectors]
            batches, watched = self.batches, self.recorder.watched
            facts = (self.slope.function.source, rules, rates, batches.size, batches.seed, watched)
            hashed = hashlib.blake2b(repr(facts).encode(), digest_size=16)
            validation = self.recorder.validation
            for arrays in (
                self.begin,
                batches.examples.whole(),
                {} if validation is None else validation.whole(),
            ):
                for name, array in arrays.items():
                    hashed.update(repr((name, array.dtype, array.shape)).encode())
                    hashed.update(np.ascontiguousarray(array).data)
            self._fingerprint = hashed.hexdigest()
        return self._fingerprint

    def save(self, saver: checkpoint.Saver, state: State) -> None:
        """Write a state to the checkpoint, if there is one."""
        if saver.path is None:
            return
        record = state.record
        facts = {
            "run": self.fingerprint(), "steps": state.steps, "position": state.position,
            "total": state.total, "epoch": record.epoch, "history": record.plain(),
            "best_epoch": record.best_epoch, "stopped": record.stopped, "rates": dict(state.rates),
        }  # fmt: skip
        arrays = {
            f"{number}.{name}": array
            for number, vector in enumerate(self.vectors)
            for name, array in vector.arrays.items()
        }
        saver.save(facts, {"values": arrays, "best": record.best})

    def resumed(self, path: str | os.PathLike[str]) -> State | None:
        """The state in a checkpoint; None if there is no file.

        Raises
        ------
        FileError
            If it is damaged, or the state of another network, data, seed or optimiser.
        """
        found = checkpoint.read(path)
        if found is None:
            return None
        facts, parts = found
        if facts.get("run") != self.fingerprint():
            raise gd.FileError(
                f"the checkpoint {str(path)!r} is of another run",
                expected="the same network, data, start, optimiser, batch and seed",
                hint="give it another name, or delete it to begin anew",
            )
        history = {name: Costs(costs) for name, costs in facts["history"].items()}
        best = parts.get("best", {})
        record = Record(facts["epoch"], history, facts["best_epoch"], best, facts["stopped"])
        for number, vector in enumerate(self.vectors):
            for name, array in vector.arrays.items():
                array[...] = parts["values"][f"{number}.{name}"]
        rates = facts.get("rates", {})
        return State(facts["steps"], facts["position"], facts["total"], record, rates)


def _rate(schedule: Schedule, time: float) -> float:
    """The learning rate after so many epochs."""
    rate = schedule(time)
    if not (isinstance(rate, (float, Real)) and math.isfinite(rate)):
        raise gd.ArgumentError(
            f"the learning rate is no number after {time:.4g} epochs", got=repr(rate),
            expected=f"a finite one from {schedule!r}",
        )  # fmt: skip
    return float(rate)
