"""What lowering gives: the source, and what has to be known to call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FUNCTIONS = ("forward", "value_and_grad", "grad")


@dataclass(frozen=True, slots=True)
class Module:
    """Generated source, and how to call it.

    ``arguments`` are the names of inputs and parameters in the order of the functions' arguments.
    ``values`` are the outputs that are no derivatives: one is returned bare, several in a dict.
    ``gradients`` gives for each derivative its key in the dict that ``value_and_grad`` returns
    beside them, or ``grad`` alone, if there are no values. ``run`` is the part of the text that
    the function which computes everything needs, each line at its number. ``sizes`` says, for a
    function that can be handed a workspace, where each of its sizes is read: an argument and an
    axis; it is None for other functions. ``outs`` are the outputs that it can put into arrays that
    it is given, each with the arguments whose own array it may be, which is then written over.
    """

    text: str
    run: str
    arguments: tuple[str, ...]
    values: tuple[str, ...]
    gradients: Mapping[str, str]
    sizes: tuple[tuple[int, int], ...] | None = None
    outs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def function(self) -> str:
        """The function that computes everything."""
        forward, both, grad = FUNCTIONS
        return forward if not self.gradients else both if self.values else grad
