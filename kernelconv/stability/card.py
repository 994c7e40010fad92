"""stability_card: typical, found by search, guaranteed results of one model under one family of deformations."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count, check_rng, check_sequence
from kernelconv._numbers import as_array, same_labels, shown
from kernelconv._types.parameters import Border
from kernelconv._version import __version__
from kernelconv.deformations import SmoothDeformation, warp
from kernelconv.deformations.families import LinearDeformation
from kernelconv.deformations.warp import Order, check_interpolation
from kernelconv.stability.adapters.classifier import Classifier, Model, as_classifier
from kernelconv.stability.plan import measured_images
from kernelconv.stability.protocol import measure_stability
from kernelconv.stability.representation import Phi
from kernelconv.stability.search.worst_case import measure_worst_case
from kernelconv.stability.smoothing.certificate import certify
from kernelconv.stability.smoothing.change import certify_change
from kernelconv.stability.smoothing.cloud import Cloud
from kernelconv.stability.smoothing.flips import SmallestFlip, smallest_flip

#: The name of what is measured and how: it changes when figures of the same model would.
PROTOCOL = "kernelconv-stability-1"
#: What of a representation is measured under random fields.
_MEASURES = ("relative_change", "deformation_sensitivity", "relative_stability")
#: The search for flips of the majority costs this share of that for the classifier's, in fields and in noisy copies.
_SHARE = 8
#: Flips that are shown as pictures.
_PICTURES = 3


def stability_card(
    model: Model,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    phi: Phi | None = None,
    name: str = "",
    data: str = "",
    deformation: LinearDeformation | None = None,
    strengths: Sequence[float] = (0.05, 0.1, 0.2, 0.4),
    sigma: float = 1.0,
    n_samples: int = 1000,
    n_evaluations: int = 256,
    n_draws: int = 4,
    order: Order = 3,
    padding: Border = "zero",
    random_state: int = 0,
) -> dict[str, Any]:
    r"""Measure the effect of one family of deformations on a model: typical, found by search, and guaranteed.

    For the classifier f: its accuracy under random fields of each strength, and under the smallest fields that a search
    finds to change a label. For its majority G over a cloud of fields (`certify`): the same, and the certified
    accuracy. For the representation: change, D and R under random fields, the change under the worst field found, and
    the guaranteed median over the cloud. With enough budget, what is found is at least as bad as what is typical; the
    true worst case lies between found and guaranteed. f and G are two classifiers, whose figures are not mixed. Show
    the result with `kernelconv.report.write_card`.

    Parameters
    ----------
    model : object with ``predict``, callable, torch.nn.Module or ONNX session
        f, as `as_classifier` reads it.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        At least two images.
    y : array-like (n,), optional
        Their labels; by default those that the model gives them, so that accuracy is agreement with these.
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module, optional
        The representation; by default a module's outputs, or the model's ``decision_function`` or ``predict_proba``;
        without any of these the card has none.
    name, data : str
        Names of the model (by default its type) and of the images on the card.
    deformation : LinearDeformation, optional
        A linear family that is closed under scaling; ``SmoothDeformation(3)`` by default.
    strengths : sequence of float
        Jacobian norms (pixels for translations).
    sigma, n_samples
        Of the cloud, as in `certify`; choose sigma on images other than these.
    n_evaluations : int
        Budget of each search, per image. The search for the majority uses an eighth of it, with an eighth of
        `n_samples` noisy copies per field; each of the two numbers is at least 16.
    n_draws : int
        Number of random fields per image and strength.
    order, padding
        As in `warp`.
    random_state : int
        Seed of all that is random.

    Returns
    -------
    dict
        Plain values, ready for json: "protocol", "model", "data", "settings", "versions", "classifier", "majority",
        "representation" (None without one) and "pictures".

    Raises
    ------
    ValueError
        As `as_classifier`, `certify`, `smallest_flip` and `measure_stability`; if `y` does not hold one label an
        image.

    Notes
    -----
    Cost: about ``n_samples * 3 + n_evaluations * 2 + n_samples * n_evaluations / 64`` predictions per image.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import stability_card
    >>> X = np.random.default_rng(0).random((3, 8, 8))
    >>> card = stability_card(lambda x: (x.mean((1, 2)) > 0.5).astype(int), X, n_samples=50, n_evaluations=16)
    >>> card["protocol"], card["representation"], len(card["majority"]["certified"])
    ('kernelconv-stability-1', None, 4)
    """
    images, f = measured_images(X), as_classifier(model)
    family = SmoothDeformation(3) if deformation is None else deformation
    if not isinstance(family, LinearDeformation):
        raise ValueError(f"deformation must be linear and closed under scaling, got {shown(family)}.")
    if not isinstance(name, str) or not isinstance(data, str):
        raise ValueError(f"name and data must be text, got {shown(name)} and {shown(data)}.")
    n_samples, n_evaluations = check_count(n_samples, "n_samples"), check_count(n_evaluations, "n_evaluations", 16)
    sizes = [family.check_strength(s) for s in check_sequence(strengths, "strengths")]
    random_state = check_count(random_state, "random_state", 0)
    own = y is None
    labels = f(images.copy()) if own else as_array(y, "y")
    if labels.shape != (len(images),):
        raise ValueError(f"y must hold one label an image, ({len(images)},), got shape {labels.shape}.")
    how: dict[str, Any] = {"order": check_interpolation(order, padding), "padding": padding}
    few: dict[str, Any] = {"n_samples": max(16, n_samples // _SHARE), "n_evaluations": max(16, n_evaluations // _SHARE)}
    seeds = [int(s) for s in np.random.SeedSequence(random_state).generate_state(6)]
    of = _Measured(f, images, labels, family, sizes, how)
    flips = smallest_flip(
        f, images, family, limit=max(sizes), n_evaluations=n_evaluations, random_state=seeds[0], **how
    )
    cloud = Cloud(family, sigma, order, padding)
    settings = {"family": family.name, "strengths": sizes, "unit": family.unit, "sigma": float(sigma)}
    settings |= {"n_samples": n_samples, "n_evaluations": n_evaluations, "n_draws": check_count(n_draws, "n_draws")}
    majority = of.majority(cloud, n_samples, few, check_rng(seeds[2]), seeds[3])
    representation = _scores(model) if phi is None else phi
    return {
        "protocol": PROTOCOL,
        "model": name or type(model).__name__,
        "data": {"name": data, "n_images": len(images), "shape": list(images.shape[1:]), "labels_are_its_own": own},
        "settings": settings | how | {"random_state": random_state, "of_the_majority": few},
        "versions": {"kernelconv": __version__, "python": platform.python_version(), "numpy": version("numpy")},
        "classifier": of.classifier(flips, n_draws, check_rng(seeds[1])),
        "majority": majority,
        "representation": None if representation is None else of.features(representation, sigma, settings, seeds[4]),
        "pictures": of.pictures(flips),
    }  # fmt: skip


def _scores(model: Any) -> Phi | None:
    """Return the representation that a model without features of its own has: its scores."""
    for name in ("decision_function", "predict_proba"):
        if callable(getattr(model, name, None)):
            return getattr(model, name)  # type: ignore[no-any-return]
    return model if callable(getattr(model, "named_parameters", None)) else None


@dataclass(frozen=True)
class _Measured:
    """A classifier on images, and what is asked of it."""

    f: Classifier
    images: NDArray
    labels: NDArray
    family: LinearDeformation
    strengths: list[float]
    how: dict[str, Any]

    def classifier(self, flips: SmallestFlip, n_draws: int, rng: np.random.Generator) -> dict[str, Any]:
        """Return the accuracies of f: of the images as they are, under random fields, and under those found."""
        typical = []
        for s in self.strengths:
            draws = [self.family.sample(self._shape, s, rng, size=len(self.images)) for _ in range(n_draws)]
            right = [same_labels(self.f(warp(self.images, d, **self.how)), self.labels).mean() for d in draws]
            typical.append(float(np.mean(right)))
        clean = float(same_labels(flips.labels, self.labels).mean())
        found = flips.accuracy(self.labels, self.strengths)
        smallest = [float(s) if np.isfinite(s) else None for s in flips.strength]
        return {"clean": clean, "typical": typical, "found": found.tolist(), "smallest_flips": smallest}

    def majority(
        self, cloud: Cloud, n_samples: int, few: dict[str, Any], rng: np.random.Generator, seed: int
    ) -> dict[str, Any]:
        """Return the accuracies of G, and what the cloud is like."""
        found = certify(
            self.f, self.images, self.family, cloud.sigma, n_samples=n_samples, random_state=seed, **self.how
        )
        flips = smallest_flip(
            self.f, self.images, self.family, sigma=cloud.sigma, limit=max(self.strengths), random_state=seed + 1,
            **few, **self.how,
        )  # fmt: skip
        right = found.labels == self.labels
        left = [float(np.mean(right & (flips.strength > s))) for s in self.strengths]
        typical = [float(np.mean(self._voted(cloud, s, few["n_samples"], rng) == self.labels)) for s in self.strengths]
        return {
            "clean": float(right.mean()),
            "typical": typical,
            "found": left,
            "certified": found.accuracy(self.labels, self.strengths).tolist(),
            "certified_at_rest": float(found.accuracy(self.labels)),
            "abstained": float(found.abstained.mean()),
            "certified_strengths": found.strength.tolist(),
            "largest_certifiable": float(self.family.guaranteed_strength(self._shape, found.cap)),
            "alpha": found.alpha,
            "noise": {
                "median_strength": found.noise.median_strength,
                "high_strength": found.noise.high_strength,
                "folding": found.noise.folding,
            },
        }

    def _voted(self, cloud: Cloud, strength: float, n: int, rng: np.random.Generator) -> NDArray:
        """Return the class of the majority of `n` copies of each image, around a random field of a strength."""
        found = []
        for x in self.images:
            z = rng.standard_normal((1, self.family.n_parameters(self._shape)))
            centre = z[0] * strength / self.family.strength_of(self.family.directions(self._shape, z))[0]
            image = x if x.ndim == 3 else x[..., None]
            classes, votes = np.unique(cloud.of(self._of(x.shape), image, centre, n, rng), return_counts=True)
            found.append(classes[votes.argmax()])
        return np.array(found)

    def _of(self, shape: tuple[int, ...]) -> Callable[[NDArray], NDArray]:
        return lambda batch: self.f(batch.reshape(len(batch), *shape))

    def features(self, phi: Phi, sigma: float, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        """Return how far a representation moves: typically, at the worst that was found, and at most."""
        same: dict[str, Any] = {"random_state": seed, **self.how}
        typical = measure_stability(
            phi, self.images, self.family, self.strengths, n_draws=settings["n_draws"], measures=_MEASURES, **same
        )
        worst = measure_worst_case(
            phi, self.images, self.family, self.strengths, n_evaluations=settings["n_evaluations"], **same
        )
        gain = float(self.family.guaranteed_strength(self._shape, 1.0))
        radii = [s / gain for s in self.strengths] if gain > 0 else []
        guaranteed: list[float | None] = [None] * len(self.strengths)
        if radii:
            bounds = certify_change(
                phi, self.images, self.family, sigma, radii, n_samples=settings["n_samples"], **same
            ).guaranteed
            guaranteed = [float(b) if np.isfinite(b) else None for b in bounds.mean(axis=0)]
        return {
            **{m: [[r.mean, r.low, r.high] for r in typical.select(m)] for m in _MEASURES},
            "worst_change": [[r.mean, r.low, r.high] for r in worst.select("worst_change")],
            "guaranteed_median": guaranteed,
        }

    def pictures(self, flips: SmallestFlip) -> list[dict[str, Any]]:
        """Return the images of the smallest flips, before and after."""
        order = [int(i) for i in np.argsort(flips.strength)[:_PICTURES] if np.isfinite(flips.strength[i])]
        if not order:
            return []
        fields = flips.fields[np.array(order)]
        moved = warp(self.images[order], fields, **self.how)
        labels = self.f(moved)
        return [
            {
                "image": self.images[i].tolist(),
                "warped": moved[k].tolist(),
                "field": fields.values[k].tolist(),
                "strength": float(flips.strength[i]),
                "labels": [str(flips.labels[i]), str(labels[k])],
            }
            for k, i in enumerate(order)
        ]

    @property
    def _shape(self) -> tuple[int, int]:
        return self.images.shape[1], self.images.shape[2]
