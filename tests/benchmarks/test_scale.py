"""How each stage grows with the graph: ten times the nodes take at most twelve times as long.

python -m pytest tests/benchmarks/test_scale.py -s
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import numpy as np
import pytest

import graphdiff as gd

STAGES = ("declare", "gradient", "compile", "run")


def chain(count: int) -> gd.Graph:
    """sin of sin of … of w."""
    g = gd.Graph("chain")
    h = g.parameter("w", (4,))
    for _ in range(count):
        h = np.sin(h)
    g.output("J", h.sum())
    return g


def layered(count: int, width: int = 1000) -> gd.Graph:
    """A random DAG: each node of a layer adds the tanh of one node of the last to another."""
    rng = np.random.default_rng(0)
    g = gd.Graph("layered")
    layer = [g.parameter(f"w{i}") for i in range(width)]
    for _ in range(count // (2 * width)):
        left, right = rng.integers(width, size=(2, width))
        layer = [np.tanh(layer[i]) + layer[j] for i, j in zip(left, right, strict=True)]
    g.output("J", sum(layer[1:], layer[0]))
    return g


def parameters(count: int) -> gd.Graph:
    """A sum of squares of as many parameters as that."""
    g = gd.Graph("parameters")
    squares = [g.parameter(f"w{i}") ** 2 for i in range(count)]
    g.output("J", sum(squares[1:], squares[0]))
    return g


def outputs(count: int) -> gd.Graph:
    """A chain every value of which is an output."""
    g = gd.Graph("outputs")
    h = g.parameter("w", (4,))
    for i in range(count):
        h = g.output(f"h{i}", np.tanh(h))
    g.output("J", h.sum())
    return g


def terms(count: int) -> gd.Graph:
    """A sum of as many multiples of one parameter."""
    g = gd.Graph("terms")
    w = g.parameter("w", (4,))
    parts = [w * float(i) for i in range(2, count + 2)]
    g.output("J", np.sum(sum(parts[1:], parts[0])))
    return g


def seconds(declare: Callable[[int], gd.Graph], count: int) -> dict[str, float]:
    gc.collect()
    times = [time.process_time()]
    g = declare(count)
    times.append(time.process_time())
    G = gd.gradient(g, of="J", disconnected="zero")
    assert G.report().products == G.report().path_edges
    times.append(time.process_time())
    f = gd.compile(G)
    times.append(time.process_time())
    specs = {name: parameter.spec for name, parameter in g.parameters.items()}
    shapes = {name: [2 if isinstance(n, str) else n for n in s.shape] for name, s in specs.items()}
    found = f(**{name: np.full(shape, 0.5) for name, shape in shapes.items()})
    times.append(time.process_time())
    assert np.isfinite(found["J"])
    return dict(zip(STAGES, np.diff(times).tolist(), strict=True))


def best(declare: Callable[[int], gd.Graph], count: int) -> dict[str, float]:
    """The least time of each stage in three runs."""
    runs = [seconds(declare, count) for _ in range(3)]
    return {stage: min(run[stage] for run in runs) for stage in STAGES}


@pytest.mark.parametrize("declare", [chain, layered])
def test_time_is_linear_in_nodes(declare: Callable[[int], gd.Graph]) -> None:
    seconds(declare, 2_000)  # what is done once is done: sympy's derivatives, imports
    least = best(declare, 10_000)
    large = best(declare, 100_000)
    print(f"\n{declare.__name__}: 10,000 and 100,000 nodes")
    for stage in STAGES:
        ratio = large[stage] / least[stage]
        print(f"  {stage:8}  {least[stage]:7.3f} s  {large[stage]:7.2f} s  ratio {ratio:5.1f}")
    all_small, all_large = sum(least.values()), sum(large.values())
    ratio = all_large / all_small
    print(f"  {'all':8}  {all_small:7.3f} s  {all_large:7.2f} s  ratio {ratio:5.1f}")
    assert ratio <= 12


def sizes(count: int) -> gd.Graph:
    """A sum of squares of as many arrays, each with a named dimension of its own."""
    g = gd.Graph("sizes")
    squares = [np.sum(g.parameter(f"w{i}", (f"d{i}",)) ** 2) for i in range(count)]
    g.output("J", sum(squares[1:], squares[0]))
    return g


@pytest.mark.parametrize(
    ("declare", "count"), [(parameters, 2_000), (outputs, 2_000), (terms, 2_000), (sizes, 500)]
)
def test_no_node_has_too_many_neighbours(declare: Callable[[int], gd.Graph], count: int) -> None:
    """Four times the arguments, results or users take less than six times as long."""
    seconds(declare, 500)
    ratio = sum(best(declare, 4 * count).values()) / sum(best(declare, count).values())
    print(f"\n{declare.__name__}: {count:,} and {4 * count:,}, ratio {ratio:.1f}")
    assert ratio <= 6
