"""Tables, figures and page of the research comparison, from its result files alone.

    python benchmarks/render.py [FOLDER]      (default benchmarks/results/mnist)

It reads results.csv, costs.csv, filters.json and environment.json of the folder and the published figures of
kernelconv.report, and writes README.md, report.html and the PNG files beside them. From the default folder it also
writes the short table of the project's README.
"""

import argparse
from pathlib import Path

from rendering.figures import draw_figures
from rendering.page import verdict, with_short_table, write_page, write_readme
from rendering.results import Results

from kernelconv._files import write_atomically

FOLDER = Path(__file__).parent / "results/mnist"
README = Path(__file__).parent.parent / "README.md"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    results = Results(parser.parse_args().folder)
    figures = draw_figures(results)
    write_readme(results, figures)
    write_page(results, figures)
    if results.folder.resolve() == FOLDER.resolve():
        write_atomically(README, with_short_table(README.read_text(encoding="utf-8"), results))
    print(verdict(results))


if __name__ == "__main__":
    main()
