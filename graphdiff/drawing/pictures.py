"""`draw`: a picture of a graph, to a file or for a notebook."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args, overload

from graphdiff.drawing import theme
from graphdiff.drawing.collapse import collapsed
from graphdiff.drawing.dot import Direction, Look, dot_text
from graphdiff.drawing.render import FORMATS, engine
from graphdiff.drawing.scene import Detail, Scene, scene
from graphdiff.drawing.svg import element, tidy
from graphdiff.errors import DrawError, here
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import write_whole
from graphdiff.rewrite import DEFAULT, Pass, rewritten

MOST_BOXES, MOST_ARROWS = 1500, 3000  # half a minute at worst
CROWD = 500  # arrows, beyond which shapes stand in the boxes
_SUFFIXES = (*(f".{kind}" for kind in FORMATS), ".dot")
_DPI = 144


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture that is not written to a file yet; a notebook shows it.

    Parameters
    ----------
    scene
        Its boxes and arrows.
    look
        How it is drawn.
    """

    scene: Scene
    look: Look

    @property
    def dot(self) -> str:
        """The picture as DOT text."""
        return dot_text(self.scene, self.look)

    @property
    def svg(self) -> str:
        """The picture as an SVG element.

        Raises
        ------
        DrawError
            If it is too large to lay out, or there is no layout program.
        """
        return element(self._bytes("svg").decode())

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, whole or not at all; see `draw`."""
        target = Path(path)
        kind = target.suffix.lower().removeprefix(".")
        if f".{kind}" not in _SUFFIXES:
            raise DrawError(
                f"no picture is called {target.name!r}",
                origin=here(),
                expected=f"a name that ends in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}",
            )
        write_whole(target, self.dot if kind == "dot" else self._bytes(kind))
        return target

    def _bytes(self, kind: str) -> bytes:
        boxes, arrows = len(self.scene.boxes), len(self.scene.arrows)
        if boxes > MOST_BOXES or arrows > MOST_ARROWS:
            raise DrawError(
                "the picture is too large to lay out",
                origin=here(),
                expected=f"at most {MOST_BOXES} boxes and {MOST_ARROWS} arrows",
                got=f"{boxes} boxes and {arrows} arrows",
                hint="collapse its scopes (collapse=True), leave out single ops (detail='values'), "
                "or write a .dot file, which needs no layout",
            )
        program = engine(kind)
        look = self.look
        if program.embedded:
            # It guesses how wide ∂ is. In an SVG `tidy` puts the text right; else a bold name
            # would have a gap behind it.
            svg = kind == "svg"
            look = replace(look, bold=svg, room=theme.MORE_ROOM if svg else theme.ROOM)
        dpi = _DPI if kind == "png" else None
        columns = len(self.scene.columns) > 1 and look.direction in ("up", "down")
        try:
            drawn = program.draw(dot_text(self.scene, look), kind, dpi, columns)
        except DrawError:
            if look.crowded:
                raise
            # The engines have faults in placing the labels of arrows: without them they succeed.
            look = replace(look, crowded=True)
            drawn = program.draw(dot_text(self.scene, look), kind, dpi, columns)
        return tidy(drawn.decode()).encode() if kind == "svg" else drawn

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        boxes, arrows = len(self.scene.boxes), len(self.scene.arrows)
        return f"<Picture of {self.scene.title!r}: {boxes} boxes, {arrows} arrows>"


@overload
def draw(
    graph: Graph,
    path: None = None,
    *,
    detail: Detail = "values",
    direction: Direction = "up",
    collapse: bool | str | Collection[str] = False,
    rewrites: Sequence[Pass] | None = None,
    legend: bool = False,
) -> Picture: ...
@overload
def draw(
    graph: Graph,
    path: str | Path,
    *,
    detail: Detail = "values",
    direction: Direction = "up",
    collapse: bool | str | Collection[str] = False,
    rewrites: Sequence[Pass] | None = None,
    legend: bool = False,
) -> Path: ...
def draw(
    graph: Graph,
    path: str | Path | None = None,
    *,
    detail: Detail = "values",
    direction: Direction = "up",
    collapse: bool | str | Collection[str] = False,
    rewrites: Sequence[Pass] | None = None,
    legend: bool = False,
) -> Path | Picture:
    """Draw a graph: the forward pass and, facing it, the gradient.

    Inputs are white rectangles, parameters green cylinders, values rounded boxes, and results have
    a double border. A dashed orange arrow is a forward value that is stored and used again by a
    gradient. Shapes stand along the arrows; in a picture of many arrows, in the boxes.

    Parameters
    ----------
    graph
        A network, or the gradient of one.
    path
        Where to write it; the suffix decides: ``.svg``, ``.png``, ``.pdf`` or ``.dot``. None for a
        `Picture`, which a notebook shows.
    detail
        ``"values"``: the values of the generated source, each with its equation. ``"ops"``: every
        node of the graph as it is.
    direction
        Where the data flows: ``"up"``, ``"down"``, ``"right"`` or ``"left"``.
    collapse
        The names of scopes to draw as one box each; True for all scopes.
    rewrites
        The passes to run before. None stands for those of `graphdiff.compile` where ``detail`` is
        ``"values"``, and for none where it is ``"ops"``.
    legend
        Whether to say in the picture what its shapes mean.

    Returns
    -------
    Path or Picture
        Where it was written; the picture, if no path was given.

    Raises
    ------
    DrawError
        If an option is unknown, the picture is too large to lay out (a ``.dot`` file has no such
        limit), or there is no program that draws this kind of file: Graphviz's ``dot`` draws all,
        the engine that comes with graphdiff all but ``.pdf``.
    FileError
        If the file cannot be written.

    Notes
    -----
    DOT text takes time linear in nodes and edges, and the same graph gives the same bytes. The
    layout is the engine's: about a second for 300 boxes. The layered layout is that of Gansner,
    Koutsofios, North & Vo, "A Technique for Drawing Directed Graphs" (1993).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> x, w = g.input("x", ("t",)), g.parameter("w")
    >>> J = g.output("J", np.mean((x * w) ** 2))
    >>> draw(gd.gradient(g, of="J"))
    <Picture of 'line': 6 boxes, 6 arrows>
    """
    _check(graph, detail, direction)
    if rewrites is None:
        rewrites = DEFAULT if detail == "values" and graph.outputs_by_name else ()
    shown = collapsed(scene(rewritten(graph, rewrites), detail), collapse)
    look = Look(direction, legend=legend, crowded=len(shown.arrows) > CROWD)
    picture = Picture(shown, look)
    return picture if path is None else picture.save(path)


def _check(graph: object, detail: str, direction: str) -> None:
    if not isinstance(graph, Graph):
        raise DrawError(
            "only a graph can be drawn", origin=here(), expected="gd.Graph", got=repr(graph)
        )
    for what, value, known in (
        ("detail", detail, get_args(Detail)),
        ("direction", direction, get_args(Direction)),
    ):
        if value not in known:
            raise DrawError(
                f"{what} is {value!r}", origin=here(), expected=" or ".join(map(repr, known))
            )


def mimebundle(
    graph: Graph, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, str]:
    """What a notebook shows of a graph: a picture where it can be drawn, and a line of text."""
    kinds = {"image/svg+xml", "text/plain"}
    if include is not None:
        kinds &= set(include)
    kinds -= set(exclude or ())
    bundle: dict[str, str] = {}
    if "image/svg+xml" in kinds and len(graph) <= 20 * MOST_BOXES:
        try:
            bundle["image/svg+xml"] = draw(graph).svg
        except DrawError:  # too large, or nothing to lay it out with: the text is shown
            kinds.add("text/plain")
    if "text/plain" in kinds:
        bundle["text/plain"] = repr(graph)
    return bundle
