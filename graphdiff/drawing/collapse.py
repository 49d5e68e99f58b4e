"""Scopes of a picture as single boxes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from graphdiff.drawing.labels import shortened
from graphdiff.drawing.scene import Arrow, Box, Scene
from graphdiff.errors import DrawError, near


def scopes_of(scene: Scene) -> list[str]:
    """All scopes that boxes belong to, and those around them."""
    found: dict[str, None] = {}
    for scope in dict.fromkeys(box.home for box in scene.boxes if box.home):
        parts = scope.split("/")
        found.update(dict.fromkeys("/".join(parts[: i + 1]) for i in range(len(parts))))
    return list(found)


def collapsed(scene: Scene, collapse: bool | str | Collection[str]) -> Scene:
    """The scene with scopes as one box for each phase.

    Parameters
    ----------
    scene
        It is not changed.
    collapse
        The names of the scopes; True for all.

    Raises
    ------
    DrawError
        If there is no such scope.
    """
    known = scopes_of(scene)
    if isinstance(collapse, bool):
        wanted = set(known) if collapse else set()
    else:
        wanted = {collapse} if isinstance(collapse, str) else set(collapse)
    for name in sorted(wanted - set(known)):
        raise DrawError(
            f"there is no scope {name!r}",
            expected=", ".join(known[:12]) or "a graph with scopes: none is declared in this one",
            hint=near(name, known),
        )
    homes = {box.key: _home(box.home, wanted) for box in scene.boxes}
    groups: dict[tuple[str, int], list[Box]] = {}
    for box in scene.boxes:
        home = homes[box.key]
        if home is not None:
            groups.setdefault((home, box.column), []).append(box)
    if not groups:
        return scene
    keys = {group: f"scope {i}" for i, group in enumerate(groups, start=1)}
    moved: dict[str, str] = {}
    for box in scene.boxes:
        home = homes[box.key]
        moved[box.key] = box.key if home is None else keys[home, box.column]

    boxes: dict[str, Box] = {}
    for box in scene.boxes:
        home, key = homes[box.key], moved[box.key]
        if home is None:
            faces = None if box.faces is None else moved[box.faces]
            boxes[key] = replace(box, faces=faces)
        elif key not in boxes:
            facing = keys.get((home, 0)) if box.column else None
            boxes[key] = _merged(key, home, groups[home, box.column], facing)
    return replace(scene, boxes=tuple(boxes.values()), arrows=_arrows(scene, moved))


def _home(scope: str, wanted: Collection[str]) -> str | None:
    """The outermost of the wanted scopes that a scope is in."""
    parts = scope.split("/")
    prefixes = ("/".join(parts[: i + 1]) for i in range(len(parts)))
    return next((prefix for prefix in prefixes if prefix in wanted), None)


def _merged(key: str, scope: str, inside: list[Box], faces: str | None) -> Box:
    outer, _, name = scope.rpartition("/")
    parameters = sum(box.kind == "parameter" for box in inside)
    inputs = sum(box.kind == "input" for box in inside)
    counts = ((inputs, "input"), (parameters, "parameter"))
    others = (len(inside) - inputs - parameters, "value")
    words = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in (*counts, others) if n]
    results = [box.name for box in inside if box.output]
    if len(results) > 3:
        results[2:] = [f"{len(results) - 2} more"]
    return Box(
        key=key,
        kind="scope",
        name=shortened(name),
        lines=(),
        note=", ".join(words) + (f"\noutput {', '.join(results)}" if results else ""),
        shape="",
        used=True,
        column=inside[0].column,
        scope=outer,
        home=outer,
        output=bool(results),
        faces=faces,
        tip=", ".join(box.key for box in inside[:20]),
    )


def _arrows(scene: Scene, moved: dict[str, str]) -> tuple[Arrow, ...]:
    """The arrows between the boxes that are left, one for each pair."""
    shapes: dict[tuple[str, str], dict[str, None]] = {}
    again: dict[tuple[str, str], bool] = {}
    for arrow in scene.arrows:
        pair = moved[arrow.tail], moved[arrow.head]
        if pair[0] != pair[1]:
            shapes.setdefault(pair, {})[arrow.shape] = None
            again[pair] = again.get(pair, False) or arrow.again
    return tuple(
        Arrow(*pair, ", ".join(found) if len(found) < 3 else f"{len(found)} shapes", again[pair])
        for pair, found in shapes.items()
    )
