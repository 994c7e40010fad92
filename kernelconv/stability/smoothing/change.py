"""Guarantees on how far a representation moves: of the median over a cloud of fields, and by a Lipschitz constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter
from scipy.stats import binom, norm

from kernelconv._check import check_count, check_finite, check_positive, check_rng
from kernelconv._numbers import as_double
from kernelconv._types.parameters import Border, RandomState
from kernelconv.deformations.families import Deformation, check_radius
from kernelconv.deformations.fields import check_size
from kernelconv.deformations.interpolation import ZEROS, fold
from kernelconv.deformations.warp import Order, check_interpolation, spline_coefficients
from kernelconv.stability.measures import relative_change
from kernelconv.stability.plan import measured_images
from kernelconv.stability.representation import Phi, as_representation, features
from kernelconv.stability.smoothing.cloud import Cloud


@dataclass(frozen=True, eq=False, repr=False)
class ChangeCertificate:
    """Result of `certify_change`, image by image.

    Attributes
    ----------
    radii : ndarray (r,)
        Lengths of parameters.
    strengths : ndarray (r,)
        Jacobian norms (pixels for translations): the parameters of every field of at most that norm have at most the
        length of the radius.
    guaranteed : ndarray (n, r)
        Bounds of the median, over the cloud around any field of at most the radius, of the relative change; inf where
        `n_samples` is too small for a bound.
    typical : ndarray (n,)
        The sample median over the cloud around the zero field.
    sigma, alpha, n_samples
        As given. The bound of each image at each radius is wrong with a probability of at most alpha.
    """

    radii: NDArray
    strengths: NDArray
    guaranteed: NDArray
    typical: NDArray
    sigma: float
    alpha: float
    n_samples: int

    def __repr__(self) -> str:
        return f"ChangeCertificate({len(self.typical)} images, {len(self.radii)} radii, sigma={self.sigma:g})"


def certify_change(
    phi: Phi,
    X: ArrayLike,
    deformation: Deformation,
    sigma: float,
    radii: ArrayLike,
    *,
    n_samples: int = 1000,
    alpha: float = 1e-3,
    order: Order = 3,
    padding: Border = "zero",
    random_state: RandomState = None,
) -> ChangeCertificate:
    r"""Bound, image by image, the median relative change of Phi over a cloud around any field up to a size.

    .. math:: h(z) = \frac{|\Phi(L_{\tau_z} x) - \Phi(x)|}{|\Phi(x)|}, \quad
              \mathrm{med}_e\, h(p + e) \le q_{F(|p| / \sigma)}(h(e)), \quad e \sim \mathcal{N}(0, \sigma^2 I)

    with Phi the representation, F the distribution function of a standard normal variable and q_s the quantile of share
    s, which an order statistic of the samples bounds from above. No constant is fitted.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        As in `measure_stability`.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    deformation, sigma, order, padding, random_state
        As in `certify`.
    radii : array-like (r,)
        Lengths |p| of parameters, >= 0.
    n_samples : int
        Number of noisy copies per image.
    alpha : float
        Probability of a wrong bound, for each image and radius.

    Returns
    -------
    ChangeCertificate

    Raises
    ------
    ValueError
        As `certify` and `measure_stability`; if a feature vector is zero; if `radii` are not a row of finite numbers
        >= 0.

    Notes
    -----
    Cost: n_samples warps and evaluations of Phi per image.

    References
    ----------
    Chiang, Curry, Abdelkader, Kumar, Dickerson & Goldstein (2020), Detection as regression: certified object detection
    by median smoothing, lemma 1 and section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import Translation
    >>> from kernelconv.stability import certify_change
    >>> X = np.random.default_rng(0).random((2, 8, 8))
    >>> found = certify_change(lambda x: x, X, Translation(), 1.0, [0.0, 1.0, 9.0], random_state=0)
    >>> bool((found.guaranteed[:, 0] < found.guaranteed[:, 1]).all()), float(found.guaranteed[0, 2])
    (True, inf)
    """
    images, represent = measured_images(X), as_representation(phi)
    sizes = np.atleast_1d(np.asarray(check_radius(check_finite(as_double(radii, "radii"), "radii"), "radii")))
    if sizes.ndim > 1 or not sizes.size:
        raise ValueError(f"radii must be a number or a row of numbers, (r,), got shape {sizes.shape}.")
    cloud = Cloud(deformation, check_size(sigma, "sigma"), order, padding)
    check_count(n_samples, "n_samples")
    if check_positive(alpha, "alpha") >= 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}.")
    with np.errstate(over="ignore"):
        shares = norm.cdf(sizes / cloud.sigma)
    ranks = upper_rank(shares, n_samples, alpha)
    streams = check_rng(random_state).spawn(len(images))
    of_each = enumerate(zip(images, streams, strict=True))
    changes = np.sort([_changes(cloud, represent, x, i, n_samples, rng) for i, (x, rng) in of_each])
    guaranteed = np.concatenate([changes, np.full((len(images), 1), np.inf)], axis=1)[:, ranks]
    strengths = np.asarray(deformation.guaranteed_strength(images.shape[1:3], sizes))
    typical = np.median(changes, axis=1)
    return ChangeCertificate(sizes, strengths, guaranteed, typical, cloud.sigma, float(alpha), n_samples)


def _changes(cloud: Cloud, represent: Any, x: NDArray, index: int, n: int, rng: np.random.Generator) -> NDArray:
    """Return the relative changes (n,) of the representation of an image, X[index], over the cloud."""
    image, clean = x if x.ndim == 3 else x[..., None], features(represent, x[None])
    if not clean.any():
        raise ValueError(f"Phi(x) = 0 for X[{index}]: its relative change is undefined. Leave this image out.")

    def outputs(batch: NDArray) -> NDArray:
        moved = features(represent, batch.reshape(len(batch), *x.shape))
        return np.asarray(relative_change(np.broadcast_to(clean, moved.shape), moved))

    return cloud.of(outputs, image, cloud.origin(x.shape[:2]), n, rng)


def upper_rank(share: ArrayLike, n: int, alpha: float) -> NDArray:
    """Return the index of the smallest of `n` sorted samples that bounds the quantile of each share; n where none does.

    The k-th smallest is below the quantile only if at least k samples are: with a probability of at most
    P[Bin(n, share) >= k].
    """
    return np.asarray(np.minimum(binom.ppf(1 - alpha, n, np.asarray(share, np.float64)), n)).astype(int)


def lipschitz_guarantee(
    constant: float, X: ArrayLike, displacement: float, *, order: Order = 3, padding: Border = "zero"
) -> NDArray:
    r"""Bound |Phi(L_tau x) - Phi(x)| of each image for every field with |tau| <= t everywhere, if Phi is c-Lipschitz.

    .. math:: |\Phi(L_\tau x) - \Phi(x)| \le c\, |L_\tau x - x| \le c\, t
              \Big( \sum_u \sup_{|v - u| \le t} |\nabla x(v)|^2 \Big)^{1/2}

    where x is the interpolated image, whose slopes are means of the differences of its spline coefficients.

    Parameters
    ----------
    constant : float
        c, such as ``network.lipschitz(in_shape)``.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    displacement : float
        t, the largest length of the displacements, in pixels.
    order : {3, 1}
        As in `warp`.
    padding
        As in `warp`.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    ValueError
        If `X` is not finite images, `constant` is not >= 0 or `displacement` not > 0, or `order` is not 1 or 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import lipschitz_guarantee
    >>> X = np.random.default_rng(0).random((2, 8, 8))
    >>> lipschitz_guarantee(1.0, X, 0.1, padding="reflect").round(1)
    array([4.5, 5.2])
    """
    images = measured_images(X)
    images = images.reshape(*images.shape[:3], -1).astype(np.float64)
    c = check_size(constant, "constant") if check_positive(constant, "constant", zero=True) > 0 else 0.0
    t = check_size(displacement, "displacement")
    check_interpolation(order, padding)
    if order not in (1, 3):
        raise ValueError(f"order must be 1 or 3, whose interpolation has slopes that can be bounded, got {order!r}.")
    return c * t * np.sqrt(_steepest(images, t, int(order), padding).sum(axis=(1, 2)))


def _steepest(images: NDArray, t: float, order: int, padding: str) -> NDArray:
    """Return a bound (n, h, w) of the largest squared slope of each image within t px of each pixel.

    A slope is a mean of the differences of (order + 1) x (order + 1) coefficients that lie around.
    """
    farthest = 2 * max(images.shape[1:3]) + 2 * ZEROS  # where nothing new is read
    reach = int(np.ceil(min(t, farthest))) + (order + 1) // 2
    coefficients = spline_coefficients(images, order, padding)
    for axis, n in ((1, images.shape[1]), (2, images.shape[2])):
        index, zeros = np.arange(-reach, n + reach + 1), (coefficients.shape[axis] - n) // 2
        inside = (index >= -zeros) & (index < n + zeros) | (padding != "zero")
        read = index.clip(-zeros, n + zeros - 1) + zeros if padding == "zero" else fold(index, n, padding)
        coefficients = np.take(coefficients, read, axis) * np.expand_dims(inside, [a for a in range(4) if a != axis])
    window = (1, 2 * reach + 1, 2 * reach + 1, 1)
    rows, columns = (np.abs(np.diff(coefficients, axis=axis)) for axis in (1, 2))
    highest = (maximum_filter(steps, size=window)[:, reach:-reach, reach:-reach] for steps in (rows, columns))
    along_rows, along_columns = ((part**2).sum(axis=-1) for part in highest)
    h, w = images.shape[1:3]
    return along_rows[:, :h, :w] + along_columns[:, :h, :w]
