"""ckn_layers: names and objects describe the same layers, for the network, the classifier and the exact kernel."""

import inspect
import json
import pickle
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import kernelconv
from kernelconv import (
    AffineSubspaceClassifier,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    ConvNetClassifier,
    ConvNetRegressor,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    serial,
)
from kernelconv.networks.kernel.last_layer import SphereSteps, solve_last_layer
from kernelconv.networks.kernel.layers import COLOUR, ckn_layers
from kernelconv.networks.scattering.geometry import Geometry
from kernelconv.networks.scattering.path_parts import LogCompression, ParentNormalization
from kernelconv.networks.scattering.signals.geometry_1d import Geometry1D
from kernelconv.networks.scattering.signals.transform_1d import ScatteringTransform1D
from kernelconv.networks.scattering.transform import ScatteringTransform
from kernelconv.networks.training.optimizers import Optimizer
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


@pytest.mark.filterwarnings("ignore:4 anchors are more than the 1 distinct patches")  # grey ones of one pixel
@pytest.mark.parametrize(
    ("shape", "patch_size", "reads"),
    [
        ((8, 8, 3), 3, "whitened"),
        ((8, 8, 3), (1, 3), "whitened"),
        ((8, 8, 3), 2, "whitened"),
        ((8, 8, 1), 3, "raw"),
        ((8, 8, 2), 3, "raw"),
        ((8, 8, 3), 1, "raw"),  # a patch of one pixel is its mean
        ((1, 20, 3), (1, 3), "raw"),  # a signal
    ],
)
@pytest.mark.filterwarnings("ignore:.* anchors are more than the")
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


def defaults(one):
    parameters = inspect.signature(one).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def test_what_describes_the_same_has_the_same_defaults():
    """One description of a network, of its training and of scattering, by whatever name it goes."""
    families = [
        (ckn_layers, ConvKernelNetwork, ConvKernelClassifier, ConvKernel),
        (ConvKernelClassifier, solve_last_layer),
        (ConvKernelClassifier, SphereSteps, ConvNetClassifier, ConvNetRegressor, Optimizer),
        (Scattering2D, ScatteringTransform, Geometry, RotoTranslationScattering2D, LogCompression, ParentNormalization),
        (Scattering1D, ScatteringTransform1D, Geometry1D),
        (Scattering2D, Scattering1D),
    ]
    differ = {"patch_size", "loss", "learning_rate", "epochs", "batch_size", "weight_decay", "J", "anchors"}
    for family in families:
        for one, other in combinations(map(defaults, family), 2):
            same = (one.keys() & other.keys()) - differ
            assert {k: one[k] for k in same} == {k: other[k] for k in same}
    mapping, network = defaults(KernelMapping), defaults(ConvKernelNetwork)
    assert mapping["kernel"] == Exponential(network["sigma"])
    for name in ("regularization", "n_patches"):
        assert mapping[name] == network[name]
    assert defaults(Geometry)["kind"] == defaults(Scattering2D)["bank"]
    for one, other in ((Scattering2D, ScatteringTransform), (Scattering1D, ScatteringTransform1D)):
        assert defaults(one)["J"] == defaults(other)["J"]


def test_defaults_stand():
    """Who names no value gets what the last release gave."""
    standing = {
        ckn_layers: {"n_anchors": (64, 128), "patch_size": 3, "subsampling": 2, "sigma": 0.6, "regularization": 1e-3}
        | {"n_patches": 20_000, "colour": False},
        ConvKernel: {"patch_size": (3, 3), "tangent": False},
        ConvKernelClassifier: {"alpha": 1e-4, "epochs": 10, "batch_size": 64, "learning_rate": 0.02, "momentum": 0.9},
        ConvNetClassifier: {"epochs": 40, "batch_size": 32, "learning_rate": 2e-3, "momentum": 0.9, "patience": 5}
        | {"weight_decay": 0.01, "early_stopping": False, "validation_fraction": 0.1, "warm_start": False},
        Scattering2D: {"J": 2, "L": 8, "max_order": 2, "oversampling": 0, "epsilon": 1e-2}
        | {"normalized": False, "log": False},
        Scattering1D: {"J": 6, "Q": 1, "max_order": 2, "oversampling": 0},
        RotoTranslationScattering2D: {"J": 2},
        Geometry: {"every": False, "symmetric": False},
        Geometry1D: {"decimating": False},
        AffineSubspaceClassifier: {"cv": 5, "max_components": 160},
        solve_last_layer: {"max_iter": 200},
    }
    for one, values in standing.items():
        found = defaults(one)
        assert {name: found[name] for name in values} == values, one
    regressor, classifier = defaults(ConvNetRegressor), defaults(ConvNetClassifier)
    assert {**regressor, "loss": None} == {**classifier, "loss": None}


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


# -- anchors that are given, and anchors that are looked at ----------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_anchors_of_a_network_give_that_network_again(dtype):
    x = problem()[0].astype(dtype)
    first = ConvKernelNetwork((4, 5), n_patches=300, random_state=0).fit(x)
    again = ConvKernelNetwork(anchors=first.anchors_, random_state=1).fit(x[:1])  # nothing is learned from the image
    assert np.array_equal(again.transform(x), first.transform(x))
    described = ckn_layers(anchors=first.anchors_)
    assert described == ckn_layers((9, 9, 9), anchors=tuple(first.anchors_))  # n_anchors is not read
    assert described != ckn_layers(anchors=[-z for z in first.anchors_])
    half = ConvKernelNetwork((4, 5), anchors=[first.anchors_[0], None], n_patches=300, random_state=0).fit(x)
    assert np.array_equal(half.anchors_[0], first.anchors_[0])
    assert half.anchors_[1].shape == (5, 36)


def test_anchors_of_pytorch_are_ours_with_the_channels_last():
    """The product of a patch with an anchor is that of PyTorch's correlation."""
    theirs = np.random.default_rng(0).standard_normal((6, 2, 3, 3))
    given = theirs.transpose(0, 2, 3, 1).reshape(6, -1)
    z = ConvKernelNetwork(anchors=[given], padding="valid").fit(np.ones((1, 3, 3, 2))).anchors_[0]
    images = theirs.transpose(0, 2, 3, 1)  # each filter as an image, channels last
    patches = PatchExtraction(3).forward(images).reshape(6, -1)
    norms = np.linalg.norm(theirs.reshape(6, -1), axis=1)
    assert np.allclose(patches @ z.T, np.einsum("pchw,ochw->po", theirs, theirs) / norms, rtol=1e-12)


def test_given_anchors_survive_scikit_learn():
    z = np.random.default_rng(0).standard_normal((4, 9))
    check_image_estimator(ConvKernelNetwork(anchors=[z], patch_size=3, random_state=0), problem(12)[0])


Z = np.random.default_rng(0).standard_normal((4, 9))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"anchors": Z}, r"anchors must be a list, an array \(or None: to be learned\) a layer, got array"),
        ({"anchors": "kmeans"}, "anchors must be a list, .* got 'kmeans'"),
        ({"anchors": []}, r"one entry a layer \(2\), got lengths .*'anchors': 0"),
        ({"anchors": [Z, None], "n_anchors": (4, 4, 4)}, r"one entry a layer \(3\), got lengths .*'anchors': 2"),
        (
            {"anchors": [Z[:, :8]]},
            "anchors hold 8 values a row, but a patch has 9 here: they must be of the same patch",
        ),
        ({"anchors": [Z, Z]}, "anchors hold 9 values a row, but a patch has 36 here"),
        (
            {"anchors": [Z.reshape(4, 1, 3, 3)]},
            r"shape \(4, 1, 3, 3\)\. .* by transpose\(0, 2, 3, 1\)\.reshape\(o, -1\)",
        ),
        ({"anchors": [Z * [[1], [0], [1], [1]]]}, "anchors must be directions: row 1 is zero"),
        ({"anchors": [Z + np.nan]}, "anchors holds 36 non-finite values"),
        ({"anchors": [Z.astype(str)]}, "anchors must hold numbers, got dtype <U"),
        (
            {"n_anchors": 400, "n_patches": 300},
            "n_anchors=400 is more than n_patches=300, the patches they are learned from",
        ),
        ({"n_anchors": 100_000}, "n_anchors=100000 is more than n_patches=20000"),
        ({"n_anchors": 10**8, "n_patches": 10**9}, "kernel mapping of 100000000 anchors would need 596,046,447.8 GiB"),
    ],
)
def test_anchors_that_do_not_fit_are_refused(parameters, match):
    with pytest.raises(ValueError, match=match):
        ConvKernelNetwork(**parameters).fit(problem()[0])


def test_given_anchors_belong_to_a_mapping():
    part = KernelMapping(4, anchors=3 * Z)
    assert np.allclose(np.linalg.norm(part.anchors.values, axis=1), 1, rtol=1e-14)
    assert part == KernelMapping(4, anchors=part.anchors)
    assert hash(part) == hash(KernelMapping(4, anchors=part.anchors))
    assert part != KernelMapping(4, anchors=Z[::-1])
    assert repr(part).startswith("KernelMapping(4, anchors=Anchors(4 x 9, sha256 ")
    assert repr(part) != repr(KernelMapping(4, anchors=Z[::-1]))
    assert np.array_equal(part.build((2, 2, 9)).params["anchors"], part.anchors.values)  # nothing is drawn
    with pytest.raises(ValueError, match="anchors must be n_anchors=5 rows, got 4"):
        KernelMapping(5, anchors=Z)


def test_large_anchors_are_normalised_without_overflow():
    wide = KernelMapping(4, anchors=1e300 * Z)
    assert np.allclose(wide.anchors.values, KernelMapping(4, anchors=Z).anchors.values, rtol=1e-14)


def test_anchors_are_looked_at_not_written():
    x, y = problem()
    network = ConvKernelNetwork(4, n_patches=300, random_state=0).fit(x)
    classifier = ConvKernelClassifier(4, n_patches=300, epochs=1, random_state=0).fit(x, y)
    for fitted in (network, classifier, pickle.loads(pickle.dumps(network))):
        with pytest.raises(ValueError, match="read-only"):
            fitted.anchors_[0][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        network.network_.params["layer_1.M.anchors"][0] = 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda z: 1.8 * z, r"anchors must be rows of norm 1, got norms from 1\.8 to 1\.8: constrain\(params\)"),
        (lambda z: 0 * z, "anchors must be rows of norm 1, got norms from 0 to 0"),
        (lambda z: z + np.nan, "anchors holds 36 non-finite values"),
    ],
)
def test_a_network_takes_no_other_anchors_than_unit_ones(change, match):
    network = ConvKernelNetwork(4, n_patches=300, random_state=0).fit(problem()[0]).network_
    params = {name: change(z) for name, z in network.params.items()}
    with pytest.raises(ValueError, match=match):
        network.replace(params)


def test_constrained_anchors_are_taken_and_the_whitening_follows():
    x = problem()[0]
    network = ConvKernelNetwork(4, n_patches=300, random_state=0).fit(x).network_
    scaled = network.replace(network.constrain({name: 1.8 * z for name, z in network.params.items()}))
    assert np.allclose(scaled.forward(x), network.forward(x), rtol=1e-12)
    with pytest.raises(TypeError, match=r"params must be a dict of arrays by name, as \.params is, got None"):
        network.replace(None)


def test_fewer_distinct_patches_give_fewer_anchors():
    x = np.zeros((20, 8, 8))
    x[:, 3:5, 3:5] = 1 + np.arange(20.0)[:, None, None]  # one square in many shades: patches of 16 places
    with pytest.warns(UserWarning, match=r"64 anchors are more than the \d+ distinct patches \(up to their norms\)"):
        fitted = ConvKernelNetwork((64, 3), random_state=0).fit(x)
    n = len(fitted.anchors_[0])
    assert 4 < n <= 16
    assert fitted.network_.parts[0].mapping == KernelMapping(n, Exponential(0.6))
    assert fitted.anchors_[1].shape == (3, 9 * n)
    first, second = fitted.network_.parts
    assert first.out_shape(first.in_shape) == second.in_shape == (4, 4, n)  # what follows is built for what there is
    assert fitted.transform(x).shape == (20, len(fitted.get_feature_names_out())) == (20, 12)
    assert fitted.n_anchors == (64, 3)
