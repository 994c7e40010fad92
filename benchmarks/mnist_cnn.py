"""Test error of the CNN presets trained on MNIST's 60,000 images, one JSON file a run.

    python benchmarks/mnist_cnn.py wide_lenet --seeds 0 1 2
    python benchmarks/mnist_cnn.py resnet --seeds 0
    python benchmarks/mnist_cnn.py resnet --seeds 0 --augment --epochs 30 --learning-rate 0.005
    python benchmarks/mnist_cnn.py wide_lenet --validate    (5,000 training images held out, no test image read)

The presets' defaults (dropout, epochs, batch size) were chosen on training images held out of trainings on 1,000; the
settings of this script for 60,000 were set beforehand, and --validate scores them on held-out training images. A run
that is interrupted goes on from its last epoch (file *.checkpoint beside the result, removed at the end). "seconds" is
wall-clock, "cpu_seconds" what all threads together used.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from kernelconv import Augmentation, ConvNetClassifier, load_mnist
from kernelconv.studies.environment import environment

RESULTS = Path(__file__).parent / "results/mnist-cnn"
AUGMENTATION = Augmentation(shift=2, rotation=10, deformation=0.25)
RATE = 2e-3
EPOCHS = {"wide_lenet": 8, "resnet": 8, "vgg": 8, "mlp": 15}


def data(validate):
    """Return training images and labels, then those that are scored."""
    x, y, *test = load_mnist()
    if not validate:
        return x, y, *test
    held_out = np.zeros(len(x), bool)
    held_out[np.random.default_rng(0).permutation(len(x))[:5000]] = True
    return x[~held_out], y[~held_out], x[held_out], y[held_out]


def run(args, seed, x, y, x_test, y_test):
    name = f"{args.architecture}{'-augmented' if args.augment else ''}{'-validation' if args.validate else ''}-{seed}"
    settings = {"epochs": args.epochs or EPOCHS[args.architecture], "batch_size": args.batch_size}
    settings |= {"learning_rate": args.learning_rate, "weight_decay": args.weight_decay, "schedule": args.schedule}
    clf = ConvNetClassifier(
        args.architecture,
        **settings,
        augmentation=AUGMENTATION if args.augment else None,
        random_state=seed,
        n_jobs=args.threads,
        verbose=True,
        checkpoint=RESULTS / f"{name}.checkpoint",
    )
    start, cpu = time.perf_counter(), time.process_time()
    clf.fit(x, y)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    wrong = int((clf.predict(x_test) != y_test).sum())
    result = {
        "name": name,
        "command": f"python benchmarks/mnist_cnn.py {args.architecture} --seeds {seed}"
        + "".join(f" --{flag}" for flag in ("augment", "validate") if getattr(args, flag))
        + (f" --epochs {args.epochs}" if args.epochs else "")
        + (f" --learning-rate {args.learning_rate:g}" if args.learning_rate != RATE else ""),
        "settings": {**settings, "augmentation": repr(clf.augmentation), "threads": args.threads, "seed": seed},
        "train_images": len(x),
        "scored_images": len(x_test),
        "wrong": wrong,
        "error_percent": 100 * wrong / len(x_test),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "load_average_at_the_end": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "params": clf.network_.n_params(),
        "history": clf.history_,
        "environment": environment(),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    clf.checkpoint.unlink()
    print(f"{name}: {result['error_percent']:.2f} % of {len(x_test)}, {seconds:.0f} s ({cpu_seconds:.0f} s of CPU)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=sorted(EPOCHS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=RATE)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--schedule", default="one_cycle")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--validate", action="store_true")
    args = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    arrays = data(args.validate)
    for seed in args.seeds:
        run(args, seed, *arrays)


if __name__ == "__main__":
    main()
