"""What to store and what to compute again: schedules under a memory limit."""

from graphdiff.planning.chain import Reversal, forward_steps, revolve
from graphdiff.planning.planner import plan
from graphdiff.planning.schedule import Plan

__all__ = ["Plan", "Reversal", "forward_steps", "plan", "revolve"]
