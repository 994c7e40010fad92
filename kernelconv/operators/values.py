"""What a part holds: params, which a gradient reaches, and states, which training updates without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelconv._arrays import like
from kernelconv._check import check_named

State = Mapping[str, NDArray]


class Values:
    """Copies of a built part that hold other values, or the same ones elsewhere."""

    params: ClassVar[Any]
    state: ClassVar[Any]

    def n_params(self) -> int:
        """Return the number of entries in ``params``."""
        return sum(v.size for v in self.params.values())

    def replace(self, params: Mapping[str, NDArray], state: State | None = None) -> Self:
        """Return a copy that holds `params` (and `state`), of the same names and shapes as now."""
        part: Any = self
        part._check_built()
        if params == {} and not (self.params or self.state or state):
            return self
        for kind, old, new in (("params", self.params, params), ("state", self.state, state or self.state)):
            if old.keys() != check_named(new, kind).keys() or any(_shape(new[k]) != old[k].shape for k in old):
                raise ValueError(
                    f"{type(self).__name__}.replace wants {kind} { {k: v.shape for k, v in old.items()} }, "
                    f"got { {k: _shape(v) for k, v in new.items()} }."
                )
        return part._with(params=dict(params), state=dict(state or self.state))

    def constrain(self, params: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return `params` projected onto their constraint set, which a step may leave (anchors: the unit sphere)."""
        return dict(params)

    def astype(self, dtype: DTypeLike) -> Self:
        """Return a copy whose params and state have `dtype`."""
        part: Any = self
        part._check_built()
        dtype, cast, changed = np.dtype(dtype), {}, False
        for name, arrays in (("params", self.params), ("state", self.state)):
            cast[name] = dict(arrays)
            for key, values in arrays.items():
                changed = changed or values.dtype != dtype
                cast[name][key] = values.astype(dtype, copy=False)
        return part._with(**cast) if changed else self

    def _beside(self, x: Any) -> Self:
        """Return a copy whose arrays are of the library, dtype and device of `x`: definitions move none of them."""
        if not (self.params or self.state):
            return self
        params, state = ({name: like(v, x) for name, v in values.items()} for values in (self.params, self.state))
        return self.replace(params, state)


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array of any library, on any device, or of what NumPy makes one of."""
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)
