"""Convolution of maps with the filters of a bank by FFT, borders being circular: what P and A of scattering share."""

from __future__ import annotations

from functools import cached_property, reduce
from operator import add
from typing import Any, Protocol

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._arrays import as_complex, like, namespace
from kernelconv._check import Pair
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Shape3


class Bank(Protocol):
    """What a bank of filters says of itself: `FilterBank` for images, `FilterBank1D` for signals.

    Its filters are Fourier transforms, real, on a grid of ``shape`` and on grids `sampling` times coarser.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width), or (length,) of signals that lie along the width."""

    def n_wavelets(self, scale: int) -> int:
        """Return how many wavelets there are of one scale."""

    def wavelets(self, scale: int, sampling: int = 1) -> NDArray:
        """Return the wavelets of one scale, (n_wavelets, *grid)."""

    def low_pass(self, sampling: int = 1) -> NDArray:
        """Return the low-pass, of the shape of the grid."""


class Spectra:
    """Maps (n, h, w, c) with their Fourier transform, which is computed once for all filters that take it."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self._known: dict[tuple[int, ...], Any] = {}

    def along(self, axes: tuple[int, ...]) -> Any:
        """Return the Fourier transform of the maps (n, c, h, w) along some of these axes."""
        if axes not in self._known:
            xp = namespace(self.x)
            self._known[axes] = xp.fft.fftn(as_complex(xp.moveaxis(self.x, -1, 1)), axes=axes)
        return self._known[axes]


class Filtering(Part):
    r"""Base of the parts that convolve every channel with filters of a bank, borders being circular, and subsample.

    .. math:: (F x)[u, (k, a)] = \sum_v x_k[v] \, \psi_a[s u - v]

    Subclasses have a ``stride`` s and say which bank and which of its filters.
    """

    stride: int

    linear = True
    homogeneous = True
    equivariant = True
    reads_spectra = True
    _derived_names = ("_engine", "_placed", "_filters")

    def _bank(self, in_shape: Shape3) -> Bank:
        raise NotImplementedError

    def _select(self, bank: Bank, sampling: int) -> NDArray:
        """Return the filters (n_filters, *grid)."""
        raise NotImplementedError

    def _n_filters(self, bank: Bank) -> int:
        raise NotImplementedError

    def _steps(self, bank: Bank) -> Pair:
        """Return the stride of rows and columns: signals lie along the columns alone."""
        return (self.stride if len(bank.shape) == 2 else 1), self.stride

    def _sampling(self, bank: Bank, in_shape: Shape3) -> int:
        """Return how many times coarser than the bank's own the grid of maps is."""
        sampling = max(1, bank.shape[-1] // in_shape[1])
        grid = in_shape[2 - len(bank.shape) : 2]
        if tuple(sampling * n for n in grid) != bank.shape:
            raise ValueError(
                f"The bank is of shape {bank.shape}, and maps of {in_shape[0]} x {in_shape[1]} are no grid that is a "
                "whole number of times coarser. Give a bank of the size of the images, padded."
            )
        return sampling

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        bank = self._bank(in_shape)
        self._sampling(bank, in_shape)
        steps = self._steps(bank)
        if any(n % step for n, step in zip(in_shape, steps, strict=False)):
            raise ValueError(f"A stride of {self.stride} does not divide circular maps of shape {in_shape}.")
        return in_shape[0] // steps[0], in_shape[1] // steps[1], in_shape[2] * self._n_filters(bank)

    @cached_property
    def _filters(self) -> Any:
        """The filters (n_filters, h, w), or (n_filters, 1, w) of signals; arrays of another library in `_beside`."""
        bank = self._bank(self.in_shape)
        filters = self._select(bank, self._sampling(bank, self.in_shape))
        return filters if filters.ndim == 3 else filters[:, None, :]

    @property
    def _axes(self) -> tuple[int, ...]:
        """The axes of maps (..., h, w) along which is filtered."""
        return (-2, -1) if len(self._bank(self.in_shape).shape) == 2 else (-1,)

    def _beside(self, x: Any) -> Filtering:
        new = self._with()
        new.__dict__["_filters"] = like(self._filters, x)
        return new

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return the root of the largest sum of squares over the filters at one frequency, mean of both its signs."""
        bank = self._bank(in_shape)
        energy = (self._select(bank, self._sampling(bank, in_shape)) ** 2).sum(axis=0)
        mirrored = np.roll(np.flip(energy), 1, axis=tuple(range(energy.ndim)))  # -omega, on the periodic grid
        return float(np.sqrt((energy + mirrored).max() / 2))

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (size, stride), the size being that of the whole map, or (1, its width) for signals."""
        bank = self._bank(in_shape)
        return (in_shape[0] if len(bank.shape) == 2 else 1, in_shape[1]), self._steps(bank)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return None along each axis that is filtered."""
        return None if len(self._bank(in_shape).shape) == 2 else 0, None

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return the multiply-adds of the FFTs, 2 n log2 n for n complex numbers, and of the filter products."""
        h, w, channels = in_shape
        n, filters = h * w, self._n_filters(self._bank(in_shape))
        return int(channels * (2 * n * np.log2(n) * (1 + filters) + 2 * n * filters))

    def definition(self, x: Array | Spectra) -> Any:
        """Return F x, complex: (n, h, w, c) -> (n, h / s, w / s, c n_filters).

        Keeping every s-th position is averaging s parts of the spectrum, so the inverse FFT is of the small grid.
        """
        spectra = x if isinstance(x, Spectra) else Spectra(x)
        xp, (rows, columns) = namespace(spectra.x), self._steps(self._bank(self.in_shape))
        filters = like(self._filters, spectra.x) / (rows * columns)
        waves = spectra.along(self._axes)[:, :, None, ...] * filters  # (n, c, n_filters, h, w)
        waves = _added(columns, _added(rows, waves, -2), -1)
        waves = xp.fft.ifftn(waves, axes=self._axes)
        return xp.moveaxis(xp.reshape(waves, (waves.shape[0], -1, *waves.shape[3:])), 1, -1)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return Re F* y: zeros between the positions, the conjugate filters (they are real), summed."""
        steps = self._steps(self._bank(shape[1:]))
        waves = np.moveaxis(y, -1, 1).reshape(shape[0], shape[3], -1, *y.shape[1:3])
        spectra = np.tile(scipy.fft.fftn(waves, axes=self._axes), steps)
        sums = (spectra * like(self._filters, spectra)).sum(axis=2)
        return np.moveaxis(scipy.fft.ifftn(sums, axes=self._axes, overwrite_x=True).real, 1, -1)


def _added(step: int, spectra: Any, axis: int) -> Any:
    """Return the sum of `step` equal parts of spectra along one of the last two axes."""
    if step == 1:
        return spectra
    n = spectra.shape[axis] // step
    cuts = [slice(k * n, (k + 1) * n) for k in range(step)]
    return reduce(add, (spectra[(..., cut, slice(None)) if axis == -2 else (..., cut)] for cut in cuts))
