"""Handwritten digits: a classifier of two hidden layers, trained with its generated NumPy code.

    python -m pip install scikit-learn
    python examples/digits.py

The images are the 1,797 that scikit-learn brings along.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graphdiff as gd

ALPHA = 3e-3  # weight of the L² penalty
HIDDEN, EPOCHS, BATCH, RATE = 64, 10, 16, 0.2


def network() -> gd.Graph:
    """Cross-entropy of a network 64-H-H-10 of rectifiers, with L² on the weights only."""
    g = gd.Graph("digits")
    x, y = g.input("x", ("t", 64)), g.input("y", ("t",), dtype="int64")
    W1, b1 = g.parameter("W1", (64, "H")), g.parameter("b1", ("H",))
    W2, b2 = g.parameter("W2", ("H", "H")), g.parameter("b2", ("H",))
    W3, b3 = g.parameter("W3", ("H", 10)), g.parameter("b3", (10,))
    h1 = np.maximum(0, x @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    scores = h2 @ W3 + b3
    log_p = gd.special.log_softmax(scores, axis=1)
    penalty = ALPHA / 2 * (np.sum(W1**2) + np.sum(W2**2) + np.sum(W3**2))
    g.output("J", penalty - np.mean(np.take_along_axis(log_p, y[:, None], axis=1)))
    return g


def start(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights of variance 2/fan-in, no biases."""
    sizes = {"1": (64, HIDDEN), "2": (HIDDEN, HIDDEN), "3": (HIDDEN, 10)}
    weights = {f"W{k}": np.sqrt(2 / s[0]) * rng.normal(size=s) for k, s in sizes.items()}
    return weights | {f"b{k}": np.zeros(s[1]) for k, s in sizes.items()}


def recognised(x: np.ndarray, y: np.ndarray, values: dict[str, np.ndarray]) -> float:
    """The share of images whose digit has the highest score."""
    h1 = np.maximum(0, x @ values["W1"] + values["b1"])
    h2 = np.maximum(0, h1 @ values["W2"] + values["b2"])
    return float(np.mean(np.argmax(h2 @ values["W3"] + values["b3"], axis=1) == y))


def main() -> None:
    """Train for a few epochs of minibatch gradient descent and count what is recognised."""
    images, labels = load_digits(return_X_y=True)
    x, x_held_out, y, y_held_out = train_test_split(
        images / 16, labels.astype(np.int64), test_size=0.2, stratify=labels, random_state=0
    )
    f = gd.compile(gd.gradient(network(), of="J"), style="readable")
    f.save("digits_grad.py")
    rng = np.random.default_rng(0)
    values = start(rng)
    for epoch in range(EPOCHS):
        rate = RATE * (1 - epoch / EPOCHS)
        order = rng.permutation(len(x))
        for rows in np.split(order, range(BATCH, len(order), BATCH)):
            result = f(x=x[rows], y=y[rows], **values)
            values = {name: value - rate * result[f"dJ/d{name}"] for name, value in values.items()}
    print(f"recognised: {recognised(x_held_out, y_held_out, values):.1%} of the held-out images")


if __name__ == "__main__":
    main()
