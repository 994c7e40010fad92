"""Targets: what is asked of networks, an image of a representation and patches of images."""

from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.target import ANY_IMAGES, Target
from kernelconv.networks import serial, strongest_patches
from kernelconv.operators import Convolution, ReLU
from kernelconv.stability import invert

NETWORK = serial(Convolution(2, 3), ReLU()).build((6, 7, 1), np.random.default_rng(0))
CIRCLE = serial(Convolution(2, 3, padding="circular")).build((4, 5, 1), np.random.default_rng(0))


def _inverted(**arguments: Any) -> Any:
    found = invert(CIRCLE, **arguments)
    return {"image": found.image, "errors": found.errors}


def _strongest(**arguments: Any) -> Any:
    found = strongest_patches(NETWORK, **arguments)
    return {"patches": found.patches, "answers": found.answers, "labels of images": found.images}


TARGETS = [
    Target(
        "stability.invert",
        _inverted,
        lambda rng: (
            {"target": rng.integers(1, 7, (1, 4, 5, 2)).astype(np.float64), "shape": (4, 5), "n_starts": 2}
            | {"bounds": (0.0, 9.0), "max_iter": 2, "tol": 1e-3, "random_state": 0}
        ),
        {"target": InputSpec("target", (2, 4))},
        {"shape": p.ANYTHING, "n_starts": p.count(repeats=True), "bounds": p.ANYTHING, "max_iter": p.count()}
        | {"tol": p.number(), "random_state": p.SEED},
        shape=lambda target, **rest: (4, 5),
        weight=2,
    ),
    Target(
        "networks.strongest_patches",
        _strongest,
        lambda rng: {"layer": 0, "X": rng.integers(0, 7, (4, 6, 7)).astype(np.float64), "n": 2},
        {"X": ANY_IMAGES},
        {"layer": p.ANYTHING, "n": p.count()},
        weight=2,
    ),
]
