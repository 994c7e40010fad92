"""What a fitted model's first layer looks for, as pictures: wavelets, anchors, filters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from kernelconv._check import as_pair
from kernelconv._files import pack
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.operators import Convolution


def first_layer(fitted: Any) -> NDArray | None:
    """Return pictures (k, h, w), of colour filters (k, h, w, 3), of a fitted model's first layer; None without one.

    Scattering: the real part of its wavelets at every other angle, coarse scales last. Kernel networks: their anchors,
    where these are patches of more than one pixel. Convolutional networks: their filters. Three channels are colours,
    others are averaged. A pipeline is judged by its first step.

    Examples
    --------
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> X, y = load_digits_images()
    >>> first_layer(ConvKernelNetwork(n_anchors=(16, 32), random_state=0).fit(X[:300])).shape
    (16, 3, 3)
    """
    while isinstance(fitted, Pipeline):
        fitted = fitted[0]
    if isinstance(fitted, Scattering2D):
        return _wavelets(fitted)
    if isinstance(fitted, (ConvKernelNetwork, ConvKernelClassifier)):
        return _anchors(fitted)
    if isinstance(fitted, ConvNetClassifier):
        return _filters(fitted)
    return None


def pictures(fitted: Any, n: int = 16) -> str | None:
    """Return `n` of the pictures of `first_layer`, evenly chosen, scaled to -127 ... 127 and packed; None without."""
    found = first_layer(fitted)
    if found is None:
        return None
    found = found[np.linspace(0, len(found) - 1, min(n, len(found))).round().astype(int)]
    largest = np.abs(found).reshape(len(found), -1).max(axis=1)
    scale = np.where(largest > 0, largest, 1).reshape(-1, *[1] * (found.ndim - 1))
    return pack(np.round(127 * np.round(found / scale, 3)).astype(np.int8))  # the last bits decide no grey level


def _wavelets(scattering: Scattering2D) -> NDArray:
    psi = np.fft.fftshift(np.fft.ifft2(scattering.filter_bank_.psi).real, axes=(-2, -1))
    h, w = psi.shape[-2:]
    half = min(h, w, 24) // 2  # wavelets of J = 3 have died away 12 px from their centre
    middle = psi[:, ::2, h // 2 - half : h // 2 + half, w // 2 - half : w // 2 + half]
    return middle.reshape(-1, 2 * half, 2 * half)


def _anchors(model: Any) -> NDArray | None:
    size = as_pair(model.patch_size[0] if isinstance(model.patch_size, tuple) else model.patch_size, "patch_size")
    anchors = model.anchors_[0]
    return None if size == (1, 1) else _colours(anchors.reshape(len(anchors), *size, -1))


def _filters(model: ConvNetClassifier) -> NDArray | None:
    for part in model.network_.parts:
        if isinstance(part, Convolution):
            kernels = part.params["weight"].reshape(*part.size, -1, part.n_filters)
            return _colours(np.moveaxis(kernels, -1, 0))
    return None


def _colours(filters: NDArray) -> NDArray:
    """Return filters (k, h, w, c) as pictures: three channels are colours, others are averaged."""
    return filters if filters.shape[-1] == 3 else filters.mean(-1)
