"""Raw pixels, support vector machine with a Gaussian kernel (Cortes & Vapnik 1995).

C by cross-validation on the training subset, or on a balanced 5,000 of it;
the kernel's width is scikit-learn's default.
"""

from typing import Any, Self

import numpy as np
from heads import choice_subset
from objective import Rival
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from kernelconv.comparison import Pixels


class GaussianSVM(ClassifierMixin, BaseEstimator):
    """SVC whose C is chosen on at most 5,000 images."""

    def __init__(self, seed: int = 0):
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Choose C (`chosen_`), then fit on all of X."""
        kept = choice_subset(y, self.seed)
        search = GridSearchCV(SVC(), {"C": [1, 3, 10, 100]}, cv=3, refit=False).fit(X[kept], y[kept])
        self.chosen_ = search.best_params_
        self.classes_ = np.unique(y)
        self.svm_ = SVC(**self.chosen_, cache_size=1000).fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> Any:
        """Return the classes."""
        return self.svm_.predict(X)


RIVAL = Rival("pixels_svm", "pixels + SVM", "pixels", lambda size, seed: make_pipeline(Pixels(), GaussianSVM(seed)))
