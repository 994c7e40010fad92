"""Finished tiles of a Gram matrix, kept in a file while it is computed, so that a killed call can go on.

A header that says of which matrix, then a record a tile, appended: its place, a checksum, its values. A kill in the
middle of a record costs that tile.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import as_place, naming, write_atomically
from kernelconv._version import __version__
from kernelconv.networks.kernel.recursion import Step

_MAGIC = b"kernelconv: tiles of a Gram matrix\n"

#: First row, first column and checksum of a tile
_PLACE = struct.Struct("<QQI")

Place = tuple[int, int]


def gram_digest(x: NDArray, y: NDArray, steps: Sequence[Step], tangent: bool, symmetric: bool) -> bytes:
    """Return what tells one Gram matrix from another: images, layers and version; kernels by their repr."""
    layers = [(repr(s.patches), repr(s.kernel)) for s in steps]
    said = (__version__, layers, tangent, x.shape, y.shape)
    digest = hashlib.sha256(repr(said).encode())
    pooling = [m for s in steps for m in (s.rows, s.columns)]
    for array in (*pooling, x) if symmetric else (*pooling, x, y):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest().encode() + b"\n"


@contextmanager
def kept_tiles(
    path: str | Path | None, out: NDArray, tile: int, digest: Callable[[], bytes]
) -> Iterator[tuple[set[Place], Callable[[Place], None]]]:
    """Fill `out` with the tiles that `path` holds; yield their places, and what keeps one more.

    The file goes when the block ends, and stays if an error or an interrupt leaves it. ``None`` keeps nothing.

    Raises
    ------
    ValueError
        If `path` is not such a file, or one of another `digest`, or its folder is not there.
    TypeError
        If it is no path.
    OSError
        If it cannot be read or written; it names `path`.
    """
    if path is None:
        yield set(), lambda place: None
        return
    path = as_place(path, "checkpoint")
    header = _MAGIC + digest()
    if not path.exists():
        write_atomically(path, header)
    lock = threading.Lock()
    with naming(path), open(path, "r+b") as file:
        _check_header(path, file.read(len(header)), header)
        done = _read_tiles(file, out, tile)

        def keep(place: Place) -> None:
            values = at(out, place, tile).tobytes()
            with lock:
                file.write(_PLACE.pack(*place, _checksum(place, values)) + values)
                file.flush()

        yield done, keep
    path.unlink(missing_ok=True)


def _check_header(path: str | Path, found: bytes, header: bytes) -> None:
    if not found.startswith(_MAGIC):
        raise ValueError(f"{path} is not a checkpoint of ConvKernel: delete it, or name another.")
    if found != header:
        raise ValueError(
            f"{path} holds tiles of another Gram matrix (other images, other parameters or another version of "
            "kernelconv) than asked for: call with those again, delete it, or name another."
        )


def _read_tiles(file: BinaryIO, out: NDArray, tile: int) -> set[Place]:
    """Copy each whole record to its place, and cut off what follows the last of them."""
    done: set[Place] = set()
    end = file.tell()
    while len(head := file.read(_PLACE.size)) == _PLACE.size:
        i, j, checksum = _PLACE.unpack(head)
        target = at(out, (i, j), tile)
        values = file.read(target.nbytes)
        if checksum != _checksum((i, j), values):  # cut short, or damaged
            break
        target[...] = np.frombuffer(values, out.dtype).reshape(target.shape)
        done.add((i, j))
        end = file.tell()
    file.truncate(end)
    file.seek(end)
    return done


def at(out: NDArray, place: Place, tile: int) -> NDArray:
    """Return the tile of `out` that begins at `place`, a view."""
    i, j = place
    return out[i : i + tile, j : j + tile]


def _checksum(place: Place, values: bytes) -> int:
    return zlib.crc32(values, zlib.crc32(repr(place).encode()))
