"""Settings among which validation errors chose rows of the tables of CIFAR-10 and Fashion-MNIST.

    python benchmarks/run.py --data cifar10 --part validation --sizes 1000 --seeds 0
        --models candidates:narrow+gaussian candidates:lenet_20 --out benchmarks/results/cifar10-choice
    python benchmarks/run.py --data fashion-mnist --part validation --sizes 60000 --seeds 0
        --models candidates:fashion_flips+gaussian --out benchmarks/results/fashion-mnist-choice
    python benchmarks/candidates.py      (writes the tables of the errors there are beside them)

Test images are not read. On CIFAR-10 kernel networks have 3 x 3 patches and two layers, pooled by 2 and 4, where
nothing else is said; all are averaged over the image and its mirror image; "fine" is a whitening with epsilon = 0.01 in
place of 0.1. On Fashion-MNIST all start from the row "both", scattering and the gradient CKN side by side: "flips"
averages each over the image and its mirror image, "flips-2" does so with J = 2 in place of 3, "whitened" puts the CKN
of whitened patches beside them; kymatio's features are tried with flips and both J, and with twelve angles, the wide
LeNet with other learning rates than its row's 2e-3. Rivals get as many settings as ours on CIFAR-10: kymatio sixteen
(scales, angles, order, flips, colours, roots, logarithms), PyTorch's wide LeNet sixteen ("20" is a rate of 2e-3,
"long" twice the epochs, "less" and "more" dropout 0.3 and 0.6 in place of 0.5, "wide" twice the channels).
"""

from pathlib import Path

import numpy as np
from rivals.kymatio_scattering import KymatioFlips, KymatioScattering, TunedKymatio
from rivals.torch_lenet import TunedTorchLeNet
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork, ConvNetClassifier, NetworkTransformer
from kernelconv._files import write_atomically
from kernelconv.networks import ScatteringTransform, serial
from kernelconv.operators import OrbitPooling, PatchWhitening
from kernelconv.report.table import Column, Section, Table, markdown
from kernelconv.studies.cells import read_cells
from kernelconv.studies.estimators.transformers import SquareRoot
from kernelconv.studies.models import Representation
from kernelconv.studies.registry.kernel_networks import side_by_side
from kernelconv.studies.registry.schedules import schedule

RESULTS = Path(__file__).parent / "results"
FOLDERS = {"CIFAR-10": RESULTS / "cifar10-choice", "Fashion-MNIST": RESULTS / "fashion-mnist-choice"}
WIDE = {"n_anchors": (256, 1024), "patch_size": 3, "subsampling": (2, 4), "group": "flips"}


def _candidate(name, build, **options):
    return Representation(name, name, "yours", build, f"A candidate for CIFAR-10, {name}.", **options)


def _network(name, **changes):
    return _candidate(name, lambda shape, size, seed: ConvKernelNetwork(**{**WIDE, **changes}, random_state=seed))


def _fine(name, **changes):
    first = changes.get("patch_size", (3, 3))[0]
    return _network(name, input=PatchWhitening(first, epsilon=0.01), **changes)


def _scattering(name, group="flips", **options):
    def build(shape, size, seed):
        transform = ScatteringTransform(**options)
        network = serial(OrbitPooling(transform, group) if group else transform)
        return make_pipeline(NetworkTransformer(network, random_state=seed), SquareRoot())

    return _candidate(name, build)


def _both(name, *candidates):
    return _candidate(name, lambda *arguments: side_by_side(*(c.build(*arguments) for c in candidates)))


class _Logarithm(SquareRoot):
    """Logarithms of features that are never negative, from the mean of each on."""

    def fit(self, X, y=None):
        self.mean_ = np.maximum(X.mean(0), 1e-6)
        return self

    def transform(self, X):
        return np.log1p(np.maximum(X, 0) / self.mean_)


def _kymatio(name, transformer, *after):
    return _candidate(name, lambda *_: make_pipeline(transformer, *(after or (SquareRoot(),))))


class _TwelveAngles(KymatioFlips):
    """kymatio's features of twelve angles."""

    L = 12


def _lenet(name, rate):
    def build(shape, size, seed):
        return ConvNetClassifier("wide_lenet", **schedule(size, rate), random_state=seed)

    return _candidate(name, build, trained=True)


def _torch(name, **settings):
    return _candidate(name, lambda shape, size, seed: TunedTorchLeNet(size, seed, **settings), trained=True)


wide = _network("wide")
wide_fine = _fine("wide-fine")
pooled_6 = _fine("pooled-6", subsampling=(2, 6))
pooled_8 = _fine("pooled-8", subsampling=(2, 8))
patches_2 = _fine("patches-2", patch_size=(3, 2))
three_layers = _network("three-layers", n_anchors=(128, 256, 1024), subsampling=(2, 2, 2))
three_layers_fine = _fine("three-layers-fine", n_anchors=(128, 256, 1024), subsampling=(2, 2, 2))
narrow = _fine("narrow", n_anchors=(128, 256))
scattering = _scattering("scattering", J=2)
scattering_12 = _scattering("scattering-12", J=2, L=12)
scattering_oversampled = _scattering("scattering-oversampled", J=2, oversampling=1)
gradient = _network("gradient", n_anchors=(16, 1024), patch_size=(1, 3), input="gradient")
both_gradient = _both("both-gradient", wide_fine, gradient)
both_wide = _both("both-wide", wide_fine, scattering)
both_patches_2 = _both("both-patches-2", patches_2, scattering)
both_narrow = _both("both-narrow", narrow, scattering)
both_narrow_2 = _both("both-narrow-2", _fine("narrow-2", n_anchors=(64, 256), patch_size=(3, 2)), scattering)
scattering_3 = _scattering("scattering-3", J=3)
scales = _both("scales", scattering, scattering_3)
both_scales = _both("both-scales", narrow, scattering, scattering_3)
kymatio_2 = _kymatio("kymatio-2", KymatioScattering(2))
kymatio_3 = _kymatio("kymatio-3", KymatioScattering(3))
kymatio_2_flips = _kymatio("kymatio-2-flips", KymatioFlips(2))
kymatio_3_flips = _kymatio("kymatio-3-flips", KymatioFlips(3))
kymatio_2_flips_12 = _kymatio("kymatio-2-flips-12", _TwelveAngles(2))
lenet_5, lenet_10 = _lenet("lenet-5", 5e-4), _lenet("lenet-10", 1e-3)
lenet_20, lenet_40, lenet_80 = _lenet("lenet-20", 2e-3), _lenet("lenet-40", 4e-3), _lenet("lenet-80", 8e-3)

kymatio_angles_4 = _kymatio("kymatio-angles-4", TunedKymatio(L=4))
kymatio_angles_6 = _kymatio("kymatio-angles-6", TunedKymatio(L=6))
kymatio_angles_12 = _kymatio("kymatio-angles-12", TunedKymatio(L=12))
kymatio_angles_16 = _kymatio("kymatio-angles-16", TunedKymatio(L=16))
kymatio_3_angles_12 = _kymatio("kymatio-3-angles-12", TunedKymatio((3,), L=12))
kymatio_4_flips = _kymatio("kymatio-4-flips", TunedKymatio((4,)))
kymatio_scales = _kymatio("kymatio-scales", TunedKymatio((2, 3)))
kymatio_order_1 = _kymatio("kymatio-order-1", TunedKymatio(max_order=1))
kymatio_opponent = _kymatio("kymatio-opponent", TunedKymatio(opponent=True))
kymatio_plain = _kymatio("kymatio-plain", TunedKymatio(), "passthrough")
kymatio_log = _kymatio("kymatio-log", TunedKymatio(), _Logarithm())
kymatio_3_log = _kymatio("kymatio-3-log", TunedKymatio((3,)), _Logarithm())
torch_10 = _torch("torch-10", learning_rate=1e-3)
torch_20 = _torch("torch-20")
torch_40 = _torch("torch-40", learning_rate=4e-3)
torch_80 = _torch("torch-80", learning_rate=8e-3)
torch_10_long = _torch("torch-10-long", learning_rate=1e-3, longer=2)
torch_20_long = _torch("torch-20-long", longer=2)
torch_40_long = _torch("torch-40-long", learning_rate=4e-3, longer=2)
torch_10_less = _torch("torch-10-less-dropout", learning_rate=1e-3, dropout=0.3)
torch_20_less = _torch("torch-20-less-dropout", dropout=0.3)
torch_40_less = _torch("torch-40-less-dropout", learning_rate=4e-3, dropout=0.3)
torch_20_more = _torch("torch-20-more-dropout", dropout=0.6)
torch_20_decay = _torch("torch-20-decay", weight_decay=0.2)
torch_10_wide = _torch("torch-10-wide", learning_rate=1e-3, width=2)
torch_20_wide = _torch("torch-20-wide", width=2)
torch_10_wide_more = _torch("torch-10-wide-more-dropout", learning_rate=1e-3, width=2, dropout=0.6)
torch_40_decay = _torch("torch-40-decay", learning_rate=4e-3, weight_decay=0.2)


def _fashion(group, J=3):
    """Return scattering and the gradient CKN as the row "both" has them, averaged over a group."""
    gradient = {"n_anchors": (16, 512), "patch_size": (1, 3), "sigma": (0.6, 0.5), "input": "gradient"}
    return _scattering("", group, J=J, padding="zero"), _network("", **gradient, group=group)


fashion_flips = _both("fashion-flips", *_fashion("flips"))
fashion_flips_2 = _both("fashion-flips-2", *_fashion("flips", J=2))
fashion_whitened = _both("fashion-whitened", *_fashion(None), _fine("", n_anchors=(128, 256), group=None))
fashion_whitened_flips = _both("fashion-whitened-flips", *_fashion("flips"), narrow)


def write_table(data, folder):
    """Write README.md of a folder: every candidate with its validation errors, the lowest of the first column first."""
    found = {}
    for content in read_cells(folder, "accuracy"):
        cell, record = content["cell"], content["record"]
        of = found.setdefault(record["label"], {})
        of.setdefault(_column(cell["train_size"], cell["seed"]), []).append(record)
    columns = sorted({column for of in found.values() for column in of})
    rows = sorted(
        ([label, *(of.get(column) for column in columns)] for label, of in found.items()),
        key=lambda row: [_mean(records) for records in row[1:]],
    )
    heads = [Column("candidate", align="left"), *(Column(f"{size:,} images, {draw}") for size, draw in columns)]
    note = (
        "In brackets how many images were held out: up to 5,000 images all in five folds, or those of one fold for "
        "trained networks; above, a fifth."
    )
    body = [[label, *map(_text, errors)] for label, *errors in rows]
    table = Table(f"{data}: validation error, %, of the candidates", heads, [Section("", body)], (note,))
    text = f"# What the rows of {data} were chosen from\n\nWritten by benchmarks/candidates.py.\n\n{markdown(table)}\n"
    write_atomically(folder / "README.md", text)


def _column(size, draw):
    """Return the column of a cell; at 100 images, where ten draws were tried, one for all."""
    return size, "mean of ten draws" if size == 100 else f"draw {draw}"


def _mean(records):
    return np.mean([r["validation_error"] for r in records]) if records else np.inf


def _text(records):
    return f"{100 * _mean(records):.2f} ({sum(r['n_held_out'] for r in records):,})" if records else ""


def main():
    """Write the tables of all folders."""
    for data, folder in FOLDERS.items():
        write_table(data, folder)


if __name__ == "__main__":
    main()
