"""Scattering by short separable wavelets as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import as_floating, is_foreign, namespace, numpy_dtype
from kernelconv._check import Shape
from kernelconv._parallel.blocks import apply_blocks, n_threads
from kernelconv._types.parameters import Border
from kernelconv.networks.all_or_nothing import all_or_nothing
from kernelconv.networks.arrays import by_block
from kernelconv.networks.scattering.fast.separable import Separable
from kernelconv.networks.scattering.path_transformer import PathTransformer
from kernelconv.networks.scattering.separable.definition import scattered
from kernelconv.networks.scattering.separable.geometry import SeparableGeometry


class SeparableScattering2D(PathTransformer):
    r"""Wavelet scattering of images by separable wavelets of four samples per axis: coarser in angle, and fast.

    .. math:: U[p, (j, k)] x = \big|(U_j[p] x * \psi_k) \downarrow\big|, \qquad
              U_{j + 1}[p] x = (U_j[p] x * l) \downarrow, \qquad S[p] x = U_J[p] x

    over the frequency-decreasing paths :math:`p = (j_1, k_1), \dots, (j_m, k_m)`, :math:`j_1 < \dots < j_m`, :math:`m
    \le` `max_order`, where :math:`\downarrow` keeps every second sample along both axes. Maps of scale j lie on a grid
    of 2^j px; l is a B-spline, and the wavelets :math:`\psi_0, \dots, \psi_5` are tensor products of filters on one
    side of the spectrum, whose frequencies point to about 18, 45, 72, 108, 135 and 162 degrees. Each step is a layer
    of scattering by the dual-tree transform, with other, shorter filters.

    Parameters
    ----------
    J : int
        log2 of the averaging scale: the output has one position every 2^J px.
    max_order : int
        Largest number of wavelets on a path; 0 keeps only the average.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows are read; needed only for rows.
    padding : {"symmetric", "reflect", "zero", "circular"}
        What lies outside the maps of every scale, as in numpy.pad. Where 2^J divides the sides, "symmetric" is
        equivalent to a mirror extension of the image itself, and with "circular" the transform is exactly covariant to
        shifts by 2^J; "reflect" and "zero" pad the maps again at every scale.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or the setting of ``joblib.parallel_config``.

    Attributes
    ----------
    paths_ : tuple of ScatteringPath
        Path of each map: by order, then by (scale 1, direction 1, scale 2, direction 2, ...).
    image_shape_ : tuple (h, w, c)
        Shape of the images seen in ``fit``.
    maps_shape_ : tuple (h', w', c * n_paths)
        Shape of ``maps(X)[0]``: h' is h, halved and rounded up J times.
    n_features_in_ : int
        h w c.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of its range; if 2^J is larger than the height or the width (with zero padding
        only if it is larger than twice both), or there are more than a million paths.

    Notes
    -----
    There are 1 + 6 J + 18 J (J - 1) paths at order 2, each of h' w' values. For images with circular borders whose
    sides 2^J divides, :math:`2^J \|S x - S y\| \le \|x - y\|`: no step adds energy (`separable_frame_bounds`), nor does
    a modulus. With the other borders, where 2^J divides the sides, mirroring the image mirrors the maps and exchanges
    their directions accordingly; a quarter turn of a square image turns them in the same way.

    Directions are coarser than those of `Scattering2D`, moduli are sampled every 2^(j + 1) px and not 2^j, and the
    wavelets have one vanishing moment. Cost: 13 real filters of four samples along each axis and six moduli per map and
    scale, where `Scattering2D` takes FFTs; they are products with banded matrices for a block of images side by side.
    Memory: the output and a few blocks. It computes six to twelve times as many images per second as `Scattering2D` at
    28 to 128 px, but the error of a linear head with 1,000 training images of MNIST is larger: 3.4 % at J = 2, 2.7 % at
    J = 3, against 2.9 % and 2.0 % on as many coefficients of Morlets of 6 angles (``benchmarks/timing/separable.py``).

    References
    ----------
    Selesnick, Baraniuk & Kingsbury (2005), The dual-tree complex wavelet transform, IEEE Signal Processing Magazine
    22(6): six directions from tensor products of filters on one side of the spectrum.
    Cotter & Kingsbury (2017), Visualizing and improving scattering networks, IEEE MLSP; Cotter (2020), Uses of complex
    wavelets in deep convolutional neural networks, PhD thesis, Cambridge, chapter 3: scattering by the dual tree.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import SeparableScattering2D
    >>> x = np.random.default_rng(0).random((2, 28, 28))
    >>> scattering = SeparableScattering2D(J=2).fit(x)
    >>> scattering.transform(x).shape, scattering.maps(x).shape
    ((2, 2401), (2, 7, 7, 49))
    >>> turned = scattering.maps(np.rot90(x, axes=(1, 2)))  # directions k become k + 3
    >>> bool(np.allclose(turned[..., 1], np.rot90(scattering.maps(x)[..., 4], axes=(1, 2)), rtol=1e-12))
    True
    """

    prefix = "separablescattering2d"

    def __init__(
        self,
        J: int = 2,
        max_order: int = 2,
        *,
        image_shape: Shape | None = None,
        padding: Border = "symmetric",
        n_jobs: int | None = None,
    ):
        self.J = J
        self.max_order = max_order
        self.image_shape = image_shape
        self.padding = padding
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters against the images; no value of `X` is used.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images.
        y : ignored
        """
        self._stored_images(X, reset=True)
        n_threads(self.n_jobs)
        h, w, c = self.image_shape_
        geometry = SeparableGeometry((h, w), self.J, self.max_order, self.padding)
        self._run = Separable(geometry)
        self.paths_ = geometry.paths
        self.maps_shape_ = (*geometry.out_size, c * len(geometry.paths))
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
            Of the library of `X`; float64 for float64 images, else float32. Maps: ``reshape(n, c, n_paths, h', w')``.
        """
        images, geometry = self._stored_images(X), self._run.geometry
        h, w, c = images.shape[1:]
        if is_foreign(images):
            # a branch's complex maps, and the coefficients twice: as found and side by side
            held = c * (24 * h * w + 3 * len(geometry.paths) * int(np.prod(geometry.out_size)))
            return by_block(
                lambda x: _by_channel(lambda each: scattered(geometry, each), as_floating(x)),
                images,
                numpy_dtype(images).itemsize * held,
            )
        run: Any = self._run

        def scatter(x: NDArray) -> NDArray:
            return _by_channel(run, x)

        return apply_blocks(scatter, images, max(1, run.block(images.dtype.itemsize) // c), self.n_jobs)


def _by_channel(function: Any, x: Any) -> Any:
    """Return rows of what `function` makes of images (n c, h, w), the channels of `x` (n, h, w, c)."""
    xp, (n, h, w, c) = namespace(x), x.shape
    return xp.reshape(function(xp.reshape(xp.moveaxis(x, -1, 1), (n * c, h, w))), (n, -1))
