"""Fashion-MNIST: four IDX files of the same names as MNIST's, checked byte for byte."""

from __future__ import annotations

import os

from kernelconv.datasets.formats.idx_set import IdxSet
from kernelconv.datasets.formats.published_set import TrainAndTest
from kernelconv.datasets.registry import Dataset

FASHION_MNIST = IdxSet(
    name="fashion-mnist",
    title="Fashion-MNIST",
    loader="load_fashion_mnist",
    sha256={  # of the uncompressed files
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    openml="Fashion-MNIST",
    n_train=60_000,
)


def load_fashion_mnist(folder: str | os.PathLike[str] | None = None) -> TrainAndTest:
    """Load Fashion-MNIST: 60000 training and 10000 test images of clothes, checked byte for byte.

    The four IDX files, of the same names as MNIST's, are looked for as `load_mnist` looks for its own: in `folder`;
    else in the folder named by the environment variable KERNELCONV_DATA; else in the cache, `data_folder`, into which
    they are fetched from OpenML (``Fashion-MNIST``, version 1). The files may be in each of these folders or in its
    sub-folder ``fashion-mnist``, which comes first: a folder with ``mnist`` and ``fashion-mnist`` in it gives both.

    Parameters
    ----------
    folder : path-like, optional
        Where the files are. A leading ``~`` is expanded.

    Returns
    -------
    X_train : ndarray of shape (60000, 28, 28), float32
        Grey levels in [0, 1]: the bytes of the file divided by 255; the background is 0.
    y_train : ndarray of shape (60000,), int64
        0 T-shirt or top, 1 trousers, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.
    X_test : ndarray of shape (10000, 28, 28), float32
        As `X_train`.
    y_test : ndarray of shape (10000,), int64
        As `y_train`.

    Raises
    ------
    DataError
        As of `load_mnist`; if the files are MNIST's, the message says so. It is an OSError and a ValueError.
    TypeError
        If `folder` is not a path.

    Notes
    -----
    Cost as of `load_mnist`; the first call without files downloads about 30 MB.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
    arXiv:1708.07747, 2017.

    Examples
    --------
    >>> from kernelconv.datasets import load_fashion_mnist
    >>> X_train, y_train, X_test, y_test = load_fashion_mnist("~/data/fashion-mnist")  # doctest: +SKIP
    >>> X_train.shape, X_train.dtype.name, y_train[:5].tolist()  # doctest: +SKIP
    ((60000, 28, 28), 'float32', [9, 0, 0, 3, 0])
    """
    return FASHION_MNIST.load(folder)


DATASET = Dataset(
    "fashion-mnist",
    "Fashion-MNIST",
    load_fashion_mnist,
    train_sizes=(300, 1000),
    draws={300: 5, 1000: 5, 2000: 3, 5000: 3, 10_000: 3, 20_000: 1, 40_000: 1, 60_000: 1},
    notice=FASHION_MNIST.notice,
    folders=FASHION_MNIST.folders,
    checksums=FASHION_MNIST.sha256,
    class_names=(
        *("T-shirt or top", "trousers", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
)
