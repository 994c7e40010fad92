"""What the stability study measures, by name: families of deformations, worst fields, layers, cards, corruptions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._identity import described
from kernelconv._types.parameters import Border
from kernelconv.deformations import (
    CORRUPTIONS,
    AffineDeformation,
    CombinedDeformation,
    Deformation,
    Dilation,
    ElasticDeformation,
    Rotation,
    Shear,
    SmoothDeformation,
    Translation,
    warp,
)
from kernelconv.stability import (
    StabilityReport,
    as_representation,
    measure_corruptions,
    measure_layers,
    measure_stability,
    measure_worst_case,
    stability_card,
    worst_case,
)
from kernelconv.stability.card import PROTOCOL
from kernelconv.studies.registry import HEADS

NORMS = (0.05, 0.1, 0.2, 0.3, 0.5)
FAMILIES: dict[str, tuple[Deformation, tuple[float, ...]]] = {
    "smooth": (SmoothDeformation(cutoff=3), NORMS),
    "elastic": (ElasticDeformation(sigma=4.0), NORMS),
    "translation": (Translation(), (0.5, 1.0, 2.0, 3.0, 4.0)),
    "rotation": (Rotation(), NORMS),
    "dilation": (Dilation(), NORMS),
    "shear": (Shear(), NORMS),
    "affine": (AffineDeformation(), NORMS),
    "combined": (CombinedDeformation(SmoothDeformation(cutoff=3), translation=1.0), NORMS),
}
#: The family in which the worst field is searched for, and at which Jacobian norms; the budget.
WORST, WORST_NORMS = SmoothDeformation(cutoff=3), (0.1, 0.3)
N_WORST, WORST_EVALUATIONS = 100, 64
#: Raised by hand in the commit that changes what the search finds; a cell of another version is another cell.
WORST_VERSION = 2
#: Severities of the corruptions.
SEVERITIES = (1, 3, 5)
#: Images whose maps are followed through a network's layers, at which Jacobian norm, and by what.
N_LAYERS, LAYER_NORMS = 100, (0.1,)
LAYER_MEASURES = ("relative_change", "deformation_sensitivity", "noise_sensitivity", "relative_stability")
#: Images of a stability card, its strengths and budget.
N_CARD, CARD_NORMS = 50, (0.05, 0.1, 0.2, 0.4)
CARD: dict[str, Any] = {"sigma": 2.0, "n_samples": 1000, "n_evaluations": 64, "n_draws": 2}
#: Every name that the study knows.
NAMES = (*FAMILIES, "worst", "corruptions", "layers", "cards")
DEFAULT_FAMILIES = ("smooth", "translation", "rotation", "worst")
#: What is measured under each of `FAMILIES`.
MEASURES = (
    "relative_change",
    "lipschitz_ratio",
    "deformation_sensitivity",
    "relative_stability",
    "relative_stability_spectrum",
    "accuracy",
    "flip_rate",
)


def protocol(name: str, n_images: int) -> dict[str, Any]:
    """Return all that decides what is measured under a name, where there are `n_images`.

    Examples
    --------
    >>> protocol("rotation", 500)["family"], protocol("worst", 500)["n_images"]
    ({'class': 'Rotation'}, 100)
    """
    if name == "corruptions":
        return {"corruptions": list(CORRUPTIONS), "strengths": list(SEVERITIES), "n_images": n_images}
    if name == "worst":
        search = {"worst": described(WORST), "n_evaluations": WORST_EVALUATIONS, "version": WORST_VERSION}
        return {**search, "strengths": list(WORST_NORMS), "n_images": min(N_WORST, n_images)}
    if name == "layers":
        measures = {"layers": described(WORST), "measures": list(LAYER_MEASURES)}
        return {**measures, "strengths": list(LAYER_NORMS), "n_images": min(N_LAYERS, n_images)}
    if name == "cards":
        card = {"cards": described(WORST), "protocol": PROTOCOL, "of": "a trained classifier's own labels", **CARD}
        return {**card, "strengths": list(CARD_NORMS), "n_images": min(N_CARD, n_images)}
    family, strengths = FAMILIES[name]
    measured = {"family": described(family), "measures": list(MEASURES)}
    return {**measured, "strengths": list(strengths), "n_images": n_images}


def recorded(
    name: str, phi: Any, head: Any, own: Any, x: NDArray, y: NDArray, seed: int, border: Border, titles: tuple[str, str]
) -> dict[str, Any]:
    """Return what a cell keeps: the report with each image's values, of "worst" its field, of "cards" the card.

    `own` is the model's own classifier, None where it has none; `titles` are what a card calls the model and the data.
    """
    record: dict[str, Any] = measured(name, phi, head, x, y, seed, border).to_dict(samples=True)
    if name == "worst":
        record["field"] = worst_field(phi, x[:2], seed, border)
    if name == "cards":
        record["card"] = carded(*titles, phi, head, own, x, y, seed, border)
    return record


def measured(name: str, phi: Any, head: Any, x: NDArray, y: NDArray, seed: int, border: Border) -> StabilityReport:
    """Return what is measured under a name of features Phi and their classifier, on images `x` and labels `y`.

    `border` is how deformed images go on beyond their edges; corruptions have zeros there. Features without layers (no
    ``trace``) have no rows under "layers"; nor has anything under "cards", see `carded`.
    """
    if name == "layers":
        same: dict[str, Any] = {"measures": LAYER_MEASURES, "random_state": seed, "padding": border}
        traced = callable(getattr(phi, "trace", None))
        return measure_layers(phi, x[:N_LAYERS], WORST, LAYER_NORMS, **same) if traced else StabilityReport(())
    if name == "cards":
        return StabilityReport(())
    if name == "corruptions":
        return measure_corruptions(phi, x, y, head, severities=SEVERITIES, random_state=seed)
    if name == "worst":
        search: dict[str, Any] = {"n_evaluations": WORST_EVALUATIONS, "random_state": seed, "padding": border}
        return measure_worst_case(phi, x[:N_WORST], WORST, WORST_NORMS, **search)
    family, strengths = FAMILIES[name]
    options: dict[str, Any] = {"measures": MEASURES, "head": head, "y": y, "random_state": seed, "padding": border}
    return measure_stability(phi, x, family, strengths, **options)


def worst_field(phi: Any, x: NDArray, seed: int, border: Border) -> dict[str, Any]:
    """Return what is drawn: the first of two or more images, its worst field (px) at the larger norm, the change."""
    options: dict[str, Any] = {"n_evaluations": WORST_EVALUATIONS, "random_state": seed, "padding": border}
    found = worst_case(phi, x, WORST, WORST_NORMS[-1], **options)
    drawn = {"image": x[0], "warped": warp(x, found.fields, padding=border)[0], "tau": found.fields.values[0]}
    rounded = {key: np.round(values.astype(np.float64), 4).tolist() for key, values in drawn.items()}
    return {"change": float(found.change[0]), **rounded}


def carded(
    label: str, data: str, phi: Any, head: Any, own: Any, x: NDArray, y: NDArray, seed: int, border: Border
) -> dict[str, Any]:
    """Return the stability card of a classifier, on the first images `x` and their labels `y`.

    It is the model's own one, or that of its features Phi where it has none; the card's name says which.
    """

    def predict(images: NDArray) -> NDArray:
        found: NDArray = head.predict(np.reshape(as_representation(phi)(images), (len(images), -1)))
        return found

    title = label if own is not None else f"{label} + {HEADS['linear'].label}"
    named: dict[str, Any] = {"name": title, "data": data, "random_state": seed, "padding": border, "phi": phi}
    model = predict if own is None else own
    return stability_card(model, x[:N_CARD], y[:N_CARD], deformation=WORST, strengths=CARD_NORMS, **named, **CARD)


def told(name: str, n_images: int) -> dict[str, Any]:
    """Return what a report says of it: the family in words, and the strengths.

    Examples
    --------
    >>> told("worst", 40)
    {'family': 'worst of SmoothDeformation(cutoff=3), 64 evaluations, 40 images', 'strengths': [0.1, 0.3]}
    """
    plan = protocol(name, n_images)
    if name == "corruptions":
        words = "corruptions, by severity"
    elif name == "worst":
        words = f"worst of {WORST!r}, {WORST_EVALUATIONS} evaluations, {plan['n_images']} images"
    elif name == "layers":
        words = f"layers under {WORST!r}, {plan['n_images']} images"
    elif name == "cards":
        words = f"both sides of {WORST!r}, {plan['n_images']} images"
    else:
        words = repr(FAMILIES[name][0])
    return {"family": words, "strengths": [float(s) for s in plan["strengths"]]}


def cost(name: str, n_images: int) -> tuple[int, float]:
    """Return of about how many images features are computed, and about the CPU seconds of all else (measured).

    A field of many modes takes 0.4 ms, what is left of a measure 0.05 ms an image, whatever its size.
    """
    plan = protocol(name, n_images)
    n_conditions = plan["n_images"] * len(plan["strengths"])
    if name == "corruptions":
        n_fields, n_represented = 0, n_conditions * len(CORRUPTIONS)
    elif name == "worst":
        n_fields = n_represented = n_conditions * WORST_EVALUATIONS
    elif name == "cards":  # its own count of predictions, and as many fields
        samples, searched = CARD["n_samples"], CARD["n_evaluations"]
        n_fields = n_represented = plan["n_images"] * (3 * samples + 2 * searched + samples * searched // 64)
    else:
        n_fields, n_represented = n_conditions, 3 * n_conditions  # the image deformed, and with two kinds of noise
    return n_represented, 4e-4 * n_fields + 5e-5 * n_represented
