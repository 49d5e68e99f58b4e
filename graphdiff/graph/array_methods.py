"""The methods that a NumPy array has, for tensors: each is the function of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import DTypeError
from graphdiff.graph.numpy_api import transpose

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


class ArrayMethods:
    """An array's methods, made of NumPy's functions; those that work in place assign."""

    __slots__ = ()

    if TYPE_CHECKING:  # what a Tensor has

        @property
        def dtype(self) -> np.dtype[Any]:
            """The NumPy dtype."""

        def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
            """A NumPy function of this tensor."""

        def __getitem__(self, key: Any) -> Tensor:
            """A part."""

        def _assign(self, value: Tensor) -> None:
            """Let the tensor hold another value."""

    # -- reductions --------------------------------------------------------------------------

    def sum(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Tensor:
        """np.sum."""
        return self._numpy(
            np.sum, axis, dtype=dtype, out=out, keepdims=keepdims, initial=initial, where=where
        )

    def mean(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        where: Any = True,
    ) -> Tensor:
        """np.mean."""
        return self._numpy(np.mean, axis, dtype=dtype, out=out, keepdims=keepdims, where=where)

    def prod(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Tensor:
        """np.prod."""
        return self._numpy(
            np.prod, axis, dtype=dtype, out=out, keepdims=keepdims, initial=initial, where=where
        )

    def any(
        self, axis: Any = None, out: Any = None, keepdims: bool = False, where: Any = True
    ) -> Tensor:
        """np.any."""
        return self._numpy(np.any, axis, out=out, keepdims=keepdims, where=where)

    def all(
        self, axis: Any = None, out: Any = None, keepdims: bool = False, where: Any = True
    ) -> Tensor:
        """np.all."""
        return self._numpy(np.all, axis, out=out, keepdims=keepdims, where=where)

    def max(
        self,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Tensor:
        """np.max."""
        return self._numpy(np.max, axis, out=out, keepdims=keepdims, initial=initial, where=where)

    def min(
        self,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Tensor:
        """np.min."""
        return self._numpy(np.min, axis, out=out, keepdims=keepdims, initial=initial, where=where)

    def argmax(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tensor:
        """np.argmax."""
        return self._numpy(np.argmax, axis, out=out, keepdims=keepdims)

    def argmin(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tensor:
        """np.argmin."""
        return self._numpy(np.argmin, axis, out=out, keepdims=keepdims)

    def var(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = True,
        mean: Any = None,
    ) -> Tensor:
        """np.var."""
        return self._numpy(
            np.var, axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, where=where, mean=mean
        )

    def std(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = True,
        mean: Any = None,
    ) -> Tensor:
        """np.std."""
        return self._numpy(
            np.std, axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, where=where, mean=mean
        )

    def cumsum(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Tensor:
        """np.cumsum."""
        return self._numpy(np.cumsum, axis, dtype=dtype, out=out)

    def cumprod(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Tensor:
        """np.cumprod."""
        return self._numpy(np.cumprod, axis, dtype=dtype, out=out)

    # -- shapes ------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """The transpose: all axes reversed."""
        return transpose(self)

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes exchanged."""
        return self._numpy(np.matrix_transpose)

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
        """np.reshape; one dimension may be -1."""
        return self._numpy(np.reshape, shape[0] if len(shape) == 1 else shape, order)

    def ravel(self, order: str = "C") -> Tensor:
        """All elements along one axis."""
        return self._numpy(np.ravel, order)

    def flatten(self, order: str = "C") -> Tensor:
        """All elements along one axis, as a copy."""
        return self._numpy(np.ravel, order).copy()

    @property
    def flat(self) -> Tensor:
        """All elements along one axis, to be read one after the other or by number."""
        return self._numpy(np.ravel)

    def view(self, dtype: Any = None) -> Tensor:
        """The same memory once more; as another dtype it has no rule."""
        if dtype is not None and np.dtype(dtype) != self.dtype:
            raise DTypeError("the bytes of a value as another dtype", hint="use astype")
        return self[...]

    def transpose(self, *axes: Any) -> Tensor:
        """np.transpose."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return self._numpy(np.transpose, order)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """np.swapaxes."""
        return self._numpy(np.swapaxes, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Tensor:
        """np.squeeze."""
        return self._numpy(np.squeeze, axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """np.repeat."""
        return self._numpy(np.repeat, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """np.diagonal."""
        return self._numpy(np.diagonal, offset, axis1, axis2)

    def trace(
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
    ) -> Tensor:
        """np.trace."""
        return self._numpy(np.trace, offset, axis1, axis2, dtype=dtype, out=out)

    # -- elements ----------------------------------------------------------------------------

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: Any = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> Tensor:
        """The values in another dtype."""
        if casting != "unsafe" and not np.can_cast(self.dtype, dtype, casting):
            raise DTypeError(
                f"astype would cast in a way that is not {casting!r}",
                got=f"{self.dtype} as {np.dtype(dtype)}",
            )
        return self._numpy(np.astype, dtype)

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> Tensor:
        """np.clip."""
        return self._numpy(np.clip, min, max, out=out)

    def conj(self) -> Tensor:
        """np.conjugate; a real value is its own."""
        return np.conjugate(self)  # type: ignore[call-overload, no-any-return]  # a Tensor

    conjugate = conj

    @property
    def imag(self) -> Tensor:
        """np.imag; 0 for a real value. It can be assigned to, if the value is complex."""
        return self._numpy(np.imag)

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise DTypeError("a real value has no imaginary part to assign to", got=str(self.dtype))
        self.imag[...] = value

    @property
    def real(self) -> Tensor:
        """np.real; a real value is its own. It can be assigned to."""
        return self._numpy(np.real)

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    def round(self, decimals: int = 0, out: Any = None) -> Tensor:
        """np.round."""
        return self._numpy(np.round, decimals, out=out)

    def dot(self, b: Any, out: Any = None) -> Tensor:
        """np.dot."""
        return self._numpy(np.dot, b, out=out)

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: str | None = None
    ) -> Tensor:
        """np.take."""
        return self._numpy(np.take, indices, axis, out=out, mode=mode)

    def compress(self, condition: Any, axis: int | None = None, out: Any = None) -> Tensor:
        """np.compress."""
        kept: Tensor = np.compress(condition, self, axis, out)  # type: ignore[call-overload]  # a Tensor
        return kept

    def choose(self, choices: Any, out: Any = None, mode: str | None = None) -> Tensor:
        """np.choose."""
        return self._numpy(np.choose, choices, out=out, mode=mode)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Tensor:
        """np.searchsorted."""
        return self._numpy(np.searchsorted, v, side, sorter)

    def argsort(
        self, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None
    ) -> Tensor:
        """np.argsort."""
        return self._numpy(np.argsort, axis, kind=kind, order=order, stable=stable)

    def argpartition(
        self, kth: Any, axis: int | None = -1, kind: Any = None, order: Any = None
    ) -> Tensor:
        """np.argpartition."""
        return self._numpy(np.argpartition, kth, axis, kind=kind, order=order)

    # -- in place ----------------------------------------------------------------------------

    def sort(
        self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
    ) -> None:
        """Put the elements in order, as np.sort does."""
        self._assign(self._numpy(np.sort, axis, kind=kind, order=order, stable=stable))

    def partition(self, kth: Any, axis: int = -1, kind: Any = None, order: Any = None) -> None:
        """Put the elements in order around the kth, as np.partition does."""
        self._assign(self._numpy(np.partition, kth, axis, kind=kind, order=order))

    def put(self, indices: Any, values: Any, mode: str | None = None) -> None:
        """np.put: assign to elements by their number in the flattened array."""
        self._numpy(np.put, indices, values, mode=mode)

    def fill(self, value: Any) -> None:
        """Let all elements be a number."""
        self._assign(self._numpy(np.full_like, value))
