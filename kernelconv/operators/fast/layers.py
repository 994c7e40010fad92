"""A layer whose pooling comes before the whitening, with products of patches in the layout that is cheapest."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._parallel.blocks import block_length, block_slices
from kernelconv._scales import rescaled, scales
from kernelconv.operators.composite import joined
from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.correlation.planes import Planes
from kernelconv.operators.fast.correlation.products import Correlation
from kernelconv.operators.fast.correlation.rows import Rows
from kernelconv.operators.fast.correlation.selection import correlation
from kernelconv.operators.fast.correlation.tiles import Tiles
from kernelconv.operators.fast.extraction import patch_norms, window_sums
from kernelconv.operators.fast.mapping import Mapping
from kernelconv.operators.layer import Layer
from kernelconv.operators.patches.extraction import PatchExtraction


class FusedLayer(Engine):
    """A m P x whitened after pooling, on s^2 times fewer positions."""

    def __init__(self, part: Layer, products: Correlation | None = None) -> None:
        super().__init__(part)
        self.patches: Any = part.patches
        self.pooling, self.mapping = part.pooling, Mapping(part.mapping)  # type: ignore[arg-type]

    def block(self, itemsize: int) -> int:
        """Return how many images' maps, a map and the one made of it at a time, stay in cache."""
        return block_length(itemsize * self._values)

    @cached_property
    def _values(self) -> int:
        sizes = map(math.prod, (self.part._in_shape, *self.part._inner_shapes()))
        return max(a + b for a, b in pairwise(sizes))

    def forward(self, x: NDArray) -> NDArray:
        """Return A M P x; blocks larger than this layer's own, made for a wide layer after it, in several turns."""
        step = max(self.block(x.itemsize), self.least_block(x.itemsize))
        done = [self.mapping.whiten(self.pooling.forward(self.embed(x[s]))) for s in block_slices(len(x), step)]
        return done[0] if len(done) == 1 else np.concatenate(done)

    def embed(self, x: NDArray) -> NDArray:
        """Return the mapping's ``embed(P x)``."""
        return self.mapping.embed(self.patches.forward(x))

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (A M P x, pull, state); the anchors' gradient has a share from each half of M."""
        mapping: Any = self.part.mapping
        p, pull_patches, of_patches = self.patches.pullback(x, train=train, rng=rng)
        m, pull_embed = mapping.embed_pullback(p)
        a, pull_pooling, of_pooling = self.pooling.pullback(m, train=train, rng=rng)
        y, pull_whiten = mapping.whiten_pullback(a)

        def pull(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            g, dz_whiten = pull_whiten(g)
            g, own_pooling = pull_pooling(g)
            g, dz_embed = pull_embed(g)
            g, own_patches = pull_patches(g)
            return g, joined({"P": own_patches, "M": {"anchors": dz_embed + dz_whiten}, "A": own_pooling})

        return y, pull, joined({"P": of_patches, "M": mapping.state, "A": of_pooling})


class FusedOnPlanes(FusedLayer):
    """Patches of a few channels as planes, their norms by sums over windows."""

    def __init__(self, part: Layer, products: Correlation) -> None:
        super().__init__(part, products)
        self.products, self.in_shape = products, part._in_shape

    def embed(self, x: NDArray) -> NDArray:
        """Return the mapping's ``embed(P x)``."""
        return self.mapping.embed(self.products.input_transform(x).transpose(3, 1, 2, 0), self.norms(x))

    def norms(self, x: NDArray) -> NDArray:
        """Return the norm of every patch, (n, h', w', 1), without the patches."""
        return patch_norms(x, window_sums(self.patches, self.in_shape[:2], x.dtype))


class FusedByTiles(FusedOnPlanes):
    """No patches: their products with the anchors by tiles."""

    without_patches = True
    products: Tiles

    def __init__(self, part: Layer, products: Tiles) -> None:
        super().__init__(part, products)
        self.filters: dict[np.dtype[Any], NDArray] = {}  # every block of images asks for the same

    def least_block(self, itemsize: int) -> int:
        """Return how many images at least make wide filters worth reading."""
        return self.products.least_block(len(self.part.mapping.params["anchors"]), itemsize)

    def embed(self, x: NDArray) -> NDArray:
        """Return the mapping's ``embed(P x)``."""
        norms = self.norms(x)
        by = scales(x, norms.max(axis=(1, 2, 3)))
        if by is not None:  # squares overflow, or vanish
            return rescaled(self.embed, x, by)
        if x.dtype not in self.filters:
            anchors = self.part.mapping.params["anchors"].astype(x.dtype, copy=False)
            self.filters[x.dtype] = self.products.filter_transform(anchors.T)
        products = self.products.multiply(self.products.input_transform(x), self.filters[x.dtype])
        return self.mapping.embed_products(products, norms)


_BY_PRODUCTS: dict[type, Any] = {Rows: FusedLayer, Planes: FusedOnPlanes, Tiles: FusedByTiles}


def fused(layer: Layer) -> Engine | None:
    """Return the engine of a layer that pools before whitening; None where it does not."""
    if not layer.fused or type(layer.mapping._engine) is not Mapping:  # a mapping of one's own keeps its definition
        return None
    if type(layer.patches) is not PatchExtraction:
        return FusedLayer(layer)
    products = correlation(layer.patches, layer._in_shape)
    return _BY_PRODUCTS[type(products)](layer, products)
