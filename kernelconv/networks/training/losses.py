"""Losses of a network's outputs against class indices or targets, each with its gradient."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_finite
from kernelconv._numbers import shown

#: (outputs (n, k), class indices (n,) or targets (n, k)) -> (sum over the images, its gradient in the outputs (n, k))
Loss = Callable[[NDArray, NDArray], tuple[float, NDArray]]

#: The margin loss wants the right class's capsule at least so long, the others no longer than that; weight of theirs.
PRESENT, ABSENT, OTHERS = 0.9, 0.1, 0.5


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


def margin_loss(lengths: NDArray, labels: NDArray) -> tuple[float, NDArray]:
    r"""Return the sum of the margin losses of the lengths of class capsules, and its gradient in the lengths.

    .. math:: \max(0, 0.9 - l_y)^2 + 0.5 \sum_{k \ne y} \max(0, l_k - 0.1)^2

    Parameters
    ----------
    lengths : ndarray (n, n_classes)
        One row an image, from 0 to 1.
    labels : ndarray of int (n,)
        Class indices y.

    References
    ----------
    Sabour, Frosst & Hinton (2017), Dynamic routing between capsules, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = margin_loss(np.array([[0.5, 0.3, 0.0]]), np.array([0]))
    >>> round(value, 4), gradient.round(4)
    (0.18, array([[-0.8,  0.2,  0. ]]))
    """
    target = np.arange(lengths.shape[1]) == labels[:, None]
    short, long = np.maximum(PRESENT - lengths, 0), np.maximum(lengths - ABSENT, 0)
    values = np.where(target, short**2, OTHERS * long**2)
    return float(values.sum(dtype=np.float64)), np.where(target, -2 * short, 2 * OTHERS * long)


def squared_error(outputs: NDArray, targets: NDArray) -> tuple[float, NDArray]:
    r"""Return half the sum of the squared errors, :math:`\frac12 \sum |s - t|^2`, and its gradient in the outputs.

    Parameters
    ----------
    outputs, targets : ndarray (n, k)
        One row an image.

    Raises
    ------
    ValueError
        If their shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> squared_error(np.array([[2.0, -0.5]]), np.array([[1.0, 0.0]]))
    (0.625, array([[ 1. , -0.5]]))
    """
    if outputs.shape != targets.shape:  # numpy would broadcast them silently
        raise ValueError(f"Targets must have the shape of the outputs, {outputs.shape}, got {targets.shape}.")
    gradient = outputs - targets
    return float((gradient**2).sum(dtype=np.float64)) / 2, gradient


ClassLoss = Literal["log_loss", "squared_hinge", "margin_loss"]
TargetLoss = Literal["squared_error"]
#: Against class indices
CLASS_LOSSES: dict[ClassLoss, Loss] = {
    "log_loss": softmax_cross_entropy,
    "squared_hinge": squared_hinge,
    "margin_loss": margin_loss,
}
#: Against targets
TARGET_LOSSES: dict[TargetLoss, Loss] = {"squared_error": squared_error}
LOSSES: Mapping[Any, Loss] = {**CLASS_LOSSES, **TARGET_LOSSES}


def as_loss(loss: Any, named: Mapping[Any, Loss] = LOSSES) -> Loss:
    """Return a loss from its name among `named`, or from a function (outputs, labels) -> (sum, gradient).

    Raises
    ------
    ValueError
        For another name, a class, or a function of other arguments; from a function's loss, if it does not return a
        number and a finite real gradient of the outputs' shape.

    Examples
    --------
    >>> as_loss("squared_error") is squared_error
    True
    """
    if not callable(loss) or isinstance(loss, type):  # a class returns instances of it, not (sum, gradient)
        return named[check_choice(loss, "loss", tuple(named))]
    if not takes_two(loss):
        raise ValueError(f"loss must be a function (outputs, labels) -> (sum, gradient), got {shown(loss)}.")

    def checked(outputs: NDArray, labels: NDArray) -> tuple[float, NDArray]:
        returned = loss(outputs, labels)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ValueError(f"A loss returns (sum, gradient in the outputs), got {returned!r}.")
        value, gradient = returned
        if np.ndim(value) or np.iscomplexobj(value):
            raise ValueError(
                f"A loss returns (sum, gradient in the outputs): the sum over the batch must be a number,"
                f" got {value!r}."
            )
        if np.shape(gradient) != outputs.shape or np.iscomplexobj(gradient):
            raise ValueError(
                f"A loss returns (sum, gradient in the outputs): the gradient must have their shape, {outputs.shape}, "
                f"and be real, got {np.shape(gradient)} of dtype {np.asarray(gradient).dtype}."
            )
        return float(value), check_finite(np.asarray(gradient, outputs.dtype), "the loss's gradient")

    return checked


def takes_two(function: Any) -> bool:
    """Return whether a callable takes two arguments, as far as its signature says; some built-in ones have none."""
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
