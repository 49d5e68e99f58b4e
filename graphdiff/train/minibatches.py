"""Minibatches: the examples in an order that is new in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.train.data import Array, Examples

Transform = Callable[[dict[str, Array], np.random.Generator], Mapping[str, Array]]


class Minibatches:
    """Examples in minibatches.

    Everything random follows from the seed, the epoch and the position in it, so that training can
    be taken up anywhere.

    Parameters
    ----------
    examples, size
        The data, and how many examples a minibatch has; the last one of an epoch may have fewer.
    seed
        Of the order, and of what ``transform`` draws.
    transform
        From a minibatch and a generator to the minibatch that is used, or None.
    """

    def __init__(
        self, examples: Examples, size: int, seed: int, transform: Transform | None
    ) -> None:
        self.examples, self.size, self.seed, self.transform = examples, size, seed, transform
        self.length = max(examples.length, 1)
        self._takes = [(name, array.take) for name, array in examples.rows.items()]
        self._usual = np.geterr()  # what the caller's functions are called with
        self._epoch, self._order = -1, np.arange(0)  # an epoch, and its order

    def at(self, epoch: int, position: int) -> dict[str, Any]:
        """The minibatch at a position in an epoch.

        Raises
        ------
        ArgumentError
            If ``transform`` gives something else.
        """
        if self.size >= self.length:
            data = self.examples.whole()
        else:
            if self._epoch != epoch:
                rng = np.random.default_rng((self.seed, epoch))
                self._epoch, self._order = epoch, rng.permutation(self.length)
            rows = self._order[position : position + self.size]
            data = {name: take(rows, 0) for name, take in self._takes}
            data.update(self.examples.shared)
        if self.transform is None:
            return data
        rng = np.random.default_rng((self.seed, epoch, position))
        with np.errstate(**self._usual):
            changed = self.transform(data, rng)
        if not isinstance(changed, Mapping):
            raise gd.ArgumentError(
                "transform gives no minibatch", expected="a dict of arrays: " + ", ".join(data),
                got=type(changed).__name__,
            )  # fmt: skip
        return dict(changed)
