"""Wavelet scattering of volumes as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from kernelconv._arrays import as_floating, is_foreign, namespace, numpy_dtype
from kernelconv._check import Shape, resolve_image_shape
from kernelconv._numbers import as_table
from kernelconv._parallel.blocks import apply_blocks, n_threads
from kernelconv._scales import scales
from kernelconv._types.stored import is_elsewhere
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import by_block, read_elsewhere
from kernelconv.networks.estimator import check_input_features
from kernelconv.networks.scattering.fast.volumes import Volumes
from kernelconv.networks.scattering.volumes.definition import scattered
from kernelconv.networks.scattering.volumes.geometry import Geometry3D, Method
from kernelconv.networks.scattering.volumes.reading import as_volumes
from kernelconv.operators.wavelets.filter_bank_3d import VolumeBank


class Scattering3D(TransformerMixin, BaseEstimator):
    r"""Solid harmonic or Morlet wavelet scattering of volumes: integrals or averages of cascaded wavelet moduli.

    .. math:: U[j_1, l] x = \Big(\sum_{m=-l}^{l} |x * \psi_{j_1,l,m}|^2\Big)^{1/2}, \qquad
              U[j_1, j_2, l] x = \Big(\sum_{m=-l}^{l} |U[j_1, l] x * \psi_{j_2,l,m}|^2\Big)^{1/2}, \dots

    over the paths of increasing scales :math:`j_1 < j_2 < \dots`, at most `max_order` of them, and degrees
    :math:`l = 0, \dots, L`. The coefficients are integrals :math:`S[p, q] x = \sum_u U[p] x(u)^q`, which do not change
    if the volume is shifted (borders are circular) nor, up to sampling, if it is rotated; or averages
    :math:`S[p] x = (U[p] x * \phi_J)(2^J \cdot)`.

    Parameters
    ----------
    J : int
        log2 of the largest scale: the wavelets have widths sigma_0, 2 sigma_0, ..., 2^J sigma_0.
    L : int
        Largest degree of the solid harmonics; unused with ``bank="morlet"``.
    sigma_0 : float
        Standard deviation of the Gaussian of the wavelets of scale 0 (voxels).
    max_order : int
        Largest number of wavelet transforms on a path; 0 keeps only the integrals of ``|x|^q``, or the average of x.
    rotation_covariant : bool
        Take the root of the sum of squares over m, as above: U rotates with the volume. Otherwise each of m = 0, ..., l
        is a path of its own, :math:`|x * \psi_{j,l,m}|` (-m has the same modulus), with one m at all its scales. For
        Morlet wavelets: sum over all directions, or take each sequence of directions as a path.
    method : {"integral", "local"}
        Integrals over the whole volume, or averages by the low-pass of width 2^J sigma_0 about every 2^J-th voxel along
        each axis.
    integral_powers : sequence of float
        The exponents q > 0; unused with ``method="local"``.
    bank : {"harmonic", "morlet"}
        The wavelets, those of `FilterBank3D`.
    n_directions : int
        3, 7 or 13 directions of Morlet wavelets; unused with ``bank="harmonic"``.
    volume_shape : tuple (d, h, w) or (d, h, w, c), optional
        How rows are read, as numpy.reshape reads it; needed only for rows. One entry may be -1.
    n_jobs : int, optional
        Threads, among which the volumes are shared; None means the cores this process may use, or the setting of
        ``joblib.parallel_config``.

    Attributes
    ----------
    paths_ : tuple of VolumePath
        Path of each coefficient, in kymatio's order with order 0 first: by order, by scales, by degree.
    filter_bank_ : FilterBank3D
        The wavelets and the low-pass.
    volume_shape_ : tuple (d, h, w, c)
        Shape of the volumes seen in ``fit``.
    maps_shape_ : tuple
        Shape of ``maps(X)[0]``: (n_powers, c * n_paths), or (d', h', w', c * n_paths).
    n_features_in_ : int
        d h w c.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of its range, 2^J sigma_0 is more than the shortest side, there are more than
        a million paths, or `X` is not (n, d, h, w) or (n, d, h, w, c), is complex, empty or not finite, or looks like
        channels first. In ``transform`` also if volumes have another shape than those seen in ``fit``, or a coefficient
        leaves the range of their dtype.

    Notes
    -----
    A volume is treated as its trigonometric interpolation, with the Nyquist frequency of even sizes as the mean of both
    its signs: the rotations of the cube change integrals by rounding alone, for even and odd sides. Leave about
    2^J sigma_0 empty voxels around an object, since convolutions wrap around at the borders.

    Filters are scaled so that :math:`\int (\sum_m |\psi_{j,l,m}|^2)^{1/2} = 1`, as kymatio's are. The rows of order 1
    and more, ``transform(X).reshape(n, n_paths, n_powers)[:, 1:]``, are those of kymatio 0.3.0's
    ``HarmonicScattering3D(J, shape, L, sigma_0)(X).reshape(n, -1, n_powers)`` up to its precision, that of complex64,
    for even sizes and volumes without a part at the Nyquist frequency, which kymatio counts with its negative sign
    alone. For odd sizes kymatio's frequencies are off by one. Without `rotation_covariant`, kymatio has m = -l alone.

    Cost: an inverse FFT of half a spectrum for each of the 2 l + 1 wavelets of each path, and an FFT for each path that
    others continue. Where filters do not fill the band, as those of scale 2 and above, lines of zeros are skipped.
    Peak memory beside `X` and the output: s N (K + 11 m t) bytes at most, with N = d h w voxels of s bytes, t threads
    that compute m volumes each (one, from N s = 256 KiB on), and K = (J + 1)(L + 1)^2 filters, or 2 (J + 1)
    n_directions for Morlet; filters beyond 512 MiB are not kept, but computed again for each block. A filter takes
    about 0.3 us per voxel, in complex128, and is computed by the first transform after ``fit``.

    References
    ----------
    Eickenberg, Exarchakis, Hirn & Mallat (2017), Solid harmonic wavelet scattering: predicting quantum molecular energy
    from invariant descriptors of 3D electronic densities, NeurIPS, equations 8 to 13.

    Eickenberg, Exarchakis, Hirn, Mallat & Thiry (2018), Solid harmonic wavelet scattering for predictions of molecule
    properties, J. Chem. Phys. 148, 241732.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Scattering3D
    >>> x = np.random.default_rng(0).standard_normal((2, 12, 12, 12))
    >>> scattering = Scattering3D(J=1, L=2).fit(x)
    >>> rows = scattering.transform(x)
    >>> rows.shape, [path.name for path in scattering.paths_]
    ((2, 30), ['mean', 'j0_l0', 'j0_l1', 'j0_l2', 'j1_l0', 'j1_l1', 'j1_l2', 'j0_j1_l0', 'j0_j1_l1', 'j0_j1_l2'])
    >>> turned = np.rot90(x, axes=(1, 3))
    >>> bool(np.abs(scattering.transform(turned) / rows - 1).max() < 1e-12)
    True
    """

    def __init__(
        self,
        J: int = 2,
        L: int = 3,
        sigma_0: float = 1.0,
        max_order: int = 2,
        *,
        rotation_covariant: bool = True,
        method: Method = "integral",
        integral_powers: Sequence[float] = (0.5, 1.0, 2.0),
        bank: VolumeBank = "harmonic",
        n_directions: int = 13,
        volume_shape: Sequence[int] | None = None,
        n_jobs: int | None = None,
    ):
        self.J = J
        self.L = L
        self.sigma_0 = sigma_0
        self.max_order = max_order
        self.rotation_covariant = rotation_covariant
        self.method = method
        self.integral_powers = integral_powers
        self.bank = bank
        self.n_directions = n_directions
        self.volume_shape = volume_shape
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters against the volumes; no value of `X` is used.

        Parameters
        ----------
        X : array-like, shape (n, d, h, w), (n, d, h, w, c) or rows (n, d * h * w * c)
            Volumes.
        y : ignored
        """
        shape = self._read(X, reset=True).shape[1:]
        n_threads(self.n_jobs)
        geometry = Geometry3D(
            shape[:3],
            self.J,
            self.L,
            self.sigma_0,
            self.max_order,
            self.rotation_covariant,
            self.method,
            self.integral_powers,  # type: ignore[arg-type]  # checked, and made a tuple
            self.bank,
            self.n_directions,
        )
        self._run = Volumes(geometry)
        self.paths_ = geometry.paths
        self.filter_bank_ = geometry.filters
        self.maps_shape_ = (*geometry.averages_shape, shape[3] * len(geometry.paths))
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Return the scattering coefficients as rows, path by path.

        Parameters
        ----------
        X : array-like, shape (n, d, h, w), (n, d, h, w, c) or rows (n, d * h * w * c)
            Volumes of the shape seen in ``fit``.

        Returns
        -------
        array, shape (n, c * n_paths * n_powers) or (n, c * n_paths * d' * h' * w')
            Of the library of `X`; float64 for float64 volumes, else float32.
        """
        volumes = self._read(X)
        xp, geometry = namespace(volumes), self._run.geometry
        n, *shape, c = volumes.shape
        each = xp.reshape(xp.moveaxis(volumes, -1, 1), (n * c, *shape))
        if is_foreign(volumes):
            each = as_floating(each)
            held = numpy_dtype(each).itemsize * int(np.prod(shape)) * (8 + 2 * len(geometry.paths))
            found = by_block(lambda x: scattered(geometry, x), each, held)
        else:
            found = apply_blocks(self._scattered, each, self._run.block(each.dtype.itemsize), self.n_jobs)
        return xp.reshape(found, (n, -1))

    def maps(self, X: ArrayLike) -> Any:
        """Return the coefficients with their paths last, (n, n_powers, c * n_paths) or (n, d', h', w', c * n_paths);
        channel ``k * n_paths + p`` is path p of channel k.
        """  # noqa: D205
        check_is_fitted(self)
        found = self.transform(X)
        found = found if is_foreign(found) else np.asarray(found)
        xp, (*positions, channels) = namespace(found), self.maps_shape_
        return xp.moveaxis(xp.reshape(found, (found.shape[0], channels, *positions)), 1, -1)

    def get_feature_names_out(self, input_features: Sequence[str] | NDArray | None = None) -> NDArray:
        """Return a name per feature: ``scattering3d_<path>_q<power>`` or ``scattering3d_<path>_<z>_<y>_<x>``, with
        ``c<channel>_`` before the path when there are several channels; ``mean`` is the path of order 0.
        """  # noqa: D205
        check_input_features(self, input_features)
        geometry, c = self._run.geometry, self.volume_shape_[3]
        ends = [f"q{q:g}" if float(f"{q:g}") == q else f"q{float(q)!r}" for q in geometry.integral_powers]
        if geometry.method == "local":
            ends = ["_".join(map(str, at)) for at in np.ndindex(*geometry.averages_shape)]
        prefixes = [f"c{k}_" for k in range(c)] if c > 1 else [""]
        names = [f"scattering3d_{k}{path.name}_{end}" for k in prefixes for path in self.paths_ for end in ends]
        return np.array(names, dtype=object)

    def _scattered(self, x: NDArray) -> NDArray:
        """Return the scattering of volumes (m, d, h, w) by the engine, whatever their size."""
        by = scales(x)
        found = self._run(x if by is None else x * by)
        if by is not None:
            powers = np.array(self._run.geometry.integral_powers if self._run.geometry.method == "integral" else [1.0])
            factors = by.reshape(-1, *[1] * (found.ndim - 1)).astype(np.float64)
            with np.errstate(over="ignore", under="ignore"):  # what overflows is refused below
                found = found / (factors**powers if self._run.geometry.method == "integral" else factors)
        with np.errstate(over="ignore", under="ignore"):
            found = found.astype(x.dtype, copy=False)
        if not np.isfinite(found).all():
            raise ValueError(
                f"Coefficients of these volumes leave the range of {x.dtype}: powers of U are summed over all voxels. "
                "Divide the volumes first."
            )
        return found

    def _read(self, X: Any, *, reset: bool = False) -> Any:
        """Return `X` as (n, d, h, w, c), float32 or float64; learn its shape with `reset`, else check it.

        Arrays of another library stay where they are.
        """
        if not reset:
            check_is_fitted(self)
        if is_elsewhere(X):
            return read_elsewhere(X, lambda x: self._read(x, reset=reset))
        X = as_table(X, dtype=np.float32)
        if self.volume_shape is not None and X.ndim not in (4, 5):
            rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=reset)
            volumes = rows.reshape(len(rows), *resolve_image_shape(self.volume_shape, rows.shape[1], "volume"))
        else:
            volumes = as_volumes(X, self.volume_shape)
            if reset:
                self.__dict__.pop("feature_names_in_", None)  # of an earlier fit on a table
        if reset:
            self.volume_shape_: Shape = volumes.shape[1:]
            self.n_features_in_ = int(np.prod(volumes.shape[1:]))
        elif volumes.shape[1:] != self.volume_shape_:
            raise ValueError(
                f"X holds volumes of shape {volumes.shape[1:]}, but Scattering3D was fitted on volumes of shape "
                f"{self.volume_shape_}."
            )
        return volumes

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: features of the precision of the volumes, whose library they follow."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.array_api_support = True
        return tags
