"""The gradient of a scalar function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphdiff.autodiff.reverse import pull_back
from graphdiff.compiler import gradient
from graphdiff.functional.arguments import (
    Argnums,
    bare,
    called_afresh,
    check_floats,
    check_scalar,
    filled,
    positions,
)
from graphdiff.functional.calling import Function, Kept
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import flatten, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import Trace, traced


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient of a scalar function of NumPy arrays.

    Parameters
    ----------
    f
        A function that returns a scalar; with ``has_aux`` a pair of it and anything else.
    argnums
        Which arguments to differentiate by: one position, or several.
    has_aux
        Whether the function returns ``(value, aux)``; the result is then ``(gradient, aux)``.

    Returns
    -------
    Function
        It takes the arguments of ``f``. The gradient is nested like the argument, each array in
        it of the argument's shape and dtype; for several ``argnums`` a tuple. An argument that
        the value does not depend on has the gradient 0.

    Raises
    ------
    GradientError
        At a call: if the value is not a scalar, or an argument to differentiate by is not a float.

    Notes
    -----
    What `f` reads besides its arguments is a constant from the first call on. A Python int, bool
    or string is a part of the function: each value of it is traced anew.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> def cost(w, x, y):
    ...     return np.mean((x @ w - y) ** 2)
    >>> gd.grad(cost)(np.array([1.0, 2.0]), np.eye(2), np.zeros(2))
    array([1., 2.])
    """
    return _gradient(f, argnums, has_aux, False)


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The value of a scalar function and its gradient, ``(value, gradient)``; see `grad`.

    With ``has_aux`` the result is ``((value, aux), gradient)``.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.value_and_grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    (np.float64(9.0), array([ 3., 12.]))
    """
    return _gradient(f, argnums, has_aux, True)


# -- reverse mode ----------------------------------------------------------------------------------


def _gradient(f: Callable[..., Any], argnums: Argnums, has_aux: bool, value: bool) -> Function:
    return Function(
        f,
        partial(_build_gradient, f, argnums, has_aux, value),
        partial(_inline_gradient, f, argnums, has_aux, value),
        "value_and_grad" if value else "grad",
    )


def _build_gradient(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    value: bool,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Trace:
    chosen = positions(argnums, args)
    for position in chosen:
        check_floats(f, args, position)
    made = traced(f, args, kwargs, has_aux)
    result, aux = made.outputs[0] if made.outputs else "", made.outputs[1:]
    check_scalar(f, made.graph[result] if made.outputs else None, aux if not has_aux else ())
    starts = np.cumsum([0, *(len(flatten(argument)[0]) for argument in args)]).tolist()
    wanted = [
        (i, leaf)
        for position in chosen
        for i, leaf in enumerate(flatten(args[position])[0], starts[position])
    ]
    names = [name for i, _ in wanted if (name := made.inputs[i]) is not None]
    graph = gradient(made.graph, of=result, wrt=names, disconnected="zero")
    found = {
        wrt: name for name, (seed, wrt) in graph.dag.graph["derivatives"].items() if seed == result
    }
    outputs: list[Any] = [
        Kept(leaf) if made.inputs[i] is None else found[made.inputs[i]] for i, leaf in wanted
    ]
    shape = bare(argnums, [args[position] for position in chosen])
    blank = unflatten(made.structure, range(len(made.outputs)))
    if value:
        outputs, whole = [*made.outputs, *outputs], (blank, shape)
    elif has_aux:
        outputs, whole = [*outputs, *aux], (shape, blank[1])
    else:
        whole = shape
    return Trace(graph, made.inputs, tuple(outputs), flatten(whole)[1])


def _inline_gradient(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    value: bool,
    graph: Graph,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    chosen, inner, scalar, aux = called_afresh(f, argnums, has_aux, graph, args, kwargs)
    check_scalar(f, scalar, ())
    by = [leaf for i in chosen for leaf in flatten(inner[i])[0] if isinstance(leaf, Tensor)]
    seeds = []
    if isinstance(scalar, Tensor):
        seeds = [(scalar, graph.constant(1.0, dtype=scalar.dtype))]
    found = iter(pull_back(seeds, by, scalar.name if seeds else "out"))
    parts = [filled(inner[position], found) for position in chosen]
    gradients = bare(argnums, parts)
    if value:
        return ((scalar, aux) if has_aux else scalar), gradients
    return (gradients, aux) if has_aux else gradients
