"""What the estimators share: images or rows in, features out, scikit-learn's contract kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from kernelconv._check import Shape, as_float, resolve_image_shape
from kernelconv._numbers import as_real, cast, check_labels, shown
from kernelconv._types.stored import as_images, is_elsewhere, is_stored
from kernelconv.networks.arrays import label_of_highest, probabilities, read_elsewhere, refuse_elsewhere, rows
from kernelconv.networks.serial import Network


def check_input_features(estimator: Any, names: Sequence[str] | NDArray | None) -> None:
    """Raise ValueError unless `names` are None or those of the features that a fitted `estimator` takes."""
    check_is_fitted(estimator)
    if names is not None and len(names) != estimator.n_features_in_:
        raise ValueError(
            f"input_features should have length equal to number of features ({estimator.n_features_in_}), "
            f"got {len(names)}"
        )
    if names is not None and not np.array_equal(getattr(estimator, "feature_names_in_", names), names):
        raise ValueError("input_features is not equal to feature_names_in_")


class ImageEstimator(BaseEstimator):
    """Base of every estimator that reads images, or rows through its `image_shape` parameter.

    Subclasses store their parameters in ``__init__`` (`image_shape` among them), call ``_read_images(X,
    reset=True)`` first in ``fit`` and ``_read_images(X)`` first everywhere else.
    """

    image_shape: Shape | None
    image_shape_: tuple[int, ...]

    def set_params(self, **params: Any) -> Self:
        """Set parameters; for one inside a network, "network__layer_1__mapping__n_anchors", the network is replaced.

        A `Network` is immutable: its own ``set_params`` returns a new one.

        Raises
        ------
        ValueError
            If a name is unknown, or a part of the network refuses its value.
        """
        own, inner = {}, defaultdict[str, dict[str, Any]](dict)
        super().set_params(**{name: value for name, value in params.items() if "__" not in name})
        known = self.get_params(deep=False)
        for key, value in params.items():
            name, separator, path = key.partition("__")
            if path and hasattr(known.get(name), "set_params"):
                inner[name][path] = value
            elif separator and name in known:
                raise ValueError(f"Invalid parameter {key!r}: {name}={known[name]!r} has no parameter {path!r}.")
            elif separator:
                own[key] = value
        super().set_params(**own)
        for name, values in inner.items():
            setattr(self, name, known[name].set_params(**values))
        return self

    def _read_images(self, X: Any, *, reset: bool = False) -> NDArray:
        """Return `X` as a NumPy array (n, h, w, c) of finite floats; otherwise as ``_stored_images``.

        Raises
        ------
        TypeError
            If `X` is an array of another library: what reads images so has no definition in standard array code.
        """
        if type(X) is not np.ndarray:  # which need not be asked, here and below
            refuse_elsewhere(X, self)
        return np.asarray(self._stored_images(X, reset=reset))

    def _stored_images(self, X: Any, *, reset: bool = False) -> Any:
        """Return `X` as (n, h, w, c); with `reset` learn ``image_shape_`` and ``n_features_in_``, else check them.

        Integers and what lies in a file stay so until a block is asked for: see `StoredImages`. Arrays of another
        library stay where they are.

        Raises
        ------
        NotFittedError
            If `reset` is False and the estimator has not been fitted.
        ValueError
            As `as_images`, and if images have another shape than those seen in ``fit``.
        """
        if not reset:
            check_is_fitted(self)
        if type(X) is not np.ndarray and is_elsewhere(X):
            return read_elsewhere(X, lambda x: self._stored_images(x, reset=reset))
        if not hasattr(X, "ndim") and not is_stored(X):  # lists, and what only says how it becomes an array
            X = as_float(X, "X")
        if self.image_shape is not None and len(X.shape) not in (3, 4):
            # rows, or nothing that could be images: scikit-learn's own validation, which knows names of columns
            if not sparse.issparse(X):  # it would read text as numbers, in tables too
                X, table = as_float(X, "X"), X
                X = table if hasattr(table, "columns") else X
            X = validate_data(self, X, dtype=[np.float32, np.float64], reset=reset)
            if reset:
                self.image_shape_ = resolve_image_shape(self.image_shape, X.shape[1])
            return X.reshape(len(X), *self.image_shape_)
        images = as_images(X, image_shape=self.image_shape, name="X")
        if reset:
            self._learn_shape(images.shape[1:])
        elif images.shape[1:] != self.image_shape_:
            raise ValueError(
                f"X holds images of shape {images.shape[1:]}, but {type(self).__name__} was fitted on images of "
                f"shape {self.image_shape_}."
            )
        return images

    def _learn_shape(self, image_shape: Shape) -> None:
        self.image_shape_ = image_shape
        self.n_features_in_ = int(np.prod(image_shape))
        self.__dict__.pop("feature_names_in_", None)  # of an earlier fit on a table


class ImageTransformer(TransformerMixin, ImageEstimator):
    """An `ImageEstimator` whose ``transform`` returns rows; subclasses set ``maps_shape_`` = (h, w, channels)."""

    maps_shape_: tuple[int, ...]

    def get_feature_names_out(self, input_features: Sequence[str] | NDArray | None = None) -> NDArray:
        """Return one name per feature: class name, then row, column and channel of the output map."""
        check_input_features(self, input_features)
        prefix = type(self).__name__.lower()
        h, w, c = self.maps_shape_
        return np.array([f"{prefix}_{i}_{j}_{k}" for i in range(h) for j in range(w) for k in range(c)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: features of the precision of the images."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class ImagePredictor(ImageTransformer):
    """An `ImageTransformer` with a ``network_`` from images to scores, the last parts of which read the features."""

    network_: Network
    n_jobs: int | None

    @property
    def representation_(self) -> Network:
        """The network without the parts that map features to scores: its output is what ``transform`` returns."""
        raise NotImplementedError

    def _scores(self, X: Any) -> Any:
        """Return what the network makes of images `X`, (n, outputs)."""
        images = self._stored_images(X)
        return rows(self.network_, images, self.n_jobs)

    def _check_labels_given(self, y: Any) -> None:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")

    def transform(self, X: ArrayLike) -> Any:
        """Return the features (n, d) of images `X`, which the last part reads; an array of the library of `X`."""
        images = self._stored_images(X)
        return rows(self.representation_, images, self.n_jobs)


class ImageClassifier(ClassifierMixin, ImagePredictor):
    """An `ImagePredictor` of classes; subclasses have a parameter `loss`, and call ``_read_labels`` in ``fit``."""

    classes_: NDArray
    loss: Any

    def _read_labels(self, y: Any, images: NDArray | None = None) -> NDArray:
        """Learn ``classes_`` from labels `y`, one for each of `images`, and return class indices.

        Raises
        ------
        ValueError
            If there are no labels, not one an image, they are not finite, no classes, of several kinds or all the same.
        """
        self._check_labels_given(y)
        check_labels(y)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        if images is not None:
            check_consistent_length(images, y)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        if len(encoder.classes_) < 2:
            raise ValueError(f"A classifier needs at least 2 classes, y holds one class only: {encoder.classes_[0]!r}.")
        self.classes_ = encoder.classes_
        return encoder.transform(y)

    def decision_function(self, X: ArrayLike) -> Any:
        """Return the scores (n, n_classes) of images `X`, in their library; for two classes the difference (n,)."""
        scores = self._scores(X)
        return scores if len(self.classes_) > 2 else scores[:, 1] - scores[:, 0]

    def predict(self, X: ArrayLike) -> Any:
        """Return the label of the highest score for each image, an array of the library of `X`.

        Raises
        ------
        TypeError
            If that library is not NumPy and the labels are not numbers, as its arrays hold only numbers.
        """
        return label_of_highest(self.decision_function(X), self.classes_)

    @available_if(lambda self: self.loss == "log_loss")
    def predict_proba(self, X: ArrayLike) -> Any:
        """Return softmax probabilities (n, n_classes), classes in the order of ``classes_``; for loss="log_loss"."""
        return probabilities(self.decision_function(X))


class ImageRegressor(RegressorMixin, ImagePredictor):
    """An `ImagePredictor` of targets; subclasses call ``_read_targets`` in ``fit``."""

    n_outputs_: int
    _one_target: bool  # y was (n,), and so are predictions

    def _read_targets(self, y: Any, images: NDArray | None = None, *, reset: bool = False) -> NDArray:
        """Return targets `y`, (n,) or (n, outputs), as (n, outputs); with `reset` learn ``n_outputs_``, else check it.

        Raises
        ------
        ValueError
            If there are no targets, not one row for each of `images`, not as many as before, or they are not finite
            numbers.
        """
        self._check_labels_given(y)
        y = cast(as_real(y, "y"), np.float64 if images is None else images.dtype.type, "y")
        if y.ndim == 0:
            raise ValueError(f"y must hold a row of targets for each image, got {shown(y.item())} alone.")
        y = check_array(y, ensure_2d=False, dtype=y.dtype, input_name="y")
        if images is not None:
            check_consistent_length(images, y)
        targets = y.reshape(len(y), -1)
        if reset:
            self._one_target, self.n_outputs_ = y.ndim == 1, targets.shape[1]
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y holds {targets.shape[1]} targets an image, {self.n_outputs_} were learned before.")
        return targets

    def predict(self, X: ArrayLike) -> Any:
        """Return the targets of images `X`, (n,) or (n, outputs) as in ``fit``; an array of the library of `X`."""
        scores = self._scores(X)
        return scores[:, 0] if self._one_target else scores

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: several targets at once are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
