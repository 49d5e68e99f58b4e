"""Reverse mode: from a graph to the graph of its gradient, by the grad-table algorithm.

One sweep from the cost to the leaves (Goodfellow et al., *Deep Learning*, algorithm 6.2). Each edge
on a path from a differentiated value to the cost gives one vector-Jacobian product; the products
that meet in a value are added once, and their sum is its *cotangent*.

A contribution to a real value is real: the real part is taken once, as a broadcast is undone once,
for all rules (see `graphdiff.ops.complex_parts`).

Two things are put off for as long as possible, since that makes less work and better code. A
broadcast: the cotangent of a mean stays the scalar factor in ``(2 / t) * e``. And the mask of a
branch that was not taken (see `graphdiff.ops.op.Masked`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from graphdiff.autodiff.control_reverse import Passage, pull_back_through
from graphdiff.autodiff.cotangents import Cotangent, both, total
from graphdiff.autodiff.fitting import broadcast_to, undo_broadcast, with_parts_of
from graphdiff.autodiff.flow import active
from graphdiff.autodiff.naming import add_derivative, refuse_disconnected, root_of, targets_of
from graphdiff.errors import GradientError, here
from graphdiff.graph import numpy_api
from graphdiff.graph.body import results
from graphdiff.graph.dag import Graph
from graphdiff.graph.setting import Marking
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Shape
from graphdiff.ops.op import Masked, Op
from graphdiff.ops.spec import real_dtype


def gradient(
    g: Graph,
    of: str | Tensor,
    wrt: str | Tensor | Sequence[str | Tensor] | None = None,
    disconnected: Literal["raise", "zero", "warn"] = "raise",
) -> Graph:
    """The gradient of a scalar, as a graph; what a user calls is `graphdiff.gradient`.

    That one rewrites the graph before, and says what the arguments and the result are. Linear in
    nodes and edges.
    """
    if disconnected not in ("raise", "zero", "warn"):
        raise GradientError(
            f"disconnected is {disconnected!r}", origin=here(), expected="'raise', 'zero' or 'warn'"
        )
    root_name, root = root_of(g, of)
    targets = targets_of(g, wrt)
    graph = g.copy()
    if root_name not in graph.outputs_by_name:
        graph.output(root_name, graph[root])
        root = graph[root_name].name
    sweep = Sweep(graph, root_name, active(graph, {root}, set(targets.values())))
    if sweep.active:
        with sweep.marking(root):
            one = graph.constant(1.0, dtype=graph.spec(root).dtype)
        sweep.run([(root, one)])
    for name, node in targets.items():
        _add_output(sweep, name, node, disconnected)
    graph.dag.graph["sweeps"] = {
        **graph.dag.graph["sweeps"],
        root_name: {
            "edges": sweep.path_edges(),
            "products": sweep.products,
            "until": graph._declared,
        },
    }
    return graph


def pull_back(
    seeds: Sequence[tuple[Tensor, Tensor]],
    wrt: Sequence[Tensor],
    name: str,
    linear: bool = False,
    cut: Collection[str] = (),
) -> list[Tensor | None]:
    """Add to a graph the cotangents of some of its values, given those of others.

    Parameters
    ----------
    seeds
        Values, all of one graph, each with its cotangent.
    wrt
        The values to find the cotangents of.
    name
        What the new nodes' attribute ``seed`` says.
    linear
        Whether the cotangents found shall be differentiated by those given. The mask of a branch
        that was not taken is then kept, and no zero is looked for in a cotangent.
    cut
        Nodes that nothing flows back through.

    Returns
    -------
    list
        For each of ``wrt`` its cotangent, None where it is zero.

    Notes
    -----
    Cost: linear in what depends on ``wrt``, however large the rest of the graph is.
    """
    graph = wrt[0].graph
    targets = [tensor.name for tensor in wrt]
    among = active(graph, {value.name for value, _ in seeds}, set(targets), cut)
    sweep = Sweep(graph, name, among, linear)
    sweep.run([(value.name, cotangent) for value, cotangent in seeds])
    found: list[Tensor | None] = []
    for node in targets:
        if node not in sweep.table:
            found.append(None)
            continue
        with sweep.marking(node):
            found.append(sweep.whole(node))
    return found


class Sweep:
    """The walk from the roots to the leaves, with the table of cotangents."""

    def __init__(
        self,
        graph: Graph,
        seed: str,
        active: dict[str, tuple[int, ...]],
        linear: bool = False,
    ) -> None:
        self.graph = graph
        self.seed = seed
        self.active = active
        self.linear = linear
        self.products = 0
        self.contributions: dict[str, list[Cotangent]] = {}
        self.table: dict[str, Cotangent] = {}
        self.of: dict[str, list[str]] = {}  # what each value is the cotangent of

    def path_edges(self) -> int:
        """The number of edges that the sweep goes along."""
        return sum(map(len, self.active.values()))

    def run(self, seeds: Iterable[tuple[str, Tensor]]) -> None:
        """Fill the table, given the cotangents of some nodes."""
        for root, given in seeds:
            if root in self.active:
                self.contributions.setdefault(root, []).append(Cotangent(given))
        for node in reversed(self.active):
            if self.graph.op(node).bodies:
                with self.marking(node):
                    self.pull_back_through(node)
            elif node in self.contributions:
                with self.marking(node):
                    cotangent = self.accumulate(node)
                    self.table[node] = cotangent
                    self.pull_back(node, cotangent)
        for name, nodes in self.of.items():
            self.mention(name, nodes)
        self.of.clear()

    def marking(self, node: str) -> Marking:
        """Nodes added within are marked as a gradient's, made for this node."""
        attributes = self.graph.dag._node[node]
        return self.graph.marking(
            phase="gradient",
            scope=attributes["scope"],
            origin=attributes["origin"],
            seed=self.seed,
            via=node,
        )

    def accumulate(self, node: str) -> Cotangent:
        """The sum of a node's contributions, which then knows what it is the cotangent of."""
        parts = self.contributions.pop(node)
        found = parts[0] if len(parts) == 1 else total(parts, linear=self.linear)
        if found.mask is None:
            self.of.setdefault(found.value.name, []).append(node)
        return found

    def whole(self, node: str) -> Tensor:
        """A node's cotangent with nothing put off: of the node's own shape and dtype."""
        spec, value = self.graph.spec(node), self.table[node].settled().value
        if value.dtype != spec.dtype:
            value = value.astype(spec.dtype)
        return broadcast_to(value, spec.shape)

    def mention(self, value: str, nodes: Iterable[str]) -> None:
        """Let a value say what it is the cotangent of."""
        attributes = self.graph.dag._node[value]
        if attributes["phase"] != "forward":  # a cotangent that was given
            attributes["of"] = (*attributes.get("of", ()), *nodes)

    def pull_back(self, node: str, cotangent: Cotangent) -> None:
        """One vector-Jacobian product for each edge of the node that is on a path."""
        graph, op = self.graph, self.graph.op(node)
        if op.name == "result":  # it is taken up where its loop is
            self.products += len(self.active[node])
            return
        if not op.elementwise:
            cotangent = cotangent.settled()
            if not (op.spreads and cotangent.value.ndim == 0):
                value = broadcast_to(cotangent.value, graph.spec(node).shape)
                cotangent = replace(cotangent, value=value)
        names = graph.operands(node)
        operands = [graph[name] for name in names]
        out, params = graph[node], graph.dag._node[node]["params"]
        smooth = op.name == "power" and _is_constant_from_one(operands[1])
        positions = self.active[node]
        products = op.products(positions, cotangent.value, out, operands, params)
        for position, made in zip(positions, products, strict=True):
            self.products += 1
            if cotangent.steep and op.name in _FLAT and out.spec.is_real:
                made = _where_not_flat(made)
            part = self.contribution(op, cotangent, made, operands[position], out.shape, smooth)
            if part is not None:
                self.contributions.setdefault(names[position], []).append(part)

    def pull_back_through(self, node: str) -> None:
        """The products of a loop or a branch, whose results have their cotangents already."""
        graph, positions = self.graph, self.active[node]
        cotangents: dict[int, Tensor] = {}
        for index, users in sorted(results(graph, node).items()):
            for user in users:
                if user in self.table and user in self.active:
                    value = self.whole(user)
                    cotangents[index] = cotangents[index] + value if index in cotangents else value
        self.products += len(positions)
        names = graph.operands(node)
        if not cotangents or not positions:
            return
        found = pull_back_through(
            Passage(graph, node, cotangents, positions, self.seed, self.linear, pull_back)
        )
        for position, value in found.items():
            self.contributions.setdefault(names[position], []).append(Cotangent(value))

    def contribution(
        self,
        op: Op,
        cotangent: Cotangent,
        made: Any,
        operand: Tensor,
        shape: Shape,
        smooth: bool = False,
    ) -> Cotangent | None:
        """What a rule returned, as a contribution to its operand; None where it is zero.

        ``smooth`` says that no derivative is infinite here, though the op has such.
        """
        mask = cotangent.mask
        if isinstance(made, Masked):
            mask = made.mask if mask is None else both(mask, made.mask)
            made = made.value
        if not isinstance(made, Tensor):  # a literal zero
            return None
        guarded = cotangent.branched and op.singular and not self.linear and not smooth
        if mask is None and guarded and made.name != cotangent.value.name:
            made = numpy_api.where(cotangent.value == 0, 0.0, made)
        steep = (op.singular and not smooth) or (cotangent.steep and op.name in _SCALING)
        part = Cotangent(with_parts_of(made, operand), mask, cotangent.branched, steep)
        full = shape if op.elementwise else made.shape
        if full != operand.shape:
            part = part.settled()
            part = replace(part, value=undo_broadcast(part.value, full, operand.shape))
        dtype = operand.dtype if part.value.dtype.kind == "c" else real_dtype(operand.dtype)
        if part.value.dtype != dtype:
            part = replace(part, value=part.value.astype(dtype))
        return part


def _is_constant_from_one(exponent: Tensor) -> bool:
    """Whether a power has a finite slope wherever it is finite."""
    return exponent.op == "constant" and bool(np.all(np.real(exponent.params["value"]) >= 1))


# Ops that are flat on a side of a kink: a slope of 0 there, times an infinite one, is still 0.
_FLAT = frozenset({"abs", "hard_tanh", "max", "maximum", "min", "minimum", "relu"})
_SCALING = frozenset({"multiply", "negative"})


def _where_not_flat(made: Any) -> Any:
    """A product with the slope of an op that may be flat, where that slope is not 0."""
    if made.op == "where":  # of two values: half at a tie
        tie, _, beside = made.operands
        return Masked(made, np.logical_or(tie, beside.operands[1]))
    if made.op != "multiply":
        return made
    cotangent, slope = made.operands
    return Masked(cotangent, slope) if slope.dtype == np.bool_ else Masked(made, slope != 0)


def _add_output(sweep: Sweep, name: str, node: str, disconnected: str) -> None:
    graph, seed = sweep.graph, sweep.seed
    spec = graph.spec(node)
    with sweep.marking(node):
        found = sweep.table.get(node)
        if found is not None:
            value = sweep.whole(node)
            if value.name != found.value.name:
                sweep.mention(value.name, [node])
        else:
            if node not in sweep.active:
                refuse_disconnected(graph, seed, node, disconnected)
            value = broadcast_to(graph.constant(0.0, dtype=spec.dtype), spec.shape)
            sweep.mention(value.name, [node])
    add_derivative(graph, seed, name, value)
