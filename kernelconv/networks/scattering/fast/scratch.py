"""What computing keeps from block to block: buffers of each thread, filters in each dtype."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Bytes of a cache line: a wide load that straddles two of them costs twice.
ALIGNMENT = 64


class Scratch(threading.local):
    """Buffers a thread uses again and again: fresh memory would cost more than the arithmetic done in it."""

    def __init__(self) -> None:
        self.buffers: dict[tuple[str, int], NDArray] = {}

    def array(self, key: tuple[str, int], shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
        """Return an uninitialised array; it is valid until the next call with the same `key` on this thread."""
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        buffer = self.buffers.get(key)
        if buffer is None or buffer.nbytes < n_bytes:
            whole = np.empty(n_bytes + ALIGNMENT, np.uint8)
            start = -whole.ctypes.data % ALIGNMENT
            buffer = self.buffers[key] = whole[start : start + n_bytes]
        return buffer[:n_bytes].view(dtype).reshape(shape)


class Workspace:
    """What computes on one geometry: filters cast once for all threads, and the buffers of each thread.

    A pickle holds the geometry alone: the rest is made on first use in each process.
    """

    def __init__(self, geometry: Any):
        self.geometry = geometry
        self.scratch = Scratch()
        self._cast: dict[tuple[type, np.dtype], Any] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.geometry,)

    def cast(self, kind: type, dtype: DTypeLike) -> Any:
        """Return ``kind(geometry, dtype)``, made by whichever thread asks first."""
        key = kind, np.dtype(dtype)
        with self._lock:
            if key not in self._cast:
                self._cast[key] = kind(self.geometry, key[1])
            return self._cast[key]
