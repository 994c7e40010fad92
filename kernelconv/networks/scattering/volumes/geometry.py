"""What 3-D scattering computes, whoever computes: paths, the wavelets of each, and where the averages lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations, product
from math import comb
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Shape, check_choice, check_count, check_flag, check_positive, check_sequence
from kernelconv.networks.scattering.paths import check_paths
from kernelconv.operators.wavelets.filter_bank_3d import FilterBank3D, VolumeBank

Method = Literal["integral", "local"]
#: More exponents would be no features but a table.
MOST_POWERS = 100


class VolumePath(NamedTuple):
    """One path of 3-D scattering: its scales j1 < j2 < ..., and which wavelets of each scale.

    ``degree`` is the degree l of the solid harmonics at all its scales, ``m`` their m where each counts by itself, and
    ``directions`` the Morlet wavelet at each scale where each counts by itself; None and () elsewhere.
    """

    scales: tuple[int, ...]
    degree: int | None = None
    m: int | None = None
    directions: tuple[int, ...] = ()

    @property
    def order(self) -> int:
        """Number of wavelet transforms on the path."""
        return len(self.scales)

    @property
    def parent(self) -> VolumePath:
        """The path less its last scale."""
        return VolumePath(self.scales[:-1], self.degree, self.m, self.directions[:-1]) if self.order > 1 else MEAN

    @property
    def name(self) -> str:
        """A short name: ``mean`` at order 0, else ``j0_j1_l2`` for scales 0 and 1 and degree 2.

        Where wavelets count by themselves ``j0_j1_l2m1``, or ``j0d3_j1d5`` of directions.
        """
        ends = [f"d{k}" for k in self.directions] or [""] * self.order
        words = [f"j{j}{end}" for j, end in zip(self.scales, ends, strict=True)]
        words += [] if self.degree is None else [f"l{self.degree}" + ("" if self.m is None else f"m{self.m}")]
        return "_".join(words) or "mean"


#: The path of order 0.
MEAN = VolumePath(())


@dataclass(frozen=True)
class Geometry3D:
    """Paths, wavelets and averages of the scattering of volumes of one `shape`. Immutable; all else follows.

    Parameters
    ----------
    shape : tuple (d, h, w)
        Voxels of a volume.
    J, L, sigma_0, max_order, rotation_covariant, method, integral_powers, bank, n_directions
        As in `kernelconv.Scattering3D`.
    """

    shape: Shape
    J: int
    L: int
    sigma_0: float
    max_order: int
    rotation_covariant: bool
    method: Method
    integral_powers: tuple[float, ...]
    bank: VolumeBank
    n_directions: int

    def __post_init__(self) -> None:
        choices = (("method", Method), ("bank", VolumeBank))
        for name, kind in choices:
            check_choice(getattr(self, name), name, get_args(kind))
        listed = check_sequence(self.integral_powers, "integral_powers")
        powers = tuple(check_positive(q, "integral_powers") for q in listed)
        if len(powers) > MOST_POWERS:
            raise ValueError(f"integral_powers must be at most {MOST_POWERS} exponents, got {len(powers)}.")
        checked: dict[str, Any] = {"J": self.filters.J, "L": self.filters.L, "sigma_0": self.filters.sigma_0}
        checked |= {"max_order": check_count(self.max_order, "max_order", 0), "integral_powers": powers}
        checked |= {"rotation_covariant": check_flag(self.rotation_covariant, "rotation_covariant")}
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        widest = 2.0**self.J * self.sigma_0
        if widest > min(self.shape):
            raise ValueError(
                f"The widest filter has a standard deviation of 2**J * sigma_0 = {widest:g} voxels, more than the "
                f"{min(self.shape)} of a side of the volumes, {self.shape}. Use a smaller J or sigma_0."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, f.name) for f in fields(self))  # the rest is computed again

    @cached_property
    def filters(self) -> FilterBank3D:
        """The bank."""
        return FilterBank3D(self.shape, self.J, self.L, self.sigma_0, self.bank, self.n_directions)

    # -- paths -----------------------------------------------------------------------------------------------------

    @cached_property
    def paths(self) -> tuple[VolumePath, ...]:
        """The path of each coefficient, by order, then by scales, then by (degree, m) or directions."""
        orders = range(min(self.max_order, self.J + 1) + 1)
        check_paths(comb(self.J + 1, order) * self._n_kinds(order) for order in orders)
        return tuple(
            VolumePath(scales, *kind)
            for order in orders
            for scales in combinations(range(self.J + 1), order)
            for kind in self._kinds(order)
        )

    def _n_kinds(self, order: int) -> int:
        if order == 0:
            return 1
        if self.bank == "harmonic":
            return self.L + 1 if self.rotation_covariant else (self.L + 1) * (self.L + 2) // 2
        return 1 if self.rotation_covariant else self.n_directions**order

    def _kinds(self, order: int) -> Iterator[tuple[Any, ...]]:
        """Yield (degree, m, directions) of the paths of any scales of one order."""
        if order == 0 or (self.bank == "morlet" and self.rotation_covariant):
            yield None, None, ()
        elif self.bank == "morlet":
            yield from ((None, None, k) for k in product(range(self.n_directions), repeat=order))
        elif self.rotation_covariant:
            yield from ((degree, None, ()) for degree in range(self.L + 1))
        else:
            yield from ((degree, m, ()) for degree in range(self.L + 1) for m in range(degree + 1))

    def wavelets(self, path: VolumePath) -> tuple[int, tuple[int, ...]]:
        """Return the last scale of a path of order 1 or more, and the places in the bank of its wavelets there."""
        scale = path.scales[-1]
        if self.bank == "morlet":
            return scale, tuple(path.directions[-1:]) or tuple(range(self.n_directions))
        degree = path.degree or 0
        return scale, tuple(self.filters.of_degree(degree)) if path.m is None else (self.filters.index(degree, path.m),)

    @cached_property
    def children(self) -> dict[VolumePath, list[VolumePath]]:
        """The paths that continue each path."""
        found: dict[VolumePath, list[VolumePath]] = {path: [] for path in self.paths}
        for path in self.paths[1:]:
            found[path.parent].append(path)
        return found

    # -- averages --------------------------------------------------------------------------------------------------

    @property
    def stride(self) -> int:
        """Distance of two positions of local averages (voxels)."""
        return 2**self.J

    @property
    def averages_shape(self) -> Shape:
        """Shape of what is made of one path: (n_powers,), or the positions (d', h', w')."""
        if self.method == "integral":
            return (len(self.integral_powers),)
        return tuple(-(-n // self.stride) for n in self.shape)

    @cached_property
    def averaging(self) -> tuple[NDArray, NDArray, NDArray]:
        """Matrices (n, n') that average along depth, height and width and sample every 2^J voxels."""
        kernels = [np.fft.ifft(line).real for line in self.filters.low_pass_lines]
        d, h, w = (k[(np.arange(0, len(k), self.stride) - np.arange(len(k))[:, None]) % len(k)] for k in kernels)
        return d, h, w
