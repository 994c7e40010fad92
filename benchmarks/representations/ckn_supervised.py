"""Supervised convolutional kernel network, trained end to end (Mairal 2016, End-to-end kernel learning).

Two layers, 64 and 256 anchors of 3 x 3, as those of CKN-2. The penalty is chosen on a fifth of the subset, held out,
with the anchors of the start; five epochs.
"""

from typing import Any, Self

import numpy as np
from heads import choice_subset
from objective import Rival
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import train_test_split

from kernelconv import ConvKernelClassifier

NETWORK = {"n_anchors": (64, 256), "patch_size": 3, "subsampling": (2, 4)}
PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3)


class Supervised(ClassifierMixin, BaseEstimator):
    """A ConvKernelClassifier whose penalty is chosen inside the training set."""

    def __init__(self, network: ConvKernelClassifier, seed: int = 0):
        self.network = network
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Choose the penalty (`chosen_`), then train on all of X."""
        kept = choice_subset(y, self.seed)
        options = {"test_size": 0.2, "stratify": y[kept], "random_state": self.seed}
        a, b, ya, yb = train_test_split(X[kept], y[kept], **options)
        scores = {p: self._classifier(alpha=p, epochs=0).fit(a, ya).score(b, yb) for p in PENALTIES}
        self.chosen_ = {"penalty": max(scores, key=scores.get)}
        self.classifier_ = self._classifier(alpha=self.chosen_["penalty"]).fit(X, y)
        self.classes_ = self.classifier_.classes_
        return self

    def _classifier(self, **options: Any) -> ConvKernelClassifier:
        return clone(self.network).set_params(**options, random_state=self.seed)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the classes."""
        return self.classifier_.predict(X)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the features that the last layer reads."""
        return self.classifier_.transform(X)


RIVAL = Rival(
    "ckn_supervised",
    "CKN-2, end to end",
    "CKN",
    lambda size, seed: Supervised(ConvKernelClassifier(**NETWORK, epochs=5, learning_rate=0.05), seed),
    largest=10_000,
    draws=3,
)
