"""Convolution, its transpose and Dense without the matrix of patches: forward, and gradients by the same transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.correlation.products import Correlation
from kernelconv.operators.fast.correlation.selection import FEW_CHANNELS, correlation
from kernelconv.operators.fast.layouts import add_to_channels, sum_positions
from kernelconv.operators.learned.convolution import Convolution
from kernelconv.operators.learned.dense import Dense
from kernelconv.operators.learned.transposed_convolution import TransposedConvolution


class AffineEngine(Engine):
    """(P x) W + b by products that know P: see `Correlation`."""

    def __init__(self, part: Any, products: Any) -> None:
        super().__init__(part)
        self.products = products

    def _filters(self, dtype: np.dtype[Any]) -> NDArray:
        return self.products.filter_transform(self.part.params["weight"].astype(dtype, copy=False))

    def _plus_bias(self, y: NDArray) -> NDArray:
        return add_to_channels(y, self.part.params["bias"].astype(y.dtype, copy=False)) if self.part.bias else y

    def forward(self, x: NDArray) -> NDArray:
        """Return (P x) W + b."""
        products = self.products
        return self._plus_bias(products.multiply(products.input_transform(x), self._filters(x.dtype)))

    def adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return P*(y W')."""
        return self.products.input_gradient(self.products.output_transform_adjoint(y), self._filters(y.dtype))

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (y, pull, state)."""
        filters, y, gradients = self._prepared(x)

        def pull(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            v = self.products.output_transform_adjoint(g)
            return self.products.input_gradient(v, filters), gradients(g, v)

        return y, pull, self.part.state

    def pullback_params(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (y, pull to the params, state): the gradient in x is left out."""
        _, y, gradients = self._prepared(x)
        return y, lambda g: gradients(g, self.products.output_transform_adjoint(g)), self.part.state

    def _prepared(self, x: NDArray) -> tuple[NDArray, NDArray, Callable[[NDArray, NDArray], dict[str, NDArray]]]:
        """Return (filters, y, (g, its transform) -> gradients in the params)."""
        u, filters = self.products.input_transform(x), self._filters(x.dtype)

        def gradients(g: NDArray, v: NDArray) -> dict[str, NDArray]:
            grads = {"weight": self.products.weight_gradient(u, v)}
            if self.part.bias:
                grads["bias"] = sum_positions(g)
            return grads

        return filters, self._plus_bias(self.products.multiply(u, filters)), gradients


def convolution(part: Convolution) -> Engine:
    """Return a convolution's engine."""
    return AffineEngine(part, correlation(part.patches, part._in_shape))  # type: ignore[arg-type]


def dense(part: Dense) -> Engine:
    """Return a fully connected map's engine."""
    return AffineEngine(part, Vectors(part._in_shape))  # type: ignore[arg-type]


def transposed_convolution(part: TransposedConvolution) -> Engine:
    """Return a transposed convolution's engine."""
    kind = OfFewChannels if part._in_shape[2] <= FEW_CHANNELS else AffineEngine
    return kind(part, Transposed(correlation(part.patches, part._shapes[-1])))


class OfFewChannels(AffineEngine):
    """A transposed convolution of a few channels: its definition is faster going forward, the products going back."""

    def forward(self, x: NDArray) -> NDArray:
        """Return P*(x W') + b."""
        return self.part.definition(x)


class Transposed:
    """The products of a `Correlation` in the other direction: g -> P*(g W') forwards, (P x) W for the gradient."""

    def __init__(self, products: Correlation) -> None:
        self.products = products
        self.filter_transform = products.filter_transform
        self.input_transform = products.output_transform_adjoint
        self.output_transform_adjoint = products.input_transform
        self.multiply, self.input_gradient = products.input_gradient, products.multiply

    def weight_gradient(self, u: NDArray, v: NDArray) -> NDArray:
        """Return (P g)' x."""
        return self.products.weight_gradient(v, u)


class Vectors:
    """What a `Correlation` is to Convolution, to Dense: images of one shape as vectors."""

    def __init__(self, in_shape: tuple[int, ...]) -> None:
        self.in_shape = in_shape

    def input_transform(self, x: NDArray) -> NDArray:
        """Return the vectors (n, h w c)."""
        return x.reshape(len(x), -1)

    output_transform_adjoint = input_transform

    def filter_transform(self, weight: NDArray) -> NDArray:
        """Return W."""
        return weight

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return u W."""
        return (u @ filters).reshape(len(u), 1, 1, -1)

    def weight_gradient(self, u: NDArray, v: NDArray) -> NDArray:
        """Return u' g."""
        return u.T @ v

    def input_gradient(self, v: NDArray, filters: NDArray) -> NDArray:
        """Return g W'."""
        return (v @ filters.T).reshape(-1, *self.in_shape)
