"""Checks of estimators on images."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from kernelconv.testing.numbers import norm, require


def check_image_estimator(estimator: BaseEstimator, images: NDArray, y: NDArray | None = None) -> None:
    """Check an estimator on images, which scikit-learn's own suite, with rows only, does not cover.

    Layouts agree (rows with `image_shape`, three axes, four axes), one batch equals batches of one, input may be
    read-only and is not changed, dtype is kept, pickle and deepcopy give the same bits, ``set_params`` then ``fit``
    equals a fresh object, and channels-first, empty, non-finite and wrongly shaped input raises ValueError.

    Parameters
    ----------
    estimator : estimator
        With ``image_shape=None``, and with a fixed seed if it is random.
    images : ndarray (n, h, w)
        At least 8 float64 images.
    y : ndarray (n,), optional
        Labels, for classifiers.

    Raises
    ------
    AssertionError
        If one of these does not hold; the message says which.
    """
    images = np.array(images, dtype=np.float64, order="C")  # a copy: the caller's own stays writeable
    images.flags.writeable = False
    before = images.copy()
    fitted = clone(estimator).fit(images, y)
    out = _output(fitted, images)
    require(norm(out - out.mean(axis=0)) > 0, "The output does not depend on the image.")
    require(np.array_equal(images, before), "The input was changed.")
    _check_layouts(estimator, images, y, out)
    _check_batches(fitted, images, out)
    _check_copies(estimator, fitted, images, y, out)
    _check_refusals(fitted, images, y)


def _output(estimator: Any, x: NDArray) -> NDArray:
    for method in ("transform", "predict_proba", "decision_function"):
        if hasattr(estimator, method):
            return np.asarray(getattr(estimator, method)(x))
    raise AssertionError(f"{type(estimator).__name__} has neither transform, predict_proba nor decision_function.")


def _check_layouts(estimator: Any, images: NDArray, y: NDArray | None, out: NDArray) -> None:
    four = images[..., None]
    require(np.array_equal(_output(clone(estimator).fit(four, y), four), out), "(n, h, w, 1) differs from (n, h, w).")
    rows = images.reshape(len(images), -1)
    reader = clone(estimator).set_params(image_shape=images.shape[1:]).fit(rows, y)
    require(np.array_equal(_output(reader, rows), out), "Rows with image_shape differ from images.")
    single = clone(estimator).fit(images.astype(np.float32), y)
    require(_output(single, images.astype(np.float32)).dtype == np.float32, "float32 input gave another dtype.")
    require(out.dtype == np.float64, "float64 input gave another dtype.")


def _check_batches(fitted: Any, images: NDArray, out: NDArray) -> None:
    one_by_one = np.concatenate([_output(fitted, images[[i]]) for i in range(len(images))])
    error = norm(one_by_one - out) / norm(out)
    require(error <= 1e-12, f"A batch differs from batches of one by {error:.2g} of the norm.")


def _check_copies(estimator: Any, fitted: Any, images: NDArray, y: NDArray | None, out: NDArray) -> None:
    for name, other in (("pickle", pickle.loads(pickle.dumps(fitted))), ("deepcopy", copy.deepcopy(fitted))):
        require(np.array_equal(_output(other, images), out), f"{name} changed the output.")
    # from the defaults: an estimator that builds in __init__ would not notice set_params
    params = inspect.signature(type(estimator)).parameters.values()
    required = {
        p.name: getattr(estimator, p.name) for p in params if p.default is p.empty and p.kind < p.VAR_POSITIONAL
    }
    again = type(estimator)(**required).set_params(**estimator.get_params(deep=False))
    again.fit(images[::-1], None if y is None else y[::-1])
    again.fit(images, y)
    require(np.array_equal(_output(again, images), out), "set_params, or fitting twice, differs from a fresh object.")


def _check_refusals(fitted: Any, images: NDArray, y: NDArray | None) -> None:
    wide = np.zeros((len(images), 1, 8, 8))
    bad: Sequence[tuple[NDArray, str]] = [
        (wide, "channels first"),
        (images[:0], "empty"),
        (np.where(np.arange(images.size).reshape(images.shape) == 3, np.nan, images), "non-finite"),
        (images[0], "image_shape"),
    ]
    for x, word in bad:
        try:
            clone(fitted).fit(x, None if y is None else y[: len(x)])
        except ValueError as error:
            require(word in str(error), f"Expected an error about {word!r}, got: {error}")
        else:
            raise AssertionError(f"Input that is {word} was accepted by fit.")
    try:
        _output(fitted, images[:, 1:])
    except ValueError as error:
        require("shape" in str(error), f"Expected an error about the shape, got: {error}")
    else:
        raise AssertionError("Images of another shape than in fit were accepted.")
