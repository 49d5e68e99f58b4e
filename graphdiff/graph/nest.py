"""Nested arguments: values inside dicts, lists, tuples and dataclasses.

optree takes containers apart. Dataclasses are taken apart here, since optree would want each class
in a registry that the whole process shares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import optree

from graphdiff.ops.spec import Spec


@dataclass(frozen=True, slots=True)
class Fields:
    """A dataclass inside a structure: its class, the names of its fields, and what is in them."""

    kind: type
    names: tuple[str, ...]
    inner: Structure


@dataclass(frozen=True, slots=True)
class Structure:
    """What a nested value is without its leaves; two of the same form are equal and hash alike.

    ``spec`` is optree's; ``fields`` holds, for each of its leaves, what a dataclass there is made
    of, else None (the whole is None where there is no dataclass).
    """

    spec: Any
    fields: tuple[Fields | None, ...] | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether the value is a leaf itself."""
        return self.fields is None and self.spec.is_leaf()


def flatten(value: object) -> tuple[list[Any], Structure]:
    """The leaves of a nested value, in order (a dict's by sorted keys), and its structure.

    Examples
    --------
    >>> leaves, structure = flatten({"b": [1.0, (2.0, 3.0)], "a": 4.0})
    >>> leaves
    [4.0, 1.0, 2.0, 3.0]
    >>> unflatten(structure, "wxyz")
    {'b': ['x', ('y', 'z')], 'a': 'w'}
    """
    outer: list[Any]
    outer, spec = optree.tree_flatten(value)  # type: ignore[arg-type]  # anything nested
    if not any(map(_has_fields, outer)):
        return outer, Structure(spec)
    leaves: list[Any] = []
    fields: list[Fields | None] = []
    for leaf in outer:
        if not _has_fields(leaf):
            leaves.append(leaf)
            fields.append(None)
            continue
        names = tuple(field.name for field in dataclasses.fields(leaf))
        found, inner = flatten(tuple(getattr(leaf, name) for name in names))
        leaves += found
        fields.append(Fields(type(leaf), names, inner))
    return leaves, Structure(spec, tuple(fields))


def _has_fields(value: object) -> bool:
    return hasattr(type(value), "__dataclass_fields__") and not isinstance(value, Spec)


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """The nested value of a structure that has the given leaves."""
    return _rebuilt(structure, iter(leaves))


def _rebuilt(structure: Structure, leaves: Iterator[Any]) -> Any:
    if structure.fields is None:
        outer = [next(leaves) for _ in range(structure.spec.num_leaves)]
    else:
        outer = [
            next(leaves) if fields is None else _object(fields, leaves)
            for fields in structure.fields
        ]
    return structure.spec.unflatten(outer)


def _object(fields: Fields, leaves: Iterator[Any]) -> Any:
    values = dict(zip(fields.names, _rebuilt(fields.inner, leaves), strict=True))
    given = {field.name for field in dataclasses.fields(fields.kind) if field.init}
    made = fields.kind(**{name: value for name, value in values.items() if name in given})
    for name in values.keys() - given:
        object.__setattr__(made, name, values[name])
    return made


def leaf_names(structure: Structure, stem: str) -> list[str]:
    """A name for each leaf: the stem, and the way to the leaf in it.

    Examples
    --------
    >>> leaf_names(flatten({"W": 0.0, "layers": [1.0, 2.0]})[1], "params")
    ['params.W', 'params.layers.0', 'params.layers.1']
    """
    names: list[str] = []
    kinds = structure.fields or (None,) * structure.spec.num_leaves
    for accessor, fields in zip(structure.spec.accessors(), kinds, strict=True):
        parts = (str(getattr(entry, "field", entry.entry)) for entry in accessor)
        name = ".".join((stem, *parts))
        if fields is None:
            names.append(name)
        else:  # the inner structure is a tuple of the fields' values
            names += [
                _with_field(inner, name, fields.names) for inner in leaf_names(fields.inner, "")
            ]
    return names


def _with_field(path: str, stem: str, names: tuple[str, ...]) -> str:
    """``params.W.0`` for the path ``.1.0`` in a dataclass whose second field is W."""
    number, dot, rest = path[1:].partition(".")
    return f"{stem}.{names[int(number)]}{dot}{rest}"


def mapped(function: Callable[[Any], Any], value: object) -> Any:
    """The nested value with a function applied to each leaf."""
    leaves, structure = flatten(value)
    return unflatten(structure, [function(leaf) for leaf in leaves])
