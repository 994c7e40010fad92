"""Reports of `kernelconv stability`: tables, a csv file and figures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console

from kernelconv._files import write_csv
from kernelconv.report import charts
from kernelconv.report.card import SIDES, two_sides
from kernelconv.report.summary import Results, label
from kernelconv.report.table import Column, Entry, Section, Table, number, terminal

_COLUMNS = ("model", "family", "strength", "unit", "measure", "mean", "low", "high", "n_images", "n_draws")
#: Columns of the tables: measure and heading.
_SHOWN = {
    "relative_change": "Change",
    "lipschitz_ratio": "Change / s",
    "deformation_sensitivity": "D",
    "relative_stability": "R white",
    "relative_stability_spectrum": "R spectrum",
    "accuracy": "Accuracy",
}
_NOTE = (
    "Change: ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖, and / s: over the strength; D: the mean squared change relative to how "
    "features of different images differ; R: D over the same under noise of the same norm, white or with the "
    "deformation's spectrum; accuracy: of the linear head, clean: on the images as they are. ±: half of a 95 % "
    "interval. Beside a family stands its strength: the Jacobian norm, or pixels for translations."
)
#: What the family of a corruption's rows begins with, and of a layer's; its kind, or the layer's name, follows.
_CORRUPTION, _LAYER = "corruptions: ", "layers: "
#: Columns of the table of layers; of squares of small numbers a digit more is shown.
_OF_LAYERS = {
    **{m: _SHOWN[m] for m in ("relative_change", "deformation_sensitivity")},
    **{"noise_sensitivity": "G", "relative_stability": "R"},
}
_SQUARED = ("deformation_sensitivity", "noise_sensitivity")
Interval = tuple[float, float, float]


def study_csv(results: Results, path: str | os.PathLike[str]) -> None:
    """Write every row as csv with a header line; the file is written completely or not at all."""
    write_csv(path, _COLUMNS, results["rows"])


def shown_strength(results: Results, family: str) -> float:
    """Return the strength that tables show of a family: the second one."""
    strengths = results["settings"]["families"][family]["strengths"]
    return float(strengths[min(1, len(strengths) - 1)])


def study_rows(results: Results, family: str, strength: float) -> list[dict[str, Any]]:
    """Return one row a model: its summary and, by measure, mean, low and high at one strength of a family."""
    rows = []
    for model in results["settings"]["models"]:
        found = {
            r["measure"]: (r["mean"], r["low"], r["high"])
            for r in results["rows"]
            if r["model"] == model and r["family"] == family and r["strength"] == strength
        }
        if found:
            rows.append({"model": model, **results["summaries"].get(model, {}), "measures": found})
    return rows


def print_study(results: Results, console: Console) -> None:
    """Print one table per family, at one strength: the change of each model's features, and the results of its head."""
    # the ratio says what the change says: 80 columns have no room for it
    for table in with_note(family_tables(results, without=("lipschitz_ratio",), narrow=True)):
        console.print(terminal(table))


def family_tables(results: Results, without: Sequence[str] = (), *, narrow: bool = False) -> list[Table]:
    """Return the tables of the families that were measured, in the order of the settings."""
    own = {"corruptions": corruption_table, "layers": layer_table, "cards": card_table}
    found = [
        own[family](results) if family in own else family_table(results, family, without, narrow=narrow)
        for family in results["settings"]["families"]
    ]
    return [table for table in found if table is not None]


def with_note(tables: Sequence[Table]) -> list[Table]:
    """Say below the last table how to read all of them."""
    return [*tables[:-1], *(replace(table, notes=[*table.notes, _NOTE]) for table in tables[-1:])]


def corruption_table(results: Results) -> Table | None:
    """Return change and accuracy under corruptions by severity, means over all kinds; None where none was measured."""
    settings = results["settings"]
    values: dict[tuple[str, str, float], list[float]] = {}
    for r in results["rows"]:
        if r["family"].startswith(_CORRUPTION):
            values.setdefault((r["model"], r["measure"], r["strength"]), []).append(r["mean"])
    if not values:
        return None
    kinds = {r["family"] for r in results["rows"] if r["family"].startswith(_CORRUPTION)}
    asked = [(m, s) for m in ("relative_change", "accuracy") for s in settings["families"]["corruptions"]["strengths"]]
    columns = [Column("Model", align="left"), *(Column(f"{s:g}", _heading(m)) for m, s in asked)]
    lines = [
        [Entry(label(settings, model)), *(Entry(number(_mean(values.get((model, m, s))), 3)) for m, s in asked)]
        for model in settings["models"]
        if any(key[0] == model for key in values)
    ]
    return Table(f"Corruptions, by severity: means over {len(kinds)} kinds", columns, [Section("", lines)])


def layer_table(results: Results) -> Table | None:
    """Return how each network's layers change, in their order, at one strength; None where none was measured."""
    settings, strength = results["settings"], shown_strength(results, "layers")
    columns = [Column("Layer", align="left"), *(Column(heading) for heading in _OF_LAYERS.values())]
    sections = []
    for model in settings["models"]:
        layers: dict[str, dict[str, float]] = {}
        for r in results["rows"]:
            if r["model"] == model and r["family"].startswith(_LAYER) and r["strength"] == strength:
                layers.setdefault(r["family"].removeprefix(_LAYER), {})[r["measure"]] = r["mean"]
        lines = [[name, *(f"{of[m]:.{4 if m in _SQUARED else 3}f}" for m in _OF_LAYERS)] for name, of in layers.items()]
        sections += [Section(label(settings, model), lines)] if lines else []
    note = "G: D under white noise of the same norm image by image, so that R is D / G."
    caption = f"Layer by layer, {settings['families']['layers']['family'].removeprefix('layers ')}, at {strength:g}"
    return Table(caption, columns, sections, [note]) if sections else None


def card_table(results: Results) -> Table | None:
    """Return both sides of each model's stability card at one strength; None where there is no card."""
    settings, cards = results["settings"], results.get("cards", {})
    if not cards:
        return None
    strengths = settings["families"]["cards"]["strengths"]
    at = min(1, len(strengths) - 1)
    lines = [[label(settings, m), *two_sides(cards[m], at)[:-1]] for m in settings["models"] if m in cards]
    sigma = next(iter(cards.values()))["settings"]["sigma"]
    note = (
        "Accuracy, %: f is the classifier, G its majority over a cloud of fields of standard deviation "
        f"{sigma:g}, of which alone something is guaranteed; typical: under random fields, found: by a search, "
        "guaranteed: against every field of the family. Cards of single models lie in cards/."
    )
    columns = [Column("Model", align="left"), *SIDES[:-1]]
    caption = f"{settings['families']['cards']['family']}, at {strengths[at]:g}"
    return Table(caption[0].upper() + caption[1:], columns, [Section("", lines)], [note])


def _mean(values: Sequence[float] | None) -> float | None:
    return fmean(values) if values else None


def family_table(results: Results, family: str, without: Sequence[str] = (), *, narrow: bool = False) -> Table | None:
    """Return the table of a family at one strength, None where no model was measured.

    `narrow` leaves out the number of features, and half the interval where the mean says most.
    """
    settings, strength = results["settings"], shown_strength(results, family)
    rows = study_rows(results, family, strength)
    found = dict.fromkeys(m for row in rows for m in row["measures"] if m not in without)
    if not rows:
        return None
    # a search for the worst has measures of its own
    measures = [m for m in _SHOWN if m in found] or list(found)
    first = ["Clean"] if narrow else ["Features", "Clean accuracy"]
    columns = [Column("Model", align="left"), *map(Column, [*first, *(_heading(m) for m in measures)])]
    lines = [
        [
            Entry(label(settings, row["model"])),
            *_summary(row)[-len(first) :],
            *(_interval(row["measures"].get(m), m, alone=narrow and m != "relative_change") for m in measures),
        ]
        for row in rows
    ]
    caption = f"{settings['families'][family]['family']} at {strength:g}"
    return Table(caption, columns, [Section("", lines)])


def expectation_table(results: Results) -> Table:
    """Return what theory expects of two models, and whether it came true."""
    settings = results["settings"]
    headings = ("Expected", "Measure", "s", "Paired difference", "95 % interval", "Came true", "Why")
    left = ("Expected", "Measure", "Came true", "Why")
    columns = [Column(h, align="left" if h in left else "right") for h in headings]
    lines = [
        [
            f"{label(settings, e['smaller'])} below {label(settings, e['larger'])}",
            _heading(e["measure"]),
            f"{e['strength']:g}",
            f"{e['difference']:+.3f}",
            f"{e['low']:+.3f} to {e['high']:+.3f}",
            e["came_true"],
            e["reason"],
        ]
        for e in results["expectations"]
    ]
    notes = ["“Open”: the interval of the difference, over images, holds 0."]
    return Table("What theory expects, and what came (smooth fields)", columns, [Section("", lines)], notes)


def write_study_figures(
    results: Results, folder: Path, examples: Mapping[str, Mapping[str, Any]], worst: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    """Draw curves-FAMILY.png and deformed-FAMILY.png of each family, and worst-fields.png; return their paths.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not.
    folder : Path
        Where the files go.
    examples : dict
        For each family with fields ``"strengths"`` and ``"images"``, (n_examples, 1 + n_strengths, h, w).
    worst : dict
        For each model ``"image"`` and ``"warped"``, (h, w), ``"tau"``, (h, w, 2), and ``"change"``.

    Raises
    ------
    ImportError
        If matplotlib is missing (see `figures_available`).
    """
    charts.check_figures_available()
    labels = {model: label(results["settings"], model) for model in results["settings"]["models"]}
    paths = []
    with charts.house_style():
        for family, shown in examples.items():
            rows = [r for r in results["rows"] if r["family"] == family]
            if rows:
                axis = {"px": "shift, px", "": "Jacobian norm"}.get(rows[0]["unit"], rows[0]["unit"])
                paths.append(charts.save_figure(charts.curves(rows, labels, axis), folder / f"curves-{family}.png"))
            drawn = charts.deformed(np.asarray(shown["images"]), shown["strengths"])
            paths.append(charts.save_figure(drawn, folder / f"deformed-{family}.png"))
        if worst:
            drawn = charts.worst_fields({labels[model]: example for model, example in worst.items()})
            paths.append(charts.save_figure(drawn, folder / "worst-fields.png"))
    return paths


def _heading(measure: str) -> str:
    return _SHOWN.get(measure, measure.replace("_", " ").capitalize())


def _summary(row: Mapping[str, Any]) -> list[Entry]:
    """Return the number of features and the accuracy on images as they are, of a model whose head has one."""
    return [Entry(number(row.get("n_features"), 0)), Entry(number(row.get("accuracy"), 3))]


def _interval(value: Interval | None, measure: str, *, alone: bool) -> Entry:
    """Return a mean and half its interval, or a mean alone."""
    if value is None:
        return Entry("–")
    mean, low, high = value
    decimals = 4 if measure in _SQUARED else 3  # squares of small numbers
    return Entry(f"{mean:.{decimals}f}", mark="" if alone else f" ±{(high - low) / 2:.{decimals}f}")
