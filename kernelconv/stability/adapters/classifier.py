"""Classifiers as functions from images to labels: objects with predict, callables, PyTorch modules, ONNX sessions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import check_numpy
from kernelconv._check import as_float, check_count, check_finite
from kernelconv._numbers import as_array, check_labels, shown
from kernelconv.stability.adapters.modules import ModuleRepresentation, is_module
from kernelconv.stability.adapters.sessions import Session, SessionRepresentation, is_session
from kernelconv.stability.representation import Predicts
from kernelconv.stability.rows import brought, check_batches

#: What has labels.
Model = Predicts | Callable[[NDArray], Any] | Session
#: From images to one label an image.
Classifier = Callable[[NDArray], NDArray]


def as_classifier(model: Model, batch_size: int | None = None, device: object = None) -> Classifier:
    r"""Return a model as a function from images to labels.

    .. math:: f(x) = \arg\max_k s_k(x) \text{ of scores } s(x) \in R^K, \qquad
              f(x) = 1_{s(x) > 0} \text{ of one logit } s(x)

    Parameters
    ----------
    model : object with ``predict``, torch.nn.Module, onnxruntime.InferenceSession, or callable
        Tried in this order. Its output is read as labels (n,), one whole number or text per image; or as floats
        (n, n_classes), scores of the labels 0, ..., n_classes - 1, of which the first largest gives the label. Floats
        (n,) or (n, 1) of a module or a session are logits of the label 1 against 0.
    batch_size : int, optional
        Number of images per call of the model; by default 256 for a module or a session, else all.
    device : str or torch.device, optional
        Where a module runs, as in `as_representation`.

    Returns
    -------
    callable
        From NumPy images (n, h, w) or (n, h, w, c) to labels (n,). The model is given floats with the axes of the
        images; a module or a session reads them as described in `as_representation`.

    Raises
    ------
    ValueError
        If `model` is a class, a transformer without ``predict``, or none of the above; if `batch_size` is not an
        int >= 1; if `device` does not exist, or is given for anything but a module. The function: if its argument is
        not images; if the model does not return one label or one row of scores per image, or a score is not finite;
        if a model other than a module or session returns one fractional number per image, or a column.
    TypeError
        The function: if images are an array of another library.

    Notes
    -----
    Floats that are whole numbers are read as labels, since scikit-learn's classifiers may return such labels: do not
    pass a model that returns one score per image, which may be whole by chance. The probabilities of a
    ``torch.nn.Sequential`` that ends in ``torch.nn.Sigmoid`` are compared with 1/2; for another module, or a session,
    that returns probabilities (n, 1), pass a function that returns labels.
    Memory: one batch, what the model needs for it, and the outputs for all images.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import as_classifier
    >>> bright = as_classifier(lambda X: X.mean((1, 2)) > 0.5)
    >>> bright(np.array([[[0.1, 0.2]], [[0.9, 0.8]]]))
    array([False,  True])
    >>> as_classifier(lambda X: X.reshape(len(X), -1))(np.array([[[0.1, 0.2]], [[0.9, 0.8]]]))  # two scores
    array([1, 0])
    """
    if inspect.isclass(model):
        raise ValueError(f"model is the class {model.__name__}: pass an instance, fitted if it is an estimator.")
    if batch_size is not None:
        check_count(batch_size, "batch_size")
    kind, label = type(model).__name__, getattr(model, "predict", None)
    if not callable(label) and is_module(model):
        threshold = 0.5 if _ends_in_sigmoid(model) else 0
        return _Labels(ModuleRepresentation(model, batch_size, device).maps, kind, threshold)
    if device is not None:
        raise ValueError(f"device is for PyTorch modules, and model is a {kind}.")
    if callable(label):
        name = f"{kind}.predict"
        return _Labels(_Batches(label, name, batch_size), name)
    if is_session(model):
        return _Labels(SessionRepresentation(model, batch_size).maps, kind, 0)
    if callable(getattr(model, "transform", None)):
        raise ValueError(
            f"{kind} has transform and no predict: it makes features, no labels. Pass it with a classifier of them: "
            "make_pipeline(model, LogisticRegression()).fit(X, y)."
        )
    if callable(model):
        name = getattr(model, "__name__", kind)
        return _Labels(_Batches(model, name, batch_size), name)
    raise ValueError(f"model must have predict, or be a function from images to labels or scores, got {shown(model)}.")


@dataclass(frozen=True)
class _Batches:
    """A function of images, given a batch at a time."""

    call: Callable[[NDArray], Any]
    name: str
    batch_size: int | None

    def __call__(self, x: NDArray) -> NDArray:
        found = []
        for s in check_batches(x, self.batch_size):
            block = as_float(x[s], "X")
            found.append(_one_each(as_array(brought(self.call(block)), f"what {self.name} returned"), block, self.name))
        return np.concatenate(found)


@dataclass(frozen=True)
class _Labels:
    """Labels (n,) read from what a function makes of images; a single float is compared with `threshold`, if any."""

    call: Callable[[NDArray], NDArray]
    name: str
    threshold: float | None = None

    def __call__(self, x: NDArray) -> NDArray:
        check_numpy(x, "X", "Pass NumPy images, channels last.")
        x = x if hasattr(x, "shape") else as_array(x, "X")
        found = _one_each(self.call(x), x, self.name)
        is_column = found.shape in ((len(x),), (len(x), 1))
        if found.dtype.kind == "f":
            check_finite(found, f"what {self.name} returned")
            if found.ndim == 2 and found.shape[1] > 1:
                return found.argmax(axis=1)
            if is_column and self.threshold is not None:
                return (found.reshape(-1) > self.threshold).astype(np.int64)
            if is_column and (found != np.rint(found)).any():
                raise ValueError(
                    f"{self.name} returned one float an image, {shown(found[:3])}, and no labels, which are whole "
                    "numbers or text. Of the score of two classes pass lambda X: (score(X) > 0).astype(int)."
                )
        return _checked(found, len(x), self.name)


def _checked(labels: NDArray, n: int, name: str) -> NDArray:
    """Return labels; raise ValueError unless they are (n,) numbers or texts, ForeignObjectError for other objects."""
    if labels.shape != (n,) or labels.dtype.kind in "cmMV":
        raise ValueError(
            f"{name} returned {labels.dtype} of shape {labels.shape} for {n} images. Wanted are labels ({n},), whole "
            f"numbers or text, or scores ({n}, n_classes), floats: of whole numbers pass scores.astype(float)."
        )
    check_labels(labels, f"what {name} returned")
    return labels


def _one_each(found: NDArray, x: NDArray, name: str) -> NDArray:
    """Return what a model made of images; raise ValueError unless that is one entry or row per image."""
    if not found.ndim or len(found) != len(x):
        raise ValueError(
            f"{name} returned shape {found.shape} for {len(x)} images: it must return one label, or one row of scores, "
            "an image."
        )
    return found


def _ends_in_sigmoid(module: Any) -> bool:
    import torch

    while isinstance(module, torch.nn.Sequential) and len(module):
        module = module[-1]
    return isinstance(module, torch.nn.Sigmoid)
