"""Reading, assigning and padding through NumPy's own words: what plain arrays give, and slopes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd

rng = np.random.default_rng(0)
A = rng.normal(size=(4, 5))
GAPS = np.where(rng.random((4, 5)) < 0.3, np.nan, A)
PHASE = 5 * rng.normal(size=6)
PLACES = np.sort(rng.normal(size=5))
I = np.array([0, 2, 0])  # noqa: E741  # one place comes twice
MASK = A > 0
ROWS = np.array([True, False, True, False])


def assigning(change: Callable[[Any], object]) -> Callable[[Any], Any]:
    """A function that works on a copy of its argument in place."""

    def function(x: Any) -> Any:
        y = x * 1.0
        change(y)
        return y * 2.0

    return function


def setting(key: Any, value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return assigning(lambda y: y.__setitem__(key, value(y)))


def _windows(x: Any, *args: Any, **kwargs: Any) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, *args, **kwargs)


READING: dict[str, Callable[[Any], Any]] = {
    "mask": lambda x: x[MASK] ** 2,
    "rows by a mask": lambda x: x[ROWS] + x[..., MASK[0]][:2, :1],
    "slices beside arrays": lambda x: x[1:3, I] + x[[0, 1]][:, [1, 2, 1]],
    "arrays behind": lambda x: x[..., I] + x[:4, I],
    "windows": lambda x: _windows(x, (2, 3)) ** 2,
    "windows along an axis": lambda x: _windows(x, 3, axis=1).sum(-1),
}
ASSIGNING: dict[str, Callable[[Any], Any]] = {
    "rows": setting(I, lambda y: y[1] * 3),
    "elements": setting((I, I), lambda y: y[0, :3] * [1.0, 2.0, 3.0]),
    "columns": setting((slice(None), I), lambda y: y[:, :1] * [1.0, 2.0, 3.0]),
    "a part of columns": setting((slice(1, 3), I), lambda y: 7 * y[0, 0]),
    "mask": setting(MASK, lambda y: y[0, 0]),
    "values at a mask": setting(MASK, lambda y: y.ravel()[: MASK.sum()] * 3),
    "rows at a mask": setting(ROWS, lambda y: y[1]),
    "a mask of values": assigning(lambda y: y.__setitem__(y > 0, 0.0)),
    "add.at": assigning(lambda y: np.add.at(y, I, y[:3] * 2)),
    "add.at elements": assigning(lambda y: np.add.at(y, (I, I), 1.0)),
    "add.at a slice": assigning(lambda y: np.add.at(y, np.s_[1:2], y[0])),
    "put_along_axis": assigning(
        lambda y: np.put_along_axis(y, np.argmax(y, axis=1)[:, None], 0.5, axis=1)
    ),
    "copyto": assigning(lambda y: np.copyto(y, y[0], where=MASK)),
    "put": assigning(lambda y: y.put([0, 7, 7, -1], y[0, :2] * [3.0, 4.0])),
    "fill_diagonal": assigning(lambda y: np.fill_diagonal(y, y[0, 0])),
    "sort": assigning(lambda y: (y.sort(axis=0), y.partition(2))),
    "fill": assigning(lambda y: y[0].fill(3.0)),
}
ORDER: dict[str, Callable[[Any], Any]] = {
    "partition": lambda x: np.partition(x, 2, axis=0) + np.partition(x, (1, 3)),
    "partition of all": lambda x: np.partition(x, 3, axis=None),
    "accumulate": lambda x: np.maximum.accumulate(x, axis=1) * np.minimum.accumulate(x),
    "quantiles": lambda x: np.quantile(x, [[0.1, 0.5], [0.2, 1.0]], axis=0),
    "percentiles of all": lambda x: np.percentile(x, [10, 50], axis=(0, 1)),
    "median": lambda x: np.median(x, axis=(0, 1), keepdims=True),
    "divmod": lambda x: divmod(x, 0.3)[1] + np.modf(x)[0],
}
DIFFERENCES: dict[str, Callable[[Any], Any]] = {
    "gradient": lambda x: np.gradient(x)[0] * np.gradient(x)[1],
    "gradient of second order": lambda x: np.gradient(x, 2.0, axis=1, edge_order=2),
    "gradient between places": lambda x: np.gradient(x, PLACES, axis=1, edge_order=2),
    "gradient with both": lambda x: np.gradient(x, 0.5, PLACES)[1],
    "unwrap": lambda x: np.unwrap(3 * x, axis=0, discont=5.0, period=4.0),
}
PADDING: dict[str, Callable[[Any], Any]] = {
    f"pad by {mode}": lambda x, mode=mode: np.pad(x, ((1, 2), (3, 0)), mode=mode)
    for mode in (
        *("edge", "reflect", "symmetric", "wrap"),
        *("mean", "maximum", "minimum", "median"),
    )
} | {
    "ramp": lambda x: np.pad(
        x, ((1, 2), (3, 0)), mode="linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))
    ),
    "pad by a part's mean": lambda x: np.pad(x, 2, mode="mean", stat_length=2),
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "linspace": lambda x: (
        np.linspace(x, x[0] + 2.0, 5, axis=1) + np.linspace(1.0, x[:, 0], 4)[0, 0]
    ),
    "logspace": lambda x: np.logspace(x[0], 2.0, 4, base=2.0, endpoint=False),
    "geomspace": lambda x: np.geomspace(np.exp(x), 3.0, 4),
    "fftshift": lambda x: np.fft.fftshift(x) * np.fft.ifftshift(x, axes=1),
    "cumulative_sum": lambda x: (
        np.cumulative_sum(x[0], include_initial=True)[:5] * np.cumulative_prod(x, axis=1)
    ),
    "places": lambda x: x * np.nanargmax(x, axis=0) + x * np.digitize(x, [-0.5, 0.5]),
    "broadcast_arrays": lambda x: np.multiply(*np.broadcast_arrays(x[:, :1], np.ones(3))) ** 2,
    "unstack": lambda x: np.unstack(x, axis=1)[1] * np.matvec(x, x[0]) * np.vecmat(x[:, 0], x)[:4],
}
METHODS: dict[str, Callable[[Any], Any]] = {
    "reductions": lambda x: x.std(0) + x.var(0, ddof=1) + x.prod(0) + x.sum(axis=0, where=MASK),
    "along": lambda x: x.cumsum(1) * x.cumprod(axis=1) + x.max(0) + x.argmax(0) * x.min(),
    "initial": lambda x: (
        x.max(0, initial=0.3) * np.min(x, axis=0, initial=0.1, where=MASK)
        + np.sum(x, axis=0, initial=2.0) * np.prod(x, initial=3.0, where=MASK)
    ),
    "shapes": lambda x: x.swapaxes(0, 1).flatten() * x.repeat(2, axis=0)[:4].ravel(),
    "diagonals": lambda x: x.diagonal(1) * x.trace() + x.T.squeeze().dot(x[:, 0])[:4],
    "elements": lambda x: x.clip(-0.5, 0.5) + x.round(1) + x.take([0, 1], axis=0)[[0, 1, 0, 1]],
    "order": lambda x: (x.conj().real + x.imag + np.angle(x))[0] * x.argsort(axis=1) * x.any(0),
}
CASES = READING | ASSIGNING | ORDER | DIFFERENCES | PADDING | OTHERS | METHODS


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_with_plain_arrays(name: str) -> None:
    f = CASES[name]
    wanted = f(A)
    np.testing.assert_allclose(gd.jit(f)(A), wanted, rtol=1e-13, atol=1e-13)
    weights = np.linspace(1.0, 2.0, wanted.size).reshape(wanted.shape)
    slope = gd.grad(lambda x: np.sum(weights.astype(x.dtype) * f(x) ** 2))
    assert gd.check_gradients(lambda x: np.sum(weights * f(x) ** 2), (A,))
    assert gd.check_gradients(lambda x: np.sum(np.cos(x) * slope(x)), (A,))


@pytest.mark.parametrize("q", [0.5, [0.1, 0.7], [[0.0], [1.0]]])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_quantiles_of_what_is_not_nan(q: Any, axis: Any, keepdims: bool) -> None:
    def f(x: Any) -> Any:
        return np.nanquantile(x, q, axis=axis, keepdims=keepdims)

    np.testing.assert_allclose(gd.jit(f)(GAPS), f(GAPS), rtol=1e-13)
    slopes = gd.grad(lambda x: np.sum(f(x)))(GAPS)
    assert np.sum(slopes) == pytest.approx(np.size(f(GAPS)))
    assert not np.any(slopes[np.isnan(GAPS)])


@pytest.mark.parametrize("length", [1, 4, 5])
def test_quantiles_of_a_number_of_values_that_is_not_known(length: int) -> None:
    x = rng.normal(size=(length, 3))
    g = gd.Graph()
    t = g.input("x", ("t", 3))
    g.output("y", np.quantile(t, [0.3, 0.5], axis=0))
    g.output("z", np.pad(t, ((1, 2), (0, 0)), mode="edge"))
    found = gd.compile(g)(x=x)
    np.testing.assert_allclose(found["y"], np.quantile(x, [0.3, 0.5], axis=0), rtol=1e-14)
    np.testing.assert_array_equal(found["z"], np.pad(x, ((1, 2), (0, 0)), mode="edge"))


def test_the_median_beside_a_nan_is_nan() -> None:
    x = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])
    np.testing.assert_array_equal(gd.jit(lambda x: np.median(x, axis=1))(x), [2.0, np.nan])


def test_the_median_of_nothing_is_nan() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        empty = np.full((2, 3), np.nan)
        np.testing.assert_array_equal(
            gd.jit(lambda x: np.nanmedian(x, axis=1))(empty), np.nanmedian(empty, axis=1)
        )


def test_turns_are_added_without_a_slope() -> None:
    np.testing.assert_allclose(gd.jit(np.unwrap)(PHASE), np.unwrap(PHASE), rtol=1e-13)
    np.testing.assert_array_equal(gd.grad(lambda p: np.sum(np.unwrap(p)))(PHASE), np.ones(6))


def test_every_method_of_an_array_is_there_or_needs_values() -> None:
    """What is missing is about memory and files, or has a length that depends on the values."""
    missing = {name for name in dir(np.ndarray) if not hasattr(gd.Tensor, name)}
    about_memory = {
        *("base", "byteswap", "ctypes", "data", "device", "flags", "getfield", "strides"),
        *("setfield", "setflags", "to_device", "resize"),
        *("dump", "dumps", "tobytes", "tofile"),
    }
    about_values = {"nonzero"}
    assert {name for name in missing if not name.startswith("__")} == about_memory | about_values
