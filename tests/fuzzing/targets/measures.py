"""Targets: measures of features, and the intervals of their means."""

from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec, _pick
from fuzzing.target import FEATURES, Target
from fuzzing.values import VALUES as VALUED
from kernelconv import stability as s

SCALED = InputSpec("features", (2,), draw=lambda plain, spec, rng: VALUED[_pick(rng, *VALUED)](plain, FEATURES, rng))
VALUES = InputSpec("values|over|first|second", (1, 2), single=False)
STRENGTHS = InputSpec("strengths?", (0, 1), single=False)
LEVEL = p.number(below=1)


def _features(rng: np.random.Generator) -> np.ndarray:
    """Return features of which no two are the same and none is zero, so that every measure is defined."""
    return rng.integers(1, 7, (5, 4)) + 7.0 * np.arange(5)[:, None]


def _measure(name: str, *arguments: str) -> Target:
    return Target(
        f"stability.{name}",
        lambda **a: getattr(s, name)(*(a[k] for k in arguments)),
        lambda rng: {k: _features(rng) + i for i, k in enumerate(arguments)},
        dict.fromkeys(arguments, FEATURES),
    )


def _homogeneous(name: str, n: int) -> Target:
    """Return the target that puts the same odd features to all arguments: they and their changes scale together."""

    def call(phi: Any) -> Any:
        return getattr(s, name)(phi, *(np.roll(phi, k + 1, axis=0) for k in range(n - 1)))

    return Target(
        f"stability.{name}: all features at once",
        call,
        lambda rng: {"phi": _features(rng)},
        {"phi": SCALED},
        degree={"phi": 0},
    )


RATIO = Target(
    "stability.lipschitz_ratio",
    s.lipschitz_ratio,
    lambda rng: {"phi_x": _features(rng), "phi_warped": _features(rng) + 1, "strength": np.full(5, 2.0)},
    {"phi_x": FEATURES, "phi_warped": FEATURES, "strength": STRENGTHS},
)
BOOTSTRAP = {"random_state": p.SEED, "level": LEVEL, "n_resamples": p.count()}
_BOOTSTRAP = {"random_state": 0, "level": 0.9, "n_resamples": 20}
INTERVALS = [
    Target(
        "stability.bootstrap_interval",
        s.bootstrap_interval,
        lambda rng: {"values": _features(rng), "over": _features(rng), **_BOOTSTRAP},
        {"values": VALUES, "over": VALUES},
        BOOTSTRAP,
        degree={"values": 1, "over": -1},
        weight=2,
    ),
    Target(
        "stability.bootstrap_difference",
        s.bootstrap_difference,
        lambda rng: (
            {"first": _features(rng), "second": _features(rng), "over_first": None, "over_second": None} | _BOOTSTRAP
        ),
        {"first": VALUES, "second": VALUES},
        BOOTSTRAP,
        weight=2,
    ),
]

PAIR = ("phi_x", "phi_warped")
TARGETS = [
    *(_measure(name, *PAIR) for name in ("relative_change", "cosine_distance", "deformation_sensitivity")),
    _measure("noise_sensitivity", "phi_x", "phi_noisy"),
    _measure("relative_stability", *PAIR, "phi_noisy"),
    *(_homogeneous(name, 2) for name in ("relative_change", "cosine_distance", "deformation_sensitivity")),
    _homogeneous("noise_sensitivity", 2),
    _homogeneous("relative_stability", 3),
    RATIO,
    *INTERVALS,
]
