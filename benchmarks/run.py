"""The research comparison: every row of the table at every training size, over random subsets; resumable.

    python benchmarks/run.py --part validation --workers 2     (first: what rows are chosen by; commit it)
    python benchmarks/run.py --part test --workers 2           (then: the test images, once a cell)
    python benchmarks/run.py --part test --models lenet --sizes 300 --seeds 0 --out try       (one cell, for a look)
    python benchmarks/run.py --part test --missing             (what there is not yet, and what it will cost)
    python benchmarks/run.py --part test --check               (cells made by other code or packages than today's)

A cell is a model, a training size, a draw: a file in OUT/cells, found by all that decides its result. The same command
goes on where a killed one was. python benchmarks/render.py makes tables and figures of the cells. A cell runs on one
thread; cells run side by side with --workers, on a cluster of Dask with --scheduler, or where joblib.parallel_config
sends them.
"""

import argparse
from pathlib import Path

from joblib import parallel_config
from plans import PLANS

from kernelconv.datasets import load_split, registered_datasets
from kernelconv.studies.accuracy import Accuracy
from kernelconv.studies.environment import provenance
from kernelconv.studies.sweep import Sweep, on_scheduler

#: The Jacobian norm of the table's stability columns.
STRENGTHS = (0.2,)
RESULTS = Path(__file__).parent / "results"


class Research(Accuracy):
    """The rows of the table; draw by draw, so that a stopped run is even."""

    def __init__(self, split, draws, part, models, *, seeds=None, plan=None):
        super().__init__(split, models, draws, parts=(part,), strengths=STRENGTHS)
        order = list(self.models)
        kept = [c for c in self.cells if seeds is None or c.seed in seeds]
        kept = [c for c in kept if plan is None or c.seed < plan.n_draws(c.model, c.train_size, draws[c.train_size])]
        self.cells = sorted(kept, key=lambda c: (c.train_size > 2000, c.train_size, c.seed, order.index(c.model)))

    def run(self, cell):
        """Return a cell's record, computed on one thread however the cells are run."""
        with parallel_config(n_jobs=1):
            return super().run(cell)


def report_missing(sweep):
    """Print the cells that are missing, and what they will cost."""
    for cell in sweep.missing():
        print(f"{cell.model}, {cell.train_size:,} images, draw {cell.seed}: about {sweep.study.seconds(cell):.0f} s")
    print(f"{len(sweep.missing())} of {len(sweep.cells)} cells, about {sweep.seconds() / 3600:.1f} CPU hours")


def report_provenance(sweep):
    """Print what the cells were made with, where it is not today's."""
    today, found = provenance(), {}
    for cell in sweep.cells:
        content = sweep.content(cell)
        for key, value in (content["provenance"] if content else {}).items():
            if value != today.get(key):
                found.setdefault((key, str(value)), []).append(cell)
    for (key, value), cells in found.items():
        print(f"{len(cells)} cells: {key} {value}, today {today.get(key)}")
    print(f"{len(sweep.cells) - len(sweep.missing())} cells read, each with its checksum")


def told(done, n, total):
    """Return one line about a finished cell."""
    cell, record = done.cell, done.record
    error = record["test_error"] if cell.part == "test" else record["validation_error"]
    seconds = sum(record.get(key, 0) for key in ("fit_seconds", "predict_seconds", "seconds"))
    where = f"{cell.model}, {cell.train_size:,} images, draw {cell.seed}"
    return f"[{n}/{total}] {where}: {cell.part} {100 * error:.2f} % ({seconds:.0f} s of CPU)"


def options():
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    known = [name for name, data in registered_datasets().items() if data.draws]
    parser.add_argument("--data", default="mnist", choices=known)
    parser.add_argument("--part", required=True, choices=["validation", "test"])
    parser.add_argument("--models", nargs="+", help="default: the rows of the data set's table")
    parser.add_argument("--sizes", nargs="+", type=int, help="training images; default: all of the data set")
    parser.add_argument("--seeds", nargs="+", type=int, help="draws; default: all of the protocol")
    parser.add_argument("--workers", type=int, help="cells side by side (default: as joblib is told)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, whose workers run the cells")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/<data>")
    parser.add_argument("--missing", action="store_true", help="say what is missing, and run nothing")
    parser.add_argument("--check", action="store_true", help="say what cells were made with, and run nothing")
    return parser


def main(arguments=None):
    parser = options()
    args = parser.parse_args(arguments)
    draws = registered_datasets()[args.data].draws
    unknown = set(args.sizes or ()) - set(draws)
    if unknown:
        parser.error(f"--sizes must be among {', '.join(map(str, draws))}, got {sorted(unknown)}")
    try:
        models = PLANS[args.data].models(args.models)
    except ValueError as error:
        parser.error(str(error))
    if left_out := [name for name, m in models.items() if not m.installed]:
        print(f"not installed, left out: {', '.join(left_out)}")
    kept = {name: m for name, m in models.items() if name not in left_out}
    plan = {size: n for size, n in draws.items() if size in (args.sizes or draws)}
    study = Research(load_split(args.data), plan, args.part, kept, seeds=args.seeds, plan=PLANS[args.data])
    sweep = Sweep(study, args.out or RESULTS / args.data)
    if args.missing or args.check:
        return report_missing(sweep) if args.missing else report_provenance(sweep)
    report_cost = f"about {sweep.seconds() / 3600:.2f} CPU hours"
    print(f"{len(sweep.cells)} cells, {len(sweep.missing())} to run, {report_cost}", flush=True)
    with on_scheduler(args.scheduler):
        for n, done in enumerate(sweep.run(args.workers), 1):
            if not done.known:
                print(told(done, n, len(sweep.cells)), flush=True)


if __name__ == "__main__":
    main()
