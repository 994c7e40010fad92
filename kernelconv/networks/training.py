"""Training of a network by gradient descent: losses, optimisers, schedules, the epoch loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_count, check_positive
from kernelconv._parallel import map_blocks
from kernelconv.networks.serial import Network, sum_grads
from kernelconv.operators.base import Grads

Loss = Callable[[NDArray, NDArray], tuple[float, NDArray]]

#: Samples whose gradient one thread computes at a time. Fixed, so that sums do not depend on the number of threads.
TRAIN_BLOCK = 32


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


@dataclass(frozen=True)
class Optimizer:
    r"""One step of SGD with Nesterov momentum or of Adam, weight decay decoupled and on weights alone.

    Parameters
    ----------
    kind : {"adam", "sgd"}
        Adam (Kingma & Ba 2015), decay as in AdamW (Loshchilov & Hutter 2019); or SGD with Nesterov momentum.
    momentum : float
        First-moment decay, in [0, 1).
    weight_decay : float
        lambda >= 0: params named "weight" are multiplied by 1 - rate * lambda at each step.
    second : float
        Adam's second-moment decay.
    epsilon : float
        Adam's floor on the root of the second moment.
    """

    kind: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    second: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Check every field."""
        check_choice(self.kind, "optimizer", ("adam", "sgd"))
        check_positive(self.weight_decay, "weight_decay", zero=True)
        check_positive(self.epsilon, "epsilon")
        for name in ("momentum", "second"):
            if not check_positive(getattr(self, name), name, zero=True) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)!r}.")

    def start(self, params: Grads) -> dict[str, Any]:
        """Return the memory before the first step."""
        moments = ("first", "second") if self.kind == "adam" else ("first",)
        return {"count": 0, **{m: {k: np.zeros_like(v) for k, v in params.items()} for m in moments}}

    def step(self, params: Grads, grads: Grads, memory: dict[str, Any], rate: float) -> Grads:
        """Return the params after one step of learning rate `rate`; `memory` is updated in place."""
        memory["count"] += 1
        new = {}
        for name, p in params.items():
            decay = 1 - rate * self.weight_decay if name.rpartition(".")[2] == "weight" else 1.0
            new[name] = p * p.dtype.type(decay) - self._move(name, grads[name], memory, rate)
        return new

    def _move(self, name: str, g: NDArray, memory: dict[str, Any], rate: float) -> NDArray:
        first = memory["first"][name]
        first *= self.momentum
        if self.kind == "sgd":
            first += g
            return g.dtype.type(rate) * (g + g.dtype.type(self.momentum) * first)
        first += (1 - self.momentum) * g
        second = memory["second"][name]
        second *= self.second
        second += (1 - self.second) * g * g
        t = memory["count"]
        scale = rate * np.sqrt(1 - self.second**t) / (1 - self.momentum**t)
        return (
            g.dtype.type(scale) * first / (np.sqrt(second) + g.dtype.type(self.epsilon * np.sqrt(1 - self.second**t)))
        )


def learning_rates(rate: float, schedule: str, n_steps: int) -> NDArray:
    """Return the learning rate of each of `n_steps` steps.

    Parameters
    ----------
    rate : float
        The highest one.
    schedule : {"constant", "cosine"}
        "cosine" goes from `rate` to 0 along half a cosine (Loshchilov & Hutter 2017).

    Examples
    --------
    >>> learning_rates(1.0, "cosine", 4).round(3)
    array([1.   , 0.854, 0.5  , 0.146])
    """
    check_positive(rate, "learning_rate")
    check_choice(schedule, "schedule", ("constant", "cosine"))
    if schedule == "constant":
        return np.full(n_steps, rate)
    return rate * (1 + np.cos(np.pi * np.arange(n_steps) / n_steps)) / 2


def loss_gradient(
    network: Network, x: NDArray, labels: NDArray, loss: Loss, seed: Any, n_jobs: int | None = None
) -> tuple[NDArray, float, Grads, Grads]:
    """Return (scores, mean loss, its gradients in the params, new state) of one mini-batch, in training mode.

    The batch is cut into blocks of fixed length, computed on threads and summed in block order. A network that
    couples samples (BatchNorm) runs in one block, since its statistics are those of the whole batch.

    Parameters
    ----------
    network : Network
        Built; its output has one position and one channel a class.
    x : ndarray (n, h, w, c)
        The mini-batch.
    labels : ndarray of int (n,)
        Class indices.
    loss : callable
        (scores, labels) -> (sum, gradient in the scores).
    seed : sequence of int
        Seeds the masks of each block.
    """

    def run(s: slice) -> tuple[NDArray, float, Grads, Any]:
        rng = np.random.default_rng([*seed, s.start])
        y, pullback, state = network.linearize(x[s], train=True, rng=rng)
        scores = y.reshape(len(y), -1)
        value, g = loss(scores, labels[s])
        return scores, value, pullback((g / len(x)).astype(x.dtype).reshape(y.shape))[1], state

    block = len(x) if network.couples_samples else TRAIN_BLOCK
    scores, values, grads, states = zip(*map_blocks(run, len(x), block, n_jobs), strict=True)
    return np.concatenate(scores), sum(values) / len(x), sum_grads(grads), states[0]


def train(
    network: Network,
    x: NDArray,
    labels: NDArray,
    *,
    rng: np.random.Generator,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: str = "cosine",
    optimizer: Optimizer | None = None,
    loss: str = "softmax",
    n_jobs: int | None = None,
    progress: Callable[[dict[str, float]], None] | None = None,
) -> tuple[Network, list[dict[str, float]]]:
    """Train a built network on images and class indices; return (network, history).

    Parameters
    ----------
    network : Network
        Built; its output has one position and one channel a class. Params take the dtype of `x`.
    x : ndarray (n, h, w, c)
        Training images.
    labels : ndarray of int (n,)
        Class indices.
    rng : numpy Generator
        Shuffles each epoch and seeds the masks.
    epochs, batch_size : int
        Passes over the images, and images a step.
    learning_rate, schedule : float, str
        See `learning_rates`.
    optimizer : Optimizer, optional
        Adam by default.
    loss : {"softmax", "squared_hinge"}
        See `LOSSES`.
    n_jobs : int, optional
        Threads; the bits do not depend on it.
    progress : callable, optional
        Called with each epoch's record.

    Returns
    -------
    network : Network
        The trained copy.
    history : list of dict
        Per epoch: "epoch", mean "loss" and training "accuracy" as they were during the epoch.

    Raises
    ------
    ValueError
        If a value is out of range, or if the loss stops being finite (lower the learning rate).
    """
    check_count(epochs, "epochs")
    batch_size = min(check_count(batch_size, "batch_size"), len(x))
    objective = LOSSES[check_choice(loss, "loss", tuple(LOSSES))]
    optimizer = optimizer or Optimizer()
    network = network.astype(x.dtype)
    memory = optimizer.start(network.params)
    starts = range(0, len(x), batch_size)
    rates = learning_rates(learning_rate, schedule, epochs * len(starts))
    seed = int(rng.integers(2**63))
    history = []
    for epoch in range(epochs):
        order, total, right = rng.permutation(len(x)), 0.0, 0
        for i, lo in enumerate(starts):
            batch = order[lo : lo + batch_size]
            step = epoch * len(starts) + i
            scores, value, grads, state = loss_gradient(
                network, x[batch], labels[batch], objective, (seed, step), n_jobs
            )
            if not np.isfinite(value):
                raise ValueError(
                    f"The training loss is {value} at epoch {epoch + 1}, step {i + 1}: lower learning_rate "
                    f"(now {learning_rate:g}) or scale the images."
                )
            params = optimizer.step(network.params, grads, memory, float(rates[step]))
            network = network.replace(network.constrain(params), state)
            total += value * len(batch)
            right += int((scores.argmax(axis=1) == labels[batch]).sum())
        history.append({"epoch": epoch + 1, "loss": total / len(x), "accuracy": right / len(x)})
        if progress is not None:
            progress(history[-1])
    return network, history
