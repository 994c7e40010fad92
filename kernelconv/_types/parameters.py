"""Sizes, values a layer, random states, borders, splitters.

A leaf of the import graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np

T = TypeVar("T")

#: One value for every layer, or a sequence with one a layer.
PerLayer: TypeAlias = T | Sequence[T]

#: An int for both axes, or (height, width).
Size: TypeAlias = int | Sequence[int]

#: What `check_rng` makes a Generator of.
RandomState: TypeAlias = (
    int
    | np.integer
    | Sequence[int]
    | np.random.SeedSequence
    | np.random.BitGenerator
    | np.random.Generator
    | np.random.RandomState
    | None
)

#: What lies beyond the edge of an image; and "valid", nothing, for windows that stay inside.
Border: TypeAlias = Literal["zero", "reflect", "symmetric", "circular"]
Padding: TypeAlias = Literal["valid"] | Border


class Splitter(Protocol):
    """A splitter of scikit-learn's kind."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        """Yield pairs (training, held-out) of indices."""
