"""What to store and what to compute again: schedules under a memory limit."""

from graphdiff.planning.calibrate import CostModel, calibrate
from graphdiff.planning.chain import Reversal, forward_steps, revolve
from graphdiff.planning.planner import plan
from graphdiff.planning.schedule import Plan
from graphdiff.planning.tradeoff import Tradeoff, tradeoff

__all__ = [
    "CostModel",
    "Plan",
    "Reversal",
    "Tradeoff",
    "calibrate",
    "forward_steps",
    "plan",
    "revolve",
    "tradeoff",
]
