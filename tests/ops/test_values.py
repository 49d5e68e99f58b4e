"""Every op's value, shape and dtype against JAX."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

from graphdiff.ops import OPS, control
from graphdiff.ops.spec import Spec
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
    assert [row.op for row in ROWS] == [
        op.name for op in OPS.values() if op.operands and op not in control.OPS
    ]


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
