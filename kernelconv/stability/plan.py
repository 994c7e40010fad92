"""The protocol shared by measure_stability, compare_stability and measure_layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from joblib import parallel_config
from numpy.typing import ArrayLike, NDArray

from kernelconv._arrays import check_numpy
from kernelconv._check import as_float, check_choice, check_count, check_images, check_rng, check_sequence
from kernelconv._numbers import as_array, same_labels
from kernelconv._parallel.blocks import n_threads
from kernelconv._scales import largest, squarable
from kernelconv._types.parameters import Border, RandomState
from kernelconv.deformations import Deformation, warp
from kernelconv.deformations.warp import Order
from kernelconv.stability.bootstrap import interval, ratios, resampled_sums
from kernelconv.stability.report import StabilityReport, StabilityRow, Summary
from kernelconv.stability.representation import Head, Rivals, as_head
from kernelconv.stability.trial import MEASURES, NEEDS, Clean, Trial, Values

DEFAULT_MEASURES = ("relative_change", "lipschitz_ratio", "relative_stability")


@dataclass(frozen=True)
class Plan:
    """All settings of a measurement except the images and the representations."""

    deformation: Deformation
    strengths: Sequence[float]
    n_draws: int
    measures: Sequence[str] | None
    random_state: RandomState
    n_jobs: int | None
    order: Order
    padding: Border
    heads: Mapping[str, Head | None] | None
    y: ArrayLike | None

    def run(self, rivals: Rivals, X: ArrayLike) -> StabilityReport:
        """Return the report: for each rival its strengths in order, then its measures."""
        measures = self._measures()
        x = check_inputs(X, self.deformation, self.strengths, measures)
        check_count(self.n_draws, "n_draws")
        for head in (self.heads or {}).values():
            if head is not None:
                as_head(head)
        n_threads(self.n_jobs)  # before joblib reads it
        y = None if self.y is None else _check_labels(self.y, len(x))
        clean = {
            name: Clean(x, phi_x, self.heads[name] if self.heads else None, y)
            for name, phi_x in rivals(x, "phi(X)").items()
        }
        rows: dict[str, list[StabilityRow]] = {name: [] for name in clean}
        streams = check_rng(self.random_state).spawn(len(self.strengths))
        for strength, rng in zip(self.strengths, streams, strict=True):
            # a stream each: neither phi nor the choice of measures shifts another's
            field_rng, noise_rng, bootstrap_rng, spectrum_rng = rng.spawn(4)
            rngs = field_rng, noise_rng, spectrum_rng
            found, gradient = self._draws(clean, rivals, float(strength), measures, rngs)
            same: dict[str, Any] = {
                "family": self.deformation.name,
                "strength": float(strength),
                "unit": self.deformation.unit,
                "n_images": len(x),
                "n_draws": self.n_draws,
                "within_theorem": gradient <= 0.5 * (1 + 1e-6),
            }
            for name, row in _estimates(found, measures, bootstrap_rng):
                rows[name].append(StabilityRow(name=name, **row, **same))
        return StabilityReport(
            tuple(chain.from_iterable(rows.values())), tuple(_summary(name, c) for name, c in clean.items())
        )

    def _measures(self) -> Sequence[str]:
        """Return the measures asked for, or those that can be had; raise ValueError if one needs what is absent."""
        heads = self.heads is not None and all(h is not None for h in self.heads.values())
        there = {"head": heads, "y": self.y is not None}
        if self.measures is None:
            return (*DEFAULT_MEASURES, *(m for m, needs in NEEDS.items() if all(there[n] for n in needs)))
        for name in check_sequence(self.measures, "measures"):
            missing = [n for n in NEEDS.get(name if isinstance(name, str) else "", ()) if not there[n]]
            if missing:
                raise ValueError(
                    f"The measure {name!r} needs {' and '.join(missing)}: a head has predict, from features to labels, "
                    "and y holds the labels of X."
                )
        return self.measures

    def _draws(
        self,
        clean: Mapping[str, Clean],
        rivals: Rivals,
        strength: float,
        measures: Sequence[str],
        rngs: Sequence[np.random.Generator],
    ) -> tuple[dict[str, list[list[Values]]], float]:
        """Return for each rival and draw the values of each measure; and the largest Jacobian norm of the fields."""
        field_rng, noise_rng, spectrum_rng = rngs
        x = next(iter(clean.values())).x
        found: dict[str, list[list[Values]]] = {name: [] for name in clean}
        gradient = 0.0
        for _ in range(self.n_draws):
            with nullcontext() if self.n_jobs is None else parallel_config(n_jobs=self.n_jobs):
                fields = self.deformation.sample(x.shape[1:3], strength, field_rng, size=len(x))
                gradient = max(gradient, float(np.max(fields.jacobian_sup_norm)))
                warped = warp(x, fields, order=self.order, padding=self.padding, n_jobs=self.n_jobs)
            trial = Trial(rivals, x, warped, strength, noise_rng, spectrum_rng)
            for name, c in clean.items():
                values = [MEASURES[m](c, partial(trial.features, name), strength) for m in measures]
                found[name].append(values)
        return found, gradient


def _estimates(
    found: Mapping[str, list[list[Values]]], measures: Sequence[str], rng: np.random.Generator
) -> list[tuple[str, dict[str, Any]]]:
    """Return (rival, row) with measure, mean, low, high and the values of each image: all resampled together."""
    keys = [(name, m) for name in found for m in range(len(measures))]
    # (rival and measure, draw, a or b, image), then the mean over draws
    values = np.array([[draw[m] for draw in found[name]] for name, m in keys], np.float64).mean(1)
    sums = resampled_sums(values.reshape(-1, values.shape[-1]).T, rng).reshape(-1, *values.shape[:2])
    rows = []
    for k, (name, m) in enumerate(keys):
        still = int((values[k, 1] == 0).sum())
        below = f"what {measures[m]} is divided by, 0 for {still} of {values.shape[-1]} images,"
        low, high = interval(ratios(sums[:, k, 0], sums[:, k, 1], below))
        mean = float(values[k, 0].mean() / values[k, 1].mean())
        rows.append((name, {"measure": measures[m], "mean": mean, "low": low, "high": high, "samples": values[k]}))
    return rows


def _summary(name: str, clean: Clean) -> Summary:
    norms = [np.linalg.norm(a.reshape(len(a), -1).astype(np.float64), axis=1) for a in (clean.phi_x, clean.x)]
    with_norm = norms[1] > 0
    accuracy = None
    if clean.head is not None and clean.y is not None:
        accuracy = float(np.mean(same_labels(clean.predicted, clean.y)))
    gain = float(np.mean(norms[0][with_norm] / norms[1][with_norm])) if with_norm.any() else float("nan")
    return Summary(name, clean.phi_x.shape[1], gain, accuracy)


def _check_labels(y: Any, n: int) -> NDArray:
    labels = as_array(y, "y")
    if labels.shape != (n,):
        raise ValueError(f"y must hold one label an image, ({n},), got shape {labels.shape}.")
    return labels


def check_inputs(X: Any, deformation: Any, strengths: Any, measures: Any) -> NDArray:
    """Return `X` with its own rank, checked; complain about the other arguments too."""
    if not isinstance(deformation, Deformation):
        raise ValueError(f"deformation must be a family such as SmoothDeformation(cutoff=3), got {deformation!r}.")
    check_sequence(strengths, "strengths")
    for strength in strengths:
        deformation.check_strength(strength)
    for name in measures:
        check_choice(name, "each of measures", tuple(MEASURES))
    x = measured_images(X)
    if len(x) < 2:
        raise ValueError("X holds 1 image: spreads and intervals need at least two.")
    return x


def measured_images(X: Any) -> NDArray:
    """Return images `X` with their own rank, float and finite; rows and tensors are refused in words."""
    check_numpy(X, "X", "Pass NumPy images, channels last, and a phi that makes tensors of them, or is a module.")
    X = as_float(X, "X")
    if X.ndim not in (3, 4):
        raise ValueError(
            f"X must be images, (n, h, w) or (n, h, w, c), got shape {np.shape(X)}. If phi wants rows, keep the images "
            "here and reshape inside phi: lambda x: model.transform(x.reshape(len(x), -1))."
        )
    images = check_images(X, name="X").reshape(np.shape(X))
    squarable(np.array([float(largest(images))]))  # norms of images, and of noise, are sums in float64
    return images
