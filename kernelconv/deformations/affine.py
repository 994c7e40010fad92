"""Affine fields, and their families: translations, rotations, dilations, shears, linear maps about the centre."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import Pair, check_finite
from kernelconv._numbers import as_double
from kernelconv.deformations.families import Deformation, LinearDeformation, check_radius
from kernelconv.deformations.fields import DisplacementField, as_points, freeze
from kernelconv.deformations.norms.jacobians import det_one_minus, length, spectral_norm


@dataclass(frozen=True, eq=False, repr=False)
class AffineField(DisplacementField):
    r"""Affine displacement field tau(u) = b + A (u - centre), with centre = ((h - 1)/2, (w - 1)/2).

    Parameters
    ----------
    shape : tuple (h, w)
        Pixels of the image.
    matrix : ndarray (2, 2) or (n, 2, 2)
        A; its spectral norm is the Jacobian norm.
    offset : ndarray (2,) or (n, 2)
        b, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import AffineField
    >>> field = AffineField((28, 28), matrix=0.1 * np.eye(2), offset=np.zeros(2))
    >>> field.values.shape, round(field.jacobian_sup_norm, 12), round(field.min_det, 12)
    ((28, 28, 2), 0.1, 0.81)
    """

    matrix: NDArray
    offset: NDArray

    def __post_init__(self) -> None:
        super().__post_init__()
        freeze(self, "matrix", self.matrix, (2, 2))
        freeze(self, "offset", self.offset, (2,))
        if self.matrix.shape[:-2] != self.offset.shape[:-1]:
            raise ValueError(
                f"matrix {self.matrix.shape} and offset {self.offset.shape} hold different numbers of fields."
            )

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """``()`` for one field, ``(n,)`` for a batch."""
        return self.matrix.shape[:-2]

    @property
    def half_waves(self) -> int:
        """1, since an affine field has no waves."""
        return 1

    def at(self, points: NDArray) -> NDArray:
        """Return tau (..., k, 2), in pixels, at `points` (k, 2) or, for a batch, (n, k, 2)."""
        centred = as_points(points, self.batch_shape) - (np.array(self.shape) - 1) / 2
        return centred @ np.swapaxes(self.matrix, -1, -2) + self.offset[..., None, :]

    def jacobian_at(self, points: NDArray) -> NDArray:
        """Return D tau (..., k, 2, 2) at `points`; entry [a, b] is d tau_a / d u_b."""
        return np.repeat(self.matrix[..., None, :, :], as_points(points, self.batch_shape).shape[-2], axis=-3)

    def scaled(self, factor: ArrayLike) -> AffineField:
        """Return factor * tau; `factor` is a number or, for a batch, an array (n,), one per field."""
        factor = self._as_factor(factor)
        return AffineField(self.shape, factor[..., None, None] * self.matrix, factor[..., None] * self.offset)

    def _at_index(self, index: Any) -> AffineField:
        return AffineField(self.shape, self.matrix[index], self.offset[index])

    @cached_property
    def sup_norm(self) -> Any:
        """Sup over u of |tau(u)|, in pixels; |tau| is convex, so the sup is reached at a corner."""
        h, w = self.shape
        corners = np.array([[0, 0], [0, w - 1], [h - 1, 0], [h - 1, w - 1]])
        return self._finish(length(self.at(corners)).max(-1))

    @cached_property
    def jacobian_sup_norm(self) -> Any:
        """The spectral norm of A."""
        return self._finish(spectral_norm(self.matrix))

    @cached_property
    def min_det(self) -> Any:
        """det(I - A)."""
        return self._finish(det_one_minus(self.matrix))


@dataclass(frozen=True)
class Translation(LinearDeformation):
    """Translations tau = c by `strength` pixels in a random direction; their Jacobian norm is 0.

    Examples
    --------
    >>> from kernelconv import Translation
    >>> field = Translation().sample((28, 28), strength=2.5, rng=0)
    >>> round(field.sup_norm, 12), field.jacobian_sup_norm
    (2.5, 0.0)
    """

    unit = "px"
    limit = float("inf")

    def n_parameters(self, shape: Pair) -> int:
        """Return 2: the components of the direction."""
        return 2

    def directions(self, shape: Pair, z: NDArray) -> AffineField:
        """Return the translations tau = z, one per row of `z` (n, 2)."""
        z = self._check_parameters(shape, z)
        return AffineField(shape, np.zeros((len(z), 2, 2)), z)

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> AffineField:
        """Return tau = strength z / |z|, since the strength of a translation is its length."""
        return self._directions(shape, z).rescale_to(sup_norm=strength)

    def strength_of(self, fields: DisplacementField) -> NDArray:
        """Return the length (n,) of each of a batch of translations, in pixels."""
        return np.asarray(fields.sup_norm)

    def guaranteed_strength(self, shape: Pair, radius: ArrayLike) -> Any:
        """Return `radius`, since the parameters are the shift itself, in pixels."""
        return check_radius(radius)


@dataclass(frozen=True)
class Rotation(Deformation):
    """Rotations about the centre by the angle with 2 sin(angle / 2) = s, clockwise or counterclockwise at random.

    A rotation never folds. The largest strength, s = 2, is half a turn.

    Examples
    --------
    >>> from kernelconv import Rotation
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

    def n_parameters(self, shape: Pair) -> int:
        """Return 1: the angle."""
        return 1

    def directions(self, shape: Pair, z: NDArray) -> AffineField:
        """Return the rotations by angles `z` (n, 1), in radians."""
        angle = check_finite(as_double(z, "z"), "z")
        if angle.ndim != 2 or angle.shape[1] != 1:
            raise ValueError(f"z must hold 1 parameter a field, (n, 1), got shape {angle.shape}.")
        angle = angle[:, 0]
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.eye(2) - np.moveaxis(np.array([[cos, -sin], [sin, cos]]), -1, 0)
        return _about_the_centre(shape, matrix)

    def guaranteed_strength(self, shape: Pair, radius: ArrayLike) -> Any:
        """Return 2 sin(`radius` / 2): a rotation of at most this Jacobian norm has an angle of at most `radius`."""
        return 2 * np.sin(np.minimum(check_radius(radius), np.pi) / 2)

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` rotations of the given strength, clockwise or counterclockwise at random."""
        return self.directions(shape, _signs(rng, n)[:, None] * 2 * np.arcsin(strength / 2))

    def draw_displaced(self, shape: Pair, displacement: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` rotations of the given ``rms_norm``, where |tau(u)| = 2 sin(angle / 2) |u - centre|."""
        radius = _about_the_centre(shape, np.eye(2)[None]).rms_norm[0]
        if radius == 0:
            raise ValueError("An image of one pixel has no typical displacement by rotations: they leave it as it is.")
        return self.draw(shape, self.check_strength(displacement / radius), rng, n)


@dataclass(frozen=True)
class Dilation(Deformation):
    """Dilations tau(u) = +-s (u - centre), which magnify by 1 / (1 - s) or shrink by 1 / (1 + s), at random.

    Examples
    --------
    >>> from kernelconv import Dilation
    >>> field = Dilation().sample((28, 28), strength=0.2, rng=0)
    >>> round(field.jacobian_sup_norm, 12)
    0.2
    """

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` dilations of the given strength, each of which magnifies or shrinks at random."""
        return _about_the_centre(shape, strength * _signs(rng, n)[:, None, None] * np.eye(2))


@dataclass(frozen=True)
class Shear(Deformation):
    """Shears tau(u) = +-s (u_b - centre_b) e_a, a != b: rows or columns slide over one another, at random.

    Examples
    --------
    >>> from kernelconv.deformations import Shear
    >>> field = Shear().sample((28, 28), strength=0.3, rng=0)
    >>> round(field.jacobian_sup_norm, 12), round(field.min_det, 12)
    (0.3, 1.0)
    """

    def draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        """Return `n` shears of the given strength, of rows or of columns, and of either sign."""
        matrix = np.zeros((n, 2, 2))
        axis = rng.integers(2, size=n)
        matrix[np.arange(n), axis, 1 - axis] = strength * _signs(rng, n)
        return _about_the_centre(shape, matrix)


@dataclass(frozen=True)
class AffineDeformation(LinearDeformation):
    """Fields tau(u) = A (u - centre), where A has independent normal entries and is rescaled to spectral norm s.

    Examples
    --------
    >>> from kernelconv.deformations import AffineDeformation
    >>> field = AffineDeformation().sample((28, 28), strength=0.3, rng=0)
    >>> round(field.jacobian_sup_norm, 12), field.is_diffeomorphism()
    (0.3, True)
    """

    def n_parameters(self, shape: Pair) -> int:
        """Return 4: the entries of A."""
        return 4

    def directions(self, shape: Pair, z: NDArray) -> AffineField:
        """Return the fields tau(u) = A (u - centre); each row of `z` (n, 4) holds the entries of one A."""
        return _about_the_centre(shape, np.reshape(self._check_parameters(shape, z), (-1, 2, 2)))


def _signs(rng: np.random.Generator, n: int) -> NDArray:
    return rng.choice([-1.0, 1.0], n)


def _about_the_centre(shape: Pair, matrix: NDArray) -> AffineField:
    return AffineField(shape, matrix, np.zeros((len(matrix), 2)))
