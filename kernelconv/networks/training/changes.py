"""Changes of training images: what training accepts as an augmentation, and several one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._check import as_float, check_images, check_rng, check_sequence
from kernelconv.networks.training.losses import takes_two

Augment = Callable[[NDArray, np.random.Generator], NDArray]


class Composable:
    """An augmentation that others follow by ``|``."""

    def __call__(self, images: NDArray, rng: np.random.Generator | int) -> NDArray:
        """Return changed copies of `images`."""
        raise NotImplementedError

    def __or__(self, other: Augment) -> AugmentationChain:
        """Return this augmentation and then `other`."""
        return AugmentationChain((self, other))

    def __ror__(self, other: Augment) -> AugmentationChain:
        """Return `other`, a function, and then this augmentation."""
        return AugmentationChain((other, self))


@dataclass(frozen=True)
class AugmentationChain(Composable):
    """Several augmentations applied in a row: ``PhotoAugmentation(crop=0.5) | Augmentation(flip=True)``.

    Parameters
    ----------
    changes : sequence of callable
        `Augmentation`, `PhotoAugmentation`, functions (images, rng) -> images of the same shape. Chains among them are
        replaced by their members.

    Raises
    ------
    ValueError
        From the constructor if `changes` is empty or one of them cannot be called so; from the call if images are not
        finite real numbers (n, h, w) or (n, h, w, c), `rng` is neither a Generator nor a seed, or a function returns
        images of another shape.

    Notes
    -----
    Called as ``chain(images, rng)``; all augmentations draw from `rng`, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv import Augmentation
    >>> chain = Augmentation(flip=True) | Augmentation(noise=0.1)
    >>> len(chain.changes), chain(np.ones((2, 8, 8, 1)), np.random.default_rng(0)).shape
    (2, (2, 8, 8, 1))
    """

    changes: Sequence[Augment]

    def __post_init__(self) -> None:
        """Check every change, and put those of chains in their place."""
        found: list[Augment] = []
        for change in check_sequence(self.changes, "changes"):
            _check_callable(change, "changes", "each an Augmentation(...) or a function (images, rng) -> images")
            found += change.changes if isinstance(change, AugmentationChain) else [change]
        object.__setattr__(self, "changes", tuple(found))

    def __call__(self, images: NDArray, rng: np.random.Generator | int) -> NDArray:
        """Return changed copies of `images` (n, h, w) or (n, h, w, c), of their shape; integers become float32."""
        x, rng = check_images(images, name="images", channels_last=False), check_rng(rng)
        for change in self.changes:
            x = augmented(change, x, rng)
        return x.reshape(np.shape(images))


def check_augmentation(augmentation: Any) -> None:
    """Raise ValueError unless `augmentation` is None or can be called as one; a class is none yet."""
    if augmentation is not None:
        wanted = "an Augmentation(...), a function (images, rng) -> images or None"
        _check_callable(augmentation, "augmentation", wanted)


def _check_callable(value: Any, name: str, wanted: str) -> None:
    if isinstance(value, type) or not callable(value) or not takes_two(value):
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")


def augmented(augmentation: Augment, images: NDArray, rng: np.random.Generator) -> NDArray:
    """Return what `augmentation` makes of `images`, which must be images of their shape, in their dtype."""
    found = as_float(augmentation(images, rng), "what augmentation returned")
    if found.shape != images.shape:
        raise ValueError(
            f"augmentation must return images of shape {images.shape}, as it was given, got {found.shape}."
        )
    return found.astype(images.dtype, copy=False)
