"""Exact convolutional kernels beside neural-tangents on the CPU, in one run: values first, then pairs a CPU second.

    python benchmarks/timing/exact_kernel.py [--dtype float64] [--out FILE.json]

neural-tangents 0.6.5 imports with no current JAX: an environment of its own with `neural-tangents` and `jax<0.5` runs
this script, kernelconv beside it. Both compute the kernel of infinitely wide networks (3 x 3 convolutions, rectifiers,
averages of 2 x 2 twice with a stride of 3, a dense layer) of all pairs of two sets of images. Its function is compiled
before the clock starts; seconds are those of the processor, over all threads; contestants take turns; medians.
"""

import argparse
import json
import math
import time
from pathlib import Path

import jax
import numpy as np
from neural_tangents import stax

from kernelconv import ConvKernel
from kernelconv.studies.environment import environment

TURNS = 5
#: averages of 2 x 2 twice in a row are one Gaussian window (1, 2, 1) / 4
BINOMIAL = 1 / math.sqrt(2 * math.log(2))
#: name: image side, convolutions, images on each side
CASES = {"one layer, 27 px": (27, 1, 8), "two layers, 27 px": (27, 2, 8), "two layers, 9 px": (9, 2, 32)}


def peer(side, depth):
    """Return neural-tangents' kernel of two sets of images, compiled."""
    layers = []
    for layer in range(depth):
        area = 9 * (2 if layer else 1)  # a rectifier keeps half of the variance
        layers += [stax.Conv(1, (3, 3), padding="SAME", W_std=area**0.5, b_std=None), stax.Relu()]
        layers += [stax.AvgPool((2, 2), (1, 1)), stax.AvgPool((2, 2), (3, 3))]
    shape, _ = stax.serial(*layers)[0](jax.random.PRNGKey(0), (1, side, side, 1))
    trace = stax.Dense(1, W_std=(2 * shape[1] * shape[2]) ** 0.5, b_std=None)
    kernel = stax.serial(*layers, stax.Flatten(), trace)[2]
    return jax.jit(lambda x, y: kernel(x, y, "nngp"))


def seconds(run):
    """Return the processor's seconds of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def measured(side, depth, n, dtype):
    """Return pairs a second of both, and how far apart their values are."""
    x, y = np.random.default_rng(0).random((2, n, side, side, 1)).astype(dtype)
    ours = ConvKernel((3,) * depth, 3, pooling_scale=BINOMIAL, kernel="arccosine", padding="zero")
    theirs = peer(side, depth)
    runs = {"kernelconv": lambda: ours(x, y), "neural-tangents": lambda: np.asarray(theirs(x, y))}
    values = {name: run() for name, run in runs.items()}  # the warm-up, and the compilation
    wanted = values["neural-tangents"]
    difference = float(np.linalg.norm(values["kernelconv"] - wanted) / np.linalg.norm(wanted))
    assert difference < (1e-10 if dtype == "float64" else 1e-4), difference
    found = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, run in runs.items():
            found[name].append(seconds(run))
    rates = {name: n * n / float(np.median(values)) for name, values in found.items()}
    return {"pairs_a_second": rates, "relative_difference": difference}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    options.add_argument("--out", type=Path)
    options = options.parse_args()
    jax.config.update("jax_enable_x64", options.dtype == "float64")
    results = {"environment": environment() | {"dtype": options.dtype}}
    for name, case in CASES.items():
        results[name] = found = measured(*case, options.dtype)
        ours, theirs = found["pairs_a_second"].values()
        print(f"{name}: pairs a CPU second: kernelconv {ours:,.0f}, neural-tangents {theirs:,.0f}", flush=True)
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
