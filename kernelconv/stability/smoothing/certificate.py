"""certify: the size of deformations up to which the majority over a cloud of fields cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm

from kernelconv._check import check_count, check_finite, check_positive, check_rng
from kernelconv._numbers import as_array, as_double, same_labels
from kernelconv._types.parameters import Border, RandomState
from kernelconv.deformations.families import Deformation
from kernelconv.deformations.fields import check_size
from kernelconv.deformations.warp import Order
from kernelconv.stability.adapters.classifier import Model, as_classifier
from kernelconv.stability.plan import measured_images
from kernelconv.stability.smoothing.cloud import Cloud, NoiseSummary, summarize


def right_labels(labels: NDArray, y: ArrayLike) -> NDArray:
    """Return which of an image's `labels` (n,) are those in `y`; raise ValueError unless `y` has one an image."""
    wanted = as_array(y, "y")
    if wanted.shape != labels.shape:
        raise ValueError(f"y must hold one label an image, {labels.shape}, got shape {wanted.shape}.")
    return same_labels(labels, wanted)


def as_strengths(strengths: ArrayLike) -> NDArray:
    """Return `strengths` as float64; raise ValueError unless they are finite numbers >= 0."""
    asked = check_finite(as_double(strengths, "strengths"), "strengths")
    if (asked < 0).any():
        raise ValueError("strengths must be >= 0.")
    return asked


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """Result of `certify`, image by image.

    Attributes
    ----------
    labels : ndarray (n,)
        The class of the majority, whether certified or not.
    probability : ndarray (n,)
        p_A, a lower bound of the probability of that class over the cloud.
    radius : ndarray (n,)
        sigma Phi^-1(p_A), in the family's parameters; 0 where p_A <= 1/2: there the certificate abstains.
    strength : ndarray (n,)
        t: for every field of the family of at most this Jacobian norm (pixels for translations) the majority over the
        cloud around it is the same class. 0 where the certificate abstains, and for families that combine translations
        with other fields, since the Jacobian norm does not bound the translation.
    cap : float
        The largest radius that `n_samples` samples can certify.
    noise : NoiseSummary
        Jacobian norms and folding of the fields of the cloud.
    family, unit : str
        The family's name, and the unit of its strengths, "" of Jacobian norms.
    sigma, alpha, n_samples
        As given. The statement on each image is wrong with a probability of at most alpha; all n statements hold at
        once with a probability of at least 1 - n alpha.
    """

    labels: NDArray
    probability: NDArray
    radius: NDArray
    strength: NDArray
    cap: float
    noise: NoiseSummary
    family: str
    unit: str
    sigma: float
    alpha: float
    n_samples: int

    @property
    def abstained(self) -> NDArray:
        """Whether the certificate abstains, (n,) of bool: True for images with p_A <= 1/2."""
        return self.probability <= 0.5

    def accuracy(self, y: ArrayLike, strengths: ArrayLike = 0.0) -> NDArray:
        """Return the certified accuracy at each of `strengths`: the share of images certified as correct up to it.

        An image counts if its class is the label in `y` and its certified strength is at least the given one.

        Raises
        ------
        ValueError
            If `y` does not hold one label per image, or `strengths` are not finite numbers >= 0.

        Examples
        --------
        >>> import numpy as np
        >>> from kernelconv.deformations import Translation
        >>> from kernelconv.stability import certify
        >>> X = np.random.default_rng(0).random((3, 8, 8))
        >>> found = certify(lambda x: np.zeros(len(x), int), X, Translation(), sigma=1.0, random_state=0)
        >>> found.accuracy([0, 0, 1], [0.0, 2.0, 3.0]).round(2)  # the cap of 1,000 samples is 2.46 sigma
        array([0.67, 0.67, 0.  ])
        """
        right, asked = right_labels(self.labels, y) & ~self.abstained, as_strengths(strengths)
        return (right & (self.strength >= asked[..., None])).mean(axis=-1)

    def __repr__(self) -> str:
        n, some = len(self.labels), ~self.abstained
        unit = f" {self.unit}" if self.unit else ""
        median = f", median strength {np.median(self.strength[some]):.3g}{unit}" if some.any() else ""
        return (
            f"Certificate({self.family}, sigma={self.sigma:g}: {some.sum()} of {n} images certified{median}; each "
            f"wrong with a probability of at most {self.alpha:g}, all at once {min(1.0, n * self.alpha):.2g})"
        )


def certify(
    predict: Model,
    X: ArrayLike,
    deformation: Deformation,
    sigma: float,
    *,
    n_samples: int = 1000,
    n_select: int = 100,
    alpha: float = 1e-3,
    order: Order = 3,
    padding: Border = "zero",
    random_state: RandomState = None,
) -> Certificate:
    r"""Certify, for each image, up to which size of deformation the majority over a cloud of fields keeps its class.

    .. math:: G(p) = \arg\max_c \mathbb{P}_e[f(x(u - \tau_{p + e}(u))) = c], \quad e \sim \mathcal{N}(0, \sigma^2 I),
              \quad G(p) = G(0) \text{ for } |p| < \sigma \Phi^{-1}(p_A)

    with Phi^-1 the quantile function of a standard normal variable (here Phi is no representation) and p_A a lower
    bound of the majority's share.

    This is a guarantee on the majority over a cloud of fields around each field, for these images and any classifier.
    It does not protect a deployed classifier, which would warp an image that is already deformed: warps then compose.

    Parameters
    ----------
    predict : object with ``predict``, callable, torch.nn.Module or ONNX session
        f, from images to labels, as `as_classifier` reads it.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        Images.
    deformation : Deformation
        A family whose parameters may be added: every `LinearDeformation`, and `Rotation`. Of families whose
        ``guaranteed_strength`` is 0 (`ElasticDeformation`, `HolderDeformation` of an exponent below 1) radii alone are
        certified, and no strength.
    sigma : float
        Standard deviation of the noise on each parameter: pixels of smooth fields and translations, radians of
        rotations, no unit for `AffineDeformation`. A larger sigma gives larger radii and less accuracy: try several,
        but not on test images.
    n_samples : int
        Noisy copies per image that bound p_A; the largest radius is sigma Phi^-1(alpha^(1/n_samples)): 1.50, 2.46 and
        3.20 sigma for 100, 1,000 and 10,000 at alpha = .001.
    n_select : int
        Number of other copies, from which the class is chosen.
    alpha : float
        Probability of a wrong statement on each image, between 0 and 1. For alpha over all n images pass alpha / n.
    order, padding
        As in `warp`.
    random_state : None, int or numpy Generator
        Source of the noise; each image has a stream of its own.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If `X` is not finite images; if the family has no parameters that may be added; if `sigma`, `n_samples`,
        `n_select` or `alpha` is out of its range; if `predict` does not return one label per image.

    Notes
    -----
    p_A is the one-sided bound of Clopper and Pearson. ``deformation.guaranteed_strength`` converts the radius to a
    Jacobian norm by the *smallest* norm of unit parameters; along a given direction more is certified. Cost:
    n_samples + n_select warps and predictions per image, whose spline coefficients are computed once.

    References
    ----------
    Cohen, Rosenfeld & Kolter (2019), Certified adversarial robustness via randomized smoothing, theorem 1.
    Alfarra, Bibi, Khan, Torr & Ghanem (2022), DeformRS, theorem 1: smoothing of a deformation's parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import SmoothDeformation
    >>> from kernelconv.stability import certify
    >>> X = np.random.default_rng(0).random((4, 8, 8))
    >>> bright = lambda x: (x.mean((1, 2)) > 0.2).astype(int)
    >>> found = certify(bright, X, SmoothDeformation(2), sigma=0.5, random_state=0)
    >>> found.labels, bool((found.strength > 0).all())
    (array([1, 1, 1, 1]), True)
    """
    images, labels_of = measured_images(X), as_classifier(predict)
    shape = images.shape[1:3]
    cloud = Cloud(deformation, check_size(sigma, "sigma"), order, padding)
    check_count(n_samples, "n_samples")
    check_count(n_select, "n_select")
    if check_positive(alpha, "alpha") >= 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}.")
    noise_rng, *streams = check_rng(random_state).spawn(1 + len(images))
    found = [_vote(cloud, labels_of, x, n_select, n_samples, rng) for x, rng in zip(images, streams, strict=True)]
    labels, counts = (np.array(column) for column in zip(*found, strict=True))
    probability = lower_bound(counts, n_samples, alpha)
    radius = cloud.sigma * np.maximum(norm.ppf(probability), 0.0)
    return Certificate(
        labels, probability, radius, deformation.guaranteed_strength(shape, radius),
        float(cloud.sigma * max(norm.ppf(lower_bound(n_samples, n_samples, alpha)), 0.0)),
        summarize(cloud, shape, noise_rng), deformation.name, deformation.unit, cloud.sigma, float(alpha), n_samples,
    )  # fmt: skip


def _vote(
    cloud: Cloud, labels_of: Any, x: NDArray, n_select: int, n_samples: int, rng: np.random.Generator
) -> tuple[Any, int]:
    """Return the class of most of the first copies of an image, and how many of the second ones are of it."""
    image, origin = x if x.ndim == 3 else x[..., None], cloud.origin(x.shape[:2])

    def outputs(batch: NDArray) -> NDArray:
        return labels_of(batch.reshape(len(batch), *x.shape))

    choose_rng, count_rng = rng.spawn(2)
    classes, votes = np.unique(cloud.of(outputs, image, origin, n_select, choose_rng), return_counts=True)
    label = classes[votes.argmax()]
    return label, int((cloud.of(outputs, image, origin, n_samples, count_rng) == label).sum())


def lower_bound(counts: Any, n: int, alpha: float) -> Any:
    """Return the one-sided lower bound of Clopper and Pearson of a share seen `counts` times in `n`."""
    counts = np.asarray(counts)
    return np.where(counts > 0, beta.ppf(alpha, np.maximum(counts, 1), n - counts + 1), 0.0)
