"""Training patches: vectors drawn from maps, negligible ones left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_data, as_floating, indices, is_acceptable, is_foreign, namespace, taken, to_numpy
from kernelconv._check import check_count, check_finite, check_generator
from kernelconv._scales import row_norms
from kernelconv._types.arrays import Data


def sample_patches(maps: Data, n_patches: int, rng: np.random.Generator, block: int = 64) -> Any:
    """Return up to `n_patches` vectors (m, c) drawn without bias from maps (n, h, w, c), negligible ones left out.

    Parameters
    ----------
    maps : array-like (n, h, w, c)
        Patches as P lays them out: anything with ``len`` and indexing by an integer array, so that maps too large
        for the memory can be computed when they are read; or an object that draws them in its method ``in_one_pass``.
    n_patches : int
        Vectors wanted.
    rng : numpy Generator
        Draws the images and the positions.
    block : int
        Images read at once.

    Returns
    -------
    array (m, c)
        Of the library and device of the maps. Only `rng` draws, so the vectors do not depend on the library.

    Raises
    ------
    ValueError, TypeError
        If there is no map, maps are not of finite real numbers, or `n_patches` or `block` is not a positive int.

    Notes
    -----
    A vector is negligible if its norm is below 1e-3 of the largest in its block: flat background has no direction, and
    42 % of MNIST's 5x5 patches are exactly zero. Images are visited in random order, and as many positions are drawn
    from each, until enough vectors are found; a second visit draws new positions.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import sample_patches
    >>> rng = np.random.default_rng(0)
    >>> sample_patches(rng.normal(size=(5, 4, 4, 9)), 20, rng).shape
    (20, 9)
    """
    given = as_data(maps, name="maps")
    n_patches = check_count(n_patches, "n_patches")
    check_count(block, "block")
    check_generator(rng, "sample_patches")
    stream = getattr(given, "in_one_pass", None)  # of images that come one after the other
    if stream is not None and (vectors := stream(n_patches, rng)) is not None:
        return vectors
    n = len(given)
    per_image = max(1, -(-2 * n_patches // n))
    found: list[Any] = []
    missing = n_patches
    for _ in range(3):  # a set that is not enough thrice over is mostly background
        order = rng.permutation(n)
        for lo in range(0, n, block):
            p = given[np.sort(order[lo : lo + block])]
            found.append(_draw(p, per_image, rng))
            missing -= found[-1].shape[0]
            if missing <= 0:
                vectors = _joined(found)
                found.clear()  # a copy less while they are put in another order
                return taken(vectors, rng.permutation(vectors.shape[0])[:n_patches])
        if missing == n_patches or per_image >= p.shape[1] * p.shape[2]:
            break  # there is nothing, or nothing new, to be found
    return _joined(found)


def _joined(found: list[Any]) -> Any:
    return namespace(found[0]).concat(found, axis=0)


def _draw(p: Any, per_image: int, rng: np.random.Generator) -> Any:
    m, h, w, c = p.shape
    if not is_foreign(p) or not is_acceptable(p):
        check_finite(to_numpy(p), "maps")
    p = as_floating(p, "maps")
    k = min(per_image, h * w)
    positions = np.argsort(rng.random((m, h * w)), axis=1)[:, :k] if k < h * w else np.arange(h * w)[None]
    every = (np.arange(m)[:, None] * (h * w) + positions).ravel()
    xp = namespace(p)
    vectors = xp.take(xp.reshape(p, (m * h * w, c)), indices(every, p), axis=0)
    return taken(vectors, np.flatnonzero(not_negligible(vectors)))


def vector_norms(vectors: Any) -> NDArray:
    """Return the norm of each of `vectors` (m, c), of any library and scale, as a NumPy array."""
    if not is_foreign(vectors):
        return row_norms(vectors)
    xp = namespace(vectors)
    top = xp.max(xp.abs(vectors), axis=1, keepdims=True)
    unit = xp.where(top > 0, top, xp.ones_like(top))
    return to_numpy(unit[:, 0] * xp.linalg.vector_norm(vectors / unit, axis=1))


def not_negligible(vectors: Any) -> NDArray:
    """Return which of `vectors` (m, c) have a norm above 1e-3 of the largest."""
    norms = vector_norms(vectors)
    return norms > 1e-3 * norms.max(initial=0.0)
