"""Where 2-D scattering computes what: padding, sampling grids, paths and filters, whoever computes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise, product
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv._types.parameters import Border
from kernelconv.networks.scattering.paths import ScatteringPath, scattering_paths, with_parents
from kernelconv.operators.patches.borders import pad, pad_adjoint
from kernelconv.operators.wavelets.filter_bank import Bank, FilterBank
from kernelconv.operators.wavelets.morlet import crop

#: numpy.pad's word for each padding.
PADDINGS: dict[str, Any] = {"reflect": "reflect", "zero": "constant", "circular": "wrap", "symmetric": "symmetric"}

#: Paths that follow each other, and the angles at which all of them go on.
Runs = list[tuple[slice, NDArray]]


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

    A circular axis that 2^J divides needs no border, nor one of which nothing is subsampled: the transform itself is
    circular.
    """
    step = 2**J
    stride = 2 ** max(J - oversampling, 0)
    if padding == "circular" and (size % step == 0 or stride == 1):
        return Axis(size, 0, size, 0, stride, size // stride)
    if grid == "kymatio":
        padded = ((size + step) // step + 1) * step
        before = (padded - size) // 2
    else:
        whole = -(-size // step) * step
        padded, before = whole + 2 * step, (whole - size) // 2 + step
    return Axis(size, before, padded, step, stride, (padded - 2 * step) // stride)


@dataclass(frozen=True)
class Geometry:
    """Grids, paths and filters of the scattering of images of one `size`. Immutable; all else follows, on first use.

    Parameters
    ----------
    size : tuple (h, w)
        Of the images (px).
    J, L, max_order, padding, grid, oversampling
        As in `kernelconv.Scattering2D`.
    kind : {"morlet", "tight"}
        Of the filter bank.
    every : bool
        Paths of any scales, not only decreasing ones.
    symmetric : bool
        Filters on coarser grids take the mean of both sides at the Nyquist frequency.
    only : tuple of ScatteringPath, optional
        The paths wanted, in order; all by default. Computed are these and those that they continue.
    """

    size: tuple[int, int]
    J: int
    L: int
    max_order: int
    padding: Border = "reflect"
    grid: str = "centred"
    oversampling: int = 0
    kind: Bank = "morlet"
    every: bool = False
    symmetric: bool = False
    only: tuple[ScatteringPath, ...] | None = None

    #: There always is a low-pass.
    averages: ClassVar[bool] = True

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, f.name) for f in fields(self))  # the rest is computed again

    def with_paths(self, only: tuple[ScatteringPath, ...] | None, max_order: int) -> Geometry:
        """Return the geometry of other paths, which shares the filters of this one."""
        values = {f.name: getattr(self, f.name) for f in fields(self)} | {"only": only, "max_order": max_order}
        other = Geometry(**values)
        other.__dict__["bank"] = self.bank
        return other

    # -- grids -----------------------------------------------------------------------------------------------------

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """How rows and columns are padded and sampled."""
        rows, cols = (make_axis(n, self.J, self.padding, self.grid, self.oversampling) for n in self.size)
        return rows, cols

    @property
    def padded(self) -> tuple[int, int]:
        """(height, width) of a padded image."""
        return self.axes[0].padded, self.axes[1].padded

    @property
    def out_size(self) -> tuple[int, int]:
        """(height, width) of an output map."""
        return self.axes[0].n_out, self.axes[1].n_out

    @property
    def stride(self) -> int:
        """Distance of two output positions (px)."""
        return self.axes[0].stride

    @property
    def borders(self) -> tuple[Pair, Pair]:
        """Pixels to pad (above, below) and (left, right)."""
        rows, cols = self.axes
        return (rows.before, rows.after), (cols.before, cols.after)

    @property
    def margins(self) -> tuple[Pair, Pair]:
        """Output positions on the borders, which are cropped, (above, below) and (left, right)."""
        rows, cols = ((a.first // a.stride, (a.padded - a.first) // a.stride - a.n_out) for a in self.axes)
        return rows, cols

    def target(self, resolution: int, j: int) -> int:
        """Return the resolution r, a grid of 2^r px, of scale `j` computed from maps at `resolution`."""
        return max(resolution, j - self.oversampling)

    def resolution(self, path: ScatteringPath) -> int:
        """Return the resolution of U[path]."""
        return max([0, *(j - self.oversampling for j in path.scales)])

    # -- paths -----------------------------------------------------------------------------------------------------

    @cached_property
    def paths(self) -> tuple[ScatteringPath, ...]:
        """The path of each output map."""
        every = scattering_paths(self.J, self.L, self.max_order, every=self.every)
        if self.only is None:
            return every
        wanted = set(self.only)
        if self.only != tuple(path for path in every if path in wanted):
            raise ValueError(f"only must hold some of the {len(every)} paths in their order, got {self.only}.")
        return self.only

    @cached_property
    def computed(self) -> tuple[ScatteringPath, ...]:
        """The paths that are computed: those of the output, and all that they continue."""
        return self.paths if self.only is None else with_parents(self.paths)

    @cached_property
    def kept(self) -> slice | NDArray:
        """Where the paths of the output lie among those that are computed."""
        position = {path: i for i, path in enumerate(self.computed)}
        return consecutive(np.array([position[path] for path in self.paths]))

    @cached_property
    def children(self) -> NDArray:
        """Position of each computed path continued at scale j and angle a, (n_computed, J, L); -1 where it is not."""
        position = {path: i for i, path in enumerate(self.computed)}
        children = np.full((len(position), self.J, self.L), -1)
        for path, i in position.items():
            if path.order:
                children[position[path.parent], path.scales[-1], path.angles[-1]] = i
        return children

    def following(self, scales: tuple[int, ...]) -> list[int]:
        """Return the scales at which paths of `scales` go on."""
        return [j for j in range(self.J) if (*scales, j) in self._scales]

    @cached_property
    def _scales(self) -> set[tuple[int, ...]]:
        return {path.scales for path in self.computed}

    def leaf(self, scales: tuple[int, ...]) -> list[ScatteringPath]:
        """Return the paths of `scales`, of all angles."""
        return [ScatteringPath(scales, angles) for angles in product(range(self.L), repeat=len(scales))]

    def continued(self, positions: NDArray) -> slice | NDArray:
        """Return which of the paths at `positions` are continued."""
        return self._plan(positions)[0]

    def continuations(self, positions: NDArray) -> list[tuple[int, Runs]]:
        """Return the wavelet transforms that continue the paths at `positions`: each scale, with its runs of paths."""
        return self._plan(positions)[1]

    def _plan(self, positions: NDArray) -> tuple[slice | NDArray, list[tuple[int, Runs]]]:
        key = positions.tobytes()
        if key not in self._plans:  # every block of images comes to the same paths again
            goes_on = self.children[positions] >= 0
            found = [(int(j), _runs(goes_on[:, j])) for j in np.flatnonzero(goes_on.any(axis=(0, 2)))]
            self._plans[key] = consecutive(np.flatnonzero(goes_on.any(axis=(1, 2)))), found
        return self._plans[key]

    @cached_property
    def _plans(self) -> dict[bytes, Any]:
        return {}

    @cached_property
    def transitions(self) -> set[tuple[int, int]]:
        """(resolution, scale) of every wavelet transform."""
        return {(self.resolution(path.parent), path.scales[-1]) for path in self.computed if path.order}

    @cached_property
    def resolutions(self) -> set[int]:
        """The resolutions at which maps lie."""
        return {0} | {self.target(r, j) for r, j in self.transitions}

    # -- filters and borders ---------------------------------------------------------------------------------------

    @cached_property
    def bank(self) -> FilterBank:
        """The filters, on the padded image."""
        return FilterBank(self.padded, self.J, self.L, self.kind)

    def bank_of(self, order: int) -> FilterBank:
        """Return the filters of the wavelet transform that makes maps of `order`: the same for all."""
        return self.bank

    def low_pass(self, resolution: int) -> list[NDArray]:
        """Return the matrices (n_out, padded / 2^resolution) that low-pass rows and columns and sample them."""
        return [
            low_pass_matrix(axis, line, resolution) for axis, line in zip(self.axes, self.bank.phi_lines, strict=True)
        ]

    def pad(self, x: NDArray) -> NDArray:
        """Return images (m, h, w) padded, (m, padded h, padded w)."""
        return pad(x[..., None], self._borders(0), self._borders(1), self.padding)[..., 0]

    def pad_adjoint(self, g: NDArray) -> NDArray:
        """Return the gradient (m, h, w) in images from that in the padded ones."""
        return pad_adjoint(g[..., None], self._borders(0), self._borders(1), self.padding)[..., 0]

    def _borders(self, axis: int) -> Pair:
        return self.axes[axis].before, self.axes[axis].after


def consecutive(positions: NDArray) -> slice | NDArray:
    """Return increasing `positions` as a slice if they follow each other: what it takes is then not copied."""
    if not len(positions):
        return slice(0, 0)
    lo, hi = int(positions[0]), int(positions[-1]) + 1
    return slice(lo, hi) if hi - lo == len(positions) else positions


def _runs(rows: NDArray) -> Runs:
    """Return the slices of equal rows that follow each other, with where they are True; rows nowhere True left out."""
    cuts = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    runs = [(slice(int(lo), int(hi)), np.flatnonzero(rows[lo])) for lo, hi in pairwise((0, *cuts, len(rows)))]
    return [(run, at) for run, at in runs if len(at)]


def low_pass_matrix(axis: Axis, line: NDArray, resolution: int) -> NDArray:
    """Return the matrix (n_out, padded / 2^resolution) that low-passes a line and samples it, float64.

    `line` is the low-pass in the Fourier domain along the padded axis.
    """
    kernel = np.fft.ifft(crop(line, 2**resolution, axes=(0,))).real
    at = (axis.first + axis.stride * np.arange(axis.n_out)) // 2**resolution
    return kernel[(at[:, None] - np.arange(len(kernel))) % len(kernel)]
