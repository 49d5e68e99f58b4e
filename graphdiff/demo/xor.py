"""The exclusive or: what a linear model cannot learn, and a hidden layer of rectifiers can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphdiff import gradient
from graphdiff.demo import networks
from graphdiff.demo.descent import Array, ValueAndGrad, descend
from graphdiff.demo.folder import Folder

DATA = {
    "x": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    "y": np.array([0.0, 1.0, 1.0, 0.0]),
}
LECTURE = {
    "W": np.array([[1.0, 1.0], [1.0, 1.0]]),
    "c": np.array([0.0, -1.0]),
    "w": np.array([1.0, -2.0]),
    "b": np.array(0.0),
}
WIDTHS, STARTS = (2, 4, 8, 16), 20
RATE, STEPS, LEARNT = 0.1, 2000, 1e-6


@dataclass(frozen=True, slots=True)
class Starts:
    """What became of the random starts of one width: how many learnt XOR, where others rest."""

    hidden: int
    learnt: int
    others: dict[str, int]


@dataclass(frozen=True, slots=True)
class Xor:
    """The results of this part."""

    linear: dict[str, Array]
    linear_cost: float
    lecture_cost: float
    lecture_gradients: dict[str, Array]
    starts: tuple[Starts, ...]


def start(hidden: int, seed: int) -> dict[str, Array]:
    """Small random weights, no biases."""
    rng = np.random.default_rng(seed)
    return {
        "W": 0.5 * rng.normal(size=(2, hidden)),
        "c": np.zeros(hidden),
        "w": 0.5 * rng.normal(size=hidden),
        "b": np.zeros(()),
    }


def run(folder: Folder, advance: Callable[[], None]) -> Xor:
    """Train the linear model, check the lecture's weights, train from random starts."""
    line = folder.module(
        "linear.py", gradient(networks.linear(), of="J"), "the linear model and its gradient"
    )
    cost, found = descend(
        line.value_and_grad, DATA, {"w": np.array([0.7, -0.4]), "b": np.array(0.1)}, 0.3, 500
    )
    G = gradient(networks.xor(), of="J")
    folder.picture("xor.svg", G, "the XOR network beside its gradient")
    folder.picture("xor_ops.svg", G, "the same, every node of the graph", detail="ops")
    net = folder.module("xor.py", G, "the XOR network and its gradient, as NumPy code")
    lecture_cost, gradients = net.value_and_grad(**DATA, **LECTURE)
    advance()
    wide = folder.module(
        "xor_wide.py",
        gradient(networks.xor("n"), of="J"),
        "the same for any number of hidden units",
    )
    starts = tuple(_starts(wide.value_and_grad, hidden, advance) for hidden in WIDTHS)
    return Xor(found, cost, float(lecture_cost), gradients, starts)


def _starts(value_and_grad: ValueAndGrad, hidden: int, advance: Callable[[], None]) -> Starts:
    learnt, others = 0, Counter[str]()
    for seed in range(STARTS):
        cost, _ = descend(value_and_grad, DATA, start(hidden, seed), RATE, STEPS, LEARNT)
        if cost <= LEARNT:
            learnt += 1
        else:
            others[f"{cost:.3f}"] += 1
        advance()
    return Starts(hidden, learnt, dict(sorted(others.items())))
