"""What is known of a value before it is computed: its shape and its dtype."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.ops.dimension import Dimension, Shape, product, shape_of

DTYPES = ("float64", "float32", "complex128", "complex64", "int64", "bool")
_NATIVE = frozenset(map(np.dtype, DTYPES))


def dtype_of(value: object) -> np.dtype[Any]:
    """The NumPy dtype of a name, type or dtype, refused where graphdiff has none."""
    if isinstance(value, np.dtype):
        dtype = value
    else:
        try:
            dtype = np.dtype(value)  # type: ignore[call-overload]  # anything NumPy takes
        except (TypeError, ValueError, KeyError, SyntaxError):
            raise DTypeError(f"{value!r} is not a dtype", expected=" or ".join(DTYPES)) from None
    if dtype in _NATIVE:
        return dtype
    if dtype.name not in DTYPES:
        raise DTypeError(
            "dtype not supported",
            expected=" or ".join(DTYPES),
            got=dtype.name,
            hint="convert it first",
        )
    return np.dtype(dtype.name)  # in the machine's byte order


@dataclass(frozen=True, slots=True)
class Spec:
    """The shape and the dtype of a value.

    ``parts`` is empty but for a value that is several (what a loop results in), whose own shape is
    then () and its dtype NumPy's ``object``.

    Examples
    --------
    >>> Spec.of(("t", 2))
    float64 (t, 2)
    >>> Spec.of(("t", 2)).size
    '2*t'
    """

    shape: Shape
    dtype: np.dtype[Any]
    parts: tuple[Spec, ...] = ()

    def __hash__(self) -> int:  # tables ask for it at every node, and have few specs of a shape
        return hash(self.shape)

    @classmethod
    def of(cls, shape: object, dtype: object = "float64") -> Self:
        """A spec from anything that names a shape and a dtype."""
        return cls(shape_of(shape), dtype_of(dtype))

    @classmethod
    def several(cls, parts: Iterable[Spec]) -> Self:
        """The spec of a value that is several."""
        return cls((), np.dtype(object), tuple(parts))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dimension:
        """The number of elements."""
        return product(self.shape)

    @property
    def nbytes(self) -> Any:
        """The bytes of an array, an int unless a dimension is named."""
        return self.size * self.dtype.itemsize

    @property
    def is_inexact(self) -> bool:
        """Whether derivatives flow through values of this dtype, real or complex."""
        return self.dtype.kind in "fc" or any(part.is_inexact for part in self.parts)

    @property
    def is_real(self) -> bool:
        """Whether the values are real floats."""
        return self.dtype.kind == "f"

    @property
    def is_complex(self) -> bool:
        """Whether the values are complex."""
        return self.dtype.kind == "c"

    def __repr__(self) -> str:
        if self.parts:
            return f"({', '.join(map(repr, self.parts))})"
        return f"{self.dtype} {shape_text(self.shape)}"


def shape_text(shape: Sequence[int | str]) -> str:
    """A shape as people write it: ``(t, 2)``, ``(t,)``, ``()``."""
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def broadcast(*shapes: Shape) -> Shape:
    """The shape that NumPy's broadcasting gives; a name fits itself and 1.

    Raises
    ------
    ShapeError
        If two dimensions differ and neither is 1.

    Examples
    --------
    >>> broadcast(("t", 1), (3,))
    ('t', 3)
    """
    first = shapes[0]
    if all(shape == first for shape in shapes[1:]):
        return first
    result: list[Dimension] = []
    for axis in range(-max(map(len, shapes)), 0):
        wide: Dimension = 1
        for shape in shapes:
            part = shape[axis] if -axis <= len(shape) else 1
            if part == 1 or part == wide:
                continue
            if wide != 1:
                raise ShapeError(
                    "operands do not broadcast together",
                    expected="equal dimensions, or 1, counted from the right",
                    got=" and ".join(map(shape_text, shapes)),
                    hint="reshape an operand, or give equal dimensions the same name",
                )
            wide = part
        result.append(wide)
    return tuple(result)


def broadcasts(shape: Shape, to: Shape) -> bool:
    """Whether a value of one shape broadcasts to another, which stays as it is."""
    return len(shape) <= len(to) and all(
        a in (1, b) for a, b in zip(reversed(shape), reversed(to), strict=False)
    )


def normal_axis(axis: int, ndim: int) -> int:
    """An axis counted from the front.

    Raises
    ------
    ShapeError
        If there is no such axis.
    """
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ShapeError(f"{axis!r} is not an axis", expected="an int")
    if not -ndim <= axis < ndim:
        expected = f"{-ndim} to {ndim - 1}" if ndim else "none: a scalar has no axes"
        raise ShapeError(f"there is no axis {axis}", expected=expected)
    return int(axis) % ndim


def normal_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis=`` names, counted from the front and sorted; None is all of them.

    Raises
    ------
    ShapeError
        If there is no such axis, or one is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    normal = sorted(normal_axis(part, ndim) for part in axes)
    if len(set(normal)) < len(normal):
        raise ShapeError("an axis is named twice", got=str(axis))
    return tuple(normal)


def promote(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """NumPy 2's promotion of dtypes."""
    first = dtypes[0]
    return first if all(dtype == first for dtype in dtypes[1:]) else np.result_type(*dtypes)


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part: of a complex one the float of that precision, else itself."""
    return _PARTS.get(dtype, dtype)


def complex_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What values of a dtype become when they are made complex."""
    return promote(dtype, np.dtype("complex64"))


_PARTS: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype("complex128"): np.dtype("float64"),
    np.dtype("complex64"): np.dtype("float32"),
}
