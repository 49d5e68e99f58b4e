"""Lines of at most 100 columns, broken as `ruff format` breaks them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphdiff.ops.notation import shape_code
from graphdiff.ops.sources import number_text
from graphdiff.ops.spec import Spec

WIDTH = 100
_OPERATORS = ((" or ",), (" and ",), (" + ", " - "), (" * ", " / ", " @ "))


def quoted(name: str) -> str:
    """A name as a string literal."""
    return json.dumps(name, ensure_ascii=False)


def wrap(line: str) -> list[str]:
    """A statement as one or more lines: one that does not fit is split at its last brackets.

    Of a ``del`` that does not fit, several are made.

    Examples
    --------
    >>> for part in wrap("y = np.concatenate([" + ", ".join(f"part_{i}" for i in range(9)) + "])"):
    ...     print(part)
    y = np.concatenate([part_0, part_1, part_2, part_3, part_4, part_5, part_6, part_7, part_8])
    >>> for part in wrap("def forward(" + ", ".join(f"weight_{i}" for i in range(9)) + "):"):
    ...     print(part)
    def forward(
        weight_0, weight_1, weight_2, weight_3, weight_4, weight_5, weight_6, weight_7, weight_8
    ):
    """
    if len(line) <= WIDTH:
        return [line]
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    if text.startswith("del "):
        rows = textwrap.wrap(text.removeprefix("del "), WIDTH - len(indent) - len("del "))
        return [f"{indent}del {row.removesuffix(',')}" for row in rows]
    span = _last_brackets(text)
    if span is not None:
        start, stop = span
        head, body, tail = text[: start + 1], text[start + 1 : stop], text[stop:]
        inner = f"{indent}    {body}"
        if len(inner) > WIDTH:
            parts = _split(body, (", ",))
            lines = [part for _, item in parts for part in wrap(f"{indent}    {item},")]
        else:
            lines = [inner]
        return [f"{indent}{head}", *lines, f"{indent}{tail}"]
    target, equals, value = text.partition(" = ")
    if not equals:
        return [line]
    return [f"{indent}{target} = (", *_operands(f"{indent}    ", value), f"{indent})"]


def _operands(indent: str, value: str) -> list[str]:
    """An expression, split before its loosest operators if it does not fit."""
    if len(indent) + len(value) <= WIDTH:
        return [indent + value]
    for operators in _OPERATORS:
        parts = _split(value, operators)
        if len(parts) > 1:
            terms = [operator.lstrip() + item for operator, item in parts]
            return [line for term in terms for line in _term(indent, term)]
    return _term(indent, value)


def _term(indent: str, text: str) -> list[str]:
    """A part of an expression, split in its widest brackets if it does not fit."""
    if len(indent) + len(text) <= WIDTH or not (spans := _outermost_brackets(text)):
        return [indent + text]
    start, stop = max(spans, key=lambda span: span[1] - span[0])
    inner = indent + "    "
    items = [_operands(inner, item) for _, item in _split(text[start + 1 : stop], (", ",))]
    comma = "," if len(items) > 1 else ""
    lines = [line for first in items for line in (*first[:-1], first[-1] + comma)]
    return [f"{indent}{text[: start + 1]}", *lines, f"{indent}{text[stop:]}"]


def _outermost_brackets(text: str) -> list[tuple[int, int]]:
    """Where brackets that stand in no others open and close."""
    start, spans = 0, []
    for position, char, depth in _depths(text):
        if depth == 0 and char in "([{":
            start = position
        elif depth == 0 and char in ")]}":
            spans.append((start, position))
    return spans


def _depths(text: str) -> Iterator[tuple[int, str, int]]:
    """Position, character and bracket depth before it, strings left out."""
    depth, quoted, escaped = 0, False, False
    for position, char in enumerate(text):
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
            continue
        if char in ")]}":
            depth -= 1
        yield position, char, depth
        if char in "([{":
            depth += 1
        quoted = char == '"'


def _last_brackets(text: str) -> tuple[int, int] | None:
    """Where the last outermost brackets open and close, unless they are empty or a mere part.

    Brackets inside a sum, such as ``(a + b) * c + d``, are no place to split at.
    """
    spans = _outermost_brackets(text)
    if not spans:
        return None
    span = spans[-1]
    if span[1] - span[0] < 2 or text[span[1] + 1 :] not in ("", ",", ":"):
        return None
    head = text[: span[0]].partition(" = ")[2]
    return None if any(op in head for ops in _OPERATORS for op in ops) else span


def _split(text: str, separators: tuple[str, ...]) -> list[tuple[str, str]]:
    """The parts between separators outside brackets, each with the separator before it."""
    parts, start, before = [], 0, ""
    for position, _, depth in _depths(text):
        if depth == 0 and position >= start:
            for separator in separators:
                if text.startswith(separator, position):
                    parts.append((before, text[start:position]))
                    before, start = separator, position + len(separator)
    rest = text[start:].removesuffix(",")
    return [*parts, (before, rest)] if rest else parts


def _listed(value: Any, dtype: np.dtype[Any]) -> str:
    """Nested lists of numbers as Python text."""
    if isinstance(value, list):
        return f"[{', '.join(_listed(part, dtype) for part in value)}]"
    return number_text(value, Spec((), dtype))


def array_lines(name: str, value: np.ndarray) -> list[str]:
    """A constant array: written out where it is small, else as its bytes."""
    if value.size == 0:
        return [f"{name} = np.zeros({shape_code(value.shape)}, dtype=np.{value.dtype})"]
    if value.size <= 64:
        dtype = (
            "" if value.dtype.name in ("float64", "int64", "bool") else f", dtype=np.{value.dtype}"
        )
        if np.isfinite(value).all():
            return wrap(f"{name} = np.array({_listed(value.tolist(), value.dtype)}{dtype})")
    data = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).tobytes().hex()
    pieces = [data[i : i + 80] for i in range(0, len(data), 80)]
    kind = value.dtype.newbyteorder("<").str
    return [
        f"{name} = np.frombuffer(",
        "    bytes.fromhex(",
        *(f'        "{piece}"' for piece in pieces),
        "    ),",
        f'    dtype="{kind}",',
        f").reshape({shape_code(value.shape)})",
    ]


def cut(text: str, width: int = WIDTH - 6) -> str:
    """A text that is too long, without its end."""
    return text if len(text) <= width else text[: width - 1] + "…"
