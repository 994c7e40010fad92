"""kymatio's wavelet scattering, NumPy engine (Andreux et al. 2020, JMLR 21(60)), under the same heads as ours."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from kernelconv.studies.estimators.transformers import SquareRoot
from kernelconv.studies.models import Representation


class KymatioScattering(TransformerMixin, BaseEstimator):
    """kymatio's ScatteringNumPy2D as a transformer of images (n, h, w) or (n, h, w, c), channel by channel."""

    L, max_order = 8, 2  # angles and layers, kymatio's defaults

    def __init__(self, J: int = 3):
        self.J = J

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        """Build the filters."""
        from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D

        self.border_ = [(-n % 2**self.J) // 2 for n in X.shape[1:3]]
        self.scattering_ = ScatteringNumPy2D(self.J, self._pad(X[:1]).shape[-2:], self.L, self.max_order)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the coefficients as rows."""
        parts = [self.scattering_(self._pad(X[lo : lo + 100])) for lo in range(0, len(X), 100)]
        return np.concatenate(parts).reshape(len(X), -1)

    def _pad(self, X: np.ndarray) -> np.ndarray:
        planes = np.asarray(X, np.float32) if X.ndim == 3 else np.moveaxis(np.asarray(X, np.float32), -1, 1)
        return np.pad(planes, [*[(0, 0)] * (X.ndim - 2), *((b, b) for b in self.border_)])


class KymatioFlips(KymatioScattering):
    """The same, averaged over the image and its mirror image."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the mean coefficients as rows."""
        return (super().transform(X) + super().transform(X[:, :, ::-1])) / 2


class TunedKymatio(KymatioScattering):
    """The same with settings of its own; `scales` lie side by side, `opponent` colours replace red, green and blue."""

    def __init__(
        self,
        scales: tuple[int, ...] = (2,),
        L: int = 8,
        max_order: int = 2,
        flips: bool = True,
        opponent: bool = False,
    ):
        self.scales = scales
        self.L = L
        self.max_order = max_order
        self.flips = flips
        self.opponent = opponent

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        """Build the filters of every scale."""
        self.parts_ = [(KymatioFlips if self.flips else KymatioScattering)(J) for J in self.scales]
        for part in self.parts_:
            part.L, part.max_order = self.L, self.max_order
            part.fit(X)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the coefficients as rows."""
        if self.opponent:
            X = np.asarray(X, np.float32) @ OPPONENT
        return np.concatenate([part.transform(X) for part in self.parts_], axis=1)


#: From red, green and blue to lightness, red against green and yellow against blue, an orthonormal basis.
OPPONENT = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], np.float32).T / np.sqrt(np.float32([3, 2, 6]))


def build(shape, size, seed):
    """Return kymatio's coefficients and their square roots."""
    return make_pipeline(KymatioScattering(), SquareRoot())


def build_flips(shape, size, seed):
    """Return kymatio's coefficients, averaged over flips, and their square roots."""
    return make_pipeline(KymatioFlips(J=2), SquareRoot())


def build_scales(shape, size, seed):
    """Return kymatio's coefficients of two scales, averaged over flips, and their square roots."""
    return make_pipeline(TunedKymatio((2, 3)), SquareRoot())


_SOURCE = "kymatio's wavelet scattering, NumPy engine (Andreux et al. 2020, JMLR 21(60))"
RIVALS = [
    Representation(
        "kymatio",
        "kymatio",
        "others",
        build,
        f"{_SOURCE}, J = 3, order 2; images in a border of zeros, 32 x 32, so that the grid of J = 3 is sound; square "
        "roots of the coefficients, as for ours.",
        milliseconds=(2.7, 2.7),
        colour=3.0,
        needs="kymatio",
    ),
    Representation(
        "kymatio-flips",
        "kymatio, flips",
        "others",
        build_flips,
        f"{_SOURCE}, J = 2, order 2, averaged over the image and its mirror image; square roots, as for ours.",
        milliseconds=(4.0, 4.0),
        colour=3.0,
        needs="kymatio",
    ),
    Representation(
        "kymatio-scales",
        "kymatio on two scales",
        "others",
        build_scales,
        f"{_SOURCE}, J = 2 and J = 3 side by side, order 2, averaged over the image and its mirror image; square "
        "roots, as for ours.",
        milliseconds=(9.0, 9.0),
        colour=3.0,
        needs="kymatio",
    ),
]
