"""Maps with weights: y = (P x) W + b on what a part reads of its input; its subclasses say what that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import like
from kernelconv._check import Pair, check_choice, check_count, check_flag, check_generator, check_shape
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.learned.initialization import INITIALIZATIONS, Initialization, start_weight
from kernelconv.operators.patches.extraction import PaddingLike, PairLike, PatchExtraction


class Affine(Part):
    """y = (P x) W + b with P x = ``self._rows(x)``; what Convolution and Dense share.

    Where weights meet the rows in another way, ``_product``, its adjoint ``_adjoint`` and ``_weight_gradient`` say so,
    and ``_param_shapes`` what the weights are.
    """

    bias: bool
    initialization: Initialization

    @property
    def linear(self) -> bool:
        """True without a bias."""
        return not self.bias

    @property
    def homogeneous(self) -> bool:
        """True without a bias."""
        return not self.bias

    def _param_shapes(self, in_shape: Shape3, fan_in: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of "weight" and "bias", whose outputs each sum `fan_in` values."""
        raise NotImplementedError

    @property
    def _fan_out(self) -> int:
        """How many outputs a value of the input reaches, strides and borders left aside."""
        raise NotImplementedError

    def _draw(self, in_shape: Shape3, fan_in: int, rng: np.random.Generator | None) -> Any:
        """Return a copy with the start weights that `initialization` names, and biases of zero."""
        if not isinstance(rng, np.random.Generator):
            rng = check_generator(rng, f"{type(self).__name__}.build")
        shapes = self._param_shapes(in_shape, fan_in)
        params = {"weight": start_weight(self.initialization, shapes["weight"], fan_in, self._fan_out, rng)}
        if self.bias if isinstance(self.bias, bool) else check_flag(self.bias, "bias"):
            params["bias"] = np.zeros(shapes["bias"])
        return self._built(in_shape, params, {})

    def definition(self, x: Array) -> Any:
        """Return (P x) W + b: (n, h, w, c) -> (n, h', w', c')."""
        y = self._product(x, like(self.params["weight"], x))
        return y + like(self.params["bias"], x) if self.bias else y

    def _product(self, x: Any, weight: Any) -> Any:
        """Return (P x) W."""
        return self._rows(x) @ weight

    def _rows(self, x: Any) -> Any:
        """Return P x, what W multiplies: (n, h, w, c) -> (n, h', w', fan_in)."""
        raise NotImplementedError

    def _rows_adjoint(self, p: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return P* p for inputs of `shape` (n, h, w, c)."""
        raise NotImplementedError

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return self._rows_adjoint(y @ like(self.params["weight"], y).T, shape)

    def _weight_gradient(self, x: NDArray, g: NDArray) -> NDArray:
        """Return (P x)' g, summed over images and positions."""
        p = self._rows(x)
        return p.reshape(-1, p.shape[-1]).T @ g.reshape(-1, g.shape[-1])

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state): gradient in W is (P x)' g, in x it is P*(g W'), in b what is added to it."""

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            grads = {"weight": self._weight_gradient(x, g)}
            if self.bias:
                grads["bias"] = g.sum(axis=tuple(range(4 - self.params["bias"].ndim)))
            return self._adjoint(g, x.shape), grads

        return self.definition(x), pullback, self.state


@dataclass(frozen=True, repr=False)
class PatchwiseAffine(Affine):
    """Weights that meet the patches of a map: the fields of Convolution, LocallyConnected, TransposedConvolution."""

    n_filters: int
    size: PairLike
    stride: PairLike = 1
    padding: PaddingLike = "valid"
    dilation: PairLike = 1
    bias: bool = True
    initialization: Initialization = field(default="torch_default", kw_only=True)

    def __post_init__(self) -> None:
        """Check the number of filters and the initialization, and let P check the rest."""
        object.__setattr__(self, "n_filters", check_count(self.n_filters, "n_filters"))
        check_choice(self.initialization, "initialization", INITIALIZATIONS)
        for name in ("size", "stride", "padding", "dilation"):
            object.__setattr__(self, name, getattr(self.patches, name))

    @cached_property
    def patches(self) -> PatchExtraction:
        """The patch extraction that the weights multiply."""
        return PatchExtraction(self.size, self.stride, self.padding, self.dilation)

    @property
    def _fan_out(self) -> int:
        return self.size[0] * self.size[1] * self.n_filters

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return (*self.patches.grid(in_shape), self.n_filters)

    def _param_shapes(self, in_shape: Shape3, fan_in: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (fan_in, self.n_filters), "bias": (self.n_filters,)}

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (extent, stride)."""
        return self.patches.receptive_field(in_shape)

    def field_start(self, in_shape: Shape3) -> tuple[Any, Any]:
        """Return the ``field_start`` of the patches."""
        return self.patches.field_start(in_shape)

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h' w' k_h k_w c n_filters."""
        return int(np.prod(self.patches.out_shape(in_shape))) * self.n_filters

    def _rows(self, x: Any) -> Any:
        return self.patches.definition(x)

    def _rows_adjoint(self, p: NDArray, shape: tuple[int, ...]) -> NDArray:
        return self.patches._adjoint(p, shape)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Self:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        fan_in = self.size[0] * self.size[1] * check_shape(in_shape)[2]
        return self._draw(in_shape, fan_in, rng)
