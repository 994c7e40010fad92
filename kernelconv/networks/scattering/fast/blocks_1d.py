"""1-D scattering of a long signal block by block (overlap-save): how far filters reach, and what a block computes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv._parallel.blocks import apply_blocks
from kernelconv._scales import rescaled, scales
from kernelconv.networks.scattering.fast.signals import Signals
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D

#: Share of a filter's absolute values that may lie beyond its reach.
TAILS = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-8}
#: A block is 16 halos long up to so many samples; beyond, 4.
LONGEST_BLOCK, SHORTEST_BLOCK = 2**21, 2**15
#: Points on which envelopes are measured, and over how many deviations on either side.
POINTS, SPAN = 2**13, 16


@dataclass(frozen=True)
class BlockGeometry(Geometry1D):
    """Grids, paths and filters of a block: `size` samples of a signal, with `halo` samples of it on either side.

    Parameters are those of `Geometry1D`, and the halo, a multiple of the stride.
    """

    halo: int = 0

    @cached_property
    def padded(self) -> int:
        """The length with both halos."""
        return self.size + 2 * self.halo

    @property
    def before(self) -> int:
        """Samples before those of which coefficients are wanted."""
        return self.halo


class SignalBlocks:
    """Blocks of a long signal, whose coefficients are those of the whole one.

    Parameters
    ----------
    whole : Geometry1D
        Of the whole signal, whose grid of output positions is kept; its low-pass averages locally.
    dtype : float32 or float64
        Of the computation.
    block : int, optional
        Samples that a block advances, made a multiple of the stride.

    Attributes
    ----------
    halo : int
        See `reach`: a multiple of the stride.
    step : int
        Samples that a block advances.
    length : int
        Samples that a block reads, ``step + 2 * halo``.
    first : int
        Sample of the signal at the first output position.
    n_out : int
        Output positions of the whole signal.

    Raises
    ------
    ValueError
        If the signal is no longer than the halo.
    """

    def __init__(self, whole: Geometry1D, dtype: DTypeLike, block: int | None = None):
        self.stride, within = whole.stride, whole.within(whole.stride)
        self.first, self.n_out = within.start * whole.stride - whole.before, len(within)
        self.halo = -(-reach(whole, dtype) // self.stride) * self.stride
        if whole.size <= self.halo:
            raise ValueError(
                f"The filters reach {self.halo} samples to either side, as far as the {whole.size} samples of the "
                "signal: it is no long one. Use Scattering1D on it as a whole."
            )
        wanted = default_length(self.halo) - 2 * self.halo if block is None else block
        n = min(-(-wanted // self.stride) if block else wanted // self.stride, self.n_out)  # no longer than the signal
        self.step = max(1, n) * self.stride
        self.length = self.step + 2 * self.halo
        values = {f.name: getattr(whole, f.name) for f in fields(Geometry1D)}
        self.geometry = BlockGeometry(**{**values, "size": self.step}, halo=self.halo)
        self._signals = Signals(self.geometry)

    def __call__(self, windows: NDArray, n_jobs: int | None = None) -> NDArray:
        """Return the scattering (m, n_paths, step / stride) of windows (m, length), each on one thread."""
        return np.asarray(apply_blocks(self._of, windows, 1, n_jobs))

    def _of(self, windows: NDArray) -> NDArray:
        windows = np.ascontiguousarray(windows)
        by = scales(windows)
        return self._signals.of_padded(windows) if by is None else rescaled(self._signals.of_padded, windows, by)


def default_length(halo: int) -> int:
    """Return the length of a block with its halos, a power of two."""
    length = SHORTEST_BLOCK
    while length < 4 * halo or (length < 16 * halo and length < LONGEST_BLOCK):
        length *= 2
    return length


def reach(geometry: Geometry1D, dtype: DTypeLike = np.float64) -> int:
    r"""Return how many samples away a value still counts in a coefficient, of the path that reaches farthest.

    A change of the signal at distance u changes :math:`S[n_1, \dots, n_m] x` by no more than its size times
    :math:`(|\psi_{n_1}| * \dots * |\psi_{n_m}| * |\phi_T|)(u)`, a modulus being 1-Lipschitz. The reach is where
    1e-12 (float32: 1e-8) of the sum of this envelope is left; deviations add as roots of sums of squares.

    Parameters
    ----------
    geometry : Geometry1D
        Its low-pass averages locally.
    dtype : float32 or float64
        What is left out lies below its rounding.

    Examples
    --------
    >>> from kernelconv.networks.scattering.fast.blocks_1d import reach
    >>> from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
    >>> [reach(Geometry1D(2**20, J, (8, 1), 2.0**J, 2)) for J in (6, 8, 10)]  # in proportion to 2^J
    [1152, 4607, 18425]
    """
    sigma_low = geometry.bank_of(1).sigma_low
    # the mean that a Morlet wavelet is less shows in the envelopes of low frequencies alone
    shapes = [[(w.sigma, w.xi if w.xi < 9 * w.sigma else 0.0) for w in bank.members] for bank in geometry.banks]
    cascades = {
        ((sigma_low, 0.0), *(shapes[min(m, 1)][n] for m, n in enumerate(path.wavelets))) for path in geometry.paths
    }
    deviation = {c: float(np.sqrt(sum(1 / s**2 for s, _ in c))) / (2 * np.pi) for c in cascades}
    widest = max(deviation.values())
    # of cascades of 0.7 times the deviation the reach is less, whatever their shapes
    return max(_reach_of(c, widest, TAILS[np.dtype(dtype)]) for c, width in deviation.items() if width > 0.7 * widest)


def _reach_of(cascade: tuple[tuple[float, float], ...], deviation: float, tail: float) -> int:
    """Return the reach of a cascade of filters (sigma, xi), the envelope being measured on a grid of `POINTS`."""
    t = SPAN * deviation * np.linspace(-1, 1, POINTS, endpoint=False)
    spectrum = np.ones(POINTS // 2 + 1, complex)
    for sigma, xi in cascade:
        bump = np.exp(-0.5 * (2 * np.pi * sigma * t) ** 2)
        mean = np.exp(-0.5 * (xi / sigma) ** 2) if xi else 0.0  # what a Morlet wavelet is less, to be of mean zero
        envelope = bump * np.abs(np.exp(2j * np.pi * xi * t) - mean)
        spectrum *= np.fft.rfft(np.fft.ifftshift(envelope / envelope.sum()))
    cumulated = np.cumsum(np.abs(np.fft.fftshift(np.fft.irfft(spectrum, POINTS))))
    left = int(np.searchsorted(cumulated, tail / 2 * cumulated[-1]))
    return int(np.ceil(-t[max(left - 1, 0)]))
