"""Filters of volumes on the band of their grid; at the Nyquist frequency of even sizes the mean of its two signs."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Shape, check_shape
from kernelconv._numbers import shown


def on_band(function: Callable[[NDArray, NDArray, NDArray], NDArray], shape: Shape) -> NDArray:
    r"""Return the values of `function` at the frequencies of a grid, those at the Nyquist frequency being means.

    A periodic volume stands for its trigonometric interpolation, in which the Nyquist frequency of an even size has
    both its signs with equal weights. A filter takes the mean over them: the product with the volume's transform is
    then the convolution of the interpolation with the continuous filter, sampled on the grid.

    Parameters
    ----------
    function : callable
        Of the frequencies along depth, height and width (rad/voxel), which broadcast to the grid.
    shape : tuple (d, h, w)
        Voxels of the periodic volume.

    Returns
    -------
    ndarray, shape (d, h, w)
        In the order of ``numpy.fft.fftfreq``.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.band import on_band
    >>> on_band(lambda z, y, x: z + y + x, (1, 1, 4)).ravel().round(2)  # pi and -pi have the mean 0
    array([ 0.  ,  1.57,  0.  , -1.57])
    """
    values = function(*np.ix_(*(2 * pi / n * np.arange(-(n // 2), n // 2 + 1) for n in shape)))
    values = np.broadcast_to(values, [n // 2 * 2 + 1 for n in shape])
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            whole = np.moveaxis(values, axis, 0)
            values = np.moveaxis(np.concatenate([(whole[:1] + whole[-1:]) / 2, whole[1:-1]]), 0, axis)
    return np.fft.ifftshift(values)


def check_volume_shape(shape: Shape, name: str = "shape") -> Shape:
    """Return `shape` as (depth, height, width); raise ValueError unless it is three positive ints."""
    try:
        return check_shape(shape, name)
    except ValueError:
        raise ValueError(f"{name} must be (depth, height, width), three positive ints, got {shown(shape)}.") from None
