"""What training leaves: parameters, and the history of the costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import graphdiff as gd
from graphdiff.train.data import Array

Values = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Training as it stands after an epoch: what callbacks and stopping rules are shown.

    Parameters
    ----------
    epoch
        The number of epochs so far.
    parameters
        Their values after this epoch; not to be changed.
    history
        For each cost that is recorded, one number for each epoch.
    watched
        The entry of ``history`` that says which epoch is the best: the least one.
    best_epoch
        That epoch, counted from 1.
    """

    epoch: int
    parameters: Values
    history: Mapping[str, Sequence[float]]
    watched: str
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Fit:
    """The result of training.

    Parameters
    ----------
    parameters
        With a validation set, the values after the epoch whose validation cost was least; else the
        last.
    last
        The values at the end.
    history
        By name, one number for each epoch: ``"J"``, the mean cost of the epoch's examples, each
        taken before the step that it led to; ``"rate"``; and each scalar output on the validation
        set after the epoch, ``"validation J"``.
    best_epoch
        The epoch that ``parameters`` are from, counted from 1; 0 where none was finished.
    epochs
        How many were finished.
    stopped
        Why training ended.
    gradient
        The function that computed the cost and its gradient, with its ``source``.
    updates
        The functions that computed what follows from it; none for L-BFGS.
    """

    parameters: dict[str, Array]
    last: dict[str, Array]
    history: dict[str, tuple[float, ...]]
    best_epoch: int
    epochs: int
    stopped: str
    gradient: gd.Compiled = field(repr=False)
    updates: tuple[gd.Compiled, ...] = field(repr=False)
    _trained: gd.Graph = field(repr=False)

    @property
    def graph(self) -> gd.Graph:
        """A copy of the network whose parameters have the values of ``parameters``."""
        return with_values(self._trained, self.parameters)

    def __repr__(self) -> str:
        costs = ", ".join(
            f"{name} {numbers[self.best_epoch - 1]:.4g}"
            for name, numbers in self.history.items()
            if numbers and name != "rate"
        )
        return (
            f"<fit of {self._trained.name!r}: best epoch {self.best_epoch} of {self.epochs}"
            f"{f' ({costs})' if costs else ''}; {self.stopped}>"
        )


def with_values(graph: gd.Graph, values: Mapping[str, Any]) -> gd.Graph:
    """A copy of a graph whose parameters have these values."""
    copy = graph.copy()
    for name, value in values.items():
        node = copy.dag.nodes[name]
        node["params"] = {**node["params"], "value": value}
    return copy
