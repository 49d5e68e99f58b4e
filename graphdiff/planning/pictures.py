"""Charts of plans: the memory of each step, what is resident when, and the curve of all plans."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.charts import BAND, BLUE, INK, ORANGE, PALE, QUIET, Chart, unit_of
from graphdiff.errors import DrawError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from graphdiff.planning.schedule import Plan
    from graphdiff.planning.tradeoff import Tradeoff

MOST_WORK = 5  # times that of storing everything, of a strategy that is shown

_MOST_ROWS = 2000
_MOST_LABELS = 45
_ABSENT, _RESIDENT, _COMPUTED, _AGAIN = range(4)


def plot_plan(plan: Plan, path: str | Path | None) -> Figure:
    """Draw a chart of a plan; see `Plan.plot`."""
    nodes = list(plan.computations)
    if not 0 < len(nodes) <= _MOST_ROWS:
        raise DrawError(
            f"a plan of {len(nodes):,} nodes cannot be drawn",
            expected=f"1 to {_MOST_ROWS:,} nodes", hint="p.timeline has the memory of each step",
        )  # fmt: skip
    if not isinstance(plan.peak_bytes, int):
        raise DrawError(
            "a plan without sizes cannot be drawn", hint="gd.plan(G, sizes={…}).plot(…)"
        )
    memory = [b for b, (act, _) in zip(plan.timeline, plan.steps, strict=True) if act == "compute"]
    state = schedule_matrix(plan)
    height = min(11.0, max(4.2, 2.6 + 0.17 * len(nodes)))
    with Chart(path, (8.4, height), (1.6, max(2.0, height - 2.6))) as chart:
        top, below = chart.axes
        _memory(top, memory, plan)
        _matrix(below, state, nodes)
    return chart.figure


def schedule_matrix(plan: Plan) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """For each node and each computation: 0 absent, 1 resident, 2 computed, 3 computed again."""
    rows = {node: row for row, node in enumerate(plan.computations)}
    state = np.zeros((len(rows), sum(plan.computations.values())), np.uint8)
    since: dict[Hashable, int] = {}
    seen: set[Hashable] = set()
    column = 0
    for action, node in plan.steps:
        if action == "compute":
            state[rows[node], column] = _AGAIN if node in seen else _COMPUTED
            seen.add(node)
            column += 1
            since[node] = column
        else:
            state[rows[node], since.pop(node) : column] = _RESIDENT
    for node, first in since.items():
        state[rows[node], first:] = _RESIDENT
    return state


def _memory(axes: Any, memory: Sequence[int], plan: Plan) -> None:
    divisor, unit = unit_of(plan.peak_bytes)
    steps = np.arange(1, len(memory) + 1)
    heights = np.asarray(memory) / divisor
    edges = np.arange(len(memory) + 1) + 0.5
    axes.stairs(heights, edges, fill=True, color=PALE)
    axes.stairs(heights, edges, color=BLUE, linewidth=1.2, baseline=None)
    peak = int(np.argmax(memory))
    axes.plot(steps[peak], heights[peak], "o", color=INK, markersize=4)
    left = peak > len(memory) / 2
    axes.annotate(
        f"peak {plan.peak_bytes / divisor:,.4g} {unit}",
        (steps[peak], heights[peak]),
        xytext=(-6 if left else 6, 4),
        textcoords="offset points",
        ha="right" if left else "left",
    )
    axes.set_ylim(0, heights[peak] * 1.2 or 1)
    axes.set_ylabel(f"resident ({unit})")
    again = sum(plan.computations.values()) - len(plan.computations)
    work = f"{plan.cost:,}" if isinstance(plan.cost, int) else f"{plan.cost:.4g}"
    axes.set_title(
        f"Plan “{plan.strategy}”: {len(memory)} computations, {again} of them again, work {work}"
    )


def _matrix(axes: Any, state: np.ndarray[Any, Any], nodes: Sequence[Hashable]) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    rows, columns = state.shape
    axes.imshow(
        state,
        cmap=ListedColormap(["white", PALE, BLUE, ORANGE]),
        vmin=0,
        vmax=3,
        aspect="auto",
        interpolation="nearest",
        extent=(0.5, columns + 0.5, rows - 0.5, -0.5),
    )
    if columns <= 120:  # told apart by form, too
        row, column = np.nonzero(state == _AGAIN)
        size = min(4.0, 260 / columns)
        axes.plot(column + 1, row, "x", color=INK, markersize=size, markeredgewidth=0.8)
    every = -(-rows // _MOST_LABELS)
    shown = range(0, rows, every)
    axes.set_yticks(shown, [_shortened(str(nodes[row])) for row in shown], fontsize=7)
    axes.set_xlim(0.5, columns + 0.5)
    axes.set_xlabel("computation")
    axes.set_ylabel("value" if every == 1 else f"value (every {every}th is named)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(False)
    handles = [
        Patch(facecolor=PALE, edgecolor=QUIET, linewidth=0.4, label="resident"),
        Patch(facecolor=BLUE, label="computed"),
        Patch(facecolor=ORANGE, label="computed again"),
    ]
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=1.2)


def _shortened(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:10]}…{name[-11:]}"


def plot_tradeoff(curve: Tradeoff, path: str | Path | None) -> Figure:
    """Draw a chart of a curve; see `Tradeoff.plot`."""
    if not curve.points:
        raise DrawError("a curve without points cannot be drawn")
    base = min(plan.cost for plan in curve.points) or 1
    named = [plan for plan in curve.strategies if plan.cost <= MOST_WORK * base]
    divisor, unit = unit_of(max(plan.peak_bytes for plan in (*curve.points, *named)))
    with Chart(path, (7.2, 4.4)) as chart:
        (axes,) = chart.axes
        peaks = [plan.peak_bytes / divisor for plan in curve.points]
        costs = [plan.cost / base for plan in curve.points]
        right = max([*peaks, *(plan.peak_bytes / divisor for plan in named)]) * 1.06
        top = max([*costs, *(plan.cost / base for plan in named)])
        _bound(axes, curve, base, divisor, right)
        axes.step([*peaks, right], [*costs, costs[-1]], where="post", color=BLUE, linewidth=1.4)
        axes.plot(peaks, costs, "o", color=BLUE, markersize=4.5, label="best plan found")
        axes.set_ylim(1 - 0.12 * (top - 1 or 1), top + 0.14 * (top - 1 or 1))
        axes.set_xlim(min(peaks) - 0.1 * (right - min(peaks)), right)
        _strategies(axes, named, base, divisor)
        axes.set_xlabel(f"peak memory ({unit})")
        axes.set_ylabel("work ÷ work of storing everything")
        proved = "the whole curve, proved" if curve.complete else "best found, and a bound"
        axes.set_title(f"Memory against work: {proved}")
        axes.legend(loc="upper right")
    return chart.figure


def _bound(axes: Any, curve: Tradeoff, base: float, divisor: int, right: float) -> None:
    """Shade what no plan reaches: below the bound, and left of the least peak if it is proved."""
    peaks = [plan.peak_bytes / divisor for plan in curve.points]
    # A bound for a limit holds for all smaller ones.
    bounds = list(accumulate((p.lower_bound / base for p in reversed(curve.points)), max))[::-1]
    if curve.complete:  # and for all larger ones, up to the next point
        axes.axvspan(0, peaks[0], facecolor=BAND, linewidth=0)
        places, heights, step = [*peaks, right], [*bounds, bounds[-1]], "post"
    else:
        places, heights, step = [0, *peaks, right], [bounds[0], *bounds, 1], "pre"
    shade = {"facecolor": BAND, "linewidth": 0, "label": "no plan can be here"}
    axes.fill_between(places, heights, step=step, **shade)


def _strategies(axes: Any, plans: Iterable[Plan], base: float, divisor: int) -> None:
    from matplotlib.patheffects import withStroke

    markers = {"store": "s", "recompute": "D", "sqrt": "^", "revolve": "v"}
    width, height = (np.ptp(limits) for limits in (axes.get_xlim(), axes.get_ylim()))
    labels: list[tuple[float, float, str]] = []
    for plan in plans:
        x, y = plan.peak_bytes / divisor, plan.cost / base
        marker = markers[plan.strategy]
        axes.plot(x, y, marker, color=ORANGE, markeredgecolor=INK, markersize=7, zorder=4)
        for i, (a, b, name) in enumerate(labels):
            if abs(x - a) < 0.08 * width and abs(y - b) < 0.06 * height:  # one label for both
                labels[i] = a, max(b, y), f"{name}, {plan.strategy}"
                break
        else:
            labels.append((x, y, plan.strategy))
    for x, y, name in labels:
        right = x > axes.get_xlim()[1] - 0.1 * width
        axes.annotate(
            name,
            (x, y),
            xytext=(4 if right else 0, 8),
            textcoords="offset points",
            ha="right" if right else "center",
            zorder=5,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
