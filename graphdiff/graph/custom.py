"""Functions that bring their own derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import optree

from graphdiff.errors import GradientError, here
from graphdiff.graph.belonging import innermost
from graphdiff.graph.body import Body, cut_out
from graphdiff.graph.nest import flatten, leaf_names
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import argument_names, called, function_name, spec_of
from graphdiff.ops import OPS
from graphdiff.ops.spec import Spec


def custom_gradient(f: Callable[..., Any], bwd: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the values of one, and with the derivative that another one gives.

    Parameters
    ----------
    f
        A function of arrays, whose arguments may be nested, that returns one array.
    bwd
        ``(g, out, *args)``: the cotangent of the result, the result, and the arguments of ``f``. It
        returns the cotangent of each argument, nested as the argument is, in a tuple if there are
        several; None stands for zero.

    Returns
    -------
    function
        For traced functions and for tensors of a declared graph. With arrays alone it is ``f``.

    Raises
    ------
    GradientError
        At a call: if ``f`` does not return one array, or what ``bwd`` returns does not fit the
        arguments. In forward mode: if ``bwd`` is not linear in ``g``.

    Notes
    -----
    ``bwd`` is traced when the function is called, and its nodes are put into the gradient graph, so
    that they can be looked at and differentiated again. Its value is a constant for derivatives
    that do not pass the arguments.

    Examples
    --------
    A straight-through estimator (Bengio et al., 2013): rounded, with the slope of the identity.

    >>> import numpy as np, graphdiff as gd
    >>> rounded = gd.custom_gradient(np.round, lambda g, out, x: g)
    >>> gd.grad(lambda x: rounded(x) ** 2)(2.2)
    np.float64(4.0)

    A cotangent that is clipped on its way back:

    >>> calm = gd.custom_gradient(lambda x: x, lambda g, out, x: np.clip(g, -1.0, 1.0))
    >>> gd.grad(lambda x: np.sum(100.0 * calm(x)))(np.ones(2))
    array([1., 1.])
    """

    @functools.wraps(f)
    def with_gradient(*args: Any) -> Any:
        leaves, _ = flatten(args)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        value = f(*args)
        if not tensors or not (isinstance(value, Tensor) or _is_nested(value)):
            return value
        if not isinstance(value, Tensor):
            raise _misfit(f, "the function does not return one array", type(value).__name__)
        return _node(f, bwd, value, args, leaves)

    return with_gradient


def _node(
    f: Callable[..., Any],
    bwd: Callable[..., Any],
    value: Tensor,
    args: Sequence[Any],
    leaves: Sequence[Any],
) -> Tensor:
    """The value as a node that holds the graph of its derivative."""
    body = Body(function_name(bwd))
    specs = [spec_of(leaf, "argument") for leaf in leaves]
    inputs, result = called(body, bwd, (value.spec, value.spec, *args), {})
    outputs = [
        cotangent.name for cotangent in _cotangents(f, body, args, result) if cotangent is not None
    ]
    body.is_open = False
    given = [leaf for leaf, spec in zip(leaves, specs, strict=True) if spec is not None]
    every = [value, *given, *body.taken.values()]
    graph = innermost([operand for operand in every if isinstance(operand, Tensor)])
    names = [*(name for name in inputs if name is not None), *body.taken]
    held = OPS["stop_gradient"](value)
    operands = tuple(x if isinstance(x, Tensor) else graph.constant(x) for x in every[1:])
    params = {"backward": cut_out(body, outputs, names), "count": len(given)}
    return graph.apply("custom_gradient", (held, *operands), params)


def _cotangents(
    f: Callable[..., Any], body: Body, args: Sequence[Any], result: Any
) -> Iterator[Tensor | None]:
    """The cotangent of each leaf of the arguments, None for one that is not a float."""
    results = (result,) if len(args) == 1 and not _is_single(result) else result
    if not isinstance(results, (tuple, list)) or len(results) != len(args):
        raise _misfit(f, f"{len(args)} cotangents are needed, one for each argument", repr(result))
    stems = argument_names(f, args, {})
    for stem, argument, cotangent in zip(stems, args, results, strict=True):
        leaves, structure = flatten(argument)
        parts, nesting = flatten(cotangent)
        if nesting != structure:
            parts, nesting = flatten(optree.tree_map(_or_zero, cotangent, none_is_leaf=True))
        if cotangent is None:
            parts = [0.0] * len(leaves)
        elif nesting != structure:
            raise _misfit(f, f"the cotangent of {stem!r} is not nested as it is", repr(cotangent))
        for name, leaf, part in zip(leaf_names(structure, stem), leaves, parts, strict=True):
            spec = spec_of(leaf, name)
            if spec is None or not spec.is_inexact:
                yield None
            else:
                yield _fitted(f, body, name, part, spec)


def _fitted(f: Callable[..., Any], body: Body, name: str, part: Any, spec: Spec) -> Any:
    """A cotangent as a tensor of the body, of the shape and dtype of its argument."""
    if not isinstance(part, Tensor):
        part = body.constant(part, dtype=spec.dtype)
    if part.graph is not body:  # a tensor from around it
        part = body.apply("identity", (part,))
    if part.dtype != spec.dtype:
        part = part.astype(spec.dtype)
    if part.ndim == 0 and spec.ndim:
        part = body.apply("broadcast_to", (part,), {"shape": spec.shape})
    if part.shape != spec.shape:
        message = f"the cotangent of {name!r} has another shape"
        raise _misfit(f, message, repr(part.spec), repr(spec))
    fitted: Tensor = part
    return fitted


def _or_zero(cotangent: Any) -> Any:
    return 0.0 if cotangent is None else cotangent


def _is_single(result: Any) -> bool:
    return isinstance(result, tuple) and len(result) == 1


def _is_nested(value: Any) -> bool:
    return any(isinstance(leaf, Tensor) for leaf in flatten(value)[0])


def _misfit(
    f: Callable[..., Any], message: str, got: str, expected: str | None = None
) -> GradientError:
    return GradientError(
        f"{function_name(f)!r}: {message}", origin=here(), expected=expected, got=got,
        hint="gd.custom_gradient(f, bwd): bwd(g, out, *args) gives the cotangent of each argument",
    )  # fmt: skip
