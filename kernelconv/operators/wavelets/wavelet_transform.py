"""P of scattering: the wavelet transform; and its A: the low-pass. Both filter by FFT, borders being circular."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._arrays import as_complex, like, namespace
from kernelconv._check import Pair, check_count
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Shape3
from kernelconv.operators.wavelets.filter_bank import FilterBank


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


class Filtering(Part):
    r"""Base of the parts that convolve every channel with filters of a bank, borders being circular, and subsample.

    .. math:: (F x)[u, (k, a)] = \sum_v x_k[v] \, \psi_a[s u - v]

    Subclasses have a ``stride`` s and say which bank and which of its filters.
    """

    stride: int

    linear = True
    homogeneous = True
    equivariant = True
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
    def _filters(self) -> NDArray:
        """The filters, filter last."""
        bank = self._bank(self.in_shape)
        return np.moveaxis(self._select(bank, self._sampling(bank, self.in_shape)), 0, -1)

    @property
    def _axes(self) -> tuple[int, ...]:
        """The axes of maps (n, h, w, c) along which is filtered."""
        return (1, 2) if self._filters.ndim == 3 else (2,)

    def _lipschitz(self, in_shape: Shape3) -> float:
        """Return the root of the largest sum of squares over the filters at one frequency, mean of both its signs."""
        bank = self._bank(in_shape)
        energy = (self._select(bank, self._sampling(bank, in_shape)) ** 2).sum(axis=0)
        mirrored = np.roll(np.flip(energy), 1, axis=tuple(range(energy.ndim)))  # -omega, on the periodic grid
        return float(np.sqrt((energy + mirrored).max() / 2))

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (the whole map, or its width for signals; the stride)."""
        bank = self._bank(in_shape)
        return (in_shape[0] if len(bank.shape) == 2 else 1, in_shape[1]), self._steps(bank)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return None along each axis that is filtered."""
        return None if len(self._bank(in_shape).shape) == 2 else 0, None

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return those of the FFTs, 2 n log2 n of n complex numbers, and of the filters."""
        h, w, channels = in_shape
        n, filters = h * w, self._n_filters(self._bank(in_shape))
        return int(channels * (2 * n * np.log2(n) * (1 + filters) + 2 * n * filters))

    def definition(self, x: Array) -> Any:
        """Return F x, complex: (n, h, w, c) -> (n, h / s, w / s, c n_filters)."""
        xp, axes = namespace(x), self._axes
        spectra = xp.fft.fftn(as_complex(x), axes=axes)[..., None]
        rows, columns = self._steps(self._bank(self.in_shape))
        waves = xp.fft.ifftn(spectra * like(self._filters[..., None, :], x), axes=axes)[:, ::rows, ::columns, ...]
        return xp.reshape(waves, (*waves.shape[:3], -1))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return Re F* y: zeros between the positions, the conjugate filters (they are real), summed."""
        rows, columns = self._steps(self._bank(shape[1:]))
        fine = np.zeros((*shape, y.shape[3] // shape[3]), np.result_type(y.dtype, np.complex64))
        fine[:, ::rows, ::columns] = y.reshape(*y.shape[:3], shape[3], -1)
        spectra = scipy.fft.fftn(fine, axes=self._axes, overwrite_x=True)
        filters = like(self._filters[..., None, :], fine)
        return scipy.fft.ifftn((spectra * filters).sum(axis=-1), axes=self._axes).real


@dataclass(frozen=True, repr=False)
class WaveletTransform(Filtering):
    r"""P of scattering: convolution with all wavelets of one scale, every `stride` pixels, borders being circular.

    .. math:: (W x)[u, (k, a)] = \sum_v x_k[v] \, \psi_{j, a}[s u - v], \quad
              \hat{W x} = \hat x_k \, \hat\psi_{j, a} \text{ where } s = 1

    Maps (n, h, w, c) become complex maps (n, h / s, w / s, c A); wavelet a of channel k is channel ``k * A + a``.

    Parameters
    ----------
    scale : int
        j: the wavelets are about 2^j px wide.
    stride : int
        s (px); it divides the maps. Wavelets of scale j lose little at a stride of 2^j.
    bank : FilterBank or FilterBank1D, optional
        The filters. Maps may be on a grid that is a whole number of times coarser than the bank's: the wavelets are
        then those of the bank on that grid. With a `FilterBank1D` every line of a map is a signal, along the width.
        By default Morlet wavelets on the maps' own grid.
    L : int
        Angles in a half turn, where no `bank` is given.

    Raises
    ------
    ValueError
        If `scale` is not an int >= 0, or `stride` or `L` not an int >= 1; from ``out_shape`` and ``build`` if the bank
        has no such grid or no such scale, or `stride` does not divide the maps.

    Notes
    -----
    Cost: an FFT of each channel and one of each wavelet. Adjoint for the real inner product Re <., .>, maps being
    real: the real part of the convolution with the conjugate wavelets, zeros between the positions. Lipschitz constant:
    the root of the largest value over frequencies of the sum of abs(psi)^2 over the wavelets, mean of the frequency
    and its opposite as the maps are real, for any stride.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equation 2.7.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import WaveletTransform
    >>> part = WaveletTransform(1, stride=2, L=4).build((16, 16, 1))
    >>> wave = np.cos(3 * np.pi / 8 * np.arange(16))[:, None] * np.ones(16)  # of the wavelets' frequency, along rows
    >>> y = part.forward(wave[None, :, :, None])
    >>> y.shape, y.dtype
    ((1, 8, 8, 4), dtype('complex128'))
    >>> np.abs(y).mean(axis=(0, 1, 2)).round(2)  # the angles are 45, 0, -45 and -90 degrees from the rows' axis
    array([0.16, 0.49, 0.16, 0.  ])
    """

    scale: int
    stride: int = 1
    bank: Bank | None = None
    L: int = 8

    def __post_init__(self) -> None:
        """Check every field."""
        check_count(self.scale, "scale", 0)
        check_count(self.stride, "stride")
        check_count(self.L, "L")
        if self.bank is not None:
            _check_bank(self.bank)

    def _bank(self, in_shape: Shape3) -> Bank:
        return _morlet_bank(in_shape[:2], self.scale + 1, self.L) if self.bank is None else self.bank

    def _select(self, bank: Bank, sampling: int) -> NDArray:
        return bank.wavelets(self.scale, sampling)

    def _n_filters(self, bank: Bank) -> int:
        return bank.n_wavelets(self.scale)


@dataclass(frozen=True, repr=False)
class LowPass(Filtering):
    r"""A of scattering: the bank's Gaussian low-pass, every `stride` pixels, borders being circular.

    .. math:: (A x)[u, k] = \sum_v x_k[v] \, \phi[s u - v]

    Parameters
    ----------
    bank : FilterBank or FilterBank1D
        The filter. Maps may be on a grid that is a whole number of times coarser than the bank's. With a
        `FilterBank1D` every line of a map is a signal, along the width.
    stride : int
        s (px); it divides the maps.

    Raises
    ------
    ValueError
        If `stride` is not an int >= 1; from ``out_shape`` and ``build`` if the bank has no such grid, or `stride` does
        not divide the maps.

    Notes
    -----
    Cost: two FFTs a channel. Adjoint: the same filter, which is symmetric, on zeros between the positions. Lipschitz
    constant: the largest value of the filter's Fourier transform, for any stride.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equation 2.20.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import LowPass
    >>> from kernelconv.operators.wavelets.filter_bank import FilterBank
    >>> part = LowPass(FilterBank((16, 16), J=2), stride=4).build((8, 8, 1))  # maps of every other pixel
    >>> part.forward(np.ones((1, 8, 8, 1)))[0, :, :, 0].round(4)
    array([[1., 1.],
           [1., 1.]])
    """

    bank: Bank
    stride: int = 1

    real_only = True

    def __post_init__(self) -> None:
        """Check the bank and the stride."""
        _check_bank(self.bank)
        check_count(self.stride, "stride")

    def _bank(self, in_shape: Shape3) -> Bank:
        return self.bank

    def _select(self, bank: Bank, sampling: int) -> NDArray:
        return bank.low_pass(sampling)[None]

    def _n_filters(self, bank: Bank) -> int:
        return 1

    def definition(self, x: Array) -> Any:
        """Return the averages of real maps: (n, h, w, c) -> (n, h / s, w / s, c)."""
        return namespace(x).real(super().definition(x))


def _check_bank(bank: Any) -> None:
    if not isinstance(getattr(bank, "shape", None), tuple) or not callable(getattr(bank, "low_pass", None)):
        raise ValueError(f"bank must be a FilterBank or a FilterBank1D, got {bank!r}.")


@lru_cache(maxsize=4)
def _morlet_bank(size: tuple[int, int], J: int, L: int) -> FilterBank:
    return FilterBank(size, J, L)
