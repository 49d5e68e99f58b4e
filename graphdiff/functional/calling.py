"""Functions that are traced at their first call: one compiled graph for each form of arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from graphdiff.compiler import compile, compile_for_calls
from graphdiff.errors import GraphError, here
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.belonging import OtherGraphError, innermost
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import Structure, flatten, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import Trace
from graphdiff.lower.module import Module

Build = Callable[[Sequence[Any], Mapping[str, Any]], Trace]
Inline = Callable[[Graph, Sequence[Any], Mapping[str, Any]], Any]

# What is checked of a leaf at each call: its type; an array's shape, or the value of a leaf that is
# a part of the function; an array's dtype.
Form = tuple[type, Any, Any]

_MOST = 256  # forms that a function remembers
_MISSED: Any = object()  # what a direct call gives for arguments of another form


@dataclass(frozen=True, slots=True)
class Kept:
    """A leaf of a result that is a part of the function, such as a string in a gradient."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A graph that was ``compiled``, and how arguments of one form are handed to its code.

    ``positions`` and ``conversions`` say which leaves are inputs, and what is called on them first;
    both are None where every leaf is handed over as it is.
    """

    trace: Trace
    compiled: Graph
    function: Callable[..., Any]
    spec: Any
    plain: bool
    forms: tuple[Form, ...]
    conversions: tuple[tuple[int, Callable[[Any], Any] | None], ...] | None
    fetch: Callable[[Any], Any]

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The nested result for the leaves of arguments, which are of the right form."""
        if self.conversions is not None:
            leaves = [leaves[i] if to is None else to(leaves[i]) for i, to in self.conversions]
        return self.fetch(self.function(*leaves))


class Function:
    """A function of arrays made of another one; it is traced once for each form of arguments.

    What its arguments are (nesting, shapes, dtypes, the values of ints and strings) decides which
    compiled graph runs. Called with tensors, it adds to their graph.

    Parameters
    ----------
    f
        The function that it is made of.
    build
        ``(args, kwargs) -> Trace``: the graph for arguments like these.
    inline
        ``(graph, args, kwargs) -> result``: the same for tensors of a graph.
    """

    def __init__(self, f: Callable[..., Any], build: Build, inline: Inline, verb: str) -> None:
        functools.update_wrapper(self, f)
        self._build = build
        self._inline = inline
        self._verb = verb
        self._entries: dict[Any, Entry] = {}
        self._last: Entry | None = None
        self._direct: Callable[[tuple[Any, ...]], Any] | None = None

    def __repr__(self) -> str:
        return f"<{self._verb} of {getattr(self, '__name__', 'a function')}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result: at once for arguments of the last call's form, else found or made anew."""
        direct = self._direct
        if direct is not None and not kwargs:
            result = direct(args)
            if result is not _MISSED:
                return result
        last = self._last
        if last is not None:
            if last.plain and not kwargs:
                leaves: Sequence[Any] = args
            else:
                leaves, spec = optree.tree_flatten((args, kwargs))  # type: ignore[arg-type]  # a tree
                if spec != last.spec:
                    return self._call(args, kwargs)
            if len(leaves) == len(last.forms):
                for leaf, (cls, form, dtype) in zip(leaves, last.forms):  # noqa: B905  # speed
                    kind = type(leaf)
                    if kind is not cls:
                        break
                    if kind is np.ndarray:
                        if leaf.shape != form or leaf.dtype is not dtype:
                            break
                    elif form is not None and form != leaf:
                        break
                else:
                    return last(leaves)
        return self._call(args, kwargs)

    def graph(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph that is built for arguments like these; specs serve as well."""
        return self._built(args, kwargs).trace.graph

    def source(self, *args: Any, **kwargs: Any) -> str:
        """NumPy source that does what runs for arguments like these; specs serve as well.

        It is in the readable style; what runs is the same program in the fast style.
        """
        return compile(self._built(args, kwargs).compiled, style="readable").source

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        leaves, _ = flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if tensors:
            return self._within(innermost(tensors), args, kwargs)
        try:
            entry = self._built(args, kwargs)
        except OtherGraphError as error:
            if error.outer is None:
                raise
            return self._inline(error.outer, args, kwargs)
        self._last = entry
        self._direct = _direct(entry)
        return entry(leaves)

    def _within(self, graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result in a graph, or in the body of a loop in it that the function reads from."""
        try:
            return self._inline(graph, args, kwargs)
        except OtherGraphError as error:
            if error.outer is None or not error.outer._takes_from(graph):
                raise
            return self._inline(error.outer, args, kwargs)

    def _built(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        leaves, structure = flatten((args, kwargs))
        forms = tuple(map(form_of, leaves))
        key = structure, forms
        try:
            entry = self._entries.get(key)
        except TypeError:
            raise GraphError(
                "an argument is neither an array nor can it be told apart from others",
                origin=here(), got=", ".join(type(leaf).__name__ for leaf in leaves),
                hint="pass arrays and numbers, nested in dicts, lists, tuples and dataclasses",
            ) from None  # fmt: skip
        if entry is None:
            with collection_paused():
                entry = _entry(self._build(args, kwargs), leaves, structure, forms)
            if len(self._entries) >= _MOST:
                self._entries.pop(next(iter(self._entries)), None)
            entry = self._entries.setdefault(key, entry)
        return entry


def _direct(entry: Entry) -> Callable[[tuple[Any, ...]], Any] | None:
    """A call for arguments that are all arrays and are handed over as they are.

    A loop over the arguments takes longer than what it checks, so the checks are written out.
    """
    forms = entry.forms
    if not entry.plain or entry.conversions is not None or not forms:
        return None
    if any(cls is not np.ndarray for cls, _, _ in forms):
        return None
    names = ", ".join(f"x{i}" for i in range(len(forms)))
    same = (
        f"type(x{i}) is array and x{i}.shape == s{i} and x{i}.dtype is d{i}"
        for i in range(len(forms))
    )
    text = (
        f"def direct(args):\n    if len(args) != {len(forms)}:\n        return missed\n"
        f"    ({names},) = args\n    if {' and '.join(same)}:\n"
        f"        return fetch(function({names}))\n    return missed\n"
    )
    scope: dict[str, Any] = {"array": np.ndarray, "missed": _MISSED}
    scope |= {"fetch": entry.fetch, "function": entry.function}
    for i, (_, shape, dtype) in enumerate(forms):
        scope |= {f"s{i}": shape, f"d{i}": dtype}
    exec(text, scope)
    direct: Callable[[tuple[Any, ...]], Any] = scope["direct"]
    return direct


def form_of(leaf: Any) -> Form:
    """What of a leaf decides which graph it is handed to."""
    cls = type(leaf)
    if isinstance(leaf, np.ndarray):
        return cls, leaf.shape, leaf.dtype
    return cls, None if isinstance(leaf, (np.generic, float, complex)) else leaf, None


def _entry(
    trace: Trace, leaves: Sequence[Any], structure: Structure, forms: tuple[Form, ...]
) -> Entry:
    shown = {name for name in trace.outputs if isinstance(name, str)}
    graph = trace.graph
    for name in graph.of_op("parameter"):
        raise GraphError(
            "a function has no parameters beside its arguments",
            node=name, op="parameter", origin=graph.dag.nodes[name]["origin"],
            hint="take the value as an argument, or declare the network: g = gd.Graph()",
        )  # fmt: skip
    if shown != graph.outputs_by_name.keys():
        graph = only(graph, shown)
    generated, function = compile_for_calls(graph)
    places = {
        name: (i, _conversion(leaf, trace.graph.spec(name).dtype))
        for i, (leaf, name) in enumerate(zip(leaves, trace.inputs, strict=True))
        if name is not None
    }
    conversions = tuple(places[name] for name in generated.arguments)
    direct = conversions == tuple((i, None) for i in range(len(leaves)))
    args, kwargs = structure.spec.children()
    return Entry(
        trace=trace,
        compiled=graph,
        function=function,
        spec=structure.spec if structure.fields is None else None,
        plain=structure.fields is None
        and not kwargs.num_children
        and all(child.is_leaf() for child in args.children()),
        forms=forms,
        conversions=None if direct else conversions,
        fetch=_fetch(trace, generated),
    )


def _conversion(leaf: Any, dtype: np.dtype[Any]) -> Callable[[Any], Any] | None:
    """What makes an argument of a leaf of its form."""
    if type(leaf) is float:
        return np.float64
    if type(leaf) is complex:
        return np.complex128
    if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype == dtype:
        return np.asarray if isinstance(leaf, np.ndarray) and type(leaf) is not np.ndarray else None
    return lambda value: np.asarray(value, dtype)


def only(graph: Graph, outputs: set[str]) -> Graph:
    """A graph with some of its outputs; its nodes are a view, not to be edited."""
    facts = dict(graph.dag.graph)
    for key in ("outputs", "derivatives"):
        facts[key] = {name: value for name, value in facts[key].items() if name in outputs}
    return graph.viewed(facts)


def _fetch(trace: Trace, generated: Module) -> Callable[[Any], Any]:
    """From what generated code returns to the nested result, as one expression.

    It is written out for tuples, lists and dicts, since building them from their structure takes
    longer than small graphs do.
    """
    structure = trace.structure
    gradients = dict(generated.gradients)
    scope: dict[str, Any] = {"unflatten": unflatten, "structure": structure}

    def known(value: Any) -> str:
        name = f"k{len(scope)}"
        scope[name] = value
        return name

    def leaf(name: Any) -> _Leaf:
        if isinstance(name, Kept):
            return _Leaf(known(name.value))
        if name in gradients:
            dicts = "r[1]" if generated.values else "r"
            return _Leaf(f"{dicts}[{known(gradients[name])}]")
        values = "r[0]" if gradients else "r"
        return _Leaf(values if len(generated.values) == 1 else f"{values}[{known(name)}]")

    def written(value: Any) -> str:
        if isinstance(value, _Leaf):
            return value.text
        if value is None:
            return "None"
        parts = list(map(written, value.values() if isinstance(value, dict) else value))
        if isinstance(value, dict):
            pairs = (f"{known(key)}: {part}" for key, part in zip(value, parts, strict=True))
            return f"{{{', '.join(pairs)}}}"
        inner = "".join(f"{part}, " for part in parts)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"

    leaves = [leaf(name) for name in trace.outputs]
    if structure.fields is None and _is_plain(structure.spec):
        text = written(unflatten(structure, leaves))
    else:
        text = f"unflatten(structure, [{', '.join(leaf.text for leaf in leaves)}])"
    fetch: Callable[[Any], Any] = eval(f"lambda r: {text}", scope)
    return fetch


def _is_plain(spec: Any) -> bool:
    """Whether a structure is made of tuples, lists and dicts alone."""
    plain = spec.type in (tuple, list, dict, type(None)) and all(map(_is_plain, spec.children()))
    return spec.is_leaf() or plain


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf of a result, as an expression over what generated code returns."""

    text: str
