"""Real digits: a 64-H-H-10 network trained by minibatch SGD with the generated NumPy code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from graphdiff import gradient
from graphdiff.demo import networks
from graphdiff.demo.descent import Array, ValueAndGrad, step
from graphdiff.demo.folder import Folder
from graphdiff.errors import GraphdiffError

HIDDEN, EPOCHS, BATCH, RATE = 128, 40, 16, 0.2


@dataclass(frozen=True, slots=True)
class Digits:
    """The results of this part: images seen in training and kept out, cost, shares recognised."""

    trained_on: int
    held_out: int
    cost: float
    accuracy_trained: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Split:
    """Images as rows of 64 numbers from 0 to 1, and their digits; a fifth is held out."""

    x: Array
    y: Array
    x_held_out: Array
    y_held_out: Array


def split(seed: int) -> Split:
    """The 1,797 images of scikit-learn, each digit divided in the same proportion.

    Raises
    ------
    GraphdiffError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise GraphdiffError(
            "the demo trains on images that come with scikit-learn, which is not installed",
            hint='python -m pip install "graphdiff[demo]"',
        ) from None
    images, labels = load_digits(return_X_y=True)
    x, x_held_out, y, y_held_out = train_test_split(
        images / 16.0, labels.astype(np.int64), test_size=0.2, stratify=labels, random_state=seed
    )
    return Split(x, y, x_held_out, y_held_out)


def start(seed: int) -> dict[str, Array]:
    """Random weights of variance 2/fan-in (He et al., 2015), no biases."""
    rng = np.random.default_rng(seed)
    sizes = (64, HIDDEN, HIDDEN, 10)
    values: dict[str, Array] = {}
    for layer, (before, after) in enumerate(pairwise(sizes), start=1):
        values[f"W{layer}"] = np.sqrt(2 / before) * rng.normal(size=(before, after))
        values[f"b{layer}"] = np.zeros(after)
    return values


def train(
    value_and_grad: ValueAndGrad,
    data: Split,
    seed: int,
    epochs: int = EPOCHS,
    advance: Callable[[], None] = lambda: None,
) -> tuple[float, dict[str, Array]]:
    """The mean cost of the last epoch, and the parameters after it.

    Every epoch goes through the images in another order; the step length falls linearly to 0.
    """
    rng = np.random.default_rng(seed)
    values, costs = start(seed), [0.0]
    for epoch in range(epochs):
        order, costs = rng.permutation(len(data.x)), []
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            batch = {"x": data.x[rows], "y": data.y[rows]}
            cost, values = step(value_and_grad, batch, values, RATE * (1 - epoch / epochs))
            costs.append(cost)
        advance()
    return float(np.mean(costs)), values


def run(folder: Folder, advance: Callable[[], None], seed: int = 0) -> Digits:
    """Write the files, train with them, and count what they recognise."""
    data = split(seed)
    G = gradient(networks.digits(), of="J")
    folder.picture("digits.svg", G, "the digits network beside its gradient")
    net = folder.module("digits.py", G, "the cost of the digits network and its gradient")
    scores = folder.module(
        "classifier.py", networks.classifier(), "the scores that the trained network gives"
    )
    with threadpool_limits(limits=1):  # the matrices are too small to share among cores
        cost, values = train(net.value_and_grad, data, seed, advance=advance)

    def accuracy(x: Array, y: Array) -> float:
        return float(np.mean(np.argmax(scores.forward(x, **values), axis=1) == y))

    return Digits(
        trained_on=len(data.x),
        held_out=len(data.x_held_out),
        cost=cost,
        accuracy_trained=accuracy(data.x, data.y),
        accuracy=accuracy(data.x_held_out, data.y_held_out),
    )
