"""MNIST: four IDX files, checked byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

from kernelconv.datasets.formats.idx_set import IdxSet
from kernelconv.datasets.formats.published_set import TrainAndTest
from kernelconv.datasets.registry import Dataset

MNIST = IdxSet(
    name="mnist",
    title="MNIST",
    loader="load_mnist",
    sha256={  # of the uncompressed files
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    openml="mnist_784",
    n_train=60_000,
)


def load_mnist(folder: str | os.PathLike[str] | None = None) -> TrainAndTest:
    """Load MNIST: 60000 training and 10000 test images of handwritten digits, checked byte for byte.

    The four IDX files (``train-images-idx3-ubyte`` and so on, with or without ``.gz``, or spelt
    ``train-images.idx3-ubyte``) are looked for

    1. in `folder`, if it is given, and nowhere else;
    2. otherwise in the folder named by the environment variable KERNELCONV_DATA, if set, and nowhere else;
    3. otherwise in the cache, `data_folder`. Unless all four are there, MNIST is fetched from OpenML
       (``mnist_784``, version 1) through `sklearn.datasets.fetch_openml` and kept in the cache.

    The files may be in each of these folders or in its sub-folder ``mnist``; if both hold all four, those of the
    sub-folder are read, since other data sets use the same file names.

    Parameters
    ----------
    folder : path-like, optional
        Where the files are. A leading ``~`` is expanded.

    Returns
    -------
    X_train : ndarray of shape (60000, 28, 28), float32
        Grey levels in [0, 1]: the bytes of the file divided by 255; the ink is bright.
    y_train : ndarray of shape (60000,), int64
        The digits 0 to 9.
    X_test : ndarray of shape (10000, 28, 28), float32
        As `X_train`.
    y_test : ndarray of shape (10000,), int64
        As `y_train`.

    Raises
    ------
    DataError
        If `folder` or KERNELCONV_DATA is given and any of the four files is not there; if a file is
        truncated, corrupt, or not MNIST's (by the SHA-256 of its uncompressed bytes; the message names the registered
        data set that it belongs to); if nothing was found and OpenML cannot be reached or gives other data; if the
        cache cannot be written. It is an OSError and a ValueError.
    TypeError
        If `folder` is not a path.

    Notes
    -----
    From files: about a second and 0.23 GB, the output and one raw copy of the training images. The first call without
    files downloads about 15 MB, of which scikit-learn also keeps a copy, and needs half a minute and 0.9 GB to read
    it. Cached files are written completely or not at all. Both ways give the same arrays, bit for bit.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86(11), 1998, section III.A.

    Examples
    --------
    >>> from kernelconv.datasets import load_mnist
    >>> X_train, y_train, X_test, y_test = load_mnist("~/data/mnist")  # doctest: +SKIP
    >>> X_train.shape, X_train.dtype.name, y_train[:5].tolist()  # doctest: +SKIP
    ((60000, 28, 28), 'float32', [5, 0, 4, 1, 9])
    """
    return MNIST.load(folder)


def mnist_folders(folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders in which ``load_mnist(folder)`` looks for files; they may not exist.

    Parameters
    ----------
    folder : path-like, optional
        As for `load_mnist`.

    Returns
    -------
    folders : list of pathlib.Path
        `folder`, or the one that KERNELCONV_DATA names, or `data_folder`; then its sub-folder ``mnist``.

    Examples
    --------
    >>> from kernelconv.datasets import mnist_folders
    >>> [path.as_posix() for path in mnist_folders("data")]
    ['data', 'data/mnist']
    """
    return MNIST.folders(folder)


DATASET = Dataset(
    "mnist",
    "MNIST",
    load_mnist,
    train_sizes=(300, 1000),
    draws={300: 10, 1000: 10, 2000: 5, 5000: 3, 10_000: 3, 20_000: 3, 40_000: 3, 60_000: 3},
    notice=MNIST.notice,
    folders=mnist_folders,
    checksums=MNIST.sha256,
)
