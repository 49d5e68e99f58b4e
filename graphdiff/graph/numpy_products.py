"""NumPy's products that are made of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.dimension import product
from graphdiff.ops.spec import normal_axis


def _apply(op: str, *operands: Any, **params: Any) -> Any:
    graph = next(operand.graph for operand in operands if is_tensor(operand))
    return graph.apply(op, operands, params)


# -- sums of products ------------------------------------------------------------------------------


def einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> Any:
    """np.einsum."""
    if not isinstance(subscripts, str):
        subscripts, operands = _lettered(subscripts, *operands)
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    labels = inputs.split(",")
    if len(labels) != len(operands):
        raise ShapeError("not as many subscripts as operands", got=subscripts)
    if "." in subscripts:
        labels, output = _ellipses(labels, output, bool(arrow), operands)
    elif not arrow:
        joined = "".join(labels)
        output = "".join(sorted(label for label in set(joined) if joined.count(label) == 1))
    pairs = [_once(part, operand) for part, operand in zip(labels, operands, strict=True)]
    labels, values = [part for part, _ in pairs], [value for _, value in pairs]
    if len(values) == 1 and labels[0] == output:
        return values[0]
    return _apply("einsum", *values, subscripts=f"{','.join(labels)}->{output}")


def _lettered(*given: Any) -> tuple[str, tuple[Any, ...]]:
    """Subscripts as text, where operands and lists of the numbers of their axes were given."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

    def text(axes: Any) -> str:
        return "".join("..." if i is Ellipsis else letters[i] for i in axes)

    pairs = len(given) // 2
    subscripts = ",".join(text(axes) for axes in given[1 : 2 * pairs : 2])
    if len(given) % 2:
        subscripts += "->" + text(given[-1])
    return subscripts, given[0 : 2 * pairs : 2]


def _ellipses(labels: list[str], output: str, arrow: bool, operands: Any) -> tuple[list[str], str]:
    """Subscripts with a letter for each axis that an ellipsis stands for."""
    used = set("".join(labels) + output)
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in used]
    counts = [
        np.ndim(operand) - len(part) + 3 if "..." in part else 0
        for part, operand in zip(labels, operands, strict=True)
    ]
    letters = "".join(free[: max(counts)])
    full = [
        part.replace("...", letters[len(letters) - count :])
        for part, count in zip(labels, counts, strict=True)
    ]
    if not arrow:
        joined = "".join(part.replace("...", "") for part in labels)
        single = sorted(label for label in set(joined) if joined.count(label) == 1)
        return full, letters + "".join(single)
    return full, output.replace("...", letters)


def _once(labels: str, value: Any) -> tuple[str, Any]:
    """Labels of which none comes twice: the diagonal is taken where one does."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            value = np.diagonal(value, 0, i, j)
            labels = labels[:i] + labels[i + 1 : j] + labels[j + 1 :] + label
    return labels, value


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """np.tensordot: one matrix product of the arrays with their axes put together."""
    if isinstance(axes, (int, np.integer)):
        left, right = list(range(np.ndim(a) - int(axes), np.ndim(a))), list(range(int(axes)))
    else:
        left, right = (
            [normal_axis(i, np.ndim(x)) for i in (part if np.iterable(part) else [part])]
            for part, x in zip(axes, (a, b), strict=True)
        )
    shapes = np.shape(a), np.shape(b)
    if [shapes[0][i] for i in left] != [shapes[1][i] for i in right]:
        raise ShapeError("the axes do not fit for np.tensordot", got=str(axes))
    rows = [i for i in range(np.ndim(a)) if i not in left]
    columns = [i for i in range(np.ndim(b)) if i not in right]
    count = product(shapes[0][i] for i in left)
    outside = [shapes[0][i] for i in rows], [shapes[1][i] for i in columns]
    x = np.reshape(np.transpose(a, rows + left), (product(outside[0]), count))
    y = np.reshape(np.transpose(b, right + columns), (count, product(outside[1])))
    return np.reshape(x @ y, (*outside[0], *outside[1]))


def inner(a: Any, b: Any) -> Any:
    """np.inner."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(a) == np.ndim(b) == 1:
        return _apply("matmul", a, b)
    return tensordot(a, b, axes=(-1, -1))


def dot(a: Any, b: Any) -> Any:
    """np.dot."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return _apply("multiply", a, b)
    return _apply("matmul", a, b) if np.ndim(b) <= 2 else tensordot(a, b, axes=(-1, -2))


def vdot(a: Any, b: Any) -> Any:
    """np.vdot: the first vector is conjugated."""
    x, y = (v if np.ndim(v) == 1 else np.ravel(v) for v in (np.conj(a), b))
    return x @ y


def vecdot(a: Any, b: Any, *, axis: int = -1) -> Any:
    """np.vecdot: the first vector is conjugated."""
    a, b = (v if axis == -1 else np.moveaxis(v, axis, -1) for v in (a, b))
    return np.sum(np.conj(a) * b, axis=-1)


def matvec(a: Any, b: Any) -> Any:
    """np.matvec."""
    return np.squeeze(a @ np.expand_dims(b, -1), axis=-1)


def vecmat(a: Any, b: Any) -> Any:
    """np.vecmat: the vector is conjugated."""
    return np.squeeze(np.expand_dims(np.conj(a), -2) @ b, axis=-2)


def kron(a: Any, b: Any) -> Any:
    """np.kron."""
    ndim = max(np.ndim(a), np.ndim(b))
    x, y = (np.reshape(v, (1,) * (ndim - np.ndim(v)) + np.shape(v)) for v in (a, b))
    shape = [m * n for m, n in zip(np.shape(x), np.shape(y), strict=True)]
    wide = np.expand_dims(x, tuple(range(1, 2 * ndim, 2)))
    return np.reshape(wide * np.expand_dims(y, tuple(range(0, 2 * ndim, 2))), tuple(shape))


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """np.cross of vectors of three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = np.moveaxis(a, axisa, 0), np.moveaxis(b, axisb, 0)
    lengths = np.shape(x)[0], np.shape(y)[0]
    if lengths != (3, 3):
        raise ShapeError(
            "vectors without three components", expected="3 and 3",
            got=" and ".join(map(str, lengths)),
            hint="of two, which NumPy gives up: a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]",
        )  # fmt: skip
    parts = [x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, axis=axisc)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """np.convolve."""
    if mode not in ("full", "same", "valid"):
        raise GraphError(f"np.convolve with mode {mode!r}", expected="'full', 'same' or 'valid'")
    n, m = np.shape(a)[0], np.shape(v)[0]
    if isinstance(n, int) and isinstance(m, int) and n < m:
        a, v, n, m = v, a, m, n
    if mode != "same":
        return _apply("convolve", a, v, mode=mode)
    start = (m - 1) // 2
    return _apply("convolve", a, v, mode="full")[start : start + n]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """np.correlate: the second vector is conjugated."""
    if np.shape(a)[0] < np.shape(v)[0]:
        return convolve(np.conj(v), a[::-1], mode)[::-1]
    return convolve(a, np.conj(v)[::-1], mode)


# -- diagonals -------------------------------------------------------------------------------------


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """np.diagonal."""
    return _apply("diagonal", a, offset=offset, axis1=axis1, axis2=axis2)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """np.trace."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


def diag(v: Any, k: int = 0) -> Any:
    """np.diag."""
    if v.ndim == 2:
        return diagonal(v, k)
    length = v.shape[0] + abs(k)
    return _apply("diagonal_matrix", v, shape=(length, length), offset=k)


def diagflat(v: Any, k: int = 0) -> Any:
    """np.diagflat."""
    return diag(np.ravel(v), k)


def tril(m: Any, k: int = 0) -> Any:
    """np.tril."""
    return _apply("tril", m, k=k)


def triu(m: Any, k: int = 0) -> Any:
    """np.triu."""
    return _apply("triu", m, k=k)


UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {np.vecdot: vecdot}
    | {getattr(np, f.__name__): f for f in (matvec, vecmat) if hasattr(np, f.__name__)}  # 2.2
)
FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.einsum: einsum,
        np.tensordot: tensordot,
        np.inner: inner,
        np.dot: dot,
        np.vdot: vdot,
        np.kron: kron,
        np.cross: cross,
        np.convolve: convolve,
        np.correlate: correlate,
        np.diagonal: diagonal,
        np.trace: trace,
        np.diag: diag,
        np.diagflat: diagflat,
        np.tril: tril,
        np.triu: triu,
    }
)
