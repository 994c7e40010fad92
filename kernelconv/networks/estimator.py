"""What the estimators share: images or rows in, features out, scikit-learn's contract kept."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._check import check_images, resolve_image_shape


class ImageEstimator(BaseEstimator):
    """Base of every estimator that reads images, or rows through its `image_shape` parameter.

    Subclasses store their parameters in ``__init__`` (`image_shape` among them), call ``_read_images(X,
    reset=True)`` first in ``fit`` and ``_read_images(X)`` first everywhere else.
    """

    image_shape: Any
    image_shape_: tuple[int, ...]

    def set_params(self, **params: Any) -> Self:
        """Set parameters; those inside a network, "network__layer_1__mapping__n_anchors", by a new one in its place.

        scikit-learn drops what a nested ``set_params`` returns, and a `Network` never changes: it returns another.

        Raises
        ------
        ValueError
            If a name is unknown, or a part of the network refuses its value.
        """
        own, inner = {}, defaultdict[str, dict[str, Any]](dict)
        super().set_params(**{name: value for name, value in params.items() if "__" not in name})
        known = self.get_params(deep=False)
        for key, value in params.items():
            name, _, path = key.partition("__")
            if path and hasattr(known.get(name), "set_params"):
                inner[name][path] = value
            elif path:
                own[key] = value
        super().set_params(**own)
        for name, values in inner.items():
            setattr(self, name, known[name].set_params(**values))
        return self

    def _read_images(self, X: Any, *, reset: bool = False) -> NDArray:
        """Return `X` as (n, h, w, c); with `reset` learn ``image_shape_`` and ``n_features_in_``, else check them.

        Raises
        ------
        NotFittedError
            If `reset` is False and the estimator has not been fitted.
        ValueError
            As `check_images`, and if images have another shape than those seen in ``fit``.
        """
        if not reset:
            check_is_fitted(self)
        if isinstance(X, list | tuple):
            X = np.asarray(X)
        if self.image_shape is not None and getattr(X, "ndim", 2) not in (3, 4):
            # rows, or nothing that could be images: scikit-learn's own door, with its words
            X = validate_data(self, X, dtype=[np.float32, np.float64], reset=reset)
            if reset:
                self.image_shape_ = resolve_image_shape(self.image_shape, X.shape[1])
            return X.reshape(len(X), *self.image_shape_)
        images = check_images(X, image_shape=self.image_shape, name="X")
        if reset:
            self.image_shape_ = images.shape[1:]
            self.n_features_in_ = int(np.prod(images.shape[1:]))
            self.__dict__.pop("feature_names_in_", None)  # of an earlier fit on a table
        elif images.shape[1:] != self.image_shape_:
            raise ValueError(
                f"X holds images of shape {images.shape[1:]}, but {type(self).__name__} was fitted on images of "
                f"shape {self.image_shape_}."
            )
        return images


class ImageTransformer(TransformerMixin, ImageEstimator):
    """An `ImageEstimator` whose ``transform`` returns rows; subclasses set ``maps_shape_`` = (h, w, channels)."""

    maps_shape_: tuple[int, ...]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return one name a feature: class name, then row, column and channel of the output map."""
        check_is_fitted(self)
        if input_features is not None and len(input_features) != self.n_features_in_:
            raise ValueError(
                f"input_features should have length equal to number of features ({self.n_features_in_}), "
                f"got {len(input_features)}"
            )
        prefix = type(self).__name__.lower()
        h, w, c = self.maps_shape_
        return np.array([f"{prefix}_{i}_{j}_{k}" for i in range(h) for j in range(w) for k in range(c)], dtype=object)
