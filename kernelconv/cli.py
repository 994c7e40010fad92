"""`kernelconv compare | stability | info`: the main jobs from a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from kernelconv import report
from kernelconv._arguments import parsed
from kernelconv._files import write_atomically
from kernelconv.datasets import Split, data_folder, load_split, registered_datasets
from kernelconv.studies import accuracy, families, stability
from kernelconv.studies.environment import environment
from kernelconv.studies.models import Model
from kernelconv.studies.registry import model
from kernelconv.studies.sweep import Finished, Sweep, on_scheduler

#: Fields of results that stay in the cells: pictures and predictions.
KEPT_IN_CELLS = ("first_layer", "predictions")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 for an error reported in one line, 130 when interrupted.

    A command line that argparse cannot parse exits with status 2.
    """
    sys.path.insert(0, "")  # module:name is looked for in the working directory too, as `python -m` does
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    console = Console(markup=False, emoji=False, highlight=False)  # names of files are shown as they are
    jobs = {"compare": compare, "stability": measure, "info": info}
    try:
        return jobs[options.command](options, console)
    except KeyboardInterrupt:
        console.print("Interrupted. Finished cells are saved: the same command goes on from here.")
        return 130
    except BrokenPipeError:  # whoever read our output has gone, as `head` does; newer rich ends by itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return 1
    except (ValueError, OSError, ImportError, MemoryError) as error:
        Console(stderr=True).print(Text.assemble(("error:", "red"), " ", _in_one_line(error)), soft_wrap=True)
        return 1


def _in_one_line(error: Exception) -> str:
    named = isinstance(error, OSError) and error.filename is not None and error.strerror
    text = f"{error.filename}: {error.strerror}." if named else str(error) or "out of memory"  # type: ignore[attr-defined]
    return " ".join(text.splitlines())


# -- compare -----------------------------------------------------------------------------------------------------------


def compare(options: Namespace, console: Console) -> int:
    """Run `kernelconv compare`."""
    split = load(options, console)
    models = find_models(options.models, split.X_train.shape[1:])
    sizes = options.train_sizes or default_sizes(split)
    study = accuracy.Accuracy(split, models, dict.fromkeys(sizes, options.seeds))
    sweep = Sweep(study, options.out)
    for words in study.left_out:
        console.print(f"left out: {words}")
    console.print(
        f"{split.name}: {len(split.y_train):,} training and {len(split.y_test):,} test images of "
        f"{'x'.join(map(str, study.shape))}",
    )
    run(sweep, console, options, _compared)
    finish(sweep, console)
    return 0


def _compared(done: Finished) -> tuple[str, str]:
    """Return a cell of compare in words, and what came out."""
    cell, record = done.cell, done.record
    words = "already there" if done.known else f"fit in {record['fit_seconds']:.1f} s"
    name = f"{cell.model}, {cell.train_size:,} images, seed {cell.seed}"
    return name, f"error {100 * record['test_error']:.2f} %, {words}"


def finish(sweep: Sweep, console: Console) -> None:
    """Write the results, figures and page, and print the table."""
    study: Any = sweep.study
    results, folder = accuracy.results(sweep), sweep.folder
    layers = accuracy.first_layers(sweep)
    kept = [{k: v for k, v in record.items() if k not in KEPT_IN_CELLS} for record in results["records"]]
    results = {**results, "records": kept}
    write_atomically(folder / "results.json", json.dumps(results, indent=1))
    report.to_csv(results, folder / "results.csv")
    figures: list[Path] = []
    if report.figures_available():
        figures = report.write_figures(results, folder, accuracy.examples(study.split, study.strengths), layers)
    else:
        console.print("No figures: matplotlib is not installed (pip install 'kernelconv[plot]').")
    report.write_page(results, folder / "report.html", figures)
    report.print_table(results, console)
    written = f"Written: {folder / 'report.html'}, results.json, results.csv, {len(figures)} figures."
    console.print(written, soft_wrap=True)


# -- stability ---------------------------------------------------------------------------------------------------------


def measure(options: Namespace, console: Console) -> int:
    """Run `kernelconv stability`."""
    split = load(options, console)
    models = find_models(options.models, split.X_train.shape[1:])
    train_size = min(2000, len(split.y_train)) if options.train_size is None else options.train_size
    n_images = min(500, len(split.y_test)) if options.images is None else options.images
    sizes = {"n_images": n_images, "train_size": train_size}
    known = registered_datasets().get(split.name)
    border = options.border or (known.border if known else "zero")
    drawn = {"seed": options.seed, "starts": options.starts}
    study = stability.Stability(split, models, options.families, **sizes, **drawn, border=border)
    h, w, *_ = study.shape
    console.print(
        f"{split.name}: {n_images:,} test images, {train_size:,} to train from, {h} x {w} px with a border of "
        f"{stability.PAD} px on every side ({border})",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    sweep = Sweep(study, options.out)
    run(sweep, console, options, _measured)
    finish_stability(sweep, console)
    return 0


def _measured(done: Finished) -> tuple[str, str]:
    """Return a cell of stability in words, and whether it was there."""
    start = f", start {done.cell.start}" if done.cell.start else ""
    words = "already there" if done.known else "measured"
    if done.cell.family == "layers" and not done.record["rows"]:
        words = "no rows, because these features have no trace, which gives the maps of each layer"
    return f"{done.cell.model}, {done.cell.family}{start}", words


def finish_stability(sweep: Sweep, console: Console) -> None:
    """Write the results, figures and page, and print the tables."""
    study: Any = sweep.study
    results, folder = stability.results(sweep), sweep.folder
    write_atomically(folder / "results.json", json.dumps(results))
    report.study_csv(results, folder / "results.csv")
    figures: list[Path] = []
    if report.figures_available():
        examples = {f: stability.examples(study, f) for f in study.families if f in families.FAMILIES}
        figures = report.write_study_figures(results, folder, examples, stability.worst_fields(sweep))
        for name, card in stability.cards(sweep).items():
            page = report.write_card(card, folder / "cards" / re.sub(r"[^\w.+-]", "_", name))
            console.print(f"  stability card of {name}: {page}", soft_wrap=True)
    else:
        console.print("No figures: matplotlib is not installed (pip install 'kernelconv[plot]').")
    report.write_study_page(results, folder / "report.html", figures)
    report.print_study(results, console)
    written = f"Written: {folder / 'report.html'}, results.json, results.csv, {len(figures)} figures."
    console.print(written, soft_wrap=True)


# -- both --------------------------------------------------------------------------------------------------------------


def find_models(names: Sequence[str], shape: tuple[int, ...]) -> dict[str, Model]:
    """Return the models of these names; raise ValueError if one is unknown, given twice, or not installed."""
    found = {name: model(name, shape) for name in names}
    if len(found) != len(names):
        raise ValueError(f"Every model is named once, got {', '.join(names)}.")
    missing = [m.representation for m in found.values() if not m.installed]
    if missing:
        raise ValueError("; ".join(f"{r.name} needs the package {r.needs}" for r in missing) + ": pip install it.")
    return found


def load(options: Namespace, console: Console) -> Split:
    """Return the split of a data set; print a notice if it has to be downloaded."""
    registered = registered_datasets().get(options.data[0]) if len(options.data) == 1 else None
    if registered and (words := registered.notice()):
        console.print(words)
    size = options.image_size and (tuple(options.image_size) if len(options.image_size) > 1 else options.image_size[0])
    return load_split(options.data, size=size, max_bytes=options.max_bytes)


def default_sizes(split: Split) -> tuple[int, ...]:
    """Return the default training sizes: those with which the data set is registered, or the whole pool."""
    registered = registered_datasets().get(split.name)
    return tuple(registered.train_sizes if registered else ()) or (len(split.y_train),)


def run(sweep: Sweep, console: Console, options: Namespace, told: Callable[[Finished], tuple[str, str]]) -> None:
    """Run the missing cells, one line each, below a bar with the time left; each cell is saved as it finishes."""
    if options.workers is not None and options.scheduler is not None:
        raise ValueError("--workers are processes here, and a --scheduler has its own: give one of them.")
    missing, weight = sweep.missing(), sweep.study.seconds
    console.print(
        f"{len(sweep.cells)} cells into {sweep.folder}, {len(missing)} to run: about {duration(sweep.seconds())} of a "
        "core",
        soft_wrap=True,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with on_scheduler(options.scheduler), Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=sum(map(weight, missing)) or 1)
        for n, done in enumerate(sweep.run(options.workers), 1):
            name, words = told(done)
            console.print(f"  {name}: {words}")
            bar.update(task, advance=0 if done.known else weight(done.cell), description=f"{n} of {len(sweep.cells)}")


def duration(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> duration(12.3), duration(100), duration(9000)
    ('12 s', '2 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def info(options: Namespace, console: Console) -> int:
    """Run `kernelconv info`."""
    for key, value in environment().items():
        console.print(f"{key:16} {value if value is not None else 'not installed'}")
    console.print(f"{'data cache':16} {data_folder()}", soft_wrap=True)
    for name, data in registered_datasets().items():
        for folder in data.folders():
            there = "found" if folder.is_dir() else "not there"
            console.print(f"{f'{name} in':16} {folder} ({there})", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
