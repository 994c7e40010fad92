"""What gives labels: an object with predict, or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._numbers import shown
from kernelconv.stability.representation import Predicts

Labels = Predicts | Callable[[NDArray], Any]


def as_labels(predict: Labels) -> Callable[[NDArray], NDArray]:
    """Return the function from images to labels (n,) that `predict` stands for."""
    call: Any = getattr(predict, "predict", predict)
    if inspect.isclass(predict) or not callable(call):
        raise ValueError(f"predict must be a function from images to labels, or have predict, got {shown(predict)}.")

    def labels_of(x: NDArray) -> NDArray:
        found = np.asarray(call(x))
        if found.shape != (len(x),):
            raise ValueError(f"predict must return one label an image, ({len(x)},), got shape {found.shape}.")
        return found

    return labels_of
