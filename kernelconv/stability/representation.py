"""What can be measured: a callable, or an object with transform or forward; its gradient or layers if it has any."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from kernelconv._check import as_float, check_finite
from kernelconv._numbers import as_array, shown
from kernelconv._scales import squarable


class Transforms(Protocol):
    """What has features as ``transform``."""

    def transform(self, X: Any, /) -> Any:
        """Return the features of images."""


class Forwards(Protocol):
    """What has features as ``forward``."""

    def forward(self, x: Any, /) -> Any:
        """Return the features of images."""


class Predicts(Protocol):
    """What has labels as ``predict``."""

    def predict(self, X: Any, /) -> Any:
        """Return the labels of feature rows."""


class Traces(Protocol):
    """What has the maps of its layers as ``trace``."""

    def trace(self, x: Any, /) -> Mapping[str, Any]:
        """Return the maps of images by layer."""


#: What is measured, and what reads its features.
Phi = Transforms | Forwards | Callable[[NDArray], Any]
Head = Predicts | Callable[[NDArray], Any]
#: From images to features, one row an image.
Representation = Callable[[NDArray], NDArray]
#: From images and g, of the shape of their features, to the gradient of <g, Phi(x)> in the images.
Gradient = Callable[[NDArray, NDArray], NDArray]
#: From images to the features of every rival.
Rivals = Callable[[NDArray, str], dict[str, NDArray]]


def as_representation(phi: Any) -> Representation:
    """Return the function from images to features that `phi` stands for.

    Parameters
    ----------
    phi : callable, or object with ``transform`` or ``forward``
        ``transform`` comes first, then ``forward``, then the object itself.

    Raises
    ------
    ValueError
        If `phi` is a class, a PyTorch module, which reads tensors, or has none of the three (a classifier: the
        message says what to pass).
    """
    if inspect.isclass(phi):
        raise ValueError(f"phi is the class {phi.__name__}: pass an instance, fitted if it is an estimator.")
    if hasattr(phi, "named_modules"):
        raise ValueError(
            f"phi is the PyTorch module {type(phi).__name__}, which reads tensors. Pass a function of arrays: "
            "phi=lambda X: module(torch.as_tensor(X)).detach()."
        )
    for name in ("transform", "forward"):
        method = getattr(phi, name, None)
        if callable(method):
            return method
    if callable(phi):
        return phi
    kind = type(phi).__name__
    if hasattr(phi, "predict"):
        raise ValueError(
            f"{kind} has no transform. Pass the function to be measured: phi=model.decision_function or "
            "phi=model.predict_proba, or phi=model[:-1] for the features of a pipeline."
        )
    raise ValueError(f"phi must be a callable or have transform or forward, got {kind}.")


def features(represent: Representation, x: NDArray, name: str = "phi(X)") -> NDArray:
    """Return the features of images `x` as rows (n, d), real and finite.

    Raises
    ------
    ValueError
        If there is not one row an image, or a feature is complex, non-finite or no number.
    """
    return as_rows(represent(x), len(x), name)


def as_rows(maps: Any, n: int, name: str) -> NDArray:
    """Return maps (n, ...) as feature rows (n, d), or raise ValueError as `features` says."""
    phi_x = as_float(maps, name)
    if phi_x.ndim == 0 or len(phi_x) != n:
        raise ValueError(
            f"phi returned features of shape {phi_x.shape} for {n} images: it must return one row an image, ({n}, ...)."
        )
    return squarable(check_finite(phi_x, name).reshape(n, -1), 1)


def as_gradient(phi: Any) -> Gradient | None:
    """Return the function (x, g) -> gradient in x of <g, Phi(x)>, or None if `phi` has no ``vjp``.

    ``phi.vjp(x, g)`` returns the gradient, or a tuple that begins with it; g has the shape of Phi(x). The function
    raises ValueError if that is not a finite array of the shape of x.
    """
    vjp = getattr(phi, "vjp", None)
    if not callable(vjp):
        return None

    def gradient(x: NDArray, g: NDArray) -> NDArray:
        found = vjp(x, g)
        slope = as_float(found[0] if isinstance(found, tuple) else found, "phi.vjp(x, g)")
        if slope.size != x.size:
            raise ValueError(f"phi.vjp(x, g) must return the gradient in x, of shape {x.shape}, got {slope.shape}.")
        return check_finite(slope, "phi.vjp(x, g)").reshape(x.shape)

    return gradient


def as_head(head: Any) -> Callable[[NDArray], NDArray]:
    """Return the function from feature rows (n, d) to labels (n,) that `head`, a callable or with ``predict``, is.

    Raises
    ------
    ValueError
        If it is neither, or a class; from the function, if there is not one label a row.
    """
    label = getattr(head, "predict", head)
    if inspect.isclass(head) or not callable(label):
        raise ValueError(f"head must have predict or be a function from features to labels, got {shown(head)}.")

    def predict(rows: NDArray) -> NDArray:
        labels = as_array(label(rows), "what head returned")
        if labels.shape != (len(rows),):
            raise ValueError(f"head must return one label a row, ({len(rows)},), got shape {labels.shape}.")
        return labels

    return predict


def one(phi: Any) -> Rivals:
    """Return the rivals of a single representation, named ""."""
    represent = as_representation(phi)
    return lambda x, name: {"": features(represent, x, name)}


def several(phis: Mapping[str, Any]) -> Rivals:
    """Return the rivals of several representations by name."""
    represents = {key: as_representation(phi) for key, phi in phis.items()}
    return lambda x, name: {key: features(r, x, f"{key}: {name}") for key, r in represents.items()}


def layers(network: Any) -> Rivals:
    """Return the rivals that a network's layers are, by the names of its ``trace``.

    Raises
    ------
    ValueError
        If it has no ``trace``.
    """
    trace = getattr(network, "trace", None)
    if not callable(trace):
        raise ValueError(
            f"{type(network).__name__} has no trace, which gives the maps of each layer. Pass a network: "
            "model.network_ for an estimator."
        )

    def represent(x: NDArray, name: str) -> dict[str, NDArray]:
        maps = trace(x if x.ndim == 4 else x[..., None])
        return {key: as_rows(m, len(x), f"{key}: {name}") for key, m in maps.items()}

    return represent
