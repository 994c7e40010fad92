"""Classifiers for representations: class-wise affine subspaces."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any, Literal, Self

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._arrays import as_floating, is_foreign, like, namespace, numpy_dtype
from kernelconv._check import check_count, check_rng
from kernelconv._numbers import as_table, check_labels
from kernelconv._parallel.blocks import apply_blocks, block_length, map_blocks, n_threads
from kernelconv._scales import squarable
from kernelconv._types.parameters import RandomState, Splitter
from kernelconv._types.stored import is_elsewhere
from kernelconv.networks.affine_folds import given_folds
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import by_block, label_of_highest, read_elsewhere, refuse_elsewhere, squarable_anywhere
from kernelconv.networks.class_moments import SubspacesOfStreams


class AffineSubspaceClassifier(ClassifierMixin, SubspacesOfStreams):
    r"""Assign a sample to the class whose affine subspace lies nearest (the PCA classifier of scattering).

    .. math:: \hat y(x) = \arg\min_c \|x - \mu_c\|^2 - \sum_{i=1}^{k} \langle v_{c,i}, x - \mu_c \rangle^2

    with :math:`\mu_c` the mean of class c and :math:`v_{c,i}` its first k principal directions.

    Parameters
    ----------
    n_components : "cv" or int
        Dimension k of every subspace; a class that spans fewer directions has a smaller one. "cv" takes the
        dimension of smallest cross-validated error in 0, 1, ..., `max_components`, the smallest in a tie.
    cv : int, scikit-learn splitter, or iterable of pairs
        Number of stratified folds, a splitter, or (training, held-out) indices, for ``n_components="cv"``. With an
        int, classes may have fewer samples than folds.
    max_components : int
        Largest dimension that "cv" tries.
    random_state : int, Generator or None
        Shuffles the samples before they are dealt to the folds; None deals them in order.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or the setting of ``joblib.parallel_config``.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Class labels.
    means_ : ndarray, shape (n_classes, n_features)
        Class means; in float64 after ``partial_fit``.
    components_ : list of ndarray, shape (at most k, n_features)
        Orthonormal principal directions of each class, by decreasing variance.
    n_components_ : int
        The dimension k in use.
    cv_errors_ : ndarray, shape (n_dimensions,)
        Cross-validated error of the dimensions 0, 1, ...; only with ``n_components="cv"``.
    n_features_in_ : int
        Number of features.
    class_moments_ : list of Moments
        Means and scatter matrices of the classes; only after ``partial_fit``.

    Raises
    ------
    ValueError
        In ``fit``: if there are fewer than two classes, or a parameter is out of its range. From every method: if
        squares of the values overflow or vanish in float64: values beyond 1e96, or all below 1e-96.

    Notes
    -----
    Cost: one eigendecomposition per class (and fold), in float64, of the smaller of the Gram matrix (m_c x m_c) and the
    scatter matrix (d x d): O(m_c d min(m_c, d)). It serves every dimension at once: the squared projections are
    summed cumulatively. Prediction costs O(n d k n_classes), in blocks, one thread each.

    An array of another library than NumPy gives scores and labels of that library, in the precision of its samples.
    ``partial_fit`` and ``merge`` learn the same from a stream, with ``n_components=k``: they keep a scatter matrix per
    class, (n_classes + 2) d^2 numbers including the work space for the directions, which are computed on demand.

    References
    ----------
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import AffineSubspaceClassifier
    >>> line = np.linspace(-1, 1, 20)
    >>> X = np.concatenate([np.c_[line, 0 * line], np.c_[0 * line, line]])  # two crossing lines
    >>> y = np.repeat([0, 1], 20)
    >>> clf = AffineSubspaceClassifier().fit(X, y)
    >>> clf.n_components_, clf.score(X, y)
    (1, 1.0)
    >>> clf.decision_function([[0.5, 0.1]]).round(2)  # 0.01 from class 0, 0.25 from class 1
    array([-0.24])
    """

    def __init__(
        self,
        n_components: int | Literal["cv"] = "cv",
        *,
        cv: int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]] | None = 5,
        max_components: int = 160,
        random_state: RandomState = None,
        n_jobs: int | None = None,
    ):
        self.n_components = n_components
        self.cv = cv
        self.max_components = max_components
        self.random_state = random_state
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the mean and the principal directions of every class.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Samples.
        y : array-like, shape (n,)
            Class labels; at least two classes.
        """
        refuse_elsewhere(X, self)
        if y is not None:
            check_labels(y)
        x, y = validate_data(self, as_table(X), y, dtype=[np.float64, np.float32])
        x = squarable(x)
        check_classification_targets(y)
        self.__dict__.pop("class_moments_", None)  # of an earlier stream
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"AffineSubspaceClassifier needs samples of at least 2 classes in the data, but the data contains "
                f"only one class: {self.classes_[0]!r}."
            )
        self.__dict__.pop("cv_errors_", None)  # of an earlier fit
        if self._check_parameters():
            self.cv_errors_ = self._cross_validate(x, labels)
            self.n_components_ = int(np.argmin(self.cv_errors_))
        else:
            self.n_components_ = int(self.n_components)
        self._subspaces_found = self._subspaces(x, labels, self.n_components_)
        return self

    def decision_function(self, X: ArrayLike) -> Any:
        """Return minus the squared distances to the subspaces.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Samples.

        Returns
        -------
        array, shape (n, n_classes), or (n,) for two classes
            For two classes, squared distance to ``classes_[0]`` minus that to ``classes_[1]``: positive values mean
            ``classes_[1]``. float32 if `X` and the samples of ``fit`` are, unless their squares overflow or vanish.
        """
        scores = -self._residuals(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> Any:
        """Return the label, shape (n,), of the nearest subspace; the first of `classes_` in a tie.

        For `X` of another library than NumPy, labels must be numbers, else TypeError is raised.
        """
        return label_of_highest(-self._residuals(X), self.classes_)

    def _residuals(self, X: Any) -> Any:
        check_is_fitted(self, "_subspaces_found")
        X = self._rows(X)
        means, components = self._found()
        if is_foreign(X):
            size = 3 * X.shape[1] * numpy_dtype(X).itemsize
            return by_block(lambda x: _residuals_by_formula(x, means, components), X, size)
        dtype = np.result_type(X.dtype, means.dtype)
        pairs = [(m.astype(dtype), v.astype(dtype)) for m, v in zip(means, components, strict=True)]

        def residuals(x: NDArray) -> NDArray:
            return np.stack([_residual_path(x, mean, v)[:, -1] for mean, v in pairs], axis=1)

        return apply_blocks(residuals, X, _block(X), self.n_jobs)

    def _rows(self, X: Any) -> Any:
        """Return samples `X`, of any library, as rows that can be squared."""
        if is_elsewhere(X):
            return squarable_anywhere(as_floating(read_elsewhere(X, self._rows)), (1,))
        return squarable(validate_data(self, as_table(X), dtype=[np.float64, np.float32], reset=False))

    def _check_parameters(self) -> bool:
        """Check the parameters; return whether the dimension is cross-validated."""
        check_rng(self.random_state)
        n_threads(self.n_jobs)
        check_count(self.max_components, "max_components", 0)
        if isinstance(self.cv, numbers.Integral):
            check_count(self.cv, "cv", 2)
        if isinstance(self.n_components, str):
            if self.n_components == "cv":
                return True
            raise ValueError(f"n_components must be 'cv' or an int >= 0, got {self.n_components!r}.")
        check_count(self.n_components, "n_components", 0)
        return False

    def _subspaces(self, X: NDArray, labels: NDArray, k: int) -> tuple[NDArray, list[NDArray]]:
        """Return the class means (n_classes, d) and the directions; a class without samples has a mean of NaN."""
        found = map_blocks(lambda s: _principal_directions(X[labels == s.start], k), len(self.classes_), 1, self.n_jobs)
        return np.stack([mean for mean, _ in found]), [v for _, v in found]

    def _cross_validate(self, X: NDArray, labels: NDArray) -> NDArray:
        """Return the error of the dimensions 0, 1, ..., over the held-out samples of all folds."""
        folds = self._folds(X, labels)
        largest = max(np.bincount(labels[train]).max() - 1 for train, _ in folds)
        k = int(max(0, min(self.max_components, X.shape[1], largest)))
        wrong, tested = np.zeros(k + 1), 0
        for train, held_out in folds:
            means, components = self._subspaces(X[train], labels[train], k)
            wrong += self._fold_errors(X, labels, held_out, means, components, k)
            tested += len(held_out)
        return wrong / tested

    def _fold_errors(
        self, X: NDArray, labels: NDArray, held_out: NDArray, means: NDArray, components: list[NDArray], k: int
    ) -> NDArray:
        """Count the errors on the samples `held_out` for each dimension 0, ..., k."""

        def count(s: slice) -> NDArray:
            x, best = X[held_out[s]], np.full((len(held_out[s]), k + 1), np.inf)
            guess = np.zeros(best.shape, dtype=int)
            for c, (mean, v) in enumerate(zip(means, components, strict=True)):
                if np.isnan(mean[0]):
                    continue  # no sample of this class among the training folds
                path = _residual_path(x, mean, v)
                path = np.pad(path, ((0, 0), (0, k + 1 - path.shape[1])), mode="edge")
                guess[path < best] = c
                np.minimum(best, path, out=best)
            return (guess != labels[held_out[s], None]).sum(axis=0)

        return np.sum(map_blocks(count, len(held_out), _block(X), self.n_jobs), axis=0)

    def _folds(self, X: NDArray, labels: NDArray) -> list[tuple[NDArray, NDArray]]:
        """Return (training, held-out) indices. With an int cv, every class is dealt to the folds like cards."""
        if not isinstance(self.cv, numbers.Integral):
            return given_folds(self.cv, X, labels)
        order = np.arange(len(labels))
        if self.random_state is not None:
            order = check_rng(self.random_state).permutation(len(labels))
        by_class = order[np.argsort(labels[order], kind="stable")]
        fold = np.empty(len(labels), dtype=int)
        # dealing goes on from one class to the next, so that no fold is much larger than another
        fold[by_class] = np.arange(len(labels)) % min(int(self.cv), len(labels))
        return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(fold.max() + 1)]


def _block(X: NDArray) -> int:
    return block_length(3 * X.shape[1] * X.itemsize)


def _residual_path(x: NDArray, mean: NDArray, components: NDArray) -> NDArray:
    """Return the squared distances (n, k + 1) of `x` to the subspaces of the first 0, 1, ..., k directions."""
    x = x - mean  # before the norms: they would cancel if the means were far from 0
    path = np.empty((len(x), len(components) + 1), x.dtype)
    path[:, 0] = np.einsum("nd,nd->n", x, x)
    projections = x @ components.T
    np.cumsum(projections * projections, axis=1, out=path[:, 1:])
    np.subtract(path[:, :1], path[:, 1:], out=path[:, 1:])
    return np.maximum(path, 0, out=path)


def _residuals_by_formula(x: Any, means: NDArray, components: list[NDArray]) -> Any:
    """Return the squared distances (n, n_classes) of `x`, of any library, to the subspaces."""
    xp, found = namespace(x), []
    for mean, v in zip(means, components, strict=True):
        from_mean = x - like(mean, x)
        inside = from_mean @ like(v, x).T
        found.append(xp.sum(from_mean * from_mean, axis=1) - xp.sum(inside * inside, axis=1))
    return xp.clip(xp.stack(found, axis=1), min=0)


def _principal_directions(x: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Return the mean (d,) of `x` and its first `k` principal directions (at most its rank), in the dtype of `x`."""
    (m, d), eps = x.shape, np.finfo(np.float64).eps
    if m == 0:
        return np.full(d, np.nan, x.dtype), np.empty((0, d), x.dtype)
    mean, k = x.mean(axis=0, dtype=np.float64), min(k, m - 1, d)
    if k == 0:
        return mean.astype(x.dtype), np.empty((0, d), x.dtype)
    centred = x - mean  # float64
    gram = centred @ centred.T if m <= d else centred.T @ centred
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=(len(gram) - k, len(gram) - 1))
    values, vectors = values[::-1], vectors[:, ::-1]  # the second bound: what rounds in the mean of equal samples
    vectors = vectors[:, values > max(max(m, d) * eps * values[0], m * d * (m * eps * np.abs(mean).max()) ** 2)]
    if m <= d:
        # orthogonal up to the condition number only; QR removes what leaked in from larger directions
        vectors = scipy.linalg.qr(centred.T @ vectors, mode="economic")[0]
    return mean.astype(x.dtype), np.ascontiguousarray(vectors.T, dtype=x.dtype)
