"""Columns in their order: the forward pass first.

The layout engines do not let an order of frames be asked for, and a picture and its mirror image
are of equal worth to them. So where the forward pass comes out on the wrong side, the coordinates
that the engine found are mirrored, and it draws them again without laying out anything.
"""

from __future__ import annotations

import re
from itertools import combinations

_FRAME = re.compile(r'subgraph cluster_(\d+)\s*\{\s*graph \[bb="([^"]*)"')
_WHOLE = re.compile(r'graph \[bb="([^"]*)"')
_PLACE = re.compile(r'\b(pos|lp|xlp|bb)="([^"]*)"')
_POINT = re.compile(r"(-?[\d.]+(?:e[+-]?\d+)?),(-?[\d.]+(?:e[+-]?\d+)?)")
_SIZE = re.compile(r"(?:width|height)=[\d.]+,?")


def mirrored(laid: str) -> str | None:
    """A layout with its forward pass on the left; None if it is there already.

    ``laid`` is DOT text with coordinates, as ``-Tdot`` writes it.
    """
    laid = laid.replace("\\\n", "")
    lefts = {int(number): float(corners.split(",")[0]) for number, corners in _FRAME.findall(laid)}
    pairs = list(combinations(sorted(lefts), 2))
    wrong = sum(lefts[first] > lefts[second] for first, second in pairs)
    whole = _WHOLE.search(laid)
    if 2 * wrong <= len(pairs) or whole is None:
        return None
    left, _, right, _ = map(float, whole[1].split(","))

    def point(match: re.Match[str]) -> str:
        return f"{left + right - float(match[1]):g},{match[2]}"

    def place(match: re.Match[str]) -> str:
        text = _POINT.sub(point, match[2])
        if match[1] == "bb":
            a, bottom, b, top = text.split(",")
            text = f"{b},{bottom},{a},{top}"
        return f'{match[1]}="{text}"'

    return _measured_again(_PLACE.sub(place, laid))


def _measured_again(laid: str) -> str:
    """The text without the sizes of boxes with two borders, to which an engine adds the second."""
    result: list[str] = []
    statement: list[str] = []
    for line in laid.split("\n"):
        statement.append(line)
        if line.endswith(";"):
            if any(part.strip() == "peripheries=2," for part in statement):
                statement = [_SIZE.sub("", part) if _is_size(part) else part for part in statement]
            result += statement
            statement = []
    return "\n".join([*result, *statement])


def _is_size(line: str) -> bool:
    return line.strip().startswith(("width=", "height="))
