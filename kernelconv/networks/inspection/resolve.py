"""Which network is asked: a built one, a part, or what an estimator has fitted; and up to which of its layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from kernelconv._numbers import shown
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Part


def as_network(asked: Any) -> Network:
    """Return the built network that is asked: itself, a part as one, or ``network_`` of a fitted estimator.

    Of a pipeline it is that of the first step.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If it is not built or fitted.
    """
    asked = first_step(asked)
    if not isinstance(asked, Part):
        found = getattr(asked, "network_", None)
        if not isinstance(found, Network):
            raise TypeError(
                f"A network is asked what it does, got {shown(asked)}: pass a built Network or part, or a fitted "
                "estimator that has a network_."
            )
        return found
    if asked.in_shape is None:
        raise ValueError(f"{asked!r} is not built: call build(in_shape, rng, data) first.")
    return asked if isinstance(asked, Network) else serial(asked)


def first_step(asked: Any) -> Any:
    """Return the first step of a pipeline, of pipelines in it too; anything else as it is."""
    while isinstance(asked, Pipeline) and len(asked.steps):
        asked = asked[0]
    return asked


def up_to(network: Network, layer: str | int | None) -> Network:
    """Return `network` without what follows `layer`, a name of its ``trace`` or a position; all of it for None.

    Raises
    ------
    ValueError
        If there is no such layer: the message names those there are.
    """
    names = network.names
    if layer is None:
        return network
    if isinstance(layer, str) and layer in names:
        end = names.index(layer) + 1
    elif isinstance(layer, int | np.integer) and not isinstance(layer, bool) and -len(names) <= layer < len(names):
        end = int(layer) % len(names) + 1
    else:
        raise ValueError(
            f"layer must be one of {', '.join(map(repr, names))}, or the position of one, got {shown(layer)}."
        )
    return serial(*network.parts[:end], names=names[:end])
