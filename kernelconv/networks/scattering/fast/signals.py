"""The cascade of 1-D scattering: signals of a block side by side, each wavelet on its support in frequency alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv.networks.scattering.fast.filters_1d import Average, Filter
from kernelconv.networks.scattering.fast.scratch import Scratch, Workspace
from kernelconv.networks.scattering.geometry import PADDINGS
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.operators.wavelets.filter_bank_1d import low_pass_1d, morlet_1d

#: Bytes of complex signals computed at once, and of one block of padded signals with what is made of them: larger
#: than a core's cache, for there are many short steps between which Python's lock changes hands.
CHUNK_BYTES, BLOCK_BYTES = 2**22, 2**23
#: The inverse FFT computes so many signals at once on the lanes of a core, where they take no more than so many bytes.
LANES, MOST_BYTES = 4, 2**25


class Signals(Workspace):
    """Computes the scattering of blocks of signals (m, t), in float32 or float64, on any number of threads."""

    geometry: Geometry1D

    def block(self, itemsize: int) -> int:
        """Return how many signals make a block."""
        return int(np.clip(BLOCK_BYTES // (16 * itemsize * self.geometry.padded), 1, 64))

    def __call__(self, x: NDArray) -> NDArray:
        """Return the scattering (m, n_paths, t') of signals (m, t), or (m, values, 1) where nothing is averaged."""
        return self.of_padded(np.pad(x, ((0, 0), self.geometry.borders[1]), mode=PADDINGS[self.geometry.padding]))

    def of_padded(self, u: NDArray) -> NDArray:
        """Return the scattering of signals that are padded already."""
        geometry, cascade = self.geometry, self.cast(CascadeOfSignals, u.dtype)
        shape = (len(geometry.paths), len(geometry.at)) if geometry.averages else (sum(geometry.sizes), 1)
        out = np.empty((len(u), *shape), u.real.dtype)
        cascade.descend(self.scratch, u[:, None], 0, np.zeros(1, dtype=int), out)
        return out


class CascadeOfSignals:
    """The filters in one dtype, wavelets by (order, resolution, index), averages by resolution; and the descent."""

    def __init__(self, geometry: Geometry1D, dtype: np.dtype):
        # of complex signals the first wavelets see whole spectra: all that follows is real
        is_complex, dtype = dtype.kind == "c", np.empty(0, dtype).real.dtype
        self.geometry, self.dtype = geometry, dtype
        position = {p: i for i, p in enumerate(geometry.paths)}
        #: children[i]: index of the wavelet -> position of path i continued by it
        self.children: list[dict[int, int]] = [{} for _ in geometry.paths]
        #: where in the output the values of a path begin
        self.starts = np.concatenate([[0], np.cumsum(geometry.sizes)[:-1]])
        targets: dict[tuple[int, int, int], int] = {}
        for path, i in position.items():
            if path.order:
                n, r = path.wavelets[-1], geometry.resolution(path.parent)
                self.children[position[path.parent]][n] = i
                targets[path.order, r, n] = geometry.target(r, path.scales[-1])
        self.filters: dict[tuple[int, int, int], Filter] = {}
        for (order, n), keys in _grouped(targets).items():  # whole filters are long: one at a time
            bank = geometry.bank_of(order)
            whole = morlet_1d(geometry.padded, bank.members[n].xi, bank.members[n].sigma)
            for key in keys:
                psi = bank.on_grid(whole, 2 ** key[1])
                self.filters[key] = Filter(psi, key[1], targets[key], dtype, whole=is_complex and order == 1)
        self.averages: dict[int, Average] = {}
        if geometry.averages:
            whole = low_pass_1d(geometry.padded, geometry.bank_of(1).sigma_low)
            for r in {0, *targets.values()}:
                self.averages[r] = Average(geometry, geometry.bank_of(1).on_grid(whole, 2**r), r, dtype)

    def descend(self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, out: NDArray) -> None:
        """Average `u` (m, p, t), U of the paths `parents`, into `out`, and go on to the paths that continue them.

        All `parents` have the same scales, so they go on to the same wavelets.
        """
        m, p, t = u.shape
        wavelets, average = self.children[parents[0]], self.averages.get(resolution)
        is_complex = u.dtype.kind == "c"
        if average is None:
            self._keep(u.real, resolution, parents, out)
        elif not wavelets or is_complex:
            out[:, parents] = average.of_signals(np.ascontiguousarray(u.real))
        if not wavelets:
            return
        order = self.geometry.paths[parents[0]].order + 1
        spectrum = (scipy.fft.fft if is_complex else scipy.fft.rfft)(u, axis=-1, workers=1)
        if average is not None and not is_complex:
            out[:, parents] = average.of_spectra(spectrum)
        by_scale: dict[int, list[int]] = {}
        members = self.geometry.bank_of(order).members
        for n in wavelets:
            by_scale.setdefault(members[n].j, []).append(n)
        for same in by_scale.values():
            filters = [self.filters[order, resolution, n] for n in same]
            length, target = t >> (filters[0].target - resolution), filters[0].target
            each = 2 * self.dtype.itemsize * m * p * length
            chunk = max(1, CHUNK_BYTES // each, min(LANES, MOST_BYTES // each))
            for lo in range(0, len(same), chunk):
                part = filters[lo : lo + chunk]
                maps = self._moduli(scratch, spectrum, part, length)
                below = np.array([[self.children[q][n] for n in same[lo : lo + chunk]] for q in parents])
                self.descend(scratch, maps, target, below.ravel(), out)

    def _keep(self, u: NDArray, resolution: int, parents: NDArray, out: NDArray) -> None:
        """Write what is in the signal of `u` (m, p, t), or its mean, to `out` (m, values, 1)."""
        within = self.geometry.within(2**resolution)
        inside = u[:, :, within.start : within.stop]
        if self.geometry.T == "global":
            inside = inside.mean(axis=-1, keepdims=True)
        at = self.starts[parents][:, None] + np.arange(inside.shape[-1])
        out[:, at.ravel(), 0] = inside.reshape(len(u), -1)

    def _moduli(self, scratch: Scratch, spectrum: NDArray, filters: list[Filter], length: int) -> NDArray:
        """Return |u * psi| subsampled to `length`, (m, p * filters, length); it lies in `scratch`."""
        m, p, _ = spectrum.shape
        waves = scratch.array(("waves", 0), (m, p, len(filters), length), spectrum.dtype)
        waves[...] = 0
        for i, f in enumerate(filters):
            f.apply(spectrum, waves[:, :, i])
        waves = scipy.fft.ifft(waves, axis=-1, norm="forward", overwrite_x=True, workers=1)
        shape = (m, p * len(filters), length)
        return np.abs(waves.reshape(shape), out=scratch.array(("maps", 0), shape, self.dtype))


def _grouped(keys: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
    """Return the (order, resolution, index) of wavelets by (order, index)."""
    found: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for key in keys:
        found.setdefault((key[0], key[2]), []).append(key)
    return found
