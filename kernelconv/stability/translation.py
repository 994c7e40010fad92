"""Translations by themselves: how far features are from invariant, and how far maps are from equivariant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_finite
from kernelconv._numbers import as_double, shown
from kernelconv._types.parameters import Border
from kernelconv.deformations import warp
from kernelconv.deformations.warp import Order
from kernelconv.stability.measures import relative_change
from kernelconv.stability.plan import measured_images
from kernelconv.stability.representation import Phi, as_representation, features


def translation_error(
    phi: Phi, X: ArrayLike, shift: tuple[float, float], *, order: Order = 3, padding: Border = "zero"
) -> NDArray:
    r"""Return |Phi(L_c x) - Phi(x)| / |Phi(x)| for each image: how far Phi is from invariant to a shift by c.

    Parameters
    ----------
    phi : callable, or object with ``transform`` or ``forward``
        As in `measure_stability`.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    shift : tuple (float, float)
        c, (row, column), in pixels.
    order, padding
        As in `warp`.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    ValueError
        As `measure_stability`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((2, 8, 8))
    >>> modulus = lambda x: abs(np.fft.fft2(x))
    >>> bool(translation_error(modulus, X, (3, 1), padding="circular").max() < 1e-12)
    True
    """
    x, represent = measured_images(X), as_representation(phi)
    c = _as_shift(shift)
    return relative_change(features(represent, x), features(represent, _shifted(x, c, order, padding)))


def equivariance_error(
    phi: Phi, X: ArrayLike, shift: tuple[float, float], *, order: Order = "fourier", padding: Border = "zero"
) -> NDArray:
    r"""Return |Phi(L_c x) - L_(c / s) Phi(x)| / |Phi(x)| for each image: how far Phi is from moving with its input.

    s is the stride, image size over map size. A shift by a multiple of the stride asks for no interpolation of the
    maps; between them the error holds what subsampling loses.

    Parameters
    ----------
    phi : callable, or object with ``transform`` or ``forward``
        Returns maps (n, h', w', k), as ``network.forward`` does.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    shift : tuple (float, float)
        c, (row, column), in pixels.
    order, padding
        As in `warp`, for images and maps.

    Returns
    -------
    ndarray (n,)
        Over the positions of the map that the shift does not bring in from outside (all of them for "circular").

    Raises
    ------
    ValueError
        If Phi does not return maps, the shift leaves no position inside, or Phi(x) = 0 for an image.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((2, 8, 8, 1))
    >>> bool(equivariance_error(lambda x: x**2, X, (2, 1), padding="circular").max() < 1e-12)
    True
    """
    x = measured_images(X)
    represent, c = as_representation(phi), _as_shift(shift)
    maps, moved = (np.asarray(represent(images)) for images in (x, _shifted(x, c, order, padding)))
    if maps.ndim != 4 or len(maps) != len(x):
        raise ValueError(f"Equivariance is of maps (n, h, w, k), one an image; phi returned shape {maps.shape}.")
    stride = np.array(x.shape[1:3]) / maps.shape[1:3]
    expected = _shifted(maps, c / stride, order, padding)
    margin = 0 * stride.astype(int) if padding == "circular" else np.ceil(np.abs(c) / stride).astype(int)
    rows, columns = (slice(m, n - m) for m, n in zip(margin, maps.shape[1:3], strict=True))
    if not maps[:, rows, columns].size:
        raise ValueError(f"A shift by {tuple(c.tolist())} px leaves no position of the {maps.shape[1:3]} map inside.")
    return relative_change(*(check_finite(a[:, rows, columns], "phi(X)") for a in (expected, moved)))


def _as_shift(shift: Any) -> NDArray:
    values = check_finite(as_double(shift, "shift"), "shift")
    if values.shape != (2,):
        raise ValueError(f"shift must be (rows, columns), two numbers of pixels, got {shown(shift)}.")
    return values


def _shifted(x: NDArray, shift: NDArray, order: Order, padding: Border) -> NDArray:
    return warp(x, np.broadcast_to(shift, (*x.shape[1:3], 2)), order=order, padding=padding)
