"""Learning rates: a constant, or a function of the epochs that have passed.

Time is counted in epochs, as a float: half-way through the third epoch it is 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from graphdiff.train.checking import not_negative, positive


@dataclass(frozen=True, slots=True)
class Schedule:
    """A learning rate that depends on time.

    Parameters
    ----------
    text
        How it was asked for, for people and for checkpoints.
    at
        From the epochs that have passed to the rate.

    Examples
    --------
    >>> warm = Schedule("warm", lambda epochs: min(1.0, epochs / 5) * 0.1)
    >>> warm(2.5)
    0.05
    """

    text: str
    at: Callable[[float], float]

    def __call__(self, epochs: float) -> float:
        """The rate after so many epochs."""
        return self.at(epochs)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Always:
    """The same rate at any time."""

    rate: float

    def __call__(self, epochs: float) -> float:
        """The rate."""
        return self.rate


def constant(rate: float) -> Schedule:
    """The same rate throughout; a plain number means this."""
    positive(rate=rate)
    return Schedule(f"{rate:g}", Always(rate))


def steps(rate: float, every: float, factor: float = 0.1) -> Schedule:
    """ε₀ · factor^⌊epochs / every⌋: a drop at regular intervals.

    Examples
    --------
    >>> rate = steps(0.1, every=10, factor=0.5)
    >>> rate(9.9), rate(10.0), rate(25.0)
    (0.1, 0.05, 0.025)
    """
    positive(rate=rate, every=every, factor=factor)
    return Schedule(
        f"steps({rate:g}, every={every:g}, factor={factor:g})",
        lambda epochs: rate * factor ** math.floor(epochs / every),
    )


def exponential(rate: float, every: float, factor: float = 0.1) -> Schedule:
    """ε₀ · factor^(epochs / every): the same decay without the steps."""
    positive(rate=rate, every=every, factor=factor)
    return Schedule(
        f"exponential({rate:g}, every={every:g}, factor={factor:g})",
        lambda epochs: rate * factor ** (epochs / every),
    )


def cosine(rate: float, over: float, least: float = 0.0) -> Schedule:
    """From ε₀ down to ``least`` along half a cosine, then constant (Loshchilov & Hutter, 2017).

    Examples
    --------
    >>> rate = cosine(0.1, over=10)
    >>> rate(0.0), round(rate(5.0), 12), rate(10.0), rate(11.0)
    (0.1, 0.05, 0.0, 0.0)
    """
    positive(rate=rate, over=over)
    not_negative(least=least)
    return Schedule(
        f"cosine({rate:g}, over={over:g}, least={least:g})",
        lambda epochs: (
            least + (rate - least) * (1 + math.cos(math.pi * min(epochs / over, 1.0))) / 2
        ),
    )


def linear(rate: float, over: float, least: float = 0.0) -> Schedule:
    """ε = (1 − a) ε₀ + a ε_τ with a = epochs / τ, then constant (Goodfellow et al., eq. 8.14)."""
    positive(rate=rate, over=over)
    not_negative(least=least)
    return Schedule(
        f"linear({rate:g}, over={over:g}, least={least:g})",
        lambda epochs: rate + (least - rate) * min(epochs / over, 1.0),
    )


def inverse_time(rate: float, half: float) -> Schedule:
    """ε₀ / (1 + epochs / half): as 1/t, whose sum diverges and whose squares' sum does not.

    These are the conditions of Robbins & Monro (1951) for SGD to converge.
    """
    positive(rate=rate, half=half)
    return Schedule(
        f"inverse_time({rate:g}, half={half:g})", lambda epochs: rate / (1 + epochs / half)
    )
