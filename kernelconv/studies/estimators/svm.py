"""A support vector machine as a head, based on scikit-learn's."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from kernelconv.studies.estimators.choice import N_CHOICE, N_FOLDS, choice_subset


class GaussianSVM(ClassifierMixin, BaseEstimator):
    """Support vector machine with a Gaussian kernel whose C is chosen on at most `n_choice` images."""

    def __init__(
        self,
        seed: int = 0,
        C: tuple[float, ...] = (1, 3, 10, 100),
        n_choice: int = N_CHOICE,
        n_folds: int = N_FOLDS,
    ) -> None:
        self.seed = seed
        self.C = C
        self.n_choice = n_choice
        self.n_folds = n_folds

    def fit(self, X: NDArray, y: NDArray) -> Self:
        """Choose C (`chosen_`), then fit on all of X (n, d)."""
        kept = choice_subset(y, self.seed, self.n_choice)
        search = GridSearchCV(SVC(), {"C": list(self.C)}, cv=self.n_folds, refit=False).fit(X[kept], y[kept])
        self.chosen_ = search.best_params_
        self.classes_ = np.unique(y)
        self.svm_ = SVC(**self.chosen_, cache_size=1000).fit(X, y)
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Return the classes."""
        return self.svm_.predict(X)
