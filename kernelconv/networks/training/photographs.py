"""PhotoAugmentation: what differs between two photographs of one thing: distance, frame, light, colour, focus."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import Pair, as_pair, check_count, check_images, check_positive, check_rng
from kernelconv.deformations import warp
from kernelconv.networks.training.changes import Composable

#: A window's sides are at most in this ratio, if its area leaves room for that.
LARGEST_RATIO = 4 / 3
#: px; a narrower Gaussian is a single pixel
_SHARP = 1e-3


@dataclass(frozen=True)
class PhotoAugmentation(Composable):
    r"""Random crop-and-resize, scale, colour jitter, colour drop and blur, in this order.

    Crop and scale are one affine map, L_tau x(u) = x(u - tau(u)), so that an image is interpolated once (cubic spline,
    mirrored beyond its edge). `Augmentation` shifts, rotates, deforms and flips; ``|`` chains augmentations.

    Parameters
    ----------
    scale : float
        What the crop leaves is enlarged about its centre by a factor in [1 / (1 + scale), 1 + scale], whose logarithm
        is drawn uniformly.
    crop : float
        Largest share of the area that is cut away, in [0, 1): a window at a random place is resized to the size of the
        image. Its share of the area is drawn uniformly in [1 - crop, 1], the ratio of its sides in [3/4, 4/3] (with a
        uniform logarithm).
    jitter : float
        Brightness, contrast and saturation are each multiplied by a factor drawn uniformly in [1 - jitter, 1 + jitter];
        in [0, 1].
    drop : float
        Probability that an image loses its colours, in [0, 1]: every channel becomes the mean of all.
    blur : float
        Largest standard deviation (px) of a Gaussian that blurs the image, drawn uniformly.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from the call if images are not finite real numbers (n, h, w) or
        (n, h, w, c), or `rng` is neither a Generator nor a seed.

    Notes
    -----
    Called as ``augmentation(images, rng)``; what it draws depends on `rng` alone. Brightness multiplies all values;
    contrast the differences from the mean of the image; saturation the differences of the channels from their mean, the
    grey value (all channels have the same weight). Nothing is clipped, since images have no fixed range. The blur reads
    no pixel outside the image: at the edge, too, its weights sum to one. All of these leave a constant image constant.

    References
    ----------
    Szegedy et al. (2015), Going deeper with convolutions, section 6, for the windows; Chen, Kornblith, Norouzi & Hinton
    (2020), A simple framework for contrastive learning of visual representations, appendix A, for the others.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import PhotoAugmentation
    >>> images = np.random.default_rng(0).random((2, 8, 8, 3))
    >>> PhotoAugmentation(crop=0.5, jitter=0.4, drop=0.2, blur=1)(images, np.random.default_rng(0)).shape
    (2, 8, 8, 3)
    """

    scale: float = 0.0
    crop: float = 0.0
    jitter: float = 0.0
    drop: float = 0.0
    blur: float = 0.0

    def __post_init__(self) -> None:
        """Check every field."""
        for name, most in (("scale", 1e30), ("crop", 1.0), ("jitter", 1.0), ("drop", 1.0), ("blur", 1e30)):
            if check_positive(getattr(self, name), name, zero=True) > most:
                raise ValueError(f"{name} must be at most {most:g}, got {getattr(self, name)!r}.")
        if self.crop == 1:
            raise ValueError("crop must be below 1: nothing would be left of the image.")

    def __call__(self, images: NDArray, rng: np.random.Generator | int) -> NDArray:
        """Return changed copies of `images` (n, h, w) or (n, h, w, c), of their shape; integers become float32."""
        x, rng = check_images(images, name="images", channels_last=False), check_rng(rng)
        if self.scale or self.crop:
            x = warp(x, self.displacements(len(x), x.shape[1:3], rng), padding="symmetric", n_jobs=1)
        x = self._jittered(x, rng) if self.jitter else x
        if self.drop:
            grey = rng.random(len(x)) < self.drop
            x = np.where(grey[:, None, None, None], x.mean(axis=3, keepdims=True), x)
        x = self._blurred(x, rng) if self.blur else x
        return (x.copy() if np.may_share_memory(x, images) else x).reshape(np.shape(images))

    def displacements(self, n: int, shape: Pair, rng: np.random.Generator | int) -> NDArray:
        """Return `n` random displacement fields (n, h, w, 2) in px, float32, of scale and crop together."""
        n, shape, rng = check_count(n, "n", minimum=0), as_pair(shape, "shape"), check_rng(rng)
        factor = np.exp(rng.uniform(-1, 1, n) * math.log1p(self.scale))
        area = rng.uniform(1 - self.crop, 1, n)
        # a longer side would not fit
        ratio = np.exp(rng.uniform(-1, 1, n) * np.minimum(math.log(LARGEST_RATIO), -np.log(area)))
        shares = np.sqrt([area / ratio, area * ratio])
        tau = np.empty((n, *shape, 2), np.float32)
        for axis, side in enumerate(shape):
            first = rng.uniform(0, 1, n) * (1 - shares[axis]) * (side - 1)
            u, middle = np.arange(side), (side - 1) / 2
            enlarged = middle + (u - middle) / factor[:, None]  # where pixel u of the enlarged image comes from
            moved = u - (first[:, None] + shares[axis][:, None] * enlarged)
            tau[..., axis] = moved[:, :, None] if axis == 0 else moved[:, None]
        return tau

    def _jittered(self, x: NDArray, rng: np.random.Generator) -> NDArray:
        factors = rng.uniform(1 - self.jitter, 1 + self.jitter, (3, len(x), 1, 1, 1))
        brightness, contrast, saturation = factors.astype(x.dtype)
        x = brightness * x
        mean = x.mean(axis=(1, 2, 3), keepdims=True)
        x = mean + contrast * (x - mean)
        grey = x.mean(axis=3, keepdims=True)
        return grey + saturation * (x - grey)

    def _blurred(self, x: NDArray, rng: np.random.Generator) -> NDArray:
        deviations = rng.uniform(0, self.blur, len(x))
        rows, columns = (_gaussians(deviations, side).astype(x.dtype)[:, None] for side in x.shape[1:3])
        planes = rows @ np.moveaxis(x, -1, 1) @ columns.swapaxes(2, 3)
        return np.moveaxis(planes, 1, -1)


def _gaussians(deviations: NDArray, side: int) -> NDArray:
    """Return the matrices (n, side, side) of Gaussian averages along a line, whose rows sum to one."""
    distances = np.subtract.outer(np.arange(side), np.arange(side))
    weights = np.exp(-0.5 * (distances / np.maximum(deviations, _SHARP)[:, None, None]) ** 2)
    return weights / weights.sum(axis=2, keepdims=True)
