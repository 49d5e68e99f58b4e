"""Statements inside loops and branches, and variables in them that get another name.

A value that replaces a carried one is given its variable once the statements are written, since
only then it can be seen what reads the old one. In a text a variable is a word that is no part of
a string, no attribute and no keyword.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from graphdiff.lower.program import Value


class Line(NamedTuple):
    """A value or a statement, and how far it is indented.

    ``result`` is set where it is needed for one of the stacked results alone, ``without`` where it
    is written only if nobody reads one of them, ``counts`` where it is about numbers of steps.
    """

    depth: int
    text: Value | str
    result: int | None = None
    without: int | None = None
    counts: bool = False

    def moved(self, depth: int) -> Line:
        """The line indented further."""
        return self._replace(depth=self.depth + depth)


def defines(line: Line, name: str) -> bool:
    """Whether a line gives a variable its value."""
    return not isinstance(line.text, str) and line.text.name == name


def reads_first(line: Line, name: str, old: str) -> bool:
    """Whether a loop or a branch reads a variable only before it assigns to another."""
    block = () if isinstance(line.text, str) else line.text.block
    for i, assigning in enumerate(block):
        text = assigning.text
        if not (text.startswith(f"{name} = ") if isinstance(text, str) else text.name == name):
            continue
        for later in block[i + 1 :]:
            if later.depth < assigning.depth:
                break
            if mentions(read_by(later), old):
                return False
    return True


def read_by(line: Line) -> str:
    """All that a line reads."""
    text = line.text
    return text if isinstance(text, str) else " ".join([text.code.text, *map(read_by, text.block)])


def assigned(lines: Iterable[Line]) -> list[str]:
    """The variables that statements assign to inside loops and branches, each once."""
    found: dict[str, None] = {}
    waiting = [
        line for line in reversed(list(lines)) if line.depth or not isinstance(line.text, str)
    ]
    while waiting:
        line = waiting.pop()
        if isinstance(line.text, str):
            targets = None if line.counts else _TARGETS.match(line.text)
            found |= dict.fromkeys(targets[1].split(", ") if targets else ())
        elif line.text.block:
            waiting += reversed(line.text.block)
        else:
            found[line.text.name] = None
    return list(found)


_TARGETS = re.compile(r"(\w+(?:, \w+)*) = ")


def mentions(text: str, name: str) -> bool:
    """Whether a variable stands in a text."""
    return bool(mentioned(text, (name,)))


def mentioned(text: str, names: Iterable[str]) -> set[str]:
    """Those of some variables that stand in a text, which is read no further than they are met."""
    missing = set(names)
    met: set[str] = set()
    for found in _NAMES.finditer(text) if missing else ():
        if found[0] in missing:
            missing.remove(found[0])
            met.add(found[0])
            if not missing:
                break
    return met


def names_in(text: str) -> set[str]:
    """All variables that stand in a text."""
    return set(_NAMES.findall(text))


# A variable, or a whole string, in which there is none; no attribute, and no keyword argument.
_NAMES = re.compile(r'"[^"]*"|(?<![\w.])[^\W\d]\w*(?!\w|=(?!=))')


def replaced(text: str, names: Mapping[str, str]) -> str:
    """A text with other names for variables."""
    return _NAMES.sub(lambda found: names.get(found[0], found[0]), text)


def renamed(line: Line, names: Mapping[str, str]) -> Line:
    """A line with other names for variables, what it assigns to among them."""
    text = line.text
    if isinstance(text, str):
        return line._replace(text=replaced(text, names))
    value = text._replace(
        name=replaced(text.name, names),
        code=text.code._replace(text=replaced(text.code.text, names)),
        block=tuple(renamed(inner, names) for inner in text.block),
    )
    return line._replace(text=value)


def tidied(line: Line) -> Line:
    """A branch without assignments of a variable to itself."""
    value = line.text
    if isinstance(value, str) or not value.block:
        return line
    kept = [inner for inner in value.block if not _is_idle(inner)]
    block: list[Line] = []
    for i, inner in enumerate(kept):
        after = kept[i + 1].depth if i + 1 < len(kept) else 0
        if not isinstance(inner.text, str) or not inner.text.endswith(":") or after > inner.depth:
            block.append(inner)
        elif inner.text != "else:":
            block += [inner, Line(inner.depth + 1, "pass")]
    return line._replace(text=value._replace(block=tuple(block)))


def _is_idle(line: Line) -> bool:
    if not isinstance(line.text, str):
        return False
    target, equals, value = line.text.partition(" = ")
    return bool(equals) and target == value
