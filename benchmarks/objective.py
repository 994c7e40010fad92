"""What the research comparison measures: one cell is one representation, one training size, one draw.

A cell fits a classifier on a class-balanced random subset of the training images and predicts the test images once.
Everything that is chosen is chosen inside the subset. Seeds go by axis: draw s of a size is the same subset for every
representation, s also starts a model's own randomness, and the deformations (seed 0) are the same for all.
"""

import hashlib
import importlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import Pipeline

from kernelconv import SmoothDeformation, measure_stability
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._version import __version__
from kernelconv.comparison import Split, describe
from kernelconv.report.first_layer import pictures

#: The deformation whose relative change stands for stability: Jacobian norm, images.
DEFORMATION, STRENGTH, N_DEFORMED = SmoothDeformation(cutoff=3), 0.2, 200


@dataclass(frozen=True)
class Rival:
    """A representation with its classifier; the docstring of its module is its citation.

    `build(size, seed)` returns an unfitted scikit-learn classifier of images. `largest` is the largest training size
    within the budget of the comparison, `draws` the most subsets within it, `n_test` how many test images it predicts
    (None: all), `needs` a package without which its cells are left out.
    """

    name: str
    label: str
    family: str
    build: Callable[[int, int], Any]
    largest: int = 60_000
    n_test: int | None = None
    needs: str | None = None
    augmented: bool = False
    draws: int | None = None


@dataclass(frozen=True)
class Cell:
    """One run."""

    model: str
    size: int
    seed: int


@cache
def dataset(name: str) -> Any:
    """Return the module datasets/<name>.py: `load()`, `SIZES`, `draws(size)`."""
    return importlib.import_module(f"datasets.{name}")


@cache
def load(name: str) -> Split:
    """Return a data set's split, read once a process."""
    return dataset(name).load()


@cache
def data_digest(name: str) -> str:
    """Return the digest of a data set's bytes, computed once a process."""
    return load(name).digest


def digest(data: str, rival: Rival, cell: Cell) -> str:
    """Return twelve hexadecimal digits of all that decides a cell's result."""
    decides = {
        "kernelconv": __version__,
        "data": data_digest(data),
        "model": describe(rival.build(cell.size, cell.seed)),
        "n_test": rival.n_test,
        "deformation": [repr(DEFORMATION), STRENGTH, N_DEFORMED],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]


def evaluate(data: str, rival: Rival, cell: Cell) -> dict[str, Any]:
    """Run one cell on one thread and return its record; fields named *_seconds are times, all else is reproducible."""
    split = load(data)
    kept = split.subset(cell.size, cell.seed)
    images, truth = split.X_test[: rival.n_test], split.y_test[: rival.n_test]
    model = rival.build(cell.size, cell.seed)
    with parallel_config(n_jobs=1), single_threaded_blas():
        start = time.process_time()
        model.fit(split.X_train[kept], split.y_train[kept])
        fitted = time.process_time()
        predicted = model.predict(images)
        done = time.process_time()
        change, n_features = stability(model, split)
    return {
        "model": cell.model,
        "size": cell.size,
        "seed": cell.seed,
        "error": 100 * float(np.mean(predicted != truth)),
        "n_test": len(truth),
        "features": n_features,
        "relative_change": change,
        "chosen": json.dumps(chosen(model), sort_keys=True),
        "mistakes": mistakes(truth, predicted),
        "digest": digest(data, rival, cell),
        "fit_seconds": fitted - start,
        "predict_seconds": done - fitted,
        "filters": None if cell.seed else pictures(model),
    }


def stability(model: Any, split: Split) -> tuple[float | None, int | None]:
    """Return the mean relative change of what the head reads, and its size; (None, None) for a kernel."""
    if not hasattr(model, "transform") and not isinstance(model, Pipeline):
        return None, None
    represent = model[:-1].transform if isinstance(model, Pipeline) else model.transform
    images = split.X_test[:N_DEFORMED]
    options = {"measures": ("relative_change",), "random_state": 0}
    (row,) = measure_stability(represent, images, DEFORMATION, (STRENGTH,), **options)
    return float(row.mean), int(np.shape(represent(images[:1]))[1])


def chosen(model: Any) -> dict[str, Any]:
    """Return the hyper-parameters that the head chose in the training subset."""
    head = model[-1] if isinstance(model, Pipeline) else model
    return getattr(head, "chosen_", None) or getattr(head, "best_params_", {})


def mistakes(truth: np.ndarray, predicted: np.ndarray, n: int = 8) -> str:
    """Return the most frequent mistakes as "true>predicted count; ...".

    >>> mistakes(np.array([4, 4, 7, 1]), np.array([9, 9, 1, 1]))
    '4>9 2; 7>1 1'
    """
    classes = np.unique(np.concatenate([truth, predicted]))
    counts = confusion_matrix(truth, predicted, labels=classes)
    np.fill_diagonal(counts, 0)
    order = [divmod(int(k), len(classes)) for k in np.argsort(-counts, axis=None, kind="stable")[:n]]
    return "; ".join(f"{classes[i]}>{classes[j]} {counts[i, j]}" for i, j in order if counts[i, j])
