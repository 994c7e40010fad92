"""A folder of images as an array that is read file by file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv._check import as_pair, check_count
from kernelconv._numbers import shown
from kernelconv.datasets.files import unreadable
from kernelconv.datasets.image_folder import image_files, read_image, read_images


class ImageFolder:
    """A folder of images as an array that reads only the files that are indexed.

    Parameters
    ----------
    path : path
        A folder of images, or of class folders, whose images are in the order of `load_images`.
    size : int or tuple (height, width), optional
        Resize and crop every image to this size (px).
    max_bytes : int, optional
        Bytes that an image may unpack to; by default 64 MiB, or 200 times its file where that is more.

    Attributes
    ----------
    files : tuple of Path
        One per image, in order.
    shape : tuple (n, h, w) or (n, h, w, 3)
        Shape of the array; it is grey or colour as the first image is.

    Raises
    ------
    ValueError
        (`DataError`) if there is no image, or one cannot be read or unpacks to more than `max_bytes`; and from
        indexing, if one differs from the first in size or colour.
    TypeError
        If `path` is not a path.
    ImportError
        If Pillow is not installed.

    Notes
    -----
    Values are float32 in [0, 1]. Digests are computed from the bytes of the files, not from their names.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from kernelconv.streams import ImageFolder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in range(3):
    ...         Image.fromarray(np.full((4, 5), 50 * i, np.uint8)).save(f"{folder}/{i}.png")
    ...     images = ImageFolder(folder)
    ...     images.shape, round(float(images[1:2][0, 0, 0]), 4)
    ((3, 4, 5), 0.1961)
    """

    def __init__(
        self, path: str | Path, size: int | Sequence[int] | None = None, *, max_bytes: int | None = None
    ) -> None:
        if not isinstance(path, str | Path):
            raise TypeError(f"path must be that of a folder of images, got {shown(path)}.")
        self.files = tuple(image_files(Path(path)))
        self.size = None if size is None else as_pair(size, "size")
        self.max_bytes = None if max_bytes is None else check_count(max_bytes, "max_bytes")
        self.first = self.files[0], read_image(self.files[0], self.size, self.max_bytes).shape
        self.shape, self.dtype = (len(self.files), *self.first[1]), np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, images: slice) -> NDArray:
        if not isinstance(images, slice):
            raise TypeError(
                f"A folder of images is read by slices, F[3:4] for one image or F[:] for all, got {shown(images)}."
            )
        return read_images(self.files[images], self.first, self.size, self.max_bytes)

    def chunk(self, lo: int, hi: int) -> Files:
        """Return images `lo` to `hi` (exclusive), not yet read."""
        files = tuple(file.absolute() for file in self.files[lo:hi])  # a worker may be elsewhere
        return Files(files, self.first, self.size, self.max_bytes)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        return self[:].astype(np.float32 if dtype is None else dtype, copy=False)


@dataclass(frozen=True)
class Files:
    """Images of a folder that are read one after the other; what is sent to a worker."""

    files: tuple[Path, ...]
    first: tuple[Path, tuple[int, ...]]
    size: tuple[int, ...] | None
    max_bytes: int | None

    def read(self) -> tuple[NDArray, str]:
        """Return the images (m, h, w) or (m, h, w, 3), and their digest."""
        return read_images(self.files, self.first, self.size, self.max_bytes), self.digest()

    def digest(self) -> str:
        """Return the SHA-256 of the files' bytes."""
        sha = hashlib.sha256(repr(self.size).encode())
        for file in self.files:
            try:
                sha.update(hashlib.sha256(file.read_bytes()).digest())
            except OSError as error:
                raise unreadable(file, error) from error
        return sha.hexdigest()
