"""What the first call costs: tracing, differentiating and compiling, beside JAX's.

Ratios, contenders interleaved, best of many; CPU time.

    python -m pytest tests/benchmarks/test_tracing.py -s
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

W = 0.5 * np.eye(4)


def ops(m: Any, count: int) -> Callable[[Any], Any]:
    """A function of a small vector that applies so many ops."""

    def f(x: Any) -> Any:
        y = x
        for _ in range(count // 4):
            y = m.tanh(y) * 1.5 + m.sin(y)
        return m.sum(y)

    return f


def layers(m: Any, count: int) -> Callable[[Any], Any]:
    """A deep net with one weight matrix."""

    def f(W: Any) -> Any:
        h = m.ones(4)
        for _ in range(count):
            h = m.tanh(W @ h)
        return m.sum(h)

    return f


def seconds(gradient: Callable[[Any], Any], at: Any) -> float:
    start = time.process_time()
    np.asarray(gradient(at))
    return time.process_time() - start


@pytest.mark.parametrize(("make", "count", "at"), [(ops, 100, np.ones(4)), (layers, 100, W)])
def test_the_first_call(make: Any, count: int, at: Any) -> None:
    ours, theirs = [], []
    for _ in range(5):
        ours.append(seconds(gd.grad(make(np, count)), at))
        theirs.append(seconds(jax.jit(jax.grad(make(jnp, count))), at))
    our, their = min(ours) * 1e3, min(theirs) * 1e3
    print(f"\n  {make.__name__} × {count}: {our:.0f} ms, JAX {their:.0f} ms")
    assert our <= their / 2


def test_two_thousand_layers() -> None:
    small = min(seconds(gd.grad(layers(np, 200)), W) for _ in range(5))
    large = min(seconds(gd.grad(layers(np, 2000)), W) for _ in range(3))
    print(f"\n  200 layers {small:.2f} s, 2,000 layers {large:.2f} s, ratio {large / small:.1f}")
    assert large <= 13 * small
