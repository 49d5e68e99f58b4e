"""Equal graphs that cost less, read better, or keep more digits.

A pass is a function from graph to graph that leaves its argument alone. `STABLE` is the visible
tuple of those that `graphdiff.gradient` runs before it differentiates, `DEFAULT` of those that
`graphdiff.compile` runs; any tuple of passes may be given in their place.
"""

from __future__ import annotations

from graphdiff.rewrite.algebra import simplify
from graphdiff.rewrite.engine import Pass as Pass
from graphdiff.rewrite.engine import rewritten as rewritten
from graphdiff.rewrite.products import order
from graphdiff.rewrite.sharing import prune, share
from graphdiff.rewrite.stabilise import stabilise

STABLE: tuple[Pass, ...] = (stabilise, order)
DEFAULT: tuple[Pass, ...] = (prune, share, simplify, share)
