"""M: pointwise nonlinearities, forward and gradient side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import modulus, namespace
from kernelconv._types.arrays import Array
from kernelconv.operators.base import Part, Pullback, Shape3, State


class Pointwise(Part):
    """A function of each value of a map: its slope is a function of value and result, and its bound a constant."""

    equivariant = True

    real_only = True
    #: The largest slope, or None where slopes are unbounded.
    steepest: ClassVar[float | None] = None

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        return in_shape

    def _lipschitz(self, in_shape: Shape3) -> float | None:
        return self.steepest

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Return the derivative at `x`, where the function is `y`."""
        raise NotImplementedError

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, g -> g times the slope, state)."""
        y = self.definition(x)
        return y, lambda g: (g * self._slope(x, y), {}), self.state


@dataclass(frozen=True, repr=False)
class Modulus(Pointwise):
    """M: the modulus abs(x), entrywise; its derivative at 0 is taken as 0.

    Complex maps, such as wavelet transforms, become real. Gradient, for the real inner product Re <., .> of complex
    maps: g -> g x / abs(x).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Modulus
    >>> Modulus().forward(np.array([-2.0, 3.0 + 4.0j]).reshape(1, 1, 1, 2)).ravel()
    array([2., 5.])
    """

    homogeneous = True
    real_only = False
    steepest = 1.0

    def definition(self, x: Array) -> Any:
        """Return abs(x); a complex map becomes a real one."""
        return modulus(x)

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Return x / abs(x), part by part of a complex map: numpy's complex division overflows where both are tiny."""
        if not np.iscomplexobj(x):
            return np.sign(x)
        slope, modulus = np.empty_like(x), np.where(y > 0, y, 1)
        slope.real, slope.imag = x.real / modulus, x.imag / modulus
        return slope


@dataclass(frozen=True, repr=False)
class ReLU(Pointwise):
    """M: max(x, 0), entrywise; its derivative at 0 is taken as 0.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import ReLU
    >>> ReLU().forward(np.array([-2.0, 3.0]).reshape(1, 1, 1, 2)).ravel()
    array([0., 3.])
    """

    homogeneous = True
    steepest = 1.0

    def definition(self, x: Array) -> Any:
        """Return x where x > 0, else 0."""
        xp = namespace(x)
        return xp.where(x > 0, x, xp.zeros_like(x))

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (max(x, 0), g -> g where x > 0, state)."""
        y = np.maximum(x, 0)
        return y, lambda g: (g * (y > 0), {}), self.state


@dataclass(frozen=True, repr=False)
class Square(Pointwise):
    """M: the square of each value of a real map; a network of squares and linear parts is a polynomial.

    Notes
    -----
    Slope 2 x: no Lipschitz constant.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Square
    >>> Square().forward(np.array([-2.0, 3.0]).reshape(1, 1, 1, 2)).ravel()
    array([4., 9.])
    """

    def definition(self, x: Array) -> Any:
        """Return x^2."""
        return x * x

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Return 2 x."""
        return 2 * x


@dataclass(frozen=True, repr=False)
class Softplus(Pointwise):
    """M: log(1 + exp(x)), entrywise: a smooth ReLU.

    Notes
    -----
    Slope: the sigmoid of x, at most 1. The formula is such that no exponential overflows, and that automatic
    differentiation gives 1/2 at 0, where the slope of the maximum is 1/2 and that of `modulus` 0.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), Incorporating second-order functional knowledge for better option
    pricing, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Softplus
    >>> Softplus().forward(np.array([-1000.0, 0.0, 50.0]).reshape(1, 1, 1, 3)).ravel().round(3)
    array([ 0.   ,  0.693, 50.   ])
    """

    steepest = 1.0

    def definition(self, x: Array) -> Any:
        """Return log(1 + exp(x)) = max(x, 0) + log(1 + exp(-abs(x)))."""
        xp = namespace(x)
        return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-modulus(x)))

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Return the sigmoid of x."""
        return sigmoid(x)


@dataclass(frozen=True, repr=False)
class Tanh(Pointwise):
    """M: the hyperbolic tangent, entrywise.

    Notes
    -----
    Slope: 1 - tanh(x)^2, at most 1.

    References
    ----------
    LeCun, Bottou, Orr & Müller (1998), Efficient BackProp, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Tanh
    >>> Tanh().forward(np.array([-1.0, 1.0]).reshape(1, 1, 1, 2)).ravel().round(3)
    array([-0.762,  0.762])
    """

    steepest = 1.0

    def definition(self, x: Array) -> Any:
        """Return tanh(x)."""
        return namespace(x).tanh(x)

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Return 1 - tanh(x)^2."""
        return 1 - y * y


@dataclass(frozen=True, repr=False)
class Sigmoid(Pointwise):
    """M: the logistic function 1 / (1 + exp(-x)), entrywise.

    Notes
    -----
    Slope: y (1 - y), at most 1/4.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Sigmoid
    >>> Sigmoid().forward(np.array([-1000.0, 0.0, 1000.0]).reshape(1, 1, 1, 3)).ravel()
    array([0. , 0.5, 1. ])
    """

    steepest = 0.25

    def definition(self, x: Array) -> Any:
        """Return 1 / (1 + exp(-x))."""
        return sigmoid(x)

    def _slope(self, x: NDArray, y: NDArray) -> NDArray:
        """Return y (1 - y)."""
        return y * (1 - y)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) = exp(min(x, 0)) / (1 + exp(-abs(x))), in which no exponential overflows."""
    xp = namespace(x)
    return xp.exp(xp.minimum(x, xp.zeros_like(x))) / (1 + xp.exp(-modulus(x)))
