"""What it takes to prove which order of vertices is best.

python -m pytest tests/benchmarks/test_elimination.py -s
"""

from __future__ import annotations

import time

import numpy as np

from graphdiff.autodiff.elimination_subsets import least_order


def structure(count: int) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """The predecessors and successors of vertices with two operands each among the five before."""
    rng = np.random.default_rng(0)
    total = count + 8  # four arguments and four results
    before: list[frozenset[int]] = []
    for v in range(count):
        near = [*range(max(0, v - 5), v), *(range(count, count + 4) if v < 4 else ())]
        before.append(frozenset(rng.choice(near, size=2, replace=False).tolist()))
    used = frozenset[int]().union(*before)
    ends = [v for v in range(count) if v not in used]
    before += [frozenset()] * 4 + [frozenset(ends[i::4]) for i in range(4)]
    after = [frozenset(w for w in range(total) if v in before[w]) for v in range(total)]
    return before, after


def test_twenty_five_vertices_take_seconds() -> None:
    print()
    for count in (15, 20, 22, 25):
        before, after = structure(count)
        began = time.process_time()
        _, cost = least_order(count, before, after)
        seconds = time.process_time() - began
        print(f"  {count} vertices: {cost} multiplications at the least, {seconds:.2f} s")
    assert seconds < 20
