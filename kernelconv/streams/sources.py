"""Where images come from: an array, a memory map, a dataset of zarr or h5py, a folder of images; read by chunks."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count
from kernelconv._numbers import as_real
from kernelconv._types.arrays import Indexed
from kernelconv.operators.fast.layouts import lies
from kernelconv.streams.on_disk.arrays import opened_array
from kernelconv.streams.on_disk.folder import ImageFolder

#: What a source may be given as; a path names a folder of images, a zarr array or an .npy file.
SourceLike: TypeAlias = ArrayLike | Indexed | Path


class Chunk(Protocol):
    """Neighbouring images of a source. It is sent to workers, of what lies in a file without the images."""

    def read(self) -> tuple[NDArray, str]:
        """Return the images (m, ...) as they are kept, and their digest."""

    def digest(self) -> str:
        """Return what changes when the images do, without making arrays of files."""


@dataclass(frozen=True)
class Source:
    """Images (n, h, w), (n, h, w, c) or rows (n, d) that are read by slices.

    Made by `as_source`.

    Parameters
    ----------
    data : object
        Has ``shape``, ``dtype`` and slicing.
    """

    data: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, images first."""
        return tuple(map(int, self.data.shape))

    @property
    def dtype(self) -> np.dtype:
        """That of the values as they are kept."""
        return np.dtype(self.data.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, images: slice) -> NDArray:
        lo, hi, _ = images.indices(len(self))
        return self.chunk(lo, hi).read()[0]

    def chunk(self, lo: int, hi: int) -> Chunk:
        """Return images `lo` to `hi` (exclusive), not yet read."""
        if isinstance(self.data, ImageFolder):
            return self.data.chunk(lo, hi)
        # an array in memory goes to the worker, so no more of it than is needed
        return _Slice(self.data[lo:hi], 0, hi - lo) if _is_held(self.data) else _Slice(_sendable(self.data), lo, hi)

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield chunks of `size` images, in order; the last may be shorter."""
        check_count(size, "chunk")
        for lo in range(0, len(self), size):
            yield self.chunk(lo, min(lo + size, len(self)))


def as_source(source: SourceLike | Source, name: str = "source") -> Source:
    """Return a `Source` of images (n, h, w), (n, h, w, c) or rows (n, d).

    Parameters
    ----------
    source : array-like, dataset of zarr or h5py, `ImageFolder`, or path
        Anything with ``shape``, ``dtype`` and slicing is taken as it is, lists become arrays; a path names a folder of
        images, the folder of a zarr array or an .npy file.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If there is no image, axes are not two to four, values are no real numbers, or there is nothing of the kind at
        the path.

    Examples
    --------
    >>> source = as_source(np.zeros((5, 8, 8), np.uint8))
    >>> len(source), [len(chunk.read()[0]) for chunk in source.chunks(2)]
    (5, [2, 2, 1])
    """
    if isinstance(source, Source):
        return source
    data: Any = _opened(Path(source), name) if isinstance(source, str | Path) else source
    if not all(hasattr(data, word) for word in ("shape", "dtype", "__getitem__")) or not _is_dtype(data.dtype):
        data = as_real(data, name)
    if type(data) is not np.ndarray and isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
        data = as_real(data, name)  # masked ones are refused
    shape, dtype = tuple(data.shape), np.dtype(data.dtype)
    if len(shape) not in (2, 3, 4) or 0 in shape:
        raise ValueError(f"{name} must be images (n, h, w), (n, h, w, c) or rows (n, d), at least one, got {shape}.")
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {dtype}.")
    return Source(data)


def _is_dtype(dtype: Any) -> bool:
    """Return whether it is NumPy's: tensors have another, and become arrays."""
    return isinstance(dtype, np.dtype)


def _opened(path: Path, name: str) -> Any:
    """Return what lies at `path`, its values not yet read."""
    found = opened_array(path, name)
    if found is not None:
        return found
    if path.is_dir():
        return ImageFolder(path)
    raise ValueError(f"{name}={str(path)!r} is no folder of images, no folder of a zarr array and no .npy file.")


# -- chunks ------------------------------------------------------------------------------------------------------------


def digest_of(array: NDArray) -> str:
    """Return the SHA-256 of an array's dtype, shape and bytes."""
    sha = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    sha.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


@dataclass(frozen=True)
class _Slice:
    """``data[lo:hi]``."""

    data: Any
    lo: int
    hi: int

    def read(self) -> tuple[NDArray, str]:
        images = np.asarray(self.data[self.lo : self.hi])
        return images, digest_of(images)

    def digest(self) -> str:
        return self.read()[1]


# -- what is sent to a worker in place of the data ---------------------------------------------------------------------


def _is_whole_map(data: Any) -> bool:
    """Return whether it is a memory map as it was opened: a view of one no longer knows where in the file it begins.

    What is written into one opened with mode "c" is not in the file.
    """
    known = isinstance(data, np.memmap) and isinstance(data.base, mmap.mmap) and data.filename is not None
    known = known and data.mode != "c"
    return known and not lies(data, tuple(reversed(range(data.ndim))))  # of Fortran's order chunks are sent


def _is_held(data: Any) -> bool:
    return isinstance(data, np.ndarray) and not _is_whole_map(data)


def _sendable(data: Any) -> Any:
    if _is_whole_map(data):
        return _Mapped(data)
    return _Dataset(data) if type(data).__module__.startswith("h5py.") else data  # one of zarr is its place


class _Mapped:
    """A memory map, which another process opens anew."""

    def __init__(self, data: np.memmap) -> None:
        self.data = data

    def __getitem__(self, images: slice) -> NDArray:
        return self.data[images]

    def __reduce__(self) -> tuple[Any, ...]:
        return _map_again, (str(self.data.filename), self.data.dtype, self.data.shape, int(self.data.offset))


def _map_again(path: str, dtype: Any, shape: tuple[int, ...], offset: int) -> _Mapped:
    return _Mapped(np.memmap(path, dtype, "r", offset, shape))


class _Dataset:
    """A dataset of h5py, which another process opens for as long as it reads."""

    def __init__(self, data: Any, place: tuple[str, str] | None = None) -> None:
        self.data = data
        self.place = place or (os.path.abspath(data.file.filename), data.name)  # a worker may be elsewhere

    def __getitem__(self, images: slice) -> NDArray:
        if self.data is not None:
            return self.data[images]
        import h5py

        with h5py.File(self.place[0], "r") as file:
            return file[self.place[1]][images]

    def __reduce__(self) -> tuple[Any, ...]:
        return _Dataset, (None, self.place)
