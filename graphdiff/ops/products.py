"""Sums of products over named axes, diagonals, triangles and convolution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.ops import kernels
from graphdiff.ops.dimension import Dimension, Shape, shape_of
from graphdiff.ops.notation import Site, Written, call, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, normal_axis, promote


def parts_of(subscripts: str) -> tuple[list[str], str]:
    """The labels of each operand and of the result."""
    inputs, _, output = subscripts.partition("->")
    return inputs.split(","), output


def _normal_einsum(*specs: Spec, subscripts: Any) -> dict[str, Any]:
    if not isinstance(subscripts, str) or "->" not in subscripts or "." in subscripts:
        raise GraphError("subscripts name every axis and the result", got=repr(subscripts))
    return {"subscripts": subscripts.replace(" ", "")}


def _infer_einsum(*specs: Spec, subscripts: str) -> Spec:
    inputs, output = parts_of(subscripts)
    sizes: dict[str, Dimension] = {}
    if len(inputs) != len(specs):
        raise ShapeError("not as many subscripts as operands", got=subscripts)
    for labels, spec in zip(inputs, specs, strict=True):
        if len(labels) != spec.ndim:
            raise ShapeError("not as many subscripts as axes", expected=labels, got=str(spec))
        if len(set(labels)) < len(labels):
            raise ShapeError("a label comes twice in one operand", got=labels, hint="np.diagonal")
        for label, size in zip(labels, spec.shape, strict=True):
            if sizes.setdefault(label, size) != size:
                raise ShapeError(
                    f"the label {label!r} names axes of different lengths",
                    got=f"{sizes[label]} and {size} in {subscripts!r}",
                )
    if len(set(output)) < len(output) or not set(output) <= set(sizes):
        raise ShapeError("a label of the result is unknown or comes twice", got=subscripts)
    return Spec(tuple(sizes[label] for label in output), promote(*(s.dtype for s in specs)))


def _einsum_vjp(
    positions: Sequence[int], g: Any, y: Any, *operands: Any, subscripts: str
) -> Iterator[Any]:
    return (_einsum_product(position, g, operands, subscripts) for position in positions)


def _einsum_product(position: int, g: Any, operands: Sequence[Any], subscripts: str) -> Any:
    """The same sum of products with the cotangent in the operand's place."""
    inputs, output = parts_of(subscripts)
    wanted = inputs[position]
    others = [labels for i, labels in enumerate(inputs) if i != position]
    values = [value for i, value in enumerate(operands) if i != position]
    known = set(output).union(*others)
    found = "".join(label for label in wanted if label in known)
    value = g
    if values or found != output:
        value = einsum(g, *values, subscripts=f"{','.join([output, *others])}->{found}")
    missing = tuple(i for i, label in enumerate(wanted) if label not in known)
    if not missing:
        return value
    return np.broadcast_to(np.expand_dims(value, missing), operands[position].shape)


def _einsum_code(site: Site) -> Written:
    operands = ", ".join(operand.text for operand in site.operands)
    inputs, output = parts_of(site.params["subscripts"])
    summed = set("".join(inputs)) - set(output)
    plan = ", optimize=True" if len(inputs) > 1 and summed else ""  # by matrix products
    return Written(f'np.einsum("{site.params["subscripts"]}", {operands}{plan})')


def _einsum_flops(out: Spec, *specs: Spec) -> Dimension:
    """Of a product of two: every combination of labels is in two of the three arrays."""
    sizes = [spec.size for spec in (out, *specs)]
    if len(specs) == 2 and all(isinstance(size, int) for size in sizes):
        return 2 * math.isqrt(math.prod(map(int, sizes)))
    total: Dimension = 0
    for spec in specs:
        total = total + spec.size
    return len(specs) * (total + out.size)


def _normal_diagonal(x: Spec, offset: Any, axis1: Any, axis2: Any) -> dict[str, Any]:
    a, b = normal_axis(axis1, x.ndim), normal_axis(axis2, x.ndim)
    if a == b:
        raise ShapeError("a diagonal of one axis", got=f"{axis1} and {axis2}")
    return {"offset": int(offset), "axis1": a, "axis2": b}


def _infer_diagonal(x: Spec, offset: int, axis1: int, axis2: int) -> Spec:
    rows, columns = x.shape[axis1], x.shape[axis2]
    if rows == columns and offset == 0:
        length = rows
    elif isinstance(rows, int) and isinstance(columns, int):
        length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    else:
        raise ShapeError("the length of this diagonal is not known", got=str(x))
    rest = tuple(part for i, part in enumerate(x.shape) if i not in (axis1, axis2))
    return Spec((*rest, length), x.dtype)


def _infer_place(x: Spec, shape: Shape, offset: int, axis1: int, axis2: int) -> Spec:
    whole = Spec(shape, x.dtype)
    part = _infer_diagonal(whole, offset, axis1, axis2)
    if part.shape != x.shape:
        raise ShapeError("the value does not fit the diagonal", expected=str(part), got=str(x))
    return whole


def _normal_place(x: Spec, shape: Any, **place: Any) -> dict[str, Any]:
    whole = Spec(shape_of(shape), x.dtype)
    return {"shape": whole.shape, **_normal_diagonal(whole, **place)}


def _place_text(params: Any) -> str:
    given = {"offset": 0, "axis1": 0, "axis2": 1}
    return "".join(f", {key}={params[key]}" for key in given if params[key] != given[key])


def _diagonal_code(site: Site) -> Written:
    return Written(f"np.diagonal({site.operands[0].text}{_place_text(site.params)})")


def _place_code(site: Site) -> Written:
    shape = shape_code(site.out.shape)
    return Written(f"diagonal_matrix({site.operands[0].text}, {shape}{_place_text(site.params)})")


def _triangle(name: str) -> Op:
    def infer(x: Spec, k: int) -> Spec:
        if x.ndim < 2:
            raise ShapeError("the triangle of no matrix", got=str(x))
        return x

    def code(site: Site) -> Written:
        k = f", {site.params['k']}" if site.params["k"] else ""
        return Written(f"np.{name}({site.operands[0].text}{k})")

    op = Op(
        name,
        infer,
        ("x",),
        vjp=(lambda g, y, x, k: op(g, k=k),),
        params={"k": 0},
        normal=lambda x, k: {"k": int(k)},
        numpy=code,
        formula=call(name),
        complex=True,
    )
    return op


def _infer_convolve(a: Spec, v: Spec, mode: str) -> Spec:
    if a.ndim != 1 or v.ndim != 1:
        raise ShapeError("a convolution of more than vectors", got=f"{a} and {v}")
    n, m = a.shape[0], v.shape[0]
    if mode == "full":
        return Spec((n + m - 1,), promote(a.dtype, v.dtype))
    if isinstance(n, int) and isinstance(m, int) and n < m:
        raise ShapeError("the second vector is longer than the first", got=f"{n} and {m}")
    return Spec((n - m + 1,), promote(a.dtype, v.dtype))


def _convolve_first(g: Any, y: Any, a: Any, v: Any, mode: str) -> Any:
    return convolve(g, v[::-1], mode="valid" if mode == "full" else "full")


def _convolve_second(g: Any, y: Any, a: Any, v: Any, mode: str) -> Any:
    if mode == "full":
        return convolve(g, a[::-1], mode="valid")
    return convolve(a, g[::-1], mode="valid")[::-1]


_DIAGONAL = {"offset": 0, "axis1": 0, "axis2": 1}

einsum = Op(
    "einsum",
    _infer_einsum,
    ("*operands",),
    vjp=_einsum_vjp,
    params={"subscripts": REQUIRED},
    normal=_normal_einsum,
    numpy=_einsum_code,
    formula=lambda site: Written(
        f"Σ[{site.params['subscripts']}]({', '.join(o.text for o in site.operands)})"
    ),
    flops=_einsum_flops,
    complex=True,
)
diagonal: Op = Op(
    "diagonal",
    _infer_diagonal,
    ("x",),
    vjp=(lambda g, y, x, **place: diagonal_matrix(g, shape=x.shape, **place),),
    params=_DIAGONAL,
    normal=_normal_diagonal,
    numpy=_diagonal_code,
    formula=call("diagonal"),
    view=True,
    complex=True,
)
diagonal_matrix: Op = Op(
    "diagonal_matrix",
    _infer_place,
    ("x",),
    vjp=(lambda g, y, x, shape, **place: diagonal(g, **place),),
    params={"shape": REQUIRED, **_DIAGONAL},
    normal=_normal_place,
    numpy=_place_code,
    formula=call("diag"),
    kernel=kernels.diagonal_matrix,
    complex=True,
)
tril = _triangle("tril")
triu = _triangle("triu")
convolve = Op(
    "convolve",
    _infer_convolve,
    ("a", "v"),
    vjp=(_convolve_first, _convolve_second),
    params={"mode": "full"},
    numpy=lambda site: Written(
        f'np.convolve({site.operands[0].text}, {site.operands[1].text}, "{site.params["mode"]}")'
    ),
    formula=call("convolve"),
    flops=lambda out, a, v: 2 * a.size * v.size,
    complex=True,
)

OPS = (einsum, diagonal, diagonal_matrix, tril, triu, convolve)
