"""What a user asks of a plan: limits and numbers, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from graphdiff.errors import PlanError, near


def checked_limit(memory_limit: Any) -> float:
    """A limit in whole bytes, infinite for None.

    Raises
    ------
    PlanError
        If it is no number of bytes.
    """
    if memory_limit is None:
        return math.inf
    if not _is_number(memory_limit) or not memory_limit >= 0:
        raise PlanError(
            "a memory limit is a number of bytes, 0 or more", got=repr(memory_limit),
            hint="memory_limit=100e6 is 100 MB",
        )  # fmt: skip
    if 0 < memory_limit < 1:
        raise PlanError(
            "a memory limit is in bytes, and this is less than one", got=repr(memory_limit),
            hint='for a share of what storing takes: share * gd.plan(…, "store").peak_bytes',
        )  # fmt: skip
    return math.floor(memory_limit) if math.isfinite(memory_limit) else math.inf


def checked_seconds(time_limit: Any) -> float:
    """The seconds that a search may take.

    Raises
    ------
    PlanError
        If it is no number of seconds.
    """
    if not _is_number(time_limit) or not time_limit >= 0:
        raise PlanError("a time limit is a number of seconds, 0 or more", got=repr(time_limit))
    return float(time_limit)


def checked_points(points: Any) -> int:
    """How many points of a curve are sampled.

    Raises
    ------
    PlanError
        If it is no positive whole number.
    """
    if not _is_whole(points) or points < 1:
        raise PlanError("the number of points is not a positive int", got=repr(points))
    return int(points)


def checked_sizes(sizes: Any, names: set[str]) -> dict[str, int]:
    """The lengths of all named dimensions; None is none.

    Raises
    ------
    PlanError
        If a length is missing, unknown, or not a positive int.
    """
    if sizes is None:
        sizes = {}
    if not isinstance(sizes, Mapping):
        raise PlanError(
            "sizes is no dict of the lengths of named dimensions", got=repr(sizes),
            hint="sizes={" + ", ".join(f"{name!r}: 32" for name in sorted(names)) + "}",
        )  # fmt: skip
    for name in sorted(names):
        if name not in sizes:
            raise PlanError(
                f"the length of {name!r} is not given",
                hint=f"sizes={{{name!r}: 32}}, or what it will be",
            )
    for name, length in sizes.items():
        if name not in names:
            raise PlanError(
                f"there is no dimension {name!r}",
                expected=", ".join(sorted(names)) or "no sizes: all dimensions are known",
                hint=near(name, names),
            )
        if not _is_whole(length) or length < 1:
            raise PlanError(f"the length of {name!r} is not a positive int", got=repr(length))
    return {name: int(length) for name, length in sizes.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, Real | Decimal) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
