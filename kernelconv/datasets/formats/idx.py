"""IDX files of unsigned bytes, plain or gzip: the format in which MNIST is published."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import write_atomically
from kernelconv._numbers import as_array
from kernelconv.datasets.files import DataError, as_path, check_unpacked, file_size, fill, unreadable

_GZIP_MAGIC = b"\x1f\x8b"
_UBYTE = 0x08  # the only element type of the IDX format that is read here
_MAX_AXES = 32  # numpy 1.26 has no more
_DEFLATE_BOUND = 1032  # deflate never shrinks data more than this: bounds what a compressed file can hold
_SHA256 = re.compile("[0-9a-fA-F]{64}")


def read_idx(
    path: str | os.PathLike[str], *, sha256: str | None = None, max_bytes: int | None = None
) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzip, and check that it is complete.

    The file is a header, ``0 0 8 d`` and d big-endian 32-bit sizes, then the product of the sizes in bytes.

    Parameters
    ----------
    path : path-like
        The file. Compression is recognised by content, not by name.
    sha256 : str, optional
        SHA-256, in hexadecimal, that the uncompressed file must have.
    max_bytes : int, optional
        Size of the largest array that is read; by default 64 MiB or 200 times the file's size, whichever is more.

    Returns
    -------
    array : ndarray of shape (n_1, ..., n_d), uint8
        Axes in the order of the file: (n, height, width) for images, (n,) for labels.

    Raises
    ------
    DataError
        If the file cannot be opened or is not a regular file; if its gzip stream is truncated or corrupt; if it does
        not begin with ``0 0 8 d``, 1 <= d <= 32; if it holds more or fewer bytes than its header says, or more than
        `max_bytes`; if its SHA-256 is not `sha256`.
    TypeError
        If `path` is not a path.
    ValueError
        If `sha256` is not 64 hexadecimal digits, or `max_bytes` is not an int >= 1.

    Notes
    -----
    Memory: the array and a small buffer. A header with sizes that the file cannot hold is rejected before
    anything is allocated.

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> from kernelconv.datasets import read_idx, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "images-idx3-ubyte.gz")
    ...     write_idx(path, np.arange(12).reshape(3, 2, 2))
    ...     read_idx(path).shape, int(read_idx(path).sum())
    ((3, 2, 2), 66)
    """
    path = as_path(path)
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, got {sha256!r:.80}.")
    with _named_errors(path), _open(path) as file:
        shape = _read_shape(file, path)
        check_unpacked(path, prod(shape), max_bytes)
        array = np.empty(shape, dtype=np.uint8)
        n_read = fill(array, file)
        if n_read < array.size:
            raise _damaged(path, f"it ends after {n_read} of the {_sizes(array.shape)} values of its header")
        if file.read(1):  # also lets gzip check its own checksum at the end of the stream
            raise _damaged(path, f"it goes on after the {_sizes(array.shape)} values of its header")
    if sha256 is not None and (got := idx_sha256(array)) != sha256.lower():
        raise DataError(
            f"{path} is a whole IDX file, but not the one wanted: the SHA-256 of its uncompressed bytes is "
            f"{got}, wanted {sha256}. Other data sets use the same file names; replace it by "
            "the original."
        )
    return array


def write_idx(path: str | os.PathLike[str], array: NDArray) -> None:
    """Write integers 0 to 255 as an IDX file, gzip if `path` ends in .gz, completely or not at all.

    Parameters
    ----------
    path : path-like
        The file; an existing one is replaced.
    array : ndarray of shape (n_1, ..., n_d), d >= 1, integers from 0 to 255
        What `read_idx` will return, as uint8.

    Raises
    ------
    ValueError
        If `array` has no axis, or holds anything but integers from 0 to 255.
    OSError
        If the file cannot be written; nothing is left behind.

    Notes
    -----
    Writes a temporary file beside `path`, then renames it. The bytes depend on `array` alone (no time stamp).

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from kernelconv.datasets import write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "labels-idx1-ubyte")
    ...     write_idx(path, np.array([7, 2, 1]))
    ...     Path(path).read_bytes().hex(" ")
    '00 00 08 01 00 00 00 03 07 02 01'
    """
    path, array = as_path(path), as_array(array, "array")
    if not path.name:
        raise DataError(f"path={str(path)!r} names no file.")
    if array.ndim < 1 or array.dtype.kind not in "ui" or (array.size and not 0 <= array.min() <= array.max() <= 255):
        raise ValueError(
            f"An IDX file of bytes needs integers from 0 to 255 with at least one axis, got {array.dtype} of "
            f"shape {array.shape}."
        )
    data = idx_header(array) + array.astype(np.uint8).tobytes()
    data = gzip.compress(data, compresslevel=6, mtime=0) if path.suffix == ".gz" else data
    write_atomically(path, data)


def idx_header(array: NDArray) -> bytes:
    """Return the header of the IDX file of `array`: 0 0 8 d, then the d sizes, big-endian, 32 bits each."""
    return bytes([0, 0, _UBYTE, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()


def idx_sha256(array: NDArray[np.uint8]) -> str:
    """Return the SHA-256, in hexadecimal, of the uncompressed IDX file of `array`."""
    digest = hashlib.sha256(idx_header(array))
    digest.update(np.ascontiguousarray(array).reshape(-1).data)
    return digest.hexdigest()


@contextmanager
def _open(path: Path) -> Iterator[BufferedIOBase]:
    """Open `path`, decompressing if it begins as gzip does (some tools unpack a file and keep its .gz)."""
    file_size(path)  # before it is opened: it must be a regular file
    with open(path, "rb") as raw:
        compressed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not compressed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as file:
            yield file


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turn what open, gzip and zlib raise into a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except EOFError:
        raise _damaged(path, "its gzip stream is truncated") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, f"its gzip stream is corrupt ({error})") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _read_shape(file: BufferedIOBase, path: Path) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4:
        raise _damaged(path, f"it holds {len(magic)} bytes, fewer than the 4 of an IDX file's magic number")
    if magic[:3] != bytes([0, 0, _UBYTE]) or not 1 <= magic[3] <= _MAX_AXES:
        raise DataError(
            f"{path} is not an IDX file of unsigned bytes: it begins with {magic.hex(' ')}, wanted 00 00 08 "
            "and the number of axes (00 00 08 03 for images, 00 00 08 01 for labels). Give the original file."
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise _damaged(path, f"it ends within its header of {magic[3]} axes")
    shape = tuple(int(s) for s in np.frombuffer(sizes, dtype=">u4"))
    n_values = 1
    for size in shape:  # Python integers do not overflow; an axis of size 0 must not hide absurd others
        n_values *= max(size, 1)
    if n_values > _DEFLATE_BOUND * file_size(path):
        raise _damaged(path, f"its header announces {_sizes(shape)} values, more than so small a file can hold")
    return shape


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is damaged: {reason}. Delete it and get a fresh copy.")


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
