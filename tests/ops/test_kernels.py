"""The numerical functions that NumPy lacks, against SciPy over the whole range of floats."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdiff.ops import OPS, kernels
from graphdiff.ops.op import Op
from tests.ops.rows import ROWS

EXTREMES = [-np.inf, -1e4, -800.0, -40.0, -1e-300, -0.0, 0.0, 5e-324, 30.0, 800.0, 1e4, np.inf]
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def everywhere() -> np.ndarray[Any, Any]:
    """Values dense where the error function changes, and spread over all exponents."""
    small = np.geomspace(1e-300, 1.0, 5_001)
    return np.concatenate([np.linspace(-7, 7, 100_001), small, -small, EXTREMES])


def test_erf_is_within_a_few_units_in_the_last_place() -> None:
    x = everywhere()
    np.testing.assert_allclose(kernels.erf(x), scipy.special.erf(x), rtol=1e-15, atol=0)
    assert np.signbit(kernels.erf(np.array(-0.0)))
    assert np.isnan(kernels.erf(np.array(np.nan)))


def test_sigmoid_is_accurate_in_both_tails() -> None:
    x = everywhere()
    np.testing.assert_allclose(kernels.sigmoid(x), scipy.special.expit(x), rtol=1e-15, atol=0)
    assert np.isnan(kernels.sigmoid(np.array(np.nan)))


@pytest.mark.parametrize("kernel", [kernels.erf, kernels.sigmoid])
def test_float32_is_as_good_as_float32_can_be(kernel: Callable[..., Any]) -> None:
    x = np.linspace(-9, 9, 100_001, dtype=np.float32)
    found = kernel(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, kernel(x.astype(np.float64)), rtol=4e-7)


@DTYPES
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_reductions_neither_overflow_nor_underflow(name: str, dtype: str) -> None:
    rows = [[-800, 800, 0], [1e4, 1e4, -1e4], [-np.inf, 0, 1], [-800, -801, -802], [0, 0, 1e-7]]
    x = np.array(rows, dtype)
    for axis in (-1, 0, None, (0, 1)):
        found = getattr(kernels, name)(x, axis=axis)
        assert found.dtype == dtype
        expected = getattr(scipy.special, name)(x.astype(np.float64), axis=axis)
        rtol = 1e-14 if dtype == "float64" else 1e-6
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-30)


def test_logsumexp_of_infinities_is_what_the_limit_is() -> None:
    rows = [[-np.inf] * 3, [np.inf, 0, 800], [np.inf, np.inf, -np.inf], [np.inf, 1e4, 1e5]]
    found = kernels.logsumexp(np.array(rows), axis=1)
    np.testing.assert_array_equal(found, [-np.inf, np.inf, np.inf, np.inf])
    shares = np.array([[1 / 3] * 3, [1, 0, 0], [0.5, 0.5, 0], [1, 0, 0]])
    for dtype in ("float64", "float32"):
        softmax = kernels.softmax(np.array(rows, dtype), axis=1)
        assert softmax.dtype == dtype
        np.testing.assert_allclose(softmax, shares, rtol=1e-7)


@DTYPES
@pytest.mark.parametrize("name", ["erf", "sigmoid", "softmax", "log_softmax", "logsumexp"])
def test_no_elements(name: str, dtype: str) -> None:
    x, kernel = np.zeros((0, 3), dtype), getattr(kernels, name)
    found = kernel(x) if name in ("erf", "sigmoid") else kernel(x, axis=1)
    assert found.shape == ((0,) if name == "logsumexp" else (0, 3))
    assert found.dtype == dtype


# Those of loops are run in the files of tests/lower and tests/graph/test_loops.py.
KERNELS = [op for op in OPS.values() if op.kernel and not op.bodies]


@pytest.mark.parametrize("op", KERNELS, ids=lambda op: op.name)
def test_a_kernel_stands_on_its_own(op: Op) -> None:
    assert op.kernel is not None
    assert op.kernel.__doc__
    assert not op.kernel.__annotations__
    alone: dict[str, Any] = {"np": np}
    exec(inspect.getsource(op.kernel), alone)
    copied = replace(op, kernel=alone[op.kernel.__name__])
    row = next(row for row in ROWS if row.op == op.name)
    values, params = row.draw(0), row.cases[0][1]
    np.testing.assert_array_equal(
        copied.evaluate(*values, **params), op.evaluate(*values, **params), strict=True
    )


QUICK = {op.name: op for op in KERNELS if op.quick_kernel}
TRIPLES = [*itertools.product([-np.inf, -800.0, -0.0, 1.0, np.inf, np.nan], repeat=3)]


def outcome(call: Callable[[], Any]) -> tuple[Any, set[str]]:
    """The value, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        value = call()
    return value, {str(warning.message).split(" encountered")[0] for warning in caught}


@DTYPES
@pytest.mark.parametrize("rows", [TRIPLES, [[0.5, 2.0, -3.0]], [[np.nan, 1.0, 2.0]], []])
@pytest.mark.parametrize("name", ["sigmoid", "logsumexp", "softmax", "log_softmax"])
def test_quick_kernels_give_the_same_bits_and_warnings(name: str, rows: Any, dtype: str) -> None:
    kernel, quick = QUICK[name].kernel, QUICK[name].quick_kernel
    assert kernel is not None
    assert quick is not None
    x = np.array(rows, dtype).reshape(-1, 3)
    reduced = {"axis": 1} if name != "sigmoid" else {}
    wanted, warned = outcome(lambda: kernel(x, **reduced))
    place = np.full_like(wanted, 7.0)
    for out in (None, place):
        found, also = outcome(lambda out=out: quick(x, **reduced, out=out))
        np.testing.assert_array_equal(found, wanted, strict=True)
        numbers = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(wanted[numbers]))
        assert also <= warned
        assert out is None or found is out
    for row in x[:20]:
        whole = {"axis": None} if reduced else {}
        for value in (row, row[0]):  # in loops there are numbers, too
            wanted, _ = outcome(lambda value=value, whole=whole: kernel(value, **whole))
            found, _ = outcome(lambda value=value, whole=whole: quick(value, **whole))
            np.testing.assert_array_equal(found, wanted, strict=True)
            assert type(found) is type(wanted)


def test_the_quick_sigmoid_may_write_over_its_operand() -> None:
    z = np.linspace(-5, 5, 11)
    wanted = kernels.sigmoid(z)
    assert OPS["sigmoid"].quick_kernel(z, out=z) is z  # type: ignore[misc]  # it has one
    np.testing.assert_array_equal(z, wanted)


@pytest.mark.parametrize("op", QUICK.values(), ids=QUICK)
def test_a_quick_kernel_stands_on_its_own(op: Op) -> None:
    assert op.kernel is not None
    assert op.quick_kernel is not None
    assert op.quick_kernel.__doc__
    assert not op.quick_kernel.__annotations__
    assert op.quick_kernel.__name__ == op.kernel.__name__
    alone: dict[str, Any] = {"np": np}
    exec(inspect.getsource(op.quick_kernel), alone)
    copied = replace(op, kernel=alone[op.kernel.__name__])
    row = next(row for row in ROWS if row.op == op.name)
    values, params = row.draw(0), row.cases[0][1]
    np.testing.assert_array_equal(
        copied.evaluate(*values, **params), op.evaluate(*values, **params), strict=True
    )


FLOATS = st.floats(-1e3, 1e3, allow_nan=False)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=FLOATS))
def test_softmax_sums_to_one_and_is_the_exponential_of_its_log(x: np.ndarray[Any, Any]) -> None:
    p = kernels.softmax(x, axis=1)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(np.exp(kernels.log_softmax(x, axis=1)), p, rtol=1e-12, atol=1e-300)


def test_scatter_adds_where_an_index_comes_twice() -> None:
    found = kernels.scatter_add(np.array([1.0, 2.0, 4.0]), (3,), np.array([0, 0, -1]))
    np.testing.assert_array_equal(found, [3.0, 0.0, 4.0])
    found = kernels.scatter_add_along_axis(
        np.array([[1.0, 2.0]]), np.array([[1, 1]]), (1, 3), 1
    )  # fmt: skip
    np.testing.assert_array_equal(found, [[0.0, 3.0, 0.0]])


def test_place_puts_a_slice_back() -> None:
    x = np.arange(12.0).reshape(4, 3)
    for index in (np.s_[1], np.s_[::-2, 1:], np.s_[..., -1], np.s_[None, 2:]):
        found = kernels.place(x[index], x.shape, index)
        assert found.shape == x.shape
        np.testing.assert_array_equal(found[index], x[index])
        assert found.sum() == x[index].sum()


@pytest.mark.parametrize("n", [0, 1, 2, 5, 9])
def test_spherical_bessel_functions_equal_those_of_scipy(n: int) -> None:
    z = np.concatenate([np.linspace(-30, 30, 1001), np.geomspace(1e-30, 1, 100), [0.0]])
    wanted = scipy.special.spherical_jn(n, z)
    np.testing.assert_allclose(kernels.spherical_jn(z, n), wanted, rtol=1e-10, atol=1e-14)
    assert kernels.spherical_jn(z.astype(np.float32), n).dtype == np.float32
