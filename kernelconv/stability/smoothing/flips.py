"""smallest_flip: the smallest field of a family that is found to change a label, of a classifier or of its majority."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count, check_rng
from kernelconv._numbers import shown
from kernelconv._types.parameters import Border, RandomState
from kernelconv.deformations.families import LinearDeformation
from kernelconv.deformations.fields import DisplacementField, check_size
from kernelconv.deformations.warp import Order
from kernelconv.stability.adapters.classifier import Model, as_classifier
from kernelconv.stability.plan import measured_images
from kernelconv.stability.smoothing.certificate import as_strengths, lower_bound, right_labels
from kernelconv.stability.smoothing.cloud import Cloud

#: Directions that are tried at a time, and halvings of the way between the largest field that keeps the label and the
#: smallest that changes it.
_ROUND, _HALVINGS = 16, 4
#: How far a mutated direction is turned, at most and at least.
_WIDEST, _NARROWEST = 0.8, 0.05
#: A statement on a majority is wrong with at most this probability at each field that is tried.
_ALPHA = 1e-3

#: From parameters (m, p) to whether each of their fields changes the label.
Flips = Callable[[NDArray], NDArray]


@dataclass(frozen=True, eq=False, repr=False)
class SmallestFlip:
    """Result of `smallest_flip`, image by image.

    Attributes
    ----------
    labels : ndarray (n,)
        The label of each undeformed image.
    strength : ndarray (n,)
        The smallest Jacobian norm (pixels for translations) of a field that was found to change the label; inf where
        none was found up to the limit. An upper bound of the true smallest norm.
    parameters : ndarray (n, p)
        Parameters of that field; 0 where none was found.
    fields : DisplacementField
        These fields, a batch of n.
    n_evaluations : int
        Largest number of fields tried for each image.
    limit : float
        Largest strength searched.
    """

    labels: NDArray
    strength: NDArray
    parameters: NDArray
    fields: DisplacementField
    n_evaluations: int
    limit: float

    @property
    def radius(self) -> NDArray:
        """Length of the parameters (n,), inf where no flip was found; comparable to the radius of a `Certificate`."""
        return np.where(np.isfinite(self.strength), np.linalg.norm(self.parameters, axis=1), np.inf)

    def accuracy(self, y: ArrayLike, strengths: ArrayLike = 0.0) -> NDArray:
        """Return, per strength, the share of images whose label is that in `y` and was not found to change up to it.

        Raises
        ------
        ValueError
            If `y` does not hold one label per image, or `strengths` are not finite numbers from 0 to the limit:
            farther away no field was tried.
        """
        right, asked = right_labels(self.labels, y), as_strengths(strengths)
        if (asked > self.limit).any():
            raise ValueError(f"strengths must be at most the limit of the search, {self.limit:g}.")
        return (right & (self.strength > asked[..., None])).mean(axis=-1)

    def __repr__(self) -> str:
        found = np.isfinite(self.strength)
        median = f", median strength {np.median(self.strength[found]):.3g}" if found.any() else ""
        return f"SmallestFlip({found.sum()} of {len(found)} labels changed up to {self.limit:g}{median})"


def smallest_flip(
    predict: Model,
    X: ArrayLike,
    deformation: LinearDeformation,
    *,
    sigma: float | None = None,
    n_samples: int = 200,
    limit: float = 0.9,
    n_evaluations: int = 400,
    order: Order = 3,
    padding: Border = "zero",
    random_state: RandomState = None,
) -> SmallestFlip:
    r"""Search, for each image, for the smallest field of a family that changes its label.

    .. math:: \min_z \{\, \sup_u |D \tau_z(u)| : f(L_{\tau_z} x) \ne f(x) \,\}

    Directions are tried just below the smallest strength known to flip; those that still flip are shortened by
    bisection. Half of the directions are drawn at random, half are small changes of the best one so far.

    Parameters
    ----------
    predict : object with ``predict``, callable, torch.nn.Module or ONNX session
        f, from images to labels, as `as_classifier` reads it.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    deformation : LinearDeformation
        A family that is closed under scaling: all but `CombinedDeformation`.
    sigma : float, optional
        If given, flips are those of the majority G over clouds of fields, as in `certify`, and comparable with its
        radius: a field counts if `n_samples` noisy copies show that another class has the majority, with an error of
        at most .001 for each field tried. The label is then the majority among five times as many copies.
    n_samples : int
        Number of noisy copies per field, if `sigma` is given.
    limit : float
        Largest strength searched.
    n_evaluations : int
        Fields tried for each image, at least 16.
    order, padding
        As in `warp`.
    random_state : None, int or numpy Generator
        Source of directions and noise; each image has a stream of its own.

    Returns
    -------
    SmallestFlip

    Raises
    ------
    ValueError
        As `certify`; if the family is not linear or not closed under scaling, or does not accept `limit` as a strength.

    Notes
    -----
    The strength found is an upper bound of the smallest: report it with the budget. Flips of f may lie inside the
    certified radius of G: the two are different classifiers. Cost: `n_evaluations` predictions per image, times
    `n_samples` for the majority.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import Translation
    >>> from kernelconv.stability import smallest_flip
    >>> X = np.zeros((1, 9, 9)); X[0, :, :4] = 1  # an edge, moved over the pixel that is looked at by a pixel
    >>> found = smallest_flip(lambda x: x[:, 4, 4] > 0.5, X, Translation(), limit=3, order=1, random_state=0)
    >>> bool(0.5 <= found.strength[0] < 0.52)
    True
    """
    if not isinstance(deformation, LinearDeformation) or not deformation.scales:
        raise ValueError(
            f"Flips are searched for in linear families closed under scaling, such as SmoothDeformation, got "
            f"{shown(deformation)}."
        )
    images, labels_of = measured_images(X), as_classifier(predict)
    limit, budget = deformation.check_strength(limit), check_count(n_evaluations, "n_evaluations", _ROUND)
    check_count(n_samples, "n_samples")
    cloud = Cloud(deformation, 1.0 if sigma is None else check_size(sigma, "sigma"), order, padding)
    found = []
    for x, rng in zip(images, check_rng(random_state).spawn(len(images)), strict=True):
        outputs = _outputs(labels_of, x.shape)
        image = x if x.ndim == 3 else x[..., None]
        noise, walk = rng.spawn(2)
        if sigma is None:
            label, flips = _of_classifier(cloud, outputs, image)
        else:
            label, flips = _of_majority(cloud, outputs, image, n_samples, noise)
        found.append((label, *_Search(deformation, x.shape[:2], flips, limit, walk).run(budget)))
    labels, sizes, parameters = (np.array(column) for column in zip(*found, strict=True))
    fields = deformation.directions(images.shape[1:3], parameters)
    return SmallestFlip(labels, sizes, parameters, fields, budget, limit)


def _outputs(labels_of: Callable[[NDArray], NDArray], shape: tuple[int, ...]) -> Callable[[NDArray], NDArray]:
    return lambda batch: labels_of(batch.reshape(len(batch), *shape).copy())  # which may work in place


def _of_classifier(cloud: Cloud, outputs: Any, image: NDArray) -> tuple[Any, Flips]:
    """Return the label of an image, and which fields change it."""
    label = outputs(image[None])[0]
    return label, lambda z: outputs(cloud.moved(image, z, image.shape[:2])) != label


def _of_majority(cloud: Cloud, outputs: Any, image: NDArray, n: int, rng: np.random.Generator) -> tuple[Any, Flips]:
    """Return the majority's label of an image, and around which fields another class has the majority."""

    def most(centre: NDArray, n: int) -> tuple[Any, int]:
        classes, votes = np.unique(cloud.of(outputs, image, centre, n, rng), return_counts=True)
        return classes[votes.argmax()], int(votes.max())

    label, _ = most(cloud.origin(image.shape[:2]), 5 * n)

    def flips(z: NDArray) -> NDArray:
        found = [most(centre, n) for centre in z]
        return np.array([c != label and lower_bound(votes, n, _ALPHA / 2) > 0.5 for c, votes in found])

    return label, flips


@dataclass
class _Search:
    """The search for one image."""

    family: LinearDeformation
    shape: tuple[int, ...]
    flips: Flips
    limit: float
    rng: np.random.Generator

    def run(self, budget: int) -> tuple[float, NDArray]:
        """Return the smallest strength found, inf if there is none, and its field's parameters."""
        p = self.family.n_parameters(self.shape)
        best, strength, step = np.zeros(p), np.inf, _WIDEST
        while budget >= _ROUND:
            z = self._directions(best, step)
            at = np.full(len(z), min(self.limit, 0.98 * strength))
            flipped = self.flips(z * at[:, None])
            budget -= len(z)
            if not flipped.any():
                step = max(step * 0.7, _NARROWEST)
                continue
            z, budget, high = self._shortened(z[flipped], at[flipped], budget)
            first = int(high.argmin())
            best, strength, step = z[first] * high[first], float(high[first]), min(step * 1.2, _WIDEST)
        return strength, best

    def _directions(self, best: NDArray, step: float) -> NDArray:
        """Return directions (m, p) of strength 1: half of them near the best so far, if there is one."""
        z = self.rng.standard_normal((_ROUND, len(best)))
        if best.any():
            half = _ROUND // 2
            z[:half] = best / np.linalg.norm(best) + step * z[:half] / np.sqrt(len(best))
        return z / self.family.strength_of(self.family.directions(self.shape, z))[:, None]

    def _shortened(self, z: NDArray, high: NDArray, budget: int) -> tuple[NDArray, int, NDArray]:
        """Return directions that flip, what is left of the budget, and smaller strengths at which they still do."""
        low = np.zeros(len(z))
        for _ in range(_HALVINGS + 2):
            keep = np.argsort(high)[: max(1, min(len(z), budget, _ROUND // 4))]
            z, low, high = z[keep], low[keep], high[keep]
            if budget < len(z):
                break
            middle = (low + high) / 2
            flipped = self.flips(z * middle[:, None])
            budget -= len(z)
            high, low = np.where(flipped, middle, high), np.where(flipped, low, middle)
        return z, budget, high
