"""Where there is no derivative, each op keeps to what its `convention` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops import OPS
from tests.reference import run


def slopes(function: Callable[..., Any], *values: Any) -> list[list[float]]:
    """The derivatives of the sum of a function's values by each argument."""
    g = gd.Graph()
    arrays = {f"x{i}": np.asarray(value, float) for i, value in enumerate(values)}
    tensors = [g.parameter(name, array.shape) for name, array in arrays.items()]
    g.output("J", np.sum(function(*tensors)))
    with np.errstate(all="ignore"):  # where a slope is infinite
        found = run(gd.gradient(g, of="J", disconnected="zero"), **arrays)
    return [found[f"dJ/d{name}"].tolist() for name in arrays]


INF = float("inf")

# Functions, where to look, and the slopes there.
HELD: dict[str, list[tuple[Callable[..., Any], tuple[Any, ...], list[Any]]]] = {
    "power": [
        (lambda a, b: a**b, ([0, 0, 0], [2, 1, 0]), [[0, 1, 0], [0, 0, 0]]),
        (lambda a: a ** np.arange(3), ([0, 0, 0],), [[0, 1, 0]]),
        (lambda a: a**0, ([0, 2],), [[0, 0]]),
        (lambda a: a**3, ([-2, 0],), [[12, 0]]),
    ],
    "sqrt": [(np.sqrt, ([0, 4],), [[INF, 0.25]])],
    "abs": [(np.abs, ([-2, 0, 2],), [[-1, 0, 1]])],
    "sign": [(lambda x: x * np.sign(x), ([-2, 0, 2],), [[-1, 0, 1]])],
    "relu": [(gd.special.relu, ([-1, 0, 1],), [[0, 0, 1]])],
    "hard_tanh": [(gd.special.hard_tanh, ([-2, -1, 0, 1, 2],), [[0, 1, 1, 1, 0]])],
    "maximum": [
        (lambda x: np.maximum(0, x), ([-1, 0, 1],), [[0, 0, 1]]),
        (lambda x: np.maximum(x, np.zeros(3)), ([-1, 0, 1],), [[0, 0, 1]]),
        (lambda x: np.maximum(np.zeros_like(x), x), ([-1, 0, 1],), [[0, 0, 1]]),
        (np.maximum, ([1, 2, 3], [2, 2, 2]), [[0, 0.5, 1], [1, 0.5, 0]]),
        (np.maximum, (2, [1, 2, 3]), [1.5, [0, 0.5, 1]]),
    ],
    "minimum": [
        (lambda x: np.minimum(x, 0), ([-1, 0, 1],), [[1, 0, 0]]),
        (np.minimum, ([1, 2, 3], [2, 2, 2]), [[1, 0.5, 0], [0, 0.5, 1]]),
    ],
    "where": [
        (lambda x: np.where(x > 0, np.sqrt(x), 0), ([0, 4],), [[0, 0.25]]),
        (lambda x: np.where(x > 0, np.log(x), x), ([-1, 0, 2],), [[1, 1, 0.5]]),
        (lambda x: np.where(x == 0, 1, np.sin(x) / x), ([0],), [[0]]),
    ],
    "cbrt": [(np.cbrt, ([-8, 0, 8],), [[1 / 12, INF, 1 / 12]])],
    "hypot": [(np.hypot, ([0, 3], [0, 4]), [[0, 0.6], [0, 0.8]])],
    "arctan2": [(np.arctan2, ([0, 3], [0, 4]), [[0, 0.16], [0, -0.12]])],
    "floor": [(np.floor, ([-1, 0, 0.5],), [[0, 0, 0]])],
    "ceil": [(np.ceil, ([-1, 0, 0.5],), [[0, 0, 0]])],
    "rint": [(np.rint, ([-0.5, 0, 0.5],), [[0, 0, 0]])],
    "trunc": [(np.trunc, ([-1, 0, 0.5],), [[0, 0, 0]])],
    "floor_divide": [(np.floor_divide, ([2, 3], [2, 2]), [[0, 0], [0, 0]])],
    "remainder": [(np.mod, ([-3, 4, 5], [2, 2, 2]), [[1, 1, 1], [2, -2, -2]])],
    "fmod": [(np.fmod, ([-3, 4, 5], [2, 2, 2]), [[1, 1, 1], [1, -2, -2]])],
    "copysign": [(np.copysign, ([-2, 0, 2], [1, 1, -1]), [[-1, 0, -1], [0, 0, 0]])],
    "heaviside": [(np.heaviside, ([-1, 0, 1], [0.5, 0.5, 0.5]), [[0, 0, 0], [0, 1, 0]])],
    "norm": [(OPS["norm"], ([0, 0],), [[0, 0]]), (OPS["norm"], ([3, 4],), [[0.6, 0.8]])],
    "sort": [(lambda x: OPS["sort"](x, axis=0) * np.array([1, 2, 4]), ([1, 0, 1],), [[2, 1, 4]])],
    "cholesky": [
        (lambda x: OPS["cholesky"](x)[1, 0], ([[4, 2], [2, 5]],), [[[-0.125, 0.25], [0.25, 0]]])
    ],
    "eigvalsh": [(lambda x: OPS["eigvalsh"](x)[0], ([[1, 0], [0, 2]],), [[[1, 0], [0, 0]]])],
    "eigenvectors": [(OPS["eigenvectors"], ([[1, 0], [0, 1]],), [[[0, 0], [0, 0]]])],
    "signdet": [(lambda x: OPS["signdet"](x) * x[0, 0], ([[2, 0], [0, -1]],), [[[-1, 0], [0, 0]]])],
    "eigvals": [(lambda x: np.real(OPS["eigvals"](x)), ([[1, 0], [0, 2]],), [[[1, 0], [0, 1]]])],
    "eig_vectors": [
        (lambda x: np.real(OPS["eig_vectors"](x)), ([[1, 0], [0, 1]],), [[[0, 0]] * 2])
    ],
    "stop_gradient": [(lambda x: x * OPS["stop_gradient"](x), ([2, 3],), [[2, 3]])],
    "max": [
        (np.max, ([1, 3, 3],), [[0, 0.5, 0.5]]),
        (lambda x: np.max(x, axis=0), ([[1, 5], [1, 2]],), [[[0.5, 1], [0.5, 0]]]),
    ],
    "xlogy": [(gd.special.xlogy, ([0, 2], [0, 1]), [[-INF, 0], [0, 2]])],
    "xlog1py": [(gd.special.xlog1py, ([0, 2], [-1, 0]), [[-INF, 0], [0, 2]])],
    "i0e": [(gd.special.i0e, ([0],), [[0]])],
    "logaddexp": [(np.logaddexp, ([-INF, -INF], [-INF, 0]), [[0.5, 0], [0.5, 1]])],
    "logaddexp2": [(np.logaddexp2, ([-INF, -INF], [-INF, 0]), [[0.5, 0], [0.5, 1]])],
    "logsumexp": [
        (gd.special.logsumexp, ([-INF, -INF],), [[0.5, 0.5]]),
        (gd.special.logsumexp, ([INF, 1, INF],), [[0.5, 0, 0.5]]),
    ],
    "svd_left": [(OPS["svd_left"], ([[2, 0], [0, 2]],), [[[0, 0], [0, 0]]])],
    "svd_right": [(OPS["svd_right"], ([[2, 0], [0, 2]],), [[[0, 0], [0, 0]]])],
    "pinv": [(OPS["pinv"], ([[2, 0], [0, 0]],), [[[-0.25, 0.25], [0.25, 0]]])],
    "put_at": [
        (
            lambda x: OPS["put_at"](x, x[:2] * 10, np.array([0, 0])),
            ([1, 2, 3],),
            [[0, 11, 1]],
        )
    ],
    "cummax": [
        (np.maximum.accumulate, ([1, 1, 0, 2],), [[1 + 0.5 + 0.5, 0.5 + 0.5, 0, 1]]),
        (lambda x: np.maximum.accumulate(x)[-1], ([2, 1, 2],), [[0.5, 0, 0.5]]),
    ],
    "cummin": [(np.minimum.accumulate, ([1, 1, 0, 2],), [[1.5, 0.5, 2, 0]])],
    "max_pool2d": [
        (
            lambda x: gd.images.max_pool2d(np.reshape(x, (2, 4, 1))),
            ([[3, 3, 1, 0], [2, 3, 5, 5]],),
            [[[1 / 3, 1 / 3, 0, 0], [0, 1 / 3, 0.5, 0.5]]],
        )
    ],
    "min": [(lambda x: np.min(x, axis=-1), ([[1, 1, 1, 2]],), [[[1 / 3, 1 / 3, 1 / 3, 0]]])],
}


@pytest.mark.parametrize("op", HELD)
def test_the_convention_is_held(op: str) -> None:
    assert OPS[op].convention is not None
    for function, at, expected in HELD[op]:
        assert slopes(function, *at) == expected


def test_every_convention_has_a_test() -> None:
    assert HELD.keys() == {op.name for op in OPS.values() if op.convention is not None}


def test_clip_has_slope_1_at_its_bounds() -> None:
    assert slopes(lambda x: np.clip(x, -1, 2), [-2, -1, 0, 2, 3]) == [[0, 1, 1, 1, 0]]


def test_the_deviation_of_equal_values_has_slope_0() -> None:
    assert slopes(np.std, [2, 2, 2]) == [[0, 0, 0]]
    assert slopes(np.var, [2, 2, 2]) == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2, 3, 4], [12, 8, 6]), ([0, 3, 4], [12, 0, 0]), ([0, 3, 0], [0, 0, 0])],
)
def test_the_slope_of_a_product_is_the_product_of_the_others(
    values: list[int], expected: list[int]
) -> None:
    assert slopes(np.prod, values) == [expected]
    assert slopes(lambda x: np.cumprod(x)[-1], values) == [expected]


def test_the_slope_of_the_determinant_of_a_singular_matrix() -> None:
    (found,) = slopes(OPS["det"], [[1, 2], [2, 4]])
    np.testing.assert_allclose(found, [[4, -2], [-2, 1]], rtol=1e-14)


def test_the_second_derivative_of_the_determinant_of_singular_matrices() -> None:
    """The coefficient of s t in det(x + s a + t b), by differences, which are exact."""
    x = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0])  # of rank 1
    a, b = np.random.default_rng(0).integers(-3, 4, (2, 3, 3)).astype(float)
    found = gd.jvp(gd.grad(np.linalg.det), (x,), (a,))[1]

    def det(s: int, t: int) -> float:
        m = (x + s * a + t * b).tolist()
        return sum(
            m[0][i]
            * (m[1][(i + 1) % 3] * m[2][(i + 2) % 3] - m[1][(i + 2) % 3] * m[2][(i + 1) % 3])
            for i in range(3)
        )

    def mixed(h: int) -> float:
        return (det(h, h) - det(h, -h) - det(-h, h) + det(-h, -h)) / (4 * h * h)

    assert np.vdot(found, b) == pytest.approx(mixed(1), rel=1e-12)
    np.testing.assert_allclose(
        gd.hessian(np.linalg.det)(np.zeros((2, 2))).reshape(4, 4), np.diag([1, -1, -1, 1])[::-1]
    )


def test_derivatives_of_sinc_at_0_are_exact() -> None:
    f = np.sinc
    for wanted in (1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5):
        assert f(0.0) == pytest.approx(wanted, rel=1e-14, abs=0)
        f = gd.grad(f)


def test_an_impossible_state_has_no_nan_in_its_slope() -> None:
    """Forward probabilities of a chain whose second state cannot be reached."""
    with np.errstate(all="ignore"):
        log_step = np.log(np.array([[1.0, 0.0], [0.5, 0.5]]))

        def total(start: Any) -> Any:
            after = gd.special.logsumexp(start[:, None] + log_step, axis=0)
            return gd.special.logsumexp(gd.special.logsumexp(after[:, None] + log_step, axis=0))

        found = gd.grad(total)(np.array([0.3, -np.inf]))
    np.testing.assert_array_equal(found, [1.0, 0.0])


def test_logaddexp_beside_zero_has_slope_a_half() -> None:
    assert slopes(lambda x: np.logaddexp(0, x), [0]) == [[0.5]]
    assert slopes(np.logaddexp, [0], [0]) == [[0.5], [0.5]]


def test_the_table_has_every_op_that_states_a_convention() -> None:
    table = gd.conventions()
    assert [row.op for row in table] == [op.name for op in OPS.values() if op.convention]
    assert len(table) >= 20


def test_it_shows_itself_as_text_and_as_a_table() -> None:
    text = str(gd.conventions())
    lines = text.split("\n")
    assert lines[0].split()[:2] == ["op", "formula"]
    assert any(line.startswith("relu") and line.endswith("0 at 0") for line in lines)
    markdown = gd.conventions()._repr_markdown_()
    rows = markdown.split("\n")
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
