"""The 8x8 digits that scikit-learn includes: real images without a download."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from kernelconv.datasets.registry import Dataset


def load_digits_images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load scikit-learn's embedded 8x8 handwritten digits as images in [0, 1].

    Returns
    -------
    X : ndarray of shape (1797, 8, 8), float32
        Grey levels: the stored counts 0, 1, ..., 16 divided by 16, exactly representable.
    y : ndarray of shape (1797,), int64
        The digits 0 to 9.

    Notes
    -----
    Nothing is downloaded. The writers are not separated between the first and the last images.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
    (its test set, through `sklearn.datasets.load_digits`).

    Examples
    --------
    >>> from kernelconv.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> X.shape, X.dtype.name, float(X.max()), y[:4].tolist()
    ((1797, 8, 8), 'float32', 1.0, [0, 1, 2, 3])
    """
    digits = load_digits()
    return (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)


DATASET = Dataset(
    "digits", "8x8 digits", load_digits_images, train_sizes=(100, 300, 1000), draws={50: 2, 100: 2, 300: 2}
)
