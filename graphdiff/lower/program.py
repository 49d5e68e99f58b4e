"""A graph as a list of values that a person would write, each with its code.

Source and pictures are both made from this list, so they tell the same story.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from graphdiff.graph.body import bodies_of
from graphdiff.graph.dag import Graph
from graphdiff.graph.rows import Rows
from graphdiff.lower.names import Names
from graphdiff.lower.statements import Line
from graphdiff.ops.dimension import Dim, Shape
from graphdiff.ops.notation import Site, Written
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec

Step = tuple[str, str]  # "compute" or "free", and a node


class Value(NamedTuple):
    """One line of a program, and one shape of a picture.

    Parameters
    ----------
    node, row
        The node whose value it is, and its number among the rows of the graph.
    name
        The variable.
    code
        The expression over other values' variables.
    spec, phase
        Shape and dtype; ``"forward"`` or ``"gradient"``.
    nodes
        The nodes that are folded into it, itself the last.
    operands
        The rows of the values and arguments that it is computed from.
    block
        The statements of a loop or a branch, which then stand in the place of the expression.
    quick
        Whether the expression is one call that can be told where to put its result.
    """

    node: str
    row: int
    name: str
    code: Written
    spec: Spec
    phase: str
    nodes: tuple[str, ...]
    operands: tuple[int, ...]
    block: tuple[Line, ...] = ()
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """All values of a graph in the order of their computation.

    ``arguments`` are the inputs and parameters, ``arrays`` the constants that are no numbers.
    ``steps`` says what is computed and freed, and when. ``dimensions`` gives the variable of each
    named dimension. ``results`` is the text for each output, and ``reads`` the values in it.
    ``inner_arrays`` are the constants inside loops and branches, by their variables; among them
    are, in the fast style, numbers that are made arrays once. ``rows`` are all nodes, operands
    first.
    """

    graph: Graph
    names: Names
    arguments: tuple[str, ...]
    arrays: tuple[str, ...]
    values: Mapping[str, Value]
    steps: tuple[Step, ...]
    holder: Mapping[str, str]
    dimensions: Mapping[str, str]
    results: Mapping[str, Written]
    reads: Mapping[str, tuple[str, ...]]
    inner_arrays: Mapping[str, np.ndarray[Any, Any]]
    rows: Rows

    def own_shape(self, shape: Shape) -> Shape:
        """A shape over the variables of the program."""
        return own_shape(shape, self.names.respelt)

    def needed(self, outputs: Iterable[str]) -> set[str]:
        """The values that some outputs are computed from."""
        stack = [node for name in outputs for node in self.reads[name]]
        needed: set[str] = set()
        while stack:
            node = stack.pop()
            if node in self.values and node not in needed:
                needed.add(node)
                stack.extend([self.rows.names[row] for row in self.values[node].operands])
        return needed

    def ops(self) -> Iterator[Op]:
        """The ops of the values, and of what is inside them."""
        for value in self.values.values():
            op = self.rows.ops[value.row]
            if len(value.nodes) > 1 or op.bodies:
                yield from _ops(self.graph, value.nodes)
            else:
                yield op


def _ops(graph: Graph, nodes: Iterable[str]) -> Iterator[Op]:
    """The ops of some nodes, and of what is inside them."""
    for node in nodes:
        op = graph.op(node)
        yield op
        if not op.bodies:
            continue
        for body in bodies_of(op, graph.dag._node[node]["params"]).values():
            yield from _ops(body, body.order())


def own_shape(shape: Shape, names: Mapping[str, str]) -> Shape:
    """A shape over other names of dimensions, where these are not the variables."""
    site = Site((), (), Spec(shape, np.dtype(float)), {})
    return substituted(site, names).out.shape if names else shape


def substituted(site: Site, names: Mapping[str, str]) -> Site:
    """A site whose named dimensions are called otherwise."""

    def one(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(one, value))
        if isinstance(value, Dim):
            return Dim(re.sub(r"[^\W\d]\w*", lambda m: names.get(m.group(), m.group()), value))
        return value

    def spec(value: Spec) -> Spec:
        return Spec(one(value.shape), value.dtype, value.parts)

    params = {key: one(value) for key, value in site.params.items()}
    return Site(site.operands, tuple(map(spec, site.specs)), spec(site.out), params)
