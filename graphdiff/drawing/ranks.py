"""Which arrows of a picture set one box above another, and which boxes stand side by side.

The forward pass runs one way and the gradient runs back beside it: an arrow of the gradient counts
the other way round, and a gradient's box has the rank of the box that it faces. Where these wishes
contradict one another, the later one is given up, so the layout is that of an acyclic graph.
"""

from __future__ import annotations

import networkx as nx

from graphdiff.drawing.scene import Arrow, Scene


def rows(scene: Scene) -> dict[str, str]:
    """For each box the one that stands for its row: itself, or the first that it faces."""
    row: dict[str, str] = {}
    faces = {box.key: box.faces for box in scene.boxes}
    for key in faces:
        chain = [key]
        while chain[-1] not in row and faces.get(chain[-1]) is not None:
            chain.append(faces[chain[-1]])  # type: ignore[arg-type]  # it is not None
        root = row.get(chain[-1], chain[-1])
        row.update(dict.fromkeys(chain, root))
    return row


def ranking(scene: Scene, row: dict[str, str]) -> set[Arrow]:
    """The arrows that set their boxes on different ranks, acyclic over rows.

    Cost: linear, but for arrows that would close a cycle; these are tried one by one.
    """
    column = {box.key: box.column for box in scene.boxes}
    wishes: list[tuple[str, str, Arrow]] = []
    for arrow in sorted(scene.arrows, key=lambda arrow: column[arrow.head]):
        if not arrow.again and row[arrow.tail] != row[arrow.head]:
            low, high = row[arrow.tail], row[arrow.head]
            wishes.append((low, high, arrow) if column[arrow.tail] == 0 else (high, low, arrow))
    whole = nx.DiGraph((low, high) for low, high, _ in wishes)
    knot = {
        key: number
        for number, component in enumerate(nx.strongly_connected_components(whole))
        for key in component
    }
    granted: set[Arrow] = set()
    inside = nx.DiGraph()
    for low, high, arrow in wishes:
        if knot[low] == knot[high]:
            if low in inside and high in inside and nx.has_path(inside, high, low):
                continue
            inside.add_edge(low, high)
        granted.add(arrow)
    return granted
