"""The warp as a linear map of the image (its adjoint) and as a function of the field (its derivative in tau)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import check_numpy
from kernelconv._types.parameters import Border
from kernelconv.deformations.interpolation import prefilter
from kernelconv.deformations.warp import (
    Order,
    axis_taps,
    check_warp,
    fourier_at,
    fourier_axes,
    gather,
    over_blocks,
    spline_coefficients,
)


def warp_adjoint(
    y: ArrayLike, tau: ArrayLike, *, order: Order = 3, padding: Border = "zero", n_jobs: int | None = None
) -> NDArray:
    r"""Apply the adjoint of the warp: <L_tau x, y> = <x, warp_adjoint(y, tau)> for every x and y.

    Parameters
    ----------
    y : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    tau, order, padding, n_jobs
        As in `warp`.

    Returns
    -------
    ndarray of the shape of `y`
        float64 if `y` is, else float32.

    Raises
    ------
    ValueError
        As `warp`.
    TypeError
        If `y` or `tau` is an array of another library than NumPy: such a library differentiates `warp` itself.

    Notes
    -----
    Every pixel of `y` is spread over the taps that `warp` gathers it from, (order + 1)^2 of them, then the prefilter's
    transpose is applied. Sums run in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import warp_adjoint
    >>> y = np.zeros((1, 3, 3)); y[0, 1, 1] = 1
    >>> warp_adjoint(y, np.broadcast_to([0.0, 0.25], (3, 3, 2)), order=1)[0, 1]
    array([0.25, 0.75, 0.  ])
    """
    _check_numpy(y, "y", tau)
    images, tau = check_warp(y, tau, order, padding, "y")
    function = _adjoint_fourier if order == "fourier" else _adjoint_spline
    return over_blocks(function, images, tau, order, padding, n_jobs).reshape(np.shape(y))


def warp_derivative(
    x: ArrayLike, tau: ArrayLike, *, order: Order = 3, padding: Border = "zero", n_jobs: int | None = None
) -> NDArray:
    r"""Differentiate the warp with respect to the field: d (L_tau x)(u) / d tau_a(u) = -(d_a x)(u - tau(u)).

    The other derivatives are 0: a displacement at u changes the value at u alone. So the gradient in tau(u) of a
    function f of L_tau x is the sum over channels of (df / d(L_tau x)) times this derivative.

    Parameters
    ----------
    x : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    tau, padding, n_jobs
        As in `warp`.
    order : {3, 1, "fourier"}
        The interpolant that is differentiated; for order 1, the derivative at a kink is the one from the right.

    Returns
    -------
    ndarray, shape (n, h, w, 2) or (n, h, w, c, 2)
        In grey levels per pixel; float64 if `x` is, else float32.

    Raises
    ------
    ValueError
        As `warp`, and for ``order=0``, whose derivative is 0 or does not exist.
    TypeError
        As `warp_adjoint`.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import warp_derivative
    >>> ramp = np.arange(25.0).reshape(1, 5, 5)
    >>> warp_derivative(ramp, np.zeros((5, 5, 2)), order=1)[0, 2, 2]
    array([-5., -1.])
    """
    _check_numpy(x, "x", tau)
    images, tau = check_warp(x, tau, order, padding)
    if order == 0:
        raise ValueError("The nearest pixel has no derivative in tau: use order 1, 3 or 'fourier'.")
    function = _derivative_fourier if order == "fourier" else _derivative_spline
    return over_blocks(function, images, tau, order, padding, n_jobs, (2,)).reshape(*np.shape(x), 2)


def _check_numpy(x: object, name: str, tau: object) -> None:
    for given, called in ((x, name), (tau, "tau")):
        check_numpy(given, called, "Of tensors, their library differentiates warp, in the images and in tau.")


def _derivative_spline(images: NDArray, tau: NDArray, order: int, padding: str) -> NDArray:
    coefficients = spline_coefficients(images, order, padding)
    slopes = [gather(coefficients, *axis_taps(tau, order, padding, images.dtype, along)) for along in (0, 1)]
    return -np.stack(slopes, -1)


def _derivative_fourier(images: NDArray, tau: NDArray, order: str, padding: str) -> NDArray:
    slopes = [
        [fourier_at(x, *fourier_axes(t, padding, along)) for x, t in zip(images, tau, strict=True)] for along in (0, 1)
    ]
    return -np.stack([np.stack(s) for s in slopes], -1)


def _adjoint_spline(images: NDArray, tau: NDArray, order: int, padding: str) -> NDArray:
    """Scatter (m, h, w, c) over the taps, then apply the transposed prefilter along both axes."""
    m, h, w, c = images.shape
    along_rows, along_columns = (prefilter(s, order, padding) for s in (h, w))
    height, width = len(along_rows), len(along_columns)
    (rows, row_weights), (columns, column_weights) = axis_taps(tau, order, padding, np.float64)
    rows = (rows + height * np.arange(m)[:, None, None]) * width
    total = np.zeros((c, m * height * width))
    for row, row_weight in zip(rows, row_weights, strict=True):
        for column, column_weight in zip(columns, column_weights, strict=True):
            index, weight = (row + column).ravel(), row_weight * column_weight
            for k in range(c):
                total[k] += np.bincount(index, (weight * images[..., k]).ravel(), minlength=total.shape[1])
    planes = along_rows.T @ total.reshape(c, m, height, width) @ along_columns
    return np.moveaxis(planes, 0, -1).astype(images.dtype)


def _adjoint_fourier(images: NDArray, tau: NDArray, order: str, padding: str) -> NDArray:
    out = np.empty_like(images)
    for i, (y, t) in enumerate(zip(images, tau, strict=True)):
        rows, columns = fourier_axes(t, padding)
        spread = y.reshape(len(rows), 1, -1) * columns[..., None]  # (h w, w, c)
        out[i] = (rows.T @ spread.reshape(len(rows), -1)).reshape(y.shape)
    return out
