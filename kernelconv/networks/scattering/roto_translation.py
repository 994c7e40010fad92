"""Roto-translation scattering: wavelets over positions and angles, invariant to rotations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import as_floating, is_foreign, numpy_dtype
from kernelconv._check import Shape, check_count
from kernelconv._parallel.blocks import apply_blocks, n_threads
from kernelconv._scales import rescaled, scales
from kernelconv._types.parameters import Border
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import by_block
from kernelconv.networks.scattering.fast.by_map import CascadeByMap, full_spectrum
from kernelconv.networks.scattering.fast.cascades import Cascades
from kernelconv.networks.scattering.fast.scratch import Scratch
from kernelconv.networks.scattering.path_transformer import PathTransformer
from kernelconv.networks.scattering.roto_translation_definition import roto_translation
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.operators.wavelets.filter_bank_1d import morlet_1d


class RotoTranslationPath(NamedTuple):
    """One path: scales j1 < j2, the angle of the second wavelet from the first, and the angular filter."""

    scales: tuple[int, ...]
    turn: int | None
    angular: int | None

    @property
    def order(self) -> int:
        """Number of spatial wavelets on the path."""
        return len(self.scales)

    @property
    def name(self) -> str:
        """A short name: ``mean``, ``j0_k1`` or ``j0_j1_t3_k1``."""
        words = [f"j{j}" for j in self.scales]
        words += [f"t{self.turn}"] if self.turn is not None else []
        words += [f"k{self.angular}"] if self.angular is not None else []
        return "_".join(words) or "mean"


def angular_filters(L: int) -> NDArray:
    r"""Return the Fourier transforms of the filters along the angle, sampled at 2 L angles of a full turn.

    The mean over angles first; then, for k = 0, ..., K - 1 with K = floor(log2 L), the periodised Morlet wavelet of
    frequency :math:`\tfrac38 2^{-k}` and deviation :math:`\tfrac18 2^{-k}` (cycles per sample), and its conjugate.

    Parameters
    ----------
    L : int
        Angles in a half turn.

    Returns
    -------
    ndarray, shape (1 + 2 K, 2 L), float64
        Real.

    Raises
    ------
    ValueError
        If `L` is not an int >= 1.

    Examples
    --------
    >>> from kernelconv.networks.scattering.roto_translation import angular_filters
    >>> angular_filters(8).shape
    (7, 16)
    """
    n = 2 * check_count(L, "L")
    bank = [np.eye(1, n)[0]]
    for k in range(int(np.log2(L))):
        psi = morlet_1d(n, 0.375 / 2**k, 0.125 / 2**k)
        bank += [psi, np.roll(psi[::-1], 1)]
    return np.stack(bank)


class RotoTranslationScattering2D(PathTransformer):
    r"""Scattering along positions and angles: averages over 2^J px and over all rotations.

    .. math:: U_1(u, \theta) = |x * \psi_{j_1, \theta}|(u), \qquad
              U_2(u, \theta) = \big| \textstyle\sum_{\theta'} (U_1(\cdot, \theta') *
              \psi_{j_2, \theta' + \beta})(u) \, \tilde\psi_k(\theta - \theta') \big|

    A rotation of the image rotates the maps and shifts :math:`\theta`. Wavelets :math:`\tilde\psi_k` along the angle
    keep what the average over :math:`\theta` alone would lose: the relation of responses at different angles. The
    output is the average over :math:`\theta`, low-passed by :math:`\phi_J`, of x, of
    :math:`|U_1 *_\theta \tilde\psi_k|` and of :math:`U_2` for every :math:`j_1 < j_2`, relative angle :math:`\beta`, k.

    Parameters
    ----------
    J : int
        log2 of the averaging scale: the output has one position every 2^J px.
    L : int
        Number of angles in a half turn; for even L a quarter turn is one of them.
    max_order : {1, 2}
        Number of spatial wavelets on the longest path.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows are read; needed only for rows.
    padding : {"reflect", "zero", "circular", "symmetric"}
        What lies outside the image, as in `Scattering2D`.
    oversampling : int
        Sample the output on a grid finer by 2^oversampling, as in `Scattering2D`.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or the setting of ``joblib.parallel_config``.

    Attributes
    ----------
    paths_ : tuple of RotoTranslationPath
        Path of each map.
    filter_bank_ : FilterBank
        The spatial wavelets and the low-pass, on the padded image.
    image_shape_ : tuple (h, w, c)
        Shape of the images seen in ``fit``.
    maps_shape_ : tuple (h', w', c * n_paths)
        Shape of ``maps(X)[0]``.
    n_features_in_ : int
        h w c.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of its range, or 2^J is larger than the image allows (see `Scattering2D`).

    Notes
    -----
    There are 1 + (1 + 2 K) J + (1 + 2 K) L J (J - 1) / 2 paths with K = floor(log2 L). On square circular images whose
    side 2^J divides, and with even L, a quarter turn of the image about pixel (0, 0) turns the maps exactly; for other
    angles this holds up to the sampling of the angles. Second-order wavelets at :math:`\theta + \pi` are conjugates, so
    only half a turn is computed. Cost: about that of `Scattering2D` times (1 + 2 K) / 2 at order 2.

    References
    ----------
    Sifre & Mallat (2013), Rotation, scaling and deformation invariant scattering for texture discrimination, CVPR,
    equations 14 to 18.
    Oyallon & Mallat (2015), Deep roto-translation scattering for object classification, CVPR, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import RotoTranslationScattering2D
    >>> x = np.random.default_rng(0).random((1, 32, 32))
    >>> turned = np.roll(np.rot90(x, axes=(1, 2)), 1, axis=1)  # about pixel (0, 0)
    >>> scattering = RotoTranslationScattering2D(J=2, L=4, padding="circular").fit(x)
    >>> a, b = (scattering.maps(image).mean(axis=(1, 2)) for image in (x, turned))
    >>> scattering.maps_shape_, bool(np.allclose(a, b, rtol=1e-12))
    ((8, 8, 31), True)
    """

    prefix = "rototranslation"

    def __init__(
        self,
        J: int = 2,
        L: int = 8,
        max_order: int = 2,
        *,
        image_shape: Shape | None = None,
        padding: Border = "reflect",
        oversampling: int = 0,
        n_jobs: int | None = None,
    ):
        self.J = J
        self.L = L
        self.max_order = max_order
        self.image_shape = image_shape
        self.padding = padding
        self.oversampling = oversampling
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters against the images and build the filters; no value of `X` is used.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images.
        y : ignored
        """
        self._stored_images(X, reset=True)
        n_threads(self.n_jobs)
        if check_count(self.max_order, "max_order") > 2:
            raise ValueError(f"max_order must be 1 or 2, got {self.max_order!r}.")
        plain = ScatteringTransform(self.J, self.L, self.max_order, self.padding, self.oversampling)
        self.cascades_ = Cascades(replace(plain.build(self.image_shape_).geometry, symmetric=True))
        geometry = self.cascades_.geometry
        self.filter_bank_ = geometry.bank
        J, L = plain.J, plain.L  # ints, whatever they were
        every = range(len(angular_filters(L)))
        paths = [RotoTranslationPath((), None, None)]
        paths += [RotoTranslationPath((j,), None, k) for j in range(J) for k in every]
        if self.max_order == 2:
            pairs = [(i, j) for i in range(J) for j in range(i + 1, J)]
            paths += [RotoTranslationPath(pair, t, k) for pair in pairs for t in range(L) for k in every]
        self.paths_ = tuple(paths)
        self.maps_shape_ = (*geometry.out_size, self.image_shape_[2] * len(paths))
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Return the coefficients as rows, path by path.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images of the shape seen in ``fit``.

        Returns
        -------
        array, shape (n, c * n_paths * h' * w')
            Of the library of `X`; float64 for float64 images, else float32. Maps: ``reshape(n, c, n_paths, h', w')``.
        """
        images, geometry = self._stored_images(X), self.cascades_.geometry
        h, w, c = images.shape[1:]
        angular, area = angular_filters(geometry.L), self.filter_bank_.phi.size * geometry.L**2
        if is_foreign(images):
            # a block's complex waves of two angles, and as much for their products along them
            largest = 4 * numpy_dtype(images).itemsize * area * c
            return by_block(lambda x: roto_translation(as_floating(x), geometry, angular), images, largest)
        cascade = self.cascades_.by_map(images.dtype)

        def scatter(x: NDArray) -> NDArray:
            gray = np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(len(x) * c, h, w)
            return _scatter(cascade, angular, gray, self.cascades_.scratch).reshape(len(x), -1)

        def scatter_any(x: NDArray) -> NDArray:
            by = scales(x)
            return scatter(x) if by is None else rescaled(scatter, x, by)

        block = max(1, 2**23 // (4 * images.itemsize * area * c))
        return apply_blocks(scatter_any, images, block, self.n_jobs)


def _scatter(cascade: CascadeByMap, angular: NDArray, x: NDArray, scratch: Scratch) -> NDArray:
    """Return the coefficients (m, n_paths, h', w') of images (m, h, w)."""
    geometry = cascade.geometry
    u = geometry.pad(x)[:, None]
    first, second = [cascade.low_pass[0](u)], []
    for j1 in range(geometry.J):
        moduli = np.abs(_waves(cascade, u, 0, j1, scratch))[:, 0]  # (m, L, h1, w1)
        r1 = geometry.target(0, j1)
        turn = np.concatenate([moduli, moduli], axis=1)  # U1 at theta + pi is U1 at theta
        first.append(_over_angles(cascade, turn[:, :, None], angular, r1)[:, 0])
        for j2 in range(j1 + 1, geometry.J) if geometry.max_order == 2 else ():
            waves = _waves(cascade, moduli, r1, j2, scratch)  # (m, theta, theta + beta, h2, w2)
            turn = _relative(waves)
            values = _over_angles(cascade, turn, angular, geometry.target(r1, j2))
            second.append(values.reshape(len(x), -1, *values.shape[-2:]))
    return np.concatenate(first + second, axis=1)


def _waves(cascade: CascadeByMap, u: NDArray, resolution: int, j: int, scratch: Scratch) -> NDArray:
    """Return u * psi_{j, theta} for all angles, (m, p, L, h, w), of maps (m, p, h', w')."""
    wavelets = cascade.wavelets[resolution, j]
    aliases = wavelets.gather(full_spectrum(u, scratch, 0), scratch, 0)
    waves = wavelets.waves(aliases, slice(None), scratch)
    return waves.reshape(*u.shape[:2], -1, *waves.shape[-2:]).copy()


def _relative(waves: NDArray) -> NDArray:
    """Return (m, 2 L, L, h, w) from (m, theta, theta', h, w): entry (theta, beta) is theta' = theta + beta.

    Both angles go on beyond a half turn: maps at theta + pi are those at theta, and waves at theta' + pi are
    conjugates of those at theta'.
    """
    L = waves.shape[1]
    theta, beta = np.arange(2 * L)[:, None], np.arange(L)
    # angles decrease with the index, as in the bank: only differences matter, and the wrap is the same
    turned = waves[:, theta % L, (theta + beta) % L]
    conjugate = ((theta + beta) // L % 2).astype(bool)
    turned[:, conjugate] = turned[:, conjugate].conj()
    return turned


def _over_angles(cascade: CascadeByMap, turn: NDArray, angular: NDArray, resolution: int) -> NDArray:
    """Return (m, b, k, h', w'): |turn * psi_k| along the angles (axis 1 of (m, 2 L, b, h, w)), averaged and low-passed.

    The order of the angles does not matter: the mean is over all of them.
    """
    m, n, b, h, w = turn.shape
    circulants = np.fft.ifft(angular)[:, (np.arange(n)[:, None] - np.arange(n)) % n]
    matrix = circulants.astype(np.result_type(turn.dtype, np.complex64))
    z = np.abs(np.einsum("kij,mjbhw->mibkhw", matrix, turn, optimize=True)).mean(axis=1)
    return cascade.low_pass[resolution](np.ascontiguousarray(z).reshape(m, -1, h, w)).reshape(
        m, b, len(angular), *_out(cascade)
    )


def _out(cascade: CascadeByMap) -> tuple[int, int]:
    return cascade.geometry.out_size
