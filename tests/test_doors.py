"""Every door for arrays says no to what is not numbers, in its own words, and reads what is."""

from decimal import Decimal

import numpy as np
import pytest
from scipy import sparse

from kernelconv import (
    AffineSubspaceClassifier,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    ConvNetClassifier,
    ConvNetRegressor,
    Scattering1D,
    Scattering2D,
    SmoothDeformation,
    measure_stability,
    serial,
    warp,
)
from kernelconv.deformations import corrupt
from kernelconv.operators import PatchExtraction, ReLU, extract_patches, extract_patches_adjoint
from kernelconv.stability import (
    bootstrap_difference,
    bootstrap_interval,
    cosine_distance,
    lipschitz_ratio,
    measure_worst_case,
    relative_change,
    relative_stability,
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

ROWS, MAPS, ONE_EACH, SIGNALS = X.reshape(6, -1), X[..., None], X[:, 0, 0], X[:, 0]


def fit(estimator, *y):
    return lambda x: estimator.fit(x, *y)


def outputs(estimator, x, *y):
    fitted = estimator.fit(x, *y)
    return getattr(fitted, "transform", getattr(fitted, "decision_function", None))


CKN, SHAPED = ConvKernelNetwork(3, random_state=0), ConvKernelNetwork(3, image_shape=(6, 6), random_state=0)
#: door -> (function, what it reads)
DOORS = {
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
@pytest.mark.parametrize("door", DOORS)
def test_what_is_not_finite_real_numbers_is_refused_at_every_door(door, kind):
    function, x = DOORS[door]
    with pytest.raises(ValueError, match=WORDS):
        function((NOT_NUMBERS | ONLY_REAL | ONLY_FINITE)[kind](x))


@pytest.mark.parametrize("kind", NOT_NUMBERS)
@pytest.mark.parametrize("door", PARTS)
def test_parts_refuse_what_is_no_numbers_too(door, kind):
    function, x = PARTS[door]
    with pytest.raises(ValueError, match=WORDS):
        function(NOT_NUMBERS[kind](x))


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("door", ["transform of images", "AffineSubspaceClassifier.predict", "warp", "extract_patches"])
def test_what_is_numbers_in_another_dress_is_read(door, kind):
    function, x = DOORS[door]
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
    with pytest.raises(ValueError, match=r"strength must be one number, or one for each of 6 images, got \(5,\)"):
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
