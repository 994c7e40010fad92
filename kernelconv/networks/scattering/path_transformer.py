"""What scattering transforms of images share: rows path by path, the maps they come from, and their names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from kernelconv.networks.estimator import ImageTransformer


class PathTransformer(ImageTransformer):
    """An `ImageTransformer` whose rows run over channels, paths, then positions; subclasses set ``paths_``."""

    #: First word of every feature's name.
    prefix: str
    paths_: tuple[Any, ...]

    def maps(self, X: Any) -> NDArray:
        """Return the coefficients as maps, channel ``k * n_paths + p`` being path p of image channel k.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows (n, h * w * c)
            Images of the shape seen in ``fit``.

        Returns
        -------
        ndarray, shape (n, h', w', c * n_paths)
        """
        check_is_fitted(self)
        h, w, channels = self.maps_shape_
        rows = np.asarray(self.transform(X))  # transform returns a data frame under set_output
        return np.moveaxis(rows.reshape(len(rows), channels, h, w), 1, -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return one name a feature, ``<prefix>_<path>_<row>_<column>``; of several channels, ``c<channel>_`` leads."""
        super().get_feature_names_out(input_features)  # checks input_features
        h, w, _ = self.maps_shape_
        c = self.image_shape_[2]
        channels = [f"c{k}_" for k in range(c)] if c > 1 else [""]
        names = [(k, p.name, i, j) for k in channels for p in self.paths_ for i in range(h) for j in range(w)]
        return np.array([f"{self.prefix}_{k}{p}_{i}_{j}" for k, p, i, j in names], dtype=object)

    def transform(self, X: Any) -> NDArray:
        """Return the coefficients as rows (n, c * n_paths * h' * w')."""
        raise NotImplementedError
