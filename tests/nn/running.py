"""Running a layer by itself."""

from __future__ import annotations

from typing import Any

import graphdiff as gd


def run(h: gd.Tensor, **values: Any) -> tuple[Any, dict[str, Any]]:
    """The value of a node, and the values of the parameters."""
    g = h.graph
    g.output("result", h * 1.0)
    parameters = {name: tensor.params["value"] for name, tensor in g.parameters.items()}
    return gd.compile(g)(**values)["result"], parameters
