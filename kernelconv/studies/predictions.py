"""The predictions of every test image, as stored in a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import pack


def predictions(classes: NDArray, truth: NDArray, predicted: NDArray) -> dict[str, Any]:
    """Return what a record keeps of the predictions of every test image, as codes into the sorted `classes`."""
    codes = as_codes(classes, predicted, len(truth))
    mistakes = wrong(classes, truth, predicted, np.arange(len(truth)))
    return {
        "test_error": len(mistakes) / len(truth),
        "n_test": len(truth),
        "classes": [str(c) for c in classes],
        "class_counts": np.bincount(np.searchsorted(classes, truth), minlength=len(classes)).tolist(),
        "predictions": pack(codes.astype(np.uint8 if len(classes) < 256 else np.int32)),
        "mistakes": mistakes,
    }


def as_codes(classes: NDArray, labels: Any, n: int) -> NDArray[np.intp]:
    """Return labels as codes into the sorted `classes`.

    Raises
    ------
    ValueError
        If there is not one label per image, or one is not a class of the training images.
    """
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"predict must return one class an image, shape ({n},), got {labels.shape}.")
    strange = np.unique(labels[~np.isin(labels, classes)])
    if len(strange):
        raise ValueError(
            f"{', '.join(map(repr, strange[:5].tolist()))}: predicted, or a label of the test images, and no class of "
            f"the training images, which are {', '.join(map(repr, classes[:10].tolist()))}."
        )
    return np.searchsorted(classes, labels)


def wrong(classes: NDArray, truth: NDArray, predicted: NDArray, positions: NDArray) -> list[list[int]]:
    """Return [position, true code, predicted code] of every wrong prediction."""
    true, found = as_codes(classes, truth, len(truth)), as_codes(classes, predicted, len(truth))
    return [[int(positions[i]), int(true[i]), int(found[i])] for i in np.flatnonzero(true != found)]
