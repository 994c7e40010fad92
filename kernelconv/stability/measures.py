"""Measures of stability: pure functions of features, one row an image, before and after a deformation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import as_float, check_finite
from kernelconv._numbers import as_double, shown
from kernelconv._scales import squarable


def relative_change(phi_x: ArrayLike, phi_warped: ArrayLike) -> NDArray:
    r"""Return |Phi(L_tau x) - Phi(x)| / |Phi(x)| for each image.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of the images and of the deformed images; trailing axes are flattened.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or Phi(x) = 0 for an image (the message says which).

    Examples
    --------
    >>> relative_change([[3.0, 4.0], [1.0, 0.0]], [[3.0, 3.0], [1.0, 0.5]])
    array([0.2, 0.5])
    """
    phi_x, phi_warped = _rows(phi_x, phi_warped)
    return np.sqrt(squared_norms(phi_warped - phi_x)) / _norms(phi_x, "Phi(x)")


def lipschitz_ratio(phi_x: ArrayLike, phi_warped: ArrayLike, strength: ArrayLike) -> NDArray:
    r"""Return relative_change / strength for each image: the change per unit of Jacobian norm, or per pixel.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of the images and of the deformed images.
    strength : float or array (n,)
        Jacobian norm s of the fields (pixels for translations), > 0.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    ValueError
        As `relative_change`, and if a strength is not > 0 and finite, or there is not one, or one an image.

    Examples
    --------
    >>> lipschitz_ratio([[3.0, 4.0]], [[3.0, 3.0]], strength=0.1)
    array([2.])
    """
    strength = check_finite(as_double(strength, "strength"), "strength")
    if not (strength > 0).all():
        raise ValueError(f"strength must be > 0, got {shown(strength)}.")
    change = relative_change(phi_x, phi_warped)
    if strength.shape not in ((), change.shape):
        raise ValueError(f"strength must be a number or ({len(change)},), one an image, got shape {strength.shape}.")
    return change / strength


def cosine_distance(phi_x: ArrayLike, phi_warped: ArrayLike) -> NDArray:
    r"""Return 1 - <Phi(x), Phi(L_tau x)> / (|Phi(x)| |Phi(L_tau x)|) for each image: what a change of norm leaves out.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of the images and of the deformed images.

    Returns
    -------
    ndarray (n,)
        In [0, 2].

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or a feature vector is 0 (the message says which).

    Notes
    -----
    Computed as half the squared distance of the normalised features, which does not cancel where they are close.

    Examples
    --------
    >>> cosine_distance([[1.0, 0.0], [2.0, 0.0]], [[3.0, 0.0], [0.0, 1.0]])
    array([0., 1.])
    """
    phi_x, phi_warped = _rows(phi_x, phi_warped)
    directions = [
        rows / _norms(rows, name)[:, None] for rows, name in ((phi_x, "Phi(x)"), (phi_warped, "Phi(L_tau x)"))
    ]
    return squared_norms(directions[0] - directions[1]) / 2


def spread(phi_x: ArrayLike) -> float:
    r"""Return <|Phi(x) - Phi(x')|^2>, the mean over pairs of different images: what D and G are measured against.

    Parameters
    ----------
    phi_x : array-like, shape (n, ...)
        Features of at least two images.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is a single image, or the features of all images are the same to rounding (a constant map).

    Notes
    -----
    Computed as 2 / (n - 1) times the summed squared distances to the mean: cost n d, no pair is formed.

    Examples
    --------
    >>> spread([[0.0, 0.0], [3.0, 4.0]])
    25.0
    """
    (phi_x,) = _rows(phi_x)
    if len(phi_x) < 2:
        raise ValueError("The spread between images needs at least two images, got 1.")
    centred = phi_x - phi_x.mean(0, dtype=np.float64)
    total = float(squared_norms(centred).sum())
    rounding = (4 * float(np.finfo(phi_x.dtype).eps)) ** 2 * float(squared_norms(phi_x).sum())
    if total <= rounding:
        raise ValueError(
            "Phi gives the same features for every image: a constant map has no sensitivity to compare with. "
            "Check that phi reads its input."
        )
    return 2 * total / (len(phi_x) - 1)


def deformation_sensitivity(phi_x: ArrayLike, phi_warped: ArrayLike) -> float:
    r"""Return D = <|Phi(L_tau x) - Phi(x)|^2> / <|Phi(x) - Phi(x')|^2>, means over images and pairs of images.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of n >= 2 images and of the deformed images.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, there is one image, or Phi is constant.

    References
    ----------
    Petrini, Favero, Geiger, Wyart, "Relative stability toward diffeomorphisms indicates performance in deep nets",
    2021 (there with medians over images; here with means, as a median is not 1 for the identity).

    Examples
    --------
    >>> deformation_sensitivity([[0.0], [2.0]], [[1.0], [2.0]])
    0.125
    """
    phi_x, phi_warped = _rows(phi_x, phi_warped)
    return float(squared_norms(phi_warped - phi_x).mean()) / spread(phi_x)


def noise_sensitivity(phi_x: ArrayLike, phi_noisy: ArrayLike) -> float:
    r"""Return G = <|Phi(x + eta) - Phi(x)|^2> / <|Phi(x) - Phi(x')|^2>, eta white noise with |eta| = |L_tau x - x|.

    Parameters
    ----------
    phi_x, phi_noisy : array-like, shape (n, ...)
        Features of n >= 2 images and of the noisy images.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As `deformation_sensitivity`.

    Examples
    --------
    >>> noise_sensitivity([[0.0], [2.0]], [[1.0], [1.0]])
    0.25
    """
    return deformation_sensitivity(phi_x, phi_noisy)


def relative_stability(phi_x: ArrayLike, phi_warped: ArrayLike, phi_noisy: ArrayLike) -> float:
    r"""Return R = D / G: sensitivity to deformation over sensitivity to noise of the same norm, image by image.

    R = 1 for the identity and every orthogonal map, and does not change when Phi is multiplied by a number. R < 1
    means that deformations move the features less than noise does.

    Parameters
    ----------
    phi_x, phi_warped, phi_noisy : array-like, shape (n, ...)
        Features of n >= 2 images, of the deformed images, and of the images plus noise of matched norm.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As `deformation_sensitivity`, and if the noise does not change the features at all.

    Examples
    --------
    >>> relative_stability([[0.0], [2.0]], [[1.0], [2.0]], [[1.0], [1.0]])
    0.5
    """
    noise = noise_sensitivity(phi_x, phi_noisy)
    check_noise_seen(noise)
    return deformation_sensitivity(phi_x, phi_warped) / noise


def check_noise_seen(noise: float) -> None:
    """Raise ValueError if `noise`, a mean squared change, is 0."""
    if not noise > 0:
        raise ValueError(
            "The noise does not change the features, so R = D / G is undefined. Is the noise zero (a deformation "
            "that leaves every image as it is), or Phi constant around these images?"
        )


def squared_norms(rows: NDArray) -> NDArray:
    """Return the squared norm of each row, summed in float64."""
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)


def _norms(rows: NDArray, name: str) -> NDArray:
    """Return the norms of the rows; raise ValueError if one is 0."""
    norms = np.sqrt(squared_norms(rows))
    zero = np.flatnonzero(norms == 0)
    if len(zero):
        listed = ", ".join(map(str, zero[:10])) + (", ..." if len(zero) > 10 else "")
        raise ValueError(
            f"{name} = 0 for {len(zero)} of {len(norms)} images (index {listed}): their relative change is "
            "undefined. Leave these images out."
        )
    return norms


def _rows(*features: Any) -> list[NDArray]:
    """Return feature arrays of one shape as rows (n, d), finite, that may be squared."""
    rows = [check_finite(as_float(f, "features"), "features") for f in features]
    shapes = {r.shape for r in rows}
    if len(shapes) > 1:
        raise ValueError(f"Features to compare must have one shape, got {' and '.join(map(str, sorted(shapes)))}.")
    if rows[0].ndim < 2 or rows[0].size == 0:
        raise ValueError(f"Features must be (n_images, ...), at least two axes and not empty, got {rows[0].shape}.")
    return [squarable(r.reshape(len(r), -1), 1) for r in rows]
