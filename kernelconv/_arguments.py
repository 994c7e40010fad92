"""The arguments of `kernelconv compare | stability | info`: what can be asked for, and what each is by default."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from kernelconv._types.parameters import Border
from kernelconv._version import __version__
from kernelconv.datasets import registered_datasets
from kernelconv.studies import families, stability
from kernelconv.studies.registry import HEADS, REPRESENTATIONS

COMPARED = ("pixels+svm", "scattering+affine", "ckn-2", "lenet")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; arguments that no report could show end here."""
    found = parser()
    for text in arguments:
        try:
            text.encode()
        except UnicodeEncodeError:
            found.error(f"{text!a} is not UTF-8: give it another name")
    return found.parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(
        prog="kernelconv", description="Convolutional representations, compared and measured.", allow_abbrev=False
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)
    compare = commands.add_parser(
        "compare",
        help="compare models on real images: accuracy, stability, time",
        description="Fit every model on the same training subsets; print a table; write results.json, results.csv, "
        "figures and report.html. A killed run goes on where it was when the same command is given again.",
        allow_abbrev=False,
    )
    _add_common(compare, COMPARED, "kernelconv-results")
    compare.add_argument("--train-sizes", nargs="+", type=int, metavar="N", help="training images, class-balanced")
    compare.add_argument("--seeds", type=int, default=3, metavar="N", help="repetitions (default 3)")
    measure = commands.add_parser(
        "stability",
        help="measure how far representations move when images are deformed",
        description="Put every representation before the same deformed images; print tables; write results.json, "
        "results.csv, figures and report.html. A killed run goes on where it was when the same command is given again.",
        allow_abbrev=False,
    )
    _add_common(measure, stability.DEFAULT_MODELS, "kernelconv-stability")
    _add_stability(measure)
    commands.add_parser("info", help="versions, cores, BLAS, where data is looked for")
    return top


def _add_common(command: argparse.ArgumentParser, models: Sequence[str], out: str) -> None:
    """Add what both studies take: data, models, workers, folder."""
    command.add_argument(
        "--data",
        nargs="+",
        default=["digits"],
        metavar="DATA",
        help=f"{', '.join(registered_datasets())}, an .npz file, a folder, or two of these: training, test",
    )
    command.add_argument(
        "--image-size",
        nargs="+",
        type=int,
        metavar="PX",
        help="of folders of images: height and width, or both in one, to which they are resized and cropped",
    )
    command.add_argument(
        "--max-bytes",
        type=int,
        metavar="N",
        help="of one file or image, unpacked (default: 64 MiB, or 200 times the file)",
    )
    command.add_argument(
        "--models",
        nargs="+",
        default=list(models),
        metavar="MODEL",
        help=f"default: {' '.join(models)}. Representations: {', '.join(REPRESENTATIONS)}; with a head: NAME+HEAD, of "
        f"{', '.join(HEADS)}; your own: MODULE:NAME",
    )
    command.add_argument(
        "--workers", type=int, metavar="N", help="cells side by side, a thread each (default: one, with all cores)"
    )
    command.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster, tcp://host:8786, whose workers run the cells; they must see the folder of --out",
    )
    command.add_argument("--out", type=_folder, default=Path(out), metavar="DIR", help="default: %(default)s")


def _folder(text: str) -> Path:
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("name a folder, or . for this one")
    return Path(text)


def _add_stability(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--families",
        nargs="+",
        default=list(families.DEFAULT_FAMILIES),
        choices=families.NAMES,
        help=f"default: {' '.join(families.DEFAULT_FAMILIES)}",
    )
    command.add_argument("--images", type=int, metavar="N", help="test images (default 500, or what there is)")
    command.add_argument("--train-size", type=int, metavar="N", help="training images (default 2000, or what there is)")
    command.add_argument(
        "--border",
        choices=get_args(Border),
        help="how deformed images go on beyond their edges (default: as the data set says, zero for files and folders)",
    )
    command.add_argument("--seed", type=int, default=0, help="of fields, subset and models (default %(default)s)")
    command.add_argument(
        "--starts",
        type=int,
        default=1,
        metavar="N",
        help="trainings of each model that learns from labels, from other start weights; intervals are then over "
        "trainings and images (default %(default)s)",
    )
