"""Reversing a chain of equal steps with few snapshots: binomial checkpointing."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import comb
from typing import Literal

from graphdiff.errors import PlanError


@dataclass(frozen=True)
class Reversal:
    """How a chain of steps is run backward.

    Attributes
    ----------
    length
        The number of steps in the chain.
    snapshots
        How many states may be kept at a time, the initial one among them.
    actions
        ``("store", i)`` keeps state i as a snapshot, ``("restore", i)`` continues from it,
        ``("discard", i)`` gives its place away; ``("advance", i)`` runs step i, from state i to
        state i + 1; ``("reverse", i)`` runs the gradient of step i from state i.
    forward_steps
        How many times a step is advanced. The evaluation of a step as a part of its own reversal
        is not counted.
    """

    length: int
    snapshots: int
    actions: tuple[
        tuple[Literal["store", "restore", "discard", "advance", "reverse"], int], ...
    ] = field(repr=False)
    forward_steps: int


def revolve(length: int, snapshots: int) -> Reversal:
    """Reverse a chain of equal steps with the fewest forward steps.

    Parameters
    ----------
    length
        The number of steps, l.
    snapshots
        How many states may be kept at a time, s, the initial one among them.

    Returns
    -------
    Reversal
        A schedule with r·l − C(s + r, s + 1) forward steps, where r is the least number such that
        C(s + r, s) ≥ l. No schedule has fewer.

    Raises
    ------
    PlanError
        If a number is not positive.

    References
    ----------
    A. Griewank and A. Walther, "Algorithm 799: revolve", *ACM Transactions on Mathematical
    Software* 26 (2000).

    Examples
    --------
    >>> revolve(10, 3)
    Reversal(length=10, snapshots=3, forward_steps=15)
    """
    _check(length, snapshots)
    actions: list[tuple[Literal["store", "restore", "discard", "advance", "reverse"], int]] = []
    # Parts of the chain that wait to be reversed: first step, end, free snapshots, and whether
    # the part before has to be taken up again from its own snapshot.
    waiting = [(0, length, snapshots, False)]
    while waiting:
        begin, end, free, again = waiting.pop()
        actions.append(("restore" if again else "store", begin))
        middle = begin
        if end - begin > 1:
            middle += split(end - begin, free) if free > 1 else end - begin - 1
        actions += [("advance", step) for step in range(begin, middle)]
        if middle > begin and free > 1:
            waiting.append((begin, middle, free, True))
            waiting.append((middle, end, free - 1, False))
            continue
        actions.append(("reverse", middle))
        if middle > begin:
            waiting.append((begin, middle, free, True))
        else:
            actions.append(("discard", begin))
    forward = sum(action == "advance" for action, _ in actions)
    return Reversal(length, snapshots, tuple(actions), forward)


def forward_steps(length: int, snapshots: int) -> int:
    """The fewest forward steps that reverse a chain: r·l − C(s + r, s + 1).

    Examples
    --------
    >>> forward_steps(10, 3)
    15
    """
    _check(length, snapshots)
    r = _repetitions(length, snapshots)
    return r * length - comb(snapshots + r, snapshots + 1)


def split(length: int, snapshots: int) -> int:
    """How far to advance before the next snapshot.

    With r as in `revolve`, both parts must be within the reach of their snapshots and repetitions:
    at most C(s + r − 1, s) steps before, at least C(s + r − 2, s − 1) behind.

    Examples
    --------
    >>> split(10, 3)
    4
    """
    r = _repetitions(length, snapshots)
    before = comb(snapshots + r - 1, snapshots)
    behind = comb(snapshots + r - 2, snapshots - 1)
    return max(1, min(before, length - behind))


def _repetitions(length: int, snapshots: int) -> int:
    """The least r such that C(s + r, s) ≥ l: how often a step is advanced at most."""
    r = 0
    while comb(snapshots + r, snapshots) < length:
        r += 1
    return r


def _check(length: int, snapshots: int) -> None:
    for name, value in (("length", length), ("snapshots", snapshots)):
        if value < 1:
            raise PlanError(f"{name} must be at least 1", got=str(value))
