"""Which engine computes a built part: the one named for exactly its type, else the part's own formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Engine:
    """How NumPy arrays go through one built part: by the part's own formulas, unless a subclass is faster.

    An engine is made once for a built part, whose shapes it knows. Laws hold it to the definition.
    """

    #: True if the part's inner patches are never made: blocks of images may then be larger.
    without_patches = False

    def __init__(self, part: Any) -> None:
        self.part = part

    def block(self, itemsize: int) -> int | None:
        """Return on how many images, of `itemsize` bytes a value, this engine is fastest; None: as their maps say."""
        return None

    def least_block(self, itemsize: int) -> int:
        """Return how many images at least make this engine's weights worth reading: a block has no fewer."""
        return 1

    def forward(self, x: NDArray) -> NDArray:
        """Return F(x) in evaluation mode."""
        return self.part.definition(x)

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (F(x), pull, new state)."""
        return self.part._pullback(x, train=train, rng=rng)

    def pullback_params(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (F(x), g -> gradients in params, new state)."""
        y, pull, state = self.pullback(x, train=train, rng=rng)
        return y, lambda g: pull(g)[1], state

    def adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return A* y for inputs of `shape` (n, h, w, c)."""
        return self.part._adjoint(y, shape)


Maker = Callable[[Any], "Engine | None"]

_MAKERS: dict[type, Maker] = {}


def name_engines(makers: Mapping[type, Maker]) -> None:
    """Name an engine class, or a function that returns an engine or None, for parts of exactly each type.

    Subclasses are not meant: one that changes the definition must not run by another's engine.
    """
    _MAKERS.update(makers)


def engine_for(part: Any) -> Engine:
    """Return the engine of a built part.

    Raises
    ------
    TypeError
        If its params are arrays of another library than NumPy.
    """
    for value in part.params.values():
        if not isinstance(value, np.ndarray):
            raise TypeError(
                f"{type(part).__name__} holds params of {type(value)}: give it maps of that library, not of NumPy."
            )
    maker = _MAKERS.get(type(part))
    engine = None if maker is None else maker(part)
    return part._own_engine(part) if engine is None else engine
