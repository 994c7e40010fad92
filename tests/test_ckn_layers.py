"""ckn_layers: names and objects describe the same layers, for the network, the classifier and the exact kernel."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import kernelconv
from kernelconv import ConvKernel, ConvKernelClassifier, ConvKernelNetwork, serial
from kernelconv.networks.kernel.layers import COLOUR, ckn_layers
from kernelconv.operators import (
    AveragePooling,
    Exponential,
    GaussianPooling,
    ImageGradient,
    KernelMapping,
    Layer,
    MaxPooling,
    Modulus,
    OrbitPooling,
    PatchCentering,
    PatchExtraction,
    PatchWhitening,
    Vovk,
)
from kernelconv.testing import check_image_estimator


def layer(n_anchors=64, pooling=None, kernel=None, patches=None):
    patches = patches or PatchExtraction(3, padding="zero")
    return Layer(patches, KernelMapping(n_anchors, kernel or Exponential(0.6)), pooling or GaussianPooling(2))


def problem(n=30):
    """Images of noise with a brighter patch, whose place is the class."""
    x, y = np.random.default_rng(0).standard_normal((n, 8, 8)), np.arange(n) % 3
    for i, label in enumerate(y):
        x[i, :4, 2 * label : 2 * label + 2] += 3
    return x, y


@pytest.mark.parametrize(
    ("name", "part"),
    [("gaussian", GaussianPooling(3)), ("average", AveragePooling(3, padding="symmetric")), ("max", MaxPooling(3))],
)
def test_a_pooling_is_its_name_or_itself(name, part):
    wanted = serial(layer(8, part), layer(9, part), names=["layer_1", "layer_2"])
    assert ckn_layers((8, 9), subsampling=3, pooling=name) == wanted
    assert ckn_layers((8, 9), subsampling=5, pooling=part) == wanted
    assert ckn_layers((8, 9), subsampling=3, pooling=(name, part)) == wanted


def test_a_pooling_may_differ_from_layer_to_layer():
    network = ckn_layers(8, pooling=("max", AveragePooling(4), "gaussian"), pooling_scale=(None, None, 0.9))
    assert [one.pooling for one in network.parts] == [MaxPooling(2), AveragePooling(4), GaussianPooling(2, 0.9)]
    assert network.names == ("layer_1", "layer_2", "layer_3")


@pytest.mark.parametrize(("name", "part"), [("centered", PatchCentering((3, 1))), ("whitened", PatchWhitening((3, 1)))])
def test_what_reads_patches_follows_their_extraction_in_the_first_layer(name, part):
    patches = PatchExtraction((3, 1), padding="zero")
    wanted = serial(layer(8, patches=serial(patches, part)), layer(9, patches=patches), names=["layer_1", "layer_2"])
    for given in (name, part):
        assert ckn_layers((8, 9), ((3, 1), (3, 1)), input=given) == wanted


@pytest.mark.parametrize(
    ("shape", "patch_size", "reads"),
    [
        ((8, 8, 3), 3, "whitened"),
        ((8, 8, 3), (1, 3), "whitened"),
        ((8, 8, 1), 3, "raw"),
        ((8, 8, 2), 3, "raw"),
        ((8, 8, 3), 1, "raw"),  # a patch of one pixel is its mean
        ((1, 20, 3), (1, 3), "raw"),  # a signal
    ],
)
def test_by_default_colour_images_are_read_whitened_and_others_raw(shape, patch_size, reads):
    x = np.random.default_rng(0).random((6, *shape))
    options = {"n_anchors": 4, "patch_size": (patch_size,), "subsampling": 1, "n_patches": 50}
    ckn = ConvKernelNetwork(**options, random_state=0)
    assert ckn.fit(x).specification() == ckn_layers(**options, input=reads)
    assert ckn.fit(x[..., :1]).specification() == ckn_layers(**options, input="raw")


def test_the_classifier_reads_by_default_what_the_network_reads():
    x, y = np.random.default_rng(0).random((6, 4, 4, 3)), np.arange(6) % 2
    options = {"n_anchors": 4, "n_patches": 50, "random_state": 0}
    found = ConvKernelClassifier(**options, epochs=0).fit(x, y).transform(x)
    assert np.array_equal(found, ConvKernelNetwork(**options).fit(x).transform(x))
    assert not np.allclose(found, ConvKernelNetwork(**options, input="raw").fit(x).transform(x))


def test_what_reads_images_precedes_the_first_layer():
    assert ckn_layers(8, input="gradient") == serial(ImageGradient(), layer(8), names=["gradient", "layer_1"])
    for part in (ImageGradient("zero"), serial(ImageGradient(), Modulus())):
        assert ckn_layers(8, input=part) == serial(part, layer(8), names=["input", "layer_1"])
    grouped = ckn_layers(8, input=Modulus(), group="flips")
    assert grouped == serial(
        OrbitPooling(serial(Modulus(), layer(8), names=["input", "layer_1"]), "flips"), names=["group"]
    )


def test_a_kernel_is_its_name_or_itself():
    wanted = serial(layer(8, kernel=Vovk()), layer(9, kernel=Exponential(0.5)), names=["layer_1", "layer_2"])
    assert ckn_layers((8, 9), kernel=("vovk", "exponential"), sigma=0.5) == wanted
    assert ckn_layers((8, 9), kernel=(Vovk(), Exponential(0.5))) == wanted


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"pooling": "median"}, "pooling must be one of 'gaussian', 'average', 'max', got 'median'"),
        ({"pooling": ("max", "median"), "pooling_scale": (None, 1.0)}, "pooling must be one of .* got 'median'"),
        ({"pooling": ("max",)}, r"one entry a layer \(2\), got lengths \{'n_anchors': 2, 'pooling': 1\}"),
        ({"pooling": "max", "pooling_scale": 0.9}, "belongs to pooling=\"gaussian\", got 0.9 with pooling='max'"),
        ({"pooling": MaxPooling(2), "pooling_scale": 0.9}, r"got 0.9 with pooling=MaxPooling\(2, stride=2\)"),
        ({"input": "fourier"}, "input must be one of 'auto', 'raw', 'gradient', 'centered', 'whitened', got 'fourier'"),
        ({"input": 3}, "input must be one of .*, got 3"),
        ({"kernel": "gauss"}, "kernel must be one of"),
    ],
)
def test_what_describes_no_layers_is_refused(parameters, match):
    with pytest.raises(ValueError, match=match):
        ckn_layers((3, 4), **parameters)


OBJECTS = {
    "n_anchors": (4, 5),
    "patch_size": 3,
    "input": PatchCentering(3),
    "pooling": (MaxPooling(2), AveragePooling(2)),
    "kernel": (Exponential(0.7), Vovk()),
    "n_patches": 300,
}


def test_network_classifier_and_description_are_one():
    x, y = problem()
    built = ckn_layers(**OBJECTS).build((8, 8, 1), np.random.default_rng(0), x)
    features = built.forward(x).reshape(30, -1)
    assert np.abs(features).max() > 0.1
    assert np.array_equal(ConvKernelNetwork(**OBJECTS, random_state=0).fit(x).transform(x), features)
    clf = ConvKernelClassifier(**OBJECTS, epochs=0, random_state=0).fit(x, y)
    assert np.array_equal(clf.transform(x), features)
    with pytest.raises(ValueError, match="needs patches of 4 pixels, its input has 9 channels"):
        ConvKernelNetwork(4, input=PatchCentering(2)).fit(x)


def test_the_exact_kernel_reads_the_same_description():
    kernel = ConvKernel((3, 2), (2, 1), kernel=(Vovk(), "exponential"), sigma=0.8, padding="reflect")
    layers = ckn_layers(
        (6, 7), (3, 2), (2, 1), kernel=(Vovk(), "exponential"), sigma=0.8, padding="reflect", pooling_scale=None
    ).parts
    steps = kernel._plan(np.zeros((2, 8, 8, 1)))
    assert [step.patches for step in steps] == [one.patches for one in layers]
    assert [step.kernel for step in steps] == [one.mapping.kernel for one in layers]
    assert len(ConvKernel(3, (2, 2, 2))._plan(np.zeros((2, 8, 8, 1)))) == 3


def test_objects_clone_and_pickle():
    check_image_estimator(ConvKernelNetwork(**OBJECTS, random_state=0), problem(12)[0])


def test_nothing_speaks_unless_asked():
    verbose = {
        name: inspect.signature(one).parameters["verbose"].default
        for name, one in vars(kernelconv).items()
        if inspect.isclass(one) and "verbose" in inspect.signature(one).parameters
    }
    assert len(verbose) >= 5
    assert set(verbose.values()) == {False}, verbose


def test_the_default_input_is_the_best_of_the_committed_experiment():
    root = Path(__file__).parent.parent
    record = json.loads((root / "benchmarks/results/colour-input.json").read_text(encoding="utf-8"))
    means = [{kind: np.mean(v) for kind, v in one.items()} for one in record["validation_error_percent"].values()]
    assert [min(of, key=of.get) for of in means] == [COLOUR, COLOUR]
    first, second = (", ".join(f"{v:.1f}" for v in of.values()) for of in means)
    said = " ".join(ConvKernelNetwork.__doc__.split())
    assert list(means[0]) == ["raw", "centered", "whitened", "gradient"]
    assert "of raw, centered, whitened patches and gradient" in said
    assert f"2,000 CIFAR-10 images {first}; 600 crops of two photographs {second}" in said
