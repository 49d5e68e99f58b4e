"""The first part of a step: the cost of a minibatch, and its gradient, put where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphdiff as gd
from graphdiff.train.data import Array
from graphdiff.train.stepping import network_of


class Slope:
    """The cost of a network and its gradient by some of the parameters.

    Parameters
    ----------
    graph, of
        The network, and the output that is its cost.
    values
        All parameters. They are views of what training writes over.
    places
        For each parameter that is trained, an array for the derivative by it.

    Attributes
    ----------
    function
        The compiled gradient graph.

    Raises
    ------
    GradientError
        If the cost is no scalar, or does not depend on a parameter.
    """

    def __init__(
        self, graph: gd.Graph, of: str, values: Mapping[str, Any], places: Mapping[str, Array]
    ) -> None:
        network = gd.gradient(network_of(graph, of, places), of, list(places))
        derivatives = network.dag.graph["derivatives"]
        self.function = gd.compile(network, style="fast")
        self.of, self.values = of, values
        generated = self.function.generated
        self._keys = generated.gradients
        self._arguments = [values.get(name) for name in generated.arguments]
        self._place = {name: i for i, name in enumerate(generated.arguments) if name not in values}
        outputs = {name: places[wrt] for name, (_, wrt) in derivatives.items()}
        # What the function can compute where it belongs; the rest is copied there.
        room = {name: place for name, place in outputs.items() if name in generated.outs}
        self._room = {"out": room} if room else {}
        self._all = [(self._keys[name], place) for name, place in outputs.items()]
        self._moved = [(self._keys[n], p) for n, p in outputs.items() if n not in room]

    def checked(self, data: Mapping[str, Array]) -> float:
        """The cost, after a look at whether the data fit; the gradient is in its place.

        Raises
        ------
        ArgumentError
            If they do not.
        """
        found = self.function(**data, **self.values)
        slopes = {key: found[name] for name, key in self._keys.items()}
        return self._put(found[self.of], slopes, self._all)

    def __call__(self, data: Mapping[str, Array]) -> float:
        """The same for data that are known to fit."""
        for name, i in self._place.items():
            self._arguments[i] = data[name]
        cost, slopes = self.function.function(*self._arguments, **self._room)
        return self._put(cost, slopes, self._moved)

    def _put(self, cost: Any, slopes: Mapping[str, Any], moved: list[tuple[str, Array]]) -> float:
        for key, place in moved:
            place[...] = slopes[key]
        return float(cost)
