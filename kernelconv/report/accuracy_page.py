"""The page of `kernelconv compare`: what was measured, tables, figures, protocol, and the command to repeat it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Any

from kernelconv.report.accuracy import change_table, error_table
from kernelconv.report.captions import caption
from kernelconv.report.page import Page, definitions, save_page
from kernelconv.report.summary import (
    Results,
    Row,
    change_at,
    compared_rows,
    count_cells,
    label,
    middle_strength,
    summary_rows,
)
from kernelconv.report.table import Table


def write_page(results: Results, path: str | os.PathLike[str], figures: Sequence[str | os.PathLike[str]] = ()) -> None:
    """Write the HTML page of a comparison: what was measured, tables, figures, protocol, the command to repeat it.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not; the page of an unfinished comparison states how much is done.
    path : path-like
        The HTML file, written completely or not at all; an existing one is replaced.
    figures : sequence of path-like
        PNG files of `write_figures`; they are copied into the page.

    Raises
    ------
    OSError
        If a figure cannot be read or the page cannot be written.
    ValueError
        As `summary_rows`; or if a figure is not one of those that `write_figures` makes.

    Examples
    --------
    >>> import os, tempfile
    >>> from pathlib import Path
    >>> from kernelconv.report import write_page
    >>> settings = {"data": "digits", "models": {"a < b": "SVC()"}, "train_sizes": [100], "seeds": [0],
    ...             "classes": ["0", "1"], "n_train_pool": 1198, "n_test": 599, "image_shape": [8, 8, 1],
    ...             "deformation": {"family": "Rotation()", "strengths": [0.2], "n_images": 200, "seed": 0}}
    >>> results = {"kernelconv": "0.1.0", "settings": settings, "environment": {}, "records": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "report.html")
    ...     write_page(results, path)
    ...     page = Path(path).read_text(encoding="utf-8")
    >>> "0 of 1 cells" in page, "a &lt; b" in page
    (True, True)
    """
    rows, settings = summary_rows(results), results["settings"]
    done, wanted = count_cells(results)
    unfinished = f"Not finished: {done} of {wanted} cells (model × training-set size × seed)."
    page = Page(
        title=f"Image models compared on {settings['data']}",
        lead=[_lead(results, rows)],
        warning=unfinished if done < wanted else "",
        tables=_tables(results, rows),
        figures=[(figure, caption(Path(figure).stem, results, rows)) for figure in figures],
        protocol=_protocol(settings),
        models=[model_table(settings)],
        environment=[environment_table(results)],
        command=compare_command(settings),
        files="results.csv, beside this page, holds errors, measures and times of each cell; the cells the rest.",
        version=results["kernelconv"],
    )
    save_page(page, path)


def compare_command(settings: Mapping[str, Any]) -> str:
    """Return the command line of `kernelconv compare` that asks for these settings."""
    words = ["kernelconv", "compare", "--data", *data_arguments(settings), "--models", *settings["models"]]
    words += ["--train-sizes", *map(str, settings["train_sizes"]), "--seeds", str(len(settings["seeds"]))]
    return shlex.join(words)


def data_arguments(settings: Mapping[str, Any]) -> list[str]:
    """Return what follows --data on the command line, two paths and an image size where there are."""
    return list(settings.get("data_arguments") or [settings["data"]])


def model_table(settings: Mapping[str, Any]) -> Table:
    """Return what each model is, under its label and, where that differs, the name it has on the command line."""
    shown = {name: label(settings, name) for name in settings["models"]}
    names = {n: text if text == n else f"{text} ({n})" for n, text in shown.items()}
    return definitions("What each name stands for", {names[n]: about for n, about in settings["models"].items()})


def environment_table(results: Results) -> Table:
    """Return the version, the machine and the packages that made the results."""
    return definitions("Machine and packages", {"kernelconv": results["kernelconv"], **results["environment"]})


def _tables(results: Results, rows: Sequence[Row]) -> list[Table]:
    if not rows:
        return []
    changes = change_table(results)
    return [error_table(results), *([changes] if changes.sections else [])]


def _lead(results: Results, rows: Sequence[Row]) -> str:
    settings = results["settings"]
    sizes = _join([f"{size:,}" for size in settings["train_sizes"]], "or")
    models = _join([label(settings, name) for name in settings["models"]], "and")
    text = (
        f"Models compared: {models}, fitted on the same {sizes} training images of {settings['data']} and tested on "
        f"the same {settings['n_test']:,}. Measured are the share of test images they get wrong, how far their "
        f"features move when the images are smoothly deformed, and what they cost. {_headline(results, rows)}"
    )
    return text.strip()


def _headline(results: Results, rows: Sequence[Row]) -> str:
    """Say in two sentences what came out, at the size that the figures show."""
    rows = compared_rows(rows)
    lowest = [row for row in rows if row["best"]]
    if not lowest:
        return ""
    text = (
        f"With {rows[0]['train_size']:,} training images the lowest test error is {lowest[0]['error']:.2f} % "
        f"({_join([row['label'] for row in lowest], 'and')})"
    )
    strength = middle_strength(results)
    by_change, by_d = (_stillest(rows, strength, m) for m in ("relative_change", "deformation_sensitivity"))
    if not by_change or not by_d:
        return f"{text}."
    also = "by both measures" if by_change == by_d else f"by relative change, those of {by_d} by D"
    return f"{text}; at Jacobian norm {strength:g} the features of {by_change} move least {also}."


def _stillest(rows: Sequence[Row], strength: float, measure: str) -> str:
    """Return the labels of the rows with the smallest measure, all of a tie; an empty string where no row has it."""
    found = {row["label"]: change_at(row, strength, measure)["mean"] for row in rows if row[measure] is not None}
    if not found:
        return ""
    least = min(found.values())
    return _join([name for name, value in found.items() if isclose(value, least, rel_tol=1e-9)], "and")


def _balance(settings: Mapping[str, Any]) -> str:
    """Say whether subsets are balanced: the whole pool has as many of each class as there are."""
    pool = settings["n_train_pool"]
    if pool not in settings["train_sizes"]:
        return "balanced over the classes and "
    return f"balanced over the classes where they are fewer than all {pool:,}, and "


def _protocol(settings: Mapping[str, Any]) -> list[str]:
    deformation = settings["deformation"]
    shape = " × ".join(map(str, settings["image_shape"]))
    return [
        f"Data: {settings['data']}, images of {shape} (height × width × channels), {len(settings['classes'])} classes. "
        f"{settings['n_train_pool']:,} images to train from and {settings['n_test']:,} to test on, the same split for "
        "every model.",
        f"Runs: {_join([f'{size:,}' for size in settings['train_sizes']], 'or')} training images, seeds "
        f"{_join(list(map(str, settings['seeds'])), 'and')}. A seed chooses the training images, "
        f"{_balance(settings)}the same for every model, and starts the models' own randomness. Smaller sets are parts "
        "of larger ones.",
        "Two standard errors, because training and test images are both samples: over draws, the standard deviation of "
        "the errors (n − 1) over √n; over test images, the standard deviation of the loss of each test image, averaged "
        "over draws, over √n; with one draw this is √(e (1 − e) / n). Where a draw is the whole training set, more "
        "draws measure the models' own randomness alone.",
        f"Deformation: {deformation['family']}, L_τ x(u) = x(u − τ(u)), each field scaled to the exact Jacobian norm "
        f"‖∇τ‖∞ asked for ({', '.join(f'{s:g}' for s in deformation['strengths'])}; no unit), on "
        f"{deformation['n_images']:,} test images, one draw (seed {deformation['seed']}) for all models. Intervals are "
        "95 % bootstrap intervals over images.",
        "Times are CPU seconds, of all threads together, one fit per cell; they depend on the machine and on its load.",
    ]


def _join(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
