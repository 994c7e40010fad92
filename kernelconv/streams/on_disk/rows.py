"""Rows (n, d) in a file of .npy or in a zarr array, written and read by chunks, also from several processes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import naming


def import_zarr() -> Any:
    """Return the module zarr, or say how to get it."""
    try:
        import zarr
    except ImportError:
        raise ImportError("Arrays of zarr need it: pip install 'kernelconv[scale]'.") from None
    return zarr


@dataclass(frozen=True)
class NpyRows:
    """Rows in an .npy file; its pages are written as a file's are, so that a full disk is an error and no signal.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple (n, d)
        Of all rows.
    dtype : str
        As NumPy writes it.
    chunk : int
        Rows that are written together.
    """

    path: Path
    shape: tuple[int, int]
    dtype: str
    chunk: int

    def create(self) -> None:
        """Make the file with rows that hold nothing yet."""
        with naming(self.path):
            np.lib.format.open_memmap(self.path, "w+", np.dtype(self.dtype), self.shape)

    def is_there(self) -> bool:
        """Return whether the file is one of these rows; what keeps it from being read is raised."""
        try:
            found = self.open()
        except (FileNotFoundError, ValueError, EOFError):
            return False
        return found.shape == self.shape and found.dtype.str == self.dtype

    def open(self) -> Any:
        """Return the rows, read-only, as a memory map."""
        return np.load(self.path, mmap_mode="r")

    def write(self, first: int, rows: NDArray) -> None:
        """Write `rows` at their place, the first of them being row `first`."""
        with naming(self.path), open(self.path, "r+b") as file:
            file.seek(self.open().offset + first * rows.nbytes // len(rows))
            file.write(np.ascontiguousarray(rows).data)

    def finish(self) -> None:
        """Have the system write what it holds back."""
        with naming(self.path), open(self.path, "r+b") as file:
            os.fsync(file.fileno())


@dataclass(frozen=True)
class ZarrRows:
    """Rows in a zarr array whose chunks are those that are written, uncompressed: noise-like floats gain 1/10.

    Parameters are those of `NpyRows`; `path` is a folder.
    """

    path: Path
    shape: tuple[int, int]
    dtype: str
    chunk: int

    def create(self) -> None:
        """Make the array."""
        size = min(self.chunk, self.shape[0]), self.shape[1]
        with naming(self.path):
            import_zarr().create_array(
                str(self.path), shape=self.shape, chunks=size, dtype=np.dtype(self.dtype), compressors=None
            )

    def is_there(self) -> bool:
        """Return whether the folder is an array of these rows; what keeps it from being read is raised."""
        try:
            found = self.open()
        except (FileNotFoundError, ValueError, KeyError):
            return False
        return tuple(found.shape) == self.shape and found.dtype.str == self.dtype

    def open(self) -> Any:
        """Return the rows, read-only."""
        return import_zarr().open_array(str(self.path), mode="r")

    def write(self, first: int, rows: NDArray) -> None:
        """Write `rows`, a chunk, at their place."""
        with naming(self.path):
            import_zarr().open_array(str(self.path), mode="r+")[first : first + len(rows)] = rows

    def finish(self) -> None:
        """Do nothing: every chunk is a file of its own, closed long ago."""


Rows = NpyRows | ZarrRows

#: What a target may be, by the ending of its name.
FORMATS: dict[str, type[Rows]] = {".npy": NpyRows, ".zarr": ZarrRows}
