"""`kernelconv compare | stability | info`: the main jobs from a terminal."""

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
from kernelconv.comparison import MODELS, Comparison, Split, load_split
from kernelconv.datasets import data_folder, mnist_folders
from kernelconv.environment import environment
from kernelconv.report.study import print_study, study_csv, write_study_figures, write_study_page
from kernelconv.rivals import DEFAULT_MODELS, REPRESENTATIONS
from kernelconv.study import DEFAULT_FAMILIES, FAMILIES, OTHERS, Study

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
    _add_stability(commands)
    commands.add_parser("info", help="versions, cores, BLAS, where data is looked for")
    return top


def _add_stability(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stability = commands.add_parser(
        "stability",
        help="measure how far representations move when images are deformed",
        description="Put every representation before the same deformed images; print tables; write results.json, "
        "results.csv, figures and report.html. A killed run goes on where it was when the same command is given again.",
    )
    models, families = list(REPRESENTATIONS), [*FAMILIES, *OTHERS]
    stability.add_argument("--data", default="digits", help="digits (8x8, embedded), mnist, an .npz file or a folder")
    stability.add_argument(
        "--models", nargs="+", default=list(DEFAULT_MODELS), choices=models, help="default: all but resnet"
    )
    stability.add_argument(
        "--families",
        nargs="+",
        default=list(DEFAULT_FAMILIES),
        choices=families,
        help=f"default: {' '.join(DEFAULT_FAMILIES)}",
    )
    stability.add_argument("--images", type=int, default=500, metavar="N", help="test images (default %(default)s)")
    stability.add_argument(
        "--train-size", type=int, metavar="N", help="training images (default 2000, or what there is)"
    )
    stability.add_argument("--seed", type=int, default=0, help="of fields, subset and models (default %(default)s)")
    stability.add_argument(
        "--out", type=Path, default=Path("kernelconv-stability"), metavar="DIR", help="default: %(default)s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 for an error said in one line, 130 when interrupted."""
    options = parser().parse_args(arguments)
    console = Console()
    jobs = {"compare": compare, "stability": stability, "info": info}
    try:
        return jobs[options.command](options, console)
    except KeyboardInterrupt:
        console.print("Interrupted. Finished cells are saved: the same command goes on from here.")
        return 130
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        return 1


def compare(options: argparse.Namespace, console: Console) -> int:
    """Run `kernelconv compare`."""
    split = load(options.data, console)
    sizes = options.train_sizes or default_sizes(options.data, len(split.y_train))
    comparison = Comparison(split, options.models, sizes, options.seeds, options.out)
    console.print(
        f"{split.name}: {len(split.y_train):,} training and {len(split.y_test):,} test images of "
        f"{'x'.join(map(str, comparison.settings['image_shape']))}; {len(comparison.cells)} cells into {options.out}"
    )
    run(comparison, console)
    finish(comparison, console)
    return 0


def load(data: str, console: Console) -> Split:
    """Return the split of a data set, saying so where it has to be fetched."""
    if data == "mnist" and not any(folder.is_dir() for folder in mnist_folders()):
        console.print("MNIST is not on this machine: fetching it from OpenML, once.")
    return load_split(data)


def stability(options: argparse.Namespace, console: Console) -> int:
    """Run `kernelconv stability`."""
    split = load(options.data, console)
    train_size = options.train_size or min(2000, len(split.y_train))
    n_images = min(options.images, len(split.y_test))
    study = Study(
        split,
        options.models,
        options.families,
        options.out,
        n_images=n_images,
        train_size=train_size,
        seed=options.seed,
    )
    console.print(
        f"{split.name}: {n_images:,} test images, {train_size:,} to train from; {len(study.cells)} cells into "
        f"{options.out}"
    )
    for cell, _, known in study.run():
        console.print(f"  {cell.model}, {cell.family}: {'already there' if known else 'measured'}", highlight=False)
    finish_study(study, console)
    return 0


def finish_study(study: Study, console: Console) -> None:
    """Write the results, figures and page, and print the tables."""
    results, folder = study.results(), study.folder
    write_atomically(folder / "results.json", json.dumps(results))
    study_csv(results, folder / "results.csv")
    figures: list[Path] = []
    if report.figures_available():
        examples = {f: study.examples(f) for f in results["settings"]["families"] if f in FAMILIES}
        figures = write_study_figures(results, folder, examples, study.worst_fields())
    else:
        console.print("No figures: matplotlib is not installed (pip install 'kernelconv[plot]').")
    write_study_page(results, folder / "report.html", figures)
    print_study(results, console)
    console.print(f"Written: {folder / 'report.html'}, results.json, results.csv, {len(figures)} figures.")


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
        figures = report.write_figures(results, comparison.folder, comparison.examples(), comparison.first_layers())
    else:
        console.print("No figures: matplotlib is not installed (pip install 'kernelconv[plot]').")
    report.write_page(results, comparison.folder / "report.html", figures)
    report.print_table(results, console)
    console.print(f"Written: {comparison.folder / 'report.html'}, results.json, results.csv, {len(figures)} figures.")


def info(options: argparse.Namespace, console: Console) -> int:
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
