"""Trials, with one strength and one field per image: original, deformed and noisy images, and every measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._numbers import same_labels
from kernelconv.stability.measures import (
    check_noise_seen,
    cosine_distance,
    lipschitz_ratio,
    relative_change,
    spread,
)
from kernelconv.stability.noise import matched_noise, spectrum_matched_noise
from kernelconv.stability.representation import Rivals, as_head
from kernelconv.stability.rows import squared_norms


@dataclass(frozen=True)
class Clean:
    """Undeformed images and the features of one representation, with which every trial is compared."""

    x: NDArray
    phi_x: NDArray
    head: Any = None
    y: NDArray | None = None

    @cached_property
    def spread(self) -> float:
        """<|Phi(x) - Phi(x')|^2> over pairs of images."""
        return spread(self.phi_x)

    @cached_property
    def shares(self) -> NDArray:
        """Share (n,) of each image in the spread, whose mean they have: 2 n / (n - 1) |Phi(x_i) - mean|^2.

        An interval of D resamples them with the images: the spread of the images at hand is an estimate too.
        """
        n = len(self.phi_x)
        shares = 2 * n / (n - 1) * squared_norms(self.phi_x - self.phi_x.mean(0, dtype=np.float64))
        return shares * (self.spread / shares.mean())

    @cached_property
    def predicted(self) -> NDArray:
        """Labels that the head gives."""
        return self.predict(self.phi_x)

    def predict(self, rows: NDArray) -> NDArray:
        """Return the head's labels of feature rows."""
        return as_head(self.head)(rows)


@dataclass(frozen=True)
class Trial:
    """One field per image, the same for all representations; noisy images are made only if a measure needs them."""

    rivals: Rivals
    x: NDArray
    warped: NDArray
    strength: float
    noise_rng: np.random.Generator
    spectrum_rng: np.random.Generator
    _found: dict[str, dict[str, NDArray]] = field(default_factory=dict)

    def features(self, name: str, of: str) -> NDArray:
        """Return one rival's features of the images of a kind: "warped", "noisy" or "spectrum"."""
        if of not in self._found:
            change = self.warped - self.x
            if of == "warped":
                found = self.rivals(self.warped, "phi(L_tau X)")
            elif of == "noisy":
                found = self.rivals(self.x + matched_noise(change, self.noise_rng), "phi(X + noise)")
            else:
                noise = spectrum_matched_noise(change, self.spectrum_rng)
                found = self.rivals(self.x + noise, "phi(X + noise)")
            self._found[of] = found
        return self._found[of][name]


#: Of a rival's clean features and its features of one kind: values a and b, one an image. The estimate is
#: mean(a) / mean(b).
Values = tuple[NDArray, NDArray]
Measure = Callable[[Clean, Callable[[str], NDArray], float], Values]


def _ones(a: NDArray) -> Values:
    return a, np.ones(len(a))


def _squared(clean: Clean, phi: Callable[[str], NDArray], of: str) -> NDArray:
    return squared_norms(phi(of) - clean.phi_x)


def _sensitivity(of: str) -> Measure:
    return lambda clean, phi, strength: (_squared(clean, phi, of), clean.shares)


def _relative_stability(of: str) -> Measure:
    def measure(clean: Clean, phi: Callable[[str], NDArray], strength: float) -> Values:
        above, below = (_squared(clean, phi, kind) / clean.spread for kind in ("warped", of))
        check_noise_seen(float(below.mean()))
        return above, below

    return measure


def _flips(clean: Clean, phi: Callable[[str], NDArray], strength: float) -> Values:
    return _ones((clean.predict(phi("warped")) != clean.predicted).astype(float))


def _accuracy(clean: Clean, phi: Callable[[str], NDArray], strength: float) -> Values:
    return _ones(same_labels(clean.predict(phi("warped")), clean.y).astype(float))


MEASURES: dict[str, Measure] = {
    "relative_change": lambda clean, phi, strength: _ones(relative_change(clean.phi_x, phi("warped"))),
    "lipschitz_ratio": lambda clean, phi, strength: _ones(lipschitz_ratio(clean.phi_x, phi("warped"), strength)),
    "cosine_distance": lambda clean, phi, strength: _ones(cosine_distance(clean.phi_x, phi("warped"))),
    "deformation_sensitivity": _sensitivity("warped"),
    "noise_sensitivity": _sensitivity("noisy"),
    "relative_stability": _relative_stability("noisy"),
    "spectrum_sensitivity": _sensitivity("spectrum"),
    "relative_stability_spectrum": _relative_stability("spectrum"),
    "accuracy": _accuracy,
    "flip_rate": _flips,
}

#: What each measure needs beyond the representation: a head that predicts labels, and the labels.
NEEDS: Mapping[str, tuple[str, ...]] = {"accuracy": ("head", "y"), "flip_rate": ("head",)}
