"""Measures of stability: pure functions of features, one row per image, before and after a deformation.

The result is of the features' library: an array or a float for NumPy arrays, and for tensors a tensor on their device,
which that library differentiates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernelconv._arrays import as_one_library, check_finite_array, holds, is_foreign, namespace
from kernelconv._numbers import as_double, shown
from kernelconv._types.arrays import Array
from kernelconv.stability.rows import as_pairs, mean, norms_of, root, squared_norms, total


def relative_change(phi_x: ArrayLike | Array, phi_warped: ArrayLike | Array) -> Any:
    r"""Return |Phi(L_tau x) - Phi(x)| / |Phi(x)| for each image.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of the images and of the deformed images; trailing axes are flattened.

    Returns
    -------
    ndarray (n,), or array of the features' library

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, or Phi(x) = 0 for an image (the message says which).

    Examples
    --------
    >>> from kernelconv.stability import relative_change
    >>> relative_change([[3.0, 4.0], [1.0, 0.0]], [[3.0, 3.0], [1.0, 0.5]])
    array([0.2, 0.5])
    """
    still, moved = as_pairs(phi_x, phi_warped)
    return root(squared_norms(moved - still)) / norms_of(still, "Phi(x)")


def lipschitz_ratio(phi_x: ArrayLike | Array, phi_warped: ArrayLike | Array, strength: ArrayLike | Array) -> Any:
    r"""Return relative_change / strength for each image: the change per unit of Jacobian norm, or per pixel.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of the images and of the deformed images.
    strength : float or array (n,)
        Jacobian norm s of the fields (pixels for translations), > 0.

    Returns
    -------
    ndarray (n,), or array of the features' library

    Raises
    ------
    ValueError
        As `relative_change`, and if a strength is not > 0 and finite, or if there is neither one nor one per image.

    Examples
    --------
    >>> from kernelconv.stability import lipschitz_ratio
    >>> lipschitz_ratio([[3.0, 4.0]], [[3.0, 3.0]], strength=0.1)
    array([2.])
    """
    still, moved, size = phi_x, phi_warped, strength
    if any(map(is_foreign, (still, moved, size))):
        still, moved, size = as_one_library(still, moved, size, names=("phi_x", "phi_warped", "strength"))
    else:
        size = as_double(size, "strength")
    if holds(namespace(size).all(check_finite_array(size, "strength") > 0)) is False:
        raise ValueError(f"strength must be > 0, got {shown(strength)}.")
    change = relative_change(still, moved)
    n, shape = change.shape[0], tuple(size.shape)
    if shape not in ((), (n,)):
        raise ValueError(f"strength must be a number or ({n},), one an image, got shape {shape}.")
    return change / size


def cosine_distance(phi_x: ArrayLike | Array, phi_warped: ArrayLike | Array) -> Any:
    r"""Return 1 - <Phi(x), Phi(L_tau x)> / (|Phi(x)| |Phi(L_tau x)|) for each image, which ignores norms.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of the images and of the deformed images.

    Returns
    -------
    ndarray (n,), or array of the features' library
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
    >>> from kernelconv.stability import cosine_distance
    >>> cosine_distance([[1.0, 0.0], [2.0, 0.0]], [[3.0, 0.0], [0.0, 1.0]])
    array([0., 1.])
    """
    pair = zip(as_pairs(phi_x, phi_warped), ("Phi(x)", "Phi(L_tau x)"), strict=True)
    directions = [rows / norms_of(rows, name)[:, None] for rows, name in pair]
    return squared_norms(directions[0] - directions[1]) / 2


def spread(phi_x: ArrayLike | Array) -> Any:
    r"""Return <|Phi(x) - Phi(x')|^2>, the mean over pairs of different images: what D and G are measured against.

    Parameters
    ----------
    phi_x : array-like, shape (n, ...)
        Features of at least two images.

    Returns
    -------
    float, or array () of the features' library

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
    (rows,) = as_pairs(phi_x)
    n = rows.shape[0]
    if n < 2:
        raise ValueError("The spread between images needs at least two images, got 1.")
    squares = total(squared_norms(_centred(rows)))
    rounding = (4 * float(namespace(rows).finfo(rows.dtype).eps)) ** 2 * total(squared_norms(rows))
    if holds(squares <= rounding):
        raise ValueError(
            "Phi gives the same features for every image: a constant map has no sensitivity to compare with. "
            "Check that phi reads its input."
        )
    return 2 * squares / (n - 1)


def _centred(rows: Any) -> Any:
    """Return rows less their mean, which is taken in float64, or of tensors twice: of what the first one left, too."""
    if not is_foreign(rows):
        return rows - rows.mean(0, dtype=np.float64)
    xp = namespace(rows)
    for _ in range(2):
        rows = rows - xp.mean(rows, axis=0, keepdims=True)
    return rows


def deformation_sensitivity(phi_x: ArrayLike | Array, phi_warped: ArrayLike | Array) -> Any:
    r"""Return D = <|Phi(L_tau x) - Phi(x)|^2> / <|Phi(x) - Phi(x')|^2>, means over images and pairs of images.

    Parameters
    ----------
    phi_x, phi_warped : array-like, shape (n, ...)
        Features of n >= 2 images and of the deformed images.

    Returns
    -------
    float, or array () of the features' library

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
    >>> from kernelconv.stability import deformation_sensitivity
    >>> deformation_sensitivity([[0.0], [2.0]], [[1.0], [2.0]])
    0.125
    """
    still, moved = as_pairs(phi_x, phi_warped)
    return mean(squared_norms(moved - still)) / spread(still)


def noise_sensitivity(phi_x: ArrayLike | Array, phi_noisy: ArrayLike | Array) -> Any:
    r"""Return G = <|Phi(x + eta) - Phi(x)|^2> / <|Phi(x) - Phi(x')|^2>, eta white noise with |eta| = |L_tau x - x|.

    Parameters
    ----------
    phi_x, phi_noisy : array-like, shape (n, ...)
        Features of n >= 2 images and of the noisy images.

    Returns
    -------
    float, or array () of the features' library

    Raises
    ------
    ValueError
        As `deformation_sensitivity`.

    Examples
    --------
    >>> from kernelconv.stability import noise_sensitivity
    >>> noise_sensitivity([[0.0], [2.0]], [[1.0], [1.0]])
    0.25
    """
    return deformation_sensitivity(phi_x, phi_noisy)


def relative_stability(phi_x: ArrayLike | Array, phi_warped: ArrayLike | Array, phi_noisy: ArrayLike | Array) -> Any:
    r"""Return R = D / G: sensitivity to deformation over sensitivity to noise of the same norm, image by image.

    R = 1 for the identity and every orthogonal map, and does not change when Phi is multiplied by a number. R < 1
    means that deformations move the features less than noise does.

    Parameters
    ----------
    phi_x, phi_warped, phi_noisy : array-like, shape (n, ...)
        Features of n >= 2 images, of the deformed images, and of the images plus noise of matched norm.

    Returns
    -------
    float, or array () of the features' library

    Raises
    ------
    ValueError
        As `deformation_sensitivity`, and if the noise does not change the features at all.

    Examples
    --------
    >>> from kernelconv.stability import relative_stability
    >>> relative_stability([[0.0], [2.0]], [[1.0], [2.0]], [[1.0], [1.0]])
    0.5
    """
    names = ("phi_x", "phi_warped", "phi_noisy")
    still, moved, noisy = as_one_library(phi_x, phi_warped, phi_noisy, names=names)
    noise = noise_sensitivity(still, noisy)
    check_noise_seen(noise)
    return deformation_sensitivity(still, moved) / noise


def check_noise_seen(noise: Any) -> None:
    """Raise ValueError if `noise`, a mean squared change, is 0."""
    if holds(noise > 0) is False:
        raise ValueError(
            "The noise does not change the features, so R = D / G is undefined. Is the noise zero (a deformation "
            "that leaves every image as it is), or Phi constant around these images?"
        )
