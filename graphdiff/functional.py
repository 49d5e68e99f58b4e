"""Functions in, functions out: derivatives of plain NumPy functions.

The functions and the order of their arguments are those of JAX. Each result traces the function at
its first call, compiles the graph, and calls the compiled code from then on, as long as arguments
have the same nesting, shapes and dtypes. Called with tensors (within another traced function) it
adds to their graph, so that everything composes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphdiff.autodiff.reverse import pull_back
from graphdiff.calling import Function, Kept
from graphdiff.compiler import gradient
from graphdiff.errors import ArgumentError, GradientError, here
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import flatten, leaf_names, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import Trace, argument_names, function_name, pair, spec_of, traced
from graphdiff.ops import OPS

Argnums = int | Sequence[int]


def jit(f: Callable[..., Any]) -> Function:
    """The function, compiled without differentiating it.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> @gd.jit
    ... def norm(x):
    ...     return np.sqrt(np.sum(x * x))
    >>> norm(np.array([3.0, 4.0]))
    np.float64(5.0)
    """
    return Function(f, partial(traced, f), lambda graph, args, kwargs: f(*args, **kwargs), "jit")


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


def stop_gradient(x: Any) -> Any:
    """The value, held constant in every derivative.

    Examples
    --------
    >>> import graphdiff as gd
    >>> gd.grad(lambda x: x * gd.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    leaves, structure = flatten(x)
    held = [OPS["stop_gradient"](leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    return unflatten(structure, held)


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
        _check_floats(f, args, position)
    made = traced(f, args, kwargs, has_aux)
    result, aux = made.outputs[0] if made.outputs else "", made.outputs[1:]
    _check_scalar(f, made.graph[result] if made.outputs else None, aux if not has_aux else ())
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
    shape = _nested(argnums, [args[position] for position in chosen])
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
    chosen = positions(argnums, args)
    inner = list(args)
    for position in chosen:
        _check_floats(f, args, position)
        inner[position] = _fresh(graph, args[position])
    result = f(*inner, **kwargs)
    scalar, aux = pair(result, function_name(f)) if has_aux else (result, None)
    _check_scalar(f, scalar, ())
    by = [leaf for i in chosen for leaf in flatten(inner[i])[0] if isinstance(leaf, Tensor)]
    seeds = []
    if isinstance(scalar, Tensor):
        seeds = [(scalar, graph.constant(1.0, dtype=scalar.dtype))]
    found = iter(pull_back(seeds, by, scalar.name if seeds else "out"))
    parts = [_filled(inner[position], found) for position in chosen]
    gradients = parts[0] if isinstance(argnums, int) else tuple(parts)
    if value:
        return result, gradients
    return (gradients, aux) if has_aux else gradients


# -- arguments -------------------------------------------------------------------------------------


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


def _check_floats(f: Callable[..., Any], args: Sequence[Any], position: int) -> None:
    """Refuse an argument that cannot be differentiated by, by its name."""
    leaves, structure = flatten(args[position])
    names = leaf_names(structure, argument_names(f, args, {})[position])
    for leaf, name in zip(leaves, names, strict=True):
        spec = spec_of(leaf, name)
        number = isinstance(leaf, int) or (spec is not None and not spec.is_float)
        if number or (spec is None and structure.is_leaf):
            raise GradientError(
                f"there is no derivative by {name!r}, which is not a float", origin=here(),
                expected="float64 or float32", got=repr(leaf if spec is None else spec),
                hint="pass a float, such as 3.0 or x.astype(np.float64), or choose other argnums",
            )  # fmt: skip


def _check_scalar(f: Callable[..., Any], value: Any, more: Sequence[Any]) -> None:
    """Refuse a result that has no gradient."""
    single = not more and value is not None and flatten(value)[1].is_leaf
    spec = spec_of(value, "out") if single else None
    if spec is not None and spec.ndim == 0 and spec.is_float:
        return
    raise GradientError(
        f"grad needs a function that returns one float, and {function_name(f)!r} does not",
        origin=getattr(value, "origin", None) or here(), expected="shape ()",
        got=repr(spec) if spec is not None else "several values or none",
        hint="return np.sum(...) or np.mean(...), use gd.jacobian, or return (value, aux) with "
        "has_aux=True",
    )  # fmt: skip


def _nested(argnums: Argnums, arguments: Sequence[Any]) -> Any:
    """Something nested as the gradient is."""
    return arguments[0] if isinstance(argnums, int) else tuple(arguments)


def _fresh(graph: Graph, argument: Any) -> Any:
    """An argument with values of its own, which nothing but the function's result depends on."""
    leaves, structure = flatten(argument)
    return unflatten(structure, [_own(graph, leaf) for leaf in leaves])


def _own(graph: Graph, leaf: Any) -> Any:
    if spec_of(leaf, "argument") is None:
        return leaf
    return graph.apply("identity", (leaf if isinstance(leaf, Tensor) else graph.constant(leaf),))


def _filled(argument: Any, found: Any) -> Any:
    """Nested as the argument, with the next of what was found in place of each tensor."""
    leaves, structure = flatten(argument)
    return unflatten(
        structure,
        [_or_zeros(next(found), leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves],
    )


def _or_zeros(value: Tensor | None, like: Tensor) -> Any:
    return np.zeros_like(like) if value is None else value
