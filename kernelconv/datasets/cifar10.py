"""CIFAR-10: the records of its binary edition, sorted into an order independent of the files, and checked."""

from __future__ import annotations

import os

from kernelconv.datasets.formats.published_set import TrainAndTest
from kernelconv.datasets.formats.record_set import RecordSet
from kernelconv.datasets.registry import Dataset

CIFAR10 = RecordSet(
    name="cifar-10-batches-bin",
    title="CIFAR-10",
    loader="load_cifar10",
    openml="CIFAR_10",
    train_files=tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    test_file="test_batch.bin",
    archive="cifar-10-binary.tar.gz",
    unread=("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1"),
    records_per_file=10_000,
    image_shape=(3, 32, 32),
    n_classes=10,
    sha256={  # of all records, sorted by their own SHA-256
        "training": "e47348e92e1b30ac0f7c8442987cf05d07f7556eaf7a09b8fae52543df7266c6",
        "test": "c601bf85e16d3df5ce4a9a274bdaa4475e7a92eb0939ca63c602ccc780548819",
    },
)


def load_cifar10(folder: str | os.PathLike[str] | None = None) -> TrainAndTest:
    """Load CIFAR-10: 50000 training and 10000 test images in colour, in a fixed order, checked record by record.

    The binary edition, the six files ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin`` or the archive
    ``cifar-10-binary.tar.gz`` of these, is looked for

    1. in `folder`, if it is given, and nowhere else;
    2. otherwise in the folder named by the environment variable KERNELCONV_DATA, if set, and nowhere else;
    3. otherwise in the cache, `data_folder`. If it is not there, CIFAR-10 is fetched from OpenML (``CIFAR_10``,
       version 1) through `sklearn.datasets.fetch_openml` and kept in the cache as the six files.

    The files may be in each of these folders or in its sub-folder ``cifar-10-batches-bin``, which comes first. An
    archive is read without unpacking it to disk. The Python edition, which consists of pickles, is not read.

    Parameters
    ----------
    folder : path-like, optional
        Where the files are. A leading ``~`` is expanded.

    Returns
    -------
    X_train : ndarray of shape (50000, 32, 32, 3), float32
        Red, green and blue in [0, 1]: the bytes of the file divided by 255.
    y_train : ndarray of shape (50000,), int64
        0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.
    X_test : ndarray of shape (10000, 32, 32, 3), float32
        As `X_train`.
    y_test : ndarray of shape (10000,), int64
        As `y_train`.

    Raises
    ------
    DataError
        If `folder` or KERNELCONV_DATA is given and the files are not there; if a file is truncated, corrupt, or holds
        anything but records; if the training or the test records are not CIFAR-10's (one is changed, or was moved from
        one to the other); if nothing was found and OpenML cannot be reached or gives other data; if the cache cannot
        be written. It is an OSError and a ValueError.
    TypeError
        If `folder` is not a path.

    Notes
    -----
    The order is not that of the files: a record is a label byte and the 3,072 bytes of an image, and the training
    records and the test records are each sorted by the SHA-256 of the record. So the official files, files with the
    records in another order or otherwise distributed, and OpenML's copy give the same arrays, bit for bit. The SHA-256
    of all records in this order is compared with that of the data set.

    About 3 % of the test images have a near-duplicate among the training images (Barz & Denzler 2020).

    From files: one or two seconds and 0.9 GB, the output and one raw copy; an archive takes a second more. The first
    call without files downloads about 0.2 GB, of which scikit-learn also keeps a copy, and needs an estimated two
    minutes and 3 GB to read it (scaled from MNIST). Cached files are written completely or not at all.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report, University of Toronto,
    2009. B. Barz, J. Denzler, "Do we train on test data? Purging CIFAR of near-duplicates", Journal of Imaging 6(6),
    2020.

    Examples
    --------
    >>> from kernelconv.datasets import load_cifar10
    >>> X_train, y_train, X_test, y_test = load_cifar10("~/data")  # doctest: +SKIP
    >>> X_train.shape, X_train.dtype.name, y_train[:5].tolist()  # doctest: +SKIP
    ((50000, 32, 32, 3), 'float32', [3, 8, 3, 9, 1])
    """
    return CIFAR10.load(folder)


DATASET = Dataset(
    "cifar10",
    "CIFAR-10",
    load_cifar10,
    train_sizes=(500, 1000),
    draws={100: 10, 500: 10, 1000: 10, 5000: 1, 10_000: 1, 50_000: 1},
    notice=CIFAR10.notice,
    folders=CIFAR10.folders,
    border="symmetric",
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)
