"""Targets: certificates over clouds of fields, smallest flips, and guarantees for representations."""

from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.target import ANY_IMAGES, Target
from fuzzing.targets.stability import BORDER, FAMILY, LINEAR_FAMILY, PHI, _images, _pixels
from kernelconv import stability as s
from kernelconv.deformations import SmoothDeformation

HOW = {"order": p.one_of(p.choice(0, 1, 3, "fourier")), "padding": BORDER, "random_state": p.SEED}
_HOW = {"order": 1, "padding": "symmetric", "random_state": 0}
ALPHA = p.number(below=1)


def _bright(x: np.ndarray) -> np.ndarray:
    return (x.reshape(len(x), -1).mean(1) > 3).astype(int)


def _certified(**a: Any) -> Any:
    found = s.certify(**a)
    return found.probability, found.radius, found.strength, found.accuracy(np.zeros(len(found.labels), int), [0.1])


def _card(**a: Any) -> Any:
    card = s.stability_card(**a)
    return card["classifier"]["typical"], card["majority"]["certified"]


TARGETS = [
    Target(
        "stability.stability_card",
        _card,
        lambda rng: (
            {"model": _bright, "X": _images(rng), "y": None, "phi": None, "name": "", "data": ""}
            | {"deformation": SmoothDeformation(1), "strengths": (0.1,), "sigma": 0.5, "n_samples": 16}
            | {"n_evaluations": 16, "n_draws": 1}
            | _HOW
        ),
        {"X": ANY_IMAGES},
        {"model": p.ANYTHING, "y": p.ANYTHING, "phi": p.ANYTHING, "name": p.ANYTHING, "data": p.ANYTHING}
        | {"deformation": p.one_of(p.NONE, LINEAR_FAMILY), "strengths": p.ANYTHING, "sigma": p.number()}
        | {
            "n_samples": p.count(repeats=True),
            "n_evaluations": p.count(16, repeats=True),
            "n_draws": p.count(repeats=True),
        }
        | HOW
        | {"random_state": p.count(0)},
    ),
    Target(
        "stability.certify",
        _certified,
        lambda rng: (
            {"predict": _bright, "X": _images(rng), "deformation": SmoothDeformation(1), "sigma": 0.5}
            | {"n_samples": 20, "n_select": 5, "alpha": 0.01}
            | _HOW
        ),
        {"X": ANY_IMAGES},
        {"predict": p.ANYTHING, "deformation": FAMILY, "sigma": p.number(), "alpha": ALPHA, **HOW}
        | {"n_samples": p.count(repeats=True), "n_select": p.count(repeats=True)},
        weight=2,
    ),
    Target(
        "stability.smallest_flip",
        lambda **a: s.smallest_flip(**a).parameters,
        lambda rng: (
            {"predict": _bright, "X": _images(rng), "deformation": SmoothDeformation(1), "sigma": None}
            | {"n_samples": 10, "limit": 0.5, "n_evaluations": 16}
            | _HOW
        ),
        {"X": ANY_IMAGES},
        {"predict": p.ANYTHING, "deformation": LINEAR_FAMILY, "sigma": p.one_of(p.NONE, p.number()), **HOW}
        | {"n_samples": p.count(repeats=True), "limit": p.number(), "n_evaluations": p.count(16, repeats=True)},
        weight=2,
    ),
    Target(
        "stability.certify_change",
        lambda **a: s.certify_change(**a).typical,
        lambda rng: (
            {"phi": _pixels, "X": _images(rng), "deformation": SmoothDeformation(1), "sigma": 0.5}
            | {"radii": [0.0, 0.5], "n_samples": 20, "alpha": 0.01}
            | _HOW
        ),
        {"X": ANY_IMAGES},
        {"phi": PHI, "deformation": FAMILY, "sigma": p.number(), "radii": p.ANYTHING, "alpha": ALPHA, **HOW}
        | {"n_samples": p.count(repeats=True)},
        weight=2,
    ),
    Target(
        "stability.lipschitz_guarantee",
        s.lipschitz_guarantee,
        lambda rng: {"constant": 1.0, "X": _images(rng), "displacement": 0.5, "order": 3, "padding": "zero"},
        {"X": ANY_IMAGES},
        {"constant": p.number(zero=True), "displacement": p.number(), "order": p.choice(1, 3), "padding": BORDER},
        shape=lambda X, **rest: (None,),
        degree={"X": 1},
    ),
]
