"""Joint time-frequency scattering: grids, filters and paths in time and along log-frequency, and the maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from kernelconv._arrays import as_complex, is_foreign, like, namespace
from kernelconv.networks.scattering.fast.filters_1d import Average
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.operators.wavelets.filter_bank_1d import FilterBank1D, Wavelet1D

#: Log-frequency bins that an average along them covers: "global" is the mean of all, and 0 no average.
FrequencyAverage = float | Literal["global"]
#: Bins of zeros above the scalogram, in units of the longest filter along it.
_ROOM = 8


class JointPath(NamedTuple):
    r"""One map: the wavelet of order 1 that its bin stands at, that of order 2 (None at order 1), and its band.

    ``band`` is None at order 0 and 0 for the low-pass along log-frequency; else wavelet \|band\| - 1 of the bank along
    it, of the spin that its sign says.
    """

    n1: int | None
    n2: int | None
    band: int | None

    @property
    def order(self) -> int:
        """Number of wavelets in time on the path."""
        return (self.n1 is not None) + (self.n2 is not None)

    @property
    def spin(self) -> int:
        """1 of what rises in frequency, -1 of what falls; 0 of the low-pass, and of order 1, where both are one."""
        return int(np.sign(self.band or 0)) if self.order == 2 else 0

    @property
    def name(self) -> str:
        """A short name: ``mean`` at order 0, ``n3_f0``, ``n3_n1_f-2``."""
        if self.n1 is None:
            return "mean"
        return f"n{self.n1}_" + (f"n{self.n2}_" if self.n2 is not None else "") + f"f{self.band}"


@dataclass(frozen=True)
class JointGeometry:
    """Grids, filters and paths of the joint scattering of signals of one size. Immutable; all else follows.

    Parameters
    ----------
    time : Geometry1D
        Of the scattering in time, of order 2.
    J : int
        log2 of the largest scale along log-frequency (bins).
    Q : int
        Wavelets per octave along log-frequency.
    F : float, 0 or "global"
        Bins that the average along log-frequency covers.
    """

    time: Geometry1D
    J: int
    Q: int
    F: FrequencyAverage

    @property
    def averages(self) -> bool:
        """Whether there is a low-pass along log-frequency; else bins are kept as they are, or their mean."""
        return self.F not in (0, "global")

    @cached_property
    def log2_F(self) -> int:
        """Resolution at which averages along log-frequency are sampled."""
        return int(np.floor(np.log2(float(self.F)))) if self.averages else self.J

    @cached_property
    def n_bins(self) -> int:
        """Bins with the zeros above them, seven lengths of the longest filter or more; coarse grids divide it."""
        longest = max(self.J, int(np.ceil(np.log2(float(self.F))))) if self.averages else self.J
        return ((self.time.J + 1) * self.time.Q[0] >> longest) + _ROOM << longest

    @cached_property
    def bank(self) -> FilterBank1D:
        """Wavelets along log-frequency, and the low-pass of their largest scale."""
        return FilterBank1D(self.n_bins, self.J, self.Q)

    @cached_property
    def average(self) -> FilterBank1D:
        """The low-pass of F bins."""
        return FilterBank1D(self.n_bins, self.J, self.Q, float(self.F) if self.averages else None)

    @property
    def bands(self) -> tuple[int, ...]:
        """The filters along log-frequency of order 2: the low-pass, then wavelets of spin 1, then of spin -1."""
        n = len(self.bank.members)
        return 0, *range(1, n + 1), *range(-1, -n - 1, -1)

    def scale(self, band: int) -> int:
        """Return the scale of a filter along log-frequency."""
        return self.bank.members[abs(band) - 1].j if band else self.J

    def filter(self, band: int) -> NDArray:
        """Return the Fourier transform of a filter along log-frequency, (n_bins,)."""
        if not band:
            return self.bank.low_pass()
        wanted = self.bank.members[abs(band) - 1]
        of_scale = [w for w in self.bank.members if w.j == wanted.j]
        psi = self.bank.wavelets(wanted.j)[of_scale.index(wanted)]
        return psi if band > 0 else np.roll(psi[::-1], 1)

    def target(self, band: int) -> int:
        """Return the resolution along log-frequency at which the moduli of a band are computed."""
        return min(self.scale(band), self.log2_F) if self.averages else self.scale(band)

    def stride(self, band: int) -> int:
        """Return the distance (bins) of the coefficients of a band."""
        return 2 ** (self.log2_F if self.averages and band else self.target(band))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.time, self.J, self.Q, self.F)  # the rest is computed again

    @cached_property
    def first_filters(self) -> list[tuple[int, int, NDArray]]:
        """Scale, resolution of the moduli, and wavelets (m, n) of order 1, scale by scale."""
        bank = self.time.bank_of(1)
        return [(j, self.time.target(0, j), bank.wavelets(j)) for j in sorted({w.j for w in bank.members})]

    @cached_property
    def second_filters(self) -> list[dict[int, NDArray]]:
        """Of each wavelet of order 2, its Fourier transform on the grid of each resolution that it is applied at."""
        bank, found = self.time.bank_of(2), []
        for n, wavelet in enumerate(bank.members):
            place = sum(w.j == wavelet.j for w in bank.members[:n])
            grids = {r for j, r, _ in self.first_filters if j < wavelet.j}
            found.append({r: bank.wavelets(wavelet.j, 2**r)[place] for r in sorted(grids)})
        return found

    @cached_property
    def low_passes(self) -> dict[int, NDArray]:
        """The low-pass in time, by resolution."""
        return {r: self.time.bank_of(1).low_pass(2**r) for r in range(int(np.log2(self.time.stride)) + 1)}

    def averaging(self, resolution: int, dtype: np.dtype) -> Average:
        """Return the engine's low-pass in time at a resolution."""
        if (resolution, dtype) not in self._averages:
            self._averages[resolution, dtype] = Average(self.time, self.low_passes[resolution], resolution, dtype)
        return self._averages[resolution, dtype]

    @cached_property
    def _averages(self) -> dict[tuple[int, np.dtype], Average]:
        return {}

    @cached_property
    def frequential_filters(self) -> dict[int, NDArray]:
        """The filters along log-frequency, by band."""
        return {band: self.filter(band) for band in self.bands}

    @property
    def first(self) -> tuple[Wavelet1D, ...]:
        """The wavelets of order 1."""
        return self.time.bank_of(1).members

    def below(self, n2: int) -> int:
        """Return how many wavelets of order 1, from the first, wavelet n2 of order 2 may follow."""
        return sum(w.j < self.time.bank_of(2).members[n2].j for w in self.first)

    @cached_property
    def paths(self) -> tuple[JointPath, ...]:
        """The path of each map: order 0, order 1 by band, order 2 by (n2, band); each from high to low frequency."""
        paths = [JointPath(None, None, None)]
        for n2, n_first, bands in self.groups():
            for band in bands:
                alone = self.F == "global" and band
                starts = range(1) if alone else range(0, n_first, self.stride(band))
                paths += [JointPath(n1, n2, band) for n1 in starts]
        return tuple(paths)

    def groups(self) -> Iterator[tuple[int | None, int, tuple[int, ...]]]:
        """Yield n2 (None at order 1), how many bins there are, and the bands: real maps have no spin."""
        yield None, len(self.first), tuple(b for b in self.bands if b >= 0)
        for n2 in range(len(self.time.bank_of(2).members)):
            n_first = self.below(n2)
            if n_first:
                yield n2, n_first, self.bands


class JointMaps:
    """The maps of joint time-frequency scattering of signals, in the library of what is given.

    Parameters
    ----------
    geometry : JointGeometry
    """

    def __init__(self, geometry: JointGeometry) -> None:
        self.geometry, self.time = geometry, geometry.time

    def __call__(self, x: Any) -> Any:
        """Return the maps (n, n_paths, t') of padded signals (n, t), real and floating."""
        moduli, first = self._first_order(x)
        found = [self._in_time(x, 0)[:, None, :]]
        found += self._along_frequency(first, self.geometry.bands[: 1 + len(self.geometry.bank.members)], None)
        for n2, _, bands in self.geometry.groups():
            if n2 is not None:
                waves, resolution = self._second_order(moduli, n2)
                found += self._along_frequency(waves, bands, resolution)
        return namespace(x).concat(found, axis=1)

    def _first_order(self, x: Any) -> tuple[list[tuple[int, int, Any]], Any]:
        """Return (scale, resolution, spectra of moduli (n, m, t)) by scale, and all averages (n, n_wavelets, t')."""
        xp, spectrum = namespace(x), _fft(x)
        moduli, averages = [], []
        for j, resolution, psi in self.geometry.first_filters:
            u = xp.abs(_filtered(spectrum[:, None, :], psi, 2**resolution))
            moduli.append((j, resolution, _fft(u)))
            averages.append(self._in_time(u, resolution))
        return moduli, xp.concat(averages, axis=1)

    def _second_order(self, moduli: list[tuple[int, int, Any]], n2: int) -> tuple[Any, int]:
        """Return the scalogram filtered in time by a wavelet of order 2, complex (n, bins, t), and its resolution."""
        scale, filters = self.time.bank_of(2).members[n2].j, self.geometry.second_filters[n2]
        kept = [(r, spectra) for j, r, spectra in moduli if j < scale]
        target = self.time.target(kept[-1][0], scale)
        waves = [_filtered(spectra, filters[r], 2 ** (target - r)) for r, spectra in kept]
        return namespace(waves[0]).concat(waves, axis=1), target

    def _in_time(self, u: Any, resolution: int) -> Any:
        """Return averages (..., t') of maps (..., t) at a resolution, at the positions within the signal."""
        time = self.time
        if time.T == "global":
            (_, (before, after)), n = time.margins_of(2**resolution), u.shape[-1]
            return namespace(u).mean(u[..., before : n - after], axis=-1, keepdims=True)
        low = self.geometry.low_passes[resolution]
        if not is_foreign(u):
            average = self.geometry.averaging(resolution, u.dtype)
            return average.of_signals(u.reshape(-1, *u.shape[-2:])).reshape(*u.shape[:-1], -1)
        averages = _filtered(_fft(u), low, time.stride >> resolution)
        _, (before, after) = time.margins
        return _real(averages)[..., before : averages.shape[-1] - after]

    def _along_frequency(self, waves: Any, bands: tuple[int, ...], resolution: int | None) -> list[Any]:
        """Return the maps (n, bins', t') of each band of maps (n, bins, t), averaged in time already at order 1."""
        geometry, xp, found = self.geometry, namespace(waves), []
        n, bins, t = waves.shape
        zeros = xp.broadcast_to(xp.zeros_like(waves[:, :1, :]), (n, geometry.n_bins - bins, t))
        spectrum = _fft(xp.moveaxis(xp.concat([waves, zeros], axis=1), 1, -1))  # (n, t, bins)
        for band in bands:
            target = geometry.target(band)
            u = xp.abs(_filtered(spectrum, geometry.frequential_filters[band], 2**target))
            if resolution is not None:
                u = xp.moveaxis(self._in_time(xp.moveaxis(u, 1, -1), resolution), -1, 1)
            if band and geometry.F == "global":
                u = xp.mean(u[..., : -(-bins // 2**target)], axis=-1, keepdims=True)
            elif band and geometry.averages:
                low = geometry.average.low_pass(2**target)
                u = _real(_filtered(_fft(u), low, 2 ** (geometry.log2_F - target)))
            kept = 1 if band and geometry.F == "global" else -(-bins // geometry.stride(band))
            found.append(xp.moveaxis(u[..., :kept], -1, 1))
        return found


def _filtered(spectra: Any, filters: NDArray, step: int) -> Any:
    """Return maps (..., n / step) of spectra (..., n) times filters (n,) or (m, n), kept at every `step`-th place.

    To keep every s-th position is to take the mean of s parts of the spectrum.
    """
    xp, product = namespace(spectra), spectra * like(filters / step, spectra)
    if step > 1:
        product = xp.sum(xp.reshape(product, (*product.shape[:-1], step, -1)), axis=-2)
    return xp.fft.ifft(product, axis=-1) if is_foreign(product) else scipy.fft.ifft(product, axis=-1, workers=1)


def _fft(x: Any) -> Any:
    return namespace(x).fft.fft(as_complex(x), axis=-1) if is_foreign(x) else scipy.fft.fft(x, axis=-1, workers=1)


def _real(x: Any) -> Any:
    return namespace(x).real(x)
