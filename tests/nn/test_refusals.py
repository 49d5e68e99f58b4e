"""What layers, costs and penalties refuse, and what they say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import nn

RNG = np.random.default_rng(0)
Z = np.ones((2, 3))


def x(*shape: Any) -> gd.Tensor:
    return gd.Graph("net").input("x", shape or ("t", 4))


LAYERS = {
    "no units": (lambda: nn.dense(x(), 0, scope="s"), "not a number of units for dense"),
    "half a unit": (lambda: nn.gru(x("t", "T", 4), 2.5, scope="s"), "not a number of units"),
    "a named width in a loop": (lambda: nn.rnn(x("t", "T", 4), "m", scope="s"), "got: 'm'"),
    "no bottleneck": (lambda: nn.factored_dense(x(), 3, 0, scope="s"), "in the bottleneck"),
    "an empty table": (
        lambda: nn.embedding(gd.Graph().input("i", ("t",), "int64"), 0, 3, scope="s"),
        "not a number of labels",
    ),
    "a kernel of nothing": (lambda: nn.conv2d(x("t", 8, 8, 1), 4, 0, scope="s"), "from 1 up"),
    "no filters": (lambda: nn.conv2d(x("t", 8, 8, 1), 0, 3, scope="s"), "number of filters"),
    "an activation of None": (
        lambda: nn.dense(x(), 3, lambda z: None, scope="s"),
        "node 's/a': an activation does not give a tensor",
    ),
    "a block of None": (lambda: nn.residual(x(), lambda h: None, scope="s"), "residual block"),
    "no block": (lambda: nn.residual(x(), 3, scope="s"), "no function"),
    "one statistic": (
        lambda: nn.batch_norm(x(), scope="s", statistics=np.zeros(4)),
        r"\(mean, variance\)",
    ),
    "a negative epsilon": (lambda: nn.layer_norm(x(), scope="s", epsilon=-1.0), "epsilon ≥ 0"),
    "a spot without a size": (lambda: nn.rbf(x(), 3, scope="s", sigma=0.0), "sigma > 0"),
    "a memory that is no tensor": (
        lambda: nn.multi_head_attention(x(), 2, scope="s", memory=Z),
        "takes a tensor",
    ),
    "heads that are no count": (lambda: nn.multi_head_attention(x(), 2.0, scope="s"), "heads=2.0"),
    "a factory for an initialiser": (
        lambda: nn.dense(x(), 3, scope="s", rng=RNG, init=nn.normal),
        r"init\(rng, shape, fan_in, fan_out\)",
    ),
    "an initialiser of None": (
        lambda: nn.dense(x(), 3, scope="s", rng=RNG, init=lambda *_: None),
        r"numbers of shape \(4, 3\)",
    ),
    "a negative deviation": (lambda: nn.normal(-1.0), "not a standard deviation"),
    "a seed for a mask": (lambda: nn.dropout_mask(0, (3,), 0.5), "np.random.default_rng"),
}


@pytest.mark.parametrize("case", LAYERS)
def test_of_layers(case: str) -> None:
    attempt, told = LAYERS[case]
    with pytest.raises(gd.GraphdiffError, match=told) as caught:
        attempt()
    assert "test_refusals.py:" in str(caught.value)


COSTS = {
    "a label too high": (lambda: nn.multinoulli_nll(Z, [0, 3]), "(?s)0 to 2.*got: 3"),
    "a label too low": (lambda: nn.multinoulli_nll(Z, [0, -1]), "(?s)0 to 2.*got: -1"),
    "labels of 1 and 2": (lambda: nn.bernoulli_nll(np.ones(2), [1, 2]), "(?s)0 or 1.*got: 2"),
    "labels of 0 and 1": (lambda: nn.hinge(np.ones(2), [0, 1]), "(?s)-1 or 1.*got: 0"),
    "no examples": (lambda: nn.mse(np.ones(0), np.ones(0)), "no examples"),
    "nothing": (lambda: nn.mse(None, None), "arrays of numbers"),
    "rows of two lengths": (lambda: nn.mse([[1], [2, 3]], Z), "arrays of numbers"),
    "a negative delta": (lambda: nn.huber(Z, Z, delta=-1.0), "delta > 0"),
    "a number to penalise": (lambda: nn.l2(5), "one or more of its tensors"),
    "a tensor to count": (lambda: nn.parameter_count(x()), "only a graph"),
}


@pytest.mark.parametrize("case", COSTS)
def test_of_costs_and_penalties(case: str) -> None:
    attempt, told = COSTS[case]
    with pytest.raises(gd.GraphdiffError, match=told):
        attempt()


def test_a_compiled_cost_tells_of_a_label_out_of_range() -> None:
    g = gd.Graph("labelled")
    z, y = g.input("z", ("t", 3)), g.input("y", ("t",), "int64")
    g.output("J", nn.multinoulli_nll(z, y))
    f = gd.compile(gd.gradient(g, of="J", wrt="z"))
    with pytest.raises(gd.ArgumentError, match=r"(?s)'labelled'.*size 3.*y from 0 to 3"):
        f(z=Z, y=[0, 3])


def test_a_lone_tensor_and_a_lone_role_are_enough_for_a_penalty() -> None:
    g = gd.Graph("net")
    W = g.parameter("W", (4, 2), role="weight")
    g.output("difference", nn.l2(W) - nn.l2(g, roles="weight"))
    assert nn.parameter_count(g, roles="weight") == 8
    assert gd.compile(g)(W=RNG.normal(size=(4, 2)))["difference"] == 0.0


@pytest.mark.parametrize("unit", [nn.leaky_relu, nn.elu, nn.gelu, nn.silu, nn.relu, nn.softplus,
                                  nn.softmax, nn.softmax_with_fixed_input])  # fmt: skip
def test_units_take_lists(unit: Any) -> None:
    np.testing.assert_array_equal(unit([-1.0, 0.5]), unit(np.array([-1.0, 0.5])))


def test_the_fixed_input_may_be_the_lectures_one() -> None:
    z = RNG.normal(size=(5, 3))
    whole = np.concatenate([z, np.ones((5, 1))], axis=1)
    np.testing.assert_array_equal(nn.softmax_with_fixed_input(z, at=1.0), nn.softmax(whole))
    np.testing.assert_allclose(
        nn.softmax_with_fixed_input(z + 1.0, at=1.0), nn.softmax_with_fixed_input(z), rtol=1e-14
    )
