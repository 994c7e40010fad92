"""Wavelets of 1-D scattering: analytic Morlet filters, Q per octave, and the Gaussian low-pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count, check_flag, check_positive
from kernelconv.operators.wavelets.morlet import RADIUS, check_scale, fold, window

#: Amplitude at which neighbouring wavelets cross; deviation of the low-pass at scale 1 (cycles per sample); how many
#: deviations from its centre a wavelet is free of aliasing.
CROSSING, SIGMA_0, ALPHA = np.sqrt(0.5), 0.1, 5.0


@dataclass(frozen=True)
class Wavelet1D:
    """One wavelet: its centre `xi` and deviation `sigma` (cycles per sample), and its scale `j`.

    It may be subsampled by 2^j: xi + 5 sigma lies below the new Nyquist frequency.
    """

    xi: float
    sigma: float
    j: int


def wavelets_1d(J: int, Q: int) -> tuple[Wavelet1D, ...]:
    r"""Return the wavelets of a bank, from high to low frequency.

    .. math:: \xi_{k+1} = 2^{-1/Q} \xi_k, \quad
              \sigma = \xi \frac{1 - 2^{-1/Q}}{1 + 2^{-1/Q}} \Big/ \sqrt{2 \log(1 / r)}, \quad r = 2^{-1/2}

    from :math:`\xi_0 = \max(1 / (1 + 2^{3/Q}), 0.35)` until sigma reaches :math:`0.1 \cdot 2^{-J}`, then Q - 1 more of
    that width, equally spaced down to 0.

    Parameters
    ----------
    J : int
        log2 of the largest scale.
    Q : int
        Wavelets per octave.

    Raises
    ------
    ValueError
        If `J` or `Q` is not an int >= 1.

    References
    ----------
    Andén & Mallat (2014), Deep scattering spectrum, IEEE Trans. Signal Processing 62(16), section II.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.filter_bank_1d import wavelets_1d
    >>> [(round(w.xi, 3), w.j) for w in wavelets_1d(J=3, Q=1)]
    [(0.35, 0), (0.175, 0), (0.087, 0), (0.044, 1)]
    """
    check_scale(J), check_count(Q, "Q")
    ratio = 2.0 ** (-1 / Q)
    width = (1 - ratio) / (1 + ratio) / np.sqrt(2 * np.log(1 / CROSSING))
    smallest = SIGMA_0 / 2**J
    xi = max(1 / (1 + 2 ** (3 / Q)), 0.35)
    pairs = []
    if xi * width > smallest:
        pairs.append((xi, xi * width))
        while pairs[-1][1] > smallest * 2 ** (1 / Q):
            pairs.append((pairs[-1][0] * ratio, pairs[-1][1] * ratio))
    # where even the first wavelet is narrower than the narrowest, the equal spacing begins at its width
    elbow = pairs[-1][0] if pairs else xi * width
    pairs += [(elbow * (1 - q / Q), smallest) for q in range(1, Q)]
    return tuple(Wavelet1D(xi, sigma, _scale(xi, sigma)) for xi, sigma in pairs)


def _scale(xi: float, sigma: float) -> int:
    return int(np.floor(-np.log2(min(xi + ALPHA * sigma, 0.5)))) - 1


@dataclass(frozen=True)
class FilterBank1D:
    r"""The bank of 1-D scattering: analytic Morlet wavelets, Q per octave, and one low-pass. Immutable.

    On a grid s times coarser, a filter is given by the periodisation of its Fourier transform, which is s times the
    transform of its samples on that grid: the factor makes up for the s times fewer terms of a convolution there.

    .. math:: \hat\psi_s[k] = \sum_m \hat\psi[k + m n / s]

    Parameters
    ----------
    length : int
        n: samples of the periodic (padded) signal.
    J : int
        log2 of the largest scale of the wavelets.
    Q : int
        Wavelets per octave.
    T : float, optional
        Samples that the low-pass averages over; 2^J by default.
    decimating : bool
        Leave out the factor s, as kymatio 0.3.0 does.

    Raises
    ------
    ValueError
        If `length`, `J` or `Q` is not an int >= 1, or `T` not a finite number > 0.

    References
    ----------
    Andén & Mallat (2014), Deep scattering spectrum, IEEE Trans. Signal Processing 62(16), section II.

    Examples
    --------
    >>> from kernelconv.operators import FilterBank1D
    >>> bank = FilterBank1D(256, J=4, Q=2)
    >>> [w.j for w in bank.members], bank.wavelets(1).shape, bank.wavelets(1, sampling=2).shape
    ([0, 0, 0, 0, 1, 1, 2, 2, 3], (2, 256), (2, 128))
    """

    length: int
    J: int
    Q: int = 1
    T: float | None = None
    decimating: bool = False

    def __post_init__(self) -> None:
        check_count(self.length, "length"), check_scale(self.J), check_count(self.Q, "Q")
        check_flag(self.decimating, "decimating")
        if self.T is not None and not 1e-3 <= check_positive(self.T, "T") <= 1e100:
            raise ValueError(f"T must be from 1e-3 to 1e100 samples, got {self.T!r}.")

    @property
    def shape(self) -> tuple[int]:
        """(length,)."""
        return (self.length,)

    @cached_property
    def members(self) -> tuple[Wavelet1D, ...]:
        """The wavelets, from high to low frequency."""
        return wavelets_1d(self.J, self.Q)

    @property
    def sigma_low(self) -> float:
        """Deviation of the low-pass (cycles per sample)."""
        return SIGMA_0 / (2.0**self.J if self.T is None else self.T)

    def n_wavelets(self, scale: int) -> int:
        """Return how many wavelets there are of one scale. Raises ValueError if there is none."""
        n = sum(w.j == scale for w in self.members)
        if not n:
            raise ValueError(f"The bank has scales {sorted({w.j for w in self.members})}, got scale={scale!r}.")
        return n

    def wavelets(self, scale: int, sampling: int = 1) -> NDArray:
        """Return the wavelets of one scale, (n_wavelets, length / sampling), in the order of ``members``."""
        self.n_wavelets(scale)
        fine = [morlet_1d(self.length, w.xi, w.sigma) for w in self.members if w.j == scale]
        return self.on_grid(np.stack(fine), sampling)

    def low_pass(self, sampling: int = 1) -> NDArray:
        """Return the low-pass, (length / sampling,)."""
        return self.on_grid(low_pass_1d(self.length, self.sigma_low), sampling)

    def on_grid(self, filters: NDArray, sampling: int) -> NDArray:
        """Return `filters` (..., length) on a grid `sampling` times coarser."""
        periods = filters.reshape(*filters.shape[:-1], sampling, -1)
        return periods.mean(axis=-2) if self.decimating else periods.sum(axis=-2)


def morlet_1d(n: int, xi: float, sigma: float) -> NDArray:
    r"""Return the Fourier transform of a periodised analytic Morlet wavelet of zero mean and unit l1 norm.

    .. math:: \hat\psi(f) \propto e^{-(f - \xi)^2 / 2 \sigma^2} - K e^{-f^2 / 2 \sigma^2}, \quad \hat\psi(0) = 0

    Parameters
    ----------
    n : int
        Samples of the periodic signal.
    xi, sigma : float
        Centre and deviation (cycles per sample).

    Returns
    -------
    ndarray, shape (n,), float64

    Raises
    ------
    ValueError
        If `n` is not an int >= 1, or `xi` or `sigma` not a finite number > 0.

    Examples
    --------
    >>> from kernelconv.operators.wavelets.filter_bank_1d import morlet_1d
    >>> psi = morlet_1d(64, 0.25, 0.05)
    >>> float(psi[0]), int(psi.argmax()), round(float(psi.max()), 3)
    (0.0, 16, 1.0)
    """
    n, xi, sigma = check_count(n, "n"), check_positive(xi, "xi"), check_positive(sigma, "sigma")
    low = _bump(n, 0.0, sigma)
    wave = _bump(n, xi, sigma)
    psi = wave - wave[0] / low[0] * low
    psi[0] = 0.0  # exactly, whatever the division rounded to
    norm = np.abs(np.fft.ifft(psi)).sum()
    return psi / norm if norm > 0 else psi  # one sample, or two, hold no wave


def low_pass_1d(n: int, sigma: float) -> NDArray:
    """Return the Fourier transform, shape (n,), of the periodised Gaussian of deviation `sigma` (cycles per sample).

    Examples
    --------
    >>> from kernelconv.operators.wavelets.filter_bank_1d import low_pass_1d
    >>> low_pass_1d(8, 0.1).round(3)
    array([1.   , 0.458, 0.044, 0.001, 0.   , 0.001, 0.044, 0.458])
    """
    low = _bump(check_count(n, "n"), 0.0, check_positive(sigma, "sigma"))
    return low / np.abs(np.fft.ifft(low)).sum()


def _bump(n: int, xi: float, sigma: float) -> NDArray:
    k = window(n, 2 * np.pi * xi, 2 * np.pi * RADIUS * sigma)
    return fold(np.exp(-0.5 * ((k / n - xi) / sigma) ** 2), int(k[0]), n)


def low_pass_reach(n: int, sigma: float) -> int:
    """Return after how many samples 0.1 % of the low-pass is left on one side, at most half of `n`."""
    n = min(n, int(np.ceil(32 / sigma)))  # a hundred deviations on either side: a longer signal changes nothing
    tails = np.cumsum(np.abs(np.fft.ifft(low_pass_1d(n, sigma)))[: n // 2][::-1])[::-1]
    below = np.flatnonzero(tails <= 1e-3)
    return int(below[0]) + 1 if len(below) else n // 2
