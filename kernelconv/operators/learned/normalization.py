"""Normalisation of maps: by the training set's statistics, and by the mini-batch's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import check_positive
from kernelconv._parallel.meeting import all_gather
from kernelconv.operators.base import Part, Pullback, Shape3, State, sum_positions


@dataclass(frozen=True, repr=False)
class Standardization(Part):
    r"""Per channel (x - mean) / deviation, both taken over all training pixels when built.

    .. math:: y[i, j, c] = (x[i, j, c] - \mu_c) / \sigma_c

    A constant channel is centred and not scaled. Without `data` the part is the identity.

    Notes
    -----
    ``state``: "mean" and "deviation", (c,), which training does not change. Lipschitz constant: 1 / min sigma_c.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(2, 2, 2, 1)
    >>> y = Standardization().build((2, 2, 1), data=x).forward(x)
    >>> float(y.mean()), float(y.std().round(12))
    (0.0, 1.0)
    """

    equivariant = True

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return `in_shape`."""
        return in_shape

    def lipschitz(self, in_shape: Shape3) -> float | None:
        """Return 1 / min sigma_c of a built part, else None."""
        return None if self.in_shape is None else float(1 / self.state["deviation"].min())

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> Standardization:
        """Return a copy that holds `data`'s mean and deviation, gathered in blocks."""
        mean, square, count = np.zeros(in_shape[2]), np.zeros(in_shape[2]), 0
        shift = np.zeros(in_shape[2])
        for lo in range(0, 0 if data is None else len(data), 256):
            x = np.asarray(data[np.arange(lo, min(lo + 256, len(data)))], np.float64)
            if lo == 0:  # sums of squares about a typical value do not cancel
                shift = x.mean(axis=(0, 1, 2))
            mean += (x - shift).sum(axis=(0, 1, 2))
            square += ((x - shift) ** 2).sum(axis=(0, 1, 2))
            count += x.size // in_shape[2]
        if count:
            mean, square = mean / count, square / count
        variance = square - mean**2
        flat = variance <= 1e-12 * np.maximum(square + shift**2, 1e-300)
        deviation = np.sqrt(np.where(flat, 1, variance))
        return self._built(in_shape, {}, {"mean": mean + shift, "deviation": deviation})

    def forward(self, x: NDArray) -> NDArray:
        """Return (x - mean) / deviation."""
        self._check_built()
        mean, deviation = (self.state[k].astype(x.dtype, copy=False) for k in ("mean", "deviation"))
        return (x - mean) / deviation

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, g -> g / deviation, state)."""
        deviation = self.state["deviation"].astype(x.dtype, copy=False)
        return self.forward(x), lambda g: (g / deviation, {}), self.state


@dataclass(frozen=True, repr=False)
class BatchNorm(Part):
    r"""Per channel scale (x - mean) / sqrt(variance + epsilon) + shift.

    .. math:: y[i, j, c] = \gamma_c (x[i, j, c] - \mu_c) / \sqrt{\sigma_c^2 + \epsilon} + \beta_c

    In training mean and variance are those of the mini-batch, over its images and positions; in evaluation they are
    running means of what training has seen.

    Parameters
    ----------
    momentum : float
        Weight of the newest mini-batch in the running means, in (0, 1].
    epsilon : float
        Added to the variance.

    Raises
    ------
    ValueError
        From the constructor for values out of range.

    Notes
    -----
    ``params``: "scale" (gamma, ones at first) and "shift" (beta, zeros), (c,), which weight decay leaves alone.
    ``state``: "mean" and "variance", (c,), zeros and ones at first; the variance that goes into the running mean is
    the unbiased one. A mini-batch that is cut into blocks has one mean and one variance: the blocks exchange their
    sums, forward and backward, so that the cut changes nothing. Lipschitz constant in evaluation: max of
    abs(gamma) / sqrt(variance + epsilon).

    References
    ----------
    Ioffe & Szegedy (2015), Batch normalization, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(3, 2, (8, 4, 4, 1))
    >>> y, _, state = BatchNorm().build((4, 4, 1)).pullback(x, train=True)
    >>> round(float(y.std()), 3), bool(np.isclose(state["mean"][0], 0.1 * x.mean()))
    (1.0, True)
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    equivariant = True
    couples_samples = True

    def __post_init__(self) -> None:
        """Check both numbers."""
        if check_positive(self.momentum, "momentum") > 1:
            raise ValueError(f"momentum must be in (0, 1], got {self.momentum!r}.")
        check_positive(self.epsilon, "epsilon")

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return `in_shape`."""
        return in_shape

    def lipschitz(self, in_shape: Shape3) -> float | None:
        """Return max of abs(gamma) / sqrt(variance + epsilon) of a built part, else None."""
        if self.in_shape is None:
            return None
        return float(np.max(np.abs(self.params["scale"]) * self._inverse_deviation(self.state["variance"])))

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> BatchNorm:
        """Return a copy that starts as the identity, up to epsilon."""
        ones, zeros = np.ones(in_shape[2]), np.zeros(in_shape[2])
        return self._built(in_shape, {"scale": ones, "shift": zeros}, {"mean": zeros, "variance": ones})

    def _inverse_deviation(self, variance: NDArray) -> NDArray:
        return 1 / np.sqrt(variance + variance.dtype.type(self.epsilon))

    def forward(self, x: NDArray) -> NDArray:
        """Return the normalised maps by the running statistics."""
        self._check_built()
        axes, back = _axes(x)
        x = x.transpose(axes)
        slope = self.params["scale"] * self._inverse_deviation(self.state["variance"])
        y = _lines(x) * _along(slope, x)
        y += _along(self.params["shift"] - self.state["mean"] * slope, x)
        return y.reshape(x.shape).transpose(back)

    def pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state); with `train` by the mini-batch's statistics, which the gradient goes through."""
        self._check_built()
        axes, back = _axes(x)  # any order of the images and positions will do
        y, pull, state = (self._pullback_batch if train else self._pullback_running)(x.transpose(axes))

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            gx, grads = pull(g.transpose(axes))
            return gx.transpose(back), grads

        return y.transpose(back), pullback, state

    def _pullback_batch(self, x: NDArray) -> tuple[NDArray, Pullback, State]:
        mean, own = _moments(x)
        count, mean_all, square = _pooled(all_gather((x.size // x.shape[3], mean, own)))
        inverse = self._inverse_deviation((square / count).astype(x.dtype))
        unit = _lines(x) - _along(mean_all, x)
        unit *= _along(inverse, x)
        y = unit * _along(self.params["scale"], x)
        y += _along(self.params["shift"], x)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            product = _lines(g) * unit
            grads = {"scale": sum_positions(product.reshape(x.shape)), "shift": sum_positions(g)}
            blocks = all_gather((grads["scale"], grads["shift"]))
            along, level = (np.sum([block[i] for block in blocks], axis=0) / count for i in (0, 1))
            np.multiply(unit, _along(along, x), out=product)
            np.subtract(_lines(g), product, out=product)
            product -= _along(level, x)
            product *= _along(self.params["scale"] * inverse, x)
            return product.reshape(x.shape), grads

        return y.reshape(x.shape), pullback, self._updated(mean_all, square / max(count - 1, 1))

    def _updated(self, mean: NDArray, variance: NDArray) -> dict[str, NDArray]:
        new = {"mean": mean, "variance": variance}
        return {k: (v + self.momentum * (new[k] - v)).astype(v.dtype) for k, v in self.state.items()}

    def _pullback_running(self, x: NDArray) -> tuple[NDArray, Pullback, State]:
        inverse = self._inverse_deviation(self.state["variance"])

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            unit = ((_lines(x) - _along(self.state["mean"], x)) * _along(inverse, x)).reshape(x.shape)
            grads = {"scale": sum_positions(g * unit), "shift": sum_positions(g)}
            return (_lines(g) * _along(self.params["scale"] * inverse, x)).reshape(x.shape), grads

        return self.forward(x), pullback, self.state


def _axes(x: NDArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order of axes in which `x` lies in one piece, if convolutions by tiles made it, and the way back."""
    turned = not x.flags.c_contiguous and x.transpose(1, 2, 0, 3).flags.c_contiguous
    return ((1, 2, 0, 3), (2, 0, 1, 3)) if turned else ((0, 1, 2, 3), (0, 1, 2, 3))


def _lines(x: NDArray) -> NDArray:
    """Return `x` (n, h, w, c) as (n, h, w c): numpy runs through whole lines, not through a few channels at a time."""
    return x.reshape(*x.shape[:2], -1)


def _along(v: NDArray, x: NDArray) -> NDArray:
    """Return the channel values `v` (c,) repeated along a line of `x`, (w c,)."""
    return np.tile(v.astype(x.dtype, copy=False), x.shape[2])


def _moments(x: NDArray) -> tuple[NDArray, NDArray]:
    """Return the mean (c,) of `x` and the sum of squares (c,) about it."""
    mean = sum_positions(x) / x.dtype.type(x.size // x.shape[3])
    centred = _lines(x) - _along(mean, x)
    return mean, sum_positions(np.multiply(centred, centred, out=centred).reshape(x.shape))


def _pooled(blocks: list[tuple[int, NDArray, NDArray]]) -> tuple[int, NDArray, NDArray]:
    """Return (count, mean, sum of squares about it) of all blocks together, in float64, in block order."""
    count = sum(m for m, _, _ in blocks)
    mean = sum(m * mean.astype(np.float64) for m, mean, _ in blocks) / count
    square = sum(own.astype(np.float64) + m * (part - mean) ** 2 for m, part, own in blocks)
    return count, np.asarray(mean), np.asarray(square)
