"""Colours: contrast as WCAG 2.2 defines it, and kinds that can be told apart without them."""

from __future__ import annotations

from itertools import combinations

import pytest

from graphdiff.drawing import theme

PALETTES = (theme.FORWARD, *theme.GRADIENTS)


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.ink)
def test_contrast(palette: theme.Palette) -> None:
    assert contrast(theme.INK, palette.fill) >= 7
    assert contrast(palette.ink, palette.ground) >= 4.5
    assert contrast(palette.edge, palette.ground) >= 4.5
    assert contrast(theme.AGAIN, palette.ground) >= 3
    assert contrast(palette.ink, palette.fill) >= 3


def test_parameters_and_constants_can_be_read() -> None:
    assert contrast(theme.INK, theme.PARAMETER.fill) >= 7
    assert contrast(theme.QUIET, theme.FORWARD.ground) >= 7
    assert contrast(theme.FAINT, "#ffffff") >= 3


def test_every_kind_has_a_shape_of_its_own() -> None:
    looks = [
        (style["shape"], "rounded" in style.get("style", "")) for style in theme.SHAPES.values()
    ]
    assert all(a != b for a, b in combinations(looks, 2))
