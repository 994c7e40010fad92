"""Targets: samplers, graphs of pixels, and networks of wavelons, which learn from rows."""

from typing import Any

import numpy as np

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.labels import Y_TARGETS
from fuzzing.target import ROWS, Target
from kernelconv import datasets as d
from kernelconv.networks import WaveletNetworkRegressor

N = 12  # samples of a fit
OF_THE_FIT = "the samples of the fit"
SPINS = {"shape": p.pair(4), "beta": p.number(zero=True, below=101)}
WAVELONS = {"n_wavelons": p.count(), "n_starts": p.count(repeats=True), "max_iter": p.count(), "random_state": p.SEED}


def _tree(**arguments: Any) -> Any:
    return d.make_hierarchical(**arguments)[0]


def _graph(**arguments: Any) -> Any:
    graph = d.pixel_graph(**arguments)
    return [graph.weights, graph.transition, graph.stationary, graph.share(0.3)]


def _pixels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, (6, 3, 4)).astype(np.float64)


def _rows(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 7, (N, 2)).astype(np.float64)


def _learned(X: Any, y: Any, new: Any, **parameters: Any) -> Any:
    reg = WaveletNetworkRegressor(**parameters).fit(X, y)
    return reg.predict(X if new is OF_THE_FIT else new)


def _fit(rng: np.random.Generator) -> dict[str, Any]:
    y = rng.integers(-4, 5, N).astype(np.float64)
    return {"X": _rows(rng), "y": y, "new": OF_THE_FIT} | {
        "n_wavelons": 2,
        "n_starts": 2,
        "max_iter": 5,
        "random_state": 0,
    }


STRINGS = np.array([[5, 6, 7, 7], [7, 7, 7, 7], [7, 7, 5, 6]])


def _rules() -> tuple[np.ndarray, ...]:
    return np.array([[[0, 1], [1, 0]], [[0, 0], [1, 1]]]), np.array([[[5, 6]], [[7, 7]]])


HIERARCHIES = [
    Target(
        "datasets.RandomHierarchy",
        lambda rules: list(d.RandomHierarchy(rules).sample(3, 0)),
        lambda rng: {"rules": _rules()},
        {},
        {"rules": p.Kind(lambda value: False)},
    ),
    Target(
        "datasets.RandomHierarchy: draw",
        lambda **a: list(d.RandomHierarchy.draw(**a).sample(3, 0)),
        lambda rng: {
            "depth": 2,
            "n_children": 2,
            "n_colours": 4,
            "n_synonyms": 2,
            "n_classes": None,
            "random_state": 0,
        },
        {},
        {
            "depth": p.count(),
            "n_children": p.count(2),
            "n_colours": p.count(2),
            "n_synonyms": p.count(),
            "n_classes": p.one_of(p.NONE, p.count()),
            "random_state": p.SEED,
        },
    ),
    Target(
        "datasets.RandomHierarchy: sample",
        lambda **a: list(d.RandomHierarchy(_rules()).sample(**a)),
        lambda rng: {"n_samples": 3, "random_state": 0},
        {},
        {"n_samples": p.count(), "random_state": p.SEED},
    ),
    Target(
        "datasets.RandomHierarchy: labels",
        lambda X: d.RandomHierarchy(_rules()).labels(X),
        lambda rng: {"X": STRINGS},
        {},
        {"X": p.Kind(lambda value: False)},
    ),
    Target(
        "datasets.RandomHierarchy: exchange",
        lambda **a: d.RandomHierarchy(_rules()).exchange(**a),
        lambda rng: {"X": STRINGS, "height": 2, "random_state": 0},
        {},
        {"X": p.Kind(lambda value: False), "height": p.count(2), "random_state": p.SEED},
    ),
    Target(
        "datasets.make_scale_detection",
        d.make_scale_detection,
        lambda rng: {
            "n_samples": 3,
            "shape": (4, 8),
            "scale": 2,
            "task": "distance",
            "gap": 0.5,
            "random_state": 0,
        },
        {},
        {
            "n_samples": p.count(),
            "shape": p.pair(),
            "scale": p.count(2),
            "task": p.choice("distance", "blocks"),
            "gap": p.number(zero=True),
            "random_state": p.SEED,
        },
    ),
]

TARGETS = [
    *HIERARCHIES,
    Target(
        "datasets.sample_ising",
        d.sample_ising,
        lambda rng: {"n_samples": 2, "shape": (4, 6), "beta": 0.3, "n_sweeps": 2, "random_state": 0},
        {},
        {**SPINS, "n_samples": p.count(), "n_sweeps": p.count(repeats=True), "random_state": p.SEED},
    ),
    Target("datasets.ising_energy", d.ising_energy, lambda rng: {"shape": (4, 6), "beta": 0.3}, {}, SPINS),
    Target(
        "datasets.make_hierarchical",
        _tree,
        lambda rng: {
            "n_samples": 3,
            "depth": 2,
            "n_children": 2,
            "n_colours": 3,
            "copy_probability": 0.5,
            "random_state": 0,
        },
        {},
        {
            "n_samples": p.count(),
            "depth": p.count(),
            "n_children": p.count(2),
            "n_colours": p.count(2),
            "copy_probability": p.number(zero=True, below=1.01),
            "random_state": p.SEED,
        },
    ),
    Target(
        "datasets.make_orthogonal_quadratic",
        d.make_orthogonal_quadratic,
        lambda rng: {"n_samples": 3, "n_features": 4, "random_state": 0},
        {},
        {"n_samples": p.count(), "n_features": p.count(2), "random_state": p.SEED},
    ),
    Target(
        "datasets.pixel_graph",
        _graph,
        lambda rng: {"X": _pixels(rng), "threshold": 0.5, "states": "active", "squared": False},
        {"X": InputSpec("X|x", (2, 3, 4))},
        {"threshold": p.number(zero=True), "states": p.choice("active", "equal"), "squared": p.FLAG},
        weight=2,
    ),
    Target("kernelconv.WaveletNetworkRegressor", _learned, _fit, {"X": ROWS, "y": Y_TARGETS}, WAVELONS, weight=3),
    Target(
        "kernelconv.WaveletNetworkRegressor: after fit",
        _learned,
        lambda rng: {**_fit(rng), "new": _rows(rng)},
        {"new": ROWS},
        weight=2,
    ),
]
