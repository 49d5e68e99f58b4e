"""Learning rates against optax."""

from __future__ import annotations

import numpy as np
import optax
import pytest

from graphdiff import train


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (train.constant(0.3), optax.constant_schedule(0.3)),
        (train.steps(0.3, 7, 0.5), optax.exponential_decay(0.3, 7, 0.5, staircase=True)),
        (train.exponential(0.3, 7, 0.5), optax.exponential_decay(0.3, 7, 0.5)),
        (train.cosine(0.3, 20), optax.cosine_decay_schedule(0.3, 20)),
        (train.cosine(0.3, 20, 0.03), optax.cosine_decay_schedule(0.3, 20, alpha=0.1)),
        (train.linear(0.3, 20, 0.1), optax.linear_schedule(0.3, 0.1, 20)),
        (train.inverse_time(0.3, 5), lambda epochs: 0.3 * 5 / (5 + epochs)),
    ],
    ids=lambda part: repr(part) if isinstance(part, train.Schedule) else "",
)
def test_a_schedule(ours, theirs):
    for epochs in range(30):
        # optax computes in float32 here and there
        np.testing.assert_allclose(ours(epochs), float(theirs(epochs)), rtol=1e-6, atol=1e-9)


def test_closed_forms():
    assert train.steps(0.8, 10, 0.5)(25.5) == 0.2
    assert train.inverse_time(0.8, 10)(30.0) == 0.2
    assert train.exponential(0.8, 10, 0.25)(5.0) == pytest.approx(0.4, rel=1e-15)
    assert train.cosine(0.8, 10)(2.5) == pytest.approx(0.4 * (1 + np.sqrt(0.5)), rel=1e-15)
