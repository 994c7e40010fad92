"""L_tau x(u) = x(u - tau(u)) by spline or Fourier interpolation, for images with one shared field or one each."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from kernelconv._arrays import as_one_library, check_finite_array, holds, is_foreign, namespace
from kernelconv._check import check_channels_last, check_choice, check_finite, check_images, check_images_shape
from kernelconv._numbers import as_real
from kernelconv._parallel.blocks import apply_blocks, block_length, map_blocks
from kernelconv._scales import check_room, largest
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.deformations.definition import warp_definition
from kernelconv.deformations.interpolation import PADDINGS, fourier_weights, period_of, prefilter, taps

Order = Literal[0, 1, 3, "fourier"]
ORDERS = get_args(Order)
#: Larger displacements, in pixels, are brought nearer: positions are counted in ints.
_FARTHEST = 2.0**31


def warp(
    x: ArrayLike | Array,
    tau: ArrayLike | Array,
    *,
    order: Order = 3,
    padding: Border = "zero",
    n_jobs: int | None = None,
) -> Any:
    r"""Deform images: L_tau x(u) = x(u - tau(u)).

    Parameters
    ----------
    x : array-like, shape (n, h, w) or (n, h, w, c)
        Images; for an array of another library the result is one of that library, on the same device.
    tau : array-like or DisplacementField, shape (h, w, 2) or (n, h, w, 2)
        Displacements in pixels, (row, column); one field shared by all images, or one per image. If only one of `x`
        and `tau` is NumPy's, it is converted to the library, device and dtype of the other.
    order : {3, 1, 0, "fourier"}
        Cubic spline, bilinear, or nearest pixel (halves round towards larger coordinates); or the exact warp of the
        band-limited function through the pixels, a reference for the others.
    padding : {"zero", "reflect", "symmetric", "circular"}
        How the image is extended: by zeros; mirrored about the centre of the border pixel (d c b | a b c d), or
        about its edge (b a | a b c d); periodically. The extended image is interpolated, so that with "zero" values
        fade to zero over the pixels next to the border.
    n_jobs : int, optional
        Threads over blocks of images; None uses the cores the process may use. For NumPy arrays only.

    Returns
    -------
    ndarray, or array of the library of `x` or `tau`, of the shape of `x`
        float64 if `x` is, else float32.

    Raises
    ------
    ValueError
        If `x` is not a set of images, `tau` has another shape than (h, w, 2) or (n, h, w, 2) or holds non-finite
        values, or `order` or `padding` is unknown; if a tensor's displacement is above 2^31 px.
    TypeError
        If `x` and `tau` are arrays of two libraries, neither of them NumPy.

    Notes
    -----
    tau = 0 gives back `x`, exactly for order <= 1 and to rounding otherwise; an integer constant tau is
    ``numpy.roll`` inside the image. The result is linear in `x`. The cubic prefilter is two dense matrix products,
    h w (h + w) multiply-adds an image; interpolation gathers (order + 1)^2 values a pixel, or multiplies by one
    sparse matrix where the field is shared; ``"fourier"`` costs (h w)^2 multiply-adds an image. For ``"zero"`` the
    spline's coefficients are cut 12 pixels outside the image, an error of at most 1.4e-7 of the border values,
    outside the image only.

    Arrays of PyTorch, JAX and other libraries of the array API standard are warped in their own library, whose
    automatic differentiation gives gradients in `x` and, for order > 0, in `tau`. All images are warped at once, in a
    few arrays of the size of `x`, or of h + w numbers per pixel for ``"fourier"``. Traced values are not checked.

    References
    ----------
    Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing Magazine, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import warp
    >>> x = np.arange(16.0).reshape(1, 4, 4)
    >>> warp(x, np.broadcast_to([0.0, 0.5], (4, 4, 2)), order=1)[0, 1]
    array([2. , 4.5, 5.5, 6.5])
    """
    if is_foreign(x) or is_foreign(tau):
        return _warp_arrays(x, tau, order, padding)
    images, tau = check_warp(x, tau, order, padding)
    if order == "fourier":
        out = over_blocks(_warp_fourier, images, tau, order, padding, n_jobs)
    elif tau.ndim == 3:
        matrix = warp_matrix(tau, order, padding, images.dtype)
        block = block_length(images[0].nbytes * 6)
        out = apply_blocks(lambda b: _warp_shared(b, matrix, order, padding), images, block, n_jobs)
    else:
        out = over_blocks(_warp_own, images, tau, order, padding, n_jobs)
    return out.reshape(np.shape(x))


def check_warp(x: Any, tau: Any, order: Any, padding: str, name: str = "x") -> tuple[NDArray, NDArray]:
    """Return `x` as images (n, h, w, c) and tau as an array, or raise ValueError as `warp` says."""
    images = check_images(x, name=name, channels_last=False)
    tau = as_real(tau, "tau")
    if tau.shape[-3:-1] != images.shape[1:3]:  # else the field says which axes are rows and columns
        check_channels_last(images.shape, name)
    _check_how(images.shape, tau.shape, order, padding)
    tau = tau.astype(np.float32) if tau.dtype == bool else tau
    check_finite(tau, "tau")
    check_room(_top(images), images.dtype)
    return images, tau if _top(tau) <= _FARTHEST else _brought_near(tau, padding)


def _check_how(images: tuple[int, ...], tau: tuple[int, ...], order: Any, padding: str) -> None:
    """Raise ValueError unless images and fields of these shapes go together, and can be warped as is asked."""
    n, h, w, _ = images
    if tau not in ((h, w, 2), (n, h, w, 2)):
        raise ValueError(
            f"tau has shape {tau}; for {n} images of {h} x {w} pixels it must be ({h}, {w}, 2), shared, or "
            f"({n}, {h}, {w}, 2), one field an image."
        )
    check_interpolation(order, padding)


def check_interpolation(order: Any, padding: str) -> Order:
    """Return the order as a plain value; raise ValueError unless images can be warped with it and this padding."""
    if not isinstance(order, int | np.integer | str) or isinstance(order, bool) or order not in ORDERS:
        raise ValueError(f'order must be 0 (nearest), 1 (bilinear), 3 (cubic spline) or "fourier", got {order!r}.')
    check_choice(padding, "padding", PADDINGS)
    return ORDERS[ORDERS.index(order)]


def _warp_arrays(x: Any, tau: Any, order: Any, padding: str) -> Array:
    """Warp arrays of which one at least is none of NumPy: by the definition, differentiable as its library does it."""
    x, tau = as_one_library(x, tau, names=("x", "tau"))
    said = tuple(tau.shape[-3:-1]) == tuple(x.shape[1:3])  # the field says which axes are rows and columns
    xp, shape = namespace(x), check_images_shape(tuple(x.shape), None, "x", channels_last=not said)
    _check_how(shape, tuple(tau.shape), order, padding)
    check_finite_array(x, "x")
    if holds(xp.max(xp.abs(check_finite_array(tau, "tau"))) > _FARTHEST) is True:
        raise ValueError(f"tau holds displacements above {_FARTHEST:.2g} px, farther than tensors are warped.")
    return xp.reshape(warp_definition(xp.reshape(x, shape), tau, order, padding), x.shape)


def _brought_near(tau: NDArray, padding: str) -> NDArray:
    """Return displacements that warp as `tau` does: less whole periods, or, where all is 0 outside, not so far."""
    tau = tau.astype(np.float64)
    if padding == "zero":
        return tau.clip(-_FARTHEST, _FARTHEST)
    return np.fmod(tau, [period_of(side, padding) for side in tau.shape[-3:-1]])


def _top(x: NDArray) -> float:
    """Return a bound of the largest modulus of `x`: cheap where it is ordinary, else the modulus itself."""
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    with np.errstate(over="ignore"):
        norm = float(np.sqrt(np.vdot(x, x)))
    return norm if norm < 2**30 else float(largest(x))


def over_blocks(
    function: Any, images: NDArray, tau: NDArray, order: Any, padding: str, n_jobs: int | None, tail: Any = ()
) -> NDArray:
    """Return ``function(images, tau, order, padding)``, (n, h, w, c, *tail), block by block; tau may be shared."""
    n, h, w, c = images.shape
    out = np.empty((*images.shape, *tail), images.dtype)
    own = np.broadcast_to(tau, (n, h, w, 2))
    per_pixel = (h + w) * 8 if order == "fourier" else _bytes_a_pixel(images, order)

    def fill(s: slice) -> None:
        out[s] = function(images[s], own[s], order, padding)

    map_blocks(fill, n, block_length(h * w * (per_pixel + c * 64)), n_jobs)
    return out


def _bytes_a_pixel(images: NDArray, order: int) -> int:
    """Return the bytes of positions and weights a pixel."""
    return (order + 1) * (16 + 2 * images.itemsize)


# -- splines -----------------------------------------------------------------------------------------------------------


def _warp_own(images: NDArray, tau: NDArray, order: int, padding: str) -> NDArray:
    """Warp (m, h, w, c) by fields (m, h, w, 2): gather one tap at a time."""
    return gather(spline_coefficients(images, order, padding), *axis_taps(tau, order, padding, images.dtype))


def axis_taps(
    tau: NDArray, order: int, padding: str, dtype: Any, along: int | None = None
) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """Return `taps` of the rows and of the columns of u - tau(u); the derivative's weights for the axis `along`."""
    h, w = tau.shape[-3:-1]
    rows = taps(np.arange(h)[:, None] - tau[..., 0], h, order, padding, dtype, derivative=along == 0)
    columns = taps(np.arange(w) - tau[..., 1], w, order, padding, dtype, derivative=along == 1)
    return rows, columns


def gather(coefficients: NDArray, row_taps: tuple[NDArray, NDArray], column_taps: tuple[NDArray, NDArray]) -> NDArray:
    """Return the sums (m, h, w, c) of coefficients (m, H, W, c) at the taps."""
    (rows, row_weights), (columns, column_weights) = row_taps, column_taps
    m, height, width, c = coefficients.shape
    flat = coefficients.reshape(-1, c)
    rows = (rows + height * np.arange(m)[:, None, None]) * width
    out = np.zeros((*rows.shape[1:], c), coefficients.dtype)
    for row, row_weight in zip(rows, row_weights, strict=True):
        line = np.zeros_like(out)
        for column, column_weight in zip(columns, column_weights, strict=True):
            line += column_weight[..., None] * flat.take(row + column, axis=0)
        out += row_weight[..., None] * line
    return out


def _warp_shared(images: NDArray, matrix: sparse.csr_array, order: int, padding: str) -> NDArray:
    m, h, w, c = images.shape
    coefficients = np.moveaxis(spline_coefficients(images, order, padding), 0, 2)  # (H, W, m, c)
    warped = matrix @ coefficients.reshape(matrix.shape[1], m * c)
    return np.moveaxis(warped.reshape(h, w, m, c), 2, 0)


def warp_matrix(tau: NDArray, order: int, padding: str, dtype: Any) -> sparse.csr_array:
    """Return the sparse matrix (h w, H W) from the spline coefficients of an image to the image warped by `tau`.

    For order <= 1 the coefficients are the pixels: the matrix is L_tau itself. For order 3 they are
    ``prefilter(h) @ image @ prefilter(w).T``.
    """
    h, w, _ = tau.shape
    (rows, row_weights), (columns, column_weights) = axis_taps(tau, order, padding, dtype)
    height, width = (len(prefilter(s, order, padding)) for s in (h, w))
    index = (rows * width)[:, None] + columns  # (taps, taps, h, w)
    weight = row_weights[:, None] * column_weights
    pixels = np.broadcast_to(np.arange(h * w).reshape(h, w), index.shape)
    entries = (weight.ravel(), (pixels.ravel(), index.ravel()))
    return sparse.coo_array(entries, shape=(h * w, height * width)).tocsr()


def spline_coefficients(images: NDArray, order: int, padding: str) -> NDArray:
    """Return the spline coefficients (m, H, W, c) of images (m, h, w, c); the pixels themselves for order <= 1."""
    if order <= 1:
        return images
    sides = images.shape[1:3]
    along_rows, along_columns = (prefilter(s, order, padding).astype(images.dtype) for s in sides)
    planes = np.moveaxis(images, -1, 1)
    return np.moveaxis(along_rows @ planes @ along_columns.T, 1, -1)


def warp_each(image: NDArray, tau: NDArray, order: Order, padding: str) -> NDArray:
    """Return one image (h, w, c) warped by each of the fields (n, h, w, 2): its coefficients are computed once."""
    tau = tau if _top(tau) <= _FARTHEST else _brought_near(tau, padding)
    if order == "fourier":
        return np.stack([fourier_at(image, *fourier_axes(t, padding)) for t in tau])
    coefficients = spline_coefficients(image[None], order, padding)
    block = block_length(tau[0].size // 2 * (_bytes_a_pixel(image, order) + image.shape[2] * 64))
    return np.concatenate(
        map_blocks(
            lambda s: gather(coefficients, *axis_taps(tau[s], order, padding, image.dtype)), len(tau), block, None
        )
    )


# -- Fourier -----------------------------------------------------------------------------------------------------------


def _warp_fourier(images: NDArray, tau: NDArray, order: str, padding: str) -> NDArray:
    return np.stack([fourier_at(x, *fourier_axes(t, padding)) for x, t in zip(images, tau, strict=True)])


def fourier_axes(tau: NDArray, padding: str, along: int | None = None) -> tuple[NDArray, NDArray]:
    """Return the weights (h w, h) and (h w, w) of rows and columns at u - tau(u); derivatives for the axis `along`."""
    h, w, _ = tau.shape
    positions = np.arange(h)[:, None] - tau[..., 0], np.arange(w) - tau[..., 1]
    rows, columns = (
        fourier_weights(p.ravel(), n, padding, derivative=along == axis)
        for axis, (p, n) in enumerate(zip(positions, (h, w), strict=True))
    )
    return rows, columns


def fourier_at(x: NDArray, rows: NDArray, columns: NDArray) -> NDArray:
    """Return one image (h, w, c) at the points whose weights are `rows` and `columns`."""
    h, w, c = x.shape
    along_rows = (rows @ x.reshape(h, w * c)).reshape(-1, w, c)
    return np.einsum("pwc,pw->pc", along_rows, columns).reshape(h, w, c)
