"""Training: ``gd.train.fit`` and what it is made of.

An optimiser is an update rule written in NumPy's words; a step of training is a graph, compiled to
NumPy source like any other. Written with the public names only.
"""

from graphdiff.train.augmentation import Augmentation, Overlap, augment, overlaps
from graphdiff.train.data import bootstrap, join, split
from graphdiff.train.fitting import fit
from graphdiff.train.lbfgs import lbfgs
from graphdiff.train.optimisers import (
    Optimiser,
    adagrad,
    adam,
    adamw,
    momentum,
    nesterov,
    rmsprop,
    sgd,
)
from graphdiff.train.proximal import max_norm, soft_threshold
from graphdiff.train.result import Fit, Snapshot
from graphdiff.train.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    inverse_time,
    linear,
    steps,
)
from graphdiff.train.stepping import step
from graphdiff.train.stopping import early_stopping, until

__all__ = [
    "Augmentation",
    "Fit",
    "Optimiser",
    "Overlap",
    "Schedule",
    "Snapshot",
    "adagrad",
    "adam",
    "adamw",
    "augment",
    "bootstrap",
    "constant",
    "cosine",
    "early_stopping",
    "exponential",
    "fit",
    "inverse_time",
    "join",
    "lbfgs",
    "linear",
    "max_norm",
    "momentum",
    "nesterov",
    "overlaps",
    "rmsprop",
    "sgd",
    "soft_threshold",
    "split",
    "step",
    "steps",
    "until",
]
