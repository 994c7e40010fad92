"""A sample of patches from images of which nobody knows how many there are: those of the smallest keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count
from kernelconv.operators.patches.sampling import not_negligible

_LAST = np.iinfo(np.uint64).max


class PatchReservoir:
    r"""The `n_patches` patches of smallest key, each key a function of (seed, image, position) alone.

    Keys are the outputs of Philox, a counter-based generator, whose counter is the index of the image: whatever the
    order in which images come, however they are cut into chunks and whoever looks at them, the same patches are kept.
    Negligible patches are left out: those below 1e-3 of the largest norm of their image.

    Parameters
    ----------
    n_patches : int
        Patches wanted.
    seed : int
        Key of Philox, 0 <= seed < 2^128.

    Notes
    -----
    Every patch of all images that is not negligible is kept with the same probability. Of N images about
    n (1 + log(N / n)) are worth computing, where each has a position: the others hold no small key.

    References
    ----------
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.

    Examples
    --------
    >>> maps = np.random.default_rng(0).normal(size=(6, 4, 4, 9))
    >>> whole = PatchReservoir(20, seed=1).add(maps, first=0)
    >>> front, back = PatchReservoir(20, seed=1).add(maps[:2], 0), PatchReservoir(20, seed=1).add(maps[2:], 2)
    >>> whole.patches().shape, bool(np.array_equal(whole.patches(), back.merge(front).patches()))
    ((20, 9), True)
    """

    def __init__(self, n_patches: int, seed: int) -> None:
        self.n_patches, self.seed = check_count(n_patches, "n_patches"), seed
        self.bound = int(_LAST)  # a patch of larger key is not among the smallest
        self._keys: list[NDArray] = []  # columns: key, image, position
        self._vectors: list[NDArray] = []
        self._count = 0

    def add(self, maps: NDArray, first: int) -> Self:
        """Look at all patches of maps (m, h, w, c), of images `first` and those after it; return the reservoir."""
        for i, x in enumerate(maps):
            vectors = x.reshape(-1, x.shape[-1])
            self.offer(first + i, len(vectors), partial(np.asarray, vectors))
        return self

    def offer(self, image: int, n_positions: int, vectors: Callable[[], NDArray]) -> None:
        """Look at the patches of one image; ``vectors()``, (n_positions, c), is called where a key is small enough."""
        keys = np.random.Philox(key=self.seed, counter=image << 64).random_raw(n_positions)
        small = keys <= np.uint64(self.bound)
        if not small.any():
            return
        found = vectors()
        places = np.flatnonzero(small & not_negligible(found))
        images = np.full(len(places), image, np.uint64)
        self._keep(np.stack([keys[places], images, places.astype(np.uint64)], axis=1), found[places])

    def merge(self, other: PatchReservoir) -> Self:
        """Take in what another one of the same size and seed has found in other images; return the reservoir."""
        for keys, vectors in zip(other._keys, other._vectors, strict=True):
            self._keep(keys, vectors)
        return self

    def patches(self) -> NDArray:
        """Return the patches (m, c), m <= `n_patches`, smallest key first."""
        self._cut()
        return self._vectors[0] if self._vectors else np.empty((0, 0), np.float32)

    def _keep(self, keys: NDArray, vectors: NDArray) -> None:
        self._keys.append(keys)
        self._vectors.append(vectors)
        self._count += len(keys)
        if self._count > 2 * self.n_patches:
            self._cut()

    def _cut(self) -> None:
        """Keep the smallest alone, in order; images and positions decide between equal keys."""
        if not self._keys:
            return
        keys = np.concatenate(self._keys)
        order = np.lexsort(keys.T[::-1])[: self.n_patches]
        vectors = np.concatenate(self._vectors)[order]
        self._keys, self._vectors, self._count = [keys[order]], [vectors], len(order)
        if self._count == self.n_patches:
            self.bound = int(keys[order[-1], 0])
