"""Parameters layer by layer; and of parts inside parts, as scikit-learn names them: "layer_1__mapping__n_anchors"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any


def per_layer(leading: str, **values: Any) -> list[dict[str, Any]]:
    """Return one dict of values a layer; tuples and lists are per layer, single values hold for all.

    There are as many layers as the one named `leading` has entries; where that is a single value, as the others have.

    Raises
    ------
    ValueError
        If tuples and lists have different lengths, or none.

    Examples
    --------
    >>> per_layer("size", size=(3, 5), stride=1)
    [{'size': 3, 'stride': 1}, {'size': 5, 'stride': 1}]
    """
    lengths = {k: len(v) for k, v in values.items() if isinstance(v, tuple | list)}
    n_layers = lengths.get(leading, max(lengths.values(), default=1))
    if n_layers == 0 or any(length != n_layers for length in lengths.values()):
        how_many = n_layers or "at least one"
        raise ValueError(f"Parameters given per layer must have one entry a layer ({how_many}), got lengths {lengths}.")
    return [{k: v[i] if k in lengths else v for k, v in values.items()} for i in range(n_layers)]


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return `params` with those of every value among them, and theirs, named "name__inner"."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        found[name] = value
        found |= {f"{name}__{inner}": v for inner, v in nested(own_params(value)).items()}
    return found


def changed(spec: Any, values: Mapping[str, Any]) -> Any:
    """Return `spec` with `values`, named as `nested` names what is in it; nothing in it is built.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    own = own_params(spec)
    new, inner = dict(own), defaultdict[str, dict[str, Any]](dict)
    for key, value in values.items():
        name, _, path = key.partition("__")
        if name not in own:
            raise ValueError(f"Invalid parameter {name!r} for {spec!r}. Valid parameters are: {sorted(own)}.")
        if path:
            inner[name][path] = value
        else:
            new[name] = value
    return _made_of({name: changed(value, inner[name]) for name, value in new.items()}, spec)


def own_params(spec: Any) -> dict[str, Any]:
    """Return what `spec` is made of: the parts of a network or of branches, the fields of a dataclass, else nothing."""
    if hasattr(spec, "_made_of"):
        return spec.named_parts
    if is_dataclass(spec) and not isinstance(spec, type):
        return {f.name: getattr(spec, f.name) for f in fields(spec) if f.init}
    return {}


def _made_of(params: Mapping[str, Any], spec: Any) -> Any:
    """Return one like `spec` made of `params`: anew in any case, which leaves out what a part has learned."""
    if hasattr(spec, "_made_of"):
        return spec._made_of(params)
    return replace(spec, **params) if params else spec
