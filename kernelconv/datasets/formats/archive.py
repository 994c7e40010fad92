"""Members of a .tar.gz read into arrays, by their names; nothing is unpacked to the disk."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from kernelconv.datasets.files import DataError, file_size, fill, unreadable

#: What an archive may hold beside the members that are wanted: headers, a text.
_BESIDE = 2**20


def read_members(path: Path, arrays: Mapping[str, NDArray[np.uint8]]) -> None:
    """Fill arrays of bytes with the members of a .tar.gz that have these names and exactly these sizes.

    Raises
    ------
    DataError
        If the file is no regular file or no such archive, is truncated or corrupt; if a member is missing, twice there,
        no regular file or of another size; if the archive unpacks to much more than the arrays hold.
    """
    file_size(path)  # before it is opened: it must be a regular file
    missing = dict(arrays)
    with _named_errors(path), gzip.open(path) as unpacked:
        limited: Any = _Limited(unpacked, path, sum(array.nbytes for array in arrays.values()) + _BESIDE)
        with tarfile.open(fileobj=limited, mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in arrays:
                    _check(path, name, member, missing)
                    fill(missing.pop(name), cast(BufferedIOBase, tar.extractfile(member)))
    if missing:
        raise DataError(f"{path} does not hold {', '.join(missing)}. Get a fresh copy.")


class _Limited:
    """A file that is read up to so many bytes: a small archive can hold any number of them, even in its headers."""

    def __init__(self, file: Any, path: Path, n_bytes: int) -> None:
        self._file, self._path, self._n_bytes, self._left = file, path, n_bytes, n_bytes

    def read(self, n: int) -> bytes:
        data = self._file.read(n)
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._path} unpacks to more than the {self._n_bytes:,} bytes wanted. Get a fresh copy.")
        return data


def _check(path: Path, name: str, member: tarfile.TarInfo, missing: Mapping[str, NDArray]) -> None:
    if name not in missing:
        raise DataError(f"{path} holds {name} twice. Get a fresh copy.")
    if not member.isreg() or member.size != missing[name].nbytes:
        kind = f"{member.size:,} bytes" if member.isreg() else "no regular file"
        raise DataError(f"{path}: its {name} is {kind}, wanted {missing[name].nbytes:,} bytes. Get a fresh copy.")


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turn what gzip, zlib and tarfile raise into a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except EOFError:
        raise DataError(f"{path} is damaged: it is truncated. Delete it and get a fresh copy.") from None
    except (gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path} is damaged or no .tar.gz ({error}). Delete it and get a fresh copy.") from error
    except OSError as error:
        raise unreadable(path, error) from error
