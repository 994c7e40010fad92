"""Seconds of transform and fit beside another checkout of the project, in turns, on the same machine.

    git worktree add ../before COMMIT
    OPENBLAS_NUM_THREADS=1 python benchmarks/timing/before_after.py --against ../before --json FILE

Each side is a process of its own that imports its own `kernelconv`; while one computes the other waits. Both run what
is written here, through names that both versions have. A workload is prepared and called on both sides, their values
are compared, then they take turns, each going first every other time. Ratios are this checkout's seconds over the
other's. --clock cpu takes the processor's time, which other programs disturb less.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent.parent.parent

# -- what is measured: each returns (what is timed, its result as an array) -----------------------------------------


def digits(n, side):
    """Return n digits enlarged to side x side pixels, and their labels: smooth images with empty borders."""
    from scipy.ndimage import zoom

    from kernelconv import load_digits_images

    x, y = load_digits_images()
    return zoom(x[:n], (1, side / 8, side / 8), order=1).astype(np.float32), y[:n]


def transform(make, n, side):
    x, _ = digits(n, side)
    model = make().fit(x)
    return lambda: model.transform(x), np.asarray


def fit(make, n, side):
    x, y = digits(n, side)
    return lambda: make().fit(x, y), lambda model: model.transform(x[:50])


def scattering(n, side, J, threads):
    from kernelconv import Scattering2D

    return transform(lambda: Scattering2D(J=J, n_jobs=threads), n, side)


def kernel_network(measured, n, anchors, threads):
    from kernelconv import ConvKernelNetwork

    options = {"patch_size": (5, 3)[: len(anchors)], "n_patches": 20_000, "random_state": 0, "n_jobs": threads}
    return measured(lambda: ConvKernelNetwork(anchors, **options), n, 28)


def cnn(n, architecture, epochs, threads):
    from kernelconv import ConvNetClassifier

    options = {"epochs": epochs, "batch_size": 128, "random_state": 0, "n_jobs": threads}
    return fit(lambda: ConvNetClassifier(architecture, **options), n, 28)


def exact_kernel(n, threads):
    from kernelconv import ConvKernel

    x, _ = digits(n, 28)
    kernel = ConvKernel((3, 3), (2, 5), n_jobs=threads, verbose=False)
    return lambda: kernel(x), np.asarray


WORKLOADS = {
    "scattering 28x28, J=2": lambda threads: scattering(500, 28, 2, threads),
    "scattering 28x28, J=3": lambda threads: scattering(500, 28, 3, threads),
    "scattering 256x256, J=4": lambda threads: scattering(4, 256, 4, threads),
    "kernel network, one layer, transform": lambda threads: kernel_network(transform, 500, (200,), threads),
    "kernel network, two layers, transform": lambda threads: kernel_network(transform, 500, (50, 200), threads),
    "kernel network, one layer, fit": lambda threads: kernel_network(fit, 500, (200,), threads),
    "kernel network, two layers, fit": lambda threads: kernel_network(fit, 500, (50, 200), threads),
    "LeNet, fit, 2 epochs": lambda threads: cnn(1024, "wide_lenet", 2, threads),
    "ResNet, fit, 1 epoch": lambda threads: cnn(512, "resnet", 1, threads),
    "exact kernel, 32 images": lambda threads: exact_kernel(32, threads),
}


# -- one side -------------------------------------------------------------------------------------------------------


def serve(folder, threads):
    """Answer the requests on standard input, one JSON line each, with the `kernelconv` of `folder`."""
    import kernelconv

    if folder not in Path(kernelconv.__file__).resolve().parents:
        raise SystemExit(f"kernelconv comes from {kernelconv.__file__}, not from {folder}.")
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            call, values = WORKLOADS[request["prepare"]](threads)
            np.save(request["values"], values(call()))
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(request["calls"]):
            call()
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps([s / request["calls"] for s in seconds]), flush=True)


class Side:
    """A process that serves one checkout."""

    def __init__(self, folder, threads):
        self.folder = Path(folder).resolve()
        command = [sys.executable, __file__, "--serve", str(self.folder), "--threads", str(threads)]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=environment, text=True, **pipes)

    def ask(self, **request):
        """Return (seconds by the clock, of the processor) a call."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"The process of {self.folder} has ended; what it said is above.")
        return json.loads(answer)

    def commit(self):
        """Return the commit that is checked out, with a + if files differ from it."""
        git = ["git", "-C", str(self.folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()

    def end(self):
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()


# -- both -----------------------------------------------------------------------------------------------------------


CLOCKS = ("wall", "cpu")
SHOWN = ("seconds", "seconds_against", "ratio", "ratio_of_lowest", "largest_relative_difference")


def difference(ours, theirs):
    """Return the largest difference over the largest value."""
    if ours.shape != theirs.shape:
        raise SystemExit(f"Not the same work: results of shape {ours.shape} and {theirs.shape}.")
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def measure(name, ours, theirs, args):
    """Return a workload's record."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{side}.npy" for side in ("ours", "theirs")]
        warm = [s.ask(prepare=name, values=str(f), calls=1) for s, f in zip((ours, theirs), files, strict=True)]
        found = difference(*map(np.load, files))
    calls = max(1, round(args.seconds / warm[1][0]))
    taken = {ours: [], theirs: []}
    for turn in range(args.turns):
        for side in (ours, theirs)[:: -1 if turn % 2 else 1]:
            taken[side].append(side.ask(calls=calls)[CLOCKS.index(args.clock)])
    a, b = np.array(taken[ours]), np.array(taken[theirs])
    return {
        "seconds": float(f"{np.median(a):.4g}"),
        "seconds_against": float(f"{np.median(b):.4g}"),
        "ratio": round(float(np.median(a) / np.median(b)), 3),
        "ratio_of_lowest": round(float(a.min() / b.min()), 3),
        "ratios_of_turns": [round(float(r), 3) for r in a / b],
        "calls_a_turn": calls,
        "largest_relative_difference": float(f"{found:.2g}"),
    }


def compare(args):
    """Measure every workload asked for, print a line each, and return the figures."""
    ours, theirs = Side(HERE, args.threads), Side(args.against, args.threads)
    settings = {"commit": ours.commit(), "against": theirs.commit(), "threads": args.threads, "clock": args.clock}
    results = {"settings": {**settings, "turns": args.turns, "seconds_a_turn": args.seconds}}
    try:
        for name in WORKLOADS:
            if not args.only or any(word in name for word in args.only):
                results[name] = measure(name, ours, theirs, args)
                print(f"{name:40}", "  ".join(f"{k} {v}" for k, v in results[name].items() if k in SHOWN), flush=True)
    finally:
        ours.end()
        theirs.end()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    side = parser.add_mutually_exclusive_group(required=True)
    side.add_argument("--against", type=Path, help="the other checkout's folder")
    side.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="workloads whose name holds one of these words")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn, about (default: %(default)s)")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve, args.threads)
    from kernelconv.studies.environment import environment

    results = compare(args)
    results |= {"load_average": [round(v, 1) for v in os.getloadavg()], "environment": environment()}
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
