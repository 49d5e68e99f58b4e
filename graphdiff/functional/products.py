"""Products of a vector and a Jacobian, from either side, and of a Hessian and a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from graphdiff.autodiff.forward import push_forward
from graphdiff.autodiff.reverse import pull_back
from graphdiff.errors import ArgumentError, here
from graphdiff.functional.arguments import called, fresh, or_zeros, own
from graphdiff.functional.calling import Function, Inline
from graphdiff.functional.compiled import jit
from graphdiff.functional.gradients import grad
from graphdiff.graph.belonging import innermost
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import Structure, flatten, leaf_names, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import function_name, pair, spec_of, traced


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """The value of a function and its derivative along a direction, in forward mode.

    Parameters
    ----------
    f
        A function of arrays; what it returns may be nested.
    primals, tangents
        Its arguments, and the direction: nested alike, and of the same shapes.
    has_aux
        Whether the function returns ``(value, aux)``.

    Returns
    -------
    tuple
        ``(value, tangent)``; with ``has_aux`` ``(value, tangent, aux)``. The tangent of a result
        that is not a float is 0.

    Notes
    -----
    It traces at each call. In a loop, compile it: ``gd.jit(lambda x, v: gd.jvp(f, (x,), (v,)))``.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    arguments = tuple(primals), tuple(tangents)

    def product(primals: Any, tangents: Any) -> Any:
        return _pushed(f, _graph(primals, tangents), primals, tangents, has_aux)

    return jit(_named(product, f))(*arguments)  # type: ignore[no-any-return]  # of such a function


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of a function, and the function that pulls a cotangent of it back.

    Parameters
    ----------
    f
        A function of arrays; what it returns may be nested.
    primals
        Its arguments.
    has_aux
        Whether the function returns ``(value, aux)``.

    Returns
    -------
    tuple
        ``(value, pullback)``; with ``has_aux`` ``(value, pullback, aux)``. ``pullback(cotangent)``
        takes what is nested as the value, and returns a tuple with the cotangent of each argument;
        None stands for that of one that is not a float.

    Notes
    -----
    The pullback is compiled at its first call. It computes the value once more, since nothing but
    the arguments is kept in between.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> value, pullback = gd.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pullback(1.0)
    (np.float64(12.0), (np.float64(4.0), np.float64(3.0)))
    """
    leaves, structure = flatten(primals)
    if any(isinstance(leaf, Tensor) for leaf in leaves):
        return _pullback(f, _graph(primals), primals, has_aux)
    kept = unflatten(structure, [np.array(x) if isinstance(x, np.ndarray) else x for x in leaves])

    def pulled(primals: Any, cotangent: Any) -> Any:
        return _pullback(f, _graph(primals, cotangent), primals, has_aux)[1](cotangent)

    compiled = jit(_named(pulled, f))
    pullback = partial(compiled, kept)
    result = jit(f)(*kept)
    if has_aux:
        value, aux = pair(result, function_name(f))
        return value, pullback, aux
    return result, pullback


def hvp(f: Callable[..., Any]) -> Function:
    """The product of the Hessian of a scalar function and a vector: forward over reverse mode.

    Parameters
    ----------
    f
        A function that returns a scalar.

    Returns
    -------
    Function
        It takes the arguments of ``f`` and, after them, the vector, nested as the first argument,
        by which is differentiated. The product costs a few times what the gradient does; the
        Hessian is never formed (B. Pearlmutter, *Fast exact multiplication by the Hessian*, 1994).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

    def inline(graph: Graph, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if len(args) < 2:
            raise ArgumentError(
                "the vector is missing", origin=here(), expected="the arguments, then the vector"
            )
        first, *others = args[:-1]
        slope = grad(f)
        return _pushed(lambda x: slope(x, *others, **kwargs), graph, (first,), (args[-1],), False)[
            1
        ]

    return transformed(f, inline, "hvp")


def transformed(f: Callable[..., Any], inline: Inline, verb: str) -> Function:
    """A function of arrays from what adds it to a graph."""

    def whole(*args: Any, **kwargs: Any) -> Any:
        return inline(_graph(args, kwargs), args, kwargs)

    update_wrapper(whole, f, ("__name__",) if hasattr(f, "__name__") else ())
    return Function(f, partial(traced, whole), inline, verb)


def _named(function: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is called as another is."""
    function.__name__ = function_name(f)
    return function


def _graph(*values: Any) -> Graph:
    """The graph that the tensors among some values belong to."""
    leaves, _ = flatten(values)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if tensors:
        return innermost(tensors)
    raise ArgumentError(
        "there is no array among the arguments", origin=here(),
        got=", ".join(type(leaf).__name__ for leaf in leaves) or "no arguments",
    )  # fmt: skip


def _pushed(
    f: Callable[..., Any],
    graph: Graph,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool,
) -> tuple[Any, ...]:
    inner = fresh(graph, tuple(primals))
    leaves, structure = flatten(inner)
    along = _alike(graph, leaves, structure, tuple(tangents), "tangent", "primals")
    result = called(f, graph, inner, {})
    value, aux = pair(result, function_name(f)) if has_aux else (result, None)
    outputs, shape = flatten(value)
    found = tangents_of(outputs, list(zip(leaves, along, strict=True)))
    tangent = unflatten(shape, found)
    return (value, tangent, aux) if has_aux else (value, tangent)


def tangents_of(outputs: Sequence[Any], wrt: Sequence[tuple[Any, Any]]) -> list[Any]:
    """The tangents of some values, zeros for those that depend on none of the others."""
    by = [(x, v) for x, v in wrt if isinstance(x, Tensor) and x.spec.is_inexact]
    of = [y for y in outputs if isinstance(y, Tensor)]
    found = iter(push_forward(of, by, "out") if by else [None] * len(of))
    return [
        or_zeros(next(found), y) if isinstance(y, Tensor) else np.zeros_like(y) for y in outputs
    ]


def _pullback(
    f: Callable[..., Any], graph: Graph, primals: Sequence[Any], has_aux: bool
) -> tuple[Any, ...]:
    inner = fresh(graph, tuple(primals))
    leaves, structure = flatten(inner)
    result = called(f, graph, inner, {})
    value, aux = pair(result, function_name(f)) if has_aux else (result, None)
    outputs, shape = flatten(value)

    def pullback(cotangent: Any) -> Any:
        given = _alike(graph, outputs, shape, cotangent, "cotangent", "the value")
        return unflatten(structure, cotangents_of(leaves, list(zip(outputs, given, strict=True))))

    return (value, pullback, aux) if has_aux else (value, pullback)


def cotangents_of(leaves: Sequence[Any], seeds: Sequence[tuple[Any, Any]]) -> list[Any]:
    """The cotangents of some values: None of what is no float, zeros where nothing depends."""
    floats = [x for x in leaves if isinstance(x, Tensor) and x.spec.is_inexact]
    given = [(y, ct) for y, ct in seeds if isinstance(y, Tensor) and y.spec.is_inexact]
    found = iter(pull_back(given, floats, "out") if floats else ())
    return [
        or_zeros(next(found), x) if isinstance(x, Tensor) and x.spec.is_inexact else None
        for x in leaves
    ]


def _alike(
    graph: Graph, leaves: Sequence[Any], structure: Structure, given: Any, what: str, of: str
) -> list[Any]:
    """The leaves of tangents or cotangents as tensors, checked to fit what they belong to."""
    found, shape = flatten(given)
    if shape != structure:
        raise ArgumentError(
            f"the {what} is not nested as {of}", origin=here(),
            expected=str(structure.spec), got=str(shape.spec),
        )  # fmt: skip
    result: list[Any] = []
    for leaf, part, name in zip(leaves, found, leaf_names(structure, what), strict=True):
        wanted, spec = spec_of(leaf, name), spec_of(part, name)
        if wanted is None or not wanted.is_inexact:
            result.append(None)
            continue
        if spec is None or spec.shape != wanted.shape:
            raise ArgumentError(
                f"{name!r} has the wrong shape", origin=here(), expected=repr(wanted),
                got=repr(part if spec is None else spec),
            )  # fmt: skip
        tensor = own(graph, part)
        result.append(tensor if spec.dtype == wanted.dtype else tensor.astype(wanted.dtype))
    return result
