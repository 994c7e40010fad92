"""A user's own images: an ``.npz`` file with X and y, or a folder that holds one folder of images a class."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_float, check_channels_last, check_finite
from kernelconv.datasets.idx import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm")
_MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB"}  # read as 8-bit grey or RGB
_SAVE = "Save it with numpy.savez(path, X=images, y=labels)."


def load_images(path: str | os.PathLike[str]) -> tuple[NDArray, NDArray]:
    """Load a user's own images and their classes from an ``.npz`` file or a folder of class folders.

    An ``.npz`` file holds the arrays ``X`` and ``y`` (other arrays are ignored). In a folder, every
    sub-folder is a class, named by it, and holds this class's images: ``.png``, and whatever else of ``.jpg
    .jpeg .bmp .tif .tiff .pgm .ppm`` Pillow reads. Files of other endings and hidden files and folders (a
    leading dot) are ignored. Classes, then files, come in sorted order.

    Parameters
    ----------
    path : path-like
        The ``.npz`` file or the folder. A leading ``~`` is expanded.

    Returns
    -------
    X : ndarray of shape (n, h, w) or (n, h, w, c), float32 or float64
        In a file: float64 and float32 are kept, float16 becomes float32, uint8 is divided by 255, uint16 by
        65535, and booleans are 0 and 1. From a folder: float32 in [0, 1], shape (n, h, w) if the images are
        grey, (n, h, w, 3) if they are in colour; 8 bits are divided by 255, 16-bit grey by 65535 (16-bit
        colour is read by Pillow as 8-bit), a palette becomes colour, an alpha channel is dropped if it is
        opaque everywhere, and a camera's orientation mark is obeyed.
    y : ndarray of shape (n,), int64 or str
        The classes: those of the file, or the names of the folders.

    Raises
    ------
    DataError
        A ValueError and an OSError that names the file, if there is none; if it is damaged; if X or y is
        missing, pickled (dtype object), empty, of a wrong number of axes or dtype; if their lengths differ;
        if X holds NaN or an infinity or looks like channels first; if there is no class folder, or one
        without images or with folders in it; if an image lies outside the class folders; if images differ in
        size, or grey and colour are mixed; if an image is transparent, animated, or of another mode (CMYK, 32
        bits).
    ImportError
        If a folder is given and Pillow is not installed: ``pip install kernelconv[plot]``.

    Notes
    -----
    Memory: the output and one image (a folder), or the output and one raw copy (a file).

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
    path = Path(path).expanduser()
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise DataError(f"There is no file or folder {path}. Give an .npz file or a folder of class folders.")
    if path.suffix.lower() != ".npz":
        raise DataError(f"{path} is neither an .npz file nor a folder of class folders. {_SAVE}")
    return _read_npz(path)


# -- .npz ----------------------------------------------------------------------------------------------------


def _read_npz(path: Path) -> tuple[NDArray, NDArray]:
    try:
        with zipfile.ZipFile(path) as archive:
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
    return _unit(X)


def _check_npz_labels(y: NDArray, path: Path) -> NDArray:
    if y.ndim != 1:
        raise DataError(
            f"{path}: y must hold one label an image, shape (n,), got shape {y.shape}. Save y.ravel() if it fits."
        )
    if y.dtype.kind in "iu":
        return y.astype(np.int64)
    if y.dtype.kind != "U":
        raise DataError(
            f"{path}: y must hold ints or strings, got dtype {y.dtype}. Save y.astype(int) or y.astype(str)."
        )
    if (y == "").any():
        raise DataError(f"{path}: y holds {int((y == '').sum())} empty labels. Every image needs a class.")
    return y


def _unit(x: NDArray) -> NDArray[np.float32]:
    """Return integers of unsigned dtype as float32 in [0, 1]: divided by the largest of their dtype."""
    return np.divide(x, np.iinfo(x.dtype).max, dtype=np.float32)


# -- a folder of class folders -------------------------------------------------------------------------------


def _read_folder(path: Path) -> tuple[NDArray, NDArray]:
    files = _list_files(path)  # complaints about the layout come before those about Pillow
    try:
        from PIL import Image  # noqa: F401
    except ImportError:
        raise ImportError(
            f"Reading the images in {path} needs Pillow: pip install kernelconv[plot]. An .npz file needs nothing."
        ) from None
    first = _read_image(files[0])
    X = np.empty((len(files), *first.shape), dtype=np.float32)
    X[0] = first
    for i, file in enumerate(files[1:], start=1):
        image = _read_image(file)
        if image.shape != first.shape:
            raise DataError(
                f"{file} is {_describe(image)}, but {files[0]} is {_describe(first)}. All images must have "
                "one size and be all grey or all colour: resize, crop or convert them first."
            )
        X[i] = image
    return X, np.array([file.parent.name for file in files])


def _describe(image: NDArray) -> str:
    h, w = image.shape[:2]
    return f"{'grey' if image.ndim == 2 else 'colour'}, {h} x {w} (height x width)"


def _visible(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS


def _list_files(path: Path) -> list[Path]:
    """Return the image files of all class folders, sorted by class, then by name."""
    entries = _visible(path)
    classes = [p for p in entries if p.is_dir()]
    loose = [p for p in entries if not p.is_dir() and _is_image(p)]
    if not classes:
        raise DataError(
            f"{path} holds no class folder: put the images of each class into a folder of its own, {path}/CLASS/*.png."
        )
    if loose:
        raise DataError(f"{loose[0]} lies in no class folder, so it has no label. Move it into one, or away.")
    return [file for folder in classes for file in _list_class(folder)]


def _list_class(folder: Path) -> list[Path]:
    entries = _visible(folder)
    inner = [p.name for p in entries if p.is_dir()]
    if inner:
        raise DataError(
            f"The class folder {folder} holds folders ({', '.join(inner[:5])}), wanted images. If these are "
            f"the classes, load {folder} itself."
        )
    files = [p for p in entries if _is_image(p)]
    if not files:
        raise DataError(f"The class folder {folder} holds no image ({' '.join(_ENDINGS)}). Add some or remove it.")
    return files


def _read_image(file: Path) -> NDArray[np.float32]:
    """Return one image file as (h, w) or (h, w, 3), float32 in [0, 1]."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            image.load()
            # a camera's MPO holds one photograph and its previews
            n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if n_frames > 1:
                raise DataError(f"{file} holds {n_frames} frames. Save each as an image of its own.")
            return _pixels(ImageOps.exif_transpose(image), file)
    except DataError:
        raise
    except Exception as error:  # Pillow raises a dozen types on damaged files, SyntaxError among them
        raise DataError(
            f"{file} cannot be read as an image ({type(error).__name__}: {error}). Replace or remove it."
        ) from error


def _pixels(image: Image, file: Path) -> NDArray[np.float32]:
    mode = image.mode
    is_16_bit = mode.startswith("I;16") or (mode == "I" and file.suffix.lower() == ".png")  # "I": Pillow 10
    if mode not in _MODES and not is_16_bit:
        raise DataError(f"{file} has mode {mode}, wanted grey (8 or 16 bits), RGB or palette. Convert it first.")
    if "transparency" in image.info or mode in ("LA", "RGBA"):
        alpha = None if is_16_bit else (image := image.convert("RGBA")).getchannel("A")
        if alpha is None or np.asarray(alpha).min() < 255:
            raise DataError(f"{file} is transparent (mode {mode}): put it on a background and save it without alpha.")
    return _unit(np.asarray(image).astype(np.uint16) if is_16_bit else np.asarray(image.convert(_MODES[mode])))
