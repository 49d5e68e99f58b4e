"""How each op is made for many examples: with an axis more in front of its operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import ascii_letters
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.autodiff.batched import Batched, Use, apply
from graphdiff.errors import GraphError
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.products import parts_of
from graphdiff.ops.shaping import permutation
from graphdiff.ops.spec import normal_axes

Rule = Callable[[Use], Tensor]

# -- rules -----------------------------------------------------------------------------------------


def elementwise(use: Use) -> Tensor:
    """Operands that broadcast against each other."""
    return apply(use.op, *(o.aligned(use.out.ndim) for o in use.operands), **use.params)


def _reduction(use: Use) -> Tensor:
    axes = tuple(i + 1 for i in normal_axes(use.params["axis"], use.operands[0].ndim))
    return apply(use.op, use.x, **{**use.params, "axis": axes})


def _matmul(use: Use) -> Tensor:
    a, b = use.operands
    if not b.has_axis and b.ndim <= 2:  # each example's rows times the same matrix
        return apply("matmul", a.value, b.value)
    if not a.has_axis and a.ndim == 2 and b.ndim == 1:
        return apply("matmul", b.value, a.value.T)
    left = apply("expand_dims", a.value, axis=-2) if a.ndim == 1 else a.value
    right = apply("expand_dims", b.value, axis=-1) if b.ndim == 1 else b.value
    ndim = max(a.ndim, b.ndim, 2)
    product = apply(
        "matmul", Batched(left, a.has_axis).aligned(ndim), Batched(right, b.has_axis).aligned(ndim)
    )
    dropped = tuple(axis for axis, x in ((-2, a), (-1, b)) if x.ndim == 1)
    return apply("squeeze", product, axis=dropped) if dropped else product


def _outer(use: Use) -> Tensor:
    a, b = use.operands
    left = apply("expand_dims", a.value, axis=-1)
    right = apply("expand_dims", b.value, axis=-2)
    return apply("multiply", left, right)


def _transpose(use: Use) -> Tensor:
    order = permutation(use.params["axes"], use.out.ndim)
    return apply("transpose", use.x, axes=(0, *(i + 1 for i in order)))


def _broadcast(use: Use) -> Tensor:
    shape = (use.length, *use.out.shape)
    return apply("broadcast_to", use.operands[0].aligned(use.out.ndim), shape=shape)


def _reshaped(use: Use) -> Tensor:
    return apply("reshape", use.x, shape=(use.length, *use.out.shape))


def _concatenate(use: Use) -> Tensor:
    parts = (operand.spread(use.length) for operand in use.operands)
    return apply("concatenate", *parts, axis=use.params["axis"] + 1)


_ALL = ((None, None, None),)


def _slice(use: Use) -> Tensor:
    return apply("slice", use.x, index=_ALL + use.params["index"])


def _place(use: Use) -> Tensor:
    shape = (use.length, *use.params["shape"])
    return apply("place", use.x, shape=shape, index=_ALL + use.params["index"])


def _put(use: Use) -> Tensor:
    index = use.params["index"]
    dropped = sum(isinstance(entry, int) for entry in index)
    added = sum(entry is None for entry in index)
    value = use.operands[1].aligned(use.out.ndim - dropped + added)
    return apply("put", use.x, value, index=_ALL + index)


def _gather(use: Use) -> Tensor:
    x, *indices = use.operands
    ndim = max(index.ndim for index in indices)
    where = [index.aligned(ndim) for index in indices]
    if not x.has_axis:
        return apply("gather", x.value, *where)
    return apply("gather", x.value, _examples(use, ndim), *where)


def _scatter_add(use: Use) -> Tensor:
    _, *indices = use.operands
    ndim = max(index.ndim for index in indices)
    where = (index.aligned(ndim) for index in indices)
    shape = (use.length, *use.params["shape"])
    return apply("scatter_add", use.x, _examples(use, ndim), *where, shape=shape)


def _examples(use: Use, ndim: int) -> Tensor:
    """The numbers of the examples, as an index beside others."""
    if not isinstance(use.length, int):
        raise GraphError(
            f"{use.op} by labels for a number of examples that is not known",
            hint="declare that dimension as a number",
        )
    graph = use.operands[0].value.graph
    return graph.constant(np.arange(use.length).reshape(use.length, *[1] * ndim))


def _along(use: Use) -> Tensor:
    """take_along_axis and its adjoint."""
    params = {**_whole(use), "axis": use.params["axis"] + 1}
    return apply(use.op, *(o.spread(use.length) for o in use.operands), **params)


def _put_at(use: Use) -> Tensor:
    x, value, *indices = use.operands
    ndim = max(index.ndim for index in indices)
    where = (index.aligned(ndim) for index in indices)
    full = ndim + x.ndim - len(indices)
    return apply("put_at", use.x, value.aligned(full), _examples(use, ndim), *where)


def _along_one(use: Use) -> Tensor:
    """Whatever works along one axis."""
    operands = (operand.spread(use.length) for operand in use.operands)
    return apply(use.op, *operands, **{**use.params, "axis": use.params["axis"] + 1})


def _place_of_extreme(use: Use) -> Tensor:
    if use.params["axis"] is not None:
        return _along_one(use)
    flat = apply("reshape", use.x, shape=(use.length, -1))
    return apply("reshape", apply(use.op, flat, axis=1), shape=(use.length, *use.out.shape))


def _searchsorted(use: Use) -> Tensor:
    """For a row of values for each example: how many of them lie before."""
    a, v = use.operands
    if not a.has_axis:
        return apply("searchsorted", a.value, v.value, **use.params)
    rows = apply("expand_dims", a.value, axis=tuple(range(1, v.ndim + 1)))
    wanted = apply("expand_dims", v.value, axis=-1)
    before = "less" if use.params["side"] == "left" else "less_equal"
    return apply("sum", apply(before, rows, wanted), axis=-1)


def _einsum(use: Use) -> Tensor:
    inputs, output = parts_of(use.params["subscripts"])
    new = next(label for label in ascii_letters if label not in use.params["subscripts"])
    labels = (
        new + part if operand.has_axis else part
        for part, operand in zip(inputs, use.operands, strict=True)
    )
    values = (operand.value for operand in use.operands)
    return apply("einsum", *values, subscripts=f"{','.join(labels)}->{new}{output}")


def _diagonal(use: Use) -> Tensor:
    axes = {key: use.params[key] + 1 for key in ("axis1", "axis2")}
    return apply(use.op, use.x, **{**_whole(use), **axes})


def _solve(use: Use) -> Tensor:
    a, b = use.operands
    vector = b.ndim == 1
    right = Batched(apply("expand_dims", b.value, axis=-1), b.has_axis) if vector else b
    ndim = max(a.ndim, right.ndim)
    found = apply("solve", a.aligned(ndim), right.aligned(ndim))
    return apply("squeeze", found, axis=-1) if vector else found


def _convolve(use: Use) -> Tensor:
    """As the products of one operand's windows with the other in reverse."""
    a, v = use.operands
    m = v.value.shape[-1]
    if not isinstance(m, int):
        return one_by_one(use)
    signal = a.value
    if use.params["mode"] == "full":
        n = signal.shape[-1]
        shape = (*signal.shape[:-1], n + 2 * (m - 1))
        index = (*_ALL * a.has_axis, (m - 1, m - 1 + n, None))
        signal = apply("place", signal, shape=shape, index=index)
    windows = apply("sliding_window_view", signal, window=(m,), axis=(signal.ndim - 1,))
    weights = apply("slice", v.value, index=(*_ALL * v.has_axis, (None, None, -1)))
    column = apply("expand_dims", weights, axis=-1)
    return apply("squeeze", apply("matmul", windows, column), axis=-1)


def _windows(use: Use) -> Tensor:
    axes = tuple(i + 1 for i in use.params["axis"])
    return apply(use.op, use.x, **{**_whole(use), "axis": axes})


def _fourier(use: Use) -> Tensor:
    axes = tuple(i + 1 for i in use.params["axes"])
    return apply(use.op, use.x, **{**use.params, "axes": axes})


def _whole(use: Use) -> dict[str, Any]:
    """The parameters; a shape among them with the axis of examples."""
    params = dict(use.params)
    if "shape" in params:
        params["shape"] = (use.length, *params["shape"])
    return params


def _spread(use: Use) -> Tensor:
    """What takes any number of axes in front."""
    return apply(use.op, *(o.spread(use.length) for o in use.operands), **_whole(use))


def _convolution(use: Use) -> Tensor:
    """Images with an axis more for the same kernel, or with kernels of their own."""
    a, b = use.operands
    if use.op != "conv2d_kernel" and not b.has_axis and b.ndim == 4:
        return apply(use.op, a.value, b.value, **_whole(use))
    return _spread(use)


def one_by_one(use: Use) -> Tensor:
    """An op without a rule of its own: applied to each example, and the results stacked."""
    if not isinstance(use.length, int):
        raise GraphError(
            f"{use.op} for a number of examples that is not known",
            hint="declare that dimension as a number",
        )
    rows = []
    for i in range(use.length):
        parts = (
            apply("slice", o.value, index=(i,)) if o.has_axis else o.value for o in use.operands
        )
        rows.append(apply("expand_dims", apply(use.op, *parts, **use.params), axis=0))
    return apply("concatenate", *rows, axis=0)


_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "norm", "any", "all")
_SOFT = ("logsumexp", "softmax", "log_softmax")
_ALONG = ("cumsum", "cumprod", "cummax", "cummin", "recurrence", "sort", "argsort", "argpartition")
_MATRICES = (
    *("tril", "triu", "inv", "cofactor", "cofactor_along", "det", "logabsdet", "signdet"),
    *("cholesky", "eigvalsh", "eigenvectors", "svdvals", "svd_left", "svd_right"),
    *("eigvals", "eig_vectors", "matrix_rank", "qr_q", "qr_r", "pinv", "expm"),
)
_POOLS = (
    *("sum_pool2d", "sum_pool2d_input"),
    *("max_pool2d", "max_pool2d_input", "max_pool2d_tangent"),
)


def _result(use: Use) -> Tensor:
    index: int = use.params["index"]
    return use.operands[0].parts[index]


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "result": _result,
        **dict.fromkeys((*_REDUCTIONS, *_SOFT), _reduction),
        **dict.fromkeys(_ALONG, _along_one),
        **dict.fromkeys(_MATRICES, _spread),
        **dict.fromkeys(_POOLS, _spread),
        **dict.fromkeys(("conv2d", "conv2d_input", "conv2d_kernel"), _convolution),
        "argmax": _place_of_extreme,
        "argmin": _place_of_extreme,
        "searchsorted": _searchsorted,
        "matmul": _matmul,
        "outer": _outer,
        "einsum": _einsum,
        "solve": _solve,
        "convolve": _convolve,
        "diagonal": _diagonal,
        "diagonal_matrix": _diagonal,
        "transpose": _transpose,
        "reshape": _reshaped,
        "broadcast_to": _broadcast,
        "expand_dims": _reshaped,
        "squeeze": _reshaped,
        "concatenate": _concatenate,
        "stop_gradient": _spread,
        "slice": _slice,
        "place": _place,
        "put": _put,
        "gather": _gather,
        "scatter_add": _scatter_add,
        "put_at": _put_at,
        "take_along_axis": _along,
        "scatter_add_along_axis": _along,
        **dict.fromkeys(("fft", "ifft", "rfft", "irfft"), _fourier),
        "sliding_window_view": _windows,
        "overlap_add": _windows,
    }
)
