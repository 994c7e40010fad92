"""Layer(P, M, A): one step x -> A M P x, with pooling before whitening where they commute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.composite import Composite
from kernelconv.operators.fast.correlation import Correlation, Planes
from kernelconv.operators.fast.tiles import Tiles, correlation
from kernelconv.operators.mappings.kernel_mapping import KernelMapping
from kernelconv.operators.patches.extraction import PatchExtraction


@dataclass(frozen=True, repr=False)
class Layer(Composite):
    r"""One layer of a convolutional representation, x -> A M P x.

    Parameters
    ----------
    patches : Part
        P, a `PatchExtraction` as a rule.
    mapping : Part
        M: `KernelMapping`, `Modulus`, `ReLU`.
    pooling : Part
        A: a pooling.

    Notes
    -----
    A linear pooling acts on positions and the whitening of `KernelMapping` on channels, so they commute: the layer
    pools kappa(Z x / norm(x)) first and multiplies by (kappa(Z Z') + eps I)^(-1/2) afterwards, on s^2 times fewer
    positions. Fused equals unfused up to rounding. Patches of 2 to 5 px a side, of more than four channels, are not
    made: their products with the anchors come by Toom-Cook tiles, in float32 to about 1e-5 of the strongest one nearby.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import GaussianPooling, KernelMapping, PatchExtraction
    >>> layer = Layer(PatchExtraction(3), KernelMapping(8), GaussianPooling(2))
    >>> layer
    GaussianPooling(2) ∘ KernelMapping(8) ∘ PatchExtraction(3)
    >>> layer.build((8, 8, 1), np.random.default_rng(0)).forward(np.ones((2, 8, 8, 1))).shape
    (2, 3, 3, 8)
    """

    patches: Part
    mapping: Part
    pooling: Part

    @property
    def named_parts(self) -> dict[str, Part]:
        """{"P": patches, "M": mapping, "A": pooling}."""
        return {"P": self.patches, "M": self.mapping, "A": self.pooling}

    def _with_parts(self, parts: Sequence[Part]) -> Layer:
        patches, mapping, pooling = parts
        return self._copy_with(patches=patches, mapping=mapping, pooling=pooling)

    @property
    def fused(self) -> bool:
        """True if the layer pools before whitening."""
        return isinstance(self.mapping, KernelMapping) and self.pooling.linear

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the sum over the parts, whitening counted after pooling where fused."""
        total = super().multiply_adds(in_shape)
        if self.fused:
            _, before, _, after = self.shapes(in_shape)
            k = self.mapping.out_shape(before)[2]
            total -= k * k * int(before[0] * before[1] - after[0] * after[1])
        return total

    def inner_shapes(self, in_shape: Shape3, *, gradient: bool = False) -> list[Shape3]:
        """Return the shapes of P x, M P x and A M P x; not the first where tiles do without the patches."""
        shapes = super().inner_shapes(in_shape, gradient=gradient)
        by_tiles = self.fused and not gradient and isinstance(self._engine(in_shape), Tiles)
        return shapes[1:] if by_tiles else shapes

    def _engine(self, in_shape: Shape3) -> Correlation | None:
        return correlation(self.patches, tuple(in_shape)) if isinstance(self.patches, PatchExtraction) else None

    def forward(self, x: NDArray) -> NDArray:
        """Return A M P x: (n, h, w, c) -> (n, h', w', c')."""
        if not self.fused:
            return super().forward(x)
        mapping: Any = self.mapping
        return mapping.whiten(self.pooling.forward(self._embed(x, mapping)))

    def _embed(self, x: NDArray, mapping: KernelMapping) -> NDArray:
        """Return ``mapping.embed(P x)``, in the layout that is cheapest, or by tiles without the patches."""
        patches: Any = self.patches
        engine = self._engine(x.shape[1:])
        if isinstance(engine, Tiles):
            products = engine.multiply(engine.unfold(x), self._filters(engine, mapping.params["anchors"], x.dtype))
            return mapping.embed_products(products, patches.norms(x))
        if isinstance(engine, Planes):
            return mapping.embed(engine.unfold(x).transpose(3, 1, 2, 0), patches.norms(x))
        return mapping.embed(patches.forward(x))

    def _filters(self, engine: Tiles, anchors: NDArray, dtype: np.dtype[Any]) -> NDArray:
        """Return what `engine` reads of the anchors; kept, since every block of images asks for the same."""
        known = getattr(self, "_kept", None)
        if known is None or known[0] is not engine or known[1].dtype != dtype:
            known = engine, engine.filters(anchors.astype(dtype, copy=False).T)
            object.__setattr__(self, "_kept", known)
        return known[1]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is kept for speed: a copy may hold other anchors, and a file need not hold it."""
        return {k: v for k, v in self.__dict__.items() if k != "_kept"}

    def pullback(
        self, x: NDArray, *, train: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[NDArray, Pullback, State]:
        """Return (A M P x, pullback, state); the anchors' gradient has a share from each half of M."""
        if not self.fused:
            return super().pullback(x, train=train, rng=rng)
        mapping: Any = self.mapping
        p, pull_patches, _ = self.patches.pullback(x)
        m, pull_embed = mapping.embed_pullback(p)
        a, pull_pooling, _ = self.pooling.pullback(m)
        y, pull_whiten = mapping.whiten_pullback(a)

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            g, dz_whiten = pull_whiten(g)
            g, dz_embed = pull_embed(pull_pooling(g)[0])
            return pull_patches(g)[0], {"M.anchors": dz_embed + dz_whiten}

        return y, pullback, self.state
