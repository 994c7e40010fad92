"""The research comparison: every representation at every training size, over random subsets; resumable.

    python benchmarks/run.py --data digits --out digits-try        (a small one, for a look)
    python benchmarks/run.py --models lenet --sizes 300 --seeds 0  (one cell of MNIST)
    python benchmarks/run.py --n-jobs 4 --out benchmarks/results/mnist

Each finished cell is a file in OUT/cells; the same command goes on where a killed one was, and repeats no row that
OUT/results.csv holds. A row whose settings are no longer today's is an error: python benchmarks/redigest.py gives it
today's digest where only names changed, --drop-stale drops it. From cells and rows it writes OUT/results.csv (what is
reproducible), costs.csv (times), filters.json and environment.json; python benchmarks/render.py makes tables and
figures of them. A cell runs on one thread; cells run side by side through joblib, which joblib.parallel_config can
send elsewhere.
"""

import argparse
import csv
import io
import json
from pathlib import Path

from joblib import Parallel, delayed
from objective import Cell, dataset, digest, evaluate
from representations import installed, rivals

from kernelconv._files import write_atomically
from kernelconv.environment import environment

RESULTS = ("model", "size", "seed", "error", "n_test", "features", "relative_change", "chosen", "mistakes", "digest")
COSTS = ("model", "size", "seed", "fit_seconds", "predict_seconds")


def plan(data, models=None, sizes=None, seeds=None):
    """Return the cells of the comparison that are asked for: draw by draw, so that a stopped run is even."""
    module, known = dataset(data), rivals()
    cells = [
        Cell(name, size, seed)
        for name, rival in known.items()
        for size in sizes or module.SIZES
        for seed in range(min(module.draws(size), rival.draws or module.draws(size)))
        if size <= rival.largest and (models is None or name in models) and (seeds is None or seed in seeds)
    ]
    order = list(known)
    return sorted(cells, key=lambda c: (c.seed, c.size, order.index(c.model)))


def path(out, data, cell):
    """Return a cell's file; its name ends in a digest of all that decides its result."""
    return out / "cells" / f"{cell.model}-{cell.size}-{cell.seed}-{digest(data, rivals()[cell.model], cell)}.json"


def run_cell(data, cell, out):
    """Run one cell and keep its record; what joblib sends to a worker."""
    record = evaluate(data, rivals()[cell.model], cell)
    write_atomically(path(out, data, cell), json.dumps(record))
    return record


def by_key(data):
    """Return today's cells by (model, size, seed)."""
    return {(c.model, c.size, c.seed): c for c in plan(data)}


def stale(rows, data):
    """Return the keys of `rows` (a csv file's, by name) that are not today's: no such cell, or another digest."""
    cells = by_key(data)
    return [
        key
        for key in sorted(rows["results"].keys() | rows["costs"].keys())
        if key not in cells or rows["results"].get(key, {}).get("digest") != digest(data, rivals()[key[0]], cells[key])
    ]


def known_rows(out, data, *, drop_stale=False):
    """Return the rows of OUT's csv files by file and (model, size, seed).

    Raises
    ------
    SystemExit
        If there are rows whose settings are not today's, unless `drop_stale` leaves them out.
    """
    rows = {name: read_rows(out / f"{name}.csv") for name in ("results", "costs")}
    gone = stale(rows, data)
    if gone and not drop_stale:
        raise SystemExit(
            f"{out / 'results.csv'} holds {len(gone)} rows whose settings are not today's: {listed(gone)}. If only "
            "names changed, python benchmarks/redigest.py gives them today's digest; --drop-stale drops them."
        )
    return {name: {key: row for key, row in found.items() if key not in gone} for name, found in rows.items()}


def listed(keys):
    """Return cells as words.

    >>> listed([("lenet", 300, 0), ("lenet", 300, 1), ("mlp", 1000, 0)])
    'lenet 300 (draws 0, 1), mlp 1000 (draw 0)'
    """
    draws = {}
    for model, size, seed in keys:
        draws.setdefault((model, size), []).append(str(seed))
    plural = {cell: "s" * (len(seeds) > 1) for cell, seeds in draws.items()}
    return ", ".join(f"{m} {size} (draw{plural[m, size]} {', '.join(seeds)})" for (m, size), seeds in draws.items())


def collect(out, data, *, drop_stale=False):
    """Write results.csv, costs.csv, filters.json and environment.json from the cells and rows that there are."""
    rows, cells = known_rows(out, data, drop_stale=drop_stale), by_key(data)
    filters = json.loads(_text(out / "filters.json") or "{}")
    for key, cell in cells.items():
        text = _text(path(out, data, cell))
        if text is not None:
            record = json.loads(text)
            rows["results"][key] = {name: record[name] for name in RESULTS}
            rows["costs"][key] = {name: record[name] for name in COSTS}
            if record["filters"] is not None:
                filters[cell.model] = record["filters"]
    order = {key: i for i, key in enumerate(sorted(cells, key=lambda k: (list(rivals()).index(k[0]), *k[1:])))}
    for name, columns in (("results", RESULTS), ("costs", COSTS)):
        write_atomically(
            out / f"{name}.csv", as_csv([rows[name][k] for k in sorted(rows[name], key=order.get)], columns)
        )
    write_atomically(out / "filters.json", json.dumps(dict(sorted(filters.items()))) + "\n")
    write_atomically(out / "environment.json", json.dumps({"data": data, **environment()}, indent=1) + "\n")
    return rows["results"]


def _text(file):
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def read_rows(file):
    """Return the rows of a csv file by (model, size, seed); none where there is no file."""
    rows = csv.DictReader(io.StringIO(_text(file) or ""))
    return {(row["model"], int(row["size"]), int(row["seed"])): row for row in rows}


def as_csv(rows, columns):
    """Return rows as the text of a csv file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({c: printed(row[c]) for c in columns} for row in rows)
    return out.getvalue()


def printed(value):
    """Return a value as csv files hold it: a float by its first six digits."""
    return f"{value:.6g}" if isinstance(value, float) else value


def told(record, committed):
    """Return one line about a cell: its error, its time, and the error that the committed results have for it."""
    seconds = record["fit_seconds"] + record["predict_seconds"]
    before = committed.get((record["model"], record["size"], record["seed"]))
    return (
        f"{record['model']}, {record['size']:,} images, draw {record['seed']}: {record['error']:.2f} %"
        + (f", committed {float(before['error']):.2f} %" if before else "")
        + f" ({seconds:.0f} s of CPU)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", choices=["mnist", "digits"])
    parser.add_argument("--models", nargs="+", choices=list(rivals()), help="default: all")
    parser.add_argument("--sizes", nargs="+", type=int, help="training images; default: all of the data set")
    parser.add_argument("--seeds", nargs="+", type=int, help="draws; default: all of the protocol")
    parser.add_argument("--n-jobs", type=int, help="cells side by side, one thread each (default: as joblib is told)")
    parser.add_argument("--out", type=Path, default=Path("kernelconv-benchmark"), help="default: %(default)s")
    parser.add_argument("--drop-stale", action="store_true", help="drop OUT's rows whose settings are not today's")
    args = parser.parse_args()
    unknown = set(args.sizes or ()) - set(dataset(args.data).SIZES)
    if unknown:
        parser.error(f"--sizes must be among {', '.join(map(str, dataset(args.data).SIZES))}, got {sorted(unknown)}")
    (args.out / "cells").mkdir(parents=True, exist_ok=True)
    cells = plan(args.data, args.models, args.sizes, args.seeds)
    left_out = sorted({c.model for c in cells if not installed(rivals()[c.model])})
    if left_out:
        print(f"not installed, left out: {', '.join(left_out)}")
    rows = known_rows(args.out, args.data, drop_stale=args.drop_stale)
    missing = [
        c
        for c in cells
        if c.model not in left_out
        and (c.model, c.size, c.seed) not in rows["results"]
        and not path(args.out, args.data, c).exists()
    ]
    print(f"{len(cells)} cells, {len(missing)} to run", flush=True)
    committed = read_rows(Path(__file__).parent / "results" / args.data / "results.csv")
    jobs = (delayed(run_cell)(args.data, cell, args.out) for cell in missing)
    for i, record in enumerate(Parallel(n_jobs=args.n_jobs, return_as="generator")(jobs), 1):
        print(f"[{i}/{len(missing)}] {told(record, committed)}", flush=True)
    rows = collect(args.out, args.data, drop_stale=args.drop_stale)
    print(f"{len(rows)} rows in {args.out / 'results.csv'}")


if __name__ == "__main__":
    main()
