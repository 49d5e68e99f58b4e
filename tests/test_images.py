"""Convolution and pooling of images: JAX's values and gradients, padding, names, memory, errors."""

from __future__ import annotations

import tracemalloc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd
from tests.reference import run

jax.config.update("jax_enable_x64", True)

CASES = [
    (1, "valid", "VALID"),
    (1, "same", "SAME"),
    ((2, 3), "same", "SAME"),
    (2, 1, [(1, 1), (1, 1)]),
    (2, ((0, 1), (1, 0)), [(0, 1), (1, 0)]),
]


def _lax(x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    stride = (stride, stride) if isinstance(stride, int) else stride
    return jax.lax.conv_general_dilated(
        x, kernel, stride, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("stride", "padding", "theirs"), CASES)
def test_convolution_equals_that_of_jax(stride: Any, padding: Any, theirs: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, kernel = (rng.normal(size=s).astype(dtype) for s in ((3, 8, 7, 2), (3, 2, 2, 4)))

    def ours(x: Any, kernel: Any) -> Any:
        y = gd.images.conv2d(x, kernel, stride, padding)
        return np.sum(np.sin(y) * y)

    def reference(x: Any, kernel: Any) -> Any:
        y = _lax(x, kernel, stride, theirs)
        return jnp.sum(jnp.sin(y) * y)

    rtol = 1e-11 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(
        gd.images.conv2d(x, kernel, stride, padding),
        _lax(x, kernel, stride, theirs),
        rtol=rtol,
        atol=rtol,
    )
    for found, wanted in zip(
        gd.grad(ours, (0, 1))(x, kernel), jax.grad(reference, (0, 1))(x, kernel), strict=True
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)
    if dtype == "float64":
        v = tuple(rng.normal(size=a.shape) for a in (x, kernel))
        found = gd.jvp(gd.grad(ours, (0, 1)), (x, kernel), v)[1]
        wanted = jax.jvp(jax.grad(reference, (0, 1)), (x, kernel), v)[1]
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("stride", "padding", "theirs"), CASES)
def test_pooling_equals_that_of_jax(stride: Any, padding: Any, theirs: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3))
    step = (stride, stride) if isinstance(stride, int) else stride
    sides = theirs if isinstance(theirs, str) else [(0, 0), *theirs, (0, 0)]

    def windows(x: Any, start: float, combine: Any) -> Any:
        return jax.lax.reduce_window(x, start, combine, (1, 3, 2, 1), (1, *step, 1), sides)

    def compare(ours: Any, reference: Any) -> None:
        np.testing.assert_allclose(ours(x), reference(x), rtol=1e-13)
        np.testing.assert_allclose(
            gd.grad(lambda x: np.sum(np.sin(ours(x))))(x),
            jax.grad(lambda x: jnp.sum(jnp.sin(reference(x))))(x),
            rtol=1e-12,
            atol=1e-14,
        )

    compare(
        lambda x: gd.images.max_pool2d(x, (3, 2), stride, padding),
        lambda x: windows(x, -jnp.inf, jax.lax.max),
    )
    compare(
        lambda x: gd.images.average_pool2d(x, (3, 2), stride, padding),
        lambda x: windows(x, 0.0, jax.lax.add) / 6,
    )


def network(x: Any, y: Any, p: Any) -> Any:
    h = gd.images.max_pool2d(np.tanh(gd.images.conv2d(x, p["K"], padding="same") + p["b"]))
    z = h.reshape(x.shape[0], -1) @ p["W"]
    return np.mean((z - y) ** 2)


def test_a_network_with_any_number_of_images() -> None:
    """The number of images is a name; the plan's memory, and the code, are for all of them."""
    g = gd.Graph("digits")
    x, y = g.input("x", ("t", 8, 8, 1)), g.input("y", ("t", 3))
    p = {"K": g.parameter("K", (3, 3, 1, 4)), "b": g.parameter("b", (4,))}
    p["W"] = g.parameter("W", (64, 3))
    g.output("J", network(x, y, p))
    G = gd.gradient(g, of="J")
    f = gd.compile(G, style="readable")
    assert "conv2d_kernel(" in f.source
    assert "conv2d_input(" not in f.source  # nobody asked for the images' derivative
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=p[name].shape) for name in p}
    for t in (1, 5):
        data = {"x": rng.normal(size=(t, 8, 8, 1)), "y": rng.normal(size=(t, 3))}
        found = f(**data, **values)
        for name, wanted in run(G, **data, **values).items():
            np.testing.assert_allclose(found[name], wanted, rtol=1e-12)
    assert gd.check_gradients(lambda p: network(data["x"], data["y"], p), (values,))


def test_gradients_of_examples_are_one_program() -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(5, 6, 6, 1)), rng.normal(size=(3, 3, 1, 2))

    def cost(m: Any, conv: Any, x: Any, kernel: Any) -> Any:
        return m.sum(m.sin(conv(x[None], kernel)))

    ours = gd.vmap(gd.grad(lambda k, x: cost(np, gd.images.conv2d, x, k)), in_axes=(None, 0))
    theirs = jax.vmap(
        jax.grad(lambda k, x: cost(jnp, lambda x, k: _lax(x, k, (1, 1), "VALID"), x, k)),
        in_axes=(None, 0),
    )
    np.testing.assert_allclose(ours(kernel, x), theirs(kernel, x), rtol=1e-11)
    assert "return conv2d_kernel(" in ours.source(kernel, x)


def test_the_memory_it_works_in_is_known_to_the_plan() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 28, 28, 4))
    h = gd.images.conv2d(x, g.parameter("K", (3, 3, 4, 8))).named("h")
    g.output("J", np.sum(gd.images.max_pool2d(h)))
    G = gd.gradient(g, of="J")
    plan = gd.plan(G, sizes={"t": 16})
    f = gd.compile(G, plan=plan)
    values = {"x": np.ones((16, 28, 28, 4)), "K": np.ones((3, 3, 4, 8))}
    f(**values)
    tracemalloc.start()
    f(**values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert plan.peak_bytes == pytest.approx(peak, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gd.images.conv2d(x, np.ones((3, 3, 2, 4))), "does not fit the images"),
        (lambda x: gd.images.conv2d(x, np.ones((3, 3, 2))), "not a kernel"),
        (lambda x: gd.images.conv2d(x, np.ones((9, 3, 1, 2))), "larger than the image"),
        (lambda x: gd.images.conv2d(x, np.ones((3, 3, 1, 2)), stride=0), "stride"),
        (lambda x: gd.images.conv2d(x, np.ones((3, 3, 1, 2)), padding="full"), "not a padding"),
        (lambda x: gd.images.conv2d(x, np.ones((3, 3, 1, 2)), padding=-1), "not a padding"),
        (lambda x: gd.images.max_pool2d(x, 1.5), "size of the window"),
        (lambda x: gd.images.max_pool2d(x[0, 0]), "not images"),
        (lambda x: gd.images.average_pool2d(x, 9), "larger than the image"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    g = gd.Graph()
    with pytest.raises(gd.ShapeError, match=message) as caught:
        call(g.input("x", ("t", 8, 8, 1)))
    assert "test_images.py:" in str(caught.value)


def test_padding_same_for_a_length_that_is_not_known() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", "h", "w", 1))
    y = gd.images.conv2d(x, np.ones((3, 3, 1, 2)), padding="same")
    assert y.shape == ("t", "h", "w", 2)
    with pytest.raises(gd.ShapeError, match="padding 'same' with stride 2"):
        gd.images.conv2d(x, np.ones((3, 3, 1, 2)), 2, "same")


def test_no_images() -> None:
    x, kernel = np.zeros((0, 4, 4, 1)), np.ones((3, 3, 1, 2))
    value, (dx, dk) = gd.value_and_grad(
        lambda x, k: np.sum(gd.images.max_pool2d(gd.images.conv2d(x, k))), (0, 1)
    )(x, kernel)
    assert value == 0
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dk, np.zeros(kernel.shape))
