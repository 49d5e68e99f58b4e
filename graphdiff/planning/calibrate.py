"""`calibrate`: how long each op takes on this machine, measured once and kept by the user."""

from __future__ import annotations

import json
import math
import platform
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import FileError, GraphdiffError, PlanError, near
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.files import write_whole
from graphdiff.ops import OPS
from graphdiff.ops.dimension import evaluate_dimension
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec
from graphdiff.planning.loops import evaluated, runs

FORMAT, VERSION = "graphdiff costs", 1

LIKE = "add"
"""The op that stands for those which could not be measured: it moves memory and little else."""

_SIDES = (1, 16, 64, 256, 512, 1024)  # of the square arrays that are measured
_LONG = 0.004  # seconds of one evaluation, beyond which no larger array is tried
_SAMPLE = 0.001  # seconds that one sample takes at least

Times = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class CostModel:
    """How long ops take on a machine, made by `graphdiff.calibrate`.

    Attributes
    ----------
    times
        For each op pairs of a load and the seconds that it took. The load of an evaluation is the
        number of its floating-point operations and of the elements that it reads and writes.
    machine
        What it was measured with: the processor and the versions of Python and NumPy.
    """

    times: Mapping[str, Times] = field(repr=False)
    machine: str

    def __repr__(self) -> str:
        return f"<CostModel: {len(self.times)} ops on {self.machine}>"

    def seconds(self, op: Op, out: Spec, *specs: Spec) -> float:
        """What one evaluation is predicted to take; no dimension may be a name.

        Between two measured loads it is found on the straight line; beyond the largest it grows in
        proportion. An op that was not measured takes what `add` does for its load.
        """
        return _on_curve(self.times.get(op.name, self.times[LIKE]), _load(op, out, specs))

    def predict(self, graph: Graph, sizes: Mapping[str, int] | None = None) -> dict[str, float]:
        """The seconds that each node of a graph is predicted to take; a view takes none.

        Examples
        --------
        >>> import numpy as np, graphdiff as gd
        >>> g = gd.Graph()
        >>> y = g.output("y", np.exp(g.input("x", ("t",))))
        >>> model = gd.calibrate(ops=["exp"])
        >>> model.predict(g, {"t": 10**6})["y"] > model.predict(g, {"t": 10})["y"]
        True
        """
        return {node: self._node(graph, node, sizes or {}) for node in graph.order()}

    def _node(self, graph: Graph, node: str, sizes: Mapping[str, int]) -> float:
        op = graph.op(node)
        if op.name in SOURCES or op.view:
            return 0.0
        if op.bodies:  # a loop takes its steps, a branch is counted with both sides
            return sum(
                evaluated(times, sizes) * sum(self.predict(body, sizes).values())
                for body, times in runs(graph, node)
            )
        given = (graph.spec(node), *(graph.spec(operand) for operand in graph.operands(node)))
        return self.seconds(op, *(sized(spec, sizes) for spec in given))

    def save(self, path: str | Path) -> None:
        """Write the model as JSON, whole or not at all.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        times = {name: [list(pair) for pair in pairs] for name, pairs in self.times.items()}
        document = {"format": FORMAT, "version": VERSION, "machine": self.machine, "times": times}
        write_whole(path, json.dumps(document, indent=1) + "\n")

    @staticmethod
    def load(path: str | Path) -> CostModel:
        """Read a model that `save` wrote.

        Raises
        ------
        FileError
            If there is no such file, or it is no model of a known version.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise FileError(f"{str(path)!r} cannot be read", got=error.strerror) from error
        except ValueError as error:
            raise FileError(f"{str(path)!r} is not JSON", got=str(error)) from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise FileError(f"{str(path)!r} is no cost model", expected=f'"format": "{FORMAT}"')
        if document.get("version") != VERSION:
            raise FileError(
                f"{str(path)!r} has an unknown version",
                expected=str(VERSION), got=repr(document.get("version")),
            )  # fmt: skip
        try:
            times = {
                str(name): tuple((int(load), float(seconds)) for load, seconds in pairs)
                for name, pairs in document["times"].items()
            }
            sound = all(
                pairs == tuple(sorted(pairs)) and pairs and pairs[0][1] > 0
                for pairs in times.values()
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileError(f"{str(path)!r} is damaged", got=repr(error)) from error
        if not sound or LIKE not in times:
            raise FileError(f"{str(path)!r} is damaged", expected=f"rising times, of {LIKE!r} too")
        return CostModel(MappingProxyType(times), str(document.get("machine")))


def calibrate(ops: Collection[str] | None = None, repeats: int = 3) -> CostModel:
    """Measure how long each op takes on this machine.

    Parameters
    ----------
    ops
        The ops to measure; all by default.
    repeats
        How many samples to take of each op and size, of which the shortest counts.

    Returns
    -------
    CostModel
        For ``costs=`` of `plan` and `tradeoff`. Nothing else remembers it: keep it with
        `CostModel.save`.

    Raises
    ------
    PlanError
        If there is no such op.

    Notes
    -----
    An op is measured on square arrays of 1 to 1024² float64 (or bool), until one evaluation takes
    4 milliseconds; all ops take some twenty seconds. Those that need operands of another kind, such
    as integers, are predicted to take what `add` does for as many elements.

    Examples
    --------
    >>> import graphdiff as gd
    >>> model = gd.calibrate(ops=["tanh", "matmul"])
    >>> sorted(model.times)
    ['add', 'matmul', 'tanh']
    """
    chosen = list(OPS) if ops is None else [*ops, LIKE]
    for name in chosen:
        if name not in OPS:
            raise PlanError(f"there is no op {name!r}", hint=near(name, OPS))
    times = {}
    for name in dict.fromkeys(chosen):
        measured = _measured(OPS[name], repeats)
        if measured:
            times[name] = measured
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    return CostModel(MappingProxyType(times), f"{platform.machine()}, {versions}")


def sized(spec: Spec, sizes: Mapping[str, int]) -> Spec:
    """A spec with numbers in place of named dimensions."""
    return Spec(tuple(evaluate_dimension(part, sizes) for part in spec.shape), spec.dtype)


def _load(op: Op, out: Spec, specs: Sequence[Spec]) -> int:
    return int(op.work(out, *specs)) + int(out.size) + sum(int(spec.size) for spec in specs)


def _on_curve(pairs: Times, load: int) -> float:
    at = bisect_left(pairs, (load, 0.0))
    if at == 0:
        return pairs[0][1]
    (low, before) = pairs[at - 1]
    if at == len(pairs):
        return before * max(1.0, load / low)
    high, after = pairs[at]
    return before + (after - before) * (load - low) / (high - low)


def _measured(op: Op, repeats: int) -> Times:
    """Loads and least seconds, neither of them falling; nothing if no operands were found."""
    if op.name in SOURCES or op.view or op.bodies:
        return ()
    pairs: dict[int, float] = {}
    for run, load in _evaluations(op):
        seconds = _least(run, repeats)
        pairs[load] = min(seconds, pairs.get(load, math.inf))
        if seconds > _LONG:
            break
    loads = sorted(pairs)
    rising = accumulate((pairs[load] for load in loads), max)
    return tuple(zip(loads, rising, strict=True))


def _evaluations(op: Op) -> Iterator[tuple[Callable[[], Any], int]]:
    """The op on square arrays of growing size, if it takes such."""
    draw = np.random.default_rng(0)
    for side in _SIDES:
        count = op.fixed or 2
        for booleans in product((False, True), repeat=min(count, 3)):
            kinds = (*booleans, *booleans[-1:] * (count - len(booleans)))
            numbers = (0.25 + 0.5 * draw.random((side, side)) for _ in kinds)
            arrays = [x < 0.5 if kind else x for x, kind in zip(numbers, kinds, strict=True)]
            specs = tuple(Spec(array.shape, array.dtype) for array in arrays)
            try:
                params = op.complete({}, specs)
                load = _load(op, op.infer(*specs, **params), specs)
                run = op.bind(*arrays, **params)
                with np.errstate(all="ignore"):
                    run()
            except (GraphdiffError, TypeError, ValueError, np.linalg.LinAlgError, ImportError):
                continue
            yield run, load
            break
        else:
            return


def _least(run: Callable[[], Any], repeats: int) -> float:
    """The least seconds of one evaluation over some samples."""
    best, number = math.inf, 1
    samples = 0
    with np.errstate(all="ignore"):
        while samples < repeats:
            start = time.perf_counter()
            for _ in range(number):
                run()
            taken = time.perf_counter() - start
            if taken < _SAMPLE:
                number = max(2 * number, int(number * 1.2 * _SAMPLE / max(taken, 1e-7)))
                continue
            samples += 1
            best = min(best, taken / number)
    return best
