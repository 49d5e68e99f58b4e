"""What a layout engine writes as SVG, made to look right in fonts that the engine did not measure.

An engine places each run of a line (the bold name, the formula after it) where the run before it
ends in its own font. A reader's font is wider or narrower, which leaves gaps. Here the runs of a
line become one text, centred in its box.
"""

from __future__ import annotations

import re

_GROUP = re.compile(r'<g id="[^"]*" class="(\w+)')
_TEXT = re.compile(r"<text ([^>]*)>(.*)</text>$")
_ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')
_POINT = re.compile(r"(-?[\d.]+),-?[\d.]+")
_CENTRED = frozenset({"node", "cluster", "graph"})

Run = tuple[dict[str, str], str]


def tidy(svg: str) -> str:
    """The same picture with each line of a label as one centred text.

    Cost: linear in its length. It reads the layout of lines that `dot` and graphviz-pure write,
    one element a line.
    """
    result: list[str] = []
    runs: list[Run] = []
    kind, centre = "", None
    for line in svg.replace('"transparent"', '"none"').split("\n"):
        text = _TEXT.match(line)
        if text is not None and kind in _CENTRED and centre is not None:
            runs.append((dict(_ATTRIBUTE.findall(text[1])), text[2]))
            continue
        if runs:
            assert centre is not None  # it was set before the first run
            result += _lines(runs, centre)
            runs = []
        group = _GROUP.match(line)
        if group is not None:
            kind, centre = group[1], None
        elif centre is None and line.startswith(("<polygon", "<path")):
            points = [float(x) for x in _POINT.findall(line)]
            centre = (min(points) + max(points)) / 2 if points else None
        result.append(line)
    return "\n".join(result)


def element(svg: str) -> str:
    """The picture without what comes before ``<svg``, to stand in a page."""
    return svg[svg.index("<svg") :]


def _lines(runs: list[Run], centre: float) -> list[str]:
    """Runs at the same height, as one text each."""
    heights: dict[str, list[Run]] = {}
    for attributes, content in runs:
        heights.setdefault(attributes["y"], []).append((attributes, content))
    return [_line(parts, centre) for parts in heights.values()]


def _line(parts: list[Run], centre: float) -> str:
    last = parts[-1][0]
    keys = ["font-family", "font-size", "fill", *(["font-weight"] if len(parts) == 1 else [])]
    common = {key: last[key] for key in keys if key in last}
    head = " ".join(f'{key}="{value}"' for key, value in common.items())
    spans = [
        f'<tspan font-weight="bold">{content}</tspan>'
        if len(parts) > 1 and "font-weight" in attributes
        else content
        for attributes, content in parts
    ]
    return (
        f'<text xml:space="preserve" text-anchor="middle" x="{centre:g}" y="{last["y"]}" {head}>'
        f"{''.join(spans)}</text>"
    )
