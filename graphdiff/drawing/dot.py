"""A scene as DOT text, written by the library `graphviz`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import graphviz
from graphviz.quoting import quote

from graphdiff.drawing import theme
from graphdiff.drawing.labels import escaped, shortened
from graphdiff.drawing.ranks import Ranks, ranks
from graphdiff.drawing.scene import Arrow, Box, Kind, Scene

Direction = Literal["up", "down", "right", "left"]
RANKDIR: Mapping[str, str] = {"up": "BT", "down": "TB", "right": "LR", "left": "RL"}


@dataclass(frozen=True, slots=True)
class Look:
    """How a scene is drawn.

    Parameters
    ----------
    direction
        Where the data flows.
    legend
        Whether the picture says what its shapes mean.
    crowded
        Whether shapes are written into the boxes and not along the arrows. The engines then take
        a fraction of the time.
    bold
        Whether names that are not ASCII may be bold too.
    room
        The space beside the text of a box, in inches.
    """

    direction: Direction = "up"
    legend: bool = False
    crowded: bool = False
    bold: bool = True
    room: str = theme.ROOM


def dot_text(scene: Scene, look: Look) -> str:
    """The picture as DOT text; the same scene gives the same bytes.

    Cost: linear, but for arrows that contradict one another (see `ranks`).
    """
    graph = graphviz.Digraph("graphdiff", graph_attr=_graph(scene, look.direction))
    graph.attr("node", **_NODE, margin=f"{look.room},0.05")
    graph.attr("edge", **_EDGE)
    found = ranks(scene)
    column = {box.key: box.column for box in scene.boxes}
    inner: list[list[Arrow]] = [[] for _ in scene.columns]
    between: list[Arrow] = []
    for arrow in scene.arrows:
        home = column[arrow.head]
        (inner[home] if column[arrow.tail] == home else between).append(arrow)
    for number, title in enumerate(scene.columns):
        boxes = [box for box in scene.boxes if box.column == number]
        framed = len(scene.columns) > 1
        part = graphviz.Digraph(f"cluster_{number}" if framed else None)
        _style(part, number, title if framed else None)
        _boxes(part, boxes, number, look)
        for arrow in inner[number]:
            _arrow(part, arrow, number > 0, arrow in found.arrows, look)
        graph.subgraph(part)
    _rows(graph, scene, found, between)
    if between:
        graph.attr("edge", color=theme.AGAIN)
        for arrow in between:
            style = {"style": "dashed", "class": "again"} if arrow.again else {"color": theme.FAINT}
            graph.edge(arrow.tail, arrow.head, constraint="false", **style)
    if look.legend:
        _legend(graph, len(scene.columns) > 1)
    return str(graph.source)


_NODE = {
    "fontname": theme.FONT,
    "fontsize": theme.SIZE,
    "fontcolor": theme.INK,
    "style": "filled",
    "penwidth": "1.1",
    "height": "0.36",
    "width": "0.5",
}
_EDGE = {"fontname": theme.FONT, "fontsize": theme.SMALL, "arrowsize": "0.6"}


def _graph(scene: Scene, direction: Direction) -> dict[str, str]:
    title = f"<b>{escaped(shortened(scene.title, 2 * theme.LONGEST_NAME))}</b>"
    return {
        "rankdir": RANKDIR[direction],
        "newrank": "true",
        "fontname": theme.FONT,
        "fontsize": "12",
        "fontcolor": theme.INK,
        "label": f"<{title}>",
        "labelloc": "t",
        "nodesep": "0.28",
        "ranksep": "0.36",
        "bgcolor": "white",
        "tooltip": " ",
    }


def _style(part: Any, column: int, title: str | None) -> None:
    """The colours of a column, and its frame if it has a title."""
    palette = theme.palette(column)
    if title is not None:
        part.attr(
            label=f"<{escaped(title)}>",
            style="rounded,filled",
            color=palette.ground,
            fillcolor=palette.ground,
            fontcolor=palette.ink,
            fontsize=theme.SIZE,
            margin="10",
            tooltip=" ",
        )
    part.attr("node", color=palette.ink, fillcolor=palette.fill)
    part.attr("edge", color=palette.edge, fontcolor=palette.edge)


def _boxes(part: Any, boxes: list[Box], column: int, look: Look) -> None:
    """The boxes of a column, in frames for their scopes."""
    ink = theme.palette(column).ink
    tree: dict[str, list[Box | str]] = {"": []}
    for box in boxes:
        path = box.scope.split("/") if box.scope else []
        for i in range(len(path)):
            scope = "/".join(path[: i + 1])
            if scope not in tree:
                tree[scope] = []
                tree["/".join(path[:i])].append(scope)
        tree[box.scope].append(box)
    numbers = {scope: number for number, scope in enumerate(tree)}
    open_frames: list[tuple[Any, list[Box | str]]] = [(part, tree[""][::-1])]
    while open_frames:
        here, rest = open_frames[-1]
        if not rest:
            open_frames.pop()
            if open_frames:
                open_frames[-1][0].subgraph(here)
            continue
        item = rest.pop()
        if isinstance(item, Box):
            _box(here, item, look)
            continue
        frame = graphviz.Digraph(f"cluster_{column}_{numbers[item]}")
        frame.attr(
            label=f"<{escaped(shortened(item.rpartition('/')[2]))}>",
            style="rounded",
            color=ink,
            penwidth="0.6",
            labeljust="l",
            fontsize="9",
            fontcolor=ink,
            margin="8",
            tooltip=" ",
        )
        open_frames.append((frame, tree[item][::-1]))


def _box(part: Any, box: Box, look: Look) -> None:
    attributes = dict(theme.SHAPES[box.kind])
    if box.output:
        attributes["peripheries"] = "2"
    name = escaped(box.name)
    heavy = box.kind != "constant" and (look.bold or name.isascii())
    text = f"<b>{name}</b>" if heavy else name
    if box.lines:
        text += " = " + "<br/>".join(map(escaped, box.lines))
    note = box.note
    if look.crowded or not box.used:
        note = f"{note} {box.shape}".strip()
    for line in filter(None, note.split("\n")):
        text += f'<br/><font point-size="{theme.SMALL}">{escaped(line)}</font>'
    words = [box.kind, *(["output"] if box.output else [])]
    part.node(
        box.key,
        f"<{text}>",
        tooltip=graphviz.escape(box.tip),
        **attributes,
        **{"class": " ".join(words)},
    )


def _arrow(part: Any, arrow: Arrow, back: bool, ranked: bool, look: Look) -> None:
    # The spaces keep it off the line.
    label = f" {graphviz.escape(arrow.shape)} " if arrow.shape and not look.crowded else None
    if not ranked:
        # An xlabel, since the engines fail on a label between boxes of one rank.
        part.edge(arrow.tail, arrow.head, xlabel=label, constraint="false")
    elif back:
        part.edge(arrow.head, arrow.tail, label, dir="back")
    else:
        part.edge(arrow.tail, arrow.head, label)


def _rows(graph: Any, scene: Scene, found: Ranks, between: list[Arrow]) -> None:
    """Rows: boxes that face each other on one rank, the forward pass first."""
    members: dict[str, list[Box]] = {}
    for box in scene.boxes:
        members.setdefault(found.row[box.key], []).append(box)
    joined = {(arrow.tail, arrow.head) for arrow in between}
    for boxes in members.values():
        if len(boxes) < 2:
            continue
        keys = "; ".join(quote(box.key) for box in boxes)
        graph.body.append(f"\t{{rank=same; {keys}}}\n")
        firsts: dict[int, Box] = {}
        for box in boxes:
            firsts.setdefault(box.column, box)
        order = [firsts[column].key for column in sorted(firsts)]
        for left, right in pairwise(order):
            if (left, right) not in joined:
                graph.edge(left, right, style="invis")
    for low, high in found.pairs:
        graph.edge(low, high, style="invis", weight="0")


def _legend(graph: Any, gradient: bool) -> None:
    """Samples that say what shapes and dashes mean."""
    samples: list[tuple[str, Kind, int, bool]] = [
        ("input", "input", 0, False),
        ("parameter", "parameter", 0, False),
        ("value", "op", 0, False),
        ("result", "op", 0, True),
    ]
    if gradient:
        samples.append(("gradient", "op", 1, False))
    keys = {word: f"legend {word}" for word, *_ in samples}
    part = graphviz.Digraph("cluster_legend")
    part.attr(label="", style="rounded", color=theme.FAINT, penwidth="0.6", tooltip=" ")
    for word, kind, column, output in samples:
        box = Box(
            keys[word], kind, word, (), "", "", True, column, scope="", home="", output=output,
            faces=None, tip=word,
        )  # fmt: skip
        palette = theme.palette(column)
        part.attr("node", color=palette.ink, fillcolor=palette.fill)
        _box(part, box, Look())
    for first, second in pairwise(keys.values()):
        if second != keys.get("gradient"):
            part.edge(first, second, style="invis")
    if gradient:
        style = {"style": "dashed", "color": theme.AGAIN, "fontcolor": theme.AGAIN}
        part.edge(keys["result"], keys["gradient"], " stored, used again ", **style)
    graph.subgraph(part)
