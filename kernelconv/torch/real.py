"""Scattering of small images in real products alone, as exports want it: no Fourier transform, no complex number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.operators import Crop, LowPass, Modulus, Pad, WaveletTransform
from kernelconv.operators.base import Part
from kernelconv.operators.composite import Composite
from kernelconv.operators.wavelets.halves import Halves, RealPart

#: Sides (px) up to which products with the Fourier matrix are no dearer than a fast transform by much.
LARGEST = 64


@dataclass(frozen=True)
class Pair:
    """Complex maps by their real and imaginary parts."""

    real: Tensor
    imaginary: Tensor


def by_products(part: Part, x: Any) -> Any:
    """Return what a part makes of maps (n, h, w, c); its wavelets by products with Fourier matrices."""
    if isinstance(part, ScatteringTransform | ScatteringTransform1D):
        return by_products(part.tree, x)
    if isinstance(part, Composite):
        return part._through(x, by_products)
    if isinstance(part, WaveletTransform | LowPass) and max(part.in_shape[:2]) <= LARGEST:
        waves = _filtered(part, x)
        return waves.real if isinstance(part, LowPass) else waves
    if isinstance(part, Halves) and not x.is_complex():
        zero = torch.zeros_like(x)
        return Pair(*(torch.stack(both, -1).flatten(-2) for both in ((x, zero), (zero, x))))
    if isinstance(x, Pair) and isinstance(part, RealPart):
        return x.real
    if isinstance(x, Pair) and isinstance(part, Pad | Crop):
        return Pair(part.definition(x.real), part.definition(x.imaginary))
    if isinstance(x, Pair):
        return _modulus(x) if isinstance(part, Modulus) else part.definition(torch.complex(x.real, x.imaginary))
    return part.definition(x)


def _filtered(part: Any, maps: Tensor | Pair) -> Pair:
    """Return the maps times each filter in frequency, (n, h / s, w / s, c A), as `WaveletTransform.definition` does."""
    x, y = (maps.real, maps.imaginary) if isinstance(maps, Pair) else (maps, torch.zeros_like(maps))
    spectra = Pair(*(each.movedim(-1, 1)[:, :, None] for each in (x, y)))  # (n, c, 1, h, w)
    steps = part._steps(part._bank(part.in_shape))
    axes = [(axis, part.in_shape[axis - 1], steps[axis]) for axis in part._axes]
    for axis, n, _ in axes:
        spectra = _along(axis, _fourier(n, x), spectra)
    filters = torch.tensor(part._filters, dtype=x.dtype, device=x.device)
    waves = Pair(spectra.real * filters, spectra.imaginary * filters)
    for axis, n, step in axes:
        waves = _along(axis, _fourier(n, x, inverse_every=step), waves)
    return Pair(*(v.flatten(1, 2).movedim(1, -1) for v in (waves.real, waves.imaginary)))


def _fourier(n: int, x: Tensor, inverse_every: int = 0) -> Pair:
    """Return the matrix of the Fourier transform of `n` values, or of its inverse at every so many positions."""
    turns = np.outer(np.arange(n), np.arange(n)) % n * (2 * np.pi / n)
    matrix = np.exp(1j * turns)[::inverse_every] / n if inverse_every else np.exp(-1j * turns)
    return Pair(*(torch.tensor(part, dtype=x.dtype, device=x.device) for part in (matrix.real, matrix.imag)))


def _along(axis: int, matrix: Pair, maps: Pair) -> Pair:
    """Return a complex matrix times complex maps along one of their last two axes."""

    def times(m: Tensor, x: Tensor) -> Tensor:
        return m @ x if axis == -2 else x @ m.T

    a, b = matrix.real, matrix.imaginary
    x, y = maps.real, maps.imaginary
    return Pair(times(a, x) - times(b, y), times(a, y) + times(b, x))


def _modulus(x: Pair) -> Tensor:
    """Return the modulus, with a derivative of 0 where it is 0."""
    squares = x.real * x.real + x.imaginary * x.imaginary
    some = squares > 0
    return torch.where(some, torch.sqrt(torch.where(some, squares, 1.0)), 0.0)
