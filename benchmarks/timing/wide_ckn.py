"""A wide convolutional kernel network, (256, 1024) anchors on 32x32x3, on one thread: images a CPU second.

Beside it, in the same run, the same network in PyTorch (conv2d, memory in channels-last order), outputs compared; and
how fast the products of the second layer are, beside a large matrix product.

    python benchmarks/timing/wide_ckn.py [--images 192] [--out FILE]
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from ckn import rates
from threadpoolctl import threadpool_limits
from torch.nn import functional

from kernelconv import ConvKernelNetwork
from kernelconv.datasets import load_cifar10
from kernelconv.studies.environment import provenance

#: How often each side has its turn.
TURNS = 5


def peer_network(network):
    """Return the same network of PyTorch's functions, on images (n, 3, 32, 32) in channels-last order."""
    layers = []
    for part in network.parts:
        c, s = part.in_shape[2], part.pooling.subsampling[0]
        z = torch.from_numpy(part.params["M.anchors"].copy()).reshape(-1, 3, 3, c).permute(0, 3, 1, 2)
        z = z.contiguous(memory_format=torch.channels_last)
        a = torch.from_numpy(part.mapping.whitening.matrix.astype(np.float32))[:, :, None, None]
        i = torch.arange(-s, s + 1).float()
        g = torch.exp(-(i**2) / s**2)
        g = g / g.sum()
        layers.append((z, torch.ones(1, c, 3, 3), (g[:, None] * g).expand(len(z), 1, -1, -1).contiguous(), a, s))

    def forward(x):
        for z, ones, window, a, s in layers:
            norm = functional.conv2d(x * x, ones, padding=1).clamp(min=1e-12).sqrt()
            y = functional.conv2d(x, z, padding=1) / norm
            y = norm * torch.exp((y - 1) / 0.6**2)
            first = (y.shape[2] - 1) % s // 2  # kept positions are centred
            y = functional.pad(y, (s - first, s) * 2)
            y = functional.conv2d(y, window, stride=s, groups=len(z))
            x = functional.conv2d(y, a)
        return x

    return forward


def products(layer, repeats):
    """Return of the second layer's products: multiply-adds an image, and GFLOP a CPU second beside a large product."""
    engine = layer._engine
    n, (h, w, c), m = engine.least_block(4), layer.in_shape, len(layer.mapping.params["anchors"])
    u = engine.products.input_transform(np.random.default_rng(0).random((n, h, w, c), np.float32))
    filters = engine.products.filter_transform(np.random.default_rng(1).random((9 * c, m), np.float32))
    a = np.random.default_rng(2).random((2048, 2048), np.float32)
    operations = 2 * engine.products.products * c * m
    _, blocks = rates(lambda: engine.products.multiply(u, filters), repeats)
    _, peak = rates(lambda: a @ a, repeats)
    return {
        "operations_an_image": operations,
        "images_a_block": n,
        "gflop_per_cpu_s": round(operations * n * blocks / 1e9, 1),
        "gflop_per_cpu_s_of_a_large_product": round(2 * 2048**3 * peak / 1e9, 1),
    }


def compare(x, y):
    """Return the largest difference of two arrays of maps (n, 4, 4, c), over the largest, at what saw no border."""
    inner = np.s_[:, 2:3, 2:3]
    return float(np.abs(x[inner] - y[inner]).max() / np.abs(y[inner]).max())


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=192)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--out", type=Path)
    options = options.parse_args()
    torch.set_num_threads(1)
    images = load_cifar10()[0][: options.images]
    parameters = {"n_anchors": (256, 1024), "patch_size": 3, "subsampling": (2, 4), "input": "raw"}
    with threadpool_limits(1):
        ckn = ConvKernelNetwork(**parameters, n_patches=20_000, random_state=0, n_jobs=1).fit(images)
        forward = peer_network(ckn.network_)
        batches = torch.from_numpy(images).permute(0, 3, 1, 2).split(32)  # a view: channels lie last

        def theirs():
            with torch.no_grad():
                return torch.cat([forward(x) for x in batches])

        difference = compare(ckn.network_.forward(images), theirs().permute(0, 2, 3, 1).numpy())
        turns = []
        for _ in range(TURNS):
            turns.append((rates(lambda: ckn.transform(images), options.repeats)[1], rates(theirs, options.repeats)[1]))
            time.sleep(0.2)
        results = {
            "ours_images_per_cpu_s": round(len(images) * float(np.median([ours for ours, _ in turns])), 1),
            "torch_images_per_cpu_s": round(len(images) * float(np.median([peer for _, peer in turns])), 1),
            "ratio": round(float(np.median([ours / peer for ours, peer in turns])), 2),
            "largest_relative_difference": difference,
            "second_layer": products(ckn.network_.parts[1], 5),
        }
    results |= {"load_average": [round(v, 1) for v in os.getloadavg()], "environment": provenance()}
    print(json.dumps(results, indent=1))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
