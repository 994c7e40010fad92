"""Training of a network by gradient descent: the gradient of a mini-batch, and the epoch loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_count
from kernelconv._parallel.blocks import keep_memory, map_blocks
from kernelconv._parallel.collectives import map_coupled
from kernelconv.networks.serial import Network
from kernelconv.networks.training.changes import Augment, augmented, check_augmentation
from kernelconv.networks.training.checkpoint import Checkpoint, Record, Run
from kernelconv.networks.training.frozen import frozen_params
from kernelconv.networks.training.losses import ClassLoss, Loss, TargetLoss, as_loss
from kernelconv.networks.training.optimizers import Optimizer, Schedule, learning_rates
from kernelconv.operators.base import Grads, State
from kernelconv.operators.composite import sum_grads

#: Samples whose gradient one thread computes at a time, at most; small batches make two blocks. The border follows
#: from the batch size alone, so that sums do not depend on the number of threads.
TRAIN_BLOCK = 32


def loss_gradient(
    network: Network,
    x: NDArray,
    labels: NDArray,
    loss: Loss,
    seed: Any,
    n_jobs: int | None = None,
    augmentation: Augment | None = None,
) -> tuple[NDArray, float, Grads, Grads]:
    """Return (scores, mean loss, its gradients in the params, new state) of one mini-batch, in training mode.

    The batch is cut into blocks of fixed length, computed on threads and summed in block order. The blocks of a
    network that couples samples (BatchNorm) meet at each part that does, and exchange their sums there.

    Parameters
    ----------
    network : Network
        Built; its output has one position, and a channel a class or target.
    x : ndarray (n, h, w, c)
        The mini-batch.
    labels : ndarray of int (n,), or ndarray (n, outputs)
        Class indices, or targets.
    loss : callable
        (scores, labels) -> (sum, gradient in the scores).
    seed : sequence of int
        Seeds the masks of each block, and the augmentation.
    augmentation : callable, optional
        (images, rng) -> images of the same shape; applied block by block.
    """

    def run(s: slice) -> tuple[NDArray, float, Grads, Any]:
        rng = np.random.default_rng([*seed, s.start])
        images = x[s] if augmentation is None else augmented(augmentation, x[s], rng)
        y, pullback, state = network.pullback_params(images, train=True, rng=rng)
        scores = y.reshape(len(y), -1)
        value, g = loss(scores, labels[s])
        return scores, value, pullback((g / len(x)).astype(x.dtype).reshape(y.shape)), state

    keep_memory()
    run_blocks = map_coupled if network.couples_samples else map_blocks
    block = min(TRAIN_BLOCK, max(8, -(-len(x) // 2)))
    scores, values, grads, states = zip(*run_blocks(run, len(x), block, n_jobs), strict=True)
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
    schedule: Schedule = "cosine",
    optimizer: Optimizer | None = None,
    loss: ClassLoss | TargetLoss | Loss = "log_loss",
    frozen: str | Sequence[str] = (),
    n_jobs: int | None = None,
    progress: Callable[[Record], None] | None = None,
    augmentation: Augment | None = None,
    validation: tuple[NDArray, NDArray] | None = None,
    patience: int | None = None,
    memory: dict[str, Any] | None = None,
    checkpoint: str | Path | None = None,
) -> tuple[Network, list[Record]]:
    """Train a built network on images and class indices or targets; return (network, history).

    Parameters
    ----------
    network : Network
        Built; its output has one position, and a channel a class or target. Params take the dtype of `x`.
    x : ndarray (n, h, w, c)
        Training images.
    labels : ndarray of int (n,), or ndarray (n, outputs)
        Class indices, or targets.
    rng : numpy Generator
        Shuffles each epoch and seeds the masks.
    epochs, batch_size : int
        Passes over the images, and images a step.
    learning_rate, schedule : float, str
        See `learning_rates`.
    optimizer : Optimizer, optional
        Adam by default.
    loss : {"log_loss", "squared_hinge", "margin_loss", "squared_error"} or callable
        The first three of class indices, the last of targets; or (scores, labels) -> (sum, gradient in the scores).
    frozen : str or sequence of str
        Params, or parts, that keep their values: they get neither step nor decay (see `frozen_params`). What a part
        measures of its input, the statistics of `BatchNorm`, goes on.
    n_jobs : int, optional
        Threads; the bits do not depend on it.
    progress : callable, optional
        Called with each epoch's record.
    augmentation : callable, optional
        (images, rng) -> images, applied anew at every step; `Augmentation` is one.
    validation : (images, labels), optional
        Scored after each epoch; adds "validation_loss" and, of class indices, "validation_accuracy" to the records.
    patience : int, optional
        With `validation`: stop after so many epochs without a lower validation loss, and return the network of the
        lowest.
    memory : dict, optional
        What ``optimizer.start`` returned, to go on from earlier steps; updated in place.
    checkpoint : path, optional
        File that keeps where the training stands, from before the first epoch on. If it exists, training goes on from
        there, to the same bits. It is an `.npz` without pickles, of one training alone: the same images, labels,
        validation, settings, network and start weights. Functions are known by their name.

    Returns
    -------
    network : Network
        The trained copy.
    history : list of dict
        Per epoch: "epoch", mean "loss" and, of class indices, training "accuracy" as they were during the epoch.

    Raises
    ------
    ValueError
        If a value is out of range, `frozen` names no param or all of them, the loss stops being finite (lower the
        learning rate), or `checkpoint` is damaged, that of another training, or in a folder that does not exist.
    OSError
        If `checkpoint` cannot be read or written.
    """
    check_count(epochs, "epochs")
    batch_size = min(check_count(batch_size, "batch_size"), len(x))
    objective, optimizer = as_loss(loss), optimizer or Optimizer()
    if patience is not None and validation is None:
        raise ValueError("patience needs validation=(images, labels): it counts epochs without a lower loss on them.")
    check_augmentation(augmentation)
    n_steps = -(-len(x) // batch_size)
    rates = learning_rates(learning_rate, schedule, epochs * n_steps)
    network = network.astype(x.dtype)
    params = network.params
    kept = frozen_params(params, frozen)
    run = Run(network, memory or optimizer.start(params), rng, int(rng.integers(2**63)), learning_rate)
    file = None
    if checkpoint is not None:
        start = np.concatenate([[], *map(np.ravel, [*params.values(), *network.state.values()])])
        decisive: dict[str, Any] = {"images": x, "labels": labels, "validation": validation, "epochs": epochs}
        decisive |= {"batch_size": batch_size, "learning_rate": learning_rate, "schedule": schedule}
        decisive |= {"optimizer": optimizer, "loss": loss, "frozen": sorted(kept), "augmentation": augmentation}
        decisive |= {"patience": patience, "random draws": run.seed, "network": network, "start weights": start}
        file = Checkpoint(checkpoint, {**decisive, "memory": memory})
    if file is not None:
        file.resume(run)
        for _ in run.history:  # the draws of the epochs that are done, those that shuffle the images
            rng.permutation(len(x))
    while len(run.history) < epochs and not (patience is not None and run.waited >= patience):
        first = len(run.history) * n_steps
        record = _epoch(
            run, x, labels, batch_size, rates[first : first + n_steps], optimizer, objective, kept, n_jobs, augmentation
        )
        if validation is not None:
            _validate(run, record, validation, objective, n_jobs, keep_best=patience is not None)
        run.history.append(record)
        if file is not None:
            file.keep(run)
        if progress is not None:
            progress(record)
    return run.best or run.network, run.history


def _epoch(
    run: Run,
    x: NDArray,
    labels: NDArray,
    batch_size: int,
    rates: NDArray,
    optimizer: Optimizer,
    loss: Loss,
    frozen: frozenset[str],
    n_jobs: int | None,
    augmentation: Augment | None,
) -> Record:
    """Run one epoch, updating `run`, and return its record."""
    order, total, right = run.rng.permutation(len(x)), 0.0, 0
    done = len(run.history)
    for i, rate in enumerate(rates):
        batch = order[i * batch_size : (i + 1) * batch_size]
        seed = (run.seed, done * len(rates) + i)
        # an augmentation is handed over only where there is one: callers may wrap loss_gradient
        extra = {} if augmentation is None else {"augmentation": augmentation}
        scores, value, grads, state = loss_gradient(run.network, x[batch], labels[batch], loss, seed, n_jobs, **extra)
        if not np.isfinite(value):
            raise ValueError(
                f"The training loss is {value} at epoch {done + 1}, step {i + 1}: lower learning_rate "
                f"(now {run.learning_rate:g}) or scale the images."
            )
        run.network = _stepped(run.network, grads, state, optimizer, run.memory, float(rate), frozen)
        total += value * len(batch)
        right += _n_right(scores, labels[batch])
    record: Record = {"epoch": done + 1, "loss": total / len(x)}
    return record | ({"accuracy": right / len(x)} if _of_classes(labels) else {})


def _of_classes(labels: NDArray) -> bool:
    """Return whether `labels` are class indices (n,), not targets (n, outputs)."""
    return labels.ndim == 1


def _n_right(scores: NDArray, labels: NDArray) -> int:
    return int((scores.argmax(axis=1) == labels).sum()) if _of_classes(labels) else 0


def _stepped(
    network: Network,
    grads: Grads,
    state: State,
    optimizer: Optimizer,
    memory: dict[str, Any],
    rate: float,
    frozen: frozenset[str],
) -> Network:
    """Return the network after one step, the `frozen` params as they were, to the last bit."""
    moving = {name: p for name, p in network.params.items() if name not in frozen}  # the others gather no momentum
    params = network.constrain({**network.params, **optimizer.step(moving, grads, memory, rate)})
    return network.replace({**params, **{k: network.params[k] for k in frozen}}, state)


def _validate(
    run: Run, record: Record, validation: tuple[NDArray, NDArray], loss: Loss, n_jobs: int | None, *, keep_best: bool
) -> None:
    """Add the validation scores to `record`, and keep the network of the lowest validation loss."""
    x, labels = validation
    scores = run.network.forward(x, n_jobs).reshape(len(x), -1)
    record["validation_loss"] = loss(scores, labels)[0] / len(x)
    if _of_classes(labels):
        record["validation_accuracy"] = _n_right(scores, labels) / len(x)
    if not keep_best:
        return
    if record["validation_loss"] < np.nanmin([np.inf, *(r["validation_loss"] for r in run.history)]):
        run.best, run.waited = run.network, 0
    else:
        run.waited += 1
