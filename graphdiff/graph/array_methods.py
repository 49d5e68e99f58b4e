"""The methods that a NumPy array has, for tensors: each is the function of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.graph.numpy_api import transpose

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


class ArrayMethods:
    """An array's methods, made of NumPy's functions; those that work in place assign."""

    __slots__ = ()

    if TYPE_CHECKING:  # what a Tensor has

        def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
            """A NumPy function of this tensor."""

        def _assign(self, value: Tensor) -> None:
            """Let the tensor hold another value."""

    # -- reductions --------------------------------------------------------------------------

    def sum(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Tensor:
        """np.sum."""
        return self._numpy(np.sum, axis, keepdims=keepdims, where=where)

    def mean(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Tensor:
        """np.mean."""
        return self._numpy(np.mean, axis, keepdims=keepdims, where=where)

    def prod(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Tensor:
        """np.prod."""
        return self._numpy(np.prod, axis, keepdims=keepdims, where=where)

    def any(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Tensor:
        """np.any."""
        return self._numpy(np.any, axis, keepdims=keepdims, where=where)

    def all(self, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Tensor:
        """np.all."""
        return self._numpy(np.all, axis, keepdims=keepdims, where=where)

    def max(
        self,
        axis: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Tensor:
        """np.max."""
        return self._numpy(np.max, axis, keepdims=keepdims, initial=initial, where=where)

    def min(
        self,
        axis: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Tensor:
        """np.min."""
        return self._numpy(np.min, axis, keepdims=keepdims, initial=initial, where=where)

    def argmax(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """np.argmax."""
        return self._numpy(np.argmax, axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """np.argmin."""
        return self._numpy(np.argmin, axis, keepdims=keepdims)

    def var(self, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """np.var."""
        return self._numpy(np.var, axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """np.std."""
        return self._numpy(np.std, axis, ddof=ddof, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        """np.cumsum."""
        return self._numpy(np.cumsum, axis)

    def cumprod(self, axis: int | None = None) -> Tensor:
        """np.cumprod."""
        return self._numpy(np.cumprod, axis)

    # -- shapes ------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """The transpose: all axes reversed."""
        return transpose(self)

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes exchanged."""
        return self._numpy(np.matrix_transpose)

    def reshape(self, *shape: Any) -> Tensor:
        """np.reshape; one dimension may be -1."""
        return self._numpy(np.reshape, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Tensor:
        """All elements along one axis."""
        return self._numpy(np.ravel)

    def flatten(self) -> Tensor:
        """All elements along one axis, as a copy."""
        return self._numpy(np.ravel).copy()

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

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """np.trace."""
        return self._numpy(np.trace, offset, axis1, axis2)

    # -- elements ----------------------------------------------------------------------------

    def astype(self, dtype: Any) -> Tensor:
        """The values in another dtype."""
        return self._numpy(np.astype, dtype)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """np.clip."""
        return self._numpy(np.clip, min, max)

    def conj(self) -> Tensor:
        """np.conjugate; a real value is its own."""
        return np.conjugate(self)  # type: ignore[call-overload, no-any-return]  # a Tensor

    conjugate = conj

    @property
    def imag(self) -> Tensor:
        """np.imag; 0 for a real value."""
        return self._numpy(np.imag)

    @property
    def real(self) -> Tensor:
        """np.real; a real value is its own."""
        return self._numpy(np.real)

    def round(self, decimals: int = 0) -> Tensor:
        """np.round."""
        return self._numpy(np.round, decimals)

    def dot(self, b: Any) -> Tensor:
        """np.dot."""
        return self._numpy(np.dot, b)

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """np.take."""
        return self._numpy(np.take, indices, axis)

    def choose(self, choices: Any) -> Tensor:
        """np.choose."""
        return self._numpy(np.choose, choices)

    def searchsorted(self, v: Any, side: str = "left") -> Tensor:
        """np.searchsorted."""
        return self._numpy(np.searchsorted, v, side)

    def argsort(self, axis: int | None = -1) -> Tensor:
        """np.argsort."""
        return self._numpy(np.argsort, axis)

    def argpartition(self, kth: Any, axis: int | None = -1) -> Tensor:
        """np.argpartition."""
        return self._numpy(np.argpartition, kth, axis)

    # -- in place ----------------------------------------------------------------------------

    def sort(self, axis: int = -1) -> None:
        """Put the elements in order, as np.sort does."""
        self._assign(self._numpy(np.sort, axis))

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Put the elements in order around the kth, as np.partition does."""
        self._assign(self._numpy(np.partition, kth, axis))

    def put(self, indices: Any, values: Any) -> None:
        """np.put: assign to elements by their number in the flattened array."""
        self._numpy(np.put, indices, values)

    def fill(self, value: Any) -> None:
        """Let all elements be a number."""
        self._assign(self._numpy(np.full_like, value))
