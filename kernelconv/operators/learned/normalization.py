"""Normalisation of maps: by the training set's statistics, and by the mini-batch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import as_data, like, namespace, to_numpy
from kernelconv._check import check_positive, check_shape
from kernelconv._parallel.collectives import all_gather
from kernelconv._scales import scales
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State

Moments = tuple[int, NDArray, NDArray]


@dataclass(frozen=True, repr=False)
class Standardization(Part):
    r"""Standardise each channel, (x - mean) / deviation, with both computed over all training pixels by ``build``.

    .. math:: y[i, j, c] = (x[i, j, c] - \mu_c) / \sigma_c

    A constant channel, one whose deviation is less than a millionth of its values, is centred and not scaled.
    Without `data` the part is the identity.

    Notes
    -----
    ``state``: "mean" and "deviation", (c,), which training does not change. Lipschitz constant: 1 / min sigma_c.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Standardization
    >>> x = np.arange(8.0).reshape(2, 2, 2, 1)
    >>> y = Standardization().build((2, 2, 1), data=x).forward(x)
    >>> float(y.mean()), float(y.std().round(12))
    (0.0, 1.0)
    """

    equivariant = True
    real_only = True

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return 1 / min sigma_c of a built part, else None."""
        return None if self.in_shape is None else float(1 / self.state["deviation"].min())

    def build(
        self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None
    ) -> Standardization:
        """Return a copy that holds the mean and deviation of `data`, computed block by block."""
        in_shape = check_shape(in_shape)
        maps: Any = () if data is None else as_data(data, in_shape)
        mean, square, count = np.zeros(in_shape[2]), np.zeros(in_shape[2]), 0
        shift, unit = np.zeros(in_shape[2]), 1.0
        for lo in range(0, len(maps), 256):
            x = maps[np.arange(lo, min(lo + 256, len(maps)))]
            x = np.asarray(x if type(x) is np.ndarray else to_numpy(x), np.float64)
            # sums of squares about a typical value, of an ordinary scale, neither cancel nor overflow
            by = scales(x[None]) if lo == 0 else None
            unit = unit if by is None else float(by.ravel()[0])
            x = x if unit == 1 else x * unit
            shift = x.mean(axis=(0, 1, 2)) if lo == 0 else shift
            mean += (x - shift).sum(axis=(0, 1, 2))
            square += ((x - shift) ** 2).sum(axis=(0, 1, 2))
            count += x.size // in_shape[2]
        if count:
            mean, square = mean / count, square / count
        variance = square - mean**2
        flat = variance <= 1e-12 * np.maximum(square + shift**2, 1e-300)
        deviation = np.where(flat, 1, np.sqrt(np.where(flat, 1, variance)) / unit)
        return self._built(in_shape, {}, {"mean": (mean + shift) / unit, "deviation": deviation})

    def definition(self, x: Array) -> Any:
        """Return (x - mean) / deviation."""
        return (x - like(self.state["mean"], x)) / like(self.state["deviation"], x)

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, g -> g / deviation, state)."""
        deviation = self.state["deviation"].astype(x.dtype, copy=False)
        return self.definition(x), lambda g: (g / deviation, {}), self.state


@dataclass(frozen=True, repr=False)
class BatchNorm(Part):
    r"""Batch normalisation: per channel, scale (x - mean) / sqrt(variance + epsilon) + shift.

    .. math:: y[i, j, c] = \gamma_c (x[i, j, c] - \mu_c) / \sqrt{\sigma_c^2 + \epsilon} + \beta_c

    In training, mean and variance are those of the mini-batch, over its images and positions; in evaluation they are
    running averages over the mini-batches of training. A mini-batch of one value a channel, which has no variance, is
    normalised by the running averages too, and leaves them as they are.

    Parameters
    ----------
    momentum : float
        Weight of the newest mini-batch in the running means, in (0, 1].
    epsilon : float
        Added to the variance.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``pullback`` in training where squares of the maps overflow.

    Notes
    -----
    ``params``: "scale" (gamma, ones at first) and "shift" (beta, zeros), (c,), without weight decay.
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
    >>> from kernelconv.operators import BatchNorm
    >>> x = np.random.default_rng(0).normal(3, 2, (8, 4, 4, 1))
    >>> y, _, state = BatchNorm().build((4, 4, 1)).pullback(x, train=True)
    >>> round(float(y.std()), 3), bool(np.isclose(state["mean"][0], 0.1 * x.mean()))
    (1.0, True)
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    equivariant = True
    real_only = True
    couples_samples = True

    def __post_init__(self) -> None:
        """Check both numbers."""
        if check_positive(self.momentum, "momentum") > 1:
            raise ValueError(f"momentum must be in (0, 1], got {self.momentum!r}.")
        check_positive(self.epsilon, "epsilon")

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return max of abs(gamma) / sqrt(variance + epsilon) of a built part, else None."""
        if self.in_shape is None:
            return None
        return float(np.max(np.abs(self.params["scale"]) * self.inverse_deviation(self.state["variance"])))

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> BatchNorm:
        """Return a copy that starts as the identity, up to epsilon."""
        in_shape = check_shape(in_shape)
        ones, zeros = np.ones(in_shape[2]), np.zeros(in_shape[2])
        return self._built(in_shape, {"scale": ones, "shift": zeros}, {"mean": zeros, "variance": ones})

    def inverse_deviation(self, variance: NDArray) -> NDArray:
        """Return 1 / sqrt(variance + epsilon)."""
        return 1 / namespace(variance).sqrt(variance + self.epsilon)

    def definition(self, x: Array) -> Any:
        """Return the normalised maps by the running statistics."""
        slope = self.params["scale"] * self.inverse_deviation(self.state["variance"])
        return x * like(slope, x) + like(self.params["shift"] - self.state["mean"] * slope, x)

    def training_definition(self, x: Array, uniform: Callable[[tuple[int, ...]], Any]) -> tuple[Any, Mapping[str, Any]]:
        """Return the maps normalised by the mini-batch's statistics, and the updated running statistics."""
        xp, axes = namespace(x), (0, 1, 2)
        count = math.prod(x.shape[:3])
        if count <= 1:
            return self.definition(x), self.state
        mean, variance = xp.mean(x, axis=axes), xp.var(x, axis=axes)
        new = {"mean": mean, "variance": variance * (count / (count - 1))}
        held = {k: like(v, x) for k, v in self.state.items()}
        unit = (x - mean) * self.inverse_deviation(variance)
        y = unit * like(self.params["scale"], x) + like(self.params["shift"], x)
        return y, {k: v + self.momentum * (new[k] - v) for k, v in held.items()}

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state); with `train` by the mini-batch's statistics, which the gradient goes through."""
        count, mean, variance, state = self.statistics(moments(x)) if train else self._running_statistics()
        inverse = self.inverse_deviation(variance.astype(x.dtype))
        unit = (x - mean.astype(x.dtype)) * inverse

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            grads = {"scale": (g * unit).sum(axis=(0, 1, 2)), "shift": g.sum(axis=(0, 1, 2))}
            gx = g
            if count > 1:
                along, level = self.mean_gradients(grads, count)
                gx = g - unit * along.astype(g.dtype) - level.astype(g.dtype)
            return gx * (self.params["scale"] * inverse), grads

        return unit * self.params["scale"] + self.params["shift"], pullback, state

    def _running_statistics(self) -> tuple[int, NDArray, NDArray, State]:
        return 1, self.state["mean"], self.state["variance"], self.state

    def statistics(self, of_block: Moments) -> tuple[int, NDArray, NDArray, State]:
        """Return (values per channel, mean, variance, new state) of the mini-batch that a block belongs to."""
        count, mean, square = _pooled(all_gather(of_block))
        if count == 1:
            return self._running_statistics()
        if np.isfinite(mean).all() and not np.isfinite(square).all():
            raise ValueError(
                "Squares of the maps that BatchNorm normalises overflow. Divide the images first, or put a "
                "Standardization before it; if that is done, training diverges: take a smaller learning rate."
            )
        new = {"mean": mean, "variance": square / (count - 1)}
        state = {k: (v + self.momentum * (new[k] - v)).astype(v.dtype) for k, v in self.state.items()}
        return count, mean, square / count, state

    @staticmethod
    def mean_gradients(grads: Grads, count: int) -> tuple[NDArray, NDArray]:
        """Return the mini-batch's means of g unit and of g, from a block's sums."""
        blocks = all_gather((grads["scale"], grads["shift"]))
        along, level = (np.sum([block[i] for block in blocks], axis=0) / count for i in (0, 1))
        return along, level


def moments(x: NDArray) -> Moments:
    """Return (values a channel, mean (c,), sum of squares (c,) about it) of a block of maps."""
    mean = x.mean(axis=(0, 1, 2))
    with np.errstate(over="ignore"):  # `BatchNorm.statistics` refuses what overflows
        return x.size // x.shape[3], mean, ((x - mean) ** 2).sum(axis=(0, 1, 2))


def _pooled(blocks: list[Moments]) -> Moments:
    """Return the moments of all blocks together, in float64, in block order."""
    count = sum(m for m, _, _ in blocks)
    mean = sum(m * mean.astype(np.float64) for m, mean, _ in blocks) / count
    square = sum(own.astype(np.float64) + m * (part - mean) ** 2 for m, part, own in blocks)
    return count, np.asarray(mean), np.asarray(square)
