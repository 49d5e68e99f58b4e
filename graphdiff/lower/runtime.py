"""A compiled graph: generated source, and the call of it with arguments checked first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.errors import ArgumentError, here, near
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import write_whole
from graphdiff.graph.values import check_meaning
from graphdiff.lower.module import Module
from graphdiff.ops.dimension import dimension_names, evaluate_dimension
from graphdiff.ops.spec import Spec, shape_text
from graphdiff.planning.schedule import Plan


@dataclass(frozen=True, slots=True)
class CompileReport:
    """What became of a graph: nodes before and after the rewrites, lines, rules that fired."""

    nodes: int
    nodes_after: int
    lines: int
    rewrites: Mapping[str, int]

    def __str__(self) -> str:
        rules = ", ".join(f"{name} ×{count}" for name, count in sorted(self.rewrites.items()))
        return (
            f"{self.nodes} nodes, {self.nodes_after} after rewriting ({rules or 'no rule fired'}); "
            f"{self.lines} lines of source"
        )


# For each argument its name, its type, and an array's shape and dtype.
Signature = tuple[tuple[str, type, Any, Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A graph as a function of NumPy arrays.

    It is made by `graphdiff.compile`. Call it with inputs and parameters by name; it returns a
    dict of the outputs.

    Parameters
    ----------
    graph
        The graph that was written, after all rewrites.
    original
        The graph that was given.
    generated
        The source and how to call it.
    plan
        What it stores and computes again, if it was compiled with a plan.
    """

    graph: Graph
    original: Graph
    generated: Module
    plan: Plan | None
    _function: Callable[..., Any] = field(repr=False)
    _specs: Mapping[str, Spec] = field(repr=False)
    _defaults: Mapping[str, np.ndarray[Any, Any]] = field(repr=False)
    # One entry: what the arguments of the last good call were.
    _known: list[Signature | None] = field(default_factory=lambda: [None], init=False, repr=False)
    # The outputs in order, where generated code returns them in another.
    _order: tuple[str, ...] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        order = tuple(self.graph.outputs_by_name)
        if order != (*self.generated.values, *self.generated.gradients):
            object.__setattr__(self, "_order", order)

    @property
    def source(self) -> str:
        """The generated module; it imports NumPy only."""
        return self.generated.text

    @property
    def function(self) -> Callable[..., Any]:
        """The generated function itself: arrays by position, of the declared dtypes."""
        return self._function

    def save(self, path: str | Path) -> None:
        """Write the source to a file, whole or not at all.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        write_whole(path, self.source)

    def report(self) -> CompileReport:
        """What the rewrites did, and how much source there is."""
        return CompileReport(
            nodes=len(self.original),
            nodes_after=len(self.graph),
            lines=self.source.count("\n"),
            rewrites=dict(self.graph.dag.graph.get("rewrites", {})),
        )

    def __repr__(self) -> str:
        outputs = ", ".join(self.graph.outputs_by_name)
        return f"<compiled {self.graph.name!r}: ({', '.join(self._specs)}) -> {outputs}>"

    def __call__(self, *args: Any, **values: Any) -> dict[str, Any]:
        """Compute the outputs.

        Parameters
        ----------
        values
            Inputs and parameters by name, as arrays or numbers; parameters that were declared
            with a value may be left out.

        Returns
        -------
        dict
            The outputs by name, derivatives among them.

        Raises
        ------
        ArgumentError
            If a name is missing or unknown, a shape or a dtype does not fit, or an index, such as a
            label, is out of range.
        """
        if args:
            raise ArgumentError(
                "arguments are given by name", origin=here(),
                expected=", ".join(f"{name}=…" for name in self._specs),
                got=f"{len(args)} without a name",
            )  # fmt: skip
        known = self._known[0]
        arrays = None if known is None else _as_before(values, known)
        if arrays is None:
            arrays = self._checked(values)
            self._known[0] = _signature(values, self._specs)
        try:
            result = self._function(*arrays)
        except IndexError as error:
            raise self._out_of_range(error, arrays) from error
        generated = self.generated
        if not generated.values:
            result, gradients = {}, result
        elif generated.gradients:
            result, gradients = result
        else:
            gradients = {}
        if len(generated.values) == 1:
            result = {generated.values[0]: result}
        for name, key in generated.gradients.items():
            result[name] = gradients[key]
        return result if self._order is None else {name: result[name] for name in self._order}

    def _out_of_range(self, error: IndexError, arrays: list[Any]) -> ArgumentError:
        """What is told of an index that is out of range: the arguments that may be one."""
        given = [
            f"{name} from {np.min(array)} to {np.max(array)}"
            for name, array in zip(self._specs, arrays, strict=True)
            if np.asarray(array).dtype.kind == "i"
        ]
        return ArgumentError(
            f"an index is out of range in {self.graph.name!r}: {error}", origin=here(),
            got=", ".join(given) or None, hint="labels of n classes are numbered from 0 to n - 1",
        )  # fmt: skip

    def _checked(self, values: Mapping[str, Any]) -> list[Any]:
        """The arguments in order, each of its dtype, all shapes fitting."""
        specs = self._specs
        for name in values:
            if name not in specs:
                raise ArgumentError(
                    f"there is no argument {name!r}", origin=here(),
                    expected=", ".join(specs), hint=near(name, specs),
                )  # fmt: skip
        arrays: list[Any] = []
        missing: list[str] = []
        sizes: dict[str, tuple[int, str]] = {}
        for name, spec in specs.items():
            value = values.get(name, self._defaults.get(name))
            if value is None:
                missing.append(name)
                continue
            array = _converted(name, value, spec)
            _match(name, array, spec, sizes)
            arrays.append(array)
        if missing:
            raise ArgumentError(
                f"no value for {', '.join(map(repr, missing))}", origin=here(),
                expected=", ".join(f"{name} {specs[name]!r}" for name in missing),
            )  # fmt: skip
        self._match_formulas(arrays, sizes)
        return arrays

    def _match_formulas(
        self, arrays: list[np.ndarray[Any, Any]], sizes: Mapping[str, tuple[int, str]]
    ) -> None:
        """Dimensions that are formulas, such as ``2*t``, against the sizes of the names in them."""
        known = {name: size for name, (size, _) in sizes.items()}
        for (name, spec), array in zip(self._specs.items(), arrays, strict=True):
            for part, length in zip(spec.shape, array.shape, strict=True):
                if isinstance(part, str) and not part.isidentifier():
                    wanted = evaluate_dimension(part, known)
                    if wanted != length:
                        raise ArgumentError(
                            f"{name!r} does not fit", origin=here(),
                            expected=f"{part} = {wanted}", got=shape_text(array.shape),
                        )  # fmt: skip


def _as_before(values: Mapping[str, Any], signature: Signature) -> list[Any] | None:
    """The arguments in order, if they are of the form that was checked the last time."""
    if len(values) != len(signature):
        return None
    arrays: list[Any] = []
    for name, cls, shape, dtype in signature:
        value: Any = values.get(name)
        kind = type(value)
        if kind is not cls:
            return None
        if kind is np.ndarray:
            if value.shape != shape or value.dtype is not dtype:
                return None
        else:
            value = np.float64(value)
        arrays.append(value)
    return arrays


def _signature(values: Mapping[str, Any], specs: Mapping[str, Spec]) -> Signature | None:
    """What is to be remembered of good arguments; None where one of them is converted."""
    if len(values) != len(specs):
        return None
    forms: list[tuple[str, type, Any, Any]] = []
    for name, spec in specs.items():
        value = values[name]
        if type(value) is np.ndarray:
            if value.dtype is not spec.dtype:
                return None
            forms.append((name, np.ndarray, value.shape, value.dtype))
        elif type(value) in (float, np.float64) and spec.dtype == np.float64:
            forms.append((name, type(value), None, None))
        else:
            return None
    return tuple(forms)


def _converted(name: str, value: Any, spec: Spec) -> np.ndarray[Any, Any]:
    """A value as an array of the declared dtype, converted only where nothing is lost."""
    if type(value) is np.ndarray and value.dtype == spec.dtype:
        return value
    check_meaning(value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"{name!r} is not an array of numbers", origin=here(), expected=repr(spec),
            got=str(error),
        ) from None  # fmt: skip
    weak = not isinstance(value, (np.ndarray, np.generic))
    if array.dtype == spec.dtype or np.can_cast(
        array.dtype, spec.dtype, "same_kind" if weak else "safe"
    ):
        array = array.astype(spec.dtype, copy=False)
        # A number stays one in every call: NumPy's functions of numbers and of arrays differ in
        # the last bit.
        return array if isinstance(value, np.ndarray) else array[()]
    raise ArgumentError(
        f"{name!r} has the wrong dtype", origin=here(), expected=repr(spec),
        got=f"{array.dtype} {shape_text(array.shape)}",
        hint=f"take np.real({name}), or declare it as complex"
        if array.dtype.kind == "c"
        else f"convert it: {name}.astype(np.{spec.dtype})",
    )  # fmt: skip


def _match(
    name: str, array: np.ndarray[Any, Any], spec: Spec, sizes: dict[str, tuple[int, str]]
) -> None:
    """The shape of an argument against its declaration and the named sizes seen so far."""
    if array.ndim != spec.ndim:
        _misfit(name, array, spec)
    for part, length in zip(spec.shape, array.shape, strict=True):
        if isinstance(part, int):
            if part != length:
                _misfit(name, array, spec)
        elif part.isidentifier():
            if length == 0:
                raise ArgumentError(
                    f"{name!r} is empty along {part!r}", origin=here(), expected="1 or more",
                    got=shape_text(array.shape),
                )  # fmt: skip
            size, first = sizes.setdefault(part, (length, name))
            if size != length:
                raise ArgumentError(
                    f"{name!r} does not fit: {part!r} is {length} there and {size} in {first!r}",
                    origin=here(), expected=repr(spec), got=shape_text(array.shape),
                )  # fmt: skip


def _misfit(name: str, array: np.ndarray[Any, Any], spec: Spec) -> None:
    names = {n for part in spec.shape for n in dimension_names(part)}
    note = f" ({', '.join(sorted(names))}: any length)" if names else ""
    raise ArgumentError(
        f"{name!r} has the wrong shape", origin=here(), expected=f"{spec!r}{note}",
        got=shape_text(array.shape),
    )  # fmt: skip
