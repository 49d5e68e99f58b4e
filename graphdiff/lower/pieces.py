"""Nodes on their way into the text, each with what stands for it in the expressions of others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from graphdiff.lower.steps import FRESH
from graphdiff.ops.notation import ATOM, Site, Written
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec

if TYPE_CHECKING:
    from graphdiff.lower.steps import Block

_Node = TypeVar("_Node", int, str)  # its row, or its name

UNWRITTEN = Written("")
_RAISING = frozenset({"divide", "power"})
_ASKED = re.compile(r"\0(\d+)\0[.\[]")
BORROWED = frozenset({"input", "parameter", "constant", "broadcast_to"})
OWN = ("np.array(", *FRESH)


@dataclass(slots=True, eq=False)
class Piece:
    """A node on its way into the text; ``row`` is its number among the rows of the graph.

    ``text`` stands for it in the expressions of its users; ``code`` is what its own line says, None
    as long as it has none. A ``number`` is one of Python's, not of NumPy's; it is ``whole`` if it
    is an int, being made of sizes, ``sized`` if one of them is in it, and ``imaginary`` if it is
    complex. What is not ``given`` and
    has no line is folded into its users: ``inner`` are the nodes of which its expression is made,
    ``reads`` the rows of those that it refers to.
    ``block`` are the statements of a loop or a branch; a result of one is ``borrowed`` if it may
    share memory with something else. ``quick`` is set where the fast style writes one call.
    """

    node: str
    row: int
    op: Op
    facts: Mapping[str, Any]
    spec: Spec
    operands: list[Piece]
    text: Written = UNWRITTEN
    code: Written | None = None
    number: bool = False
    whole: bool = False
    sized: bool = False
    imaginary: bool = False
    given: bool = False
    inner: Sequence[str] = ()
    reads: Sequence[int] = ()
    block: Block | None = None
    borrowed: bool = False
    quick: bool = False

    def like(self) -> Any:
        """A number of Python's as the text is one; a complex one may be written as a float."""
        number = self.spec.dtype.type(0).item()
        return 0.0 if isinstance(number, complex) and not self.imaginary else number


def in_dtypes(op: Op, specs: tuple[Spec, ...], operands: Sequence[Piece]) -> tuple[Written, ...]:
    """The texts of operands, with numbers in them as NumPy's where Python's would not do."""
    dtypes = _strong(op, specs, operands)
    return tuple(
        Written(f"{dtype}({operand.text.text})") if dtype else operand.text
        for operand, dtype in zip(operands, dtypes, strict=True)
    )


def _strong(op: Op, specs: tuple[Spec, ...], operands: Sequence[Piece]) -> list[str]:
    """The dtype that each operand is to be given in the text, "" for none.

    A number is written as Python's, which takes the dtype of what it meets. Where that would not
    be the dtype of the result (there is nothing to meet, or less than the number's own), it is
    written as one of NumPy's.
    """
    first = 1 if op.name == "where" else 0
    weak = [operand.number for operand in operands]
    dtypes = [spec.dtype for spec in specs[first:]]
    met: list[Any] = [dtype for dtype, w in zip(dtypes, weak[first:], strict=True) if not w]
    numbers = [operand.like() for operand in operands[first:] if operand.number]
    natural = np.result_type(*met, *numbers) if met else np.result_type(*map(type, numbers))
    if natural == np.result_type(*dtypes):
        array = op.kernel is not None and weak[0]  # a kernel asks for its dtype
        return [f"np.{specs[0].dtype}" if array else "", *("" for _ in specs[1:])]
    return [
        f"np.{spec.dtype}" if w and spec.ndim == 0 else ""
        for spec, w in zip(specs, weak, strict=True)
    ]


def is_of_numbers(piece: Piece) -> bool:
    """Whether arithmetic may be done by Python.

    It raises where a constant is divided by 0 or a power overflows, and has complex roots.
    """
    pythons = all(operand.number for operand in piece.operands)
    return pythons and (
        piece.op.name not in _RAISING or any(operand.sized for operand in piece.operands)
    )


def as_arrays(
    piece: Piece, specs: tuple[Spec, ...], texts: tuple[Written, ...]
) -> tuple[Written, ...]:
    """The texts of operands, with numbers as NumPy's where Python's would raise.

    Of these there is neither ``(2).reshape((1, 1))`` nor ``2[None]``.
    """
    if piece.op.name in _RAISING and all(operand.number for operand in piece.operands):
        return (Written(f"np.{specs[0].dtype}({texts[0].text})"), *texts[1:])
    if piece.op.elementwise and len(texts) > 1:
        return texts
    bare = {i for i, o in enumerate(piece.operands) if o.number and texts[i] is o.text}
    probe = tuple(Written(_hole(i)) if i in bare else text for i, text in enumerate(texts))
    written = piece.op.numpy(Site(probe, specs, piece.spec, piece.facts["params"])).text
    asked = {int(i) for i in _ASKED.findall(written)}
    return tuple(
        Written(f"np.{spec.dtype}({text.text})") if i in asked else text
        for i, (text, spec) in enumerate(zip(texts, specs, strict=True))
    )


def _hole(operand: int) -> str:
    """What stands for an operand, to see what is asked of it."""
    return f"\0{operand}\0"


def widest_first(operands: Iterable[Piece]) -> list[Piece]:
    """The operands that are expressions yet, the longest first."""
    folded = [p for p in operands if p.code is None]
    wide = [p for p in folded if p.text.binds < ATOM]
    wide += [p for p in folded if p.text.binds >= ATOM and "(" in p.text.text]
    return sorted(wide, key=lambda p: -len(p.text.text))


def handed_out(piece: Piece) -> Written:
    """What is handed out for an output: never a bare number, or a view that is read-only."""
    if piece.number:
        return Written(f"np.{piece.spec.dtype}({piece.text.text})")
    borrowed = piece.op.name in BORROWED and not piece.text.text.startswith(OWN)
    if piece.code is None and borrowed:
        return Written(f"np.array({piece.text.text})")
    return piece.text


def folded(piece: Piece) -> bool:
    """Note what a piece is made of; whether it has a line."""
    inner: list[str] = []
    reads: list[int] = []
    for operand in piece.operands:
        if operand.given or operand.code is not None:
            reads.append(operand.row)
        else:
            inner += operand.inner
            reads += operand.reads
    if piece.op.name != "result" or piece.code is not None:
        inner.append(piece.node)
    piece.inner, piece.reads = _distinct(inner), _distinct(reads)
    return piece.code is not None


def _distinct(nodes: list[_Node]) -> tuple[_Node, ...]:
    """The nodes in order, each once."""
    return tuple(dict.fromkeys(nodes)) if len(nodes) > 1 else tuple(nodes)
