"""What a call costs: generated code against NumPy written by hand, autograd and JAX.

Ratios, contenders interleaved, best of many.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python -m pytest tests/benchmarks/test_calls.py -s
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])
THETA = (np.array([[1.0, 0.8], [0.9, 1.1]]), np.array([0.1, -0.9]), np.array([0.9, -1.8]),
         np.array(0.1))  # fmt: skip


def by_hand(x: Any, y: Any, W: Any, c: Any, w: Any, b: Any) -> Any:
    a = x @ W + c
    h = np.maximum(a, 0.0)
    e = h @ w + b - y
    de = (2.0 / len(y)) * e
    da = np.outer(de, w) * (a > 0.0)
    return np.mean(e * e), (x.T @ da, da.sum(axis=0), h.T @ de, de.sum())


def cost(m: Any) -> Callable[..., Any]:
    def J(theta: Any, x: Any, y: Any) -> Any:
        W, c, w, b = theta
        return m.mean((m.maximum(0, x @ W + c) @ w + b - y) ** 2)

    return J


def xor() -> gd.Graph:
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", (2,))
    w, b = g.parameter("w", (2,)), g.parameter("b")
    g.output("J", np.mean((np.maximum(0, x @ W + c) @ w + b - y) ** 2))
    return g


def best(contenders: dict[str, Callable[[], Any]], rounds: int = 40) -> dict[str, float]:
    """The least time of a call in microseconds; each round times every contender once."""
    least = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            least[name] = min(least[name], timeit.timeit(call, number=200) / 200 * 1e6)
    return least


def test_the_gradient_of_xor() -> None:
    f = gd.compile(gd.gradient(xor(), of="J"))
    scope: dict[str, Any] = {"__name__": "generated"}
    exec(compile(f.source, "generated.py", "exec"), scope)
    generated = scope["value_and_grad"]
    compiled = jax.jit(jax.value_and_grad(cost(jnp)))
    named = dict(zip(("W", "c", "w", "b"), THETA, strict=True))

    def with_jax() -> Any:
        return jax.tree.map(np.asarray, compiled(THETA, X, Y))

    taped = autograd.value_and_grad(cost(anp))
    times = best({
        "NumPy by hand": lambda: by_hand(X, Y, *THETA),
        "generated file": lambda: generated(X, Y, *THETA),
        "gd.compile(G)(…)": lambda: f(x=X, y=Y, **named),
        "jax.jit": with_jax,
        "autograd": lambda: taped(THETA, X, Y),
    })  # fmt: skip
    print()
    for name, time in times.items():
        print(f"  {name:18} {time:8.1f} µs  {time / times['NumPy by hand']:6.2f} × by hand")
    assert times["generated file"] <= 1.3 * times["NumPy by hand"]
    assert times["gd.compile(G)(…)"] <= times["autograd"] / 5


def bumps(m: Any) -> Callable[..., Any]:
    """Ten ops on a small vector."""

    def f(x: Any) -> Any:
        y = m.tanh(x) * 2.0
        z = m.sin(y) + x
        w = m.exp(-z * z)
        return m.sum(w * y)

    return f


def test_the_gradient_of_a_function() -> None:
    x = np.array([0.1, -0.2, 0.3, 0.7])
    ours, both = gd.grad(bumps(np)), gd.value_and_grad(bumps(np))
    scope: dict[str, Any] = {"__name__": "generated"}
    exec(compile(ours.source(x), "generated.py", "exec"), scope)
    generated = scope["grad"]
    exec(compile(gd.compile(both.graph(x), style="fast").source, "fast.py", "exec"), scope)
    fast = scope["value_and_grad"]
    compiled, taped = jax.jit(jax.grad(bumps(jnp))), autograd.grad(bumps(anp))
    times = best({
        "readable file": lambda: generated(x),
        "gd.grad(f)(x)": lambda: ours(x),
        "fast file, both": lambda: fast(x),
        "value_and_grad": lambda: both(x),
        "jax.jit": lambda: np.asarray(compiled(x)),
        "autograd": lambda: taped(x),
    })  # fmt: skip
    print()
    for name, time in times.items():
        print(f"  {name:18} {time:8.1f} µs  {time / times['gd.grad(f)(x)']:6.2f} × gd.grad")
    assert times["gd.grad(f)(x)"] <= times["readable file"]
    assert times["value_and_grad"] <= 1.3 * times["fast file, both"]
    assert times["gd.grad(f)(x)"] <= times["jax.jit"] / 1.5
    assert times["gd.grad(f)(x)"] <= times["autograd"] / 15
