"""A long signal that is read window by window: an array, a memory map, a file, or chunks as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count, check_finite
from kernelconv._numbers import as_real, cast
from kernelconv.streams.on_disk.arrays import opened_array


class Signal:
    """Samples (t, c) that are read by windows, each beginning no earlier than the last.

    Parameters
    ----------
    source : array-like (t,) or (t, c), dataset of zarr or h5py, path of an .npy file or a zarr array, or iterable
        What has a shape is read by slices. An iterable yields chunks (m,) or (m, c) of any lengths, one after the
        other; no more of them is kept than the next window needs.
    length : int, optional
        Samples that an iterable yields in all; of no use with others.

    Raises
    ------
    ValueError
        If there is no sample, axes are not one or two, values are no real numbers, `length` is missing or disagrees, or
        there is nothing of the kind at a path.
    """

    def __init__(self, source: Any, length: int | None = None) -> None:
        length = None if length is None else check_count(length, "length")
        if isinstance(source, str | Path):
            source = _opened(Path(source))
        self.streamed = not hasattr(source, "shape") and not isinstance(source, list | tuple)
        if self.streamed:
            self._chunks = _Chunks(source, length)
            shape: tuple[int, ...] = (self._chunks.length, *self._chunks.first.shape[1:])
            dtype = self._chunks.first.dtype
        else:
            in_file = hasattr(source, "shape") and (isinstance(source, np.memmap) or not isinstance(source, np.ndarray))
            in_file = in_file and isinstance(getattr(source, "dtype", None), np.dtype)
            self._data = source if in_file else as_real(source, "source")
            shape, dtype = tuple(map(int, self._data.shape)), self._data.dtype
            _check_shape(shape, dtype)
            if length is not None and length != shape[0]:
                raise ValueError(f"length={length}, but the source has {shape[0]} samples: leave it out.")
        #: (t, c).
        self.shape = shape[0], (*shape[1:], 1)[0]
        #: Of the windows: float64 stays, all else becomes float32.
        self.dtype: np.dtype[Any] = np.dtype(np.float64 if dtype.newbyteorder("=") == np.float64 else np.float32)

    def read(self, lo: int, hi: int) -> NDArray:
        """Return samples `lo` to `hi` (exclusive), (hi - lo, c), finite."""
        raw = self._chunks.read(lo, hi) if self.streamed else as_real(self._data[lo:hi], "source")
        found = cast(raw, self.dtype.type, f"source, samples {lo:,} to {hi - 1:,},")
        return check_finite(found, f"source, samples {lo:,} to {hi - 1:,},").reshape(-1, self.shape[1])

    def close(self) -> None:
        """Raise ValueError if chunks go on beyond the length."""
        if self.streamed:
            self._chunks.close()


class _Chunks:
    """Chunks one after the other, of which what follows the last window's beginning is kept."""

    def __init__(self, source: Any, length: int | None) -> None:
        if not isinstance(source, Iterable):
            raise ValueError(
                f"source must be a signal (t,) or (t, c), a path or an iterable of chunks, got {source!r}."
            )
        if length is None:
            raise ValueError("length must be given with a source of chunks: how many samples there are in all.")
        self.length = length
        self._more: Iterator[Any] = iter(source)
        self._start, self._end = 0, 0
        self._held: list[NDArray] = []
        self.first = np.empty(0)
        if not self._take():
            raise ValueError("source ended before its first chunk.")
        self.first = self._held[0]

    def _take(self) -> bool:
        """Take one more chunk; return False where there is none."""
        chunk = next(self._more, None)
        if chunk is None:
            return False
        chunk = as_real(chunk, "a chunk")
        if self._end:
            if chunk.shape[1:] != self.first.shape[1:] or chunk.dtype != self.first.dtype:
                raise ValueError(
                    f"A chunk has shape {chunk.shape} and dtype {chunk.dtype}, and the first one {self.first.shape} "
                    f"and {self.first.dtype}: all but their lengths must be alike."
                )
        else:
            _check_shape(chunk.shape, chunk.dtype)
        self._held.append(np.array(chunk))  # whoever yields it may write into it again
        self._end += len(chunk)
        return True

    def read(self, lo: int, hi: int) -> NDArray:
        while self._end < hi:
            if not self._take():
                raise ValueError(f"source ended after {self._end:,} samples, and length={self.length:,} was said.")
        while self._start + len(self._held[0]) <= lo:
            self._start += len(self._held.pop(0))
        held, before = [], self._start
        for chunk in self._held:
            held.append(chunk[max(lo - before, 0) : max(hi - before, 0)])
            before += len(chunk)
        return np.concatenate(held)

    def close(self) -> None:
        if self._end > self.length or self._take():
            raise ValueError(f"source goes on beyond length={self.length:,} samples.")


def _check_shape(shape: tuple[int, ...], dtype: Any) -> None:
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(f"source must be one signal (t,) or (t, c) of at least one sample, got shape {shape}.")
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        raise ValueError(f"source must hold real numbers, got dtype {dtype}.")


def _opened(path: Path) -> Any:
    """Return the array in a file, its values not yet read."""
    found = opened_array(path, "source")
    if found is not None:
        return found
    raise ValueError(f"source={str(path)!r} is no .npy file and no folder of a zarr array.")
