"""Exact kernel of a two-layer network, no anchors (Bietti & Mairal 2019, section 2; kernel ridge regression).

Exponential kernels, 3 x 3 patches, pooling 2 and 5; values normalised to K(x, x) = 1. A Gram matrix costs as many pairs
as it has entries, so only the first 2,000 test images are predicted, from at most 1,000 training images.
"""

from typing import Any, Self

import numpy as np
from objective import Rival
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold

from kernelconv import ConvKernel

PENALTIES = tuple(10.0**k for k in range(-7, 1))


class ExactKernelRidge(ClassifierMixin, BaseEstimator):
    """Least squares in the kernel's space; the penalty by five-fold cross-validation."""

    def __init__(self, kernel: Any, seed: int = 0):
        self.kernel = kernel
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Choose the penalty (`chosen_`), then solve."""
        self.classes_, self.images_ = np.unique(y), np.asarray(X, np.float32)
        self.norms_ = np.sqrt(self.kernel.diag(self.images_))
        k = (self.kernel(self.images_) / self.norms_[:, None] / self.norms_).astype(np.float64)
        targets, wrong = 2.0 * (y[:, None] == self.classes_) - 1, np.zeros(len(PENALTIES))
        for train, test in StratifiedKFold(5, shuffle=True, random_state=self.seed).split(k, y):
            for i, penalty in enumerate(PENALTIES):
                scores = k[np.ix_(test, train)] @ solve(k[np.ix_(train, train)], targets[train], penalty)
                wrong[i] += (self.classes_[scores.argmax(1)] != y[test]).sum()
        self.chosen_ = {"penalty": PENALTIES[int(wrong.argmin())]}
        self.weights_ = solve(k, targets, self.chosen_["penalty"])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class of the highest score."""
        X = np.asarray(X, np.float32)
        k = self.kernel(X, self.images_) / np.sqrt(self.kernel.diag(X))[:, None] / self.norms_
        return self.classes_[(k @ self.weights_).argmax(1)]


def solve(k: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Return (K + penalty I)^-1 targets."""
    return cho_solve(cho_factor(k + penalty * np.eye(len(k)), overwrite_a=True), targets)


RIVAL = Rival(
    "exact_kernel",
    "exact kernel",
    "CKN",
    lambda size, seed: ExactKernelRidge(ConvKernel(patch_size=(3, 3), subsampling=(2, 5), sigma=0.6), seed),
    largest=1000,
    n_test=2000,
    draws=1,
)
