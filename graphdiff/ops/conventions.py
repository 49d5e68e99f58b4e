"""What each op returns as its derivative where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graphdiff.errors import GraphdiffError
from graphdiff.ops import OPS
from graphdiff.ops.notation import Site, Written
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec


class Convention(NamedTuple):
    """An op, its formula, and its derivative where none exists."""

    op: str
    formula: str
    derivative: str


@dataclass(frozen=True, slots=True)
class Conventions:
    """A table that shows itself: as text at a prompt, as a table in a notebook."""

    rows: tuple[Convention, ...]

    def __iter__(self) -> Iterator[Convention]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        head = Convention("op", "formula", "derivative where none exists")
        table = (head, *self.rows)
        wide = [max(len(row[i]) for row in table) for i in (0, 1)]
        return "\n".join(f"{a:{wide[0]}}  {b:{wide[1]}}  {c}" for a, b, c in table)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        rows = (
            f"| `{row.op}` | {_escaped(row.formula)} | {_escaped(row.derivative)} |"
            for row in self.rows
        )
        head = "| op | formula | derivative where none exists |"
        return "\n".join([head, "| --- | --- | --- |", *rows])


def conventions() -> Conventions:
    """What each op returns as its derivative at points where the function has none.

    Each op states it in its declaration, and the tests hold it.

    Examples
    --------
    >>> import graphdiff as gd
    >>> table = {row.op: row.derivative for row in gd.conventions()}
    >>> table["relu"]
    '0 at 0'
    """
    return Conventions(
        tuple(
            Convention(op.name, op_formula(op), op.convention)
            for op in OPS.values()
            if op.convention is not None
        )
    )


def op_formula(op: Op) -> str:
    """The formula of an op over the names of its operands."""
    names = [name.removeprefix("*") for name in op.operands]
    given = {name: value for name, value in op.params.items() if value is not REQUIRED}
    for ndim in range(4):  # some formulas are about an axis
        specs = (Spec((2,) * ndim, np.dtype("float64")),) * len(names)
        try:
            params = op.complete(given, specs)
            site = Site(tuple(map(Written, names)), specs, specs[0], params)
            return op.formula(site).text
        except (GraphdiffError, TypeError, ValueError, KeyError, IndexError):
            continue
    return f"{op.name}({', '.join((*names, *op.params))})"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
