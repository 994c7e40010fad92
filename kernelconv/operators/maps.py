"""What parts learn from: the maps that others make of images, computed as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import is_foreign
from kernelconv.operators.base import Part


class Maps:
    """The maps that parts make of images, computed as they are asked for: ``maps[indices]``, ``len(maps)``.

    Of images of another library than NumPy they are arrays of that library.
    """

    def __init__(self, data: Any, parts: Sequence[Part]) -> None:
        self.data, self.parts = data, parts

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: NDArray) -> Any:
        x = self.data[index]
        x = x if type(x) is np.ndarray or is_foreign(x) else np.asarray(x)
        for part in self.parts:
            x = part.forward(x)
        return x

    def in_one_pass(self, n_patches: int, rng: np.random.Generator, parts: Sequence[Part] = ()) -> NDArray | None:
        """Return vectors of the maps that `parts` make of these, if the images come one after the other, else None."""
        draw = getattr(self.data, "in_one_pass", None)
        return None if draw is None else draw(n_patches, rng, (*self.parts, *parts))
