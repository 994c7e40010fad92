"""Scattering pruned by energy against the whole transform: processor time on MNIST, and how far kept values are apart.

    python benchmarks/timing/scattering_pruned.py [--images 1024] [--fitted 5000] [--threads 1] [--repeats 7]

For each share of the energy: how many paths are kept, of which orders, and the ratio of processor times (medians over
turns, both sides warmed up). Aims at J=2: 2.5 for 0.95 (15 paths, none of order 2), 1.8 for 0.98 (21, 4 of order 2).
"""

import argparse
import os
import statistics
import time

import numpy as np

from kernelconv import Scattering2D, load_mnist


def processor_times(functions, repeats):
    """Return the median processor seconds of each function, called in turn after a warm-up."""
    for f in functions:
        f()
    seconds = [[] for _ in functions]
    for _ in range(repeats):
        for taken, f in zip(seconds, functions, strict=True):
            start = time.process_time()
            f()
            taken.append(time.process_time() - start)
    return [statistics.median(s) for s in seconds]


def apart(whole, pruned, x):
    """Return how far the kept values are from the whole transform's, over the largest of these."""
    kept = [whole.paths_.index(path) for path in pruned.paths_]
    expected = whole.maps(x)[..., kept]
    return np.abs(pruned.maps(x) - expected).max() / np.abs(expected).max()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("images", 1024), ("fitted", 5000), ("threads", 1), ("repeats", 7), ("J", 2)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--shares", type=float, nargs="*", default=[0.95, 0.98, 0.99])
    o = options.parse_args()
    fitted = load_mnist()[0][: o.fitted].astype(np.float32)
    x = fitted[: o.images]
    whole = Scattering2D(o.J, n_jobs=o.threads).fit(fitted)
    print(f"MNIST, {len(x)} images, J={o.J}, {len(whole.paths_)} paths, load average {os.getloadavg()[0]:.1f}")
    for share in o.shares:
        pruned = Scattering2D(o.J, energy=share, n_jobs=o.threads).fit(fitted)
        orders = np.bincount([path.order for path in pruned.paths_], minlength=3)
        a, b = processor_times([lambda: whole.transform(x), lambda pruned=pruned: pruned.transform(x)], o.repeats)
        print(
            f"energy={share}: {len(pruned.paths_)} paths ({', '.join(map(str, orders))} by order), "
            f"{1e3 * a / len(x):.3f} against {1e3 * b / len(x):.3f} ms an image, ratio {a / b:.2f}, "
            f"values {apart(whole, pruned, x[:100].astype(np.float64)):.0e} apart",
            flush=True,
        )


if __name__ == "__main__":
    main()
