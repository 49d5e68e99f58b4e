"""Loops: `scan`, `fori` and `while_loop`, with JAX's arguments.

What is repeated is traced once, as a graph of its own, and the node that holds it is lowered to a
``for`` or a ``while`` loop. Called with plain arrays alone, all of them do at once what they say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, here
from graphdiff.graph.belonging import innermost
from graphdiff.graph.body import Body, cut_out
from graphdiff.graph.carries import (
    MOST_TRIES,
    as_array,
    as_operand,
    called_after,
    check_carry,
    check_nesting,
    constant,
    operand_spec,
    output,
    share_taken,
    taken_apart,
    widened,
)
from graphdiff.graph.nest import Structure, flatten, leaf_names, mapped, unflatten
from graphdiff.graph.steps import Steps, checked_checkpoints
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import called, function_name
from graphdiff.ops.dimension import combine


def scan(
    body: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | str | None = None,
    reverse: bool = False,
    checkpoints: int | None = None,
) -> tuple[Any, Any]:
    """A loop over the slices of arrays along their first axis, with values that are carried along.

    Parameters
    ----------
    body
        ``(carry, x) -> (carry, y)``: one step. The carry that it returns is nested as the one that
        it is given, of the same shapes and dtypes. Tensors that it reads from elsewhere are the
        same in all steps.
    init
        The first carry: arrays and numbers, nested in dicts, lists, tuples and dataclasses.
    xs
        What is looped over, nested likewise; all arrays in it are of the same length. None for
        nothing; ``length`` is then needed.
    length
        The number of steps: an int or the name of a dimension.
    reverse
        Whether to run from the last slice to the first. What is stacked keeps the order of ``xs``.
    checkpoints
        How many carries, the first among them, the gradient may keep at a time. None stores what it
        needs of every step.

    Returns
    -------
    tuple
        ``(carry, ys)``: the last carry, and what the steps returned as ``y``, nested alike, stacked
        along a new first axis.

    Raises
    ------
    GraphError
        If the carry changes its nesting, or the body does not return a pair; at a branch on a
        traced value.
    ShapeError, DTypeError
        If the carry changes its shape or dtype, or arrays in ``xs`` differ in length.

    Notes
    -----
    One node, and in generated code one ``for`` loop, whatever the length. The gradient is a loop
    from the last step to the first, which reads what the first loop stored: of each step the values
    that the derivative needs.

    With ``checkpoints=c`` the first loop leaves a few of its carries, and the gradient runs steps
    again from those that are kept, never more than c beside the one that it is at. Beside once in
    each step back, of l steps r·l − C(c + r, c + 1) are run in all, where r is the least number
    with C(c + r, c) ≥ l; the first l − 1 are the loop itself, but for c = 1. No schedule runs
    fewer (A. Griewank and A. Walther, "Algorithm 799: revolve", 2000). The values are the same to
    the last bit. What is differentiated once more stores every step.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> def horner(value, coefficient, x=2.0):
    ...     value = value * x + coefficient
    ...     return value, value
    >>> gd.scan(horner, 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(11.0), array([ 1.,  4., 11.]))
    """
    checkpoints = checked_checkpoints(checkpoints)
    steps = Steps(body, init, xs, length)
    if not steps.tensors():
        return steps.run(reverse)
    return steps.node(reverse, checkpoints)


def fori(
    lower: Any,
    upper: Any,
    body: Callable[..., Any],
    init: Any,
    checkpoints: int | None = None,
) -> Any:
    """``for i in range(lower, upper): value = body(i, value)``, beginning with ``init``.

    Parameters
    ----------
    lower, upper
        The bounds. Where both are ints or dimensions the loop can be differentiated in every mode;
        where one is a tensor it is a `while_loop`.
    body
        ``(i, value) -> value``, of the same nesting, shapes and dtypes as ``init``.
    init
        The first value.
    checkpoints
        See `scan`.

    Examples
    --------
    >>> import graphdiff as gd
    >>> gd.fori(1, 5, lambda i, product: product * i, 1.0)
    np.float64(24.0)
    >>> gd.grad(lambda x: gd.fori(0, 3, lambda i, y: y * x, 1.0))(2.0)
    np.float64(12.0)
    """
    checkpoints = checked_checkpoints(checkpoints)
    if isinstance(lower, Tensor) or isinstance(upper, Tensor):
        return while_loop(
            lambda both: both[0] < upper,
            lambda both: (both[0] + 1, body(both[0], both[1])),
            (lower, init),
        )[1]
    length = combine("-", _bound(upper), _bound(lower))
    if isinstance(length, int) and length <= 0:
        return mapped(as_array, init)
    steps = Steps(body, init, None, length, first=lower)
    return steps.run(False)[0] if not steps.tensors() else steps.node(False, checkpoints)[0]


def while_loop(condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """``while condition(value): value = body(value)``, beginning with ``init``.

    Parameters
    ----------
    condition
        ``value -> bool``; one truth value.
    body
        ``value -> value``, of the same nesting, shapes and dtypes.
    init
        The first value: arrays and numbers, nested.

    Returns
    -------
    nested
        The value for which the condition does not hold any more.

    Raises
    ------
    ShapeError, DTypeError, GraphError
        If the value changes its form, or the condition is not one truth value.

    Notes
    -----
    There is a derivative in forward mode: `jvp`, and `jacobian` with ``mode="forward"``. In reverse
    mode there is none, since the number of steps, and so what would have to be stored, is not
    known: use `fori` or `scan` where it is.

    Examples
    --------
    >>> import graphdiff as gd
    >>> def root(a):
    ...     return gd.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> value, slope = gd.jvp(root, (4.0,), (1.0,))
    >>> round(float(value), 6), round(float(slope), 6)
    (2.0, 0.25)
    """
    leaves, structure = flatten(init)
    leaves, inner, taken, outputs = _repeated(body, leaves, structure)
    test = Body(function_name(condition))
    carry = unflatten(structure, [operand_spec(leaf) for leaf in leaves])
    asked, truth = called(test, condition, (carry,), {})
    decided = [_truth(test, truth, function_name(condition))]
    share_taken(inner, test)
    values = [*leaves, *inner.taken.values()]
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        value = unflatten(structure, [as_array(leaf, operand_spec(leaf).dtype) for leaf in leaves])
        while condition(value):
            value = body(value)
        return value
    graph = innermost(tensors)
    params = {
        "condition": cut_out(test, decided, [*map(str, asked), *test.taken]),
        "body": cut_out(inner, outputs, [*taken, *inner.taken]),
        "carries": len(leaves),
    }
    node = graph.apply("while_loop", tuple(constant(graph, value) for value in values), params)
    return taken_apart(graph, node.name, structure)


def _repeated(
    body: Callable[..., Any], leaves: list[Any], structure: Structure
) -> tuple[list[Any], Body, list[str], list[str]]:
    """A step of a while loop, traced: the first values, the graph, its inputs and outputs."""
    names = leaf_names(structure, "init")
    leaves = [as_operand(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
    for _ in range(MOST_TRIES):
        specs = [operand_spec(leaf) for leaf in leaves]
        inner = Body(function_name(body))
        inputs, value = called(inner, body, (unflatten(structure, specs),), {})
        check_nesting(value, structure, function_name(body), "init")
        outputs = [
            output(inner, leaf, spec.dtype)
            for leaf, spec in zip(flatten(value)[0], specs, strict=True)
        ]
        better = widened(leaves, inner, inputs, outputs)
        if better is None:
            break
        leaves = better
    inner.is_open = False
    check_carry(inner, inputs, outputs, names)
    names, outputs = called_after(inner, list(map(str, inputs)), outputs, len(leaves))
    return leaves, inner, names, outputs


def _bound(value: Any) -> int | str:
    if isinstance(value, (int, np.integer, str)) and not isinstance(value, bool):
        return value if isinstance(value, str) else int(value)
    raise GraphError(
        "a bound of fori is not a whole number", op="fori", origin=here(), got=repr(value)
    )


def _truth(body: Body, value: Any, name: str) -> str:
    node = output(body, value, None)
    spec = body.spec(node)
    if spec.ndim or spec.dtype.kind != "b":
        raise DTypeError(
            f"{name!r} does not return one truth value", op="while_loop",
            origin=body.dag.nodes[node]["origin"] or here(), expected="bool ()", got=repr(spec),
            hint="compare, and use np.any or np.all",
        )  # fmt: skip
    return node
