"""Where 1-D scattering computes what: padding, sampling grids, paths and filters, whoever computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair
from kernelconv._types.parameters import Border
from kernelconv.networks.scattering.paths import SignalPath, check_paths
from kernelconv.operators.wavelets.filter_bank_1d import SIGMA_0, FilterBank1D, low_pass_reach, wavelets_1d

#: Samples that the low-pass averages over; "global" is the mean of the whole signal, and 0 no average.
Average = float | Literal["global"]


@dataclass(frozen=True)
class Geometry1D:
    """Grids, paths and filters of the scattering of signals of one `size`. Immutable; all else follows, on first use.

    Parameters
    ----------
    size : int
        Samples of a signal.
    J, T, max_order, padding, oversampling
        As in `kernelconv.Scattering1D`.
    Q : pair of int
        Wavelets per octave at order 1, and at the orders above.
    decimating : bool
        Scale as kymatio 0.3.0 does.
    """

    size: int
    J: int
    Q: tuple[int, int]
    T: Average
    max_order: int
    padding: Border = "reflect"
    oversampling: int = 0
    decimating: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, f.name) for f in fields(self))  # the rest is computed again

    # -- grids -----------------------------------------------------------------------------------------------------

    @property
    def averages(self) -> bool:
        """Whether there is a low-pass; else maps are kept as they are, or their means."""
        return self.T not in (0, "global")

    @property
    def width(self) -> float:
        """Samples that the low-pass averages over; where there is none, those that borders and grids are made for."""
        return float(self.T) if self.averages else 2.0**self.J

    @property
    def log2_T(self) -> int:
        """Resolution at which the low-pass may be sampled."""
        return int(np.floor(np.log2(self.width)))

    @property
    def stride(self) -> int:
        """Distance of two output positions (samples)."""
        return 2 ** max(self.log2_T - self.oversampling, 0)

    @cached_property
    def padded(self) -> int:
        """The padded length, a power of two."""
        reach = low_pass_reach(self.size, SIGMA_0 / self.width)
        wanted = int(np.ceil(np.log2(self.size + 6 * reach)))
        if self.padding == "zero":
            # a power of two that 2^log2_T and the coarsest scale divide, however short the signal
            wanted = max(wanted, self.log2_T, *(w.j for q in self.Q for w in wavelets_1d(self.J, q)))
        elif self.padding == "reflect":
            wanted = min(wanted, int(np.floor(np.log2(3 * self.size - 2))))  # a sample is reflected once at most
        return 2**wanted

    @property
    def before(self) -> int:
        """Padding before the signal (samples): as much as after it, or so that an output position is in the signal."""
        before, stride = (self.padded - self.size) // 2, self.stride
        if -before % stride < self.size:
            return before
        return stride * round(before / stride)  # a signal between two positions starts at the nearest one

    @property
    def borders(self) -> tuple[Pair, Pair]:
        """Samples to pad (above, below) and (left, right)."""
        return (0, 0), (self.before, self.padded - self.size - self.before)

    def within(self, step: int) -> range:
        """Return the positions of a grid of `step` samples that are in the signal, counted in steps."""
        return range(-(-self.before // step), -(-(self.before + self.size) // step))

    @cached_property
    def at(self) -> NDArray:
        """Positions of averages, those within the signal (samples of the padded one)."""
        return self.stride * np.array(self.within(self.stride))

    def margins_of(self, step: int) -> tuple[Pair, Pair]:
        """Return the positions of a grid of `step` samples that are on the borders, which are cropped."""
        within = self.within(step)
        return (0, 0), (within.start, self.padded // step - within.stop)

    @property
    def margins(self) -> tuple[Pair, Pair]:
        """Output positions on the borders, which are cropped, (above, below) and (left, right)."""
        return self.margins_of(self.stride)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values each path has."""
        if self.averages:
            return (len(self.within(self.stride)),) * len(self.paths)
        return tuple(1 if self.T == "global" else len(self.within(2 ** self.resolution(p))) for p in self.paths)

    def target(self, resolution: int, j: int) -> int:
        """Return the resolution r, a grid of 2^r samples, of scale `j` computed from signals at `resolution`."""
        return max(resolution, min(j, self.log2_T) - self.oversampling)

    def resolution(self, path: SignalPath) -> int:
        """Return the resolution of U[path]."""
        return max([0, *(self.target(0, j) for j in path.scales)])

    # -- paths and filters -----------------------------------------------------------------------------------------

    @cached_property
    def paths(self) -> tuple[SignalPath, ...]:
        """The path of each output map, by order, then by (n1, n2, ...)."""
        check_paths(self._path_counts())
        paths, level = [SignalPath((), ())], [SignalPath((), ())]
        for order in range(1, self.max_order + 1):
            level = [
                SignalPath((*p.wavelets, n), (*p.scales, w.j))
                for p in level
                for n, w in enumerate(self.bank_of(order).members)
                if not p.order or w.j > p.scales[-1]
            ]
            paths += level
            if not level:
                break
        return tuple(paths)

    def _path_counts(self) -> Iterator[int]:
        """Yield the number of paths of each order, from 0 to the last that has any."""
        before, most = Counter({-1: 1}), self.max_order  # how many paths end at each scale
        while before:
            yield before.total()
            wavelets = Counter(w.j for w in self.bank_of(1 if -1 in before else 2).members) if most else Counter()
            after = {j: n * sum(m for i, m in before.items() if i < j) for j, n in wavelets.items()}
            before, most = Counter({j: n for j, n in after.items() if n}), most - 1

    def following(self, scales: tuple[int, ...]) -> list[int]:
        """Return the scales at which paths of `scales` go on."""
        n = len(scales)
        return sorted({p.scales[n] for p in self.paths if p.order == n + 1 and p.scales[:n] == scales})

    def leaf(self, scales: tuple[int, ...]) -> list[SignalPath]:
        """Return the paths of `scales`."""
        return [path for path in self.paths if path.scales == scales]

    @cached_property
    def banks(self) -> tuple[FilterBank1D, FilterBank1D]:
        """The filters of order 1, and of the orders above, on the padded signal."""
        first, above = (FilterBank1D(self.padded, self.J, q, self.width, self.decimating) for q in self.Q)
        return first, above

    def bank_of(self, order: int) -> FilterBank1D:
        """Return the filters of the wavelet transform that makes maps of `order`."""
        return self.banks[min(order, 2) - 1]
