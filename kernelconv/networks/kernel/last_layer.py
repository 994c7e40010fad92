"""The exact last layer, a convex problem on fixed features, and preconditioned steps of anchors on the sphere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from kernelconv._check import check_positive
from kernelconv._parallel.blocks import block_length, map_blocks
from kernelconv._scales import row_norms
from kernelconv.networks.training.losses import CLASS_LOSSES, Loss, as_loss
from kernelconv.operators.mappings.dot_product import safe


def solve_last_layer(
    x: NDArray,
    labels: NDArray,
    n_classes: int,
    *,
    alpha: float,
    loss: str | Loss = "squared_hinge",
    start: NDArray | None = None,
    max_iter: int = 200,
    n_jobs: int | None = None,
) -> tuple[NDArray, float]:
    r"""Return the weights of the linear classifier of least regularised loss on features `x`, and that loss.

    .. math:: \min_{W, b} \frac1n \sum_i \ell(W' x_i + b, y_i) + \frac\alpha2 |W|^2

    Parameters
    ----------
    x : ndarray (n, d)
        Features, centred and of norms about one for an `alpha` of usual size.
    labels : ndarray of int (n,)
        Class indices.
    n_classes : int
        Columns of W.
    alpha : float
        Weight of the penalty, > 0; the bias is free.
    loss : {"squared_hinge", "log_loss", "margin_loss"} or callable
        See `as_loss` of training; a callable must be convex.
    start : ndarray (d + 1, n_classes), optional
        Where to begin, zeros by default; it saves time and changes nothing else.
    max_iter : int
        L-BFGS iterations at most.
    n_jobs : int, optional
        Threads; the bits do not depend on it.

    Returns
    -------
    weights : ndarray (d + 1, n_classes), float64
        W, and b in the last row.
    value : float
        The objective there.

    Raises
    ------
    ValueError
        If `alpha` is not positive or `loss` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[-1.0], [1.0]])
    >>> weights, value = solve_last_layer(x, np.array([0, 1]), 2, alpha=1.0)
    >>> weights.round(3)
    array([[-0.5,  0.5],
           [ 0. ,  0. ]])
    """
    check_positive(alpha, "alpha")
    objective = as_loss(loss, CLASS_LOSSES)
    n, d = x.shape
    block = block_length(x.itemsize * d, maximum=512)

    def value(flat: NDArray) -> tuple[float, NDArray]:
        w = flat.reshape(d + 1, n_classes)
        single = w.astype(x.dtype)

        def run(s: slice) -> tuple[float, NDArray]:
            total, g = objective(x[s] @ single[:-1] + single[-1], labels[s])
            return total, np.concatenate([x[s].T @ g, g.sum(0, keepdims=True)]).astype(np.float64)

        values, grads = zip(*map_blocks(run, n, block, n_jobs), strict=True)
        gradient = np.sum(grads, axis=0) / n
        gradient[:-1] += alpha * w[:-1]
        return sum(values) / n + alpha / 2 * float((w[:-1] ** 2).sum()), gradient.ravel()

    first = np.zeros((d + 1) * n_classes) if start is None else start.ravel()
    found = minimize(value, first, jac=True, method="L-BFGS-B", options={"maxiter": max_iter, "gtol": 1e-7})
    return found.x.reshape(d + 1, n_classes), float(found.fun)


class SphereSteps:
    r"""Preconditioned steps of unit anchors z (rows), with momentum.

    .. math:: z \leftarrow \mathrm{Proj}\Bigl[z - \eta \bigl(I - \tfrac{Q z z'}{z' Q z}\bigr) Q \nabla_z\Bigr]

    with Q the inverse covariance of the layer's patches, and Proj the division by the norm. Directions are divided by
    a running mean of their root mean square norm, which begins anew where a norm is ten times the mean, so that eta is
    the angle (rad) by which an anchor turns.

    Parameters
    ----------
    preconditioners : dict of ndarray (d, d)
        Q for each of the params to move, by name.
    momentum : float
        Decay of the velocity, in [0, 1).

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, section 3.3.
    """

    def __init__(self, preconditioners: dict[str, NDArray], momentum: float = 0.9) -> None:
        if not check_positive(momentum, "momentum", zero=True) < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum!r}.")
        self.preconditioners, self.momentum = preconditioners, momentum
        self.velocity: dict[str, Any] = {}
        self.size: dict[str, float] = {}

    def direction(self, name: str, z: NDArray, g: NDArray) -> NDArray:
        """Return (I - Q z z' / (z' Q z)) Q g for each anchor; what it takes from Q g keeps it a descent direction."""
        q = self.preconditioners[name]
        qg, qz = g @ q, z @ q
        return qg - qz * ((z * qg).sum(1, keepdims=True) / (z * qz).sum(1, keepdims=True))

    def step(self, name: str, z: NDArray, g: NDArray, rate: float) -> NDArray:
        """Return the anchors after one step by about `rate` radians."""
        move = self.direction(name, z, g)
        norm = float(np.sqrt((move**2).sum(1).mean()))
        mean = self.size.get(name, norm)
        self.size[name] = norm if norm > 10 * mean else 0.95 * mean + 0.05 * norm
        if self.size[name] == 0:
            return z
        move *= (1 - self.momentum) / self.size[name]
        self.velocity[name] = self.momentum * self.velocity.get(name, 0.0) + move
        z = z - z.dtype.type(rate) * self.velocity[name].astype(z.dtype)
        return z / safe(np.linalg.norm(z, axis=1))[:, None]


def inverse_covariance(patches: NDArray, damping: float = 0.1) -> NDArray:
    """Return the inverse of the uncentred covariance of unit `patches` (n, d), scaled to a mean eigenvalue of one.

    `damping` times the mean variance is added to every direction, so that none is amplified beyond measure.

    Examples
    --------
    >>> import numpy as np
    >>> inverse_covariance(np.eye(3)).round(3)[0]
    array([1., 0., 0.])
    """
    unit = patches.astype(np.float64)
    unit /= safe(row_norms(unit))[:, None]
    c = unit.T @ unit / len(unit)
    q = np.linalg.inv(c + damping * np.trace(c) / len(c) * np.eye(len(c)))
    return q * (len(q) / np.trace(q))
