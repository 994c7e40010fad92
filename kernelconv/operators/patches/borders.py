"""Borders: how a map goes on beyond its edge, as an index map with an exact adjoint."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import indices, like, namespace
from kernelconv._check import Pair
from kernelconv._types.parameters import Border

PADDINGS: tuple[str, ...] = ("valid", *get_args(Border))
_NUMPY_MODE: dict[str, Any] = {"zero": "constant", "reflect": "reflect", "symmetric": "symmetric", "circular": "wrap"}


@lru_cache(maxsize=512)
def border_index(n: int, before: int, after: int, padding: str) -> NDArray:
    """Return the position in [0, n) that each of before + n + after positions reads, -1 for a zero.

    Examples
    --------
    >>> border_index(3, 2, 1, "reflect")
    array([2, 1, 0, 1, 2, 1])
    >>> border_index(3, 1, 1, "zero")
    array([-1,  0,  1,  2, -1])
    """
    values: dict[str, Any] = {"constant_values": -1} if padding == "zero" else {}
    index = np.pad(np.arange(n), (before, after), mode=_NUMPY_MODE[padding], **values)
    index.flags.writeable = False  # cached and shared
    return index


def padded(x: Any, rows: Pair, columns: Pair, padding: str) -> Any:
    """Return x (n, h, w, c), of any array library, padded by `rows` = (above, below) and `columns` = (left, right)."""
    for axis, border in ((1, rows), (2, columns)):
        if padding != "valid" and any(border):
            x = _padded_along(x, axis, border, padding)
    return x


def _padded_along(x: Any, axis: int, border: Pair, padding: str) -> Any:
    xp = namespace(x)
    if padding == "zero":
        zeros = [xp.zeros_like(xp.take(x, indices(np.zeros(b, int), x), axis=axis)) for b in border]
        return xp.concat([zeros[0], x, zeros[1]], axis=axis)
    return xp.take(x, indices(border_index(x.shape[axis], *border, padding), x), axis=axis)


def folded(y: Any, rows: Pair, columns: Pair, padding: str) -> Any:
    """Return the adjoint of `padded`, of any array library: a border's values are added to what they were read from."""
    for axis, border in ((1, rows), (2, columns)):
        if padding != "valid" and any(border):
            y = _folded_along(y, axis, border, padding)
    return y


def _folded_along(y: Any, axis: int, border: Pair, padding: str) -> Any:
    xp, shape = namespace(y), list(y.shape)
    shape[axis] = n = y.shape[axis] - sum(border)
    if padding == "zero":
        return xp.take(y, indices(np.arange(border[0], border[0] + n), y), axis=axis)
    reads = border_index(n, *border, padding) == np.arange(n)[:, None]  # the matrix that pads, transposed
    lines = xp.reshape(y, (-1, y.shape[axis], math.prod(y.shape[axis + 1 :])))
    return xp.reshape(like(reads, y) @ lines, tuple(shape))


def pad(x: NDArray, rows: Pair, columns: Pair, padding: str) -> NDArray:
    """Return `padded` of a NumPy array, in one copy."""
    if padding == "valid" or not any((*rows, *columns)):
        return x
    n, h, w, c = x.shape
    if padding == "zero":
        out = np.zeros((n, rows[0] + h + rows[1], columns[0] + w + columns[1], c), x.dtype)
        out[:, rows[0] : rows[0] + h, columns[0] : columns[0] + w] = x
        return out
    x = np.take(x, border_index(h, *rows, padding), axis=1)
    return np.take(x, border_index(w, *columns, padding), axis=2)


def pad_adjoint(y: NDArray, rows: Pair, columns: Pair, padding: str) -> NDArray:
    """Return the adjoint of `pad`: the borders' values are added to the positions they were read from."""
    if padding == "valid" or not any((*rows, *columns)):
        return y
    y = _fold(y, 1, rows, padding)
    return _fold(y, 2, columns, padding)


def _fold(y: NDArray, axis: int, border: Pair, padding: str) -> NDArray:
    before, after = border
    n = y.shape[axis] - before - after
    y = np.moveaxis(y, axis, 0)
    inside = y[before : before + n].copy()
    if padding != "zero":
        index = border_index(n, before, after, padding)
        for i in (*range(before), *range(before + n, len(index))):
            inside[index[i]] += y[i]
    return np.moveaxis(inside, 0, axis)
