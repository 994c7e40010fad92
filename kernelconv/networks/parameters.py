"""Parameters of parts inside parts by name, as scikit-learn writes them: "layer_1__mapping__n_anchors"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return `params` with those of every value among them, and theirs, named "name__inner"."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        found[name] = value
        found |= {f"{name}__{inner}": v for inner, v in nested(_own(value)).items()}
    return found


def changed(params: Mapping[str, Any], values: Mapping[str, Any], owner: Any) -> dict[str, Any]:
    """Return `params` of `owner` with `values`, named as `nested` names them, in place of their own; nothing built.

    Raises
    ------
    ValueError
        If a name is not among the `params` or those inside them.
    """
    new, inner = dict(params), defaultdict[str, dict[str, Any]](dict)
    for key, value in values.items():
        name, _, path = key.partition("__")
        if name not in params:
            raise ValueError(f"Invalid parameter {name!r} for {owner!r}. Valid parameters are: {sorted(params)}.")
        if path:
            inner[name][path] = value
        else:
            new[name] = value
    return {name: _with(value, inner[name]) for name, value in new.items()}


def _own(spec: Any) -> dict[str, Any]:
    """Return what `spec` is made of: its params if it says them, the fields of a dataclass, else nothing."""
    if hasattr(spec, "get_params"):
        return spec.get_params(deep=False)
    if is_dataclass(spec) and not isinstance(spec, type):
        return {f.name: getattr(spec, f.name) for f in fields(spec) if f.init}
    return {}


def _with(spec: Any, values: Mapping[str, Any]) -> Any:
    """Return `spec` with `values`; a part is made anew in any case, which leaves out what it has learned."""
    if hasattr(spec, "set_params"):
        return spec.set_params(**values)
    if type(spec) is tuple and not values:
        return tuple(_with(one, {}) for one in spec)
    own = changed(_own(spec), values, spec)
    return replace(spec, **own) if own else spec
