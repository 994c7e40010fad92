"""How maps lie in memory, and products along their channels that take them as they lie.

Maps are (n, h, w, c) for every reader; the engines return transposed views of arrays that lie otherwise: "lines"
(h, w, n, c) from tiles and small convolutions, "rows" (h, n, w, c) from products by filter row, "planes" (c, h, w, n)
from patches of a few channels. This is the only file that asks which it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Orders of the axes (n, h, w, c) in memory, and of lines the way back.
LINES, LINES_BACK = (1, 2, 0, 3), (2, 0, 1, 3)
PLANES = (3, 1, 2, 0)
ROWS = (1, 0, 2, 3)
IMAGES = (0, 1, 2, 3)
#: Rows above which a sum is one of blocks, and rows of a block. Below, sums keep the bits of one product.
MANY_ROWS, ROWS_OF_BLOCK = 2**17, 1024


def lies(x: NDArray, order: tuple[int, ...]) -> bool:
    """Return whether `x` (n, h, w, c) lies in one piece in this order of its axes and not as images in a row."""
    return x.transpose(order).flags.c_contiguous and not x.flags.c_contiguous


def axes_in_memory(x: NDArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order of the axes, images first or lines, in which `x` lies, and the way back."""
    return (LINES, LINES_BACK) if lies(x, LINES) else (IMAGES, IMAGES)


def on_channels(x: NDArray, matrix: NDArray) -> NDArray:
    """Return x matrix at each position: (n, h, w, c), (c, c') -> (n, h, w, c'), as a single matrix product."""
    if lies(x, LINES):
        lines = x.transpose(LINES)
        return (lines.reshape(-1, x.shape[-1]) @ matrix).reshape(*lines.shape[:3], -1).transpose(LINES_BACK)
    if lies(x, PLANES):
        planes = x.transpose(PLANES)
        y = planes.reshape(len(planes), -1).T @ matrix
        return y.reshape(*planes.shape[1:], -1).transpose(LINES_BACK)
    return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], matrix.shape[1])


def sum_positions(g: NDArray) -> NDArray:
    """Return the sum of (n, h, w, c) over images and positions, (c,), as one matrix product.

    A product adds row by row and loses precision with their number: sums of many rows are sums of blocks of them.
    """
    for order in (ROWS, LINES):  # reshaped without a copy
        if g.transpose(order).flags.c_contiguous:
            g = g.transpose(order)
            break
    rows = g.reshape(-1, g.shape[-1])
    if len(rows) <= MANY_ROWS:
        return np.ones(len(rows), g.dtype) @ rows
    whole = len(rows) - len(rows) % ROWS_OF_BLOCK
    ones, blocks = np.ones(ROWS_OF_BLOCK, g.dtype), rows[:whole].reshape(-1, ROWS_OF_BLOCK, rows.shape[1])
    sums = [*(ones @ blocks), ones[: len(rows) - whole] @ rows[whole:]]
    return np.sum(sums, axis=0, dtype=np.result_type(g, np.float64)).astype(g.dtype)


def add_to_channels(y: NDArray, values: NDArray) -> NDArray:
    """Add `values` (c,) to `y` (n, h, w, c) in place, along whole lines where it lies so, and return it."""
    lines = y.transpose(LINES)
    if lines.flags.c_contiguous:
        lines = lines.reshape(*lines.shape[:2], -1)
        lines += np.tile(values, len(y))
    else:
        y += values
    return y
