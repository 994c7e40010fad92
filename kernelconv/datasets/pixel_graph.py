"""The graph of pixels that are active together, from which the lattice of a set of images can be estimated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import (
    as_float,
    check_choice,
    check_count,
    check_finite,
    check_flag,
    check_memory,
    check_positive,
)
from kernelconv._numbers import shown

States: TypeAlias = Literal["active", "equal"]


@dataclass(frozen=True, eq=False, repr=False)
class PixelGraph:
    """A weighted graph of pixels, as `pixel_graph` returns it.

    Attributes
    ----------
    weights : ndarray of shape (n_pixels, n_pixels), float64
        Symmetric, >= 0; the diagonal holds each pixel's weight with itself. Pixels are numbered in row-major order.
    """

    weights: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"PixelGraph({len(self.weights):,} pixels)"

    def share(self, level: float = 0.0) -> float:
        """Return the share of the entries of `weights`, its diagonal included, above `level` times the largest.

        Raises
        ------
        ValueError
            If `level` is not a number >= 0.
        """
        return float((self.weights > check_positive(level, "level", zero=True) * self.weights.max()).mean())

    def strongest_pairs(self, n: int) -> NDArray[np.intp]:
        """Return the `n` pairs (n, 2) of different pixels with the largest weights, in decreasing order.

        Ties are in row-major order.

        Raises
        ------
        ValueError
            If `n` is not an int >= 1, or larger than the number of pairs.
        """
        pairs = np.stack(np.triu_indices(len(self.weights), 1), axis=1)
        if check_count(n, "n") > len(pairs):
            raise ValueError(f"n={n} is more than the {len(pairs)} pairs of {len(self.weights)} pixels.")
        return pairs[np.argsort(-self.weights[tuple(pairs.T)], kind="stable")[:n]]

    @property
    def transition(self) -> NDArray[np.float64]:
        """Transition matrix P (n_pixels, n_pixels) of a random walk: the rows of `weights` divided by their sums.

        From a pixel without any weight the walk does not move.
        """
        sums = self.weights.sum(axis=1, keepdims=True)
        return np.where(sums > 0, self.weights / np.where(sums > 0, sums, 1), np.eye(len(sums)))

    @property
    def stationary(self) -> NDArray[np.float64]:
        """Stationary distribution pi (n_pixels,) of the walk, P' pi = pi: row sums of `weights` over their total."""
        return self.weights.sum(axis=1) / self.weights.sum()


def pixel_graph(
    X: ArrayLike, *, threshold: float = 0.0, states: States = "active", squared: bool = False
) -> PixelGraph:
    r"""Count in how many images two pixels are in the same state.

    .. math:: W_{uv} = \sum_i a_{iu} a_{iv} \quad \text{or} \quad
        W_{uv} = \sum_i a_{iu} a_{iv} + (1 - a_{iu}) (1 - a_{iv}), \qquad a_{iu} = [x_{iu} > \text{threshold}]

    Parameters
    ----------
    X : array-like of shape (n, h, w), (n, h, w, c) or rows (n, n_pixels)
        Images; with several channels, each value counts as a pixel.
    threshold : float
        A pixel is active if its value is above this, >= 0.
    states : {"active", "equal"}
        What is counted: images in which both pixels are active, for drawings on an empty background; or images in
        which both are active or neither is, for spins.
    squared : bool
        Take the squares of the counts.

    Returns
    -------
    PixelGraph
        With ``weights``, and ``share(level)``, ``strongest_pairs(n)``, ``transition`` and ``stationary`` from these.

    Raises
    ------
    ValueError
        If `X` is empty, has fewer than two or more than four axes or is not finite; if `threshold` is not a number
        >= 0, `states` is another word or `squared` is not a bool; if all counts are 0, those of a pixel with itself
        included; if the counts take more memory than the machine has.

    Notes
    -----
    Cost: O(n n_pixels^2), by one matrix product; counts are exact. For spins at a high temperature the strongest pairs
    are the edges of the lattice; at a low one they may be any pairs. Published levels for such graphs depend on
    `squared`: a tenth of the largest squared count is .32 of the largest count.

    Examples
    --------
    >>> from kernelconv.datasets import pixel_graph, sample_ising
    >>> graph = pixel_graph(sample_ising(500, 4, beta=0.2, random_state=0), states="equal")
    >>> graph.strongest_pairs(5).tolist()  # neighbours on the torus of 4 x 4, numbered row by row
    [[12, 15], [7, 11], [8, 11], [3, 7], [9, 10]]
    >>> pixel_graph([[1, 1, 0], [0, 1, 0]]).stationary.tolist()
    [0.4, 0.6, 0.0]
    """
    x = check_finite(as_float(X, "X"), "X")
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise ValueError(f"X must be images (n, h, w) or (n, h, w, c) or rows (n, n_pixels), got shape {x.shape}.")
    choice = check_choice(states, "states", get_args(States))
    n, d = len(x), x[0].size
    check_memory(24 * d * d + 8 * n * d, f"The graph of {d} pixels in {n} images")
    active = x.reshape(n, d) > check_positive(threshold, "threshold", zero=True)
    counts = _together(active)
    if choice == "equal":
        alone = active.sum(axis=0)
        counts = 2 * counts + (n - alone[:, None] - alone)  # neither is active where not one of them is
    if not counts.any():
        raise ValueError(f"No pixel of X is above threshold={shown(threshold)}: take a lower one.")
    return PixelGraph(counts**2 if check_flag(squared, "squared") else counts)


def _together(active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return in how many rows both of two columns are true."""
    dtype = np.float32 if len(active) < 2**24 else np.float64  # each counts exactly as far as that
    ones: NDArray[np.floating] = active.astype(dtype)
    return (ones.T @ ones).astype(np.float64)
