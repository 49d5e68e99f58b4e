"""What a layout engine writes as SVG, made to look right in fonts that the engine did not measure.

An engine places each run of a line (the bold name, the formula after it) where the run before it
ends in its own font. A reader's font is wider or narrower, which leaves gaps. Here the runs of a
line become one text, and the lines of a box are centred in it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from graphdiff.drawing.theme import FAMILY, FONT

_GROUP = re.compile(r'<g id="[^"]*" class="([\w ]+)"')
_TEXT = re.compile(r"<text ([^>]*)>(.*)</text>$")
_ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')
_POINT = re.compile(r"(-?[\d.]+),(-?[\d.]+)")
_FAMILY = f'"{FONT},sans-Serif"'  # as the engines write it
_CENTRED = frozenset({"node", "graph"})
_LINE, _BASE = 1.16, 0.36  # of the size of type: from line to line; from its middle to its base
_LID = 3.0  # the ellipse on a cylinder, which is not for text


class _Run(NamedTuple):
    attributes: dict[str, str]
    content: str


class _Place(NamedTuple):
    """The middle of a group's first shape, and what the group is."""

    kinds: frozenset[str]
    x: float
    y: float


def tidy(svg: str) -> str:
    """The same picture with each line of a label as one centred text.

    Cost: linear in its length. It relies on one element a line, as `dot` and graphviz-pure write.
    """
    result: list[str] = []
    runs: list[_Run] = []
    kinds: frozenset[str] = frozenset()
    place: _Place | None = None
    svg = svg.replace('"transparent"', '"none"').replace(_FAMILY, f'"{FAMILY}"')
    for line in svg.split("\n"):
        text = _TEXT.match(line)
        if text is not None and place is not None:
            runs.append(_Run(dict(_ATTRIBUTE.findall(text[1])), text[2]))
            continue
        if runs and place is not None:
            result += _lines(runs, place)
            runs = []
        group = _GROUP.match(line)
        if group is not None:
            kinds, place = frozenset(group[1].split()), None
        elif place is None and kinds & _CENTRED and line.startswith(("<polygon", "<path")):
            points = [(float(x), float(y)) for x, y in _POINT.findall(line)]
            xs, ys = [x for x, _ in points], [y for _, y in points]
            if points:
                place = _Place(kinds, (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
        result.append(line)
    return "\n".join(result)


def element(svg: str) -> str:
    """The picture without what comes before ``<svg``, to stand in a page."""
    return svg[svg.index("<svg") :]


def _lines(runs: list[_Run], place: _Place) -> list[str]:
    """Runs at the same height as one text each; those of a box stacked about its middle."""
    heights: dict[str, list[_Run]] = {}
    for run in runs:
        heights.setdefault(run.attributes["y"], []).append(run)
    if "node" not in place.kinds:
        return [_line(parts, place.x, y) for y, parts in heights.items()]
    sizes = [float(parts[-1].attributes["font-size"]) for parts in heights.values()]
    top = place.y - sum(sizes) * _LINE / 2 + (_LID if "parameter" in place.kinds else 0)
    texts = []
    for parts, size in zip(heights.values(), sizes, strict=True):
        texts.append(_line(parts, place.x, f"{top + size * (_LINE / 2 + _BASE):.2f}"))
        top += size * _LINE
    return texts


def _line(parts: list[_Run], x: float, y: str) -> str:
    last = parts[-1].attributes
    keys = ["font-family", "font-size", "fill", *(["font-weight"] if len(parts) == 1 else [])]
    head = " ".join(f'{key}="{last[key]}"' for key in keys if key in last)
    spans = [
        f'<tspan font-weight="bold">{run.content}</tspan>'
        if len(parts) > 1 and "font-weight" in run.attributes
        else run.content
        for run in parts
    ]
    start = f'<text xml:space="preserve" text-anchor="middle" x="{x:.2f}" y="{y}" {head}>'
    return f"{start}{''.join(spans)}</text>"
