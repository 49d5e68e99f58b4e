"""Attention against its formula, head by head."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import graphdiff as gd
from tests.nn.running import run

RNG = np.random.default_rng(1)


def test_attention_reads_by_content() -> None:
    q, k, v = RNG.normal(size=(3, 4)), RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2))
    g = gd.Graph()
    tensors = g.input("q", (3, 4)), g.input("k", (6, 4)), g.input("v", (6, 2))
    g.output("r", gd.nn.attention(*tensors))
    expected = special.softmax(q @ k.T / 2, axis=1) @ v
    np.testing.assert_allclose(gd.compile(g)(q=q, k=k, v=v)["r"], expected, rtol=1e-13)
    mask = np.tri(3, 6, dtype=bool)
    g.output("masked", gd.nn.attention(*tensors, mask=mask))
    expected = special.softmax(np.where(mask, q @ k.T / 2, -np.inf), axis=1) @ v
    np.testing.assert_allclose(gd.compile(g)(q=q, k=k, v=v)["masked"], expected, rtol=1e-13)


def test_several_heads_read_each_with_its_own_columns() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 5, 6))
    mask = np.tri(5, dtype=bool)
    h = gd.nn.multi_head_attention(x, 2, scope="s", mask=mask, rng=np.random.default_rng(0))
    data = RNG.normal(size=(3, 5, 6))
    found, p = run(h, x=data)
    for example, result in zip(data, found, strict=True):
        read = []
        for head in (slice(0, 3), slice(3, 6)):
            q, k, v = (example @ p[f"s/W{name}"][:, head] for name in "qkv")
            scores = np.where(mask, q @ k.T / np.sqrt(3), -np.inf)
            read.append(special.softmax(scores, axis=1) @ v)
        np.testing.assert_allclose(result, np.hstack(read) @ p["s/Wo"], rtol=1e-12, atol=1e-14)
    for heads in (4, 0):
        with pytest.raises(gd.ShapeError, match=f"a multiple of heads={heads}"):
            gd.nn.multi_head_attention(x, heads, scope="other")
