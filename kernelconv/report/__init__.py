"""Reports of `kernelconv compare` and `kernelconv stability`: on the terminal, as csv, figures and HTML.

`results` is the dict of results.json, of a finished or unfinished run. Every table is a `Table`, every page a `Page`.
Nothing here imports the code that made the results, except `networks`, which draws networks themselves.

- `print_table`, `to_csv`, `write_figures`, `write_page`: of a comparison; its numbers are `summary_rows`;
- `print_study`, `study_csv`, `write_study_figures`, `write_study_page`: of a stability study;
- `write_card`: of a stability card, `kernelconv.stability.stability_card`;
- `Table` of `Column`, `Section` and `Entry`, shown by `terminal`, `markdown` and `html`;
- `Page`, `save_page`: one self-contained HTML file;
- `plot_filters`, `plot_maps`, `plot_patches` (of `strongest_patches`), `plot_receptive_field`, `plot_training`: what is
  inside a network.
"""

from kernelconv.report.accuracy import print_table, to_csv
from kernelconv.report.accuracy_page import write_page
from kernelconv.report.card import write_card
from kernelconv.report.charts import figures_available
from kernelconv.report.figures import write_figures
from kernelconv.report.networks import (
    plot_filters,
    plot_maps,
    plot_patches,
    plot_receptive_field,
    plot_training,
    strongest_patches,
)
from kernelconv.report.page import Page, save_page
from kernelconv.report.stability import print_study, study_csv, write_study_figures
from kernelconv.report.stability_page import write_study_page
from kernelconv.report.summary import count_cells, summary_rows
from kernelconv.report.table import Column, Entry, Section, Table, html, markdown, terminal

__all__ = [
    "Column",
    "Entry",
    "Page",
    "Section",
    "Table",
    "count_cells",
    "figures_available",
    "html",
    "markdown",
    "plot_filters",
    "plot_maps",
    "plot_patches",
    "plot_receptive_field",
    "plot_training",
    "print_study",
    "print_table",
    "save_page",
    "strongest_patches",
    "study_csv",
    "summary_rows",
    "terminal",
    "to_csv",
    "write_card",
    "write_figures",
    "write_page",
    "write_study_figures",
    "write_study_page",
]
