"""Colours that are passed down a tree: its leaves are observed, its root is the label."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count, check_memory, check_positive, check_rng
from kernelconv._numbers import shown
from kernelconv._types.parameters import RandomState


def make_hierarchical(
    n_samples: int,
    depth: int = 4,
    *,
    n_children: int = 2,
    n_colours: int = 2,
    copy_probability: float = 0.8,
    random_state: RandomState = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    r"""Draw colours of the leaves of a tree, and of its root, by a Markov model from the root down.

    The root has one of q colours, each with probability 1/q. Every child has the colour of its parent with probability
    lambda, else one of all q, each with probability 1/q.

    Parameters
    ----------
    n_samples : int
        Number of trees.
    depth : int
        Levels below the root.
    n_children : int
        Children d of every node above the leaves, at least 2.
    n_colours : int
        Colours q, at least 2.
    copy_probability : float
        Lambda, in [0, 1].
    random_state : None, int, numpy Generator or RandomState
        An int gives the same trees at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_children ** depth), int64
        Colours 0, ..., q - 1 of the leaves, from left to right: the descendants of a node are adjacent. For q = 2,
        ``2.0 * X - 1`` are signs; else, ``(X[..., None] == range(q))`` are channels.
    y : ndarray of shape (n_samples,), int64
        Colours of the root.

    Raises
    ------
    ValueError
        If an integer argument is not an int or too small, `copy_probability` is not a number from 0 to 1, or the
        trees take more memory than the machine has.

    Notes
    -----
    Two leaves whose lowest common ancestor is h levels above have the same colour with probability
    1/q + (1 - 1/q) lambda^(2h); for two colours, as signs, their correlation is lambda^(2h). So correlations determine
    which leaves are siblings, even if they are shuffled, and hence the tree. Predictions of the root from the leaves
    stay better than chance at every depth if d lambda^2 > 1; for two colours with d lambda^2 <= 1 they tend to chance
    (threshold of Kesten & Stigum). Cost: O(n_samples n_children^depth).

    `RandomHierarchy` has production rules in place of copying.

    References
    ----------
    E. Mossel, "Deep learning and hierarchical generative models", arXiv:1612.09057, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.datasets import make_hierarchical
    >>> X, y = make_hierarchical(3000, depth=3, copy_probability=0.8, random_state=0)
    >>> X.shape, y.shape
    ((3000, 8), (3000,))
    >>> np.corrcoef(X.T)[0].round(1)  # 0.8^2, 0.8^4 and 0.8^6, by the height at which leaves meet
    array([1. , 0.6, 0.4, 0.4, 0.3, 0.3, 0.3, 0.3])
    """
    n, depth = check_count(n_samples, "n_samples"), check_count(depth, "depth")
    d, q = check_count(n_children, "n_children", 2), check_count(n_colours, "n_colours", 2)
    copied = check_positive(copy_probability, "copy_probability", zero=True)
    if copied > 1:
        raise ValueError(f"copy_probability must be from 0 to 1, got {shown(copy_probability)}.")
    if depth * math.log2(d) >= 62:
        raise ValueError(f"depth={depth} levels of n_children={d} are more leaves than can be counted: take fewer.")
    check_memory(32 * n * d**depth, f"{n} trees of {d**depth} leaves")
    rng = check_rng(random_state)

    def children(nodes: NDArray[np.int64], level: int) -> NDArray[np.int64]:
        parents = np.repeat(nodes, d, axis=1)
        return np.where(rng.random(parents.shape) < copied, parents, rng.integers(q, size=parents.shape))

    root = rng.integers(q, size=n)
    return grow(root, depth, children), root


def grow(
    roots: NDArray[np.int64], depth: int, children: Callable[[NDArray[np.int64], int], NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return the leaves (n, d^depth) of trees that grow level by level from their roots (n,).

    ``children(nodes, level)`` makes of the nodes (n, k) of a level, 0 at the root, those of the next one, (n, d k), the
    children of a node together. Every hierarchy of this library grows here.
    """
    nodes = roots[:, None]
    for level in range(depth):
        nodes = children(nodes, level)
    return nodes
