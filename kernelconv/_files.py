"""Files that are whole or not there: written beside their place, then moved into it. A leaf of the import graph."""

from __future__ import annotations

import base64
import csv
import io
import os
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_place(path: Any, name: str) -> Path:
    """Return `path`, where a file called `name` in messages is or may be made.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If its folder is not there, or what is there is no regular file.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be the path of a file, got {path!r}.")
    place = Path(path)
    if not place.parent.is_dir():
        raise ValueError(f"{name}={str(path)!r}: there is no folder {place.parent}: make it first.")
    if place.exists() and not place.is_file():
        raise ValueError(f"{name}={str(path)!r} is no regular file: name another.")
    return place


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Give an OSError the name `path`: that of a full disk has none, and others name the file beside it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield where to write what `path` shall hold; it takes its place when the block ends, and not if that fails.

    Raises
    ------
    OSError
        If it cannot be written (no such folder, a full disk); it names `path`, whatever step failed, and nothing is
        left behind.
    """
    path = Path(path)
    part = path.with_name(f".{uuid.uuid4().hex}.part")  # without the name of `path`, which may be as long as names can
    with naming(path):
        try:
            yield part
            os.replace(part, path)
        finally:
            with suppress(OSError):  # what failed above is to be told
                part.unlink(missing_ok=True)


def write_atomically(path: str | Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`; whoever stops us, `path` holds its old content or all of the new.

    Raises
    ------
    OSError
        As `whole_file`.
    """
    with whole_file(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def pack(array: NDArray) -> str:
    """Return an array of small integers as text: dtype and shape, then its bytes by zlib and base64.

    Examples
    --------
    >>> unpack(pack(np.array([[3, 1], [4, 1]], np.uint8)))
    array([[3, 1],
           [4, 1]], dtype=uint8)
    """
    if array.dtype.kind not in "iu":
        raise TypeError(f"pack takes integers, got {array.dtype}.")
    small = array.astype(array.dtype.newbyteorder("<"))
    body = base64.b64encode(zlib.compress(small.tobytes(), 9)).decode("ascii")
    return f"{small.dtype.str}:{','.join(map(str, array.shape))}:{body}"


def unpack(text: str) -> NDArray:
    """Return the array that `pack` made a text of.

    Raises
    ------
    ValueError
        If `text` is not such a text, whole.
    """
    try:
        dtype, shape, body = text.split(":")
        values = np.frombuffer(zlib.decompress(base64.b64decode(body, validate=True)), np.dtype(dtype))
        found = values.reshape([int(n) for n in shape.split(",")])
    except (ValueError, TypeError, zlib.error) as error:
        raise ValueError(f"This is no packed array, or not a whole one ({error}): {text[:40]!r}…") from None
    return found.astype(found.dtype.newbyteorder("="))


def write_csv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as csv with a header line, numbers in full, None as nothing; the file appears whole or not at all.

    Raises
    ------
    KeyError
        If a row lacks a column; what it holds beyond them is left out.
    OSError
        If the file cannot be written; it names `path`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[name] for name in columns] for row in rows)
    write_atomically(Path(path), text.getvalue())
