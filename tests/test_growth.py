"""How the work grows with a graph: four times the values take little more than four times as many
calls of functions, which are counted, so that no clock is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import numpy as np
import pytest

import graphdiff as gd

Declare = Callable[[gd.Graph, int], gd.Tensor]


def vectors(g: gd.Graph, count: int) -> list[gd.Tensor]:
    return [g.parameter(f"w{i}", (3,)) for i in range(count)]


def concatenated(g: gd.Graph, count: int) -> gd.Tensor:
    return np.sum(np.concatenate(vectors(g, count)) ** 2)


def stacked(g: gd.Graph, count: int) -> gd.Tensor:
    return np.sum(np.stack(vectors(g, count), axis=1) ** 2)


def blocks(g: gd.Graph, count: int) -> gd.Tensor:
    return np.sum(np.block([[w] for w in vectors(g, count)]) ** 2)


def split(g: gd.Graph, count: int) -> gd.Tensor:
    parts = np.split(g.parameter("w", (3 * count,)), count)
    return np.sum(np.concatenate([np.sin(part) for part in parts]) ** 2)


def custom(g: gd.Graph, count: int) -> gd.Tensor:
    f = gd.custom_gradient(lambda *xs: sum(xs), lambda g, out, *xs: tuple(g * x for x in xs))
    return np.sum(f(*vectors(g, count)))


def branch(g: gd.Graph, count: int) -> gd.Tensor:
    first, *_ = values = vectors(g, count)
    chosen = gd.cond(
        first[0] > 0, lambda *xs: xs, lambda *xs: tuple(np.sin(x) for x in xs), *values
    )
    return sum(np.sum(x) for x in chosen)


def branches(g: gd.Graph, count: int) -> gd.Tensor:
    h = g.parameter("w", (3,))
    for _ in range(count // 4):
        h = gd.cond(h[0] > 0, np.sin, np.cos, h)
    return np.sum(h)


def stacks(g: gd.Graph, count: int) -> gd.Tensor:
    def step(h: gd.Tensor, x: gd.Tensor) -> tuple[gd.Tensor, tuple[gd.Tensor, ...]]:
        return h + x, tuple(np.sin(h * float(i)) for i in range(2, count + 2))

    _, found = gd.scan(step, g.parameter("w", (3,)), np.ones((4, 3)))
    return sum(np.sum(x) for x in found)


def calls(run: Callable[[], object]) -> int:
    """How many functions are called, of Python and of C."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def work(declare: Declare, count: int) -> dict[str, int]:
    """The calls that each stage takes."""
    g = gd.Graph("g")
    found = {"declare": calls(lambda: g.output("J", declare(g, count)))}
    found["gradient"] = calls(lambda: gd.gradient(g, of="J"))
    G = gd.gradient(g, of="J")
    for style in ("readable", "fast"):
        found[style] = calls(lambda style=style: gd.compile(G, style=style))
    found["plan"] = calls(lambda: gd.plan(G, strategy="store"))
    return found


@pytest.mark.parametrize(
    "declare", [concatenated, stacked, blocks, split, custom, branch, branches, stacks]
)
def test_work_is_linear_in_values(declare: Declare) -> None:
    work(declare, 4)  # what is done once is done: sympy's derivatives, imports
    small, large = work(declare, 60), work(declare, 240)
    ratios = {stage: large[stage] / small[stage] for stage in small}
    assert all(ratio < 4.4 for ratio in ratios.values()), ratios
