"""Data files: checks that they are regular and of limited size when unpacked; errors name the file."""

from __future__ import annotations

import os
import stat
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count

#: What a file may unpack to unless the caller says: this many bytes, and this many times its own size. Images seldom
#: shrink to less than a tenth, drawings to a hundredth; a file made to fill the memory shrinks to a thousandth.
_ALWAYS, _TIMES = 2**26, 200


class DataError(OSError, ValueError):
    """Error for a data file or folder that is missing, unreadable, damaged or not of the expected form.

    It is both an OSError and a ValueError (as `io.UnsupportedOperation` is), since scikit-learn's loaders raise the
    former for missing files and the latter for wrong ones. The message names the file and says what to do.

    Examples
    --------
    >>> from kernelconv.datasets import DataError
    >>> issubclass(DataError, OSError), issubclass(DataError, ValueError)
    (True, True)
    """


def as_path(path: Any, name: str = "path") -> Path:
    """Return `path` with a leading ``~`` expanded; raise TypeError unless it is a str or a path-like of one.

    Examples
    --------
    >>> as_path("data").as_posix()
    'data'
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{name} must be a str or a path-like, got {path!r:.80} ({type(path).__name__}).")
    if "\0" in os.fspath(path):
        raise DataError(f"{os.fspath(path)!r} holds a null character, which no file name has.")
    return Path(path).expanduser()


def there(path: Path) -> bool:
    """Say whether a path leads to anything; what no system could hold, a name too long for it, is not there."""
    try:
        return path.exists()
    except OSError:
        return False


def file_size(path: Path) -> int:
    """Return the bytes of a regular file; raise DataError if it is none.

    What is not a regular file is not opened: a pipe would wait for its writer, a device never end.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{path} cannot be read: Is a directory.")
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is no regular file but a pipe, socket or device. Copy what it gives into a file.")
    return found.st_size


def check_unpacked(path: Path, n_bytes: int, max_bytes: int | None) -> None:
    """Raise DataError where a file unpacks to more than `max_bytes`; by default max(64 MiB, 200 times its size)."""
    most = max(_ALWAYS, _TIMES * file_size(path)) if max_bytes is None else check_count(max_bytes, "max_bytes")
    if n_bytes > most:
        raise DataError(
            f"{path} holds {file_size(path):,} bytes and unpacks to {n_bytes:,}, more than the {most:,} that are "
            f"allowed. If you trust it, pass max_bytes={n_bytes} or more, on the command line --max-bytes."
        )


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the DataError of a file or folder that the system does not let us read."""
    return DataError(f"{path} cannot be read: {error.strerror or error}.")


def fill(array: NDArray[np.uint8], file: BufferedIOBase) -> int:
    """Read an open file into `array` without a copy, until either is at its end; return how many bytes there were."""
    flat = array.reshape(-1).data
    n_read = 0
    while n_read < len(flat) and (n := file.readinto(flat[n_read:])):
        n_read += n
    return n_read


def check_utf8(text: str, what: str) -> None:
    """Raise DataError where `text` cannot be written as UTF-8: reports and results hold it.

    Examples
    --------
    >>> check_utf8("Straße", "The label")
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{what} {text!a} is not UTF-8, so no report could name it. Rename it.") from None
