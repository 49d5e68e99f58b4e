"""The text of a generated module: plain NumPy that reads as if written by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from graphdiff.errors import CompileError
from graphdiff.graph.body import bodies_of, results
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import digest
from graphdiff.lower.formulas import ELLIPSIS, formulas_over
from graphdiff.lower.layout import WIDTH, array_lines, quoted, wrap
from graphdiff.lower.names import plain
from graphdiff.lower.program import Program, Step, Value
from graphdiff.lower.selfcheck import check_lines
from graphdiff.lower.shapes import shape_lines
from graphdiff.lower.writer import program
from graphdiff.ops import OPS
from graphdiff.ops.notation import Written
from graphdiff.ops.op import Op
from graphdiff.ops.spec import shape_text

FUNCTIONS = ("forward", "value_and_grad", "grad")
_NAMED = ("maximum", "minimum")  # ufuncs whose third argument needs its name
_MOST_EQUATIONS = 24  # in the docstring


@dataclass(frozen=True, slots=True)
class Module:
    """Generated source, and how to call it.

    ``arguments`` are the names of inputs and parameters in the order of the functions' arguments.
    ``values`` are the outputs that are no derivatives: one is returned bare, several in a dict.
    ``gradients`` gives for each derivative its key in the dict that ``value_and_grad`` returns
    beside them, or ``grad`` alone, if there are no values. ``run`` is the part of the text that
    the function which computes everything needs, each line at its number. ``sizes`` says, for a
    function that can be handed a workspace, where each of its sizes is read: an argument and an
    axis; it is None for other functions. ``outs`` are the outputs that it can put into arrays that
    it is given, each with the arguments whose own array it may be, which is then written over.
    """

    text: str
    run: str
    arguments: tuple[str, ...]
    values: tuple[str, ...]
    gradients: Mapping[str, str]
    sizes: tuple[tuple[int, int], ...] | None = None
    outs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def function(self) -> str:
        """The function that computes everything."""
        forward, both, grad = FUNCTIONS
        return forward if not self.gradients else both if self.values else grad


def module(
    graph: Graph, original: Graph, version: str, schedule: Sequence[Step] | None = None
) -> Module:
    """The source of a graph.

    Parameters
    ----------
    graph
        What to write, after all rewrites.
    original
        What it was before them: its digest is noted in the file.
    version
        The version of graphdiff, noted as well.
    schedule
        The steps of a plan; see `graphdiff.lower.writer.program`.
    """
    return Source(program(graph, names_taken(graph), schedule), original, version).module()


def names_taken(graph: Graph) -> tuple[str, ...]:
    """The names in a module of a graph that are no variables.

    Raises
    ------
    CompileError
        If the graph has no output.
    """
    if not graph.outputs_by_name:
        raise CompileError(
            f"{graph.name!r} has no output", hint='declare one: g.output("J", tensor)'
        )
    kernels = (op.kernel for op in (*OPS.values(), *graph.dag.graph["ops"].values()))
    taken = (kernel.__name__ for kernel in kernels if kernel is not None)
    modules = (op.module.rpartition(".")[2] for op in OPS.values() if op.module is not None)
    return (*FUNCTIONS, *taken, *modules)


class Source:
    """Writes the module of a program; a ``bare`` one has nothing in it that is only to be read."""

    def __init__(
        self, written: Program, original: Graph, version: str, *, bare: bool = False
    ) -> None:
        self.program = written
        self.bare = bare
        self.graph = written.graph
        self.original = original
        self.version = version
        self.used = dict.fromkeys(_ops_used(self.program))
        derivatives = self.graph.dag.graph["derivatives"]
        outputs = self.graph.outputs_by_name
        self.values = tuple(name for name in outputs if name not in derivatives)
        found = {name: derivatives[name] for name in outputs if name in derivatives}
        single = len({seed for seed, _ in found.values()}) == 1
        self.gradients = {name: pair[1] if single else name for name, pair in found.items()}

    def module(self) -> Module:
        """The text, and how to call it."""
        lines = [] if self.bare else [*self._docstring(), ""]
        lines += [*self._imports(), "", *self._arrays()]
        for kernel in self._kernels():
            lines += ["", *kernel, ""]
        run = list(lines)
        if self.values and self.gradients and not self.bare:
            forward = ["", *self._forward(), ""]
            both = ["", *self._value_and_grad(), ""]
            lines += [*forward, *both]
            run += ["" for _ in forward] + both
            lines += ["", *check_lines(self.program, self.values, self.gradients), ""]
        else:
            run += ["", *self._whole(), ""]
            lines = run
        arguments = self.program.arguments
        return Module("\n".join(lines), "\n".join(run), arguments, self.values, self.gradients)

    def _whole(self) -> list[str]:
        """The function that computes everything."""
        if not self.gradients:
            return self._forward()
        return self._value_and_grad() if self.values else self._grad()

    # -- the head ----------------------------------------------------------------------------

    def _docstring(self) -> list[str]:
        lines = [f'"""{self._title()}', ""]
        equations = self._equations()
        if equations:
            lines += [*(f"    {equation}" for equation in equations), ""]
        lines += self._table()
        lines.append(
            f"Generated by graphdiff {self.version} from graph {digest(self.original)}; "
            f"needs NumPy {'and SciPy' if self._modules() else 'only'}."
        )
        if self.values and self.gradients:
            lines.append("Run it as a script to check the gradient against differences.")
        return [*lines, '"""']

    def _title(self) -> str:
        name = plain(self.graph.name)
        if not self.values:
            return cut(f"{name}: {', '.join(map(plain, self.graph.outputs_by_name))}.")
        if self.gradients:
            seeds = {pair[0] for pair in self.graph.dag.graph["derivatives"].values()}
            ordered = [plain(output) for output in self.graph.outputs_by_name if output in seeds]
            return cut(f"{name}: {', '.join(ordered)} and its gradient.")
        return cut(f"{name}: {', '.join(map(plain, self.values))}.")

    def _equations(self) -> list[str]:
        """The network in formulas over the names that the user gave."""
        needed, values = self._needed, self.program.values.values()
        forward = [v for v in values if v.node in needed and v.phase == "forward"]
        if len(forward) > 4 * _MOST_EQUATIONS:
            return []
        others = {v.row for v in values} - {v.row for v in forward}
        if any(not others.isdisjoint(v.operands) for v in forward):
            return []
        nodes = self.graph.dag.nodes
        named = {v.node for v in forward if nodes[v.node]["named"] or v.block}
        for lines in (named, {v.node for v in forward}):
            equations = self._written(forward, lines)
            if all(len(text) < WIDTH - 4 and ELLIPSIS not in text for text in equations):
                return equations if len(equations) <= _MOST_EQUATIONS else []
        return []

    def _written(self, values: Sequence[Value], lines: set[str]) -> list[str]:
        """``h = max(0, x W + c)`` for each of the lines; the other values are folded in."""
        order = [node for value in values for node in value.nodes]
        formulas = formulas_over(self.graph, order, lines, self._label)
        return [f"{self._label(node)} = {formulas[node].text}" for node in order if node in lines]

    def _label(self, node: str) -> str:
        return plain(self.program.names.label(node))

    def _table(self) -> list[str]:
        rows = []
        for node in self.program.arguments:
            attributes = self.graph.dag.nodes[node]
            rows.append((self.program.names.variable(node), attributes["op"], attributes["spec"]))
        if not rows:
            return []
        wide = max(len(name) for name, _, _ in rows)
        return [
            "Arguments",
            *(f"    {name:{wide}}  {op:9}  {spec!r}" for name, op, spec in rows),
            "",
        ]

    def _imports(self) -> list[str]:
        """What is imported."""
        parts = (module.rpartition(".") for module in self._modules())
        return [
            "import numpy as np",
            *(f"from {package} import {name}" for package, _, name in parts),
        ]

    def _modules(self) -> list[str]:
        """What is imported beside NumPy."""
        return sorted({op.module for op in self.used if op.module is not None})

    def _kernels(self) -> list[list[str]]:
        kernels = dict.fromkeys(map(self._kernel, self.used))
        return [inspect.getsource(kernel).rstrip("\n").split("\n") for kernel in kernels if kernel]

    def _kernel(self, op: Op) -> Callable[..., Any] | None:
        """The function that the code calls for an op."""
        return op.kernel

    def _arrays(self) -> list[str]:
        lines = []
        for node in self.program.arrays:
            value = np.asarray(self.graph.dag.nodes[node]["params"]["value"])
            name = self.program.names.variable(node)
            lines += array_lines(name, value)
        for name, value in self.program.inner_arrays.items():
            lines += array_lines(name, np.asarray(value))
        return [*lines, ""] if lines else []

    # -- functions ---------------------------------------------------------------------------

    @cached_property
    def _needed(self) -> set[str]:
        """The values that the outputs which are no derivatives are computed from."""
        values, names = self.program.values, self.program.rows.names
        stack = [node for name in self.values for node in self.program.reads[name]]
        needed: set[str] = set()
        while stack:
            node = stack.pop()
            if node in values and node not in needed:
                needed.add(node)
                stack.extend([names[operand] for operand in values[node].operands])
        return needed

    def _forward(self) -> list[str]:
        outputs = [self.graph.outputs_by_name[name] for name in self.values]
        needed, values = self._needed, self.program.values
        steps = [step for step in self.program.steps if step[1] in needed]
        if self.gradients:  # the plan, if there is one, is for the whole
            steps = [("compute", node) for node in values if node in needed]
        returned = self._returned()
        last = ("compute", outputs[0])
        if len(outputs) == 1 and steps and steps[-1] == last and self._folds(outputs[0]):
            name, code = values[last[1]].name, values[last[1]].code.text
            forms = ("{}", "{}[()]", "np.array({})")
            folded = [form.format(code) for form in forms if returned == form.format(name)]
            if folded:
                steps.pop()
                (returned,) = folded
        specs = ", ".join(
            f"{plain(name)}, {self.graph.spec(node)!r}"
            for name, node in zip(self.values, outputs, strict=True)
        )
        summary = f"Return {specs}." if len(outputs) == 1 else "Return a dict of the outputs."
        sections = len({values[node].phase for _, node in steps}) > 1
        return self._function("forward", summary, steps, returned, needed, sections=sections)

    def _folds(self, output: str) -> bool:
        """Whether a lone result may be returned without a line of its own."""
        return True

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
        """A function of some steps; ``only`` are the values needed, where others are left out."""
        return [
            *self._head(name, summary),
            *self._body(steps, only, sections=sections),
            *wrap(f"    return {returned}"),
        ]

    def _body(
        self,
        steps: Sequence[Step],
        only: Set[str] = frozenset(),
        stores: Sequence[str] = (),
        *,
        sections: bool = True,
    ) -> list[str]:
        """The statements of the steps; what is freed last is freed by returning, but for copies.

        ``only`` are the values that are needed, where others are left out. ``stores`` are, in the
        fast style, the arrays that the results are put into, as they stand in a call.
        """
        lines: list[str] = []
        mentioned: set[str] = set()
        done: set[int] = set()
        freed: list[str] = []
        phases: list[str] = []
        for i, (action, node) in enumerate(steps):
            value = self.program.values[node]
            if action == "free":
                freed.append(value.name)
                continue
            store = stores[i] if stores else ""
            if freed:
                deleted = [name for name in freed if name != store]
                if deleted:
                    lines += wrap(f"    del {', '.join(deleted)}")
                freed = [name for name in freed if name == store != value.name]
            code = _into(value.code, store) if store else value.code
            if sections and value.phase not in phases:
                lines += [*([""] if phases else []), f"    # {value.phase}"]
                phases.append(value.phase)
            unread = self._unread(node, only) if only and value.block else frozenset[int]()
            about = "recomputed" if value.row in done else self._about(value, mentioned)
            lines += _statement(value, code, about, "    ", unread, bare=self.bare)
            done.add(value.row)
        results = self.program.results.values()
        if freed and any(text.text.startswith("np.array(") for text in results):  # takes memory
            lines += wrap(f"    del {', '.join(freed)}")
        return lines

    def _value_and_grad(self) -> list[str]:
        pairs, shown = self._gradients()
        what = plain(self.values[0]) if len(self.values) == 1 else "a dict of the outputs"
        summary = f"Return {what} and {shown}."
        if len(summary) > WIDTH - 10:
            summary = f"Return {what} and a dict of the derivatives."
        returned = f"{self._returned()}, {pairs}"
        return self._function("value_and_grad", summary, self.program.steps, returned)

    def _grad(self) -> list[str]:
        """The derivatives alone, of a graph whose other outputs were dropped."""
        pairs, shown = self._gradients()
        summary = f"Return {shown}."
        if len(summary) > WIDTH - 10:
            summary = "Return a dict of the derivatives."
        return self._function("grad", summary, self.program.steps, pairs)

    def _gradients(self) -> tuple[str, str]:
        """The dict of the derivatives as it is written, and as it is described."""
        pairs = (f"{quoted(key)}: {self._result(name)}" for name, key in self.gradients.items())
        shown = (f"{quoted(key)}: {plain(name)}" for name, key in self.gradients.items())
        return f"{{{', '.join(pairs)}}}", f"{{{', '.join(shown)}}}"

    def _result(self, output: str) -> str:
        return self.program.results[output].text

    def _returned(self) -> str:
        if len(self.values) == 1:
            return self._result(self.values[0])
        return "{" + ", ".join(f"{quoted(n)}: {self._result(n)}" for n in self.values) + "}"

    def _head(self, name: str, summary: str) -> list[str]:
        names = self.program.names
        arguments = ", ".join(names.variable(node) for node in self.program.arguments)
        checks = shape_lines(self.program)
        return [
            *wrap(f"def {name}({arguments}):"),
            f'    """{cut(summary, WIDTH - 10)}"""',
            *checks,
            *([""] if checks else []),
        ]

    def _unread(self, node: str, needed: Iterable[str]) -> Set[int]:
        """The results of a loop that none of the given values reads."""
        values = self.program.values
        read = {inner for value in needed if value != node for inner in values[value].nodes}
        read.update(self.graph.outputs_by_name[name] for name in self.values)
        dag = self.graph.dag
        return {
            index
            for index, users in results(self.graph, node).items()
            if read.isdisjoint((*users, *(user for part in users for user in dag.succ[part])))
        }

    def _about(self, value: Value, mentioned: set[str]) -> str:
        """For the first gradient of a forward value, that value's formula."""
        if value.phase != "gradient" or self.bare:
            return ""
        holder = self.program.holder.get(self.graph.dag._node[value.node].get("via"))
        if holder is None or holder in mentioned or holder == value.node:
            return ""
        mentioned.add(holder)
        (equation,) = self._written([self.program.values[holder]], {holder})
        return f"of {equation}"


def _into(call: Written, store: str) -> Written:
    """A call that puts its result into an array, by the keyword where it asks for one."""
    name = call.text.partition("(")[0]
    positional = isinstance(getattr(np, name, None), np.ufunc) and name not in _NAMED
    keyword = "" if positional or "=" in store else "out="
    return Written(f"{call.text[:-1]}, {keyword}{store})")


def _ops_used(program: Program) -> Iterator[Op]:
    """The ops of a program's values, and of what is inside them."""
    for value in program.values.values():
        op = program.rows.ops[value.row]
        if len(value.nodes) > 1 or op.bodies:
            yield from _ops(program.graph, value.nodes)
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


def _statement(
    value: Value,
    code: Written,
    about: str,
    indent: str,
    unread: Set[int] = frozenset(),
    *,
    bare: bool = False,
) -> list[str]:
    """A value as it is assigned to its variable, with a comment; a loop with all that is in it.

    What stacks the results that are ``unread`` is left out.
    """
    if value.block:
        comment = f"{indent}# {about}"
        lines = [comment] if about and len(comment) <= WIDTH else []
        for depth, inner, result, without, _ in value.block:
            further = indent + depth * "    "
            if result in unread or (without is not None and without not in unread):
                continue
            if isinstance(inner, str):
                lines += wrap(further + inner)
            else:
                lines += _statement(inner, inner.code, "", further, bare=bare)
        return lines
    statement = f"{indent}{value.name} = {code.text}"
    if bare:
        return wrap(statement)
    comments = [shape_text(value.spec.shape)] if value.spec.ndim else []
    if about:
        comments.append(about)
    while comments:
        line = f"{statement}  # {'  '.join(comments)}"
        if len(line) <= WIDTH:
            return [line]
        comments.pop()
    return wrap(statement)


def cut(text: str, width: int = WIDTH - 6) -> str:
    """A text that is too long, without its end."""
    return text if len(text) <= width else text[: width - 1] + "…"
