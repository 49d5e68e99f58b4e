"""An op is one declaration: its operands, its parameters, and what it is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops import ALIASES, OPS, find
from graphdiff.ops.op import Op


def test_ops_have_different_names_and_aliases_are_no_ops() -> None:
    assert all(name == op.name for name, op in OPS.items())
    assert not OPS.keys() & ALIASES.keys()
    assert set(ALIASES.values()) <= OPS.keys()
    assert find("amax") is OPS["max"]


@pytest.mark.parametrize("name", ["tahn", "", None, 3, ["tanh"]])
def test_unknown_ops(name: Any) -> None:
    with pytest.raises(gd.GraphError, match="there is no op"):
        find(name)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_a_declaration_is_complete(op: Op) -> None:
    assert repr(op).startswith(f"<op {op.name}(")
    if op.vjp is not None and isinstance(op.vjp, tuple):
        assert len(op.vjp) == len(op.operands)
    if op.expression is not None:
        assert op.elementwise


def test_an_op_computes_on_arrays_and_adds_nodes_to_graphs() -> None:
    tanh = OPS["tanh"]
    assert tanh(np.array([0.0, 1.0])).tolist() == np.tanh([0.0, 1.0]).tolist()
    assert tanh(1.0) == np.tanh(1.0)
    x = gd.Graph().input("x", (2,))
    assert tanh(x).spec == x.spec
    assert OPS["add"](np.ones(2), x).operands[1].name == x.name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OPS["tanh"].evaluate(), "tanh: wrong number of operands"),
        (lambda: OPS["tanh"].evaluate(1.0, axis=0), "tanh: there is no parameter 'axis'"),
        (lambda: OPS["concatenate"].evaluate(), "nothing to concatenate"),
        (lambda: OPS["sum"].evaluate(np.ones(2), axis=3), "there is no axis 3"),
        (lambda: OPS["reshape"].evaluate(np.ones(2)), "reshape: the parameter 'shape' is missing"),
        (lambda: OPS["tanh"].evaluate("a"), "dtype not supported"),
        (lambda: OPS["add"].evaluate(np.ones(2), np.ones(3)), "do not broadcast together"),
    ],
)
def test_wrong_calls(call: Any, message: str) -> None:
    with pytest.raises(gd.GraphdiffError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_op.py:" in str(caught.value)


def test_variadic_ops() -> None:
    assert (OPS["concatenate"].variadic, OPS["concatenate"].fixed) == (True, 0)
    assert (OPS["gather"].variadic, OPS["gather"].fixed) == (True, 1)
    assert (OPS["add"].variadic, OPS["add"].fixed) == (False, 2)
    assert (OPS["input"].variadic, OPS["input"].fixed) == (False, 0)


def test_an_operation_of_complex_numbers_counts_as_four() -> None:
    real, other = gd.Spec.of((3, 3)), gd.Spec.of((3, 3), complex)
    for op, once in (("add", 9), ("matmul", 54), ("sum", 9)):
        count = 2 - (op == "sum")
        assert OPS[op].work(real, *[real] * count) == once
        assert OPS[op].work(other, *[other] * count) == 4 * once
    assert OPS["abs"].work(real, other) == 36
    assert OPS["fft"].work(other, real) == 4 * 3 * 9 * 4 // 2
