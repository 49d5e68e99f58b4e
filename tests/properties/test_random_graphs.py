"""Random networks: value and gradient against JAX, with rewrites, without, and from the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

OURS = SimpleNamespace(np=np, special=gd.special)
THEIRS = SimpleNamespace(
    np=jnp,
    special=SimpleNamespace(
        sigmoid=jax.nn.sigmoid,
        softplus=jax.nn.softplus,
        relu=jax.nn.relu,
        hard_tanh=jax.nn.hard_tanh,
        erf=jax.scipy.special.erf,
        logsumexp=jax.scipy.special.logsumexp,
        softmax=jax.nn.softmax,
        log_softmax=jax.nn.log_softmax,
    ),
)

# Matrices (3, 3) in, matrices (3, 3) out, of moderate size; kinks are met with probability 0.
UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda m, a: m.np.tanh(a),
    "sin": lambda m, a: m.np.sin(a),
    "cos": lambda m, a: m.np.cos(a),
    "exp": lambda m, a: m.np.exp(0.3 * m.np.tanh(a)),
    "log": lambda m, a: m.np.log(1.5 + a * a),
    "log1p": lambda m, a: m.np.log1p(a**2),
    "expm1": lambda m, a: m.np.expm1(-m.np.abs(a)),
    "sqrt": lambda m, a: m.np.sqrt(1.0 + a**2),
    "abs": lambda m, a: m.np.abs(a),
    "negative": lambda m, a: -a,
    "cube": lambda m, a: 0.1 * m.np.tanh(a) ** 3,
    "relu": lambda m, a: m.np.maximum(0, a),
    "minimum": lambda m, a: m.np.minimum(a, 0.7),
    "sigmoid": lambda m, a: m.special.sigmoid(a),
    "softplus": lambda m, a: m.special.softplus(a),
    "hard_tanh": lambda m, a: m.special.hard_tanh(a),
    "erf": lambda m, a: m.special.erf(a),
    "transpose": lambda m, a: a.T,
    "rows": lambda m, a: m.np.concatenate([a[1:], a[:1]]),
    "columns": lambda m, a: m.np.concatenate([a[:, ::-2], a[:, 1:2]], axis=1),
    "flat": lambda m, a: a.reshape(9)[::-1].reshape(3, 3),
    "gather": lambda m, a: a[np.array([2, 0, 0])],
    "centred": lambda m, a: a - m.np.mean(a, axis=1, keepdims=True),
    "row sum": lambda m, a: m.np.sum(a, axis=0) + a,
    "maximal": lambda m, a: a - m.np.max(a, axis=1, keepdims=True),
    "minimal": lambda m, a: a * m.np.min(a),
    "softmax": lambda m, a: m.special.softmax(a, axis=1),
    "log_softmax": lambda m, a: m.special.log_softmax(a, axis=0),
    "logsumexp": lambda m, a: m.special.logsumexp(a, axis=1, keepdims=True) - a,
    "broadcast": lambda m, a: m.np.broadcast_to(a[0], (3, 3)) * a,
    "twice": lambda m, a: a + a,
    "scaled": lambda m, a: 2.0 * a / 3.0,
    "where": lambda m, a: m.np.where(a > 0.1, a, 0.5 * a),
    "outer": lambda m, a: 0.5 * m.np.outer(a[0], a[:, 1]),
    "vector": lambda m, a: (a @ a[0])[:, None] - a,
}
BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda m, a, b: a + b,
    "subtract": lambda m, a, b: a - b,
    "multiply": lambda m, a, b: 0.7 * (a * b),
    "divide": lambda m, a, b: a / (1.0 + b**2),
    "power": lambda m, a, b: (1.5 + m.np.sin(a)) ** m.np.tanh(b),
    "matmul": lambda m, a, b: 0.3 * (a @ b),
    "matmul T": lambda m, a, b: 0.3 * (a.T @ b.T),
    "maximum": lambda m, a, b: m.np.maximum(a, b + 0.01),
    "where": lambda m, a, b: m.np.where(a > b, a * 2.0, b),
    "row": lambda m, a, b: a * b[1],
    "column": lambda m, a, b: a + b[:, 2:],
    "scalar": lambda m, a, b: a * m.np.mean(b),
}

Step = tuple[str, int, int]
Words = Mapping[str, Callable[..., Any]]


def programs(words: Iterable[str], longest: int) -> st.SearchStrategy[list[Step]]:
    """Steps that apply a word to values before, counted from the last."""
    place = st.integers(0, 20)
    return st.lists(
        st.tuples(st.sampled_from([*words]), place, place), min_size=1, max_size=longest
    )


steps = programs([*UNARY, *BINARY], 12)


def computed(
    m: Any, program: list[Step], start: list[Any], unary: Words, binary: Words
) -> list[Any]:
    """The values at the start, and those of the steps."""
    values = list(start)
    for word, i, j in program:
        a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
        values.append(unary[word](m, a) if word in unary else binary[word](m, a, b))
    return values


def network(m: Any, program: list[Step], x: Any, w: Any) -> Any:
    values = computed(m, program, [x, w], UNARY, BINARY)
    return m.np.mean(values[-1] * values[-2]) + m.np.sum(values[-1]) * 0.1


def declared(program: list[Step], dtype: str = "float64") -> gd.Graph:
    g = gd.Graph("random")
    x = g.parameter("x", (3, 3), dtype)
    w = g.parameter("w", (3, 3), dtype)
    g.output("J", network(OURS, program, x, w))
    return g


def isolated(source: str) -> ModuleType:
    module = ModuleType("generated")
    exec(compile(source, "generated.py", "exec"), module.__dict__)
    return module


@settings(max_examples=80, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_value_and_gradient_equal_jax(program: list[Step], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(2, 3, 3))
    g = declared(program)
    G = gd.gradient(g, of="J", wrt=["x", "w"], disconnected="zero")
    report = G.report()
    assert report.products == report.path_edges

    value, (dx, dw) = jax.value_and_grad(
        lambda x, w: network(THEIRS, program, x, w), argnums=(0, 1)
    )(x, w)
    for rewrites in (None, ()):
        f = gd.compile(G) if rewrites is None else gd.compile(G, rewrites=rewrites)
        found = f(x=x, w=w)
        scale = 1.0 + max(np.abs(dx).max(), np.abs(dw).max())
        np.testing.assert_allclose(found["J"], value, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(found["dJ/dx"], dx, rtol=1e-10, atol=1e-12 * scale)
        np.testing.assert_allclose(found["dJ/dw"], dw, rtol=1e-10, atol=1e-12 * scale)
        module = isolated(f.source)
        np.testing.assert_array_equal(module.forward(x, w), found["J"])
        assert max(map(len, f.source.splitlines())) <= 100


@settings(max_examples=30, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_float32_stays_float32(program: list[Step], seed: int) -> None:
    x, w = np.random.default_rng(seed).normal(size=(2, 3, 3)).astype(np.float32)
    G = gd.gradient(declared(program, "float32"), of="J", wrt=["x", "w"], disconnected="zero")
    for f in (gd.compile(G), gd.compile(G, rewrites=())):
        for name, found in f(x=x, w=w).items():
            assert found.dtype == np.float32, name


@settings(max_examples=25, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_second_derivatives_equal_jax(program: list[Step], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w, v = rng.normal(size=(3, 3, 3))
    G = gd.gradient(declared(program), of="J", wrt="x", disconnected="zero")
    G.output("s", (G["dJ/dx"] * v).sum())
    H = gd.gradient(G, of="s", wrt=["x", "w"], disconnected="zero")
    found = gd.compile(H)(x=x, w=w)

    def slope(x: Any, w: Any) -> Any:
        return jnp.sum(v * jax.grad(lambda x: network(THEIRS, program, x, w))(x))

    wanted = jax.grad(slope, argnums=(0, 1))(x, w)
    scale = 1.0 + max(np.abs(part).max() for part in wanted)
    for name, part in zip(("ds/dx", "ds/dw"), wanted, strict=True):
        np.testing.assert_allclose(found[name], part, rtol=1e-8, atol=1e-10 * scale)


def test_every_word_is_met() -> None:
    """The property tests draw words at random; this makes sure that each is right alone."""
    rng = np.random.default_rng(7)
    x, w = rng.normal(size=(2, 3, 3))
    for word in [*UNARY, *BINARY]:
        program: list[Step] = [(word, 0, 1), ("tanh", 0, 0)]
        G = gd.gradient(declared(program), of="J", wrt=["x", "w"], disconnected="zero")
        wanted = jax.grad(lambda x, w, p=program: network(THEIRS, p, x, w), argnums=(0, 1))(x, w)
        found = gd.compile(G)(x=x, w=w)
        np.testing.assert_allclose(found["dJ/dx"], wanted[0], rtol=1e-11, atol=1e-13, err_msg=word)
        np.testing.assert_allclose(found["dJ/dw"], wanted[1], rtol=1e-11, atol=1e-13, err_msg=word)


@pytest.mark.parametrize("count", [2, 5])
def test_the_same_graph_gives_the_same_bytes(count: int) -> None:
    program: list[Step] = [("matmul", 0, 1), ("tanh", 0, 0), ("softmax", 0, 0), ("row", 0, 2)]
    sources = {gd.compile(gd.gradient(declared(program), of="J")).source for _ in range(count)}
    assert len(sources) == 1
