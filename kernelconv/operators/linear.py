"""Learned linear maps: Convolution (patch extraction, then a matrix), Dense, and Flatten."""

from __future__ import annotations

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

    # How x is unfolded, multiplied and folded back: a convolution's `Correlation`; a dense map reads rows as they are.

    def _unfold(self, x: NDArray) -> NDArray:
        """Return what the products read."""
        raise NotImplementedError

    def _multiply(self, u: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return (P x) W for x of `shape`."""
        raise NotImplementedError

    def _weight_gradient(self, u: NDArray, g: NDArray, shape: tuple[int, ...]) -> NDArray:
        """Return (P x)' g."""
        raise NotImplementedError

    def _add_bias(self, y: NDArray) -> NDArray:
        if self.bias:
            y += self.params["bias"].astype(y.dtype, copy=False)
        return y

    def forward(self, x: NDArray) -> NDArray:
        """Return (P x) W + b: (n, h, w, c) -> (n, h', w', c')."""
        self._check_built()
        return self._add_bias(self._multiply(self._unfold(x), x.shape))

    def linearize(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state): gradient in W is (P x)' g, in x it is P*(g W')."""
        y, pull, state = self.linearize_params(x)
        return y, lambda g: (self._adjoint(g, x.shape), pull(g)), state

    def linearize_params(
        self, x: NDArray, *, train: bool = False, rng: Any = None
    ) -> tuple[NDArray, ParamPullback, State]:
        """Return (y, pullback to the params, state)."""
        u = self._unfold(x)

        def pullback(g: NDArray) -> dict[str, NDArray]:
            grads = {"weight": self._weight_gradient(u, g, x.shape)}
            if self.bias:
                grads["bias"] = sum_positions(g)
            return grads

        return self._add_bias(self._multiply(u, x.shape)), pullback, self.state


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
    zeros. Cost: h' w' k_h k_w c n_filters multiply-adds. The gradient in W sums over all positions: weight sharing is
    the adjoint of patch extraction.

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

    def _unfold(self, x: NDArray) -> NDArray:
        return correlation(self.patches, x.shape[1:]).unfold(x)

    def _multiply(self, u: NDArray, shape: tuple[int, ...]) -> NDArray:
        return correlation(self.patches, shape[1:]).multiply(u, self._weight(u.dtype))

    def _weight_gradient(self, u: NDArray, g: NDArray, shape: tuple[int, ...]) -> NDArray:
        return correlation(self.patches, shape[1:]).weight_gradient(u, g)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return correlation(self.patches, shape[1:]).input_gradient(y, self._weight(y.dtype))

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Any = None) -> Convolution:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        return self._draw(in_shape, self.patches.out_shape(in_shape)[2], rng)


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

    def _unfold(self, x: NDArray) -> NDArray:
        return x.reshape(len(x), -1)

    def _multiply(self, u: NDArray, shape: tuple[int, ...]) -> NDArray:
        return (u @ self._weight(u.dtype)).reshape(len(u), 1, 1, -1)

    def _weight_gradient(self, u: NDArray, g: NDArray, shape: tuple[int, ...]) -> NDArray:
        return u.T @ g.reshape(len(u), -1)

    def _adjoint(self, y: NDArray, shape: tuple[int, ...]) -> NDArray:
        return (y.reshape(len(y), -1) @ self._weight(y.dtype).T).reshape(shape)

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
