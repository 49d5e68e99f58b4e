"""`Op`: everything the compiler knows of one operation, declared in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from graphdiff.errors import DTypeError, GraphError
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.notation import Form, Site, Written, call
from graphdiff.ops.spec import Spec, dtype_of

Rule = Callable[..., Any]


class Masked(NamedTuple):
    """A vector-Jacobian product that counts only where the mask is true, and is 0 elsewhere.

    The reverse sweep applies the mask as late as it can, so that what a branch which is not taken
    would give (an infinite slope, a NaN) is dropped, not multiplied by zero.
    """

    value: Any
    mask: Any


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One operation: its shape rule, its derivative and how it is written.

    Parameters
    ----------
    name
        The word that a node's ``op`` attribute holds.
    infer
        ``(*specs, **params) -> Spec``: the shape rule; raises `ShapeError` or `DTypeError`.
    operands
        The names of the operands; ``("*xs",)`` for any number of them.
    params
        The static parameters and their defaults (`REQUIRED` where there is none).
    normal
        ``(*specs, **params) -> params``: each parameter in its one form, such as a negative axis
        counted from the front; raises for a value that is none. All else is given that form.
    vjp
        One rule an operand: ``(g, y, *operands, **params)`` gives the vector-Jacobian product of
        the cotangent ``g`` with the derivative by that operand, in NumPy's own words. An op with
        any number of operands has a single rule: its first argument are the positions of the
        operands that are asked for, and it gives their products one after the other.
        An entry of None, and a missing rule, mean that no derivative flows that way.
    numpy, formula
        How it is written as source and as a formula.
    quick
        How the fast style writes it for arrays: one call, which can be told where to put its
        result, of a ufunc, of a ufunc's ``reduce`` (``add_reduce``), or of the ``quick_kernel``,
        by its bare name; or an index in brackets, which makes an array of its own. The same
        computation to the bit. None where there is no such call. Of a view it is the array's
        method, which finds out less before it begins.
    kernel
        A function of plain NumPy that the source calls; it is copied into generated files.
    quick_kernel
        The function that the fast style calls instead, with an argument ``out``.
    module
        A module beside NumPy that the source calls by its last name, and a generated file imports.
    elementwise
        Whether operands broadcast against each other and the rules take a cotangent that has not
        been broadcast to the output's shape yet.
    spreads
        Whether a scalar cotangent may be handed to the rules as it is, for every output element.
    complex
        Whether it takes complex operands. Its rules then hold for the transpose: what they return
        for ``g`` is c with Re(g · dy) = Re(c · dz), without a conjugate (see
        `graphdiff.ops.complex_parts`). Any other op refuses a complex operand by name.
    singular
        Whether a derivative can be infinite or NaN where the value is finite.
    convention
        What the derivative is where there is none, in one sentence.
    expression
        From sympy symbols to the sympy expression of the op, where it has one.
    flops
        ``(out, *specs) -> Dimension``: the floating-point operations of one evaluation, those of
        complex numbers as they come (see `work`). The default is one for each element of the
        result of an element-wise op, and none for the others, which only move elements.
    view
        Whether NumPy gives a view of the first operand's memory.
    workspace
        ``(out, *specs, **params) -> int``: the bytes that its code takes for a while beside its
        result; with named dimensions a formula, as for large arrays. The default is none.
    bodies
        The parameters that are graphs: what is repeated, or what may be run. See
        `graphdiff.ops.control`.
    """

    name: str
    infer: Callable[..., Spec]
    operands: tuple[str, ...]
    vjp: tuple[Rule | None, ...] | Rule | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    normal: Callable[..., dict[str, Any]] | None = None
    numpy: Form = call("?")
    formula: Form = call("?")
    quick: Form | None = None
    kernel: Callable[..., Any] | None = None
    quick_kernel: Callable[..., Any] | None = None
    module: str | None = None
    elementwise: bool = False
    spreads: bool = False
    complex: bool = False
    singular: bool = False
    convention: str | None = None
    expression: Callable[..., Any] | None = None
    flops: Callable[..., Dimension] | None = None
    view: bool = False
    workspace: Callable[..., Any] | None = None
    bodies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join((*self.operands, *self.params))})>"

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Apply the op: to the tensors of a graph, adding a node, or at once to plain arrays."""
        for operand in operands:
            graph = getattr(operand, "graph", None)
            if graph is not None:
                return graph.apply(self, operands, params)
        return self.evaluate(*operands, **params)

    def evaluate(self, *arrays: Any, **params: Any) -> Any:
        """The value for plain arrays, by the same NumPy text that is put into generated code."""
        return self.bind(*arrays, **params)()

    def bind(self, *arrays: Any, **params: Any) -> Callable[[], Any]:
        """The evaluation for plain arrays, to be run as often as one likes."""
        values = [np.asarray(array) for array in arrays]
        specs = tuple(Spec(value.shape, dtype_of(value.dtype)) for value in values)
        params = self.complete(params, specs)
        names = [f"x{position}" for position in range(len(values))]
        site = Site(tuple(map(Written, names)), specs, self.infer(*specs, **params), params)
        text = self.numpy(site).text
        scope: dict[str, Any] = dict(zip(names, values, strict=True), np=np)
        if self.kernel is not None:
            scope[self.kernel.__name__] = self.kernel
        if self.module is not None:
            scope[self.module.rpartition(".")[2]] = import_module(self.module)
        run: Callable[[], Any] = eval(compile(f"lambda: {text}", f"<{self.name}>", "eval"), scope)
        return run

    def work(self, out: Spec, *specs: Spec) -> Dimension:
        """The floating-point operations of one evaluation, symbolic in named dimensions.

        One of complex numbers counts as four.
        """
        if self.flops is not None:
            count = self.flops(out, *specs)
        else:
            count = out.size if self.elementwise and not self.view else 0
        return 4 * count if any(spec.is_complex for spec in (out, *specs)) else count

    @property
    def variadic(self) -> bool:
        """Whether it takes any number of operands."""
        return self.operands[-1:] != () and self.operands[-1].startswith("*")

    @property
    def fixed(self) -> int:
        """The number of operands, the least number for a variadic op."""
        return len(self.operands) - self.variadic

    def carries(self, position: int) -> bool:
        """Whether a derivative flows to the operand at a position."""
        rules = self.vjp
        return rules is not None and not (isinstance(rules, tuple) and rules[position] is None)

    def products(
        self,
        positions: Sequence[int],
        g: Any,
        y: Any,
        operands: Sequence[Any],
        params: Mapping[str, Any],
    ) -> Iterable[Any]:
        """The vector-Jacobian products by the operands at some positions, each when asked for."""
        if self.vjp is not None and not isinstance(self.vjp, tuple):
            products: Iterable[Any] = self.vjp(positions, g, y, *operands, **params)
            return products
        rules: Sequence[Rule | None] = self.vjp or ()
        chosen = (rules[position] for position in positions)
        return (rule(g, y, *operands, **params) for rule in chosen if rule is not None)

    def _refuse_complex(self, specs: Sequence[Spec]) -> None:
        for spec in specs:
            if spec.dtype.kind == "c":
                raise DTypeError(
                    "complex values are not taken", op=self.name,
                    expected="real values", got=repr(spec),
                    hint="take np.real(z), np.imag(z) or np.abs(z) of it",
                )  # fmt: skip

    def complete(self, given: Mapping[str, Any], specs: Sequence[Spec]) -> dict[str, Any]:
        """The parameters for operands of given specs, defaults filled in, each in its one form.

        Raises
        ------
        GraphError
            If there is a wrong number of operands, a parameter is unknown or a required one is
            missing.
        ShapeError, DTypeError
            If a parameter's value does not fit, or an operand is complex and the op takes none.
        """
        count = len(specs)
        if count != len(self.operands) and not (self.variadic and count >= self.fixed):
            raise GraphError(
                "wrong number of operands", op=self.name,
                expected=", ".join(self.operands) or "none", got=str(count),
            )  # fmt: skip
        if not self.complex:
            self._refuse_complex(specs)
        if not (self.params or given):
            return {}
        for name in given:
            if name not in self.params:
                known = ", ".join(self.params) or "none"
                raise GraphError(f"there is no parameter {name!r}", op=self.name, expected=known)
        result = {**self.params, **given}
        for name, value in result.items():
            if value is REQUIRED:
                raise GraphError(f"the parameter {name!r} is missing", op=self.name)
        return result if self.normal is None else self.normal(*specs, **result)


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
