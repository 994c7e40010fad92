"""The stability theorem's constants on MNIST for kernel networks of 1 to 3 layers, and whether held-out fields obey.

    python benchmarks/stability_bound.py [--images 100] [--first 1000] [--out FILE]

Networks are fitted on 2,000 training images. C_2 (translations), then C_1 (the worst smooth fields found) are fitted
on the first half of the test images taken, at level 0.95; violations are counted on the second half, kind by kind.
The way C_1 is estimated was settled on test digits 0 to 199; the committed figures come from digits 1,000 to 1,199,
which nothing was settled on.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from kernelconv.datasets import load_split
from kernelconv.deformations import CombinedDeformation, SmoothDeformation, Translation
from kernelconv.stability import (
    Architecture,
    Observations,
    check_recommendations,
    fit_bound,
    fit_envelope,
    observe,
    worst_case,
)
from kernelconv.stability.theorem.bounds import regressor_correlation
from kernelconv.studies.environment import environment
from kernelconv.studies.registry import REPRESENTATIONS

SMOOTH, NORMS, SHIFTS, LEVEL, BUDGET = SmoothDeformation(cutoff=3), (0.05, 0.1, 0.2, 0.3, 0.5), (0.5, 1, 2, 3), 0.95, 64
#: Zeros around the images (px), as in the study of MNIST's stability.
PAD = 2
#: Kernel networks of one, two and three layers.
MODELS, TRAIN_SIZE = ("ckn-64", "ckn-32-64", "ckn-32-64-128"), 2000


def seen(network, x, architecture, seed):
    """Return observations by kind of field."""
    rng = np.random.default_rng(seed)

    def of(family, strengths):
        fields = [family.sample(x.shape[1:3], s, rng, size=len(x)) for s in strengths]
        return Observations.join([observe(network, x, f, architecture) for f in fields])

    worst = [worst_case(network, x, SMOOTH, s, n_evaluations=BUDGET, random_state=seed).fields for s in (0.1, 0.3)]
    return {
        "translation": of(Translation(), SHIFTS),
        "smooth": of(SMOOTH, NORMS),
        "combined": Observations.join([of(CombinedDeformation(SMOOTH, t), NORMS[1:]) for t in (1.0, 3.0)]),
        "worst": Observations.join([observe(network, x, f, architecture) for f in worst]),
    }


def padded(images):
    return np.pad(images, ((0, 0), (PAD, PAD), (PAD, PAD)))


def of_model(name, split, n_images, first):
    images = padded(split.X_train[split.subset(TRAIN_SIZE, 0)])
    network = REPRESENTATIONS[name].build(images.shape[1:], TRAIN_SIZE, 0).fit(images).network_
    architecture = Architecture.of(network)
    x = padded(split.X_test[first : first + 2 * n_images])
    fitting, held_out = (
        seen(network, half, architecture, seed) for seed, half in enumerate((x[:n_images], x[n_images:]))
    )
    bound = fit_bound(architecture, fitting["translation"], fitting["worst"], level=LEVEL)
    random = fit_bound(architecture, fitting["translation"], fitting["smooth"], level=LEVEL)
    try:
        fit_envelope(architecture, fitting["smooth"])
        refused = None
    except ValueError as error:
        refused = str(error)
    together = fit_envelope(architecture, fitting["combined"], level=LEVEL)
    return {
        "n_layers": architecture.n_layers,
        "scale_px": float(architecture.scale),
        "c1": bound.c1,
        "c2": bound.c2,
        "c1_without_worst_fields": random.c1,
        "violations_held_out": {kind: bound.violations(o) for kind, o in held_out.items()},
        "violations_of_worst_fields_without_them": random.violations(held_out["worst"]),
        "envelope_of_smooth_fields_refused": refused,
        "envelope_of_combined_fields": {
            "c1": together.c1,
            "c2": together.c2,
            "correlation": regressor_correlation(fitting["combined"]),
            "violations_held_out": together.violations(held_out["combined"]),
        },
        "recommendations": {r.name: [r.kept, r.explanation] for r in check_recommendations(architecture, 5.0)},
    }


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=100, help="test images to fit on, and as many held out")
    options.add_argument("--first", type=int, default=1000, help="where in the test set they begin")
    options.add_argument("--out", type=Path, default=Path("benchmarks/results/stability-mnist/bounds.json"))
    o = options.parse_args()
    split = load_split("mnist")
    found = {name: of_model(name, split, o.images, o.first) for name in MODELS}
    settings = {
        "level": LEVEL,
        "images": o.images,
        "first": o.first,
        "train_size": TRAIN_SIZE,
        "evaluations_of_worst_fields": BUDGET,
        "seeds": [0, 1],
    }
    result = {"settings": settings, "environment": environment(), "models": found}
    o.out.parent.mkdir(parents=True, exist_ok=True)
    o.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, f in found.items():
        print(name, {k: v for k, v in f.items() if k != "recommendations"})


if __name__ == "__main__":
    main()
