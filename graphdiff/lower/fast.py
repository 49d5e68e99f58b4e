"""The text of a module in the fast style: the same program, one call a line, results put in place.

The functions take what they are given: no shapes are asserted. Where there are large arrays, a
function can be handed the workspace of an earlier call, and arrays to put its results into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from graphdiff.graph.dag import Graph
from graphdiff.lower.buffers import SMALL, Buffers, assigned, is_small, planned, unread
from graphdiff.lower.layout import WIDTH, cut, quoted, wrap
from graphdiff.lower.liveness import Memory
from graphdiff.lower.module import Module
from graphdiff.lower.program import Program, Step
from graphdiff.lower.quick import REDUCTIONS, called, quick_program
from graphdiff.lower.shapes import dimension_lines, dimension_places
from graphdiff.lower.source import Source, names_taken
from graphdiff.lower.statements import mentioned
from graphdiff.ops.notation import dtype_code, shape_code
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec

_BUFFER = f'''
def buffer(shape, dtype=float):
    """Return a new array; a large one begins at a multiple of 64 bytes, as vector units like it."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < {SMALL}:
        return np.empty(shape, dtype)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
'''


def fast_module(
    graph: Graph, original: Graph, version: str, schedule: Sequence[Step] | None = None
) -> Module:
    """The source of a graph in the fast style; see `graphdiff.lower.source.module`.

    With a schedule, values are freed as it says, and there is no workspace.
    """
    program = quick_program(graph, names_taken(graph), schedule)
    return Fast(program, original, version, scheduled=schedule is not None).module()


def bare_module(
    graph: Graph, original: Graph, version: str, schedule: Sequence[Step] | None = None
) -> Module:
    """As `fast_module`, for calls alone: no docstring, no comments, one function.

    It takes a fifth less time to write, which is what a first call waits for.
    """
    program = quick_program(graph, names_taken(graph), schedule, bare=True)
    return Fast(program, original, version, scheduled=schedule is not None, bare=True).module()


class Fast(Source):
    """Writes the module of a program of single calls."""

    def __init__(
        self,
        program: Program,
        original: Graph,
        version: str,
        *,
        scheduled: bool,
        bare: bool = False,
    ) -> None:
        super().__init__(program, original, version, bare=bare)
        self.scheduled = scheduled
        self.memory = Memory(program)
        self.outs = {} if scheduled else self._large_outputs()
        steps = program.steps
        if not self.gradients:
            needed = self._needed
            steps = tuple(step for step in steps if step[1] in needed)
        self.buffers = self._assigned(steps, self.outs, workspace=True)
        self.donors = unread(self.buffers, self.memory, steps) if self.outs else {}

    def module(self) -> Module:
        """The text, and how to call it."""
        module = super().module()
        outs = {name: self.donors[self.graph.outputs_by_name[name]] for name in self._placed}
        places = dimension_places(self.program)
        sizes = tuple(places[name] for name in self._sizes) if self.buffers.workspace else None
        return replace(module, sizes=sizes, outs=outs)

    @cached_property
    def _placed(self) -> list[str]:
        """The outputs that are put into arrays that the caller gave."""
        stores = set(self.buffers.stores)
        used = {node for node, text in self.outs.items() if text in stores}
        first = {node: name for name, node in reversed(self.graph.outputs_by_name.items())}
        return [name for node, name in first.items() if node in used][::-1]

    def _large_outputs(self) -> dict[str, str]:
        """For outputs that are handed out as they are computed, what the caller gave for them."""
        found: dict[str, str] = {}
        for name, node in self.graph.outputs_by_name.items():
            value = self.program.values.get(node)
            large = value is not None and value.spec.ndim > 0 and not is_small(value.spec)
            if large and value is not None and self._result(name) == value.name:
                found.setdefault(node, f"out.get({quoted(name)})")
        return found

    def _assigned(
        self, steps: Sequence[Step], outs: Mapping[str, str], *, workspace: bool
    ) -> Buffers:
        if self.scheduled:
            return planned(self.memory, steps)
        return assigned(self.memory, steps, outs, workspace=workspace)

    # -- what stands before the functions ------------------------------------------------------

    def _imports(self) -> list[str]:
        names = sorted(self._called - REDUCTIONS.keys())
        whole = f"from numpy import {', '.join(names)}"
        if len(whole) > WIDTH:
            lines = ["from numpy import (", *(f"    {name}," for name in names), ")"]
        else:
            lines = [whole] if names else []
        first, *others = super()._imports()
        math = ["import math", ""] if self.buffers.workspace or self._results else []
        return [*math, first, *lines, *others]

    @cached_property
    def _called(self) -> set[str]:
        return called(self.program.values.values())

    def _arrays(self) -> list[str]:
        found = self._called
        reductions = [f"{name} = {text}" for name, text in REDUCTIONS.items() if name in found]
        arrays = super()._arrays()
        return [*reductions, *arrays] if arrays or not reductions else [*reductions, ""]

    def _kernel(self, op: Op) -> Callable[..., Any] | None:
        return op.kernel if self.scheduled else op.quick_kernel or op.kernel

    def _kernels(self) -> list[list[str]]:
        kernels = super()._kernels()
        results = self._results
        if self.buffers.workspace or results:
            kernels.append(_BUFFER.strip("\n").split("\n"))
        if self.buffers.workspace:
            kernels.append(self._workspace())
        return [*kernels, results] if results else kernels

    @cached_property
    def _results(self) -> list[str]:
        """The function that makes arrays for results, if there are large ones of known sizes."""
        specs = {name: self.graph.spec(self.graph.outputs_by_name[name]) for name in self._placed}
        fixed = {name: spec for name, spec in specs.items() if isinstance(spec.nbytes, int)}
        if not fixed:
            return []
        lines = ["def results():", '    """Return new arrays for large results, by their names."""']
        lines.append("    return {")
        for name, spec in fixed.items():
            lines += wrap(f"        {quoted(name)}: {self._made(spec)},")
        return [*lines, "    }"]

    def _view(self, first: str, spec: Spec) -> str:
        """The text of an array of the workspace, or of the begin of one, in another shape."""
        size = self.buffers.workspace[first].size
        flat = "" if size == spec.size else f".reshape(-1)[:{spec.size}]"
        return f"{first}{flat}.reshape({self._shape(spec)})"

    def _made(self, spec: Spec) -> str:
        dtype = "" if spec.dtype == np.float64 else f", {dtype_code(spec)}"
        return f"buffer({self._shape(spec)}{dtype})"

    @cached_property
    def _sizes(self) -> list[str]:
        """The variables of the named dimensions that the workspace depends on."""
        shapes = " ".join(map(self._shape, self.buffers.workspace.values()))
        read = mentioned(shapes, self.program.dimensions.values())
        return [name for name in self.program.dimensions.values() if name in read]

    def _shape(self, spec: Spec) -> str:
        return shape_code(self.program.own_shape(spec.shape))

    def _workspace(self) -> list[str]:
        lines = [
            f"def workspace({', '.join(self._sizes)}):",
            '    """Return the arrays that a call works in; hand them in again as ``work``."""',
        ]
        for name, spec in self.buffers.workspace.items():
            first = self.buffers.views.get(name)
            made = self._made(spec) if first is None else self._view(first, spec)
            lines += wrap(f"    {name} = {made}")
        return [*lines, *wrap(f"    return {_tuple(self.buffers.workspace)}")]

    # -- functions -----------------------------------------------------------------------------

    def _folds(self, output: str) -> bool:
        return output not in self.outs

    def _function(
        self,
        name: str,
        summary: str,
        steps: Sequence[Step],
        returned: str,
        only: Set[str] = frozenset(),
        *,
        sections: bool = True,
    ) -> list[str]:
        main = name != "forward" or not self.gradients
        buffers = self.buffers if main else self._assigned(steps, {}, workspace=False)
        # A keyword takes as long as a small array does: what is small is given by position.
        small = set(self.program.names.variables.values())
        stores = [s if not s or s in small else f"out={s}" for s in buffers.stores]
        body = self._body(steps, only, stores, sections=sections)
        arguments = [self.program.names.variable(node) for node in self.program.arguments]
        ready: list[str] = []
        if main and self._placed:
            arguments.append("out=None")
            made = "results()" if self._results else "{}"
            ready.append(f"    out = {made} if out is None else out")
        if buffers.workspace:
            arguments.append("work=None")
            made = f"workspace({', '.join(self._sizes)}) if work is None else work"
            ready += _unpacked(list(buffers.workspace), made)
        code = [line.partition("  # ")[0] for line in (*ready, *body, returned)]
        dimensions = dimension_lines(self.program, "\n".join(code))
        return [
            *wrap(f"def {name}({', '.join(arguments)}):"),
            f'    """{cut(summary, WIDTH - 10)}"""',
            *dimensions,
            *ready,
            *([""] if dimensions or ready else []),
            *body,
            *wrap(f"    return {returned}"),
        ]


def _unpacked(names: Sequence[str], value: str) -> list[str]:
    """Statements that give several variables their values."""
    line = f"    {_tuple(names)} = {value}"
    if len(line) <= WIDTH:
        return [line]
    short = f"    {_tuple(names)} = work"
    if len(short) <= WIDTH:
        return [f"    work = {value}", short]
    inner = f"        {', '.join(names)}"
    parts = [inner] if len(inner) <= WIDTH else [f"        {name}," for name in names]
    return [f"    work = {value}", "    (", *parts, "    ) = work"]


def _tuple(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return f"({text})" if ", " in text else f"({text},)"
