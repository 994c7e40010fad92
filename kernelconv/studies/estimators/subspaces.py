"""Affine subspaces as a head, whose dimension is chosen as the parameters of the other heads are."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold

from kernelconv.networks.affine_subspace import AffineSubspaceClassifier
from kernelconv.studies.estimators.choice import N_CHOICE, N_FOLDS, choice_subset


class AffineSubspaces(ClassifierMixin, BaseEstimator):
    """Class-wise affine subspaces, their dimension chosen as every other head chooses."""

    def __init__(self, seed: int = 0, n_choice: int = N_CHOICE, n_folds: int = N_FOLDS) -> None:
        self.seed = seed
        self.n_choice = n_choice
        self.n_folds = n_folds

    def fit(self, X: NDArray, y: NDArray) -> Self:
        """Choose the dimension (`chosen_`), then fit on all of X (n, d)."""
        self.classes_ = np.unique(y)
        kept = choice_subset(y, self.seed, self.n_choice)
        folds = StratifiedKFold(self.n_folds, shuffle=True, random_state=self.seed)
        search = AffineSubspaceClassifier(cv=folds).fit(X[kept], y[kept])
        self.chosen_ = {"n_components": int(search.n_components_)}
        self.classifier_ = AffineSubspaceClassifier(search.n_components_).fit(X, y)
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Return the class of the nearest subspace."""
        return self.classifier_.predict(X)
