"""Training pool and test set of one data set, the same for every model, and the folds of a training subset."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold

from kernelconv._check import check_count
from kernelconv.datasets.files import check_utf8
from kernelconv.datasets.subsets import balanced_subset, labels

#: Folds of a training subset in the research protocol.
N_FOLDS = 5


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Training pool and test set of one data set, the same for every model.

    Parameters
    ----------
    name : str
        Name of the data set in results.
    X_train : ndarray of shape (n, h, w) or (n, h, w, c)
        Images to draw training subsets from.
    y_train : ndarray of shape (n,)
        Their classes.
    X_test : ndarray of shape (m, h, w) or (m, h, w, c)
        Images to test on.
    y_test : ndarray of shape (m,)
        Their classes.
    arguments : tuple of str
        Arguments of the command line that load the same data, from the word after ``--data`` on; by default the name.

    Raises
    ------
    ValueError
        If `name` is not a non-empty str; if images are not arrays of real numbers of these shapes, are empty, or differ
        in shape between training and test; if there is not one class per image.

    Examples
    --------
    >>> from kernelconv.datasets import load_split
    >>> split = load_split("digits")
    >>> split.name, split.X_train.shape, split.X_test.shape, split.digest[:8]
    ('digits', (1198, 8, 8), (599, 8, 8), 'ab6a5bce')
    """

    name: str
    X_train: NDArray
    y_train: NDArray
    X_test: NDArray
    y_test: NDArray
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a str that says what the data are, got {self.name!r:.80}.")
        check_utf8(self.name, "The data's name")
        _check_part(self.X_train, self.y_train, "train")
        _check_part(self.X_test, self.y_test, "test")
        if self.X_train.shape[1:] != self.X_test.shape[1:]:
            raise ValueError(
                f"X_train and X_test must hold images of one shape, got {self.X_train.shape} and {self.X_test.shape}."
            )
        if not isinstance(self.arguments, tuple) or not all(isinstance(a, str) for a in self.arguments):
            raise ValueError(
                f"arguments must be a tuple of str, as the command line takes them, got {self.arguments!r:.80}."
            )
        if not self.arguments:
            object.__setattr__(self, "arguments", (self.name,))

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.X_train.shape[1:]))
        return f"Split({self.name!r}: {len(self.y_train):,} training and {len(self.y_test):,} test images of {shape})"

    @cached_property
    def classes(self) -> NDArray:
        """The classes of the training pool, sorted."""
        return np.unique(self.y_train)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the bytes of all images and labels, without shapes and dtypes, computed once."""
        sha = hashlib.sha256()
        for a in (self.X_train, self.y_train, self.X_test, self.y_test):
            sha.update(np.ascontiguousarray(a if a.dtype != object else a.astype(str)).view(np.uint8).data)
        return sha.hexdigest()

    @cached_property
    def not_black(self) -> NDArray[np.intp]:
        """Positions of the test images with a value other than 0: features of black ones may be 0."""
        return np.flatnonzero(self.X_test.reshape(len(self.X_test), -1).any(axis=1))

    @property
    def identity(self) -> dict[str, Any]:
        """What a result with this split depends on: `digest`, the images' shape and dtype; not its name."""
        x = self.X_train
        return {"sha256": self.digest, "image_shape": list(x.shape[1:]), "dtype": str(x.dtype)}

    def subset(self, size: int, seed: int) -> NDArray[np.intp]:
        """Return the indices of a class-balanced training subset; `size` of the whole pool takes all of it.

        Parameters
        ----------
        size : int
            Number of training images, at least one per class.
        seed : int
            Seed of the draw; with the same seed a smaller subset is a prefix of a larger one (not of the whole pool).

        Returns
        -------
        indices : ndarray of shape (size,), int
            Positions in `y_train`, shuffled.

        Raises
        ------
        ValueError
            If the pool has no balanced subset of this size (see `balanced_subset`), or `seed` is not an int >= 0.

        Examples
        --------
        >>> from kernelconv.datasets import load_split
        >>> split = load_split("digits")
        >>> split.subset(20, seed=0).shape, split.subset(1198, seed=0).shape
        ((20,), (1198,))
        """
        if check_count(size, "size") == len(self.y_train):
            return np.random.default_rng(check_count(seed, "seed", 0)).permutation(size)
        return balanced_subset(self.y_train, size, random_state=seed)


def _check_part(X: Any, y: Any, part: str) -> None:
    """Raise ValueError unless X holds images and y one class for each of them."""
    if type(X) not in (np.ndarray, np.memmap) or X.dtype.kind not in "biuf" or X.ndim not in (3, 4) or 0 in X.shape:
        raise ValueError(
            f"X_{part} must be a NumPy array of real numbers, (n, h, w) or (n, h, w, c) and not empty, got {_told(X)}."
        )
    if type(y) not in (np.ndarray, np.memmap) or y.shape != (len(X),):
        raise ValueError(f"y_{part} must be a NumPy array of one class an image, shape ({len(X)},), got {_told(y)}.")


def _told(value: Any) -> str:
    is_array = isinstance(value, np.ndarray)
    return f"{type(value).__name__} of {value.dtype}, shape {value.shape}" if is_array else f"{value!r:.80}"


def folds(y: ArrayLike, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the five stratified folds of a training subset on which the research protocol validates.

    They are the same for all rows of a table, since they depend on the subset's labels and the seed only. A model that
    is fitted only once is validated on the first fold.

    Parameters
    ----------
    y : array-like of shape (n,)
        Classes of the training subset, in its order.
    seed : int
        Seed of the subset.

    Returns
    -------
    folds : list of five (train, held_out)
        Positions in `y`, int arrays; each position is held out once.

    Raises
    ------
    ValueError
        If a class has fewer than five samples, so that a fold would lack it; if `y` is not one class per sample; if
        `seed` is not an int >= 0.

    Notes
    -----
    Same as scikit-learn's ``StratifiedKFold(5, shuffle=True, random_state=seed).split(numpy.zeros(len(y)), y)``.

    Examples
    --------
    >>> from kernelconv.datasets import folds
    >>> [(len(train), held_out.tolist()) for train, held_out in folds([0, 1] * 5, seed=0)][:2]
    [(8, [1, 2]), (8, [4, 5])]
    """
    y = labels(y)
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < N_FOLDS:
        short = ", ".join(f"{c!r} ({k})" for c, k in zip(classes.tolist(), counts, strict=True) if k < N_FOLDS)
        raise ValueError(
            f"Validation needs {N_FOLDS} samples a class, one for each fold; there are fewer of {short}. "
            "Ask for a larger training subset."
        )
    check_count(seed, "seed", 0)
    return list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))
