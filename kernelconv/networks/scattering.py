"""Wavelet scattering of images as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from kernelconv._check import Shape, check_choice, check_count
from kernelconv._parallel import apply_blocks, block_length, n_threads
from kernelconv.networks._scattering_engine import PADDINGS, Engine, ScatteringPath, Scratch
from kernelconv.networks.estimator import ImageTransformer

__all__ = ["Scattering2D", "ScatteringPath"]


class Scattering2D(ImageTransformer):
    r"""Wavelet scattering transform of images: averages of cascaded wavelet moduli.

    .. math:: U[\lambda_1, \dots, \lambda_m] x = |\cdots ||x * \psi_{\lambda_1}| * \psi_{\lambda_2}| \cdots
              * \psi_{\lambda_m}|, \qquad S[p] x = (U[p] x * \phi_J)(2^J \cdot)

    over the frequency-decreasing paths :math:`j_1 < j_2 < \dots < j_m`, :math:`m \le` `max_order`: the others carry
    negligible energy. S is nearly invariant to shifts below :math:`2^J` px and Lipschitz to deformations.

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
        What lies outside the image, as in numpy.pad. A circular axis that 2^J divides gets no border at all: the
        transform is then exactly covariant to shifts by 2^J.
    oversampling : int
        Sample the output every 2^(J - oversampling) px instead (never finer than 1 px), and compute every scale on a
        grid as much finer; at J nothing is subsampled.
    grid : {"centred", "kymatio"}
        Where the output is sampled when 2^J does not divide the size: on the image padded evenly to the next multiple
        of 2^J (28 px at J=3 give 4 positions), or where kymatio samples (3 positions, which leave out the last rows).
    engine : {"native", "kymatio"}
        Who computes: this library, or kymatio's NumPy engine (slower; filters 3e-5 apart) behind the same interface.
    n_jobs : int, optional
        Threads; None means the cores this process may use, or what ``joblib.parallel_config`` says.

    Attributes
    ----------
    paths_ : tuple of ScatteringPath
        Path of each map, in kymatio's order: by order, then by (scale 1, angle 1, scale 2, angle 2, ...).
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
        is above 2, `oversampling` above 0, or a circular axis needs no border.

    Notes
    -----
    1 + J L + L^2 J (J - 1) / 2 paths at order 2. One batched FFT for all angles of a scale, products folded onto the
    coarser grid before the inverse FFT, the low-pass as a matrix product in space. Memory: the output and a few
    blocks. A fitted object pickles as its parameters; filters are computed again.

    References
    ----------
    Mallat (2012), Group invariant scattering, Comm. Pure Appl. Math. 65(10), equations 2.20 and 2.25.
    Bruna & Mallat (2013), Invariant scattering convolution networks, IEEE PAMI 35(8), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.networks.scattering import Scattering2D
    >>> x = np.random.default_rng(0).random((2, 28, 28))
    >>> scattering = Scattering2D(J=2).fit(x)
    >>> scattering.transform(x).shape, scattering.maps(x).shape
    ((2, 3969), (2, 7, 7, 81))
    >>> scattering.paths_[17], scattering.paths_[17].order
    (ScatteringPath(scales=(0, 1), angles=(0, 0)), 2)
    >>> round(float(scattering.maps(x)[..., 0].mean()), 3)
    0.503
    """

    def __init__(
        self,
        J: int = 2,
        L: int = 8,
        max_order: int = 2,
        *,
        image_shape: Shape | None = None,
        padding: str = "reflect",
        oversampling: int = 0,
        grid: str = "centred",
        engine: str = "native",
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
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters against the images and build the filters; no value of `X` is used.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images.
        y : ignored
        """
        images = self._read_images(X, reset=True)
        self._check_parameters(images.shape[1:3])
        native = Engine(images.shape[1:3], self.J, self.L, self.max_order, self.padding, self.grid, self.oversampling)
        self.engine_ = native if self.engine == "native" else _kymatio_engine(native)
        self.paths_ = native.paths
        self.filter_bank_ = native.bank
        h, w = native.out_size
        self.maps_shape_ = (h, w, self.image_shape_[2] * len(native.paths))
        return self

    def transform(self, X: Any) -> NDArray:
        """Return the scattering coefficients as rows, path by path.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images of the shape seen in ``fit``.

        Returns
        -------
        ndarray, shape (n, c * n_paths * h' * w')
            float64 for float64 images, else float32. For one channel, ``reshape(n, n_paths, h', w')`` is kymatio's
            array; for more, ``reshape(n, c, n_paths, h', w')``.
        """
        images = self._read_images(X)
        h, w, c = images.shape[1:]
        native, scratch = self._native(), Scratch()

        def scatter(x: NDArray) -> NDArray:
            gray = np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(len(x) * c, h, w)
            return self.engine_(gray, scratch).reshape(len(x), -1)

        self.engine_.prepare(images.dtype)
        block = block_length(c * native.bytes_per_image(images.dtype.itemsize))
        return apply_blocks(scatter, images, block, self.n_jobs)

    def maps(self, X: Any) -> NDArray:
        """Return the coefficients as maps, shape (n, h', w', c * n_paths); channel ``k * n_paths + p`` is path p of
        image channel k.
        """  # noqa: D205
        check_is_fitted(self)
        h, w, channels = self.maps_shape_
        rows = np.asarray(self.transform(X))  # transform returns a data frame under set_output
        return np.moveaxis(rows.reshape(len(rows), channels, h, w), 1, -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return one name a feature: ``scattering2d_<path>_<row>_<column>``, with ``c<channel>_`` before the path
        when there are several channels; ``mean`` is the path of order 0 and ``j0t3_j1t5`` one of order 2.
        """  # noqa: D205
        super().get_feature_names_out(input_features)  # checks input_features
        h, w, _ = self.maps_shape_
        c = self.image_shape_[2]
        prefixes = [f"c{k}_" for k in range(c)] if c > 1 else [""]
        return np.array(
            [
                f"scattering2d_{prefix}{path.name}_{i}_{j}"
                for prefix in prefixes
                for path in self.paths_
                for i in range(h)
                for j in range(w)
            ],
            dtype=object,
        )

    def _native(self) -> Engine:
        return self.engine_ if isinstance(self.engine_, Engine) else self.engine_.native

    def _check_parameters(self, size: tuple[int, int]) -> None:
        J = check_count(self.J, "J")
        check_count(self.L, "L")
        check_count(self.max_order, "max_order", 0)
        check_count(self.oversampling, "oversampling", 0)
        check_choice(self.padding, "padding", tuple(PADDINGS))
        check_choice(self.grid, "grid", ("centred", "kymatio"))
        check_choice(self.engine, "engine", ("native", "kymatio"))
        n_threads(self.n_jobs)
        if self.padding == "zero" and self.grid == "centred":
            if 2**J > 2 * max(size):
                raise ValueError(
                    f"J={J} averages over 2**J = {2**J} pixels, more than twice the image of {size[0]} x {size[1]}. "
                    f"Use J <= {int(np.log2(2 * max(size)))}."
                )
        elif 2**J > min(size):
            raise ValueError(
                f"J={J} averages over 2**J = {2**J} pixels, more than the image of {size[0]} x {size[1]}. "
                f"Use J <= {int(np.log2(min(size)))}, or padding='zero' with grid='centred'."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _kymatio_engine(native: Engine) -> Any:
    from kernelconv.networks.kymatio_adapter import KymatioEngine  # only who asks for it pays for the import

    return KymatioEngine(native)
