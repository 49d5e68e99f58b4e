"""`fit`: train a network on data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy.typing as npt
from threadpoolctl import threadpool_limits

import graphdiff as gd
from graphdiff.train.checking import count, function
from graphdiff.train.checkpoint import Saver
from graphdiff.train.data import Data, Examples, Seed, generator
from graphdiff.train.lbfgs import LBFGS, minimise
from graphdiff.train.minibatches import Minibatches, Transform
from graphdiff.train.recording import Callback, Recorder
from graphdiff.train.result import Fit
from graphdiff.train.running import Run
from graphdiff.train.start import starting_values
from graphdiff.train.stepping import Optimisers, optimisers_of
from graphdiff.train.stopping import Stop


def fit(
    graph: gd.Graph,
    data: Data,
    of: str = "J",
    *,
    optimiser: Optimisers | LBFGS | None = None,
    start: Mapping[str, npt.ArrayLike] | None = None,
    epochs: int = 10,
    batch: int | None = None,
    rng: Seed = 0,
    transform: Transform | None = None,
    validation: Data | None = None,
    watch: str | None = None,
    stop: Stop | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 10.0,
    threads: int | None = 1,
    progress: bool = True,
) -> Fit:
    """Train a network: find parameters that make an output small.

    Parameters
    ----------
    graph
        The network. It is not changed: `Fit.graph` is a copy with the parameters found.
    data
        An array for each input, by name. Examples lie along the named dimension that most inputs
        have as their first; inputs without it go into every step as they are.
    of
        The output to make small, a scalar.
    optimiser
        Such as ``gd.train.adam(1e-3)``, which is the default; or a dict of one for each parameter
        that is to be trained, by name; or ``gd.train.lbfgs()``.
    start
        Where parameters begin. Those left out begin at the value they were declared with.
    epochs
        How often to go through all examples; for L-BFGS the number of iterations.
    batch
        Examples in a step, in an order that is new in every epoch. None: all of them.
    rng
        A seed or a generator, for the order of the examples and for ``transform``. The same seed
        gives the same bits.
    transform
        From a minibatch (a dict of arrays) and a generator to the minibatch that is used: for
        augmentation, or for the masks of dropout.
    validation
        Data to measure every scalar output on after each epoch; the parameters of the best epoch
        are returned then.
    watch
        The output that says which epoch is best: the least. None: ``of``.
    stop
        Asked after each epoch, such as ``gd.train.early_stopping(patience=10)``.
    callbacks
        Functions that are called with a `Snapshot` after each epoch.
    checkpoint
        A file for the state of training. If it exists, training goes on from it, and ends with the
        same bits as if it had not been interrupted.
    checkpoint_every
        Seconds between two checkpoints; 0 for one after every step.
    threads
        On how many cores NumPy may multiply matrices. For small ones, more than one takes many
        times as long. None: as it is set. The last bits may depend on it.
    progress
        Whether to show a bar, which is done on a terminal only.

    Returns
    -------
    Fit
        The parameters and the history. Ctrl-C ends training early and is no error.

    Raises
    ------
    ArgumentError
        If the data, a starting value or an option does not fit.
    TrainingError
        If the cost is no longer a finite number; its ``fit`` is the result up to there.
    FileError
        If the checkpoint is damaged, cannot be written, or is of another run.

    Notes
    -----
    A step is two calls of compiled code: ``Fit.gradient`` gives the cost and its gradient, and
    ``Fit.updates`` what follows for the parameters, which lie in one vector where their rule goes
    element by element. `step` is the same as one graph. Goodfellow et al., *Deep Learning* (2016),
    algorithms 8.1 and 7.1.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> x, y = g.input("x", ("t",)), g.input("y", ("t",))
    >>> a, b = g.parameter("a", value=0.0), g.parameter("b", value=0.0)
    >>> J = g.output("J", np.mean((a * x + b - y) ** 2))
    >>> at = np.linspace(-1, 1, 20)
    >>> found = gd.train.fit(
    ...     g, {"x": at, "y": 2 * at + 1}, optimiser=gd.train.sgd(0.3), epochs=200
    ... )
    >>> found.stopped
    'all epochs done'
    >>> round(float(found.parameters["a"]), 6), round(float(found.parameters["b"]), 6)
    (2.0, 1.0)
    """
    if not isinstance(graph, gd.Graph):
        raise gd.ArgumentError("what is to be trained is no graph", got=repr(graph)[:80])
    count(epochs=epochs, batch=1 if batch is None else batch)
    count(threads=1 if threads is None else threads)
    if transform is not None:
        function("transform", transform, "a function of a minibatch and a generator")
    examples = Examples.of(graph, data)
    recorder = Recorder(graph, of, validation, watch, stop, callbacks)
    values = starting_values(graph, start)
    if isinstance(optimiser, LBFGS):
        for name, given in (("batch", batch), ("transform", transform), ("checkpoint", checkpoint)):
            if given is not None:
                raise gd.ArgumentError(f"L-BFGS takes no {name}", hint="leave it out")
        with threadpool_limits(limits=threads, user_api="blas"):
            return minimise(graph, examples, of, optimiser, values, epochs, recorder, progress)
    if batch is not None and not examples.length:
        raise gd.ArgumentError(
            "there are no examples to take a batch of", got=f"batch={batch}",
            expected='an input whose first dimension has a name: g.input("x", ("t", 2))',
        )  # fmt: skip
    size, seed = batch or max(examples.length, 1), int(generator(rng).integers(2**63))
    batches = Minibatches(examples, size, seed, transform)
    run = Run(graph, of, optimisers_of(graph, optimiser), batches, values, recorder)
    saver = Saver(checkpoint, checkpoint_every)
    state = run.start() if checkpoint is None else run.resumed(checkpoint) or run.start()
    with threadpool_limits(limits=threads, user_api="blas"):
        return run.run(state, epochs, saver, progress)
