"""How pictures look: colours, shapes and type.

Every kind of box has a shape of its own, so that a picture can be read in grey. The hues are blue,
vermilion, purple and green of one lightness, which the common kinds of colour blindness tell apart;
text stands on its fill with a contrast of at least 7 to 1 (WCAG AAA), small type with 4.5 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FONT = "Helvetica"  # both layout engines know how wide its letters are
SIZE, SMALL = "11", "8"
ROOM, MORE_ROOM = "0.09", "0.17"  # beside a text; more where an engine only guesses its width
FAMILY = "Helvetica,Arial,Liberation Sans,Arimo,Nimbus Sans,sans-serif"  # of like widths
WIDE = 36  # letters of a formula, beyond which it is broken over lines
WIDEST = 48  # the same for a statement within a loop
MOST_LINES = 5
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a column: lines and titles, fill, the frame's ground, edges."""

    ink: str
    fill: str
    ground: str
    edge: str


FORWARD = Palette("#1f4e79", "#dbe9f6", "#f4f8fc", "#4f6478")
GRADIENTS = (
    Palette("#8c3b1f", "#f9dfd5", "#fdf5f2", "#8f5642"),
    Palette("#5f3178", "#eadff2", "#f9f5fb", "#75598a"),
)
PARAMETER = Palette("#2e6b34", "#e3f1e3", "#f5faf5", "#4f6478")
INK = "#1a1a1a"
QUIET = "#4a4a4a"
FAINT = "#8a8a8a"
AGAIN = "#b3640a"

SHAPES: Mapping[str, Mapping[str, str]] = {
    "input": {"shape": "box", "fillcolor": "white"},
    "parameter": {
        "shape": "cylinder",
        "color": PARAMETER.ink,
        "fillcolor": PARAMETER.fill,
    },
    "constant": {"shape": "plain", "style": "", "fontsize": "9", "fontcolor": QUIET},
    "op": {"shape": "box", "style": "filled,rounded"},
    "scope": {"shape": "folder", "penwidth": "1.4"},
}


def palette(column: int) -> Palette:
    """The colours of a column: the forward pass is 0, each gradient has one after it."""
    return GRADIENTS[(column - 1) % len(GRADIENTS)] if column else FORWARD
