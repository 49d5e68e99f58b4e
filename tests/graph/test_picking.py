"""x[mask] where the mask is not known: values as in NumPy, derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd

X = np.array([1.0, -2.0, 3.0, 0.5])
M = np.arange(12.0).reshape(4, 3) - 4.2


def in_place(x: Any) -> Any:
    y = x * 1.0
    y[y > 0] *= 3
    y[y < 0] += x[2]
    y[y > 8] = 0
    return np.sum(y**2)


def assigned(x: Any) -> Any:
    y, positive = np.zeros_like(x), x > 0
    y[positive] = np.sqrt(x[positive])
    return np.sum(y * np.arange(4.0))


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "sum": (lambda x: np.sum(x[x > 0] ** 2) * x[x > 0].sum(), X),
    "mean": (lambda x: x[x > 0].mean() * np.mean(np.exp(-x[x > 0]) / (1 + x[x > 0])), X),
    "log": (lambda x: np.sum(np.log(x[x > 0])), X),
    "sqrt": (lambda x: np.sum(np.sqrt(x[~(x <= 0)])), X),
    "moments": (lambda x: np.std(x[x > 0]) + np.var(x[x > 0], ddof=1) + x[x > 0].std(), X),
    "extremes": (lambda x: np.max(x[x < 2]) + x[x > 0].min() + np.median(x[x > 0]), X),
    "products": (lambda x: x[x > 0] @ x[x > 0] + np.dot(x[x > 0], x[x > 0]) + sum([x[0]]), X),
    "norm": (lambda x: np.linalg.norm(x[x > 0]) + np.add.reduce(x[x > 0]), X),
    "size": (lambda x: x[x > 0].sum() / x[x > 0].size, X),
    "two conditions": (lambda x: np.sum(x[2] * x[(x > 0) & (x < 2)] * x[1]), X),
    "clip": (lambda x: np.clip(x[x > 0], 0, 2).sum() * np.prod(x[x > 0]), X),
    "matrix": (lambda m: np.prod(m[m > 3] / 5), M),
    "rows": (lambda m: np.sum(m[m[:, 0] > 0].sum(axis=0) ** 2) + m[m[:, 0] > 0].mean(), M),
    "rows beside a row": (lambda m: np.mean(m[m[:, 0] > 0] * np.array([1.0, 2.0, 3.0])), M),
    "in place": (in_place, X),
    "assigned": (assigned, X),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:invalid value")  # of what is not picked
def test_as_in_numpy(name: str) -> None:
    f, x = CASES[name]
    assert gd.jit(f)(x) == pytest.approx(f(x), rel=1e-14)
    assert gd.check_gradients(f, (x,))
    assert np.isfinite(gd.hessian(f)(x)).all()
    many = gd.vmap(gd.grad(f))(np.stack([x, x]))
    np.testing.assert_allclose(many[1], gd.grad(f)(x), rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x[x > 0] + x[x < 0], "picked by two masks"),
        (lambda x: len(x[x > 0]), "the length of elements picked by a mask"),
        (lambda x: list(x[x > 0]), "a loop over the elements"),
        (lambda x: x[x > 0][0], "an index of elements"),
        (lambda x: np.sort(x[x > 0]), "np.sort of elements picked by a mask"),
        (lambda x: np.cumsum(x[x > 0]), "np.cumsum of elements"),
        (lambda x: np.add.outer(x[x > 0], x), "np.add of elements"),
        (lambda x: x[x > 0] + np.ones(3), "an array beside elements picked by a mask"),
        (lambda x: x + x[x > 0], "an array beside elements picked by a mask"),
        (lambda x: x[x > 0], "an array of elements"),
        (lambda x: x[np.stack([x, x]) > 0], "the mask does not fit"),
        (lambda x: x.__setitem__(x > 0, x[x < 0]), "to the places of the same mask only"),
    ],
)
def test_what_needs_their_number_is_refused(f: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=words) as caught:
        gd.jit(f)(X)
    assert "test_picking.py" in str(caught.value)
