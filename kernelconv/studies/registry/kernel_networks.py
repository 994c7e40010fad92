"""Kernel networks: unsupervised, trained end to end, exact, and combined with scattering."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import make_pipeline, make_union

from kernelconv.networks.kernel.classifier import ConvKernelClassifier
from kernelconv.networks.kernel.exact import ConvKernel
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.operators import PatchWhitening
from kernelconv.studies.estimators.kernel_classifiers import ExactKernelRidge, Supervised
from kernelconv.studies.estimators.transformers import UnitScale
from kernelconv.studies.models import Build, Representation, Shape
from kernelconv.studies.registry.fixed import scattering, scattering_flips, scattering_zero_flips


def _ckn(
    n_anchors: tuple[int, ...], subsampling: tuple[int, ...], patch_size: Any = 3, small: int = 2, **options: Any
) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        steps = tuple(min(s, small) for s in subsampling) if min(shape[:2]) < 16 else subsampling
        settings = {"n_anchors": n_anchors, "patch_size": patch_size, "subsampling": steps, **options}
        return ConvKernelNetwork(**settings, random_state=seed)

    return build


def _gradient(**options: Any) -> Build:
    return _ckn((16, 512), (2, 4), (1, 3), sigma=(0.6, 0.5), input="gradient", **options)


_gradient_ckn, _gradient_ckn_flips = _gradient(), _gradient(group="flips")


def _both(shape: Shape, size: int, seed: int) -> Any:
    return side_by_side(scattering(shape, size, seed), _gradient_ckn(shape, size, seed))


def _both_averaged(shape: Shape, size: int, seed: int) -> Any:
    return side_by_side(scattering_zero_flips(shape, size, seed), _gradient_ckn_flips(shape, size, seed))


def side_by_side(*representations: Any) -> Any:
    """Return representations side by side, each divided by its own scale."""
    return make_union(*(make_pipeline(r, UnitScale(center=False)) for r in representations))


def _flips(n_anchors: tuple[int, int], epsilon: float) -> Build:
    return _ckn(n_anchors, (2, 4), input=PatchWhitening(3, epsilon=epsilon), group="flips")


def _both_flips(n_anchors: tuple[int, int], epsilon: float) -> Build:
    def build(shape: Shape, size: int, seed: int) -> Any:
        return side_by_side(scattering_flips(shape, size, seed), _flips(n_anchors, epsilon)(shape, size, seed))

    return build


def _both_scales(shape: Shape, size: int, seed: int) -> Any:
    scales = (scattering_flips(shape, size, seed, J) for J in (2, 3))
    return side_by_side(*scales, _flips((128, 256), 0.01)(shape, size, seed))


def _supervised(shape: Shape, size: int, seed: int) -> Any:
    subsampling = (2, 4) if min(shape[:2]) >= 16 else (2, 2)
    network = ConvKernelClassifier(
        n_anchors=(64, 256), patch_size=3, subsampling=subsampling, epochs=5, learning_rate=0.05
    )
    return Supervised(network, seed)


def _exact(shape: Shape, size: int, seed: int) -> Any:
    return ExactKernelRidge(ConvKernel(patch_size=(3, 3), subsampling=(2, 5), sigma=0.6), seed)


_CKN = "Unsupervised convolutional kernel network (Mairal 2016, End-to-end kernel learning, section 3)."
_AVERAGED = (
    "averaged over the image and its mirror image, an invariance of the representation. Chosen on training images of "
    "CIFAR-10."
)

KERNEL_NETWORKS = [
    Representation(
        "ckn-1",
        "CKN-1",
        "CKN",
        _ckn((200,), (4,), 5),
        f"{_CKN} One layer: 200 anchors of 5 x 5, pooled by 4.",
        milliseconds=(0.6, 0.5),
        colour=2.5,
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
        colour=1.2,
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
        colour=2.0,
    ),
    Representation(
        "scattering-gradient-flips",
        "both on gradients, flips",
        "both",
        _both_averaged,
        "Scattering, J = 3 (or what fits), and the gradient CKN side by side, each divided by its own scale and "
        "averaged over the image and its mirror image, an invariance of the representation. Chosen on training images "
        "of Fashion-MNIST.",
        milliseconds=(3.4, 3.2),
        colour=2.0,
    ),
    *(
        representation
        for of, anchors, epsilon, ms in (("", (128, 256), 0.01, 2.7), ("wide-", (256, 1024), 0.1, 10.0))
        for representation in (
            Representation(
                f"ckn-{of}flips",
                f"{of.replace('-', ' ')}CKN, flips",
                "CKN",
                _flips(anchors, epsilon),
                f"{_CKN} Layers of {anchors} anchors of 3 x 3, pooled by 2 and 4; patches whitened with epsilon = "
                f"{epsilon}; {_AVERAGED}",
                milliseconds=(ms, ms),
                colour=1.4,
            ),
            Representation(
                f"scattering-ckn-{of}flips",
                f"{of.replace('-', ' ')}both, flips",
                "both",
                _both_flips(anchors, epsilon),
                f"Scattering (J = 2) and the CKN of {anchors} anchors side by side, each divided by its own scale; "
                f"{_AVERAGED}",
                milliseconds=(ms + 0.8, ms + 0.8),
                colour=1.7,
            ),
        )
    ),
    Representation(
        "scattering-scales-ckn-flips",
        "both on two scales, flips",
        "both",
        _both_scales,
        "Scattering with J = 2, scattering with J = 3 and the CKN of (128, 256) anchors side by side, each divided by "
        f"its own scale; {_AVERAGED}",
        milliseconds=(6.0, 6.0),
        colour=1.7,
    ),
]
