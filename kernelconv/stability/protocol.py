"""measure_stability: the same images, the same fields and the same noise for every representation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray

from kernelconv._check import as_float, check_choice, check_count, check_finite, check_images, check_rng
from kernelconv.deformations import Deformation, warp
from kernelconv.stability.measures import (
    bootstrap_interval,
    check_noise_seen,
    lipschitz_ratio,
    relative_change,
    spread,
    squared_norms,
)
from kernelconv.stability.report import StabilityReport, StabilityRow

Representation = Callable[[NDArray], NDArray]


def measure_stability(
    phi: Any,
    X: Any,
    deformation: Deformation,
    strengths: Sequence[float] = (0.1, 0.2, 0.4),
    *,
    n_draws: int = 1,
    measures: Sequence[str] = ("relative_change", "lipschitz_ratio", "relative_stability"),
    random_state: Any = None,
    n_jobs: int | None = None,
    order: int = 3,
    boundary: str = "zero",
) -> StabilityReport:
    r"""Measure how much a representation Phi changes when images are deformed.

    Parameters
    ----------
    phi : callable, or object with ``transform`` or ``forward``
        Images in, features (n, ...) out. A fitted transformer is used through ``transform``, a network through
        ``forward``. It is given images of the shape of `X`; wrap what wants rows or tensors in a function.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        At least two images. With ``boundary="zero"`` values outside are 0: pad images whose content would leave.
    deformation : Deformation
        The family, say ``SmoothDeformation(cutoff=3)``.
    strengths : sequence of float
        Jacobian norms (pixels for translations), each > 0 and below the family's limit.
    n_draws : int
        Fields drawn for each image and strength. Many images with one field each tell more than the contrary.
    measures : sequence of str
        Any of ``"relative_change"``, ``"lipschitz_ratio"``, ``"deformation_sensitivity"``,
        ``"noise_sensitivity"``, ``"relative_stability"``.
    random_state : None, int or numpy Generator
        The fields and the noise follow from it, the family, the strengths' order and the shape of `X`, never from
        `phi`: with the same int, rivals face the same deformations.
    n_jobs : int, optional
        Threads for fields and warp; `phi` is called with all images at once and uses what it likes.
    order, boundary
        As in `warp`.

    Returns
    -------
    StabilityReport
        One row a strength and measure, with a 95 % bootstrap interval over images.

    Raises
    ------
    ValueError
        If `X` is not images or holds fewer than two; a strength, a measure or `phi` is not one of those above; Phi
        returns another number of rows, or non-finite or complex features; Phi(x) = 0 for an image and a relative
        measure is asked; Phi is constant.

    Notes
    -----
    Calls `phi` 1 + len(strengths) * n_draws times on n images, twice that where a measure needs noise. Memory: the
    features of 3 n images.

    References
    ----------
    Bietti and Mairal, "Group Invariance, Stability to Deformations, and Complexity of Deep Convolutional
    Representations", 2019, section 3; Petrini et al., "Relative stability toward diffeomorphisms indicates
    performance in deep nets", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.deformations import SmoothDeformation
    >>> rows, columns = np.indices((16, 16)) - 7.5
    >>> X = np.exp(-(rows**2 + columns**2) / np.array([8.0, 12.0, 18.0])[:, None, None])
    >>> report = measure_stability(lambda x: x, X, SmoothDeformation(cutoff=3), random_state=0)
    >>> [(row.strength, round(row.mean, 6)) for row in report.select("relative_stability")]
    [(0.1, 1.0), (0.2, 1.0), (0.4, 1.0)]
    """
    x = _check_inputs(X, deformation, strengths, measures)
    check_count(n_draws, "n_draws")
    represent = as_representation(phi)
    clean = _Clean(represent, x, features(represent, x))
    rows: list[StabilityRow] = []
    for strength, rng in zip(strengths, check_rng(random_state).spawn(len(strengths)), strict=True):
        # fields, noise and resampling have a stream each: neither phi nor the choice of measures shifts another's
        field_rng, noise_rng, bootstrap_rng = rng.spawn(3)
        gradient, found = 0.0, []
        for _ in range(n_draws):
            with nullcontext() if n_jobs is None else parallel_config(n_jobs=n_jobs):
                fields = deformation.sample(x.shape[1:3], strength, field_rng, size=len(x))
                gradient = max(gradient, float(np.max(fields.jacobian_sup_norm)))
                warped = warp(x, fields, order=order, boundary=boundary, n_jobs=n_jobs)
            trial = _Trial(clean, warped, float(strength), noise_rng)
            found.append([MEASURES[name](trial) for name in measures])
        same: dict[str, Any] = {
            "family": deformation.name,
            "strength": float(strength),
            "unit": deformation.unit,
            "n_images": len(x),
            "n_draws": n_draws,
            "within_theorem": gradient <= 0.5 * (1 + 1e-6),
        }
        for name, draws in zip(measures, zip(*found, strict=True), strict=True):
            rows.append(StabilityRow(measure=name, **_estimate(draws, bootstrap_rng), **same))
    return StabilityReport(tuple(rows))


def as_representation(phi: Any) -> Representation:
    """Return the function from images to features that `phi` stands for.

    Parameters
    ----------
    phi : callable, or object with ``transform`` or ``forward``
        ``transform`` comes first, then ``forward``, then the object itself.

    Raises
    ------
    ValueError
        If `phi` is a class, or has none of the three (a classifier: the message says what to pass).
    """
    if inspect.isclass(phi):
        raise ValueError(f"phi is the class {phi.__name__}: pass an instance, fitted if it is an estimator.")
    for name in ("transform", "forward"):
        method = getattr(phi, name, None)
        if callable(method):
            return method
    if callable(phi):
        return phi
    kind = type(phi).__name__
    if hasattr(phi, "predict"):
        raise ValueError(
            f"{kind} has no transform. Pass the function to be measured: phi=model.decision_function or "
            "phi=model.predict_proba, or phi=model[:-1] for the features of a pipeline."
        )
    raise ValueError(f"phi must be a callable or have transform or forward, got {kind}.")


def features(represent: Representation, x: NDArray, name: str = "phi(X)") -> NDArray:
    """Return the features of images `x` as rows (n, d), real and finite.

    Raises
    ------
    ValueError
        If there is not one row an image, or a feature is complex, non-finite or no number.
    """
    phi_x = as_float(represent(x), name)
    if phi_x.ndim == 0 or len(phi_x) != len(x):
        raise ValueError(
            f"phi returned features of shape {phi_x.shape} for {len(x)} images: it must return one row an image, "
            f"({len(x)}, ...)."
        )
    return check_finite(phi_x, name).reshape(len(x), -1)


def matched_noise(change: NDArray, rng: np.random.Generator) -> NDArray:
    """Return white Gaussian noise of the shape of `change` (n, ...), each image's norm that of its change.

    Parameters
    ----------
    change : ndarray (n, ...)
        L_tau x - x.
    rng : numpy Generator
        Source of the noise.
    """
    noise = rng.standard_normal(change.shape)
    wanted, got = (squared_norms(a.reshape(len(a), -1)) for a in (change, noise))
    ratio = np.sqrt(wanted / got).reshape(-1, *(1,) * (change.ndim - 1))
    return (ratio * noise).astype(change.dtype)


@dataclass(frozen=True)
class _Clean:
    """Images as they are: what every trial is compared with."""

    represent: Representation
    x: NDArray
    phi_x: NDArray

    @cached_property
    def spread(self) -> float:
        return spread(self.phi_x)


@dataclass(frozen=True)
class _Trial:
    """One field an image. Features of the noisy images are computed only if a measure asks."""

    clean: _Clean
    warped: NDArray
    strength: float
    noise_rng: np.random.Generator

    @cached_property
    def phi_warped(self) -> NDArray:
        return features(self.clean.represent, self.warped, "phi(L_tau X)")

    @cached_property
    def phi_noisy(self) -> NDArray:
        noise = matched_noise(self.warped - self.clean.x, self.noise_rng)
        return features(self.clean.represent, self.clean.x + noise, "phi(X + noise)")


def _squared_changes(trial: _Trial) -> tuple[NDArray, NDArray]:
    return squared_norms(trial.phi_warped - trial.clean.phi_x), np.full(len(trial.warped), trial.clean.spread)


def _squared_noise_changes(trial: _Trial) -> tuple[NDArray, NDArray]:
    return squared_norms(trial.phi_noisy - trial.clean.phi_x), np.full(len(trial.warped), trial.clean.spread)


def _relative_stability(trial: _Trial) -> tuple[NDArray, NDArray]:
    above, below = _squared_changes(trial)[0], _squared_noise_changes(trial)[0]
    check_noise_seen(float(below.mean()))
    return above, below


def _relative_change(trial: _Trial) -> tuple[NDArray, NDArray]:
    return relative_change(trial.clean.phi_x, trial.phi_warped), np.ones(len(trial.warped))


def _lipschitz_ratio(trial: _Trial) -> tuple[NDArray, NDArray]:
    return lipschitz_ratio(trial.clean.phi_x, trial.phi_warped, trial.strength), np.ones(len(trial.warped))


#: Each measure gives values a and b, one an image; the estimate is mean(a) / mean(b).
MEASURES: dict[str, Callable[[_Trial], tuple[NDArray, NDArray]]] = {
    "relative_change": _relative_change,
    "lipschitz_ratio": _lipschitz_ratio,
    "deformation_sensitivity": _squared_changes,
    "noise_sensitivity": _squared_noise_changes,
    "relative_stability": _relative_stability,
}


def _estimate(draws: Sequence[tuple[NDArray, NDArray]], rng: np.random.Generator) -> dict[str, Any]:
    """Return mean, low and high from the (a, b) of each draw."""
    above, below = (np.stack(values, 1) for values in zip(*draws, strict=True))  # (n_images, n_draws)
    low, high = bootstrap_interval(above, rng, over=below)
    return {"mean": float(above.mean() / below.mean()), "low": low, "high": high}


def _check_inputs(X: Any, deformation: Any, strengths: Any, measures: Any) -> NDArray:
    """Return `X` with its own rank, checked; complain about the other arguments too."""
    if not isinstance(deformation, Deformation):
        raise ValueError(f"deformation must be a family such as SmoothDeformation(cutoff=3), got {deformation!r}.")
    for values, name in ((strengths, "strengths"), (measures, "measures")):
        if isinstance(values, str) or np.ndim(values) != 1 or len(values) == 0:
            raise ValueError(f"{name} must be a non-empty sequence, got {values!r}.")
    for strength in strengths:
        deformation.check_strength(strength)
    for name in measures:
        check_choice(name, "each of measures", tuple(MEASURES))
    if np.ndim(X) not in (3, 4):
        raise ValueError(
            f"X must be images, (n, h, w) or (n, h, w, c), got shape {np.shape(X)}. If phi wants rows, keep the images "
            "here and reshape inside phi: lambda x: model.transform(x.reshape(len(x), -1))."
        )
    images = check_images(X, name="X")
    if len(images) < 2:
        raise ValueError("X holds 1 image: spreads and intervals need at least two.")
    return images.reshape(np.shape(X))
