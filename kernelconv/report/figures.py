"""The PNG files of a comparison: one colour and one marker per model in all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv.report import charts
from kernelconv.report.charts import check_figures_available, save_figure
from kernelconv.report.charts.accuracy import N_CONFUSIONS
from kernelconv.report.published import leading_curves
from kernelconv.report.summary import (
    CHANGES,
    Results,
    Row,
    compared_rows,
    label,
    middle_strength,
    most_confused,
    summary_rows,
)


def write_figures(
    results: Results,
    folder: str | os.PathLike[str],
    images: Mapping[str, Any] | None = None,
    layers: Mapping[str, NDArray] | None = None,
) -> list[Path]:
    """Draw the figures of a comparison; each file is written completely or not at all.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not; without records only `images` is drawn.
    folder : path-like
        Where the files go; created if it does not exist.
    images : dict, optional
        ``"strengths"``, n Jacobian norms, and ``"images"``, an array (n_examples, 1 + n, h, w) or
        (n_examples, 1 + n, h, w, c): each example undeformed, then deformed at each strength. Three channels
        are drawn in colour; for any other number the mean is drawn in grey. Black and white are the extremes
        of the original.
    layers : dict, optional
        For each model, pictures of its first layer, (k, h, w) or (k, h, w, 3), in [-1, 1].

    Returns
    -------
    paths : list of Path
        learning_curves.png, tradeoff.png and confusion.png; stability.png, if a model has features; deformed.png, with
        `images`; first_layers.png, with `layers`. On MNIST the learning curves include published ones.

    Raises
    ------
    ImportError
        If matplotlib is missing (see `figures_available`).
    ValueError
        As `summary_rows`; or if `images` does not hold an original and one image per strength.

    Notes
    -----
    The same results give the same bytes. matplotlib's global state is not changed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from kernelconv.report import write_figures
    >>> results = {"settings": {"models": {}, "train_sizes": [], "seeds": []}, "records": []}
    >>> images = {"strengths": [0.1, 0.4], "images": np.eye(8)[None, None].repeat(3, axis=1)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_figures(results, folder, images)]
    ['deformed.png']
    """
    check_figures_available()
    draw = _drawings(results, summary_rows(results))
    if images is not None:
        draw["deformed"] = lambda: charts.deformed(np.asarray(images["images"]), images["strengths"])
    if layers:
        shown = {label(results["settings"], model): pictures for model, pictures in layers.items()}
        draw["first_layers"] = lambda: charts.first_layers(shown)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with charts.house_style():
        return [save_figure(make(), folder / f"{name}.png") for name, make in draw.items()]


def _drawings(results: Results, rows: list[Row]) -> dict[str, Callable[[], Any]]:
    """Return how each figure that the rows can show is drawn, by its name."""
    if not rows:
        return {}
    settings = results["settings"]
    styles, shown = charts.model_styles(settings["models"]), compared_rows(rows)
    strengths = settings["deformation"]["strengths"]
    draw = {
        "learning_curves": lambda: charts.learning_curves(rows, styles, leading_curves(settings["data"])),
        "stability": lambda: charts.change(shown, styles, strengths),
        "tradeoff": lambda: charts.tradeoff(shown, styles, middle_strength(results)),
        "confusion": lambda: _confusion(results, shown, styles),
    }
    if not any(all(row[measure] for measure in CHANGES) for row in shown):
        del draw["stability"]
    return draw


def _confusion(results: Results, rows: list[Row], styles: Mapping[str, Any]) -> Any:
    classes, mistakes = results["settings"]["classes"], {}
    for row in rows:
        of_row = [r for r in results["records"] if all(r[key] == row[key] for key in ("model", "train_size"))]
        mistakes[row["label"]] = most_confused(of_row, classes, N_CONFUSIONS)
    return charts.confusion(mistakes, {row["label"]: styles[row["model"]]["color"] for row in rows})
