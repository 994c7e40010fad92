r"""k: the dot-product kernels, each given by its function kappa (see `DotProductKernel`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from kernelconv._arrays import as_floating, namespace
from kernelconv._arrays.derivatives import differentiated
from kernelconv._check import check_count, check_positive
from kernelconv._numbers import shown
from kernelconv._types.arrays import Array
from kernelconv.operators.mappings.dot_product import DotProductKernel

#: Bandwidths from where rounding of cosines in float32, 1e-7 / sigma^2, is 0.1 % of kappa, to where squares overflow.
SIGMAS = 0.01, 1e100


@dataclass(frozen=True)
class Exponential(DotProductKernel):
    r"""The kernel kappa(u) = exp((u - 1) / sigma^2), on the sphere Gaussian of bandwidth sigma; slope 1 / sigma^2.

    Parameters
    ----------
    sigma : float
        Bandwidth, in units of the sphere's radius, from 0.01 to 1e100, else ValueError; 0.5 to 0.65 are common.

    References
    ----------
    Mairal (2016), End-to-end kernel learning with supervised convolutional kernel networks, eq. (3).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Exponential
    >>> Exponential(1.0)(np.array([1.0, 0.0])).round(4)
    array([1.    , 0.3679])
    """

    sigma: float = 0.6

    def __post_init__(self) -> None:
        """Check sigma."""
        if isinstance(self.sigma, np.floating):  # float32 would compute in float32
            object.__setattr__(self, "sigma", float(self.sigma))
        if not SIGMAS[0] <= check_positive(self.sigma, "sigma") <= SIGMAS[1]:
            raise ValueError(
                f"sigma must be from {SIGMAS[0]:g} to {SIGMAS[1]:g}, got {self.sigma!r}: narrower kernels hang on the "
                "rounding of cosines. 0.5 to 0.65 are common."
            )

    @property
    def slope(self) -> float:
        """1 / sigma^2."""
        return 1 / self.sigma**2

    def __call__(self, u: Array | float) -> Any:
        """Return exp((u - 1) / sigma^2)."""
        u = as_floating(u, "u")
        return namespace(u).exp((u - 1) * self.slope)

    def derivative(self, u: Array | float) -> Any:
        """Return exp((u - 1) / sigma^2) / sigma^2."""
        return self(u) * self.slope

    def taylor(self, n: int) -> NDArray:
        """Return exp(-alpha) alpha^i / i!, alpha = 1 / sigma^2."""
        i = np.arange(check_count(n, "n", 0))
        return np.exp(i * np.log(self.slope) - self.slope - gammaln(i + 1))


@dataclass(frozen=True)
class InversePolynomial(DotProductKernel):
    """The kernel kappa(u) = 1 / (2 - u); slope 1 (Zhang, Lee & Jordan 2016).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import InversePolynomial
    >>> InversePolynomial()(np.array([1.0, 0.0]))
    array([1. , 0.5])
    """

    slope = 1.0

    def __call__(self, u: Array | float) -> Any:
        """Return 1 / (2 - u)."""
        return 1 / (2 - as_floating(u, "u"))

    def derivative(self, u: Array | float) -> Any:
        """Return 1 / (2 - u)^2."""
        return 1 / (2 - as_floating(u, "u")) ** 2

    def taylor(self, n: int) -> NDArray:
        """Return 2^-(i + 1)."""
        return 0.5 ** (np.arange(check_count(n, "n", 0)) + 1.0)


@dataclass(frozen=True)
class Polynomial(DotProductKernel):
    """The kernel kappa(u) = ((p - 1 + u) / p)^p; slope 1. ``Polynomial(1)`` is the linear kernel.

    Parameters
    ----------
    degree : int
        p, from 1 to 100, else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Polynomial
    >>> Polynomial(2)(np.array([1.0, 0.0]))
    array([1.  , 0.25])
    """

    degree: int = 2
    slope = 1.0

    def __post_init__(self) -> None:
        """Check the degree."""
        if check_count(self.degree, "degree") > 100:  # p times the rounding of float32
            raise ValueError(f"degree must be at most 100, got {self.degree}: take its limit, Exponential(1).")

    def __call__(self, u: Array | float) -> Any:
        """Return ((p - 1 + u) / p)^p."""
        return ((self.degree - 1 + as_floating(u, "u")) / self.degree) ** self.degree

    def derivative(self, u: Array | float) -> Any:
        """Return ((p - 1 + u) / p)^(p - 1)."""
        return ((self.degree - 1 + as_floating(u, "u")) / self.degree) ** (self.degree - 1)

    def taylor(self, n: int) -> NDArray:
        """Return binomial(p, i) (p - 1)^(p - i) / p^p, zero beyond the degree."""
        p, n = self.degree, check_count(n, "n", 0)
        return np.array([math.comb(p, i) * (p - 1) ** (p - i) / p**p if i <= p else 0.0 for i in range(n)])


@dataclass(frozen=True)
class Vovk(DotProductKernel):
    """Vovk's kernel of degree 3, kappa(u) = (1 + u + u^2) / 3; slope 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import Vovk
    >>> Vovk()(np.array([1.0, -1.0])).round(4)
    array([1.    , 0.3333])
    """

    slope = 1.0

    def __call__(self, u: Array | float) -> Any:
        """Return (1 + u + u^2) / 3."""
        u = as_floating(u, "u")
        return (1 + u + u * u) / 3

    def derivative(self, u: Array | float) -> Any:
        """Return (1 + 2u) / 3."""
        return (1 + 2 * as_floating(u, "u")) / 3

    def taylor(self, n: int) -> NDArray:
        """Return 1/3 three times."""
        return np.where(np.arange(check_count(n, "n", 0)) < 3, 1 / 3, 0.0)


@dataclass(frozen=True)
class ArcCosine(DotProductKernel):
    r"""Arc-cosine kernels of degree 0, 1 and 2, with theta = arccos(u).

    .. math:: \kappa_0(u) = 1 - \theta / \pi, \qquad
              \kappa_1(u) = (\sin\theta + (\pi - \theta) u) / \pi, \qquad
              \kappa_2(u) = (3 u \sin\theta + (\pi - \theta) (1 + 2 u^2)) / (3 \pi)

    Degree 1 is the kernel of infinitely many ReLUs, slope 1; degree 2 that of squared ReLUs, slope 4/3. Degree 0 has
    an infinite slope at u = 1: its mapping is Hölder 1/2 and not Lipschitz, and has no gradient.

    Parameters
    ----------
    degree : {0, 1, 2}
        Which of the three.

    References
    ----------
    Cho, Y. & Saul, L. (2009). Kernel methods for deep learning, eqs. (3)-(7).

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import ArcCosine
    >>> ArcCosine(1)(np.array([1.0, 0.0])).round(4)
    array([1.    , 0.3183])
    """

    degree: int = 1

    def __post_init__(self) -> None:
        """Check the degree."""
        if not isinstance(self.degree, int | np.integer) or self.degree is True or self.degree not in (0, 1, 2):
            raise ValueError(f"degree must be 0, 1 or 2, got {self.degree!r}.")

    @property
    def slope(self) -> float:
        """Infinite, 1 and 4/3 for degrees 0, 1 and 2."""
        return (np.inf, 1.0, 4 / 3)[self.degree]

    def __call__(self, u: Array | float) -> Any:
        """Return kappa(u); `u` is clipped to [-1, 1], which rounding may leave.

        Its gradient is ``derivative``: those of its parts are infinite at u = 1, where they cancel.
        """
        u = as_floating(u, "u")
        return differentiated(lambda u: (self._value(u), ()), lambda g, u, _: g * self.derivative(u), u)

    def _value(self, u: Any) -> Any:
        xp = namespace(u)
        u = xp.clip(u, min=-1, max=1)
        above = 1 - xp.acos(u) / math.pi
        if self.degree == 0:
            return above
        sine = xp.sqrt((1 - u) * (1 + u)) / math.pi
        return sine + above * u if self.degree == 1 else u * sine + above * (1 + 2 * u * u) / 3

    def derivative(self, u: Array | float) -> Any:
        """Return kappa_1' = kappa_0 or kappa_2' = 4/3 kappa_1; raise ValueError for degree 0."""
        if self.degree == 0:
            raise ValueError("ArcCosine(0) has an infinite slope at u = 1, so it has no gradient. Use ArcCosine(1).")
        return ArcCosine(0)(u) if self.degree == 1 else ArcCosine(1)(u) * 4 / 3

    def taylor(self, n: int) -> NDArray:
        """Return the coefficients: kappa_0 is 1/2 + arcsin(u) / pi; kappa_1 and kappa_2 follow by integration."""
        i = np.arange(check_count(n, "n", 0))
        odd = i % 2 == 1
        half = (i[odd] - 1) // 2
        b = np.zeros(n)
        b[:1] = 0.5
        b[odd] = np.exp(gammaln(2 * half + 1) - 2 * gammaln(half + 1) - half * np.log(4)) / i[odd] / np.pi
        for at_zero, factor in ((1 / np.pi, 1.0), (1 / 6, 4 / 3))[: self.degree]:
            b = np.concatenate([[at_zero], factor * b[:-1] / i[1:]])[:n]
        return b


KernelName = Literal["exponential", "arccosine", "inverse_polynomial", "polynomial", "vovk", "linear"]


def as_kernel(kernel: DotProductKernel | KernelName, sigma: float = 0.6) -> DotProductKernel:
    """Return a kernel from a kernel object or a name; `sigma` belongs to "exponential" alone.

    Raises
    ------
    ValueError
        If `kernel` is neither, a class for one, or not 1 at 1.

    Examples
    --------
    >>> as_kernel("exponential", sigma=0.5)
    Exponential(sigma=0.5)
    """
    if isinstance(kernel, DotProductKernel):
        if not abs((at_one := float(kernel(np.ones(1))[0])) - 1) < 1e-6:
            raise ValueError(
                f"kappa(1) must be 1, so that norms are kept, and {kernel} has {at_one:.6g}: divide by it."
            )
        return kernel
    named: dict[str, Callable[[], DotProductKernel]] = {
        "exponential": lambda: Exponential(sigma),
        "arccosine": ArcCosine,
        "inverse_polynomial": InversePolynomial,
        "polynomial": Polynomial,
        "vovk": Vovk,
        "linear": lambda: Polynomial(1),
    }
    if isinstance(kernel, type):
        got = f"the class {kernel.__name__}: pass an instance of it, {kernel.__name__}()"
    elif isinstance(kernel, str) and kernel in named:
        return named[kernel]()
    else:
        got = shown(kernel)
    raise ValueError(
        f"kernel must be one of {', '.join(map(repr, named))}, or a DotProductKernel, such as Exponential(0.6), "
        f"got {got}."
    )
