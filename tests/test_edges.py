"""Derivatives at the edges: ties, zeros, infinities, branches not taken, empty arrays.

Each case is a function, where to look, and the exact answer; where mathematics has none, the one
that `gd.conventions()` states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd

inf, nan, a = np.inf, np.nan, np.array


def put(x: Any) -> Any:
    y = x.copy()
    y[0] = y[1] * 2
    return np.sum(y)


def divided(x: Any) -> Any:
    quotient = np.zeros_like(x)
    np.divide(x, a([0.0, 1.0]), out=quotient, where=a([False, True]))
    return np.sum(quotient)


EDGES: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "x**0 at 0": (lambda x: x**0, 0.0, 0.0),
    "x**0 at infinity": (lambda x: x**0, inf, 0.0),
    "x**0 at NaN": (lambda x: x**0, nan, 0.0),
    "x**1 at 0": (lambda x: x**1, 0.0, 1.0),
    "x**2 at 0": (lambda x: x**2, 0.0, 0.0),
    "x**0.5 at 0": (lambda x: x**0.5, 0.0, inf),
    "x**1.5 at 0": (lambda x: x**1.5, 0.0, 0.0),
    "power(x,y) dx x=0,y=2": (lambda x: np.power(x, np.float64(2.0)), 0.0, 0.0),
    "0**y": (lambda y: np.power(0.0, y), 2.0, 0.0),
    "(x**y)' by x, by y at 0": (
        lambda y: gd.grad(lambda x, y: x**y)(a(2.0), y),
        0.0,
        0.5,
    ),
    "x**y at infinity": (lambda x: np.sum(x ** (x[::-1] * 0)), a([1e200, 3.0]), a([0.0, 0.0])),
    "prod one zero": (lambda x: np.prod(x), a([2.0, 0.0, 3.0]), a([0.0, 6.0, 0.0])),
    "prod two zeros": (lambda x: np.prod(x), a([2.0, 0.0, 0.0]), a([0.0, 0.0, 0.0])),
    "cumprod zero": (
        lambda x: np.sum(np.cumprod(x)),
        a([2.0, 0.0, 3.0]),
        a([1.0 + 0, 2 + 6.0, 0.0]),
    ),
    "norm 0": (lambda x: np.linalg.norm(x), np.zeros(3), np.zeros(3)),
    "norm 3 at 0": (lambda x: np.linalg.norm(x, 3), np.zeros(3), np.zeros(3)),
    "norm 1.5 at 0": (lambda x: np.linalg.norm(x, 1.5), np.zeros(3), np.zeros(3)),
    "norm 0.5 beside 0": (lambda x: np.linalg.norm(x, 0.5), a([0.0, 4.0]), a([0.0, 1.0])),
    "norm -1 beside 0": (lambda x: np.linalg.norm(x, -1), a([0.0, 4.0]), a([0.0, 0.0])),
    "interp at knots": (
        lambda x: np.sum(np.interp(x, a([0.0, 1.0, 2.0]), a([1.0, 3.0, 2.0]))),
        a([-1.0, 0.0, 1.0, 2.0, 3.0]),
        a([0.0, 2.0, -1.0, -1.0, 0.0]),
    ),
    "logsumexp of infinity": (lambda x: np.log(np.sum(np.exp(x))), a([inf, 0.0]), a([1.0, 0.0])),
    "logsumexp of nothing but -inf": (
        lambda x: np.log(np.sum(np.exp(x))),
        a([-inf, -inf]),
        a([0.5, 0.5]),
    ),
    "sqrt sum sq 0": (lambda x: np.sqrt(np.sum(x**2)), np.zeros(3), np.zeros(3)),
    "sqrt(x*x sum) 0": (lambda x: np.sqrt(np.dot(x, x)), np.zeros(3), np.zeros(3)),
    "hypot 0": (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
    "arctan2 0": (lambda x: np.arctan2(x, 0.0 * x), 0.0, 0.0),
    "std equal": (lambda x: np.std(x), np.ones(3), np.zeros(3)),
    "var equal": (lambda x: np.var(x), np.ones(3), np.zeros(3)),
    "abs 0": (lambda x: np.abs(x), 0.0, 0.0),
    "max tie": (lambda x: np.max(x), a([1.0, 1.0, 0.0]), a([0.5, 0.5, 0.0])),
    "maximum tie": (lambda x: np.sum(np.maximum(x, x[::-1])), a([1.0, 1.0]), a([1.0, 1.0])),
    "maximum const tie": (lambda x: np.maximum(x, 0.0), 0.0, 0.0),
    "minimum const tie": (lambda x: np.minimum(x, 0.0), 0.0, 0.0),
    "clip bounds": (lambda x: np.clip(x, 0.0, 1.0), 1.0, 1.0),
    "clip bounds lo": (lambda x: np.clip(x, 0.0, 1.0), 0.0, 1.0),
    "sqrt 0": (lambda x: np.sqrt(x), 0.0, inf),
    "where sqrt 0": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0),
    "where log 0": (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0),
    "where div 0": (lambda x: np.where(x != 0, np.sin(x) / x, 1.0), 0.0, 0.0),
    "where inv nested": (lambda x: np.where(x > 0, 1 / x, x * 2), 0.0, 2.0),
    "logsumexp -inf": (lambda x: np.log(np.sum(np.exp(x))), a([-inf, 0.0]), a([0.0, 1.0])),
    "logsumexp big": (lambda x: np.log(np.sum(np.exp(x))), a([1e4, 0.0]), a([1.0, 0.0])),
    "logaddexp -inf": (lambda x: np.logaddexp(x, 0.0), -inf, 0.0),
    "logaddexp both -inf": (lambda x: np.logaddexp(x, x), -inf, 1.0),
    "logsig -800": (lambda u: -np.log(1 / (1 + np.exp(-u))), -800.0, -1.0),
    "logsig 800": (lambda u: -np.log(1 / (1 + np.exp(-u))), 800.0, 0.0),
    "logsoftmax 1e4": (
        lambda z: -np.log(np.exp(z) / np.sum(np.exp(z)))[0],
        a([1e4, 0.0]),
        a([0.0, 0.0]),
    ),
    "logsoftmax wrong": (
        lambda z: -np.log(np.exp(z) / np.sum(np.exp(z)))[1],
        a([1e4, 0.0]),
        a([1.0, -1.0]),
    ),
    "tanh big": (lambda x: np.tanh(x), 1e3, 0.0),
    "log1p": (lambda x: np.log(1 + x), 1e-18, 1.0),
    "expm1": (lambda x: np.exp(x) - 1, 1e-18, 1.0),
    "cbrt -8": (lambda x: np.cbrt(x), -8.0, 1 / 12),
    "cbrt 0": (lambda x: np.cbrt(x), 0.0, inf),
    "sinc 0": (lambda x: np.sinc(x), 0.0, 0.0),
    "sinc'' 0": (lambda x: gd.grad(np.sinc)(x), 0.0, -(np.pi**2) / 3),
    "det singular": (
        lambda x: np.linalg.det(x),
        a([[1.0, 2.0], [2.0, 4.0]]),
        a([[4.0, -2.0], [-2.0, 1.0]]),
    ),
    "det zero": (lambda x: np.linalg.det(x), np.zeros((2, 2)), np.zeros((2, 2))),
    "det 3 rank1": (lambda x: np.linalg.det(x), np.ones((3, 3)), np.zeros((3, 3))),
    "median even": (lambda x: np.median(x), a([1.0, 2.0, 3.0, 4.0]), a([0, 0.5, 0.5, 0])),
    "median odd": (lambda x: np.median(x), a([3.0, 1.0, 2.0]), a([0, 0, 1.0])),
    "sort": (
        lambda x: np.sum(np.sort(x) * a([1.0, 2.0, 3.0])),
        a([3.0, 1.0, 2.0]),
        a([3.0, 1.0, 2.0]),
    ),
    "sort axis": (
        lambda x: np.sum(np.sort(x, axis=0) * a([[1.0], [2.0]])),
        a([[3.0, 1.0], [2.0, 4.0]]),
        a([[2.0, 1.0], [1.0, 2.0]]),
    ),
    "einsum ii": (lambda x: np.einsum("ii", x), np.eye(2) * 2, np.eye(2)),
    "take dup": (lambda x: np.sum(np.take(x, [0, 0, 1])), a([1.0, 2.0]), a([2.0, 1.0])),
    "index dup": (lambda x: np.sum(x[[0, 0, 1]] ** 2), a([1.0, 2.0]), a([4.0, 4.0])),
    "neg step": (lambda x: np.sum(x[::-1] * a([1.0, 2.0])), a([1.0, 2.0]), a([2.0, 1.0])),
    "empty sum": (lambda x: np.sum(x), np.zeros((0,)), np.zeros((0,))),
    "empty mean of slice": (lambda x: np.sum(x[:0]) + x[0], a([1.0, 2.0]), a([1.0, 0.0])),
    "0-d arr": (lambda x: np.sum(x), np.array(2.0), 1.0),
    "mod": (lambda x: np.mod(x, 2.0), 3.5, 1.0),
    "mod by": (lambda y: np.mod(3.5, y), 2.0, -1.0),
    "floor": (lambda x: np.floor(x) * x, 2.5, 2.0),
    "sign": (lambda x: np.sign(x) * x, -2.5, -1.0),
    "heaviside": (lambda x: np.heaviside(x, 0.5) * x, 2.0, 1.0),
    "copysign": (lambda x: np.copysign(x, -1.0), 2.0, -1.0),
    "nan_to_num": (lambda x: np.sum(np.nan_to_num(x)), a([nan, 1.0, inf]), a([0.0, 1.0, 0.0])),
    "nansum": (lambda x: np.nansum(x**2), a([nan, 1.0]), a([0.0, 2.0])),
    "nanmean": (lambda x: np.nanmean(x), a([nan, 1.0, 3.0]), a([0.0, 0.5, 0.5])),
    "float_power": (lambda x: np.float_power(x, 2), 3.0, 6.0),
    "x/|x| 0": (
        lambda x: np.sum(x / np.linalg.norm(x)),
        a([3.0, 4.0]),
        (a([1.0, 1.0]) - a([3.0, 4.0]) * 7 / 25) / 5,
    ),
    "max empty slice ok": (
        lambda x: np.max(x, axis=0).sum(),
        a([[1.0, 2.0], [3.0, 0.0]]),
        a([[0.0, 1.0], [1.0, 0.0]]),
    ),
    "argmax": (lambda x: x[np.argmax(x)], a([1.0, 3.0, 2.0]), a([0.0, 1.0, 0.0])),
    "piecewise": (
        lambda x: np.sum(np.piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t**2])),
        a([-1.0, 2.0]),
        a([-1.0, 4.0]),
    ),
    "select": (
        lambda x: np.sum(np.select([x < 0, x >= 0], [-x, x**2])),
        a([-1.0, 2.0]),
        a([-1.0, 4.0]),
    ),
    "interp": (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), 1.5, 3.0),
    "interp out": (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), 3.0, 0.0),
    "pad reflect": (
        lambda x: np.sum(np.pad(x, 1, mode="reflect")),
        a([1.0, 2.0, 3.0]),
        a([1.0, 3.0, 1.0]),
    ),
    "tile": (lambda x: np.sum(np.tile(x, 2) ** 2), a([1.0, 2.0]), a([4.0, 8.0])),
    "repeat": (lambda x: np.sum(np.repeat(x, [1, 3])), a([1.0, 2.0]), a([1.0, 3.0])),
    "roll": (
        lambda x: np.sum(np.roll(x, 1) * a([1.0, 2.0, 3.0])),
        a([1.0, 2.0, 3.0]),
        a([2.0, 3.0, 1.0]),
    ),
    "kron": (lambda x: np.sum(np.kron(x, a([1.0, 2.0]))), a([1.0, 2.0]), a([3.0, 3.0])),
    "convolve": (lambda x: np.sum(np.convolve(x, a([1.0, 2.0]))), a([1.0, 2.0]), a([3.0, 3.0])),
    "cov": (
        lambda x: np.cov(x).sum() if np.ndim(x) > 1 else np.cov(x),
        a([1.0, 2.0, 4.0]),
        (a([1.0, 2.0, 4.0]) - 7 / 3) * 2 / 2,
    ),
    "eigvalsh": (
        lambda x: np.sum(np.linalg.eigvalsh(x) ** 2),
        a([[2.0, 1.0], [1.0, 3.0]]),
        2 * a([[2.0, 1.0], [1.0, 3.0]]),
    ),
    "eigvalsh degenerate": (lambda x: np.sum(np.linalg.eigvalsh(x)), np.eye(2), np.eye(2)),
    "slogdet": (
        lambda x: np.linalg.slogdet(x)[1],
        a([[2.0, 0.0], [0.0, 4.0]]),
        a([[0.5, 0.0], [0.0, 0.25]]),
    ),
    "inv": (
        lambda x: np.trace(np.linalg.inv(x)),
        a([[2.0, 0.0], [0.0, 4.0]]),
        a([[-0.25, 0.0], [0.0, -1 / 16]]),
    ),
    "matrix_power 0": (lambda x: np.sum(np.linalg.matrix_power(x, 0)), np.eye(2), np.zeros((2, 2))),
    "matrix_power -1": (
        lambda x: np.trace(np.linalg.matrix_power(x, -1)),
        a([[2.0, 0.0], [0.0, 4.0]]),
        a([[-0.25, 0.0], [0.0, -1 / 16]]),
    ),
    "norm inf": (lambda x: np.linalg.norm(x, ord=np.inf), a([1.0, -3.0]), a([0.0, -1.0])),
    "norm 1": (lambda x: np.linalg.norm(x, ord=1), a([1.0, -3.0]), a([1.0, -1.0])),
    "norm fro 0": (lambda x: np.linalg.norm(x), np.zeros((2, 2)), np.zeros((2, 2))),
    "norm 2 matrix": (
        lambda x: np.linalg.norm(x, 2),
        a([[3.0, 0.0], [0.0, 1.0]]),
        a([[1.0, 0.0], [0.0, 0.0]]),
    ),
    "norm nuc": (
        lambda x: np.linalg.norm(x, "nuc"),
        a([[3.0, 0.0], [0.0, 1.0]]),
        a([[1.0, 0.0], [0.0, 1.0]]),
    ),
    "trace": (lambda x: np.trace(x), np.eye(2), np.eye(2)),
    "diagonal offs": (lambda x: np.sum(np.diagonal(x, 1)), np.eye(3), np.eye(3, k=1)),
    "outer": (lambda x: np.sum(np.outer(x, x)), a([1.0, 2.0]), a([6.0, 6.0])),
    "broadcast_to": (lambda x: np.sum(np.broadcast_to(x, (3, 2))), a([1.0, 2.0]), a([3.0, 3.0])),
    "float32": (lambda x: np.sum(x**2), a([1.0, 2.0], np.float32), a([2.0, 4.0], np.float32)),
    "ptp": (lambda x: np.ptp(x), a([1.0, 5.0, 2.0]), a([-1.0, 1.0, 0.0])),
    "quantile": (lambda x: np.quantile(x, 0.25), a([1.0, 2.0, 3.0]), a([0.5, 0.5, 0.0])),
    "cummax": (lambda x: np.sum(np.maximum.accumulate(x)), a([1.0, 3.0, 2.0]), a([1.0, 2.0, 0.0])),
    "searchsorted": (lambda x: x[np.searchsorted(x, 1.5)], a([1.0, 2.0, 3.0]), a([0.0, 1.0, 0.0])),
    "exp overflow": (lambda x: 1 / (1 + np.exp(x)), 1000.0, 0.0),
    "softplus naive 1000": (lambda x: np.log(1 + np.exp(x)), 1000.0, 1.0),
    "softplus naive -1000": (lambda x: np.log(1 + np.exp(x)), -1000.0, 0.0),
    "relu 0": (lambda x: np.maximum(0, x), 0.0, 0.0),
    "x*0 inf": (lambda x: np.where(True, x, 1 / (x * 0)), 1.0, 1.0),
    "abs**2 0": (lambda x: np.abs(x) ** 2, 0.0, 0.0),
    "sqrt(x)**2 0": (lambda x: np.sqrt(x**2), 0.0, 0.0),
    "log(x)*0": (lambda x: x * np.log(x), 1.0, 1.0),
    "xlogx where 0": (
        lambda x: np.where(x > 0, x * np.log(np.where(x > 0, x, 1.0)), 0.0),
        0.0,
        0.0,
    ),
    "rot90": (
        lambda x: np.sum(np.rot90(x) * a([[1.0, 2.0], [3.0, 4.0]])),
        a([[1.0, 2.0], [3.0, 4.0]]),
        a([[3.0, 1.0], [4.0, 2.0]]),
    ),
    "put": (put, a([1.0, 2.0]), a([0.0, 3.0])),
    "unwrap": (lambda x: np.sum(np.unwrap(x)), a([0.0, 1.0, 7.0]), a([1.0, 1.0, 1.0])),
    "gradient": (
        lambda x: np.sum(np.gradient(x) * a([1.0, 2.0, 3.0])),
        a([1.0, 2.0, 4.0]),
        a([-1 - 1.0, 1 - 3.0, 1 + 3.0]),
    ),
    "arccos 1": (lambda x: np.arccos(x), 1.0, -inf),
    "arcsin .5": (lambda x: np.arcsin(x), 0.5, 1 / np.sqrt(0.75)),
    "arctanh": (lambda x: np.arctanh(x), 0.5, 4 / 3),
    "log10": (lambda x: np.log10(x), 2.0, 1 / (2 * np.log(10))),
    "exp2": (lambda x: np.exp2(x), 3.0, 8 * np.log(2)),
    "mean of max ties 2d": (lambda x: np.max(x), np.ones((2, 2)), np.full((2, 2), 0.25)),
    "sqrt of a flat maximum": (lambda x: np.sqrt(np.maximum(x, 0)), -1.0, 0.0),
    "sqrt of maximum at 0": (lambda x: np.sqrt(2 * np.maximum(0, x)), 0.0, 0.0),
    "power of a flat minimum": (lambda x: (-np.minimum(x, 0)) ** 0.5, 1.0, 0.0),
    "sqrt abs 0": (lambda x: np.sqrt(np.abs(x)), 0.0, 0.0),
    "abs power 0": (lambda x: np.abs(x) ** 0.5, 0.0, 0.0),
    "arccos of a flat minimum": (lambda x: np.arccos(np.minimum(x, 1.0)), 2.0, 0.0),
    "root of a sum of squares": (lambda x: np.sum(x**2) ** 0.5, np.zeros(3), np.zeros(3)),
    "root mean square": (lambda x: np.sqrt(np.mean(x * x)), np.zeros(3), np.zeros(3)),
    "root of an inner product": (lambda x: np.sqrt(np.inner(x, x)), np.zeros(3), np.zeros(3)),
    "root of vdot": (lambda x: np.sqrt(np.vdot(x, x)), np.zeros(3), np.zeros(3)),
    "roots by einsum": (
        lambda x: np.sum(np.sqrt(np.einsum("ij,ij->j", x, x))),
        a([[0.0, 3.0], [0.0, 4.0]]),
        a([[0.0, 0.6], [0.0, 0.8]]),
    ),
    "norm squared": (lambda x: np.linalg.norm(x) ** 2, np.zeros(3), np.zeros(3)),
    "(norm squared)'": (
        lambda x: np.sum(gd.grad(lambda y: np.linalg.norm(y) ** 2)(x)),
        np.zeros(2),
        a([2.0, 2.0]),
    ),
    "log mean exp": (lambda x: np.log(np.mean(np.exp(x))), a([1e3, 1e3]), a([0.5, 0.5])),
    "log1p exp": (lambda x: np.log1p(np.exp(x)), 1e3, 1.0),
    "log exp": (lambda x: np.log(np.exp(x)), 1e3, 1.0),
    "log cosh": (lambda x: np.log(np.cosh(x)), -1e3, -1.0),
    "log of one of softmax": (
        lambda z: np.log((np.exp(z) / np.sum(np.exp(z)))[1]),
        a([1e4, 0.0]),
        a([-1.0, 1.0]),
    ),
    "log of labels of softmax": (
        lambda z: np.sum(
            np.log((np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True))[[0, 1], [1, 0]])
        ),
        a([[1e4, 0.0], [0.0, 0.0]]),
        a([[-1.0, 1.0], [0.5, -0.5]]),
    ),
    "nanmax of nothing": (lambda x: np.where(np.isnan(np.nanmax(x)), x[0], 0), a([nan]), a([1.0])),
    "divide 0/0 where": (divided, a([1.0, 2.0]), a([0.0, 1.0])),
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what is computed for nothing
def test_edge(name: str) -> None:
    f, x, exact = EDGES[name]
    found = gd.grad(f)(x)
    assert np.shape(found) == np.shape(exact)
    assert np.asarray(found).dtype == np.asarray(x).dtype
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_edge_in_forward_mode_and_for_many(name: str) -> None:
    f, x, exact = EDGES[name]
    x = np.asarray(x)
    found = gd.jacobian(f, mode="forward")(x)
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-12)
    many = gd.vmap(gd.grad(f))(np.stack([x, x]))
    np.testing.assert_allclose(many, np.stack([exact, exact]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_both_modes_agree_on_second_derivatives(name: str) -> None:
    f, x, _ = EDGES[name]
    x = np.asarray(x)
    forward, reverse = gd.hessian(f)(x), gd.jacobian(gd.grad(f), mode="reverse")(x)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("y", "x"), [(0.0, 1e-300), (3e-200, 4e-200), (3e200, -4e200)])
def test_the_slope_of_an_angle_needs_no_squares(y: float, x: float) -> None:
    length = np.hypot(x, y)
    found = gd.grad(np.arctan2, argnums=(0, 1))(y, x)
    np.testing.assert_allclose(found, [x / length / length, -y / length / length], rtol=1e-15)
