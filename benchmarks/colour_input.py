"""Which input a convolutional kernel network reads best from colour images: raw, centered, whitened or gradient.

    KERNELCONV_DATA=FOLDER nice -n 5 python benchmarks/colour_input.py        (about eight minutes of one core)

`ConvKernelNetwork(input="auto")` follows what this says. Two sets, no test image among them: CIFAR-10, of whose 50,000
training images (FOLDER/cifar-10-batches-bin) every seed draws 2,000 to learn from and 2,000 others to be scored on; and
crops of 32 x 32 of scikit-learn's two photographs, from their left halves to learn from and from their right halves to
be scored on, whose class is the photograph and its upper, middle or lower third. The linear head of the studies
chooses its penalty inside the images that it learns from. Settings are the defaults of the class, but that "gradient"
reads single pixels in the first layer, as its documentation says.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork, balanced_subset
from kernelconv._files import write_atomically
from kernelconv.studies.environment import environment
from kernelconv.studies.estimators.least_squares import LinearRidge

OUT = Path(__file__).parent / "results/colour-input.json"
INPUTS = ("raw", "centered", "whitened", "gradient")
SEEDS = (0, 1, 2)
N_CIFAR = 2000
CROPS, SIDE = 100, 32


def cifar(seed):
    """Return images and labels to learn from, then those to be scored, from CIFAR-10's binary training files."""
    folder = Path(os.environ["KERNELCONV_DATA"]) / "cifar-10-batches-bin"
    records = np.concatenate([np.fromfile(p, np.uint8) for p in sorted(folder.glob("data_batch_*.bin"))])
    records = records.reshape(-1, 1 + 3 * 32 * 32)
    drawn = balanced_subset(records[:, 0], 2 * N_CIFAR, random_state=seed)
    images = records[drawn, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) / np.float32(255)
    labels = records[drawn, 0]
    return images[:N_CIFAR], labels[:N_CIFAR], images[N_CIFAR:], labels[N_CIFAR:]


def photographs(seed):
    """Return crops of the two photographs' left halves and their classes, then those of the right halves."""
    rng = np.random.default_rng(seed)
    left, right, labels = [], [], []
    for photograph in load_sample_images().images:
        middle = photograph.shape[1] // 2
        for third in np.array_split(photograph, 3):
            labels += [len(labels) // CROPS] * CROPS
            for half, crops in ((third[:, :middle], left), (third[:, middle:], right)):
                corners = rng.integers(0, np.array(half.shape[:2]) - SIDE, (CROPS, 2), endpoint=True)
                crops += [half[i : i + SIDE, j : j + SIDE] / np.float32(255) for i, j in corners]
    return np.array(left), np.array(labels), np.array(right), np.array(labels)


SETS = {"CIFAR-10": cifar, "photographs": photographs}


def validation_error(data, kind, seed):
    """Return the error, %, on the images held out."""
    x, y, x_held_out, y_held_out = data
    ckn = ConvKernelNetwork(patch_size=(1 if kind == "gradient" else 3, 3), input=kind, random_state=seed)
    model = make_pipeline(ckn, LinearRidge(seed)).fit(x, y)
    return round(100 * float(np.mean(model.predict(x_held_out) != y_held_out)), 2)


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    errors = {name: {kind: [] for kind in INPUTS} for name in SETS}
    for name, draw in SETS.items():
        for seed in SEEDS:
            data = draw(seed)
            for kind, found in errors[name].items():
                found.append(validation_error(data, kind, seed))
                print(f"{name}, seed {seed}, {kind}: {found[-1]:.2f} %", flush=True)
    record = {
        "command": "python benchmarks/colour_input.py",
        "images": {"CIFAR-10": [N_CIFAR, N_CIFAR], "photographs": [6 * CROPS, 6 * CROPS]},
        "seeds": SEEDS,
        "validation_error_percent": errors,
        "environment": environment(),
    }
    write_atomically(OUT, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
