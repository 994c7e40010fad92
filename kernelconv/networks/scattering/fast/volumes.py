"""3-D scattering on the CPU: real filters, half spectra, and inverse transforms of what a filter leaves of them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._check import Shape
from kernelconv._parallel.blocks import CACHE_BYTES
from kernelconv.networks.scattering.fast.scratch import Workspace
from kernelconv.networks.scattering.volumes.geometry import MEAN, Geometry3D, VolumePath
from kernelconv.operators.wavelets.filter_bank_3d import FilterBank3D

#: Bytes of filters that are kept from block to block; more are computed again for each block.
FILTER_BYTES = 2**29
#: Bytes of one block's volumes: what is made of them is about nine times as much.
BLOCK_BYTES = CACHE_BYTES // 16
AXES = (-3, -2, -1)


class Volumes(Workspace):
    """Computes the scattering of blocks of volumes (m, d, h, w), in float32 or float64, on any number of threads."""

    geometry: Geometry3D

    def block(self, itemsize: int) -> int:
        """Return how many volumes make a block."""
        return int(np.clip(BLOCK_BYTES // (itemsize * prod(self.geometry.shape)), 1, 64))

    def __call__(self, x: NDArray) -> NDArray:
        """Return the scattering (m, n_paths, ...) of volumes (m, d, h, w); float64 integrals, which may be infinite."""
        cascade = self.cast(CascadeOfVolumes, x.dtype)
        found: dict[VolumePath, NDArray] = {}
        cascade.descend(MEAN, x, x if self.geometry.method == "local" else np.abs(x), found)
        return np.stack([found[path] for path in self.geometry.paths], axis=1)


class CascadeOfVolumes:
    """The filters in one dtype, and the descent from path to path."""

    def __init__(self, geometry: Geometry3D, dtype: np.dtype):
        self.geometry, self.dtype = geometry, dtype
        self.averaging = [np.ascontiguousarray(matrix.T, dtype) for matrix in geometry.averaging]
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

    def descend(self, path: VolumePath, u: NDArray, sizes: NDArray, found: dict[VolumePath, NDArray]) -> None:
        """Average `sizes`, U of `path` (m, d, h, w), into `found`, and go on from `u` to the paths that continue it."""
        found[path] = self.average(sizes)
        if self.geometry.children[path]:
            spectrum = HalfSpectrum(u)
            for child in self.geometry.children[path]:
                below = self.group(child).modulus(spectrum)
                self.descend(child, below, below, found)

    def average(self, u: NDArray) -> NDArray:
        """Return the integrals (m, n_powers), or local averages (m, d', h', w'), of u >= 0."""
        if self.geometry.method == "integral":
            rows = u.reshape(len(u), -1)
            with np.errstate(over="ignore"):  # what overflows is refused by the estimator
                return np.stack([integral(rows, q) for q in self.geometry.integral_powers], axis=-1)
        depth, height, width = self.averaging
        u = height @ (u @ width.T)
        return np.tensordot(u, depth, axes=((1,), (1,))).transpose(0, 3, 1, 2)


def integral(rows: NDArray, q: float) -> NDArray:
    """Return the sums of rows^q, q > 0, (m,)."""
    if q == 2:
        return np.array([row @ row for row in rows])
    halvings = {1.0: 0, 0.5: 1, 0.25: 2}.get(q)
    if halvings is None:
        return (rows**q).sum(axis=1)
    for _ in range(halvings):
        rows = np.sqrt(rows)
    return rows.sum(axis=1)


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
            if cuts(n, k, half=axis == 2):
                part = np.take(part, kept(n, k, half=axis == 2), axis=axis + 1)
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
            weight = np.sqrt(2) if other in places and place != other else 1
            for part in real_filters(weight * bank.wavelet(scale, place)):
                turned = bool(np.abs(part.imag).max() > np.abs(part.real).max())
                values = part.imag if turned else part.real
                if values.any():
                    filters.append(values / prod(self.shape))  # the FFTs go unscaled
                    self.turned.append(turned)
        sizes = np.max(np.abs(filters), axis=0) if filters else np.zeros((1, 1, 1))
        seen = np.nonzero(sizes > 2 * np.finfo(dtype).eps * sizes.max())
        there = [np.minimum(at, n - at) for at, n in zip(seen, self.shape, strict=True)]
        self.reach: Shape = tuple(int(at.max(initial=0)) for at in there)
        lines = [kept(n, k, half=axis == 2) for axis, (n, k) in enumerate(zip(self.shape, self.reach, strict=True))]
        self.values = np.array([f[np.ix_(*lines)] for f in filters], dtype)

    def modulus(self, spectrum: HalfSpectrum) -> NDArray:
        """Return the root of the sum of squares of the convolutions with the filters, (m, d, h, w)."""
        total: NDArray | None = None
        invert = self._inverse()
        for values, turned in zip(self.values, self.turned, strict=True):
            wave = invert(spectrum.part(self.reach, turned) * values)
            square = np.multiply(wave, wave, out=wave)
            total = square if total is None else np.add(total, square, out=total)
        if total is None:  # all filters vanish on this grid
            return np.zeros((len(spectrum.whole), *self.shape), self.values.dtype)
        return np.sqrt(total, out=total)

    def _inverse(self) -> Callable[[NDArray], NDArray]:
        """Return the inverse transform of products: axis by axis, with zeros where the filters have none."""
        d, h, w = self.shape

        def invert(product: NDArray) -> NDArray:
            for axis, n in ((1, d), (2, h)):
                product = padded(product, n, axis)
                product = scipy.fft.ifft(product, axis=axis, norm="forward", overwrite_x=True, workers=1)
            return scipy.fft.irfft(product, n=w, axis=3, norm="forward", overwrite_x=True, workers=1)

        if any(cuts(n, k) for n, k in zip((d, h), self.reach, strict=False)):
            return invert
        return lambda product: scipy.fft.irfftn(
            product, s=self.shape, axes=AXES, norm="forward", overwrite_x=True, workers=1
        )


def real_filters(psi: NDArray) -> tuple[NDArray, NDArray]:
    """Return the Fourier transforms of the real and the imaginary part of a filter, from its own."""
    mirrored = np.roll(np.flip(psi), 1, axis=AXES).conj()
    return (psi + mirrored) / 2, (psi - mirrored) / 2j


def cuts(n: int, reach: int, *, half: bool = False) -> bool:
    """Return whether frequencies up to `reach` are fewer than all of `n`, or than all of the half spectrum."""
    return reach < n // 2 if half else 2 * reach + 1 < n


def kept(n: int, reach: int, *, half: bool = False) -> NDArray:
    """Return the places of the frequencies up to `reach` among those of `n` samples, or of their half spectrum."""
    if half:
        return np.arange(reach + 1)
    return np.r_[: reach + 1, n - reach : n] if cuts(n, reach) else np.arange(n)


def padded(part: NDArray, n: int, axis: int) -> NDArray:
    """Return a spectrum with zeros at the frequencies of `n` samples that it lacks along an axis."""
    m = part.shape[axis]
    if m == n:
        return part
    whole = np.zeros((*part.shape[:axis], n, *part.shape[axis + 1 :]), part.dtype)
    before, low, high = (slice(None),) * axis, slice(None, m // 2 + 1), slice(m // 2 + 1, None)
    whole[(*before, low)] = part[(*before, low)]
    whole[(*before, slice(n - m // 2, None))] = part[(*before, high)]
    return whole
