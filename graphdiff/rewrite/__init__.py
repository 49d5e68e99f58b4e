"""Equal graphs that cost less and read better.

A pass is a function from graph to graph that leaves its argument alone. `DEFAULT` is the visible
tuple of those that `graphdiff.compile` runs; any tuple of passes may be given in its place.
"""

from __future__ import annotations

from collections.abc import Callable

from graphdiff.graph.dag import Graph
from graphdiff.rewrite.algebra import simplify
from graphdiff.rewrite.sharing import prune, share

Pass = Callable[[Graph], Graph]

DEFAULT: tuple[Pass, ...] = (prune, share, simplify, share)
