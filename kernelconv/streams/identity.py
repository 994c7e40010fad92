"""What tells one fitted estimator from another: its parameters and all that it has learned."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator

from kernelconv._identity import described
from kernelconv.operators.base import Part

#: Parameters on which no result depends.
UNSEEN = ("n_jobs", "verbose")
#: Packages whose version says which code it was.
VERSIONED = ("kernelconv", "sklearn", "numpy", "scipy")


def fitted_digest(estimator: BaseEstimator) -> str:
    """Return the SHA-256 of a fitted estimator: its class, its parameters and what it has learned, by value.

    The same in every process; neither `n_jobs` nor `verbose` is part of it. Of classes and functions that are neither
    of this library nor of scikit-learn, NumPy or SciPy, which have versions, the module and the source text are.

    Raises
    ------
    TypeError
        If it holds something that has no value of its own, a lambda or an open file, say.

    Examples
    --------
    >>> from kernelconv import Scattering2D
    >>> x = np.ones((1, 8, 8))
    >>> one, other = Scattering2D(J=2, n_jobs=1).fit(x), Scattering2D(J=2, L=4).fit(x)
    >>> fitted_digest(one) == fitted_digest(one.set_params(n_jobs=2)), fitted_digest(one) == fitted_digest(other)
    (True, False)
    """
    text = json.dumps(_state(estimator), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _state(value: Any) -> Any:
    """Return a fitted estimator, or what one holds, as JSON."""
    if isinstance(value, BaseEstimator):
        held = {k: _state(v) for k, v in vars(value).items() if k not in UNSEEN}
        return _with_origin(type(value), {"class": type(value).__name__, **held})
    if inspect.isroutine(value) or isinstance(value, type):
        return _with_origin(value, _described(value))
    if isinstance(value, Part):  # its fields, and what they do not hold: what it has learned
        held = {"params": value.params, "state": value.state}
        learned = {kind: {k: _described(np.asarray(v)) for k, v in arrays.items()} for kind, arrays in held.items()}
        return {"part": _described(value), "shape": value.in_shape, **learned}
    if isinstance(value, list | tuple):
        return [_state(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _state(v) for k, v in value.items()}
    return _described(value)


def _with_origin(code: Any, described: Any) -> Any:
    """Return what describes a value, and the code of its class, or of the function it is, if that has no version."""
    module = getattr(code, "__module__", None) or ""
    if module.split(".")[0] in VERSIONED:
        return described
    try:
        source = inspect.getsource(code)
    except (OSError, TypeError):  # made without a file
        source = ""
    return {"module": module, "source": hashlib.sha256(source.encode()).hexdigest(), "value": described}


def _described(value: Any) -> Any:
    try:
        return described(value)
    except TypeError as error:
        try:
            return {"class": type(value).__name__, "hash": joblib.hash(value)}
        except Exception:  # whatever pickling a foreign object raises
            raise TypeError(str(error)) from None
