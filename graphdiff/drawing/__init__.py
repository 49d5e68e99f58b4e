"""Pictures of a graph at any stage."""

from graphdiff.drawing.pictures import Picture, draw, mimebundle

__all__ = ["Picture", "draw", "mimebundle"]
