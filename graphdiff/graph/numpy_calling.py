"""Calls of NumPy's functions with tensors, in NumPy's own signatures.

What is the same for all functions is done here: `out=` is assigned to, `dtype=` converts, and what
says nothing about values is left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError
from graphdiff.graph import memory
from graphdiff.ops.spec import dtype_of

_ABOUT_MEMORY = frozenset({"casting", "copy", "device", "kind", "overwrite_input", "subok"})
_JOINING = frozenset({np.concatenate, np.stack, np.hstack, np.vstack})
_SPACING = frozenset({np.linspace, np.logspace, np.geomspace})

signature = lru_cache(inspect.signature)


def call(
    name: str,
    function: Callable[..., Any],
    known: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """The result of one of NumPy's functions, by our function for it.

    Raises
    ------
    GraphError
        If the arguments do not fit, or one has no rule.
    """
    try:
        try:
            signature(known).bind(*args, **kwargs)
        except TypeError:
            return _called_as_numpys(function, known, args, kwargs)
        return known(*args, **kwargs)
    except (TypeError, ValueError, IndexError) as error:
        raise GraphError(str(error), op=name) from error
    except GraphdiffError as error:
        raise error.at(None, name, None) from None


def _called_as_numpys(
    function: Callable[..., Any],
    known: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """With arguments that NumPy takes and ours does not, or not in this order."""
    required, optional = _as_numpy_takes_them(function, args, kwargs)
    ours = signature(known).parameters
    target = optional.pop("out", None)
    dtype = None if "dtype" in ours else optional.pop("dtype", None)
    for key in [key for key in optional if key not in ours]:
        if key not in _ABOUT_MEMORY:
            raise GraphError(f"{key}= has no rule in graphdiff", hint="leave it out")
        del optional[key]
    if dtype is not None and function not in _JOINING | _SPACING:
        required = [converted(value, dtype) for value in required]
    result = known(*required, **optional)
    if dtype is not None:
        result = converted(result, dtype)
    return result if target is None else assigned(target, result)


def _as_numpy_takes_them(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that must be given, in order, and by name those that are not the default."""
    required, optional = list[Any](), dict[str, Any]()
    parameters = signature(function).parameters
    for key, value in signature(function).bind(*args, **kwargs).arguments.items():
        parameter = parameters[key]
        if parameter.kind is parameter.VAR_POSITIONAL:
            required.extend(value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            optional.update(value)
        elif parameter.default is parameter.empty:
            required.append(value)
        elif value is not parameter.default and value is not np._NoValue:
            optional[key] = value
    return required, optional


def assigned(target: Any, result: Any, what: str = "out=") -> Any:
    """What `out=` names, after a result was assigned to it."""
    (target,) = target if isinstance(target, tuple) else (target,)
    if not hasattr(target, "graph"):
        raise GraphError(
            f"{what} into a NumPy array has no rule in graphdiff",
            hint="write a = a + b, and begin with a tensor, such as np.zeros_like(x)",
        )
    memory.write(target, memory.fitted(result, target, "assignment to out="))
    return target


def converted(value: Any, dtype: Any) -> Any:
    """A tensor or an array in a dtype, as are those in a list; numbers and all else as they are."""
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "graph"):
        return value if value.dtype == dtype_of(dtype) else value.astype(dtype_of(dtype))
    return value


def converted_for(ufunc: np.ufunc, values: Iterable[Any], dtype: Any) -> list[Any]:
    """The operands of a ufunc that is told the dtype in which it computes.

    Raises
    ------
    DTypeError
        If it has results of another dtype, or a value would become one of a lower kind.
    """
    wanted, operands = dtype_of(dtype), list(values)
    if f"{'d' * ufunc.nin}->?" in ufunc.types:
        raise DTypeError("dtype= of what is true or false", hint="leave it out")
    for value in operands:
        if hasattr(value, "dtype") and not np.can_cast(value.dtype, wanted, "same_kind"):
            raise DTypeError(
                "dtype= would lose the kind of a value", expected=str(value.dtype),
                got=str(wanted), hint="convert it with astype",
            )  # fmt: skip
    return [converted(value, wanted) for value in operands]
