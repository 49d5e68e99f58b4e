"""Sums and largest elements over the windows of images ``(..., rows, columns, channels)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.ops import image_kernels as kernels
from graphdiff.ops.convolution import Pair, pair, windows
from graphdiff.ops.dimension import Shape, shape_of
from graphdiff.ops.notation import Form, Site, Written, call, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, shape_text


def _normal(*specs: Spec, size: Any, stride: Any, **shape: Any) -> dict[str, Any]:
    whole = {key: shape_of(value) for key, value in shape.items()}
    size = pair(size, "size of the window")
    return {**whole, "size": size, "stride": size if stride is None else pair(stride, "stride")}


def _infer(x: Spec, size: Pair, stride: Pair) -> Spec:
    if x.ndim < 3:
        raise ShapeError(
            "not images", expected="(..., rows, columns, channels)", got=shape_text(x.shape)
        )
    if not x.is_inexact:
        raise DTypeError("floats are needed", got=str(x.dtype), hint="use astype(np.float64)")
    return Spec((*x.shape[:-3], *windows(x.shape, size, stride), x.shape[-1]), x.dtype)


def _infer_input(g: Spec, shape: Shape, size: Pair, stride: Pair) -> Spec:
    whole = Spec(shape, g.dtype)
    return _fitting(g, _infer(whole, size, stride), whole)


def _infer_placed(g: Spec, x: Spec, size: Pair, stride: Pair) -> Spec:
    return _fitting(g, _infer(x, size, stride), Spec(x.shape, g.dtype))


def _infer_tangent(v: Spec, x: Spec, size: Pair, stride: Pair) -> Spec:
    return _infer(_fitting(v, x, v), size, stride)


def _fitting(g: Spec, part: Spec, whole: Spec) -> Spec:
    if g.shape != part.shape:
        raise ShapeError("the cotangent does not fit", expected=str(part), got=str(g))
    return whole


def _code(name: str, shaped: bool) -> Form:
    """A call of the kernel, with the result's shape where it cannot see it from its operands."""

    def form(site: Site) -> Written:
        arguments = [operand.text for operand in site.operands]
        arguments += [shape_code(site.out.shape)] if shaped else []
        arguments += [shape_code(site.params[key]) for key in ("size", "stride")]
        return Written(f"{name}({', '.join(arguments)})")

    return form


def _compared(g: Spec, size: Pair) -> Any:
    """The bytes of the comparisons with each window's largest, of their number, and of shares."""
    return 2 * size[0] * size[1] * g.nbytes // g.dtype.itemsize + 3 * g.nbytes


def _declared(
    name: str,
    infer: Callable[..., Spec],
    operands: tuple[str, ...],
    rule: Callable[..., Any],
    **details: Any,
) -> Op:
    """An op whose derivative flows to its first operand."""
    shape = {"shape": REQUIRED} if name == "sum_pool2d_input" else {}
    return Op(
        name,
        infer,
        operands,
        vjp=(rule, *(None,) * (len(operands) - 1)),
        params={**shape, "size": REQUIRED, "stride": None},
        normal=_normal,
        numpy=_code(name, shaped=name != "max_pool2d_input"),
        formula=call(name),
        kernel=getattr(kernels, name),
        **details,
    )


# Each element is in one window, unless they overlap: hence the counts of operations.
sum_pool2d = _declared(
    "sum_pool2d",
    _infer,
    ("x",),
    lambda g, y, x, **window: sum_pool2d_input(g, shape=x.shape, **window),
    flops=lambda out, x: x.size,
)
sum_pool2d_input: Op = _declared(
    "sum_pool2d_input",
    _infer_input,
    ("g",),
    lambda v, y, g, shape, **window: sum_pool2d(v, **window),
    flops=lambda out, g: out.size,
)
max_pool2d = _declared(
    "max_pool2d",
    _infer,
    ("x",),
    lambda g, y, x, **window: max_pool2d_input(g, x, **window),
    flops=lambda out, x: x.size,
    convention="those that are the largest of a window share equally",
)
max_pool2d_input: Op = _declared(
    "max_pool2d_input",
    _infer_placed,
    ("g", "x"),
    lambda v, y, g, x, **window: max_pool2d_tangent(v, x, **window),
    flops=lambda out, g, x: 4 * x.size,
    workspace=lambda out, g, x, size, stride: _compared(g, size),
)
max_pool2d_tangent: Op = _declared(
    "max_pool2d_tangent",
    _infer_tangent,
    ("v", "x"),
    lambda g, y, v, x, **window: max_pool2d_input(g, x, **window),
    flops=lambda out, v, x: 4 * x.size,
    workspace=lambda out, v, x, size, stride: _compared(out, size),
)

OPS = (sum_pool2d, sum_pool2d_input, max_pool2d, max_pool2d_input, max_pool2d_tangent)
