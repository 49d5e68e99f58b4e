"""Augmentation: new examples from old ones by changes that leave the class as it is, or should.

How far an image may be changed is knowledge of the problem. A rotation by 180° makes a 9 of a 6, a
mirror a d of a b: `overlaps` says which classes a change mixes up in the data at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import graphdiff as gd
from graphdiff.train.checking import count, fraction, not_negative
from graphdiff.train.data import Array, Seed, generator

_BLOCK = 1000  # images whose distances to all others are in memory at once


@dataclass(frozen=True, slots=True)
class Augmentation:
    """See `augment`."""

    shape: tuple[int, int]
    shift: float
    rotate: float
    scale: float
    mirror: bool
    noise: float
    of: str

    def __call__(self, batch: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """The minibatch with its images changed."""
        if self.of not in batch:
            raise gd.ArgumentError(
                f"there are no images {self.of!r}", expected=", ".join(batch),
                hint='augment(…, of="images")',
            )  # fmt: skip
        return {**batch, self.of: self.images(batch[self.of], rng)}

    def images(self, images: npt.ArrayLike, rng: Seed = 0) -> Array:
        """Images, each changed in its own way.

        Parameters
        ----------
        images
            Their first axis counts them, the others hold the pixels: ``(n, rows * columns)``,
            ``(n, rows, columns)`` or ``(n, rows, columns, channels)``.
        rng
            A seed or a generator.

        Returns
        -------
        ndarray
            Of the shape and the dtype of ``images``.

        Raises
        ------
        ShapeError
            If these are no images of this size.
        """
        from scipy.ndimage import map_coordinates

        random, given = generator(rng), np.asarray(images)
        rows, columns = self.shape
        if given.ndim < 2 or given.dtype.kind != "f" or given[0].size % (rows * columns):
            raise gd.ShapeError(
                "these are no images", expected=f"floats, (n, … {rows} × {columns} pixels)",
                got=f"{given.dtype} {given.shape}",
            )  # fmt: skip
        stack = given.reshape(len(given), rows, columns, -1)
        where = self._sources(len(given), random)
        changed = np.empty_like(stack)
        number = np.broadcast_to(np.arange(len(given))[:, None, None], where[0].shape)
        for channel in range(stack.shape[-1]):  # the numbers are integers, so images do not mix
            map_coordinates(
                stack[..., channel], (number, *where), changed[..., channel], order=1,
                mode="grid-constant",
            )  # fmt: skip
        if self.noise:
            changed += random.normal(scale=self.noise, size=changed.shape)
        return changed.reshape(given.shape)

    def _sources(self, count: int, random: np.random.Generator) -> tuple[Array, Array]:
        """For each pixel of each new image, the place in the old one that it comes from."""
        rows, columns = self.shape
        angle = np.radians(random.uniform(-self.rotate, self.rotate, (count, 1, 1)))
        size = random.uniform(1 - self.scale, 1 + self.scale, (count, 1, 1))
        down, right = random.uniform(-self.shift, self.shift, (2, count, 1, 1))
        flip = 1 - 2.0 * (self.mirror & (random.random((count, 1, 1)) < 0.5))
        y = np.arange(rows)[:, None] - (rows - 1) / 2 - down
        x = np.arange(columns) - (columns - 1) / 2 - right
        sine, cosine = np.sin(angle) / size, np.cos(angle) / size
        return (
            cosine * y + sine * x + (rows - 1) / 2,
            flip * (cosine * x - sine * y) + (columns - 1) / 2,
        )


def augment(
    shape: tuple[int, int],
    *,
    shift: float = 0.0,
    rotate: float = 0.0,
    scale: float = 0.0,
    mirror: bool = False,
    noise: float = 0.0,
    of: str = "x",
) -> Augmentation:
    """Random changes of images, as the ``transform`` of `fit`: new ones at every step.

    Parameters
    ----------
    shape
        Rows and columns.
    shift
        Each way up to so many pixels; what comes in from outside is 0.
    rotate
        To both sides up to so many degrees, about the centre.
    scale
        Larger and smaller by up to this fraction.
    mirror
        Whether half of them are exchanged left for right.
    noise
        The standard deviation of what is added to every pixel.
    of
        The input that the images are for.

    Notes
    -----
    The changes but for noise are one affine map, with linear interpolation by
    ``scipy.ndimage.map_coordinates``. Goodfellow et al., *Deep Learning* (2016), section 7.4.

    Examples
    --------
    >>> image = np.array([[[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]])
    >>> augment((3, 3), shift=1.0).images(image, rng=0).round(2)
    array([[[0.89, 0.03, 0.  ],
            [0.08, 0.  , 0.  ],
            [0.  , 0.  , 0.  ]]])
    """
    not_negative(shift=shift, rotate=rotate, noise=noise)
    fraction(scale=scale)
    if not (isinstance(shape, tuple) and len(shape) == 2):
        raise gd.ArgumentError(
            "the shape is not that of an image", expected="(rows, columns)", got=repr(shape)
        )
    rows, columns = shape
    count(rows=rows, columns=columns)
    return Augmentation((rows, columns), shift, rotate, scale, mirror, noise, of)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Images of one class that a change takes to where another class lives.

    ``share`` is the fraction of the images that some change takes there; ``before`` that of the
    images that are there as they are.
    """

    source: Any
    becomes: Any
    share: float
    before: float

    def __str__(self) -> str:
        return f"{self.source} becomes {self.becomes}: {self.share:.1%} ({self.before:.1%} before)"


def overlaps(
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    change: Augmentation,
    rng: Seed = 0,
    copies: int = 20,
    least: float = 0.05,
) -> list[Overlap]:
    """The classes that a change mixes up.

    A changed image is *among* another class if it is nearer to an image of it than to all others of
    its own class, and as near as that class's images are to one another (all but the 5 % that are
    farthest off). What a change makes unlike anything is among no class.

    Parameters
    ----------
    images, labels
        As for `fit`; one label for each image.
    change
        From `augment`.
    rng
        A seed or a generator.
    copies
        How often every image is changed. With more of them rare overlaps are found.
    least
        Pairs whose share grew by less are left out.

    Returns
    -------
    list of Overlap
        The largest share first; empty if there is nothing to report.

    Raises
    ------
    ArgumentError
        If there is not one label for each image, or ``copies`` is no count.

    Notes
    -----
    Distances are Euclidean, of pixels. Cost: those of all pairs of images, ``copies`` times.
    """
    x, classes = np.asarray(images), np.asarray(labels)
    if classes.shape != x.shape[:1]:
        raise gd.ArgumentError(
            "there is not one label for each image", expected=f"({len(x)},)", got=str(classes.shape)
        )
    count(copies=copies)
    names, of = np.unique(classes, return_inverse=True)
    random, flat = generator(rng), x.reshape(len(x), -1)
    near = _nearest(flat, flat, of)
    radius = np.array([np.quantile(near[of == c, c], 0.95) for c in range(len(names))])
    before = _among(near, of, radius)
    after = before
    for _ in range(copies):
        changed = change.images(x, random).reshape(flat.shape)
        after = after | _among(_nearest(changed, flat, of), of, radius)
    found = [
        Overlap(names[a].item(), names[b].item(), float(share), float(was))
        for a in range(len(names))
        for b, (share, was) in enumerate(
            zip(after[of == a].mean(axis=0), before[of == a].mean(axis=0), strict=True)
        )
        if share - was >= least
    ]
    return sorted(found, key=lambda overlap: -overlap.share)


def _nearest(changed: Array, images: Array, of: Array) -> Array:
    """For each changed image and each class, the distance to the nearest image but its own."""
    from scipy.spatial.distance import cdist

    members = [np.flatnonzero(of == c) for c in range(of.max() + 1)]
    result = np.empty((len(images), len(members)))
    for first in range(0, len(images), _BLOCK):
        part = slice(first, first + _BLOCK)
        distance = cdist(changed[part], images)
        own = np.arange(len(distance))
        distance[own, first + own] = np.inf
        for c, rows in enumerate(members):
            result[part, c] = distance[:, rows].min(axis=1)
    return result


def _among(near: Array, of: Array, radius: Array) -> Array:
    """For each image and each class, whether it is among that class and that is another."""
    best, own = near.argmin(axis=1), np.arange(len(of))
    result = np.zeros(near.shape, bool)
    result[own, best] = (best != of) & (near[own, best] <= radius[best])
    return result
