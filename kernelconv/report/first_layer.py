"""What a fitted model's first layer looks for, as pictures: wavelets, anchors, filters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from kernelconv._check import as_pair
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.operators import Convolution


def first_layer(fitted: Any) -> NDArray | None:
    """Return pictures (k, h, w) of the first layer of a fitted model, or None where it has none to show.

    Scattering: the real part of its wavelets at every other angle, coarse scales last. Kernel networks: their anchors,
    where these are patches of more than one pixel. Convolutional networks: their filters. Channels are averaged. A
    pipeline is judged by its first step.

    Examples
    --------
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> X, y = load_digits_images()
    >>> first_layer(ConvKernelNetwork(n_anchors=(16, 32), random_state=0).fit(X[:300])).shape
    (16, 3, 3)
    """
    if isinstance(fitted, Pipeline):
        fitted = fitted[0]
    if isinstance(fitted, Scattering2D):
        return _wavelets(fitted)
    if isinstance(fitted, (ConvKernelNetwork, ConvKernelClassifier)):
        return _anchors(fitted)
    if isinstance(fitted, ConvNetClassifier):
        return _filters(fitted)
    return None


def pictures(fitted: Any, n: int = 16) -> list[Any] | None:
    """Return `n` of the pictures of `first_layer`, evenly chosen, scaled to [-1, 1] and rounded for JSON."""
    found = first_layer(fitted)
    if found is None:
        return None
    found = found[np.linspace(0, len(found) - 1, min(n, len(found))).round().astype(int)]
    largest = np.abs(found).max(axis=(1, 2), keepdims=True)
    return np.round(found / np.where(largest > 0, largest, 1), 3).tolist()


def _wavelets(scattering: Scattering2D) -> NDArray:
    psi = np.fft.fftshift(np.fft.ifft2(scattering.filter_bank_.psi).real, axes=(-2, -1))
    h, w = psi.shape[-2:]
    half = min(h, w, 24) // 2  # wavelets of J = 3 have died away 12 px from their centre
    middle = psi[:, ::2, h // 2 - half : h // 2 + half, w // 2 - half : w // 2 + half]
    return middle.reshape(-1, 2 * half, 2 * half)


def _anchors(model: Any) -> NDArray | None:
    size = as_pair(model.patch_size[0] if isinstance(model.patch_size, tuple) else model.patch_size, "patch_size")
    anchors = model.anchors_[0]
    return None if size == (1, 1) else anchors.reshape(len(anchors), *size, -1).mean(-1)


def _filters(model: ConvNetClassifier) -> NDArray | None:
    for part in model.network_.parts:
        if isinstance(part, Convolution):
            kernels = part.params["weight"].reshape(*part.size, -1, part.n_filters)
            return np.moveaxis(kernels.mean(2), -1, 0)
    return None
