"""Families of affine fields: translations, rotations, dilations, shears, and all linear maps about the centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv.deformations.families import Deformation, LinearDeformation
from kernelconv.deformations.fields import AffineField


@dataclass(frozen=True)
class Translation(LinearDeformation):
    """tau = c: a shift of `strength` pixels in a random direction; its Jacobian norm is 0.

    Examples
    --------
    >>> field = Translation().sample((28, 28), strength=2.5, rng=0)
    >>> round(field.sup_norm, 12), field.jacobian_sup_norm
    (2.5, 0.0)
    """

    unit = "px"
    limit = float("inf")

    def n_parameters(self, shape: Pair) -> int:
        """2: the direction."""
        return 2

    def directions(self, shape: Pair, z: NDArray) -> AffineField:
        """Return tau = z."""
        z = self._check_parameters(shape, z)
        return AffineField(shape, np.zeros((len(z), 2, 2)), z)

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> AffineField:
        """Return tau = strength z / |z|: for a translation the strength is a length."""
        return self._directions(shape, z).rescale_to(sup_norm=strength)


@dataclass(frozen=True)
class Rotation(Deformation):
    """Rotation about the centre by the angle with 2 sin(angle / 2) = s, clockwise or not at random.

    A rotation never folds; s = 2 is half a turn, the most there is.

    Examples
    --------
    >>> field = Rotation().sample((28, 28), strength=0.3, rng=0)
    >>> round(field.jacobian_sup_norm, 12), round(field.min_det, 12)
    (0.3, 1.0)
    """

    limit = float("inf")

    def check_strength(self, strength: float, *, allow_folding: bool = False) -> float:
        """Return `strength` as a float; raise ValueError unless 0 < strength <= 2."""
        strength = super().check_strength(strength, allow_folding=allow_folding)
        if strength > 2:
            raise ValueError(f"strength={strength}, but no rotation has a Jacobian norm 2 sin(angle / 2) above 2.")
        return strength

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` rotations of the strength, clockwise or not."""
        angle = _signs(rng, n) * 2 * np.arcsin(strength / 2)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.eye(2) - np.moveaxis(np.array([[cos, -sin], [sin, cos]]), -1, 0)
        return _about_the_centre(shape, matrix)

    def draw_displaced(self, shape: Pair, displacement: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` rotations of the given ``rms_norm``: |tau(u)| = 2 sin(angle / 2) |u - centre|."""
        radius = _about_the_centre(shape, np.eye(2)[None]).rms_norm[0]
        if radius == 0:
            raise ValueError("An image of one pixel has no typical displacement by rotations: they leave it as it is.")
        return self.draw(shape, self.check_strength(displacement / radius), rng, n)


@dataclass(frozen=True)
class Dilation(Deformation):
    """tau(u) = +-s (u - centre): magnifies by 1 / (1 - s) or shrinks by 1 / (1 + s), at random.

    Examples
    --------
    >>> field = Dilation().sample((28, 28), strength=0.2, rng=0)
    >>> round(field.jacobian_sup_norm, 12)
    0.2
    """

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` dilations of the strength, larger or smaller."""
        return _about_the_centre(shape, strength * _signs(rng, n)[:, None, None] * np.eye(2))


@dataclass(frozen=True)
class Shear(Deformation):
    """tau(u) = +-s (u_b - centre_b) e_a: rows slide over columns or columns over rows, at random.

    Examples
    --------
    >>> field = Shear().sample((28, 28), strength=0.3, rng=0)
    >>> round(field.jacobian_sup_norm, 12), round(field.min_det, 12)
    (0.3, 1.0)
    """

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` shears of the strength, of rows or of columns, to either side."""
        matrix = np.zeros((n, 2, 2))
        axis = rng.integers(2, size=n)
        matrix[np.arange(n), axis, 1 - axis] = strength * _signs(rng, n)
        return _about_the_centre(shape, matrix)


@dataclass(frozen=True)
class AffineDeformation(LinearDeformation):
    """tau(u) = A (u - centre), A with independent normal entries, rescaled to spectral norm s.

    Examples
    --------
    >>> field = AffineDeformation().sample((28, 28), strength=0.3, rng=0)
    >>> round(field.jacobian_sup_norm, 12), field.is_diffeomorphism()
    (0.3, True)
    """

    def n_parameters(self, shape: Pair) -> int:
        """4: the entries of A."""
        return 4

    def directions(self, shape: Pair, z: NDArray) -> AffineField:
        """Return tau(u) = A (u - centre) with A the rows of `z`."""
        return _about_the_centre(shape, np.reshape(self._check_parameters(shape, z), (-1, 2, 2)))


def _signs(rng: np.random.Generator, n: int) -> NDArray:
    return rng.choice([-1.0, 1.0], n)


def _about_the_centre(shape: Pair, matrix: NDArray) -> AffineField:
    return AffineField(shape, matrix, np.zeros((len(matrix), 2)))
