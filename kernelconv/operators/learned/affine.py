"""Maps with weights: y = x W + b on what a part reads of its input; Convolution and Dense say what that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.base import ParamPullback, Part, Pullback, Shape3, State, sum_positions


class Affine(Part):
    """y = x W + b on the channels of ``self._rows(x)``; what Convolution and Dense share."""

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
        params = {"weight": rng.uniform(-1, 1, (fan_in, self.n_outputs)) / np.sqrt(fan_in)}
        if self.bias:
            params["bias"] = np.zeros(self.n_outputs)
        return self._built(in_shape, params, {})

    def _weight(self, dtype: Any) -> NDArray:
        self._check_built()
        return self.params["weight"].astype(dtype, copy=False)

    def _engine(self, in_shape: Shape3) -> Any:
        """Return what unfolds x of `in_shape`, multiplies it by W and folds it back: see `Correlation`."""
        raise NotImplementedError

    def _add_bias(self, y: NDArray) -> NDArray:
        if not self.bias:
            return y
        bias, lines = self.params["bias"].astype(y.dtype, copy=False), y.transpose(1, 2, 0, 3)
        if lines.flags.c_contiguous:  # as small convolutions return it: numpy runs through whole lines
            lines = lines.reshape(*lines.shape[:2], -1)
            lines += np.tile(bias, len(y))
        else:
            y += bias
        return y

    def forward(self, x: NDArray) -> NDArray:
        """Return (P x) W + b: (n, h, w, c) -> (n, h', w', c')."""
        self._check_built()
        engine = self._engine(x.shape[1:])
        return self._add_bias(engine.multiply(engine.unfold(x), engine.filters(self._weight(x.dtype))))

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        engine = self._engine(shape[1:])
        return engine.input_gradient(engine.spread(y), engine.filters(self._weight(y.dtype)))

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state): gradient in W is (P x)' g, in x it is P*(g W')."""
        engine, filters, y, gradients = self._pulled_back(x)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            spread = engine.spread(g)
            return engine.input_gradient(spread, filters), gradients(g, spread)

        return y, pullback, self.state

    def pullback_params(
        self, x: NDArray, *, train: bool = False, rng: Any = None
    ) -> tuple[NDArray, ParamPullback, State]:
        """Return (y, pullback to the params, state)."""
        engine, _, y, gradients = self._pulled_back(x)
        return y, lambda g: gradients(g, engine.spread(g)), self.state

    def _pulled_back(
        self, x: NDArray
    ) -> tuple[Any, NDArray, NDArray, Callable[[NDArray, NDArray], dict[str, NDArray]]]:
        """Return (engine, its filters, y, (g, what the engine reads of g) -> gradients in the params)."""
        engine = self._engine(x.shape[1:])
        u, filters = engine.unfold(x), engine.filters(self._weight(x.dtype))

        def gradients(g: NDArray, spread: NDArray) -> dict[str, NDArray]:
            grads = {"weight": engine.weight_gradient(u, spread)}
            if self.bias:
                grads["bias"] = sum_positions(g)
            return grads

        return engine, filters, self._add_bias(engine.multiply(u, filters)), gradients
