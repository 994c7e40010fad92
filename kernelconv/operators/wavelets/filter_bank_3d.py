"""The bank of filters that 3-D scattering uses: solid harmonic or Morlet wavelets, and the Gaussian low-pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Shape, check_choice, check_count, check_positive
from kernelconv._numbers import shown
from kernelconv.operators.wavelets.band import check_volume_shape
from kernelconv.operators.wavelets.morlet import gaussian_1d
from kernelconv.operators.wavelets.morlet_3d import morlet_3d
from kernelconv.operators.wavelets.solid_harmonics import check_degree, check_m, solid_harmonic

VolumeBank = Literal["harmonic", "morlet"]
#: Half of the directions to a voxel's neighbours: along the axes, along the cube's diagonals, along those of its faces.
DIRECTIONS = (3, 7, 13)
#: Below a tenth of a voxel a Gaussian is 1 on the whole band.
LEAST_SIGMA = 0.1
#: Frequency of the Morlet wavelet of scale 0, in units of 1 / sigma_0.
XI_SIGMA = 0.75 * np.pi


@dataclass(frozen=True)
class FilterBank3D:
    r"""The bank of 3-D scattering: wavelets of widths :math:`2^j \sigma_0`, j = 0, ..., J, and one low-pass. Immutable.

    .. math:: \psi_{j,l,m}(u) = 2^{-3 j} \psi_{l,m}(2^{-j} u), \qquad
              \phi_J(u) = (2 \pi \sigma^2)^{-3/2} e^{-|u|^2 / 2 \sigma^2}, \quad \sigma = 2^J \sigma_0

    Parameters
    ----------
    shape : tuple (d, h, w)
        Voxels of the periodic volume.
    J : int
        log2 of the largest scale, from 0 to 60.
    L : int
        Largest degree l of the solid harmonics, from 0 to 64; each has 2 l + 1 wavelets. Not used for Morlet wavelets.
    sigma_0 : float
        Standard deviation of the Gaussian at scale 0 (voxels), at least 0.1. Above 1 little of the wavelets lies beyond
        the band of the grid.
    kind : {"harmonic", "morlet"}
        Solid harmonic wavelets (`solid_harmonic`), or Morlet wavelets of frequency :math:`\xi_j = 3 \pi / 4 \cdot
        2^{-j} / \sigma_0` (`morlet_3d`).
    n_directions : int
        Of Morlet wavelets: 3, along the axes; 7, with the diagonals of the cube; 13, with those of its faces too. The
        rotations of the cube map each set to itself, up to signs.

    Raises
    ------
    ValueError
        If a size is not an int >= 1, `J` or `L` not an int in its range, `sigma_0` not a finite number >= 0.1, `kind`
        unknown or `n_directions` none of the three.

    Notes
    -----
    Wavelets are computed at each call, in about 0.3 us per voxel. The harmonics of degree 0 are Gaussians: their mean
    is not zero.

    References
    ----------
    Eickenberg, Exarchakis, Hirn & Mallat (2017), Solid harmonic wavelet scattering: predicting quantum molecular energy
    from invariant descriptors of 3D electronic densities, NeurIPS, equations 5 to 7.

    Examples
    --------
    >>> from kernelconv.operators import FilterBank3D
    >>> bank = FilterBank3D((16, 16, 16), J=2, L=3)
    >>> bank.n_wavelets(0), bank.wavelets(1, bank.of_degree(2)).shape
    (16, (5, 16, 16, 16))
    >>> [round(float(abs(psi[0, 0, 0])), 3) for psi in bank.wavelets(0, [bank.index(l, 0) for l in range(3)])]
    [1.0, 0.0, 0.0]
    """

    shape: Shape
    J: int
    L: int = 3
    sigma_0: float = 1.0
    kind: VolumeBank = "harmonic"
    n_directions: int = 13

    def __post_init__(self) -> None:
        J = check_count(self.J, "J", 0)
        if J > 60:
            raise ValueError(f"J must be at most 60, got {J}: it is the log2 of a scale in voxels.")
        sigma_0 = check_positive(self.sigma_0, "sigma_0")
        if not LEAST_SIGMA <= sigma_0 <= 1e100:
            raise ValueError(f"sigma_0 must be from {LEAST_SIGMA} to 1e100 voxels, got {shown(self.sigma_0)}.")
        n_directions = check_count(self.n_directions, "n_directions")
        if n_directions not in DIRECTIONS:
            raise ValueError(f"n_directions must be one of {DIRECTIONS}, got {n_directions}.")
        check_choice(self.kind, "kind", get_args(VolumeBank))
        checked = {"shape": check_volume_shape(self.shape), "J": J, "L": check_degree(self.L, "L")}
        checked |= {"sigma_0": sigma_0, "n_directions": n_directions}
        for name, value in checked.items():  # NumPy's small ints overflow
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.shape, self.J, self.L, self.sigma_0, self.kind, self.n_directions)

    @cached_property
    def directions(self) -> NDArray:
        """Unit vectors (n_directions, 3) of the Morlet wavelets, in (depth, height, width); one of each pair e, -e."""
        half = [e for e in product((-1, 0, 1), repeat=3) if e > (0, 0, 0)]
        vectors = np.array(sorted(half, key=lambda e: ((1, 3, 2).index(sum(map(abs, e))), e)), dtype=np.float64)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[: self.n_directions]

    def n_wavelets(self, scale: int) -> int:
        """Return how many wavelets there are of one scale. Raises ValueError unless `scale` is an int from 0 to J."""
        if scale not in range(self.J + 1):
            raise ValueError(f"The bank has scales 0 to {self.J}, got scale={scale!r}.")
        return (self.L + 1) ** 2 if self.kind == "harmonic" else self.n_directions

    def index(self, degree: int, m: int) -> int:
        """Return the index l^2 + l + m of a solid harmonic among those of its scale."""
        return check_degree(degree, "degree") ** 2 + degree + check_m(m, degree)

    def of_degree(self, degree: int) -> range:
        """Return the indices of the solid harmonics of one degree, from m = -l to l."""
        return range(check_degree(degree, "degree") ** 2, (degree + 1) ** 2)

    def conjugate(self, index: int) -> int:
        """Return the index of the conjugate of a solid harmonic, up to sign; for a Morlet wavelet its own index.

        Convolutions of a real volume with both wavelets have the same modulus.
        """
        if self.kind == "morlet":
            return index
        degree = int(np.sqrt(index))
        return 2 * (degree**2 + degree) - index

    def wavelet(self, scale: int, index: int) -> NDArray:
        """Return the Fourier transform (d, h, w) of one wavelet: complex for solid harmonics, real for Morlet."""
        if not 0 <= index < self.n_wavelets(scale):
            raise ValueError(f"The bank has wavelets 0 to {self.n_wavelets(scale) - 1} a scale, got index={index!r}.")
        sigma = 2.0**scale * self.sigma_0
        if self.kind == "morlet":
            a, b, c = (float(value) for value in self.directions[index])
            return morlet_3d(self.shape, sigma, (a, b, c), XI_SIGMA / sigma)
        degree = int(np.sqrt(index))
        return solid_harmonic(self.shape, sigma, degree, index - degree**2 - degree)

    def wavelets(self, scale: int, indices: Sequence[int] | None = None) -> NDArray:
        """Return the wavelets of one scale, (n_wavelets, d, h, w), or those at `indices`."""
        places = range(self.n_wavelets(scale)) if indices is None else indices
        return np.stack([self.wavelet(scale, i) for i in places])

    @property
    def low_pass_lines(self) -> tuple[NDArray, NDArray, NDArray]:
        """The 1-D Fourier transforms along depth, height and width whose product is that of the low-pass."""
        d, h, w = (gaussian_1d(n, 2.0**self.J * self.sigma_0) for n in self.shape)
        return d, h, w

    def low_pass(self) -> NDArray:
        """Return the Fourier transform (d, h, w) of the low-pass; real."""
        d, h, w = self.low_pass_lines
        return d[:, None, None] * h[:, None] * w

    def littlewood_paley(self) -> NDArray:
        r"""Return :math:`\sum |\hat\psi(\omega)|^2` over all wavelets, averaged over both signs of omega, (d, h, w)."""
        total = sum(np.abs(self.wavelet(j, i)) ** 2 for j in range(self.J + 1) for i in range(self.n_wavelets(j)))
        return (total + np.roll(np.flip(total), 1, axis=(0, 1, 2))) / 2
