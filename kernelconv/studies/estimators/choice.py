"""The training images on which a head chooses its parameters: the same rule for every head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelconv.datasets import balanced_subset

#: Images that parameters are chosen on, and folds.
N_CHOICE, N_FOLDS = 5000, 3


def choice_subset(y: NDArray, seed: int, n_choice: int = N_CHOICE) -> NDArray:
    """Return the positions of the training images that parameters are chosen on: all, or a balanced `n_choice`."""
    return np.arange(len(y)) if len(y) <= n_choice else balanced_subset(y, n_choice, random_state=seed)
