"""Powers of two that bring values to where their squares neither overflow nor vanish.

A leaf of the import graph. Multiplying by a power of two is exact, so what is homogeneous, f(c x) = c f(x), loses no
digit on the way there and back; values in the ordinary range are left alone, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


@lru_cache
def bounds(dtype: DTypeLike) -> tuple[float, float]:
    """Return between which largest moduli arrays of `dtype` may be squared: 2^-40 and 2^40 in float32.

    There the squares of values down to rounding, 1e-7 of the largest, do not vanish, and sums of them do not overflow.

    Examples
    --------
    >>> bounds("float32") == (2.0**-40, 2.0**40)
    True
    """
    limit = 2.0 ** (np.finfo(dtype).maxexp * 5 // 16)
    return 1 / limit, limit


def largest(x: NDArray, axis: Any = None) -> Any:
    """Return the largest modulus of real `x`, without a temporary array of its size."""
    return np.maximum(x.max(axis=axis, initial=0), -x.min(axis=axis, initial=0))


def scales(x: NDArray, tops: NDArray | None = None) -> NDArray | None:
    """Return the power of two by which each image of `x` (n, ...) comes into the ordinary range, or None if all are.

    Parameters
    ----------
    x : ndarray, shape (n, ...)
        float32 or float64. An image that is zero, or holds NaN or an infinity, keeps its scale.
    tops : ndarray, shape (n,), optional
        What is known of the images' sizes, in place of their largest moduli: their largest norm, say. Only images of
        which it is out of the ordinary, zero among them, are looked at.

    Returns
    -------
    ndarray, shape (n, 1, ...), or None

    Raises
    ------
    ValueError
        If sums of finite values would overflow.
    """
    low, high = bounds(x.dtype)
    axes = tuple(range(1, x.ndim))
    tops = largest(x, axes) if tops is None else tops
    strange = ~((tops >= low) & (tops <= high))
    if not strange.any():
        return None
    found = np.zeros(len(x))
    found[strange] = largest(x[strange], axes)
    strange = (found > 0) & (found < np.inf) & ~((found >= low) & (found <= high))
    if not strange.any():
        return None
    _check_room(float(found[strange].max()), x.dtype)
    exponents = np.where(strange, np.frexp(found)[1], 0)
    smallest = np.finfo(x.dtype).minexp
    return np.ldexp(x.dtype.type(1), -np.maximum(exponents, smallest)).reshape(-1, *[1] * (x.ndim - 1))


def rescaled(function: Callable[[NDArray], NDArray], x: NDArray, by: NDArray) -> NDArray:
    """Return ``function(x)`` of a homogeneous function by way of ``x * by``, powers of two (n, 1, ...)."""
    y = function(x * by)
    return y / by.reshape(-1, *[1] * (y.ndim - 1)).astype(y.dtype)


def squarable(x: NDArray, axis: Any = None) -> NDArray:
    """Return `x`, as float64 if squares of its float32 values, or of those of one of its images, overflow or vanish.

    Parameters
    ----------
    x : ndarray
        float32 or float64.
    axis : int or tuple of int, optional
        The axes of one image; all by default.

    Raises
    ------
    ValueError
        If squares overflow or vanish in float64 as well.

    Examples
    --------
    >>> squarable(np.float32([1e30])).dtype, squarable(np.float32([1, 1e-30])).dtype
    (dtype('float64'), dtype('float32'))
    """
    tops = np.atleast_1d(largest(x, axis)).astype(np.float64)
    for dtype in (x.dtype, np.dtype(np.float64)):
        low, high = bounds(dtype)
        if np.all((tops == 0) | ((tops >= low) & (tops <= high))):
            return x.astype(dtype, copy=False)
    strange = tops[(tops != 0) & ~((tops >= low) & (tops <= high))]
    raise ValueError(
        f"Values of size {strange[0]:.3g} cannot be squared in float64: they overflow or vanish. Multiply them by a "
        "power of two first."
    )


def row_norms(x: NDArray) -> NDArray:
    """Return the norm of each row of `x` (m, c), whatever its scale.

    Examples
    --------
    >>> row_norms(np.array([[3e200, 4e200], [3e-200, 4e-200], [0, 0]]))
    array([5.e+200, 5.e-200, 0.e+000])
    """
    with np.errstate(over="ignore", under="ignore"):
        norms = np.linalg.norm(x, axis=1)
    by = scales(x, norms)
    return norms if by is None else np.linalg.norm(x * by, axis=1) / by[:, 0]


def rms_norm(x: NDArray) -> float:
    """Return the root of the mean squared norm of the rows of `x` (n, d), whatever their scale."""
    low, high = bounds(x.dtype)
    square = float(np.einsum("nd,nd->n", x, x).mean(dtype=np.float64))
    by = None if low**2 <= square <= high**2 else scales(x[None])
    if by is None:
        return float(np.sqrt(square))
    return rms_norm((x[None] * by)[0]) / float(by[0, 0, 0])


def _check_room(top: float, dtype: DTypeLike) -> None:
    """Raise ValueError if values of size `top` are so large that their norms and sums overflow in `dtype`."""
    most = float(np.finfo(dtype).max)
    if top > most / 2**16:
        other = " or pass float64" if np.dtype(dtype) == np.float32 else ""
        raise ValueError(
            f"Values as large as {top:.3g} leave no room for sums in {np.dtype(dtype)}, which ends at {most:.2g}. "
            f"Divide them first{other}."
        )
