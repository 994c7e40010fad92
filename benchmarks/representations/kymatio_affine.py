"""kymatio's wavelet scattering, NumPy engine (Andreux et al. 2020, JMLR 21(60)), and affine subspaces.

Images in a border of zeros, 32 x 32, so that the grid of J = 3 is sound.
"""

from typing import Any, Self

import numpy as np
from heads import AffineSubspaces
from objective import Rival
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from kernelconv.comparison import SquareRoot


class KymatioScattering(TransformerMixin, BaseEstimator):
    """kymatio's ScatteringNumPy2D as a transformer of images (n, h, w)."""

    def __init__(self, J: int = 3):
        self.J = J

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        """Build the filters."""
        from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D

        self.border_ = [(-n % 2**self.J) // 2 for n in X.shape[1:]]
        self.scattering_ = ScatteringNumPy2D(self.J, self._pad(X[:1]).shape[1:])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the coefficients as rows."""
        parts = [self.scattering_(self._pad(X[lo : lo + 100])) for lo in range(0, len(X), 100)]
        return np.concatenate(parts).reshape(len(X), -1)

    def _pad(self, X: np.ndarray) -> np.ndarray:
        return np.pad(np.asarray(X, np.float32), [(0, 0), *((b, b) for b in self.border_)])


RIVAL = Rival(
    "kymatio_affine",
    "kymatio + affine",
    "others",
    lambda size, seed: make_pipeline(KymatioScattering(), SquareRoot(), AffineSubspaces(seed)),
    needs="kymatio",
    draws=2,
)
