"""Convolution of images, which are arrays ``(..., rows, columns, channels)``.

It is bilinear. With its two adjoints it is a closed family: the derivative of each of the three, by
either operand, is another of them. A kernel is ``(rows, columns, channels, filters)``; axes before
these are the images' first, each with a kernel of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops import image_kernels as kernels
from graphdiff.ops.dimension import Dimension, Shape, combine, product, shape_of
from graphdiff.ops.notation import MULTIPLY, Form, Site, Written, call, shape_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, promote, shape_text

Pair = tuple[int, int]


def pair(value: Any, what: str) -> Pair:
    """A number for rows and one for columns, given as two or as one for both.

    Raises
    ------
    ShapeError
        If they are not positive ints.
    """
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2 or not all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in both
    ):
        raise ShapeError(f"the {what} is no positive int, nor two", got=repr(value))
    return int(both[0]), int(both[1])


def _windows_along(length: Dimension, window: Dimension, step: int) -> Dimension:
    """How many windows fit along an axis."""
    if isinstance(length, int) and isinstance(window, int) and length < window:
        raise ShapeError("the window is larger than the image", got=f"{window} against {length}")
    return combine("//", length - window, step) + 1


def windows(x: Shape, window: tuple[Dimension, ...], stride: Pair) -> Shape:
    """How many windows of a size fit into images, in rows and in columns."""
    return tuple(map(_windows_along, x[-3:-1], window, stride))


# -- convolution -----------------------------------------------------------------------------------


def _normal(*specs: Spec, stride: Any, **shape: Any) -> dict[str, Any]:
    whole = {key: shape_of(value) for key, value in shape.items()}
    return {**whole, "stride": pair(stride, "stride")}


def _infer(x: Spec, kernel: Spec, stride: Pair) -> Spec:
    many = kernel.shape[:-4]
    if kernel.ndim < 4 or x.ndim < 3 + len(many):
        raise ShapeError(
            "not images and a kernel",
            expected="images (..., rows, columns, channels) and a kernel "
            "(rows, columns, channels, filters)",
            got=f"{shape_text(x.shape)} and {shape_text(kernel.shape)}",
        )
    h, w, channels, filters = kernel.shape[-4:]
    if channels != x.shape[-1] or x.shape[: len(many)] != many:
        raise ShapeError(
            "the kernel does not fit the images",
            expected=f"a kernel for {x.shape[-1]} channels, the third of its last four dimensions",
            got=f"{shape_text(kernel.shape)} for images {shape_text(x.shape)}",
        )
    if 0 in (h, w, channels, filters):
        raise ShapeError("a kernel without elements", got=shape_text(kernel.shape))
    dtype = promote(x.dtype, kernel.dtype)
    return Spec((*x.shape[:-3], *windows(x.shape, (h, w), stride), filters), dtype)


def _infer_input(g: Spec, kernel: Spec, shape: Shape, stride: Pair) -> Spec:
    whole = Spec(shape, promote(g.dtype, kernel.dtype))
    return _fitting(g, _infer(whole, kernel, stride), whole)


def _infer_kernel(x: Spec, g: Spec, shape: Shape, stride: Pair) -> Spec:
    whole = Spec(shape, promote(x.dtype, g.dtype))
    return _fitting(g, _infer(x, whole, stride), whole)


def _fitting(g: Spec, part: Spec, whole: Spec) -> Spec:
    """The spec of the result, if the cotangent has the shape of what it is the cotangent of."""
    if g.shape != part.shape:
        raise ShapeError("the cotangent does not fit", expected=str(part), got=str(g))
    return whole


def _code(name: str, *keys: str) -> Form:
    """A call of the kernel with its parameters; the stride only where there is one."""

    def form(site: Site) -> Written:
        given = [site.params[key] for key in keys]
        given += [site.params["stride"]] if site.params["stride"] != (1, 1) else []
        arguments = [operand.text for operand in site.operands] + list(map(shape_code, given))
        return Written(f"{name}({', '.join(arguments)})")

    return form


def _columns(g: Spec, channels: Dimension) -> Any:
    """The bytes of an array with g's images, rows and columns, and channels of another number."""
    return g.nbytes // g.shape[-1] * channels


conv2d = Op(
    "conv2d",
    _infer,
    ("x", "kernel"),
    vjp=(
        lambda g, y, x, kernel, stride: conv2d_input(g, kernel, shape=x.shape, stride=stride),
        lambda g, y, x, kernel, stride: conv2d_kernel(x, g, shape=kernel.shape, stride=stride),
    ),
    params={"stride": (1, 1)},
    normal=_normal,
    numpy=_code("conv2d"),
    formula=lambda site: Written(
        f"{site.operands[0].within(MULTIPLY)} ∗ {site.operands[1].within(MULTIPLY + 1)}", MULTIPLY
    ),
    kernel=kernels.conv2d,
    flops=lambda out, x, kernel: 2 * out.size * product(kernel.shape[-4:-1]),
    workspace=lambda out, x, kernel, stride: _columns(out, product(kernel.shape[-4:-1])),
)
conv2d_input: Op = Op(
    "conv2d_input",
    _infer_input,
    ("g", "kernel"),
    vjp=(
        lambda v, y, g, kernel, shape, stride: conv2d(v, kernel, stride=stride),
        lambda v, y, g, kernel, shape, stride: conv2d_kernel(
            v, g, shape=kernel.shape, stride=stride
        ),
    ),
    params={"shape": REQUIRED, "stride": (1, 1)},
    normal=_normal,
    numpy=_code("conv2d_input", "shape"),
    formula=call("conv2d_input"),
    kernel=kernels.conv2d_input,
    flops=lambda out, g, kernel: 2 * g.size * product(kernel.shape[-4:-1]),
    workspace=lambda out, g, kernel, shape, stride: _columns(g, kernel.shape[-2]),
)
conv2d_kernel: Op = Op(
    "conv2d_kernel",
    _infer_kernel,
    ("x", "g"),
    vjp=(
        lambda v, y, x, g, shape, stride: conv2d_input(g, v, shape=x.shape, stride=stride),
        lambda v, y, x, g, shape, stride: conv2d(x, v, stride=stride),
    ),
    params={"shape": REQUIRED, "stride": (1, 1)},
    normal=_normal,
    numpy=_code("conv2d_kernel", "shape"),
    formula=call("conv2d_kernel"),
    kernel=kernels.conv2d_kernel,
    flops=lambda out, x, g: 2 * g.size * product(out.shape[-4:-1]),
    workspace=lambda out, x, g, shape, stride: _columns(g, out.shape[-2]),
)

OPS = (conv2d, conv2d_input, conv2d_kernel)
