"""What one position of a layer sees of the input: by the sizes and steps of the parts, and by its gradient."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.networks.serial import Network

#: Share of the largest gradient below which one is what rounding left of zero.
_ROUNDING = 1e-9


def windows(network: Network) -> tuple[Pair, NDArray, NDArray]:
    """Return (size, first rows, first columns) of the input windows that the positions of a network's output see.

    Parameters
    ----------
    network : Network
        Built, h x w px to h' x w' positions.

    Returns
    -------
    size : (int, int)
        Height and width of all windows: ``receptive_field``'s, or the image's where every position sees all of it.
    rows, columns : ndarray of int (h',), (w',)
        Where they begin, below 0 in a border.
    """
    in_shape, out_shape = network.in_shape, network.out_shape(network.in_shape)
    field, stride = network.receptive_field(in_shape)
    size, firsts = [], []
    for axis, start in enumerate(network.field_start(in_shape)):
        whole, n = start is None, out_shape[axis]
        size.append(in_shape[axis] if whole else field[axis])
        firsts.append(np.array([0 if whole else math.ceil(start + i * stride[axis]) for i in range(n)]))
    return (size[0], size[1]), firsts[0], firsts[1]


def field_by_gradient(network: Network, position: Pair, rng: np.random.Generator, n_images: int = 16) -> NDArray:
    """Return how strongly the unit at a `position` (row, column) of the output hears of each pixel, (h, w).

    That is the mean modulus of the gradient, in `n_images` images of normal noise, of a random mixture of its channels:
    over several images, since a maximum lets one pixel of its window through and a rectifier none.
    """
    n_channels = network.out_shape(network.in_shape)[2]
    x = rng.standard_normal((n_images, *network.in_shape))
    g = np.zeros_like(network.forward(x))
    g[:, position[0], position[1]] = rng.standard_normal((n_images, n_channels))
    return np.abs(network.vjp(x, g)[0]).mean(axis=(0, 3))


def touched(field: NDArray) -> NDArray:
    """Return which pixels a field by gradient hears of: more than the rounding of tiles and Fourier transforms."""
    return field > _ROUNDING * field.max(initial=0)


def extent(touched: NDArray) -> tuple[Pair, Pair]:
    """Return ((first row, first column), (height, width)) of the smallest window that holds all that is True."""
    lines = [np.flatnonzero(touched.any(axis=axis)) for axis in (1, 0)]
    first = tuple(int(line[0]) if len(line) else 0 for line in lines)
    return first, tuple(int(line[-1] - line[0]) + 1 if len(line) else 0 for line in lines)
