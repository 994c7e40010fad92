"""What scattering transforms of images share: rows path by path, the maps they come from, and their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from kernelconv._arrays import is_foreign, namespace
from kernelconv._check import check_positive
from kernelconv._parallel.blocks import apply_blocks
from kernelconv._scales import rescaled, scales
from kernelconv.networks.arrays import apart, in_a_row
from kernelconv.networks.estimator import ImageTransformer
from kernelconv.networks.scattering.fast.cascades import Cascades, block_length
from kernelconv.networks.scattering.geometry import Geometry
from kernelconv.networks.scattering.paths import ScatteringPath
from kernelconv.networks.serial import Network


class PathTransformer(ImageTransformer):
    """An `ImageTransformer` whose rows run over channels, paths, then positions; subclasses set ``paths_``."""

    #: First word of every feature's name.
    prefix: str
    paths_: tuple[Any, ...]

    def maps(self, X: ArrayLike) -> Any:
        """Return the coefficients as maps, channel ``k * n_paths + p`` being path p of image channel k.

        Parameters
        ----------
        X : array-like, shape (..., h, w), (..., h, w, c) or rows (n, h * w * c)
            Images of the shape seen in ``fit``; an array may have any leading axes, or none.

        Returns
        -------
        array, shape (..., h', w', c * n_paths)
            Of the library of `X`.
        """
        check_is_fitted(self)
        h, w, channels = self.maps_shape_
        leading: tuple[int, ...] | None = None
        shape = getattr(X, "shape", ())
        # two axes are rows, if there can be rows, or one image; of one line and one channel these are the same
        alone = shape == self.image_shape_[:2] and shape[1:] != (self.n_features_in_,)
        if len(shape) != 2 or self.image_shape is None or alone:
            X, leading = in_a_row(X, self.image_shape_)
        rows = self.transform(X)
        rows = rows if is_foreign(rows) else np.asarray(rows)  # transform returns a data frame under set_output
        xp = namespace(rows)
        return apart(xp.moveaxis(xp.reshape(rows, (rows.shape[0], channels, h, w)), 1, -1), leading)

    def get_feature_names_out(self, input_features: Sequence[str] | NDArray | None = None) -> NDArray:
        """Return one name per feature: ``<prefix>_<path>_<row>_<column>``.

        With several channels, ``c<channel>_`` comes before the path.
        """
        super().get_feature_names_out(input_features)  # checks input_features
        h, w, _ = self.maps_shape_
        c = self.image_shape_[2]
        channels = [f"c{k}_" for k in range(c)] if c > 1 else [""]
        names = [(k, p.name, i, j) for k in channels for p in self.paths_ for i in range(h) for j in range(w)]
        return np.array([f"{self.prefix}_{k}{p}_{i}_{j}" for k, p, i, j in names], dtype=object)

    def transform(self, X: ArrayLike) -> Any:
        """Return the coefficients as rows (n, c * n_paths * h' * w'), an array of the library of `X`."""
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: arrays of other libraries are welcome."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags


class EnergyByPath(PathTransformer):
    """A `PathTransformer` whose ``network_`` begins with a `ScatteringTransform`: its energies and inner maps."""

    network_: Network
    paths_: tuple[ScatteringPath, ...]
    n_jobs: int | None

    def energies(self, X: ArrayLike) -> NDArray:
        r"""Return the mean energy of each path, :math:`4^r \|S[p] x\|^2`, where the output's grid is of 2^r px.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images.

        Returns
        -------
        ndarray, shape (n_paths,), float64
            Means over images, summed over channels, of the maps that ``transform`` returns, in the order of ``paths_``.

        Examples
        --------
        >>> import numpy as np
        >>> from kernelconv import Scattering2D
        >>> x = np.random.default_rng(0).standard_normal((5, 32, 32))
        >>> scattering = Scattering2D(J=3, L=4).fit(x)
        >>> order = np.array([p.order for p in scattering.paths_])
        >>> np.bincount(order, scattering.energies(x)).round()  # by order
        array([ 10., 450.,  37.])
        """
        images = self._read_images(X)
        return path_energies(self.network_, images, len(self.paths_), self._geometry().stride, self.n_jobs)

    def residual_energy(self, X: ArrayLike) -> float:
        r"""Return the energy of :math:`U[p] x` summed over the paths of order `max_order` + 1, mean over images.

        It is the energy that the transform leaves out, and decreases with `max_order`. It is 0 without such paths.
        """
        images = self._read_images(X)
        order = self._geometry().max_order + 1
        deeper = self._geometry().with_paths(None, order)
        cascades = Cascades(deeper)
        gray = np.moveaxis(images, -1, 1).reshape(-1, *images.shape[1:3])

        def measure(x: NDArray) -> NDArray:
            by = scales(x)
            if by is not None:
                unit = by[:, 0, 0].astype(np.float64)
                with np.errstate(over="ignore"):  # it is refused below
                    return measure(x * by) / unit / unit
            return cascades.by_map(x.dtype).propagated_energy(deeper.pad(x), order, cascades.scratch)

        block = block_length(deeper, images.itemsize, 1)
        return float(_check_energy(apply_blocks(measure, gray, block, self.n_jobs)).sum() / len(images))

    def propagate(self, X: ArrayLike, path: ScatteringPath) -> NDArray:
        """Return U[path] x, shape (n, h', w', c), on the padded image and on the grid of the path's coarsest scale.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images.
        path : ScatteringPath
            One that the transform computes.

        Raises
        ------
        ValueError
            If the transform has no such path.
        """
        images, geometry = self._read_images(X), self._geometry()
        if path not in geometry.computed:
            raise ValueError(f"{path} is not among the {len(geometry.computed)} paths of the transform.")
        cascades = Cascades(geometry)
        cascade = cascades.by_map(images.dtype)

        def propagate(x: NDArray) -> NDArray:
            each = [cascade.propagate(geometry.pad(c), path, cascades.scratch) for c in np.moveaxis(x, -1, 0)]
            return np.stack(each, axis=-1)

        by = scales(images)
        return propagate(images) if by is None else rescaled(propagate, images, by)

    def _geometry(self) -> Geometry:
        return self.network_.parts[0].geometry  # type: ignore[attr-defined]  # a ScatteringTransform


def path_energies(network: Network, images: NDArray, n_paths: int, stride: int, n_jobs: int | None = None) -> NDArray:
    """Return the energy of each path, mean over `images`, of a network that returns maps path by path."""

    def by_map(maps: NDArray) -> NDArray:
        return np.einsum("nijk,nijk->nk", maps, maps, dtype=np.float64)

    by_image = _check_energy(network.map_forward(by_map, images, n_jobs))
    return by_image.mean(axis=0).reshape(-1, n_paths).sum(axis=0) * stride**2


def _check_energy(energies: NDArray) -> NDArray:
    """Return `energies`; raise ValueError if squares overflowed."""
    if not np.isfinite(energies).all():
        raise ValueError("Energies of these images leave the range of float64. Divide the images first.")
    return energies


def strongest(energies: NDArray, share: Any) -> list[int]:
    """Return the positions of the largest `energies`, as few as hold a `share` of their sum.

    Raises
    ------
    ValueError
        If `share` is not a number in (0, 1], or there is no energy.
    """
    if check_positive(share, "energy") > 1:
        raise ValueError(f"energy must be None or a share in (0, 1], got {share!r}.")
    if not energies.sum() > 0:
        raise ValueError("energy ranks the paths by what they hold of the images, and these hold none: they are black.")
    order = np.argsort(-energies, kind="stable")
    n_kept = int(np.searchsorted(np.cumsum(energies[order]), share * energies.sum() * (1 - 1e-12))) + 1
    return sorted(int(i) for i in order[:n_kept])
