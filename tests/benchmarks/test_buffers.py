"""What it is worth to put results into arrays that are there: one call, and a whole program.

Best of many, contenders interleaved.

    env -u OPENBLAS_CORETYPE python -m pytest tests/benchmarks/test_buffers.py -s
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import graphdiff as gd
from graphdiff.lower.buffers import SMALL


def best(
    contenders: dict[str, Callable[[], Any]], rounds: int = 40, number: int = 50
) -> dict[str, float]:
    """The least time of a call in microseconds."""
    least = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            least[name] = min(least[name], timeit.timeit(call, number=number) / number * 1e6)
    return least


def aligned(size: int) -> Any:
    memory = np.zeros(size * 8 + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size * 8].view(float)


def test_a_place_pays_from_some_size_on() -> None:
    print()
    gains: dict[int, float] = {}
    for kib in (1, 4, 16, 32, 64, 256):
        a, b, place = np.ones(kib * 128), np.ones(kib * 128), aligned(kib * 128)
        times = best({
            "new": lambda a=a, b=b: np.multiply(a, b),
            "given": lambda a=a, b=b, place=place: np.multiply(a, b, out=place),
        })  # fmt: skip
        gains[kib] = times["new"] / times["given"]
        print(f"  {kib:4} KiB  new {times['new']:7.2f} µs  given {times['given']:7.2f} µs")
    assert SMALL == 16 * 1024
    assert gains[1] < 1.2
    assert gains[64] > 1.2


def test_the_styles_on_large_arrays() -> None:
    g = gd.Graph("curve")
    x, w, y = g.input("x", ("t", 100)), g.parameter("w", (100,)), g.input("y", ("t", 100))
    e = (x * w + 0.5 * x * x - y) * x
    g.output("J", np.mean(e * e + np.maximum(e, 0.0)))
    G = gd.gradient(g, of="J")
    rng = np.random.default_rng(0)
    print()
    for t in (4, 100, 1000):
        values = {"x": rng.normal(size=(t, 100)), "y": rng.normal(size=(t, 100)),
                  "w": rng.normal(size=100)}  # fmt: skip
        styles = {s: gd.compile(G, style=s) for s in ("readable", "fast")}
        with threadpool_limits(limits=1):
            times = best(
                {s: lambda f=f, values=values: f(**values) for s, f in styles.items()}, number=10
            )
        print(f"  t = {t:5}  " + "  ".join(f"{s} {time:8.1f} µs" for s, time in times.items()))
        assert times["fast"] <= times["readable"]
