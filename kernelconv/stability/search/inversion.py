"""Inversion: an image found from its representation alone, by gradient descent from random starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult, minimize

from kernelconv._arrays import check_numpy
from kernelconv._check import as_float, check_count, check_finite, check_positive, check_rng, check_sequence
from kernelconv._numbers import shown
from kernelconv._scales import squarable
from kernelconv._types.parameters import RandomState
from kernelconv.stability.representation import Phi
from kernelconv.stability.search.differentiable import Asked, as_asked

#: By how little, as a share of tol^2, a step lowers the squared error of a start that has arrived.
_STALLED = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class Inversion:
    """Result of `invert`.

    Attributes
    ----------
    image : ndarray
        The image of the best start, of the requested shape, float64.
    relative_error : float
        |Phi(image) - target| / |target|: the error of the representation, not of the image.
    errors : ndarray (n_starts,)
        The relative error of each start.
    n_iterations, n_evaluations : ndarray of int (n_starts,)
        Steps of each start, and evaluations of Phi with its gradient that they took.
    """

    image: NDArray
    relative_error: float
    errors: NDArray
    n_iterations: NDArray
    n_evaluations: NDArray

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.image.shape))
        starts = f"best of {len(self.errors)} starts, {int(self.n_evaluations.sum())} evaluations"
        return f"Inversion({shape}, relative error {self.relative_error:.2g}, {starts})"


def invert(
    representation: Phi,
    target: ArrayLike,
    shape: tuple[int, ...] | None = None,
    *,
    n_starts: int = 3,
    bounds: tuple[float, float] | None = None,
    max_iter: int = 200,
    tol: float = 1e-6,
    random_state: RandomState = None,
) -> Inversion:
    r"""Find an image, or a signal, whose representation is nearest to a target.

    .. math:: \min_x \; \|\Phi(x) - y\|^2 / \|y\|^2

    by L-BFGS from several random starts, of which the best is returned. If Phi is injective, this approximates the
    image that `target` was computed from; otherwise it is one of the images that Phi does not distinguish from it.

    Parameters
    ----------
    representation : Network, Part, fitted estimator, torch.nn.Module, or object with ``forward`` and ``vjp``
        Phi: a built network or part; an estimator that has fitted one (``representation_`` or ``network_``), as its
        ``transform``; a module, as `as_representation` reads it; anything with ``forward(x)`` or ``transform(x)`` and
        ``vjp(x, g)``, as in `worst_case`.
    target : array-like
        y, of one image: a row (d,) or (1, d) as ``transform`` returns it, or maps of the shape of Phi's output, alone
        or as a batch of one.
    shape : tuple (t,), (h, w) or (h, w, c), optional
        Shape of the image; (t,) is a signal, an image of one line, and for `Scattering1D` also (t, c). By default the
        shape that the network was built for.
    n_starts : int
        Number of random starts: uniform in `bounds`, or in [0, s) with s such that Phi, if homogeneous, has the
        target's norm. Start k does not depend on their number.
    bounds : (low, high), optional
        The range of the image's values.
    max_iter : int
        Largest number of steps of a start.
    tol : float
        A start is finished when its relative error is at most this, or a step lowers the square of that by less than
        tol^2 / 1000.
    random_state : None, int or numpy Generator
        Source of the starts.

    Returns
    -------
    Inversion

    Raises
    ------
    TypeError
        If `representation` has no gradient: a function, a classifier, an estimator or engine without one; if `target`
        is an array of another library than NumPy.
    ValueError
        If `target` is zero, not finite real numbers, or not of Phi's shape; if `shape` is needed and not given, or
        differs from the network's; if `bounds` are not two finite numbers, low < high, or another parameter is out of
        its range; if Phi or its gradient becomes non-finite.

    Notes
    -----
    Cost: an evaluation is Phi and its ``vjp`` on one image; the descent stores ten pairs of images. If Phi contains
    moduli, rectifiers or maxima, there are many stationary points: look at ``errors`` and at the image.

    References
    ----------
    Mahendran & Vedaldi (2015), Understanding deep image representations by inverting them, section 2; for scattering
    Bruna & Mallat (2013), Audio texture synthesis with scattering moments.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Scattering2D
    >>> from kernelconv.stability import invert
    >>> rows, columns = np.indices((16, 16))
    >>> x = np.exp(-((rows - 7) ** 2 + (columns - 9) ** 2) / 18)[None]
    >>> scattering = Scattering2D(J=1, L=4).fit(x)
    >>> found = invert(scattering, scattering.transform(x), n_starts=2, tol=1e-3, random_state=0)
    >>> found.relative_error < 1e-3, bool(np.abs(found.image - x[0]).mean() < 0.02)
    (True, True)
    """
    asked = as_asked(representation, shape)
    y = _check_target(target, asked)
    limits = _check_bounds(bounds)
    n_starts, max_iter = check_count(n_starts, "n_starts"), check_count(max_iter, "max_iter")
    check_positive(tol, "tol")
    descent = _Descent(asked, y, limits, max_iter, float(tol))
    found = [descent.run(rng) for rng in check_rng(random_state).spawn(n_starts)]
    errors = np.array([np.sqrt(r.fun) for r in found])
    best = found[int(errors.argmin())]
    counts = (np.array([r[key] for r in found]) for key in ("nit", "nfev"))
    return Inversion(best.x.reshape(asked.shape), float(errors.min()), errors, *counts)


@dataclass(frozen=True)
class _Descent:
    """The descent to maps `y` (1, ...), from one start at a time."""

    asked: Asked
    y: NDArray
    bounds: tuple[float, float] | None
    max_iter: int
    tol: float

    def distance(self, values: NDArray) -> tuple[float, NDArray]:
        """Return |Phi(x) - y|^2 / |y|^2 and its gradient in x."""
        x = values.reshape(1, *self.asked.in_shape)
        difference = self.asked.phi(x) - self.y
        square = float((self.y**2).sum())
        return float((difference**2).sum()) / square, 2 * self.asked.gradient(x, difference).ravel() / square

    def run(self, rng: np.random.Generator) -> OptimizeResult:
        """Return what L-BFGS finds from one random start."""

        def stop(intermediate_result: OptimizeResult) -> None:
            if intermediate_result.fun <= self.tol**2:
                raise StopIteration

        size = int(np.prod(self.asked.in_shape))
        options = {"maxiter": self.max_iter, "maxfun": 20 * self.max_iter, "gtol": 0.0, "ftol": _STALLED * self.tol**2}
        limits = None if self.bounds is None else [self.bounds] * size
        return minimize(
            self.distance, self.start(rng), jac=True, method="L-BFGS-B", bounds=limits, callback=stop, options=options
        )

    def start(self, rng: np.random.Generator) -> NDArray:
        """Return a random image."""
        x = rng.random((1, *self.asked.in_shape))
        if self.bounds is not None:
            low, high = self.bounds
            return (low + (high - low) * x).ravel()
        norm = float(np.linalg.norm(self.asked.phi(x)))
        return (x * (float(np.linalg.norm(self.y)) / norm if norm > 0 else 1.0)).ravel()


def _check_target(target: Any, asked: Asked) -> NDArray:
    """Return the target as the maps (1, ...) that Phi returns of one image, float64."""
    check_numpy(target, "target")
    y = squarable(check_finite(as_float(target, "target"), "target")).astype(np.float64)
    if not y.any():
        raise ValueError("target is zero: there is no error relative to it, and nothing to be found.")
    return asked.as_maps(y)


def _check_bounds(bounds: Any) -> tuple[float, float] | None:
    if bounds is None:
        return None
    values = as_float(check_sequence(bounds, "bounds"), "bounds").ravel()
    if len(values) != 2 or not np.isfinite(values).all() or not values[0] < values[1]:
        raise ValueError(
            f"bounds must be (low, high), two finite numbers with low < high, or None, got {shown(bounds)}."
        )
    return float(values[0]), float(values[1])
