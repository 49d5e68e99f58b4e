"""Rules for when to stop: functions from a `Snapshot` to whether it is enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import graphdiff as gd
from graphdiff.train.checking import count
from graphdiff.train.result import Snapshot

Stop = Callable[[Snapshot], bool]


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """See `early_stopping`."""

    patience: int

    def __call__(self, now: Snapshot) -> bool:
        """Whether it is enough."""
        return now.epoch - now.best_epoch >= self.patience

    def __str__(self) -> str:
        return f"no better for {self.patience} epochs"


@dataclass(frozen=True, slots=True)
class Until:
    """See `until`."""

    below: float
    of: str | None

    def __call__(self, now: Snapshot) -> bool:
        """Whether it is enough."""
        costs = now.history.get(self.of or now.watched)
        if costs is None:
            raise gd.ArgumentError(
                f"there is no cost {self.of!r} to stop at", expected=", ".join(now.history)
            )
        return costs[-1] < self.below

    def __str__(self) -> str:
        return f"{self.of or 'the cost'} is below {self.below:.4g}"


def early_stopping(patience: int = 10) -> EarlyStopping:
    """Stop when the watched cost has not been less than its least for so many epochs.

    The parameters of the best epoch are what `fit` returns (Goodfellow et al., *Deep Learning*
    (2016), algorithm 7.1).
    """
    count(patience=patience)
    return EarlyStopping(patience)


def until(below: float, of: str | None = None) -> Until:
    """Stop when a cost is below a number: the watched one, or another entry of the history.

    With the training cost at an early stop as the number, this is the second way to use the
    validation data in the end (Goodfellow et al., algorithm 7.3).
    """
    if not isinstance(below, Real):
        raise gd.ArgumentError("the cost to stop below is no number", got=repr(below))
    return Until(float(below), of)
