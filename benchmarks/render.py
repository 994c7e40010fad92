"""Tables, figures and page of the research comparison from its committed cells alone, and the table of README.

    python benchmarks/render.py [FOLDER ...]  (default: all of benchmarks/results; a folder has its data set's name)
    python benchmarks/render.py --check       (change nothing; fail where README differs)

It reads FOLDER/cells and the published figures of kernelconv.report, never images, and writes README.md, report.html,
results.csv and the PNG files beside the cells. From the committed folders it also writes the tables that the project's
README has marks for.
"""

import argparse
from pathlib import Path

from plans import PLANS
from rendering.csv_file import write_results
from rendering.figures import draw_figures
from rendering.page import with_table, write_page, write_readme
from rendering.results import Results
from rendering.sentences import separated, verdict

from kernelconv._files import write_atomically
from kernelconv.datasets import registered_datasets

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"


def read(folder):
    """Return the results in a folder that is called as its data set; raise SystemExit where it is not, or empty."""
    if folder.name not in PLANS:
        raise SystemExit(f"{folder} must have the name of its data set: {', '.join(PLANS)}.")
    results = Results(folder, PLANS[folder.name], registered_datasets()[folder.name])
    if not results.cells:
        raise SystemExit(f"{folder} holds no cells: python benchmarks/run.py computes them.")
    return results


def committed():
    """Return the committed results, data set by data set."""
    return [read(RESULTS / name) for name in PLANS if (RESULTS / name / "cells").is_dir()]


def with_tables(readme, every):
    """Return README's text with all its tables."""
    for results in every:
        readme = with_table(readme, results)
    return readme


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folders", type=Path, nargs="*", help="default: all of benchmarks/results")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where README differs")
    args = parser.parse_args()
    given, before = [read(folder.resolve()) for folder in args.folders], README.read_text(encoding="utf-8")
    if args.check:
        if not given and with_tables(before, committed()) != before:
            raise SystemExit("README.md differs from the committed cells: run python benchmarks/render.py")
        return
    for results in given or committed():
        figures = draw_figures(results)
        write_readme(results, figures)
        write_page(results, figures)
        write_results(results)
        print(results.data.title, verdict(results), separated(results))
    if not given:
        write_atomically(README, with_tables(before, committed()))


if __name__ == "__main__":
    main()
