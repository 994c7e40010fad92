"""Give committed cells today's identity where only names of settings changed: of a class, of a parameter.

    python benchmarks/adopt.py --part test [--data mnist] [--out FOLDER]

A cell is found by all of its settings as they are written, so one whose settings have new names looks like another
experiment. For each model that has such cells this command runs the cheapest of them again, compares everything but
times with what is kept, and only then gives all of them today's identity (the record and what it was made with stay).
Where a prediction differs, it says which cell and changes nothing of that model. Cells in which a value of a setting
differs, or that have one more or less, are left alone.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from plans import PLANS
from run import RESULTS, Research

from kernelconv.datasets import load_split, registered_datasets
from kernelconv.studies.accuracy import TIMES
from kernelconv.studies.cells import read_cells, write_cell
from kernelconv.studies.sweep import Sweep

#: Parts of an identity that no change of names can change.
KEPT = ("data", "train_size", "seed", "part", "protocol")


def values(settings):
    """Return the values in settings, in order, without the names of parameters.

    >>> values({"class": "A", "size": [3, {"b": None}]}) == values({"class": "B", "width": [3, {"c": None}]})
    True
    """
    if isinstance(settings, dict):
        return [v for key in settings if key not in ("class", "name") for v in values(settings[key])]
    return [v for one in settings for v in values(one)] if isinstance(settings, list) else [settings]


def orphans(sweep):
    """Return what today's plan does not find, by model: cells whose settings alone are written otherwise."""
    kept = {str(content["cell"]): content for content in read_cells(sweep.folder)}
    found = {}
    for cell in sweep.missing():
        content = kept.get(str(asdict(cell)))
        if content and all(content["identity"].get(k) == sweep.study.identity(cell)[k] for k in KEPT):
            old, new = content["identity"]["model"], sweep.study.identity(cell)["model"]
            alike = sorted(map(repr, values(old["estimator"]))) == sorted(map(repr, values(new["estimator"])))
            if alike and old["versions"] == new["versions"]:
                found.setdefault(cell.model, {})[cell] = content
    return found


def same(record, other):
    """Return the fields in which two records differ, times left out."""
    return [key for key in record.keys() | other.keys() if key not in TIMES and record.get(key) != other.get(key)]


def adopt(sweep):
    """Run the cheapest orphan of each model, rewrite those of the models that gave the same; return what was done."""
    said = []
    for name, cells in orphans(sweep).items():
        cheapest = min(cells, key=sweep.study.seconds)
        differ = same(sweep.study.run(cheapest), cells[cheapest]["record"])
        if differ:
            said.append(f"{name}: nothing is changed, {cheapest} differs in {', '.join(sorted(differ))}")
            continue
        for cell, content in cells.items():
            old = next((sweep.folder / "cells").glob(f"{sweep.path(cell).stem[:-12]}*.json"))
            kept = {k: content[k] for k in ("study", "cell", "record", "provenance")}
            write_cell(sweep.path(cell), {**kept, "identity": sweep.study.identity(cell)})
            old.unlink()
        said.append(f"{name}: {len(cells)} cells have today's identity")
    return said


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data", default="mnist", choices=[n for n, d in registered_datasets().items() if d.draws])
    parser.add_argument("--part", required=True, choices=["validation", "test"])
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(arguments)
    models = PLANS[args.data].models(args.models)
    study = Research(load_split(args.data), registered_datasets()[args.data].draws, args.part, models)
    for line in adopt(Sweep(study, args.out or RESULTS / args.data)) or ["Every cell has today's identity."]:
        print(line)


if __name__ == "__main__":
    main()
