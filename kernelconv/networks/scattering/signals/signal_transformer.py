"""What the scatterings of signals share as scikit-learn transformers: how signals are read, and their tags."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._check import check_finite, check_samples_first
from kernelconv._numbers import as_table
from kernelconv._types.stored import is_elsewhere
from kernelconv.networks.arrays import read_elsewhere


class SignalTransformer(TransformerMixin, BaseEstimator):
    """Base of the transformers of signals (n, t) or (n, t, c), whose shape ``fit`` learns."""

    def _read(self, X: Any, *, reset: bool = False) -> Any:
        """Return `X` as (n, t, c), float32 or float64; learn its shape with `reset`, else check it.

        Arrays of another library stay where they are.
        """
        if not reset:
            check_is_fitted(self)
        if is_elsewhere(X):
            return read_elsewhere(X, lambda x: self._read(x, reset=reset))
        X = as_table(X, dtype=np.float32)
        if X.ndim > 3:
            raise ValueError(
                f"X has shape {X.shape}: fit and transform take signals (n, t) or (n, t, c), which become rows. maps "
                "takes any leading axes, (..., t) or (..., t, c)."
            )
        if X.ndim != 3:
            signals = validate_data(self, X, dtype=[np.float32, np.float64], reset=reset)[..., None]
        else:
            signals = check_finite(X, "X")
            if 0 in signals.shape:
                raise ValueError(f"X is empty: shape {signals.shape}. At least one signal of one sample is needed.")
            check_samples_first(signals.shape, "X")
            if reset:
                self.__dict__.pop("feature_names_in_", None)  # of an earlier fit on a table
        if reset:
            self.signal_shape_ = signals.shape[1:]
            self.n_features_in_ = int(np.prod(signals.shape[1:]))
        elif signals.shape[1:] != self.signal_shape_:
            name = type(self).__name__
            raise ValueError(
                f"X holds signals of shape {signals.shape[1:]}, but {name} was fitted on signals of shape "
                f"{self.signal_shape_}."
            )
        return signals

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: features of the precision of the signals, whose library they follow."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.array_api_support = True
        return tags
