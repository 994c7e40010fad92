"""Interpolation along one axis: B-spline taps and prefilter, the exact Fourier weights, and their derivatives."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border

PADDINGS: tuple[str, ...] = get_args(Border)

#: Pixels of zeros around the image before the cubic prefilter: the filter's tail is 0.268 to the power 12, 1.4e-7.
ZEROS = 12
#: Below this angle the Dirichlet kernel's derivative is its Taylor series: the closed form would cancel.
_SMALL = 1e-4


# -- splines -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def prefilter(n: int, order: int, padding: str) -> NDArray:
    """Return the matrix (N, n) from n samples to their cubic B-spline coefficients; the identity for order <= 1."""
    if order <= 1:
        return np.eye(n)
    # inverted as a matrix: SciPy's recursive prefilter is off by up to 1e-6 on short axes for "symmetric"
    pad = ZEROS if padding == "zero" else 0
    size = n + 2 * pad
    positions = np.arange(size)[:, None]
    spline = np.zeros((size, size))
    for offset, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
        column = fold(positions + offset, size, "reflect" if padding == "zero" else padding)
        np.add.at(spline, (positions, column), weight)
    matrix = np.ascontiguousarray(np.linalg.inv(spline)[:, pad : pad + n])
    matrix.flags.writeable = False
    return matrix


def taps(
    positions: NDArray, n: int, order: int, padding: str, dtype: Any, *, derivative: bool = False
) -> tuple[NDArray, NDArray]:
    """Return coefficient indices and B-spline weights, (taps, ...), at `positions` along an axis of n pixels.

    With `derivative` the weights are those of the interpolant's derivative (from the right, for order 1).
    """
    first = np.floor(positions + 0.5 if order == 0 else positions)
    t = (positions - first).astype(dtype)
    weights = np.stack((_bspline_slopes if derivative else bspline)(t, order))
    offset = -1 if order == 3 else 0
    index = first.astype(np.intp) + np.arange(offset, offset + len(weights)).reshape(-1, *(1,) * t.ndim)
    if padding == "zero":
        pad = ZEROS if order == 3 else 0
        weights[(index < -pad) | (index >= n + pad)] = 0
        return np.clip(index + pad, 0, n + 2 * pad - 1), weights
    return fold(index, n, padding), weights


def bspline(t: Array, order: int) -> tuple[Any, ...]:
    """Return the B-spline's weights on the order + 1 pixels around a point at fraction `t` past a pixel."""
    if order == 0:
        return (namespace(t).ones_like(t),)
    s = 1 - t
    if order == 1:
        return s, t
    return s * s * s / 6, (t * t * (3 * t - 6) + 4) / 6, (s * s * (3 * s - 6) + 4) / 6, t * t * t / 6


def _bspline_slopes(t: NDArray, order: int) -> tuple[NDArray, ...]:
    """Return the derivatives of `bspline` in `t`."""
    if order == 1:
        return -np.ones_like(t), np.ones_like(t)
    s = 1 - t
    return -s * s / 2, t * (3 * t - 4) / 2, s * (4 - 3 * s) / 2, t * t / 2


def fold(index: Any, n: int, padding: str) -> Any:
    """Return `index`, whole numbers in an array of any library, brought into 0 .. n - 1 by the padding's symmetry."""
    period = period_of(n, padding)
    if period == n:
        return index % n
    index = index % period
    return namespace(index).minimum(index, (period - 1 if padding == "symmetric" else period) - index)


def period_of(n: int, padding: str) -> int:
    """Return after how many pixels an axis of n pixels, extended by a padding other than "zero", repeats itself."""
    return {"circular": n, "symmetric": 2 * n, "reflect": max(2 * n - 2, 1)}[padding]


# -- Fourier -----------------------------------------------------------------------------------------------------------


def fourier_weights(positions: NDArray, n: int, padding: str, *, derivative: bool = False) -> NDArray:
    r"""Return the weights (..., n) of n samples in their band-limited interpolant at `positions`.

    The samples are extended by the padding's symmetry to a period of N, and the interpolant is the trigonometric
    polynomial through them, sum over m of x[m] D_N(p - m) with the Dirichlet kernel D_N; for ``"zero"`` the
    extension has no period and D is sinc(p - m).
    """
    if padding == "zero":
        t = np.asarray(positions, np.float64)[..., None] - np.arange(n)
        return _sinc_slope(t) if derivative else np.sinc(t)
    period = period_of(n, padding)
    t = np.asarray(positions, np.float64)[..., None] - np.arange(period)
    return _dirichlet(t, period)[int(derivative)] @ folding(n, padding)


def folding(n: int, padding: str) -> NDArray:
    """Return the matrix (N, n) that adds up the weights of the points of a period of N that are the same sample."""
    period = period_of(n, padding)
    matrix = np.zeros((period, n))
    matrix[np.arange(period), fold(np.arange(period), n, padding)] = 1
    return matrix


def _sinc_slope(t: NDArray) -> NDArray:
    near = np.abs(t) < _SMALL
    safe = np.where(near, 1.0, t)
    return np.where(near, -(np.pi**2) * t / 3, (np.cos(np.pi * safe) - np.sinc(safe)) / safe)


def _dirichlet(t: NDArray, n: int) -> tuple[NDArray, NDArray]:
    """Return D_n(t) = sin(n a) / (n sin a), times cos a for even n, a = pi t / n; and its derivative in t."""
    a = np.pi * (t / n - np.round(t / n))  # D_n has period n up to a sign that the even case's cosine takes back
    near = np.abs(a) < _SMALL / n
    safe = np.where(near, 1.0, a)
    sin, cos, sin_n, cos_n = np.sin(safe), np.cos(safe), np.sin(n * safe), np.cos(n * safe)
    value = np.where(near, 1.0, sin_n / (n * sin))
    slope = np.where(near, -(n * n - 1) * a / 3, (n * cos_n * sin - sin_n * cos) / (n * sin * sin))
    if n % 2 == 0:
        value, slope = np.cos(a) * value, np.cos(a) * slope - np.sin(a) * value
    return value, np.pi / n * slope
