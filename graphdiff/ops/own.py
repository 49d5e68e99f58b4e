"""Ops that a user declares: one decorated shape rule is everything that the compiler must know."""

from __future__ import annotations

import ast
import inspect
import string
from collections.abc import Callable, Sequence
from typing import Any

from graphdiff.errors import GradientError, GraphError, here
from graphdiff.ops import ALIASES, OPS
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.notation import ATOM, LOOSEST, Form, Site, Written, axes_text, binding, call
from graphdiff.ops.op import REQUIRED, Op, Rule
from graphdiff.ops.spec import Spec


def op(
    *,
    numpy: str,
    vjp: Rule | Sequence[Rule | None] | None = None,
    formula: str | None = None,
    kernel: Callable[..., Any] | None = None,
    elementwise: bool = False,
    complex: bool = False,
    convention: str | None = None,
    flops: Callable[..., Dimension] | None = None,
) -> Callable[[Callable[..., Spec]], Op]:
    """Declare an op that graphdiff has not, as a decorator of its shape rule.

    The function's name is the op's, its arguments are the operands, its keyword-only arguments the
    parameters. It takes the operands' `graphdiff.Spec` and returns the result's.

    Parameters
    ----------
    numpy
        The code, over the names of operands and parameters in braces: ``"np.i0({x})"``.
    vjp
        One function for each operand, ``(g, y, *operands, **params)``, that gives the
        vector-Jacobian product of the cotangent ``g`` in NumPy's words; ``y`` is the op's own
        result. None for an operand through which no derivative flows. A single operand's may
        stand alone. Without any, to differentiate is an error.
    formula
        The same as ``numpy`` for people; the default is ``name(operands)``.
    kernel
        A function of plain NumPy, without annotations, that the code calls by its name; its text
        is copied into generated files.
    elementwise
        Whether the operands broadcast against each other. The sum over axes that were broadcast
        is then taken for you.
    complex
        Whether it takes complex operands. Its rules then return for ``g`` what makes
        Re(g · dy) = Re(rule · dz), without a conjugate; of a real operand the real part is taken
        for you. Without it complex operands are refused.
    convention
        What the derivative is where there is none, in a sentence.
    flops
        ``(out, *specs)``: the floating-point operations of one evaluation.

    Returns
    -------
    Op
        Call it with tensors, which adds a node, or with arrays. A graph holds the ops of its own
        nodes; to read one from a file, give them again: ``gd.load(path, ops=[…])``.

    Raises
    ------
    GraphError
        If the name is taken, or the code names something that is no operand or parameter.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> @gd.op(numpy="np.logaddexp({a}, {b})", elementwise=True,
    ...        vjp=(lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y)))
    ... def log_sum(a, b):
    ...     return a
    >>> float(gd.grad(lambda x: log_sum(x, 2.0 * x))(0.0))
    1.5
    """

    def declare(infer: Callable[..., Spec]) -> Op:
        name = infer.__name__
        if name in OPS or name in ALIASES:
            raise _refused(f"there is an op {name!r} already", hint="give it another name")
        given = inspect.signature(infer).parameters.values()
        operands = tuple(p.name for p in given if p.kind is not p.KEYWORD_ONLY)
        params = {
            p.name: REQUIRED if p.default is p.empty else p.default
            for p in given
            if p.kind is p.KEYWORD_ONLY
        }
        if vjp is None:
            rules: tuple[Rule | None, ...] = (_without_rule(name),) * len(operands)
        else:
            rules = (vjp,) if callable(vjp) else tuple(vjp)
        if len(rules) != len(operands):
            raise _refused(
                f"the op {name!r} has {len(operands)} operands and {len(rules)} rules",
                hint="give one rule for each operand, None where there is no derivative",
            )
        if complex:
            rules = tuple(None if rule is None else _with_dtype(rule) for rule in rules)
        if kernel is not None:
            _check_kernel(kernel, name)
        return Op(
            name,
            infer,
            operands,
            vjp=rules,
            params=params,
            numpy=_template(numpy, name, (*operands, *params)),
            formula=call(name) if formula is None else _text(formula, name, (*operands, *params)),
            kernel=kernel,
            elementwise=elementwise,
            complex=complex,
            convention=convention,
            flops=flops,
        )

    return declare


def _refused(message: str, **details: Any) -> GraphError:
    return GraphError(message, origin=here(), **details)


def _check_kernel(kernel: Callable[..., Any], name: str) -> None:
    """Raise if a kernel's text cannot be put into a file that knows NumPy only."""
    try:
        text = inspect.getsource(kernel)
    except (OSError, TypeError):
        text = ""
    if not text.startswith("def "):
        raise _refused(
            f"the source of the kernel of {name!r} cannot be copied", got=repr(kernel),
            expected="a function that is defined by `def` at the top of a file",
        )  # fmt: skip
    reads = inspect.getclosurevars(kernel)
    others = {*reads.globals, *reads.nonlocals} - {"np"}
    if others or kernel.__annotations__:
        raise _refused(
            f"the kernel of {name!r} cannot stand alone",
            expected="a function of np and Python's own names, without annotations",
            got=", ".join(sorted(others)) or "annotations",
        )  # fmt: skip


def _without_rule(name: str) -> Rule:
    """The rule of an op that was declared without one: it says so."""

    def rule(g: Any, y: Any, *operands: Any, **params: Any) -> Any:
        raise GradientError(
            f"the op {name!r} has no derivative", op=name,
            hint="declare it with vjp=…, or hold the value fixed: gd.stop_gradient(value)",
        )  # fmt: skip

    return rule


def _with_dtype(rule: Rule) -> Rule:
    """A rule that is always given a cotangent of its result's dtype."""

    def of_cotangent(g: Any, y: Any, *operands: Any, **params: Any) -> Any:
        g = g if g.dtype == y.dtype else g.astype(y.dtype)
        return rule(g, y, *operands, **params)

    return of_cotangent


def _parts(template: str, name: str, known: Sequence[str]) -> list[tuple[str, str | None]]:
    """A template as texts, each followed by the operand or parameter that is put after it."""
    parts = [(text, field) for text, field, _, _ in string.Formatter().parse(template)]
    for _, field in parts:
        if field is not None and field not in known:
            raise _refused(
                f"the text of {name!r} mentions {{{field}}}",
                expected=", ".join(known), got=template,
            )  # fmt: skip
    return parts


def _filled(
    parts: Sequence[tuple[str, str | None]], levels: Sequence[int], site: Site, names: Sequence[str]
) -> str:
    """The texts with operands and parameters between them."""
    operands = dict(zip(names, site.operands, strict=False))  # the names of parameters follow
    found: list[str] = []
    for (text, field), level in zip(parts, levels, strict=True):
        found.append(text)
        if field in operands:
            found.append(operands[field].within(level))
        elif field is not None:
            found.append(axes_text(site.params[field]))
    return "".join(found)


def _template(template: str, name: str, known: Sequence[str]) -> Form:
    """A form that fills operands into Python text, in parentheses where their place needs them."""
    parts = _parts(template, name, known)
    try:
        tree = ast.parse("".join(text + (field or "") for text, field in parts), mode="eval").body
    except SyntaxError as error:
        raise _refused(f"the code of {name!r} is not an expression", got=template) from error
    alone = {
        (argument.lineno, argument.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Name)
    }
    places = sorted(
        (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in known
    )
    levels = iter([LOOSEST if place in alone else ATOM for place in places])
    each = [ATOM if field is None else next(levels, ATOM) for _, field in parts]
    binds = binding(tree)
    return lambda site: Written(_filled(parts, each, site, known), binds)


def _text(template: str, name: str, known: Sequence[str]) -> Form:
    """A form that fills operands into text for people."""
    parts = _parts(template, name, known)
    return lambda site: Written(_filled(parts, [ATOM] * len(parts), site, known), LOOSEST)
