"""Predictions of every registered model on a cheap cell, recorded: python tests/recorded_predictions.py [NAMES].

Run it in the commit that changes a model's results and raises its version in the registry.
"""

import json
import sys
from pathlib import Path

import numpy as np

from kernelconv._files import pack
from kernelconv._parallel.blas import single_threaded_blas
from kernelconv.datasets import load_split
from kernelconv.studies.environment import provenance
from kernelconv.studies.registry import HEADS, REPRESENTATIONS, model

FILE = Path(__file__).with_suffix(".json")
SIZE, N_TEST = 50, 200
#: Every representation under its own or the default head, and every other head on pixels.
NAMES = [*REPRESENTATIONS, *(f"pixels+{head}" for head in HEADS if head != "linear")]
#: What rounding depends on: where these are the same, predictions are the same to the last one.
ROUNDING = ("numpy", "scipy", "scikit-learn", "blas", "blas_kernels", "python")


def predictions(name):
    """Predictions of the first test digits by a model fitted on 50 others."""
    split = load_split("digits")
    kept = split.subset(SIZE, 0)
    fitted = model(name).build(split.X_train.shape[1:], SIZE, 0)
    with single_threaded_blas():
        fitted.fit(split.X_train[kept], split.y_train[kept])
        return np.asarray(fitted.predict(split.X_test[:N_TEST]), np.uint8)


def version(name):
    """Results versions of a model's representation and head."""
    return model(name).identity((8, 8), SIZE, 0)["versions"]


def today():
    """What rounding depends on, here."""
    return {key: provenance()[key] for key in ROUNDING}


if __name__ == "__main__":
    names = sys.argv[1:] or NAMES
    found = json.loads(FILE.read_text()) if FILE.exists() else {}
    found |= {name: {"versions": version(name), "predictions": pack(predictions(name)), **today()} for name in names}
    FILE.write_text(json.dumps({name: found[name] for name in NAMES if name in found}, indent=1) + "\n")
