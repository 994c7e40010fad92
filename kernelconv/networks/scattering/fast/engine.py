"""The engine of 2-D scattering: grids, paths and filters, and which cascade computes a block of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv._parallel.blocks import CACHE_BYTES
from kernelconv.networks.scattering.fast.by_frequency import CascadeByFrequency
from kernelconv.networks.scattering.fast.by_map import CascadeByMap
from kernelconv.networks.scattering.paths import (
    PADDINGS,
    Axis,
    ScatteringPath,
    Scratch,
    make_axis,
    scattering_paths,
)
from kernelconv.operators.wavelets.filter_bank import FilterBank, crop

#: Padded pixels up to which maps lie side by side, frequency by frequency.
SMALL = 80**2


class Engine:
    """Computes the scattering maps of blocks of one-channel images, in float32 or float64. Immutable."""

    def __init__(
        self,
        size: tuple[int, ...],
        J: int,
        L: int,
        max_order: int,
        padding: str = "reflect",
        grid: str = "centred",
        oversampling: int = 0,
        bank: str = "morlet",
        every: bool = False,
        symmetric: bool = False,
    ):
        self.J, self.L, self.max_order, self.padding, self.oversampling = J, L, max_order, padding, oversampling
        self.size, self.every, self.symmetric = tuple(size), every, symmetric
        self.axes = self.sampling(size, J, padding, grid, oversampling)
        self.bank = FilterBank((self.axes[0].padded, self.axes[1].padded), J, L, bank)
        self.paths = scattering_paths(J, L, max_order, every=every)
        position = {path: i for i, path in enumerate(self.paths)}
        #: children[i, j]: position of path i continued at scale j and angle 0; its other angles follow
        self.children = np.full((len(self.paths), J), -1)
        self.transitions: set[tuple[int, int]] = set()  # (resolution, scale) of every wavelet transform
        for path, i in position.items():
            for j in range(J):
                child = ScatteringPath((*path.scales, j), (*path.angles, 0))
                self.children[i, j] = position.get(child, -1)
                if child in position:
                    self.transitions.add((self.resolution(path), j))
        self.resolutions = {0} | {self.target(r, j) for r, j in self.transitions}
        self._cascades: dict[tuple[type, np.dtype], Any] = {}

    @staticmethod
    def sampling(size: tuple[int, ...], J: int, padding: str, grid: str, oversampling: int) -> tuple[Axis, ...]:
        """Return how rows and columns are padded and sampled."""
        return tuple(make_axis(n, J, padding, grid, oversampling) for n in size)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cascades": {}}  # derived from the bank: rebuilt on first use

    def target(self, resolution: int, j: int) -> int:
        """Return the resolution r, a grid of 2^r px, of scale `j` computed from maps at `resolution`."""
        return max(resolution, j - self.oversampling)

    def resolution(self, path: ScatteringPath) -> int:
        """Return the resolution of U[path]."""
        return max([0, *(j - self.oversampling for j in path.scales)])

    @property
    def out_size(self) -> tuple[int, int]:
        """(height, width) of an output map."""
        return self.axes[0].n_out, self.axes[1].n_out

    def low_pass(self, resolution: int) -> list[NDArray]:
        """Return the matrices (n_out, padded / 2^resolution) that low-pass rows and columns and sample them."""
        return [
            low_pass_matrix(axis, line, resolution) for axis, line in zip(self.axes, self.bank.phi_lines, strict=True)
        ]

    def block(self, itemsize: int, channels: int = 1) -> int:
        """Return how many images make a block."""
        h, w = self.bank.shape
        if h * w <= SMALL:
            return max(1, 64 // channels)
        return max(1, CACHE_BYTES // (2 * itemsize * channels * h * w * (self.L if self.max_order else 1)))

    def prepare(self, dtype: DTypeLike) -> Any:
        """Cast the filters to `dtype` once and return the cascade. Call before the threads start."""
        h, w = self.bank.shape
        return self._cascade(CascadeByFrequency if h * w <= SMALL else CascadeByMap, np.dtype(dtype))

    def prepare_gradient(self, dtype: DTypeLike) -> CascadeByMap:
        """Return the cascade that knows its gradient."""
        return self._cascade(CascadeByMap, np.dtype(dtype))

    def _cascade(self, kind: type, dtype: np.dtype) -> Any:
        if (kind, dtype) not in self._cascades:
            self._cascades[kind, dtype] = kind(self, dtype)
        return self._cascades[kind, dtype]

    def pad(self, x: NDArray) -> NDArray:
        """Return images (m, h, w) padded, (m, padded h, padded w)."""
        rows, cols = self.axes
        if self.padding == "zero":
            out = np.zeros((len(x), rows.padded, cols.padded), x.dtype)
            out[:, rows.before : rows.before + rows.size, cols.before : cols.before + cols.size] = x
            return out
        index = self._border()
        return x[:, index[0][:, None], index[1]]

    def pad_adjoint(self, g: NDArray) -> NDArray:
        """Return the gradient (m, h, w) in images from that in the padded ones."""
        rows, cols = self.axes
        if self.padding == "zero":
            return g[:, rows.before : rows.before + rows.size, cols.before : cols.before + cols.size]
        copies = [np.eye(a.size, dtype=g.dtype)[i] for a, i in zip(self.axes, self._border(), strict=True)]
        return copies[0].T @ g @ copies[1]

    def _border(self) -> list[NDArray]:
        return [np.pad(np.arange(a.size), (a.before, a.after), mode=PADDINGS[self.padding]) for a in self.axes]

    def __call__(self, x: NDArray, scratch: Scratch | None = None) -> NDArray:
        """Return the scattering maps (m, n_paths, h', w') of images (m, h, w).

        Pass one `scratch` to calls that follow each other, on as many threads as you like.
        """
        return self.prepare(x.dtype)(self.pad(x), scratch or Scratch())

    def vjp(self, x: NDArray, g: NDArray, scratch: Scratch | None = None) -> NDArray:
        """Return the gradient (m, h, w) of <g, S x> in images `x` (m, h, w), g (m, n_paths, h', w')."""
        cascade = self.prepare_gradient(x.dtype)
        return self.pad_adjoint(cascade.vjp(self.pad(x), g.astype(x.dtype, copy=False), scratch or Scratch()))


def low_pass_matrix(axis: Axis, line: NDArray, resolution: int) -> NDArray:
    """Return the matrix (n_out, padded / 2^resolution) that low-passes a line and samples it, float64.

    `line` is the low-pass in the Fourier domain along the padded axis.
    """
    kernel = np.fft.ifft(crop(line, 2**resolution, axes=(0,))).real
    at = (axis.first + axis.stride * np.arange(axis.n_out)) // 2**resolution
    return kernel[(at[:, None] - np.arange(len(kernel))) % len(kernel)]
