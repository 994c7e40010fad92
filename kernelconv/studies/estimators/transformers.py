"""Transformers that studies need beside the library's: pixels, Fourier modulus, square roots, one scale for all."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from sklearn.base import BaseEstimator, TransformerMixin

from kernelconv.networks.estimator import ImageTransformer


class Pixels(ImageTransformer):
    """The identity as a representation: images as rows of pixels."""

    def __init__(self, image_shape: Any = None) -> None:
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the images' shape."""
        self.maps_shape_ = self._read_images(X, reset=True).shape[1:]
        return self

    def transform(self, X: Any) -> NDArray:
        """Return images (n, h, w) or (n, h, w, c) as rows (n, h w c)."""
        return self._read_images(X).reshape(len(X), -1)


class FourierModulus(Pixels):
    """Modulus of the Fourier transform: invariant to circular shifts, unstable at high frequencies."""

    def transform(self, X: Any) -> NDArray:
        """Return abs(F x) of images (n, h, w) or (n, h, w, c) over the positions, as rows (n, h w c)."""
        return np.abs(fft.fft2(self._read_images(X), axes=(1, 2))).reshape(len(X), -1)


class SquareRoot(TransformerMixin, BaseEstimator):
    """Square roots of features that are never negative (rounding below zero is cut)."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Nothing is learned."""
        return self

    def transform(self, X: NDArray) -> NDArray:
        """Return sqrt(max(X, 0))."""
        return np.sqrt(np.maximum(X, 0))

    def __sklearn_is_fitted__(self) -> bool:
        return True


class UnitScale(TransformerMixin, BaseEstimator):
    """Features divided by one number, so that around their mean their mean squared norm is one; centred if asked."""

    def __init__(self, center: bool = True) -> None:
        self.center = center

    def fit(self, X: NDArray, y: Any = None) -> Self:
        """Learn mean and scale."""
        self.mean_ = X.mean(0)
        x = X - self.mean_
        self.scale_ = x.dtype.type(np.sqrt(np.einsum("nd,nd->n", x, x).mean(dtype=np.float64)) or 1)
        return self

    def transform(self, X: NDArray) -> NDArray:
        """Return (X - mean) / scale, or X / scale."""
        if not self.center:
            return X / self.scale_
        x = X - self.mean_
        x /= self.scale_
        return x
