"""Loops and branches: `scan`, `fori`, `while_loop` and `cond`, with JAX's arguments.

What is repeated or may be run is traced once, as a graph of its own, and the node that holds it is
lowered to a ``for`` loop, a ``while`` loop or an ``if``. Called with plain arrays alone, all of
them do at once what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError, calling_line, here
from graphdiff.graph.body import Body, cut_out, innermost, result_of, tracing_branch
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import Structure, flatten, leaf_names, mapped, unflatten
from graphdiff.graph.origin import assigned_part
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import called, function_name, spec_of
from graphdiff.graph.values import is_weak
from graphdiff.ops.spec import Dim, Dimension, Spec, combine, dimension

_MOST_TRIES = 3  # to find the dtype of a number that is carried


def scan(
    body: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | str | None = None,
    reverse: bool = False,
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

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> def horner(value, coefficient, x=2.0):
    ...     value = value * x + coefficient
    ...     return value, value
    >>> gd.scan(horner, 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(11.0), array([ 1.,  4., 11.]))
    """
    steps = _Steps(body, init, xs, length)
    if not steps.tensors():
        return steps.run(reverse)
    return steps.node(reverse)


def fori(lower: Any, upper: Any, body: Callable[..., Any], init: Any) -> Any:
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

    Examples
    --------
    >>> import graphdiff as gd
    >>> gd.fori(1, 5, lambda i, product: product * i, 1.0)
    np.float64(24.0)
    >>> gd.grad(lambda x: gd.fori(0, 3, lambda i, y: y * x, 1.0))(2.0)
    np.float64(12.0)
    """
    if isinstance(lower, Tensor) or isinstance(upper, Tensor):
        return while_loop(
            lambda both: both[0] < upper,
            lambda both: (both[0] + 1, body(both[0], both[1])),
            (lower, init),
        )[1]
    length = combine("-", _bound(upper), _bound(lower))
    if isinstance(length, int) and length <= 0:
        return mapped(_as_array, init)
    steps = _Steps(body, init, None, length, first=lower)
    return steps.run(False)[0] if not steps.tensors() else steps.node(False)[0]


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
    names = leaf_names(structure, "init")
    leaves = [_as_operand(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
    for _ in range(_MOST_TRIES):
        specs = [_spec(leaf) for leaf in leaves]
        inner = Body(function_name(body))
        inputs, value = called(inner, body, (unflatten(structure, specs),), {})
        _check_nesting(value, structure, function_name(body), "init")
        outputs = [
            _output(inner, leaf, spec.dtype)
            for leaf, spec in zip(flatten(value)[0], specs, strict=True)
        ]
        wider = _wider(leaves, inner, inputs, outputs)
        if wider is None:
            break
        leaves = wider
    _check_carry(inner, inputs, outputs, names)
    inner.is_open = False
    test = Body(function_name(condition))
    test_inputs, truth = called(test, condition, (unflatten(structure, specs),), {})
    decided = [_truth(test, truth, function_name(condition))]
    _share_taken(inner, test)
    tensors = [*leaves, *inner.taken.values()]
    if not any(isinstance(t, Tensor) for t in tensors):
        value = unflatten(structure, [_as_array(leaf, _spec(leaf).dtype) for leaf in leaves])
        while condition(value):
            value = body(value)
        return value
    graph = innermost(t for t in tensors if isinstance(t, Tensor))
    node = graph.apply(
        "while_loop",
        tuple(_constant(graph, t) for t in tensors),
        {
            "condition": cut_out(test, decided, [*test_inputs, *test.taken]),  # type: ignore[list-item]
            "body": cut_out(inner, outputs, [*inputs, *inner.taken]),  # type: ignore[list-item]
            "carries": len(leaves),
        },
    )
    return _taken_apart(graph, node.name, structure)


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
    leaves, structure = flatten(args)
    given = [leaf for leaf in leaves if spec_of(leaf, "args") is not None]
    specs = unflatten(structure, [spec_of(leaf, "args") or leaf for leaf in leaves])
    bodies, found = [], []
    for side in (then, otherwise):
        body = Body(function_name(side))
        with tracing_branch(body):
            inputs, value = called(body, side, specs, {})
        bodies.append(body)
        found.append(([name for name in inputs if name is not None], *flatten(value)))
    names = [leaf_names(shape, "out") for _, _, shape in found]
    if found[0][2] != found[1][2]:
        raise GraphError(
            "the two branches return differently nested values", op="cond", origin=here(),
            expected=", ".join(names[0]), got=", ".join(names[1]),
        )  # fmt: skip
    outputs = _branch_outputs(bodies, [values for _, values, _ in found], names[0])
    _share_taken(*bodies)
    tensors = [p, *given, *bodies[0].taken.values()]
    graph = innermost(t for t in tensors if isinstance(t, Tensor))
    then_body, else_body = (
        cut_out(body, nodes, [*inputs, *body.taken])
        for body, nodes, (inputs, _, _) in zip(bodies, outputs, found, strict=True)
    )
    tensors[0] = p if p.dtype.kind == "b" else p != 0
    node = graph.apply(
        "cond",
        tuple(_constant(graph, t) for t in tensors),
        {"then": then_body, "otherwise": else_body},
    )
    return _taken_apart(graph, node.name, found[0][2])


# -- the steps of a loop whose length is known -----------------------------------------------------


class _Steps:
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
        self.xs = [_as_operand(leaf, name) for leaf, name in zip(self.xs, x_names, strict=True)]
        self.length = _common_length(self.xs, x_names, length)
        self.init = _settled(
            [_as_operand(leaf, n) for leaf, n in zip(leaves, self.names, strict=True)], self.xs
        )
        for _ in range(_MOST_TRIES):
            self.trace()
            wider = _wider(self.init, self.body, self.inputs, self.outputs)
            if wider is None:
                break
            self.init = wider
        _check_carry(self.body, self.inputs, self.outputs, self.names)

    def trace(self) -> None:
        """The graph of one step, for the present dtypes of the carry."""
        self.body = Body(function_name(self.function))
        specs = [_spec(leaf) for leaf in self.init]
        carry = unflatten(self.structure, specs)
        name = function_name(self.function)
        if self.first is None:
            each = [Spec(s.shape[1:], s.dtype) for s in map(_spec, self.xs)]
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
        _check_nesting(value, self.structure, name, "init")
        carried = flatten(value)[0]
        ys, self.y_structure = flatten(y)
        self.inputs: list[str] = inputs  # type: ignore[assignment]  # all leaves have specs
        self.outputs = [
            *(_output(self.body, v, s.dtype) for v, s in zip(carried, specs, strict=True)),
            *(_output(self.body, value, None) for value in ys),
        ]
        self.body.is_open = False

    def tensors(self) -> list[Tensor]:
        """The tensors that the loop depends on."""
        every = (*self.init, *self.xs, *self.body.taken.values())
        return [value for value in every if isinstance(value, Tensor)]

    def node(self, reverse: bool) -> tuple[Any, Any]:
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
        }
        values = tuple(_constant(graph, value) for value in operands)
        node = graph.apply("scan", values, params)
        blank = (
            unflatten(self.structure, range(len(self.init))),
            unflatten(self.y_structure, range(len(self.init), len(self.outputs))),
        )
        return _taken_apart(graph, node.name, flatten(blank)[1])  # type: ignore[no-any-return]

    def run(self, reverse: bool) -> tuple[Any, Any]:
        """The loop done at once, in NumPy."""
        length = _known(self.length)
        carry = unflatten(
            self.structure, [_as_array(leaf, _spec(leaf).dtype) for leaf in self.init]
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
                np.zeros((0, *map(_known, spec.shape)), spec.dtype)
                for spec in map(self.body.spec, self.outputs[len(self.init) :])
            ]
        return mapped(_as_array, carry), unflatten(self.y_structure, ys)


def _common_length(xs: Sequence[Any], names: Sequence[str], length: Any) -> Dimension:
    """The length of all arrays that are looped over, which a given length agrees with."""
    found: dict[str, Dimension] = {}
    for x, name in zip(xs, names, strict=True):
        spec = _spec(x)
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


def _bound(value: Any) -> int | str:
    if isinstance(value, (int, np.integer, str)) and not isinstance(value, bool):
        return value if isinstance(value, str) else int(value)
    raise GraphError(
        "a bound of fori is not a whole number", op="fori", origin=here(), got=repr(value)
    )


def _known(length: Dimension) -> int:
    if isinstance(length, int):
        return length
    raise ShapeError(
        f"the size of the dimension {str(length)!r} is not known", origin=here(),
        hint="loop over a tensor, or give the length as a number",
    )  # fmt: skip


# -- what is carried -------------------------------------------------------------------------------


def _as_operand(leaf: Any, name: str) -> Any:
    """A leaf as a tensor, a Python number or an array."""
    if isinstance(leaf, (Tensor, Spec)) or is_weak(leaf):
        return leaf
    if spec_of(leaf, name) is None:
        raise DTypeError(
            f"{name!r} is not an array or a number", origin=here(), got=repr(leaf),
            hint="what does not change can be read by the body from outside",
        )  # fmt: skip
    return np.asarray(leaf)


def _spec(leaf: Any) -> Spec:
    if isinstance(leaf, Dim):
        return Spec((), np.dtype(np.int64))
    if is_weak(leaf):
        return Spec((), np.asarray(leaf).dtype)
    spec = spec_of(leaf, "carry")
    assert spec is not None  # it is an operand
    return spec


def _as_array(leaf: Any, dtype: Any = None) -> Any:
    """A plain value of a loop that is run at once: an array of its own, or a NumPy number."""
    if isinstance(leaf, Tensor):
        return leaf
    return np.array(leaf, dtype=dtype)[()]


def _constant(graph: Graph, value: Any) -> Tensor:
    """A tensor as it is; an array of equal numbers as one number, broadcast."""
    if isinstance(value, Tensor):
        return value
    if np.ndim(value) and np.size(value) and (value == value.flat[0]).all():
        one = graph.constant(value.flat[0])
        return graph.apply("broadcast_to", (one,), {"shape": value.shape})
    return graph.constant(value)


def _taken_apart(graph: Graph, node: str, structure: Structure) -> Any:
    """The results of a node, nested; each is called by the variable it is assigned to."""
    found: list[Tensor] = []
    line = calling_line()
    for i, path in enumerate(structure.spec.paths()):
        tensor = result_of(graph, node, i)
        local = None if line is None else assigned_part(*line, path)
        if local is not None:
            graph.dag.nodes[tensor.name]["local"] = local
        found.append(tensor)
    return unflatten(structure, found)


def _settled(leaves: list[Any], xs: Sequence[Any]) -> list[Any]:
    """Python's floats in the dtype of the floats that they are carried beside."""
    others = {
        spec.dtype
        for leaf in (*leaves, *xs)
        if not is_weak(leaf) and (spec := _spec(leaf)).is_float
    }
    if others != {np.dtype(np.float32)}:
        return leaves
    return [np.float32(leaf) if type(leaf) is float else leaf for leaf in leaves]


def _output(body: Body, value: Any, dtype: Any) -> str:
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


def _wider(
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


def _check_nesting(value: Any, structure: Structure, name: str, what: str) -> None:
    found = flatten(value)[1]
    if found != structure:
        raise GraphError(
            f"{name!r} does not return a carry that is nested as the one it is given",
            origin=here(), expected=", ".join(leaf_names(structure, what)) or "nothing",
            got=", ".join(leaf_names(found, what)) or "nothing",
        )  # fmt: skip


def _check_carry(
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


def _truth(body: Body, value: Any, name: str) -> str:
    node = _output(body, value, None)
    spec = body.spec(node)
    if spec.ndim or spec.dtype.kind != "b":
        raise DTypeError(
            f"{name!r} does not return one truth value", op="while_loop",
            origin=body.dag.nodes[node]["origin"] or here(), expected="bool ()", got=repr(spec),
            hint="compare, and use np.any or np.all",
        )  # fmt: skip
    return node


def _share_taken(one: Body, other: Body) -> None:
    """Let two bodies take the same tensors from around them, in the same order."""
    one.is_open = other.is_open = True
    for tensor in [*one.taken.values(), *other.taken.values()]:
        one._taken(tensor)
    other.taken = {other._taken(tensor): tensor for tensor in one.taken.values()}
    one.is_open = other.is_open = False


def _branch_outputs(
    bodies: Sequence[Body], values: Sequence[Sequence[Any]], names: Sequence[str]
) -> list[list[str]]:
    """The nodes that two branches return; a Python number takes the dtype of its counterpart."""
    outputs: list[list[str]] = [[], []]
    for pair, name in zip(zip(*values, strict=True), names, strict=True):
        dtypes = [getattr(v, "dtype", None) if not is_weak(v) else None for v in pair]
        found = [
            _output(body, value, dtypes[1 - i])
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
