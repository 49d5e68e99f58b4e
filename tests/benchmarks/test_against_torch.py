"""Every op that torch has too: value, first and second derivative, float64.

Not a benchmark of speed, but torch is as large as one. It is in the extra ``bench``:

    python -m pytest tests/benchmarks/test_against_torch.py

The digamma function and its relatives are left to JAX (tests/ops): torch's trigamma function has
ten digits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import graphdiff as gd
from tests.ops.rows import ROWS
from tests.ops.table import Row, is_inexact, some
from tests.reference import run

L = torch.linalg
nn = torch.nn.functional
Function = Callable[..., Any]


def same(*names: str, of: Any = torch) -> dict[str, Function]:
    """Functions of the same names and arguments."""
    return {name: getattr(of, name) for name in names}


def reduced(f: Function) -> Function:
    """A function over all axes, or over some."""

    def over(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        dim = tuple(range(x.ndim)) if axis is None else axis
        return f(x, dim=dim, keepdim=keepdims) if x.ndim else x

    return over


def lined(f: Function) -> Function:
    """A function along an axis, or over all elements as one line."""

    def along(x: Any, axis: Any = -1) -> Any:
        return f(x, dim=axis) if axis is not None else f(x.ravel(), dim=0).reshape(x.shape)

    return along


def of_one_dtype(f: Function) -> Function:
    """A function that torch has of operands of one dtype only."""

    def promoted(a: Any, b: Any) -> Any:
        dtype = torch.promote_types(a.dtype, b.dtype)
        return f(a.to(dtype), b.to(dtype))

    return promoted


def matrix_product(a: Any, b: Any) -> Any:
    return torch.einsum("...ij,...jk->...ik", a, b) if min(a.ndim, b.ndim) > 1 else a @ b


def sliced(x: Any, index: Any) -> Any:
    return x[tuple(slice(*part) if isinstance(part, tuple) else part for part in index)]


def norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return L.vector_norm(x, dim=axis, keepdim=keepdims)


def transform(f: Function) -> Function:
    """A Fourier transform along some axes, to some lengths."""
    return lambda x, s=None, axes=(-1,), norm=None: f(x, s=s, dim=axes, norm=norm)


def image(x: Any) -> Any:
    """Channels first, as torch has them."""
    return torch.movedim(x, -1, -3)


def conv2d(x: Any, kernel: Any, stride: Any = (1, 1)) -> Any:
    weights = torch.permute(kernel, (3, 2, 0, 1))
    return torch.movedim(nn.conv2d(image(x), weights, stride=stride), -3, -1)


def max_pool2d(x: Any, size: Any, stride: Any = None) -> Any:
    return torch.movedim(nn.max_pool2d(image(x), size, stride), -3, -1)


FUNCTIONS: dict[str, Function] = {
    **same(
        "add", "subtract", "multiply", "divide", "square", "reciprocal", "exp", "expm1", "log",
        "log1p", "sqrt", "sin", "cos", "tanh", "sigmoid", "erf", "maximum", "minimum",
        "abs", "tan", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "arcsin", "arccos",
        "arctan", "exp2", "log2", "log10", "hypot", "arctan2", "logaddexp", "logaddexp2", "sinc",
        "floor", "ceil", "trunc", "remainder", "fmod", "copysign", "negative", "real",
        "imag", "inner",
    ),
    **same("erfc", "erfcx", "erfinv", "ndtr", "ndtri", "log_ndtr", "logit", "xlogy", "xlog1py",
           "i0", "i0e", "i1", "i1e", of=torch.special),
    **same("inv", "det", "cholesky", "eigvalsh", "svdvals", of=L),
    "power": torch.pow,
    "conjugate": torch.conj,
    "sign": torch.sgn,
    "relu": nn.relu,
    "softplus": nn.softplus,
    "hard_tanh": nn.hardtanh,
    "rint": torch.round,
    "astype": lambda x, dtype: x.to(getattr(torch, str(np.dtype(dtype)))),
    "sum": reduced(torch.sum),
    "mean": reduced(torch.mean),
    "max": reduced(torch.amax),
    "min": reduced(torch.amin),
    "logsumexp": reduced(torch.logsumexp),
    "norm": norm,
    "softmax": lined(torch.softmax),
    "log_softmax": lined(torch.log_softmax),
    "cumsum": lined(torch.cumsum),
    "cumprod": lined(torch.cumprod),
    "cummax": lined(lambda x, dim: torch.cummax(x, dim)[0]),
    "cummin": lined(lambda x, dim: torch.cummin(x, dim)[0]),
    "sort": lambda x, axis=-1: torch.sort(x, dim=axis)[0],
    "matmul": of_one_dtype(matrix_product),
    "outer": torch.outer,
    "reshape": lambda x, shape: torch.reshape(x, shape if isinstance(shape, tuple) else (shape,)),
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "concatenate": lambda *parts, axis=0: torch.cat(parts, dim=axis),
    "slice": sliced,
    "take_along_axis": lambda x, i, axis: torch.take_along_dim(x, i, axis),
    "einsum": lambda *operands, subscripts: torch.einsum(subscripts, *operands),
    "tril": lambda x, k=0: torch.tril(x, k),
    "triu": lambda x, k=0: torch.triu(x, k),
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
    "logabsdet": lambda x: L.slogdet(x)[1],
    "where": lambda condition, a, b: of_one_dtype(partial(torch.where, condition))(a, b),
    "solve": of_one_dtype(L.solve),
    "expm": L.matrix_exp,
    "fft": transform(torch.fft.fftn),
    "ifft": transform(torch.fft.ifftn),
    "rfft": transform(torch.fft.rfftn),
    "irfft": transform(torch.fft.irfftn),
    "conv2d": conv2d,
    "max_pool2d": max_pool2d,
}  # fmt: skip

# Steps backward, derivatives of matrix_exp as operands of their own, two axes of images.
LACKING = ("slice-2", "slice-3", "expm-2", "expm-3", "conv2d-2")
# It does not sort complex values, and lets a Cholesky factor's diagonal, which is real, have an
# imaginary part in its derivative; of both JAX says what we do (tests/ops).
REAL_ONLY = ("sort", "cholesky")

CASES = [
    pytest.param(row, case, id=f"{row.op}-{case}")
    for row in ROWS
    if row.op in FUNCTIONS
    for case in range(len(row.cases))
    if f"{row.op}-{case}" not in LACKING
    if row.cases[case][1].get("dtype", "float64") == "float64"
    if not (row.op in REAL_ONLY and row.draw(case)[0].dtype.kind == "c")
]


@pytest.mark.parametrize(("row", "case"), CASES)
def test_value_and_derivatives(row: Row, case: int) -> None:
    arrays, params = row.draw(case), dict(row.cases[case][1])
    inputs = [torch.tensor(array, requires_grad=is_inexact(array)) for array in arrays]
    result = FUNCTIONS[row.op](*inputs, **params)
    rng = np.random.default_rng(7)
    weights = some(rng, tuple(result.shape), dtype_of(result))
    wrt = [tensor for tensor in inputs if tensor.requires_grad]
    along = [some(rng, tuple(tensor.shape), dtype_of(tensor)) for tensor in wrt]
    cost = torch.sum(torch.real(torch.tensor(weights) * result))
    first = torch.autograd.grad(cost, wrt, create_graph=True, materialize_grads=True)
    # The gradient that torch gives is the conjugate of ours (docs/howto/complex.md).
    slopes = [slope.conj() if slope.is_complex() else slope for slope in first]
    projection = sum(
        torch.sum(torch.real(torch.tensor(v) * slope))
        for v, slope in zip(along, slopes, strict=True)
    )
    second = [torch.zeros_like(tensor) for tensor in wrt]
    if projection.requires_grad:
        second = torch.autograd.grad(projection, wrt, materialize_grads=True)

    g = gd.Graph(row.op)
    values = {f"x{i}": array for i, array in enumerate(arrays)}
    tensors = [
        (g.parameter if is_inexact(value) else g.input)(name, value.shape, value.dtype)
        for name, value in values.items()
    ]
    y = g.output("y", g.apply(row.op, tensors, params))
    g.output("J", np.sum(np.real(weights * y)))
    G = gd.gradient(g, of="J", disconnected="zero")
    names = list(g.parameters)
    for name, v in zip(names, along, strict=True):
        G.output(f"P/{name}", np.sum(np.real(v * G.outputs[f"dJ/d{name}"])))
    total = sum(G.outputs[f"P/{name}"] for name in names)
    G.output("P", total)
    H = gd.gradient(G, of="P", wrt=names, disconnected="zero")
    found = run(H, **values)
    close(found["y"], result)
    for name, one, two in zip(names, first, second, strict=True):
        close(found[f"dJ/d{name}"], one.conj())
        close(found[f"dP/d{name}"], two.conj())


def dtype_of(tensor: Any) -> Any:
    return np.dtype(str(tensor.dtype).removeprefix("torch."))


def close(found: Any, wanted: Any) -> None:
    expected = (wanted.detach() + 0).resolve_conj().numpy()
    assert found.shape == expected.shape
    size = np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * size)
