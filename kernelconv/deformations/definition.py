"""L_tau x(u) = x(u - tau(u)) in standard array code: what tensors go through, with gradients in x and in tau."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

from kernelconv._arrays import like, namespace
from kernelconv._types.arrays import Array
from kernelconv.deformations.interpolation import ZEROS, bspline, fold, folding, period_of, prefilter

Taps = list[tuple[Any, Any]]


def warp_definition(x: Array, tau: Array, order: int | str, padding: str) -> Any:
    """Return L_tau x of images (n, h, w, c) by fields (h, w, 2) or (n, h, w, 2), arrays of one library and device.

    Positions are counted in the wider of the two dtypes; the result has that of `x`. The derivative in tau at a kink
    (order 1, whole positions) is the one from the right, as `warp_derivative` takes it; order 0 has none.
    """
    return (_fourier if order == "fourier" else _spline)(x, _positions(x, tau), order, padding)


def _positions(x: Array, tau: Array) -> tuple[Any, Any]:
    """Return the rows and the columns (..., h, w) of u - tau(u)."""
    xp = namespace(x)
    tau = xp.astype(tau, xp.result_type(x.dtype, tau.dtype))
    rows, columns = (_counted(side, tau) for side in tau.shape[-3:-1])
    return rows[:, None] - tau[..., 0], columns - tau[..., 1]


def _counted(n: int, x: Array) -> Any:
    """Return 0, 1, ... n - 1 in the library, device and dtype of `x`."""
    return namespace(x).arange(n, dtype=x.dtype, device=array_api_compat.device(x))


# -- splines -----------------------------------------------------------------------------------------------------------


def _spline(x: Array, positions: tuple[Any, Any], order: Any, padding: str) -> Any:
    """Return the sum over the taps of rows and columns of weight times coefficient."""
    xp, (n, h, w, c) = namespace(x), x.shape
    coefficients = _coefficients(x, order, padding)
    height, width = coefficients.shape[1:3]
    flat = xp.reshape(coefficients, (-1, c))
    first = height * width * xp.arange(n, device=array_api_compat.device(x))[:, None, None]  # where each image begins
    rows, columns = (
        _taps(p, side, order, padding, first.dtype, x.dtype) for p, side in zip(positions, (h, w), strict=True)
    )
    total = xp.zeros_like(x)
    for row, row_weight in rows:
        for column, column_weight in columns:
            index = xp.reshape(first + width * row + column, (-1,))
            values = xp.reshape(xp.take(flat, index, axis=0), x.shape)
            total = total + (row_weight * column_weight)[..., None] * values
    return total


def _taps(positions: Array, n: int, order: int, padding: str, counts: Any, dtype: Any) -> Taps:
    """Return the coefficient indices, of the dtype `counts`, and the weights (..., h, w) of each tap of an axis."""
    xp = namespace(positions)
    nearest = xp.floor(positions + 0.5 if order == 0 else positions)
    weights = bspline(xp.astype(positions - nearest, dtype), order)
    found = []
    for k, weight in enumerate(weights, -1 if order == 3 else 0):
        index = nearest + k  # brought into the axis as floats: of far positions no int could be made
        if padding == "zero":
            pad = ZEROS if order == 3 else 0
            weight = xp.where((index >= -pad) & (index < n + pad), weight, xp.zeros_like(weight))
            index = xp.clip(index + pad, 0, n + 2 * pad - 1)
        else:
            index = fold(index, n, padding)
        found.append((xp.astype(index, counts), weight))
    return found


def _coefficients(x: Array, order: int, padding: str) -> Any:
    """Return the spline coefficients (n, H, W, c) of images (n, h, w, c); the pixels themselves for order <= 1."""
    if order <= 1:
        return x
    xp = namespace(x)
    along_rows, along_columns = (like(prefilter(side, order, padding), x) for side in x.shape[1:3])
    planes = xp.permute_dims(x, (0, 3, 1, 2))
    filtered = xp.matmul(xp.matmul(along_rows, planes), xp.matrix_transpose(along_columns))
    return xp.permute_dims(filtered, (0, 2, 3, 1))


# -- Fourier -----------------------------------------------------------------------------------------------------------


def _fourier(x: Array, positions: tuple[Any, Any], order: Any, padding: str) -> Any:
    """Return the sum over rows and columns of weight times pixel."""
    xp, (n, h, w, c) = namespace(x), x.shape
    rows, columns = (
        xp.astype(_fourier_weights(p, side, padding), x.dtype) for p, side in zip(positions, (h, w), strict=True)
    )
    along_rows = xp.matmul(xp.reshape(rows, (-1, h * w, h)), xp.reshape(x, (n, h, w * c)))
    along_rows = xp.reshape(along_rows, (n, h * w, w, c))
    return xp.reshape(xp.matmul(xp.reshape(columns, (-1, h * w, 1, w)), along_rows), x.shape)


def _fourier_weights(positions: Array, n: int, padding: str) -> Any:
    """Return the weights (..., n) of n samples at `positions`, those of `interpolation.fourier_weights`."""
    xp = namespace(positions)
    if padding == "zero":
        a = np.pi * (positions[..., None] - _counted(n, positions))
        return _quotient(a, 1, a, 1)
    period = period_of(n, padding)
    t = positions[..., None] - _counted(period, positions)
    a = np.pi * (t / period - xp.round(t / period))
    weights = _quotient(a, period, period * xp.sin(a), period**2 - 1)
    weights = weights if period % 2 else weights * xp.cos(a)
    return xp.matmul(weights, like(folding(n, padding), positions))


def _quotient(a: Array, n: int, below: Array, curvature: int) -> Any:
    """Return sin(n a) / `below`, near a = 0 by its Taylor series 1 - curvature a^2 / 6, which has a gradient there."""
    xp = namespace(a)
    near = xp.abs(n * a) < float(xp.finfo(a.dtype).eps) ** 0.25
    safe = xp.where(near, xp.ones_like(below), below)  # where it is not taken, the quotient's gradient is finite too
    return xp.where(near, 1 - curvature / 6 * a * a, xp.sin(n * a) / safe)
