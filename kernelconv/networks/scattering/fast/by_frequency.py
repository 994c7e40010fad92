"""The cascade of 2-D scattering for small images: frequency by frequency, all maps of a block side by side.

Maps lie as (h, w, maps), spectra as (real and imaginary part, frequency, maps), so that every step is a product of
small real matrices with many columns: BLAS computes these at several times an FFT's rate, which on short axes more
than outweighs their larger number of operations. Axes longer than `LONGEST_PRODUCT` go by FFT. The low-pass is a
matrix product over columns, then over rows; `_Wavelets` tells how the inverse FFT becomes one.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._parallel.blocks import block_slices
from kernelconv.networks.scattering.fast.scratch import Scratch
from kernelconv.networks.scattering.geometry import Geometry, consecutive
from kernelconv.operators.wavelets.morlet import crop

#: Bytes of complex maps computed at once.
CHUNK_BYTES = 3 * 2**20

#: Length of an axis (px) up to which a Fourier transform by matrix products is faster than an FFT.
LONGEST_PRODUCT = 40


class CascadeByFrequency:
    """The filters in one dtype, and the descent over blocks of padded images (m, h, w)."""

    def __init__(self, geometry: Geometry, dtype: np.dtype):
        self.geometry = geometry
        self.wavelets = {
            (r, j): _Wavelets(geometry.bank.psi[j], r, geometry.target(r, j), dtype) for r, j in geometry.transitions
        }
        h, w = geometry.padded
        self.spectra = {r: _HalfSpectra(h >> r, w >> r, dtype) for r, _ in geometry.transitions}
        self.low_pass = {r: [m.astype(dtype) for m in geometry.low_pass(r)] for r in geometry.resolutions}

    def __call__(self, x: NDArray, scratch: Scratch) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of padded images (m, h, w)."""
        out = _Output(self.geometry.out_size, len(self.geometry.computed), len(x), x.dtype)
        u = np.ascontiguousarray(x.transpose(1, 2, 0))
        root = np.zeros(1, dtype=int)
        self._average(u, 0, out, root)
        self._descend(scratch, u, 0, root, out)
        return out.by_path(self.geometry.kept)

    def _average(self, u: NDArray, resolution: int, out: _Output, positions: NDArray) -> None:
        """Low-pass the maps `u` (h, w, paths * m) of the paths at `positions`."""
        rows, cols = self.low_pass[resolution]
        np.matmul(rows, np.matmul(cols, u).swapaxes(0, 1), out=out.next(positions).swapaxes(0, 1))

    def _descend(self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, out: _Output) -> None:
        """Fill `out` with every path that continues `parents`, whose maps are `u` (h, w, parents * m)."""
        geometry, m = self.geometry, out.maps.shape[-1]
        going_on = geometry.continued(parents)
        u, parents = u.reshape(*u.shape[:2], -1, m)[:, :, going_on], parents[going_on]
        if not len(parents):
            return
        u, depth = u.reshape(*u.shape[:2], -1), geometry.computed[parents[0]].order
        by_parent, by_angle = self._chunk(m, resolution, parents)
        for p in block_slices(len(parents), by_parent):
            table = self.spectra[resolution](u[:, :, p.start * m : p.stop * m], scratch, depth)
            for j, runs in geometry.continuations(parents[p]):
                wavelets = self.wavelets[resolution, j]
                aliases = wavelets.gather(table, scratch, depth)
                for run, angles in runs:
                    of_run = aliases[..., run.start * m : run.stop * m]
                    for s in block_slices(len(angles), by_angle):
                        maps = wavelets.modulus(of_run, consecutive(angles[s]), scratch, depth)
                        below = geometry.children[parents[p][run], j][:, angles[s]].T.ravel()
                        self._average(maps, wavelets.target, out, below)
                        self._descend(scratch, maps, wavelets.target, below, out)

    def _chunk(self, m: int, resolution: int, parents: NDArray) -> tuple[int, int]:
        """Return how many parents and how many angles to compute at once, so that complex maps stay in cache."""
        ways = self.geometry.continuations(parents)
        area = max(h * w for h, w in (self.wavelets[resolution, j].shape for j, _ in ways))
        maps, most = max(1, CHUNK_BYTES // (8 * m * area)), max(len(angles) for _, runs in ways for _, angles in runs)
        return max(1, maps // most), min(maps, most)


class _Output:
    """The low-passed maps of m images, (h', w', n_paths, m), in the order in which the cascade comes to the paths."""

    def __init__(self, size: tuple[int, int], n_paths: int, m: int, dtype: np.dtype):
        self.maps = np.empty((*size, n_paths, m), dtype)
        self.visited = np.empty(0, dtype=int)

    def next(self, positions: NDArray) -> NDArray:
        """Return where to write the maps of the paths at `positions`, (h', w', paths * m)."""
        lo = len(self.visited)
        self.visited = np.concatenate([self.visited, positions])
        return self.maps[:, :, lo : len(self.visited)].reshape(*self.maps.shape[:2], -1)

    def by_path(self, kept: slice | NDArray = slice(None)) -> NDArray:
        """Return the maps image by image, in the order of the paths, of those `kept`: (m, n_paths, h', w')."""
        maps = np.take(self.maps, np.argsort(self.visited)[kept], axis=2)
        return np.ascontiguousarray(maps.transpose(3, 2, 0, 1))


class _Wavelets:
    r"""All angles of one scale, from maps at one resolution to maps at a coarser one, by small matrix products.

    The samples of a wave at x = 2 x' + p, phase p = 0 or 1, make a grid twice as coarse; with n its finer length,

    .. math:: \sum_k A_k e^{2 \pi i k x / n} = \sum_{k < n / 2} e^{2 \pi i k x / n} (A_k + (-1)^p A_{k + n / 2})

    so one product at each of the n/2 frequencies multiplies with the filters, folds aliases and prepares both phases
    (a real matrix, signs within), and a real matrix for each phase finishes an axis. 2^J divides the padded
    image and the coarsest grid is 2^(J - 1) px, so grids are even; but for circular images of which nothing is
    subsampled: these may be odd, and their waves go by FFT.
    """

    def __init__(self, psi: NDArray, source: int, target: int, dtype: np.dtype):
        psi = crop(psi, 2**source)
        angles, height, width = psi.shape
        self.target, self.shape = target, (height >> target - source, width >> target - source)
        n_phases = 2 if max(self.shape) <= LONGEST_PRODUCT and not any(n % 2 for n in self.shape) else 1
        k = n_phases * 2 ** (target - source)
        h, w = self.size = height // k, width // k
        blocks = psi.reshape(angles, k, h, k, w).transpose(2, 4, 0, 1, 3).reshape(h * w, angles, k * k)
        # per frequency, the aliases that some wavelet sees; those below rounding add nothing
        strength = np.abs(blocks).max(axis=1)
        n_aliases = int((strength > 4 * np.finfo(dtype).eps * strength.max()).sum(axis=1).max())
        kept = np.argsort(-strength, axis=1, kind="stable")[:, :n_aliases]
        filters = np.take_along_axis(blocks, kept[:, None], axis=2)[:, None]
        phases = np.array(list(np.ndindex(n_phases, n_phases)))
        signs = (-1.0) ** (phases @ np.stack([kept // k, kept % k], axis=1))  # (frequency, phase, alias)
        rows = kept // k * h + np.repeat(np.arange(h), w)[:, None]
        cols = kept % k * w + np.tile(np.arange(w), h)[:, None]
        half = width // 2 + 1
        mirrored = cols >= half  # the conjugate of what lies at the opposite frequency
        self.index = np.where(mirrored, -rows % height * half + -cols % width, rows * half + cols)
        conjugated = np.stack([np.ones(mirrored.shape), np.where(mirrored, -1, 1)])[:, :, None, None]
        # both transforms go unscaled, so the filter carries their scale
        self.filters = (conjugated * signs[:, :, None] * filters / (height * width)).astype(dtype)
        self.to_positions = None if n_phases == 1 else _InverseProducts(h, w, dtype)

    def gather(self, table: NDArray, scratch: Scratch, depth: int) -> NDArray:
        """Return the aliases (part, frequency, alias, maps) from a table of half spectra."""
        out = scratch.array(("aliases", depth), (2, *self.index.shape, table.shape[-1]), table.dtype)
        return np.take(table, self.index, axis=1, out=out, mode="clip")

    def modulus(self, aliases: NDArray, angles: slice | NDArray, scratch: Scratch, depth: int) -> NDArray:
        """Return ``|u * psi|`` subsampled, (h, w, angles * maps); it lies in `scratch` until the next at `depth`."""
        filters, maps, dtype = self.filters[:, :, :, angles], aliases.shape[-1], aliases.dtype
        n = filters.shape[3] * maps
        folded = scratch.array(("waves", 0), (*filters.shape[:2], filters.shape[2] * filters.shape[3], maps), dtype)
        multiply = np.matmul if filters.shape[4] > 1 else np.multiply  # one alias: the same, faster
        multiply(filters.reshape(*folded.shape[:3], -1), aliases, out=folded)
        out = scratch.array(("maps", depth), (*self.shape, n), dtype)
        if self.to_positions is not None:
            return self.to_positions.modulus(folded, scratch, out)
        waves = scratch.array(("waves", 1), (*self.shape, n), np.result_type(dtype, np.complex64))
        waves.real, waves.imag = folded.reshape(2, *self.shape, n)
        waves = scipy.fft.ifft2(waves, axes=(0, 1), norm="forward", overwrite_x=True, workers=1)
        return np.abs(waves, out=out)


class _InverseProducts:
    """The inverse FFT of spectra prepared for both phases of an axis, h and w frequencies, and the modulus."""

    def __init__(self, h: int, w: int, dtype: np.dtype):
        self.size = h, w
        # rows of the result by (position, part), of all else by (part, position or frequency)
        self.to_rows = _inverse_dft(h, dtype).reshape(2, 2, h, 2 * h).swapaxes(1, 2).reshape(2, 2 * h, 2 * h)
        self.to_cols = _inverse_dft(w, dtype)

    def modulus(self, folded: NDArray, scratch: Scratch, out: NDArray) -> NDArray:
        """Write the modulus into `out` (2 h, 2 w, n) from `folded` (part, h * w, phases * n), which is lost."""
        (h, w), n, dtype = self.size, out.shape[-1], out.dtype
        # every matrix takes (part, frequency) to (part, position): layouts keep each pair one even stride
        by_row = scratch.array(("waves", 1), (2 * h, w, 2, 2 * n), dtype)
        columns = folded.reshape(2 * h, w, 2, 2 * n).transpose(1, 2, 0, 3)
        np.matmul(self.to_rows, columns, out=by_row.transpose(1, 2, 0, 3))
        waves = folded.reshape(h, 2, 2, 2 * w, n)
        lines = by_row.reshape(h, 2 * w, 2, 2, n).transpose(0, 2, 3, 1, 4)
        np.matmul(self.to_cols, lines, out=waves)
        np.multiply(waves, waves, out=waves)
        squares = waves.reshape(h, 2, 2, 2, w, n)
        in_place = out.reshape(h, 2, w, 2, n).transpose(0, 1, 3, 2, 4)
        np.add(squares[:, :, :, 0], squares[:, :, :, 1], out=in_place)
        return np.sqrt(out, out=out)


def _inverse_dft(half: int, dtype: np.dtype) -> NDArray:
    """Return, for each phase p, the real matrix (2 half, 2 half) from (part, k) to (part, x') of exp(2 pi i k x / n).

    Here n = 2 half, x = 2 x' + p, and k runs over the first half of the frequencies.
    """
    x = np.arange(2 * half).reshape(half, 2).T
    waves = np.exp(2j * np.pi / (2 * half) * (x[:, :, None] * np.arange(half) % (2 * half)))
    return np.block([[waves.real, -waves.imag], [waves.imag, waves.real]]).astype(dtype)


class _HalfSpectra:
    """The FFT of real maps (h, w) as two real matrices: half of the frequencies of an axis, then all of the other."""

    def __init__(self, h: int, w: int, dtype: np.dtype):
        self.shape = h, w
        half = w // 2 + 1
        if max(h, w) > LONGEST_PRODUCT:
            return
        along = np.fft.fft(np.eye(w))[:half]
        down = np.fft.fft(np.eye(h))
        self.along = np.concatenate([along.real, along.imag]).astype(dtype)  # (part, kx) from x
        whole = np.block([[down.real, -down.imag], [down.imag, down.real]])
        # the step before leaves rows by (y, part)
        self.down = whole.reshape(2 * h, 2, h).swapaxes(1, 2).reshape(2 * h, 2 * h).astype(dtype)

    def __call__(self, u: NDArray, scratch: Scratch, depth: int) -> NDArray:
        """Return the half spectra (part, h (w // 2 + 1), maps) of real maps (h, w, maps)."""
        (h, w), maps = self.shape, u.shape[-1]
        table = scratch.array(("table", depth), (2, h * (w // 2 + 1), maps), u.dtype)
        if max(h, w) > LONGEST_PRODUCT:
            spectrum = scipy.fft.rfftn(u, axes=(0, 1), workers=1).reshape(-1, maps)
            table[0], table[1] = spectrum.real, spectrum.imag
            return table
        rows = scratch.array(("rows", 0), (h, len(self.along), maps), u.dtype)
        np.matmul(self.along, u, out=rows)
        np.matmul(self.down, rows.reshape(2 * h, -1), out=table.reshape(2 * h, -1))
        return table
