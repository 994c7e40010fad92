"""The FFT engine of 1-D scattering: padding, paths, and the cascade over blocks of signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray

from kernelconv._check import check_count
from kernelconv.networks.scattering.fast.scratch import Scratch
from kernelconv.networks.scattering.geometry import PADDINGS
from kernelconv.networks.scattering.paths import SignalPath
from kernelconv.operators.wavelets.filter_bank_1d import SIGMA_0, low_pass_1d, low_pass_reach, morlet_1d, wavelets_1d

#: Bytes of complex signals computed at once, and of one block of padded signals with what is made of them: larger
#: than a core's cache, for there are many short steps between which Python's lock changes hands.
CHUNK_BYTES, BLOCK_BYTES = 2**22, 2**23


class Engine1D:
    """Computes the scattering of blocks of signals (m, t), in float32 or float64. Immutable."""

    def __init__(
        self,
        size: int,
        J: int,
        Q: tuple[int, int],
        T: float,
        max_order: int,
        padding: str,
        oversampling: int,
        decimating: bool,
    ):
        self.size, self.max_order, self.padding = size, check_count(max_order, "max_order", 0), padding
        self.log2_T, self.oversampling, self.decimating = int(np.floor(np.log2(T))), oversampling, decimating
        self.banks = wavelets_1d(J, Q[0]), wavelets_1d(J, Q[1])
        self.sigma_low = SIGMA_0 / T
        self.padded, self.before = self._pad_sizes()
        self.stride = 2 ** max(self.log2_T - oversampling, 0)
        first, last = -(-self.before // self.stride), -(-(self.before + size) // self.stride)
        self.at = self.stride * np.arange(first, last)
        self.paths = self._paths()
        self._plans: dict[np.dtype, _Plan] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}}

    def _pad_sizes(self) -> tuple[int, int]:
        """Return the padded length, a power of two, and the padding before the signal."""
        reach = low_pass_reach(self.size, self.sigma_low)
        wanted = int(np.ceil(np.log2(self.size + 6 * reach)))
        if self.padding == "zero":
            # a power of two that 2^log2_T and the coarsest scale divide, however short the signal
            wanted = max(wanted, self.log2_T, *(w.j for bank in self.banks for w in bank))
        elif self.padding == "reflect":
            wanted = min(wanted, int(np.floor(np.log2(3 * self.size - 2))))  # a sample is reflected once at most
        padded = 2**wanted
        return padded, (padded - self.size) // 2

    def _paths(self) -> tuple[SignalPath, ...]:
        paths, level = [SignalPath((), ())], [SignalPath((), ())]
        for order in range(1, self.max_order + 1):
            bank = self.bank(order)
            level = [
                SignalPath((*p.wavelets, n), (*p.scales, w.j))
                for p in level
                for n, w in enumerate(bank)
                if not p.order or w.j > p.scales[-1]
            ]
            paths += level
        return tuple(paths)

    def bank(self, order: int) -> tuple[Any, ...]:
        """Return the wavelets of the transform that makes `order` from the one below."""
        return self.banks[min(order, 2) - 1]

    def target(self, resolution: int, j: int) -> int:
        """Return the resolution r, a grid of 2^r samples, of scale `j` computed from signals at `resolution`."""
        return max(resolution, min(j, self.log2_T) - self.oversampling)

    def block(self, itemsize: int) -> int:
        """Return how many signals make a block."""
        return int(np.clip(BLOCK_BYTES // (16 * itemsize * self.padded), 1, 64))

    def prepare(self, dtype: DTypeLike) -> _Plan:
        """Cast the filters to `dtype` once. Call before the threads start."""
        dtype = np.dtype(dtype)
        if dtype not in self._plans:
            self._plans[dtype] = _Plan(self, dtype)
        return self._plans[dtype]

    def __call__(self, x: NDArray, scratch: Scratch | None = None) -> NDArray:
        """Return the scattering (m, n_paths, t') of signals (m, t)."""
        plan, scratch = self.prepare(x.dtype), scratch or Scratch()
        after = self.padded - self.size - self.before
        u = np.pad(x, ((0, 0), (self.before, after)), mode=PADDINGS[self.padding])
        out = np.empty((len(x), len(self.paths), len(self.at)), x.dtype)
        plan.descend(scratch, u[:, None], 0, np.zeros(1, dtype=int), out)
        return out


class _Plan:
    """The engine's filters in one dtype: wavelets by (order, resolution, index), low-pass by resolution."""

    def __init__(self, engine: Engine1D, dtype: np.dtype):
        self.engine, self.dtype = engine, dtype
        position = {p: i for i, p in enumerate(engine.paths)}
        #: children[i]: (order, index of the wavelet) -> position of path i continued by it
        self.children: list[dict[int, int]] = [{} for _ in engine.paths]
        self.filters: dict[tuple[int, int, int], _Filter] = {}
        whole = [[morlet_1d(engine.padded, w.xi, w.sigma) for w in bank] for bank in engine.banks[: engine.max_order]]
        resolutions = {0}
        for path, i in position.items():
            if path.order == 0:
                continue
            parent = SignalPath(path.wavelets[:-1], path.scales[:-1])
            n, r = path.wavelets[-1], self.resolution(parent)
            self.children[position[parent]][n] = i
            key = (path.order, r, n)
            if key not in self.filters:
                psi = self._coarse(whole[min(path.order, 2) - 1][n], r)
                self.filters[key] = _Filter(psi, r, engine.target(r, path.scales[-1]), dtype)
            resolutions.add(self.filters[key].target)
        low = low_pass_1d(engine.padded, engine.sigma_low)
        self.low_pass = {r: self._averaging(self._coarse(low, r), r) for r in resolutions}
        self.low_bins = {r: self._averaging_bins(self._coarse(low, r), r) for r in resolutions}

    def resolution(self, path: SignalPath) -> int:
        """Return the resolution of U[path]."""
        r = 0
        for j in path.scales:
            r = self.engine.target(r, j)
        return r

    def _coarse(self, filter_hat: NDArray, resolution: int) -> NDArray:
        """Return a filter on a grid 2^resolution times coarser: its samples there, times 2^resolution or not."""
        periods = filter_hat.reshape(2**resolution, -1)
        return periods.mean(axis=0) if self.engine.decimating else periods.sum(axis=0)

    def _averaging(self, low: NDArray, resolution: int) -> NDArray:
        """Return the matrix (t at `resolution`, t') that averages and samples."""
        kernel = np.fft.ifft(low).real
        at = self.engine.at // 2**resolution
        return kernel[(at - np.arange(len(kernel))[:, None]) % len(kernel)].astype(self.dtype)

    def _averaging_bins(self, low: NDArray, resolution: int) -> NDArray:
        """Return the matrix (2 bins, t') that averages and samples from the lowest bins of the half spectrum.

        Bins whose weight is below rounding are left out; with none left out it still is exact.
        """
        n, half = len(low), len(low) // 2 + 1
        bins = np.arange(np.flatnonzero(np.abs(low[:half]) > 4 * np.finfo(self.dtype).eps * np.abs(low).max())[-1] + 1)
        once = (bins == 0) | (2 * bins == n)  # all others stand for their mirror image too
        phases = 2 * np.pi / n * bins[:, None] * (self.engine.at // 2**resolution)
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
        order = self.engine.paths[parents[0]].order + 1
        spectrum = scipy.fft.rfft(u, axis=-1, workers=1)
        bins = self.low_bins[resolution]
        lowest = np.ascontiguousarray(spectrum[..., : len(bins) // 2]).view(self.dtype)
        out[:, parents] = (lowest.reshape(m * p, -1) @ bins).reshape(m, p, -1)
        by_scale: dict[int, list[int]] = {}
        for n in wavelets:
            by_scale.setdefault(self.engine.bank(order)[n].j, []).append(n)
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
