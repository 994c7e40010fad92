"""The scattering of recordings of 1 hour and of 10: multiples of real time, and private memory (Linux).

    python benchmarks/timing/long_signal.py [--hours 1 10] [--J 10] [--Q 8] [--mapped] [--out FILE.json]

16 kHz, float32, chunks of a minute as a reader of sound files yields them; with --mapped a memory map of a sparse file.
Each length runs in a process of its own, with two threads. Private memory is that of anonymous pages, in no file,
looked at ten times a second: the peak, and what the process held before, libraries alone.
"""

import os

THREADS = 2
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse  # noqa: E402  the thread counts must be set before NumPy is loaded
import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from kernelconv import Scattering1D  # noqa: E402
from kernelconv.streams import transform_signal  # noqa: E402
from kernelconv.studies.environment import environment  # noqa: E402

RATE, MINUTE = 16_000, 60 * 16_000


def minutes(n_samples):
    """Yield chunks of noise, each of another loudness, with a chirp."""
    noise = np.random.default_rng(0).standard_normal(MINUTE).astype(np.float32)
    chirp = np.sin(np.linspace(0, 1, MINUTE) ** 2 * MINUTE).astype(np.float32)
    for i, lo in enumerate(range(0, n_samples, MINUTE)):
        yield ((1 + i % 7) * noise + 3 * chirp)[: n_samples - lo]


def mapped(folder, n_samples):
    """Return the memory map of a sparse file in which a minute of each hour is noise."""
    out = np.lib.format.open_memmap(folder / "source.npy", "w+", np.float32, (n_samples,))
    for lo in range(0, n_samples, 60 * MINUTE):
        out[lo : lo + MINUTE] = next(minutes(MINUTE))[: n_samples - lo]
    out.flush()
    return np.load(folder / "source.npy", mmap_mode="r")


def anonymous_mib():
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    raise OSError("smaps_rollup has no line of anonymous pages")


def run(hours, J, Q, is_mapped, folder):
    n_samples, before = int(hours * 3600 * RATE), anonymous_mib()
    scattering = Scattering1D(J, Q, n_jobs=THREADS)
    source = mapped(folder, n_samples) if is_mapped else minutes(n_samples)
    peak, ended = [before], threading.Event()

    def look():
        while not ended.wait(0.1):
            peak[0] = max(peak[0], anonymous_mib())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    start, cpu = time.perf_counter(), time.process_time()
    maps = transform_signal(scattering, source, folder / "maps.npy", length=None if is_mapped else n_samples)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    ended.set()
    watcher.join()
    return {
        "hours": hours,
        "maps": list(maps.shape),
        "seconds": round(seconds, 1),
        "times_real_time": round(hours * 3600 / seconds, 1),
        "times_real_time_per_core_second": round(hours * 3600 / cpu, 1),
        "peak_private_mib": round(peak[0]),
        "libraries_mib": round(before),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", nargs="*", type=float, default=[1.0, 10.0])
    parser.add_argument("--J", type=int, default=10)
    parser.add_argument("--Q", type=int, default=8)
    parser.add_argument("--mapped", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        with tempfile.TemporaryDirectory() as folder:
            record = run(arguments.one, arguments.J, arguments.Q, arguments.mapped, Path(folder))
        print(json.dumps(record))
        return
    records = []
    for hours in arguments.hours:
        again = [sys.executable, __file__, "--one", str(hours), "--J", str(arguments.J), "--Q", str(arguments.Q)]
        told = subprocess.run([*again, *["--mapped"] * arguments.mapped], capture_output=True, text=True, check=True)
        records.append(json.loads(told.stdout.splitlines()[-1]))
        print(", ".join(f"{k} {v}" for k, v in records[-1].items()), flush=True)
    if arguments.out:
        settings = {"J": arguments.J, "Q": arguments.Q, "mapped": arguments.mapped}
        arguments.out.write_text(
            json.dumps({"environment": environment(), **settings, "runs": records}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
