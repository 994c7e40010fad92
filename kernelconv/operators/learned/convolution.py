"""Convolution: patch extraction, then a matrix, learned or given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernelconv._check import as_float, check_finite, check_flag, check_shape
from kernelconv._types.arrays import Data
from kernelconv._types.parameters import Padding, Size
from kernelconv.operators.base import Shape3
from kernelconv.operators.by_value import ByValue
from kernelconv.operators.learned.affine import PatchwiseAffine


@dataclass(frozen=True, repr=False)
class Convolution(PatchwiseAffine):
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
    padding : {"valid", "zero", "reflect", "symmetric", "circular"}, int or (int, int)
        As `PatchExtraction`.
    dilation : int or (int, int)
        Step inside a filter (px).
    bias : bool
        Add b; without it the part is linear and has an adjoint and a matrix.
    initialization : str
        Initial weights: "torch_default", U(-1, 1) / sqrt(fan_in), or "he_normal", "he_uniform", "glorot_normal",
        "glorot_uniform", "lecun_normal", "lecun_uniform": of variance 2 / fan_in (He et al. 2015, eq. 10),
        2 / (fan_in + fan_out) (Glorot & Bengio 2010, eq. 12) or 1 / fan_in (LeCun et al. 1998, eq. 16).

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``build`` without `rng`, or if a filter is larger than the
        padded image.

    Notes
    -----
    ``params``: "weight" (k_h k_w c, n_filters), drawn with fan_in = k_h k_w c and fan_out = k_h k_w n_filters; "bias"
    (n_filters,), zeros. Cost: h' w' k_h k_w c n_filters multiply-adds; fewer with Toom-Cook tiles, for filters of 2 to
    5 px a side at stride 1 on more than four channels: their error in float32 is 2e-6 of the result, that of plain sums
    2e-7. The gradient in W is a sum over all positions, which share the weights.

    References
    ----------
    LeCun et al. (1998), Gradient-based learning applied to document recognition. Glorot & Bengio (2010),
    Understanding the difficulty of training deep feedforward neural networks, equation 1, for the start weights.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Convolution
    >>> part = Convolution(8, 5, padding="zero").build((28, 28, 1), np.random.default_rng(0))
    >>> part.forward(np.zeros((2, 28, 28, 1))).shape, part.n_params()
    ((2, 28, 28, 8), 208)
    """

    @classmethod
    def from_weights(
        cls,
        weights: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: Size = 1,
        padding: Padding | Size = "valid",
        dilation: Size = 1,
        flip: bool = False,
    ) -> GivenConvolution:
        r"""Return a convolution of given weights and biases: a filter made by hand, or learned elsewhere.

        .. math:: y[i, j, m] = \sum_{k, l, c} x'[s i + d k, s j + d l, c] \, W[k, l, c, m] + b_m

        It runs on maps with the channels of the weights without being built. Once built, its params start at the given
        weights, and training changes them unless they are `frozen`.

        Parameters
        ----------
        weights : array-like (k_h, k_w), (k_h, k_w, c) or (k_h, k_w, c, n_filters)
            W; without the last axis it is one filter, without the last two one filter of one channel. float64 stays
            float64, other dtypes become float32.
        bias : float or array-like (n_filters,), optional
            b; without it the part is linear.
        stride, padding, dilation
            As `Convolution`.
        flip : bool
            False: the sum above, a cross-correlation, as everywhere in this library and in CNNs. True: a convolution in
            the mathematical sense, as ``scipy.signal.convolve2d`` computes it: W is reversed along both spatial axes,
            so that the response to an impulse is the filter itself and not its mirror image.

        Returns
        -------
        GivenConvolution

        Raises
        ------
        ValueError
            If `weights` do not hold finite real numbers or have another number of axes; if `bias` is not one finite
            number per filter; and as `Convolution`.

        Examples
        --------
        >>> import numpy as np
        >>> from kernelconv.operators import Convolution
        >>> x = np.zeros((1, 3, 4, 1))
        >>> x[:, :, :2] = 1
        >>> Convolution.from_weights([[1.0, 0.0, -1.0]]).forward(x)[0, 0, :, 0]
        array([1., 1.])
        >>> Convolution.from_weights([[1.0, 0.0, -1.0]], flip=True).forward(x)[0, 0, :, 0]
        array([-1., -1.])
        """
        w = Weights(weights)
        if check_flag(flip, "flip"):
            w = Weights(w.values[::-1, ::-1])
        *size, _, n_filters = w.values.shape
        biases = None if bias is None else Biases(bias)
        window = (tuple(size), stride, padding, dilation)
        return GivenConvolution(n_filters, *window, biases is not None, weights=w, biases=biases)

    @property
    def equivariant(self) -> bool:
        """True with circular borders."""
        return self.padding == "circular"

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        """Return norm(P) norm(W) of a built part, else None."""
        if self.in_shape is None:
            return None
        return self.patches._lipschitz(in_shape) * float(np.linalg.norm(self.params["weight"], 2))


@dataclass(frozen=True, eq=False, repr=False)
class Weights(ByValue):
    """Filters (k_h, k_w, c, n_filters); a lone one may come without that axis, and one of one channel without both."""

    values: Any

    def __post_init__(self) -> None:
        """Check the numbers and bring them to four axes."""
        w = check_finite(as_float(self.values, "weights"), "weights")
        if not 2 <= w.ndim <= 4 or 0 in w.shape:
            raise ValueError(
                "weights must be (k_h, k_w), (k_h, k_w, c) or (k_h, k_w, c, n_filters), of at least one value, got "
                f"shape {w.shape}. Weights (o, c, k_h, k_w), as PyTorch holds them, are such by transpose(2, 3, 1, 0)."
            )
        self._keep(np.array(w.reshape(*w.shape, *(1,) * (4 - w.ndim))))


@dataclass(frozen=True, eq=False, repr=False)
class Biases(ByValue):
    """One number a filter."""

    values: Any

    def __post_init__(self) -> None:
        """Check the numbers."""
        b = np.atleast_1d(check_finite(as_float(self.values, "bias"), "bias"))
        if b.ndim != 1:
            raise ValueError(f"bias must be one number a filter, (n_filters,), got shape {b.shape}.")
        self._keep(np.array(b))


@dataclass(frozen=True, repr=False)
class GivenConvolution(Convolution):
    """A `Convolution` whose weights start as they are given: what `Convolution.from_weights` returns.

    Parameters
    ----------
    n_filters, size, stride, padding, dilation, bias, initialization
        As `Convolution`; the number and size of the filters are those of the weights. Nothing is drawn, so
        `initialization` has no effect.
    weights : Weights or array-like (k_h, k_w, c, n_filters)
        The filters.
    biases : Biases or array-like (n_filters,), optional
        Required if `bias` is True, not allowed otherwise.

    Raises
    ------
    ValueError
        From the constructor if the number or size of weights or biases contradicts the other fields, and as
        `Convolution`; from ``out_shape`` and ``build`` for maps whose number of channels is not that of the weights.

    Examples
    --------
    >>> part = Convolution.from_weights([[0.0, 1.0], [1.0, 0.0]])
    >>> part.n_filters, part.size, part.out_shape((5, 5, 1))
    (1, (2, 2), (4, 4, 1))
    """

    weights: Weights | ArrayLike = field(kw_only=True)
    biases: Biases | ArrayLike | None = field(default=None, kw_only=True)

    _runs_unbuilt = True

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        w = self.weights if isinstance(self.weights, Weights) else Weights(self.weights)
        object.__setattr__(self, "weights", w)
        if (*self.size, self.n_filters) != (*w.values.shape[:2], w.values.shape[3]):
            raise ValueError(
                f"n_filters={self.n_filters} of size={self.size} do not fit weights (k_h, k_w, c, n_filters) of shape "
                f"{w.values.shape}."
            )
        if (self.biases is not None) != check_flag(self.bias, "bias"):
            raise ValueError("bias=True needs biases, and bias=False none: give a GivenConvolution both or neither.")
        if self.biases is not None:
            b = self.biases if isinstance(self.biases, Biases) else Biases(self.biases)
            object.__setattr__(self, "biases", b)
            if len(b.values) != self.n_filters:
                raise ValueError(f"bias must be one number a filter, {self.n_filters}, got {len(b.values)}.")

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        c = self.weights.values.shape[2]  # type: ignore[union-attr]  # since __post_init__
        if in_shape[2] != c:
            raise ValueError(f"weights are of {c} channels, the maps have {in_shape[2]}.")
        return super()._out_shape(in_shape)

    def build(
        self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None
    ) -> GivenConvolution:
        """Return a copy that holds the weights; neither `rng` nor `data` is needed."""
        weights: Any = self.weights
        params = {"weight": np.array(weights.values.reshape(-1, self.n_filters))}
        if self.biases is not None:
            params["bias"] = np.array(self.biases.values)  # type: ignore[union-attr]
        return self._built(check_shape(in_shape), params, {})
