"""A function of one example made a function of many, and Jacobians, whose rows are examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import optree

from graphdiff.autodiff.batching import batch
from graphdiff.autodiff.reverse import pull_back
from graphdiff.errors import ArgumentError, GradientError, here
from graphdiff.functional.arguments import (
    Argnums,
    bare,
    called_afresh,
    own,
)
from graphdiff.functional.calling import Function
from graphdiff.functional.gradients import grad
from graphdiff.functional.products import tangents_of, transformed
from graphdiff.graph import numpy_api
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import flatten, leaf_names, unflatten
from graphdiff.graph.order import users_of
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import argument_names, spec_of
from graphdiff.ops.dimension import Dimension, product
from graphdiff.ops.spec import normal_axis

Mode = Literal["auto", "forward", "reverse"]
Axes = Any  # an int, None, or a nest of them that a nested value begins with


def vmap(f: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Function:
    """A function of one example made a function of many at once, without a loop.

    Parameters
    ----------
    f
        A function of arrays; what it takes and returns may be nested.
    in_axes
        The axis along which the examples lie: one for all arguments, or a tuple with one for each;
        None for an argument that is the same for all examples. For a nested argument it may be
        nested likewise, as far down as axes differ: ``({"W": 0, "b": None}, 0)``.
    out_axes
        The axis along which they lie in the results, for a nested result nested likewise; None for
        one that is the same for all examples, which is then returned once.

    Returns
    -------
    Function
        It takes the arguments of ``f``, those with an axis more.

    Raises
    ------
    ArgumentError
        At a call: if arguments differ in the number of examples, there is no such axis, or
        axes are nested as nothing is; if a result of which one is wanted differs by example.

    Notes
    -----
    Each op is applied to all examples at once. One without a rule for that, and without an axis
    that it could be given, is applied to one after the other.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.vmap(np.dot)(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    >>> gd.vmap(gd.grad(lambda w, x: np.sin(w * x)), in_axes=(None, 0))(0.0, np.array([1.0, 2.0]))
    array([1., 2.])
    """
    return transformed(f, partial(_mapped, f, in_axes, out_axes), "vmap")


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    mode: Mode = "auto",
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Function:
    """The Jacobian of a function of arrays: its shape is the result's and then the argument's.

    Parameters
    ----------
    f
        A function that returns floats; what it takes and returns may be nested.
    argnums
        Which arguments to differentiate by: one position, or several.
    mode
        ``"forward"`` makes a column for each element of the arguments, ``"reverse"`` a row for
        each element of the result; ``"auto"`` whichever are fewer. All are computed at once.
    has_aux
        Whether the function returns ``(value, aux)``; the result is then ``(jacobian, aux)``.
    holomorphic
        Whether complex results are analytic functions of complex arguments, and so have a complex
        derivative. Other derivatives of complex by complex are two numbers for each pair of
        elements, and are refused.

    Returns
    -------
    Function
        It takes the arguments of ``f``. The result is nested as the result of ``f``, and each part
        of it as the argument; for several ``argnums`` it is a tuple there.

    Raises
    ------
    GradientError
        At a call: if the result or an argument to differentiate by is not a float, or both are
        complex.

    Notes
    -----
    Of a real result by a complex argument z = u + iv it holds ∂/∂u − i ∂/∂v, as `grad` does.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.jacobian(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    >>> gd.jacobian(lambda z: z**3, holomorphic=True)(2.0j)
    np.complex128(-12+0j)
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(
            f"there is no mode {mode!r}", origin=here(), expected="'auto', 'forward' or 'reverse'"
        )
    return transformed(f, partial(_jacobian, f, argnums, mode, has_aux, holomorphic), "jacobian")


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Function:
    """The matrix of second derivatives of a scalar function: forward mode over reverse mode.

    Its shape is that of the argument twice. For the product with a vector see `hvp`, which does
    not form it.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 3.0]))
    array([[0., 6.],
           [6., 2.]])
    """
    return jacobian(grad(f, argnums), argnums, mode="forward")


# -- examples --------------------------------------------------------------------------------------


def _mapped(
    f: Callable[..., Any],
    in_axes: Axes,
    out_axes: Axes,
    graph: Graph,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    many: list[tuple[Tensor, Tensor]] = []
    inner: list[Any] = []
    names = argument_names(f, args, {})
    for argument, axes, stem in zip(args, _each(in_axes, len(args)), names, strict=True):
        leaves, structure = flatten(argument)
        each = zip(
            leaves, _axes(axes, argument, "in_axes"), leaf_names(structure, stem), strict=True
        )
        leaves = [
            leaf if axis is None else _example(graph, leaf, axis, name, many)
            for leaf, axis, name in each
        ]
        inner.append(unflatten(structure, leaves))
    if not many:
        raise ArgumentError(
            "no argument has an axis of examples", origin=here(), got=f"in_axes={in_axes!r}"
        )
    length = many[0][1].shape[0]
    try:
        result = f(*inner, **kwargs)
        leaves, structure = flatten(result)
        outputs = [leaf if isinstance(leaf, Tensor) else graph.constant(leaf) for leaf in leaves]
        found = batch(outputs, many, length)
        axes = _axes(out_axes, result, "out_axes")
        spread = [
            _spread(one, all_, axis, length)
            for one, all_, axis in zip(outputs, found, axes, strict=True)
        ]
    finally:
        graph.dag.remove_nodes_from(users_of(graph.dag, [one.name for one, _ in many]))
    return unflatten(structure, spread)


def _spread(one: Tensor, all_: Tensor | None, axis: int | None, length: Dimension) -> Tensor:
    """A result for all examples, which lie along the axis; one result where that is None."""
    if axis is None:
        if all_ is not None:
            raise ArgumentError(
                "a result of which one is wanted differs by example", origin=here(),
                got="None in out_axes", hint="give it an axis",
            )  # fmt: skip
        return one
    if all_ is None:
        all_ = numpy_api.broadcast_to(one, (length, *one.shape))
    return numpy_api.moveaxis(all_, 0, axis)


def _each(in_axes: Axes, count: int) -> Sequence[Axes]:
    """The axes of each argument."""
    if in_axes is None or isinstance(in_axes, int):
        return [in_axes] * count
    if not isinstance(in_axes, (tuple, list)) or len(in_axes) != count:
        raise ArgumentError(
            "in_axes does not fit the arguments", origin=here(),
            expected=f"an int or None for each of {count}", got=repr(in_axes),
        )  # fmt: skip
    return in_axes


def _axes(axes: Axes, value: Any, what: str) -> list[int | None]:
    """The axis of each leaf of a nested value, of which the nested axes are a beginning."""
    try:
        found = optree.broadcast_prefix(axes, value, none_is_leaf=True)
    except ValueError:
        found = [axes]
    if not all(axis is None or type(axis) is int for axis in found):
        raise ArgumentError(
            f"{what} is not nested as what it is for", origin=here(),
            expected="an int or None, or a nest of them", got=repr(axes),
        )  # fmt: skip
    parts = optree.tree_leaves(value, none_is_leaf=True)
    return [
        axis
        for part, axis in zip(parts, found, strict=True)
        for _ in range(0 if part is None else len(flatten(part)[0]))
    ]


def _example(
    graph: Graph, leaf: Any, axis: int, name: str, many: list[tuple[Tensor, Tensor]]
) -> Any:
    """One example of a leaf: an input that stands for it until the op is applied to all."""
    spec = spec_of(leaf, name)
    if spec is None:
        return leaf
    if not -spec.ndim <= axis < spec.ndim:
        raise ArgumentError(
            f"{name!r} has no axis {axis} along which examples could lie", origin=here(),
            got=repr(spec), hint="give it None in in_axes if it is the same for all examples",
        )  # fmt: skip
    front = numpy_api.moveaxis(own(graph, leaf), normal_axis(axis, spec.ndim), 0)
    if many and front.shape[0] != many[0][1].shape[0]:
        raise ArgumentError(
            f"{name!r} has another number of examples than the arguments before it",
            origin=here(), expected=str(many[0][1].shape[0]), got=str(front.shape[0]),
        )  # fmt: skip
    one = graph.input(graph._fresh("example"), front.shape[1:], front.dtype)
    many.append((one, front))
    return one.copy()


# -- Jacobians -------------------------------------------------------------------------------------


def _jacobian(
    f: Callable[..., Any],
    argnums: Argnums,
    mode: Mode,
    has_aux: bool,
    holomorphic: bool,
    graph: Graph,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    chosen, inner, value, aux = called_afresh(f, argnums, has_aux, graph, args, kwargs)
    outputs, shape = flatten(value)
    for output, name in zip(outputs, leaf_names(shape, "out"), strict=True):
        _check_output(output, name)
    nested = [flatten(inner[position]) for position in chosen]
    xs = [leaf for leaves, _ in nested for leaf in leaves if isinstance(leaf, Tensor)]
    ys = [y if isinstance(y, Tensor) else graph.constant(y) for y in outputs]
    rows, columns = _total(ys), _total(xs)
    mode = _possible(mode, ys, xs, holomorphic)
    by_rows = mode == "reverse" or (mode == "auto" and rows < columns)
    blocks = _by_rows(ys, xs) if by_rows else _by_columns(ys, xs)

    def of_output(row: Sequence[Any]) -> Any:
        found = iter(row)
        parts = [
            unflatten(s, [next(found) if isinstance(x, Tensor) else x for x in leaves])
            for leaves, s in nested
        ]
        return bare(argnums, parts)

    whole = unflatten(shape, [of_output(row) for row in blocks])
    return (whole, aux) if has_aux else whole


def _possible(mode: Mode, ys: Sequence[Tensor], xs: Sequence[Tensor], holomorphic: bool) -> Mode:
    """The mode that complex values leave: each gives both parts of one side only."""
    into, out_of = (any(t.spec.is_complex for t in tensors) for tensors in (ys, xs))
    if not (into or out_of):
        return mode
    analytic = holomorphic and into and all(y.spec.is_complex for y in ys)
    if into and out_of and not analytic:
        raise GradientError(
            "a Jacobian of complex results by complex arguments", origin=here(),
            expected="real results or real arguments, or an analytic function",
            hint="say holomorphic=True where the function is analytic, or return np.real(y) and "
            "np.imag(y)",
        )  # fmt: skip
    if analytic and all(x.spec.is_complex for x in xs):
        return mode
    needed: Mode = "forward" if into else "reverse"
    if mode not in ("auto", needed):
        which = "real arguments and complex results" if into else "complex arguments"
        raise GradientError(
            f"the Jacobian of {which} in {mode} mode", origin=here(), expected=repr(needed)
        )
    return needed


def _check_output(output: Any, name: str) -> None:
    spec = spec_of(output, name)
    if spec is None or not spec.is_inexact:
        raise GradientError(
            f"there is no derivative of {name!r}, which is not a float", origin=here(),
            got=repr(output if spec is None else spec), hint="return it as aux, with has_aux=True",
        )  # fmt: skip


def _total(tensors: Sequence[Tensor]) -> int:
    """The number of elements of some values together."""
    total: Dimension = sum((tensor.size for tensor in tensors), start=0)
    if not isinstance(total, int):
        raise GradientError(
            "a Jacobian of values whose sizes are not known", origin=here(), got=str(total),
            hint="give their shapes as numbers",
        )  # fmt: skip
    return total


def _by_rows(ys: Sequence[Tensor], xs: Sequence[Tensor]) -> list[list[Any]]:
    """Reverse mode: the cotangents of all elements of a result are the examples."""
    blocks = []
    for y in ys:
        cotangent = y.graph.input(y.graph._fresh("cotangent"), y.shape, y.dtype)
        try:
            found = pull_back([(y, cotangent)], xs, "out")
            many = _for_all(found, cotangent)
        finally:
            y.graph.dag.remove_nodes_from(users_of(y.graph.dag, [cotangent.name]))
        blocks.append(
            [
                np.zeros((*y.shape, *x.shape), x.dtype) if rows is None
                else numpy_api.reshape(rows, (*y.shape, *x.shape))
                for rows, x in zip(many, xs, strict=True)
            ]
        )  # fmt: skip
    return blocks


def _by_columns(ys: Sequence[Tensor], xs: Sequence[Tensor]) -> list[list[Any]]:
    """Forward mode: the tangents of all elements of an argument are the examples."""
    blocks: list[list[Any]] = [[] for _ in ys]
    for x in xs:
        tangent = x.graph.input(x.graph._fresh("tangent"), x.shape, x.dtype)
        try:
            found = [t if isinstance(t, Tensor) else None for t in tangents_of(ys, [(x, tangent)])]
            many = _for_all(found, tangent)
        finally:
            x.graph.dag.remove_nodes_from(users_of(x.graph.dag, [tangent.name]))
        for block, columns, y in zip(blocks, many, ys, strict=True):
            shape = (*y.shape, *x.shape)
            if columns is None:
                block.append(np.zeros(shape, y.dtype))
            else:
                block.append(numpy_api.reshape(numpy_api.moveaxis(columns, 0, -1), shape))
    return blocks


def _for_all(found: Sequence[Tensor | None], one: Tensor) -> list[Tensor | None]:
    """What was found for one direction, for the unit vectors of every element."""
    present = [value for value in found if value is not None]
    if not present:
        return list(found)
    count = product(one.shape)
    units = np.eye(int(count), dtype=one.dtype).reshape(int(count), *map(int, one.shape))
    many = iter(batch(present, [(one, one.graph.constant(units))], int(count)))
    return [None if value is None else next(many) for value in found]
