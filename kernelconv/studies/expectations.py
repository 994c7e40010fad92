"""What theory expects of the representations that `kernelconv stability` compares, and whether it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelconv.stability import StabilityReport
from kernelconv.studies.starts import differences


@dataclass(frozen=True)
class Expectation:
    """What theory says about two representations: the first one's measure is the smaller."""

    smaller: str
    larger: str
    measure: str
    reason: str


EXPECTATIONS = (
    Expectation("scattering-2", "pixels", "relative_change", "averages over 4 px are Lipschitz to deformations"),
    Expectation("scattering-3", "scattering-2", "relative_change", "a larger scale of invariance, C_2 / sigma_n"),
    Expectation("ckn-64", "pixels", "relative_change", "Gaussian pooling makes a layer Lipschitz to deformations"),
    Expectation("ckn-32-64-128", "ckn-32-64", "relative_change", "a larger scale of invariance, C_2 / sigma_n"),
    Expectation("scattering-3", "fourier", "relative_change", "the Fourier modulus is not stable at high frequencies"),
    Expectation("lenet", "lenet-untrained", "relative_change", "training makes networks stable to deformations"),
    Expectation(
        "lenet", "lenet-untrained", "relative_stability", "relative stability is learned (Petrini et al. 2021)"
    ),
    Expectation("scattering-3", "pixels", "relative_stability", "stable to deformation more than to noise"),
    Expectation("ckn-32-64-128", "pixels", "relative_stability", "stable to deformation more than to noise"),
)


def expectations(by_model: Mapping[str, Sequence[StabilityReport]]) -> list[dict[str, Any]]:
    """Return, for each expectation and strength, the paired difference and whether it is confirmed.

    `by_model` holds the reports of each model, for a trained one a report per training. The answer is "yes" or "no"
    if the 95 % interval is on one side of 0, "open" if 0 is inside.
    """
    found = []
    for e in EXPECTATIONS:
        if e.smaller not in by_model or e.larger not in by_model:
            continue
        for strength, mean, low, high in differences(by_model[e.smaller], by_model[e.larger], e.measure):
            came_true = "yes" if high < 0 else "no" if low > 0 else "open"
            same = {"strength": strength, "difference": mean, "low": low, "high": high, "came_true": came_true}
            found.append({**vars(e), **same})
    return found
