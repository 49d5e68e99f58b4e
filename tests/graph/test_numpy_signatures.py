"""NumPy's own signatures: functions, methods of arrays and methods of ufuncs, against NumPy."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import graphdiff as gd
from graphdiff.graph.numpy_table import FUNCTIONS

M = np.random.default_rng(5).permutation(np.linspace(-1.7, 2.1, 12)).reshape(3, 4) + 0.0137
V = M.ravel()[:5]
HOLES = np.array([[1.0, np.nan, 3.0], [-2.0, 0.5, np.nan]])
rows = np.array([True, False, True])[:, None]


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_arguments_have_numpys_names_and_order(function: Callable[..., Any]) -> None:
    """So that one given by position is never taken for another."""
    theirs, ours = _parameters(function), _parameters(FUNCTIONS[function])
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in (*theirs.values(), *ours.values())):
        return
    positional = [name for name, p in ours.items() if p.kind is not p.KEYWORD_ONLY]
    given = [p for p in theirs.values() if p.kind is not p.KEYWORD_ONLY]
    for name, other in zip(positional, given, strict=False):
        assert name == other.name or other.default is other.empty
    assert {n for n, p in ours.items() if p.default is not p.empty} <= set(theirs)


def into(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        target = np.zeros_like(x)
        function(x, *args, out=target, **kwargs)
        return target * x

    return f


def placed(ufunc: np.ufunc, indices: Any, values: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x * 2.0
        ufunc.at(y, indices, values(x))
        return y * x

    return f


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "sum, dtype": (lambda x: np.sum(x, 0, np.float64, None, True) * x.sum(1, keepdims=True), M),
    "sum, initial": (lambda x: x.sum(initial=3.0, where=x > 0) * x.prod(initial=2.0), V),
    "mean, by position": (lambda x: np.mean(x, 1, None, None, True) * x, M),
    "std, where": (lambda x: np.std(x, axis=1, where=x > -1.5, ddof=0.5), M),
    "var, mean": (lambda x: x.var(1, None, None, 1, mean=x.mean(1, keepdims=True)), M),
    "std, mean": (lambda x: np.std(x, axis=1, mean=np.mean(x, 1, keepdims=True), correction=1), M),
    "max, initial": (lambda x: np.max(x[:, :0], axis=1, initial=0.5) * x[:, 0], M),
    "nan, where": (
        lambda x: (
            np.nansum(x, axis=1, where=HOLES > 0)
            + np.nanmean(x, axis=1, where=HOLES > -3)
            + np.nanmax(x, axis=1, initial=1.5)
            + np.nanvar(x, axis=1, correction=0.5)
        ),
        HOLES,
    ),
    "average": (lambda x: np.average(x, 1, [1.0, 2.0, 3.0, 4.0], True), M),
    "average, two axes": (lambda x: np.average(x, (1, 0), x.T**2, keepdims=True), M),
    "cov": (lambda x: np.cov(x, fweights=[1, 2, 1, 3], aweights=[1.0, 2.0, 0.5, 3.0]), M),
    "diff": (lambda x: np.diff(x, axis=0, prepend=0, append=x[:1]) ** 2, M),
    "ediff1d": (lambda x: np.ediff1d(x, to_begin=x[0], to_end=[1, 2]) ** 2, V),
    "cumsum": (lambda x: x.cumsum(1, np.float64) * x.cumprod(axis=0, dtype=np.float64), M),
    "median": (lambda x: np.median(x, 1, None, False, True) * x, M),
    "quantiles that are not known": (lambda x: np.quantile(M, x[:2] ** 2 / 9, axis=0), V),
    "interp": (
        lambda x: (
            np.interp(x, [0.0, 1.0], [1.0, 3.0], left=-5.0, right=7.0)
            * np.interp(x, [0.0, 1.0, 2.0], [1.0, 3.0, 2.0], period=2.5)
            * np.interp(x, [1.0], [2.0])
        ),
        V,
    ),
    "order": (lambda x: np.reshape(x, (2, 6), "F") * x.flatten("F").reshape(6, -1, order="F").T, M),
    "shapes in arrays": (
        lambda x: (
            np.transpose(np.reshape(x, np.array([2, 6])), np.array([1, 0]))
            * np.broadcast_to(np.tile(x[0, :2], np.array([3, 1])), np.array([2, 3, 2]))[0, 0]
        ),
        M,
    ),
    "like": (lambda x: np.full_like(x, x[0], shape=(2, 5)) * np.ones_like(x, order="F"), V),
    "take": (lambda x: x.take([-1, 6], mode="wrap") * np.take(x, [-1, 7], mode="clip"), V),
    "compress": (lambda x: x.compress([True, False, True], axis=0) ** 2, M),
    "choose": (lambda x: np.choose([0, 3, 1, 2, 0], [x, x**2, -x], mode="clip") * x, V),
    "choose, one": (lambda x: np.choose([0, 0], [x[0]]) ** 2, V),
    "digitize": (lambda x: np.digitize(x, [1.0, 0.0]) * x + np.digitize(x, [0.0, 1.0]), V),
    "new axes": (lambda x: x[:, None, [0, 2], None] * x[[0, 1], None, [1, 2]][0], M),
    "roll": (lambda x: np.roll(x, (1, 2), axis=0) * np.roll(x, np.array([1, 2]), axis=(0, 1)), M),
    "meshgrid": (lambda x: np.multiply(*np.meshgrid(x, x[0], sparse=True, copy=False)), V),
    "pad": (lambda x: np.pad(x, 2, "symmetric", reflect_type="odd") ** 2, M),
    "pad, often": (lambda x: np.pad(x, 9, "reflect", reflect_type="odd") ** 2, V),
    "concatenate": (lambda x: np.concatenate([x, x], 1, dtype=np.float64) ** 2, M),
    "einsum": (lambda x: np.einsum(x, [0, 1], x, [0, 2], [1, 2], optimize=True), M),
    "einsum, ellipsis": (lambda x: np.einsum(x, [0, ...], [..., 0], dtype=np.float64) ** 2, M),
    "cross": (lambda x: np.cross(x, x[:, ::-1], axisa=0, axisb=0, axisc=0), M),
    "vecdot": (lambda x: np.vecdot(x, x, axis=0) * np.linalg.vecdot(x, x, axis=0), M),
    "cholesky": (lambda x: np.linalg.cholesky(x @ x.T, upper=True), M[:, :3]),
    "linspace": (lambda x: np.linspace(0, x, 5, retstep=True), V),
    "ufunc, dtype": (lambda x: np.add(x, 1, dtype=np.float64, casting="same_kind") * x, V),
    "out": (into(np.clip, 0, 1), V),
    "out of a reduction": (lambda x: np.sum(x, axis=0, out=np.zeros_like(x[0])) * x, M),
    "out of two": (lambda x: np.divmod(x, 0.7, out=(np.zeros_like(x), np.zeros_like(x)))[1] * x, V),
    "add.reduce": (lambda x: np.add.reduce(x, axis=(0, 1), initial=2.0) * np.add.reduce(x), M),
    "reduce": (
        lambda x: (
            np.logaddexp.reduce(x, axis=1)
            + np.logaddexp2.reduce(x, axis=1)
            + np.hypot.reduce(x, axis=1)
            + np.subtract.reduce(x, axis=1)
            + np.divide.reduce(x, axis=1)
            + np.fmax.reduce(x, axis=1)
        ),
        M,
    ),
    "fmin.reduce": (lambda x: np.fmin.reduce(x, axis=None) + np.fmax.reduce(x, axis=1), HOLES),
    "accumulate": (
        lambda x: (
            np.subtract.accumulate(x, axis=1) * np.multiply.accumulate(x) + np.add.accumulate(x)
        ),
        M,
    ),
    "outer": (lambda x: np.subtract.outer(x, [1.0, 2.0]) * np.hypot.outer(x, x[:2]), V),
    "less.outer": (lambda x: np.less.outer(x, x) @ x, V),
    "reduceat": (
        lambda x: np.add.reduceat(x, [0, 3, 1, 4]) * np.multiply.reduceat(x, [0, 2, 1, 1]),
        V,
    ),
    "reduceat, axis": (lambda x: np.maximum.reduceat(x, [0, 2], axis=1) ** 2, M),
    "subtract.at": (placed(np.subtract, [0, 0, 1], lambda x: x[:3]), V),
    "multiply.at": (placed(np.multiply, [0, 2, 0, 0], lambda x: x[:4]), V),
    "maximum.at": (placed(np.maximum, [0, 1], lambda x: 0.3), V),
    "add.at beside slices": (placed(np.add, (slice(None), [0, 0, 1]), lambda x: x[:, :3]), M),
}


def total(f: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """A scalar that every element of every result counts for, differently."""

    def cost(x: Any) -> Any:
        y = f(x)
        parts = y if isinstance(y, tuple) else (y,)
        return sum(np.sum(np.sin(p + np.arange(p.size).reshape(p.shape))) for p in parts)

    return cost


@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys_and_derivatives_those_of_differences(name: str) -> None:
    f, x = CASES[name]
    wanted, found = f(x.copy()), gd.jit(f)(x)
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (found, wanted)), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    if name not in ("nan, where", "fmin.reduce"):
        gd.check_gradients(total(f, x), (x,))
        return
    slope = gd.grad(total(f, x))(x)  # by what is not NaN
    for i in zip(*np.nonzero(~np.isnan(x)), strict=True):
        ends = []
        for h in (1e-6, -1e-6):
            y = x.copy()
            y[i] += h
            ends.append(total(f, x)(y))
        assert slope[i] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-7)
    assert np.all(slope[np.isnan(x)] == 0)


METHODS = [
    *("lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased"),
    *("normal_unbiased", "inverted_cdf", "averaged_inverted_cdf", "closest_observation"),
    "interpolated_inverted_cdf",
]


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_by_every_method(method: Any) -> None:
    for q in (0.0, 0.3, 0.35, 0.5, 1.0):

        def f(x: Any, q: float = q) -> Any:
            return np.quantile(x, q, axis=1, method=method) + np.percentile(x[0], [100 * q, 10])[0]

        assert_allclose(gd.jit(f)(M), f(M), rtol=1e-13)
        slope = gd.grad(lambda x, f=f: np.sum(f(x)[1:]))(M)
        assert_allclose(np.sum(slope, axis=1), [2.0, 1.0, 1.0], rtol=1e-13)  # weights of means
        assert_allclose(np.sum(slope * M), np.sum(f(M)[1:]), rtol=1e-12)


def test_float32_is_kept_and_widened_as_numpy_does() -> None:
    x = V.astype(np.float32)
    for f in (np.cov, np.nanmean, np.nanstd, lambda x: np.polyval([1.0, 2.0], x), np.std,
              lambda x: np.sum(x, dtype=np.float64), lambda x: np.var(x, where=x > 0)):  # fmt: skip
        found, wanted = gd.jit(f)(x), f(x)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype
        assert_allclose(found, wanted, rtol=2e-6)
        assert gd.grad(lambda x, f=f: np.sum(f(x)))(x).dtype == np.float32


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: np.sum(x, axis=0, out=np.zeros(3)), "out= into a NumPy array"),
        (lambda x: np.quantile(x, 0.5, weights=x), "weights= has no rule"),
        (lambda x: np.ravel(x, "K"), "the order 'K'"),
        (lambda x: np.roll(x, [[1]], axis=0), "not single numbers or lists"),
        (lambda x: np.add(x, 1, dtype=int), "would lose the kind"),
        (lambda x: np.less(x, 1, dtype=bool), "true or false"),
        (lambda x: x.astype(np.float32, casting="safe"), "not 'safe'"),
        (lambda x: np.multiply.at(x, (x > 0).astype(int), 1.0), "places that are not known"),
        (lambda x: np.add.reduceat(x, [7]), "not in the array"),
        (lambda x: np.add.outer(x, x, where=True), "np.add.outer"),
        (lambda x: np.choose([0, 5], [x, x]), "choices that do not exist"),
        (lambda x: np.cov(x, fweights=[-1] * 5), "fweights"),
    ],
)
def test_what_has_no_rule_says_so(f: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=words) as caught:
        gd.jit(f)(V)
    assert "test_numpy_signatures.py" in str(caught.value) or caught.value.__cause__ is not None
