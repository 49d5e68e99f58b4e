"""NumPy's functions on tensors: value, gradient and the gradient of that, against JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import graphdiff as gd
from graphdiff.errors import GraphdiffError
from tests.reference import run

jax.config.update("jax_enable_x64", True)

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(3)
A = rng.permutation(np.linspace(-2, 2, 12)).reshape(3, 4) + 0.013
S = rng.permutation(np.linspace(-0.5, 0.5, 9)).reshape(3, 3) + np.diag([4.0, 5.0, 6.0])
V = np.array([0.7, -1.1, 0.4])
MASK = A > 0
TWO = np.array([0, 2])

# A function of NumPy (or what stands for it) and of arrays, and the arrays.
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Array, ...]]] = {
    "fmax": (lambda n, x: n.fmax(x, 0.1) + n.fmin(x[0], x[1]), (A,)),
    "float_power": (lambda n, x: n.float_power(n.abs(x), 1.5), (A,)),
    "angles": (lambda n, x: n.deg2rad(x) + n.rad2deg(x), (A,)),
    "nan_to_num": (lambda n, x: n.nan_to_num(x * 2), (A,)),
    "sinc": (lambda n, x: n.sinc(x), (A,)),
    "select": (lambda n, x: n.select([x > 1, x > 0], [x, x**2], 0.5 * x), (A,)),
    "polyval": (lambda n, v, x: n.polyval(v, x) * n.polyval(x[:, 0], v[0]), (V, A)),
    "vander": (lambda n, v: n.vander(v) + n.vander(v, 3, increasing=True), (V,)),
    "block": (lambda n, x, v: n.block([[x, v[:, None]], [v[0], x[0]]]), (A, V)),
    "delete": (lambda n, x: n.delete(x, TWO, axis=1) * n.delete(x, 1, axis=0)[:, :1].sum(), (A,)),
    "resize": (lambda n, x: n.resize(x, (4, 5)) ** 2, (A,)),
    "rollaxis": (lambda n, x: n.rollaxis(x, 1) * n.rollaxis(x, 0, 2), (A,)),
    "ediff1d": (lambda n, x: n.ediff1d(x, to_end=2.0, to_begin=n.asarray([0.0, 1.0])) ** 2, (A,)),
    "nancumsum": (lambda n, x: n.nancumsum(x, axis=0) * n.nancumprod(x, axis=1), (A,)),
    "diagflat": (lambda n, x: n.diagflat(x[:2, :2], 1) ** 2, (A,)),
    "sum where": (lambda n, x: n.sum(x**2, axis=0, where=MASK), (A,)),
    "mean where": (lambda n, x: n.mean(x**2, axis=1, where=MASK), (A,)),
    "var": (lambda n, x: n.var(x, axis=0), (A,)),
    "var, ddof": (lambda n, x: n.var(x, axis=(0, 1), ddof=1, keepdims=True), (A,)),
    "std": (lambda n, x: n.std(x, axis=1, ddof=1), (A,)),
    "ptp": (lambda n, x: n.ptp(x, axis=0) ** 2, (A,)),
    "average": (lambda n, x, w: n.average(x, axis=0, weights=w**2), (A, V)),
    "cumsum": (lambda n, x: n.cumsum(x) ** 2, (A,)),
    "cumprod": (lambda n, x: n.cumprod(x, axis=1), (A,)),
    "prod": (lambda n, x: n.prod(x, axis=(0, 1)), (A[:2, :3],)),
    "nansum": (lambda n, x: n.nansum(x**2, axis=0) + n.nanmean(x**3, axis=0), (A,)),
    "nanstd": (lambda n, x: n.nanstd(x, axis=0) + n.nanvar(x, axis=0), (A,)),
    "diff": (lambda n, x: n.diff(x, n=2, axis=0) ** 2, (A,)),
    "trapezoid": (lambda n, x: n.trapezoid(x**2, dx=0.5), (A,)),
    "cov": (lambda n, x: n.cov(x), (A,)),
    "corrcoef": (lambda n, x: n.corrcoef(x), (A,)),
    "einsum ii": (lambda n, x: n.einsum("ii", x) ** 2, (S,)),
    "einsum ...": (lambda n, x, y: n.einsum("...ij,kj->...ik", x, y), (S, A[:, :3])),
    "tensordot": (lambda n, x, y: n.tensordot(x, y, axes=((0,), (1,))), (A, S)),
    "inner": (lambda n, x, y: n.inner(x, y) + n.vdot(y, y), (S, S)),
    "kron": (lambda n, x, y: n.kron(x, y), (S, V)),
    "cross": (lambda n, x, y: n.cross(x, y), (S, V)),
    "trace": (lambda n, x: n.trace(x) * n.trace(x, 1), (S,)),
    "diag": (lambda n, x, v: n.diag(x) * n.diag(v, 0) + n.diag(n.diag(x)), (S, V)),
    "convolve": (lambda n, v, x: n.convolve(v, x[0], "same") + n.convolve(x[0], v)[2:6], (V, A)),
    "correlate": (lambda n, v, x: n.correlate(x[0], v) * n.correlate(x[1], v), (V, A)),
    "norm": (lambda n, x: n.linalg.norm(x) + n.linalg.norm(x, axis=0), (A,)),
    "norm 1": (lambda n, x: n.linalg.norm(x, 1) + n.linalg.norm(x, np.inf, axis=1)[0], (A,)),
    "norm 3": (lambda n, x: n.linalg.norm(x, 3, axis=1), (A,)),
    "slogdet": (lambda n, x: n.linalg.slogdet(x)[0] * n.linalg.slogdet(x)[1], (S,)),
    "matrix_power": (lambda n, x: n.linalg.matrix_power(x, 3) / 100, (S,)),
    "multi_dot": (lambda n, x, y, v: n.linalg.multi_dot([v, y, x]), (A, S, V)),
    "eigh": (lambda n, x: n.linalg.eigh(x @ x.T)[0], (S,)),
    "flip": (lambda n, x: n.flip(x) * n.flip(x, 1), (A,)),
    "roll": (lambda n, x: n.roll(x, 1, axis=0) * n.roll(x, -3), (A,)),
    "rot90": (lambda n, x: n.rot90(x) ** 2 + n.rot90(x, 3), (A,)),
    "tile": (lambda n, x, v: n.tile(v, (2, 2)) ** 2 + n.tile(x[0, 0], 6), (A, V)),
    "repeat": (lambda n, x: n.repeat(x, 2, axis=1) ** 2, (A,)),
    "pad": (lambda n, x: n.pad(x, ((1, 0), (0, 2)), constant_values=2.0) ** 2, (A,)),
    "pad reflect": (lambda n, x: n.pad(x, 1, mode="reflect") ** 2, (A,)),
    "pad edge": (lambda n, x: n.pad(x, 1, mode="edge") * n.pad(x, 1, mode="wrap"), (A,)),
    "split": (lambda n, x: n.split(x, 2, axis=1)[1] * n.array_split(x, 3, 1)[0], (A,)),
    "stacks": (lambda n, v: n.vstack([v, v * v]) + n.column_stack([v, v]).T, (V,)),
    "meshgrid": (lambda n, v, x: n.meshgrid(v, x[0])[0] * n.meshgrid(v, x[0])[1], (V, A)),
    "sort": (lambda n, x: n.sort(x, axis=0) ** 2, (A,)),
    "median": (lambda n, x: n.median(x, axis=1) ** 2 + n.quantile(x, 0.3), (A,)),
    "polynomials": (lambda n, v, x: n.polymul(n.polyadd(v, x[0]), n.polysub(x[1], v)) ** 2, (V, A)),
    "polyder, polyint": (
        lambda n, x: n.polyder(x[0], 2) * n.polyint(x[1], 2, n.asarray([1.0, 2.0]))[:2] ** 2,
        (A,),
    ),
    "poly": (lambda n, v: n.poly(v) ** 2, (V,)),
    "polyfit": (lambda n, x, y: n.polyfit(x[0], y[1], 2) * n.polyfit(x[1], y[2], 2), (A, A)),
    "insert": (
        lambda n, x, v: (
            n.insert(x, 1, v, axis=1) ** 2 + n.insert(x, np.array([3]), v[:, None], axis=1)
        ),
        (A, V),
    ),
    "insert, ravelled": (
        lambda n, x, v: n.insert(x, np.array([0, 5, 5]), v) * n.insert(x, 2, v) ** 2,
        (A, V),
    ),
    "isin": (lambda n, x, v: n.where(n.isin(x, n.append(v, x[0])), x**2, x * v[0]), (A, V)),
    "array_equal": (lambda n, x: n.where(n.array_equal(x, x), x**2, x), (A,)),
    "ldexp": (lambda n, x: n.ldexp(x**2, TWO[[0, 1, 1, 0]]), (A,)),
    "apply_along_axis": (
        lambda n, x: (
            n.apply_along_axis(lambda v: n.outer(v[:2], v), 0, x) ** 2
            + n.apply_along_axis(n.sum, 1, x)[:, None]
        ),
        (A,),
    ),
    "apply_over_axes": (lambda n, x: n.apply_over_axes(n.sum, x**2, [0, 1]), (A,)),
    "indices_from": (lambda n, x: x[n.tril_indices_from(x)] * x[n.triu_indices_from(x)], (S,)),
    "interp": (lambda n, x, f: n.interp(x, np.array([-1.0, 0.0, 1.5]), f**2), (A, V)),
}


def weighted(n: Any, name: str, *arrays: Any) -> Any:
    """A scalar that every element of the result counts for, differently."""
    value = FUNCTIONS[name][0](n, *arrays)
    weights = np.linspace(0.5, 1.5, int(np.prod(value.shape))).reshape(value.shape)
    return n.sum(value * weights)


@cache
def expected() -> dict[str, Any]:
    """All at once, since compiling one large program takes less time than many small ones."""

    def everything(arguments: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
        found = {}
        for name, arrays in arguments.items():

            def cost(*values: Any, name: str = name) -> Any:
                return weighted(jnp, name, *values)

            def slope(*values: Any, cost: Any = cost) -> Any:
                return sum(
                    jnp.sum(g**2) for g in jax.grad(cost, tuple(range(len(values))))(*values)
                )

            places = tuple(range(len(arrays)))
            found[name] = cost(*arrays), jax.grad(cost, places)(*arrays), jax.grad(slope)(*arrays)
        return found

    return jax.jit(everything)({name: arrays for name, (_, arrays) in FUNCTIONS.items()})  # type: ignore[no-any-return]  # a dict of arrays


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_derivatives(name: str) -> None:
    arrays = FUNCTIONS[name][1]
    g = gd.Graph()
    tensors = [g.parameter(f"x{i}", array.shape) for i, array in enumerate(arrays)]
    g.output("J", weighted(np, name, *tensors))
    G = gd.gradient(g, of="J")
    terms = [np.sum(G[f"dJ/dx{i}"] ** 2) for i in range(len(arrays))]
    G.output("K", sum(terms[1:], start=terms[0]))
    G = gd.gradient(G, of="K", wrt="x0", disconnected="zero")
    found = run(G, **{f"x{i}": array for i, array in enumerate(arrays)})
    value, first, second = expected()[name]
    direct = weighted(np, name, *arrays)
    np.testing.assert_allclose(found["J"], direct, rtol=1e-13)
    np.testing.assert_allclose(found["J"], value, rtol=1e-12)
    for i, wanted in enumerate(first):
        np.testing.assert_allclose(found[f"dJ/dx{i}"], wanted, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found["dK/dx0"], second, rtol=1e-9, atol=1e-10)


def test_what_a_mask_of_numbers_takes_is_differentiated() -> None:
    np.testing.assert_array_equal(gd.grad(lambda x: np.sum(np.extract(MASK, x)))(A), MASK)
    rows = gd.jacobian(lambda x: np.compress([True, False, True], x, axis=0))(A)
    assert rows.shape == (2, 4, 3, 4)
    assert rows.sum() == 8
    with pytest.raises(gd.GraphError, match=r"np\.compress by a tensor(.|\n)*np\.where"):
        gd.grad(lambda x: np.sum(np.extract(x > 0, x)))(A)


def test_closeness_is_numpys() -> None:
    a, b = np.array([1.0, np.inf, np.nan, 2.0]), np.array([1.0 + 1e-9, np.inf, np.nan, 3.0])
    with np.errstate(invalid="ignore"):
        for equal_nan in (False, True):
            f = gd.jit(lambda a, b, equal_nan=equal_nan: np.isclose(a, b, equal_nan=equal_nan))
            np.testing.assert_array_equal(f(a, b), np.isclose(a, b, equal_nan=equal_nan))
    assert gd.jit(lambda a: np.allclose(a, a))(A)
    xor = gd.jit(lambda a, b: np.logical_xor(a > 0, b > 0))(A, -A[::-1])
    np.testing.assert_array_equal(xor, np.logical_xor(A > 0, -A[::-1] > 0))


def placed(n: Any, x: Any, v: Any) -> Any:
    """Assignments by masks: NumPy's functions on the left, JAX's pure ones on the right."""
    if n is np:
        y, z = x * 1.0, x * 1.0
        np.putmask(y, MASK, v)
        np.place(z, MASK, v**2)
        counted = np.bincount(TWO[[0, 1, 0]], v**2, minlength=5)
    else:
        y = n.where(MASK, n.resize(v, x.shape), x)
        z = n.place(x, MASK, v**2, inplace=False)
        counted = n.bincount(TWO[[0, 1, 0]], v**2, minlength=5, length=5)
    return n.sum(y * z * x) + n.sum(counted * n.arange(5.0) ** 2)


def test_placing_and_counting() -> None:
    value, slopes = gd.value_and_grad(lambda x, v: placed(np, x, v), (0, 1))(A, V)
    want, wanted = jax.value_and_grad(lambda x, v: placed(jnp, x, v), (0, 1))(A, V)
    assert_allclose(value, placed(np, A, V), rtol=1e-14)
    assert_allclose(value, want, rtol=1e-12)
    assert_allclose(slopes[0], wanted[0], rtol=1e-12)
    assert_allclose(slopes[1], wanted[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: np.bincount(np.argsort(x[0]), x[0]), "the length of the result"),
        (lambda x: np.insert(x, np.argmax(x), 1.0), "places that are not known"),
        (lambda x: np.place(x, x > 0, [1.0, 2.0]), "a mask that is not known"),
        (lambda x: np.putmask(np.zeros(3), np.ones(3, bool), x[0]), "into a NumPy array"),
        (lambda x: np.poly(x), "a matrix"),
        (lambda x: np.cross(x[:, :2], x[:, :2]), r"got: 2 and 2(.|\n)*\* b\[\.\.\., 1\] - a"),
    ],
)
def test_what_cannot_be_known_is_refused(f: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(GraphdiffError, match=words):
        gd.jit(f)(A)
