"""Corruptions of images, for accuracy under corruption: noise, blur, brightness, and affine maps of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from kernelconv._arrays import check_numpy
from kernelconv._check import check_choice, check_count, check_images, check_rng
from kernelconv._types.parameters import RandomState
from kernelconv.deformations.affine import Dilation, Rotation, Shear, Translation
from kernelconv.deformations.families import Deformation
from kernelconv.deformations.warp import warp

#: Images in [0, 1], (n, h, w, c); a level in 0 .. 4; a generator.
_Corruption = Callable[[NDArray, int, np.random.Generator], NDArray]


def corrupt(x: ArrayLike, corruption: str, severity: int = 3, rng: RandomState = None) -> NDArray:
    """Return images corrupted in one of the ways of `CORRUPTIONS`.

    Parameters
    ----------
    x : array-like, shape (n, h, w) or (n, h, w, c)
        Images with grey levels in [0, 1].
    corruption : str
        A key of `CORRUPTIONS`.
    severity : int
        1 (mild) to 5.
    rng : None, int or numpy Generator
        Source of the random draws.

    Returns
    -------
    ndarray of the shape of `x`
        In [0, 1]; float64 if `x` is, else float32.

    Raises
    ------
    ValueError
        If `x` is not a set of images in [0, 1], `corruption` is unknown or `severity` is not 1 to 5.
    TypeError
        If `x` is an array of another library than NumPy.

    References
    ----------
    Mu and Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019, for the choice of corruptions; the
    levels here are this library's own.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import corrupt
    >>> corrupt(np.full((1, 4, 4), 0.25), "brightness", severity=1)[0, 0]
    array([0.35, 0.35, 0.35, 0.35])
    """
    check_numpy(x, "x")
    images = check_images(x, name="x")
    check_choice(corruption, "corruption", tuple(CORRUPTIONS))
    level = check_count(severity, "severity") - 1
    if level > 4:
        raise ValueError(f"severity must be 1 to 5, got {severity}.")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise ValueError(f"x must have grey levels in [0, 1], got {low:g} to {high:g}: rescale it first.")
    out = CORRUPTIONS[corruption](images, level, check_rng(rng))
    return np.clip(out, 0, 1).astype(images.dtype).reshape(np.shape(x))


def _gaussian_noise(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    return x + (0.08, 0.16, 0.24, 0.32, 0.4)[level] * rng.standard_normal(x.shape)


def _shot_noise(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    photons = (60, 25, 12, 5, 3)[level]
    return rng.poisson(photons * x.astype(np.float64)) / photons


def _impulse_noise(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    hit = rng.random(x.shape) < (0.03, 0.06, 0.1, 0.17, 0.27)[level]
    return np.where(hit, rng.integers(2, size=x.shape), x)


def _gaussian_blur(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    sigma = (0.6, 0.9, 1.2, 1.6, 2.0)[level]
    return ndimage.gaussian_filter(x, (0, sigma, sigma, 0), mode="constant")


def _motion_blur(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    """Average over shifts along one random direction for all images."""
    n_shifts, angle = (3, 5, 7, 9, 11)[level], rng.uniform(0, np.pi)
    steps = np.arange(n_shifts) - (n_shifts - 1) / 2
    shifts = [s * np.array([np.sin(angle), np.cos(angle)]) for s in steps]
    return np.mean([warp(x, np.broadcast_to(s, (*x.shape[1:3], 2)), order=1) for s in shifts], axis=0)


def _brightness(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    return x + (0.1, 0.2, 0.3, 0.4, 0.5)[level]


def _contrast(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    mean = x.mean((1, 2), keepdims=True, dtype=np.float64).astype(x.dtype)  # float32 sums of many pixels drift
    return mean + (0.75, 0.5, 0.4, 0.3, 0.15)[level] * (x - mean)


def _inverse(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    """Fade towards the negative; severity 5 is the negative itself."""
    share = (0.2, 0.4, 0.6, 0.8, 1.0)[level]
    return (1 - share) * x + share * (1 - x)


def _quantize(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    steps = (7, 5, 3, 2, 1)[level]
    return np.round(x * steps) / steps


def _stripe(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    """Invert a band of columns at a random place of each image."""
    width = max(1, round((0.08, 0.14, 0.2, 0.26, 0.32)[level] * x.shape[2]))
    first = rng.integers(x.shape[2] - width + 1, size=len(x))[:, None]
    inside = (np.arange(x.shape[2]) >= first) & (np.arange(x.shape[2]) < first + width)
    return np.where(inside[:, None, :, None], 1 - x, x)


def _occlusion(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    """Blacken a square at a random place of each image."""
    side = max(1, round((0.15, 0.2, 0.25, 0.32, 0.4)[level] * min(x.shape[1:3])))
    inside = np.ones((len(x), *x.shape[1:3]), bool)
    for axis, n in enumerate(x.shape[1:3]):
        first = rng.integers(n - side + 1, size=len(x))[:, None]
        along = (np.arange(n) >= first) & (np.arange(n) < first + side)
        inside &= along[:, :, None] if axis == 0 else along[:, None]
    return np.where(inside[..., None], 0, x)


def _spatter(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
    """Brighten blobs: smoothed noise above a quantile."""
    share = (0.04, 0.08, 0.12, 0.17, 0.23)[level]
    noise = ndimage.gaussian_filter(rng.standard_normal(x.shape[:3]), (0, 1.2, 1.2))
    threshold = np.quantile(noise, 1 - share, axis=(1, 2), keepdims=True)
    return np.where((noise > threshold)[..., None], 0.8, x)


def _warped(family: Deformation, strengths: tuple[float, ...]) -> Any:
    def corruption(x: NDArray, level: int, rng: np.random.Generator) -> NDArray:
        return warp(x, family.sample(x.shape[1:3], strengths[level], rng, size=len(x)))

    return corruption


#: The corruptions by name. Those of the last line have a tau: their strengths are Jacobian norms, or pixels.
CORRUPTIONS: dict[str, _Corruption] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "gaussian_blur": _gaussian_blur,
    "motion_blur": _motion_blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "inverse": _inverse,
    "quantize": _quantize,
    "stripe": _stripe,
    "occlusion": _occlusion,
    "spatter": _spatter,
    "translate": _warped(Translation(), (1, 2, 3, 4, 5)),
    "rotate": _warped(Rotation(), (0.17, 0.26, 0.35, 0.43, 0.52)),
    "scale": _warped(Dilation(), (0.1, 0.2, 0.3, 0.4, 0.5)),
    "shear": _warped(Shear(), (0.1, 0.2, 0.3, 0.4, 0.5)),
}
