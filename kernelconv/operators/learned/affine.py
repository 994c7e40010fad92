"""Maps with weights: y = (P x) W + b on what a part reads of its input; Convolution and Dense say what that is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import like
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State


class Affine(Part):
    """y = (P x) W + b with P x = ``self._rows(x)``; what Convolution and Dense share."""

    bias: bool

    @property
    def n_outputs(self) -> int:
        """Channels of the output."""
        raise NotImplementedError

    @property
    def linear(self) -> bool:
        """True without a bias."""
        return not self.bias

    @property
    def homogeneous(self) -> bool:
        """True without a bias."""
        return not self.bias

    def _draw(self, in_shape: Shape3, fan_in: int, rng: np.random.Generator | None) -> Any:
        """Return a copy with start weights from U(-1, 1) / sqrt(fan_in).

        Their variance 1 / (3 fan_in) is a sixth of He's: on MNIST networks without batch normalisation then err less.
        """
        if rng is None:
            name = type(self).__name__
            raise ValueError(f"{name}.build needs a numpy Generator: pass rng=numpy.random.default_rng(seed).")
        n_outputs = self.n_outputs
        params = {"weight": rng.uniform(-1, 1, (fan_in, n_outputs)) / np.sqrt(fan_in)}
        if self.bias:
            params["bias"] = np.zeros(n_outputs)
        return self._built(in_shape, params, {})

    def definition(self, x: Any) -> Any:
        """Return (P x) W + b: (n, h, w, c) -> (n, h', w', c')."""
        y = self._rows(x) @ like(self.params["weight"], x)
        return y + like(self.params["bias"], x) if self.bias else y

    def _rows(self, x: Any) -> Any:
        """Return P x, what W multiplies: (n, h, w, c) -> (n, h', w', fan_in)."""
        raise NotImplementedError

    def _rows_adjoint(self, p: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return P* p for inputs of `shape` (n, h, w, c)."""
        raise NotImplementedError

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return self._rows_adjoint(y @ like(self.params["weight"], y).T, shape)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state): gradient in W is (P x)' g, in x it is P*(g W')."""

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            p = self._rows(x)
            grads = {"weight": p.reshape(-1, p.shape[-1]).T @ g.reshape(-1, g.shape[-1])}
            if self.bias:
                grads["bias"] = g.sum(axis=(0, 1, 2))
            return self._adjoint(g, x.shape), grads

        return self.definition(x), pullback, self.state
