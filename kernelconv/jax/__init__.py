"""The bridge to JAX: parts, networks and fitted estimators as pure functions of their params."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from kernelconv._arrays import as_floating, like
from kernelconv.networks.network_of import Model, network_of

__all__ = ["as_function"]


def as_function(model: Model) -> tuple[Callable[[dict[str, Any], Any], Any], dict[str, Any]]:
    """Return (function, params), with ``function(params, x)`` the output of `model` on images `x` in evaluation mode.

    The function is pure and made of JAX operations: it works with ``jit``, ``grad`` and ``vmap`` (on ``x[None]``), on
    any device.

    Parameters
    ----------
    model : Part, Network or estimator
        A part that is built, or an estimator that is fitted and has a ``network_``.

    Returns
    -------
    function : callable
        (params, x) -> values, float64 of float64, else float32: of images x (n, h, w, c), or (n, h, w) of one channel,
        the maps (n, h', w', c') of a part or network, the rows (n, n_features) of ``transform`` of a transformer, the
        scores (n, n_classes) or (n, n_outputs) of a classifier or regressor.
    params : dict of jax.Array
        Arrays under the names that the network gives them. Anchors are unit rows: after a gradient step, normalise them
        with ``network.constrain(params)``.

    Raises
    ------
    ImportError
        If JAX is not installed.
    TypeError
        If `model` is not a part and has no ``network_``.
    ValueError
        If the part is not built, or the estimator is not fitted or has no network of parts; from the function for
        params of other names, or images of another shape.

    Notes
    -----
    float64 needs ``jax_enable_x64``; without it JAX computes in float32, whitenings too.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.jax import as_function
    >>> from kernelconv.operators import KernelMapping
    >>> part = KernelMapping(4).build((2, 2, 3), np.random.default_rng(0))
    >>> import pytest; jax = pytest.importorskip("jax")
    >>> function, params = as_function(part)
    >>> jax.jit(function)(params, np.ones((1, 2, 2, 3), np.float32)).shape
    (1, 2, 2, 4)
    """
    built, rows = network_of(model, "as_function")
    try:
        import jax.numpy as jnp
    except ModuleNotFoundError as error:
        raise ImportError("as_function needs JAX: pip install jax.") from error

    def function(params: dict[str, Any], x: Any) -> Any:
        x = as_floating(jnp.asarray(x))
        if not isinstance(params, Mapping) or params.keys() != built.params.keys():
            names = ", ".join(map(repr, built.params)) or "nothing"
            raise ValueError(f"params must be a dict of {names}, as as_function returns it.")
        if x.ndim == 3 and built.in_shape[2] == 1:
            x = x[..., None]
        if x.ndim != 4 or tuple(x.shape[1:]) != tuple(built.in_shape):
            raise ValueError(
                f"The function takes images (n, {', '.join(map(str, built.in_shape))}), got shape {x.shape}."
            )
        y = (built.replace({k: like(v, x) for k, v in params.items()}) if params else built).forward(x)
        if rows is None:
            return y
        return (jnp.moveaxis(y, -1, 1) if rows == "paths" else y).reshape(len(y), math.prod(y.shape[1:]))

    return function, {name: jnp.asarray(value) for name, value in built.params.items()}
