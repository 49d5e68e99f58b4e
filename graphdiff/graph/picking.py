"""The elements that a mask picks, where the mask is not known, nor how many there are.

No node can hold a value of unknown shape. But most of what programs do with ``x[mask]`` needs none:
element-wise functions, sums and other reductions, and an assignment to the same places. These are
done to all elements, and the mask is applied where they meet or are assigned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import numpy_api
from graphdiff.ops.spec import normal_axes

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


class Picked(np.lib.mixins.NDArrayOperatorsMixin):
    """``x[mask]``: the elements of a tensor, or its rows, for which a mask is true.

    It takes element-wise functions beside numbers and what the same mask picks, and reductions.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.grad(lambda x: np.sum(x[x > 0] ** 2))(np.array([1.0, -2.0, 3.0]))
    array([2., 0., 6.])
    """

    __slots__ = ("mask", "value")

    def __init__(self, value: Tensor, mask: Tensor) -> None:
        if value.shape[: mask.ndim] != mask.shape:
            raise ShapeError(
                "the mask does not fit", expected=str(value.shape[: mask.ndim]), got=str(mask.shape)
            )
        self.value, self.mask = value, mask

    def __repr__(self) -> str:
        return f"<{self.value.name}[{self.mask.name}]>"

    @property
    def size(self) -> Any:
        """How many elements there are, as a tensor."""
        return np.sum(numpy_api.broadcast_to(self._where(), self.value.shape))

    def _where(self) -> Any:
        """The mask, beside the axes that it does not pick from."""
        behind = range(self.mask.ndim, self.value.ndim)
        return np.expand_dims(self.mask, tuple(behind)) if behind else self.mask

    def filled(self, value: Any) -> Any:
        """All elements, with a value in the place of those that are not picked."""
        return numpy_api.where(self._where(), self.value, value)

    def _whole(self, other: Any) -> Any:
        """What stands in a formula of all elements for an operand beside this one."""
        if isinstance(other, Picked):
            if not same_condition(other.mask, self.mask):
                raise GraphError("elements picked by two masks, whose numbers may differ")
            return other.value
        if np.ndim(other) > self.value.ndim - self.mask.ndim:
            raise GraphError(
                "an array beside elements picked by a mask, whose number is not known",
                hint="pick from it by the same mask, or use np.where(mask, x, 0)",
            )
        return other

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("out", None)  # as of x[mask] += 1, which is assigned to the places afterwards
        if method == "reduce" and ufunc in _OF_UFUNCS:
            return _reduced(args[0], _OF_UFUNCS[ufunc], 0)
        if ufunc is np.matmul and all(isinstance(a, Picked) and a.value.ndim == 1 for a in args):
            return (args[0] * args[1]).sum()
        if method != "__call__" or ufunc.signature is not None or kwargs:
            _refuse(f"np.{ufunc.__name__}")
        return Picked(ufunc(*map(self._whole, args)), self.mask)

    def __array_function__(
        self, function: Callable[..., Any], types: object, args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        if function in (np.dot, np.vdot, np.inner) and len(args) == 2:
            return np.matmul(*args)
        first, *rest = args
        if function in _ELEMENTWISE and isinstance(first, Picked):
            return Picked(function(first.value, *map(self._whole, rest), **kwargs), self.mask)
        if function not in _REDUCTIONS or not isinstance(first, Picked) or rest[1:]:
            _refuse(f"np.{function.__name__}")
        return _reduced(first, function, *rest, **kwargs)

    def sum(self, axis: Any = None) -> Any:
        """np.sum."""
        return _reduced(self, np.sum, axis)

    def mean(self, axis: Any = None) -> Any:
        """np.mean."""
        return _reduced(self, np.mean, axis)

    def prod(self, axis: Any = None) -> Any:
        """np.prod."""
        return _reduced(self, np.prod, axis)

    def max(self, axis: Any = None) -> Any:
        """np.max; -∞ where nothing is picked."""
        return _reduced(self, np.max, axis)

    def min(self, axis: Any = None) -> Any:
        """np.min; ∞ where nothing is picked."""
        return _reduced(self, np.min, axis)

    def var(self, axis: Any = None, *, ddof: float = 0) -> Any:
        """np.var."""
        return _reduced(self, np.var, axis, ddof=ddof)

    def std(self, axis: Any = None, *, ddof: float = 0) -> Any:
        """np.std."""
        return _reduced(self, np.std, axis, ddof=ddof)

    def astype(self, dtype: Any) -> Picked:
        """The elements in another dtype."""
        return Picked(self.value.astype(dtype), self.mask)

    def copy(self) -> Picked:
        """The elements, apart from what is assigned to the tensor later."""
        return Picked(self.value.copy(), self.mask)

    def __len__(self) -> NoReturn:
        _refuse("the length")

    def __iter__(self) -> NoReturn:
        _refuse("a loop over the elements")

    def __getitem__(self, key: object) -> NoReturn:
        _refuse("an index")

    def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
        _refuse("an array")


def _reduced(picked: Picked, function: Callable[..., Any], axis: Any = None, **given: Any) -> Any:
    """A reduction; the first axis stands for those that the mask picks from."""
    many = picked.mask.ndim
    axes = normal_axes(axis, picked.value.ndim - many + 1)
    places = [*range(many)] if 0 in axes else []
    places += [i + many - 1 for i in axes if i]
    return _REDUCTIONS[function](picked, tuple(places), **given)


def _where(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(picked: Picked, axes: tuple[int, ...], **given: Any) -> Any:
        return function(picked.value, axis=axes, where=picked._where(), **given)

    return reduce


def _filled(function: Callable[..., Any], value: float) -> Callable[..., Any]:
    def reduce(picked: Picked, axes: tuple[int, ...], **given: Any) -> Any:
        return function(picked.filled(value), axis=axes, **given)

    return reduce


def _length(picked: Picked, axes: tuple[int, ...]) -> Any:
    return np.linalg.norm(np.ravel(picked.filled(0)), None)


def same_condition(a: Tensor, b: Tensor) -> bool:
    """Whether two masks are one condition of the same values."""
    if a.name == b.name:
        return True
    if a.op != b.op or a.params != b.params or len(a.operands) != len(b.operands):
        return False
    return all(
        x.name == y.name
        or (x.op == y.op == "constant" and np.array_equal(x.params["value"], y.params["value"]))
        for x, y in zip(a.operands, b.operands, strict=True)
    )


def _refuse(what: str) -> NoReturn:
    raise GraphError(
        f"{what} of elements picked by a mask, whose number is not known",
        hint="np.where(mask, x, 0) keeps all elements; functions of single elements and sums are "
        "taken as they are",
    )


_REDUCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **{f: _where(f) for f in (np.sum, np.mean, np.prod, np.var, np.std, np.any, np.all)},
        np.max: _filled(np.max, -np.inf),
        np.amax: _filled(np.max, -np.inf),
        np.min: _filled(np.min, np.inf),
        np.amin: _filled(np.min, np.inf),
        np.median: _filled(np.nanmedian, np.nan),
        np.count_nonzero: lambda picked, axes: np.sum(
            picked.value != 0, axis=axes, where=picked._where()
        ),
        np.linalg.norm: _length,
        np.size: lambda picked, axes: picked.size,
    }
)
_OF_UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
)
_ELEMENTWISE = frozenset({np.clip, np.nan_to_num, np.round, np.around, np.real, np.imag, np.sinc})
