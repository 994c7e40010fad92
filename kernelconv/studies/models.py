"""Named models: a representation, a head that classifies its features, or both, as in "lenet+gaussian"."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.pipeline import Pipeline, make_pipeline

from kernelconv._identity import described
from kernelconv.networks.serial import Network
from kernelconv.stability.adapters.modules import is_module
from kernelconv.studies.environment import module_digest

Shape = tuple[int, ...]
#: From the images' shape (h, w) or (h, w, c), the number of training images and a seed to an unfitted estimator.
Build = Callable[[Shape, int, int], Any]
#: Pixels of the images that the costs below were measured on, and training images of these costs.
PIXELS, SIZES = 784, (300, 1000, 5000, 10_000, 60_000)


@dataclass(frozen=True)
class Representation:
    """A named representation, or a classifier that has its own.

    Attributes
    ----------
    name, label, family : str
        Its name on the command line and in tables, and its family, with which it is compared first.
    build : callable
        (image shape, training images, seed) -> unfitted transformer or classifier of images.
    source : str
        Description and citation.
    version : int
        Raised by hand in the commit that changes its results; a cell of another version is another cell.
    trained : bool
        Whether it learns from labels: then validation trains it again.
    milliseconds : (float, float)
        CPU time per grey image of 28 x 28 to learn from it (per epoch of a trained network) and to represent it.
    colour : float
        Factor of these times for an image of three channels.
    epochs : callable, optional
        Number of training images -> epochs.
    largest, n_test, draws : int, optional
        Limits of the research table: training images, test images (the first ones), draws.
    needs : str, optional
        Package without which its cells are left out.
    augmented : bool
        Whether it sees more than the training images.
    code : str
        Digest of the code it comes from, for models without a version.
    """

    name: str
    label: str
    family: str
    build: Build
    source: str
    version: int = 1
    trained: bool = False
    milliseconds: tuple[float, float] = (1.0, 0.3)
    colour: float = 1.0
    epochs: Callable[[int], int] | None = None
    largest: int | None = None
    n_test: int | None = None
    draws: int | None = None
    needs: str | None = None
    augmented: bool = False
    code: str = ""


@dataclass(frozen=True)
class Head:
    """A named classifier of features; `seconds` is its CPU time to fit at each of `SIZES`.

    `version` is that of its results; `above`, a number of training images and a version, where more images than these
    are fitted by another method.
    """

    name: str
    label: str
    build: Callable[[int], Any]
    seconds: tuple[float, ...]
    version: int = 1
    above: tuple[int, int] | None = None

    def version_at(self, size: int) -> int:
        """Return the version of its results with `size` training images."""
        return self.above[1] if self.above and size > self.above[0] else self.version


@dataclass(frozen=True)
class Model:
    """A representation and its head; `head` is None if the representation is itself a classifier."""

    name: str
    representation: Representation
    head: Head | None

    @property
    def label(self) -> str:
        """What tables show."""
        return self.representation.label + (f" + {self.head.label}" if self.head else "")

    @property
    def installed(self) -> bool:
        """Whether the package it needs is there."""
        return self.representation.needs is None or find_spec(self.representation.needs) is not None

    def build(self, shape: Shape, size: int, seed: int) -> Any:
        """Return an unfitted classifier of images."""
        found = self.representation.build(shape, size, seed)
        return make_pipeline(headless(found), self.head.build(seed)) if self.head else found

    def identity(self, shape: Shape, size: int, seed: int) -> dict[str, Any]:
        """Return all that determines its results: every parameter, defaults included, and the results versions."""
        versions = [self.representation.version, *([self.head.version_at(size)] if self.head else [])]
        code = {"code": self.representation.code} if self.representation.code else {}
        return {"estimator": described(self.build(shape, size, seed)), "versions": versions, **code}

    def seconds(self, shape: Shape, size: int, n_test: int) -> float:
        """Return about how many CPU seconds it takes to fit `size` images and to predict `n_test`."""
        pixels, r = 0.25 + 0.75 * shape[0] * shape[1] / PIXELS, self.representation  # small images cost calls
        channels = 1 + (r.colour - 1) * ((*shape, 1)[2] - 1) / 2
        learn, represent = (channels * pixels * ms / 1000 for ms in r.milliseconds)
        epochs = r.epochs(size) if r.epochs else 1
        head = np.exp(np.interp(np.log(size), np.log(SIZES), np.log(self.head.seconds))) if self.head else 0.0
        return float(learn * size * epochs + represent * n_test + head)


def headless(estimator: Any) -> Any:
    """Return what stands before the classifier of a pipeline; an estimator that is no such pipeline, as it is.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> headless(make_pipeline(StandardScaler(), SVC()))
    StandardScaler()
    """
    while isinstance(estimator, Pipeline) and (len(estimator) == 1 or is_classifier(estimator)):
        estimator = estimator[0] if len(estimator) == 1 else estimator[:-1]
    return estimator


def phi(model: Any) -> Any:
    """Return what the stability of a fitted model is measured of, the map from images to what its head reads.

    That is its network where there is one (`representation_`), since it has a gradient; else the function
    ``transform``; None for a model without features (a kernel).
    """
    estimator = headless(model)
    network = getattr(estimator, "representation_", None)
    return getattr(estimator, "transform", None) if network is None else network


def represent(fitted: Any) -> Callable[[Any], Any] | None:
    """Return the function from images to the features that the head of a fitted model reads; None for a kernel."""
    estimator = headless(fitted)
    if not isinstance(estimator, Pipeline):
        return getattr(estimator, "transform", None)

    def steps(x: Any) -> Any:  # one after the other: a pipeline asks whether its last step looks fitted
        for _, step in estimator.steps:
            x = step.transform(x)
        return x

    return steps


def network(fitted: Any) -> Network | None:
    """Return the network inside a fitted model's first step, or None where there is none."""
    found = getattr(fitted[0] if isinstance(fitted, Pipeline) else fitted, "network_", None)
    return found if isinstance(found, Network) else None


def chosen(fitted: Any) -> dict[str, Any]:
    """Return the parameters that a fitted model chose on its training images."""
    head = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    return described(getattr(head, "chosen_", None) or getattr(head, "best_params_", {}))


def find_model(
    name: str,
    representations: Mapping[str, Representation],
    heads: Mapping[str, Head],
    *,
    shape: Shape,
    default: str = "linear",
) -> Model:
    """Return the model of a name: "representation", "representation+head", "module:name" or "module:name+head".

    A representation that is no classifier of images of this `shape` gets the head `default` where none is named.
    `module:name` is a
    `Representation`, an unfitted scikit-learn estimator of images or its class, or a function of (image shape, training
    images, seed) that returns one.

    Raises
    ------
    ValueError
        If a representation, head, module or name is not known, or the object is none of these, or cannot be built for
        such images, or has no features for a head; the message lists what there is.
    """
    first, plus, last = name.rpartition("+")
    base, head = (first, last) if plus else (name, "")
    if ":" in base:
        found = imported(base)
    elif base in representations:
        found = representations[base]
    else:
        raise ValueError(
            f"There is no model {name!r}. Representations: {', '.join(representations)}; heads, after a +: "
            f"{', '.join(heads)}; or module:name of your own."
        )
    if plus and head not in heads:
        raise ValueError(f"There is no head {head!r} (of {name!r}): heads are {', '.join(heads)}.")
    built = _built(found, shape)
    if head and is_classifier(built) and represent(built) is None:
        raise ValueError(f"{base} has no features (no transform) that the head {head} could read: name it alone.")
    if not head and not is_classifier(built):
        head = default
    return Model(name, found, heads[head] if head else None)


def _built(r: Representation, shape: Shape) -> Any:
    """Return a representation's estimator for a few images of this shape, or raise ValueError in words."""
    try:
        found = r.build(shape, 100, 0)
        described(found)
    except Exception as error:
        shown = " x ".join(map(str, shape))
        raise ValueError(f"{r.name} cannot be built for images of {shown}: {type(error).__name__}: {error}.") from None
    if not callable(getattr(found, "fit", None)):
        raise ValueError(f"{r.name} gives a {type(found).__name__}: it must give a scikit-learn estimator of images.")
    return found


def imported(name: str) -> Representation:
    """Return the representation that `module:name` stands for; raise ValueError as `find_model` says."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        value = getattr(found, attribute)
        value = value() if isinstance(value, type) and issubclass(value, BaseEstimator) else value
    except (Exception, SystemExit) as error:
        words = f"{type(error).__name__}: {error}. A model of your own is module:name"
        raise ValueError(f"{name} cannot be imported: {words}.") from None
    if isinstance(value, Representation):
        return value
    if is_module(value) and not hasattr(value, "fit"):
        raise ValueError(
            f"{name} is a PyTorch module: wrap it in an estimator with fit and predict, since a model is trained on "
            "the images of each cell. A trained one is measured by kernelconv.stability.measure_stability."
        )
    if not isinstance(value, BaseEstimator) and not callable(value):
        raise ValueError(
            f"{name} is a {type(value).__name__}: a model is an unfitted scikit-learn estimator of images, its class, "
            "a Representation, or a function of (image shape, training images, seed) that returns an estimator."
        )
    source = f"{name}, given on the command line."
    return Representation(name, name, "yours", _Seeded(value), source, trained=True, code=module_digest(found))


@dataclass(frozen=True)
class _Seeded:
    """A user's estimator, cloned, or what his function returns; every random_state in it that is None is the seed."""

    value: Any

    def __call__(self, shape: Shape, size: int, seed: int) -> Any:
        ready = isinstance(self.value, BaseEstimator)
        found = clone(self.value) if ready else self.value(shape, size, seed)
        params = found.get_params() if hasattr(found, "get_params") else {}
        keys = [k for k, v in params.items() if k.split("__")[-1] == "random_state" and (ready or v is None)]
        return found.set_params(**dict.fromkeys(keys, seed)) if keys else found


def read_only(items: list[Any]) -> Mapping[str, Any]:
    """Return named things by name; raise ValueError where two have one name."""
    names = [item.name for item in items]
    if len(set(names)) != len(names):
        raise ValueError(f"Two have one name: {sorted(n for n in set(names) if names.count(n) > 1)}.")
    return MappingProxyType(dict(zip(names, items, strict=True)))
