"""The cascade of 1-D scattering: signals of a block side by side, each wavelet on its support in frequency alone."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv.networks.scattering.fast.scratch import Scratch, Workspace
from kernelconv.networks.scattering.geometry import PADDINGS
from kernelconv.networks.scattering.geometry_1d import Geometry1D
from kernelconv.operators.wavelets.filter_bank_1d import morlet_1d

#: Bytes of complex signals computed at once, and of one block of padded signals with what is made of them: larger
#: than a core's cache, for there are many short steps between which Python's lock changes hands.
CHUNK_BYTES, BLOCK_BYTES = 2**22, 2**23


class Signals(Workspace):
    """Computes the scattering of blocks of signals (m, t), in float32 or float64, on any number of threads."""

    geometry: Geometry1D

    def block(self, itemsize: int) -> int:
        """Return how many signals make a block."""
        return int(np.clip(BLOCK_BYTES // (16 * itemsize * self.geometry.padded), 1, 64))

    def __call__(self, x: NDArray) -> NDArray:
        """Return the scattering (m, n_paths, t') of signals (m, t)."""
        geometry, cascade = self.geometry, self.cast(CascadeOfSignals, x.dtype)
        u = np.pad(x, ((0, 0), geometry.borders[1]), mode=PADDINGS[geometry.padding])
        out = np.empty((len(x), len(geometry.paths), len(geometry.at)), x.dtype)
        cascade.descend(self.scratch, u[:, None], 0, np.zeros(1, dtype=int), out)
        return out


class CascadeOfSignals:
    """The filters in one dtype, wavelets by (order, resolution, index), low-pass by resolution; and the descent."""

    def __init__(self, geometry: Geometry1D, dtype: np.dtype):
        self.geometry, self.dtype = geometry, dtype
        position = {p: i for i, p in enumerate(geometry.paths)}
        #: children[i]: index of the wavelet -> position of path i continued by it
        self.children: list[dict[int, int]] = [{} for _ in geometry.paths]
        self.filters: dict[tuple[int, int, int], _Filter] = {}
        banks = [geometry.bank_of(order) for order in range(1, min(geometry.max_order, 2) + 1)]
        whole = [[morlet_1d(geometry.padded, w.xi, w.sigma) for w in bank.members] for bank in banks]
        resolutions = {0}
        for path, i in position.items():
            if path.order == 0:
                continue
            n, r = path.wavelets[-1], geometry.resolution(path.parent)
            self.children[position[path.parent]][n] = i
            key = (path.order, r, n)
            if key not in self.filters:
                psi = geometry.bank_of(path.order).on_grid(whole[min(path.order, 2) - 1][n], 2**r)
                self.filters[key] = _Filter(psi, r, geometry.target(r, path.scales[-1]), dtype)
            resolutions.add(self.filters[key].target)
        low = {r: geometry.bank_of(1).low_pass(2**r) for r in resolutions}
        self.low_pass = {r: self._averaging(line, r) for r, line in low.items()}
        self.low_bins = {r: self._averaging_bins(line, r) for r, line in low.items()}

    def _averaging(self, low: NDArray, resolution: int) -> NDArray:
        """Return the matrix (t at `resolution`, t') that averages and samples."""
        kernel = np.fft.ifft(low).real
        at = self.geometry.at // 2**resolution
        return kernel[(at - np.arange(len(kernel))[:, None]) % len(kernel)].astype(self.dtype)

    def _averaging_bins(self, low: NDArray, resolution: int) -> NDArray:
        """Return the matrix (2 bins, t') that averages and samples from the lowest bins of the half spectrum.

        Bins whose weight is below rounding are left out; with none left out it still is exact.
        """
        n, half = len(low), len(low) // 2 + 1
        bins = np.arange(np.flatnonzero(np.abs(low[:half]) > 4 * np.finfo(self.dtype).eps * np.abs(low).max())[-1] + 1)
        once = (bins == 0) | (2 * bins == n)  # all others stand for their mirror image too
        phases = 2 * np.pi / n * bins[:, None] * (self.geometry.at // 2**resolution)
        weights = low[bins, None] * np.where(once, 1, 2)[:, None] / n
        both = np.stack([weights * np.cos(phases), -weights * np.sin(phases)], axis=1)
        return both.reshape(2 * len(bins), -1).astype(self.dtype)

    def descend(self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, out: NDArray) -> None:
        """Average `u` (m, p, t), U of the paths `parents`, into `out`, and go on to the paths that continue them.

        All `parents` have the same scales, so they go on to the same wavelets.
        """
        m, p, t = u.shape
        wavelets = self.children[parents[0]]
        if not wavelets:
            out[:, parents] = (u.reshape(m * p, t) @ self.low_pass[resolution]).reshape(m, p, -1)
            return
        order = self.geometry.paths[parents[0]].order + 1
        spectrum = scipy.fft.rfft(u, axis=-1, workers=1)
        bins = self.low_bins[resolution]
        lowest = np.ascontiguousarray(spectrum[..., : len(bins) // 2]).view(self.dtype)
        out[:, parents] = (lowest.reshape(m * p, -1) @ bins).reshape(m, p, -1)
        by_scale: dict[int, list[int]] = {}
        members = self.geometry.bank_of(order).members
        for n in wavelets:
            by_scale.setdefault(members[n].j, []).append(n)
        for same in by_scale.values():
            filters = [self.filters[order, resolution, n] for n in same]
            length, target = t >> (filters[0].target - resolution), filters[0].target
            chunk = max(1, CHUNK_BYTES // (2 * u.itemsize * m * p * length))
            for lo in range(0, len(same), chunk):
                part = filters[lo : lo + chunk]
                maps = self._moduli(scratch, spectrum, part, length)
                below = np.array([[self.children[q][n] for n in same[lo : lo + chunk]] for q in parents])
                self.descend(scratch, maps, target, below.ravel(), out)

    def _moduli(self, scratch: Scratch, spectrum: NDArray, filters: list[_Filter], length: int) -> NDArray:
        """Return |u * psi| subsampled to `length`, (m, p * filters, length); it lies in `scratch`."""
        m, p, _ = spectrum.shape
        waves = scratch.array(("waves", 0), (m, p, len(filters), length), spectrum.dtype)
        waves[...] = 0
        for i, f in enumerate(filters):
            f.apply(spectrum, waves[:, :, i])
        waves = scipy.fft.ifft(waves, axis=-1, norm="forward", overwrite_x=True, workers=1)
        shape = (m, p * len(filters), length)
        return np.abs(waves.reshape(shape), out=scratch.array(("maps", 0), shape, self.dtype))


class _Filter:
    """One wavelet at one resolution, cut to its support in frequency, folded onto the grid of its target."""

    def __init__(self, psi: NDArray, source: int, target: int, dtype: np.dtype):
        self.target, n = target, len(psi)
        self.folds = n >> (target - source)
        centre = int(np.abs(psi).argmax())
        bins = np.arange(centre - n // 2, centre - n // 2 + n)
        seen = np.flatnonzero(np.abs(psi[bins % n]) > 4 * np.finfo(dtype).eps * np.abs(psi[centre]))
        bins = bins[seen[0] : seen[-1] + 1] if len(seen) else bins[:0]
        values = (psi[bins % n] / n).astype(dtype)  # both FFTs go unscaled
        # runs along which neither the half spectrum (mirrored beyond the Nyquist frequency) nor the target wraps
        mirrored, to = bins % n > n // 2, bins % self.folds
        cuts = np.flatnonzero((np.diff(mirrored.astype(int)) != 0) | (np.diff(to) != 1)) + 1
        cuts = np.union1d(cuts, np.flatnonzero(bins % n == 0))
        self.runs = [
            (self._source(int(b[0]) % n, len(b), n), slice(int(b[0]) % self.folds, int(b[0]) % self.folds + len(b)), v)
            for b, v in zip(np.split(bins, cuts), np.split(values, cuts), strict=True)
            if len(b)
        ]

    @staticmethod
    def _source(first: int, length: int, n: int) -> tuple[slice, bool]:
        """Return where a run of bins lies in the half spectrum, and whether it is its mirror image."""
        if first <= n // 2:
            return slice(first, first + length), False
        last = n - first - length + 1
        return slice(n - first, last - 1 if last else None, -1), True

    def apply(self, spectrum: NDArray, out: NDArray) -> None:
        """Add the product with half spectra (m, p, n // 2 + 1), folded, to `out` (m, p, folds)."""
        for (source, mirrored), to, values in self.runs:
            part = spectrum[..., source]
            out[..., to] += (part.conj() if mirrored else part) * values
