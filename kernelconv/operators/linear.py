"""Learned linear maps: Convolution (patch extraction, then a matrix), Dense, and Flatten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, check_count
from kernelconv.operators.base import ParamPullback, Part, Pullback, Shape3, State, sum_positions
from kernelconv.operators.patches import PairLike, PatchExtraction
from kernelconv.operators.tiles import correlation


class _Affine(Part):
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
        if rng is None:
            name = type(self).__name__
            raise ValueError(f"{name}.build needs a numpy Generator: pass rng=numpy.random.default_rng(seed).")
        params = {"weight": rng.standard_normal((fan_in, self.n_outputs)) * np.sqrt(2 / fan_in)}
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

    def linearize(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state): gradient in W is (P x)' g, in x it is P*(g W')."""
        engine, filters, y, gradients = self._linearized(x)

        def pullback(g: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
            spread = engine.spread(g)
            return engine.input_gradient(spread, filters), gradients(g, spread)

        return y, pullback, self.state

    def linearize_params(
        self, x: NDArray, *, train: bool = False, rng: Any = None
    ) -> tuple[NDArray, ParamPullback, State]:
        """Return (y, pullback to the params, state)."""
        engine, _, y, gradients = self._linearized(x)
        return y, lambda g: gradients(g, engine.spread(g)), self.state

    def _linearized(self, x: NDArray) -> tuple[Any, NDArray, NDArray, Callable[[NDArray, NDArray], dict[str, NDArray]]]:
        """Return (engine, its filters, y, (g, what the engine reads of g) -> gradients in the params)."""
        engine = self._engine(x.shape[1:])
        u, filters = engine.unfold(x), engine.filters(self._weight(x.dtype))

        def gradients(g: NDArray, spread: NDArray) -> dict[str, NDArray]:
            grads = {"weight": engine.weight_gradient(u, spread)}
            if self.bias:
                grads["bias"] = sum_positions(g)
            return grads

        return engine, filters, self._add_bias(engine.multiply(u, filters)), gradients


@dataclass(frozen=True, repr=False)
class Convolution(_Affine):
    r"""A learned convolution (cross-correlation, as CNNs use it): patch extraction, then a matrix.

    .. math:: y[i, j, m] = \sum_{k, l, c} x'[s i + d k, s j + d l, c] \, W[(k, l, c), m] + b_m

    Parameters
    ----------
    n_filters : int
        Channels of the output.
    size : int or (int, int)
        Filter height and width (px).
    stride : int or (int, int)
        Step (px).
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}
        As `PatchExtraction`.
    dilation : int or (int, int)
        Step inside a filter (px).
    bias : bool
        Add b; without it the part is linear and has an adjoint and a matrix.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``build`` without `rng`, or if a filter is larger than the
        padded image.

    Notes
    -----
    ``params``: "weight" (k_h k_w c, n_filters), drawn from N(0, 2 / (k_h k_w c)) (He et al. 2015); "bias" (n_filters,),
    zeros. Cost: h' w' k_h k_w c n_filters multiply-adds; fewer by Toom-Cook tiles for filters of 2 to 5 px a side,
    moved by one, on more than four channels: in float32 these err by 2e-6 of the result, where sums err by 2e-7. The
    gradient in W sums over all positions: weight sharing is the adjoint of patch extraction.

    References
    ----------
    LeCun et al. (1998), Gradient-based learning applied to document recognition.

    Examples
    --------
    >>> import numpy as np
    >>> part = Convolution(8, 5, padding="zero").build((28, 28, 1), np.random.default_rng(0))
    >>> part.forward(np.zeros((2, 28, 28, 1))).shape, part.n_params()
    ((2, 28, 28, 8), 208)
    """

    n_filters: int
    size: PairLike
    stride: PairLike = 1
    padding: str = "valid"
    dilation: PairLike = 1
    bias: bool = True

    def __post_init__(self) -> None:
        """Check the number of filters and let P check the rest."""
        check_count(self.n_filters, "n_filters")
        for name in ("size", "stride", "dilation"):
            object.__setattr__(self, name, getattr(self.patches, name))

    @property
    def n_outputs(self) -> int:
        """`n_filters`."""
        return self.n_filters

    @cached_property
    def patches(self) -> PatchExtraction:
        """The patch extraction that the matrix multiplies."""
        return PatchExtraction(self.size, self.stride, self.padding, self.dilation)

    @property
    def equivariant(self) -> bool:
        """True with circular borders."""
        return self.padding == "circular"

    def lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(P) norm(W) of a built part, else None."""
        if self.in_shape is None:
            return None
        return self.patches.lipschitz(in_shape) * float(np.linalg.norm(self.params["weight"], 2))

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (h', w', n_filters)."""
        return (*self.patches.out_shape(in_shape)[:2], self.n_filters)

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return (extent, stride)."""
        return self.patches.window(in_shape)

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h' w' k_h k_w c n_filters."""
        return int(np.prod(self.patches.out_shape(in_shape))) * self.n_filters

    def _engine(self, in_shape: Shape3) -> Any:
        return correlation(self.patches, in_shape)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> Convolution:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        return self._draw(in_shape, self.patches.out_shape(in_shape)[2], rng)


class _Vectors:
    """What a `Correlation` is to Convolution, to Dense: images of one shape as vectors."""

    def __init__(self, in_shape: Shape3) -> None:
        self.in_shape = in_shape

    def unfold(self, x: NDArray) -> NDArray:
        return x.reshape(len(x), -1)

    spread = unfold

    def filters(self, weight: NDArray) -> NDArray:
        return weight

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        return (u @ filters).reshape(len(u), 1, 1, -1)

    def weight_gradient(self, u: NDArray, spread: NDArray) -> NDArray:
        return u.T @ spread

    def input_gradient(self, spread: NDArray, filters: NDArray) -> NDArray:
        return (spread @ filters.T).reshape(-1, *self.in_shape)


@dataclass(frozen=True, repr=False)
class Dense(_Affine):
    """A fully connected map of the whole image, y = W' vec(x) + b: (n, h, w, c) -> (n, 1, 1, n_units).

    Parameters
    ----------
    n_units : int
        Outputs.
    bias : bool
        Add b; without it the part is linear.

    Raises
    ------
    ValueError
        From the constructor if `n_units` is not a positive int; from ``build`` without `rng`.

    Notes
    -----
    ``params``: "weight" (h w c, n_units), drawn from N(0, 2 / (h w c)), and "bias". Cost: h w c n_units multiply-adds.

    Examples
    --------
    >>> import numpy as np
    >>> Dense(100).build((28, 28, 1), np.random.default_rng(0)).n_params()
    78500
    """

    n_units: int
    bias: bool = True

    def __post_init__(self) -> None:
        """Check the number of units."""
        check_count(self.n_units, "n_units")

    @property
    def n_outputs(self) -> int:
        """`n_units`."""
        return self.n_units

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (1, 1, n_units)."""
        return 1, 1, self.n_units

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h w c n_units."""
        return int(np.prod(in_shape)) * self.n_units

    def lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(W) of a built part, else None."""
        return None if self.in_shape is None else float(np.linalg.norm(self.params["weight"], 2))

    def _engine(self, in_shape: Shape3) -> Any:
        return _Vectors(in_shape)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> Dense:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        return self._draw(in_shape, int(np.prod(in_shape)), rng)


@dataclass(frozen=True, repr=False)
class Flatten(Part):
    """All values of a map as the channels of one position: (n, h, w, c) -> (n, 1, 1, h w c).

    Examples
    --------
    >>> Flatten().out_shape((2, 3, 4))
    (1, 1, 24)
    """

    linear = True
    homogeneous = True

    def out_shape(self, in_shape: Shape3) -> Shape3:
        """Return (1, 1, h w c)."""
        return 1, 1, int(np.prod(in_shape))

    def lipschitz(self, in_shape: Shape3) -> float:
        """Return 1."""
        return 1.0

    def window(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def forward(self, x: NDArray) -> NDArray:
        """Return x.reshape(n, 1, 1, h w c)."""
        return x.reshape(len(x), 1, 1, -1)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return y.reshape(shape)
