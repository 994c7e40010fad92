"""Settings as JSON, whole: every parameter of an estimator or a part, defaults included, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline


def described(value: Any) -> Any:
    """Return an estimator or a parameter as JSON: the name of its class and all its parameters, defaults included.

    Modules, docstrings and versions are left out, so that code can move. Of a pipeline its steps are described, of an
    array its digest.

    Raises
    ------
    TypeError
        If a parameter has no description that is the same in every run (a random generator, an open file).

    Examples
    --------
    >>> from kernelconv import Rotation, Scattering2D
    >>> described(Scattering2D(J=2))["J"], described(Scattering2D(J=2))["max_order"]
    (2, 2)
    >>> described((Rotation(), 0.1))
    [{'class': 'Rotation'}, 0.1]
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | np.number | np.bool_):
        return _number(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return described(value.tolist())
    if isinstance(value, np.ndarray):
        sha = hashlib.sha256(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data).hexdigest()
        return {"array": value.dtype.str, "shape": list(value.shape), "sha256": sha}
    if isinstance(value, Mapping):
        return {str(key): described(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [described(v) for v in value]
    name = value.__name__ if isinstance(value, np.ufunc) else getattr(value, "__qualname__", "<")
    if "<" not in name:  # a class, or a function that has a name
        owner = getattr(value, "__self__", None)  # of a bound method its object decides, too
        return {"name": name} | ({"of": described(owner)} if hasattr(owner, "__dict__") else {})
    return {"class": type(value).__name__, **{key: described(v) for key, v in _parameters(value).items()}}


def _parameters(value: Any) -> dict[str, Any]:
    """Return what a constructor was given, by name."""
    if isinstance(value, Pipeline):
        return {"steps": [step for _, step in value.steps]}
    if isinstance(value, FeatureUnion):
        return {"parts": [part for _, part in value.transformer_list], "weights": value.transformer_weights}
    if hasattr(value, "get_params"):
        return value.get_params(deep=False)
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.compare}
    raise TypeError(
        f"{type(value).__name__} cannot be told apart from another one of its kind, so a result could not be found "
        "again: give numbers, words, arrays, estimators, or an int as random_state."
    )


def _number(value: Any) -> Any:
    number = value.item() if isinstance(value, np.number | np.bool_) else value
    return number if isinstance(number, bool | int) or math.isfinite(number) else repr(number)
