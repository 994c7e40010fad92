"""The fold of a sample, by where it stands in its stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stream_folds(start: int, n: int, n_folds: int, seed: int) -> NDArray:
    """Return the folds 0, ..., `n_folds` - 1 of the samples `start`, ..., `start` + `n` - 1 of a stream.

    Every `n_folds` samples that follow each other, counted from the first of the stream, are dealt to all folds, one
    each, in an order of their own. Chunks, machines and what came before do not matter: sample i has key i of the
    counter-based generator Philox, and its fold is the rank of its key among those of its deal.

    Examples
    --------
    >>> stream_folds(0, 10, 5, seed=0)
    array([0, 2, 1, 4, 3, 2, 3, 4, 1, 0])
    >>> stream_folds(7, 3, 5, seed=0)
    array([4, 1, 0])

    References
    ----------
    Salmon, Moraes, Dror & Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11.
    """
    first = start // n_folds * n_folds
    deals = -(-(start + n - first) // n_folds)
    keys = _keys(first, deals * n_folds, seed).reshape(deals, n_folds)
    ranks = keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return ranks.ravel()[start - first :][:n]


def _keys(start: int, n: int, seed: int) -> NDArray:
    """Return the draws `start`, ..., `start` + `n` - 1 of Philox, which makes four at each count."""
    counts, skipped = divmod(start, 4)
    generator = np.random.Philox(key=seed)
    generator.advance(counts)
    return generator.random_raw(skipped + n)[skipped:]
