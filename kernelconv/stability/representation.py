"""Representations as functions: callables, transform, forward, modules, sessions; their gradients and layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import check_finite_array, is_foreign, namespace, namespace_of
from kernelconv._check import as_float, check_count, check_finite
from kernelconv._numbers import as_array, shown
from kernelconv.stability.adapters.modules import ModuleRepresentation, is_module
from kernelconv.stability.adapters.sessions import Session, SessionRepresentation, is_session
from kernelconv.stability.rows import as_rows, brought, check_one_each


class Transforms(Protocol):
    """An object whose ``transform`` returns features."""

    def transform(self, X: Any, /) -> Any:
        """Return the features of images."""


class Forwards(Protocol):
    """An object whose ``forward`` returns features."""

    def forward(self, x: Any, /) -> Any:
        """Return the features of images."""


class Predicts(Protocol):
    """An object whose ``predict`` returns labels."""

    def predict(self, X: Any, /) -> Any:
        """Return the labels of feature rows."""


class Traces(Protocol):
    """An object whose ``trace`` returns the maps of its layers."""

    def trace(self, x: Any, /) -> Mapping[str, Any]:
        """Return the maps of images by layer."""


#: What is measured, and what reads its features.
Phi = Transforms | Forwards | Session | Callable[[NDArray], Any]
Head = Predicts | Callable[[NDArray], Any]
#: From images to features, one row an image.
Representation = Callable[[NDArray], NDArray]
#: From images and g, of the shape of their features, to the gradient of <g, Phi(x)> in the images.
Gradient = Callable[[NDArray, NDArray], NDArray]
#: From images to the features of every rival.
Rivals = Callable[[NDArray, str], dict[str, NDArray]]


def as_representation(phi: Phi, batch_size: int | None = None, device: object = None) -> Representation:
    """Return a model as a function from images to features.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, torch.nn.Module, or onnxruntime.InferenceSession
        ``transform`` is used if there is one, else ``forward``, else the object itself. If it returns tensors for
        NumPy images, they are converted to NumPy when measured. A module is given tensors, and its output is returned
        as NumPy rows, as below; of a session the first output is used.
    batch_size : int, optional
        Number of images per call, which must not affect one another; by default 256 for a module, the fixed number
        of a session or 256, and all images for anything else.
    device : str or torch.device, optional
        Where a module runs; by default where its first parameter or buffer is. The module itself is not moved: for
        another device its parameters and buffers are copied at each call.

    Returns
    -------
    callable
        From NumPy images (n, h, w) or (n, h, w, c) to features. For a module or session these are rows (n, d) in the
        order of ``torch.flatten(y, 1)``, float64 or float32, and the function also has ``maps(x)``, the output with
        its axes (n, k, h, w) as (n, h, w, k), and for a module ``vjp(x, g)``, the gradient of <g, Phi(x)> with
        respect to the images, by autograd.

    Raises
    ------
    ValueError
        If `phi` is a class or none of the above (for a classifier the message says what to pass); if `batch_size` is
        not an int >= 1; if `device` does not exist or is given for anything but a module; if a session has several
        inputs, or one that is not images. The function, with a batch size: if there is not one row per image; that of
        a module or session: if it cannot read the images or does not return one tensor with one row per image.

    Notes
    -----
    A module runs in eval mode, without building a graph; each submodule's mode is restored after. It is given images in
    the dtype of its first parameter or buffer (in their own, without one) and, as usual in PyTorch, channels first:
    (n, c, h, w), and (n, h, w) as (n, 1, h, w). A module whose attribute ``channels_last`` is True, as those that this
    library makes, is given (n, h, w, c); so is a ``torch.nn.Sequential`` that begins with one. For anything else pass
    a function, ``lambda X: module(torch.as_tensor(X))``. A session is given images in the dtype and the order of axes
    that it declares: channels first unless its sizes allow only (n, h, w, c). It runs on its own providers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from kernelconv.stability import as_representation
    >>> represent = as_representation(FunctionTransformer(lambda x: x.mean((1, 2))))
    >>> represent(np.ones((2, 8, 8, 3))).shape
    (2, 3)
    """
    if inspect.isclass(phi):
        raise ValueError(f"phi is the class {phi.__name__}: pass an instance, fitted if it is an estimator.")
    if is_module(phi):
        return ModuleRepresentation(phi, batch_size, device)
    kind = type(phi).__name__
    if device is not None:
        raise ValueError(f"device is for PyTorch modules, and phi is a {kind}.")
    if is_session(phi):
        return SessionRepresentation(phi, batch_size)
    methods = [getattr(phi, name, None) for name in ("transform", "forward")]
    found = next((call for call in (*methods, phi) if callable(call)), None)
    if found is not None:
        return found if batch_size is None else _Batches(found, check_count(batch_size, "batch_size"))
    if hasattr(phi, "predict"):
        pipeline = "model.best_estimator_" if hasattr(phi, "best_estimator_") else "model"
        raise ValueError(
            f"{kind} has no transform. Pass the function to be measured: phi=model.decision_function or "
            f"phi=model.predict_proba, or phi={pipeline}[:-1] for the features of a pipeline."
        )
    raise ValueError(f"phi must be a callable or have transform or forward, got {kind}.")


@dataclass(frozen=True)
class _Batches:
    """A function of images, given a batch at a time."""

    call: Representation
    batch_size: int

    def __call__(self, x: Any) -> Any:
        images, found = x if is_foreign(x) else as_array(x, "X"), []
        for first in range(0, max(1, images.shape[0]), self.batch_size):
            batch = images[first : first + self.batch_size]
            rows = self.call(batch)
            found.append(kept(rows, batch) if is_foreign(batch) else np.array(brought(rows)))
            check_one_each(tuple(found[-1].shape), batch.shape[0])
        return namespace(found[0]).concat(found)


def features(represent: Representation, x: Any, name: str = "phi(X)") -> Any:
    """Return the features of images `x` as rows (n, d), real and finite; of tensors as a tensor of their library.

    Of NumPy's arrays `represent` is given a copy, and its features are copied: it may work in place, and write what it
    returns where it wrote it before.

    Raises
    ------
    ValueError
        If there is not one row per image, or a feature is complex, non-finite or no number.
    TypeError
        If `x` is a tensor and what `represent` makes of it is not.
    """
    if not is_foreign(x):
        return as_rows(represent(x.copy()), len(x), name).copy()
    found = kept(represent(x), x)
    check_one_each(found.shape, x.shape[0])
    xp = namespace(found)
    return xp.reshape(check_finite_array(found, name), (x.shape[0], -1))


def maps(represent: Representation, x: Any) -> Any:
    """Return the maps (n, h', w', k) of images `x`, tensors of tensors; of a module or session channels last.

    Raises
    ------
    ValueError
        If what `represent` returns are not maps, one per image.
    TypeError
        As `features`.
    """
    model = represent if isinstance(represent, ModuleRepresentation | SessionRepresentation) else None
    given = x if is_foreign(x) else x.copy()
    found = represent(given) if model is None else model.maps(given)
    found = kept(found, x) if is_foreign(x) else np.array(brought(found))
    shape = tuple(found.shape)
    if len(shape) != 4 or shape[0] != x.shape[0]:
        raise ValueError(f"Equivariance is of maps (n, h, w, k), one an image; phi returned shape {shape}.")
    return found


def kept(found: Any, x: Any) -> Any:
    """Return what a representation made of tensors `x`; raise TypeError unless it is a tensor of their library."""
    try:
        namespace_of(found, x)
    except TypeError:
        raise TypeError(
            f"phi made a {type(found)} of a {type(x)}: its features must be of the library of X. Pass X as a NumPy "
            "array, or a function that keeps tensors."
        ) from None
    return found


def as_gradient(phi: Any) -> Gradient | None:
    """Return the function (x, g) -> gradient in x of <g, Phi(x)>, or None if `phi` has no ``vjp``.

    ``phi.vjp(x, g)`` returns the gradient, or a tuple that begins with it; g has the shape of Phi(x). That of a module
    is by autograd. The function raises ValueError if that is not a finite array of the shape of x.
    """
    phi = ModuleRepresentation(phi) if is_module(phi) else phi
    vjp = getattr(phi, "vjp", None)
    if not callable(vjp):
        return None

    def gradient(x: NDArray, g: NDArray) -> NDArray:
        found = vjp(x, g)
        slope = as_float(brought(found[0] if isinstance(found, tuple) else found), "phi.vjp(x, g)")
        if slope.size != x.size:
            raise ValueError(f"phi.vjp(x, g) must return the gradient in x, of shape {x.shape}, got {slope.shape}.")
        return check_finite(slope, "phi.vjp(x, g)").reshape(x.shape)

    return gradient


def as_head(head: Any) -> Callable[[NDArray], NDArray]:
    """Return the function from feature rows (n, d) to labels (n,) that `head`, a callable or with ``predict``, is.

    Raises
    ------
    ValueError
        If it is neither, or a class, or a PyTorch module; from the function, if there is not one label a row.
    """
    if is_module(head) and not hasattr(head, "predict"):
        raise ValueError(
            f"head is the PyTorch module {type(head).__name__}, which reads and returns tensors. Pass a function from "
            "rows to labels: head=lambda rows: module(torch.as_tensor(rows)).argmax(1)."
        )
    label = getattr(head, "predict", head)
    if inspect.isclass(head) or not callable(label):
        raise ValueError(f"head must have predict or be a function from features to labels, got {shown(head)}.")

    def predict(rows: NDArray) -> NDArray:
        labels = as_array(brought(label(rows)), "what head returned")
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
            f"{type(network).__name__} has no trace, which gives the maps of each layer. Pass a network, of an "
            "estimator of this library model.network_; of anything else an object whose trace(x) gives a dict of maps."
        )

    def represent(x: NDArray, name: str) -> dict[str, NDArray]:
        traced = trace(x if x.ndim == 4 else x[..., None])
        return {key: as_rows(m, len(x), f"{key}: {name}") for key, m in traced.items()}

    return represent
