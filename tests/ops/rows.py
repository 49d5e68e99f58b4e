"""The whole table of ops, in the order of `graphdiff.ops.OPS`, then those for complex values."""

from __future__ import annotations

from tests.ops import (
    rows_algebra,
    rows_complex,
    rows_elementwise,
    rows_fourier,
    rows_images,
    rows_indexing,
    rows_reduction,
    rows_special,
    table,
)

ROWS = (
    *table.ROWS,
    *rows_elementwise.ROWS,
    *rows_reduction.ROWS,
    *rows_algebra.ROWS,
    *rows_images.ROWS,
    *rows_indexing.ROWS,
    *rows_fourier.ROWS,
    *rows_special.ROWS,
    *rows_complex.ROWS,
)
