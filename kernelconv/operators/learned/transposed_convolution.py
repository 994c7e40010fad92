"""TransposedConvolution: the adjoint of a convolution, as a part of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import like, namespace
from kernelconv._check import Pair, as_pair
from kernelconv._types.arrays import Data
from kernelconv.operators.base import Shape3
from kernelconv.operators.learned.affine import PatchwiseAffine
from kernelconv.operators.patches.borders import folded, padded
from kernelconv.operators.patches.extraction import PairLike, PatchExtraction


@dataclass(frozen=True, repr=False)
class TransposedConvolution(PatchwiseAffine):
    r"""The adjoint of `Convolution`, which makes larger maps of smaller ones: y = P*(x W') + b.

    .. math:: y'[s i + d k, s j + d l, c] \mathrel{+}= \sum_m x[i, j, m] \, W[(k, l, c), m]

    over all i, j, k, l; y is y' with its borders folded back, plus b. With the same W and without b,
    <Convolution(W) x, y> = <x, TransposedConvolution(W) y>.

    Parameters
    ----------
    n_filters : int
        Channels of the output, those of the convolution's input.
    size : int or (int, int)
        Filter height and width (px).
    stride : int or (int, int)
        Step (px of the output) between the patches that two neighbouring positions add.
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}, int or (int, int)
        The convolution's, as `PatchExtraction`: what is added beyond the edge is cut off, or folded back.
    dilation : int or (int, int)
        Step inside a filter (px).
    bias : bool
        Add b; without it the part is linear and has an adjoint, the convolution, and a matrix.
    initialization : str
        Initial weights, as `Convolution`.
    output_padding : int or (int, int)
        Rows and columns added to the smallest output that the convolution would map to this part's input size, less
        than the stride: h = (h' - 1) s + e - borders + output_padding, where e = d (size - 1) + 1. With padding="zero",
        output_padding = stride - 1 gives h = s h'.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``build`` without `rng`, or if the borders leave no pixel.

    Notes
    -----
    ``params``: "weight" (k_h k_w n_filters, c), drawn with fan_in = k_h k_w c / (s_h s_w), the values that an output
    sums on average, and fan_out = k_h k_w n_filters; "bias" (n_filters,), zeros. Cost: h' w' c k_h k_w n_filters
    multiply-adds. Definition: zeros between the positions, then a convolution at stride 1 with the filters turned by
    half a turn. Adjoint: (P g) W. Lipschitz constant: norm(P) norm(W), as the convolution's.

    References
    ----------
    Dumoulin & Visin (2016), A guide to convolution arithmetic for deep learning, chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import TransposedConvolution
    >>> part = TransposedConvolution(1, 3, stride=2, padding=1, output_padding=1)
    >>> part.build((14, 14, 8), np.random.default_rng(0)).forward(np.ones((2, 14, 14, 8))).shape
    (2, 28, 28, 1)
    """

    output_padding: PairLike = 0

    def __post_init__(self) -> None:
        """Check the output's padding, and the rest as a convolution does."""
        super().__post_init__()
        extra = as_pair(self.output_padding, "output_padding", 0)
        if any(p >= s for p, s in zip(extra, self.stride, strict=True)):
            raise ValueError(f"output_padding must be below the stride {self.stride}, got {self.output_padding!r}.")
        object.__setattr__(self, "output_padding", extra)

    @property
    def equivariant(self) -> bool:
        """True with circular borders at stride 1."""
        return self.padding == "circular" and self.stride == (1, 1)

    def _padded_out(self, in_shape: Shape3) -> Pair:
        """Return height and width of the output before its borders are folded back."""
        per_axis = zip(in_shape, self.stride, self.patches.extent, self.output_padding, strict=False)
        return tuple((n - 1) * s + e + extra for n, s, e, extra in per_axis)

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        h, w = (n - sum(b) for n, b in zip(self._padded_out(in_shape), self.patches.borders(), strict=True))
        if h < 1 or w < 1:
            raise ValueError(
                f"No pixel is left: maps of {tuple(in_shape[:2])} px become {self._padded_out(in_shape)} px, of which "
                f"padding={self.padding!r} takes {tuple(map(sum, self.patches.borders()))}. Use less padding."
            )
        return h, w, self.n_filters

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(P) norm(W) of a built part, else None."""
        if self.in_shape is None:
            return None
        return self.patches._lipschitz(self._out_shape(in_shape)) * float(np.linalg.norm(self.params["weight"], 2))

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, tuple[Any, ...]]:
        """Return ((extent - 1) // stride + 1, 1 / stride)."""
        field = tuple((e - 1) // s + 1 for e, s in zip(self.patches.extent, self.stride, strict=True))
        return field, tuple(1 if s == 1 else Fraction(1, s) for s in self.stride)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return (border - extent + 1) / stride, a fraction: the first position that may affect output (0, 0)."""
        per_axis = zip(self.patches.borders(), self.patches.extent, self.stride, strict=True)
        rows, columns = (Fraction(before - e + 1, s) for (before, _), e, s in per_axis)
        return rows, columns

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h' w' c k_h k_w n_filters."""
        return int(np.prod(in_shape) * np.prod(self.size)) * self.n_filters

    def _param_shapes(self, in_shape: Shape3, fan_in: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (int(np.prod(self.size)) * self.n_filters, in_shape[2]), "bias": (self.n_filters,)}

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Self:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        self.out_shape(in_shape)
        return self._draw(in_shape, max(1, in_shape[2] * int(np.prod(self.size)) // int(np.prod(self.stride))), rng)

    def _product(self, x: Any, weight: Any) -> Any:
        """Return P*(x W'): zeros between the positions, then the filters turned by half a turn, at stride 1."""
        (eh, ew), (sh, sw), (h, w) = self.patches.extent, self.stride, self._padded_out(x.shape[1:])
        _, gh, gw, _ = x.shape
        x = _with_zeros_between(_with_zeros_between(x, 1, sh), 2, sw)
        x = padded(x, (eh - 1, max(0, h - gh * sh)), (ew - 1, max(0, w - gw * sw)), "zero")
        patches = PatchExtraction(self.size, dilation=self.dilation).definition(x[:, : eh - 1 + h, : ew - 1 + w, :])
        y = patches @ self._turned(weight)
        return folded(y, *self.patches.borders(), self.patches.padding_mode)

    def _turned(self, weight: Any) -> Any:
        """Return W (k_h k_w n_filters, c) as the matrix (k_h k_w c, n_filters) of the filters turned half a turn."""
        xp, c = namespace(weight), weight.shape[1]
        filters = xp.flip(xp.reshape(weight, (*self.size, self.n_filters, c)), axis=(0, 1))
        return xp.reshape(xp.permute_dims(filters, (0, 1, 3, 2)), (-1, self.n_filters))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return self._rows(y) @ like(self.params["weight"], y)

    def _weight_gradient(self, x: NDArray, g: NDArray) -> NDArray:
        """Return (P g)' x, summed over images and positions."""
        return super()._weight_gradient(g, x)


def _with_zeros_between(x: Any, axis: int, step: int) -> Any:
    """Return `x` with step - 1 zeros after each position of `axis`."""
    xp = namespace(x)
    shape = tuple(n * step if a == axis else n for a, n in enumerate(x.shape))
    return xp.reshape(xp.stack([x, *[xp.zeros_like(x)] * (step - 1)], axis=axis + 1), shape)
