"""What the tests compare with: an interpreter of graphs that knows nothing of lowering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.ops import OPS
from graphdiff.ops.dimension import evaluate_dimension


def run(graph: gd.Graph, **values: Any) -> dict[str, Any]:
    """The outputs of a graph, node by node with `Op.evaluate`; every spec is checked on the way."""
    known: dict[str, Any] = {}
    sizes = _sizes(graph, values)
    for node in graph.order():
        attributes = graph.dag.nodes[node]
        op, spec = attributes["op"], attributes["spec"]
        params = numbers(attributes["params"], sizes)
        if op in ("input", "parameter"):
            value = np.asarray(values[node] if node in values else params["value"])
        elif op == "constant":
            value = np.asarray(params["value"], spec.dtype)
        elif op == "size":
            value = np.asarray(params["dimension"], spec.dtype)
        else:
            operands = (known[operand] for operand in graph.operands(node))
            value = OPS[op].evaluate(*operands, **params)
        assert np.shape(value) == numbers(spec.shape, sizes), (node, op, np.shape(value), spec)
        assert value.dtype == spec.dtype, (node, op, value.dtype, spec)
        known[node] = value
    return {name: known[node] for name, node in graph.outputs_by_name.items()}


def _sizes(graph: gd.Graph, values: Mapping[str, Any]) -> dict[str, int]:
    """The named dimensions that the given arrays decide."""
    sizes: dict[str, int] = {}
    for name, tensor in (graph.inputs | graph.parameters).items():
        actual = np.shape(values[name] if name in values else tensor.params["value"])
        for part, length in zip(tensor.shape, actual, strict=True):
            if isinstance(part, str) and part.isidentifier():
                assert sizes.setdefault(part, length) == length
    return sizes


def numbers(value: Any, sizes: Mapping[str, int]) -> Any:
    """A parameter, with every dimension in it as a number."""
    if isinstance(value, gd.Dim):
        return evaluate_dimension(value, sizes)
    if isinstance(value, tuple):
        return tuple(numbers(part, sizes) for part in value)
    if isinstance(value, Mapping):
        return {key: numbers(part, sizes) for key, part in value.items()}
    return value
