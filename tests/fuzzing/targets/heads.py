"""Targets: heads that learn from streams, twice the same in two pieces that are merged."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.labels import Y_LABELS, Y_TARGETS
from fuzzing.target import ROWS, Target
from kernelconv import networks, streams

N = 12  # samples of a fit
OF_THE_FIT = "the samples of the fit"
RIDGE = {"alphas": p.by_layer(p.number()), "cv": p.one_of(p.NONE, p.count(2)), "random_state": p.count(0)}
_RIDGE = {"alphas": (0.5, 4.0), "cv": 3, "random_state": 0}


def _rows(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 7, (N, 5)).astype(np.float64)


def _classes(rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(N) % 3)


def _real(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-4, 5, N).astype(np.float64)


def _learned(cls: Any) -> Callable[..., Any]:
    """Return the call that learns what it is given and more, and says what it knows of these samples or of others."""

    def call(X: Any, y: Any, new: Any, **parameters: Any) -> Any:
        again = {"start": 3} if hasattr(cls, "folds") else {}
        one = cls(**parameters).partial_fit(X, y).merge(cls(**parameters).partial_fit(X, y, **again))
        new = X if new is OF_THE_FIT else new
        scores = {"scores": one.decision_function(new)} if hasattr(one, "decision_function") else {}
        return {**scores, "labels" if scores else "predict": one.predict(new)}

    return call


def _head(cls: Any, plain: dict[str, Any], kinds: dict[str, p.Kind], y: Any = _classes) -> list[Target]:
    """Return the targets of a head: odd samples, labels and parameters where it learns; odd samples after it."""
    name, inputs = f"kernelconv.{cls.__name__}", {"X": ROWS, "y": Y_LABELS if y is _classes else Y_TARGETS}

    def learn(rng: np.random.Generator) -> dict[str, Any]:
        return {"X": _rows(rng), "new": OF_THE_FIT, "y": y(rng), **plain}

    def after(rng: np.random.Generator) -> dict[str, Any]:
        return {**learn(rng), "new": _rows(rng)}

    of_pieces = f"{name}: in pieces" if cls is networks.AffineSubspaceClassifier else name
    return [
        Target(of_pieces, _learned(cls), learn, inputs, kinds, weight=3),
        Target(f"{name}: after pieces", _learned(cls), after, {"new": ROWS}, weight=2),
    ]


TARGETS = [
    *_head(streams.IncrementalRidge, _RIDGE, RIDGE, _real),
    *_head(streams.IncrementalRidgeClassifier, _RIDGE, RIDGE),
    *_head(networks.AffineSubspaceClassifier, {"n_components": 1}, {"n_components": p.count(0)}),
]
