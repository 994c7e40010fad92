"""The protocol of `kernelconv compare`: models x train sizes x seeds, one saved cell at a time, resumable."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kernelconv._check import check_count
from kernelconv._files import write_atomically
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv._version import __version__
from kernelconv.datasets import balanced_subset, load_digits_images, load_images, load_mnist
from kernelconv.deformations import SmoothDeformation, warp
from kernelconv.environment import environment
from kernelconv.networks.affine_subspace import AffineSubspaceClassifier
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.estimator import ImageTransformer
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.serial import Network
from kernelconv.report.first_layer import pictures
from kernelconv.stability import measure_stability

#: Jacobian norms at which the relative change is measured; the theorem speaks of norms up to 1/2.
STRENGTHS = (0.1, 0.2, 0.4)
N_DEFORMED = 200
#: Cross-validation folds of the baseline; a training subset holds at least as many images of each class.
FOLDS = 3
DEFORMATION = SmoothDeformation(cutoff=3)


# -- models --------------------------------------------------------------------------------------------------------


class Pixels(ImageTransformer):
    """The identity as a representation: images as rows of pixels."""

    def __init__(self, image_shape: Any = None) -> None:
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the images' shape."""
        self.maps_shape_ = self._read_images(X, reset=True).shape[1:]
        return self

    def transform(self, X: Any) -> NDArray:
        """Return images (n, h, w) or (n, h, w, c) as rows (n, h w c)."""
        return self._read_images(X).reshape(len(X), -1)


class SquareRoot(TransformerMixin, BaseEstimator):
    """Square roots of features that are never negative (rounding below zero is cut)."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Nothing is learned."""
        return self

    def transform(self, X: NDArray) -> NDArray:
        """Return sqrt(max(X, 0))."""
        return np.sqrt(np.maximum(X, 0))

    def __sklearn_is_fitted__(self) -> bool:
        return True


def head_steps() -> list[Any]:
    """Return the linear head: centred features, ridge whose penalty leave-one-out error chooses on the training set."""
    return [StandardScaler(with_std=False), RidgeClassifierCV(alphas=np.logspace(-6, 4, 21))]


def pixels(shape: tuple[int, ...], seed: int) -> Pipeline:
    """Return the plain baseline: raw pixels, RBF SVM, C by cross-validation on the training set."""
    return make_pipeline(Pixels(), GridSearchCV(SVC(), {"C": [1, 10, 100]}, cv=FOLDS))


def scattering(shape: tuple[int, ...], seed: int) -> Pipeline:
    """Return scattering (J = 3, or what fits), square roots of it, and affine subspaces, their dimension by folds.

    Square roots and borders of zeros were chosen on training images of the digits and of MNIST.
    """
    J = max(1, min(3, int(np.log2(min(shape[:2]))) - 1))
    compressed = make_pipeline(Scattering2D(J=J, padding="zero"), SquareRoot())
    return make_pipeline(compressed, AffineSubspaceClassifier(random_state=seed))


def ckn(shape: tuple[int, ...], seed: int) -> Pipeline:
    """Return a two-layer convolutional kernel network and a ridge head."""
    subsampling = (2, 4) if min(shape[:2]) >= 16 else (2, 2)
    return make_pipeline(
        ConvKernelNetwork(n_anchors=(64, 256), subsampling=subsampling, random_state=seed), *head_steps()
    )


def cnn(shape: tuple[int, ...], seed: int) -> ConvNetClassifier:
    """Return LeNet-5 trained end to end."""
    return ConvNetClassifier("lenet5", random_state=seed)


Model = Callable[[tuple[int, ...], int], Any]
MODELS: dict[str, Model] = {"pixels": pixels, "scattering": scattering, "ckn": ckn, "cnn": cnn}


def describe(estimator: Any) -> str:
    """Return an estimator's repr, whole and on one line: what a cell's digest and a report say of its settings."""
    return " ".join(estimator.__repr__(N_CHAR_MAX=1_000_000).split())


def representation(fitted: Any) -> Any:
    """Return what a fitted model's head reads: a pipeline's first step, or the estimator itself."""
    return fitted[0] if isinstance(fitted, Pipeline) else fitted


# -- data ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Training pool and test set of one data set, the same for every model; `digest` is that of their bytes."""

    name: str
    X_train: NDArray
    y_train: NDArray
    X_test: NDArray
    y_test: NDArray

    @property
    def digest(self) -> str:
        """SHA-256 of all images and labels."""
        sha = hashlib.sha256()
        for a in (self.X_train, self.y_train, self.X_test, self.y_test):
            sha.update(np.ascontiguousarray(a if a.dtype != object else a.astype(str)).view(np.uint8).data)
        return sha.hexdigest()

    def subset(self, size: int, seed: int) -> NDArray:
        """Return the indices of a class-balanced training subset; `size` of the whole pool takes all of it."""
        if size == len(self.y_train):
            return np.random.default_rng(seed).permutation(size)
        return balanced_subset(self.y_train, size, random_state=seed)


def load_split(data: str) -> Split:
    """Return the split of "digits", "mnist" or a path that `load_images` reads.

    MNIST comes with its test set; of other data a stratified third, drawn with seed 0, is the test set.
    """
    if data == "mnist":
        return Split("mnist", *load_mnist())
    X, y = load_digits_images() if data == "digits" else load_images(data)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
    return Split(data, X_train, y_train, X_test, y_test)


# -- the comparison ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One run: a model, a training size, a seed."""

    model: str
    train_size: int
    seed: int


class Comparison:
    """Models x train sizes x seeds on one split; every finished cell is a file, so a killed run goes on where it was.

    Parameters
    ----------
    split : Split
        Data.
    models : sequence of str
        Keys of `MODELS`, in the order they are shown.
    train_sizes : sequence of int
        Training images, class-balanced.
    n_seeds : int
        Repetitions, seeds 0 to n_seeds - 1: each draws its own training subset, the same for all models.
    folder : path
        Where cells and results are kept.

    Raises
    ------
    ValueError
        If a model is unknown or named twice, or a training size is not between three images a class and the pool.
    """

    def __init__(
        self, split: Split, models: Sequence[str], train_sizes: Sequence[int], n_seeds: int, folder: str | Path
    ) -> None:
        self.split, self.folder = split, Path(folder)
        unknown = [m for m in models if m not in MODELS]
        if unknown or not models or len(set(models)) != len(models):
            raise ValueError(f"models must be different names among {', '.join(MODELS)}, got {list(models)}.")
        classes = np.unique(split.y_train)
        for size in train_sizes:
            if not FOLDS * len(classes) <= check_count(size, "train size") <= len(split.y_train):
                raise ValueError(
                    f"Training sizes must be from {FOLDS * len(classes)} ({FOLDS} a class, for cross-validation) to "
                    f"{len(split.y_train)} (the training images of {split.name}), got {size}."
                )
            split.subset(size, 0)  # an unbalanced pool may not allow it: better said before the first cell is run
        self.cells = [
            Cell(m, size, seed)
            for size in sorted(set(train_sizes))
            for m in models
            for seed in range(check_count(n_seeds, "seeds"))
        ]
        shape = split.X_train.shape[1:]
        self.settings: dict[str, Any] = {
            "data": split.name,
            "data_sha256": split.digest,
            "models": {m: describe(MODELS[m](shape, 0)) for m in models},
            "train_sizes": sorted(set(train_sizes)),
            "seeds": list(range(n_seeds)),
            "n_train_pool": len(split.y_train),
            "n_test": len(split.y_test),
            "image_shape": list((*shape, 1)[:3]),
            "classes": [str(c) for c in classes],
            "deformation": {
                "family": repr(DEFORMATION),
                "strengths": list(STRENGTHS),
                "n_images": min(N_DEFORMED, len(split.y_test)),
                "seed": 0,
            },
        }

    def path(self, cell: Cell) -> Path:
        """Return the file of a cell; its name ends in a digest of all that decides its result."""
        decides = {
            "kernelconv": __version__,
            "data": self.settings["data_sha256"],
            "model": self.settings["models"][cell.model],
            "deformation": self.settings["deformation"],
        }
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
        return self.folder / "cells" / f"{cell.model}-n{cell.train_size}-seed{cell.seed}-{digest}.json"

    def load(self, cell: Cell) -> dict[str, Any] | None:
        """Return the saved record of a cell, or None if it has not been run."""
        try:
            return json.loads(self.path(cell).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            raise ValueError(f"{self.path(cell)} is damaged: delete it and run the same command again.") from None

    def run(self) -> Iterator[tuple[Cell, dict[str, Any], bool]]:
        """Run what is missing, saving each cell at once; yield (cell, record, whether it was already there)."""
        (self.folder / "cells").mkdir(parents=True, exist_ok=True)
        for cell in self.cells:
            record = self.load(cell)
            known = record is not None
            if record is None:
                with single_threaded_blas():  # no bit depends on the cores, and a busy machine does not slow the heads
                    record = run_cell(self.split, cell)
                layer = record.pop("first_layer")
                if layer is not None and cell.seed == 0:
                    write_atomically(self._layer_path(cell), json.dumps(layer))
                write_atomically(self.path(cell), json.dumps(record))
            yield cell, record, known

    def _layer_path(self, cell: Cell) -> Path:
        return self.path(cell).with_suffix(".layer.json")

    def first_layers(self) -> dict[str, Any]:
        """Return pictures (k, h, w) of each model's first layer, learned from the most images (draw 0) there are."""
        found = {c.model: self._layer_path(c) for c in self.cells if self._layer_path(c).is_file()}
        models = [m for m in self.settings["models"] if m in found]
        return {m: json.loads(found[m].read_text(encoding="utf-8")) for m in models}

    def results(self) -> dict[str, Any]:
        """Return settings, environment and the records there are, in the order of the cells."""
        records = [r for r in map(self.load, self.cells) if r is not None]
        return {
            "kernelconv": __version__,
            "settings": self.settings,
            "environment": environment(),
            "records": records,
        }

    def examples(self, n_images: int = 5) -> dict[str, Any]:
        """Return test images as they are and deformed at each strength: (n_images, 1 + n_strengths, h, w[, c])."""
        images = self.split.X_test[:n_images]
        rng = np.random.default_rng(0)
        fields = [DEFORMATION.sample(images.shape[1:3], s, rng, size=len(images)) for s in STRENGTHS]
        deformed = [warp(images, field) for field in fields]
        return {"strengths": list(STRENGTHS), "images": np.stack([images, *deformed], axis=1)}


def run_cell(split: Split, cell: Cell) -> dict[str, Any]:
    """Fit one model on one training subset, and return its record: error, size, seconds, stability, confusions."""
    chosen = split.subset(cell.train_size, cell.seed)
    model = MODELS[cell.model](split.X_train.shape[1:], cell.seed)
    start = time.perf_counter()
    model.fit(split.X_train[chosen], split.y_train[chosen])
    fitted = time.perf_counter()
    predicted = model.predict(split.X_test)
    done = time.perf_counter()
    phi = representation(model)
    network = getattr(phi, "network_", None)
    return {
        "model": cell.model,
        "train_size": cell.train_size,
        "seed": cell.seed,
        "test_error": float(np.mean(predicted != split.y_test)),
        "n_features": int(np.shape(phi.transform(split.X_test[:1]))[1]),
        "n_params": (network.n_params() or None) if isinstance(network, Network) else None,
        "fit_seconds": fitted - start,
        "images_per_second": len(predicted) / (done - fitted),
        "relative_change": _relative_change(phi, split.X_test[:N_DEFORMED]),
        "confusion": confusion_matrix(split.y_test, predicted, labels=np.unique(split.y_train)).tolist(),
        "first_layer": pictures(phi),
    }


def _relative_change(phi: Any, images: NDArray) -> list[dict[str, float]]:
    """Return the mean relative change at each strength, every model facing the same fields."""
    report = measure_stability(phi, images, DEFORMATION, STRENGTHS, measures=("relative_change",), random_state=0)
    return [{"strength": r.strength, "mean": r.mean, "low": r.low, "high": r.high} for r in report]


#: Fields of a record that time decides; everything else is the same in every run.
TIMES = ("fit_seconds", "images_per_second")
