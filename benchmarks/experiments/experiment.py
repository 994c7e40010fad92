"""Experiment: a question whose answer is known from theory or a paper, as cells of one Sweep and a table of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from joblib import parallel_config

from kernelconv._files import write_atomically
from kernelconv.datasets import load_split
from kernelconv.report.table import Table, markdown
from kernelconv.studies.sweep import Sweep

#: The split of a registered data set, read once a process.
split_of = cache(load_split)
RESULTS = Path(__file__).parent.parent / "results"


@dataclass(frozen=True)
class Experiment:
    """A study of `Sweep` whose cells are measured by functions of one module.

    `settings` returns, as JSON, all that decides a cell beside itself: estimators, sizes, the data's digest. `measure`
    returns its record, on one thread. `tables` shows the records by cell. `version` is raised by hand in the commit
    that changes results.
    """

    name: str
    question: str
    source: str
    cells: Sequence[Any]
    settings: Callable[[Any], dict]
    measure: Callable[[Any], dict]
    seconds: Callable[[Any], float]
    tables: Callable[[Mapping[Any, dict]], Sequence[Table]]
    version: int = 1

    def identity(self, cell):
        """Return all that decides a cell's record."""
        return {"experiment": self.name, "version": self.version, "cell": asdict(cell), "settings": self.settings(cell)}

    def run(self, cell):
        """Return a cell's record, computed on one thread however the cells are run."""
        with parallel_config(n_jobs=1):
            return self.measure(cell)

    def sweep(self, folder=None):
        """Return the sweep of its cells, in `folder` or where committed results lie."""
        return Sweep(self, folder or RESULTS / self.name)


def write(sweep):
    """Write results.json, which the gallery reads, and README.md of the cells that there are."""
    study, records = sweep.study, sweep.records()
    lines = [json.dumps({**asdict(cell), **record}) for cell, record in records.items()]
    write_atomically(sweep.folder / "results.json", "[\n" + ",\n".join(lines) + "\n]\n")
    missing = len(sweep.missing())
    parts = [
        f"# {study.question}",
        f"Written by `python benchmarks/experiments {study.name}`. {study.source}",
        *([f"Not finished: {missing} of {len(sweep.cells)} cells are missing."] if missing else []),
        *(markdown(table) for table in study.tables(records)),
    ]
    write_atomically(sweep.folder / "README.md", "\n\n".join(parts) + "\n")


def means(records, *names, of):
    """Return the values of a record's entry over the cells that agree in these names: {(values): [entry]}."""
    found: dict[tuple, list] = {}
    for cell, record in records.items():
        found.setdefault(tuple(getattr(cell, name) for name in names), []).append(record[of])
    return found
