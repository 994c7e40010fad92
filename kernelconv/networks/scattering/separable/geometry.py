"""What separable scattering computes, whoever computes: grids, borders and paths."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, check_choice, check_count
from kernelconv._types.parameters import Border
from kernelconv.networks.scattering.paths import ScatteringPath, check_span, in_order, scattering_paths
from kernelconv.operators.patches.borders import border_index
from kernelconv.operators.wavelets.separable import WAVELETS


@dataclass(frozen=True)
class SeparableGeometry:
    """Grids, borders and paths of the separable scattering of images of one `size`. Immutable.

    Parameters
    ----------
    size : tuple (h, w)
        Of the images (px).
    J, max_order, padding
        As in `kernelconv.SeparableScattering2D`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or 2^J larger than the image allows.
    """

    size: Pair
    J: int
    max_order: int
    padding: Border

    def __post_init__(self) -> None:
        for name, least in (("J", 1), ("max_order", 0)):  # NumPy's small ints overflow
            object.__setattr__(self, name, check_count(getattr(self, name), name, least))
        check_choice(self.padding, "padding", get_args(Border))
        check_choice(self.padding, "padding", get_args(Border))
        check_span(self.size, self.J, self.padding == "zero", "padding='zero'")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    @cached_property
    def sizes(self) -> tuple[Pair, ...]:
        """(height, width) of the maps before each step, and of the coefficients."""
        sizes = [self.size]
        for _ in range(self.J):
            h, w = sizes[-1]
            sizes.append((-(-h // 2), -(-w // 2)))
        return tuple(sizes)

    @property
    def out_size(self) -> Pair:
        """(height, width) of a map of coefficients."""
        return self.sizes[-1]

    @cached_property
    def paths(self) -> tuple[ScatteringPath, ...]:
        """The path of each output map: by order, then by (scale 1, direction 1, scale 2, direction 2, ...)."""
        return scattering_paths(self.J, len(WAVELETS), self.max_order)

    @cached_property
    def laid(self) -> tuple[tuple[int, ...], ...]:
        """For each order, where the maps of its `paths` lie among those that a pyramid ends with (see `Pyramid`)."""
        found: list[list[ScatteringPath]] = [[ScatteringPath((), ())]]
        for j in range(self.J):
            found = [
                [*kept, *new]
                for kept, new in zip([*found, []], [[], *(self._continued(f, j) for f in found)], strict=True)
            ]
            found = [group for group in found[: self.max_order + 1] if group]
        positions = [{path: i for i, path in enumerate(group)} for group in found]
        return tuple(tuple(at[path] for path in in_order(list(at))) for at in positions)

    def _continued(self, paths: list[ScatteringPath], scale: int) -> list[ScatteringPath]:
        """Return the paths that follow, all directions of a parent side by side."""
        return [ScatteringPath((*p.scales, scale), (*p.angles, t)) for p in paths for t in range(len(WAVELETS))]


def reads(n: int, padding: Border) -> NDArray:
    """Return which of `n` samples the four taps of each output read, (ceil(n / 2), 4); -1 is a zero.

    Output u lies between samples 2 u and 2 u + 1, so that borders and grids are the same from both ends of even axes.
    """
    n_out = -(-n // 2)
    index = border_index(n, *border(n), padding)
    return index[2 * np.arange(n_out)[:, None] + np.arange(4)]


def border(n: int) -> Pair:
    """Return how many samples are put before and after `n`."""
    return 1, 1 + n % 2
