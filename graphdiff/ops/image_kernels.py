"""Convolution and pooling of images, in plain NumPy.

Like the other kernels they keep float32 and float64 and stand on their own. A window is looked at
by its elements, one slice of all windows at a time: with few elements that is the fastest.
"""

import numpy as np


def conv2d(x, kernel, stride=(1, 1)):
    """Return the products of a kernel (h, w, c, f) with the windows of images (..., h, w, c)."""
    *many, h, w, c, f = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, w, c), (-3, -2, -1))
    windows = windows[..., :: stride[0], :: stride[1], 0, :, :, :]
    y = windows.reshape(*many, -1, h * w * c) @ kernel.reshape(*many, h * w * c, f)
    return y.reshape(*windows.shape[:-3], f)


def conv2d_input(g, kernel, shape, stride=(1, 1)):
    """Return the cotangent of conv2d's images: each window gets g times the kernel, added up."""
    *many, h, w, c, f = kernel.shape
    rows, columns = stride[0] * g.shape[-3], stride[1] * g.shape[-2]
    out = np.zeros(shape, np.result_type(g, kernel))
    flat = g.reshape(*many, -1, f)
    for i in range(h):
        for j in range(w):
            part = (flat @ kernel[..., i, j, :, :].mT).reshape(*g.shape[:-1], c)
            out[..., i : i + rows : stride[0], j : j + columns : stride[1], :] += part
    return out


def conv2d_kernel(x, g, shape, stride=(1, 1)):
    """Return the cotangent of conv2d's kernel: the windows times g, added up over the images."""
    *many, h, w, c, f = shape
    rows, columns = stride[0] * g.shape[-3], stride[1] * g.shape[-2]
    out = np.empty(shape, np.result_type(x, g))
    flat = g.reshape(*many, -1, f)
    for i in range(h):
        for j in range(w):
            part = x[..., i : i + rows : stride[0], j : j + columns : stride[1], :]
            out[..., i, j, :, :] = part.reshape(*many, -1, c).mT @ flat
    return out


def sum_pool2d(x, shape, size, stride):
    """Return the sum over each window of images (..., h, w, c), in an array of a shape."""
    rows, columns = stride[0] * shape[-3], stride[1] * shape[-2]
    out = np.zeros(shape, x.dtype)
    for i in range(size[0]):
        for j in range(size[1]):
            out += x[..., i : i + rows : stride[0], j : j + columns : stride[1], :]
    return out


def sum_pool2d_input(g, shape, size, stride):
    """Return images of a shape in which each window has g added: the adjoint of sum_pool2d."""
    rows, columns = stride[0] * g.shape[-3], stride[1] * g.shape[-2]
    out = np.zeros(shape, g.dtype)
    for i in range(size[0]):
        for j in range(size[1]):
            out[..., i : i + rows : stride[0], j : j + columns : stride[1], :] += g
    return out


def max_pool2d(x, shape, size, stride):
    """Return the largest element of each window of images (..., h, w, c), in a shape."""
    rows, columns = stride[0] * shape[-3], stride[1] * shape[-2]
    out = np.full(shape, -np.inf, x.dtype)
    for i in range(size[0]):
        for j in range(size[1]):
            part = x[..., i : i + rows : stride[0], j : j + columns : stride[1], :]
            np.maximum(out, part, out=out)
    return out


def max_pool2d_input(g, x, size, stride):
    """Return g put where the largest element of each window is; those that are equal share it."""
    rows, columns = stride[0] * g.shape[-3], stride[1] * g.shape[-2]
    parts = [
        np.s_[..., i : i + rows : stride[0], j : j + columns : stride[1], :]
        for i in range(size[0])
        for j in range(size[1])
    ]
    top = x[parts[0]]
    for part in parts[1:]:
        top = np.maximum(top, x[part])
    largest = [x[part] == top for part in parts]
    share = g / np.sum(largest, axis=0, dtype=g.dtype)
    out = np.zeros(x.shape, g.dtype)
    for part, here in zip(parts, largest, strict=True):
        out[part] += here * share
    return out


def max_pool2d_tangent(v, x, shape, size, stride):
    """Return the mean of v where x is the largest of each window: max_pool2d_input's adjoint."""
    rows, columns = stride[0] * shape[-3], stride[1] * shape[-2]
    parts = [
        np.s_[..., i : i + rows : stride[0], j : j + columns : stride[1], :]
        for i in range(size[0])
        for j in range(size[1])
    ]
    top = x[parts[0]]
    for part in parts[1:]:
        top = np.maximum(top, x[part])
    largest = [x[part] == top for part in parts]
    out = np.zeros(shape, v.dtype)
    for part, here in zip(parts, largest, strict=True):
        out += here * v[part]
    return out / np.sum(largest, axis=0, dtype=v.dtype)
