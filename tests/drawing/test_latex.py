"""Formulas as LaTeX: the ones a person would write, and none that LaTeX could not read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import graphdiff as gd
from graphdiff.drawing.notation_tex import symbol
from tests.drawing import networks
from tests.ops.rows import ROWS
from tests.ops.table import Row

READER: Any = MathTextParser("path")


def check(formulas: gd.Formulas) -> None:
    """matplotlib's reader of LaTeX takes every line, and braces match."""
    for line in formulas.lines:
        for text in line:
            READER.parse(f"${text}$")
            assert text.count("{") == text.count("}")


XOR = r"""
\begin{aligned}
\mathbf{a} &= \mathbf{x}\,\mathbf{W} + \mathbf{c} \\
\mathbf{h} &= \max(0, \mathbf{a}) \\
\mathbf{e} &= \mathbf{h}\,\mathbf{w} + b - \mathbf{y} \\
J &= \operatorname{mean}(\mathbf{e}^{2}) \\[1.5ex]
∂e &= (2/t)\,\mathbf{e} \\
∂b &= \sum ∂e \\
∂h &= ∂e\,\mathbf{w}^{\top} \\
∂w &= \mathbf{h}^{\top}\,∂e \\
∂a &= ∂h \odot (\mathbf{a} > 0) \\
∂c &= \sum_{\text{axis 0}}\,∂a \\
∂W &= \mathbf{x}^{\top}\,∂a
\end{aligned}
"""


def test_the_network_of_the_tutorial() -> None:
    text = str(gd.latex(networks.xor()))
    for name in "ehwacW":
        text = text.replace(rf"\frac{{\partial J}}{{\partial \mathbf{{{name}}}}}", f"∂{name}")
    assert text.replace(r"\frac{\partial J}{\partial b}", "∂b") == XOR.strip()


@pytest.mark.parametrize(
    ("name", "ndim", "scope", "expected"),
    [
        ("J", 0, [], "J"),
        ("W1", 2, [], r"\mathbf{W}_{1}"),
        ("y_hat", 1, [], r"\hat{\mathbf{y}}"),
        ("x_train", 2, [], r"\mathbf{x}_{\mathrm{train}}"),
        ("theta", 0, [], r"\theta"),
        ("λ", 0, [], r"\lambda"),
        ("theta", 1, [], r"\boldsymbol{\theta}"),
        ("cost", 0, [], r"\mathrm{cost}"),
        ("h", 2, ["block1", "inner"], r"\mathbf{h}_{\mathrm{block1},\mathrm{inner}}"),
        ("W", 2, ["1"], r"\mathbf{W}_{1}"),
        ("50% {off} \\x", 0, ["a b"], r"\mathrm{50}_{\mathrm{off},x,\mathrm{a\_b}}"),
    ],
)
def test_symbols(name: str, ndim: int, scope: list[str], expected: str) -> None:
    assert symbol(name, ndim, scope) == expected


def formula(h: Any) -> str:
    h.graph.output("h", h)
    ((_, text),) = gd.latex(h.graph, rewrites=()).lines
    return text


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x, w: x**1.5, r"\mathbf{x}^{1.5}"),
        (lambda x, w: x**-0.5, r"\mathbf{x}^{-0.5}"),
        (lambda x, w: x ** (w + 1.0), r"\mathbf{x}^{w + 1}"),
        (lambda x, w: 1e-7 * x, r"10^{-7}\,\mathbf{x}"),
        (lambda x, w: 2.5e-7 * x, r"2.5 \cdot 10^{-7}\,\mathbf{x}"),
        (lambda x, w: x * w * 2.0, r"\mathbf{x} \odot w \cdot 2"),
        (lambda x, w: w * (1.0 - w), r"w\,(1 - w)"),
        (lambda x, w: np.sqrt(np.abs(x) + 1.0), r"\sqrt{\vert \mathbf{x}\vert + 1}"),
        (lambda x, w: gd.special.sigmoid(x), r"\sigma(\mathbf{x})"),
        (lambda x, w: gd.special.softplus(-x), r"\zeta(-\mathbf{x})"),
        (lambda x, w: np.sum(x, axis=0), r"\sum_{\text{axis 0}}\,\mathbf{x}"),
        (
            lambda x, w: np.sum(x[None], axis=(0, 2)),
            r"\sum_{\text{axes 0,2}}\,\mathbf{x}",
        ),
        (lambda x, w: x.T @ x, r"\mathbf{x}^{\top}\,\mathbf{x}"),
        (lambda x, w: np.linalg.norm(x), r"\Vert \mathbf{x}\Vert"),
        (lambda x, w: x > w, r"\mathbf{x} > w"),
    ],
)
def test_formulas(make: Any, expected: str) -> None:
    g = gd.Graph()
    assert formula(make(g.input("x", (3, 3)), g.input("w"))) == expected


def test_a_derivative_is_put_in_brackets_before_it_is_transposed() -> None:
    g = gd.Graph()
    W = g.parameter("W", (2, 3))
    g.output("J", np.sum(np.tanh(W)))
    G = gd.gradient(g, of="J")
    G.output("V", G["dJ/dW"].T @ G["W"])
    assert r"\left(\frac{\partial J}{\partial \mathbf{W}}\right)^{\top}" in str(gd.latex(G))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.op)
def test_every_op_can_be_read(row: Row) -> None:
    g = gd.Graph()
    values = row.draw(0)
    tensors = [g.parameter(f"x{i}", v.shape, v.dtype, v) for i, v in enumerate(values)]
    h = g.apply(row.op, tensors, row.cases[0][1])
    g.output("h", h)
    check(gd.latex(g, rewrites=()))
    if g["h"].dtype.kind == "f" and g["h"].ndim == 0:
        check(gd.latex(gd.gradient(g, of="h", disconnected="zero")))


@pytest.mark.parametrize("make", [networks.chain, networks.layers, networks.softmax, networks.odd])
def test_networks_can_be_read(make: Any) -> None:
    check(gd.latex(make()))


def test_second_derivatives() -> None:
    g = gd.Graph()
    w = g.parameter("w")
    g.output("J", np.tanh(w))
    G = gd.gradient(gd.gradient(g, of="J"), of="dJ/dw", wrt="w")
    formulas = gd.latex(G)
    check(formulas)
    assert r"\frac{\partial \frac{\partial J}{\partial w}}{\partial w}" in str(formulas)


def test_a_notebook_shows_formulas() -> None:
    formulas = gd.latex(networks.xor())
    assert formulas._repr_latex_() == f"$$\n{formulas}\n$$"


def test_only_graphs_have_formulas() -> None:
    with pytest.raises(gd.DrawError, match="only a graph"):
        gd.latex("xor")  # type: ignore[arg-type]  # refused


def test_a_conjugate_has_a_line_above() -> None:
    g = gd.Graph()
    z = g.parameter("z", ("t",), complex)
    g.output("J", np.real(np.sum(np.conj(z * (1 - 2j)) * np.sqrt(np.conj(z)))))
    found = gd.latex(g)
    check(found)
    assert r"\overline{\mathbf{z} \odot (1 - 2i)}" in str(found)
    assert r"\sqrt{\overline{\mathbf{z}}}" in str(found)
