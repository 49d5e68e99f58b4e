"""Convolution and pooling of images, on tensors and on plain arrays alike.

Images are arrays ``(..., rows, columns, channels)``: the channels are the last axis, and the axes
before the rows, of any number and with names if you like, count the images. The windows of a
convolution or a pooling are ``stride`` apart. ``padding`` is ``"valid"`` for none, ``"same"`` for
as much as gives ``ceil(length / stride)`` windows along an axis (an odd element goes behind), a
number for all four sides, or ``((above, below), (left, right))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.ops import OPS
from graphdiff.ops.convolution import Pair, pair
from graphdiff.ops.spec import shape_text

_ALL = (None, None, None)


def conv2d(x: Any, kernel: Any, stride: Any = 1, padding: Any = "valid") -> Any:
    """The convolution of images with a kernel, as neural networks have it: it is not flipped.

    ``y[..., i, j, f] = Σ x[..., s·i + p, s·j + q, c] · kernel[p, q, c, f]`` over p, q and c.

    Parameters
    ----------
    x
        Images ``(..., rows, columns, channels)``.
    kernel
        ``(rows, columns, channels, filters)``.
    stride
        How far the windows are apart, an int, or one for rows and one for columns.
    padding
        The zeros around each image (see above).

    Returns
    -------
    Tensor or array
        ``(..., rows, columns, filters)``, with a row and a column for each window.

    Raises
    ------
    ShapeError
        If the kernel does not fit the images, or ``"same"`` is asked for lengths with a name and a
        stride other than 1.

    Notes
    -----
    Cost: one matrix product, of a matrix with a row for each window and the kernel as a matrix. The
    first is made for it from the images: as large as they are, times the kernel's rows and columns.
    (K. Chellapilla et al., *High performance convolutional neural networks*, 2006.)

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> edges = np.array([[-1.0, 1.0]]).reshape(1, 2, 1, 1)
    >>> gd.images.conv2d(x, edges)[0, :, :, 0]
    array([[1., 1., 1.],
           [1., 1., 1.],
           [1., 1., 1.],
           [1., 1., 1.]])
    >>> g = gd.Graph()
    >>> digits = g.input("digits", ("t", 28, 28, 1))
    >>> gd.images.conv2d(digits, np.ones((3, 3, 1, 8)), padding="same").named("h")
    <Tensor 'h': conv2d, float64 (t, 28, 28, 8)>
    """
    if np.ndim(kernel) != 4:
        raise ShapeError(
            "not a kernel", expected="(rows, columns, channels, filters)", got=str(np.shape(kernel))
        )
    step = pair(stride, "stride")
    framed = _framed(x, np.shape(kernel)[:2], step, padding, 0.0)
    return OPS["conv2d"](framed, kernel, stride=step)


def max_pool2d(x: Any, size: Any = 2, stride: Any = None, padding: Any = "valid") -> Any:
    """The largest element of each window of images, channel by channel.

    Parameters
    ----------
    x
        Images ``(..., rows, columns, channels)``, floats.
    size
        The rows and columns of a window, an int for both.
    stride
        How far the windows are apart; None for a window's size, so that none overlap.
    padding
        What is put around each image (see above) is never the largest.

    Returns
    -------
    Tensor or array
        ``(..., rows, columns, channels)``, with a row and a column for each window.

    Notes
    -----
    Elements that are the largest of a window together share its derivative equally.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.images.max_pool2d(np.arange(16.0).reshape(4, 4, 1))[:, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    size, step = _window(size, stride)
    framed = _framed(x, size, step, padding, -np.inf)
    return OPS["max_pool2d"](framed, size=size, stride=step)


def average_pool2d(x: Any, size: Any = 2, stride: Any = None, padding: Any = "valid") -> Any:
    """The mean of each window of images, channel by channel; arguments as for `max_pool2d`.

    The zeros of the padding are counted.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.images.average_pool2d(np.arange(16.0).reshape(4, 4, 1))[:, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    size, step = _window(size, stride)
    framed = _framed(x, size, step, padding, 0.0)
    return OPS["sum_pool2d"](framed, size=size, stride=step) / (size[0] * size[1])


def _window(size: Any, stride: Any) -> tuple[Pair, Pair]:
    size = pair(size, "size of the window")
    return size, size if stride is None else pair(stride, "stride")


def _framed(x: Any, size: Any, stride: Pair, padding: Any, value: float) -> Any:
    """The images with a number around each of them."""
    shape = np.shape(x)
    if len(shape) < 3:
        raise ShapeError(
            "not images", expected="(..., rows, columns, channels)", got=shape_text(shape)
        )
    sides = _sides(padding, shape[-3:-1], size, stride)
    if sides == ((0, 0), (0, 0)):
        return x
    lengths = [before + n + after for n, (before, after) in zip(shape[-3:-1], sides, strict=True)]
    whole = (*shape[:-3], *lengths, shape[-1])
    inside = [(b, b + n, None) for n, (b, _) in zip(shape[-3:-1], sides, strict=True)]
    index = (*(_ALL,) * (len(shape) - 3), *inside)
    if value == 0:
        return OPS["place"](x, shape=whole, index=index)
    number = x.graph.constant(value, dtype=x.dtype) if hasattr(x, "graph") else np.asarray(value)
    return OPS["put"](OPS["broadcast_to"](number, shape=whole), x, index=index)


def _sides(padding: Any, lengths: Any, size: Any, stride: Pair) -> tuple[Pair, Pair]:
    """The elements before and after the rows, and before and after the columns."""
    match padding:
        case "valid":
            return (0, 0), (0, 0)
        case "same":
            rows, columns = map(_same, lengths, size, stride)
            return rows, columns
        case int():
            sides = ((padding, padding), (padding, padding))
        case ((_, _), (_, _)):
            sides = tuple(tuple(side) for side in padding)  # type: ignore[assignment]  # it matches
        case _:
            sides = ((-1, -1), (-1, -1))
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for side in sides for n in side):
        raise ShapeError(
            "not a padding",
            expected="'valid', 'same', an int, or ((above, below), (left, right))",
            got=repr(padding),
        )
    return sides


def _same(length: Any, window: int, step: int) -> Pair:
    if step == 1:
        total = window - 1
    elif isinstance(length, int):
        total = max(0, (-(-length // step) - 1) * step + window - length)
    else:
        raise ShapeError(
            f"padding 'same' with stride {step} for a length that is not known", got=str(length),
            hint="give the padding as numbers",
        )  # fmt: skip
    return total // 2, total - total // 2
