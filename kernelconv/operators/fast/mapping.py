"""Mappings in few passes over memory: of the kernel mapping cosines, kappa and norms in one array, then whitening."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._scales import rescaled, scales
from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.layouts import on_channels
from kernelconv.operators.mappings.dot_product import safe
from kernelconv.operators.mappings.kernel_mapping import KernelMapping
from kernelconv.operators.mappings.kernels import Exponential


class Maximum(Engine):
    """ReLU as one comparison with zero."""

    def forward(self, x: NDArray) -> NDArray:
        """Return max(x, 0)."""
        return np.maximum(x, 0)

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (max(x, 0), g -> g where x > 0, state)."""
        y = np.maximum(x, 0)
        return y, lambda g: (g * (y > 0), {}), self.part.state


class Mapping(Engine):
    """psi(x) = A m with m = ``embed(x)``; a layer pools in between."""

    def __init__(self, part: KernelMapping) -> None:
        super().__init__(part)
        self.exponential = type(part.kernel) is Exponential
        self.matrices: dict[Any, NDArray] = {}

    def forward(self, x: NDArray) -> NDArray:
        """Return psi(x)."""
        return self.whiten(self.embed(x))

    def whiten(self, m: NDArray) -> NDArray:
        """Return A m at each position."""
        if m.dtype not in self.matrices:
            self.matrices[m.dtype] = self.part.whitening.matrix.astype(m.dtype)
        return on_channels(m, self.matrices[m.dtype])

    def embed(self, x: NDArray, norms: NDArray | None = None) -> NDArray:
        """Return m = norm(x) kappa(Z x / norm(x)), zero where x is; `norms` (n, h, w, 1) where they are known."""
        norms = position_norms(x) if norms is None else norms
        by = scales(x, norms.max(axis=(1, 2, 3)))
        if by is not None:  # squares overflow, or vanish
            return rescaled(self.embed, x, by)
        z = self.part.params["anchors"].astype(x.dtype, copy=False)
        if self.exponential:
            return self._embed_exponential(x, z, norms)
        cosines = on_channels(x, z.T)
        cosines *= 1 / safe(norms)
        m = self.part.kernel(cosines)
        m *= norms
        return m

    def _embed_exponential(self, x: NDArray, z: NDArray, norms: NDArray) -> NDArray:
        """Return ``embed(x)`` in few passes: norm exp(alpha (cos - 1)) = exp(alpha cos + log(norm) - alpha).

        Where there are fewer channels than anchors the sum is taken inside the matrix product, log(norm) - alpha being
        one more channel that meets an anchor's one.
        """
        alpha = x.dtype.type(self.part.kernel.slope)
        offset, scale = _offset(norms, alpha), alpha / safe(norms)
        if x.shape[-1] < len(z):
            rows = np.concatenate([x * scale, offset], axis=-1)
            m = on_channels(rows, np.concatenate([z.T, np.ones((1, len(z)), x.dtype)]))
        else:
            m = on_channels(x, z.T)
            m *= scale
            m += offset
        return np.exp(m, out=m)

    def embed_products(self, products: NDArray, norms: NDArray) -> NDArray:
        """Return ``embed(x)`` from Z x (n, h, w, n_anchors), which is overwritten, and norm(x) (n, h, w, 1).

        Fast correlations err by the rounding of what lies beside a patch, so the cosines of faint patches are cut.
        """
        m = products
        if not self.exponential:
            m *= 1 / safe(norms)
            m = self.part.kernel(np.clip(m, -1, 1, out=m))
            m *= norms
            return m
        alpha = m.dtype.type(self.part.kernel.slope)
        m *= alpha / safe(norms)
        np.clip(m, -alpha, alpha, out=m)
        m += _offset(norms, alpha)
        return np.exp(m, out=m)


def position_norms(x: NDArray) -> NDArray:
    """Return the norm at each position, (n, h, w, c) -> (n, h, w, 1)."""
    return np.sqrt(np.einsum("nhwc,nhwc->nhw", x, x))[..., None]


def _offset(norms: NDArray, alpha: Any) -> NDArray:
    """Return log(norm) - alpha, or where x is zero what makes its exponential an exact zero."""
    offset = np.full_like(norms, -1e4)
    np.log(norms, out=offset, where=norms > 0)
    offset -= alpha
    return offset
