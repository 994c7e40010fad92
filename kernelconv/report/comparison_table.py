"""Results on the terminal, and as a csv file."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kernelconv._files import write_atomically
from kernelconv.report.summary import Results, Row, cell_texts, change_at, count_cells, middle_strength, summary_rows

_RECORD_COLUMNS = (
    "model",
    "train_size",
    "seed",
    "test_error",
    "n_features",
    "n_params",
    "fit_seconds",
    "images_per_second",
)


def print_table(results: Results, console: Console | None = None) -> None:
    """Print one table: a group of lines per training-set size, a line per model, the lowest error in bold.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not.
    console : rich.console.Console, optional
        Where to print; the standard output by default.

    Raises
    ------
    ValueError
        As `summary_rows`.

    Notes
    -----
    75 columns wide with names of up to ten letters.

    Examples
    --------
    >>> from rich.console import Console
    >>> record = {"model": "ckn", "train_size": 100, "seed": 0, "test_error": 0.05, "n_features": 512, "n_params": None,
    ...           "fit_seconds": 1.5, "images_per_second": 2000.0,
    ...           "relative_change": [{"strength": 0.2, "mean": 0.1, "low": 0.09, "high": 0.11}]}
    >>> results = {"settings": {"data": "digits", "models": {"ckn": "..."}, "train_sizes": [100], "seeds": [0],
    ...                         "n_test": 475, "deformation": {"family": "Rotation()", "strengths": [0.2]}},
    ...            "records": [record]}
    >>> print_table(results, Console(width=78))
    digits: 475 test images, 1 seed
                                                           change
    train  model      error %  features  params  fit s  images/s  at 0.2
    ─...
      100  ckn    5.00 ± 1.00       512       –   1.50     2,000   0.100
    ± standard error over test images; lowest error in bold.
    change: mean relative change of the features, Rotation(), Jacobian norm 0.2
    """
    console = console or Console()
    rows = summary_rows(results)
    table = _empty_table(results)
    size = None
    for row, text in zip(rows, cell_texts(rows, results), strict=True):
        if size not in (None, row["train_size"]):
            table.add_section()
        first = row["train_size"] != size
        table.add_row(*_line(row, text, results, first=first))
        size = row["train_size"]
    console.print(table)
    console.print(Text(_footnote(results, rows), style="dim"))


def to_csv(results: Results, path: str | os.PathLike[str]) -> None:
    """Write one csv line per record; the file appears whole or not at all.

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
        If a record lacks a strength of deformation that the settings announce.

    Notes
    -----
    Columns: model, train_size, seed, test_error (a share, not %), n_features, n_params (empty if none),
    fit_seconds, images_per_second, and for each strength s ``relative_change_s`` with the ends of its
    interval, ``relative_change_s_low`` and ``relative_change_s_high``. Numbers are written in full.

    Examples
    --------
    >>> import os, tempfile
    >>> from pathlib import Path
    >>> results = {"settings": {"deformation": {"strengths": [0.2]}}, "records": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "results.csv")
    ...     to_csv(results, path)
    ...     Path(path).read_text().split(',')[:4]
    ['model', 'train_size', 'seed', 'test_error']
    """
    strengths = results["settings"]["deformation"]["strengths"]
    ends = {"": "mean", "_low": "low", "_high": "high"}
    changes = [f"relative_change_{s}{end}" for s in strengths for end in ends]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_RECORD_COLUMNS, *changes])
    for record in results["records"]:
        values = [change_at(record, s)[key] for s in strengths for key in ends.values()]
        writer.writerow([*(record[name] for name in _RECORD_COLUMNS), *values])
    write_atomically(Path(path), text.getvalue())


def _empty_table(results: Results) -> Table:
    settings = results["settings"]
    title = Text(f"{settings['data']}: {settings['n_test']:,} test images, {_seeds(len(settings['seeds']))}")
    table = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", padding=(0, 1, 0, 0), show_edge=False
    )
    table.add_column("train", justify="right", no_wrap=True)
    table.add_column("model", overflow="fold")
    change = f"change\nat {middle_strength(results):g}"
    for name in ("error %", "features", "params", "fit s", "images/s", change):
        table.add_column(name, justify="right", vertical="bottom", no_wrap=True)
    return table


def _line(row: Row, text: dict[str, Any], results: Results, *, first: bool) -> list[Text]:
    """Return the cells of one line as plain text: a model's name is never read as markup."""
    error = Text(f"{text['error']} ± {text['standard_error']}", style="bold" if row["best"] else "")
    name = Text(text["model"], style="bold" if row["best"] else "")
    n_seeds = len(results["settings"]["seeds"])
    if row["n_seeds"] < n_seeds:
        name.append(f" {row['n_seeds']}/{n_seeds}", style="dim")
    numbers = [text[key] for key in ("n_features", "n_params", "fit_seconds", "images_per_second")]
    size = f"{row['train_size']:,}" if first else ""
    return [Text(size), name, error, *map(Text, numbers), Text(text["relative_change"][middle_strength(results)])]


def _footnote(results: Results, rows: list[Row]) -> str:
    done, wanted = count_cells(results)
    kinds = dict.fromkeys(row["standard_error_of"] for row in rows)
    family = results["settings"]["deformation"]["family"]
    lines = [f"± standard error over {' or '.join(kinds)}; lowest error in bold."] if kinds else []
    lines.append(f"change: mean relative change of the features, {family}, Jacobian norm {middle_strength(results):g}")
    if done < wanted:
        n_seeds = len(results["settings"]["seeds"])
        lines.append(f"Not finished: {done} of {wanted} cells; n/{n_seeds} beside a model: n of its {n_seeds} seeds.")
    return "\n".join(lines)


def _seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"{n} seeds"
