"""Losses of scores (n, n_classes) against class indices, each with its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Loss = Callable[[NDArray, NDArray], tuple[float, NDArray]]


def log_softmax(scores: NDArray) -> NDArray:
    """Return log softmax of `scores` (n, n_classes) along the classes, without overflow.

    Examples
    --------
    >>> import numpy as np
    >>> np.exp(log_softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def softmax_cross_entropy(scores: NDArray, labels: NDArray) -> tuple[float, NDArray]:
    r"""Return the sum of -log softmax(scores)[label] and its gradient in the scores.

    Parameters
    ----------
    scores : ndarray (n, n_classes)
        One row an image.
    labels : ndarray of int (n,)
        Class indices.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = softmax_cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> round(value, 4), gradient
    (0.6931, array([[-0.5,  0.5]]))
    """
    log_p = log_softmax(scores)
    rows = np.arange(len(labels))
    gradient = np.exp(log_p)
    gradient[rows, labels] -= 1
    return -float(log_p[rows, labels].sum(dtype=np.float64)), gradient


def squared_hinge(scores: NDArray, labels: NDArray) -> tuple[float, NDArray]:
    r"""Return the sum of one-vs-rest squared hinges max(0, 1 - t s)^2 / 2, t = +-1, and its gradient in the scores.

    Examples
    --------
    >>> import numpy as np
    >>> squared_hinge(np.array([[2.0, -0.5]]), np.array([0]))
    (0.125, array([[-0. ,  0.5]]))
    """
    target = np.where(np.arange(scores.shape[1]) == labels[:, None], 1, -1).astype(scores.dtype)
    slack = np.maximum(1 - target * scores, 0)
    return float((slack**2).sum(dtype=np.float64)) / 2, -target * slack


LOSSES: dict[str, Loss] = {"softmax": softmax_cross_entropy, "squared_hinge": squared_hinge}
