"""Pictures of a graph at any stage, and its formulas."""

from graphdiff.drawing.latex import Formulas, latex
from graphdiff.drawing.pictures import Picture, draw, mimebundle

__all__ = ["Formulas", "Picture", "draw", "latex", "mimebundle"]
