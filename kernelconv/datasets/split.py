"""Training pool and test set of one data set, the same for every model: registered, a user's path, or two paths."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from kernelconv.datasets.idx import DataError
from kernelconv.datasets.images import load_images
from kernelconv.datasets.registry import registered_datasets
from kernelconv.datasets.subsets import balanced_subset

Place = str | os.PathLike[str]
#: Folds of a training subset in the research protocol.
N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Split:
    """Training pool and test set of one data set, the same for every model.

    Parameters
    ----------
    name : str
        What the data set is called in results.
    X_train : ndarray of shape (n, h, w) or (n, h, w, c)
        Images to draw training subsets from.
    y_train : ndarray of shape (n,)
        Their classes.
    X_test : ndarray of shape (m, h, w) or (m, h, w, c)
        Images to test on.
    y_test : ndarray of shape (m,)
        Their classes.

    Examples
    --------
    >>> split = load_split("digits")
    >>> split.name, split.X_train.shape, split.X_test.shape, split.digest[:8]
    ('digits', (1198, 8, 8), (599, 8, 8), 'ab6a5bce')
    """

    name: str
    X_train: NDArray
    y_train: NDArray
    X_test: NDArray
    y_test: NDArray

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

    @property
    def identity(self) -> dict[str, Any]:
        """What decides a result that was made with this split: `digest`, the images' shape and dtype; not its name."""
        x = self.X_train
        return {"sha256": self.digest, "image_shape": list(x.shape[1:]), "dtype": str(x.dtype)}

    def subset(self, size: int, seed: int) -> NDArray[np.intp]:
        """Return the indices of a class-balanced training subset; `size` of the whole pool takes all of it.

        Parameters
        ----------
        size : int
            Training images, at least one a class.
        seed : int
            The draw; with the same seed a smaller subset is a prefix of a larger one (not of the whole pool).

        Returns
        -------
        indices : ndarray of shape (size,), int
            Positions in `y_train`, shuffled.

        Raises
        ------
        ValueError
            If the pool does not allow a balanced subset of this size (see `balanced_subset`).

        Examples
        --------
        >>> split = load_split("digits")
        >>> split.subset(20, seed=0).shape, split.subset(1198, seed=0).shape
        ((20,), (1198,))
        """
        if size == len(self.y_train):
            return np.random.default_rng(seed).permutation(size)
        return balanced_subset(self.y_train, size, random_state=seed)


def load_split(data: Place | Sequence[Place]) -> Split:
    """Return the split of a registered data set, of a user's images, or of two paths, training and test.

    Parameters
    ----------
    data : str, path-like, or sequence of one or two of them
        A name of `registered_datasets`; a path that `load_images` reads; or two such paths, the images to train on
        and those to test on. A string that is a registered name means this data set even where a folder is called
        the same (write ``./mnist`` for the folder).

    Returns
    -------
    split : Split
        A registered data set keeps the test set it comes with. Where there is none, and for one path, a stratified
        third, drawn with seed 0, is the test set. Its name is `data` as it was given; two paths are joined by
        `` + ``.

    Raises
    ------
    DataError
        A ValueError and an OSError, if `data` is neither registered nor there (the message lists the registered
        names); if a path cannot be read by `load_images`; if it holds fewer than two classes or too few images to
        divide; of two paths, if one is a registered name, both are the same file or folder or hold the same images,
        or their images differ in shape or dtype, or their classes are not the same.
    ValueError
        If `data` is not one or two strings or paths.

    Notes
    -----
    Images that two paths share in part are not looked for.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from kernelconv.datasets import load_split
    >>> load_split("digits").y_test.shape
    (599,)
    >>> X, y = np.random.default_rng(0).random((12, 5, 5)), np.repeat([0, 1], 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     train, test = os.path.join(folder, "train.npz"), os.path.join(folder, "test.npz")
    ...     np.savez(train, X=X[::2], y=y[::2])
    ...     np.savez(test, X=X[1::2], y=y[1::2])
    ...     one, two = load_split(train), load_split([train, test])
    >>> len(one.y_train), len(one.y_test), len(two.y_train), len(two.y_test)
    (4, 2, 6, 6)
    """
    places = [data] if isinstance(data, str | os.PathLike) else data
    if not isinstance(places, Sequence) or not all(isinstance(p, str | os.PathLike) for p in places):
        raise ValueError(f"data must be a name, a path or two paths, training and test, got {data!r}.")
    if len(places) == 1:
        return _one(places[0])
    if len(places) == 2:
        return _two(*places)
    raise ValueError(f"data must be a name, a path or two paths, training and test, got {len(places)} of them.")


def folds(y: ArrayLike, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the five stratified folds of a training subset on which the research protocol validates.

    They are the same for all rows of a table, since they depend on the subset's labels and the seed alone. A model that
    is fitted once only is validated on the first fold.

    Parameters
    ----------
    y : array-like of shape (n,)
        Classes of the training subset, in its order.
    seed : int
        That of the subset.

    Returns
    -------
    folds : list of five (train, held_out)
        Positions in `y`, int arrays; each position is held out once.

    Raises
    ------
    ValueError
        If a class has fewer than five samples: a fold would be without it.

    Notes
    -----
    ``StratifiedKFold(5, shuffle=True, random_state=seed).split(numpy.zeros(len(y)), y)`` of scikit-learn.

    Examples
    --------
    >>> from kernelconv.datasets import folds
    >>> [(len(train), held_out.tolist()) for train, held_out in folds([0, 1] * 5, seed=0)][:2]
    [(8, [1, 2]), (8, [4, 5])]
    """
    y = np.asarray(y)
    classes, counts = np.unique(y, return_counts=True)
    if len(y) == 0 or counts.min() < N_FOLDS:
        short = ", ".join(f"{c!r} ({k})" for c, k in zip(classes.tolist(), counts, strict=True) if k < N_FOLDS)
        raise ValueError(
            f"Validation needs {N_FOLDS} samples a class, one for each fold; there are fewer of {short or 'all'}. "
            "Ask for a larger training subset."
        )
    return list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))


# -- one place -----------------------------------------------------------------------------------------------


def _one(place: Place) -> Split:
    registered = registered_datasets()
    if isinstance(place, str) and place in registered:
        arrays = registered[place].load()
        if len(arrays) not in (2, 4):
            raise ValueError(f"load() of the data set {place} must return 2 or 4 arrays, got {len(arrays)}.")
        return Split(place, *arrays) if len(arrays) == 4 else _hold_out_a_third(place, *arrays)
    _check_exists(place)
    return _hold_out_a_third(os.fspath(place), *load_images(place))


def _hold_out_a_third(name: str, X: NDArray, y: NDArray) -> Split:
    """Return the split whose test set is a stratified third, the same at every call."""
    _check_several_classes(name, y)
    try:
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
    except ValueError as error:
        raise DataError(
            f"{name} cannot be divided into two thirds to train on and a third to test on ({error}). "
            "Add images, or give two paths, training and test."
        ) from error
    return Split(name, X_train, y_train, X_test, y_test)


def _check_exists(place: Place) -> None:
    if not os.fspath(place) or not Path(place).expanduser().exists():
        raise DataError(
            f"There is no data set, file or folder {os.fspath(place)!r}. Registered data sets: "
            f"{', '.join(registered_datasets())}. Also accepted: an .npz file with X and y, a folder that holds one "
            "folder of images a class, or two of these, training and test."
        )


def _check_several_classes(name: str, y: NDArray) -> None:
    classes = np.unique(y).tolist()
    if len(classes) < 2:
        raise DataError(f"{name} holds one class, {classes[0]!r}: a classifier needs two.")


# -- two places ----------------------------------------------------------------------------------------------


def _two(train: Place, test: Place) -> Split:
    for place in (train, test):
        if isinstance(place, str) and place in registered_datasets():
            raise DataError(
                f"{place} is a registered data set, which has a test set of its own: give it alone, or ./{place} for a "
                "folder of this name."
            )
        _check_exists(place)
    if Path(train).expanduser().samefile(Path(test).expanduser()):
        raise DataError(
            f"{os.fspath(train)} and {os.fspath(test)} are the same: test images must not be trained on. Give it once, "
            "and a third of it is the test set."
        )
    (X, y), (X_test, y_test) = load_images(train), load_images(test)
    _check_alike(os.fspath(train), X, os.fspath(test), X_test)
    _check_same_classes(os.fspath(train), y, os.fspath(test), y_test)
    _check_several_classes(os.fspath(train), y)
    return Split(f"{os.fspath(train)} + {os.fspath(test)}", X, y, X_test, y_test)


def _check_alike(train: str, X: NDArray, test: str, X_test: NDArray) -> None:
    if X.shape[1:] != X_test.shape[1:]:
        raise DataError(
            f"{train} holds images of shape {_shape(X)}, {test} of {_shape(X_test)}: both need one height, width and "
            "number of channels. Resize or convert one of them."
        )
    if X.dtype != X_test.dtype:
        raise DataError(f"{train} is read as {X.dtype}, {test} as {X_test.dtype}: save both in one dtype.")
    if np.array_equal(X, X_test):
        raise DataError(f"{train} and {test} hold the same images: test images must not be trained on.")


def _shape(X: NDArray) -> str:
    return " x ".join(map(str, X.shape[1:])) + (" (grey)" if X.ndim == 3 else "")


def _check_same_classes(train: str, y: NDArray, test: str, y_test: NDArray) -> None:
    classes, test_classes = set(np.unique(y).tolist()), set(np.unique(y_test).tolist())
    only = {train: classes - test_classes, test: test_classes - classes}
    if any(only.values()):
        words = "; ".join(
            f"only {place} has {', '.join(map(repr, sorted(found)[:5]))}{', ...' if len(found) > 5 else ''}"
            for place, found in only.items()
            if found
        )
        raise DataError(f"The classes of {train} and {test} are not the same: {words}. Both need all of them.")
