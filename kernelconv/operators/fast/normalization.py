"""Batch normalisation along whole lines, in the layout in which the maps come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.operators.fast.choice import Engine
from kernelconv.operators.fast.layouts import axes_in_memory, sum_positions
from kernelconv.operators.learned.normalization import Moments


class ByLines(Engine):
    """Any order of the images and positions will do: numpy runs through whole lines, not a few channels at a time."""

    def forward(self, x: NDArray) -> NDArray:
        """Return the normalised maps by the running statistics."""
        axes, back = axes_in_memory(x)
        part, x = self.part, x.transpose(axes)
        slope = part.params["scale"] * part.inverse_deviation(part.state["variance"])
        y = _lines(x) * _along(slope, x)
        y += _along(part.params["shift"] - part.state["mean"] * slope, x)
        return y.reshape(x.shape).transpose(back)

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Any, Any]:
        """Return (y, pull, state); with `train` by the mini-batch's statistics, which the gradient goes through."""
        axes, back = axes_in_memory(x)
        y, pull, state = (self._batch if train else self._running)(x.transpose(axes))

        def pull_images(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            gx, grads = pull(g.transpose(axes))
            return gx.transpose(back), grads

        return y.transpose(back), pull_images, state

    def _batch(self, x: NDArray) -> tuple[NDArray, Any, Any]:
        part = self.part
        count, mean, variance, state = part.statistics(_moments(x))
        if count == 1:
            return self._running(x)
        inverse = part.inverse_deviation(variance.astype(x.dtype))
        unit = _lines(x) - _along(mean, x)
        unit *= _along(inverse, x)
        y = unit * _along(part.params["scale"], x)
        y += _along(part.params["shift"], x)

        def pull(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            product = _lines(g) * unit
            grads = {"scale": sum_positions(product.reshape(x.shape)), "shift": sum_positions(g)}
            along, level = part.mean_gradients(grads, count)
            np.multiply(unit, _along(along, x), out=product)
            np.subtract(_lines(g), product, out=product)
            product -= _along(level, x)
            product *= _along(part.params["scale"] * inverse, x)
            return product.reshape(x.shape), grads

        return y.reshape(x.shape), pull, state

    def _running(self, x: NDArray) -> tuple[NDArray, Any, Any]:
        part = self.part
        inverse = part.inverse_deviation(part.state["variance"])

        def pull(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            unit = ((_lines(x) - _along(part.state["mean"], x)) * _along(inverse, x)).reshape(x.shape)
            grads = {"scale": sum_positions(g * unit), "shift": sum_positions(g)}
            return (_lines(g) * _along(part.params["scale"] * inverse, x)).reshape(x.shape), grads

        return self.forward(x), pull, part.state


def _lines(x: NDArray) -> NDArray:
    """Return `x` (n, h, w, c) as (n, h, w c)."""
    return x.reshape(*x.shape[:2], -1)


def _along(v: NDArray, x: NDArray) -> NDArray:
    """Return the channel values `v` (c,) repeated along a line of `x`, (w c,)."""
    return np.tile(v.astype(x.dtype, copy=False), x.shape[2])


def _moments(x: NDArray) -> Moments:
    """Return (values a channel, mean, sum of squares about it) of a block of maps."""
    count = x.size // x.shape[3]
    mean = sum_positions(x) / x.dtype.type(count)
    centred = _lines(x) - _along(mean, x)
    with np.errstate(over="ignore"):  # `BatchNorm.statistics` refuses what overflows
        return count, mean, sum_positions(np.multiply(centred, centred, out=centred).reshape(x.shape))
