"""The cloud of fields tau_(p + e), e normal, around a field tau_p of a family; and an image warped by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv._numbers import shown
from kernelconv._types.parameters import Border
from kernelconv.deformations.families import Deformation
from kernelconv.deformations.fields import check_size
from kernelconv.deformations.warp import Order, check_interpolation, warp_each

#: Images that a model is given at a time.
BATCH = 256


@dataclass(frozen=True)
class Cloud:
    r"""Fields :math:`\tau_{p + e}`, e ~ N(0, sigma^2 I), of a family whose parameters may be added.

    An image is warped once, by the sum of the fields: warps do not compose, and interpolation needs no bound.

    Attributes
    ----------
    family : Deformation
        With `n_parameters`, `directions` and `guaranteed_strength`: every `LinearDeformation`, and `Rotation`.
    sigma : float
        Standard deviation of each parameter, in the parameters' unit: pixels for smooth fields (of the coefficients
        C_ij sqrt(i^2 + j^2)), radians for rotations.
    order, padding
        As in `warp`.
    """

    family: Deformation
    sigma: float
    order: Order = 3
    padding: Border = "zero"

    def __post_init__(self) -> None:
        if not isinstance(self.family, Deformation):
            raise ValueError(f"deformation must be a family such as SmoothDeformation(3), got {shown(self.family)}.")
        check_size(self.sigma, "sigma")
        check_interpolation(self.order, self.padding)
        try:
            self.family.n_parameters((28, 28))
        except TypeError as error:
            raise ValueError(
                f"Noise is added to the parameters of fields, and {error} For dilations and shears take "
                "AffineDeformation."
            ) from None

    def warped(self, image: NDArray, centre: NDArray, n: int, rng: np.random.Generator) -> Iterator[NDArray]:
        """Yield `n` copies of an image (h, w, c), each warped by a field around that of `centre` (p,), in batches."""
        shape = image.shape[:2]
        for first in range(0, n, BATCH):
            size = min(BATCH, n - first)
            z = centre + self.sigma * rng.standard_normal((size, len(centre)))
            yield self.moved(image, z, shape)

    def moved(self, image: NDArray, z: NDArray, shape: Pair) -> NDArray:
        """Return an image (h, w, c) warped by each of the fields of parameters `z` (n, p)."""
        return warp_each(image, self.family.directions(shape, z).values, self.order, self.padding)

    def origin(self, shape: Pair) -> NDArray:
        """Return the parameters of no deformation, zeros (p,)."""
        return np.zeros(self.family.n_parameters(shape))

    def of(self, outputs: Callable[[NDArray], NDArray], image: NDArray, centre: NDArray, n: int, rng: Any) -> NDArray:
        """Return what a model makes of `n` copies of an image, each warped by a field around that of `centre`."""
        return np.concatenate([outputs(batch) for batch in self.warped(image, centre, n, rng)])


@dataclass(frozen=True)
class NoiseSummary:
    """Jacobian norms and folding of the fields of a cloud around the zero field.

    Attributes
    ----------
    median_strength, high_strength : float
        Of their Jacobian norms (lengths in pixels of translations): the median, and the quantile of 95 %.
    folding : float
        Share of the fields that are not one-to-one.
    """

    median_strength: float
    high_strength: float
    folding: float


def summarize(cloud: Cloud, shape: Pair, rng: np.random.Generator, n: int = 256) -> NoiseSummary:
    """Return what `n` fields of the cloud are like."""
    z = cloud.sigma * rng.standard_normal((n, len(cloud.origin(shape))))
    fields = cloud.family.directions(shape, z)
    norms = cloud.family.strength_of(fields)
    median, high = (float(q) for q in np.quantile(norms, [0.5, 0.95]))
    return NoiseSummary(median, high, float(np.mean(~fields.is_diffeomorphism())))
