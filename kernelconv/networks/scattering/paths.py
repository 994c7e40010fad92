"""What 2-D scattering computes and where: paths, and the sampling grid of each axis."""

from __future__ import annotations

import threading
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: numpy.pad's word for each padding.
PADDINGS: dict[str, Any] = {"reflect": "reflect", "zero": "constant", "circular": "wrap", "symmetric": "symmetric"}


#: Bytes of a cache line: a wide load that straddles two of them costs twice.
ALIGNMENT = 64


class ScatteringPath(NamedTuple):
    """One scattering path: its scales j1 < j2 < ... and the index of the angle at each."""

    scales: tuple[int, ...]
    angles: tuple[int, ...]

    @property
    def order(self) -> int:
        """Number of wavelets on the path."""
        return len(self.scales)

    @property
    def name(self) -> str:
        """A short name: ``mean`` at order 0, else ``j0t3_j1t5`` for scales (0, 1) and angles (3, 5)."""
        return "_".join(f"j{j}t{t}" for j, t in zip(self.scales, self.angles, strict=True)) or "mean"


def scattering_paths(J: int, L: int, max_order: int, *, every: bool = False) -> tuple[ScatteringPath, ...]:
    """Return the paths up to `max_order`, by order, then by (j1, angle 1, j2, angle 2, ...).

    Frequency-decreasing ones, j1 < j2 < ..., or with `every` those of any scales.
    """
    paths: list[ScatteringPath] = []
    for order in range((max_order if every else min(max_order, J)) + 1):
        of_order = [
            ScatteringPath(scales, angles)
            for scales in (product(range(J), repeat=order) if every else combinations(range(J), order))
            for angles in product(range(L), repeat=order)
        ]
        paths += sorted(of_order, key=lambda p: tuple(zip(p.scales, p.angles, strict=True)))
    return tuple(paths)


class Axis(NamedTuple):
    """How one axis is padded and where its output is sampled (all in px of the padded axis)."""

    size: int
    before: int
    padded: int
    first: int
    stride: int
    n_out: int

    @property
    def after(self) -> int:
        """Padding after the axis."""
        return self.padded - self.size - self.before


def make_axis(size: int, J: int, padding: str, grid: str, oversampling: int) -> Axis:
    """Return the padded axis: borders of 2^J on both sides of a length that 2^J divides.

    A circular axis that 2^J divides needs no border: the transform itself is circular.
    """
    step = 2**J
    stride = 2 ** max(J - oversampling, 0)
    if padding == "circular" and size % step == 0:
        return Axis(size, 0, size, 0, stride, size // stride)
    if grid == "kymatio":
        padded = ((size + step) // step + 1) * step
        before = (padded - size) // 2
    else:
        whole = -(-size // step) * step
        padded, before = whole + 2 * step, (whole - size) // 2 + step
    return Axis(size, before, padded, step, stride, (padded - 2 * step) // stride)


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
