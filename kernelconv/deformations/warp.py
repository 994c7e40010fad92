"""L_tau x(u) = x(u - tau(u)) by spline interpolation, for images with one shared field or one each."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kernelconv._check import check_choice, check_finite, check_images
from kernelconv._parallel import apply_blocks, block_length, map_blocks

BOUNDARIES = ("zero", "reflect", "symmetric", "circular")
ORDERS = (0, 1, 3)

#: Pixels of zeros around the image before the cubic prefilter: the filter's tail is 0.268 to the power 12, 1.4e-7.
_ZEROS = 12


def warp(x: Any, tau: Any, *, order: int = 3, boundary: str = "zero", n_jobs: int | None = None) -> NDArray:
    r"""Deform images: L_tau x(u) = x(u - tau(u)).

    Parameters
    ----------
    x : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    tau : array-like or DisplacementField, shape (h, w, 2) or (n, h, w, 2)
        Displacements in pixels, (row, column); one field shared by all images, or one an image.
    order : {3, 1, 0}
        Cubic spline, bilinear, or nearest pixel (halves round towards larger coordinates).
    boundary : {"zero", "reflect", "symmetric", "circular"}
        How the image goes on outside: zeros; mirrored about the centre of the border pixel (d c b | a b c d), or
        about its edge (b a | a b c d); periodically. The extended image is what is interpolated, so values fade
        into the zeros over the pixels next to the border.
    n_jobs : int, optional
        Threads over blocks of images; None uses the cores the process may use.

    Returns
    -------
    ndarray of the shape of `x`
        float64 if `x` is, else float32.

    Raises
    ------
    ValueError
        If `x` is not a set of images, `tau` has another shape than (h, w, 2) or (n, h, w, 2) or holds non-finite
        values, or `order` or `boundary` is unknown.

    Notes
    -----
    tau = 0 gives back `x`, exactly for order <= 1 and to rounding for order 3; an integer constant tau is
    ``numpy.roll`` inside the image. The result is linear in `x`. The cubic prefilter is two dense matrix products,
    h w (h + w) multiply-adds an image; interpolation gathers (order + 1)^2 values a pixel, or multiplies by one
    sparse matrix where the field is shared. For ``"zero"`` the spline's coefficients are cut 12 pixels outside the
    image, an error of at most 1.4e-7 of the border values, outside the image only.

    References
    ----------
    Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing Magazine, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(16.0).reshape(1, 4, 4)
    >>> warp(x, np.broadcast_to([0.0, 0.5], (4, 4, 2)), order=1)[0, 1]
    array([2. , 4.5, 5.5, 6.5])
    """
    images = check_images(x, name="x")
    tau = _check_tau(tau, images.shape)
    if order not in ORDERS or isinstance(order, bool):
        raise ValueError(f"order must be 0 (nearest), 1 (bilinear) or 3 (cubic spline), got {order!r}.")
    check_choice(boundary, "boundary", BOUNDARIES)
    n, h, w, c = images.shape
    if tau.ndim == 3:
        matrix = warp_matrix(tau, order, boundary, images.dtype)
        block = block_length(images[0].nbytes * 6)
        out = apply_blocks(lambda b: _warp_shared(b, matrix, order, boundary), images, block, n_jobs)
    else:
        out = np.empty_like(images)
        block = block_length(h * w * (order + 1) * (16 + 2 * images.itemsize) + h * w * c * 64)

        def fill(s: slice) -> None:
            out[s] = _warp_own(images[s], tau[s], order, boundary)

        map_blocks(fill, n, block, n_jobs)
    return out.reshape(np.shape(x))


def _check_tau(tau: Any, image_shape: tuple[int, ...]) -> NDArray:
    tau = np.asarray(tau)
    n, h, w, _ = image_shape
    if tau.shape not in ((h, w, 2), (n, h, w, 2)):
        raise ValueError(
            f"tau has shape {tau.shape}; for {n} images of {h} x {w} pixels it must be ({h}, {w}, 2), shared, or "
            f"({n}, {h}, {w}, 2), one field an image."
        )
    if not np.issubdtype(tau.dtype, np.floating) and not np.issubdtype(tau.dtype, np.integer):
        raise ValueError(f"tau must hold real numbers, got dtype {tau.dtype}.")
    return check_finite(tau, "tau")


def _warp_own(images: NDArray, tau: NDArray, order: int, boundary: str) -> NDArray:
    """Warp (m, h, w, c) by fields (m, h, w, 2): gather one tap at a time."""
    m, h, w, c = images.shape
    coefficients = _coefficients(images, order, boundary)
    height, width = coefficients.shape[1:3]
    flat = coefficients.reshape(-1, c)
    rows, row_weights = _taps(np.arange(h)[:, None] - tau[..., 0], h, order, boundary, images.dtype)
    columns, column_weights = _taps(np.arange(w) - tau[..., 1], w, order, boundary, images.dtype)
    rows += height * np.arange(m)[:, None, None]
    rows *= width
    out = np.zeros(images.shape, images.dtype)
    for row, row_weight in zip(rows, row_weights, strict=True):
        line = np.zeros(images.shape, images.dtype)
        for column, column_weight in zip(columns, column_weights, strict=True):
            line += column_weight[..., None] * flat.take(row + column, axis=0)
        out += row_weight[..., None] * line
    return out


def _warp_shared(images: NDArray, matrix: sparse.csr_array, order: int, boundary: str) -> NDArray:
    m, h, w, c = images.shape
    coefficients = np.moveaxis(_coefficients(images, order, boundary), 0, 2)  # (H, W, m, c)
    warped = matrix @ coefficients.reshape(matrix.shape[1], m * c)
    return np.moveaxis(warped.reshape(h, w, m, c), 2, 0)


def warp_matrix(tau: NDArray, order: int, boundary: str, dtype: Any) -> sparse.csr_array:
    """Return the sparse matrix (h w, H W) from the spline coefficients of an image to the image warped by `tau`.

    For order <= 1 the coefficients are the pixels: the matrix is L_tau itself. For order 3 they are
    ``prefilter(h) @ image @ prefilter(w).T``.
    """
    h, w, _ = tau.shape
    rows, row_weights = _taps(np.arange(h)[:, None] - tau[..., 0], h, order, boundary, dtype)
    columns, column_weights = _taps(np.arange(w) - tau[..., 1], w, order, boundary, dtype)
    height, width = (len(_prefilter(s, order, boundary)) for s in (h, w))
    index = (rows * width)[:, None] + columns  # (taps, taps, h, w)
    weight = row_weights[:, None] * column_weights
    pixels = np.broadcast_to(np.arange(h * w).reshape(h, w), index.shape)
    entries = (weight.ravel(), (pixels.ravel(), index.ravel()))
    return sparse.coo_array(entries, shape=(h * w, height * width)).tocsr()


def _coefficients(images: NDArray, order: int, boundary: str) -> NDArray:
    """Return the spline coefficients (m, H, W, c) of images (m, h, w, c); the pixels themselves for order <= 1."""
    if order <= 1:
        return images
    sides = images.shape[1:3]
    along_rows, along_columns = (_prefilter(s, order, boundary).astype(images.dtype) for s in sides)
    planes = np.moveaxis(images, -1, 1)
    return np.moveaxis(along_rows @ planes @ along_columns.T, 1, -1)


@lru_cache(maxsize=32)
def _prefilter(n: int, order: int, boundary: str) -> NDArray:
    """Return the matrix (N, n) from n samples to their cubic B-spline coefficients; the identity for order <= 1."""
    if order <= 1:
        return np.eye(n)
    # inverted as a matrix: SciPy's recursive prefilter is off by up to 1e-6 on short axes for "symmetric"
    pad = _ZEROS if boundary == "zero" else 0
    size = n + 2 * pad
    positions = np.arange(size)[:, None]
    spline = np.zeros((size, size))
    for offset, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
        column = _fold(positions + offset, size, "reflect" if boundary == "zero" else boundary)
        np.add.at(spline, (positions, column), weight)
    matrix = np.ascontiguousarray(np.linalg.inv(spline)[:, pad : pad + n])
    matrix.flags.writeable = False
    return matrix


def _taps(positions: NDArray, n: int, order: int, boundary: str, dtype: Any) -> tuple[NDArray, NDArray]:
    """Return coefficient indices and B-spline weights, (taps, ...), at `positions` along an axis of n pixels."""
    first = np.floor(positions + 0.5 if order == 0 else positions)
    t = (positions - first).astype(dtype)
    weights = np.stack(_bspline(t, order))
    offset = -1 if order == 3 else 0
    index = first.astype(np.intp) + np.arange(offset, offset + len(weights)).reshape(-1, *(1,) * t.ndim)
    if boundary == "zero":
        pad = _ZEROS if order == 3 else 0
        weights[(index < -pad) | (index >= n + pad)] = 0
        return np.clip(index + pad, 0, n + 2 * pad - 1), weights
    return _fold(index, n, boundary), weights


def _bspline(t: NDArray, order: int) -> tuple[NDArray, ...]:
    """Return the B-spline's weights on the order + 1 pixels around a point at fraction `t` past a pixel."""
    if order == 0:
        return (np.ones_like(t),)
    s = 1 - t
    if order == 1:
        return s, t
    return s * s * s / 6, (t * t * (3 * t - 6) + 4) / 6, (s * s * (3 * s - 6) + 4) / 6, t * t * t / 6


def _fold(index: NDArray, n: int, boundary: str) -> NDArray:
    """Return `index` brought back into 0 .. n - 1 by the boundary's symmetry."""
    if boundary == "circular" or n == 1:
        return index % n
    period = 2 * n if boundary == "symmetric" else 2 * n - 2
    index = index % period
    return np.minimum(index, (period - 1 if boundary == "symmetric" else period) - index)
