"""Convolutional kernel networks against PyTorch, and the exact kernel against its plain recursion, in one run.

The peer of feature extraction is the same network written with PyTorch's conv2d: convolution, norms by a convolution
with ones, kernel, grouped convolution for the pooling, whitening as a batched product. With --public FOLDER, a checkout
of the public PyTorch code (package "ckn"), its layers and its k-means run instead.

    python benchmarks/timing/ckn.py [--public FOLDER] [--threads 2] [--out FILE]
"""

import argparse
import contextlib
import io
import json
import os
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from kernelconv import ConvKernel, ConvKernelNetwork, load_mnist
from kernelconv.operators import extract_patches, sample_patches, spherical_kmeans
from kernelconv.studies.environment import environment

NETWORKS = {
    "one layer: 5x5, 200 anchors, pooling 4": {"n_anchors": (200,), "patch_size": (5,), "subsampling": (4,)},
    "two layers: 5x5 and 3x3, 50/200, pooling 2": {
        "n_anchors": (50, 200),
        "patch_size": (5, 3),
        "subsampling": (2, 2),
    },
}


#: How often each side has its turn.
TURNS = 5


def median_seconds(function, repeats):
    function()  # warm-up
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def rates(function, repeats):
    """Return calls a second, by the clock and by the processor time of all threads: medians after a warm-up.

    On a machine that others use too, the second is the one to trust.
    """
    time.sleep(0.5)  # idle threads of PyTorch spin for a while and would take a core from us
    function()
    wall, cpu = [], []
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        function()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    return 1 / float(np.median(wall)), 1 / float(np.median(cpu))


def once(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# -- feature extraction --------------------------------------------------------------------------------------------


def conv2d_layer(x, z, whitening, size, subsampling, sigma=0.6):
    channels = x.shape[1]
    norm = functional.conv2d(x * x, torch.ones(1, channels, size, size)).clamp(min=1e-12).sqrt()
    y = functional.conv2d(x, z) / norm
    y = norm * torch.exp((y - 1) / sigma**2)
    i = torch.arange(-subsampling, subsampling + 1).float()
    g = torch.exp(-(i**2) / subsampling**2)
    g = g / g.sum()
    window = (g[:, None] * g).expand(len(z), 1, len(g), len(g))
    y = functional.conv2d(y, window, stride=subsampling, padding=subsampling, groups=len(z))
    flat = y.flatten(2)
    return torch.bmm(whitening.expand(len(y), -1, -1), flat).view_as(y)


def conv2d_network(network):
    layers = []
    for part in network.parts:
        size, c = part.patches.size[0], part.in_shape[2]
        z = torch.from_numpy(part.params["M.anchors"]).reshape(-1, size, size, c).permute(0, 3, 1, 2).contiguous()
        a = torch.from_numpy(part.mapping.whitening.matrix.astype(np.float32))
        layers.append((z, a, size, part.pooling.subsampling[0]))

    def forward(x):
        for layer in layers:
            x = conv2d_layer(x, *layer)
        return x

    return forward


def public_code(folder):
    """Return the package "ckn" of `folder`, with stand-ins for what its imports miss today."""
    missing = types.ModuleType("sklearn.linear_model.base")
    missing.LinearModel, missing.LinearClassifierMixin = type("LinearModel", (), {}), type("Mixin", (), {})
    sys.modules["sklearn.linear_model.base"] = missing
    sys.modules["miso_svm"] = types.ModuleType("miso_svm")
    sys.modules["miso_svm"].MisoClassifier = object
    torch.symeig = lambda x, eigenvectors: torch.linalg.eigh(x)
    sys.path.insert(0, str(folder))
    import ckn.layers
    import ckn.utils

    return ckn


def public_network(network, ckn):
    layers = []
    for part in network.parts:
        size, c = part.patches.size[0], part.in_shape[2]
        z = torch.from_numpy(part.params["M.anchors"]).reshape(-1, size, size, c).permute(0, 3, 1, 2)
        layer = ckn.layers.CKNLayer(
            c, len(z), size, padding="VALID", subsampling=part.pooling.subsampling[0], kernel_args=[0.6]
        )
        layer.weight.data.copy_(z)
        layer.eval()  # theirs returns nothing
        layers.append(layer)
    return torch.nn.Sequential(*layers)


def extraction(images, parameters, peer, threads, repeats):
    ckn = ConvKernelNetwork(**parameters, padding="valid", random_state=0, n_jobs=threads).fit(images)
    forward = peer(ckn.network_)

    def theirs():
        with torch.no_grad():
            batches = torch.from_numpy(images)[:, None].split(128)
            return torch.cat([forward(x) for x in batches])

    features, peer_features = ckn.transform(images[:1]).size, theirs()[0].numel()
    if features != peer_features:  # borders differ, values therefore too
        raise SystemExit(f"Not the same work: {features} features an image, the peer's {peer_features}.")
    turns = [(rates(lambda: ckn.transform(images), repeats), rates(theirs, repeats)) for _ in range(TURNS)]
    clock, cpu = ([(ours[i], peer[i]) for ours, peer in turns] for i in (0, 1))
    ratios = sorted(ours / peer for ours, peer in clock)
    return {
        "features": features,
        "ours_images_per_s": round(len(images) * float(np.median([ours for ours, _ in clock]))),
        "peer_images_per_s": round(len(images) * float(np.median([peer for _, peer in clock]))),
        "ratio": round(float(np.median(ratios)), 2),
        "ratios": [round(r, 2) for r in ratios],
        "ratio_of_cpu_time": round(float(np.median([ours / peer for ours, peer in cpu])), 2),
    }


# -- k-means -------------------------------------------------------------------------------------------------------


def torch_kmeans(x, n_clusters, n_iter=100):
    """Lloyd's iterations as plain PyTorch: whole-batch products, a loop over the clusters."""
    z, before = x[torch.randperm(len(x))[:n_clusters]], np.inf
    for _ in range(n_iter):
        cosine, label = (x @ z.T).max(dim=1)
        if abs(before - cosine.mean()) < 1e-6 * abs(cosine.mean()):
            break
        before = cosine.mean()
        for j in range(n_clusters):
            own = x[label == j]
            mean = own.mean(0) if len(own) else x[cosine.argmin()]
            z[j] = mean / mean.norm()
    return z


def kmeans(images, ckn, threads, repeats):
    rng = np.random.default_rng(0)
    x = sample_patches(extract_patches(images[..., None], 5), 60_000, rng)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    found = {}

    def ours():
        found["ours"] = spherical_kmeans(x, 200, np.random.default_rng(0), n_iter=100, tol=1e-5, n_jobs=threads)

    def theirs():
        torch.manual_seed(0)
        cluster = torch_kmeans if ckn is None else ckn.utils.spherical_kmeans
        with contextlib.redirect_stdout(io.StringIO()):
            found["peer"] = cluster(torch.from_numpy(x.copy()), 200).numpy()

    seconds = {"ours_s": median_seconds(ours, repeats), "peer_s": once(theirs)}
    loss = {f"{k}_loss": 1 - float((x @ z.T).max(1).mean()) for k, z in found.items()}
    ratio = seconds["peer_s"] / seconds["ours_s"]
    return {**{k: round(v, 5) for k, v in {**seconds, **loss}.items()}, "ratio": round(ratio, 2)}


# -- exact kernel --------------------------------------------------------------------------------------------------


def plain_recursion(x, y, steps):
    """Return K(x, y) by the recursion as it is written, norms recomputed for every pair."""
    pairs = {"xy": (x, y), "xx": (x, x), "yy": (y, y)}
    k = {name: np.einsum("abc,dec->abde", a, b) for name, (a, b) in pairs.items()}
    for step in steps:
        h, w = k["xy"].shape[:2]
        p = {}
        for name, value in k.items():
            padded = np.pad(value, 1)
            p[name] = sum(
                padded[i : i + h, j : j + w, i : i + h, j : j + w] for i in range(3) for j in range(3)
            )  # 3x3 patches
        norm = {name: np.sqrt(np.einsum("abab->ab", p[2 * name])) for name in "xy"}
        for name, value in p.items():
            scale = norm[name[0]][:, :, None, None] * norm[name[1]]
            m = scale * np.exp((value / np.where(scale > 0, scale, 1) - 1) / np.float32(0.36))
            for axis, matrix in enumerate((step.rows, step.columns, step.rows, step.columns)):
                m = np.moveaxis(np.tensordot(matrix, m, (1, axis)), 0, axis)
            k[name] = m
    return float(np.einsum("abab->", k["xy"]))


def exact(images, threads, repeats):
    kernel = ConvKernel((3, 3), (2, 5), n_jobs=threads, verbose=False)
    x = images[:96]
    steps = kernel._plan(x[..., None])
    gram = kernel(x)
    plain = [plain_recursion(x[0][..., None], x[j][..., None], steps) for j in range(4)]
    n = len(x) * (len(x) + 1) // 2
    ours = n / median_seconds(lambda: kernel(x), repeats)
    peer = 4 / median_seconds(
        lambda: [plain_recursion(x[0][..., None], x[j][..., None], steps) for j in range(4)], repeats
    )
    return {
        "ours_pairs_per_s": round(ours), "plain_pairs_per_s": round(peer, 1), "ratio": round(ours / peer, 1),
        "largest_relative_difference": float(np.abs(gram[0, :4] / plain - 1).max()),
    }  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--public", type=Path, help="a checkout that holds the public code's package ckn")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--images", type=int, default=1000)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--out", type=Path)
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    images = load_mnist()[0][: options.images].astype(np.float32)
    ckn = public_code(options.public) if options.public else None
    peer = conv2d_network if ckn is None else (lambda network: public_network(network, ckn))
    results = {"peer": "conv2d stand-in" if ckn is None else "public code", "threads": options.threads}
    for name, parameters in NETWORKS.items():
        results[name] = extraction(images, parameters, peer, options.threads, options.repeats)
        print(name, results[name], flush=True)
    results["k-means: 60,000 patches of 25, 200 clusters"] = kmeans(images, ckn, options.threads, 3)
    results["exact kernel: two exponential layers, 28x28"] = exact(images, options.threads, options.repeats)
    results["load_average"] = [round(v, 1) for v in os.getloadavg()]
    results["environment"] = environment()
    print(json.dumps(results, indent=1))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
