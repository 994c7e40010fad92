"""MNIST: found in a folder, in KERNELCONV_DATA or in the cache, otherwise fetched once from OpenML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml

from kernelconv.datasets.idx import DataError, idx_sha256, read_idx, write_idx
from kernelconv.datasets.registry import Dataset

Mnist = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]

# SHA-256 of the uncompressed files
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_VARIABLE = "KERNELCONV_DATA"
_N_TRAIN = 60_000  # OpenML's mnist_784 holds the training images first
_OTHER_WAY = (
    "scikit-learn's own copy may be damaged: delete the folder openml in its data folder and call again; or "
    f"get the four IDX files and name their folder, load_mnist(folder) or {_VARIABLE}."
)


def load_mnist(folder: str | os.PathLike[str] | None = None) -> Mnist:
    """Load MNIST: 60000 training and 10000 test images of handwritten digits, checked byte for byte.

    The four IDX files (``train-images-idx3-ubyte`` and so on, with or without ``.gz``, or spelt
    ``train-images.idx3-ubyte``) are looked for

    1. in `folder`, if it is given, and nowhere else;
    2. otherwise in the folder named by the environment variable KERNELCONV_DATA, if set, and nowhere else;
    3. otherwise in the cache, `data_folder`. Unless all four are there, MNIST is fetched from OpenML
       (``mnist_784``, version 1) through `sklearn.datasets.fetch_openml` and kept in the cache.

    Each of these may hold the files itself or in a sub-folder ``mnist``.

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
        truncated, corrupt, or not MNIST's (by the SHA-256 of its uncompressed bytes); if nothing was found
        and OpenML cannot be reached or gives other data; if the cache cannot be written. It is an OSError and
        a ValueError.

    Notes
    -----
    From files: about a second and 0.23 GB, the output and one raw copy of the training images. The first call without
    files downloads about 15 MB, of which scikit-learn keeps its own copy too, and spends half a minute and 0.9 GB on
    reading it. Cached files appear whole or not at all. Either way the arrays are the same, bit for bit.

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
    named = folder is not None or bool(os.environ.get(_VARIABLE))
    found = {place: _find(place) for place in mnist_folders(folder)}
    files = next((list(f.values()) for f in found.values() if len(f) == len(MNIST_SHA256)), None)
    if named:
        return _load(files or _complain(found, folder))
    return _load(files or _fetch(data_folder() / "mnist"), hint=" The next load_mnist() will then fetch MNIST.")


def data_folder() -> Path:
    """Return the cache of downloaded data: ``kernelconv`` in scikit-learn's data folder; it may not exist.

    Returns
    -------
    folder : pathlib.Path
        ``$SCIKIT_LEARN_DATA/kernelconv``, or ``~/scikit_learn_data/kernelconv`` without that variable.

    Notes
    -----
    The same rule as `sklearn.datasets.get_data_home`, which would create its folder merely by being asked.

    Examples
    --------
    >>> from kernelconv.datasets import data_folder
    >>> data_folder().name
    'kernelconv'
    """
    home = os.environ.get("SCIKIT_LEARN_DATA", os.path.join("~", "scikit_learn_data"))
    return Path(home).expanduser() / "kernelconv"


def mnist_folders(folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders in which ``load_mnist(folder)`` looks for files, in order; they may not exist.

    Parameters
    ----------
    folder : path-like, optional
        As for `load_mnist`.

    Returns
    -------
    folders : list of pathlib.Path
        `folder`, or what KERNELCONV_DATA names, or `data_folder`; then the sub-folder ``mnist`` of the same.

    Examples
    --------
    >>> from kernelconv.datasets import mnist_folders
    >>> [path.as_posix() for path in mnist_folders("data")]
    ['data', 'data/mnist']
    """
    if folder is None:
        folder = os.environ.get(_VARIABLE) or data_folder()
    root = Path(folder).expanduser()
    return [root, root / "mnist"]


def _notice() -> str | None:
    """Return a line that says that `load_mnist` will fetch, where it will."""
    if os.environ.get(_VARIABLE) or any(len(_find(place)) == len(MNIST_SHA256) for place in mnist_folders()):
        return None
    return "MNIST is not on this machine: fetching it from OpenML, once."


def _find(place: Path) -> dict[str, Path]:
    """Return those of the four files that `place` holds, whatever their spelling, in the order of the table."""
    found = {}
    for name in MNIST_SHA256:
        dotted = name.replace("-idx", ".idx")  # how some archives spell it
        paths = [place / spelling for spelling in (f"{name}.gz", name, f"{dotted}.gz", dotted)]
        if present := [path for path in paths if path.is_file()]:
            found[name] = present[0]
    return found


def _complain(found: dict[Path, dict[str, Path]], folder: str | os.PathLike[str] | None) -> NoReturn:
    """Raise DataError that names the files missing from the folder which holds most of them."""
    asked = f"{_VARIABLE}={os.environ[_VARIABLE]}" if folder is None else f"folder={os.fspath(folder)!r}"
    best = max(found, key=lambda place: len(found[place]))
    missing = ", ".join(name for name in MNIST_SHA256 if name not in found[best])
    remedy = f"or call load_mnist() with {_VARIABLE} unset, which fetches them."
    if not best.is_dir():
        raise DataError(
            f"MNIST was not found: there is no folder {best} ({asked}). Name the folder that holds the four IDX files, "
            f"{missing}, plain or as .gz; {remedy}"
        )
    raise DataError(
        f"MNIST is not complete in {best} ({asked}): missing {missing}. Put the four IDX files there or in its "
        f"sub-folder mnist, plain or as .gz, or name the folder that holds them; {remedy}"
    )


def _load(files: list[Path], hint: str = "") -> Mnist:
    arrays = []
    for path, sha256 in zip(files, MNIST_SHA256.values(), strict=True):
        try:
            raw = read_idx(path, sha256=sha256)
        except DataError as error:
            raise DataError(f"{error}{hint}") from error
        arrays.append(np.divide(raw, 255, dtype=np.float32) if raw.ndim == 3 else raw.astype(np.int64))
    return tuple(arrays)  # type: ignore[return-value]


def _fetch(folder: Path) -> list[Path]:
    """Fetch MNIST from OpenML, check it, write it into `folder` as IDX files and return their paths."""
    try:
        # liac-arff, because the other parser needs pandas, which kernelconv does not require
        bunch = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
    except Exception as error:  # no network, a portal's page, a changed or damaged answer: any type at all
        raise DataError(
            f"There is no complete MNIST in {' or '.join(map(str, mnist_folders()))}, and OpenML could not "
            f"provide it ({type(error).__name__}: {error}). Either connect to the network and call again; or get the "
            f"four IDX files ({', '.join(MNIST_SHA256)}; plain or .gz) and name their folder, "
            f"load_mnist(folder) or {_VARIABLE}; or use load_digits_images(), which needs no network."
        ) from error
    arrays = _split(bunch.data, bunch.target)
    files = [folder / f"{name}.gz" for name in MNIST_SHA256]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, array in zip(files, arrays, strict=True):
            write_idx(path, array)
    except OSError as error:
        raise DataError(
            f"MNIST was fetched but cannot be kept in {folder}: {error.strerror or error}. Make room or set "
            "SCIKIT_LEARN_DATA to a folder that can be written."
        ) from error
    return files


def _split(data: NDArray, target: NDArray) -> list[NDArray[np.uint8]]:
    """Return what the four files hold, from OpenML's rows; DataError unless it is MNIST, bit for bit."""
    try:
        with np.errstate(invalid="ignore"):  # the checksums catch what is no byte
            images = np.asarray(data).astype(np.uint8).reshape(-1, 28, 28)
        labels = np.asarray(target).astype(np.uint8)
    except (TypeError, ValueError) as error:
        raise DataError(f"OpenML's mnist_784 is not made of 28x28 images and digits ({error}). {_OTHER_WAY}") from error
    arrays = [images[:_N_TRAIN], labels[:_N_TRAIN], images[_N_TRAIN:], labels[_N_TRAIN:]]
    for (name, sha256), array in zip(MNIST_SHA256.items(), arrays, strict=True):
        if (got := idx_sha256(array)) != sha256:
            raise DataError(
                f"OpenML's mnist_784 does not give MNIST's {name}: the SHA-256 of its IDX bytes is {got}, "
                f"wanted {sha256}. Nothing was kept. {_OTHER_WAY}"
            )
    return arrays


DATASET = Dataset(
    "mnist",
    "MNIST",
    load_mnist,
    train_sizes=(300, 1000),
    draws={300: 10, 1000: 10, 2000: 5, 5000: 5, 10_000: 5, 20_000: 3, 40_000: 3, 60_000: 3},
    notice=_notice,
    folders=mnist_folders,
)
