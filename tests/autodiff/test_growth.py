"""How the number of paths grows with depth, in closed form."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import sympy

import graphdiff as gd
from graphdiff.autodiff.growth import depth, growth


def test_pairs_of_products_double_with_each_layer() -> None:
    g = gd.Graph()
    w = g.input("w")
    a, b = w * 1.0, w * 2.0
    for _ in range(9):
        a, b = a + b, a * b
    g.output("z", a * b)
    found = gd.blowup(g, of="z", wrt="w")
    assert found.growth == 2 ** depth()
    assert found.levels[-2] == (2**10, 2 + 4 * 9)
    assert found.levels[-1] == (found.paths, found.products)


def test_squares_and_residual_blocks() -> None:
    g = gd.Graph()
    z = g.input("w")
    for _ in range(20):
        z = z * z
    assert gd.blowup(g, z, "w").growth == 2 ** depth()
    g = gd.Graph()
    h = g.input("w")
    for _ in range(12):
        h = h + np.tanh(h)
    found = gd.blowup(g, h, "w")
    assert found.growth == 2 ** sympy.floor(depth() / 2)
    assert [found.growth.subs(depth(), d) for d in range(9)] == [n for n, _ in found.levels[:9]]


def test_a_chain_has_one_path() -> None:
    g = gd.Graph()
    h = g.input("w")
    for _ in range(400):
        h = np.sin(h)
    found = gd.blowup(g, h, "w")
    assert found.growth == 1
    assert len(found.levels) == 256


@pytest.mark.parametrize("seed", range(60))
def test_solutions_of_recurrences_are_found_and_exact(seed: int) -> None:
    rng = random.Random(seed)
    order = rng.choice((1, 2, 2, 3))
    rule = [rng.randint(0, 3) for _ in range(order)]
    terms = [rng.randint(1, 5) for _ in range(order)]
    while len(terms) < 14:
        terms.append(sum(c * t for c, t in zip(rule, terms[::-1], strict=False)))
    found = growth(terms)
    if order < 3:  # a cubic may have no roots to write down
        assert found is not None or rule[-1] == 0 or rule[0] ** 2 + 4 * rule[-1] < 0
    if found is not None:
        values = [sympy.simplify(found.subs(depth(), d)) for d in range(14)]
        assert values == terms


def test_what_follows_no_rule_has_no_form() -> None:
    rng = random.Random(1)
    assert growth([rng.randint(1, 99) for _ in range(40)]) is None
    assert growth([1, 2]) is None


def test_a_chart(tmp_path: Path) -> None:
    g = gd.Graph()
    z = g.input("w")
    for _ in range(3000):
        z = z * z
    found = gd.blowup(g, z, "w")  # its numbers are beyond a float
    found.plot(tmp_path / "blowup.svg")
    assert (tmp_path / "blowup.svg").stat().st_size > 5000
    with pytest.raises(gd.DrawError, match="no path"):
        gd.blowup(g, "w", "w").plot(tmp_path / "none.svg")
