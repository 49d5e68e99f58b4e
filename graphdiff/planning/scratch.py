"""The memory that a node takes only while it runs.

For most ops it is what their NumPy code works in. For a loop it is the values of a step: those that
have a line of their own in the generated code stay until the next step replaces them, the others
last as long as the expression that they are a part of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import PlanError
from graphdiff.graph.body import joined, results
from graphdiff.graph.dag import Graph
from graphdiff.ops.dimension import Dimension, evaluate_dimension
from graphdiff.ops.spec import Spec

_BUFFER = 8192  # elements of an operand that NumPy converts or broadcasts at a time
_MOVING = frozenset({"slice", "transpose"})

Sizes = Mapping[str, int] | None
Array = np.ndarray[Any, np.dtype[Any]]


def bytes_of(graph: Graph, node: str, sizes: Sizes = None) -> Dimension:
    """The bytes of a value; of a loop those of all its results that are taken."""
    spec = graph.spec(node)
    if not spec.parts:
        return sized(spec, sizes).nbytes  # type: ignore[no-any-return]  # int or Dim
    total: Dimension = 0
    together = joined(graph, node)
    for i in taken_results(graph, node):
        part = sized(spec.parts[i], sizes)
        if i in together:  # a row more in the array of the states after the steps
            part = Spec(part.shape[1:], part.dtype)
        total = part.nbytes + total
    return total


def taken_results(graph: Graph, node: str) -> set[int]:
    """The results of a node that are taken, in a branch all."""
    if "carries" not in graph.dag.nodes[node]["params"]:
        return set(range(len(graph.spec(node).parts)))
    return set(results(graph, node))


def scratch_of(graph: Graph, node: str, arrays: Sequence[str], sizes: Mapping[str, int]) -> int:
    """The bytes that a node takes while it runs; ``arrays`` are its operands but for numbers."""
    op, out = graph.op(node), sized(graph.spec(node), sizes)
    specs = [sized(graph.spec(operand), sizes) for operand in arrays]
    if op.workspace is not None:
        return int(workspace_of(graph, node, out, specs))
    if not op.elementwise or op.view:
        return 0
    if op.name == "where":  # its condition is taken as it is
        dtype, alike = out.dtype, {out.dtype, np.dtype(bool)}
    else:
        dtype = np.result_type(*(spec.dtype for spec in specs)) if specs else out.dtype
        alike = {dtype}
    strided = _strided(graph, arrays, specs, sizes)
    buffered = sum(
        spec.size != 1 and (spec.shape != out.shape or spec.dtype not in alike or gaps)
        for spec, gaps in zip(specs, strided, strict=True)
    )
    return int(buffered * min(out.size, _BUFFER) * dtype.itemsize)


def _strided(
    graph: Graph, arrays: Sequence[str], specs: Sequence[Spec], sizes: Mapping[str, int]
) -> list[bool]:
    """Which operands NumPy reads by a buffer, since they are not in memory as the others are."""
    if not any(graph.op(node).name in _MOVING for node in arrays):
        return [False] * len(arrays)
    layouts = [_layout(graph, node, sizes) for node in arrays]
    large = [layout for layout, spec in zip(layouts, specs, strict=True) if spec.size != 1]
    alike = len({layout.strides for layout in large}) < 2
    if alike and all(map(_has_no_gaps, large)):
        return [False] * len(arrays)
    return [not layout.flags.c_contiguous for layout in layouts]


def _layout(graph: Graph, node: str, sizes: Mapping[str, int]) -> Array:
    """An array with the strides of a value, though with the memory of one element."""
    views = []
    while graph.op(node).name in _MOVING:
        views.append(graph.dag.nodes[node])
        (node,) = graph.operands(node)
    whole = sized(graph.spec(node), sizes)
    one, strides = np.empty(1, whole.dtype), [whole.dtype.itemsize]
    for length in reversed(whole.shape[1:]):
        strides.insert(0, strides[0] * int(length))
    strides = strides[: whole.ndim]
    array = np.lib.stride_tricks.as_strided(one, tuple(map(int, whole.shape)), strides)
    for view in reversed(views):
        params = view["params"]
        if view["op"] == "transpose":
            array = array.transpose(params["axes"])
        else:
            array = array[_index(params["index"], sizes)]
    return array


def _index(index: Sequence[Any], sizes: Mapping[str, int]) -> tuple[Any, ...]:
    """A basic index with numbers for names."""
    return tuple(
        slice(*(evaluate_dimension(part, sizes) if part is not None else None for part in entry))
        if isinstance(entry, tuple)
        else entry
        for entry in index
    )


def _has_no_gaps(array: Array) -> bool:
    """Whether its elements are side by side in memory, whatever the order of its axes."""
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return array.transpose(axes).flags.c_contiguous


def workspace_of(graph: Graph, node: str, out: Spec, specs: Sequence[Spec]) -> Any:
    """What the code of a node's op works in.

    Raises
    ------
    PlanError
        If the op can say it for numbers only, and there are names.
    """
    op = graph.op(node)
    assert op.workspace is not None  # it is asked for
    try:
        return op.workspace(out, *specs, **graph.dag.nodes[node]["params"])
    except TypeError:
        raise PlanError(
            "the memory that it works in is known for given sizes only", node=node, op=op.name,
            hint="sizes={…}",
        ) from None  # fmt: skip


def working_bytes(graph: Graph, node: str, sizes: Sizes) -> Dimension:
    """The bytes that an op inside a loop or a branch works in."""
    arrays = [u for u in graph.operands(node) if graph.dag.nodes[u]["op"] != "constant"]
    if sizes is not None:
        return scratch_of(graph, node, arrays, sizes)
    if graph.op(node).workspace is None:
        return 0
    specs = [graph.spec(operand) for operand in arrays]
    return workspace_of(graph, node, graph.spec(node), specs)  # type: ignore[no-any-return]  # bytes


def sized(spec: Spec, sizes: Sizes) -> Spec:
    """A spec with numbers in place of names; the same one without sizes."""
    if sizes is None or spec.parts:
        return spec
    return Spec(tuple(evaluate_dimension(part, sizes) for part in spec.shape), spec.dtype)
