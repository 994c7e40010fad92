"""Observations for the stability theorem: the size of a field, and the change of Phi over |x|."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_finite
from kernelconv._numbers import as_double, shown
from kernelconv._types.parameters import Border
from kernelconv.deformations import DisplacementField, warp
from kernelconv.deformations.warp import Order
from kernelconv.stability.plan import measured_images
from kernelconv.stability.representation import Phi, as_representation, features
from kernelconv.stability.rows import squared_norms
from kernelconv.stability.theorem.architecture import Architecture, check_architecture

#: The fields of `Observations`.
_SEEN = ("jacobian_norm", "sup_norm", "change")


@dataclass(frozen=True, eq=False, repr=False)
class Observations:
    """Observed changes |Phi(L_tau x) - Phi(x)| / |x|, one per image and field, in the theorem's normalisation.

    Attributes
    ----------
    jacobian_norm : ndarray (m,)
        Sup of |D tau|.
    sup_norm : ndarray (m,)
        Sup of |tau|, in pixels.
    change : ndarray (m,)
        The left-hand side of the theorem, divided by |x|.
    """

    jacobian_norm: NDArray
    sup_norm: NDArray
    change: NDArray

    def __post_init__(self) -> None:
        for name in _SEEN:
            values = check_finite(as_double(getattr(self, name), name), name)
            if values.ndim != 1 or len(values) != len(self.change) or (values < 0).any():
                raise ValueError(
                    f"{name} must hold one number >= 0 an observation, as many as the others, got {shown(values)}."
                )
            object.__setattr__(self, name, values)

    def __repr__(self) -> str:
        return f"Observations({len(self)} changes)"

    def __len__(self) -> int:
        return len(self.change)

    @staticmethod
    def join(parts: Sequence[Observations]) -> Observations:
        """Return all observations as one."""
        if not isinstance(parts, list | tuple) or not parts or not all(isinstance(p, Observations) for p in parts):
            raise ValueError(f"parts must be a non-empty list of Observations, got {shown(parts)}.")
        return Observations(*(np.concatenate([getattr(p, name) for p in parts]) for name in _SEEN))


def observe(
    phi: Phi,
    X: ArrayLike,
    fields: DisplacementField,
    architecture: Architecture,
    *,
    order: Order = 3,
    padding: Border = "zero",
    n_jobs: int | None = None,
) -> Observations:
    r"""Deform images and return the quantities of the theorem, one observation per image.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        A convolutional kernel network's features.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images, none of them zero.
    fields : DisplacementField
        A batch of n fields.
    architecture : Architecture
        Of `phi`: its ``normalization`` rescales features to those of the theorem, where P is an isometry.
    order, padding, n_jobs
        As in `warp`.

    Raises
    ------
    ValueError
        If `X` is not images or an image is zero; if there is not one field per image; if Phi's features are not rows
        of finite numbers.
    """
    check_architecture(architecture)
    x = measured_images(X)
    if not isinstance(fields, DisplacementField) or fields.batch_shape != (len(x),):
        raise ValueError(f"fields must be a batch of {len(x)} fields, one an image, got {shown(fields)}.")
    represent = as_representation(phi)
    norms = np.sqrt(squared_norms(x.reshape(len(x), -1)))
    if not norms.all():
        raise ValueError(
            f"{int((norms == 0).sum())} of {len(x)} images are zero: |x| = 0 bounds nothing. Leave them out."
        )
    warped = warp(x, fields, order=order, padding=padding, n_jobs=n_jobs)
    moved = features(represent, warped, "phi(L_tau X)") - features(represent, x)
    change = architecture.normalization * np.sqrt(squared_norms(moved)) / norms
    return Observations(np.asarray(fields.jacobian_sup_norm), np.asarray(fields.sup_norm), change)
