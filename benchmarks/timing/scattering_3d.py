"""Scattering of volumes against kymatio's NumPy engine: milliseconds a volume side by side, and their ratio.

    python benchmarks/timing/scattering_3d.py [--sides 32 64] [--volumes 4] [--rounds 7] [--out FILE.json]

One thread for both, float32, J = 2, L = 3, sigma_0 = 1, order 2, rotation covariant, integrals of powers .5, 1 and 2:
24 paths, and order 0 for us, which kymatio has not. The volumes are sums of Gaussian blobs. kymatio runs on one volume
at a time or on all at once, whichever is faster. After a warm-up the two take turns; medians are compared, of the wall
clock and of processor time, which a busy machine disturbs less. Outputs are compared before anything is timed.

kymatio 0.3.0 imports SciPy's sph_harm, which SciPy 1.17 no longer has and 1.15 evaluates voxel by voxel in Python: it
is given the function of today under its name and with its arguments. That concerns its filters, which are not timed.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402  the thread counts must be set before NumPy is loaded
import json  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from scipy import special  # noqa: E402

special.sph_harm = lambda m, n, theta, phi: special.sph_harm_y(n, m, phi, theta)

from kymatio.scattering3d.frontend.numpy_frontend import HarmonicScatteringNumPy3D  # noqa: E402

from kernelconv import Scattering3D  # noqa: E402
from kernelconv.studies.environment import environment  # noqa: E402

J, L = 2, 3


def volumes(n, side):
    """Return sums of twelve Gaussian blobs of width 1.5 voxels, float32."""
    rng = np.random.default_rng(0)
    grid, x = np.arange(side), np.zeros((n, side, side, side))
    for volume in x:
        for centre in rng.uniform(side / 4, 3 * side / 4, (12, 3)):
            volume += np.einsum("i,j,k->ijk", *(np.exp(-((grid - c) ** 2) / 2 / 1.5**2) for c in centre))
    return x.astype(np.float32)


def clocks(run, x):
    """Return (wall clock, processor time) of one run (s)."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(x)
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(side, n, rounds):
    x = volumes(n, side)
    ours = Scattering3D(J, L, n_jobs=1).fit(x)
    peer = HarmonicScatteringNumPy3D(J, (side, side, side), L, sigma_0=1)
    ways = {"all at once": peer, "one by one": lambda x: np.concatenate([peer(volume[None]) for volume in x])}
    expected = np.asarray(peer(x), np.float64).reshape(n, -1, 3)
    found = ours.transform(x).astype(np.float64).reshape(n, -1, 3)[:, 1:]
    # of each power; in empty space the roots of both sides' rounding are summed too
    error = max(
        float(np.linalg.norm(found[..., i] / expected[..., i] - 1) / expected[..., i].size ** 0.5) for i in range(3)
    )
    assert error < 1e-3, error
    how = min(ways, key=lambda way: clocks(ways[way], x)[1])
    runs = {"kernelconv": ours.transform, f"kymatio numpy, {how}": ways[how]}
    times = {k: [] for k in runs}
    for _ in range(rounds):
        for k, run in runs.items():
            times[k].append(clocks(run, x))
    wall, cpu = ({k: 1e3 * float(np.median([v[i] for v in t])) / n for k, t in times.items()} for i in (0, 1))
    ratio = {clock: list(of.values())[1] / of["kernelconv"] for clock, of in (("wall", wall), ("cpu", cpu))}
    return {"wall_ms": wall, "cpu_ms": cpu, "ratio": ratio, "difference": error}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", nargs="*", type=int, default=[32, 64])
    parser.add_argument("--volumes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results = {"environment": environment(), "cases": {}}
    for side in arguments.sides:
        record = results["cases"][side] = compare(side, arguments.volumes, arguments.rounds)
        record["load_average"] = os.getloadavg()[0]
        said = f"load average {record['load_average']:.1f}, coefficients within"
        print(f"{side}^3 ({said} {record['difference']:.1e} of kymatio's)")
        for k in record["wall_ms"]:
            print(f"  {k:26} {record['wall_ms'][k]:8.1f} ms, processor {record['cpu_ms'][k]:8.1f} ms a volume")
        print(f"  ratio {record['ratio']['wall']:.2f}, of processor time {record['ratio']['cpu']:.2f}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
