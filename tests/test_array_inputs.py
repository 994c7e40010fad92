"""Whatever takes arrays refuses what is not numbers, in its own words, and reads what is."""

from decimal import Decimal

import numpy as np
import pytest
import registry
from scipy import sparse

from kernelconv import (
    AffineSubspaceClassifier,
    Augmentation,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    ConvNetClassifier,
    ConvNetRegressor,
    Scattering1D,
    Scattering2D,
    Scattering3D,
    SmoothDeformation,
    Translation,
    measure_stability,
    serial,
    warp,
)
from kernelconv.datasets import Dataset, Split, write_idx
from kernelconv.deformations import corrupt
from kernelconv.networks import ScatteringTransform
from kernelconv.operators import (
    ArcCosine,
    BatchNorm,
    ConvexSum,
    Convolution,
    Dense,
    Exponential,
    FilterBank,
    FilterBank1D,
    GlobalPooling,
    KernelMapping,
    KernelProduct,
    LowPass,
    MaxPooling,
    OrbitPooling,
    PatchCentering,
    PatchExtraction,
    PatchWhitening,
    ReLU,
    Residual,
    Softplus,
    Standardization,
    WaveletTransform,
    extract_patches,
    extract_patches_adjoint,
    inverse_sqrt,
    sample_patches,
    spherical_kmeans,
)
from kernelconv.stability import (
    StabilityBound,
    StabilityReport,
    bootstrap_difference,
    bootstrap_interval,
    compare_stability,
    cosine_distance,
    deformation_sensitivity,
    lipschitz_ratio,
    measure_corruptions,
    measure_worst_case,
    relative_change,
    relative_stability,
    translation_error,
)
from kernelconv.stability.measures import spread

X = np.random.default_rng(0).random((6, 6, 6))
Y = np.arange(6) % 2
NOT_NUMBERS = {
    "masked": lambda x: np.ma.array(x, mask=x > 0.5),
    "masked, no mask": np.ma.array,
    "list of masked": lambda x: [np.ma.array(row, mask=row > 0.5) for row in x],
    "text": lambda x: x.astype(str),
    "bytes": lambda x: x.astype("S"),
    "objects of text": lambda x: x.astype(str).astype(object),
    "objects, one None": lambda x: np.where(x == x.flat[0], None, x),
    "dates": lambda x: (1000 * x).astype("M8[D]"),
    "times": lambda x: (1000 * x).astype("m8[s]"),
    "records": lambda x: x.astype([("a", float)]),
    "dict": lambda x: {"a": x},
    "generator": lambda x: (row for row in x),
    "ragged": lambda x: [x[0].tolist(), x[0, :-1].tolist()] if x.ndim > 1 else [[1.0, 2.0], [3.0]],
}
ONLY_REAL = {"complex": lambda x: x + 1j, "complex objects": lambda x: (x + 1j).astype(object)}
ONLY_FINITE = {"NaN": lambda x: np.where(x == x.flat[0], np.nan, x), "int beyond": lambda x: np.full(x.shape, 10**400)}
SAME = {
    "objects": lambda x: x.astype(object),
    "decimals": lambda x: np.vectorize(Decimal, otypes=[object])(x),
    "big-endian": lambda x: x.astype(">f8"),
    "list": lambda x: x.tolist(),
    "Fortran order": np.asfortranarray,
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}

ROWS, MAPS, ONE_EACH, SIGNALS, VOLUMES = X.reshape(6, -1), X[..., None], X[:, 0, 0], X[:, 0], X.reshape(6, 3, 2, -1)


def fit(estimator, *y):
    return lambda x: estimator.fit(x, *y)


def outputs(estimator, x, *y):
    fitted = estimator.fit(x, *y)
    return getattr(fitted, "transform", getattr(fitted, "decision_function", None))


CKN, SHAPED = ConvKernelNetwork(3, random_state=0), ConvKernelNetwork(3, image_shape=(6, 6), random_state=0)
#: name -> (function, what it reads)
INPUTS = {
    "fit of images": (fit(ConvKernelNetwork(3, random_state=0)), X),
    "fit of rows": (fit(ConvKernelNetwork(3, image_shape=(6, 6), random_state=0)), ROWS),
    "transform of images": (outputs(CKN, X), X),
    "transform of rows": (outputs(SHAPED, ROWS), ROWS),
    "ConvNetClassifier.fit": (fit(ConvNetClassifier("mlp", epochs=1, random_state=0), Y), X),
    "targets": (lambda y: ConvNetRegressor("mlp", epochs=1, random_state=0).fit(X, y), ONE_EACH),
    "AffineSubspaceClassifier.fit": (fit(AffineSubspaceClassifier(1), Y), ROWS),
    "AffineSubspaceClassifier.predict": (AffineSubspaceClassifier(1).fit(ROWS, Y).predict, ROWS),
    "ConvKernel": (ConvKernel(3), X),
    "Scattering2D": (fit(Scattering2D(J=1)), X),
    "Scattering1D": (fit(Scattering1D(J=1, Q=1)), SIGNALS),
    "Scattering3D": (fit(Scattering3D(J=1, L=1)), VOLUMES),
    "Scattering1D of channels": (fit(Scattering1D(J=1, Q=1)), X),
    "Network.forward": (serial(ReLU()).build((6, 6, 1)).forward, MAPS),
    "extract_patches": (lambda x: extract_patches(x, 3), MAPS),
    "extract_patches_adjoint": (lambda p: extract_patches_adjoint(p, (6, 6, 1), 1), MAPS),
    "warp": (lambda x: warp(x, np.ones((6, 6, 2))), X),
    "tau of warp": (lambda tau: warp(X, tau), np.stack([X[0], X[1]], -1)),
    "corrupt": (lambda x: corrupt(x, "contrast"), X),
    "bootstrap_interval": (lambda v: bootstrap_interval(v, 0), ONE_EACH),
    "bootstrap_interval over": (lambda v: bootstrap_interval(np.ones(6), 0, over=v), ONE_EACH),
    "bootstrap_difference": (lambda v: bootstrap_difference(np.ones(6), v, 0), ONE_EACH),
    "relative_change": (lambda v: relative_change(v, X + 1), X),
    "cosine_distance": (lambda v: cosine_distance(X, v), X),
    "spread": (spread, X),
    "relative_stability": (lambda v: relative_stability(X + 1, v, X), X),
    "strength of lipschitz_ratio": (lambda s: lipschitz_ratio(X, X + 1, s), ONE_EACH),
    "measure_stability": (lambda x: measure_stability(abs, x, SmoothDeformation(2), [0.1], random_state=0), X),
}
PARTS = {"part": (ReLU().forward, MAPS), "PatchExtraction": (PatchExtraction(3).forward, MAPS)}
WORDS = (
    r"must hold numbers|is masked|is a ragged list|must be a number|labels|Complex data not supported|non-finite"
    r"|Input \w+ contains NaN|holds numbers beyond|cannot be read|real numbers"
)


@pytest.mark.parametrize("kind", [*NOT_NUMBERS, *ONLY_REAL, *ONLY_FINITE])
@pytest.mark.parametrize("name", INPUTS)
def test_what_is_not_finite_real_numbers_is_refused_everywhere(name, kind):
    function, x = INPUTS[name]
    with pytest.raises(ValueError, match=WORDS):
        function((NOT_NUMBERS | ONLY_REAL | ONLY_FINITE)[kind](x))


@pytest.mark.parametrize("kind", NOT_NUMBERS)
@pytest.mark.parametrize("name", PARTS)
def test_parts_refuse_what_is_no_numbers_too(name, kind):
    function, x = PARTS[name]
    with pytest.raises(ValueError, match=WORDS):
        function(NOT_NUMBERS[kind](x))


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("name", ["transform of images", "AffineSubspaceClassifier.predict", "warp", "extract_patches"])
def test_what_is_numbers_of_another_type_is_read(name, kind):
    function, x = INPUTS[name]
    read, wanted = function(SAME[kind](x)), function(x)
    assert np.abs(wanted).max() > 0
    assert np.allclose(read, wanted, rtol=1e-5, atol=1e-6)
    if kind in ("big-endian", "list", "Fortran order", "read-only"):  # float64 stays what it is
        assert read.dtype == wanted.dtype
        assert np.allclose(read, wanted, rtol=1e-14)


@pytest.mark.parametrize("rows", ["images", "rows"])
def test_sparse_images_are_refused_in_words(rows):
    estimator = CKN if rows == "images" else SHAPED
    with pytest.raises((ValueError, TypeError), match=r"Sparse data was passed for X, but dense data is required"):
        estimator.fit(sparse.csr_array(ROWS))


def test_tables_of_numbers_are_read_and_others_refused():
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    table = pd.DataFrame(ROWS).rename(columns=str)
    shaped = ConvKernelNetwork(3, image_shape=(6, 6), random_state=0)
    assert np.array_equal(shaped.fit(table).transform(table), shaped.fit(ROWS).transform(ROWS))
    for other in (table.astype(str), table.assign(a="1"), table.assign(a=pd.Timestamp("2020-01-01"))):
        for estimator in (shaped, AffineSubspaceClassifier(1), Scattering1D(J=1, Q=1)):
            with pytest.raises(ValueError, match="X must hold numbers"):
                estimator.fit(other, Y)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (["a", 1, 2, "a", 1, 2], r"y mixes strings \('a'\) and numbers \(1\): labels must be of one kind"),
        (np.array([1, None] * 3), "y must hold labels, numbers or strings, got None"),
        (np.ma.array(Y, mask=Y > 0), "y is masked"),
        ([[0, 1], [0]] * 3, "y is a ragged list"),
    ],
)
@pytest.mark.parametrize(
    "classifier",
    [
        ConvNetClassifier("mlp", epochs=1, random_state=0),
        ConvKernelClassifier(3, epochs=0, random_state=0),
        AffineSubspaceClassifier(1),
    ],
)
def test_labels_of_no_one_kind_are_refused(classifier, labels, match):
    with pytest.raises(ValueError, match=match):
        classifier.fit(ROWS if isinstance(classifier, AffineSubspaceClassifier) else X, labels)


@pytest.mark.parametrize("strengths", [0.1, None, (), "ab", {0.1}, (s for s in (0.1, 0.2)), [[0.1]], ["a"], [None]])
@pytest.mark.parametrize("measure", [measure_stability, measure_worst_case])
def test_strengths_are_a_sequence_of_numbers(measure, strengths):
    with pytest.raises(ValueError, match=r"strengths must be a non-empty sequence, got|strength must be a number, got"):
        measure(abs, X, SmoothDeformation(2), strengths, random_state=0)


def test_a_ratio_over_nothing_is_refused():
    with pytest.raises(ValueError, match=r"over has the mean 0 in \d+ of 1000 resamples: their ratio is undefined"):
        bootstrap_interval([1.0, 2.0, 3.0], 0, over=[0, 0, 1])
    with pytest.raises(ValueError, match="over_second has the mean 0 in 1000 of 1000 resamples"):
        bootstrap_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0, over_second=[0, 0, 0])


def test_strengths_of_a_ratio_are_one_or_one_an_image():
    with pytest.raises(ValueError, match=r"strength must be a number or .6,., one an image, got shape \(5,\)"):
        lipschitz_ratio(X, X + 1, np.ones(5))


@pytest.mark.parametrize(
    "estimator", [ConvKernelNetwork(3), Scattering2D(J=1), ConvNetClassifier("mlp", epochs=1, random_state=0)]
)
def test_channels_first_are_refused_by_estimators_unless_they_are_told(estimator):
    maps = np.random.default_rng(0).random((4, 3, 8, 7))
    with pytest.raises(ValueError, match=r"channels first.* numpy\.moveaxis\(X, 1, -1\)"):
        estimator.fit(maps, Y[:4])
    told = estimator.set_params(image_shape=(3, 8, 7)).fit(maps, Y[:4])
    assert told.image_shape_ == (3, 8, 7)
    assert serial(ReLU()).build((3, 8, 7)).forward(maps).shape == maps.shape  # parts do not guess


# -- parts: gradients, training maps, complex maps, other sizes --------------------------------------------------------

SHAPE = (5, 6, 2)
MAPS = np.random.default_rng(1).random((3, *SHAPE))
GOES_BACK = ["relu", "dense", "gaussian", "transposed convolution", "layer", "wavelets", "cnn", "patches centred"]
BUILT = {name: registry.SPECIFICATIONS[name].build(registry.SHAPE, np.random.default_rng(1)) for name in GOES_BACK}


@pytest.mark.parametrize("name", GOES_BACK)
def test_what_goes_back_through_a_part_has_the_shape_of_its_output(name):
    part, x = BUILT[name], registry.images()
    y = part.forward(x)
    for g in (y[:2], y[..., :1], y[0], np.float64(1), np.concatenate([y, y], axis=2)):
        with pytest.raises(ValueError, match="g must have the shape of the output"):
            part.vjp(x, g)
    for g in (y.astype("U8"), np.ma.array(y, mask=y > 0)):
        with pytest.raises(ValueError, match=r"g must hold numbers|g is masked"):
            part.vjp(x, g)
    of_lists, of_arrays = part.vjp(x, y.tolist())[0], part.vjp(x, y)[0]
    assert np.abs(of_arrays).max() > 0
    assert np.array_equal(of_lists, of_arrays)


def test_tensors_go_forward_not_back():
    torch = pytest.importorskip("torch")
    part, x = BUILT["dense"], registry.images()
    g = torch.as_tensor(part.forward(x))
    with pytest.raises(TypeError, match="g must be a NumPy array"):
        part.vjp(x, g)
    with pytest.raises(TypeError, match="y must be a NumPy array"):
        BUILT["gaussian"].adjoint(torch.as_tensor(BUILT["gaussian"].forward(x)))


@pytest.mark.parametrize(
    "part",
    [ReLU(), Softplus(), MaxPooling(2), GlobalPooling("max"), KernelMapping(3), BatchNorm(), Standardization()],
)
def test_complex_maps_are_refused_where_they_mean_nothing(part):
    built = part.build(SHAPE, np.random.default_rng(0))
    with pytest.raises(ValueError, match="takes real maps, got complex ones"):
        built.forward(MAPS + 1j * MAPS)
    with pytest.raises(ValueError, match="takes real maps"):
        serial(PatchExtraction(1), part).build(SHAPE, np.random.default_rng(0)).parts[1].forward(MAPS + 1j)


def test_a_low_pass_and_scattering_do_not_drop_imaginary_parts():
    x = np.random.default_rng(0).random((2, 8, 8, 1))
    for part in (LowPass(FilterBank((8, 8), 1)), ScatteringTransform(1, 2)):
        with pytest.raises(ValueError, match="takes real maps"):
            part.build((8, 8, 1)).forward(x + 1j * x)


@pytest.mark.parametrize(
    ("part", "shape", "match"),
    [
        (Convolution(2, 2), (5, 6, 3), "has weights for 2 channels, got maps of shape"),
        (KernelMapping(3), (5, 6, 3), "has weights for 2 channels"),
        (BatchNorm(), (5, 6, 1), "has weights for 2 channels"),
        (Dense(3), (5, 5, 2), "Dense has weights for 60 values, maps of shape .* have 50"),
        (Dense(3), (5, 6, 1), "has weights for 2 channels"),
    ],
)
def test_maps_that_weights_do_not_fit_are_refused(part, shape, match):
    built = part.build(SHAPE, np.random.default_rng(0))
    with pytest.raises(ValueError, match=match):
        built.forward(np.ones((2, *shape)))


@pytest.mark.parametrize(
    "name", ["patches", "wavelets", "batch normalization", "dense", "flatten", "scattering", "concat"]
)
def test_parts_make_nothing_of_no_maps(name):
    part = registry.SPECIFICATIONS[name].build(registry.SHAPE, np.random.default_rng(0))
    nothing, y = np.ones((0, *registry.SHAPE), np.float32), part.forward(np.ones((1, *registry.SHAPE), np.float32))
    assert part.forward(nothing).shape == (0, *y.shape[1:])
    assert part.forward(nothing).dtype == y.dtype
    with pytest.raises(ValueError, match="x is empty"):
        part.vjp(nothing, y[:0])
    if part.linear:
        assert part.adjoint(y[:0]).shape == nothing.shape


LEARNED = [KernelMapping(3), PatchWhitening((1, 2)), PatchCentering((1, 2)), Standardization()]


@pytest.mark.parametrize("part", [*LEARNED, serial(ReLU(), KernelMapping(3))])
def test_training_maps_are_read_as_images_are(part):
    rng = np.random.default_rng
    built = part.build(SHAPE, rng(0), MAPS)
    again = part.build(SHAPE, rng(0), MAPS.tolist())
    assert all(np.array_equal(built.params[name], again.params[name]) for name in built.params)
    assert np.array_equal(built.forward(MAPS), again.forward(MAPS))
    for data, match in (
        (MAPS[..., :1], r"must be maps \(n, 5, 6, 2\)|of shape"),
        (MAPS[0], "must be maps|axes|of shape"),
        (MAPS.astype("U8"), "must hold numbers"),
        (np.ma.array(MAPS, mask=MAPS > 0.5), "masked"),
        (MAPS[:0], "is empty"),
        ({1: 2}, "data"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            part.build(SHAPE, rng(0), data)


def test_sampled_patches_are_finite_numbers():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="maps holds 1 non-finite"):
        sample_patches(np.where(np.arange(MAPS.size).reshape(MAPS.shape) == 3, np.nan, MAPS), 90, rng)
    with pytest.raises(ValueError, match="block must be an int >= 1"):
        sample_patches(MAPS, 5, rng, block=0)
    with pytest.raises(ValueError, match=r"maps must be maps \(n, h, w, c\), got shape \(5, 6, 2\)"):
        sample_patches(MAPS[0], 5, rng)


@pytest.mark.parametrize("k", [np.ones((2, 3)), np.float64(1), np.ones((0, 0)), np.eye(2) * np.nan, np.eye(2) * 1j])
def test_what_is_no_matrix_has_no_inverse_root(k):
    with pytest.raises(ValueError, match=r"k must be a square matrix|k holds|Complex data"):
        inverse_sqrt(k)


@pytest.mark.parametrize("kernel", registry.KERNELS)
def test_kernels_read_whole_numbers_as_floats(kernel):
    u = np.array([[0, 1]])
    for dtype in ("u1", "i8", ">f8"):
        assert np.allclose(kernel(u.astype(dtype)), kernel(u.astype(float)), rtol=1e-5)
    if kernel.differentiable:
        assert np.allclose(kernel.derivative(u.astype("u1")), kernel.derivative(u.astype(float)), rtol=1e-5)
    assert kernel(u.astype("u1")).dtype == np.float32
    x = np.array([[3, 1], [0, 2]], "u1")
    assert kernel.gram(x).dtype == np.float32
    assert np.allclose(kernel.gram(x), kernel.gram(x.astype(float)), rtol=1e-3)  # ArcCosine(0) is Hölder 1/2
    for wrong in (np.ones((2, 3)), np.ones(2), np.full((2, 2), np.nan), np.ones((2, 2), complex)):
        with pytest.raises(ValueError, match=r"must be rows|non-finite|Complex"):
            kernel.gram(x.astype(float), wrong)
    for n in (-1, 2.0, "3", True, 10**30):
        with pytest.raises(ValueError, match="n must be an int >= 0"):
            kernel.taylor(n)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ConvexSum(("vovk",), 1.0), "weights must be 1 numbers >= 0 of sum 1, got 1.0"),
        (lambda: ConvexSum(("vovk",), ("a",)), "weights must be 1 numbers >= 0 of sum 1"),
        (lambda: ArcCosine(np.array(1)), "degree must be 0, 1 or 2"),
        (lambda: OrbitPooling(3), "part of an OrbitPooling must be a part, got 3"),
        (lambda: Residual("abc"), "branch of a Residual must be a part, got 'abc'"),
        (lambda: Residual(ReLU(), 3), "shortcut of a Residual must be a part"),
        (lambda: WaveletTransform(0, bank=3), "bank must be a FilterBank or a FilterBank1D, got 3"),
        (lambda: LowPass(int), "bank must be a FilterBank"),
        (lambda: LowPass(np.zeros((8, 8))), "bank must be a FilterBank"),  # which has a shape
        (lambda: ScatteringTransform(1, only=3), "only must be a tuple of paths"),
        (lambda: ConvKernel((2,), checkpoint=3)(X), "checkpoint must be the path of a file, got 3"),
        (lambda: spherical_kmeans(X[0], 2, np.random.default_rng(0), tol="a"), "tol must be a number"),
        (lambda: spherical_kmeans(X, 2, np.random.default_rng(0)), "x must be vectors"),
        (lambda: spherical_kmeans(X[0], 2, np.random.default_rng(0), n_iter=-1), "n_iter must be an int >= 0, got -1"),
        (lambda: spherical_kmeans(X[0], 2, np.random.default_rng(0), n_iter=2.5), "n_iter must be an int >= 0"),
        (
            lambda: KernelMapping(10**6).build(SHAPE, np.random.default_rng(0)),
            "A kernel mapping of 1000000 anchors would need",
        ),
        (lambda: Dataset("own", "Own", len, train_sizes=3), "train_sizes, a sequence of ints"),
        (lambda: measure_stability(abs, X, SmoothDeformation(1), n_jobs=1.5), "n_jobs must be None or a non-zero int"),
        (
            lambda: measure_stability(abs, X, SmoothDeformation(1), head=(1,)),
            r"head must have predict or be a function",
        ),
        (lambda: measure_stability(abs, X, SmoothDeformation(1), head=len), "head must return one label a row"),
        (lambda: compare_stability({"a": abs}, X, SmoothDeformation(1), heads=3), "heads must be a dict"),
        (lambda: measure_corruptions(abs, X, Y, len, severities=3), "severities must be a non-empty sequence"),
        (lambda: translation_error(abs, X, {1: 2}), "shift must hold numbers"),
        (lambda: translation_error(abs, X, (1, 2, 3)), "shift must be .rows, columns., two numbers"),
        (lambda: relative_change(1e300 * X[0], X[0]), "cannot be squared in float64"),
        (lambda: Augmentation(rotation=1e308), "rotation must be at most 1e30"),
        (lambda: Split("a", X, Y, X, Y, arguments=[1]), "arguments must be a tuple of str"),
        (lambda: serial(ReLU(), names=3), "names must be a list of strings"),
        (lambda: Scattering2D(1, normalized=np.ones(2)).fit(X), "normalized must be True or False"),
        (lambda: Scattering2D(1, log="no").fit(X), "log must be True or False"),
        (lambda: ConvKernel((2,), tangent=np.ones(2))(X), "tangent must be True or False"),
        (lambda: ConvKernelNetwork((2,), 2, verbose="no").fit(X), "verbose must be True or False"),
        (lambda: ConvNetClassifier("mlp", epochs=1, verbose="no").fit(X, Y), "verbose must be True or False"),
        (lambda: Convolution(2, 1, bias="no").build(SHAPE, np.random.default_rng(0)), "bias must be True or False"),
        (lambda: SmoothDeformation(1).sample(5, 0.1, allow_folding="no"), "allow_folding must be True or False"),
        (lambda: FilterBank1D(8, 1, decimating=np.ones(2)), "decimating must be True or False"),
        (lambda: FilterBank1D(8, 1, T="a"), "T must be a number"),
        (lambda: Translation().sample(5, 1e308, 0), "strength must be between"),
        (lambda: write_idx("", np.array([1])), "names no file"),
        (lambda: ConvNetClassifier("mlp", learning_rate=1e308).fit(X, Y), "learning_rate must be at most 1e.12"),
        (lambda: ConvNetClassifier("mlp", weight_decay=1e30).fit(X, Y), "weight_decay must be at most 1e.12"),
        (lambda: AffineSubspaceClassifier(np.ones(2)).fit(X[0], Y), "n_components must be an int"),
        (lambda: Dataset("own", np.ones(2), len), "needs a title"),
        (lambda: Dataset("own", "Own", len, checksums=3), "needs checksums, a mapping of file name to SHA-256, got 3"),
        (lambda: Dataset("own", "Own", len, class_names="ab"), "needs class_names, one word for each class, got 'ab'"),
        (lambda: Dataset("own", "Own", len, class_names=["a", "a"]), "needs class_names, one word for each class"),
        (lambda: measure_stability(abs, 1e290 * X, SmoothDeformation(1)), "cannot be squared in float64"),
        (lambda: FilterBank1D(8, 1, T=1e-308), "T must be from 1e-3 to 1e100 samples"),
        (lambda: FilterBank1D(8, 1, T=0.99e-3), "T must be from 1e-3 to 1e100 samples"),
        (lambda: FilterBank1D(8, 1, T=1.01e100), "T must be from 1e-3 to 1e100 samples"),
        (lambda: write_idx("a.idx", np.ma.array([[1]], mask=[[1]])), "array is masked"),
    ],
)
def test_junk_for_a_part_of_the_whole_is_named(make, match):
    with pytest.raises((ValueError, TypeError), match=match):
        make()


def test_small_ints_of_numpy_are_ints():
    x = np.random.default_rng(0).random((2, 8, 8))
    small = Scattering2D(np.uint8(1), np.uint8(2), np.uint8(2), oversampling=np.uint8(0)).fit(x).transform(x)
    assert np.array_equal(small, Scattering2D(1, 2, 2).fit(x).transform(x))
    signals = Scattering1D(np.uint8(2), np.uint8(1), max_order=np.int8(2)).fit(x[0]).transform(x[0])
    assert np.array_equal(signals, Scattering1D(2, 1).fit(x[0]).transform(x[0]))


@pytest.mark.parametrize("x", [X[0], X])
def test_signals_of_whole_numbers_are_float32(x):
    whole = (10 * x).astype("u1")
    assert Scattering1D(1).fit(whole).transform(whole).dtype == np.float32
    assert Scattering1D(1).fit(x).transform(x).dtype == np.float64


def test_bounds_and_kernels_of_what_stands_for_numbers():
    bound = StabilityBound(2, 5.0, 0.5, 1.0)
    assert bound.right_hand_side([0.2, 0.1], [1.5, 1.0]).tolist() == pytest.approx([0.6, 0.35])
    assert isinstance(bound.right_hand_side(0.2, 1.5), float)
    with pytest.raises(ValueError, match="must be numbers or of one shape"):
        bound.right_hand_side([0.2, 0.1], [1.5])
    assert np.array_equal(Exponential(np.float32(0.3)).taylor(9), Exponential(float(np.float32(0.3))).taylor(9))
    assert KernelProduct((Exponential(), Exponential())).taylor(0).shape == (0,)
    assert (FilterBank((8, 8), np.uint8(3), np.uint8(2)).psi == FilterBank((8, 8), 3, 2).psi).all()
    rows, report = np.array([[3.0, 1e30], [1.0, 2.0]], np.float32), StabilityReport(())
    assert np.isfinite(deformation_sensitivity(rows, rows[::-1]))
    with pytest.raises(ValueError, match="measure and name are words"):
        report.select("a", np.ones(2))
