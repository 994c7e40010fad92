"""The FFT engine of 2-D scattering: sampling grids, paths, and the cascade over blocks of one-channel images."""

from __future__ import annotations

import threading
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray

from kernelconv.operators.filters import FilterBank, crop, gaussian_1d

#: Bytes of complex maps computed at once. A core's own cache would want 2**19, but every array operation hands
#: Python's lock from thread to thread, so that two threads together are fastest with larger chunks.
CHUNK_BYTES = 2**22
#: numpy.pad's word for each padding.
PADDINGS: dict[str, Any] = {"reflect": "reflect", "zero": "constant", "circular": "wrap", "symmetric": "symmetric"}


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


def scattering_paths(J: int, L: int, max_order: int) -> tuple[ScatteringPath, ...]:
    """Return the frequency-decreasing paths up to `max_order`, by order, then by (j1, angle 1, j2, angle 2, ...)."""
    paths: list[ScatteringPath] = []
    for order in range(min(max_order, J) + 1):
        of_order = [
            ScatteringPath(scales, angles)
            for scales in combinations(range(J), order)
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
            buffer = self.buffers[key] = np.empty(n_bytes, np.uint8)
        return buffer[:n_bytes].view(dtype).reshape(shape)


class Engine:
    """Computes the scattering maps of blocks of one-channel images, in float32 or float64. Immutable.

    Every node of the cascade holds real maps (m, p, h, w) at resolution 2^-r. Going down: half-spectrum FFT, product
    with all angles of a scale folded at once onto the coarser grid (nothing is computed at full resolution and
    thrown away), inverse FFT, modulus. Going out: the Gaussian low-pass with its subsampling and unpadding, as
    matrix products in space.
    """

    def __init__(
        self, size: tuple[int, int], J: int, L: int, max_order: int, padding: str, grid: str, oversampling: int
    ):
        self.J, self.L, self.max_order, self.padding, self.oversampling = J, L, max_order, padding, oversampling
        self.axes = tuple(make_axis(n, J, padding, grid, oversampling) for n in size)
        self.bank = FilterBank((self.axes[0].padded, self.axes[1].padded), J, L)
        self.paths = scattering_paths(J, L, max_order)
        position = {path: i for i, path in enumerate(self.paths)}
        #: children[i, j]: position of path i continued at scale j and angle 0; its other angles follow
        self.children = np.full((len(self.paths), J), -1)
        for path, i in position.items():
            if path.order < max_order:
                for j in range(path.scales[-1] + 1 if path.scales else 0, J):
                    self.children[i, j] = position[ScatteringPath((*path.scales, j), (*path.angles, 0))]
        self._plans: dict[np.dtype, _Plan] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}}  # derived from the bank: rebuilt on first use

    @property
    def out_size(self) -> tuple[int, int]:
        """(height, width) of an output map."""
        return self.axes[0].n_out, self.axes[1].n_out

    def bytes_per_image(self, itemsize: int) -> int:
        """Bytes of the spectra of one image of one channel at the largest node."""
        h, w = self.bank.shape
        return 2 * itemsize * h * w * (self.L if self.max_order else 1)

    def prepare(self, dtype: DTypeLike) -> None:
        """Cast the filters to `dtype` once. Call before the threads start."""
        dtype = np.dtype(dtype)
        if dtype not in self._plans:
            self._plans[dtype] = _Plan(self, dtype)

    def pad(self, x: NDArray) -> NDArray:
        """Return images (m, h, w) padded, (m, padded h, padded w)."""
        rows, cols = self.axes
        if self.padding == "zero":
            out = np.zeros((len(x), rows.padded, cols.padded), x.dtype)
            out[:, rows.before : rows.before + rows.size, cols.before : cols.before + cols.size] = x
            return out
        index = [np.pad(np.arange(a.size), (a.before, a.after), mode=PADDINGS[self.padding]) for a in self.axes]
        return x[:, index[0][:, None], index[1]]

    def __call__(self, x: NDArray, scratch: Scratch | None = None) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of images (m, h, w).

        Pass one `scratch` to calls that follow each other, on as many threads as you like.
        """
        self.prepare(x.dtype)
        plan, scratch = self._plans[x.dtype], scratch or Scratch()
        out = np.empty((len(x), len(self.paths), *self.out_size), x.dtype)
        padded = self.pad(x)[:, None]
        root = np.zeros(1, dtype=int)
        plan.average(padded, 0, out, root)
        self._descend(plan, scratch, padded, 0, root, out)
        return out

    def _descend(
        self, plan: _Plan, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, out: NDArray
    ) -> None:
        """Fill `out` with every path that continues `parents`, whose maps are `u` (m, p, h, w)."""
        scales = np.flatnonzero(self.children[parents[0]] >= 0)
        if not len(scales):
            return
        depth = self.paths[parents[0]].order
        spectrum = full_spectrum(u, scratch, depth)
        for j in scales:
            wavelets = plan.wavelets[resolution, int(j)]
            aliases = wavelets.gather(spectrum, scratch, depth)
            for p, s in self._chunks(len(u), len(parents), wavelets.shape):
                maps = wavelets.modulus(aliases[:, p], s, scratch)
                below = (self.children[parents[p], j][:, None] + np.arange(self.L)[s]).ravel()
                plan.average(maps, wavelets.target, out, below)
                self._descend(plan, scratch, maps, wavelets.target, below, out)

    def _chunks(self, m: int, parents: int, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
        """Cut parents x angles so that the complex maps of a chunk stay in cache."""
        maps = max(1, CHUNK_BYTES // (8 * m * shape[0] * shape[1]))
        by_parent, by_angle = max(1, maps // self.L), min(maps, self.L)
        return [
            (slice(p, p + by_parent), slice(s, min(s + by_angle, self.L)))
            for p in range(0, parents, by_parent)
            for s in range(0, self.L, by_angle)
        ]


class _Plan:
    """The engine's filters in one dtype: wavelets by (resolution, scale), low-pass by resolution."""

    def __init__(self, engine: Engine, dtype: np.dtype):
        def resolution(j: int) -> int:
            return max(j - engine.oversampling, 0)

        pairs = {(0, j) for j in range(engine.J)} if engine.max_order else set()
        if engine.max_order > 1:
            pairs |= {(resolution(i), j) for j in range(engine.J) for i in range(j)}
        self.wavelets = {(r, j): _Wavelets(engine.bank.psi[j], r, resolution(j), dtype) for r, j in pairs}
        self.low_pass = {
            r: _LowPass([low_pass_matrix(a, engine.bank.sigma_phi, r).astype(dtype) for a in engine.axes])
            for r in {0} | {w.target for w in self.wavelets.values()}
        }

    def average(self, u: NDArray, resolution: int, out: NDArray, positions: NDArray) -> None:
        """Write the low-passed maps `u` (m, p, h, w) into ``out[:, positions]``."""
        values = self.low_pass[resolution](u)
        lo, hi = positions[0], positions[-1] + 1
        out[:, slice(lo, hi) if hi - lo == len(positions) else positions] = values


class _Wavelets:
    """All angles of one scale, from maps at one resolution to maps at a coarser one."""

    def __init__(self, psi: NDArray, source: int, target: int, dtype: np.dtype):
        psi = crop(psi, 2**source)
        angles, height, width = psi.shape
        k = 2 ** (target - source)
        h, w = self.shape = height // k, width // k
        self.target, self.k = target, k
        blocks = psi.reshape(angles, k, h, k, w).transpose(0, 1, 3, 2, 4).reshape(angles, k * k, h * w)
        # an alias whose filter is below rounding adds nothing
        peak = np.abs(blocks).max(axis=(0, 2))
        self.keep = np.flatnonzero(peak > 4 * np.finfo(dtype).eps * peak.max())
        # both FFTs go unscaled, so the filter carries their scale; each value twice: for real and imaginary part
        self.filters = np.repeat(blocks[:, self.keep] / (height * width), 2, axis=-1).astype(dtype)

    def gather(self, spectrum: NDArray, scratch: Scratch, depth: int) -> NDArray:
        """Return the aliases of spectra (m, p, H, W) that fold onto the coarser grid: (m, p, alias, 2 h w), real."""
        m, p = spectrum.shape[:2]
        (h, w), k = self.shape, self.k
        tiles = spectrum.reshape(m, p, k, h, k, w)
        out = scratch.array(("aliases", depth), (m, p, len(self.keep), h, w), spectrum.dtype)
        for i, alias in enumerate(self.keep):
            out[:, :, i] = tiles[:, :, alias // k, :, alias % k]
        return out.reshape(m, p, len(self.keep), h * w).view(self.filters.dtype)

    def modulus(self, aliases: NDArray, angles: slice, scratch: Scratch) -> NDArray:
        """Return ``|u * psi|`` subsampled, (m, p * angles, h, w), from the aliases of the spectra of u.

        It lies in `scratch`, and the next call overwrites it.
        """
        (m, p, _, f), filters = aliases.shape, self.filters[angles]
        folded = scratch.array(("folded", 0), (m, p, len(filters), f), aliases.dtype)
        np.einsum("mpaf,saf->mpsf", aliases, filters, out=folded)
        maps = folded.view(np.result_type(folded.dtype, np.complex64)).reshape(m, p * len(filters), *self.shape)
        maps = scipy.fft.ifft2(maps, norm="forward", overwrite_x=True, workers=1)
        return np.abs(maps, out=scratch.array(("maps", 0), maps.shape, aliases.dtype))


class _LowPass:
    """Gaussian low-pass, subsampling and unpadding: separable matrices (n_out, n) for rows and columns."""

    def __init__(self, matrices: list[NDArray]):
        self.rows, self.cols = matrices

    def __call__(self, u: NDArray) -> NDArray:
        m, p, h, w = u.shape
        out = self.rows @ (u.reshape(m * p * h, w) @ self.cols.T).reshape(m * p, h, -1)
        return out.reshape(m, p, len(self.rows), len(self.cols))


def low_pass_matrix(axis: Axis, sigma: float, resolution: int) -> NDArray:
    """Return the matrix (n_out, padded / 2^resolution) that low-passes a line and samples it, float64."""
    kernel = np.fft.ifft(crop(gaussian_1d(axis.padded, sigma), 2**resolution, axes=(0,))).real
    at = (axis.first + axis.stride * np.arange(axis.n_out)) // 2**resolution
    return kernel[(at[:, None] - np.arange(len(kernel))) % len(kernel)]


def full_spectrum(u: NDArray, scratch: Scratch, depth: int) -> NDArray:
    """Return ``fft2(u)`` of real maps (..., h, w) from half of it: the other half is its mirrored conjugate."""
    h = u.shape[-2]
    half = h // 2 + 1
    spectrum = scratch.array(("spectrum", depth), u.shape, np.result_type(u.dtype, np.complex64))
    spectrum[..., :half, :] = scipy.fft.rfftn(u, axes=(-1, -2), workers=1)
    mirrored = spectrum[..., h - half : 0 : -1, :]
    np.conjugate(mirrored[..., :1], out=spectrum[..., half:, :1])
    np.conjugate(mirrored[..., :0:-1], out=spectrum[..., half:, 1:])
    return spectrum
