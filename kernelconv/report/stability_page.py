"""The HTML page of `kernelconv stability`: tables, figures, what theory expected, and the protocol in words."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelconv.report.accuracy_page import data_arguments, environment_table, model_table
from kernelconv.report.captions import Caption
from kernelconv.report.page import Page, save_page
from kernelconv.report.stability import expectation_table, family_tables, with_note
from kernelconv.report.summary import Results, label


def write_study_page(results: Results, path: str | os.PathLike[str], figures: Sequence[Path] = ()) -> None:
    """Write the HTML page of a study: tables, figures, what theory expects and what was found, protocol, command."""
    settings, done = results["settings"], len(results["cells"])
    page = Page(
        title=f"Stability to deformation on {settings['data']}",
        lead=[_lead(settings)],
        warning=f"Not finished: {done} of {settings['n_cells']} cells." if done < settings["n_cells"] else "",
        tables=with_note(family_tables(results)),
        figures=[(figure, _caption(figure.stem, settings)) for figure in figures],
        further=[expectation_table(results)] if results["expectations"] else [],
        protocol=_protocol(settings),
        models=[model_table(settings)],
        environment=[environment_table(results)],
        command=study_command(settings),
        files="results.csv, beside this page, holds every measure with its interval; the cells hold the rest.",
        version=results["kernelconv"],
    )
    save_page(page, path)


def study_command(settings: Mapping[str, Any]) -> str:
    """Return the command line of `kernelconv stability` that asks for these settings."""
    words = ["kernelconv", "stability", "--data", *data_arguments(settings), "--models", *settings["models"]]
    words += ["--families", *settings["families"], "--images", str(settings["n_images"])]
    words += ["--train-size", str(settings["train_size"]), "--seed", str(settings["seed"])]
    words += ["--border", settings["border"]] if "border" in settings else []  # results of before it could be chosen
    starts = settings.get("starts", 1)  # results of before there were several
    return shlex.join([*words, *(["--starts", str(starts)] if starts > 1 else [])])


def _lead(settings: Mapping[str, Any]) -> str:
    return (
        f"How far the features of {len(settings['models'])} representations move when {settings['n_images']:,} test "
        f"images of {settings['data']} are deformed, all facing the same images, fields and noise; and what a linear "
        f"head, fitted on the features of {settings['train_size']:,} training images, still recognises."
    )


def _starts(settings: Mapping[str, Any]) -> str:
    starts = settings.get("starts", 1)
    if starts == 1:
        return "Start weights of trained networks are a single draw, which these intervals leave out."
    return (
        f"Networks that learn from labels ({', '.join(label(settings, m) for m in settings['trained'])}): means over "
        f"{starts} trainings from other start weights, on the same images; their intervals are of t, over trainings "
        "and images together, and so are those of differences from them."
    )


def _around(settings: Mapping[str, Any]) -> str:
    border = settings.get("border", "zero")
    return "of zeros put around" if border == "zero" else f"of {border} border put around"


def _trained_on(settings: Mapping[str, Any]) -> str:
    size = settings["train_size"]
    if size == settings.get("n_train_pool"):
        return f"all {size:,} training images"
    return f"{size:,} class-balanced training images (seed {settings['seed']})"


def _protocol(settings: Mapping[str, Any]) -> list[str]:
    return [
        f"Data: {settings['data']}, {settings['pad']} px {_around(settings)} each image. The first "
        f"{settings['n_images']:,} test images that are not black are measured; anchors, weights and heads see "
        f"{_trained_on(settings)} and nothing else. Nothing was tuned.",
        f"Deformation: L_τ x(u) = x(u − τ(u)), cubic splines, {settings.get('border', 'zero')} border; every field has "
        "exactly the Jacobian norm ‖∇τ‖∞ asked for (translations: exactly the length). One field an image, the same "
        "for all.",
        "Relative change: ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖, which a large part common to all features flatters. D: the mean "
        "of ‖Φ(L_τ x) − Φ(x)‖² over that of ‖Φ(x) − Φ(x′)‖², which it does not. R = D / G: D over the same under noise "
        "of the same norm image by image, white, or with the deformation's own power spectrum.",
        f"Intervals: 95 %, bootstrap over images. Differences are paired: images are resampled for both at once. "
        f"{_starts(settings)}",
        "The worst field is searched image by image, by gradient ascent where the representation has a gradient and by "
        "an evolution strategy elsewhere; what is found is a lower bound of the supremum, at the budget named.",
    ]


def _caption(stem: str, settings: Mapping[str, Any]) -> Caption:
    kind, _, family = stem.partition("-")
    if stem == "worst-fields":
        text = (
            "One image, the same under the worst field found for each representation, and the field: arrows end at u "
            "and begin at u − τ(u)."
        )
        return Caption("Worst fields", "Rows of images with arrows, one a representation.", text)
    about = settings["families"][family]["family"]
    if kind == "curves":
        text = (
            f"{about}: means over images with 95 % bootstrap intervals as bands. Lower is more stable; the accuracy is "
            "that of the fixed head."
        )
        return Caption(f"Stability: {family}", f"Line charts under {family}; results.csv holds the numbers.", text)
    return Caption(
        f"Images: {family}", "Rows of images, each deformed more and more.", f"{about} at the strengths above."
    )
