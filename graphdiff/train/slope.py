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
        self._places = {name: places[wrt] for name, (_, wrt) in derivatives.items()}
        generated = self.function.generated
        self._arguments = [values.get(name) for name in generated.arguments]
        self._inputs = [(n, i) for i, n in enumerate(generated.arguments) if n not in values]
        # What the function can compute where it belongs; the rest is copied there.
        room = {name: place for name, place in self._places.items() if name in generated.outs}
        self._room = {"out": room} if room else {}
        keys = generated.gradients
        self._moved = [(keys[n], place) for n, place in self._places.items() if n not in room]

    def checked(self, data: Mapping[str, Array]) -> float:
        """The cost, after a look at whether the data fit; the gradient is in its place.

        Raises
        ------
        ArgumentError
            If they do not.
        """
        found = self.function(**data, **self.values)
        for name, place in self._places.items():
            place[...] = found[name]
        return float(found[self.of])

    def __call__(self, data: Mapping[str, Array]) -> float:
        """The same for data that are known to fit."""
        arguments = self._arguments
        for name, i in self._inputs:
            arguments[i] = data[name]
        cost, slopes = self.function.function(*arguments, **self._room)
        for key, place in self._moved:
            place[...] = slopes[key]
        return float(cost)
