"""`cond`: one of two branches, of which only one is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphdiff.errors import DTypeError, GraphError, ShapeError, here
from graphdiff.graph.belonging import innermost, tracing_branch
from graphdiff.graph.body import Body, cut_out
from graphdiff.graph.carries import constant, output, share_taken, taken_apart
from graphdiff.graph.nest import flatten, leaf_names, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import called, function_name, spec_of
from graphdiff.graph.values import is_weak


def cond(p: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *args: Any) -> Any:
    """``then(*args)`` where ``p`` is true, else ``otherwise(*args)``; only one of them is run.

    Parameters
    ----------
    p
        One truth value, or a number that is true unless it is 0.
    then, otherwise
        The two branches. They return values of the same nesting, shapes and dtypes. A Python number
        takes the dtype of its counterpart.
    args
        What both are called with. Tensors may also be read from elsewhere.

    Raises
    ------
    GraphError, ShapeError, DTypeError
        If the results of the branches differ in form, or ``p`` is not one value.

    Notes
    -----
    Where ``p`` is not a tensor the branch is called at once. `np.where` computes both sides for
    each element; a ``cond`` whose ``p`` differs between the examples of `vmap` does so, too.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> f = gd.grad(lambda x: gd.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x))
    >>> f(4.0), f(-4.0)
    (np.float64(0.25), np.float64(0.0))
    """
    if not isinstance(p, Tensor):
        return then(*args) if p else otherwise(*args)
    if p.ndim:
        raise ShapeError(
            "cond takes one truth value", node=p.name, origin=here(), got=repr(p.spec),
            hint="use np.where to choose element by element, or np.any and np.all",
        )  # fmt: skip
    leaves, _ = flatten(args)
    sides = [_Side(function, args) for function in (then, otherwise)]
    names = [leaf_names(side.structure, "out") for side in sides]
    if sides[0].structure != sides[1].structure:
        raise GraphError(
            "the two branches return differently nested values", op="cond", origin=here(),
            expected=", ".join(names[0]), got=", ".join(names[1]),
        )  # fmt: skip
    outputs = _outputs(sides, names[0])
    share_taken(sides[0].body, sides[1].body)
    given = [leaf for leaf in leaves if spec_of(leaf, "args") is not None]
    values = [p, *given, *sides[0].body.taken.values()]
    graph = innermost(value for value in values if isinstance(value, Tensor))
    values[0] = p if p.dtype.kind == "b" else p != 0
    bodies = [
        cut_out(side.body, nodes, [*side.inputs, *side.body.taken])
        for side, nodes in zip(sides, outputs, strict=True)
    ]
    params = dict(zip(("then", "otherwise"), bodies, strict=True))
    node = graph.apply("cond", tuple(constant(graph, value) for value in values), params)
    return taken_apart(graph, node.name, sides[0].structure)


class _Side:
    """One side of a branch, traced: its graph and inputs, the leaves of what it returned."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        leaves, structure = flatten(args)
        specs = unflatten(structure, [spec_of(leaf, "args") or leaf for leaf in leaves])
        self.body = Body(function_name(function))
        with tracing_branch(self.body):
            inputs, value = called(self.body, function, specs, {})
        self.inputs = [name for name in inputs if name is not None]
        self.values, self.structure = flatten(value)


def _outputs(sides: Sequence[_Side], names: Sequence[str]) -> list[list[str]]:
    """The nodes that two branches return; a Python number takes the dtype of its counterpart."""
    bodies = [side.body for side in sides]
    outputs: list[list[str]] = [[], []]
    for pair, name in zip(zip(*(side.values for side in sides), strict=True), names, strict=True):
        dtypes = [getattr(v, "dtype", None) if not is_weak(v) else None for v in pair]
        found = [
            output(body, value, dtypes[1 - i])
            for i, (body, value) in enumerate(zip(bodies, pair, strict=True))
        ]
        specs = [body.spec(node) for body, node in zip(bodies, found, strict=True)]
        if specs[0] != specs[1]:
            kind = ShapeError if specs[0].shape != specs[1].shape else DTypeError
            raise kind(
                f"the two branches differ in what they return: {name}", op="cond",
                origin=bodies[1].dag.nodes[found[1]]["origin"] or here(),
                expected=repr(specs[0]), got=repr(specs[1]),
            )  # fmt: skip
        for nodes, node in zip(outputs, found, strict=True):
            nodes.append(node)
    return outputs
