"""Folds that a caller gives, a splitter or pairs of indices, read as pairs of indices."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv


def given_folds(cv: Any, X: NDArray, labels: NDArray) -> list[tuple[NDArray, NDArray]]:
    """Return the folds of a splitter, or of pairs of indices or masks, as (training, held-out) indices."""
    if cv is None or (hasattr(cv, "split") and not isinstance(cv, str)):
        folds = list(check_cv(cv, labels, classifier=True).split(X, labels))
    else:
        folds = list(cv) if isinstance(cv, Iterable) else []
    try:
        found = [(_positions(train, len(X)), _positions(held_out, len(X))) for train, held_out in folds]
    except (TypeError, ValueError, IndexError):
        found = []
    if not found:
        raise ValueError(
            f"cv must be an int >= 2, a scikit-learn splitter, or pairs (training, held-out) of indices of "
            f"the {len(X)} samples, none of them empty, got {reprlib.repr(cv)}."
        )
    return found


def _positions(side: Any, n: int) -> NDArray:
    """Return the positions among `n` samples that indices or a mask name; there must be some."""
    found = np.arange(n)[np.asarray(side)]
    if found.ndim != 1 or not found.size:
        raise ValueError
    return found
