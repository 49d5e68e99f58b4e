"""NumPy's functions of complex arrays on tensors: NumPy's values and dtypes, JAX's derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.graph.numpy_table import COMPLEX, FUNCTIONS, UFUNCS
from graphdiff.ops import ALIASES, OPS

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(11)
Z = RNG.normal(size=(4, 3)) + 1j * RNG.normal(size=(4, 3))
X = RNG.normal(size=(4, 3))

Case = Callable[[Any, Any, Any], Any]  # of the module, a complex array and a real one


def _projection(m: Any, v: Any) -> Any:
    """Onto the last eigenvector, whatever its phase."""
    return m.outer(v[:, -1], m.conj(v[:, -1]))


def _lowered(m: Any, u: Any, s: Any, vh: Any) -> Any:
    """The nearest matrix of rank 1."""
    return s[0] * m.outer(u[:, 0], vh[0])


CASES: dict[str, Case] = {
    "real": lambda m, z, x: m.real(z) + z.real + m.real(x),
    "imag": lambda m, z, x: m.imag(z) * z.imag + m.imag(x),
    "conj": lambda m, z, x: m.conj(z) * z.conj() + z.conjugate() + m.conj(x),
    "angle": lambda m, z, x: m.angle(z) + m.angle(z, deg=True),
    "mean": lambda m, z, x: m.mean(z, axis=0) * z.mean(),
    "average": lambda m, z, x: m.average(z, axis=1, weights=m.abs(x)),
    "var": lambda m, z, x: m.var(z, axis=0) + m.var(z, ddof=1),
    "std": lambda m, z, x: m.std(z, axis=1) + m.std(z, ddof=1),
    "cov": lambda m, z, x: m.cov(z),
    "nansum": lambda m, z, x: m.nansum(m.where(x > 0, z, np.nan), axis=0),
    "nanmean": lambda m, z, x: m.nanmean(m.where(x > -1, z, np.nan), axis=0),
    "cumulative": lambda m, z, x: m.cumsum(z, axis=0) + m.cumprod(z, axis=1),
    "prod": lambda m, z, x: m.prod(z, axis=0),
    "diff": lambda m, z, x: m.diff(z, axis=0),
    "gradient": lambda m, z, x: m.gradient(z, axis=0),
    "trapezoid": lambda m, z, x: m.trapezoid(z, axis=0),
    "linspace": lambda m, z, x: m.linspace(z[0, 0], z[1, 1], 5),
    "dot": lambda m, z, x: m.dot(z, x.T),
    "vdot": lambda m, z, x: m.vdot(z, z * 1j + x),
    "vecdot": lambda m, z, x: m.vecdot(z, x),
    "matvec": lambda m, z, x: m.matvec(z, x[0]),
    "vecmat": lambda m, z, x: m.vecmat(z[:, 0], z),
    "inner": lambda m, z, x: m.inner(z, x),
    "outer": lambda m, z, x: m.outer(z[0], x[1]),
    "kron": lambda m, z, x: m.kron(z, x),
    "tensordot": lambda m, z, x: m.tensordot(z, z, axes=((0,), (0,))),
    "einsum": lambda m, z, x: m.einsum("ij,kj->ik", z, x),
    "convolve": lambda m, z, x: m.convolve(z[0], x[1]),
    "correlate": lambda m, z, x: m.correlate(z[:, 0], z[:2, 1], mode="full"),
    "correlate of a shorter": lambda m, z, x: m.correlate(z[:2, 0], z[:, 1]),
    "norm": lambda m, z, x: m.linalg.norm(z) + m.linalg.norm(z, axis=0).sum(),
    "norms of vectors": lambda m, z, x: (
        m.linalg.norm(z[0], 1) + m.linalg.norm(z[0], np.inf) + m.linalg.vector_norm(z, ord=3)
    ),
    "norms of matrices": lambda m, z, x: m.linalg.norm(z, "fro") + m.linalg.norm(z, 1),
    "inv": lambda m, z, x: m.linalg.inv(z[:3] + 3 * np.eye(3)),
    "det": lambda m, z, x: m.linalg.det(z[:3]),
    "solve": lambda m, z, x: m.linalg.solve(z[:3] + 3 * np.eye(3), x[:3]),
    "slogdet": lambda m, z, x: m.linalg.slogdet(z[:3])[1] * m.linalg.slogdet(z[:3] + x[:3])[0],
    "cholesky": lambda m, z, x: m.linalg.cholesky(m.conj(z).T @ z),
    "eigh": lambda m, z, x: m.linalg.eigh(m.conj(z).T @ z)[0] + m.linalg.eigvalsh(z.T @ m.conj(z)),
    "eigh of the upper": lambda m, z, x: _projection(m, m.linalg.eigh(m.conj(z).T @ z, "U")[1]),
    "svd": lambda m, z, x: m.linalg.svd(z, compute_uv=False) + m.linalg.norm(z, "nuc"),
    "svd with vectors": lambda m, z, x: _lowered(m, *m.linalg.svd(z, full_matrices=False)),
    "qr": lambda m, z, x: m.abs(m.linalg.qr(z)[1]),
    "pinv": lambda m, z, x: m.linalg.pinv(z),
    "lstsq": lambda m, z, x: m.linalg.lstsq(z, x[:, 0] * 1j)[0],
    "residuals": lambda m, z, x: m.linalg.lstsq(z, x[:, 0] * 1j)[1],
    "cond": lambda m, z, x: m.linalg.cond(z) + m.linalg.cond(z[:3], 1),
    "spectral norm": lambda m, z, x: m.linalg.norm(z, 2) + m.linalg.matrix_norm(z, ord=-2),
    "matrix_power": lambda m, z, x: m.linalg.matrix_power(z[:3], 3),
    "power": lambda m, z, x: z**2 + z**-1.5 + z ** (1 + 2j) + (2.0 + 0j) ** z,
    "float_power": lambda m, z, x: m.float_power(z, 2),
    "sums": lambda m, z, x: (2 - 1j) * z + x / (1 + 1j) - 3.0,
    "polyval": lambda m, z, x: m.polyval(z[:, 0], x[0]) + m.polyval(x[:, 0], z[0]),
    "pad": lambda m, z, x: m.pad(z, 1) + m.pad(x, 1, mode="edge"),
    "isclose": lambda m, z, x: m.where(m.isclose(z, z + 1e-12), z, 0.0),
    "nan_to_num": lambda m, z, x: m.nan_to_num(m.where(x > 0, z, np.inf - 2j), posinf=3.0) * z,
    "select": lambda m, z, x: m.select([x > 0.5, x > 0], [z, x], 1j),
    "sort of parts": lambda m, z, x: m.sort(z.real, axis=0),
    "sort": lambda m, z, x: m.sort(z, axis=0) ** 2 + m.sort(m.round(z, 0) + 1e-3 * x, axis=1),
    "argsort": lambda m, z, x: m.take_along_axis(z, m.argsort(z.real, axis=0), axis=0),
    "round": lambda m, z, x: m.round(z, 1) * z,
    "corrcoef": lambda m, z, x: m.corrcoef(z) * m.corrcoef(x, z)[:4, :4],
    "poly": lambda m, z, x: m.poly(z[0]) ** 2,
    "polyfit": lambda m, z, x: m.polyfit(z[:, 0], z[:, 1], 2) + m.polyfit(x[:, 0], z[:, 2], 2),
    "parts joined": lambda m, z, x: m.concatenate([z, x])[::-1].T.reshape(-1),
    "fft": lambda m, z, x: m.fft.fft(z) + m.fft.fft(x, axis=1),
    "fft of another length": lambda m, z, x: m.fft.fft(x, 7, axis=0) + m.fft.fft(z, n=2, axis=0)[0],
    "ifft": lambda m, z, x: m.fft.ifft(z, axis=0, norm="ortho"),
    "rfft": lambda m, z, x: m.fft.rfft(x, axis=0) + m.fft.rfft(x, n=4, norm="forward")[0, 1],
    "irfft": lambda m, z, x: m.fft.irfft(z, axis=0) + m.fft.irfft(z, n=5)[0, 1],
    "hfft": lambda m, z, x: m.fft.hfft(z) + m.fft.hfft(z, 4, norm="ortho"),
    "ihfft": lambda m, z, x: m.fft.ihfft(x, axis=0)[:2] + m.fft.ihfft(x, norm="forward")[0, 1],
    "fft2": lambda m, z, x: m.fft.fft2(z) + m.fft.ifft2(x),
    "fft2 of another size": lambda m, z, x: m.fft.fft2(z, s=(3, 4), norm="ortho"),
    "rfft2": lambda m, z, x: m.fft.rfft2(x) + m.fft.rfft2(x, axes=(1, 0))[:, :2].sum(),
    "irfft2": lambda m, z, x: m.fft.irfft2(z, s=(4, 5)),
    "fftn": lambda m, z, x: m.fft.fftn(z) + m.fft.ifftn(z, axes=(0,)),
    "rfftn": lambda m, z, x: m.fft.irfftn(m.fft.rfftn(x) * 1j, s=(4, 3), axes=(0, 1)),
    "fftshift": lambda m, z, x: m.fft.fftshift(m.fft.fft(z)) + m.fft.ifftshift(z),
}


@pytest.mark.parametrize("word", CASES)
def test_value_and_derivatives(word: str) -> None:
    f = CASES[word]
    found, wanted = gd.jit(lambda z, x: f(np, z, x))(Z, X), f(np, Z, X)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
    weights = RNG.normal(size=np.shape(wanted)) + 1j * RNG.normal(size=np.shape(wanted))

    def cost(m: Any) -> Callable[..., Any]:
        return lambda z, x: m.sum(m.real(weights * f(m, z, x)))

    ours = gd.grad(cost(np), (0, 1))(Z, X)
    theirs = jax.grad(cost(jnp), (0, 1))(Z, X)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


def test_parts_can_be_assigned_to() -> None:
    def f(z: Any) -> Any:
        y = z * 1.0
        y.real[0] = y.imag[1] * 2
        y.imag *= 3
        y.real = y.real**2
        w = np.zeros_like(y)
        w.real, w.imag[1:] = y.imag, 1
        np.imag(w)[0, 0] = 5
        return np.sum(np.abs(y) ** 2) + np.sum(np.real(w * y))

    assert gd.jit(f)(Z) == pytest.approx(f(Z), rel=1e-13)
    assert gd.check_gradients(f, (Z,))
    with pytest.raises(gd.DTypeError, match="no imaginary part to assign to"):
        gd.jit(lambda x: setattr(x, "imag", 1.0))(X)


def test_ufuncs_take_complex_values_or_refuse_them() -> None:
    """None of the others gives a number: NumPy would order complex ones by their real parts."""
    refused = set()
    for name in dir(np):
        ufunc = getattr(np, name)
        if not isinstance(ufunc, np.ufunc):
            continue
        if ufunc not in UFUNCS and ALIASES.get(name, name) not in OPS:
            continue
        try:
            np.result_type(gd.jit(ufunc)(*[Z[:3]] * ufunc.nin))
        except (gd.DTypeError, gd.GraphError):
            refused.add(name)
    assert {"maximum", "less", "arctan2", "hypot", "floor", "cbrt", "logaddexp"} <= refused
    assert refused.isdisjoint({"add", "exp", "arccosh", "conj", "equal", "isnan", "vecdot", "sign"})


@pytest.mark.parametrize(
    "function",
    [f for f in FUNCTIONS if f not in COMPLEX],
    ids=lambda f: f"{f.__module__}.{f.__name__}",
)
def test_functions_for_real_values_refuse_complex_ones(function: Any) -> None:
    z = gd.Graph().input("z", (4, 4), "complex128")
    with pytest.raises(gd.DTypeError, match="of complex values has no rule"):
        z.__array_function__(function, (), (z,), {})


def test_what_is_known_of_a_value() -> None:
    z = gd.Graph().input("z", (2,), "complex64")
    x = z.real
    assert (np.iscomplexobj(z), np.isrealobj(z)) == (True, False)
    assert (np.iscomplexobj(x), np.isrealobj(x)) == (False, True)
    assert np.isreal(z).dtype == np.iscomplex(z).dtype == bool
    assert x.dtype == z.imag.dtype == np.float32


def test_a_transform_of_a_named_length() -> None:
    """Even and odd, longer and shorter than a number."""
    g = gd.Graph()
    x = g.input("x", ("t",))
    spectrum = np.fft.rfft(x)
    assert spectrum.shape == ("(t//2) + 1",)
    back = np.fft.irfft(spectrum * np.conj(spectrum), x.shape[0])
    assert back.shape == ("t",)
    g.output("J", np.sum(back**2) + np.sum(np.abs(np.fft.fft(x, 8)) ** 2))
    G = gd.gradient(g, of="J", wrt="x")
    for length in (1, 2, 5, 8, 9):
        value = np.cos(np.arange(length) + 1.0)
        assert gd.check_gradients(G, {"x": value}).reverse < 1e-12


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda x, z: np.fft.rfft(z), "rfft: complex values are not taken"),
        (lambda x, z: np.fft.fft(x, norm="none"), "there is no normalisation 'none'"),
        (lambda x, z: np.fft.fft(x, 0), "a transform of no values"),
        (lambda x, z: np.fft.fft2(x, s=(2,)), "not one length for each axis"),
        (lambda x, z: np.fft.fftn(x, axes=(0, 0)), "one or more, each once"),
        (lambda x, z: np.fft.fft(x, axis=2), "there is no axis 2"),
    ],
)
def test_transforms_that_do_not_fit(attempt: Callable[..., Any], message: str) -> None:
    g = gd.Graph()
    with pytest.raises(gd.GraphdiffError, match=message) as caught:
        attempt(g.input("x", (4, 3)), g.input("z", (4, 3), "complex128"))
    assert "test_numpy_complex.py:" in str(caught.value)
