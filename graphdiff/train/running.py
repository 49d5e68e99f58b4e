"""A run of `fit`: from state to state, one step of compiled code at a time.

The state of training is one frozen value, and a step makes the next one of it. So whatever happens
between two steps, be it Ctrl-C or the end of the process, finds a state that is whole; within a
step, which writes over the optimiser's state, Ctrl-C has to wait. Everything random follows from
the seed, the epoch and the position in it, and needs no state of its own.
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
from graphdiff.train.data import Array, Examples
from graphdiff.train.interrupts import Interrupts
from graphdiff.train.progress import bar
from graphdiff.train.recording import Record, Recorder
from graphdiff.train.result import Fit
from graphdiff.train.stepping import Step

Transform = Callable[[dict[str, Array], np.random.Generator], Mapping[str, Array]]


class State(NamedTuple):
    """Training between two steps; after the last of an epoch, the epoch is still to be closed.

    Parameters
    ----------
    values
        The parameters and the optimiser's state, by the step's arguments.
    steps
        How many steps were made.
    position, total
        In this epoch: the examples used so far, and the sum of their costs.
    record
        What the finished epochs have left.
    rates
        The learning rates of the last step.
    """

    values: Mapping[str, Any]
    steps: int
    position: int
    total: float
    record: Record
    rates: Mapping[str, float]


class Run:
    """All that stays the same throughout training."""

    def __init__(
        self, step: Step, graph: gd.Graph, of: str, examples: Examples, batch: int,
        values: Mapping[str, Array], seed: int, transform: Transform | None, recorder: Recorder,
    ) -> None:  # fmt: skip
        self.step, self.graph, self.of = step, graph, of
        self.function = gd.compile(step.graph, style="fast")
        self.examples, self.batch = examples, batch
        self.length = max(examples.length, 1)
        self.values, self.seed = values, seed
        self.fixed = {name: v for name, v in values.items() if name not in step.parameters}
        self.trained = (*step.parameters, *step.state)
        self.outputs = {name: f"new {name}" for name in self.trained}
        outs = self.function.generated.outs
        self.placed = {name: new for name, new in self.outputs.items() if new in outs}
        # The optimiser's state is computed where it is, if that can be. The parameters are not:
        # they are what is left where the cost is no number.
        self.in_place = {name for name in step.state if name in outs.get(self.outputs[name], ())}
        self.transform, self.recorder = transform, recorder
        self.dtypes = {name: tensor.dtype for name, tensor in step.graph.inputs.items()}
        self.order: tuple[int, Array] | None = None
        self.checked: set[int] = set()  # the sizes of minibatches that fit
        # Where the next step puts its results: arrays of the state before the last one, and those
        # of the last one that are computed in place.
        self.spare: dict[str, Array] = {}
        self.own: Mapping[str, Any] = {}  # the values that the last step gave
        self._fingerprint: str | None = None

    def start(self) -> State:
        """The state before the first step."""
        state = {name: np.zeros_like(self.values[of]) for name, of in self.step.state.items()}
        values = {name: self.values[name] for name in self.step.parameters}
        return State({**values, **state}, 0, 0, 0.0, self.recorder.start(), {})

    def run(self, state: State, epochs: int, saver: checkpoint.Saver, progress: bool) -> Fit:
        """Step after step, to the end or to an interruption."""
        stopped = ""
        self.save(saver, state)  # if that cannot be done, it is better to know now
        with bar(self.graph.name, epochs, progress) as tell, Interrupts() as interrupts:
            try:
                while not state.record.stopped and state.record.epoch < epochs:
                    if state.position < self.length:
                        interrupts.hold()
                        state = self.advance(state)
                        interrupts.release()
                    else:
                        state = self.close(state)
                    if saver.due():
                        self.save(saver, state)
                    tell(state.record.epoch + state.position / self.length, state.record.history)
            except KeyboardInterrupt:
                stopped = "interrupted"
        self.save(saver, state)
        return self.result(state, stopped or state.record.stopped or "all epochs done")

    def advance(self, state: State) -> State:
        """The state after one step."""
        count = min(self.batch, self.length - state.position)
        arguments, rates = self.minibatch(state), self.rates(state)
        for name, rate in rates.items():
            arguments[name] = self.scalar(name, rate)
        if self.step.count is not None:
            arguments[self.step.count] = self.scalar(self.step.count, state.steps + 1)
        with np.errstate(all="ignore"):  # a cost that is no number is told of below
            found = self.called({**arguments, **state.values, **self.fixed}, count)
        cost = float(found[self.of])
        if not math.isfinite(cost):
            raise self.diverged(state, cost)
        values = {name: found[new] for name, new in self.outputs.items()}
        if state.values is self.own:
            self.spare = {
                new: (values if name in self.in_place else self.own)[name]
                for name, new in self.placed.items()
            }
        self.own = values
        position, total = state.position + count, state.total + count * cost
        return State(values, state.steps + 1, position, total, state.record, rates)

    def close(self, state: State) -> State:
        """The state before the first step of the next epoch."""
        parameters = {name: state.values[name].copy() for name in self.step.parameters}
        costs = {self.of: state.total / self.length, **state.rates}
        record = self.recorder.close(state.record, costs, parameters, self.fixed)
        following = State(state.values, state.steps, 0, 0.0, record, state.rates)
        try:
            self.recorder.check(record)
        except gd.TrainingError as error:
            error.fit = self.result(following, error.message)
            raise
        return following

    def called(self, arguments: Mapping[str, Any], count: int) -> dict[str, Any]:
        """The outputs of a step; what is known to fit is not checked again."""
        if self.transform is None and count in self.checked:
            names = self.function.generated.arguments
            arrays = map(arguments.__getitem__, names)
            room = {"out": self.spare} if self.spare else {}
            found: dict[str, Any] = self.function.function(*arrays, **room)
            return found
        found = self.function(**arguments)
        self.checked.add(count)
        return found

    def minibatch(self, state: State) -> dict[str, Any]:
        """The data of the next step."""
        epoch, position = state.record.epoch, state.position
        if self.batch >= self.length:
            data = self.examples.whole()
        else:
            if self.order is None or self.order[0] != epoch:
                rng = np.random.default_rng((self.seed, epoch))
                self.order = epoch, rng.permutation(self.length)
            data = self.examples.take(self.order[1][position : position + self.batch])
        if self.transform is None:
            return data
        rng = np.random.default_rng((self.seed, epoch, position))
        changed = self.transform(data, rng)
        if not isinstance(changed, Mapping):
            raise gd.ArgumentError(
                "transform gives no minibatch", expected="a dict of arrays: " + ", ".join(data),
                got=type(changed).__name__,
            )  # fmt: skip
        return dict(changed)

    def rates(self, state: State) -> dict[str, float]:
        """The learning rates of the next step."""
        time = state.record.epoch + state.position / self.length
        found: dict[str, float] = {}
        for name, at in self.step.rates.items():
            rate = at(time)
            if not (isinstance(rate, (float, Real)) and math.isfinite(rate)):
                raise gd.ArgumentError(
                    f"the learning rate is no number after {time:.4g} epochs", got=repr(rate),
                    expected=f"a finite one from {at!r}",
                )  # fmt: skip
            found[name] = float(rate)
        return found

    def scalar(self, name: str, value: float) -> Any:
        """A number as the step takes it."""
        number = np.float64(value)
        return number if self.dtypes[name] is number.dtype else np.asarray(value, self.dtypes[name])

    def diverged(self, state: State, cost: float) -> gd.TrainingError:
        """The error for a cost that is no number."""
        when = f"in epoch {state.record.epoch + 1}, step {state.steps + 1}"
        values = {name: np.asarray(state.values[name]) for name in self.step.parameters}
        error = failure(
            self.graph, self.of, cost, when, self.examples.whole(), {**self.fixed, **values},
            made=state.steps > 0,
        )  # fmt: skip
        error.fit = self.result(state, f"{self.of} is {cost}")
        return error

    def result(self, state: State, stopped: str) -> Fit:
        """What is returned for a state."""
        last = {name: np.asarray(state.values[name]) for name in self.step.parameters}
        record, judged = state.record, self.recorder.validation is not None
        best = {name: np.asarray(value) for name, value in record.best.items()} if judged else last
        return Fit(
            parameters={**self.fixed, **(best or last)}, last={**self.fixed, **last},
            history=record.plain(), best_epoch=record.best_epoch if judged else record.epoch,
            epochs=record.epoch, stopped=stopped, step=self.function, _trained=self.graph,
        )  # fmt: skip

    # -- checkpoints -----------------------------------------------------------------------------

    def fingerprint(self) -> str:
        """A text that tells apart runs which do not go the same way."""
        if self._fingerprint is None:
            rates = [repr(rate) for rate in self.step.rates.values()]
            facts = (self.function.source, rates, self.batch, self.seed, self.recorder.watched)
            hashed = hashlib.blake2b(repr(facts).encode(), digest_size=16)
            validation = self.recorder.validation
            for arrays in (
                self.values,
                self.examples.whole(),
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
        saver.save(facts, {"values": state.values, "best": record.best})

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
        values = {name: array[()] for name, array in parts["values"].items()}  # () as calls give it
        rates = facts.get("rates", {})
        return State(values, facts["steps"], facts["position"], facts["total"], record, rates)
