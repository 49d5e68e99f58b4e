"""Changes of images against scipy's own, and the check for classes that they mix up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits

import graphdiff as gd
from graphdiff import train

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 9, 7))
MODE = "grid-constant"  # 0 outside, from the first pixel on


def at_its_limit(**amount):
    """The change of one kind by exactly its amount, one way or the other."""

    class Most(np.random.Generator):
        def uniform(self, low, high, size):
            return np.full(size, high)

        def random(self, size):
            return np.zeros(size)

    change = train.augment((9, 7), **amount)
    return change.images(IMAGES, Most(np.random.PCG64(0)))


def test_a_shift_is_scipys():
    expected = [ndimage.shift(image, (1.5, 1.5), order=1, mode=MODE) for image in IMAGES]
    np.testing.assert_allclose(at_its_limit(shift=1.5), expected, atol=1e-12)


@pytest.mark.parametrize("degrees", [20, 90, 180])
def test_a_rotation_is_scipys(degrees):
    square = RNG.random((1, 9, 9))

    class Most(np.random.Generator):
        def uniform(self, low, high, size):
            return np.full(size, high)

    change = train.augment((9, 9), rotate=degrees)
    expected = ndimage.rotate(square[0], degrees, reshape=False, order=1, mode=MODE)
    found = change.images(square, Most(np.random.PCG64(0)))[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_change_of_size_is_scipys():
    expected = [
        ndimage.affine_transform(
            image, np.eye(2) / 1.5, offset=(4 - 4 / 1.5, 3 - 3 / 1.5), order=1, mode=MODE
        )
        for image in IMAGES
    ]
    np.testing.assert_allclose(at_its_limit(scale=0.5), expected, atol=1e-12)


def test_a_mirror_exchanges_left_for_right():
    np.testing.assert_allclose(at_its_limit(mirror=True), IMAGES[:, :, ::-1], atol=1e-12)


def test_noise_has_its_standard_deviation():
    change = train.augment((40, 50), noise=0.3)
    found = change.images(np.zeros((20, 2000)), rng=0)
    assert found.std() == pytest.approx(0.3, rel=0.02)


def test_each_image_is_changed_in_its_own_way_the_channels_of_one_alike():
    change = train.augment((9, 7), shift=2.0, rotate=30.0, scale=0.2)
    stack = np.stack([IMAGES, 2 * IMAGES], axis=-1)
    same = np.broadcast_to(stack[:1], stack.shape)
    found = change.images(same, rng=1)
    np.testing.assert_allclose(found[..., 1], 2 * found[..., 0])
    assert not np.allclose(found[0], found[1])
    flat = change.images(same[..., 0].reshape(6, 63).astype("float32"), rng=1)
    assert flat.dtype == np.float32
    np.testing.assert_allclose(flat.reshape(6, 9, 7), found[..., 0], rtol=1e-5, atol=1e-6)


def test_it_changes_minibatches_and_nothing_else():
    change = train.augment((9, 7), shift=1.0, of="image")
    batch = {"image": IMAGES, "y": np.arange(6)}
    found = change(batch, np.random.default_rng(0))
    assert found["y"] is batch["y"]
    np.testing.assert_array_equal(found["image"], change.images(IMAGES, rng=0))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: train.augment((8, 8), scale=1.0), "fraction"),
        (lambda: train.augment((8, 8), shift=-1.0), "shift is no amount"),
        (lambda: train.augment(8), "not that of an image"),
        (lambda: train.augment((8, 0)), "columns is no count"),
        (
            lambda: train.overlaps(IMAGES, IMAGES[:, 0, 0], train.augment((9, 7)), copies=0),
            "copies",
        ),
        (lambda: train.augment((8, 8)).images(IMAGES), "these are no images"),
        (lambda: train.augment((9, 7)).images(IMAGES.astype(int)), "these are no images"),
        (lambda: train.augment((9, 7))({"z": IMAGES}, RNG), "no images 'x'"),
        (lambda: train.overlaps(IMAGES, [1, 2], train.augment((9, 7))), "one label"),
    ],
)
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(gd.GraphdiffError, match=told):
        call()


def test_overlaps_of_digits():
    """Upside down a 6 is a 9; tilted a little, no digit is another."""
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    found = train.overlaps(images, labels, train.augment((8, 8), rotate=180.0))
    assert (6, 9) in {(overlap.source, overlap.becomes) for overlap in found}
    assert not train.overlaps(images, labels, train.augment((8, 8), rotate=10.0), copies=5)


def test_overlaps_of_letters():
    """The lecture's other pair: in a mirror a d is a b."""
    b = np.zeros((7, 5))
    b[:, 0] = b[3, :4] = b[6, :4] = b[3:, 4] = 1.0
    o = np.pad(b[3:], ((3, 0), (0, 0)))
    noise = np.random.default_rng(0).normal(scale=0.01, size=(24, 7, 5))
    images = np.repeat([b, b[:, ::-1], o], 8, axis=0) + noise
    labels = np.repeat(["b", "d", "o"], 8)
    found = train.overlaps(images, labels, train.augment((7, 5), mirror=True))
    assert {(f.source, f.becomes) for f in found} == {("b", "d"), ("d", "b")}
    assert str(train.Overlap("b", "d", 0.5, 0.0)) == "b becomes d: 50.0% (0.0% before)"
    assert not train.overlaps(images, labels, train.augment((7, 5), noise=0.01))
