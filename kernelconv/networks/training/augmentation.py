"""Augmentation: random changes of the training images that leave their label alone, new ones at every step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import (
    Pair,
    as_pair,
    check_count,
    check_flag,
    check_images,
    check_positive,
    check_rng,
)
from kernelconv.deformations import SmoothDeformation, warp
from kernelconv.networks.training.changes import Composable

#: Fields drawn per image size; each use takes one of them at random, with a random size and random signs.
N_FIELDS = 256


@dataclass(frozen=True)
class Augmentation(Composable):
    r"""Random shift, rotation, smooth deformation, flip, noise and cutout of images.

    Shift, rotation and deformation add up to one displacement field, L_tau x(u) = x(u - tau(u)), so that an image is
    interpolated once (cubic spline, zeros outside). `PhotoAugmentation` scales, crops, changes colours and blurs; ``|``
    chains augmentations.

    Parameters
    ----------
    shift : float
        Largest shift (px) of each axis, drawn uniformly: the same as cropping a padded image.
    rotation : float
        Largest angle (degrees), drawn uniformly in both directions.
    deformation : float
        Largest Jacobian norm of a `SmoothDeformation`, in [0, 1), drawn uniformly.
    noise : float
        Standard deviation of Gaussian noise, in units of the pixel values.
    cutout : int
        Side (px) of a square set to zero, centred anywhere in the image.
    flip : bool
        Mirror left and right with probability one half.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from the call if images are not finite real numbers (n, h, w) or
        (n, h, w, c), or `rng` is neither a Generator nor a seed.

    Notes
    -----
    Called as ``augmentation(images, rng)``; what it draws depends on `rng` alone. A deformation is one of 256 fields
    kept for the image size, whose exact norms are computed once; it is scaled to a Jacobian norm that is drawn
    uniformly, and the signs of its components are drawn for each image.

    References
    ----------
    Simard, Steinkraus & Platt (2003), Best practices for convolutional neural networks; DeVries & Taylor (2017),
    Improved regularization of convolutional neural networks with cutout.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Augmentation
    >>> images = np.ones((2, 8, 8, 1))
    >>> Augmentation(shift=2, rotation=10)(images, np.random.default_rng(0)).shape
    (2, 8, 8, 1)
    """

    shift: float = 0.0
    rotation: float = 0.0
    deformation: float = 0.0
    noise: float = 0.0
    cutout: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("shift", "rotation", "deformation", "noise"):
            if check_positive(getattr(self, name), name, zero=True) > 1e30:
                raise ValueError(f"{name} must be at most 1e30, got {getattr(self, name)!r}.")
        if self.deformation >= 1:
            raise ValueError(f"deformation must be below 1, where fields may fold, got {self.deformation!r}.")
        check_count(self.cutout, "cutout", minimum=0)
        check_flag(self.flip, "flip")

    def __call__(self, images: NDArray, rng: np.random.Generator | int) -> NDArray:
        """Return changed copies of `images` (n, h, w) or (n, h, w, c), of their shape; integers become float32."""
        x, rng = check_images(images, name="images", channels_last=False), check_rng(rng)
        shape = np.shape(images)
        if self.flip:
            x = np.where(rng.random(len(x))[:, None, None, None] < 0.5, x[:, :, ::-1], x)
        if self.shift or self.rotation or self.deformation:
            x = warp(x, self.displacements(len(x), x.shape[1:3], rng), n_jobs=1)
        if self.noise:
            x = x + x.dtype.type(self.noise) * rng.standard_normal(x.shape, dtype=x.dtype)
        x = self._cut(x, rng) if self.cutout else x
        return (x.copy() if np.may_share_memory(x, images) else x).reshape(shape)

    def displacements(self, n: int, shape: Pair, rng: np.random.Generator | int) -> NDArray:
        """Return `n` random displacement fields (n, h, w, 2) in px, float32."""
        n, shape, rng = check_count(n, "n", minimum=0), as_pair(shape, "shape"), check_rng(rng)
        tau = rng.uniform(-self.shift, self.shift, (n, 1, 1, 2))
        if self.rotation:
            angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation, n))[:, None, None]
            rows = np.arange(shape[0])[:, None] - (shape[0] - 1) / 2
            columns = np.arange(shape[1]) - (shape[1] - 1) / 2
            cosine, sine = np.cos(angle) - 1, np.sin(angle)
            tau = tau + np.stack([-cosine * rows - sine * columns, sine * rows - cosine * columns], axis=-1)
        if self.deformation and min(shape) > 1:
            size = rng.uniform(0, self.deformation, (n, 1, 1, 1)) * rng.choice([-1.0, 1.0], (n, 1, 1, 2))
            tau = tau + size * _unit_fields(shape)[rng.integers(N_FIELDS, size=n)]
        return np.broadcast_to(tau, (n, *shape, 2)).astype(np.float32)

    def _cut(self, x: NDArray, rng: np.random.Generator) -> NDArray:
        n, h, w, _ = x.shape
        inside = []
        for side in (h, w):
            first = rng.integers(side, size=(n, 1)) - self.cutout // 2
            inside.append((np.arange(side) >= first) & (np.arange(side) < first + self.cutout))
        return x * ~(inside[0][:, :, None] & inside[1][:, None, :])[..., None]


@lru_cache(maxsize=4)
def _unit_fields(shape: Pair) -> NDArray:
    """Return `N_FIELDS` smooth displacement fields (N_FIELDS, h, w, 2) of Jacobian norm one."""
    fields = SmoothDeformation().sample(shape, 0.5, 0, N_FIELDS)
    values = 2 * fields.values
    values.flags.writeable = False  # cached and shared
    return values
