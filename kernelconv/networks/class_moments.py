"""Affine subspaces of classes from their moments: learned in one pass, in pieces, on several machines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import update_wrapper
from types import MethodType
from typing import Any, Self

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._check import check_memory
from kernelconv._numbers import as_table, check_labels, shown
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._scales import squarable
from kernelconv.networks.arrays import refuse_elsewhere
from kernelconv.networks.moments import Moments, check_same_features, names_of, take_names


class NoStreamError(AttributeError, ValueError):
    """A classifier that cannot learn from a stream: for scikit-learn it lacks the method, a caller reads why."""


def _of_cv(name: str) -> NoStreamError:
    return NoStreamError(
        f"{name} needs a dimension, n_components=k: n_components='cv' compares dimensions on held-out samples, which a "
        "stream does not keep. Choose k by fit on some of the samples first."
    )


class of_a_stream:
    """Make a method one that is there only where ``n_components`` is a number and ``fit`` has not been called."""

    def __init__(self, method: Any) -> None:
        self.method = method
        update_wrapper(self, method)  # type: ignore[arg-type]  # it is called where it was looked up

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        if estimator is None:
            return self.method
        name = self.method.__name__
        if isinstance(estimator.n_components, str) and estimator.n_components == "cv":
            raise _of_cv(name)
        if _is_fitted_whole(estimator):
            raise NoStreamError(f"fit keeps no moments, which {name} needs: start with a clone and partial_fit.")
        return MethodType(self.method, estimator)


class SubspacesOfStreams(BaseEstimator):
    """Classes by the moments of their samples; ``means_`` and ``components_`` are found when somebody asks."""

    n_components: Any
    n_components_: int
    n_features_in_: int
    classes_: NDArray
    class_moments_: list[Moments]
    _subspaces_found: tuple[NDArray, list[NDArray]] | None

    @property
    def means_(self) -> NDArray:
        """Class means."""
        return self._found()[0]

    @property
    def components_(self) -> list[NDArray]:
        """Orthonormal principal directions of each class, by decreasing variance."""
        return self._found()[1]

    @of_a_stream
    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Add samples; only with ``n_components=k``.

        Means and directions are those of ``fit`` on all samples added, in float64. The moments of a class take d^2
        numbers, and O(d^2) operations per sample.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Samples.
        y : array-like, shape (n,)
            Labels; new ones may appear at any time.
        classes : array-like, optional
            Labels that are expected; `y` may then hold no other. One without samples yet is in ``classes_``, and no
            sample is near it.

        Raises
        ------
        ValueError
            If ``fit`` was called before, `n_components` is "cv", the moments take more memory than the machine has, a
            label is not among `classes`, and as ``fit``.
        """
        self._check_parameters()
        refuse_elsewhere(X, self)
        if y is not None:
            check_labels(y)
        first = not hasattr(self, "class_moments_")
        x, labels = validate_data(self, as_table(X), y, dtype=[np.float64, np.float32], reset=first)
        x = squarable(x)
        check_classes(labels)
        self._know(np.unique(labels) if classes is None else check_expected(labels, classes))
        for c, moments in enumerate(self.class_moments_):
            rows = labels == self.classes_[c]
            if rows.any():
                moments.add(x[rows])
        return self

    @of_a_stream
    def merge(self, other: Self) -> Self:
        """Add all samples that ``partial_fit`` of `other` has seen; if there are none, nothing changes.

        The moments do not depend on the order and grouping of merges, to 1e-12 of their norm.

        Raises
        ------
        TypeError
            If `other` is of another class.
        ValueError
            If `other` has another number of features, one of the two was learned by ``fit``, or `n_components` is "cv".
        """
        if type(other) is not type(self):
            raise TypeError(f"merge takes another {type(self).__name__}, got {shown(other)}.")
        if _is_fitted_whole(other):
            raise ValueError("fit keeps no moments that could be merged: call partial_fit instead.")
        if not hasattr(other, "class_moments_"):
            return self
        self._check_parameters()
        if hasattr(self, "class_moments_"):
            check_same_features(self, other)
        else:
            self.n_features_in_ = other.n_features_in_
            take_names(self, names_of(other))
        self._know(other.classes_)
        for c, moments in zip(np.searchsorted(self.classes_, other.classes_), other.class_moments_, strict=True):
            self.class_moments_[c].merge(moments)
        return self

    @of_a_stream
    def state(self) -> dict[str, NDArray]:
        """Return what ``partial_fit`` has learned as arrays by name, for ``numpy.savez``; they are not copied."""
        check_is_fitted(self, "class_moments_")
        of_objects = self.classes_.dtype == object
        sums = {f"{k}_{c}": a for c, moments in enumerate(self.class_moments_) for k, a in moments.arrays().items()}
        return {"classes": np.array(self.classes_.tolist()) if of_objects else self.classes_, **sums, **names_of(self)}

    @of_a_stream
    def load_state(self, state: Mapping[str, NDArray]) -> Self:
        """Replace what has been learned by a copy of `state`, which the method ``state`` returned.

        Raises
        ------
        ValueError
            If an array is missing, or does not fit the others.
        """
        try:
            classes = np.unique(state["classes"])
            found = [
                Moments.from_arrays({k.removesuffix(f"_{c}"): a for k, a in state.items() if k.endswith(f"_{c}")})
                for c in range(len(classes))
            ]
            if len({moments.cross.shape for moments in found}) != 1 or found[0].cross.shape[1]:
                raise ValueError("its classes differ in features, or there are none")
        except (KeyError, TypeError, ValueError) as error:
            words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"This is no state of {type(self).__name__}, or a damaged one: {words}.") from None
        self._check_parameters()
        self.classes_, self.class_moments_, self._subspaces_found = classes, found, None
        self.n_features_in_, self.n_components_ = len(found[0].mean), int(self.n_components)
        take_names(self, state)
        return self

    def _check_parameters(self) -> bool:
        raise NotImplementedError

    def _know(self, labels: NDArray) -> None:
        """Let `labels` join the classes, none of whose samples has been seen."""
        began = hasattr(self, "class_moments_")
        known = dict(zip(self.classes_.tolist(), self.class_moments_, strict=True)) if began else {}
        check_labels([*known, *labels.tolist()])
        classes = np.union1d(self.classes_, labels) if known else labels
        d = self.n_features_in_
        needed = 8.0 * d**2 * (len(classes) + 2)
        check_memory(needed, f"{type(self).__name__} of {d} features and {len(classes)} classes, a Gram matrix each,")
        self.class_moments_ = [known.get(label) or Moments.zeros(d) for label in classes.tolist()]
        self.classes_, self._subspaces_found, self.n_components_ = classes, None, int(self.n_components)

    def _found(self) -> tuple[NDArray, list[NDArray]]:
        """Return means and directions, those of moments found once for all calls that follow."""
        check_is_fitted(self, "_subspaces_found")
        changed = hasattr(self, "class_moments_") and self.n_components_ != self.n_components
        if self._subspaces_found is None or changed:
            if self._check_parameters():
                raise _of_cv("A classifier of a stream")
            seen = np.array([moments.n_samples > 0 for moments in self.class_moments_])
            if seen.sum() < 2:
                raise ValueError(
                    f"{type(self).__name__} needs samples of at least 2 classes in the data, but the data contains "
                    f"only one class: {self.classes_[seen].tolist()[0]!r}."
                )
            self.n_components_ = int(self.n_components)
            found = [_directions(moments, self.n_components_) for moments in self.class_moments_]
            means = np.stack([moments.mean for moments in self.class_moments_])
            means[~seen] = np.inf  # infinitely far, until a sample comes
            self._subspaces_found = means, found
        return self._subspaces_found


def _directions(moments: Moments, k: int) -> NDArray:
    """Return the first `k` principal directions (at most its rank, d) of a class."""
    m, d = moments.n_samples, len(moments.mean)
    k = min(k, m - 1, d)
    if k <= 0:
        return np.empty((0, d))
    with single_threaded_blas():
        values, vectors = scipy.linalg.eigh(moments.gram, subset_by_index=(d - k, d - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > max(m, d) * np.finfo(np.float64).eps * max(values[0], 0)
    return np.ascontiguousarray(vectors[:, kept].T)


def check_classes(y: NDArray) -> None:
    """Raise ValueError if labels `y` are no classes.

    scikit-learn takes labels most of which differ for a regression, and warns; a chunk may well hold such. So each is
    given to its check three times.
    """
    check_classification_targets(np.repeat(np.unique(y), 3))


def check_expected(y: NDArray, classes: Any) -> NDArray:
    """Return the sorted labels `classes`; raise ValueError if they are no labels, or `y` holds another."""
    check_labels(classes, "classes")
    known = np.unique(np.asarray(classes))
    check_labels([*known.tolist(), *y.tolist()])
    if len(unknown := np.setdiff1d(y, known)):
        raise ValueError(f"y holds {unknown.tolist()}, not among the classes {known.tolist()}.")
    return known


def _is_fitted_whole(estimator: Any) -> bool:
    return hasattr(estimator, "_subspaces_found") and not hasattr(estimator, "class_moments_")
