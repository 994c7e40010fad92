"""What `kernelconv stability` shows of its results: a terminal table, a csv file, figures and one HTML page."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from kernelconv._files import write_atomically
from kernelconv.report import charts, study_charts
from kernelconv.report.captions import Caption
from kernelconv.report.figures import save_figure
from kernelconv.report.page import definitions, fill_page

Results = Mapping[str, Any]

_COLUMNS = ("model", "family", "strength", "unit", "measure", "mean", "low", "high", "n_images", "n_draws")
#: Columns of the tables: measure and heading.
_SHOWN = {
    "relative_change": "change",
    "lipschitz_ratio": "change / s",
    "relative_stability": "R white",
    "relative_stability_spectrum": "R spectrum",
    "accuracy": "accuracy",
}


def study_csv(results: Results, path: Path) -> None:
    """Write every row as csv with a header line; the file appears whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(results["rows"])
    write_atomically(path, text.getvalue())


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
    """Print one table a family, at one strength: what each model changes, and what its head still knows."""
    for family, about in results["settings"]["families"].items():
        strength = shown_strength(results, family)
        rows = study_rows(results, family, strength)
        if not rows:
            continue
        # the ratio says what the change says: 80 columns have no room for it
        measures = [m for m in _measures(rows) if m != "lipschitz_ratio"]
        table = Table(box=SIMPLE_HEAD, title=f"{about['family']} at {strength:g}", title_justify="left", padding=(0, 1))
        table.add_column("model", no_wrap=True)
        for heading in ("clean", *(_SHOWN.get(m, m.replace("_", " ")) for m in measures)):
            table.add_column(heading, justify="right")
        for row in rows:
            table.add_row(row["model"], _summary_texts(row)[1], *(_cell(row["measures"].get(m), m) for m in measures))
        console.print(table)


def _measures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the measures that a table of `rows` shows: those of `_SHOWN`, or all that a search for the worst gives."""
    found = dict.fromkeys(m for r in rows for m in r["measures"])
    return [m for m in _SHOWN if m in found] or list(found)


def _summary_texts(row: Mapping[str, Any]) -> tuple[str, str]:
    accuracy = row.get("accuracy")
    features = f"{row['n_features']:,}" if "n_features" in row else ""
    return features, "" if accuracy is None else f"{accuracy:.3f}"


def _cell(value: tuple[float, float, float] | None, measure: str = "") -> str:
    """Return a mean and half its interval; a mean alone for the measures that the terminal has no room for."""
    if value is None:
        return ""
    alone = measure.startswith(("relative_stability", "accuracy"))
    return f"{value[0]:.3f}" if alone else f"{value[0]:.3f} ±{(value[2] - value[1]) / 2:.3f}"


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
    """
    import matplotlib

    models = list(results["settings"]["models"])
    paths = []
    with matplotlib.rc_context(charts.STYLE):
        for family, shown in examples.items():
            rows = [r for r in results["rows"] if r["family"] == family]
            if rows:
                axis = "shift, px" if rows[0]["unit"] == "px" else "Jacobian norm"
                paths.append(save_figure(study_charts.curves(rows, models, axis), folder / f"curves-{family}.png"))
            drawn = charts.deformed(np.asarray(shown["images"]), shown["strengths"])
            paths.append(save_figure(drawn, folder / f"deformed-{family}.png"))
        if worst:
            paths.append(save_figure(study_charts.worst_fields(worst), folder / "worst-fields.png"))
    return paths


def write_study_page(results: Results, path: Path, figures: Sequence[Path] = ()) -> None:
    """Write the report: tables, what theory expected and what came, figures, protocol, and how to make it again."""
    settings = results["settings"]
    tables = "\n".join(_table(results, family) for family in settings["families"])
    fill_page(
        path,
        title=f"Stability to deformation on {settings['data']}",
        lead=_lead(results),
        table=tables + _expectations(results),
        figures=[(figure, _caption(figure.stem, settings)) for figure in figures],
        protocol=_protocol(settings),
        models=definitions(settings["models"]),
        environment={"kernelconv": results["kernelconv"], **results["environment"]},
        command=study_command(settings),
    )


def study_command(settings: Mapping[str, Any]) -> str:
    """Return the command line of `kernelconv stability` that asks for these settings."""
    words = ["kernelconv", "stability", "--data", settings["data"], "--models", *settings["models"]]
    words += ["--families", *settings["families"], "--images", str(settings["n_images"])]
    return shlex.join([*words, "--train-size", str(settings["train_size"]), "--seed", str(settings["seed"])])


def _lead(results: Results) -> str:
    settings = results["settings"]
    done = results["cells"]
    wanted = len(settings["models"]) * len(settings["families"])
    text = (
        f"How far the features of {len(settings['models'])} representations move when {settings['n_images']:,} test "
        f"images of {settings['data']} are deformed, all facing the same images, fields and noise; and what a linear "
        f"head, fitted on the features of {settings['train_size']:,} training images, still recognises."
    )
    unfinished = (
        f'\n<p class="unfinished">Not finished: {len(done)} of {wanted} cells.</p>' if len(done) < wanted else ""
    )
    return f"<p>{escape(text)}</p>{unfinished}"


def _table(results: Results, family: str) -> str:
    strength = shown_strength(results, family)
    rows = study_rows(results, family, strength)
    if not rows:
        return ""
    measures = _measures(rows)
    headings = ["Features", "Clean accuracy", *(_SHOWN.get(m, m.replace("_", " ")) for m in measures)]
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in headings)
    lines = []
    for row in rows:
        cells = [*_summary_texts(row), *(_cell(row["measures"].get(m)) for m in measures)]
        body = "".join(f"<td>{escape(c)}</td>" for c in cells)
        lines.append(f'<tr><th scope="row">{escape(row["model"])}</th>{body}</tr>')
    about = escape(f"{results['settings']['families'][family]['family']} at strength {strength:g}")
    return (
        f'<h3>{about}</h3>\n<div class="scroll">\n<table class="results">\n<thead><tr><th scope="col" class="name">'
        f"Model</th>{head}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>\n</div>\n"
    )


def _expectations(results: Results) -> str:
    if not results["expectations"]:
        return ""
    lines = [
        f'<tr><th scope="row">{escape(e["smaller"])} below {escape(e["larger"])}</th><td>{escape(e["measure"])}</td>'
        f"<td>{e['strength']:g}</td><td>{e['difference']:+.3f} [{e['low']:+.3f}, {e['high']:+.3f}]</td>"
        f"<td>{escape(e['came_true'])}</td><td>{escape(e['reason'])}</td></tr>"
        for e in results["expectations"]
    ]
    head = "".join(
        f'<th scope="col">{h}</th>' for h in ("Expected", "Measure", "s", "Paired difference", "Came true", "Why")
    )
    return (
        '<h3>What theory expects, and what came (smooth fields)</h3>\n<div class="scroll">\n<table class="text">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>\n</div>\n"
    )


def _protocol(settings: Mapping[str, Any]) -> list[str]:
    return [
        f"Data: {settings['data']}, {settings['pad']} px of zeros put around each image. The first "
        f"{settings['n_images']:,} test images are measured; anchors, weights and heads see {settings['train_size']:,} "
        f"class-balanced training images (seed {settings['seed']}) and nothing else. Nothing was tuned.",
        "Deformation: L_τ x(u) = x(u − τ(u)), cubic splines, zero border; every field has exactly the Jacobian norm "
        "‖∇τ‖∞ asked for (translations: exactly the length). One field an image, the same for all.",
        "Relative change: ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖. R = D / G: the mean squared change under deformation over that "
        "under noise of the same norm image by image, white, or with the deformation's own power spectrum.",
        "Intervals: 95 %, bootstrap over images. Differences are paired: images are resampled for both at once.",
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
