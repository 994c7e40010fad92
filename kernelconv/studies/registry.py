"""The named representations and heads themselves: settings, labels, citations, limits, costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline, make_union

from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.cnn.presets import Preset, wide_lenet
from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.exact import ConvKernel
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.networks.serial import serial
from kernelconv.networks.training.augmentation import Augmentation
from kernelconv.networks.transformer import NetworkTransformer
from kernelconv.studies.estimators.kernel_classifiers import ExactKernelRidge, Supervised
from kernelconv.studies.estimators.least_squares import GaussianRidge, LinearRidge
from kernelconv.studies.estimators.subspaces import AffineSubspaces
from kernelconv.studies.estimators.svm import GaussianSVM
from kernelconv.studies.estimators.transformers import FourierModulus, Pixels, SquareRoot, UnitScale
from kernelconv.studies.models import Build, Head, Model, Representation, Shape, find_model, read_only

# -- heads -----------------------------------------------------------------------------------------------------------

HEADS: Mapping[str, Head] = read_only(
    [
        Head("linear", "linear", LinearRidge, (0.3, 1, 45, 50, 60)),
        Head("gaussian", "Gaussian", GaussianRidge, (0.1, 1, 37, 50, 1000)),
        Head("affine", "affine", AffineSubspaces, (0.1, 0.7, 7, 10, 70)),
        Head("svm", "SVM", GaussianSVM, (0.3, 2, 20, 28, 256)),
    ]
)

# -- training schedules ------------------------------------------------------------------------------------------------

#: Epochs by training images: 60,000 images are seen at 300 and 600,000 at 60,000.
EPOCHS = {300: 200, 1000: 100, 2000: 60, 5000: 30, 10_000: 20, 20_000: 15, 40_000: 12, 60_000: 10}


def epochs(size: int) -> int:
    """Return how many epochs a network is trained on `size` images, ours and a rival's alike.

    Examples
    --------
    >>> epochs(300), epochs(45_000)
    (200, 10)
    """
    return next((e for s, e in EPOCHS.items() if size <= s), 10)


def schedule(size: int, learning_rate: float = 2e-3) -> dict[str, Any]:
    """Return epochs, batch size, learning rate, its schedule and weight decay for a training size."""
    batch = 32 if size < 10_000 else 128
    same = {"learning_rate": learning_rate, "schedule": "one_cycle", "weight_decay": 0.05}
    return {"epochs": epochs(size), "batch_size": batch, **same}


# -- representations ---------------------------------------------------------------------------------------------------


def _scattering(shape: Shape, size: int, seed: int) -> Any:
    J = max(1, min(3, int(np.log2(min(shape[:2]))) - 1))
    return make_pipeline(Scattering2D(J=J, padding="zero"), SquareRoot())


def _plain_scattering(J: int) -> Representation:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return Scattering2D(J=J)

    source = f"Wavelet scattering (Mallat 2012), order 2, 8 angles: averages over {2**J} px."
    return Representation(f"scattering-{J}", f"scattering, J = {J}", "scattering", build, source)


def _ckn(
    n_anchors: tuple[int, ...], subsampling: tuple[int, ...], patch_size: Any = 3, small: int = 2, **options: Any
) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        steps = tuple(min(s, small) for s in subsampling) if min(shape[:2]) < 16 else subsampling
        settings = {"n_anchors": n_anchors, "patch_size": patch_size, "subsampling": steps, **options}
        return ConvKernelNetwork(**settings, random_state=seed)

    return build


_gradient_ckn = _ckn((16, 512), (2, 4), (1, 3), sigma=(0.6, 0.5), input="gradient")


def _both(shape: Shape, size: int, seed: int) -> Any:
    steps = [_scattering(shape, size, seed), _gradient_ckn(shape, size, seed)]
    return make_union(*(make_pipeline(step, UnitScale(center=False)) for step in steps))


def _supervised(shape: Shape, size: int, seed: int) -> Any:
    subsampling = (2, 4) if min(shape[:2]) >= 16 else (2, 2)
    network = ConvKernelClassifier(
        n_anchors=(64, 256), patch_size=3, subsampling=subsampling, epochs=5, learning_rate=0.05
    )
    return Supervised(network, seed)


def _exact(shape: Shape, size: int, seed: int) -> Any:
    return ExactKernelRidge(ConvKernel(patch_size=(3, 3), subsampling=(2, 5), sigma=0.6), seed)


def _network(architecture: Preset, learning_rate: float = 2e-3, **options: Any) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return ConvNetClassifier(architecture, **schedule(size, learning_rate), **options, random_state=seed)

    return build


def _untrained_lenet(shape: Shape, size: int, seed: int) -> Any:
    network = wide_lenet((*shape, 1)[:3], 10)
    return NetworkTransformer(serial(*network.parts[:-1], names=network.names[:-1]), random_state=seed)


def _fixed(estimator: Callable[[], Any]) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return estimator()

    return build


_CKN = "Unsupervised convolutional kernel network (Mairal 2016, End-to-end kernel learning, section 3)."
_SCATTERING = (
    "Wavelet scattering, J = 3 (or what fits), order 2 (Bruna & Mallat 2013, Invariant scattering networks); square "
    "roots of the coefficients, and images continued by zeros: both chosen on training images held out."
)
_FIXED_BEFOREHAND = "settings were fixed on training images."
_AUGMENTATION = Augmentation(shift=2, rotation=10, deformation=0.25)

REPRESENTATIONS: Mapping[str, Representation] = read_only(
    [
        Representation("pixels", "pixels", "pixels", _fixed(Pixels), "Pixels as they are.", milliseconds=(0.01, 0.01)),
        Representation(
            "fourier",
            "Fourier modulus",
            "pixels",
            _fixed(FourierModulus),
            "Modulus of the Fourier transform: invariant to circular shifts, unstable at high frequencies.",
            milliseconds=(0.05, 0.05),
        ),
        Representation("scattering", "scattering", "scattering", _scattering, _SCATTERING, milliseconds=(0.7, 0.7)),
        _plain_scattering(2),
        _plain_scattering(3),
        Representation(
            "ckn-1",
            "CKN-1",
            "CKN",
            _ckn((200,), (4,), 5),
            f"{_CKN} One layer: 200 anchors of 5 x 5, pooled by 4.",
            milliseconds=(0.6, 0.5),
        ),
        Representation(
            "ckn-2",
            "CKN-2",
            "CKN",
            _ckn((64, 256), (2, 4)),
            f"{_CKN} Two layers: 64 and 256 anchors of 3 x 3, pooled by 2 and 4.",
            milliseconds=(1.5, 1.0),
        ),
        Representation(
            "ckn-3",
            "CKN-3",
            "CKN",
            _ckn((64, 128, 256), (2, 2, 2)),
            f"{_CKN} Three layers: 64, 128 and 256 anchors of 3 x 3, each pooled by 2.",
            milliseconds=(2.0, 1.4),
        ),
        Representation(
            "ckn-gradient",
            "gradient CKN",
            "CKN",
            _gradient_ckn,
            "Convolutional kernel network on gradients, two layers (Mairal, Koniusz, Harchaoui & Schmid 2014). Its "
            "parameters were fixed beforehand, on training images held out.",
            milliseconds=(1.0, 0.9),
        ),
        *(
            Representation(
                "ckn-" + "-".join(map(str, anchors)),
                f"CKN ({', '.join(map(str, anchors))})",
                "CKN",
                _ckn(anchors, strides, small=4),
                f"{_CKN} Layers of {anchors} anchors of 3 x 3, pooled by {strides}: their end has the stride of "
                f"scattering, J = {J}.",
            )
            for anchors, strides, J in (((64,), (4,), 2), ((32, 64), (2, 2), 2), ((32, 64, 128), (2, 2, 2), 3))
        ),
        Representation(
            "ckn-supervised",
            "CKN-2, end to end",
            "CKN",
            _supervised,
            "Supervised convolutional kernel network, trained end to end (Mairal 2016, End-to-end kernel learning): "
            "two layers, 64 and 256 anchors of 3 x 3, as those of CKN-2. The penalty is chosen on a fifth of the "
            "subset, held out, with the anchors of the start; five epochs.",
            trained=True,
            milliseconds=(40.0, 0.9),
            largest=10_000,
            draws=3,
        ),
        Representation(
            "exact-kernel",
            "exact kernel",
            "CKN",
            _exact,
            "Exact kernel of a two-layer network, no anchors (Bietti & Mairal 2019, section 2; kernel ridge "
            "regression): exponential kernels, 3 x 3 patches, pooling 2 and 5, values normalised to K(x, x) = 1. A "
            "Gram matrix costs as many pairs as it has entries, so only the first 2,000 test images are predicted, "
            "from at most 1,000 training images.",
            trained=True,
            milliseconds=(300.0, 600.0),
            largest=1000,
            n_test=2000,
            draws=1,
        ),
        Representation(
            "scattering-ckn",
            "both",
            "both",
            _both,
            "Scattering and the gradient CKN side by side, after Bruna & Mallat (2013) and Mairal et al. (2014), each "
            "divided by its own scale: a Gaussian kernel of both is the product of the two kernels.",
            milliseconds=(1.8, 1.6),
        ),
        Representation(
            "lenet",
            "wide LeNet",
            "CNN",
            _network("wide_lenet"),
            f"LeNet-5's plan (LeCun et al. 1998), 258,314 parameters on 28 x 28, four times its; {_FIXED_BEFOREHAND}",
            trained=True,
            milliseconds=(0.45, 0.1),
            epochs=epochs,
        ),
        Representation(
            "lenet-untrained",
            "wide LeNet, untrained",
            "CNN",
            _untrained_lenet,
            "The wide LeNet as it is drawn, before training: its penultimate layer, 128 features.",
            milliseconds=(0.1, 0.1),
        ),
        Representation(
            "mlp",
            "MLP",
            "CNN",
            _network("mlp"),
            f"Multi-layer perceptron, one hidden layer of 512 (Rumelhart, Hinton & Williams 1986); {_FIXED_BEFOREHAND}",
            trained=True,
            milliseconds=(0.08, 0.02),
            epochs=epochs,
        ),
        Representation(
            "resnet",
            "ResNet",
            "CNN",
            _network("resnet", 1e-2),
            f"Residual network, three blocks (He, Zhang, Ren & Sun 2016); {_FIXED_BEFOREHAND}",
            trained=True,
            milliseconds=(1.5, 0.8),
            epochs=epochs,
            draws=3,
        ),
        Representation(
            "lenet-augmented",
            "wide LeNet, augmented",
            "CNN",
            _network("wide_lenet", augmentation=_AUGMENTATION),
            "The wide LeNet trained on images shifted, turned and deformed anew at every step (deformations for "
            f"augmentation after Simard, Steinkraus & Platt 2003); {_FIXED_BEFOREHAND}",
            trained=True,
            milliseconds=(0.55, 0.1),
            epochs=epochs,
            draws=3,
            augmented=True,
        ),
    ]
)


def model(name: str, shape: Shape = (28, 28)) -> Model:
    """Return the model of a name, "representation", "representation+head" or "module:name", for images of a shape.

    Raises
    ------
    ValueError
        As `find_model`.

    Examples
    --------
    >>> model("scattering+affine").label, model("ckn-2").label, model("lenet").label
    ('scattering + affine', 'CKN-2 + linear', 'wide LeNet')
    """
    return find_model(name, REPRESENTATIONS, HEADS, shape=shape)
