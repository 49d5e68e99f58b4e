"""Arguments of transformed functions: which are chosen, checked, and put in place of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphdiff.errors import ArgumentError, GradientError, here
from graphdiff.graph.belonging import OtherGraphError
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import flatten, leaf_names, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import argument_names, function_name, inlined, pair, spec_of, traced
from graphdiff.rewrite import STABLE, rewritten

Argnums = int | Sequence[int]


def positions(argnums: Argnums, args: Sequence[Any]) -> list[int]:
    """The chosen arguments, counted from the front.

    Raises
    ------
    ArgumentError
        If there is no such argument, or one is named twice.
    """
    given = [argnums] if isinstance(argnums, int) else list(argnums)
    for number in given:
        if not isinstance(number, int) or not -len(args) <= number < len(args):
            raise ArgumentError(
                f"there is no argument {number!r} to differentiate by", origin=here(),
                expected=f"a position below {len(args)}",
                hint="arguments to differentiate by are given by position, not by name",
            )  # fmt: skip
    chosen = [number % len(args) for number in given]
    if len(set(chosen)) < len(chosen) or not chosen:
        raise ArgumentError(
            "argnums names an argument twice, or none", origin=here(), got=repr(argnums)
        )
    return chosen


def bare(argnums: Argnums, parts: Sequence[Any]) -> Any:
    """The part of a lone argument, or a tuple of the parts of several."""
    return parts[0] if isinstance(argnums, int) else tuple(parts)


def check_floats(f: Callable[..., Any], args: Sequence[Any], position: int) -> None:
    """Refuse an argument that cannot be differentiated by, by its name."""
    leaves, structure = flatten(args[position])
    names = leaf_names(structure, argument_names(f, args, {})[position])
    for leaf, name in zip(leaves, names, strict=True):
        spec = spec_of(leaf, name)
        number = isinstance(leaf, int) or (spec is not None and not spec.is_inexact)
        if number or (spec is None and structure.is_leaf):
            raise GradientError(
                f"there is no derivative by {name!r}, which is not a float", origin=here(),
                expected="a float, real or complex", got=repr(leaf if spec is None else spec),
                hint="pass a float, such as 3.0 or x.astype(np.float64), or choose other argnums",
            )  # fmt: skip


def check_scalar(f: Callable[..., Any], value: Any, more: Sequence[Any]) -> None:
    """Refuse a result that has no gradient."""
    single = not more and value is not None and flatten(value)[1].is_leaf
    spec = spec_of(value, "out") if single else None
    if spec is not None and spec.ndim == 0 and spec.is_real:
        return
    if spec is not None and spec.is_complex:
        raise GradientError(
            f"grad needs a function that returns a real value, and that of {function_name(f)!r} is "
            "complex",
            origin=getattr(value, "origin", None) or here(), expected="a real scalar",
            got=repr(spec),
            hint="return a real function of it, such as np.abs(z)**2 or np.real(z); gd.vjp and "
            "gd.jacobian take complex results",
        )  # fmt: skip
    raise GradientError(
        f"grad needs a function that returns one float, and {function_name(f)!r} does not",
        origin=getattr(value, "origin", None) or here(), expected="shape ()",
        got=repr(spec) if spec is not None else "several values or none",
        hint="return np.sum(...) or np.mean(...), use gd.jacobian, or return (value, aux) with "
        "has_aux=True",
    )  # fmt: skip


def called(
    f: Callable[..., Any], graph: Graph, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """What a function returns for tensors of a graph, to be differentiated there.

    Naive formulas are made stable first, which takes a graph of the function alone. A function
    that reads tensors from elsewhere is called as it stands.
    """
    try:
        trace = traced(f, args, kwargs)
    except OtherGraphError as error:
        if error.outer is None or not (error.outer is graph or graph._takes_from(error.outer)):
            raise
        return f(*args, **kwargs)
    inner = rewritten(trace.graph, STABLE)
    leaves, _ = flatten((tuple(args), dict(kwargs)))
    return inlined(replace(trace, graph=inner), graph, [_in(graph, leaf) for leaf in leaves])


def _in(graph: Graph, leaf: Any) -> Any:
    """A leaf as a tensor of a graph, if it is a number or an array."""
    if isinstance(leaf, Tensor) or spec_of(leaf, "argument") is None:
        return leaf
    return graph.constant(leaf)


def fresh(graph: Graph, argument: Any) -> Any:
    """An argument with values of its own, which nothing but the function's result depends on."""
    leaves, structure = flatten(argument)
    return unflatten(structure, [own(graph, leaf) for leaf in leaves])


def called_afresh(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    graph: Graph,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[list[int], list[Any], Any, Any]:
    """Call ``f`` within a graph, with values of their own for what is differentiated by.

    Returns the positions of these, all arguments, the result, and what came beside it.
    """
    chosen = positions(argnums, args)
    inner = list(args)
    for position in chosen:
        check_floats(f, args, position)
        inner[position] = fresh(graph, args[position])
    result = called(f, graph, inner, kwargs)
    value, aux = pair(result, function_name(f)) if has_aux else (result, None)
    return chosen, inner, value, aux


def own(graph: Graph, leaf: Any) -> Any:
    """A leaf with a value of its own: a node that nothing depends on yet."""
    if spec_of(leaf, "argument") is None:
        return leaf
    return graph.apply("identity", (leaf if isinstance(leaf, Tensor) else graph.constant(leaf),))


def filled(argument: Any, found: Any) -> Any:
    """Nested as the argument, with the next of what was found in place of each tensor."""
    leaves, structure = flatten(argument)
    return unflatten(
        structure,
        [or_zeros(next(found), leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves],
    )


def or_zeros(value: Tensor | None, like: Tensor) -> Any:
    """A derivative, zeros where it is None."""
    return np.zeros_like(like) if value is None else value
