"""The cascade of 2-D scattering for large images, map by map, and its gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._parallel.blocks import block_slices
from kernelconv.networks.scattering.fast.filters_2d import Wavelets2D
from kernelconv.networks.scattering.fast.scratch import Scratch
from kernelconv.networks.scattering.geometry import Geometry, Runs, consecutive
from kernelconv.networks.scattering.paths import ScatteringPath

#: Bytes of complex maps computed at once. A core's own cache would want 2**19, but every array operation hands
#: Python's lock from thread to thread, so that two threads together are fastest with larger chunks.
CHUNK_BYTES = 2**22


class CascadeByMap:
    """The filters in one dtype; descent over blocks of padded images (m, h, w), and back.

    Every node of the cascade holds real maps (m, p, h, w) at resolution 2^-r. Going down: half-spectrum FFT, product
    with all angles of a scale folded at once onto the coarser grid (nothing is computed at full resolution and
    thrown away), inverse FFT, modulus. Going out: the Gaussian low-pass with its subsampling and unpadding, as
    matrix products in space.
    """

    def __init__(self, geometry: Geometry, dtype: np.dtype):
        self.geometry = geometry
        self.wavelets = {
            (r, j): Wavelets2D(geometry.bank.psi[j], r, geometry.target(r, j), dtype, geometry.symmetric)
            for r, j in geometry.transitions
        }
        self.low_pass = {r: _LowPass([m.astype(dtype) for m in geometry.low_pass(r)]) for r in geometry.resolutions}

    def __call__(self, x: NDArray, scratch: Scratch) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of padded images (m, h, w)."""
        out = np.empty((len(x), len(self.geometry.computed), *self.geometry.out_size), x.dtype)
        u, root = x[:, None], np.zeros(1, dtype=int)
        self._average(u, 0, out, root)
        self._descend(scratch, u, 0, root, out)
        return out[:, self.geometry.kept]

    def vjp(self, x: NDArray, g: NDArray, scratch: Scratch) -> NDArray:
        """Return the gradient (m, h, w) in padded images `x` of <g, S x>, g (m, n_paths, h', w')."""
        of_computed = np.zeros((len(g), len(self.geometry.computed), *g.shape[2:]), x.dtype)
        of_computed[:, self.geometry.kept] = g
        return self._ascend(scratch, x[:, None], 0, np.zeros(1, dtype=int), of_computed)[:, 0]

    def propagate(self, x: NDArray, path: ScatteringPath, scratch: Scratch) -> NDArray:
        """Return U[path] x, (m, h', w'), of padded images, on the grid of the path's resolution."""
        u, resolution = x[:, None], 0
        for depth, (j, angle) in enumerate(zip(path.scales, path.angles, strict=True)):
            wavelets = self.wavelets[resolution, j]
            aliases = wavelets.gather(full_spectrum(u, scratch, depth), scratch, depth)
            u, resolution = np.abs(wavelets.waves(aliases, slice(angle, angle + 1), scratch)), wavelets.target
        return u[:, 0]

    def propagated_energy(self, x: NDArray, order: int, scratch: Scratch) -> NDArray:
        """Return the energy (m,) of U over all paths of `order` (at least 1), a map at 2^-r counting 4^r times."""
        total = np.zeros(len(x))

        def visit(u: NDArray, resolution: int, parents: NDArray) -> None:
            going_on = self.geometry.continued(parents)
            for maps, target, below, _ in self._children(scratch, u[:, going_on], resolution, parents[going_on]):
                if self.geometry.computed[below[0]].order == order:
                    total[:] += 4.0**target * np.einsum("mphw,mphw->m", maps, maps, dtype=np.float64)
                else:
                    visit(maps, target, below)

        visit(x[:, None], 0, np.zeros(1, dtype=int))
        return total

    def _average(self, u: NDArray, resolution: int, out: NDArray, positions: NDArray) -> None:
        """Write the low-passed maps `u` (m, p, h, w) into ``out[:, positions]``."""
        out[:, consecutive(positions)] = self.low_pass[resolution](u)

    def _descend(self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, out: NDArray) -> None:
        """Fill `out` with every path that continues `parents`, whose maps are `u` (m, p, h, w)."""
        going_on = self.geometry.continued(parents)
        for maps, target, below, _ in self._children(scratch, u[:, going_on], resolution, parents[going_on]):
            self._average(maps, target, out, below)
            self._descend(scratch, maps, target, below, out)

    def _ascend(self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, g: NDArray) -> NDArray:
        """Return the gradient in `u` of what `parents` and all paths that continue them add to <g, S>.

        The moduli are computed again on the way: memory stays that of one branch.
        """
        total = self.low_pass[resolution].adjoint(g[:, parents])
        going_on = self.geometry.continued(parents)
        u, parents = u[:, going_on], parents[going_on]
        if not len(parents):
            return total
        spectrum = np.zeros(u.shape, np.result_type(u.dtype, np.complex64))
        for maps, target, below, (p, s, j, phase) in self._children(scratch, u, resolution, parents, phases=True):
            inner = self._ascend(scratch, maps.copy(), target, below, g)
            self.wavelets[resolution, j].adjoint(inner * phase, s, spectrum[:, p])
        total[:, going_on] += scipy.fft.ifft2(spectrum, norm="forward", workers=1).real
        return total

    def _children(
        self, scratch: Scratch, u: NDArray, resolution: int, parents: NDArray, phases: bool = False
    ) -> Iterator[tuple[NDArray, int, NDArray, tuple]]:
        """Yield (moduli, their resolution, their positions, (parents, angles, scale, phases)), chunk by chunk.

        All `parents` are continued. The moduli lie in `scratch`: use them before the next.
        """
        if not len(parents):
            return
        depth = self.geometry.computed[parents[0]].order
        spectrum = full_spectrum(u, scratch, depth)
        for j, runs in self.geometry.continuations(parents):
            wavelets = self.wavelets[resolution, j]
            aliases = wavelets.gather(spectrum, scratch, depth)
            for p, s in self._chunks(len(u), runs, wavelets.shape):
                waves = wavelets.waves(aliases[:, p], s, scratch)
                maps = np.abs(waves, out=scratch.array(("maps", 0), waves.shape, u.dtype))
                phase = waves / np.where(maps > 0, maps, 1) if phases else None  # 0 where the modulus has no derivative
                below = self.geometry.children[parents[p], j][:, s].ravel()
                yield maps, wavelets.target, below, (p, s, j, phase)

    def _chunks(self, m: int, runs: Runs, shape: tuple[int, int]) -> Iterator[tuple[slice, slice | NDArray]]:
        """Cut runs of parents, and their angles, so that the complex maps of a chunk stay in cache."""
        L = self.geometry.L
        maps = max(1, CHUNK_BYTES // (8 * m * shape[0] * shape[1]))
        for run, angles in runs:
            for p in range(run.start, run.stop, max(1, maps // L)):
                for s in block_slices(len(angles), min(maps, L)):
                    yield slice(p, min(p + max(1, maps // L), run.stop)), consecutive(angles[s])


class _LowPass:
    """Gaussian low-pass, subsampling and unpadding: separable matrices (n_out, n) for rows and columns."""

    def __init__(self, matrices: list[NDArray]):
        self.rows, self.cols = matrices

    def __call__(self, u: NDArray) -> NDArray:
        m, p, h, w = u.shape
        out = self.rows @ (u.reshape(m * p * h, w) @ self.cols.T).reshape(m * p, h, -1)
        return out.reshape(m, p, len(self.rows), len(self.cols))

    def adjoint(self, g: NDArray) -> NDArray:
        """Return the gradient (m, p, h, w) from that of the output (m, p, h', w')."""
        return self.rows.T @ g @ self.cols


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
