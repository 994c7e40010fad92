"""Families of smooth random fields: maximum entropy, elastic, and the sum of either with a translation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, as_pair, check_count, check_memory, check_positive, check_rng
from kernelconv._types.parameters import RandomState
from kernelconv.deformations.families import LinearDeformation
from kernelconv.deformations.series import FourierField, SineField
from kernelconv.deformations.shifted import ShiftedField

#: The largest scale of an elastic field, in pixels.
_WIDEST = 1e6


@dataclass(frozen=True)
class SmoothDeformation(LinearDeformation):
    r"""Maximum-entropy smooth fields, zero on the border, each rescaled to exactly the requested size.

    Both components are sums over i, j >= 1 with sqrt(i^2 + j^2) < cutoff + 1/2 of C_ij sin(i pi u) sin(j pi v),
    C_ij ~ N(0, T / (i^2 + j^2)) independent, u and v running over [0, 1] from the first pixel to the last. The
    temperature T drops out in the rescaling; `sample_at_temperature` keeps it.

    Parameters
    ----------
    cutoff : int
        Largest number of half waves across the image, at least 1.

    Notes
    -----
    The published sampler multiplies by a nominal displacement that overstates the true one, and lets fields fold;
    here only its distribution of directions is used, except in `sample_at_temperature`.

    References
    ----------
    Petrini, Favero, Geiger, Wyart, "Relative stability toward diffeomorphisms indicates performance in deep nets",
    2021, section 3.

    Examples
    --------
    >>> from kernelconv import SmoothDeformation
    >>> field = SmoothDeformation(cutoff=3).sample((28, 28), strength=0.4, rng=0)
    >>> field.values.shape, round(field.jacobian_sup_norm, 6), field.is_diffeomorphism()
    ((28, 28, 2), 0.4, True)
    """

    cutoff: int = 3

    def __post_init__(self) -> None:
        check_count(self.cutoff, "cutoff")

    def _deviations(self) -> NDArray:
        """Return the standard deviations (c, c) of C at T = 1; 0 where the mode is left out."""
        check_memory(16.0 * self.cutoff**2, f"A series of {self.cutoff} x {self.cutoff} modes")
        modes = np.arange(1, self.cutoff + 1)
        radius = np.hypot(modes[:, None], modes)
        return (radius < self.cutoff + 0.5) / radius

    def n_parameters(self, shape: Pair) -> int:
        """Return 2 per mode that is kept."""
        return 2 * int(np.count_nonzero(self._deviations()))

    def directions(self, shape: Pair, z: NDArray) -> SineField:
        """Return the fields whose kept modes have coefficients `z` (n, p) times their standard deviations."""
        z, deviation = self._check_parameters(shape, z), self._deviations()
        coefficients = np.zeros((len(z), 2, *deviation.shape))
        coefficients[:, :, deviation > 0] = np.reshape(z, (len(z), 2, -1)) * deviation[deviation > 0]
        return SineField(shape, coefficients)

    def _random_parameters(self, shape: Pair, rng: np.random.Generator, n: int) -> NDArray:
        check_memory(16.0 * n * self.cutoff**2, f"{n} fields of {self.cutoff} x {self.cutoff} modes")
        # one number a mode, kept or not: the draws of a seed are laid out as a square of modes
        drawn = rng.standard_normal((n, 2, self.cutoff, self.cutoff))
        return drawn[:, :, self._deviations() > 0].reshape(n, -1)

    def sample_at_temperature(
        self, shape: Pair, temperature: float, rng: RandomState = None, size: int | None = None
    ) -> SineField:
        """Return one field, or a batch, of the published distribution at temperature T, not rescaled.

        Parameters
        ----------
        shape : int or tuple (h, w)
            Pixels of the image.
        temperature : float
            T, in units of the image's sides: tau is h times the sum in `SmoothDeformation` along rows, w times along
            columns.
        rng : None, int or numpy Generator
            Source of the draw.
        size : int, optional
            Number of fields; None gives a single one.

        Raises
        ------
        ValueError
            If the temperature is not > 0 and finite, or the image is smaller than 2 x 2.

        Notes
        -----
        Fields are not rescaled, so their size varies from draw to draw and they may fold: see ``is_diffeomorphism``.

        Examples
        --------
        >>> from kernelconv import SmoothDeformation
        >>> family = SmoothDeformation(cutoff=3)
        >>> fields = family.sample_at_temperature((28, 28), temperature=1e-3, rng=0, size=2000)
        >>> exact = family.typical_displacement((28, 28), temperature=1e-3)
        >>> bool(abs((fields.rms_norm**2).mean() ** 0.5 / exact - 1) < 0.02)
        True
        """
        pair, n = as_pair(shape, "shape"), 1 if size is None else check_count(size, "size")
        scale = np.sqrt(check_positive(temperature, "temperature")) * np.array(pair, np.float64)
        drawn = self.directions(pair, self._random_parameters(pair, check_rng(rng), n))
        fields = SineField(pair, drawn.coefficients * scale[:, None, None])
        return fields[0] if size is None else fields

    def typical_displacement(self, shape: Pair, temperature: float) -> float:
        r"""Return the exact rms displacement at temperature T, in pixels.

        It is the root of the mean of |tau|^2 over draws and over the image: sqrt(T (h^2 + w^2) / 4 * S), where S is
        the sum of 1 / (i^2 + j^2) over the modes kept. For a square of side n the published form,
        (n / 2) sqrt(pi T ln c), has (pi / 2) ln c in place of S.

        Examples
        --------
        >>> from kernelconv import SmoothDeformation
        >>> round(SmoothDeformation(cutoff=3).typical_displacement((28, 28), temperature=1e-3), 4)
        0.693
        """
        h, w = as_pair(shape, "shape")
        temperature = check_positive(temperature, "temperature")
        return float(np.sqrt(temperature * (h * h + w * w) / 4 * (self._deviations() ** 2).sum()))

    def temperature_range(self, shape: Pair) -> tuple[float, float]:
        r"""Return the published range of T: from 1 / (pi h w ln c) to 4 / (pi^3 c^2 ln c).

        Below it, typical displacements are smaller than half a pixel; above it, fields are expected to fold.

        Raises
        ------
        ValueError
            If cutoff is 1, where ln c = 0.
        """
        if self.cutoff < 2:
            raise ValueError("The published range of temperatures needs cutoff >= 2: it divides by ln(cutoff).")
        h, w = as_pair(shape, "shape")
        log = np.log(self.cutoff)
        return float(1 / (np.pi * h * w * log)), float(4 / (np.pi**3 * self.cutoff**2 * log))


@dataclass(frozen=True)
class ElasticDeformation(LinearDeformation):
    r"""Elastic fields: white noise filtered by a Gaussian of scale sigma, each rescaled to exactly the requested size.

    The noise is periodic, with a period 6 sigma longer than the image, so that opposite borders hardly correlate; the
    filtered field is a Fourier series, whose derivative is exact. It does not vanish on the border.

    Parameters
    ----------
    sigma : float
        Scale of the Gaussian, in pixels, at least 1. Waves beyond 4 / sigma radians per pixel, where the filter is
        3e-4 of its maximum, are left out.

    References
    ----------
    Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual document
    analysis", 2003, section 2.

    Examples
    --------
    >>> from kernelconv.deformations import ElasticDeformation
    >>> field = ElasticDeformation(sigma=4.0).sample((28, 28), strength=0.4, rng=0)
    >>> field.values.shape, round(field.jacobian_sup_norm, 6), field.is_diffeomorphism()
    ((28, 28, 2), 0.4, True)
    """

    sigma: float = 4.0

    def __post_init__(self) -> None:
        if check_positive(self.sigma, "sigma") < 1:
            raise ValueError(f"sigma must be at least 1 px, got {self.sigma}: the pixels do not resolve such fields.")
        if self.sigma > _WIDEST:
            raise ValueError(f"sigma must be at most {_WIDEST:g} px, got {self.sigma}: its fields would be constant.")

    def _waves(self, n: int) -> tuple[float, NDArray]:
        """Return the period along an axis of n pixels, and the standard deviations of its 2 K + 1 waves."""
        period = float(n + np.ceil(6 * self.sigma))
        n_waves = int(4 / self.sigma * period / (2 * np.pi))
        check_memory(32.0 * n_waves, f"A series of {n_waves} waves")
        omega = np.arange(1, n_waves + 1) * (2 * np.pi / period)
        deviation = np.sqrt(2) * np.exp(-((self.sigma * omega) ** 2) / 2)  # a cosine and a sine share the power
        return period, np.concatenate([[1.0], deviation, deviation])

    def n_parameters(self, shape: Pair) -> int:
        """Return 2 per product of a wave along rows and a wave along columns."""
        return 2 * int(np.prod([len(self._waves(n)[1]) for n in shape]))

    def directions(self, shape: Pair, z: NDArray) -> FourierField:
        """Return the fields whose waves have coefficients `z` (n, p) times their standard deviations."""
        z, ((rows, along_rows), (columns, along_columns)) = self._check_parameters(shape, z), map(self._waves, shape)
        deviation = along_rows[:, None] * along_columns
        return FourierField(shape, np.reshape(z, (len(z), 2, *deviation.shape)) * deviation, (rows, columns))


@dataclass(frozen=True)
class CombinedDeformation(LinearDeformation):
    r"""Sum of a smooth field of Jacobian norm s and a translation of given length in a random direction.

    The Jacobian norm and the displacement of a smooth field grow together; here they are chosen independently, as a
    fit of the stability theorem's two constants requires.

    Parameters
    ----------
    base : SmoothDeformation or ElasticDeformation
        The smooth family.
    translation : float
        Length of the translation, in pixels.

    Examples
    --------
    >>> from kernelconv.deformations import CombinedDeformation, SmoothDeformation
    >>> field = CombinedDeformation(SmoothDeformation(3), translation=2.0).sample((28, 28), strength=0.2, rng=0)
    >>> round(field.jacobian_sup_norm, 6), 2 < field.sup_norm < 4
    (0.2, True)
    """

    base: LinearDeformation = field(default_factory=SmoothDeformation)
    translation: float = 1.0

    scales = False

    def __post_init__(self) -> None:
        if not isinstance(self.base, SmoothDeformation | ElasticDeformation):
            raise ValueError(f"base must be a SmoothDeformation or an ElasticDeformation, got {self.base!r}.")
        check_positive(self.translation, "translation")

    def n_parameters(self, shape: Pair) -> int:
        """Return the number of parameters of the base, plus 2 for the direction of the translation."""
        return self.base.n_parameters(shape) + 2

    def directions(self, shape: Pair, z: NDArray) -> ShiftedField:
        """Return the base's fields with parameters ``z[:, :-2]``, shifted by ``z[:, -2:]``."""
        z = self._check_parameters(shape, z)
        smooth: Any = self.base.directions(shape, z[:, :-2])
        return ShiftedField(shape, smooth, z[:, -2:])

    def from_parameters(self, shape: Pair, z: NDArray, strength: float) -> ShiftedField:
        """Return the fields of parameters `z`: the base rescaled to `strength`, the translation to its length."""
        z = self._check_parameters(shape, z)
        smooth: Any = self.base.from_parameters(shape, z[:, :-2], strength)
        return ShiftedField(shape, smooth, self._offset(z))

    def _offset(self, z: NDArray) -> NDArray:
        return self.translation * z[:, -2:] / np.hypot(z[:, -2], z[:, -1])[:, None]

    def draw_displaced(self, shape: Pair, displacement: float, rng: np.random.Generator, n: int) -> ShiftedField:
        """Return `n` fields of the given ``rms_norm``, translation included; it must exceed the translation alone."""
        if displacement <= self.translation:
            raise ValueError(
                f"displacement={displacement} px is not above the translation of {self.translation} px that is part "
                "of it: ask for more."
            )
        z = self._random_parameters(shape, rng, n)
        smooth: Any = self.base.directions(shape, z[:, :-2])
        offset = self._offset(z)
        # |f tau + c|^2 averaged is f^2 <|tau|^2> + 2 f <tau>.c + |c|^2: one positive root f
        shifted = ShiftedField(shape, smooth, offset).rms_norm ** 2
        square, constant = smooth.rms_norm**2, self.translation**2
        half = (shifted - square - constant) / 2
        factor = (np.sqrt(half**2 + square * (displacement**2 - constant)) - half) / square
        return ShiftedField(shape, smooth.scaled(factor), offset)
