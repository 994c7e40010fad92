"""Translations by themselves: how far features are from invariant, and how far maps are from equivariant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import as_one_library, check_finite_array, check_numpy, is_foreign
from kernelconv._check import check_finite, check_images_shape
from kernelconv._numbers import as_double, shown
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.deformations import warp
from kernelconv.deformations.warp import Order
from kernelconv.stability.measures import relative_change
from kernelconv.stability.plan import measured_images
from kernelconv.stability.representation import Phi, as_representation, features, maps


def translation_error(
    phi: Phi, X: ArrayLike | Array, shift: tuple[float, float], *, order: Order = 3, padding: Border = "zero"
) -> Any:
    r"""Return |Phi(L_c x) - Phi(x)| / |Phi(x)| for each image: how far Phi is from invariant to a shift by c.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        As in `measure_stability`.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images; tensors, where `phi` makes tensors of them: their library then differentiates the error.
    shift : tuple (float, float)
        c, (row, column), in pixels.
    order, padding
        As in `warp`.

    Returns
    -------
    ndarray (n,), or array of the library of `X`

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
    x, represent = _images(X), as_representation(phi)
    c = _as_shift(shift)
    return relative_change(features(represent, x), features(represent, _shifted(x, c, order, padding)))


def equivariance_error(
    phi: Phi, X: ArrayLike | Array, shift: tuple[float, float], *, order: Order = "fourier", padding: Border = "zero"
) -> Any:
    r"""Return |Phi(L_c x) - L_(c / s) Phi(x)| / |Phi(x)| for each image: how far Phi is from moving with its input.

    s is the stride, image size over map size. A shift by a multiple of the stride asks for no interpolation of the
    maps; between them the error holds what subsampling loses.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        Returns maps (n, h', w', k), as ``network.forward`` does.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images; tensors, where `phi` makes tensors of them: their library then differentiates the error.
    shift : tuple (float, float)
        c, (row, column), in pixels.
    order, padding
        As in `warp`, for images and maps.

    Returns
    -------
    ndarray (n,), or array of the library of `X`
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
    x = _images(X)
    represent, c = as_representation(phi), _as_shift(shift)
    still, moved = (maps(represent, images) for images in (x, _shifted(x, c, order, padding)))
    side = tuple(still.shape[1:3])
    stride = np.array(x.shape[1:3]) / side
    expected = _shifted(still, c / stride, order, padding)
    margin = 0 * stride.astype(int) if padding == "circular" else np.ceil(np.abs(c) / stride).astype(int)
    rows, columns = (slice(int(m), n - int(m)) for m, n in zip(margin, side, strict=True))
    if (2 * margin >= side).any():
        raise ValueError(f"A shift by {tuple(c.tolist())} px leaves no position of the {side} map inside.")
    return relative_change(*(check_finite_array(a[:, rows, columns, :], "phi(X)") for a in (expected, moved)))


def _images(X: Any) -> Any:
    """Return images: tensors as they are, floating and finite, what is NumPy's as every measure takes it."""
    if not is_foreign(X):
        return measured_images(X)
    (x,) = as_one_library(X, names=["X"])
    check_images_shape(tuple(x.shape), None, "X", channels_last=True)
    return check_finite_array(x, "X")


def _as_shift(shift: Any) -> NDArray:
    check_numpy(shift, "shift")
    values = check_finite(as_double(shift, "shift"), "shift")
    if values.shape != (2,):
        raise ValueError(f"shift must be (rows, columns), two numbers of pixels, got {shown(shift)}.")
    return values


def _shifted(x: Any, shift: NDArray, order: Order, padding: Border) -> Any:
    return warp(x, np.broadcast_to(shift, (*x.shape[1:3], 2)), order=order, padding=padding)
