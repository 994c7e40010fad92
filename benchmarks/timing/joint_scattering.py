"""Joint time-frequency scattering against kymatio's NumPy engine: milliseconds a signal side by side, and their ratio.

    python benchmarks/timing/joint_scattering.py [--signals 4] [--rounds 5]

One thread for both, J_fr = 3, Q_fr = 1, averages of 2^J samples and 2^3 wavelets. kymatio is its development version at
11552ed5, which must be importable: no release has this transform. It computes in float64 whatever it is given; signals
are of float64 for both, then of float32. After a warm-up the two take turns; medians of processor time are compared.
Outputs are compared before anything is timed.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402  the thread counts must be set before NumPy is loaded
import time  # noqa: E402

import numpy as np  # noqa: E402
from scipy import special  # noqa: E402

if not hasattr(special, "sph_harm"):
    special.sph_harm = None  # kymatio imports it for volumes
from kymatio.numpy import TimeFrequencyScattering  # noqa: E402

from kernelconv import JointTimeFrequencyScattering  # noqa: E402


def compare(n, J, Q, dtype, args):
    """Print the medians of one size."""
    x = np.random.default_rng(0).standard_normal((args.signals, n)).astype(dtype)
    ours = JointTimeFrequencyScattering(J=J, Q=Q, n_jobs=1).fit(x)
    peer = TimeFrequencyScattering(J=J, J_fr=3, Q=Q, shape=n, format="time")
    runs = {"kernelconv": lambda: np.moveaxis(ours.maps(x), 1, -1), "kymatio": lambda: np.asarray(peer(x))}
    found, expected = (run() for run in runs.values())
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    assert error < 1e-5, error
    times = {key: [] for key in runs}
    for _ in range(args.rounds):
        for key, run in runs.items():
            start = time.process_time()
            run()
            times[key].append(time.process_time() - start)
    median = {key: 1e3 * float(np.median(t)) / len(x) for key, t in times.items()}
    shown = ", ".join(f"{key} {value:.0f} ms a signal" for key, value in median.items())
    ratio = median["kymatio"] / median["kernelconv"]
    print(f"{n} samples, J = {J}, Q = {Q}, {dtype.__name__}: {shown}, ratio {ratio:.1f}, difference {error:.0e}")


def main():
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for dtype in (np.float64, np.float32):
        for n, J, Q in ((4096, 8, 8), (16384, 10, 12)):
            compare(n, J, Q, dtype, args)


if __name__ == "__main__":
    main()
