"""3-D scattering on the CPU: real filters, half spectra, and inverse transforms of what a filter leaves of them."""

from __future__ import annotations

from math import prod

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._check import Shape
from kernelconv._parallel.blocks import CACHE_BYTES, keep_memory
from kernelconv.networks.scattering.fast.scratch import Scratch, Workspace
from kernelconv.networks.scattering.volumes.geometry import MEAN, Geometry3D, VolumePath
from kernelconv.operators.wavelets.filter_bank_3d import FilterBank3D

#: Bytes of filters that are kept from block to block; more are computed again for each block.
FILTER_BYTES = 2**29
#: Bytes of one block's volumes, and voxels of them whose powers are summed at once, in a core's cache.
BLOCK_BYTES, PIECE = CACHE_BYTES // 8, 2**15
#: Frequencies along the width up to which the inverse transform by a matrix product is faster than the FFT.
BY_MATRIX = 40
AXES = (-3, -2, -1)


class Volumes(Workspace):
    """Computes the scattering of blocks of volumes (m, d, h, w), in float32 or float64, on any number of threads."""

    geometry: Geometry3D

    def block(self, itemsize: int) -> int:
        """Return how many volumes make a block."""
        return int(np.clip(BLOCK_BYTES // (itemsize * prod(self.geometry.shape)), 1, 64))

    def __call__(self, x: NDArray) -> NDArray:
        """Return the scattering (m, n_paths, ...) of volumes (m, d, h, w); float64 integrals, which may be infinite."""
        keep_memory()
        cascade = self.cast(CascadeOfVolumes, x.dtype)
        found: dict[VolumePath, NDArray] = {}
        with np.errstate(over="ignore", under="ignore"):  # what overflows is refused by the estimator
            cascade.descend(self.scratch, MEAN, x, found)
        return np.stack([found[path] for path in self.geometry.paths], axis=1)


class CascadeOfVolumes:
    """The filters in one dtype, and the descent from path to path."""

    def __init__(self, geometry: Geometry3D, dtype: np.dtype):
        self.geometry, self.dtype = geometry, dtype
        self.averaging = [matrix.astype(dtype) for matrix in geometry.averaging]
        self.groups: dict[tuple[int, tuple[int, ...]], Group] = {}
        room = FILTER_BYTES
        for scale, places in sorted({geometry.wavelets(path) for path in geometry.paths[1:]}):
            if room > 0:
                group = self.groups[scale, places] = Group(geometry.filters, scale, places, dtype)
                room -= group.values.nbytes

    def group(self, path: VolumePath) -> Group:
        """Return the filters of the last scale of a path."""
        scale, places = self.geometry.wavelets(path)
        return self.groups.get((scale, places)) or Group(self.geometry.filters, scale, places, self.dtype)

    def descend(self, scratch: Scratch, path: VolumePath, u: NDArray, found: dict[VolumePath, NDArray]) -> None:
        """Average U of `path` into `found`, and go on to the paths that continue it.

        `u` (m, d, h, w) is x at order 0; above it is the square of U, and becomes U.
        """
        if self.geometry.method == "integral":
            found[path] = self.integrals(u if path.order else u * u, roots=path.order > 0)
        else:
            found[path] = self.average(np.sqrt(u, out=u) if path.order else u)
        if self.geometry.children[path]:
            spectrum = HalfSpectrum(u)
            for child in self.geometry.children[path]:
                out = scratch.array(("u", child.order), u.shape, self.dtype)
                self.descend(scratch, child, self.group(child).add_squares(scratch, spectrum, out), found)

    def integrals(self, squares: NDArray, *, roots: bool) -> NDArray:
        """Return the sums (m, n_powers) of U^q from the squares of U, which become U if `roots`."""
        rows, powers = squares.reshape(len(squares), -1), self.geometry.integral_powers
        found, width = np.zeros((len(rows), len(powers))), max(1, PIECE // len(rows))
        for lo in range(0, rows.shape[1], width):
            square = rows[:, lo : lo + width]
            u = np.sqrt(square)
            for i, q in enumerate(powers):
                power = square if q == 2 else u if q == 1 else np.sqrt(u) if q == 0.5 else u**q
                found[:, i] += power.sum(axis=1)
            if roots:
                square[...] = u
        return found

    def average(self, u: NDArray) -> NDArray:
        """Return the local averages (m, d', h', w') of u (m, d, h, w)."""
        depth, height, width = self.averaging
        return np.tensordot(height.T @ (u @ width), depth, axes=((1,), (0,))).transpose(0, 3, 1, 2)


class HalfSpectrum:
    """The Fourier transform of real volumes (m, d, h, w) on half of the frequencies, and 1j times it."""

    def __init__(self, x: NDArray) -> None:
        self.shape = x.shape[1:]
        self.whole = scipy.fft.rfftn(x, axes=AXES, workers=1)
        self._reach: Shape = ()
        self._parts: dict[bool, NDArray] = {}  # of one reach alone: filters of one scale follow each other

    def part(self, reach: Shape, turned: bool) -> NDArray:
        """Return the frequencies up to `reach` along each axis, in the order of the FFT, times 1j if `turned`."""
        if reach != self._reach:
            self._reach, self._parts = reach, {}
        if turned not in self._parts:
            if turned:
                self._parts[turned] = self.part(reach, False) * self.whole.dtype.type(1j)
            else:
                self._parts[turned] = self._cut(reach)
        return self._parts[turned]

    def _cut(self, reach: Shape) -> NDArray:
        part = self.whole
        for axis, (n, k) in enumerate(zip(self.shape, reach, strict=True)):
            if len(places := kept(n, k, half=axis == 2)) < part.shape[axis + 1]:
                part = np.take(part, places, axis=axis + 1)
        return part


class Group:
    """Wavelets whose moduli make one map, as real filters: their half spectra are real, or imaginary.

    A complex wavelet is a + 1j b with real filters a and b, and x * a and x * b are real for real x: two inverse
    transforms of half spectra are the cost of one of a whole one. Of a pair of conjugate wavelets one is enough.
    """

    def __init__(self, bank: FilterBank3D, scale: int, places: tuple[int, ...], dtype: np.dtype):
        self.shape = bank.shape
        filters: list[NDArray] = []
        self.turned: list[bool] = []
        for place in places:
            other = bank.conjugate(place)
            if other in places and place < other:
                continue
            psi = bank.wavelet(scale, place)
            weight = np.sqrt(2) if other in places and place != other else 1
            for part in real_filters(psi):
                self.turned.append(bool(np.abs(part.imag).max() > np.abs(part.real).max()))
                filters.append(weight / prod(self.shape) * (part.imag if self.turned[-1] else part.real))
                if np.abs(part).max() <= 1e-14 * np.abs(psi).max():  # a real wavelet has no imaginary part
                    filters.pop(), self.turned.pop()
        sizes = np.max(np.abs(filters), axis=0) if filters else np.zeros(self.shape)
        seen = np.nonzero(sizes > 2 * np.finfo(dtype).eps * sizes.max())
        there = [np.minimum(at, n - at) for at, n in zip(seen, self.shape, strict=True)]
        self.reach: Shape = tuple(int(at.max(initial=0)) for at in there)
        lines = [kept(n, k, half=axis == 2) for axis, (n, k) in enumerate(zip(self.shape, self.reach, strict=True))]
        self.kept = tuple(map(len, lines))
        #: each value twice: complex numbers are multiplied as pairs of real ones
        self.values = np.array([f[np.ix_(*lines)].repeat(2, axis=-1) for f in filters], dtype)
        self.width = from_half_spectrum(self.shape[2], self.reach[2]).astype(dtype)

    def add_squares(self, scratch: Scratch, spectrum: HalfSpectrum, out: NDArray) -> NDArray:
        """Return the sum of squares of the convolutions with the filters, (m, d, h, w), in `out`."""
        m, (d, h, w), (depths, heights, widths) = len(out), self.shape, self.kept
        lines = scratch.array(("depth", 0), (m, d, heights, widths), spectrum.whole.dtype)
        planes = scratch.array(("height", 0), (m, d, h, widths), lines.dtype) if heights < h else lines
        wave = scratch.array(("wave", 0), out.shape, out.dtype)
        products, pairs = lines.view(out.dtype), planes.view(out.dtype)
        out[...] = 0
        for values, turned in zip(self.values, self.turned, strict=True):
            part = spectrum.part(self.reach, turned).view(out.dtype)
            for there, here in spread(d, depths):
                np.multiply(part[:, there], values[there], out=products[:, here])
            if depths < d:
                products[:, (depths + 1) // 2 : d - depths // 2] = 0
            if lines is planes:
                _invert(planes, (1, 2))
            else:
                _invert(lines, (1,))
                for there, here in spread(h, heights):
                    planes[:, :, here] = lines[:, :, there]
                planes[:, :, (heights + 1) // 2 : h - heights // 2] = 0
                _invert(planes, (2,))
            if widths <= BY_MATRIX:
                np.matmul(pairs.reshape(-1, 2 * widths), self.width, out=wave.reshape(-1, w))
            else:
                wave = scipy.fft.irfft(planes, n=w, axis=3, norm="forward", workers=1)
            np.add(out, np.multiply(wave, wave, out=wave), out=out)
        return out


def _invert(spectra: NDArray, axes: tuple[int, ...]) -> None:
    """Transform spectra back along `axes`, unscaled, in place."""
    found = scipy.fft.ifftn(spectra, axes=axes, norm="forward", overwrite_x=True, workers=1)
    if not np.may_share_memory(found, spectra):  # SciPy may overwrite, and is free not to
        spectra[...] = found


def real_filters(psi: NDArray) -> tuple[NDArray, NDArray]:
    """Return the Fourier transforms of the real and the imaginary part of a filter, from its own."""
    mirrored = np.roll(np.flip(psi), 1, axis=AXES).conj()
    return (psi + mirrored) / 2, (psi - mirrored) / 2j


def from_half_spectrum(n: int, reach: int) -> NDArray:
    """Return the matrix (2 reach + 2, n) from a half spectrum, real and imaginary parts in turn, to n samples."""
    k, u = np.arange(reach + 1)[:, None], np.arange(n)
    weights = np.where((k == 0) | (2 * k == n), 1, 2)  # all others stand for their mirror image too
    both = np.stack([weights * np.cos(2 * np.pi / n * k * u), -weights * np.sin(2 * np.pi / n * k * u)], axis=1)
    return both.reshape(-1, n)


def kept(n: int, reach: int, *, half: bool = False) -> NDArray:
    """Return the places of the frequencies up to `reach` among those of `n` samples, or of their half spectrum."""
    if half:
        return np.arange(reach + 1)
    return np.r_[: reach + 1, n - reach : n] if 2 * reach + 1 < n else np.arange(n)


def spread(n: int, m: int) -> list[tuple[slice, slice]]:
    """Return which of `m` kept frequencies lie where among those of `n` samples: all, or both ends."""
    if m == n:
        return [(slice(None), slice(None))]
    return [(slice(m // 2 + 1), slice(m // 2 + 1)), (slice(m // 2 + 1, m), slice(n - m // 2, n))]
