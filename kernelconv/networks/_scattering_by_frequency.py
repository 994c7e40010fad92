"""The cascade of 2-D scattering for small images: frequency by frequency, all maps of a block side by side.

Maps lie as (h, w, maps). At each frequency of the coarser grid one small matrix product takes the aliases of all
maps to all angles of a scale, so that multiplying, folding and summing are a single pass; the low-pass is a matrix
product over rows, then over columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv.networks._scattering_paths import Scratch
from kernelconv.operators.filters import crop

if TYPE_CHECKING:
    from kernelconv.networks._scattering_engine import Engine

#: Bytes of complex maps computed at once.
CHUNK_BYTES = 2**21


class CascadeByFrequency:
    """The filters in one dtype, and the descent over blocks of padded images (m, h, w)."""

    def __init__(self, engine: Engine, dtype: np.dtype):
        self.engine = engine
        self.wavelets = {
            (r, j): _Wavelets(engine.bank.psi[j], r, engine.target(r, j), dtype) for r, j in engine.transitions
        }
        self.low_pass = {r: [m.astype(dtype) for m in engine.low_pass(r)] for r in engine.resolutions}

    def __call__(self, x: NDArray, scratch: Scratch) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of padded images (m, h, w)."""
        out = np.empty((*self.engine.out_size, len(self.engine.paths), len(x)), x.dtype)
        u = np.ascontiguousarray(x.transpose(1, 2, 0))
        root = np.zeros(1, dtype=int)
        self._average(u, 0, out, root)
        self._descend(scratch, u, 0, root, out)
        return np.ascontiguousarray(out.transpose(3, 2, 0, 1))

    def _average(self, u: NDArray, resolution: int, out: NDArray, positions: NDArray) -> None:
        """Write the low-passed maps `u` (h, w, paths * m) into ``out[:, :, positions]``."""
        rows, cols = self.low_pass[resolution]
        h, w, maps = u.shape
        values = np.matmul(cols, (rows @ u.reshape(h, w * maps)).reshape(len(rows), w, maps))
        out[:, :, positions] = values.reshape(len(rows), len(cols), len(positions), -1)

    def _descend(self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, out: NDArray) -> None:
        """Fill `out` with every path that continues `parents`, whose maps are `u` (h, w, parents * m)."""
        engine, m = self.engine, out.shape[-1]
        scales = np.flatnonzero(engine.children[parents[0]] >= 0)
        if not len(scales):
            return
        depth = engine.paths[parents[0]].order
        table = _with_conjugate(u, scratch, depth)
        for j in scales:
            wavelets = self.wavelets[resolution, int(j)]
            aliases = wavelets.gather(table, scratch, depth)
            for p, s in self._chunks(m, len(parents), wavelets.shape):
                maps = wavelets.modulus(aliases, slice(p.start * m, p.stop * m), s, scratch)
                below = (engine.children[parents[p], j] + np.arange(engine.L)[s, None]).ravel()
                self._average(maps, wavelets.target, out, below)
                self._descend(scratch, maps, wavelets.target, below, out)

    def _chunks(self, m: int, parents: int, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
        """Cut parents x angles so that the complex maps of a chunk stay in cache."""
        L = self.engine.L
        maps = max(1, CHUNK_BYTES // (8 * m * shape[0] * shape[1]))
        by_parent, by_angle = max(1, min(parents, maps // L)), min(maps, L)
        return [
            (slice(p, min(p + by_parent, parents)), slice(s, min(s + by_angle, L)))
            for p in range(0, parents, by_parent)
            for s in range(0, L, by_angle)
        ]


class _Wavelets:
    """All angles of one scale, from maps at one resolution to maps at a coarser one."""

    def __init__(self, psi: NDArray, source: int, target: int, dtype: np.dtype):
        psi = crop(psi, 2**source)
        angles, height, width = psi.shape
        self.target, k = target, 2 ** (target - source)
        h, w = self.shape = height // k, width // k
        blocks = psi.reshape(angles, k, h, k, w).transpose(2, 4, 0, 1, 3).reshape(h * w, angles, k * k)
        # per coarse frequency, the aliases that some wavelet sees; those below rounding add nothing
        strength = np.abs(blocks).max(axis=1)
        n_aliases = int((strength > 4 * np.finfo(dtype).eps * strength.max()).sum(axis=1).max())
        kept = np.argsort(-strength, axis=1, kind="stable")[:, :n_aliases]
        # both FFTs go unscaled, so the filter carries their scale
        self.filters = (np.take_along_axis(blocks, kept[:, None], axis=2) / (height * width)).astype(dtype)
        rows = kept // k * h + np.repeat(np.arange(h), w)[:, None]
        cols = kept % k * w + np.tile(np.arange(w), h)[:, None]
        half = width // 2 + 1
        mirrored = (height + -rows % height) * half + -cols % width
        self.index = np.where(cols < half, rows * half + cols, mirrored)

    def gather(self, table: NDArray, scratch: Scratch, depth: int) -> NDArray:
        """Return the aliases (coarse frequency, alias, maps), complex, of a table of half spectra."""
        out = scratch.array(("aliases", depth), (*self.index.shape, table.shape[-1]), table.dtype)
        return np.take(table, self.index, axis=0, out=out, mode="clip")

    def modulus(self, aliases: NDArray, maps: slice, angles: slice, scratch: Scratch) -> NDArray:
        """Return ``|u * psi|`` subsampled, (h, w, angles * maps); it lies in `scratch` until the next call."""
        part = aliases[:, :, maps]
        filters = self.filters[:, angles]
        real = part.view(self.filters.dtype)
        folded = scratch.array(("folded", 0), (*filters.shape[:2], real.shape[-1]), real.dtype)
        if filters.shape[2] == 1:
            np.multiply(filters, real, out=folded)
        else:
            np.matmul(filters, real, out=folded)
        spectra = folded.view(part.dtype).reshape(*self.shape, -1)
        waves = scipy.fft.ifft2(spectra, axes=(0, 1), norm="forward", overwrite_x=True, workers=1)
        return np.abs(waves, out=scratch.array(("maps", 0), waves.shape, real.dtype))


def _with_conjugate(u: NDArray, scratch: Scratch, depth: int) -> NDArray:
    """Return the half spectra of real maps (h, w, maps) and below them their conjugates: (2 h (w // 2 + 1), maps)."""
    spectrum = scipy.fft.rfftn(u, axes=(0, 1), workers=1)
    half = spectrum.reshape(-1, u.shape[-1])
    table = scratch.array(("table", depth), (2, *half.shape), half.dtype)
    table[0] = half
    np.conjugate(half, out=table[1])
    return table.reshape(-1, u.shape[-1])
