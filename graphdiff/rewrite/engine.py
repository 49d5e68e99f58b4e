"""One worklist sweep that applies rules to a copy of a graph until none fits.

A rule looks at a tensor and its operands and returns a tensor that may stand in its place, or None.
It is written with operators and NumPy functions, which add the nodes it needs; what becomes dead is
removed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from graphdiff.errors import GraphError
from graphdiff.graph.body import bodies_of
from graphdiff.graph.dag import Graph
from graphdiff.graph.origin import ends_a_line
from graphdiff.graph.tensor import Tensor

Rule = Callable[..., Tensor | None]
Rules = Callable[[str, tuple[str, ...]], Sequence[Rule]]
Pass = Callable[[Graph], Graph]

_INHERITED = ("phase", "scope", "origin", "seed", "via")


class Draft:
    """A copy of a graph in which nodes give way to others.

    What gradient nodes say of forward ones (``of``, ``via``) is put right by `settled`. The
    variable of the user's line stays with the value that the line gave to it, and is taken off the
    parts of that value, which may be put together otherwise.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph.copy()
        self.dag = self.graph.dag
        self.became: dict[str, str] = {}  # since the draft was settled, what stands for what
        parts = [n for n, a in self.dag._node.items() if "local" in a]
        for node in [n for n in parts if not ends_a_line(self.dag, n)]:
            del self.dag._node[node]["local"]
        self.loops = any(a["spec"].parts for a in self.dag._node.values())  # or branches
        self.outputs: dict[str, list[str]] = {}  # what each node is returned as
        for output, node in self.graph.outputs_by_name.items():
            self.outputs.setdefault(node, []).append(output)
        self.in_order = True  # a copy is; nodes that come later or take another name stand last
        self.touched: set[str] | None = None  # where known, what differs from when it was shared

    def order(self) -> list[str]:
        """The nodes in topological order."""
        return list(self.dag) if self.in_order else self.graph.order()

    def replace(self, node: str, replacement: str) -> str:
        """Put one node in another's place; returns the name that it then has.

        Users and outputs move over, and so does the user's name where the replacement has none.
        What nobody uses any more is removed.
        """
        dag = self.dag
        old, new = dag._node[node], dag._node[replacement]
        if self.touched is not None:
            self.touched.update((replacement, *dag._succ[node]))
        for user, keys in list(dag._succ[node].items()):
            for key in list(keys):
                dag.remove_edge(node, user, key)
                dag.add_edge(replacement, user, key)
        self._move_outputs(node, replacement)
        new["declared"] = min(new["declared"], old["declared"])  # its place in the order
        if "of" in old and new["phase"] == "gradient":
            new["of"] = tuple(dict.fromkeys((*new.get("of", ()), *old["of"])))
        if old.get("policy") == "keep":
            new["policy"] = "keep"
        if "local" in old and new["phase"] == old["phase"]:
            new.setdefault("local", old["local"])
        self.remove_dead([node])
        self.became.pop(replacement, None)  # what had that name before is of no account any more
        self.became[node] = replacement
        if old["named"] and not new["named"] and node not in dag:
            returned = self.outputs.pop(replacement, [])
            self.graph._rename(replacement, node, returned)
            self.in_order = False
            if returned:
                self.outputs[node] = returned
            del self.became[node]
            self.became[replacement] = node
            if self.touched is not None:
                self.touched.update((node, *dag._succ[node]))
            return node
        return replacement

    def _move_outputs(self, node: str, replacement: str) -> None:
        moved = self.outputs.pop(node, [])
        if moved:
            self.outputs.setdefault(replacement, []).extend(moved)
            self.graph.outputs_by_name.update(dict.fromkeys(moved, replacement))

    def settled(self) -> Graph:
        """The graph, in which nodes mention what stands in the place of others now."""
        became = self.became
        if became:
            for attributes in self.dag._node.values():
                of = attributes.get("of", ())
                if not became.keys().isdisjoint(of):
                    attributes["of"] = tuple(dict.fromkeys(map(self._now, of)))
                if attributes.get("via") in became:
                    attributes["via"] = self._now(attributes["via"])
            became.clear()
        return self.graph

    def _now(self, node: str) -> str:
        """What stands in the place of a node. Cost: constant on average, as paths get shorter."""
        passed = []
        while node in self.became:
            passed.append(node)
            node = self.became[node]
        self.became.update(dict.fromkeys(passed, node))
        return node

    def remove_dead(self, candidates: Iterable[str]) -> None:
        """Remove those of the nodes that nobody uses, and what they alone used."""
        dag, outputs = self.dag, self.outputs
        stack = list(candidates)
        while stack:
            node = stack.pop()
            if node not in dag._node or dag._succ[node] or node in outputs:
                continue
            if dag._node[node]["op"] in ("input", "parameter"):
                continue
            stack.extend(dag._pred[node])
            dag.remove_node(node)


@dataclass(frozen=True, slots=True)
class InPlace:
    """A pass that is made of edits to a draft; calling it leaves its argument alone.

    Several in a row are run on one copy; see `rewritten`. Where ``tables`` are given and none of
    their rules may fit, there is nothing to edit.
    """

    edit: Callable[[Draft], None]
    tables: tuple[Rules, ...] = ()

    def changes(self, graph: Graph) -> bool:
        """Whether the pass may find something to do outside of loops and branches."""
        if not self.tables:
            return True
        nodes = graph.dag._node
        kinds = {
            (nodes[node]["op"], *[nodes[source]["op"] for source in sources])
            for node, sources in graph.dag._pred.items()
        }
        return any(table(op, tuple(rest)) for op, *rest in kinds for table in self.tables)

    def __call__(self, graph: Graph) -> Graph:
        """The graph that comes out of the edits."""
        draft = Draft(graph)
        self.edit(draft)
        return draft.settled()

    @property
    def __name__(self) -> str:
        return self.edit.__name__

    def __repr__(self) -> str:
        return f"<pass {self.__name__}>"


def in_place(edit: Callable[[Draft], None]) -> InPlace:
    """Make a pass of a function that edits a draft."""
    return InPlace(edit)


def sweeping(*tables: Rules) -> Callable[[Callable[[Draft], None]], InPlace]:
    """Make a pass of a function that does nothing but sweep with these tables."""
    return lambda edit: InPlace(edit, tables)


def rewritten(graph: Graph, passes: Iterable[Pass]) -> Graph:
    """The graph after the passes, one after the other. It is not changed itself.

    Each pass is applied to the graphs inside it first.

    Raises
    ------
    GraphError
        If the passes are none.
    """
    passes = list(passes) if isinstance(passes, Iterable) else [passes]
    for one in passes:
        if not isinstance(one, InPlace) and not callable(one):
            raise GraphError(
                "the rewrites are no passes", got=repr(one),
                expected="functions from graph to graph, or () for none",
            )  # fmt: skip
    draft: Draft | None = None
    loops = bool(loops_of(graph))
    for one in passes:
        if isinstance(one, InPlace):
            if not (loops or one.changes(graph)):
                continue
            draft = draft or Draft(graph)
            if loops:
                _within(draft.graph, one)
            one.edit(draft)
            graph = draft.graph
        else:
            if draft is not None:
                graph, draft = draft.settled(), None
            if loops:
                graph = graph.copy()
                _within(graph, one)
            graph = one(graph)
    return graph if draft is None else draft.settled()


def loops_of(graph: Graph) -> list[str]:
    """The nodes that hold graphs, in order."""
    found = {node for node, facts in graph.dag._node.items() if facts["spec"].parts}
    return [node for node in graph.order() if node in found] if found else []


def _within(graph: Graph, one: Pass) -> None:
    """Apply a pass to the graphs inside a graph."""
    for node in loops_of(graph):
        facts = graph.dag._node[node]
        bodies = bodies_of(graph.op(node), facts["params"])
        changed = {key: rewritten(body, (one,)) for key, body in bodies.items()}
        facts["params"] = {**facts["params"], **changed}


def sweep(draft: Draft, *tables: Rules) -> None:
    """Apply rules until none fits any more.

    Parameters
    ----------
    draft
        What to rewrite.
    tables
        Each gives the rules to try on a node, first to last, for its op and those of its operands,
        which come in any order.

    Notes
    -----
    Linear in nodes and edges for rules that look at a bounded neighbourhood. How often each rule
    was applied stands in the graph's attribute ``rewrites``.
    """
    dag = draft.dag
    nodes = dag._node
    fired = Counter(dag.graph.get("rewrites", {}))
    queue = deque(draft.order())
    waiting: set[str] = set()  # again, after a change
    known: dict[tuple[str, ...], list[Rule]] = {}
    while queue:
        node = queue.popleft()
        waiting.discard(node)
        if node not in nodes:
            continue
        kind = (nodes[node]["op"], *[nodes[source]["op"] for source in dag._pred[node]])
        rules = known.get(kind)
        if rules is None:
            rules = [rule for table in tables for rule in table(kind[0], kind[1:])]
            known[kind] = rules
        found = _first(draft.graph, node, rules) if rules else None
        if found is None:
            continue
        rule, replacement, added = found
        fired[rule] += 1
        if draft.touched is not None:
            draft.touched.update(added)
        draft.in_order = False
        users, sources = list(dag._succ[node]), list(dag._pred[node])
        kept = draft.replace(node, replacement)
        again = [kept if entry == replacement else entry for entry in added]
        # Some rules want a value that is used once, which some operands may be only now.
        left = [next(iter(dag._succ[s])) for s in sources if s in dag and len(dag._succ[s]) == 1]
        for entry in (*again, *users, *left):
            if entry in dag and entry not in waiting:
                waiting.add(entry)
                queue.append(entry)
    dag.graph["rewrites"] = dict(fired)


def _first(graph: Graph, node: str, rules: Sequence[Rule]) -> tuple[str, str, list[str]] | None:
    """The first rule that fits a node, its replacement, and the nodes that were added for it."""
    nodes = graph.dag._node
    count, attributes = len(nodes), nodes[node]
    marks = {key: attributes[key] for key in _INHERITED if key in attributes}
    if attributes.get("policy") == "recompute":
        marks["policy"] = "recompute"
    tensor = Tensor(graph, node)
    operands = tensor.operands
    with graph.marking(**marks):
        for rule in rules:
            replacement = rule(tensor, *operands)
            added = _last(graph, len(nodes) - count) if len(nodes) > count else []
            if replacement is not None:
                return rule.__name__, replacement.name, added
            if added:
                graph.dag.remove_nodes_from(added)
    return None


def _last(graph: Graph, count: int) -> list[str]:
    """The last nodes that were added, in order of insertion."""
    nodes = reversed(graph.dag._node)
    return [next(nodes) for _ in range(count)][::-1]
