"""Tables, figures and page of the research comparison from its committed cells alone, and every table of README.

    python benchmarks/render.py [FOLDER]      (default benchmarks/results/mnist; the folder has the data set's name)
    python benchmarks/render.py --check       (change nothing; fail where README differs)

It reads FOLDER/cells and the published figures of kernelconv.report, never images, and writes README.md, report.html,
results.csv and the PNG files beside the cells. From the default folder it also writes the tables of the project's
README: that of the comparison and the map of the code.
"""

import argparse
from pathlib import Path

from readme_map import with_map
from rendering.csv_file import write_results
from rendering.figures import draw_figures
from rendering.page import with_table, write_page, write_readme
from rendering.results import Results
from rendering.sentences import separated, verdict
from rivals import model
from run import ROWS

from kernelconv._files import write_atomically
from kernelconv.datasets import registered_datasets

FOLDER = Path(__file__).parent / "results/mnist"
README = Path(__file__).parent.parent / "README.md"


def committed(folder=FOLDER):
    """Return the results in a folder that is called as its data set; raise SystemExit where it is not."""
    known = [name for name, data in registered_datasets().items() if data.draws]
    if folder.name not in known:
        raise SystemExit(f"{folder} must have the name of its data set: {', '.join(known)}.")
    return Results(folder, {name: model(name) for name in ROWS}, registered_datasets()[folder.name])


def with_tables(readme, results):
    """Return README's text with all its tables."""
    return with_map(with_table(readme, results))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where README differs")
    args = parser.parse_args()
    results, before = committed(args.folder.resolve()), README.read_text(encoding="utf-8")
    if not results.cells:
        raise SystemExit(f"{results.folder} holds no cells: python benchmarks/run.py computes them.")
    ours = results.folder == FOLDER.resolve()
    if args.check:
        if ours and with_tables(before, results) != before:
            raise SystemExit("README.md differs from the committed cells or the code: run python benchmarks/render.py")
        return
    figures = draw_figures(results)
    write_readme(results, figures)
    write_page(results, figures)
    write_results(results)
    if ours:
        write_atomically(README, with_tables(before, results))
    print(verdict(results), separated(results))


if __name__ == "__main__":
    main()
