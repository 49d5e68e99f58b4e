"""What `gd.train` learns of scikit-learn's digits, from generated code; about three minutes.

python -m pytest tests/benchmarks/test_digits.py -s
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import graphdiff as gd
from graphdiff import nn, train

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = IMAGES / 16.0
SEEDS = range(5)


def finish(g: gd.Graph, z: gd.Tensor, y: gd.Tensor, alpha: float) -> gd.Graph:
    penalty = alpha * nn.l2(g) if alpha else 0.0
    g.output("J", nn.multinoulli_nll(z, y) + penalty)
    g.output("error", np.mean((np.argmax(z, axis=1) != y) * 1.0))
    return g


def mlp(seed: int, width: int = 96, alpha: float = 1e-3) -> gd.Graph:
    """64-H-H-10."""
    rng = np.random.default_rng(seed)
    g = gd.Graph("mlp")
    x, y = g.input("x", ("t", 64)), g.input("y", ("t",), "int64")
    h = nn.dense(x, width, nn.relu, scope="hidden1", rng=rng)
    h = nn.dense(h, width, nn.relu, scope="hidden2", rng=rng)
    return finish(g, nn.dense(h, 10, scope="out", rng=rng), y, alpha)


def convolutions(seed: int) -> gd.Graph:
    """Two layers of 3 × 3 kernels, pooling, and two dense layers; float32."""
    rng = np.random.default_rng(seed)
    g = gd.Graph("convolutions")
    x, y = g.input("x", ("t", 8, 8, 1), "float32"), g.input("y", ("t",), "int64")
    h = nn.conv2d(x, 16, 3, nn.relu, scope="conv1", rng=rng)
    h = gd.images.max_pool2d(nn.conv2d(h, 32, 3, nn.relu, scope="conv2", rng=rng))
    h = nn.dense(h.reshape(h.shape[0], 512), 64, nn.relu, scope="hidden", rng=rng)
    return finish(g, nn.dense(h, 10, scope="out", rng=rng), y, 3e-4)


def accuracies(net: Callable[[int], gd.Graph], x: Any, epochs: int, **options: Any) -> list[float]:
    """Of a held-out fifth, another one for each seed; each training in less than a minute."""
    found = []
    for seed in SEEDS:
        learnt, held_out = train.split({"x": x, "y": LABELS}, 0.2, rng=seed)
        began = time.perf_counter()
        trained = train.fit(
            net(seed), learnt, batch=32, epochs=epochs, rng=seed,
            optimiser=train.adam(train.cosine(2e-3, over=epochs)), **options,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        found.append(1 - gd.compile(trained.graph)(**held_out)["error"])
        print(f"  seed {seed}: {found[-1]:.2%} in {seconds:.0f} s")
        assert seconds < 60
    print(f"  median {np.median(found):.2%}")
    return found


def test_an_mlp_recognises_98_percent() -> None:
    print()
    change = train.augment((8, 8), shift=0.7, rotate=8)
    assert np.median(accuracies(mlp, IMAGES, 60, transform=change)) >= 0.98


def test_a_small_convolutional_net_recognises_99_percent() -> None:
    print()
    x = IMAGES.reshape(-1, 8, 8, 1).astype("float32")
    change = train.augment((8, 8), shift=0.5, rotate=10)
    assert np.median(accuracies(convolutions, x, 25, transform=change)) >= 0.99


def compare(what: str, pairs: list[tuple[float, float]]) -> None:
    """A result without and with something, for each seed: it is less with it, and not by chance."""
    without, with_it = np.array(pairs).T
    gain = without - with_it
    print(f"\n  {what}: without {without.mean():.3f} ± {without.std():.3f}")
    print(f"  {'with':>{len(what) + 6}} {with_it.mean():.3f} ± {with_it.std():.3f}")
    print(f"  gain {gain.mean():.3f} ± {gain.std():.3f}, in {np.sum(gain > 0)} of {len(gain)}")
    assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain))


def test_augmentation_helps_on_60_images() -> None:
    """The error on all other images."""
    change, pairs = train.augment((8, 8), shift=0.3, rotate=12), []
    for seed in range(10):
        rest, few = train.split({"x": IMAGES, "y": LABELS}, 60 / len(IMAGES), rng=seed)
        errors = [
            gd.compile(
                train.fit(
                    mlp(seed), few, batch=20, epochs=120, rng=seed, transform=transform,
                    optimiser=train.adam(train.cosine(5e-3, over=120)),
                ).graph
            )(**rest)["error"]
            for transform in (None, change)
        ]  # fmt: skip
        pairs.append((errors[0], errors[1]))
    compare("error", pairs)


def with_and_without_stopping(
    seed: int, few: dict[str, Any], rest: dict[str, Any], share: float, rate: float, measure: str
) -> tuple[float, float]:
    """What is measured on the rest after 150 epochs, and where a share of the few stopped it."""
    data, validation = train.split(few, share, rng=seed)
    options: dict[str, Any] = {
        "batch": 20, "epochs": 150, "rng": seed, "optimiser": train.adam(rate),
        "validation": validation,
    }  # fmt: skip
    g = mlp(seed, 64, 0.0)
    long = train.fit(g, data, **options)
    stopped = train.fit(g, data, stop=train.early_stopping(15), **options)
    assert stopped.epochs < long.epochs
    f = gd.compile(g)
    return f(**rest, **long.last)[measure], f(**rest, **stopped.parameters)[measure]


def test_early_stopping_helps_on_120_images() -> None:
    """The cross-entropy on all other images, after 150 epochs or stopped by 80 more images."""
    pairs = []
    for seed in range(10):
        rest, few = train.split({"x": IMAGES, "y": LABELS}, 200 / len(IMAGES), rng=seed)
        pairs.append(with_and_without_stopping(seed, few, rest, 0.4, 1e-2, "J"))
    compare("cost", pairs)


def test_early_stopping_helps_where_labels_are_wrong() -> None:
    """The error on all other images: of 300, three in ten have a label drawn at random."""
    pairs = []
    for seed in range(10):
        rest, few = train.split({"x": IMAGES, "y": LABELS}, 300 / len(IMAGES), rng=seed)
        rng = np.random.default_rng(seed)
        wrong = rng.random(len(few["y"])) < 0.3
        few["y"] = np.where(wrong, rng.integers(10, size=len(wrong)), few["y"])
        pairs.append(with_and_without_stopping(seed, few, rest, 1 / 3, 5e-3, "error"))
    compare("error", pairs)
