"""`load_split`: the training pool and test set of a registered data set, a user's path, or two paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from kernelconv._check import as_pair
from kernelconv.datasets.files import DataError, as_path, there
from kernelconv.datasets.images import load_images
from kernelconv.datasets.registry import registered_datasets
from kernelconv.datasets.split import Split

Place = str | os.PathLike[str]
Read = Callable[[Place], tuple[NDArray, NDArray]]


def load_split(
    data: Place | Sequence[Place], *, size: int | tuple[int, int] | None = None, max_bytes: int | None = None
) -> Split:
    """Return the split of a registered data set, of a user's images, or of two paths, training and test.

    Parameters
    ----------
    data : str, path-like, or sequence of one or two of them
        A name of `registered_datasets`; a path that `load_images` reads; or two such paths, the training images and
        the test images. A string that is a registered name means this data set even if a folder has the same name
        (write ``./mnist`` for the folder).
    size, max_bytes : optional
        As in `load_images`: the size of the images of folders, and the largest unpacked size of a file.

    Returns
    -------
    split : Split
        A registered data set keeps its own test set. If it has none, and for one path, the test set is a stratified
        third, drawn with seed 0. The name of the split is `data` as given; two paths are joined by ``" + "``.

    Raises
    ------
    DataError
        A ValueError and an OSError, if `data` is neither registered nor an existing path (the message lists the
        registered names); if a path cannot be read by `load_images`; if it holds fewer than two classes or too few
        images to divide; for two paths, if one is a registered name, both are the same file or folder or hold the
        same images, their images differ in shape or dtype, or their classes differ.
    ValueError
        If `data` is not one or two strings or paths; if `size` is given with a registered data set or an ``.npz`` file,
        or `max_bytes` with a registered data set; if `max_bytes` is not an int >= 1.

    Notes
    -----
    If two paths share some of their images, this is not detected.

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
        raise ValueError(f"data must be a name, a path or two paths, training and test, got {data!r:.200}.")
    if len(places) not in (1, 2):
        raise ValueError(f"data must be a name, a path or two paths, training and test, got {len(places)} of them.")
    if len(places) == 1 and isinstance(places[0], str) and places[0] in registered_datasets():
        if size is not None:
            raise ValueError(f"size is for folders of images, got size={size!r} and the data set {places[0]}.")
        if max_bytes is not None:
            raise ValueError(f"max_bytes is for files, got max_bytes={max_bytes!r} and the data set {places[0]}.")
        return _registered(places[0])
    # a path whose text is a registered name is written so that it is read as a path again
    names = registered_datasets()
    places = [p if isinstance(p, str) or os.fspath(p) not in names else os.path.join(".", p) for p in places]
    read = partial(load_images, size=size, max_bytes=max_bytes)
    split = _one(places[0], read) if len(places) == 1 else _two(places[0], places[1], read)
    words = [] if size is None else ["--image-size", *map(str, as_pair(size, "size"))]
    words += [] if max_bytes is None else ["--max-bytes", str(max_bytes)]
    return replace(split, arguments=(*(os.fspath(p) for p in places), *words))


# -- one place -----------------------------------------------------------------------------------------------


def _registered(name: str) -> Split:
    arrays = registered_datasets()[name].load()
    if len(arrays) not in (2, 4):
        raise ValueError(f"load() of the data set {name} must return 2 or 4 arrays, got {len(arrays)}.")
    return Split(name, *arrays) if len(arrays) == 4 else _hold_out_a_third(name, *arrays)


def _one(place: Place, read: Read) -> Split:
    _check_exists(place)
    return _hold_out_a_third(os.fspath(place), *read(place))


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
    if not os.fspath(place) or not there(as_path(place)):
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


def _two(train: Place, test: Place, read: Read) -> Split:
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
    (X, y), (X_test, y_test) = read(train), read(test)
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
