"""Families of deformations: each draws random displacement fields of an exact given size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, as_pair, check_count, check_positive, check_rng
from kernelconv.deformations.fields import AffineField, DisplacementField
from kernelconv.deformations.sine import SineField


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
        strength: float,
        rng: Any = None,
        size: int | None = None,
        *,
        allow_folding: bool = False,
    ) -> DisplacementField:
        """Return one random field, or a batch of `size` independent ones, of exactly the given strength.

        Parameters
        ----------
        shape : int or tuple (h, w)
            Pixels of the image.
        strength : float
            Jacobian norm (no unit), or pixels for `Translation`; > 0.
        rng : None, int or numpy Generator
            Source of the draw.
        size : int, optional
            Number of fields; None gives a single one.
        allow_folding : bool
            Accept a strength at which id - tau may no longer be one-to-one (a Jacobian norm of 1 or more).

        Raises
        ------
        ValueError
            If the strength is not > 0 and finite, is at or above the family's limit without `allow_folding`, or
            the image is too small for the family.
        """
        strength = self.check_strength(strength, allow_folding=allow_folding)
        n = 1 if size is None else check_count(size, "size")
        fields = self._draw(as_pair(shape, "shape"), strength, check_rng(rng), n)
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


@dataclass(frozen=True)
class Translation(Deformation):
    """tau = c: a shift of `strength` pixels in a random direction; its Jacobian norm is 0.

    Examples
    --------
    >>> field = Translation().sample((28, 28), strength=2.5, rng=0)
    >>> round(field.sup_norm, 12), field.jacobian_sup_norm
    (2.5, 0.0)
    """

    unit = "px"
    limit = float("inf")

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> AffineField:
        angle = rng.uniform(0, 2 * np.pi, n)
        offset = strength * np.stack([np.sin(angle), np.cos(angle)], -1)
        return AffineField(shape, np.zeros((n, 2, 2)), offset)


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
class SmoothDeformation(Deformation):
    r"""Maximum-entropy smooth fields, zero on the border, each rescaled to the exact Jacobian norm asked for.

    Both components are sums over i, j >= 1 with sqrt(i^2 + j^2) < cutoff + 1/2 of C_ij sin(i pi u) sin(j pi v),
    C_ij ~ N(0, T / (i^2 + j^2)) independent, u and v running over [0, 1] from the first pixel to the last. The
    temperature T drops out in the rescaling.

    Parameters
    ----------
    cutoff : int
        Largest number of half waves across the image, at least 2 (the lowest mode alone has radius sqrt(2)).

    Notes
    -----
    The published sampler multiplies by a nominal displacement that overstates the true one, and lets fields fold;
    here only its distribution of directions is kept.

    References
    ----------
    Petrini, Favero, Geiger, Wyart, "Relative stability toward diffeomorphisms indicates performance in deep nets",
    2021, section 3.

    Examples
    --------
    >>> field = SmoothDeformation(cutoff=3).sample((28, 28), strength=0.4, rng=0)
    >>> field.values.shape, round(field.jacobian_sup_norm, 6), field.is_diffeomorphism()
    ((28, 28, 2), 0.4, True)
    """

    cutoff: int = 3

    def __post_init__(self) -> None:
        check_count(self.cutoff, "cutoff")

    def _draw(self, shape: Pair, strength: float, rng: np.random.Generator, n: int) -> SineField:
        modes = np.arange(1, self.cutoff + 1)
        radius = np.hypot(modes[:, None], modes)
        deviation = (radius < self.cutoff + 0.5) / radius
        directions = SineField(shape, deviation * rng.standard_normal((n, 2, self.cutoff, self.cutoff)))
        return directions.rescale_to(jacobian_norm=strength)


def _signs(rng: np.random.Generator, n: int) -> NDArray:
    return rng.choice([-1.0, 1.0], n)


def _about_the_centre(shape: Pair, matrix: NDArray) -> AffineField:
    return AffineField(shape, matrix, np.zeros((len(matrix), 2)))
