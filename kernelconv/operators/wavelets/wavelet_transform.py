"""P of scattering: the wavelet transform; and its A: the low-pass. Both filter by FFT, borders being circular."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from kernelconv._arrays import namespace
from kernelconv._check import check_count
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Shape3
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filtering import Bank, Filtering, Spectra


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
        s (px); it divides the sides of the maps. Wavelets of scale j lose little at a stride of 2^j.
    bank : FilterBank or FilterBank1D, optional
        The filters. Maps may be on a grid that is a whole number of times coarser than the bank's: the wavelets are
        then those of the bank on that grid. With a `FilterBank1D` every line of a map is a signal, along the width.
        By default Morlet wavelets on the maps' own grid.
    L : int
        Angles in a half turn, if no `bank` is given.

    Raises
    ------
    ValueError
        If `scale` is not an int >= 0, or `stride` or `L` not an int >= 1; from ``out_shape`` and ``build`` if the bank
        has no such grid or no such scale, or `stride` does not divide the maps.

    Notes
    -----
    Cost: an FFT per channel, and one per channel and wavelet. Adjoint for the real inner product Re <., .> and real
    maps: the real part of the convolution with the conjugate wavelets, with zeros between the positions. Lipschitz
    constant, for any stride: the root of the largest value over frequencies of the sum of abs(psi)^2 over the wavelets,
    averaged over the frequency and its opposite since the maps are real.

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
        s (px); it divides the sides of the maps.

    Raises
    ------
    ValueError
        If `stride` is not an int >= 1; from ``out_shape`` and ``build`` if the bank has no such grid, or `stride` does
        not divide the maps.

    Notes
    -----
    Cost: two FFTs per channel. Adjoint: the same symmetric filter, on maps with zeros between the positions. Lipschitz
    constant: the largest value of the filter's Fourier transform, for any stride.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equation 2.20.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import LowPass
    >>> from kernelconv.operators import FilterBank
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

    def definition(self, x: Array | Spectra) -> Any:
        """Return the averages of real maps: (n, h, w, c) -> (n, h / s, w / s, c)."""
        averages = super().definition(x)
        return namespace(averages).real(averages)


def _check_bank(bank: Any) -> None:
    if not isinstance(getattr(bank, "shape", None), tuple) or not callable(getattr(bank, "low_pass", None)):
        raise ValueError(f"bank must be a FilterBank or a FilterBank1D, got {bank!r}.")


@lru_cache(maxsize=4)
def _morlet_bank(size: tuple[int, int], J: int, L: int) -> FilterBank:
    return FilterBank(size, J, L)
