"""Scattering against kymatio's NumPy and PyTorch engines: signals a second side by side, and their ratios.

    python benchmarks/timing/scattering.py [--cases 28-J2 256-J4 ...] [--out FILE.json]

Two threads for everyone, float32. Each peer runs at the best of its batch sizes. kymatio's NumPy engine has no
threads of its own: it runs as it is called, and once more with our thread pool giving it two batches at a time.
After a warm-up the contestants take turns, five rounds; medians are compared. Outputs are compared with kymatio's
before anything is timed. Beside the wall clock stands the processor time of a signal over all threads, which a busy
machine disturbs less.
"""

import os

THREADS = 2
#: Seconds before every turn: idle threads of PyTorch spin for a while and would take a core from whoever comes next.
REST = 0.5
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(THREADS))
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))

import argparse  # noqa: E402  the thread counts must be set before NumPy is loaded
import json  # noqa: E402
import time  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D  # noqa: E402
from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D  # noqa: E402

from kernelconv import Scattering1D, Scattering2D, load_mnist  # noqa: E402
from kernelconv.studies.environment import environment  # noqa: E402

try:
    import torch
    from kymatio.scattering1d.frontend.torch_frontend import ScatteringTorch1D
    from kymatio.scattering2d.frontend.torch_frontend import ScatteringTorch2D
except ImportError:
    torch = None

#: name: (2-D image size or 1-D length, J, Q, signals timed, batch sizes of the peers)
CASES = {
    "28-J2": ((28, 28), 2, None, 512, (64, 256)),
    "28-J3": ((28, 28), 3, None, 256, (64, 256)),
    "256-J4": ((256, 256), 4, None, 8, (1, 8)),
    "1-D 8192-J8-Q8": ((8192,), 8, 8, 32, (1, 8)),
}


def contestants(shape, J, Q):
    """Return {name: callable on a batch}, ours first, kymatio's arrays for all."""
    if Q is None:
        ours = Scattering2D(J, grid="kymatio", n_jobs=THREADS).fit(np.zeros((1, *shape), np.float32))
        peers = {"kymatio numpy": ScatteringNumPy2D(J, shape)}
        if torch:
            peers["kymatio torch"] = ScatteringTorch2D(J, shape)
    else:
        ours = Scattering1D(J, Q, scaling="kymatio", n_jobs=THREADS).fit(np.zeros((1, *shape), np.float32))
        peers = {"kymatio numpy": ScatteringNumPy1D(J, shape, Q)}
        if torch:
            peers["kymatio torch"] = ScatteringTorch1D(J, shape, Q)
    return {"kernelconv": ours.transform, **{name: as_numpy(name, peer) for name, peer in peers.items()}}


def as_numpy(name, scattering):
    if "torch" not in name:
        return scattering

    def run(x):
        with torch.no_grad():
            return scattering(torch.from_numpy(x)).numpy()

    return run


def batched(run, size, threads):
    """Return a function that runs batches of `size` one after the other, or two at a time."""

    def whole(x):
        batches = [x[i : i + size] for i in range(0, len(x), size)]
        if threads == 1:
            return np.concatenate([run(b) for b in batches])
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(run, batches)))

    return whole


def seconds(run, x):
    return clocks(run, x)[0]


def clocks(run, x):
    """Return (wall clock, processor time of all threads) of one run (s)."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(x)
    return time.perf_counter() - wall, time.process_time() - cpu


def best(run, x, sizes, threads=1):
    """Return the fastest way to run a peer over all of `x`, `threads` batches at a time, and its words."""
    ways = {(size, threads): batched(run, size, threads) for size in sizes}
    few = x[: max(THREADS * max(sizes) // 2, 1)]
    run(x[: min(sizes)])
    times = {key: seconds(way, few) for key, way in ways.items()}
    key = min(times, key=times.get)
    return ways[key], f"batches of {key[0]}" + (f", {key[1]} at a time" if key[1] > 1 else "")


def compare(shape, J, Q, n, sizes):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, *shape)).astype(np.float32)
    if shape == (28, 28):
        try:
            x = load_mnist()[0][:n]
        except (OSError, ValueError):
            print("MNIST not found: noise instead")
    runs = contestants(shape, J, Q)
    expected = runs["kymatio numpy"](x[:4]).ravel()
    errors = {k: float(np.linalg.norm(r(x[:4]).ravel() - expected) / np.linalg.norm(expected)) for k, r in runs.items()}
    assert max(errors.values()) < 1e-4, errors
    ways = {"kernelconv": (runs["kernelconv"], "all at once")}
    ways |= {k: best(runs[k], x, sizes) for k in runs if k != "kernelconv"}
    ways["kymatio numpy, threaded"] = best(runs["kymatio numpy"], x, sizes, THREADS)
    ways["kernelconv"][0](x)
    rounds = {k: [] for k in ways}
    for _ in range(5):
        for name, (run, _) in ways.items():
            time.sleep(REST)
            rounds[name].append(clocks(run, x))
    rate = {k: n / float(np.median([wall for wall, _ in t])) for k, t in rounds.items()}
    cpu = {k: 1e3 * float(np.median([c for _, c in t])) / n for k, t in rounds.items()}
    return {
        "per_second": rate,
        "cpu_ms": cpu,
        "how": {k: how for k, (_, how) in ways.items()},
        "error_against_kymatio": errors["kernelconv"],
        "ratio": {k: rate["kernelconv"] / r for k, r in rate.items() if k != "kernelconv"},
        "cpu_ratio": {k: c / cpu["kernelconv"] for k, c in cpu.items() if k != "kernelconv"},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if torch:
        torch.set_num_threads(THREADS)
    results = {"environment": environment(), "cases": {}}
    for name in arguments.cases:
        results["cases"][name] = record = compare(*CASES[name])
        load = os.getloadavg()[0]
        record["load_average"] = load
        print(f"{name} (load average {load:.1f}, error against kymatio {record['error_against_kymatio']:.1e})")
        for k, rate in record["per_second"].items():
            ratio = ""
            if k in record["ratio"]:
                ratio = f"  ratio {record['ratio'][k]:.1f}, of processor time {record['cpu_ratio'][k]:.1f}"
            print(
                f"  {k:23} {rate:9.1f} a second, {record['cpu_ms'][k]:.2f} ms ({record['how'][k]}){ratio}", flush=True
            )
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
