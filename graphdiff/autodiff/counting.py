"""How many paths a derivative is a sum over, and what the sum costs when nothing is shared.

The chain rule in full is a sum over all paths from a value to the cost, each term the product of
the derivatives along its path. There may be exponentially many; reverse mode forms one product for
each *edge*. Both numbers are found here by dynamic programming: no path is ever walked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphdiff.autodiff.flow import Edge, edges_between
from graphdiff.autodiff.growth import growth
from graphdiff.autodiff.naming import only_of_graphs
from graphdiff.charts import BLUE, ORANGE, Chart
from graphdiff.errors import DrawError, GradientError, GraphError, here, near
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension, evaluate_dimension

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LEVELS = 256


@dataclass(frozen=True)
class Blowup:
    """What the sum over paths costs beside the reverse sweep, made by `graphdiff.blowup`.

    Parameters
    ----------
    of, wrt
        What is differentiated, and by what.
    paths
        The number of paths from ``wrt`` to ``of``.
    multiplications
        What the sum over paths takes when every path is multiplied out by itself: an int, or a
        formula in named dimensions. For scalars the sum over the paths of (edges - 1).
    products
        The vector-Jacobian products of the reverse sweep: one for each edge on a path.
    sweep
        The multiplications of these products. For scalars it equals ``products``.
    longest
        The number of edges of the longest path.
    levels
        How both grow with depth: for each number of edges of the longest path from ``wrt``, from 0
        on, the paths from ``wrt`` to the values there, and the products up to there. At most the
        first 256.
    """

    of: str
    wrt: str
    paths: int
    multiplications: Dimension
    products: int
    sweep: Dimension
    longest: int
    levels: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    @cached_property
    def growth(self) -> Any:
        """The number of paths at depth ``d`` in closed form, a sympy expression.

        For a network of layers of w values, each a function of all w before it, it is ``w**d``. The
        last depth is left out, where the paths only come together. None if the numbers follow no
        linear recurrence of few terms that is confirmed by the others; the formula is exact for
        every depth that there is.
        """
        ends = len(self.levels) == self.longest + 1
        return growth([paths for paths, _ in self.levels[: -1 if ends else None]])

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw a chart; with a path write it to that file: .svg, .png or .pdf.

        Paths and products of the reverse sweep over depth, on a logarithmic axis. It takes
        matplotlib, the extra ``[plot]``.

        Raises
        ------
        DrawError
            If matplotlib is missing, the suffix is another, or there is no path.
        FileError
            If the file cannot be written.
        """
        if not self.paths or not self.longest:
            raise DrawError(f"there is no path from {self.wrt!r} to {self.of!r} to draw")
        with Chart(path, (6.4, 4.0)) as chart:
            _draw(chart.axes[0], self)
        return chart.figure

    @property
    def ratio(self) -> float:
        """How many times the multiplications of the sweep the sum over paths takes.

        It is infinite where a float cannot hold it, and NaN where there are no paths.

        Raises
        ------
        GradientError
            If the costs have named dimensions in them; ``sizes=`` gives these a length.
        """
        if isinstance(self.multiplications, str) or isinstance(self.sweep, str):
            raise GradientError(
                "the ratio depends on the named dimensions",
                origin=here(), got=f"{self.multiplications} / {self.sweep}",
                hint="give their lengths: gd.blowup(..., sizes={'t': 32})",
            )  # fmt: skip
        if not self.sweep:
            return math.nan
        try:
            return self.multiplications / self.sweep
        except OverflowError:
            return math.inf

    def __repr__(self) -> str:
        return (
            f"<Blowup d{self.of}/d{self.wrt}: {short(self.paths)} "
            f"path{'' if self.paths == 1 else 's'}, "
            f"{short(self.multiplications)} multiplications; "
            f"the reverse sweep {self.products} products>"
        )


def count_paths(g: Graph, u: str | Tensor, v: str | Tensor) -> int:
    """The number of paths from one value to another along which a derivative flows.

    Parameters
    ----------
    g
        The network.
    u, v
        Where the paths begin and end: names or tensors.

    Returns
    -------
    int
        Exact, however large. It is 0 where ``v`` does not depend on ``u``, and 1 where they are the
        same value (the path without an edge). ``x * x`` has two edges from ``x``, so two paths.

    Raises
    ------
    GraphError
        If there is no such value.

    Notes
    -----
    An edge counts where the gradient goes along it: both ends are floats and the op has a
    derivative by that operand. The condition of a ``where`` or an index does not count. Linear in
    the nodes and edges after ``u`` (Goodfellow et al., *Deep Learning*, 2016, section 6.5.3).

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph("squares")
    >>> z = g.input("w")
    >>> for _ in range(100):
    ...     z = z * z
    >>> gd.count_paths(g, "w", z) == 2**100
    True
    """
    source, root = named(g, u), named(g, v)
    return _from(source, edges_between(g, [source], [root])).get(root, 0)


def blowup(
    g: Graph, of: str | Tensor, wrt: str | Tensor, sizes: Mapping[str, int] | None = None
) -> Blowup:
    """What the derivative costs as a sum over paths, and what it costs in reverse mode.

    Parameters
    ----------
    g
        The network.
    of
        The scalar to differentiate: a name or a tensor.
    wrt
        What to differentiate by: a name or a tensor, of any shape.
    sizes
        The lengths of named dimensions. Without it the costs are formulas in them.

    Returns
    -------
    Blowup
        With ``.paths``, ``.multiplications``, ``.products``, ``.sweep`` and ``.ratio``.

    Raises
    ------
    GraphError
        If there is no such value.
    GradientError
        If ``of`` is not a scalar.

    Notes
    -----
    A path is multiplied out from the cost on, a row vector times one Jacobian after the other; the
    first Jacobian is that row vector and costs nothing. A product with the Jacobian of an op with
    m results and n operands' elements costs m n multiplications, and m where the op is
    element-wise (its Jacobian is diagonal) or moves elements only. So a path of k scalars' edges
    costs k - 1. The sum over all paths is the sum over edges of their cost times the number of
    paths through them, which needs one pass in either direction: linear in nodes and edges.
    Griewank & Walther, *Evaluating Derivatives* (2008), chapter 3; Goodfellow et al., *Deep
    Learning* (2016), section 6.5.3.

    Examples
    --------
    Three layers of two values each, every value a function of all of the layer before: 2³ paths of
    4 edges, but only 12 edges.

    >>> import graphdiff as gd
    >>> g = gd.Graph("layers")
    >>> w = g.input("w")
    >>> layer = [w * 1.0, w * 2.0]
    >>> for _ in range(2):
    ...     layer = [layer[0] + layer[1], layer[0] * layer[1]]
    >>> z = g.output("z", layer[0] * layer[1])
    >>> gd.blowup(g, of="z", wrt="w")
    <Blowup dz/dw: 8 paths, 24 multiplications; the reverse sweep 12 products>
    """
    source, root = named(g, wrt), named(g, of)
    if g.spec(root).ndim:
        raise GradientError(
            "only a scalar has a gradient",
            node=root, op=g[root].op, origin=g[root].origin,
            expected="shape ()", got=repr(g.spec(root)),
            hint="differentiate np.sum(...) of it",
        )  # fmt: skip
    edges = edges_between(g, [source], [root])
    before, after, longest = _from(source, edges), {root: 1}, {source: 0}
    for node, _, operand in edges:
        after[operand] = after.get(operand, 0) + after[node]
    for node, _, operand in reversed(edges):
        longest[node] = max(longest.get(node, 0), longest[operand] + 1)
    naive: dict[Dimension, int] = {}
    swept: dict[Dimension, int] = {}
    for node, _, operand in edges:
        cost = _product_cost(g, node, operand)
        swept[cost] = swept.get(cost, 0) + 1
        if node != root:
            naive[cost] = naive.get(cost, 0) + before[operand] * after[node]
    return Blowup(
        of=_label(g, of, root),
        wrt=_label(g, wrt, source),
        paths=before.get(root, 0),
        multiplications=_total(naive, sizes),
        products=len(edges),
        sweep=_total(swept, sizes),
        longest=longest.get(root, 0),
        levels=_levels(before, longest, edges),
    )


def _levels(
    before: Mapping[str, int], longest: Mapping[str, int], edges: Iterable[Edge]
) -> tuple[tuple[int, int], ...]:
    """For each depth the number of paths to the values there, and of the edges up to there."""
    deepest = min(max(longest.values(), default=0), _MOST_LEVELS - 1)
    paths, products = [0] * (deepest + 1), [0] * (deepest + 1)
    for node, depth in longest.items():
        if depth <= deepest:
            paths[depth] += before[node]
    for node, _, _ in edges:
        if longest[node] <= deepest:
            products[longest[node]] += 1
    return tuple(zip(paths, accumulate(products), strict=True))


def _draw(axes: Any, found: Blowup) -> None:
    """The number of paths and of products over depth, as powers of ten."""
    depths = range(1, len(found.levels))
    paths, products = zip(*found.levels[1:], strict=True)
    powers = [math.log10(number) for number in paths]
    axes.plot(depths, powers, "o-", color=ORANGE, markersize=3.5, label="paths: the naive sum")
    powers = [math.log10(number) for number in products]
    axes.plot(depths, powers, "s-", color=BLUE, markersize=3, label="edges: the reverse sweep")
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    axes.set_xlabel(f"depth (edges from {found.wrt})")
    axes.set_ylabel("number")
    count = short(found.paths)
    axes.set_title(f"d{found.of}/d{found.wrt}: {count} paths, {found.products:,} edges")
    axes.legend(loc="upper left")


def named(g: Graph, item: object) -> str:
    """The node that a name or a tensor stands for."""
    only_of_graphs(g)
    if isinstance(item, Tensor):
        if item.graph is not g:
            raise GraphError("a tensor of another graph", origin=here(), got=repr(item))
        return item.name
    if not isinstance(item, str):
        raise GraphError(
            f"{item!r} does not name a value", origin=here(), expected="a name or a Tensor"
        )
    if item not in g:
        raise GraphError(
            f"there is no node {item!r} in {g.name!r}", origin=here(), hint=near(item, g.dag)
        )
    return g[item].name


def _label(g: Graph, item: object, node: str) -> str:
    return item if isinstance(item, str) else node


def _from(source: str, edges: list[Edge]) -> dict[str, int]:
    """The number of paths from a node to each."""
    count = {source: 1}
    for node, _, operand in reversed(edges):
        count[node] = count.get(node, 0) + count[operand]
    return count


def _product_cost(g: Graph, node: str, operand: str) -> Dimension:
    """The multiplications of a row vector times the Jacobian of one edge."""
    op, out, given = g.op(node), g.spec(node), g.spec(operand)
    if op.elementwise or op.view:
        return out.size
    return out.size * given.size


def _total(counts: Mapping[Dimension, int], sizes: Mapping[str, int] | None) -> Dimension:
    total: Dimension = 0
    for cost, times in counts.items():
        if sizes is not None:
            cost = evaluate_dimension(cost, sizes)
        total = total + cost * times
    return total


def short(number: Dimension) -> str:
    """A number to read: in full up to 15 digits, else rounded."""
    if isinstance(number, str):
        return str(number)
    if number < 10**15:
        return f"{number:,}".replace(",", " ")
    digits = int(math.log10(number))
    return f"about {number // 10 ** (digits - 2) / 100:.2f}e{digits}"
