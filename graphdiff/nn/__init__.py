"""Units, layers, costs and penalties: ``gd.nn``.

A layer is a function that adds nodes to a graph within a scope; a cost and a penalty are nodes.
There are no layer objects: the parameters are those of the graph, with a role each, and everything
here is written with graphdiff's public names, so that your own layers are as good. Pooling has no
parameters; it is in `graphdiff.images`.

>>> import numpy as np, graphdiff as gd
>>> rng = np.random.default_rng(0)
>>> g = gd.Graph("digits")
>>> x, y = g.input("x", ("t", 64)), g.input("y", ("t",), "int64")
>>> h = gd.nn.dense(x, 32, gd.nn.relu, scope="hidden", rng=rng)
>>> z = gd.nn.dense(h, 10, scope="out", rng=rng)
>>> J = g.output("J", gd.nn.multinoulli_nll(z, y) + 0.001 * gd.nn.l2(g))
>>> list(gd.gradient(g, of="J").outputs)
['J', 'dJ/dhidden/W', 'dJ/dhidden/b', 'dJ/dout/W', 'dJ/dout/b']
"""

from graphdiff.nn.attention import attention, multi_head_attention
from graphdiff.nn.convolution import conv2d
from graphdiff.nn.costs import (
    bernoulli_nll,
    binary_cross_entropy,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    mse,
    multinoulli_nll,
)
from graphdiff.nn.initial import Initialiser, glorot, he, normal, orthogonal
from graphdiff.nn.layers import (
    dense,
    dropout,
    dropout_mask,
    embedding,
    factored_dense,
    rbf,
    residual,
)
from graphdiff.nn.norms import batch_norm, layer_norm
from graphdiff.nn.penalties import l1, l2, parameter_count, tie
from graphdiff.nn.recurrent import gru, lstm, rnn
from graphdiff.nn.units import (
    elu,
    gelu,
    hard_tanh,
    leaky_relu,
    linear,
    relu,
    sigmoid,
    silu,
    softmax,
    softmax_with_fixed_input,
    softplus,
    tanh,
)

__all__ = [
    "Initialiser",
    "attention",
    "batch_norm",
    "bernoulli_nll",
    "binary_cross_entropy",
    "conv2d",
    "cross_entropy",
    "dense",
    "dropout",
    "dropout_mask",
    "elu",
    "embedding",
    "factored_dense",
    "gaussian_nll",
    "gelu",
    "glorot",
    "gru",
    "hard_tanh",
    "he",
    "hinge",
    "huber",
    "l1",
    "l2",
    "layer_norm",
    "leaky_relu",
    "linear",
    "lstm",
    "mse",
    "multi_head_attention",
    "multinoulli_nll",
    "normal",
    "orthogonal",
    "parameter_count",
    "rbf",
    "relu",
    "residual",
    "rnn",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_with_fixed_input",
    "softplus",
    "tanh",
    "tie",
]
