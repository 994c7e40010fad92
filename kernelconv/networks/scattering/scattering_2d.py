"""Wavelet scattering of images as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from kernelconv._check import Shape, check_flag
from kernelconv._parallel.blocks import n_threads
from kernelconv._scales import scales
from kernelconv._types.parameters import Border
from kernelconv._types.stored import is_elsewhere
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import by_map, rows
from kernelconv.networks.scattering.path_parts import LogCompression, ParentNormalization, PathSelection
from kernelconv.networks.scattering.path_transformer import EnergyByPath, path_energies, strongest
from kernelconv.networks.scattering.paths import ScatteringPath, image_meta, with_parents
from kernelconv.networks.scattering.transform import Engine, Grid, Paths, ScatteringTransform
from kernelconv.networks.serial import serial
from kernelconv.operators.base import Part
from kernelconv.operators.wavelets.filter_bank import Bank


class Scattering2D(EnergyByPath):
    r"""Wavelet scattering transform of images: averages of cascaded wavelet moduli.

    .. math:: U[\lambda_1, \dots, \lambda_m] x = |\cdots ||x * \psi_{\lambda_1}| * \psi_{\lambda_2}| \cdots
              * \psi_{\lambda_m}|

    .. math:: S[p] x = (U[p] x * \phi_J)(2^J \cdot)

    over the frequency-decreasing paths :math:`j_1 < j_2 < \dots < j_m`, :math:`m \le` `max_order` (``paths="all"`` adds
    the others). A shift by t px changes S by O(:math:`t / 2^J`); S is Lipschitz to deformations.

    Parameters
    ----------
    J : int
        log2 of the averaging scale: the output has one position every 2^J px.
    L : int
        Number of angles in a half turn.
    max_order : int
        Largest number of wavelets on a path; 0 keeps only the average.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows are read; needed only for rows.
    padding : {"reflect", "zero", "circular", "symmetric"}
        What lies outside the image, as in numpy.pad, up to a border of 2^J px or a little more. The widest filters
        reach farther and read the opposite border there: pad images yourself where a trace of one edge on the other
        matters. "zero" suits objects on an empty background. With "circular", an axis that 2^J divides gets no border:
        the transform is then exactly covariant to shifts by 2^J. With `oversampling` J or more, an axis of any size
        gets none, and the transform is covariant to all shifts.
    oversampling : int
        Sample the output every 2^(J - oversampling) px instead (never finer than 1 px), and compute every scale on a
        grid that is finer by the same factor; at J nothing is subsampled.
    grid : {"centred", "kymatio"}
        Where the output is sampled when 2^J does not divide the size: on the image padded evenly to the next multiple
        of 2^J (28 px at J=3 give 4 positions), or where kymatio samples (3 positions, which leave out the last rows).
    engine : {"native", "kymatio"}
        What computes: this library, or kymatio's NumPy engine (slower; its filters differ by 3e-5), with one interface.
    bank : {"morlet", "tight"}
        Filters: kymatio's, or the same scaled so that their Littlewood-Paley sum is exactly 1. With all four of
        "tight", `paths` "all", circular padding and `oversampling` = J, the transform keeps the energy of images of
        any size: ``energies`` and ``residual_energy`` sum to it. Borders and subsampling change the sum.
    paths : {"decreasing", "all"}
        Frequency-decreasing paths, or those of any scales, (J L)^m of order m.
    normalized : bool
        Divide maps of order 2 and more by those of their parent paths (`ParentNormalization`).
    log : bool
        Compress the maps of order 1 and more, log(1 + S / epsilon) (`LogCompression`).
    epsilon : float
        Of `normalized` and `log`, > 0, in units of the coefficients.
    energy : float, optional
        Keep only the paths of largest energy on the images of ``fit``, as few as hold this share, in (0, 1], of the
        total energy, a pruning as in Bruna & Mallat. ``transform`` then computes only these paths and those that they
        continue. None keeps all paths, whatever the values of the images.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or the setting of ``joblib.parallel_config``.

    Attributes
    ----------
    paths_ : tuple of ScatteringPath
        Path of each map, in kymatio's order: by order, then by (scale 1, angle 1, scale 2, angle 2, ...).
    network_ : Network
        The same computation as a network of parts, on (n, h, w, c): ``forward``, ``trace``, and ``vjp`` for gradients
        in the image, which kymatio's engine does not have.
    filter_bank_ : FilterBank
        The wavelets and the low-pass, on the padded image.
    image_shape_ : tuple (h, w, c)
        Shape of the images seen in ``fit``.
    maps_shape_ : tuple (h', w', c * n_paths)
        Shape of ``maps(X)[0]``.
    n_features_in_ : int
        h w c.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of its range; if 2^J is larger than the height or the width (with zero
        padding on the centred grid, only if it is larger than twice both); or if `engine` is "kymatio" and `max_order`
        is above 2, `oversampling` above 0, `bank` not "morlet", `paths` not "decreasing", or a circular axis needs no
        border.

    Notes
    -----
    There are 1 + J L + L^2 J (J - 1) / 2 decreasing paths at order 2. All angles of a scale are computed at once;
    products are folded onto the coarser grid before the inverse FFT, and the low-pass is a matrix product in space.
    Images padded to at most 80^2 px are computed frequency by frequency, with the maps of a block side by side, and
    Fourier transforms of at most 40 px are products of small real matrices.
    Memory: the output and a few blocks. A pickle holds the parameters; loading it computes the filters again.

    Coefficients differ in size by orders of magnitude, which matters to a head: with 1,000 MNIST images
    ``RidgeClassifierCV(np.logspace(-4, 1, 6))`` has 2.3 % validation error, 1.9 % after square roots (the penalties of
    ``RidgeClassifierCV()``: 3.2 %), `AffineSubspaceClassifier` 2.2 %, 1.8 % after them, ``LogisticRegression`` 10.8 %,
    3.4 % after ``StandardScaler``.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equations 2.20 and 2.25.
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Scattering2D
    >>> x = np.random.default_rng(0).random((2, 28, 28))
    >>> scattering = Scattering2D(J=2).fit(x)
    >>> scattering.transform(x).shape, scattering.maps(x).shape
    ((2, 3969), (2, 7, 7, 81))
    >>> scattering.paths_[17], scattering.paths_[17].order
    (ScatteringPath(scales=(0, 1), angles=(0, 0)), 2)
    >>> round(float(scattering.maps(x)[..., 0].mean()), 3)
    0.503
    """

    prefix = "scattering2d"

    def __init__(
        self,
        J: int = 2,
        L: int = 8,
        max_order: int = 2,
        *,
        image_shape: Shape | None = None,
        padding: Border = "reflect",
        oversampling: int = 0,
        grid: Grid = "centred",
        engine: Engine = "native",
        bank: Bank = "morlet",
        paths: Paths = "decreasing",
        normalized: bool = False,
        log: bool = False,
        epsilon: float = 1e-2,
        energy: float | None = None,
        n_jobs: int | None = None,
    ):
        self.J = J
        self.L = L
        self.max_order = max_order
        self.image_shape = image_shape
        self.padding = padding
        self.oversampling = oversampling
        self.grid = grid
        self.engine = engine
        self.bank = bank
        self.paths = paths
        self.normalized = normalized
        self.log = log
        self.epsilon = epsilon
        self.energy = energy
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters against the images and build the filters; only `energy` looks at the values of `X`.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images.
        y : ignored
        """
        images = self._stored_images(X, reset=True) if self.energy is None else self._read_images(X, reset=True)
        n_threads(self.n_jobs)
        transform = ScatteringTransform(
            self.J, self.L, self.max_order, self.padding, self.oversampling, self.grid, self.bank, self.paths,
            self.engine,
        ).build(self.image_shape_)  # fmt: skip
        self.filter_bank_ = transform.geometry.bank
        self.paths_ = transform.geometry.paths
        if self.energy is not None:
            network = serial(transform).build(self.image_shape_)
            whole = np.asarray(images)
            by = scales(whole[None])  # only shares matter, and they do not depend on the scale
            whole = whole if by is None else whole * by[0]
            energies = path_energies(network, whole, len(self.paths_), transform.geometry.stride, self.n_jobs)
            self.paths_ = tuple(self.paths_[i] for i in strongest(energies, self.energy))
            # a path is normalised by its parent, so that is computed too and left out after
            transform = transform.with_paths(
                with_parents(self.paths_) if check_flag(self.normalized, "normalized") else self.paths_
            )
        self.network_ = serial(transform, *self._finish(transform.geometry.paths)).build(self.image_shape_)
        self.maps_shape_ = self.network_.out_shape(self.image_shape_)
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Return the scattering coefficients as rows, path by path.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images of the shape seen in ``fit``.

        Returns
        -------
        array, shape (n, c * n_paths * h' * w')
            Of the library of `X`; float64 for float64 images, else float32. For one channel,
            ``reshape(n, n_paths, h', w')`` is kymatio's array; for more, ``reshape(n, c, n_paths, h', w')``.

        Raises
        ------
        TypeError
            If `X` is an array of another library than NumPy and `engine` is "kymatio".
        """
        if self.engine == "kymatio" and is_elsewhere(X):
            raise TypeError(
                f"engine='kymatio' computes on NumPy arrays alone, got a {type(X)}: use engine='native', which follows."
            )
        images = self._stored_images(X)
        return rows(self.network_, images, self.n_jobs, by_map)

    def meta(self) -> dict[str, Any]:
        """Return arrays under kymatio's names, one entry per path of ``paths_``, NaN beyond a path's order.

        ``order`` (n_paths,); ``j``, ``theta`` (index of the angle) and ``n`` = j L + theta, (n_paths, max_order);
        ``key``, a list of the tuples n. kymatio 0.3.0 gives these with each entry of its ``out_type="list"``.
        """
        check_is_fitted(self)
        geometry = self._geometry()
        return image_meta(self.paths_, geometry.L, geometry.max_order)

    def _finish(self, paths: tuple[ScatteringPath, ...]) -> list[Part]:
        """Return the parts that follow the transform, which makes maps of `paths`."""
        parts: list[Part] = (
            [ParentNormalization(paths, self.epsilon)] if check_flag(self.normalized, "normalized") else []
        )
        parts += [LogCompression(paths, self.epsilon)] if check_flag(self.log, "log") else []
        if paths != self.paths_:
            parts.append(PathSelection(paths, tuple(paths.index(path) for path in self.paths_)))
        return parts

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: paths are chosen by energy, and kymatio computes, on NumPy arrays alone."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = self.engine == "native" and self.energy is None
        return tags
