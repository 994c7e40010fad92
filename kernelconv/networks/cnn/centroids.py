"""Filters by k-means: the centroids of training patches, by Euclidean distance."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from kernelconv._check import check_count
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._scales import row_norms
from kernelconv.networks.serial import serial
from kernelconv.operators import Convolution, Part, PatchExtraction, sample_patches
from kernelconv.operators.learned.convolution import GivenConvolution
from kernelconv.operators.mappings.nystrom import distinct_rows
from kernelconv.operators.maps import Maps

#: Lloyd's iterations at most.
N_ITERATIONS = 30


def centroid_convolution(
    maps: NDArray, n_centroids: int, patches: PatchExtraction, reads: Part, n_patches: int, rng: np.random.Generator
) -> tuple[GivenConvolution, NDArray]:
    r"""Return a convolution with centroids z of patches of `maps` (n, h, w, c), built; and the centroids.

    .. math:: y[i, j, m] = \langle z_m, R p_{ij} \rangle = \langle R^* z_m, p_{ij} \rangle

    Parameters
    ----------
    maps : ndarray (n, h, w, c)
        Training maps.
    n_centroids : int
        Filters.
    patches : PatchExtraction
        Their size, stride and padding.
    reads : Part
        R: a linear part of patches, by which they are seen; its adjoint brings it into the filters.
    n_patches : int
        Patches sampled.
    rng : numpy Generator
        Samples them, and starts the k-means.

    Returns
    -------
    convolution : GivenConvolution
    centroids : ndarray (n_centroids, patch values)

    Raises
    ------
    ValueError
        If a patch is larger than the padded maps, or all of them are zero, as `reads` sees them.
    """
    seen = serial(patches, reads).build(maps.shape[1:], rng, maps)
    centroids = euclidean_centroids(sample_patches(Maps(maps, [seen]), n_patches, rng), n_centroids, rng)
    of_one = seen.parts[1]._at((1, 1, centroids.shape[1]))
    filters = of_one.adjoint(centroids[:, None, None, :])[:, 0, 0, :]
    weights = filters.T.reshape(*patches.size, maps.shape[3], len(centroids))
    convolution = Convolution.from_weights(weights, stride=patches.stride, padding=patches.padding)
    return convolution.build(maps.shape[1:]), centroids


def euclidean_centroids(patches: NDArray, n_centroids: int, rng: np.random.Generator) -> NDArray:
    r"""Return centroids (n_centroids, d) of the rows of `patches`: scikit-learn's k-means from k-means++.

    .. math:: \min_Z \frac1n \sum_i \min_j |x_i - z_j|^2

    Unlike `spherical_kmeans`, it tells patches of one direction apart by their norms.

    Parameters
    ----------
    patches : ndarray, shape (n, d)
        Vectors whose squares neither overflow nor vanish.
    n_centroids : int
        Centroids wanted.
    rng : numpy Generator
        Draws the first centroids.

    Raises
    ------
    ValueError
        If `n_centroids` is not a positive int, or there are no patches.

    Warns
    -----
    UserWarning
        If fewer than `n_centroids` patches are distinct: there are as many centroids as they are.

    Notes
    -----
    An iteration costs n d n_centroids multiply-adds. It runs on one thread: on several, scikit-learn adds up in the
    order in which they finish, and the last bits of the centroids would change from call to call.

    References
    ----------
    Arthur & Vassilvitskii (2007), k-means++: the advantages of careful seeding, for the first centroids.

    Examples
    --------
    >>> import numpy as np
    >>> patches = np.array([[1.0, 0.0], [1.2, 0.0], [5.0, 0.0], [5.2, 0.0]])
    >>> np.sort(euclidean_centroids(patches, 2, np.random.default_rng(0)), axis=0).round(2)
    array([[1.1, 0. ],
           [5.1, 0. ]])
    """
    check_count(n_centroids, "n_centroids")
    if not len(patches):
        raise ValueError("No centroids can be learned: every sampled patch is zero. Give images that are not all flat.")
    distinct = distinct_rows(patches / (row_norms(patches).max() or 1), n_centroids)
    if len(distinct) < n_centroids:
        warnings.warn(
            f"{n_centroids} centroids are more than the {len(distinct)} distinct patches among {len(patches)}: these "
            "are the centroids.",
            stacklevel=2,
        )
        return patches[distinct]
    means = KMeans(n_centroids, n_init=1, max_iter=N_ITERATIONS, random_state=int(rng.integers(2**31)))
    with single_threaded_blas(), threadpool_limits(1, user_api="openmp"):
        return means.fit(patches).cluster_centers_
