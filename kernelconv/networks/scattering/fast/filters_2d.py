"""The wavelets of the cascade map by map: products with spectra, folded onto a coarser grid."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv.networks.scattering.fast.scratch import Scratch
from kernelconv.operators.wavelets.morlet import crop


class Wavelets2D:
    """All angles of one scale, from maps at one resolution to maps at a coarser one.

    A spectrum is k x k tiles that fold onto each other, frequency 0 in their middle. A wavelet is large on a few
    neighbouring ones; what lies below rounding adds nothing, so that each angle reads its own rectangle of tiles.
    """

    def __init__(self, psi: NDArray, source: int, target: int, dtype: np.dtype, symmetric: bool):
        psi = crop(psi, 2**source, symmetric=symmetric)
        angles, height, width = psi.shape
        k = 2 ** (target - source)
        h, w = self.shape = height // k, width // k
        self.target = target
        order = (np.arange(k) + (k + 1) // 2) % k
        tiles = (
            psi.reshape(angles, k, h, k, w).transpose(0, 1, 3, 2, 4)[:, order][:, :, order].reshape(angles, k, k, -1)
        )
        peak = np.abs(tiles).max(axis=3)
        large = peak > 4 * np.finfo(dtype).eps * peak.max()
        # the tiles that some angle sees, and among them those of each
        rows, columns = (_span(large.any(axis=(0, other))) for other in (2, 1))
        self.order = order[rows], order[columns]
        large, tiles = large[:, rows, columns], tiles[:, rows, columns]
        self.spans = [(_span(one.any(axis=1)), _span(one.any(axis=0))) for one in large]
        # both FFTs go unscaled, so the filter carries their scale; each value twice: for real and imaginary part
        self.filters = [
            np.repeat(one[span] / (height * width), 2, axis=-1).astype(dtype)
            for one, span in zip(tiles, self.spans, strict=True)
        ]

    def gather(self, spectrum: NDArray, scratch: Scratch, depth: int) -> NDArray:
        """Return the tiles of spectra (m, p, H, W) that some angle sees: (m, p, rows, columns, 2 h w), real."""
        (m, p, height, width), (h, w) = spectrum.shape, self.shape
        tiles = spectrum.reshape(m, p, height // h, h, width // w, w)
        out = scratch.array(("aliases", depth), (m, p, *map(len, self.order), h, w), spectrum.dtype)
        for i, row in enumerate(self.order[0]):
            for j, column in enumerate(self.order[1]):
                out[:, :, i, j] = tiles[:, :, row, :, column]
        return out.reshape(*out.shape[:4], h * w).view(self.filters[0].dtype)

    def waves(self, aliases: NDArray, angles: slice | NDArray, scratch: Scratch) -> NDArray:
        """Return ``u * psi`` subsampled, complex (m, p * angles, h, w), from the tiles of the spectra of u.

        It lies in `scratch`, and the next call overwrites it.
        """
        (m, p), chosen = aliases.shape[:2], np.arange(len(self.filters))[angles]
        folded = scratch.array(("folded", 0), (m, p, len(chosen), aliases.shape[-1]), aliases.dtype)
        for i, angle in enumerate(chosen):
            np.einsum("mprcf,rcf->mpf", aliases[:, :, *self.spans[angle]], self.filters[angle], out=folded[:, :, i])
        spectra = folded.view(np.result_type(folded.dtype, np.complex64)).reshape(m, p * len(chosen), *self.shape)
        return scipy.fft.ifft2(spectra, norm="forward", overwrite_x=True, workers=1)

    def adjoint(self, g: NDArray, angles: slice | NDArray, spectrum: NDArray) -> None:
        """Add to `spectrum` (m, p, H, W) the unscaled FFT of the gradient in u of Re <g, u * psi>."""
        (m, p, height, width), (h, w) = spectrum.shape, self.shape
        chosen = np.arange(len(self.filters))[angles]
        back = scipy.fft.fft2(g, overwrite_x=True, workers=1).reshape(m, p, len(chosen), h * w)
        tiles = spectrum.reshape(m, p, height // h, h, width // w, w)
        for i, angle in enumerate(chosen):
            rows, columns = (order[span] for order, span in zip(self.order, self.spans[angle], strict=True))
            for a, row in enumerate(rows):
                for b, column in enumerate(columns):
                    values = back[:, :, i] * self.filters[angle][a, b, ::2]
                    tiles[:, :, row, :, column] += values.reshape(m, p, h, w)


def _span(where: NDArray) -> slice:
    """Return the shortest slice that holds all places where `where` (n,) is True."""
    found = np.flatnonzero(where)
    return slice(int(found[0]), int(found[-1]) + 1)
