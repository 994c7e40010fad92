"""Z: anchors by spherical k-means, and the whitening kappa(Z Z')^(-1/2)."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import (
    as_floating,
    indices,
    is_acceptable,
    is_foreign,
    like,
    namespace,
    numpy_dtype,
    taken,
    to_numpy,
)
from kernelconv._arrays.derivatives import differentiated
from kernelconv._check import as_float, check_count, check_finite, check_generator, check_positive
from kernelconv._numbers import as_double
from kernelconv._parallel.blocks import block_length, block_slices, map_blocks
from kernelconv._types.arrays import Array
from kernelconv.operators.mappings.dot_product import safe
from kernelconv.operators.patches.sampling import vector_norms


def spherical_kmeans(
    x: Array,
    n_clusters: int,
    rng: np.random.Generator,
    *,
    n_iter: int = 20,
    tol: float = 1e-4,
    n_jobs: int | None = None,
) -> Any:
    r"""Return unit centroids (n_clusters, d) of the rows of `x`, by maximising the mean cosine.

    .. math:: \max_{|z_j| = 1} \frac1n \sum_i \max_j \langle z_j, x_i / |x_i| \rangle

    Parameters
    ----------
    x : array, shape (n, d)
        Vectors of any library; their norms do not matter. Zero rows are left out.
    n_clusters : int
        Centroids wanted.
    rng : numpy Generator
        Draws the first centroids among the rows.
    n_iter : int
        Largest number of Lloyd iterations.
    tol : float
        Stop when the mean cosine gains less than this.
    n_jobs : int, optional
        Threads; the result does not depend on it.

    Raises
    ------
    ValueError
        If `n_clusters` is not a positive int, `rng` is not a Generator, or no row of `x` is finite and non-zero.

    Warns
    -----
    UserWarning
        If `x` has fewer than `n_clusters` distinct directions, which are then the centroids.

    Notes
    -----
    Each iteration costs n d n_clusters multiply-adds, in blocks. Products run on the device of `x`, and the centroids
    are of its library; one label and one cosine per row are copied to NumPy, where `rng` draws. An empty cluster
    restarts at the row that is farthest from its own centroid.

    References
    ----------
    Dhillon & Modha (2001), Concept decompositions for large sparse text data using clustering.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import spherical_kmeans
    >>> x = np.array([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    >>> z = spherical_kmeans(x, 2, np.random.default_rng(0))
    >>> z[np.argsort(z[:, 0])]
    array([[0., 1.],
           [1., 0.]])
    """
    n_clusters = check_count(n_clusters, "n_clusters")
    check_count(n_iter, "n_iter", 0)
    check_positive(tol, "tol", zero=True)
    check_generator(rng, "spherical_kmeans")
    x = _directions(x)
    n = x.shape[0]
    if not n:
        raise ValueError("No anchors can be learned: every sampled patch is zero. Give images that are not all black.")
    distinct = distinct_rows(x, n_clusters)
    if len(distinct) < n_clusters:
        warnings.warn(
            f"{n_clusters} anchors are more than the {len(distinct)} distinct patches (up to their norms) among "
            f"{n}: these are the anchors.",
            stacklevel=2,
        )
        return taken(x, distinct)
    if n == n_clusters:
        return x
    z = taken(x, rng.choice(n, n_clusters, replace=False))
    before = -np.inf
    for _ in range(n_iter):
        label, cosine = _assign(x, z, n_jobs)
        z = like(_centroids(x, label, cosine, n_clusters), x)
        if cosine.mean() - before < tol:
            break
        before = cosine.mean()
    return z


def _directions(x: Any) -> Any:
    """Return vectors `x` (n, d) over their norms, those that have one."""
    if not is_foreign(x) or not is_acceptable(x):
        x = check_finite(as_float(to_numpy(x)))
    x = as_floating(x)
    if x.ndim != 2:
        raise ValueError(f"x must be vectors (n, d), got shape {tuple(x.shape)}.")
    norms = vector_norms(x)
    return taken(x, np.flatnonzero(norms > 0)) / like(norms[norms > 0, None], x)


def distinct_rows(x: Any, wanted: int) -> NDArray:
    """Return where `wanted` distinct rows of `x`, of norms up to 1, are, or all of fewer; rounding tells none apart."""
    rounding = 16 * float(namespace(x).finfo(x.dtype).eps)
    cells: dict[bytes, int] = {}
    for s in block_slices(x.shape[0], 1024):
        for i, row in enumerate(np.rint(to_numpy(x[s, :]) / rounding), s.start):
            cells.setdefault(row.tobytes(), i)
        if len(cells) >= 4 * wanted:  # the common case: enough, even if rows on edges count twice
            return np.arange(wanted)
    places = np.array(list(cells.values()), int)
    rows = to_numpy(taken(x, places))
    kept: list[int] = []
    for i, row in enumerate(rows):
        if not kept or ((rows[kept] - row) ** 2).sum(axis=1).min() > rounding**2:
            kept.append(i)
        if len(kept) == wanted:
            break
    return places[kept]


def _assign(x: Any, z: Any, n_jobs: int | None) -> tuple[NDArray, NDArray]:
    """Return the nearest of centroids `z` for each row of `x`, and its cosine."""
    xp = namespace(x)

    def nearest(s: slice) -> tuple[NDArray, NDArray]:
        c = x[s, :] @ z.T
        return to_numpy(xp.argmax(c, axis=1)), to_numpy(xp.max(c, axis=1))

    n, d = x.shape
    block = block_length(numpy_dtype(x).itemsize * (d + z.shape[0]), maximum=8192)
    labels, cosines = zip(*map_blocks(nearest, n, block, n_jobs), strict=True)
    return np.concatenate(labels), np.concatenate(cosines)


def _centroids(x: Any, label: NDArray, cosine: NDArray, k: int) -> NDArray:
    """Return the unit sums (k, d) of the rows of each label, in NumPy."""
    order = np.argsort(label, kind="stable")
    counts = np.bincount(label, minlength=k)
    starts = np.cumsum(counts) - counts
    full = counts > 0
    z = np.empty((k, x.shape[1]), numpy_dtype(x))
    z[full] = _sums(x, label, order, starts, full)
    z[~full] = to_numpy(taken(x, np.argsort(cosine, kind="stable")[: k - full.sum()]))
    norms = np.linalg.norm(z, axis=1)
    lost = norms < 1e-6  # opposite rows may cancel: such a cluster keeps one of them
    z[lost & full] = to_numpy(taken(x, order[starts[lost & full]]))
    return z / safe(np.linalg.norm(z, axis=1))[:, None]


def _sums(x: Any, label: NDArray, order: NDArray, starts: NDArray, full: NDArray) -> NDArray:
    """Return the sum of the rows of each label that there is: in NumPy by sorting, elsewhere by products with 0 and 1.

    `order` sorts the labels, which begin at `starts`, and `full` says which there are.
    """
    if not is_foreign(x):
        return np.add.reduceat(x[order], starts[full], axis=0)
    xp, known, total = namespace(x), indices(np.flatnonzero(full), x), 0.0
    block = block_length(numpy_dtype(x).itemsize * (x.shape[1] + int(full.sum())), maximum=8192)
    for s in block_slices(len(label), block):
        of_label = xp.astype(known[:, None] == indices(label[s], x), x.dtype)
        total = total + of_label @ x[s, :]
    return to_numpy(total)


class Whitening(NamedTuple):
    """(K + eps I)^(-1/2) with the eigen-decomposition that its gradient needs.

    ``matrix`` (k, k) is V diag(1/s) V', ``vectors`` is V, ``roots`` is s = sqrt(eigenvalues + eps), infinite where
    the eigenvalue was cut off.
    """

    matrix: NDArray
    vectors: NDArray
    roots: NDArray

    def gradient(self, g: NDArray) -> NDArray:
        """Return the gradient in K of <g, matrix>, by the exact rule F_ab = -1 / (s_a s_b (s_a + s_b)).

        Raises
        ------
        ValueError
            If eigenvalues were cut off: a pseudo-inverse that changes rank has no derivative.
        """
        s = self.roots
        if np.isinf(s).any():
            raise ValueError(
                f"The anchors' kernel matrix has rank {int(np.isfinite(s).sum())} of {len(s)} and regularization=0: "
                "its pseudo-inverse has no gradient. Use regularization > 0."
            )
        return _gradient(g, (self.vectors, s))


def _gradient(g: Any, kept: tuple[Any, ...]) -> Any:
    """Return the gradient in K of <g, (K + eps I)^(-1/2)> from its (vectors, roots), for arrays of any library."""
    v, s = kept
    f = -1 / (s[:, None] * s * (s[:, None] + s))
    return v @ (f * (v.T @ ((g + g.T) / 2) @ v)) @ v.T


def _decomposed(k: Any, regularization: float) -> tuple[Any, tuple[Any, Any]]:
    """Return ((K + eps I)^(-1/2), (vectors, roots)) of a symmetric matrix K, an array of any library."""
    xp = namespace(k)
    values, vectors = xp.linalg.eigh((k + k.T) / 2)
    if regularization > 0:
        roots = xp.sqrt(xp.clip(values, min=0) + regularization)
    else:
        roots = xp.sqrt(xp.where(values > 1e-12 * values[-1], values, xp.full_like(values, math.inf)))
    return (vectors / roots) @ vectors.T, (vectors, roots)


def whitening_matrix(k: Any, regularization: float) -> Any:
    """Return (K + eps I)^(-1/2) of an array of any library, with the gradient of ``Whitening.gradient``.

    An eigendecomposition's own gradient is not finite where eigenvalues meet. With regularization = 0 directions that
    were cut off count as constant.
    """
    return differentiated(lambda k: _decomposed(k, regularization), lambda g, _, kept: _gradient(g, kept), k)


def inverse_sqrt(k: NDArray, regularization: float = 1e-3) -> Whitening:
    """Return a `Whitening`, whose ``matrix`` is (K + eps I)^(-1/2), computed in float64.

    Parameters
    ----------
    k : ndarray, shape (m, m)
        Symmetric positive semi-definite.
    regularization : float
        eps, absolute (kappa(1) = 1 makes it relative to the diagonal). 0 means the pseudo-inverse with eigenvalues
        below 1e-12 of the largest cut off.

    Raises
    ------
    ValueError
        If `regularization` is negative or not finite, or `k` is not a square matrix of finite real numbers, or has a
        negative eigenvalue of more than a hundredth of its largest entry.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import inverse_sqrt
    >>> inverse_sqrt(np.diag([4.0, 1.0]), 0.0).matrix
    array([[0.5, 0. ],
           [0. , 1. ]])
    """
    check_positive(regularization, "regularization", zero=True)
    k = check_finite(as_double(k, "k"), "k")
    if k.ndim != 2 or k.shape[0] != k.shape[1] or not k.size:
        raise ValueError(f"k must be a square matrix (m, m), got shape {k.shape}.")
    matrix, (vectors, roots) = _decomposed(k, regularization)
    smallest = float(vectors[:, 0] @ k @ vectors[:, 0])
    if smallest < -1e-2 * np.abs(k).max():
        raise ValueError(
            f"k has the eigenvalue {smallest:.3g}, so it is no matrix of a positive definite kernel: those of "
            "dot-product kernels have Taylor coefficients >= 0."
        )
    return Whitening(matrix, vectors, roots)
