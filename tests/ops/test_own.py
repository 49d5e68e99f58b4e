"""Ops that a user declares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import graphdiff as gd


def bessel(order, x):  # type: ignore[no-untyped-def]  # it is copied into generated files
    """The sum of the series of I_order; enough terms for small arguments."""
    total = term = (x / 2) ** order
    for k in range(1, 30):
        term = term * (x / 2) ** 2 / (k * (k + order))
        total = total + term
    return total


def scipys(x):  # type: ignore[no-untyped-def]  # a kernel is copied into files
    return special.i0(x)


@gd.op(numpy="bessel(1, {x})", vjp=None, kernel=bessel, elementwise=True)
def bessel_i1(x: gd.Spec) -> gd.Spec:
    return x


@gd.op(
    numpy="np.i0({x})",
    vjp=lambda g, y, x: g * bessel_i1(x),
    elementwise=True,
    formula="I₀({x})",
    convention="smooth",
)
def bessel_i0(x: gd.Spec) -> gd.Spec:
    return x


@gd.op(numpy="{a} @ {b} + {k}", vjp=(lambda g, y, a, b, k: g @ b.T, None))
def shifted(a: gd.Spec, b: gd.Spec, *, k: float = 0.0) -> gd.Spec:
    return gd.Spec((a.shape[0], b.shape[1]), a.dtype)


def test_it_is_differentiated_by_its_rule_and_its_broadcasting_is_undone() -> None:
    x, w = np.array([0.1, 0.5, 1.5]), np.array([[0.3], [0.2]])
    dx, dw = gd.grad(lambda x, w: np.sum(bessel_i0(w * x + w)), argnums=(0, 1))(x, w)
    slope = special.i1(w * x + w)
    np.testing.assert_allclose(dx, (slope * w).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dw, (slope * (x + 1)).sum(axis=1, keepdims=True), rtol=1e-12)


def test_forward_mode_and_vmap_use_it() -> None:
    x = np.array([0.2, 0.9])
    _, tangent = gd.jvp(bessel_i0, (x,), (np.array([1.0, 2.0]),))
    np.testing.assert_allclose(tangent, special.i1(x) * [1.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(
        gd.vmap(lambda v: bessel_i0(v) * 2.0)(x), 2 * special.i0(x), rtol=1e-14
    )


def test_arrays_are_taken_as_well_as_tensors() -> None:
    np.testing.assert_allclose(bessel_i0(np.array([0.0, 1.0])), special.i0([0.0, 1.0]), rtol=1e-14)


def test_operands_get_parentheses_where_their_place_needs_them() -> None:
    a, b = np.eye(2), np.ones((2, 2))
    f = gd.jit(lambda a, b: shifted(a + 1.0, b * 2.0, k=0.5) * 3.0)
    np.testing.assert_allclose(f(a, b), ((a + 1) @ (b * 2) + 0.5) * 3)
    assert "((a + 1.0) @ (b * 2.0) + 0.5) * 3.0" in f.source(a, b)
    assert "np.i0(x + 1.0)" in gd.jit(lambda x: bessel_i0(x + 1.0)).source(1.0)


def test_an_operand_without_a_rule_has_no_derivative() -> None:
    a, b = np.eye(2), np.ones((2, 2))
    da, db = gd.grad(lambda a, b: np.sum(shifted(a, b)), argnums=(0, 1))(a, b)
    np.testing.assert_allclose(da, 2.0)
    np.testing.assert_allclose(db, 0.0)


def test_to_differentiate_one_without_rules_is_an_error() -> None:
    with pytest.raises(gd.GradientError, match=r"'bessel_i1' has no derivative(.|\n)*vjp="):
        gd.grad(lambda x: bessel_i1(x))(1.0)


def test_the_generated_file_runs_alone(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    g = gd.trace(lambda x: bessel_i0(x), gd.Spec((), np.dtype("float64")))
    gd.compile(gd.gradient(g, of="out", wrt="x")).save(path)
    code = "import own; print(repr(float(own.value_and_grad(np.float64(0.5))[1]['x'])))"
    hidden = "import sys, numpy as np; sys.modules['graphdiff'] = None"
    run = subprocess.run(
        [sys.executable, "-c", f"{hidden}; {code}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    np.testing.assert_allclose(float(run.stdout), special.i1(0.5), rtol=1e-12)


def test_a_graph_holds_its_ops_and_a_file_holds_their_names(tmp_path: Path) -> None:
    g = gd.trace(lambda x: bessel_i0(x), 1.0)
    assert gd.Graph.from_networkx(g.dag).op("out") is bessel_i0
    assert g.copy().op("out") is bessel_i0
    g.save(tmp_path / "g.json")
    assert gd.load(tmp_path / "g.json", ops=[bessel_i0]).op("out") is bessel_i0
    with pytest.raises(gd.GraphError, match=r"node 'out': there is no op 'bessel_i0'"):
        gd.load(tmp_path / "g.json")


def test_two_ops_of_one_name_do_not_meet_in_a_graph() -> None:
    def declared() -> gd.Op:
        @gd.op(numpy="np.abs({x})")
        def twin(x: gd.Spec) -> gd.Spec:
            return x

        return twin

    first, second = declared(), declared()
    with pytest.raises(gd.GraphError, match="two ops are called 'twin'"):
        gd.trace(lambda x: first(x) + second(x), 1.0)


def test_wrong_declarations_are_refused() -> None:
    def tanh(x: gd.Spec) -> gd.Spec:
        return x

    def two(a: gd.Spec, b: gd.Spec) -> gd.Spec:
        return a

    with pytest.raises(gd.GraphError, match="there is an op 'tanh' already"):
        gd.op(numpy="np.tanh({x})")(tanh)
    with pytest.raises(gd.GraphError, match="2 operands and 1 rules"):
        gd.op(numpy="{a} + {b}", vjp=lambda g, y, a, b: g)(two)
    with pytest.raises(gd.GraphError, match=r"mentions \{c\}"):
        gd.op(numpy="{a} + {c}")(two)
    with pytest.raises(gd.GraphError, match="not an expression"):
        gd.op(numpy="{a} = {b}")(two)
    with pytest.raises(gd.GraphError, match=r"cannot stand alone(.|\n)*special"):
        gd.op(numpy="scipys({a})", kernel=scipys)(two)
    with pytest.raises(gd.GraphError, match="cannot be copied"):
        gd.op(numpy="f({a})", kernel=lambda a: a)(two)
