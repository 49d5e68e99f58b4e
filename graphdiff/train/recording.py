"""The end of an epoch: costs are recorded, the best parameters kept, stopping rules asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.train.checking import failure, function
from graphdiff.train.costs import Costs
from graphdiff.train.data import Array, Data, Examples
from graphdiff.train.result import Snapshot
from graphdiff.train.stopping import Stop

Callback = Callable[[Snapshot], Any]
VALIDATION = "validation "
_NONE = Costs()


@dataclass(frozen=True, slots=True)
class Record:
    """What the epochs so far have left.

    Parameters
    ----------
    epoch
        How many were finished.
    history
        The costs; see `Fit`.
    best_epoch, best
        The epoch whose watched cost is least, and the parameters after it, if these are to be kept.
    stopped
        Why training ended; empty while it has not.
    """

    epoch: int
    history: Mapping[str, Costs]
    best_epoch: int
    best: Mapping[str, Array]
    stopped: str = ""

    def plain(self) -> dict[str, tuple[float, ...]]:
        """The history as it is handed out and written down."""
        return {name: tuple(costs) for name, costs in self.history.items()}


class Recorder:
    """Closes epochs.

    Parameters
    ----------
    graph, of
        The network, and the output that is made small.
    validation
        Data to measure every scalar output on, or None.
    watch
        The output whose cost on the validation data decides which epoch is best. None means
        ``of``.
    stop, callbacks
        What is asked and told after each epoch.

    Raises
    ------
    ArgumentError
        If the validation data do not fit, or there is no such output to watch.
    """

    def __init__(
        self, graph: gd.Graph, of: str, validation: Data | None, watch: str | None,
        stop: Stop | None, callbacks: Sequence[Callback],
    ) -> None:  # fmt: skip
        if callable(callbacks):
            raise gd.ArgumentError("callbacks is no list", hint="callbacks=[function]")
        self.stop, self.callbacks = stop, tuple(callbacks)
        if stop is not None:
            function("stop", stop, "such as gd.train.early_stopping(10)")
        for callback in self.callbacks:
            function("a callback", callback, "a function of a Snapshot")
        self.graph = graph
        self.validation = None
        self.watched = of
        if validation is not None:
            self.validation = Examples.of(graph, validation, "validation data")
            self.measure = gd.compile(_scalars(graph, of))
            self.watched = VALIDATION + (of if watch is None else watch)
            if watch is not None and watch not in self.measure.graph.outputs:
                raise gd.ArgumentError(
                    f"there is no scalar output {watch!r} to watch",
                    expected=", ".join(self.measure.graph.outputs),
                )
        elif watch is not None:
            raise gd.ArgumentError("without validation data there is nothing to watch but the cost")

    def start(self) -> Record:
        """Nothing yet."""
        return Record(0, {}, 0, {})

    def close(
        self, record: Record, costs: Mapping[str, float], parameters: Mapping[str, Array],
        fixed: Mapping[str, Array],
    ) -> Record:  # fmt: skip
        """The record after one more epoch; ``fixed`` are the parameters that are not trained."""
        if self.validation is not None or self.stop is not None or self.callbacks:
            parameters = {name: array.copy() for name, array in parameters.items()}
            for array in parameters.values():  # others see them from now on
                array.flags.writeable = False
        if self.validation is not None:
            with np.errstate(all="ignore"):  # `check` looks at what comes of it
                found = self.measure(**self.validation.whole(), **parameters, **fixed)
            costs = {**costs, **{VALIDATION + name: float(c) for name, c in found.items()}}
        past = record.history
        history = {name: past.get(name, _NONE).then(cost) for name, cost in costs.items()}
        watched, epoch = history[self.watched], record.epoch + 1
        best_epoch, best = record.best_epoch, record.best
        if not best_epoch or watched[-1] < watched[best_epoch - 1]:
            best_epoch, best = epoch, parameters if self.validation is not None else {}
        snapshot = Snapshot(epoch, parameters, history, self.watched, best_epoch)
        for callback in self.callbacks:
            callback(snapshot)
        stopped = ""
        if self.stop is not None and self.stop(snapshot):
            stopped = getattr(self.stop, "__name__", str(self.stop))
        return Record(epoch, history, best_epoch, best, stopped)

    def check(self, record: Record) -> None:
        """Raise if the watched cost is no number any more, which no other is less than.

        Raises
        ------
        TrainingError
            Naming what is not finite in the validation data, if anything is.
        """
        value = record.history[self.watched][-1]
        if self.validation is not None and math.isnan(value):
            name = self.watched.removeprefix(VALIDATION)
            when = f"on the validation data after epoch {record.epoch}"
            raise failure(self.graph, name, value, when, self.validation.whole(), {})


def _scalars(graph: gd.Graph, of: str) -> gd.Graph:
    """A copy of the network with its scalar outputs only, the cost among them."""
    copy = graph.copy()
    scalar = {name: t.name for name, t in graph.outputs.items() if t.ndim == 0}
    copy.dag.graph["outputs"] = {of: graph[of].name, **scalar}
    return copy
