"""What `kernelconv compare` shows of its results: a terminal table, a csv file, figures and one HTML page.

`results` is the dict of results.json: ``settings``, ``environment`` and one entry of ``records`` per finished
cell (model, training-set size, seed). Every function takes an unfinished comparison as well as a finished one.

- `summary_rows`: the numbers, one row per training-set size and model;
- `print_table`, `to_csv`: on the terminal, and as one csv line per record;
- `write_figures`: PNG files, if matplotlib is there (`figures_available`);
- `write_page`: one self-contained HTML file with all of it.
"""

from kernelconv.report.comparison_table import print_table, to_csv
from kernelconv.report.figures import figures_available, write_figures
from kernelconv.report.page import write_page
from kernelconv.report.summary import count_cells, summary_rows

__all__ = [
    "count_cells",
    "figures_available",
    "print_table",
    "summary_rows",
    "to_csv",
    "write_figures",
    "write_page",
]
