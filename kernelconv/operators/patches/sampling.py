"""Training patches: vectors drawn from maps, negligible ones left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_data
from kernelconv._check import as_float, check_count, check_finite, check_generator
from kernelconv._scales import row_norms
from kernelconv._types.arrays import Data


def sample_patches(maps: Data, n_patches: int, rng: np.random.Generator, block: int = 64) -> NDArray:
    """Return up to `n_patches` vectors (m, c) drawn without bias from maps (n, h, w, c), negligible ones left out.

    Parameters
    ----------
    maps : array-like (n, h, w, c)
        Patches as P lays them out; anything with ``len`` and indexing by an integer array, so that maps too large
        for the memory can be computed as they are asked for; or what draws by itself, ``in_one_pass``.
    n_patches : int
        Vectors wanted.
    rng : numpy Generator
        Draws the images and the positions.
    block : int
        Images asked for at once.

    Raises
    ------
    ValueError, TypeError
        If there is no map, maps are not of finite real numbers, or `n_patches` or `block` is not a positive int.

    Notes
    -----
    A vector is negligible below 1e-3 of the largest norm in its block: flat background has no direction, and 42 % of
    MNIST's 5x5 patches are exactly zero. Images are visited in random order, each giving the same number of
    positions, until enough are found; a second visit draws new positions.

    Examples
    --------
    >>> import numpy as np
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
    found: list[NDArray] = []
    missing = n_patches
    for _ in range(3):  # a set that is not enough thrice over is mostly background
        order = rng.permutation(n)
        for lo in range(0, n, block):
            p = given[np.sort(order[lo : lo + block])]
            found.append(_draw(p, per_image, rng))
            missing -= len(found[-1])
            if missing <= 0:
                vectors = np.concatenate(found)
                found.clear()  # a copy less while they are put in another order
                return vectors[rng.permutation(len(vectors))[:n_patches]]
        if missing == n_patches or per_image >= p.shape[1] * p.shape[2]:
            break  # there is nothing, or nothing new, to be found
    return np.concatenate(found)


def _draw(p: NDArray, per_image: int, rng: np.random.Generator) -> NDArray:
    m, h, w, c = p.shape
    p = check_finite(as_float(p, "maps"), "maps").reshape(m, h * w, c)
    k = min(per_image, h * w)
    positions = np.argsort(rng.random((m, h * w)), axis=1)[:, :k] if k < h * w else np.arange(h * w)[None]
    vectors = np.take_along_axis(p, np.broadcast_to(positions, (m, k))[..., None], axis=1).reshape(-1, c)
    return vectors[not_negligible(vectors)]


def not_negligible(vectors: NDArray) -> NDArray:
    """Return which of `vectors` (m, c) have a norm above 1e-3 of the largest."""
    norms = row_norms(vectors)
    return norms > 1e-3 * norms.max(initial=0.0)
