"""Learned convolution: patch extraction, then a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, check_count, check_shape
from kernelconv.operators.base import Shape3
from kernelconv.operators.learned.affine import Affine
from kernelconv.operators.patches.extraction import PaddingLike, PairLike, PatchExtraction


@dataclass(frozen=True, repr=False)
class Convolution(Affine):
    r"""A learned convolution (cross-correlation, as CNNs use it): patch extraction, then a matrix.

    .. math:: y[i, j, m] = \sum_{k, l, c} x'[s i + d k, s j + d l, c] \, W[(k, l, c), m] + b_m

    Parameters
    ----------
    n_filters : int
        Channels of the output.
    size : int or (int, int)
        Filter height and width (px).
    stride : int or (int, int)
        Step (px).
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}, int or (int, int)
        As `PatchExtraction`.
    dilation : int or (int, int)
        Step inside a filter (px).
    bias : bool
        Add b; without it the part is linear and has an adjoint and a matrix.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``build`` without `rng`, or if a filter is larger than the
        padded image.

    Notes
    -----
    ``params``: "weight" (k_h k_w c, n_filters), drawn from U(-1, 1) / sqrt(k_h k_w c); "bias" (n_filters,), zeros.
    Cost: h' w' k_h k_w c n_filters multiply-adds; fewer by Toom-Cook tiles for filters of 2 to 5 px a side, moved by
    one, on more than four channels: in float32 these err by 2e-6 of the result, where sums err by 2e-7. The gradient
    in W sums over all positions: weight sharing is the adjoint of patch extraction.

    References
    ----------
    LeCun et al. (1998), Gradient-based learning applied to document recognition. Glorot & Bengio (2010),
    Understanding the difficulty of training deep feedforward neural networks, equation 1, for the start weights.

    Examples
    --------
    >>> import numpy as np
    >>> part = Convolution(8, 5, padding="zero").build((28, 28, 1), np.random.default_rng(0))
    >>> part.forward(np.zeros((2, 28, 28, 1))).shape, part.n_params()
    ((2, 28, 28, 8), 208)
    """

    n_filters: int
    size: PairLike
    stride: PairLike = 1
    padding: PaddingLike = "valid"
    dilation: PairLike = 1
    bias: bool = True

    def __post_init__(self) -> None:
        """Check the number of filters and let P check the rest."""
        check_count(self.n_filters, "n_filters")
        for name in ("size", "stride", "padding", "dilation"):
            object.__setattr__(self, name, getattr(self.patches, name))

    @property
    def n_outputs(self) -> int:
        """`n_filters`."""
        return self.n_filters

    @cached_property
    def patches(self) -> PatchExtraction:
        """The patch extraction that the matrix multiplies."""
        return PatchExtraction(self.size, self.stride, self.padding, self.dilation)

    @property
    def equivariant(self) -> bool:
        """True with circular borders."""
        return self.padding == "circular"

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(P) norm(W) of a built part, else None."""
        if self.in_shape is None:
            return None
        return self.patches._lipschitz(in_shape) * float(np.linalg.norm(self.params["weight"], 2))

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*self.patches.grid(in_shape), self.n_filters)

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (extent, stride)."""
        return self.patches.receptive_field(in_shape)

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h' w' k_h k_w c n_filters."""
        return int(np.prod(self.patches.out_shape(in_shape))) * self.n_filters

    def _rows(self, x: Any) -> Any:
        return self.patches.definition(x)

    def _rows_adjoint(self, p: NDArray, shape: tuple[int, ...]) -> NDArray:
        return self.patches._adjoint(p, shape)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> Convolution:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        fan_in = self.size[0] * self.size[1] * check_shape(in_shape)[2]
        return self._draw(in_shape, fan_in, rng)
