"""Filters of 1-D scattering as its engine applies them: wavelets on their support, averages as matrices or by FFT."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D

#: Averages are products with a matrix up to so many positions, and so many entries.
MOST_POSITIONS, LARGEST_MATRIX = 128, 2**22


class Average:
    """The low-pass at one resolution, sampled at the output's positions."""

    def __init__(self, geometry: Geometry1D, low: NDArray, resolution: int, dtype: np.dtype):
        n, at = len(low), geometry.at // 2**resolution
        self.dtype, self.stride = dtype, geometry.stride
        few = len(at) <= MOST_POSITIONS and n * len(at) <= LARGEST_MATRIX
        self.matrix = _averaging(low, at).astype(dtype) if few else None
        self.bins = _averaging_bins(low, at, dtype) if few else None
        # of many positions an inverse transform on the output's grid makes all
        self.filter = None if few else Filter(low, resolution, int(np.log2(self.stride)), dtype)
        self.at = geometry.at // self.stride

    def of_signals(self, u: NDArray) -> NDArray:
        """Return the averages (m, p, t') of signals (m, p, t)."""
        if self.matrix is None:
            return self.of_spectra(scipy.fft.rfft(u, axis=-1, workers=1))
        return (u.reshape(-1, u.shape[-1]) @ self.matrix).reshape(*u.shape[:-1], -1)

    def of_spectra(self, spectra: NDArray) -> NDArray:
        """Return the averages (m, p, t') of signals whose half spectra are given."""
        if self.bins is not None:
            lowest = np.ascontiguousarray(spectra[..., : len(self.bins) // 2]).view(self.dtype)
            return (lowest.reshape(-1, len(self.bins)) @ self.bins).reshape(*spectra.shape[:-1], -1)
        assert self.filter is not None
        folded = np.zeros((*spectra.shape[:-1], self.filter.folds), spectra.dtype)
        self.filter.apply(spectra, folded)
        return scipy.fft.ifft(folded, axis=-1, norm="forward", overwrite_x=True, workers=1).real[..., self.at]


def _averaging(low: NDArray, at: NDArray) -> NDArray:
    """Return the matrix (t, t') that averages and samples."""
    kernel = np.fft.ifft(low).real
    return kernel[(at - np.arange(len(kernel))[:, None]) % len(kernel)]


def _averaging_bins(low: NDArray, at: NDArray, dtype: np.dtype) -> NDArray:
    """Return the matrix (2 bins, t') that averages and samples from the lowest bins of the half spectrum.

    Bins whose weight is below rounding are left out; with none left out it still is exact.
    """
    n, half = len(low), len(low) // 2 + 1
    bins = np.arange(np.flatnonzero(np.abs(low[:half]) > 4 * np.finfo(dtype).eps * np.abs(low).max())[-1] + 1)
    once = (bins == 0) | (2 * bins == n)  # all others stand for their mirror image too
    phases = 2 * np.pi / n * bins[:, None] * at
    weights = low[bins, None] * np.where(once, 1, 2)[:, None] / n
    both = np.stack([weights * np.cos(phases), -weights * np.sin(phases)], axis=1)
    return both.reshape(2 * len(bins), -1).astype(dtype)


class Filter:
    """One wavelet at one resolution, cut to its support in frequency, folded onto the grid of its target."""

    def __init__(self, psi: NDArray, source: int, target: int, dtype: np.dtype, *, whole: bool = False):
        self.target, n = target, len(psi)
        self.folds = n >> (target - source)
        centre = int(np.abs(psi).argmax())
        bins = np.arange(centre - n // 2, centre - n // 2 + n)
        seen = np.flatnonzero(np.abs(psi[bins % n]) > 4 * np.finfo(dtype).eps * np.abs(psi[centre]))
        bins = bins[seen[0] : seen[-1] + 1] if len(seen) else bins[:0]
        values = (psi[bins % n] / n).astype(dtype)  # both FFTs go unscaled
        # runs along which neither the half spectrum (mirrored beyond the Nyquist frequency) nor the target wraps
        half = n if whole else n // 2
        mirrored, to = bins % n > half, bins % self.folds
        cuts = np.flatnonzero((np.diff(mirrored.astype(int)) != 0) | (np.diff(to) != 1)) + 1
        cuts = np.union1d(cuts, np.flatnonzero(bins % n == 0))
        self.runs = [
            (
                self._source(int(b[0]) % n, len(b), n, half),
                slice(int(b[0]) % self.folds, int(b[0]) % self.folds + len(b)),
                v,
            )
            for b, v in zip(np.split(bins, cuts), np.split(values, cuts), strict=True)
            if len(b)
        ]

    @staticmethod
    def _source(first: int, length: int, n: int, half: int) -> tuple[slice, bool]:
        """Return where a run of bins lies in the half spectrum, and whether it is its mirror image."""
        if first <= half:
            return slice(first, first + length), False
        last = n - first - length + 1
        return slice(n - first, last - 1 if last else None, -1), True

    def apply(self, spectrum: NDArray, out: NDArray) -> None:
        """Add the product with spectra (m, p, n // 2 + 1 or n), folded, to `out` (m, p, folds)."""
        for (source, mirrored), to, values in self.runs:
            part = spectrum[..., source]
            out[..., to] += (part.conj() if mirrored else part) * values
