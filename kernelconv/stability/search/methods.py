"""Search methods with a budget for each image: random fields, of which the best is kept; evolution; gradient ascent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernelconv.stability.search.objective import Objective

#: Evaluations of Phi that a gradient counts for: one for the cotangent, and two for its vjp, there and back.
GRADIENT_COST = 3
#: First step of the ascent (parameters have norm sqrt(p)), and the one below which it has arrived.
_FIRST_STEP, _LAST_STEP = 0.6, 0.02
#: Mutations of which the evolution tries one.
_MUTANTS = 8


@dataclass
class State:
    """The best parameters of each image so far, what they change, and the evaluations that are left for it.

    Attributes
    ----------
    z : ndarray (n, p)
        Parameters.
    change : ndarray (n,)
        What their fields change.
    left : ndarray (n,) of int
        Evaluations.
    """

    z: NDArray
    change: NDArray
    left: NDArray

    def keep_better(self, objective: Objective, z: NDArray, images: NDArray) -> NDArray:
        """Evaluate `z` (m, p) at some images, keep what changes more than the best; return which did (m,)."""
        change = objective.change(z, images)
        self.left[images] -= 1
        better = change > self.change[images]
        self.z[images[better]], self.change[images[better]] = z[better], change[better]
        return better


def random_fields(objective: Objective, budget: int, n_fields: int, rng: np.random.Generator) -> tuple[State, NDArray]:
    """Return the best of `n_fields` random fields an image, and what all of them change (n_fields, n)."""
    everyone, tried = np.arange(len(objective.x)), []
    state = State(
        np.zeros((len(everyone), objective.n_parameters)), np.full(len(everyone), -1.0), everyone * 0 + budget
    )
    for _ in range(n_fields):
        z = on_sphere(rng.standard_normal(state.z.shape))
        tried.append(objective.change(z, everyone))
        better = tried[-1] > state.change
        state.z[better], state.change[better] = z[better], tried[-1][better]
    state.left -= n_fields
    return state, np.array(tried)


def evolve(objective: Objective, state: State, rng: np.random.Generator, first_step: float = 0.5) -> None:
    """Spend what is left on a (1 + 1) evolution strategy: a mutation an evaluation, steps by the one-fifth rule.

    It is the best of eight before Phi is asked: the one of smallest Jacobian norm, which is stretched most on its way
    to the strength.
    """
    n, p = state.z.shape
    step = np.full(n, first_step)
    while state.left.any():
        # drawn for every image, so that none hears of another's budget
        mutants = on_sphere((state.z + step[:, None] * rng.standard_normal((_MUTANTS, n, p))).reshape(-1, p))
        images = np.flatnonzero(state.left)
        mutants = mutants.reshape(_MUTANTS, n, p)[:, images]
        norms = objective.norms(mutants.reshape(-1, p)).reshape(_MUTANTS, -1)
        better = state.keep_better(objective, mutants[norms.argmin(0), np.arange(len(images))], images)
        step[images] *= np.where(better, 1.5, 1.5**-0.25)


def ascend(objective: Objective, state: State) -> None:
    """Climb by the gradient on the sphere: a step that does not raise the change is taken back and halved.

    An image is done when its steps are small, or nothing is left for a gradient and the step that it is for.
    """
    step = np.full(len(state.z), _FIRST_STEP)
    slope, stale = np.zeros_like(state.z), np.ones(len(state.z), bool)
    while True:
        climbing = (step > _LAST_STEP) & (state.left >= np.where(stale, GRADIENT_COST + 1, 1))
        if not climbing.any():
            return
        if len(images := np.flatnonzero(climbing & stale)):
            slope[images] = objective.slope(state.z[images], images)
            state.left[images] -= GRADIENT_COST
        images = np.flatnonzero(climbing)
        stride = step[images, None] * np.sqrt(slope.shape[1]) * _unit(slope[images])
        stale[images] = state.keep_better(objective, on_sphere(state.z[images] + stride), images)
        step[images] *= np.where(stale[images], 1.3, 0.5)


def on_sphere(z: NDArray) -> NDArray:
    """Return `z` (n, p) at norm sqrt(p), where normal parameters are: the fields depend on directions alone."""
    return z * np.sqrt(z.shape[1]) / np.linalg.norm(z, axis=1, keepdims=True)


def _unit(rows: NDArray) -> NDArray:
    """Return rows of norm 1; zero ones stay."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)
