"""Where the fast style puts results: into arrays that are needed no more.

An element-wise call may write over an operand that it is the last to read. Any other result goes
into the memory of a value of its shape that is dead, if there is one. Small arrays live from call
to call no longer than a call lasts; large ones, and those whose size is not known, are taken from a
workspace, which can be handed in again. What leads to an output by such calls is computed in the
array that the caller gave for the output, from the first of them on; or from the one that is the
last to read an argument of that form, whose place the output may take.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphdiff.graph.dag import SOURCES
from graphdiff.lower.liveness import Memory
from graphdiff.lower.program import Step, Value
from graphdiff.ops.spec import Spec

SMALL = 16 * 1024  # bytes, below which an array is not worth a place in the workspace


@dataclass(frozen=True, slots=True)
class Buffers:
    """Where the results of the steps go.

    Parameters
    ----------
    stores
        For each step the text of the array that its result is put into, "" for a new one.
    workspace
        The arrays of the workspace by their variables.
    views
        For variables that show memory of another one in another shape, that other one.
    begins
        For outputs that go into an array of the caller's, the step that is the first to write it.
    """

    stores: tuple[str, ...]
    workspace: Mapping[str, Spec] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    begins: Mapping[str, int] = field(default_factory=dict)


def planned(memory: Memory, steps: Sequence[Step]) -> Buffers:
    """Buffers for the steps of a plan, whose memory stays what the plan says.

    A result takes the place of a value that was freed just before it is computed, unless something
    that is still there may be a view of it: a plan counts a reshaped array as one of its own where
    NumPy may have to copy.
    """
    stores: list[str] = []
    freed: list[Value] = []
    seen: dict[int, set[int]] = {}  # for memory by its owner, what is there and shows it
    for (action, _), node in zip(steps, memory.numbers(steps), strict=True):
        value, showing = memory.values[node], seen.setdefault(memory.owner[node], set())
        if action == "free":
            showing.discard(node)
            freed.append(value)
            stores.append("")
            continue
        fits = (v for v in freed if v.spec == value.spec and v.row in memory.own)
        unseen = (v for v in fits if not seen[v.row])
        found = next(unseen, None) if node in memory.own else None
        stores.append(found.name if found is not None else "")
        showing.add(node)
        freed = []
    return Buffers(tuple(stores))


def assigned(
    memory: Memory, steps: Sequence[Step], outs: Mapping[str, str], *, workspace: bool
) -> Buffers:
    """Buffers for steps in an order in which nothing is computed twice.

    Parameters
    ----------
    memory, steps
        What is computed, and when.
    outs
        For outputs that the caller may have an array for, the text of it.
    workspace
        Whether large arrays are taken from one.
    """
    return _Assignment(memory, steps, outs, workspace).buffers()


def unread(buffers: Buffers, memory: Memory, steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    """For outputs in arrays of the caller's, the arguments that are read no more by then.

    At the first step that writes the array an argument may still be an operand, if the step works
    element by element: then it is read before it is written over.
    """
    rows, owner = memory.program.rows, memory.owner
    nodes = memory.numbers(steps)
    last = memory.reads(nodes)
    arguments: dict[Spec, list[int]] = {}
    for argument in map(rows.number.__getitem__, memory.program.arguments):
        if argument not in memory.kept:
            arguments.setdefault(rows.facts[argument]["spec"], []).append(argument)
    found: dict[str, tuple[str, ...]] = {}
    for output, begin in buffers.begins.items():
        node, spec = nodes[begin], memory.values[rows.number[output]].spec
        elementwise = rows.ops[node].elementwise
        operands = rows.operands[node]
        other = {owner[o] for o in operands if owner[o] != o or not elementwise}
        other |= {o for o in memory.sees[node] if o not in operands}  # of what is fused with it
        found[output] = tuple(
            rows.names[argument]
            for argument in arguments.get(spec, ())
            if last.get(argument, -1) <= begin - (argument in other)
        )
    return found


class _Assignment:
    def __init__(
        self, memory: Memory, steps: Sequence[Step], outs: Mapping[str, str], workspace: bool
    ) -> None:
        self.program, self.memory = memory.program, memory
        self.nodes = memory.numbers(steps)
        number = self.program.rows.number
        self.outs = {number[output]: text for output, text in outs.items()}
        self.large = workspace
        self.place: dict[int, str] = {}  # the variable of each value's array
        self.free: dict[Any, list[str]] = {}  # arrays that nothing is in, by what fits in
        self.idle: dict[Any, list[tuple[int, str]]] = {}  # those of the workspace of known sizes
        self.workspace: dict[str, Spec] = {}
        self.views: dict[str, str] = {}
        self.shapes: dict[tuple[str, Spec], str] = {}
        self.dying: dict[int, list[int]] = {}  # by the step that is the last to see them
        self.last = memory.reads(self.nodes)
        for node, i in self.last.items():
            if node in memory.own and node not in memory.kept:
                self.dying.setdefault(i, []).append(node)
        self.leads, self.first = self._ways()

    def buffers(self) -> Buffers:
        stores: list[str] = []
        begins: dict[str, int] = {}
        for i, node in enumerate(self.nodes):
            if node in self.first:
                begins[self.program.rows.names[self.first[node]]] = i
            dead = self.dying.get(i, [])
            stores.append(self._store(node, dead))
            for other in dead:
                if other in self.place:
                    self._release(other)
        return Buffers(tuple(stores), self.workspace, self.views, begins)

    def _ways(self) -> tuple[dict[int, int], dict[int, int]]:
        """For values that lead to an output the next on the way; for the first ones, the output."""
        leads: dict[int, int] = {}
        first: dict[int, int] = {}
        if not self.outs:
            return leads, first
        places = {node: i for i, node in enumerate(self.nodes) if node in self.memory.own}
        for output in self.outs:
            node: int | None = output
            while node in places:
                last = node
                node = None
                if not self._ends_an_argument(last, places[last]):
                    node = self._operand(last, self.dying.get(places[last], []), places)
                if node is not None:
                    leads[node] = last
                else:
                    first[last] = output
        return leads, first

    def _ends_an_argument(self, node: int, step: int) -> bool:
        """Whether an element-wise call is the last to read an argument like its result.

        The caller may want the output in the place of that argument, as a step of training does: it
        must not be written over before.
        """
        rows, spec = self.program.rows, self.memory.values[node].spec
        return rows.ops[node].elementwise and any(
            rows.ops[operand].name in SOURCES
            and rows.facts[operand]["spec"] == spec
            and self.last[operand] == step
            for operand in rows.operands[node]
        )

    def _store(self, node: int, dead: list[int]) -> str:
        if node not in self.memory.own:
            return ""
        value = self.memory.values[node]
        if node in self.first:
            self.place[node] = value.name
            return self.outs[self.first[node]]
        over = None
        if self.leads:
            over = next((o for o in dead if self.leads.get(o) == node), None)
            dead = [o for o in dead if o not in self.leads]
        if over is None:
            over = self._operand(node, dead, self.place)
        if over is not None:
            self.place[node] = self.place.pop(over)
        elif self.large and node not in self.memory.kept and not is_small(value.spec):
            self.place[node] = self._slot(value.spec)
        elif self.free.get(value.spec):
            self.place[node] = self.free[value.spec].pop()
        else:
            self.place[node] = value.name
            return ""
        return self.place[node]

    def _operand(self, node: int, dead: list[int], places: Container[int]) -> int | None:
        """An operand that an element-wise call may write over, of those that have a place."""
        rows, kept = self.program.rows, node in self.memory.kept
        if not dead or not rows.ops[node].elementwise:
            return None
        operands, spec = rows.operands[node], self.memory.values[node].spec
        behind = [self.memory.owner[operand] for operand in operands]
        for operand in operands:
            if (
                operand in dead
                and operand in places
                and rows.facts[operand]["spec"] == spec
                and behind.count(operand) == operands.count(operand)
                and not (kept and self.place.get(operand) in self.workspace)
            ):
                return operand
        return None

    def _slot(self, spec: Spec) -> str:
        """An array of the workspace that is free, or a new one, in the right shape."""
        first = self._free_slot(spec)
        if first is None:
            name = self.program.names.helper(f"buf{len(self.workspace) + 1}")
            self.workspace[name] = spec
            self.shapes[name, spec] = name
            return name
        if (first, spec) not in self.shapes:
            name = self.program.names.helper(f"{first}_")
            self.views[name] = first
            self.workspace[name] = spec
            self.shapes[first, spec] = name
        return self.shapes[first, spec]

    def _free_slot(self, spec: Spec) -> str | None:
        """The least free array of the workspace that is large enough, and not twice too large."""
        if not isinstance(spec.nbytes, int):
            free = self.free.get((spec.nbytes, spec.dtype))
            return free.pop() if free else None
        idle = self.idle.get(spec.dtype, [])
        i = bisect_left(idle, (spec.nbytes, ""))
        if i < len(idle) and idle[i][0] <= 2 * spec.nbytes:
            return idle.pop(i)[1]
        return None

    def _release(self, node: int) -> None:
        """Let others have a dead value's array."""
        name, spec = self.place.pop(node), self.memory.values[node].spec
        if name in self.workspace:
            first = self.views.get(name, name)
            nbytes = self.workspace[first].nbytes
            if isinstance(nbytes, int):
                insort(self.idle.setdefault(spec.dtype, []), (nbytes, first))
            else:
                self.free.setdefault((nbytes, spec.dtype), []).append(first)
        else:
            self.free.setdefault(spec, []).append(name)


def is_small(spec: Spec) -> bool:
    """Whether an array is known to be too small for the workspace."""
    return isinstance(spec.nbytes, int) and spec.nbytes < SMALL
