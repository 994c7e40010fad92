"""Displacements of a given size: how far features are from invariant, and how far maps are from equivariant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernelconv._arrays import as_one_library, check_finite_array, is_foreign
from kernelconv._check import check_images_shape
from kernelconv._numbers import shown
from kernelconv._types.arrays import Array
from kernelconv._types.parameters import Border
from kernelconv.deformations import warp
from kernelconv.deformations.warp import Order
from kernelconv.stability.equivariance.action import (
    Motion,
    Pixels,
    Positions,
    as_field,
    as_shift,
    kept_inside,
    restrict,
)
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
        Images; tensors if `phi` returns tensors for them, and then their library differentiates the error.
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
    >>> from kernelconv.stability import translation_error
    >>> X = np.random.default_rng(0).standard_normal((2, 8, 8))
    >>> modulus = lambda x: abs(np.fft.fft2(x))
    >>> bool(translation_error(modulus, X, (3, 1), padding="circular").max() < 1e-12)
    True
    """
    x, represent = _images(X), as_representation(phi)
    tau = np.broadcast_to(as_shift(shift, "shift"), (*x.shape[1:3], 2))
    return relative_change(features(represent, x), features(represent, warp(x, tau, order=order, padding=padding)))


def equivariance_error(
    phi: Phi,
    X: ArrayLike | Array,
    shift: Motion,
    *,
    order: Order = "fourier",
    padding: Border = "zero",
    stride: Pixels = None,
    origin: Pixels = None,
) -> Any:
    r"""Return |Phi(L_c x) - L_(c / s) Phi(x)| / |Phi(x)| for each image: how far Phi is from moving with its input.

    s is the stride. A shift by a multiple of it needs no interpolation of the maps; for other shifts the error includes
    what subsampling loses. For a field tau in place of c, such as a rotation or a dilation, position p of the maps
    moves by tau(s p + o) / s, where o, the origin, is the position in the image of that of the maps at p = 0.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        Returns maps (n, h', w', k), as ``network.forward`` does.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images; tensors if `phi` returns tensors for them, and then their library differentiates the error.
    shift : tuple (float, float) or DisplacementField
        c, (row, column), in pixels; or a field of the images' size, or a batch of n fields, one per image.
    order, padding
        As in `warp`, for images and maps.
    stride, origin : float or tuple (float, float), optional
        s and o, in pixels. By default those of `phi`, if it is a part of this library or its ``forward`` (o is the
        centre of the first receptive field; 0 if that is the whole image); of anything else image size over map size,
        the centre of the maps on the centre of the image, as of layers that pad. Pass those of layers that do not.

    Returns
    -------
    ndarray (n,), or array of the library of `X`
        Norms are over the positions of the map that the shift does not bring in from outside (all of them for
        "circular"): those farther from each border than they move across it.

    Raises
    ------
    ValueError
        If Phi does not return maps, the field does not fit the images, no position is left inside, or Phi(x) = 0 for
        an image; if the map's sides do not divide the image's and no stride is given or known; or if `stride` or
        `origin` is not one of those above.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import equivariance_error
    >>> X = np.random.default_rng(0).standard_normal((2, 8, 8, 1))
    >>> bool(equivariance_error(lambda x: x**2, X, (2, 1), padding="circular").max() < 1e-12)
    True

    With both axes blurred alike, the output for a spot at the centre turns with the image; with one axis it does not:

    >>> from scipy import ndimage
    >>> from kernelconv.deformations import Rotation
    >>> u = np.arange(21) - 10
    >>> X = np.exp(-(u[:, None] ** 2 + 2 * u**2) / 18)[None, ..., None]
    >>> turn = Rotation().sample((21, 21), strength=0.3, rng=0)
    >>> alike, one = (lambda x, s=s: ndimage.gaussian_filter(x, (0, *s, 0)) for s in ((2, 2), (3, 0)))
    >>> equivariance_error(alike, X, turn).round(2), equivariance_error(one, X, turn).round(2)
    (array([0.]), array([0.15]))
    """
    x, represent = _images(X), as_representation(phi)
    field = as_field(shift, x.shape, "shift")
    still, moved = (maps(represent, images) for images in (x, warp(x, field, order=order, padding=padding)))
    tau = Positions(phi, x.shape, stride, origin).of(field, tuple(still.shape))
    expected = warp(still, tau, order=order, padding=padding)
    kept = np.ones(tau.shape[:-1], bool) if padding == "circular" else kept_inside(tau)
    moved_by = shown(shift) if field is shift else f"A shift by {tuple(field.values[0, 0].tolist())} px"
    pair = (restrict(a, kept, moved_by) for a in (expected, moved))
    return relative_change(*(check_finite_array(a, "phi(X)") for a in pair))


def _images(X: Any) -> Any:
    """Return images: tensors as they are, floating and finite, what is NumPy's as every measure takes it."""
    if not is_foreign(X):
        return measured_images(X)
    (x,) = as_one_library(X, names=["X"])
    check_images_shape(tuple(x.shape), None, "X", channels_last=True)
    return check_finite_array(x, "X")
