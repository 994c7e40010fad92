"""A support vector machine as a head, after scikit-learn's."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from kernelconv.studies.estimators.choice import N_FOLDS, choice_subset


class GaussianSVM(ClassifierMixin, BaseEstimator):
    """Support vector machine with a Gaussian kernel whose C is chosen on at most 5,000 images."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: NDArray, y: NDArray) -> Self:
        """Choose C (`chosen_`), then fit on all of X (n, d)."""
        kept = choice_subset(y, self.seed)
        search = GridSearchCV(SVC(), {"C": [1, 3, 10, 100]}, cv=N_FOLDS, refit=False).fit(X[kept], y[kept])
        self.chosen_ = search.best_params_
        self.classes_ = np.unique(y)
        self.svm_ = SVC(**self.chosen_, cache_size=1000).fit(X, y)
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Return the classes."""
        return self.svm_.predict(X)
