"""Warping against a loop over scipy.ndimage.map_coordinates: the same fields, order, border and dtype on both sides.

    python benchmarks/timing/warp.py [--images 2000] [--side 28] [--threads 2] [--repeats 5]

Prints images a second of both, their ratio (medians over repeats, both sides warmed up, taken in turn), how far the
results are apart, and the load of the machine. Aims: 1.7 with an own cubic field an image, 10 with a shared one.
"""

import argparse
import os
import statistics
import time

import numpy as np
from scipy import ndimage

from kernelconv.deformations import SmoothDeformation, warp


def loop(x, tau, order):
    """Return the plain loop's result; `tau` (h, w, 2) is shared, (n, h, w, 2) is one an image."""
    grid = np.indices(x.shape[1:]).astype(float)
    out = np.empty_like(x)
    for i, image in enumerate(x):
        t = tau if tau.ndim == 3 else tau[i]
        out[i] = ndimage.map_coordinates(image, grid - np.moveaxis(t, -1, 0), order=order, mode="grid-constant")
    return out


def in_turn(functions, repeats):
    """Return the median seconds of each function, called in turn after a warm-up, and their results."""
    results = [f() for f in functions]
    seconds = [[] for _ in functions]
    for _ in range(repeats):
        for taken, f in zip(seconds, functions, strict=True):
            start = time.perf_counter()
            f()
            taken.append(time.perf_counter() - start)
    return [statistics.median(s) for s in seconds], results


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("images", 2000), ("side", 28), ("threads", 2), ("repeats", 5)):
        options.add_argument(f"--{name}", type=int, default=default)
    o = options.parse_args()
    x = np.random.default_rng(0).random((o.images, o.side, o.side), dtype=np.float32)
    own = SmoothDeformation(cutoff=3).sample((o.side, o.side), 0.3, rng=0, size=o.images).values
    print(f"{o.images} images of {o.side} x {o.side}, float32, {o.threads} threads, load {os.getloadavg()[0]:.1f}")
    for name, tau in (("own field", own), ("shared field", own[0])):
        for order in (1, 3):

            def ours(tau=tau, order=order):
                return warp(x, tau, order=order, n_jobs=o.threads)

            def theirs(tau=tau, order=order):
                return loop(x, tau, order)

            (a, b), (y, z) = in_turn((ours, theirs), o.repeats)
            apart = np.linalg.norm(y - z) / np.linalg.norm(z)
            print(
                f"{name:12} order {order}: {o.images / a:9,.0f} images/s, loop {o.images / b:7,.0f}, "
                f"ratio {b / a:5.2f}, apart {apart:.1e}"
            )


if __name__ == "__main__":
    main()
