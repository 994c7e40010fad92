"""Families of deformations, each drawing random fields of an exact given size: the contract, and affine families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, as_pair, check_count, check_positive, check_rng
from kernelconv.deformations.fields import AffineField, DisplacementField


@dataclass(frozen=True)
class Deformation:
    r"""A family of displacement fields, sampled at an exact strength.

    The strength is the Jacobian norm s = sup over u of |D tau(u)|, without unit, except for `Translation`, whose
    strength is a length in pixels. For s < 1 the map u -> u - tau(u) is one-to-one; the stability theorems are
    stated for s <= 1/2.
    """

    #: Unit of the strength: ``""`` for a Jacobian norm, ``"px"`` for a length.
    unit = ""
    #: Strengths must stay below this, unless folding is allowed.
    limit = 1.0

    @property
    def name(self) -> str:
        """The family's name in reports: its specification, as it is written."""
        return repr(self)

    def sample(
        self,
        shape: Pair,
        strength: float | None = None,
        rng: Any = None,
        size: int | None = None,
        *,
        displacement: float | None = None,
        allow_folding: bool = False,
    ) -> DisplacementField:
        """Return one random field, or a batch of `size` independent ones, of exactly the given size.

        Parameters
        ----------
        shape : int or tuple (h, w)
            Pixels of the image.
        strength : float
            Jacobian norm (no unit), or pixels for `Translation`; > 0. Either this or `displacement`.
        rng : None, int or numpy Generator
            Source of the draw.
        size : int, optional
            Number of fields; None gives a single one.
        displacement : float
            Typical displacement of each field, its ``rms_norm``, in pixels; > 0.
        allow_folding : bool
            Accept a strength at which id - tau may no longer be one-to-one (a Jacobian norm of 1 or more).

        Raises
        ------
        ValueError
            If not exactly one of strength and displacement is given; if it is not > 0 and finite; if the strength, or
            the Jacobian norm that the displacement needs, is at or above the family's limit without `allow_folding`;
            or if the image is too small for the family.
        """
        if (strength is None) == (displacement is None):
            raise ValueError("sample wants exactly one of strength and displacement.")
        n, pair = 1 if size is None else check_count(size, "size"), as_pair(shape, "shape")
        if strength is not None:
            strength = self.check_strength(strength, allow_folding=allow_folding)
            fields = self._draw(pair, strength, check_rng(rng), n)
        else:
            fields = self._draw_displaced(pair, check_positive(displacement, "displacement"), check_rng(rng), n)
            norms = np.asarray(fields.jacobian_sup_norm)
            if (norms >= self.limit).any() and not allow_folding:
                raise ValueError(
                    f"displacement={displacement} px needs Jacobian norms up to {norms.max():.3g} here, not below "
                    f"{self.limit:g}: {int((norms >= self.limit).sum())} of {n} fields may fold. Ask for less, or "
                    "sample with allow_folding=True."
                )
        return fields[0] if size is None else fields

    def check_strength(self, strength: float, *, allow_folding: bool = False) -> float:
        """Return `strength` as a float; raise ValueError if this family refuses it."""
        strength = check_positive(strength, "strength")
        if strength >= self.limit and not allow_folding:
            raise ValueError(
                f"strength={strength} is not below {self.limit:g}: {type(self).__name__} fields of such a Jacobian "
                "norm may fold. Ask for less, or sample with allow_folding=True."
            )
        return strength

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> DisplacementField:
        raise NotImplementedError

    def _draw_displaced(self, shape: Pair, displacement: float, rng: np.random.Generator, n: int) -> DisplacementField:
        # right for families closed under scaling: the direction is drawn, its length follows
        return self._draw(shape, 0.5, rng, n).rescale_to(rms_norm=displacement)


@dataclass(frozen=True)
class LinearDeformation(Deformation):
    """A family whose directions are linear in parameters z: what a search for the worst field can walk in.

    A random field has z ~ N(0, I); every field is rescaled to the exact strength.
    """

    def n_parameters(self, shape: Pair) -> int:
        """Return the length of z for images of `shape` (h, w)."""
        raise NotImplementedError

    def directions(self, shape: Pair, z: NDArray) -> Any:
        """Return the fields, linear in `z` (n, p), before they are rescaled."""
        raise NotImplementedError

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> Any:
        """Return the fields of parameters `z` (n, p), each of exactly the given strength."""
        return self.directions(shape, z).rescale_to(jacobian_norm=strength)

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> Any:
        return self.from_parameters(shape, rng.standard_normal((n, self.n_parameters(shape))), strength)


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
        return AffineField(shape, np.zeros((len(z), 2, 2)), z)

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> AffineField:
        """Return tau = strength z / |z|: for a translation the strength is a length."""
        return self.directions(shape, z).rescale_to(sup_norm=strength)


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

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        angle = _signs(rng, n) * 2 * np.arcsin(strength / 2)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.eye(2) - np.moveaxis(np.array([[cos, -sin], [sin, cos]]), -1, 0)
        return _about_the_centre(shape, matrix)

    def _draw_displaced(self, shape: Pair, displacement: float, rng: np.random.Generator, n: int) -> AffineField:
        # |tau(u)| = 2 sin(angle / 2) |u - centre|
        radius = _about_the_centre(shape, np.eye(2)[None]).rms_norm[0]
        return self._draw(shape, self.check_strength(displacement / radius), rng, n)


@dataclass(frozen=True)
class Dilation(Deformation):
    """tau(u) = +-s (u - centre): magnifies by 1 / (1 - s) or shrinks by 1 / (1 + s), at random.

    Examples
    --------
    >>> field = Dilation().sample((28, 28), strength=0.2, rng=0)
    >>> round(field.jacobian_sup_norm, 12)
    0.2
    """

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
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

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
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
        return _about_the_centre(shape, np.reshape(z, (-1, 2, 2)))


def _signs(rng: np.random.Generator, n: int) -> NDArray:
    return rng.choice([-1.0, 1.0], n)


def _about_the_centre(shape: Pair, matrix: NDArray) -> AffineField:
    return AffineField(shape, matrix, np.zeros((len(matrix), 2)))
