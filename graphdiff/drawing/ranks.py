"""Which box of a picture stands above which, and which stand side by side.

The forward pass runs one way and the gradient runs back beside it: an arrow of the gradient counts
the other way round, and the box of a gradient is in the row of the box that it faces. A scope
stands above the values that come into it, so that scopes make a stack and not a staircase. Where
these wishes contradict one another the later one is given up, so what is left is acyclic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx

from graphdiff.drawing.scene import Arrow, Box, Scene

_MOST_PAIRS = 64  # of a scope: values that come in, times leaves
_MOST_TRIES = 2000  # of arrows that may close a cycle


@dataclass(frozen=True, slots=True)
class Ranks:
    """The rows of a picture and what sets them apart.

    ``row`` gives for each box the key of the one that stands for its row, ``arrows`` those that set
    their two boxes apart, and ``pairs`` further boxes that are set apart, the earlier one first.
    """

    row: dict[str, str]
    arrows: frozenset[Arrow]
    pairs: tuple[tuple[str, str], ...]


def ranks(scene: Scene) -> Ranks:
    """The rows of a scene.

    Cost: linear, but for wishes that may contradict others; these are tried one by one, a bounded
    number of them.
    """
    row = _rows(scene)
    boxes = {box.key: box for box in scene.boxes}
    wishes: list[tuple[str, str, Arrow | None]] = []
    for arrow in sorted(scene.arrows, key=lambda arrow: boxes[arrow.head].column):
        column = boxes[arrow.head].column
        if boxes[arrow.tail].column == column:
            ends = (arrow.tail, arrow.head) if column == 0 else (arrow.head, arrow.tail)
            wishes.append((*ends, arrow))
    wishes += [(*pair, None) for pair in _stacks(scene, boxes)]
    granted = _acyclic(wishes, row)
    return Ranks(
        row,
        frozenset(arrow for _, _, arrow in granted if arrow is not None),
        tuple((low, high) for low, high, arrow in granted if arrow is None),
    )


def _rows(scene: Scene) -> dict[str, str]:
    """For each box the one that stands for its row: itself, or the last of those it faces."""
    faces = {box.key: box.faces for box in scene.boxes}
    row: dict[str, str] = {}
    for key in faces:
        chain, here = [key], key
        while here not in row and (ahead := faces.get(here)) is not None:
            here = ahead
            chain.append(here)
        row.update(dict.fromkeys(chain, row.get(here, here)))
    return row


def _stacks(scene: Scene, boxes: dict[str, Box]) -> Iterator[tuple[str, str]]:
    """Pairs of a value that comes into a scope, and a leaf in that scope."""
    leaves: dict[str, list[str]] = {}
    for box in scene.boxes:
        if box.scope and box.column == 0 and box.kind in ("parameter", "input", "constant"):
            leaves.setdefault(box.scope, []).append(box.key)
    coming: dict[str, dict[str, None]] = {}
    for arrow in scene.arrows:
        tail, head = boxes[arrow.tail], boxes[arrow.head]
        if head.column == 0 and tail.scope != head.scope and tail.kind in ("op", "scope"):
            coming.setdefault(head.scope, {})[tail.key] = None
    for scope, keys in leaves.items():
        values = coming.get(scope, {})
        if len(values) * len(keys) <= _MOST_PAIRS:
            yield from ((value, leaf) for value in values for leaf in keys)


def _acyclic(
    wishes: list[tuple[str, str, Arrow | None]], row: dict[str, str]
) -> list[tuple[str, str, Arrow | None]]:
    """The wishes that contradict none before them."""
    wishes = [wish for wish in wishes if row[wish[0]] != row[wish[1]]]
    whole = nx.DiGraph((row[low], row[high]) for low, high, _ in wishes)
    knots = enumerate(nx.strongly_connected_components(whole))
    knot = {key: number for number, component in knots for key in component}
    granted = []
    inside, tries = nx.DiGraph(), 0
    for wish in wishes:
        low, high = row[wish[0]], row[wish[1]]
        if knot[low] == knot[high]:
            if high in inside and low in inside:
                tries += 1
                if tries > _MOST_TRIES or nx.has_path(inside, high, low):
                    continue
            inside.add_edge(low, high)
        granted.append(wish)
    return granted
