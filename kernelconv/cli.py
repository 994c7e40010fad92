"""`kernelconv compare | info`: the main job from a terminal."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kernelconv import report
from kernelconv._files import write_atomically
from kernelconv._version import __version__
from kernelconv.comparison import MODELS, Comparison, load_split
from kernelconv.datasets import data_folder, mnist_folders
from kernelconv.environment import environment

DEFAULT_SIZES = {"digits": (100, 300, 1000), "mnist": (300, 1000)}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(
        prog="kernelconv", description="Convolutional representations, compared and measured."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)
    compare = commands.add_parser(
        "compare",
        help="compare models on real images: accuracy, stability, time",
        description="Fit every model on the same training subsets; print a table; write results.json, results.csv, "
        "figures and report.html. A killed run goes on where it was when the same command is given again.",
    )
    compare.add_argument("--data", default="digits", help="digits (8x8, embedded), mnist, an .npz file or a folder")
    compare.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS), help="default: all")
    compare.add_argument("--train-sizes", nargs="+", type=int, metavar="N", help="training images, class-balanced")
    compare.add_argument("--seeds", type=int, default=3, metavar="N", help="repetitions (default 3)")
    compare.add_argument(
        "--out", type=Path, default=Path("kernelconv-results"), metavar="DIR", help="default: %(default)s"
    )
    commands.add_parser("info", help="versions, cores, BLAS, where data is looked for")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 for an error said in one line, 130 when interrupted."""
    options = parser().parse_args(arguments)
    console = Console()
    try:
        return info(console) if options.command == "info" else compare(options, console)
    except KeyboardInterrupt:
        console.print("Interrupted. Finished cells are saved: the same command goes on from here.")
        return 130
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        return 1


def compare(options: argparse.Namespace, console: Console) -> int:
    """Run `kernelconv compare`."""
    if options.data == "mnist" and not any(folder.is_dir() for folder in mnist_folders()):
        console.print("MNIST is not on this machine: fetching it from OpenML, once.")
    split = load_split(options.data)
    sizes = options.train_sizes or default_sizes(options.data, len(split.y_train))
    comparison = Comparison(split, options.models, sizes, options.seeds, options.out)
    console.print(
        f"{split.name}: {len(split.y_train):,} training and {len(split.y_test):,} test images of "
        f"{'x'.join(map(str, comparison.settings['image_shape']))}; {len(comparison.cells)} cells into {options.out}"
    )
    run(comparison, console)
    finish(comparison, console)
    return 0


def default_sizes(data: str, pool: int) -> tuple[int, ...]:
    """Return the training sizes of a data set where none are asked for: its own, or the whole pool.

    Examples
    --------
    >>> default_sizes("digits", 1198)
    (100, 300, 1000)
    >>> default_sizes("folder", 420)
    (420,)
    """
    return DEFAULT_SIZES.get(data, (pool,))


def run(comparison: Comparison, console: Console) -> None:
    """Run the missing cells, a line each, saving as they finish."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    names = [f"{c.model}, {c.train_size:,} images, seed {c.seed}" for c in comparison.cells]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(names[0], total=len(names))
        for i, (_, record, known) in enumerate(comparison.run()):
            words = "already there" if known else f"fit in {record['fit_seconds']:.1f} s"
            console.print(f"  {names[i]}: error {100 * record['test_error']:.2f} %, {words}", highlight=False)
            progress.update(task, advance=1, description=names[min(i + 1, len(names) - 1)])
            if not known:
                save(comparison)


def save(comparison: Comparison) -> None:
    """Write results.json and results.csv from the cells there are."""
    results = comparison.results()
    write_atomically(comparison.folder / "results.json", json.dumps(results, indent=1))
    report.to_csv(results, comparison.folder / "results.csv")


def finish(comparison: Comparison, console: Console) -> None:
    """Write the results, figures and page, and print the table."""
    save(comparison)
    results = comparison.results()
    figures: list[Path] = []
    if report.figures_available():
        figures = report.write_figures(results, comparison.folder, comparison.examples())
    else:
        console.print("No figures: matplotlib is not installed (pip install 'kernelconv[plot]').")
    report.write_page(results, comparison.folder / "report.html", figures)
    report.print_table(results, console)
    console.print(f"Written: {comparison.folder / 'report.html'}, results.json, results.csv, {len(figures)} figures.")


def info(console: Console) -> int:
    """Run `kernelconv info`."""
    for key, value in environment().items():
        console.print(f"{key:14} {value if value is not None else 'not installed'}", highlight=False)
    console.print(f"{'data cache':14} {data_folder()}", highlight=False, soft_wrap=True)
    for folder in mnist_folders():
        there = "found" if folder.is_dir() else "not there"
        console.print(f"{'mnist in':14} {folder} ({there})", highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
