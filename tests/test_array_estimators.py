"""Estimators follow the array: PyTorch, JAX and array_api_strict's second device in, the same out."""

import importlib.util
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.utils import get_tags

from kernelconv._arrays import numpy_dtype, to_numpy
from kernelconv.networks import (
    AffineSubspaceClassifier,
    CapsNetClassifier,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    ConvNetClassifier,
    ConvNetRegressor,
    JointTimeFrequencyScattering,
    NetworkTransformer,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    Scattering3D,
    SeparableScattering2D,
    arrays,
)
from kernelconv.networks.serial import serial
from kernelconv.operators import (
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    GaussianPooling,
    KernelMapping,
    Layer,
    PatchExtraction,
    PatchWhitening,
    ReLU,
    Standardization,
    sample_patches,
    spherical_kmeans,
)
from kernelconv.operators.mappings.nystrom import _centroids

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(24, 8, 9)).cumsum(axis=1)
COLOUR = RNG.normal(size=(24, 8, 8, 3)).cumsum(axis=1).cumsum(axis=2)
LABELS = np.arange(24) % 3
PAIR = np.arange(24) % 2 * 5 - 1
LIBRARIES = ("torch", "array_api_strict")  # JAX, which compiles every step of every shape, has tests of its own


def moved(x, library):
    """`x` as an array of `library`; of array_api_strict on its second device, where NumPy cannot read it."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    return module.asarray(x, device=module.Device("device1")) if library == "array_api_strict" else module.tensor(x)


def check_same(found, wanted, like, tol, dtype=None):
    """`found` has the values of NumPy's `wanted`, on the library and device of `like`, in `dtype` or that of `like`."""
    assert type(found) is type(like)
    assert found.device == like.device
    assert tuple(found.shape) == wanted.shape
    assert found.dtype == (like.dtype if dtype is None else dtype)
    error = np.linalg.norm(to_numpy(found).astype(np.float64) - wanted) / np.linalg.norm(wanted)
    assert error <= tol


NETWORK = serial(
    Standardization(),
    Convolution(4, 3),
    BatchNorm(),
    ReLU(),
    Layer(PatchExtraction(2), KernelMapping(5), GaussianPooling(2)),
)
CKN = {"n_anchors": (5, 6), "n_patches": 500, "random_state": 0}
#: estimator, its images, its labels; tolerances in float32
CASES = {
    "ckn": (ConvKernelNetwork(**CKN), IMAGES, None, 1e-5),
    "ckn-whitened": (ConvKernelNetwork(**CKN), COLOUR, None, 5e-5),
    "ckn-flips": (ConvKernelNetwork(**CKN, group="flips", pooling="max", kernel="arccosine"), IMAGES, None, 1e-5),
    "scattering": (Scattering2D(2, L=4), IMAGES, None, 1e-5),
    "scattering-log": (Scattering2D(2, L=4, normalized=True, log=True, energy=0.99), COLOUR, None, 1e-5),
    "signals": (Scattering1D(2), IMAGES[:, 0], None, 1e-5),
    "volumes": (Scattering3D(1, L=1, max_order=1), IMAGES.reshape(24, 4, 2, 9), None, 1e-5),
    "volumes-local": (Scattering3D(1, bank="morlet", n_directions=3, method="local"), COLOUR, None, 1e-5),
    "joint": (JointTimeFrequencyScattering(2, 2, 1, T=1, padding="zero"), IMAGES[:, 0], None, 1e-5),
    "separable": (SeparableScattering2D(2), COLOUR, None, 1e-5),
    "rotations": (RotoTranslationScattering2D(2, L=4), COLOUR, None, 1e-5),
    "network": (NetworkTransformer(NETWORK, random_state=0), IMAGES, None, 1e-5),
    "rows": (ConvKernelNetwork(**CKN, image_shape=(8, 9)), IMAGES.reshape(24, -1), None, 1e-5),
    "cnn": (ConvNetClassifier("wide_lenet", epochs=1, random_state=0), IMAGES, LABELS, 1e-5),
    "cnn-two-classes": (ConvNetClassifier("mlp", epochs=1, random_state=0), IMAGES, PAIR, 1e-5),
    "regressor": (ConvNetRegressor("resnet", epochs=1, random_state=0), IMAGES, IMAGES.mean(axis=(1, 2)), 1e-5),
    "ckn-classifier": (ConvKernelClassifier(4, epochs=1, random_state=0), IMAGES, LABELS, 1e-5),
    "capsules": (CapsNetClassifier(8, 2, filter_size=3, epochs=1, random_state=0), IMAGES, LABELS, 1e-5),
    "subspaces": (AffineSubspaceClassifier(2), IMAGES[:, 0], LABELS, 1e-5),
    "subspaces-two-classes": (AffineSubspaceClassifier(2), IMAGES[:, 0], PAIR, 1e-5),
}
METHODS = ("transform", "decision_function", "predict_proba", "predict")


@pytest.fixture(scope="module")
def fitted():
    known = {}

    def fit(name, dtype):
        if (name, dtype) not in known:
            estimator, x, y, _ = CASES[name]
            known[name, dtype] = clone(estimator).fit(x.astype(dtype), *([] if y is None else [y]))
        return known[name, dtype]

    return fit


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_numpy_in_the_library_of_the_images(fitted, name, library, dtype):
    _, x, _, single = CASES[name]
    x, estimator = x.astype(dtype), fitted(name, dtype)
    tensor = moved(x, library)
    for method in METHODS:
        if hasattr(estimator, method):
            wanted, found = getattr(estimator, method)(x), getattr(estimator, method)(tensor)
            labels = method == "predict" and hasattr(estimator, "classes_")
            # squared distances lose digits that cancel
            tol = 0 if labels else (1e-12 if dtype == np.float64 else single)
            check_same(found, wanted, tensor, tol, moved(wanted, library).dtype if labels else None)


@pytest.mark.parametrize("name", CASES)
def test_nothing_leaves_the_device_on_the_way(fitted, name, monkeypatch):
    x = moved(CASES[name][1].astype(np.float32), "array_api_strict")

    def to_device(*_, **__):
        raise AssertionError("an array leaves its device")

    monkeypatch.setattr(type(x), "to_device", to_device)
    for method in METHODS:
        if hasattr(fitted(name, np.float32), method):
            getattr(fitted(name, np.float32), method)(x)
    with pytest.raises(AssertionError, match="leaves its device"):
        to_numpy(x)


@pytest.mark.parametrize("name", ["ckn", "joint"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_integers_become_float32(fitted, library, name):
    estimator = fitted(name, np.float32)
    x = RNG.integers(0, 255, (5, *CASES[name][1].shape[1:])).astype(np.uint8)
    wanted = estimator.transform(x)
    check_same(estimator.transform(moved(x, library)), wanted, moved(x.astype(np.float32), library), 1e-5)


@pytest.mark.parametrize("name", ["ckn", "scattering", "rotations", "subspaces"])
def test_long_inputs_go_through_in_blocks(fitted, name, monkeypatch):
    torch = pytest.importorskip("torch")
    estimator, x = fitted(name, np.float64), torch.tensor(CASES[name][1])
    method = "decision_function" if name == "subspaces" else "transform"
    whole, sizes = getattr(estimator, method)(x), []
    by_block = arrays.block_slices
    monkeypatch.setattr(arrays, "CPU_BLOCK_BYTES", arrays.BLOCK_BYTES // 2**12 if name != "subspaces" else 2000)
    monkeypatch.setattr(arrays, "block_slices", lambda n, block: sizes.append(block) or by_block(n, block))
    check_same(getattr(estimator, method)(x), whole.numpy(), x, 1e-14)
    assert 1 <= sizes[0] < 24


def test_blocks_of_a_wide_network_are_smaller():
    small, large = (serial(PatchExtraction(3), Dense(n)).build((9, 9, 1), RNG) for n in (2, 200))
    assert arrays.definition_values(small) == 4 * 81 * 10
    assert arrays.definition_values(large) == 4 * 49 * 209
    tree = Scattering2D(2, L=4).fit(IMAGES).network_
    assert arrays.definition_values(tree) > 4 * 16 * 16 * (1 + 4)  # of its wavelets, on the padded image


def test_labels_that_are_text_are_refused_for_tensors():
    torch = pytest.importorskip("torch")
    clf = AffineSubspaceClassifier(1).fit(IMAGES[:, 0], np.array(list("abc"))[LABELS])
    with pytest.raises(
        TypeError, match=r"The classes are array\(\['a', 'b', 'c'\].*torch hold numbers alone: take deci"
    ):
        clf.predict(torch.tensor(IMAGES[:, 0]))
    assert clf.decision_function(torch.tensor(IMAGES[:, 0])).shape == (24, 3)
    assert clf.predict(IMAGES[:1, 0]).tolist()[0] in "abc"


BAD = {
    "NaN": lambda x: np.where(x == x.flat[7], np.nan, x),
    "infinity": lambda x: np.where(x == x.flat[7], np.inf, x),
    "other shape": lambda x: x[:, 1:],
    "empty": lambda x: x[:0],
    "one image": lambda x: x[0],
    "complex": lambda x: x + 0j,
    "one axis": lambda x: x.ravel(),
    "channels first": lambda x: np.zeros((3, 1, 28, 28)),
    "five axes": lambda x: x.reshape(24, *[1] * (4 - x.ndim + 1), *x.shape[1:]),
}


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["ckn", "rows", "signals", "cnn", "subspaces"])
def test_bad_arrays_are_refused_in_the_words_for_numpy(fitted, name, bad, library):
    estimator, x = fitted(name, np.float64), BAD[bad](CASES[name][1])
    method = "decision_function" if hasattr(estimator, "decision_function") else "transform"
    with pytest.raises(ValueError) as wanted:  # noqa: PT011  whatever NumPy's is
        getattr(estimator, method)(x)
    with pytest.raises(ValueError) as found:  # noqa: PT011  compared below
        getattr(estimator, method)(moved(x, library))
    assert "\narray=" in str(wanted.value) or str(found.value) == str(wanted.value)  # scikit-learn prints values


def test_an_unfitted_estimator_says_so_first():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="not fitted yet"):
        ConvKernelNetwork().transform(torch.tensor(IMAGES))


@pytest.mark.parametrize("name", ["ckn", "scattering", "cnn", "rotations", "joint"])
def test_gradients_reach_the_images_through_the_estimator(fitted, name):
    torch = pytest.importorskip("torch")
    estimator, x = fitted(name, np.float64), torch.tensor(CASES[name][1][:2], requires_grad=True)
    y = estimator.transform(x)
    y.square().sum().backward()
    assert x.grad.shape == x.shape
    step, eps = torch.tensor(np.random.default_rng(1).normal(size=x.shape)), 1e-6
    with torch.no_grad():
        up, down = (estimator.transform(x + s * eps * step).square().sum() for s in (1, -1))
    slope = float((x.grad * step).sum())
    assert abs(float(up - down) / (2 * eps) - slope) <= 1e-5 * abs(slope)


@pytest.mark.parametrize("name", ["subspaces", "cnn-two-classes", "joint"])
def test_jax_compiles_an_estimator(fitted, name):
    jax = pytest.importorskip("jax")
    estimator, x = fitted(name, np.float32), CASES[name][1].astype(np.float32)
    tensor = jax.numpy.asarray(x)
    for method in ("transform",) if name == "joint" else ("decision_function", "predict"):
        wanted, found = getattr(estimator, method)(x), jax.jit(getattr(estimator, method))(tensor)
        assert isinstance(found, jax.Array)
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.linalg.norm(wanted))


def test_jax_differentiates_an_estimator(fitted):
    jax = pytest.importorskip("jax")
    function, x = fitted("subspaces", np.float32).decision_function, CASES["subspaces"][1].astype(np.float32)
    gradient = jax.jit(jax.grad(lambda x: (function(x) ** 2).sum()))(x)
    step = 1e-2 * np.random.default_rng(0).normal(size=x.shape)
    up, down = (float((function(x.astype(np.float64) + s * step) ** 2).sum()) for s in (1, -1))
    assert abs((up - down) / 2 - float((np.asarray(gradient) * step).sum())) <= 1e-3 * abs(up - down)


def test_a_network_is_fitted_on_arrays_of_jax_and_compiled():
    jax = pytest.importorskip("jax")
    x = IMAGES[:6, :4, :4].astype(np.float32)
    ckn = ConvKernelNetwork(3, patch_size=2, subsampling=1, pooling="max", random_state=0)
    wanted, tensor = clone(ckn).fit(x), jax.numpy.asarray(x)
    found = clone(ckn).fit(tensor)
    assert np.abs(found.anchors_[0] - wanted.anchors_[0]).max() <= 1e-5
    check_same(jax.jit(found.transform)(tensor), wanted.transform(x), tensor, 1e-5)
    with pytest.raises(ValueError, match="X holds 1 non-finite values"):
        found.transform(jax.numpy.asarray(np.where(x == x[0, 0, 0], np.nan, x)))


# -- fit -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("x", [IMAGES, COLOUR], ids=["raw", "whitened"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_anchors_are_those_that_numpy_finds(x, library, dtype):
    x = x.astype(dtype)
    wanted, found = ConvKernelNetwork(**CKN).fit(x), ConvKernelNetwork(**CKN).fit(moved(x, library))
    for z, of_tensor in zip(wanted.anchors_, found.anchors_, strict=True):
        assert type(of_tensor) is np.ndarray
        assert of_tensor.dtype == dtype
        assert np.abs(z - of_tensor).max() <= (1e-8 if dtype == np.float64 else 1e-4)
    again = pickle.loads(pickle.dumps(found))
    check = 1e-10 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(again.transform(x), wanted.transform(x), atol=check * np.abs(wanted.transform(x)).max())
    assert clone(found).fit(x).maps_shape_ == found.maps_shape_


def objective(x, z):
    """Mean cosine of rows to the nearest of unit rows z."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return (unit @ z.T).max(axis=1).mean()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_k_means_runs_where_the_vectors_are(library, dtype, monkeypatch):
    x = RNG.normal(size=(600, 12)).astype(dtype)
    x[::50] = 0
    tensor = moved(x, library)
    monkeypatch.setattr("kernelconv._parallel.blocks.CACHE_BYTES", 2**14)  # several blocks
    wanted, found = (spherical_kmeans(v, 7, np.random.default_rng(3)) for v in (x, tensor))
    check_same(found, wanted, tensor, 1e-8 if dtype == np.float64 else 1e-3)
    assert abs(objective(x[1:50], to_numpy(found)) - objective(x[1:50], wanted)) <= 1e-4
    with pytest.raises(ValueError, match="every sampled patch is zero"):
        spherical_kmeans(moved(np.zeros((4, 2), dtype), library), 1, np.random.default_rng(0))


@pytest.mark.parametrize("library", LIBRARIES)
def test_empty_clusters_and_those_that_cancel_take_the_same_rows(library):
    x = np.array([[1, 0], [0.6, 0.8], [0, 1], [0, -1], [-1, 0]])
    label, cosine = np.array([0, 0, 2, 2, 0]), np.array([0.9, 0.8, 0.1, 0.3, 0.2])  # 1 is empty, 2 cancels
    wanted, found = (_centroids(v, label, cosine, 3) for v in (x, moved(x, library)))
    assert wanted.tolist()[1:] == [[0, 1], [0, 1]]
    np.testing.assert_allclose(found, wanted, atol=1e-15)


@pytest.mark.parametrize("library", LIBRARIES)
def test_few_distinct_vectors_are_the_centroids(library):
    x = np.repeat(np.float32([[1, 0, 0], [0, 3, 0], [1, 1, 0], [-1, 0, 0]]), 3, axis=0)
    for k, kept in ((6, 4), (4, 4), (12, 4)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # fewer than asked for
            wanted, found = (spherical_kmeans(v, k, np.random.default_rng(0)) for v in (x, moved(x, library)))
        assert wanted.shape == (kept, 3)
        # rounding decides at which of two rows equally far an empty cluster restarts: each library has its own order
        wanted, found = (c[np.lexsort(c.round(3).T)] for c in (wanted, to_numpy(found)))
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("n_patches", [7, 90, 10**4])
def test_the_same_patches_are_drawn(library, n_patches):
    maps = RNG.normal(size=(9, 4, 5, 3)).astype(np.float32)
    maps[:, 0] = 0
    wanted, found = (
        sample_patches(v, n_patches, np.random.default_rng(5), block=4) for v in (maps, moved(maps, library))
    )
    assert np.array_equal(to_numpy(found), wanted)
    assert type(found) is type(moved(maps, library))
    maps[3, 2, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"maps holds 1 non-finite values"):
        sample_patches(moved(maps, library), 10**4, np.random.default_rng(5))


def test_other_parts_learn_what_they_learn_of_numpy():
    torch = pytest.importorskip("torch")
    for part in (PatchWhitening(3), Standardization()):
        maps = COLOUR.reshape(24, 4, 4, 12)[..., :9].copy()
        wanted, found = (part.build((4, 4, 9), np.random.default_rng(0), v) for v in (maps, torch.tensor(maps)))
        for key, value in wanted.state.items():
            np.testing.assert_allclose(found.state[key], value, rtol=1e-9, atol=1e-12)
        with np.errstate(all="ignore"):
            tiny = part.build((4, 4, 9), np.random.default_rng(0), torch.tensor(maps * 1e-200))
        np.testing.assert_allclose(tiny.forward(maps * 1e-200), wanted.forward(maps), rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="PatchWhitening cannot learn from flat patches"):
        PatchWhitening(3).build((4, 4, 9), np.random.default_rng(0), torch.ones((2, 4, 4, 9)))


TRAINED = [name for name, (_, _, y, _) in CASES.items() if y is not None]


@pytest.mark.parametrize("name", TRAINED)
def test_training_on_tensors_is_refused_in_words(name):
    estimator, x, y, _ = CASES[name]
    tensor = moved(x, "array_api_strict")
    for method in ("fit", "partial_fit"):
        if hasattr(estimator, method):
            with pytest.raises(TypeError, match=r"learns from and measures NumPy arrays alone.*as_module trains"):
                getattr(clone(estimator), method)(tensor, y)


def test_what_only_numpy_can_do_is_refused_in_words():
    torch = pytest.importorskip("torch")
    x = torch.tensor(IMAGES)
    with pytest.raises(TypeError, match="NumPy arrays alone"):
        Scattering2D(2, energy=0.9).fit(x)
    with pytest.raises(TypeError, match="NumPy arrays alone"):
        Scattering2D(2).fit(x).energies(x)
    with pytest.raises(TypeError, match=r"engine='kymatio' computes on NumPy arrays alone.*use engine='native'"):
        Scattering2D(2, engine="kymatio").fit(IMAGES).transform(x)
    network = ConvKernelNetwork(**CKN).fit(IMAGES).network_
    with pytest.raises(TypeError, match="pullback takes NumPy arrays"):
        network.vjp(x[..., None], np.ones((24, *network.out_shape((8, 9, 1)))))


@pytest.mark.parametrize("library", LIBRARIES)
def test_scattering_is_fitted_and_maps_are_made_where_the_images_are(library):
    x = IMAGES.astype(np.float32)
    tensor = moved(x, library)
    for estimator in (Scattering2D(1, L=4), RotoTranslationScattering2D(1, L=4)):
        check_same(estimator.fit(tensor).maps(tensor), estimator.fit(x).maps(x), tensor, 1e-5)
    signals = moved(x[:, 0], library)
    check_same(Scattering1D(1).fit(signals).maps(signals), Scattering1D(1).fit(x[:, 0]).maps(x[:, 0]), signals, 1e-5)
    network = ConvKernelNetwork(**CKN).fit(tensor).network_
    for name, maps in network.trace(tensor[..., None]).items():
        check_same(maps, network.trace(x[..., None])[name], tensor, 1e-5)


# -- the exact kernel ------------------------------------------------------------------------------------------------

KERNELS = {
    "one layer": ConvKernel((3,)),
    "two layers": ConvKernel(subsampling=(2, 1)),
    "tangent": ConvKernel((3, 2), padding="reflect", tangent=True),
    "valid": ConvKernel((3, 2), 1, padding="valid", kernel="arccosine"),
    "circular": ConvKernel(((1, 3), 2), padding="circular", kernel=("inverse_polynomial", "exponential")),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", KERNELS)
def test_the_exact_kernel_follows_the_array(name, dtype, library, monkeypatch):
    kernel, x, y = KERNELS[name], COLOUR[:4, :6].astype(dtype), COLOUR[4:7, :6].astype(dtype)
    x[0] = 0
    a, b, tol = moved(x, library), moved(y, library), 1e-12 if dtype == np.float64 else 1e-5
    check_same(kernel(a, b), kernel(x, y), a, tol)
    check_same(kernel(a), kernel(x), a, tol)
    check_same(kernel.diag(a), kernel.diag(x), a, tol)
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 2**17)
    check_same(kernel(b, a), kernel(y, x), a, tol)
    gram, gradient = kernel(b, eval_gradient=True)
    assert tuple(gradient.shape) == (3, 3, 0)
    check_same(gram, kernel(y), a, tol)


def test_distances_of_tensors_are_computed_in_float64():
    torch = pytest.importorskip("torch")
    x = COLOUR[:3].astype(np.float32)
    found = ConvKernel()(torch.tensor(x)), ConvKernel().distances(torch.tensor(x), torch.tensor(x[1:]))
    assert [v.dtype for v in found] == [torch.float32, torch.float64]
    np.testing.assert_allclose(found[1].numpy(), ConvKernel().distances(x, x[1:]), atol=1e-6)
    huge = ConvKernel().diag(torch.tensor(x * np.float32(1e15)))
    np.testing.assert_allclose(huge.numpy(), ConvKernel().diag(x * np.float32(1e15)), rtol=1e-6)


def test_the_exact_kernel_has_gradients_at_empty_patches():
    torch = pytest.importorskip("torch")
    images = COLOUR[:3].copy()
    images[0], images[1, :5] = 0, 0
    x = torch.tensor(images, requires_grad=True)
    ConvKernel()(x).sum().backward()
    assert bool(torch.isfinite(x.grad).all())
    assert float(x.grad.abs().max()) > 0


def test_the_exact_kernel_refuses_what_does_not_go_together(tmp_path):
    torch = pytest.importorskip("torch")
    x = torch.tensor(COLOUR[:2])
    with pytest.raises(TypeError, match=r"X and Y must be arrays of one library, got <class 'torch\.Tensor'> and"):
        ConvKernel()(x, COLOUR[:2])
    with pytest.raises(TypeError, match="A checkpoint keeps kernels of NumPy arrays"):
        ConvKernel(checkpoint=tmp_path / "a")(x)
    with pytest.raises(TypeError, match="NumPy arrays alone"):
        ConvKernel().cost(x)
    with pytest.raises(ValueError, match="Y holds 1 non-finite values"):
        ConvKernel()(x, torch.where(x == x[0, 0, 0, 0], torch.nan, x))


# -- inside scikit-learn ---------------------------------------------------------------------------------------------


def test_tags_say_who_follows_and_fits_any_array():
    follow = {name: get_tags(estimator).array_api_support for name, (estimator, *_) in CASES.items()}
    assert {name for name, welcome in follow.items() if not welcome} == {"scattering-log", *TRAINED}
    assert not get_tags(Scattering2D(engine="kymatio")).array_api_support


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9), reason="before 1.9 scikit-learn checks less"
)
def test_scikit_learn_takes_our_features_where_they_are():
    """In a process of its own: SciPy reads SCIPY_ARRAY_API when it is imported."""
    for library in ("torch", "array_api_strict"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    script = Path(__file__).parent / "array_api_checks.py"
    run = [sys.executable, "-W", "error::FutureWarning", str(script)]
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(run, capture_output=True, text=True, check=False, env=environment, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_dtypes_of_other_libraries_have_names_in_numpy():
    torch = pytest.importorskip("torch")
    assert numpy_dtype(torch.zeros(2)) == np.float32
    assert numpy_dtype(torch.zeros(2, dtype=torch.float64)) == np.float64
    assert numpy_dtype(torch.zeros(2, dtype=torch.uint8)) == np.float32


def test_a_network_that_flattens_follows_too():
    torch = pytest.importorskip("torch")
    estimator = NetworkTransformer(serial(Flatten(), Dense(3)), random_state=0).fit(torch.tensor(IMAGES))
    check_same(estimator.transform(torch.tensor(IMAGES)), estimator.transform(IMAGES), torch.tensor(IMAGES), 1e-12)
