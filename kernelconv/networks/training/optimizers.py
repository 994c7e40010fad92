"""Optimisers and learning-rate schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_choice, check_positive
from kernelconv.operators.base import Grads

Schedule = Literal["constant", "step", "cosine", "one_cycle"]
SCHEDULES = get_args(Schedule)
OptimizerKind = Literal["adam", "sgd"]
#: Beyond it a learning rate or a decay leaves nothing of the weights after one step, and squares overflow soon.
LARGEST_RATE = 1e12
#: Share of a "one_cycle" in which the learning rate rises.
RISE = 0.2


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

    kind: OptimizerKind = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    second: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Check every field."""
        check_choice(self.kind, "optimizer", get_args(OptimizerKind))
        if check_positive(self.weight_decay, "weight_decay", zero=True) > LARGEST_RATE:
            raise ValueError(f"weight_decay must be at most {LARGEST_RATE:g}, got {self.weight_decay!r}.")
        check_positive(self.epsilon, "epsilon")
        for name in ("momentum", "second"):
            if not check_positive(getattr(self, name), name, zero=True) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)!r}.")

    def start(self, params: Grads) -> dict[str, Any]:
        """Return the memory before the first step."""
        moments = ("first", "second") if self.kind == "adam" else ("first",)
        return {"count": 0, **{m: {k: np.zeros_like(v) for k, v in params.items()} for m in moments}}

    def goes_on(self, memory: dict[str, Any]) -> bool:
        """Return whether `memory` is that of an optimiser of this kind."""
        return "first" in memory and ("second" in memory) == (self.kind == "adam")

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


def learning_rates(rate: float, schedule: Schedule, n_steps: int) -> NDArray:
    """Return the learning rate of each of `n_steps` steps.

    Parameters
    ----------
    rate : float
        The highest one.
    schedule : {"constant", "step", "cosine", "one_cycle"}
        "step" divides by 10 after one half and after three quarters of the steps; "cosine" goes from `rate` to 0
        along half a cosine (Loshchilov & Hutter 2017); "one_cycle" rises in a straight line from `rate` / 10 over the
        first fifth, then falls as the cosine does (after Smith & Topin 2019).

    Examples
    --------
    >>> learning_rates(1.0, "cosine", 4).round(3)
    array([1.   , 0.854, 0.5  , 0.146])
    """
    if check_positive(rate, "learning_rate") > LARGEST_RATE:
        raise ValueError(f"learning_rate must be at most {LARGEST_RATE:g}, got {rate!r}.")
    check_choice(schedule, "schedule", SCHEDULES)
    done = np.arange(n_steps) / max(n_steps, 1)
    if schedule == "constant":
        return np.full(n_steps, rate)
    if schedule == "step":
        return rate / 10.0 ** ((done >= 0.5) * 1 + (done >= 0.75))
    if schedule == "cosine":
        return rate * (1 + np.cos(np.pi * done)) / 2
    falling = np.cos(np.pi * np.clip((done - RISE) / (1 - RISE), 0, 1))
    return rate * np.where(done < RISE, 0.1 + 0.9 * done / RISE, (1 + falling) / 2)
