"""A rule that a convolutional network learns from O(1) samples, and no rotation-invariant learner from few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count, check_memory, check_rng
from kernelconv._types.parameters import RandomState


def make_orthogonal_quadratic(
    n_samples: int, n_features: int = 16, *, random_state: RandomState = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    r"""Draw Gaussian rows, labelled by which half of a row has the larger sum of squares.

    .. math:: x \sim N(0, I_d), \qquad y = \mathrm{sign}\Big(\sum_{i \le d/2} x_i^2 - \sum_{i > d/2} x_i^2\Big)

    Parameters
    ----------
    n_samples : int
        Number of rows.
    n_features : int
        Their length d, even.
    random_state : None, int, numpy Generator or RandomState
        An int gives the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float64
        Rows; a convolutional network reads them with ``image_shape=(1, n_features)``.
    y : ndarray of shape (n_samples,), int64
        Labels -1 and 1, each with probability 1/2.

    Raises
    ------
    ValueError
        If `n_samples` is not an int >= 1, `n_features` is not an even int >= 2, or the rows take more memory than the
        machine has.

    Notes
    -----
    Filters of one value, squares and pooling over the halves give two numbers, whose difference is the answer, so that
    O(1) samples suffice. A learner whose predictions do not change when training and test rows are rotated alike (SGD
    on a fully connected network with Gaussian initial weights is one, Adam is not) needs of the order of d^2 samples,
    since it must distinguish all rotations of the rule. Cost: O(n_samples n_features).

    References
    ----------
    Z. Li, Y. Zhang, S. Arora, "Why are convolutional nets more sample-efficient than fully-connected nets?", ICLR 2021.

    Examples
    --------
    >>> from kernelconv.datasets import make_orthogonal_quadratic
    >>> X, y = make_orthogonal_quadratic(5, 4, random_state=0)
    >>> (X**2).reshape(5, 2, 2).sum(axis=2).round(1).tolist()
    [[0.0, 0.4], [0.4, 2.6], [2.1, 0.4], [5.5, 2.1], [0.4, 1.3]]
    >>> y
    array([-1, -1,  1,  1, -1])
    """
    n, d = check_count(n_samples, "n_samples"), check_count(n_features, "n_features", 2)
    if d % 2:
        raise ValueError(f"n_features must be even, so that a row has two halves, got {d}.")
    check_memory(16 * n * d, f"{n} rows of {d} features")
    X = check_rng(random_state).standard_normal((n, d))
    first, second = (X**2).reshape(n, 2, d // 2).sum(axis=2).T
    return X, np.where(first > second, 1, -1).astype(np.int64)
