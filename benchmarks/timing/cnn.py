"""Forward + backward of a LeNet-5-like network, images a second: this library beside PyTorch on the same CPU.

    OPENBLAS_NUM_THREADS=2 python benchmarks/timing/cnn.py
    OPENBLAS_NUM_THREADS=1 python benchmarks/timing/cnn.py --threads 1 --clock cpu      (on a machine that is busy)

On a busy machine set OMP_WAIT_POLICY=passive as well: PyTorch's threads spin at barriers, which costs it a factor of
ten where another process holds one of the cores. The setting is kept beside the figures.

conv 5x5x32, pool, conv 5x5x64, pool, dense 128, 10; batch 128, float32, 2 threads each. The same weights on both
sides; losses and gradients are compared before anything is timed. The sides take turns; medians are printed.
PyTorch runs in its default layout and in channels_last, with ReLU before and after the pooling (the same function);
ratios are to the faster of the two orders.
"""

import argparse
import json
import os
import time

import numpy as np
import torch

from kernelconv.networks.serial import serial
from kernelconv.networks.training.loop import loss_gradient
from kernelconv.networks.training.losses import softmax_cross_entropy
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU

#: The sides take turns of some steps each. Before a turn all rest, for idle threads of PyTorch spin on for a while
#: and would take a core from whoever comes next; its first steps are not counted.
TURNS, REST, WARM_UP = 5, 0.5, 3


def lenet(padding):
    """Return our network; `padding` is "valid" or "zero"."""
    parts = [Convolution(32, 5, padding=padding), MaxPooling(2), ReLU()]
    parts += [Convolution(64, 5, padding=padding), MaxPooling(2), ReLU(), Flatten(), Dense(128), ReLU(), Dense(10)]
    return serial(*parts).build((28, 28, 1), np.random.default_rng(0)).astype(np.float32)


def torch_lenet(network, padding, relu_first):
    """Return the same network, with the same weights, in PyTorch."""
    pad, shape = (2 if padding == "zero" else 0), network.shapes((28, 28, 1))
    h, w, c = shape[6]
    convolution = [torch.nn.Conv2d(1, 32, 5, padding=pad), torch.nn.Conv2d(32, 64, 5, padding=pad)]
    dense = [torch.nn.Linear(h * w * c, 128), torch.nn.Linear(128, 10)]
    weights = [network.parts[i].params for i in (0, 3, 7, 9)]
    for layer, params in zip(convolution, weights[:2], strict=True):
        kernel = params["weight"].reshape(5, 5, -1, layer.out_channels).transpose(3, 2, 0, 1)
        copy_into(layer, kernel, params["bias"])
    first = weights[2]["weight"].reshape(h, w, c, 128).transpose(3, 2, 0, 1).reshape(128, -1)
    copy_into(dense[0], first, weights[2]["bias"])
    copy_into(dense[1], weights[3]["weight"].T, weights[3]["bias"])
    pooled = [torch.nn.MaxPool2d(2), torch.nn.ReLU()][:: -1 if relu_first else 1]
    parts = [convolution[0], *pooled, convolution[1], *pooled, torch.nn.Flatten(), dense[0], torch.nn.ReLU(), dense[1]]
    return torch.nn.Sequential(*parts)


def copy_into(layer, weight, bias):
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))


def torch_step(model, x, y, layout):
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).to(memory_format=layout)
    labels, model = torch.from_numpy(y), model.to(memory_format=layout)

    def step():
        model.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        return float(loss.detach()), model[-1].weight.grad.numpy().T, model[0].weight.grad.numpy()

    return step


def contenders(padding, batch, threads):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((batch, 28, 28, 1)).astype(np.float32)
    y = rng.integers(0, 10, batch)
    network = lenet(padding)

    def ours():
        _, value, grads, _ = loss_gradient(network, x, y, softmax_cross_entropy, (0, 0), threads)
        kernel = grads["convolution_1.weight"].reshape(5, 5, 1, 32).transpose(3, 2, 0, 1)
        return value, grads["dense_10.weight"], kernel

    sides = {"ours": ours}
    for name, layout in (("default", torch.contiguous_format), ("channels_last", torch.channels_last)):
        for order in ("relu first", "pool first"):
            model = torch_lenet(network, padding, order == "relu first")
            sides[f"torch {name}, {order}"] = torch_step(model, x, y, layout)
    return sides


def measure(sides, repeats, clock):
    results = {name: side() for name, side in sides.items()}
    for name, values in results.items():
        for got, wanted in zip(values, results["ours"], strict=True):
            error = np.linalg.norm(np.subtract(got, wanted)) / np.linalg.norm(wanted)
            # float32 rounding moves a few maxima among near ties; tests/test_cnn.py holds float64 to 1e-8
            assert error < 5e-3, f"{name} differs from ours by {error:.2g}"
    seconds = {name: [] for name in sides}
    for _ in range(TURNS):
        for name, side in sides.items():
            time.sleep(REST)
            for i in range(-WARM_UP, -(-repeats // TURNS)):
                start = clock()
                side()
                if i >= 0:
                    seconds[name].append(clock() - start)
    return {name: float(np.median(s)) for name, s in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: seconds of all threads together")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock = time.perf_counter if args.clock == "wall" else time.process_time
    found = {"settings": {"batch": args.batch, "threads": args.threads, "dtype": "float32", "repeats": args.repeats}}
    found["settings"]["clock"] = args.clock
    found["settings"]["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "")
    for padding in ("valid", "zero"):
        seconds = measure(contenders(padding, args.batch, args.threads), args.repeats, clock)
        rates = {name: args.batch / s for name, s in seconds.items()}
        ratios = {
            layout: rates["ours"] / max(r for name, r in rates.items() if name.startswith(f"torch {layout},"))
            for layout in ("default", "channels_last")
        }
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        found[padding] = {"images_per_second": rates, "ours_over_torch": ratios, "load_average": load}
        print(f"padding={padding!r}, load average {load:.1f}")
        for name, rate in rates.items():
            print(f"  {name:34} {rate:8.0f} images/s")
        print("  ours over torch: " + ", ".join(f"{ratio:.2f} x {layout}" for layout, ratio in ratios.items()))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
