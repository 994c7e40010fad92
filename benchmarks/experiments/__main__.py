"""Experiments whose answers theory or a paper knows: run their missing cells, then write their tables.

    python benchmarks/experiments                              (their names, and what is missing)
    python benchmarks/experiments sample-complexity            (its missing cells, results.json and README.md)
    python benchmarks/experiments depth --workers 2 --out try

Cells lie in benchmarks/results/NAME/cells; the same command goes on where a killed one was. A cell runs on one thread.
"""

import argparse
from pathlib import Path

import capsules
import depth
import inversion
import layerwise
import regularity
import regularization
import relative_stability
import rotations
import sample_complexity
import two_sided
from experiment import write

EXPERIMENTS = {
    e.name: e
    for e in (
        sample_complexity.EXPERIMENT,
        *regularization.EXPERIMENTS,
        depth.EXPERIMENT,
        layerwise.EXPERIMENT,
        capsules.EXPERIMENT,
        rotations.EXPERIMENT,
        two_sided.EXPERIMENT,
        relative_stability.EXPERIMENT,
        regularity.EXPERIMENT,
        inversion.EXPERIMENT,
    )
}


def main(arguments=None):
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("name", nargs="?", choices=EXPERIMENTS)
    parser.add_argument("--workers", type=int, help="cells side by side (default: as joblib is told)")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/NAME")
    args = parser.parse_args(arguments)
    if args.name is None:
        for name, experiment in EXPERIMENTS.items():
            sweep = experiment.sweep()
            print(f"{name}: {len(sweep.missing())} of {len(sweep.cells)} cells missing, {sweep.seconds() / 60:.0f} min")
        return
    sweep = EXPERIMENTS[args.name].sweep(args.out)
    print(f"{len(sweep.missing())} of {len(sweep.cells)} cells to run, {sweep.seconds() / 60:.0f} min", flush=True)
    for done in sweep.run(args.workers):
        if not done.known:
            print(done.cell, {k: v for k, v in done.record.items() if isinstance(v, int | float)}, flush=True)
    write(sweep)


if __name__ == "__main__":
    main()
