"""Every op's value, shape and dtype against JAX."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops import OPS, control
from graphdiff.ops.spec import Spec
from tests.ops import rows_complex
from tests.ops.rows import ROWS
from tests.ops.table import Row, as_dtype

CASES = [
    pytest.param(row, case, id=f"{row.op}-{case}") for row in ROWS for case in range(len(row.cases))
]


@cache
def expected(row: Row, case: int) -> np.ndarray[Any, Any]:
    params = row.cases[case][1]
    return np.asarray(jax.jit(lambda *values: row.other(*values, **params))(*row.draw(case)))


def test_the_table_has_one_row_for_every_op_with_operands() -> None:
    rows = ROWS[: -len(rows_complex.ROWS)]
    assert [row.op for row in rows] == [
        op.name for op in OPS.values() if op.operands and op not in control.OPS
    ]


def test_the_table_has_a_complex_row_for_every_op_that_takes_complex_values() -> None:
    takes = {op.name for op in OPS.values() if op.complex and op not in control.OPS}
    parts = {"real", "imag", "conjugate"}  # whose rows are complex as they are
    assert {row.op for row in rows_complex.ROWS} == takes - parts


@pytest.mark.parametrize("row", ROWS[: -len(rows_complex.ROWS)], ids=lambda row: row.op)
def test_an_op_that_does_not_say_so_refuses_complex_values(row: Row) -> None:
    op, params = OPS[row.op], row.cases[0][1]
    arrays = row.draw(0)
    floats = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
    if op.complex or not floats:
        return
    arrays[floats[0]] = arrays[floats[0]] + 0j
    with pytest.raises(gd.DTypeError, match=f"{op.name}: complex values are not taken"):
        op.evaluate(*arrays, **params)
    g = gd.Graph()
    operands = [g.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    with pytest.raises(gd.DTypeError, match="complex values are not taken") as caught:
        g.apply(op.name, operands, params)
    assert "test_values.py:" in str(caught.value)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("row", "case"), CASES)
def test_value_and_inferred_spec(row: Row, case: int, dtype: str) -> None:
    arrays = [as_dtype(array, dtype) for array in row.draw(case)]
    op, params = OPS[row.op], row.cases[case][1]
    value = op.evaluate(*arrays, **params)
    rtol = 1e-12 if dtype == "float64" else 2e-5
    wanted = expected(row, case)
    size = np.max(np.abs(wanted), initial=1.0)  # of which a sum of many terms can be a small part
    np.testing.assert_allclose(value, wanted, rtol=rtol, atol=rtol * 0.01 * size)

    specs = tuple(Spec.of(array.shape, array.dtype) for array in arrays)
    params = op.complete(params, specs)
    spec = op.infer(*specs, **params)
    theirs = jax.eval_shape(lambda *values: row.other(*values, **row.cases[case][1]), *arrays)
    assert spec.shape == value.shape == theirs.shape
    assert spec.dtype == value.dtype == theirs.dtype
    assert op.complete(params, specs) == params  # what is in its one form stays so
