"""Buffers that a thread uses again from block to block."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

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
