"""Separable scattering against the dual-tree scattering of pytorch_wavelets and our Morlets': speed and error.

    python benchmarks/timing/separable.py [--rounds 7] [--errors] [--out benchmarks/results/separable.json]

One thread for all, float32, random images. The peer's layer is one scale of the dual-tree transform, a low-pass and the
moduli of six wavelets: two of them in a row are J = 2 with all paths, 49 maps, as ours are; three are J = 3 up to
order 3, 343 maps; its ScatLayerj2 is J = 2 in one. After a warm-up all take turns; medians are compared, of the wall
clock and of processor time, which a busy machine disturbs less. With --errors also the test errors on MNIST of the same
linear head, least squares, on 1,000 training images, three draws of them.

pytorch_wavelets 1.3.0 (MIT for what is new in it; for the parts that follow N. Kingsbury's toolbox it refers to the
terms of that one) asks for any torch, and runs with 2.13; it reads its filters through setuptools' pkg_resources, which
setuptools has dropped: it is given a function that opens the same files.

    pip install --no-deps pytorch_wavelets PyWavelets six
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402  the thread counts must be set before NumPy is loaded
import importlib.metadata  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import types  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from kernelconv import Scattering2D, SeparableScattering2D  # noqa: E402
from kernelconv.datasets import load_split  # noqa: E402
from kernelconv.studies.environment import environment  # noqa: E402
from kernelconv.studies.estimators.least_squares import LinearRidge  # noqa: E402

#: Side (px), images, J, and the order of the longest paths.
CASES = ((28, 512, 2, 2), (128, 32, 2, 2), (128, 32, 3, 2), (128, 32, 3, 3))
N_TRAIN, SEEDS = 1000, (0, 1, 2)


def peer_layers():
    """Return torch and the module of pytorch_wavelets, on one thread."""
    if "pkg_resources" not in sys.modules:
        stand_in = types.ModuleType("pkg_resources")
        root = Path(importlib.util.find_spec("pytorch_wavelets").origin).parent
        stand_in.resource_stream = lambda package, name: root.joinpath(*package.split(".")[1:], name).open("rb")
        sys.modules["pkg_resources"] = stand_in
    import pytorch_wavelets
    import torch

    torch.set_num_threads(1)
    return torch, pytorch_wavelets


def peer(J, *, in_one=False):
    """Return a function of images (n, h, w), NumPy, that gives the peer's maps (n, k, h', w')."""
    torch, wavelets = peer_layers()
    layers = [wavelets.ScatLayerj2()] if in_one else [wavelets.ScatLayer() for _ in range(J)]
    network = torch.nn.Sequential(*layers).eval()

    def run(x):
        with torch.no_grad():
            return network(torch.from_numpy(x[:, None])).numpy()

    return run


def runs_of(x, J, order):
    """Return what is compared, by name: functions of images."""
    runs = {"separable": SeparableScattering2D(J, order, n_jobs=1).fit(x).transform}
    if order == 2:
        for L in (6, 8):
            runs[f"Morlets, L = {L}"] = Scattering2D(J, L, order, n_jobs=1).fit(x).transform
    if order == J:
        runs[f"pytorch_wavelets, ScatLayer x {J}"] = peer(J)
    if J == 2:
        runs["pytorch_wavelets, ScatLayerj2"] = peer(J, in_one=True)
    return runs


def clocks(run, x):
    """Return (wall clock, processor time) of one run (s)."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(x)
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(side, n, J, order, rounds):
    """Return images per second by both clocks, and the number of coefficients, of each way."""
    x = np.random.default_rng(0).random((n, side, side), dtype=np.float32)
    runs = runs_of(x, J, order)
    numbers = {k: int(np.prod(np.shape(run(x))[1:])) for k, run in runs.items()}
    times = {k: [] for k in runs}
    for _ in range(rounds):
        for k, run in runs.items():
            times[k].append(clocks(run, x))
    rates = {k: [n / float(np.median([v[i] for v in t])) for i in (0, 1)] for k, t in times.items()}
    return {k: {"coefficients": numbers[k], "wall": rates[k][0], "cpu": rates[k][1]} for k in runs}


def errors():
    """Return the errors (%) of the linear head on all test images of MNIST, one a seed, of each representation."""
    split = load_split("mnist")
    few = split.X_train[:2]
    phis = {"separable, J = 2": runs_of(few, 2, 2)["separable"], "separable, J = 3": runs_of(few, 3, 2)["separable"]}
    for J in (2, 3):
        for L in (6, 8):
            phis[f"Morlets, J = {J}, L = {L}"] = Scattering2D(J, L, n_jobs=1).fit(few).transform
    two, three = peer(2), peer(3)
    phis["pytorch_wavelets, ScatLayer x 2"] = lambda x: two(np.float32(x)).reshape(len(x), -1)
    phis["pytorch_wavelets, ScatLayer x 3"] = lambda x: three(np.float32(x)).reshape(len(x), -1)
    found = {}
    for name, phi in phis.items():
        test, each = phi(split.X_test), []
        for seed in SEEDS:
            kept = split.subset(N_TRAIN, seed)
            head = LinearRidge(seed=seed).fit(phi(split.X_train[kept]), split.y_train[kept])
            each.append(100 * float(np.mean(head.predict(test) != split.y_test)))
        found[name] = {"coefficients": test.shape[1], "errors": each}
        print(
            f"  {name:34} {test.shape[1]:6} coefficients, error {np.mean(each):.2f} %  {np.round(each, 2)}", flush=True
        )
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    versions = {k: importlib.metadata.version(k) for k in ("torch", "pytorch_wavelets")}
    results = {"environment": environment() | versions, "load_average": [], "images_per_second": {}}
    for side, n, J, order in CASES:
        name = f"{side} x {side}, J = {J}, order {order}"
        record = results["images_per_second"][name] = compare(side, n, J, order, arguments.rounds)
        results["load_average"].append(os.getloadavg()[0])
        print(f"{name} (load average {os.getloadavg()[0]:.1f})")
        ours = record["separable"]
        for k, one in record.items():
            ratios = f"ratio {ours['wall'] / one['wall']:.1f}, of processor time {ours['cpu'] / one['cpu']:.1f}"
            said = f"{one['coefficients']:7} coefficients {one['wall']:8.0f} images/s, {one['cpu']:8.0f} a CPU second"
            print(f"  {k:34}{said}; {ratios}", flush=True)
    if arguments.errors:
        print(f"MNIST, {N_TRAIN} training images, {len(SEEDS)} seeds, all test images, linear least squares")
        results["errors"] = errors()
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
