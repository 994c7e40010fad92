"""IncrementalRidgeClassifier: classes by exact ridge regression in one pass over a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from kernelconv._numbers import check_labels
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.class_moments import check_classes, check_expected
from kernelconv.streams.incremental import IncrementalHead
from kernelconv.streams.moments import FoldedMoments
from kernelconv.streams.ridge_path import RidgePath


class IncrementalRidgeClassifier(ClassifierMixin, IncrementalHead):
    r"""Classification by exact ridge regression of one-against-the-rest targets, +1 and -1, in one pass.

    .. math:: \min_{W, b} \sum_i s_i \|t_i - W x_i - b\|^2 + \alpha \|W\|^2, \qquad
              t_{ic} = 1 \text{ if } y_i = c \text{ else } -1

    Parameters
    ----------
    alphas, cv, random_state
        As `IncrementalRidge`. The penalty is chosen by the squared error of the targets, over all classes;
        scikit-learn's ``RidgeClassifierCV`` chooses by leave-one-out error, or by accuracy if it is given a `cv`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels seen so far, or given as `classes`.
    coef_ : ndarray, shape (n_classes, n_features), or (1, n_features) for two classes
        Coefficients W at `alpha_`.
    intercept_ : ndarray, shape (n_classes,) or (1,)
        Intercepts b at `alpha_`.
    alpha_, errors_, coef_path_, intercept_path_, moments_, n_features_in_
        As `IncrementalRidge`.

    Raises
    ------
    ValueError
        As `IncrementalRidge`; if labels are of several kinds, or are not among the `classes` that are given with them.
        When it is solved: if there is one class only.
    LinAlgWarning
        As `IncrementalRidge`.

    Notes
    -----
    As `IncrementalRidge`. A new label may appear at any time, in ``partial_fit`` or ``merge``: its target is -1 for all
    samples until then, which follows from the sums.

    Examples
    --------
    >>> from kernelconv import IncrementalRidgeClassifier, load_digits_images
    >>> X, y = load_digits_images()
    >>> X = X.reshape(len(X), -1)
    >>> head = IncrementalRidgeClassifier()
    >>> for lo in range(0, 1500, 500):
    ...     head = head.partial_fit(X[lo : lo + 500], y[lo : lo + 500])
    >>> head.alpha_, round(head.score(X[1500:], y[1500:]), 2)
    (1.0, 0.86)
    """

    classes_: NDArray

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Discard what has been learned, and learn from samples `X` and labels `y`; see ``partial_fit``."""
        self._forget()
        self.partial_fit(X, y, None, sample_weight)
        self._path()
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        start: int | None = None,
    ) -> Self:
        """Add samples.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Samples.
        y : array-like, shape (n,)
            Labels.
        classes : array-like, optional
            Labels that are expected; `y` may then hold no other.
        sample_weight : array-like, shape (n,), optional
            Weights s >= 0, 1 by default.
        start : int, optional
            Index of the first sample in the stream; by default the number of samples added so far.
        """
        if y is not None:
            check_labels(y)
        x, y, weights, start = self._read(X, y, sample_weight, start)
        check_classes(y)
        self._know(np.unique(y) if classes is None else check_expected(y, classes))
        self._add(x, 2.0 * (y[:, None] == self.classes_) - 1, weights, start)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray:
        """Return the scores (n, n_classes) of samples `X`; for two classes those of the second, (n,)."""
        scores = self._scores(X)
        return scores[:, 1] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the label of the highest score of each sample."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def _know(self, labels: NDArray) -> None:
        """Let `labels` join the classes: their target was -1 so far."""
        if not hasattr(self, "moments_"):
            self.classes_ = labels
            return
        check_labels([*self.classes_.tolist(), *labels.tolist()])
        classes = np.union1d(self.classes_, labels)
        if len(classes) > len(self.classes_):
            self.moments_ = self.moments_.placed(np.searchsorted(classes, self.classes_), len(classes), -1.0)
            self.classes_ = classes

    def _meet(self, other: Self) -> FoldedMoments:
        self._know(other.classes_)
        return other.moments_.placed(np.searchsorted(self.classes_, other.classes_), len(self.classes_), -1.0)

    def _path(self) -> RidgePath:
        if len(getattr(self, "classes_", ())) == 1:
            raise ValueError(
                "IncrementalRidgeClassifier needs samples of at least 2 classes in the data, but the data contains "
                f"only one class: {self.classes_[0]!r}."
            )
        return super()._path()

    @property
    def _shown(self) -> Any:
        return slice(1, 2) if len(self.classes_) == 2 else slice(None)

    def _targets_state(self) -> dict[str, NDArray]:
        of_objects = self.classes_.dtype == object
        return {"classes": np.array(self.classes_.tolist()) if of_objects else self.classes_}

    def _take_targets(self, state: Mapping[str, NDArray], n_targets: int) -> None:
        classes = np.unique(state["classes"])
        if len(classes) != n_targets:
            raise ValueError(f"{len(classes)} classes and sums of {n_targets}")
        self.classes_ = classes
