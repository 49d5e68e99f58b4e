"""Tracing: the graph of an ordinary NumPy function, by calling it once with tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError
from graphdiff.graph.belonging import OtherGraphError
from graphdiff.graph.body import add_all
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import Structure, flatten, leaf_names, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.values import check_meaning
from graphdiff.ops.spec import Spec, dtype_of


@dataclass(frozen=True, slots=True)
class Trace:
    """A traced function: its graph, and where its arguments and results are in it.

    ``inputs`` gives for each leaf of the arguments the name of its input, None for one that is a
    part of the function. ``outputs`` are the names of the leaves of what it returned.
    """

    graph: Graph
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    structure: Structure


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of a function that is written with plain NumPy.

    Parameters
    ----------
    f
        The function. It is called once, with tensors in place of arrays.
    args, kwargs
        Examples of its arguments, or their `Spec`: arrays, numbers, and nested dicts, lists,
        tuples and dataclasses of them. Only shape and dtype of an array are used, and no
        reference to it is kept. A Python float is an input of dtype float64. Everything else (an
        int, a bool, a string, None, a function) is a part of the function: loops over
        ``range(n)`` are unrolled, and branches on it are taken. ``np.int64(n)`` is an input.

    Returns
    -------
    Graph
        Its inputs are called as the arguments are, ``params.W`` or ``layers.0.W`` inside nested
        ones; its output is ``out``, ``out.loss`` or ``out.0`` inside a nested result. Arrays that
        the function reads from elsewhere are copied into it as constants.

    Raises
    ------
    GraphError
        If the function asks for the value of a tensor (in a branch, in ``float(t)``) or calls what
        has no rule; the message names its line.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> def loss(params, x):
    ...     return np.mean((x @ params["W"] + params["b"]) ** 2)
    >>> g = gd.trace(loss, {"W": np.ones((3, 2)), "b": np.zeros(2)}, gd.Spec.of(("t", 3)))
    >>> g
    <Graph 'loss': 8 nodes, 3 inputs, 0 parameters, output out>
    >>> list(g.inputs)
    ['params.W', 'params.b', 'x']
    """
    return traced(f, args, kwargs).graph


def traced(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    has_aux: bool = False,
) -> Trace:
    """The same, with what is needed to call the graph as the function was called.

    With ``has_aux`` the function returns a pair; the leaves of its second part are called
    ``aux``.
    """
    graph = Graph(function_name(f))
    inputs, result = called(graph, f, args, kwargs)
    leaves, structure = flatten(result)
    taken = {name.split(".")[0] for name in inputs if name is not None}
    if has_aux:
        value, _ = pair(result, graph.name)
        outputs = leaf_names(flatten(value)[1], _free("out", taken))
        outputs += leaf_names(flatten(result[1])[1], _free("aux", taken))
    else:
        outputs = leaf_names(structure, _free("out", taken))
    for name, leaf in zip(outputs, leaves, strict=True):
        add_output(graph, name, leaf)
    return Trace(graph, tuple(inputs), tuple(outputs), structure)


def called(
    graph: Graph, f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[str | None], Any]:
    """Call a function with inputs of a graph; returns their names, leaf by leaf, and the result."""
    kwargs = dict(sorted(kwargs.items()))  # the order in which they are flattened
    names = argument_names(f, args, kwargs)
    values: list[Any] = []
    inputs: list[str | None] = []
    for stem, argument in zip(names, (*args, *kwargs.values()), strict=True):
        leaves, structure = flatten(argument)
        tensors: list[Any] = []
        for leaf, name in zip(leaves, leaf_names(structure, stem), strict=True):
            spec = spec_of(leaf, name)
            tensors.append(leaf if spec is None else graph.input(name, spec.shape, spec.dtype))
            inputs.append(None if spec is None else name)
        values.append(unflatten(structure, tensors))
    count = len(args)
    try:
        result = f(*values[:count], **dict(zip(kwargs, values[count:], strict=True)))
    except OtherGraphError as error:
        error.leaves(graph)
        raise
    except ValueError as error:  # NumPy's, of an item assignment that asked for a float
        if isinstance(error.__cause__, GraphdiffError):
            raise error.__cause__ from None
        raise
    return inputs, result


def inlined(trace: Trace, graph: Graph, leaves: Sequence[Any]) -> Any:
    """What a traced function returns for tensors of another graph, to which its nodes are added.

    Parameters
    ----------
    trace
        The function's graph.
    graph
        Where to add it.
    leaves
        The leaves of its arguments.
    """
    inner = trace.graph
    given = zip(leaves, trace.inputs, strict=True)
    found: dict[str, Tensor] = {name: leaf for leaf, name in given if name is not None}
    add_all(inner, graph, found)
    outputs = inner.outputs_by_name
    return unflatten(trace.structure, [found[outputs[name]].copy() for name in trace.outputs])


def pair(result: Any, name: str) -> tuple[Any, Any]:
    """What a function with auxiliary results returned, checked to be a pair."""
    if isinstance(result, tuple) and len(result) == 2:
        return result
    raise GraphError(
        f"{name!r} did not return a pair", expected="(value, aux), since has_aux=True",
        got=type(result).__name__,
    )  # fmt: skip


def _free(stem: str, taken: Collection[str]) -> str:
    while stem in taken:
        stem += "_"
    return stem


def add_output(graph: Graph, name: str, value: Any) -> None:
    """Declare a result of a traced function: a tensor, or a number or array that became constant.

    Raises
    ------
    GraphError
        If it is neither, or a tensor of another graph.
    """
    try:
        graph.output(name, value)
    except DTypeError:
        raise GraphError(
            f"{graph.name!r} returned something that is not a number or an array",
            got=f"{value!r} as {name!r}",
            hint="return tensors, numbers, and nested dicts, lists and tuples of them",
        ) from None


def spec_of(leaf: object, name: str) -> Spec | None:
    """The shape and dtype of an argument's leaf; None for one that is a part of the function.

    Raises
    ------
    DTypeError
        If it is an array or a number of a dtype that graphdiff has not.
    """
    if isinstance(leaf, Spec):
        return leaf
    if isinstance(leaf, Tensor):
        return leaf.spec
    if not isinstance(leaf, (np.ndarray, np.generic, float, complex)):
        return None
    try:
        check_meaning(leaf)
        dtype = np.result_type(leaf)
        return Spec(np.shape(leaf), np.dtype(np.int64) if dtype.kind in "iu" else dtype_of(dtype))
    except GraphdiffError as error:
        raise error.at(name, "argument", None) from None


def function_name(f: Callable[..., Any]) -> str:
    """What a function is called, without the brackets of ``<lambda>``."""
    return str(getattr(f, "__name__", type(f).__name__)).strip("<>") or "function"


def argument_names(
    f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[str]:
    """The name of each argument of a call: the parameter's, ``xs.0`` for one of ``*xs``."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind == parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}.{i}" for i in range(len(args) - len(names))]
    names += [f"x{i}" for i in range(len(names), len(args))]
    return [*names[: len(args)], *kwargs]
