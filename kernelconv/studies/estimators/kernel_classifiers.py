"""Kernel networks that are classifiers by themselves: trained end to end, and the exact kernel."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold, train_test_split

from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.serial import Network
from kernelconv.studies.estimators.choice import N_CHOICE, choice_subset
from kernelconv.studies.estimators.positive import solve_positive

#: Penalties of the exact kernel.
PENALTIES = tuple(10.0**k for k in range(-7, 1))


class Supervised(ClassifierMixin, BaseEstimator):
    """A ConvKernelClassifier whose penalty is chosen on a fifth of the training set, with the anchors of the start."""

    def __init__(
        self,
        network: ConvKernelClassifier,
        seed: int = 0,
        alphas: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 1e-3),
        n_choice: int = N_CHOICE,
    ) -> None:
        self.network = network
        self.seed = seed
        self.alphas = alphas
        self.n_choice = n_choice

    def fit(self, X: NDArray, y: NDArray) -> Self:
        """Choose the penalty (`chosen_`), then train on all of X."""
        kept = choice_subset(y, self.seed, self.n_choice)
        n_classes = len(np.unique(y))
        held_out = 0.2 if 0.2 * len(kept) >= n_classes else n_classes
        options = {"test_size": held_out, "stratify": y[kept], "random_state": self.seed}
        a, b, ya, yb = train_test_split(X[kept], y[kept], **options)
        scores = {p: self._classifier(alpha=p, epochs=0).fit(a, ya).score(b, yb) for p in self.alphas}
        self.chosen_ = {"penalty": max(scores, key=scores.__getitem__)}
        self.classifier_ = self._classifier(alpha=self.chosen_["penalty"]).fit(X, y)
        self.classes_, self.network_ = self.classifier_.classes_, self.classifier_.network_
        return self

    def _classifier(self, **options: Any) -> ConvKernelClassifier:
        return clone(self.network).set_params(**options, random_state=self.seed)

    def predict(self, X: NDArray) -> NDArray:
        """Return the classes."""
        return self.classifier_.predict(X)

    @property
    def representation_(self) -> Network:
        """The network without its last layer."""
        return self.classifier_.representation_

    def transform(self, X: NDArray) -> NDArray:
        """Return the features that the last layer reads."""
        return self.classifier_.transform(X)


class ExactKernelRidge(ClassifierMixin, BaseEstimator):
    """Least squares in the kernel's space, K(x, x) = 1; the penalty by five-fold cross-validation."""

    def __init__(self, kernel: Any, seed: int = 0, penalties: tuple[float, ...] = PENALTIES, n_folds: int = 5) -> None:
        self.kernel = kernel
        self.seed = seed
        self.penalties = penalties
        self.n_folds = n_folds

    def fit(self, X: NDArray, y: NDArray) -> Self:
        """Choose the penalty (`chosen_`), then solve."""
        self.classes_, self.images_ = np.unique(y), np.asarray(X, np.float32)
        self.norms_ = self._norms(self.images_)
        k = (self.kernel(self.images_) / self.norms_[:, None] / self.norms_).astype(np.float64)
        targets, wrong = 2.0 * (y[:, None] == self.classes_) - 1, np.zeros(len(self.penalties))
        n_folds = min(self.n_folds, np.unique(y, return_counts=True)[1].min())
        for train, test in StratifiedKFold(n_folds, shuffle=True, random_state=self.seed).split(k, y):
            for i, penalty in enumerate(self.penalties):
                scores = k[np.ix_(test, train)] @ _solve(k[np.ix_(train, train)], targets[train], penalty)
                wrong[i] += (self.classes_[scores.argmax(1)] != y[test]).sum()
        self.chosen_ = {"penalty": self.penalties[int(wrong.argmin())]}
        self.weights_ = _solve(k, targets, self.chosen_["penalty"])
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Return the class of the highest score."""
        X = np.asarray(X, np.float32)
        k = self.kernel(X, self.images_) / self._norms(X)[:, None] / self.norms_
        return self.classes_[(k @ self.weights_).argmax(1)]

    def _norms(self, X: NDArray) -> NDArray:
        """Return sqrt(K(x, x)), 1 for an image of zeros: its values K(x, .) = 0 stay 0."""
        norms = np.sqrt(self.kernel.diag(X))
        return np.where(norms > 0, norms, 1.0).astype(norms.dtype)


def _solve(k: NDArray, targets: NDArray, penalty: float) -> NDArray:
    """Return (K + penalty I)^-1 targets."""
    return solve_positive(k + penalty * np.eye(len(k)), targets)
