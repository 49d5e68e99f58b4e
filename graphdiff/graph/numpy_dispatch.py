"""What NumPy's protocols hand over: ufuncs and functions that were called with tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphdiff.errors import DTypeError, GraphError
from graphdiff.graph import (
    numpy_calling,
    numpy_complex,
    numpy_methods,
    numpy_products,
    numpy_table,
    scipy_special,
)
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.graph.picking import Picked
from graphdiff.ops import ALIASES, OPS

if TYPE_CHECKING:
    from graphdiff.graph.dag import Graph

_BITWISE = ("bitwise_and", "bitwise_or", "invert")


def call_ufunc(
    graph: Graph, ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What a ufunc, or one of its methods, comes to where an operand is a tensor of the graph.

    Raises
    ------
    GraphError, DTypeError
        If there is no rule for it, or none for such options or values.
    """
    if any(isinstance(value, Picked) for value in args):
        return NotImplemented  # which knows what to do beside a tensor
    name = ufunc.__name__
    if method != "__call__":
        return numpy_methods.apply_method(ufunc, method, args, kwargs)
    if "out" in kwargs:
        return _into(kwargs.pop("out"), ufunc, args, kwargs)
    if kwargs:
        for key in ("casting", "order", "subok"):  # say nothing about values
            kwargs.pop(key, None)
        if (dtype := kwargs.pop("dtype", None)) is not None:
            args = tuple(numpy_calling.converted_for(ufunc, args, dtype))
        if ufunc is np.vecdot and kwargs.keys() == {"axis"}:
            return numpy_products.vecdot(*args, axis=kwargs["axis"])
    if kwargs:
        hint = "use astype, np.where, or where= together with out="
        _refuse(f"np.{name} with {', '.join(kwargs)}=", hint)
    if ufunc in numpy_table.UFUNCS:
        _check_complex(ufunc, f"np.{name}", args)
        return numpy_table.UFUNCS[ufunc](*args)
    if name in scipy_special.UFUNCS:
        _check_complex(ufunc, f"scipy.special.{name}", args)
        return scipy_special.UFUNCS[name](*args)
    if ALIASES.get(name, name) not in OPS:
        _refuse(f"np.{name}", None)
    if name in _BITWISE and any(_dtype(a) != np.bool_ for a in args):
        raise DTypeError(
            f"np.{name} works on booleans only", got=", ".join(str(_dtype(a)) for a in args)
        )
    return graph.apply(name, args)


def call_function(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """What a function of NumPy comes to where a tensor is among its arguments.

    Raises
    ------
    GraphError, DTypeError
        If there is no rule for it, or none for complex values.
    """
    name = f"{function.__module__.replace('numpy', 'np')}.{function.__name__}"
    known = numpy_table.FUNCTIONS.get(function)
    if known is None and function in numpy_table.OF_UNKNOWN_LENGTH:
        raise GraphError(
            f"{name}: how many there are depends on values that are not known",
            hint="np.where(mask, x, 0) in the place of x[mask]; or call it with known arrays",
        )
    if known is None:
        _refuse(name, None)
    _check_complex(function, name, (*args, *kwargs.values()))
    return numpy_calling.call(name, function, known, args, kwargs)


def _into(
    targets: tuple[Any, ...], ufunc: np.ufunc, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Assign what a ufunc gives to what `out=` names, where `where=` is true."""
    if not all(is_tensor(target) for target in targets):
        numpy_calling.assigned(targets[0], None, f"out= of np.{ufunc.__name__}")  # refused
    mask = kwargs.pop("where", True)
    found = ufunc(*args, **kwargs)
    for target, value in zip(targets, found if ufunc.nout > 1 else (found,), strict=True):
        kept = value if mask is True else np.where(mask, value, target)
        numpy_calling.assigned(target, kept)
    return targets if ufunc.nout > 1 else targets[0]


def _dtype(value: object) -> np.dtype[Any]:
    """The dtype of a tensor, or of what stands beside one."""
    dtype: np.dtype[Any] | None = getattr(value, "dtype", None)
    return np.asarray(value).dtype if dtype is None else dtype


def _check_complex(function: Any, name: str, values: Sequence[Any]) -> None:
    """Refuse complex values in a function that is made for real ones."""
    if function not in numpy_table.COMPLEX and numpy_complex.any_complex(values):
        raise DTypeError(
            f"{name} of complex values has no rule in graphdiff",
            hint="take np.real(z), np.imag(z) or np.abs(z) of them",
        )


def _refuse(what: str, hint: str | None) -> NoReturn:
    raise GraphError(
        f"{what} has no rule in graphdiff",
        hint=hint
        or "write it with functions that have one (graphdiff info lists them), or declare an op of "
        "your own with gd.op",
    )
