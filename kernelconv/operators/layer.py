"""Layer(P, M, A): one step x -> A M P x, with pooling before whitening where they commute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.composite import Composite, Parts


@dataclass(frozen=True, repr=False)
class Layer(Composite):
    r"""One layer of a convolutional representation, x -> A M P x.

    Parameters
    ----------
    patches : Part
        P, usually a `PatchExtraction`.
    mapping : Part
        M: `KernelMapping`, `Modulus`, `ReLU` or another nonlinearity.
    pooling : Part
        A: a pooling.

    Notes
    -----
    A linear pooling acts on positions and the whitening of `KernelMapping` on channels, so they commute: the layer
    pools kappa(Z x / norm(x)) first and multiplies by (kappa(Z Z') + eps I)^(-1/2) afterwards, on s^2 times fewer
    positions. Fused equals unfused up to rounding. Patches of 2 to 5 px a side with more than four channels are not
    extracted: Toom-Cook tiles compute their products with the anchors, in float32 with errors up to about 1e-5 of the
    largest product nearby.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import GaussianPooling, KernelMapping, Layer, PatchExtraction
    >>> layer = Layer(PatchExtraction(3), KernelMapping(8), GaussianPooling(2))
    >>> layer
    GaussianPooling(2) ∘ KernelMapping(8) ∘ PatchExtraction(3)
    >>> layer.build((8, 8, 1), np.random.default_rng(0)).forward(np.ones((2, 8, 8, 1))).shape
    (2, 3, 3, 8)
    """

    patches: Part
    mapping: Part
    pooling: Part

    _own_engine = Parts

    def __post_init__(self) -> None:
        """Check that all three are parts."""
        for name in ("patches", "mapping", "pooling"):
            if not isinstance(getattr(self, name), Part):
                raise ValueError(f"{name} of a Layer must be a part, got {getattr(self, name)!r}.")

    @property
    def named_parts(self) -> dict[str, Part]:
        """{"P": patches, "M": mapping, "A": pooling}."""
        return {"P": self.patches, "M": self.mapping, "A": self.pooling}

    @property
    def real_only(self) -> bool:
        """The trait of the mapping, since P and A are usually linear."""
        return self.mapping.real_only

    def _with_parts(self, parts: Sequence[Part]) -> Layer:
        patches, mapping, pooling = parts
        return self._with(patches=patches, mapping=mapping, pooling=pooling)

    @property
    def fused(self) -> bool:
        """True if the layer pools before whitening."""
        return self.mapping.splits and self.pooling.linear and self.pooling.channelwise

    def definition(self, x: Array) -> Any:
        """Return A M P x: (n, h, w, c) -> (n, h', w', c')."""
        return self.pooling.definition(self.mapping.definition(self.patches.definition(x)))

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the sum over the parts; where fused, the whitening is counted at the pooled positions."""
        total = super().multiply_adds(in_shape)
        if self.fused:
            _, before, _, after = self.shapes(in_shape)
            k = self.mapping.out_shape(before)[2]
            total -= k * k * int(before[0] * before[1] - after[0] * after[1])
        return total

    def _inner_shapes(self, *, gradient: bool = False) -> list[Shape3]:
        """Return the shapes of P x, M P x and A M P x; not the first where the engine does without the patches."""
        shapes = super()._inner_shapes(gradient=gradient)
        return shapes[1:] if self._engine.without_patches and not gradient else shapes
