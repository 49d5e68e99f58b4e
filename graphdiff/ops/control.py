"""Ops that hold graphs: a loop over steps, a loop until a condition fails, a branch.

The graph inside is a *body*. Its inputs stand, in order, for the operands of the node (of a loop's
first step), its outputs for what one step results in. A node of these ops has several results; a
node of the op ``result`` takes one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.ops.dimension import Dimension, combine, dimension
from graphdiff.ops.kernels import snapshots
from graphdiff.ops.notation import Form, Site, Written
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec


def _specs(tensors: Any) -> list[Spec]:
    """The specs of a body's inputs or outputs."""
    return [tensor.spec for tensor in tensors.values()]


def _check(given: Sequence[Spec], wanted: Sequence[Spec], what: str) -> None:
    if list(given) != list(wanted):
        raise ShapeError(
            f"{what} do not fit the body",
            expected=", ".join(map(repr, wanted)),
            got=", ".join(map(repr, given)),
        )


def _infer_scan(
    *specs: Spec,
    body: Any,
    carries: int,
    slices: int,
    length: Dimension,
    reverse: bool,
    index: bool,
    checkpoints: int | None,
    leaves: bool,
) -> Spec:
    rest = specs[carries:]
    given = [*specs[:carries], *_slices_of(rest[:slices], length), *rest[slices:]]
    found = _check_steps(body, given, carries, length, index)
    if not leaves:
        return found
    if checkpoints is None:
        raise GraphError("a loop leaves states for checkpoints only")
    return Spec.several((*found.parts, *_left(specs[:carries], length, checkpoints)))


def _left(states: Sequence[Spec], length: Dimension, checkpoints: int) -> list[Spec]:
    """What is left of each state for the way back: before some steps, but for the first one."""
    count = combine("min", checkpoints, combine("-", length, 1))
    if isinstance(count, int):
        count = max(0, count)
    return [Spec((count, *spec.shape), spec.dtype) for spec in states]


def _slices_of(specs: Sequence[Spec], length: Dimension) -> list[Spec]:
    """What one step is handed of arrays that are looped over."""
    for spec in specs:
        if not spec.ndim or spec.shape[0] != length:
            raise ShapeError("not one slice a step", expected=f"({length}, …)", got=repr(spec))
    return [Spec(spec.shape[1:], spec.dtype) for spec in specs]


def _check_steps(
    body: Any, given: Sequence[Spec], carries: int, length: Dimension, index: bool
) -> Spec:
    """The results of a loop over a body, whose inputs are ``given`` but for the step's number."""
    inputs, outputs = _specs(body.inputs), _specs(body.outputs)
    _check(given, inputs[:-1] if index else inputs, "the operands")
    _check(outputs[:carries], inputs[:carries], "the carried values after a step")
    stacked = (Spec((length, *spec.shape), spec.dtype) for spec in outputs[carries:])
    return Spec.several((*outputs[:carries], *stacked))


def _infer_reversal(
    *specs: Spec,
    body: Any,
    step: Any,
    carries: int,
    states: int,
    slices: int,
    length: Dimension,
    reverse: bool,
    index: bool,
    checkpoints: int,
    left: bool,
) -> Spec:
    if left:
        specs, last = specs[:-states], specs[-states:]
        wanted = _left(specs[carries : carries + states], length, checkpoints)
        _check(last, wanted, "the states that were left")
    first, rest = specs[:carries], specs[carries + states :]
    each = _slices_of(rest[:slices], length)
    before = specs[carries : carries + states]
    _check_steps(step, [*before, *each, *rest[slices:]], states, length, index)
    residuals = _specs(step.outputs)[states:]
    given = [*first, *residuals, *each, *rest[slices:]]
    return _check_steps(body, given, carries, length, index)


def _normal_loop(*names: str) -> Callable[..., dict[str, Any]]:
    """Checks that parameters are graphs, and the length a dimension."""

    def normal(*specs: Spec, **params: Any) -> dict[str, Any]:
        found = _with_graphs(*names)(*specs, **params)
        return {**found, "length": dimension(params["length"])}

    return normal


def _with_graphs(*names: str) -> Callable[..., dict[str, Any]]:
    """Checks that parameters are graphs."""

    def normal(*specs: Spec, **params: Any) -> dict[str, Any]:
        for name in names:
            if not hasattr(params[name], "outputs_by_name"):
                raise GraphError(f"the parameter {name!r} is no graph", got=repr(params[name]))
        return params

    return normal


def _infer_while(*specs: Spec, condition: Any, body: Any, carries: int) -> Spec:
    outputs = _specs(body.outputs)
    for graph in (condition, body):
        _check(specs, _specs(graph.inputs), "the operands")
    _check(outputs, specs[:carries], "the carried values after a step")
    _check_condition(_specs(condition.outputs)[0])
    return Spec.several(outputs)


def _infer_cond(*specs: Spec, then: Any, otherwise: Any) -> Spec:
    _check_condition(specs[0])
    for graph in (then, otherwise):
        _check(specs[1:], _specs(graph.inputs), "the operands")
    outputs = _specs(then.outputs)
    _check(_specs(otherwise.outputs), outputs, "the results of the two branches")
    return Spec.several(outputs)


def _check_condition(spec: Spec) -> None:
    if spec.ndim or spec.dtype.kind != "b":
        raise DTypeError("a condition is one truth value", expected="bool ()", got=repr(spec))


def _infer_result(x: Spec, *, index: int) -> Spec:
    if not 0 <= index < len(x.parts):
        raise GraphError(
            f"there is no result {index}", expected=f"one of {len(x.parts)}", got=repr(x)
        )
    return x.parts[index]


def _called(*bodies: str) -> Form:
    """``scan(step; h0, x)``."""

    def formula(site: Site) -> Written:
        names = ", ".join(str(site.params[body].name) for body in bodies)
        operands = ", ".join(operand.text for operand in site.operands)
        word = "scan" if bodies == ("body",) else "cond" if "then" in bodies else "while"
        return Written(f"{word}({names}; {operands})")

    return formula


scan = Op(
    "scan",
    _infer_scan,
    ("*operands",),
    params={
        "body": REQUIRED,
        "carries": REQUIRED,
        "slices": REQUIRED,
        "length": REQUIRED,
        "reverse": False,
        "index": False,
        "checkpoints": None,
        "leaves": False,
    },
    normal=_normal_loop("body"),
    formula=_called("body"),
    bodies=("body",),
    complex=True,
)
"""A loop of ``length`` steps over carried values, slices of arrays, and constants.

The operands are the ``carries`` values that the first step begins with, the ``slices`` arrays whose
slices along the first axis are handed to the steps, and values that are the same in all steps; with
``index`` the body has one input more, the number of the step. The results are the carried values
after the last step, and the other outputs of all steps stacked. ``reverse`` runs from the last step
to the first. With ``checkpoints`` the derivative in reverse mode is a `reversal` that keeps so many
states at a time. A loop that ``leaves`` states for it has one result more for each carried value,
those before some steps, which nothing else can take.
"""

reversal = Op(
    "reversal",
    _infer_reversal,
    ("*operands",),
    params={
        "body": REQUIRED,
        "step": REQUIRED,
        "carries": REQUIRED,
        "states": REQUIRED,
        "slices": REQUIRED,
        "length": REQUIRED,
        "reverse": False,
        "index": False,
        "checkpoints": REQUIRED,
        "left": False,
    },
    normal=_normal_loop("body", "step"),
    formula=_called("body"),
    kernel=snapshots,
    complex=True,
    bodies=("body", "step"),
)
"""A loop over the steps of another one, from its last to its first, which runs those steps again.

The operands are the ``carries`` values that this loop begins with, the ``states`` that the other
one began with, the ``slices`` arrays of which each step is handed a slice, and values that are the
same in all steps. The graph ``step`` takes states, slices and what is the same, and results in the
states after a step and in *residuals*; ``body`` takes carries, the residuals of the same step,
slices, and what is the same, and results in carries and what is stacked. With ``index`` both have
one input more, the number of the step. ``reverse`` says that the other loop runs from the last
step. The last operands are what the other loop left of each state, where it did (``left``); their
memory is used again, so another reversal, or a second run, would find nothing left and run the
steps once more.

At most ``checkpoints`` states are kept at a time, the first among them, and of the steps forward as
few are run as that allows: r·l − C(c + r, c + 1) for l steps and c states, where r is the least
number with C(c + r, c) ≥ l, beside the one for the residuals in each step back (A. Griewank and
A. Walther, "Algorithm 799: revolve", *ACM Transactions on Mathematical Software* 26, 2000).
"""

while_loop = Op(
    "while_loop",
    _infer_while,
    ("*operands",),
    params={"condition": REQUIRED, "body": REQUIRED, "carries": REQUIRED},
    normal=_with_graphs("condition", "body"),
    formula=_called("condition", "body"),
    bodies=("condition", "body"),
    complex=True,
)
"""A loop as long as a condition holds. Both graphs take carried values, then constants."""

cond = Op(
    "cond",
    _infer_cond,
    ("condition", "*operands"),
    params={"then": REQUIRED, "otherwise": REQUIRED},
    normal=_with_graphs("then", "otherwise"),
    formula=_called("then", "otherwise"),
    bodies=("then", "otherwise"),
    complex=True,
)
"""One of two graphs is run, by the first operand; both take the other operands."""

result = Op(
    "result",
    _infer_result,
    ("x",),
    params={"index": REQUIRED},
    formula=lambda site: site.operands[0],
    view=True,
    complex=True,
)
"""One of several results."""


def _infer_custom(value: Spec, *operands: Spec, backward: Any, count: int) -> Spec:
    _check((value, value, *operands), _specs(backward.inputs), "the operands")
    floats = [spec for spec in operands[:count] if spec.is_inexact]
    _check(_specs(backward.outputs), floats, "the cotangents")
    return value


def _custom_products(
    positions: Sequence[int],
    g: Any,
    y: Any,
    value: Any,
    *operands: Any,
    backward: Any,
    count: int,
) -> Iterator[Any]:
    g = g if g.dtype == y.dtype else g.astype(y.dtype)
    floats = [i for i, operand in enumerate(operands[:count], 1) if operand.spec.is_inexact]
    if set(floats).isdisjoint(positions):
        return iter([0.0] * len(positions))
    found = dict(zip(floats, backward.inlined(g, y, *operands), strict=True))
    return (found.get(position, 0.0) for position in positions)


custom_gradient = Op(
    "custom_gradient",
    _infer_custom,
    ("value", "*operands"),
    vjp=_custom_products,
    params={"backward": REQUIRED, "count": REQUIRED},
    numpy=lambda site: site.operands[0],
    formula=lambda site: site.operands[0],
    view=True,
    complex=True,
)
"""The value, whose derivative by the first ``count`` operands a graph of the user's gives.

The graph takes the cotangent, the value and the operands; it results in the cotangents of the
floats among those.
"""

OPS = (scan, reversal, while_loop, cond, result, custom_gradient)
