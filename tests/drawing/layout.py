"""What a reader sees in an SVG: boxes with their places and texts, and arrows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import combinations

SVG = "{http://www.w3.org/2000/svg}"
_POINT = re.compile(r"(-?[\d.]+),(-?[\d.]+)")


@dataclass(frozen=True)
class Seen:
    kinds: frozenset[str]
    text: str
    left: float
    right: float
    top: float
    bottom: float

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2

    def overlaps(self, other: Seen) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True)
class Layout:
    boxes: dict[str, Seen]
    arrows: dict[tuple[str, str], frozenset[str]]
    frames: dict[str, Seen]
    labels: tuple[str, ...]

    def overlapping(self) -> list[tuple[str, str]]:
        pairs = combinations(self.boxes, 2)
        return [(a, b) for a, b in pairs if self.boxes[a].overlaps(self.boxes[b])]


def layout(svg: str) -> Layout:
    boxes, arrows, frames, labels = {}, {}, {}, []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        kinds = frozenset(group.get("class", "").split())
        title = group.findtext(f"{SVG}title")
        if "edge" in kinds:
            tail, _, head = title.partition("->")
            arrows[tail, head] = kinds
            labels += [text.text.strip() for text in group.iter(f"{SVG}text")]
        elif "node" in kinds:
            boxes[title] = _seen(group, kinds)
        elif "cluster" in kinds:
            frames[title] = _seen(group, kinds)
    return Layout(boxes, arrows, frames, tuple(labels))


def _seen(group: ET.Element, kinds: frozenset[str]) -> Seen:
    shapes = [e for e in group.iter() if e.tag in (f"{SVG}polygon", f"{SVG}path")]
    places = [
        (float(x), float(y))
        for shape in shapes
        for x, y in _POINT.findall(shape.get("points") or shape.get("d") or "")
    ]
    texts = list(group.iter(f"{SVG}text"))
    if not places:  # a plain text
        places = [(float(text.get("x")), float(text.get("y"))) for text in texts]
    xs, ys = [x for x, _ in places], [y for _, y in places]
    text = "\n".join("".join(text.itertext()) for text in texts)
    return Seen(kinds, text, min(xs), max(xs), min(ys), max(ys))
