"""A user's own images: an ``.npz`` file with X and y, or a folder with one sub-folder of images per class."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_float, as_pair, check_channels_last, check_count, check_finite
from kernelconv.datasets.files import DataError, as_path, check_unpacked, check_utf8, file_size, there
from kernelconv.datasets.image_folder import read_folder, unit

_SAVE = "Save it with numpy.savez(path, X=images, y=labels)."


def load_images(
    path: str | os.PathLike[str], *, size: int | tuple[int, int] | None = None, max_bytes: int | None = None
) -> tuple[NDArray, NDArray]:
    """Load a user's own images and their classes from an ``.npz`` file or a folder of class folders.

    An ``.npz`` file holds the arrays ``X`` and ``y`` (other arrays are ignored). In a folder, every
    sub-folder is a class, named by it, and holds the images of this class: ``.png``, and those of ``.jpg
    .jpeg .bmp .tif .tiff .pgm .ppm`` that Pillow reads. Files with other endings and hidden files and folders
    (a leading dot) are ignored. Classes are sorted by name, and so are the files of each class.

    Parameters
    ----------
    path : path-like
        The ``.npz`` file or the folder. A leading ``~`` is expanded.
    size : int or pair of int, optional
        For a folder: height and width, in px, of all images. Each image is resized (bicubic, proportions kept) so
        that it just covers this size, and the longer side is cropped equally at both ends. By default images are not
        resized and must all have one size.
    max_bytes : int, optional
        Largest unpacked size of one file: the arrays of an ``.npz`` file together, the pixels of an image. By default
        64 MiB or 200 times the size of the file, whichever is more.

    Returns
    -------
    X : ndarray of shape (n, h, w) or (n, h, w, c), float32 or float64
        In a file: float64 and float32 are kept, float16 becomes float32, uint8 is divided by 255, uint16 by
        65535, and booleans are 0 and 1. From a folder: float32 in [0, 1], shape (n, h, w) if the images are
        grey, (n, h, w, 3) if they are in colour; 8 bits are divided by 255, 16-bit grey by 65535 (16-bit
        colour is read by Pillow as 8-bit), a palette becomes colour, an alpha channel is dropped if it is
        opaque everywhere, and images are turned by the EXIF orientation.
    y : ndarray of shape (n,), int64 or str
        The classes: those of the file, or the names of the folders.

    Raises
    ------
    DataError
        A ValueError and an OSError that names the file: if it does not exist, is not a regular file, is damaged, or
        unpacks to more than `max_bytes`; if X or y is missing, pickled (dtype object), empty, or of a wrong number of
        axes or dtype; if their lengths differ; if X holds NaN or an infinity or looks like channels first; if there
        is no class folder, or one without images, with folders in it, or with a name that is not UTF-8; if an image
        lies outside the class folders; if images differ in size and `size` is not given, or grey and colour are
        mixed; if an image is transparent, animated, or of another mode (CMYK, 32 bits).
    ImportError
        If a folder is given and Pillow is not installed: ``pip install kernelconv[plot]``.

    TypeError
        If `path` is not a path.
    ValueError
        If `size` is not an int >= 1 or pair of them, or given with an ``.npz`` file; if `max_bytes` is not an int >= 1.

    Notes
    -----
    Memory: the output and one image (a folder), or the output and one raw copy (a file). For every `max_bytes`, Pillow
    reads no image of more than twice `PIL.Image.MAX_IMAGE_PIXELS` pixels.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> from kernelconv.datasets import load_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.npz")
    ...     np.savez(path, X=np.full((2, 4, 5), 51, dtype=np.uint8), y=["cat", "dog"])
    ...     X, y = load_images(path)
    >>> X.shape, X.dtype.name, round(float(X.max()), 6), y.tolist()
    ((2, 4, 5), 'float32', 0.2, ['cat', 'dog'])
    """
    path, pair = as_path(path), None if size is None else as_pair(size, "size")
    if max_bytes is not None:
        check_count(max_bytes, "max_bytes")
    if not there(path):
        raise DataError(f"There is no file or folder {path}. Give an .npz file or a folder of class folders.")
    if path.is_dir():
        return read_folder(path, pair, max_bytes)
    if path.suffix.lower() != ".npz":
        raise DataError(f"{path} is neither an .npz file nor a folder of class folders. {_SAVE}")
    if pair is not None:
        raise ValueError(f"size is for folders of images, got size={size!r} and {path}: resize its X before saving.")
    return _read_npz(path, max_bytes)


# -- .npz ----------------------------------------------------------------------------------------------------


def _read_npz(path: Path, max_bytes: int | None) -> tuple[NDArray, NDArray]:
    file_size(path)  # before it is opened: it must be a regular file
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked(path, sum(info.file_size for info in archive.infolist()), max_bytes)
            damaged = archive.testzip()  # a bad checksum in any array, before numpy interprets its bytes
        if damaged is not None:
            raise zipfile.BadZipFile(f"bad checksum of {damaged}")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: _read_array(file, name, path) for name in ("X", "y")}
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types on damaged files
        raise DataError(f"{path} cannot be read as an .npz file: {error}. It may be damaged. {_SAVE}") from error
    X, y = _check_npz_images(arrays["X"], path), _check_npz_labels(arrays["y"], path)
    if len(X) != len(y):
        raise DataError(f"{path} holds {len(X)} images in X but {len(y)} labels in y: one label an image is needed.")
    return X, y


def _read_array(file: Any, name: str, path: Path) -> NDArray:
    if name not in file.files:
        keys = ", ".join(file.files) or "none"
        raise DataError(f"{path} has no array {name!r}; its arrays are: {keys}. {_SAVE}")
    try:
        array = file[name]
    except ValueError as error:
        if "pickle" not in str(error):
            raise
        raise DataError(
            f"{path}: {name} is an array of Python objects (pickled), which is not loaded, since that could "
            "run code. Save images as one array of numbers, labels with numpy.asarray(labels, dtype=str) or "
            "dtype=int."
        ) from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"its entry {name} is not a numpy array")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_npz_images(X: NDArray, path: Path) -> NDArray:
    if X.ndim not in (3, 4) or 0 in X.shape:
        raise DataError(
            f"{path}: X must be (n, height, width) or (n, height, width, channels) and not empty, got shape "
            f"{X.shape}. Reshape rows into images before saving."
        )
    try:
        check_channels_last(X.shape, "X")
        if X.dtype.kind in "bf":
            return check_finite(as_float(X, "X"), "X")
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    if X.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"{path}: X has dtype {X.dtype}, whose range is unknown. Save uint8 (0 to 255), uint16 (0 to "
            "65535) or floats."
        )
    return unit(X)


def _check_npz_labels(y: NDArray, path: Path) -> NDArray:
    if y.ndim != 1:
        raise DataError(
            f"{path}: y must hold one label an image, shape (n,), got shape {y.shape}. Save y.ravel() if it fits."
        )
    if y.dtype.kind in "iu":
        if len(y) and y.max() > np.iinfo(np.int64).max:
            raise DataError(f"{path}: y holds the label {y.max()}, which int64 cannot hold. Number the classes from 0.")
        return y.astype(np.int64)
    if y.dtype.kind != "U":
        raise DataError(
            f"{path}: y must hold ints or strings, got dtype {y.dtype}. Save y.astype(int) or y.astype(str)."
        )
    if (y == "").any():
        raise DataError(f"{path}: y holds {int((y == '').sum())} empty labels. Every image needs a class.")
    for label in np.unique(y).tolist():
        check_utf8(label, f"{path}: the label")
    return y
