"""The tables of `kernelconv compare`: on the terminal, on the page, and as a csv file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from kernelconv._files import write_csv
from kernelconv.report.summary import CHANGES, Results, Row, change_at, count_cells, middle_strength, summary_rows
from kernelconv.report.table import Column, Entry, Section, Table, number, shown_decimals, terminal

#: What stands between a table of errors and a fair choice of one of its rows.
HISTORY = (
    "What a model chooses by itself (penalties, dimensions) it chooses inside its training subset. Architectures and "
    "training schedules of kernelconv's own models are fixed; they were chosen while this library was written, on "
    "thousands of labelled training images of MNIST (of a comparison on MNIST: others than its subsets'), in part "
    "after its test figures had been seen, and those of models for colour on labelled training images of CIFAR-10. Of "
    "models that come from elsewhere (module:name) nothing is known."
)
_RECORD = "model train_size seed test_error n_test n_features n_params fit_seconds predict_seconds".split()


def print_table(results: Results, console: Console | None = None) -> None:
    """Print the table of a comparison: a section per training-set size, a line per model, the lowest error in bold.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not.
    console : rich.console.Console, optional
        Where to print; by default the standard output.

    Raises
    ------
    ValueError
        As `summary_rows`.

    Notes
    -----
    The table is 80 columns wide with names of up to 19 letters; longer names are wrapped.

    Examples
    --------
    >>> from rich.console import Console
    >>> from kernelconv.report import print_table
    >>> at_02 = [{"strength": 0.2, "mean": 0.1, "low": 0.09, "high": 0.11}]
    >>> record = {"model": "ckn", "train_size": 100, "seed": 0, "test_error": 0.01, "n_features": 512, "n_params": None,
    ...           "fit_seconds": 1.5, "predict_seconds": 0.1, "n_test": 100, "mistakes": [[31, 0, 1]],
    ...           "relative_change": at_02, "deformation_sensitivity": at_02}
    >>> results = {"settings": {"data": "digits", "models": {"ckn": "..."}, "train_sizes": [100], "seeds": [0],
    ...                         "n_test": 100, "deformation": {"family": "Rotation()", "strengths": [0.2]}},
    ...            "records": [record]}
    >>> print_table(results, Console(width=78))
    digits: 100 test images, 1 seed, by number of training images
    model       error %  ±draws  ±images  fit s  images/s  change      D
    ─...
    100 images
    ckn            1.00       –     0.99   1.50     1,000   0.100  0.100
    ±: one standard error, over draws of training images and over test images.
    Lowest error of a size in bold.
    change: relative change of the features; D: squared, relative to how images
    differ; Rotation(), Jacobian norm 0.2.
    """
    console = console or Console()
    console.print(terminal(short_table(results)))


def to_csv(results: Results, path: str | os.PathLike[str]) -> None:
    """Write the results as csv, one line per record; the file is written completely or not at all.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not.
    path : path-like
        The file; an existing one is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If a record lacks a strength of deformation that is in the settings.

    Notes
    -----
    Columns: model, train_size, seed, test_error (a share, not %), n_test, n_features and n_params (empty if none),
    fit_seconds and predict_seconds (CPU), and for each strength s ``relative_change_s`` with the ends of its interval,
    ``relative_change_s_low`` and ``relative_change_s_high``, then the same of ``deformation_sensitivity`` (empty where
    a model has no features). Numbers are written in full.

    Examples
    --------
    >>> import os, tempfile
    >>> from pathlib import Path
    >>> from kernelconv.report import to_csv
    >>> results = {"settings": {"deformation": {"strengths": [0.2]}}, "records": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "results.csv")
    ...     to_csv(results, path)
    ...     Path(path).read_text().split(',')[:4]
    ['model', 'train_size', 'seed', 'test_error']
    """
    strengths = results["settings"]["deformation"]["strengths"]
    columns = {
        f"{measure}_{s}{'' if end == 'mean' else '_' + end}": (measure, s, end)
        for measure in CHANGES
        for s in strengths
        for end in ("mean", "low", "high")
    }

    def rows() -> Iterator[dict[str, Any]]:
        for record in results["records"]:
            ends = {name: record[m] and change_at(record, s, m)[end] for name, (m, s, end) in columns.items()}
            yield {**{name: record[name] for name in _RECORD}, **ends}

    write_csv(path, [*_RECORD, *columns], rows())


def short_table(results: Results) -> Table:
    """Return the table of the terminal: errors, speed and how far the features move at one strength."""
    settings, rows = results["settings"], summary_rows(results)
    middle, family = middle_strength(results), settings["deformation"]["family"]
    lines = _error_entries(results, rows)
    _extend(lines, (seconds := [row["fit_seconds"] for row in rows]), shown_decimals(seconds, 2))
    _extend(lines, [row["images_per_second"] for row in rows], 0)
    _extend(lines, [_mean_at(row, middle, "relative_change") for row in rows], 3)
    _extend(lines, (d := [_mean_at(row, middle, "deformation_sensitivity") for row in rows]), shown_decimals(d, 4))
    headings = ("error %", "±draws", "±images", "fit s", "images/s", "change", "D")
    columns = [Column("model", align="left"), *map(Column, headings)]
    notes = [
        "±: one standard error, over draws of training images and over test images. Lowest error of a size in bold.",
        "change: relative change of the features; D: squared, relative to how images differ; "
        f"{family}, Jacobian norm {middle:g}.",
    ]
    seeds = "1 seed" if len(settings["seeds"]) == 1 else f"{len(settings['seeds'])} seeds"
    caption = f"{settings['data']}: {settings['n_test']:,} test images, {seeds}, by number of training images"
    return Table(
        caption, columns, _by_size(rows, lines, "images"), [*notes, *_row_notes(results, rows), *_unfinished(results)]
    )


def error_table(results: Results) -> Table:
    """Return the table of test errors and cost of the page."""
    settings, rows = results["settings"], summary_rows(results)
    lines = _error_entries(results, rows)
    _extend(lines, [row["n_features"] for row in rows], 0)
    _extend(lines, [row["n_params"] for row in rows], 0)
    _extend(lines, (seconds := [row["fit_seconds"] for row in rows]), shown_decimals(seconds, 2))
    _extend(lines, [row["images_per_second"] for row in rows], 0)
    group = "Test error, %"
    errors = [Column(heading, group) for heading in ("mean", "± draws", "± images")]
    costs = map(Column, ("Features", "Parameters", "Fit, CPU s", "Images per CPU s"))
    notes = [
        "± draws: one standard error of the mean over draws of training images (– with one draw); ± images: one "
        "standard error over the test images, of the mean loss over draws. Bold: the lowest mean of each size; it is "
        f"picked by the test error itself, among {len(settings['models'])} rows, and so a little too low.",
        "Features: what the head reads. Parameters: those of the network, heads not counted. Times are medians over "
        "seeds.",
        HISTORY,
    ]
    caption = f"Test error and cost on {settings['data']}, by training-set size"
    columns = [Column("Model", align="left"), *errors, *costs]
    return Table(caption, columns, _by_size(rows, lines), [*notes, *_row_notes(results, rows)])


def change_table(results: Results) -> Table:
    """Return the table of how far features move under deformation, in two measures, of the page."""
    rows = [row for row in summary_rows(results) if any(row[measure] for measure in CHANGES)]
    strengths = results["settings"]["deformation"]["strengths"]
    lines = [[Entry(row["label"])] for row in rows]
    columns = [Column("Model", align="left")]
    for measure, symbol, most in zip(CHANGES, ("Relative change", "D"), (3, 5), strict=True):
        by_strength = [[_mean_at(row, s, measure) for row in rows] for s in strengths]
        decimals = shown_decimals([v for values in by_strength for v in values], most)
        for strength, values in zip(strengths, by_strength, strict=True):
            columns.append(Column(f"{strength:g}", f"{symbol} at ‖∇τ‖∞"))
            _extend(lines, values, decimals)
    notes = [
        "Relative change: the mean of ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ over test images. D: the mean of ‖Φ(L_τ x) − Φ(x)‖² "
        "over that of ‖Φ(x) − Φ(x′)‖² for different images x and x′, which a large part common to all features does "
        "not flatter. Lower is more stable in both."
    ]
    return Table("How far the features move when images are deformed", columns, _by_size(rows, lines), notes)


def _row_notes(results: Results, rows: Sequence[Row]) -> list[str]:
    """Return what the marks beside models mean, and what the records say beside their numbers."""
    n_seeds = len(results["settings"]["seeds"])
    fewer = f"n/{n_seeds} beside a model: n of {n_seeds} seeds."
    notes = [fewer] if any(row["n_seeds"] < n_seeds for row in rows) else []
    return notes + list(dict.fromkeys(f"{row['label']}: {row['note']}" for row in rows if row["note"]))


def _error_entries(results: Results, rows: Sequence[Row]) -> list[list[Entry]]:
    """Return the entries of the columns that every table of errors begins with."""
    settings = results["settings"]
    lines = []
    for row in rows:
        marks = ""
        if row["n_seeds"] < len(settings["seeds"]):
            marks += f" {row['n_seeds']}/{len(settings['seeds'])}"
        if row["n_test"] < settings["n_test"]:
            marks += f" ({row['n_test']:,} test images)"
        bars = [Entry(number(row[key], 2)) for key in ("over_draws", "over_images")]
        name = Entry(row["label"], bold=row["best"], mark=marks)
        lines.append([name, Entry(number(row["error"], 2), bold=row["best"]), *bars])
    return lines


def _extend(lines: list[list[Entry]], values: Sequence[float | None], decimals: int) -> None:
    """Add a column of numbers."""
    for line, value in zip(lines, values, strict=True):
        line.append(Entry(number(value, decimals)))


def _by_size(rows: Sequence[Row], lines: Sequence[list[Entry]], unit: str = "training images") -> list[Section]:
    sizes = dict.fromkeys(row["train_size"] for row in rows)
    of_size = {s: [line for row, line in zip(rows, lines, strict=True) if row["train_size"] == s] for s in sizes}
    return [Section(f"{size:,} {unit}", found) for size, found in of_size.items()]


def _mean_at(row: Row, strength: float, measure: str) -> float | None:
    return None if row[measure] is None else change_at(row, strength, measure)["mean"]


def _unfinished(results: Results) -> list[str]:
    done, wanted = count_cells(results)
    return [f"Not finished: {done} of {wanted} cells."] if done < wanted else []
