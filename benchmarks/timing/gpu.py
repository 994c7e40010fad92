"""Scattering and a convolutional kernel network on a device of PyTorch, beside peers on that device, in one run.

    python benchmarks/timing/gpu.py --device cpu [--threads 1] [--out FILE.json]
    python benchmarks/timing/gpu.py --device cuda --batches 16 64 256 1024

Of each case every contestant computes the same features of the same images, in float32 and without gradients; outputs
are compared first. After a warm-up they take turns; medians. On the CPU seconds are those of the processor, over all
threads, and this library's NumPy engine is a contestant too; on a GPU they are of the clock, after a synchronization,
and the most memory that was held stands beside. The share of the peak is that of the products alone, beside a large
matrix product on the device.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from kymatio.scattering2d.frontend.torch_frontend import ScatteringTorch2D
from wide_ckn import compare, peer_network

from kernelconv import ConvKernelNetwork, Scattering2D
from kernelconv.studies.environment import environment
from kernelconv.torch import as_module

TURNS = 5
#: name: image side, J
SCATTERING = {f"scattering {side} J{J}": (side, J) for side, J in ((28, 2), (32, 2), (64, 3), (256, 4))}
CKN = {"n_anchors": (64, 128), "patch_size": 3, "subsampling": (2, 4), "input": "raw"}


def clock(device):
    """Return a function that reads the seconds that count on this device."""
    if device.type == "cpu":
        return time.process_time

    def read():
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return read


def ours(estimator, device):
    """Return the contestants of this library: {name: function of images (n, h, w, c) on the device}."""
    engines = ("torch", "numpy") if device.type == "cpu" else ("torch",)
    return {
        f"kernelconv, {engine}": as_module(estimator, engine=engine, trainable=False).eval().to(device)
        for engine in engines
    }


def scattering(side, J, device):
    """Return images of one channel and the contestants."""
    images = torch.rand(1024 if side < 256 else 64, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    fitted = Scattering2D(J, grid="kymatio").fit(np.zeros((1, side, side), np.float32))
    peer = ScatteringTorch2D(J, (side, side)).to(device)
    runs = {**ours(fitted, device), "kymatio": lambda x: peer(x).flatten(1)}
    wanted = runs["kymatio"](images[:4])
    errors = {name: float((run(images[:4]) - wanted).norm() / wanted.norm()) for name, run in runs.items()}
    assert max(errors.values()) < 1e-4, errors
    return images, runs, 0


def ckn(device):
    """Return colour images and the contestants; the peer is the public PyTorch CKN's way, conv2d by conv2d."""
    rng = np.random.default_rng(0)
    images = rng.random((1024, 32, 32, 3), np.float32)
    fitted = ConvKernelNetwork(**CKN, n_patches=5000, random_state=0).fit(images[:100])
    forward = peer_network(fitted.network_)  # its weights follow the images' device
    maps = torch.from_numpy(images).to(device)
    runs = {**ours(fitted, device), "conv2d": lambda x: forward(x.movedim(-1, 1))}
    shape = (4, *fitted.maps_shape_)
    wanted = runs["conv2d"](maps[:4]).movedim(1, -1).cpu().numpy()
    for name, run in runs.items():
        if name != "conv2d":
            assert compare(run(maps[:4]).cpu().numpy().reshape(shape), wanted) < 5e-4, name
    return maps, runs, 2 * fitted.network_.multiply_adds((32, 32, 3))


def peak(device, read):
    """Return the GFLOP a second of a large product in float32."""
    a = torch.rand(2048, 2048, device=device)
    for _ in range(3):
        a @ a
    start = read()
    for _ in range(5):
        a @ a
    return 5 * 2 * 2048**3 / (read() - start) / 1e9


def measured(images, runs, operations, batch, device):
    """Return for each contestant images a second, and what else is known of it."""
    read, x, found = clock(device), images[:batch], {name: [] for name in runs}
    memory = dict.fromkeys(runs, None)
    for turn in range(TURNS + 1):  # the first is a warm-up
        for name, run in runs.items():
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            start = read()
            run(x)
            seconds = read() - start
            if device.type == "cuda":
                memory[name] = torch.cuda.max_memory_allocated(device)
            if turn:
                found[name].append(seconds)
    highest = peak(device, read)
    rows = {}
    for name, seconds in found.items():
        rate = batch / float(np.median(seconds))
        rows[name] = {"images_a_second": round(rate, 1), "peak_memory": memory[name]}
        if operations:
            rows[name]["share_of_peak"] = round(operations * rate / 1e9 / highest, 3)
    return rows


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    options.add_argument("--threads", type=int, default=1, help="of PyTorch and of BLAS, on the CPU")
    options.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256])
    options.add_argument("--out", type=Path)
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device(options.device)
    cases = {name: lambda of=of: scattering(*of, device) for name, of in SCATTERING.items()}
    cases["CKN (64, 128) 32x32x3"] = lambda: ckn(device)
    results = {}
    with torch.no_grad():
        for name, make in cases.items():
            made = make()
            results[name] = {
                batch: measured(*made, batch, device) for batch in options.batches if batch <= len(made[0])
            }
            for batch, rows in results[name].items():
                shown = ", ".join(f"{who} {row['images_a_second']:,}" for who, row in rows.items())
                print(f"{name}, batch {batch}: images a second: {shown}", flush=True)
    results["environment"] = environment() | {"device": str(device), "threads": options.threads}
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
