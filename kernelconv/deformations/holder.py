"""Random fields of a given Hölder exponent and an exact Hölder norm, rougher or smoother than stability requires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Pair, check_count, check_memory
from kernelconv.deformations.families import LinearDeformation, check_radius
from kernelconv.deformations.fields import DisplacementField, check_size
from kernelconv.deformations.norms.holder import check_exponent, holder_norm
from kernelconv.deformations.series import FourierField, SineField


@dataclass(frozen=True)
class HolderDeformation(LinearDeformation):
    r"""Random fields of Hölder exponent a, zero on the border, each rescaled to exactly the requested C^a norm.

    Both components are sums over i, j >= 1 with |k| < cutoff + 1/2, k = (i, j), of C_ij |k|^-(a + 1)
    sin(i pi u) sin(j pi v), C_ij ~ N(0, 1) independent, u and v running over [0, 1] from the first pixel to the last.
    On an image of one line the field points along it: the sum over k <= cutoff of C_k k^-(a + 1/2) sin(k pi u). With
    these exponents, a + d/2 in d dimensions, differences of tau over a distance r >= 1 / cutoff scale like r^a; for
    a > 1, those of D tau scale like r^(a - 1).

    The strength is the C^a norm, `holder_norm`, with lengths in image sides, the same unit for every a and every
    number of pixels. For a < 1 it bounds no Jacobian norm: as the cutoff grows, fields fold (see ``min_det``).

    Parameters
    ----------
    exponent : float
        a, > 0 and < 2.
    cutoff : int
        Largest number of half waves across the image, at least 1; n pixels resolve waves of at most n - 1 half
        waves.

    Notes
    -----
    The memory for the exact norms is proportional to the square of the cutoff: 8 kB times this square on an image
    (2 GB at cutoff 512), 0.5 kB times it on a line.

    References
    ----------
    Nicola and Trapasso, "Stability of the scattering transform for deformations with minimal regularity", 2022:
    scattering is stable to fields with a > 1; below 1 it may not be.

    Examples
    --------
    >>> from kernelconv.deformations import HolderDeformation, holder_norm
    >>> rough, smooth = (HolderDeformation(a, cutoff=16).sample((32, 32), 0.1, rng=0) for a in (0.5, 1.5))
    >>> [round(holder_norm(field, a), 6) for field, a in ((rough, 0.5), (smooth, 1.5))]
    [0.1, 0.1]
    >>> rough.jacobian_sup_norm > 10 * smooth.jacobian_sup_norm
    True
    >>> HolderDeformation(0.5, cutoff=64).sample((1, 128), 0.1, rng=0).values.shape
    (1, 128, 2)
    """

    exponent: float = 1.0
    cutoff: int = 8

    unit = "image sides"
    limit = float("inf")

    def __post_init__(self) -> None:
        check_exponent(self.exponent)
        check_count(self.cutoff, "cutoff")

    def _deviations(self, shape: Pair) -> NDArray:
        """Return the standard deviations, (c,) of a line or (c, c), of the modes' coefficients; 0 where left out."""
        # the suprema of slopes are looked for on 16 points a half wave: of a line, times its waves
        needed, series = (512.0 if 1 in shape else 8192.0) * self.cutoff**2, f"A series of up to {self.cutoff} modes"
        check_memory(needed, f"{series} an axis, and its norms,")
        modes = np.arange(1.0, self.cutoff + 1)
        if 1 in shape:
            return modes ** -(self.exponent + 0.5)
        radius = np.hypot(modes[:, None], modes)
        return np.where(radius < self.cutoff + 0.5, radius ** -(self.exponent + 1), 0.0)

    def n_parameters(self, shape: Pair) -> int:
        """Return 2 per mode that is kept, or 1 on an image of one line."""
        return (1 if 1 in shape else 2) * int(np.count_nonzero(self._deviations(shape)))

    def directions(self, shape: Pair, z: NDArray) -> SineField | FourierField:
        """Return the fields whose kept modes have coefficients `z` (n, p) times their standard deviations."""
        z, deviation = self._check_parameters(shape, z), self._deviations(shape)
        if 1 in shape:
            return _along_a_line(shape, z * deviation)
        coefficients = np.zeros((len(z), 2, *deviation.shape))
        coefficients[:, :, deviation > 0] = np.reshape(z, (len(z), 2, -1)) * deviation[deviation > 0]
        return SineField(shape, coefficients)

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> Any:
        """Return the fields of parameters `z` (n, p), each of exactly the C^a norm `strength`."""
        fields, strength = self._directions(shape, z), check_size(strength, "strength")
        norms = holder_norm(fields, self.exponent)
        if not norms.all():
            raise ValueError(f"A field whose Hölder norm is 0 cannot be rescaled to {strength}.")
        return fields.scaled(strength / norms)

    def strength_of(self, fields: DisplacementField) -> NDArray:
        """Return the C^a norm (n,) of each of a batch of fields."""
        return np.asarray(holder_norm(fields, self.exponent))

    def guaranteed_strength(self, shape: Pair, radius: ArrayLike) -> Any:
        """Return 0 for a < 1, else m `radius` as for the Jacobian norm, which the C^a norm bounds from above."""
        return super().guaranteed_strength(shape, radius) if self.exponent >= 1 else 0.0 * check_radius(radius)


def _along_a_line(shape: Pair, sines: NDArray) -> FourierField:
    """Return the fields along images of one line with coefficients (n, c) of sin(k pi u)."""
    n, c = sines.shape
    axis = int(shape[0] == 1)
    if shape[axis] < 2:
        raise ValueError(f"A field that is 0 at both ends needs an image of at least 2 pixels, got shape={shape}.")
    waves = np.concatenate([np.zeros((n, c + 1)), sines], 1)
    coefficients = np.zeros((n, 2, 1, 2 * c + 1) if axis else (n, 2, 2 * c + 1, 1))
    coefficients[:, axis] = waves[:, None] if axis else waves[..., None]
    period = 2.0 * (shape[axis] - 1)
    return FourierField(shape, coefficients, (period, period))
