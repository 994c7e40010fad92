"""Images found from their representation: exactly where it is linear and injective, near where it is scattering."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork, ConvNetClassifier, Scattering1D, Scattering2D, load_digits_images, serial
from kernelconv.operators import Convolution, Dense, Flatten, ReLU
from kernelconv.stability import Inversion, invert

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def digit():
    return load_digits_images()[0][7].astype(np.float64)  # in [0, 1]


@pytest.fixture(scope="module")
def linear():
    """Four filters on a circle of pixels: of full rank, so one image alone has their maps."""
    return serial(Convolution.from_weights(RNG(0).standard_normal((3, 3, 2, 4)), padding="circular")).build((6, 7, 2))


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_a_linear_representation_of_full_rank_is_inverted(linear):
    assert np.linalg.matrix_rank(linear.as_matrix()) == 84
    x = RNG(1).standard_normal((1, 6, 7, 2))
    found = invert(linear, linear.forward(x), n_starts=2, tol=1e-8, random_state=0)
    assert found.image.shape == (6, 7, 2)
    assert relative(found.image, x[0]) < 1e-6
    assert (
        found.relative_error
        == found.errors.min()
        == pytest.approx(relative(linear.forward(found.image[None]), linear.forward(x)))
    )
    assert (found.errors < 1e-7).all()


def test_of_one_that_loses_something_the_target_is_found_and_the_image_is_not():
    lossy = serial(Dense(10)).build((5, 5, 1), RNG(0))
    x = RNG(1).standard_normal((1, 5, 5, 1))
    found = invert(lossy, lossy.forward(x), random_state=0)
    assert found.relative_error <= 1e-6
    assert relative(found.image, x[0, ..., 0]) > 0.3


@pytest.mark.parametrize("J", [1, 2])
def test_scattering_of_a_digit(digit, J):
    scattering = Scattering2D(J, 6, padding="zero").fit(digit[None])
    target = scattering.transform(digit[None])
    found = invert(scattering, target, n_starts=2, bounds=(0, 1), max_iter=150, random_state=0)
    assert found.image.shape == (8, 8)
    assert 0 <= found.image.min() <= found.image.max() <= 1
    assert relative(scattering.transform(found.image[None]), target) == pytest.approx(found.relative_error, rel=1e-6)
    assert found.relative_error < 1e-4
    assert relative(found.image, digit) < 1e-3


@pytest.mark.once("oldest")
def test_scattering_of_a_signal():
    t = np.arange(64)
    signal = (np.cos(0.4 * t) * np.exp(-(((t - 30) / 12) ** 2)))[None]
    scattering = Scattering1D(J=2, Q=2).fit(signal)
    target, maps = scattering.transform(signal), scattering.maps(signal)
    found = invert(scattering, target, max_iter=150, random_state=0)
    assert found.image.shape == (64,)
    assert relative(scattering.transform(found.image[None]), target) < 1e-3
    assert relative(found.image, signal[0]) < 0.02
    starts = [
        invert(scattering, y, n_starts=1, max_iter=2, random_state=0).errors[0]
        for y in (target, target[0], maps, maps[0])
    ]
    np.testing.assert_allclose(starts, starts[0])
    assert invert(scattering, target, (64, 1), n_starts=1, max_iter=1, random_state=0).image.shape == (64, 1)


def test_rows_of_scattering_are_read_path_by_path_and_others_position_by_position(digit):
    for fitted in (Scattering2D(1, 4), ConvKernelNetwork((6,), n_patches=200, random_state=0)):
        fitted.fit(digit[None])
        network = fitted.network_
        by_row = invert(fitted, fitted.transform(digit[None])[0], max_iter=3, n_starts=1, random_state=0)
        by_map = invert(network, network.forward(digit[None, ..., None]), max_iter=3, n_starts=1, random_state=0)
        np.testing.assert_allclose(by_row.image, by_map.image, atol=1e-12)
        np.testing.assert_allclose(by_row.relative_error, by_map.relative_error)


def test_the_representation_of_a_classifier_is_that_of_its_transform(digit):
    X = np.stack([digit, digit[::-1], digit[:, ::-1], digit.T])
    clf = ConvNetClassifier(serial(Flatten(), Dense(80), Dense(2)), epochs=1, random_state=0).fit(X, [0, 1, 0, 1])
    found = invert(clf, clf.transform(X[:1]), tol=1e-5, random_state=0)
    assert relative(found.image, digit) < 1e-3


def test_an_object_with_forward_and_vjp_is_a_representation():
    square = SimpleNamespace(forward=lambda x: x**2, vjp=lambda x, g: 2 * x * g)
    found = invert(square, np.array([4.0, 9.0, 1.0]), (3,), bounds=(0.5, 9), random_state=0)
    assert found.image.shape == (3,)
    np.testing.assert_allclose(found.image, [2, 3, 1], atol=1e-5)


def test_the_best_of_several_starts_is_returned():
    wells = SimpleNamespace(  # two wells, of which one reaches the target
        forward=lambda x: x**4 / 4 - 2 * x**2 + x, vjp=lambda x, g: (x**3 - 4 * x + 1) * g
    )
    found = invert(wells, [[-6.0]], (1,), n_starts=6, bounds=(-3, 3), random_state=0)
    assert found.errors.shape == found.n_iterations.shape == found.n_evaluations.shape == (6,)
    assert found.relative_error == found.errors.min() < 0.01 < 0.5 < found.errors.max()
    one_by_one = [
        wells.forward(invert(wells, [[-6.0]], (1,), n_starts=k, bounds=(-3, 3), random_state=0).image) for k in (1, 6)
    ]
    np.testing.assert_allclose(np.abs(one_by_one[1][0] + 6) / 6, found.relative_error)
    first = invert(wells, [[-6.0]], (1,), n_starts=1, bounds=(-3, 3), random_state=0)
    assert first.errors[0] == found.errors[0], "a start does not depend on how many there are"
    assert "best of 6 starts" in repr(found)
    assert isinstance(found, Inversion)


def test_a_start_ends_when_it_may(linear):
    x = RNG(1).standard_normal((1, 6, 7, 2))
    short = invert(linear, linear.forward(x), n_starts=1, max_iter=2, random_state=0)
    rough = invert(linear, linear.forward(x), n_starts=1, tol=0.1, random_state=0)
    fine = invert(linear, linear.forward(x), n_starts=1, tol=1e-5, random_state=0)
    assert short.n_iterations[0] == 2
    assert 1e-5 < rough.relative_error <= 0.1
    assert fine.relative_error <= 1e-5
    assert rough.n_iterations[0] < fine.n_iterations[0]
    sooner = int(rough.n_iterations[0]) - 1
    assert invert(linear, linear.forward(x), n_starts=1, max_iter=sooner, random_state=0).relative_error > 0.1


def test_what_has_no_gradient_is_refused(digit):
    X = digit[None]
    kymatio = SimpleNamespace(forward=np.cos, vjp=lambda x, g: g, differentiable=False)
    for phi in (np.cos, PCA(1), make_pipeline(PCA(1)), kymatio, SimpleNamespace(vjp=lambda x, g: g), "phi"):
        with pytest.raises(TypeError, match=r"has no gradient to descend by\. Pass a built network or part, a fitted"):
            invert(phi, X, (8, 8))
    with pytest.raises(TypeError, match="no gradient to descend by"):
        invert(Scattering2D(), X)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": np.zeros((1, 10))}, "target is zero"),
        ({"target": np.full((1, 10), np.nan)}, "target holds 10 non-finite"),
        (
            {"target": np.ones((2, 10))},
            r"target must be the representation of one image, a row of 10 values or maps of",
        ),
        ({"shape": (5, 4)}, r"shape=\(5, 4\) is not that of the images \(5, 5, 1\)"),
        ({"shape": (5, 5, 1, 1)}, r"shape must be \(t,\), \(h, w\) or \(h, w, c\)"),
        ({"shape": (0, 5)}, r"shape must be \(height, width, channels\), three positive ints"),
        ({"n_starts": 0}, "n_starts must be an int >= 1"),
        ({"max_iter": 1.5}, "max_iter must be an int >= 1"),
        ({"tol": 0}, "tol must be > 0"),
        (
            {"bounds": (1, 0)},
            r"bounds must be \(low, high\), two finite numbers with low < high, or None, got \(1, 0\)",
        ),
        ({"bounds": (0, 1, 2)}, "bounds must be"),
        ({"bounds": (0, np.inf)}, "bounds must be"),
        ({"random_state": -1}, "random_state must be"),
    ],
)
def test_wrong_arguments(change, words):
    part = Dense(10).build((5, 5, 1), RNG(0))
    with pytest.raises(ValueError, match=words):
        invert(**{"representation": part, "target": np.ones(10), **change})


def test_a_shape_is_asked_for_where_nothing_says_it():
    with pytest.raises(ValueError, match=r"shape is needed: .* Pass shape=\(h, w\)"):
        invert(ReLU(), np.ones((4, 4, 1)))
    assert invert(ReLU(), np.ones((4, 4, 1)), (4, 4)).image.shape == (4, 4)


def test_what_is_not_finite_on_the_way_is_said():
    nan = SimpleNamespace(forward=lambda x: x * np.nan, vjp=lambda x, g: g)
    with pytest.raises(ValueError, match="must be finite real numbers, got float64 with 4 non-finite values of 4"):
        invert(nan, np.ones(4), (2, 2))
    gradient = SimpleNamespace(forward=lambda x: x, vjp=lambda x, g: g * np.inf)
    with pytest.raises(ValueError, match=r"phi\.vjp\(x, g\) holds 4 non-finite"), np.errstate(invalid="ignore"):
        invert(gradient, np.ones(4), (2, 2))
