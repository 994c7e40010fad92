"""Pictures of a fitted model's first layer: wavelets, anchors, filters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from kernelconv._check import as_pair
from kernelconv._files import pack
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.inspection.filters import pictures_of_parts
from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.operators import Dense


def first_layer(fitted: Any) -> NDArray | None:
    """Return pictures (k, h, w), of colour filters (k, h, w, 3), of a fitted model's first layer; None without one.

    They are those of `kernelconv.networks.inspection.filters`, but for networks without convolutions, which have none
    here. A pipeline is judged by its first step.

    Examples
    --------
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> X, y = load_digits_images()
    >>> first_layer(ConvKernelNetwork(n_anchors=(16, 32), random_state=0).fit(X[:300])).shape
    (16, 3, 3)
    """
    while isinstance(fitted, Pipeline):
        fitted = fitted[0]
    if isinstance(fitted, (ConvKernelNetwork, ConvKernelClassifier)):
        size = fitted.patch_size[0] if isinstance(fitted.patch_size, tuple) else fitted.patch_size
        if as_pair(size, "patch_size") == (1, 1):
            return None
    elif not isinstance(fitted, (Scattering2D, ConvNetClassifier)):
        return None
    return next(pictures_of_parts([part for part in fitted.network_.parts if not isinstance(part, Dense)]), None)


def pictures(fitted: Any, n: int = 16) -> str | None:
    """Return `n` of the pictures of `first_layer`, evenly chosen, scaled to -127 ... 127 and packed; None without."""
    found = first_layer(fitted)
    if found is None:
        return None
    found = found[np.linspace(0, len(found) - 1, min(n, len(found))).round().astype(int)]
    largest = np.abs(found).reshape(len(found), -1).max(axis=1)
    scale = np.where(largest > 0, largest, 1).reshape(-1, *[1] * (found.ndim - 1))
    return pack(np.round(127 * np.round(found / scale, 3)).astype(np.int8))  # the last bits decide no grey level
