"""What goes into loops and branches, and what comes out of them.

A Python number takes the dtype of what it is carried beside, or becomes; everything else has the
same shape and dtype after each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError, calling_line, here
from graphdiff.graph.body import Body, results_of
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import Structure, flatten, leaf_names, unflatten
from graphdiff.graph.origin import assigned_part, ends_a_line
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import spec_of
from graphdiff.graph.values import is_weak
from graphdiff.ops.dimension import Dim
from graphdiff.ops.spec import Spec

MOST_TRIES = 3  # to find the dtype of a number that is carried


def as_operand(leaf: Any, name: str) -> Any:
    """A leaf as a tensor, a Python number or an array."""
    if isinstance(leaf, (Tensor, Spec)) or is_weak(leaf):
        return leaf
    if spec_of(leaf, name) is None:
        raise DTypeError(
            f"{name!r} is not an array or a number", origin=here(), got=repr(leaf),
            hint="what does not change can be read by the body from outside",
        )  # fmt: skip
    return np.asarray(leaf)


def operand_spec(leaf: Any) -> Spec:
    """The shape and dtype of a leaf."""
    if isinstance(leaf, Dim):
        return Spec((), np.dtype(np.int64))
    if is_weak(leaf):
        return Spec((), np.asarray(leaf).dtype)
    spec = spec_of(leaf, "carry")
    assert spec is not None  # it is an operand
    return spec


def as_array(leaf: Any, dtype: Any = None) -> Any:
    """A plain value of a loop that is run at once: an array of its own, or a NumPy number."""
    if isinstance(leaf, Tensor):
        return leaf
    return np.array(leaf, dtype=dtype)[()]


def constant(graph: Graph, value: Any) -> Tensor:
    """A tensor as it is; an array of equal numbers as one number, broadcast."""
    if isinstance(value, Tensor):
        return value
    if np.ndim(value) and np.size(value) and (value == value.flat[0]).all():
        one = graph.constant(value.flat[0])
        return graph.apply("broadcast_to", (one,), {"shape": value.shape})
    return graph.constant(value)


def taken_apart(graph: Graph, node: str, structure: Structure) -> Any:
    """The results of a node, nested; each is called by the variable it is assigned to."""
    paths, line = structure.spec.paths(), calling_line()
    found = results_of(graph, node, range(len(paths)))
    for tensor, path in zip(found, paths, strict=True):
        local = None if line is None else assigned_part(*line, path)
        if local is not None:
            graph.dag.nodes[tensor.name]["local"] = local
    return unflatten(structure, found)


def settled(leaves: list[Any], xs: Sequence[Any]) -> list[Any]:
    """Python's floats and complex numbers in the precision of what they are carried beside."""
    others = {
        spec.dtype
        for leaf in (*leaves, *xs)
        if not is_weak(leaf) and (spec := operand_spec(leaf)).is_inexact
    }
    if not others or not others <= _NARROW:
        return leaves
    kinds = {float: np.float32, complex: np.complex64}
    return [kinds[type(leaf)](leaf) if type(leaf) in kinds else leaf for leaf in leaves]


_NARROW = {np.dtype(np.float32), np.dtype(np.complex64)}


def output(body: Body, value: Any, dtype: Any) -> str:
    """The node of what a body returned; a Python number takes a dtype that it fits."""
    if is_weak(value) and not isinstance(value, Dim):
        fits = dtype is not None and np.can_cast(np.asarray(value).dtype, dtype, "same_kind")
        return body.constant(value, dtype=dtype if fits else None).name
    try:
        operand = body._operand(value, ())
    except DTypeError:
        raise GraphError(
            f"{body.name!r} returned something that is not a number or an array", origin=here(),
            got=repr(value), hint="return tensors and numbers, and None where there is nothing",
        ) from None  # fmt: skip
    return operand if isinstance(operand, str) else body._insert_source(operand)


def widened(
    leaves: Sequence[Any], body: Body, inputs: Sequence[Any], outputs: Sequence[str]
) -> list[Any] | None:
    """The first values with Python's numbers in the dtypes that the body gives them, if others."""
    result = list(leaves)
    for i, leaf in enumerate(leaves):
        before, after = body.spec(inputs[i]), body.spec(outputs[i])
        if is_weak(leaf) and before.shape == after.shape and before.dtype != after.dtype:
            dtype = np.result_type(before.dtype, after.dtype)
            if dtype != before.dtype:
                result[i] = dtype.type(leaf)
    return None if all(a is b for a, b in zip(result, leaves, strict=True)) else result


def check_nesting(value: Any, structure: Structure, name: str, what: str) -> None:
    """What is carried on is nested as what was carried before."""
    found = flatten(value)[1]
    if found != structure:
        raise GraphError(
            f"{name!r} does not return a carry that is nested as the one it is given",
            origin=here(), expected=", ".join(leaf_names(structure, what)) or "nothing",
            got=", ".join(leaf_names(found, what)) or "nothing",
        )  # fmt: skip


def check_carry(
    body: Body, inputs: Sequence[Any], outputs: Sequence[str], names: Sequence[str]
) -> None:
    """Each carried value has after a step the shape and the dtype that it had before."""
    for before, after, name in zip(inputs, outputs, names, strict=False):
        old, new = body.spec(before), body.spec(after)
        if old == new:
            continue
        kind = ShapeError if old.shape != new.shape else DTypeError
        attributes = body.dag.nodes[after]
        raise kind(
            f"the carried value changes its {'shape' if kind is ShapeError else 'dtype'} in a step "
            f"of {body.name!r}: {name.replace('init', 'carry')}",
            origin=attributes["origin"] or here(), expected=repr(old), got=repr(new),
            hint="begin with what a step returns, as in np.zeros(shape), or convert with astype",
        )  # fmt: skip


def share_taken(one: Body, other: Body) -> None:
    """Let two bodies take the same tensors from around them, in the same order."""
    one.is_open = other.is_open = True
    for tensor in [*one.taken.values(), *other.taken.values()]:
        one._taken(tensor)
    other.taken = {other._taken(tensor): tensor for tensor in one.taken.values()}
    one.is_open = other.is_open = False


def called_after(
    body: Body, inputs: Sequence[str], outputs: Sequence[str], carries: int
) -> tuple[list[str], list[str]]:
    """The inputs and outputs of a body, parts of its carry called as it calls their successors.

    In ``h, c = carry`` Python does not tell the names, but in ``h = np.tanh(…)`` they are known.
    """
    names: dict[str, str] = {}
    for before, end in zip(inputs[:carries], outputs[:carries], strict=True):
        after = names.get(end, end)
        if "." in before and before != after and ends_a_line(body.dag, after):
            local = body.dag.nodes[after]["local"]
            if local not in body:
                body._rename(before, local)
                names[before] = local
    return [names.get(n, n) for n in inputs], [names.get(n, n) for n in outputs]
