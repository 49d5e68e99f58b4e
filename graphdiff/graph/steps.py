"""A loop whose length is known: its body traced for one step, then added as a node, or run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError, here
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
    settled,
    taken_apart,
    widened,
)
from graphdiff.graph.nest import flatten, leaf_names, mapped, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import called, function_name
from graphdiff.ops.dimension import Dim, Dimension, dimension
from graphdiff.ops.spec import Spec


class Steps:
    """A body traced for one step of a `scan`, or with ``first`` of a `fori`."""

    def __init__(
        self,
        body: Callable[..., Any],
        init: Any,
        xs: Any,
        length: int | str | None,
        first: int | Dim | None = None,
    ) -> None:
        self.function = body
        self.first = first
        leaves, self.structure = flatten(init)
        self.names = leaf_names(self.structure, "init")
        self.xs, self.xs_structure = flatten(xs)
        x_names = leaf_names(self.xs_structure, "xs")
        self.xs = [as_operand(leaf, name) for leaf, name in zip(self.xs, x_names, strict=True)]
        self.length = _common_length(self.xs, x_names, length)
        self.init = settled(
            [as_operand(leaf, n) for leaf, n in zip(leaves, self.names, strict=True)], self.xs
        )
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        for _ in range(MOST_TRIES):
            self.trace()
            better = widened(self.init, self.body, self.inputs, self.outputs)
            if better is None:
                break
            self.init = better
        check_carry(self.body, self.inputs, self.outputs, self.names)
        self.inputs, self.outputs = called_after(
            self.body, self.inputs, self.outputs, len(self.init)
        )

    def trace(self) -> None:
        """The graph of one step, for the present dtypes of the carry."""
        self.body = Body(function_name(self.function))
        specs = [operand_spec(leaf) for leaf in self.init]
        carry = unflatten(self.structure, specs)
        name = function_name(self.function)
        if self.first is None:
            each = [Spec(s.shape[1:], s.dtype) for s in map(operand_spec, self.xs)]
            x = unflatten(self.xs_structure, each)
            inputs, result = called(self.body, self.function, (carry, x), {})
            if not isinstance(result, tuple) or len(result) != 2:
                raise GraphError(
                    f"{name!r} did not return a pair", op="scan", origin=here(),
                    expected="(carry, y)", got=type(result).__name__,
                    hint="return (carry, None) where nothing is to be stacked",
                )  # fmt: skip
            value, y = result
        else:
            first = self.first
            inner = self.function if first == 0 else lambda i, c: self.function(i + first, c)
            index = Spec((), np.dtype(np.int64))
            inputs, value = called(self.body, inner, (index, carry), {})
            inputs, y = [*inputs[1:], inputs[0]], None
        check_nesting(value, self.structure, name, "init")
        carried = flatten(value)[0]
        ys, self.y_structure = flatten(y)
        self.inputs = list(map(str, inputs))
        self.outputs = [
            *(output(self.body, v, s.dtype) for v, s in zip(carried, specs, strict=True)),
            *(output(self.body, value, None) for value in ys),
        ]
        self.body.is_open = False

    def tensors(self) -> list[Tensor]:
        """The tensors that the loop depends on."""
        every = (*self.init, *self.xs, *self.body.taken.values())
        return [value for value in every if isinstance(value, Tensor)]

    def node(self, reverse: bool, checkpoints: int | None) -> tuple[Any, Any]:
        """The loop as a node of a graph."""
        graph = innermost(self.tensors())
        operands = [*self.init, *self.xs, *self.body.taken.values()]
        index = self.first is not None
        count = len(self.inputs) - index
        inputs = [*self.inputs[:count], *self.body.taken, *self.inputs[count:]]
        params = {
            "body": cut_out(self.body, self.outputs, inputs),
            "carries": len(self.init),
            "slices": len(self.xs),
            "length": self.length,
            "reverse": bool(reverse),
            "index": index,
            "checkpoints": checkpoints,
        }
        values = tuple(constant(graph, value) for value in operands)
        node = graph.apply("scan", values, params)
        blank = (
            unflatten(self.structure, range(len(self.init))),
            unflatten(self.y_structure, range(len(self.init), len(self.outputs))),
        )
        return taken_apart(graph, node.name, flatten(blank)[1])  # type: ignore[no-any-return]  # nested as the body says

    def run(self, reverse: bool) -> tuple[Any, Any]:
        """The loop done at once, in NumPy."""
        length = known(self.length)
        carry = unflatten(
            self.structure, [as_array(leaf, operand_spec(leaf).dtype) for leaf in self.init]
        )
        stacked: list[list[Any]] = []
        order = range(length)
        for i in reversed(order) if reverse else order:
            if self.first is not None:
                carry, y = self.function(int(self.first) + i, carry), None
            else:
                x = unflatten(self.xs_structure, [np.array(x[i])[()] for x in self.xs])
                carry, y = self.function(carry, x)
            stacked.append([np.array(value) for value in flatten(y)[0]])
        if reverse:
            stacked.reverse()
        columns = zip(*stacked, strict=True) if stacked else ()
        ys = [np.stack(column) for column in columns]
        if not stacked:
            ys = [
                np.zeros((0, *map(known, spec.shape)), spec.dtype)
                for spec in map(self.body.spec, self.outputs[len(self.init) :])
            ]
        return mapped(as_array, carry), unflatten(self.y_structure, ys)


def _common_length(xs: Sequence[Any], names: Sequence[str], length: Any) -> Dimension:
    """The length of all arrays that are looped over, which a given length agrees with."""
    found: dict[str, Dimension] = {}
    for x, name in zip(xs, names, strict=True):
        spec = operand_spec(x)
        if not spec.ndim:
            raise ShapeError(
                f"{name!r} has no axis to loop over", op="scan", origin=here(), got=repr(spec)
            )
        found[name] = spec.shape[0]
    if length is not None:
        if isinstance(length, Tensor):
            raise GraphError(
                "the length of a scan is not a number yet", op="scan", origin=here(),
                got=repr(length), hint="use gd.while_loop or gd.fori",
            )  # fmt: skip
        found = {"length": dimension(length), **found}
    if not found:
        raise GraphError(
            "there is nothing to loop over", op="scan", origin=here(),
            hint="give xs, or the number of steps as length",
        )  # fmt: skip
    if len(set(found.values())) > 1:
        raise ShapeError(
            "the arrays to loop over differ in length", op="scan", origin=here(),
            got=", ".join(f"{name}: {part}" for name, part in found.items()),
        )  # fmt: skip
    return next(iter(found.values()))


def checked_checkpoints(checkpoints: Any) -> int | None:
    """How many states to keep at a time; None for all of them."""
    whole = isinstance(checkpoints, (int, np.integer)) and not isinstance(checkpoints, bool)
    if checkpoints is not None and not (whole and checkpoints >= 1):
        raise GraphError(
            "checkpoints is how many states the gradient keeps at a time", origin=here(),
            expected="an int from 1 on, or None", got=repr(checkpoints),
        )  # fmt: skip
    return None if checkpoints is None else int(checkpoints)


def known(length: Dimension) -> int:
    """A length that is a number already, as it must be where a loop is run at once."""
    if isinstance(length, int):
        return length
    raise ShapeError(
        f"the size of the dimension {str(length)!r} is not known", origin=here(),
        hint="loop over a tensor, or give the length as a number",
    )  # fmt: skip
