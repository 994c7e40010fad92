"""Objective of the search: the change of Phi by the fields of a family at one strength, and its gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kernelconv._parallel.blocks import block_length, map_blocks
from kernelconv._types.parameters import Border
from kernelconv.deformations import DisplacementField, LinearDeformation, warp, warp_derivative
from kernelconv.deformations.norms.jacobians import spectral_norm, spectral_norm_gradient
from kernelconv.deformations.warp import Order
from kernelconv.stability.measures import relative_change
from kernelconv.stability.representation import Gradient, Representation, features
from kernelconv.stability.rows import brought

#: Cells per half wave of the grid on which Jacobian norms are compared and differentiated, and how sharply the latter:
#: a point at 1 % below the supremum counts exp(-0.6).
_CELLS, _SHARPNESS = 8, 60.0


@dataclass(frozen=True)
class Objective:
    """The relative change of Phi at n images `x`, a function of parameters z: one row per image."""

    represent: Representation
    gradient: Gradient | None
    x: NDArray
    family: LinearDeformation
    strength: float
    order: Order
    padding: Border
    n_jobs: int | None

    @cached_property
    def phi_x(self) -> NDArray:
        """Features (n, d) of the images as they are."""
        return features(self.represent, self.x)

    @property
    def n_parameters(self) -> int:
        """p, the length of an image's z."""
        return self.family.n_parameters(self.x.shape[1:3])

    def fields(self, z: NDArray) -> DisplacementField:
        """Return the fields of parameters `z`, each of exactly the strength."""
        return self.family.from_parameters(self.x.shape[1:3], z, self.strength)

    def change(self, z: NDArray, images: NDArray) -> NDArray:
        """Return |Phi(L_tau x) - Phi(x)| / |Phi(x)| of the images numbered `images` (m,) under fields `z` (m, p)."""
        phi_x = self.phi_x[images]  # asked for first: what phi makes of the images as they are is complained of first
        return relative_change(phi_x, features(self.represent, self._warped(self.fields(z), images), "phi(L_tau X)"))

    def norms(self, z: NDArray) -> NDArray:
        """Return the Jacobian norms (m,) of the fields of `z` (m, p) before they are rescaled, to 2 %.

        They need no evaluation of Phi.
        """

        def largest(s: slice) -> NDArray:
            fields = self.family.directions(self.x.shape[1:3], z[s])
            return spectral_norm(fields.jacobian_on_grid(*_grid(fields))).max((1, 2))

        points = math.prod(map(len, _grid(self.family.directions(self.x.shape[1:3], z[:1]))))
        return np.concatenate(map_blocks(largest, len(z), block_length(64 * points), self.n_jobs))

    def slope(self, z: NDArray, images: NDArray) -> NDArray:
        """Return the gradient (m, p) in `z` of |Phi(L_tau x) - Phi(x)|^2 at constant strength, but for a factor."""
        assert self.gradient is not None
        fields, shape = self.fields(z), self.x.shape[1:3]
        warped = self._warped(fields, images)
        found = np.asarray(brought(self.represent(warped)))
        cotangent = (found - self.phi_x[images].reshape(found.shape)).astype(warped.dtype)
        moved = warp_derivative(self.x[images], fields, order=self.order, padding=self.padding, n_jobs=self.n_jobs)
        in_field = (self.gradient(warped, cotangent)[..., None] * moved).reshape(len(z), *shape, -1, 2).sum(3)
        basis = self.family.directions(shape, np.eye(z.shape[1]))
        g = in_field.reshape(len(z), -1) @ basis.values.reshape(z.shape[1], -1).T
        # z / J(z) is what counts: along dJ the strength would grow, so that share of g is taken out
        outward = _norm_gradient(fields, basis, z)
        return g - (g * z).sum(1, keepdims=True) * outward / (outward * z).sum(1, keepdims=True)

    def _warped(self, fields: DisplacementField, images: NDArray) -> NDArray:
        return warp(self.x[images], fields, order=self.order, padding=self.padding, n_jobs=self.n_jobs)


def _grid(fields: DisplacementField) -> tuple[NDArray, NDArray]:
    """Return rows and columns of a grid that follows the fields' shortest wave."""
    rows, columns = (np.linspace(0, side - 1, _CELLS * fields.half_waves + 1) for side in fields.shape)
    return rows, columns


def _norm_gradient(fields: DisplacementField, basis: DisplacementField, z: NDArray) -> NDArray:
    """Return the direction (n, p) in which the Jacobian norm grows.

    The norm has a kink wherever two points of the image tie for the supremum, as they do at the worst fields: points
    count the more the closer they are to it, so that a step lowers all of them. Between the pixels, too: on small
    images the supremum is not at one. Where there is no Jacobian (translations) the strength is the length of z.
    """
    norm = np.asarray(fields.jacobian_sup_norm)
    if not norm.any():
        return z
    rows, columns = _grid(fields)
    total = np.zeros_like(z)
    step = block_length(32 * len(columns) * (len(z) + z.shape[1]))
    for first in range(0, len(rows), step):
        grid = rows[first : first + step], columns
        jacobian = fields.jacobian_on_grid(*grid)
        weight = np.exp(_SHARPNESS * (spectral_norm(jacobian) / norm[:, None, None] - 1))
        slopes = weight[..., None, None] * spectral_norm_gradient(jacobian)
        total += slopes.reshape(len(z), -1) @ basis.jacobian_on_grid(*grid).reshape(z.shape[1], -1).T
    return total
