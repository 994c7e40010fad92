"""A folder with one sub-folder of images per class, read with Pillow."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelconv.datasets.files import DataError, check_unpacked, check_utf8, file_size, unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm")
_MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB"}  # read as 8-bit grey or RGB
_DEEP = 65535  # white of 16-bit grey
Size = tuple[int, ...]  # (height, width)
_FILTERS = threading.Lock()  # the filters of warnings are those of the whole process


def read_folder(path: Path, size: Size | None, max_bytes: int | None) -> tuple[NDArray, NDArray]:
    """Return the images of all class folders and their classes; see `load_images`."""
    files = _list_files(path)  # complaints about the layout come before those about Pillow
    _check_pillow(path)
    first = read_image(files[0], size, max_bytes)
    X = read_images(files, (files[0], first.shape), size, max_bytes)
    return X, np.array([file.parent.name for file in files])


def read_images(
    files: Sequence[Path], first: tuple[Path, Size], size: Size | None, max_bytes: int | None
) -> NDArray[np.float32]:
    """Return the images of `files`, (n, h, w) or (n, h, w, 3), all of the shape of `first`, a file and its shape."""
    X = np.empty((len(files), *first[1]), dtype=np.float32)
    others = []
    for i, file in enumerate(files):
        image = read_image(file, size, max_bytes)
        if image.shape == first[1]:
            X[i] = image
        else:
            others.append((file, image.shape))
    if others:
        raise _differ(first, others, len(files))
    return X


def image_files(path: Path) -> list[Path]:
    """Return the image files of a folder: of all class folders, in the order of `load_images`, or of one without any.

    Raises
    ------
    DataError
        If there is no image, or images lie both in class folders and beside them.
    ImportError
        Without Pillow, which reads them.
    """
    entries = _visible(path)
    loose = [p for p in entries if not p.is_dir() and _is_image(p)]
    files = _list_files(path) if any(p.is_dir() for p in entries) else loose
    if not files:
        raise DataError(f"The folder {path} holds no image ({' '.join(_ENDINGS)}).")
    _check_pillow(path)
    return files


def _check_pillow(path: Path) -> None:
    try:
        from PIL import Image  # noqa: F401
    except ImportError:
        raise ImportError(
            f"Reading the images in {path} needs Pillow: pip install kernelconv[plot]. An .npz file needs nothing."
        ) from None


def unit(x: NDArray) -> NDArray[np.float32]:
    """Return integers of unsigned dtype as float32 in [0, 1]: divided by the largest of their dtype."""
    return np.divide(x, np.iinfo(x.dtype).max, dtype=np.float32)


def _differ(first: tuple[Path, Size], others: list[tuple[Path, Size]], n: int) -> DataError:
    """Return the error of images that differ in size or in colour: which ones, and what to do about it."""
    shown = "; ".join(f"{file} ({_describe(shape)})" for file, shape in others[:3])
    remedies = []
    if any(shape[:2] != first[1][:2] for _, shape in others):
        remedies.append("pass size=(height, width), on the command line --image-size, which resizes and crops them")
    if any(len(shape) != len(first[1]) for _, shape in others):
        remedies.append("convert all to grey or all to colour")
    return DataError(
        f"{len(others)} of {n} images differ from the first, {first[0]} ({_describe(first[1])}), in size or colour: "
        f"{shown}{f'; and {len(others) - 3} more' if len(others) > 3 else ''}. All must have one size and be all grey "
        f"or all colour: {', and '.join(remedies)}."
    )


def _describe(shape: Size) -> str:
    return f"{'grey' if len(shape) == 2 else 'colour'}, height {shape[0]}, width {shape[1]}"


# -- which files ---------------------------------------------------------------------------------------------


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)
    except OSError as error:
        raise unreadable(folder, error) from error


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS


def _list_files(path: Path) -> list[Path]:
    """Return the image files of all class folders, sorted by class, then by name."""
    entries = _visible(path)
    classes = [p for p in entries if p.is_dir()]
    loose = [p for p in entries if not p.is_dir() and _is_image(p)]
    if not classes:
        raise DataError(
            f"{path} holds no class folder: put the images of each class into a folder of its own, {path}/CLASS/*.png. "
            "Images without labels are read by kernelconv.streams.ImageFolder."
        )
    if loose:
        raise DataError(f"{loose[0]} lies in no class folder, so it has no label. Move it into one, or away.")
    return [file for folder in classes for file in _list_class(folder)]


def _list_class(folder: Path) -> list[Path]:
    check_utf8(folder.name, "The name of the class folder")
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


# -- one file ------------------------------------------------------------------------------------------------


def read_image(file: Path, size: Size | None, max_bytes: int | None) -> NDArray[np.float32]:
    """Return one image file as (h, w) or (h, w, 3), float32 in [0, 1]."""
    from PIL import Image, ImageOps

    file_size(file)  # before it is opened: it must be a regular file
    try:
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is `max_bytes`
            opened = _opened(file)
        with opened as image:
            bands = 3 if image.mode == "P" else len(image.getbands())
            check_unpacked(file, image.width * image.height * bands, max_bytes)
            image.load()
            # a camera's MPO holds one photograph and its previews
            n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if n_frames > 1:
                raise DataError(f"{file} holds {n_frames} frames. Save each as an image of its own.")
            return _pixels(_plain(ImageOps.exif_transpose(image), file), size)
    except DataError:
        raise
    except Exception as error:  # Pillow raises a dozen types on damaged files, SyntaxError among them
        raise DataError(
            f"{file} cannot be read as an image ({type(error).__name__}: {error}). Replace or remove it."
        ) from error


def _opened(file: Path) -> Image:
    """Return an image file as Pillow opens it; raise SyntaxError for a PNG of which a checksum is wrong."""
    from PIL import Image

    opened = Image.open(file)
    if opened.format != "PNG":
        return opened
    with opened:
        opened.verify()  # loading compares no checksum of the pixels; a file has to be opened again after this
    return Image.open(file)


def _plain(image: Image, file: Path) -> Image:
    """Return an image as mode L, RGB or, of 16-bit grey, as mode F."""
    from PIL import Image

    mode = image.mode
    # "I": Pillow 10 for 16-bit PNG, and every Pillow for a PGM of more than 255 levels, which it scales to 65535
    is_16_bit = mode.startswith("I;16") or (mode == "I" and file.suffix.lower() in (".png", ".pgm"))
    if mode not in _MODES and not is_16_bit:
        raise DataError(f"{file} has mode {mode}, wanted grey (8 or 16 bits), RGB or palette. Convert it first.")
    if "transparency" in image.info or mode in ("LA", "RGBA"):
        alpha = None if is_16_bit else (image := image.convert("RGBA")).getchannel("A")
        if alpha is None or np.asarray(alpha).min() < 255:
            raise DataError(f"{file} is transparent (mode {mode}): put it on a background and save it without alpha.")
    return Image.fromarray(np.asarray(image).astype(np.float32)) if is_16_bit else image.convert(_MODES[mode])


def _pixels(image: Image, size: Size | None) -> NDArray[np.float32]:
    """Return the pixels in [0, 1]; with a size of the largest part of this shape around the middle, resampled."""
    from PIL import ImageOps

    if size is not None:
        image = ImageOps.fit(image, (size[1], size[0]))  # cuts what is too long at both ends, then bicubic
    x = np.asarray(image)
    return unit(x) if image.mode != "F" else np.clip(x / np.float32(_DEEP), 0, 1)  # cubic splines overshoot
