"""Certificates over clouds of fields: known answers, laws of the majority with fresh noise, flips, guarantees."""

import os

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom, norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from kernelconv import Scattering2D
from kernelconv.datasets import load_digits_images
from kernelconv.deformations import (
    AffineDeformation,
    CombinedDeformation,
    Dilation,
    ElasticDeformation,
    HolderDeformation,
    Rotation,
    SmoothDeformation,
    Translation,
    warp,
)
from kernelconv.operators import Convolution
from kernelconv.stability import (
    certify,
    certify_change,
    lipschitz_guarantee,
    measure_corruptions,
    measure_stability,
    smallest_flip,
)
from kernelconv.stability.smoothing.certificate import lower_bound
from kernelconv.stability.smoothing.change import upper_rank
from kernelconv.stability.smoothing.cloud import Cloud

X, Y = load_digits_images()
X = X.astype(np.float64)
SMOOTH = SmoothDeformation(3)


def constant(x):
    return np.zeros(len(x), int)


def ramp(height, width=2):
    """Images whose value is the row: shifted down by t px the pixel in the middle shows t less."""
    return np.repeat(np.arange(float(height))[:, None], width, axis=1)


def below(distance, middle=16):
    """Return f, 1 where the middle pixel of a ramp has sunk by more than a distance: linear in a shift."""
    return lambda x: (x[:, middle, 0] < middle - distance).astype(int)


# -- certificates: known answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "cap"), [(100, 1.50), (1000, 2.46), (10000, 3.20)])
def test_a_constant_classifier_reaches_the_cap(n, cap):
    found = certify(constant, X[:1], Translation(), 0.7, n_samples=n, n_select=10, order=0, random_state=0)
    assert found.radius[0] == found.cap
    assert found.cap == pytest.approx(0.7 * norm.ppf(1e-3 ** (1 / n)), rel=1e-12)
    assert round(found.cap / 0.7, 2) == cap
    assert found.strength[0] == found.radius[0]


@pytest.mark.once("oldest")
def test_a_linear_function_is_never_certified_beyond_its_distance_but_for_alpha():
    images, distance, alpha = np.repeat(ramp(33)[None], 2000, axis=0), 1.2, 0.05
    few = {"n_samples": 100, "n_select": 20, "alpha": alpha, "order": 1, "padding": "symmetric"}
    found = certify(below(distance), images, Translation(), 2.0, **few, random_state=1)
    beyond = int((found.radius > distance).sum())
    assert 0 < beyond <= binom.ppf(1 - 1e-6, 2000, alpha)
    assert (found.labels == 0).mean() > 0.9


@pytest.mark.parametrize("distance", [0.3, 1.9, 3.7])
def test_a_linear_function_is_certified_to_its_distance_with_many_samples(distance):
    many = {"n_samples": 100_000, "order": 1, "padding": "symmetric"}
    found = certify(below(distance), ramp(33)[None], Translation(), 2.0, **many, random_state=0)
    assert distance - 0.03 * 2.0 <= found.radius[0] <= distance


def test_a_fair_coin_is_not_certified():
    images, how = np.repeat(ramp(33)[None], 20, axis=0), {"order": 1, "padding": "symmetric"}
    found = certify(below(0.0), images, Translation(), 2.0, **how, random_state=0)
    assert found.abstained.all()
    assert (found.radius == 0).all()
    assert (found.strength == 0).all()
    assert found.accuracy(np.zeros(20, int), [0.0]).tolist() == [0.0]


def test_certified_accuracy_counts_what_is_right_and_reaches():
    found = certify(below(1.0), ramp(33)[None], Translation(), 2.0, order=1, padding="symmetric", random_state=0)
    t = found.strength[0]
    assert 0.5 < t < 1
    assert found.accuracy([0], [0, t, 1.001 * t]).tolist() == [1, 1, 0]
    assert found.accuracy([1], [0, t]).tolist() == [0, 0]
    assert found.accuracy([0]).shape == ()


def test_an_image_is_certified_alike_among_others():
    clf = RidgeClassifier().fit(X[:300].reshape(300, -1), Y[:300])
    f = rows_of(clf)
    whole = certify(f, X[300:304], SMOOTH, 0.5, random_state=3)
    part = certify(f, X[300:302], SMOOTH, 0.5, random_state=3)
    assert np.array_equal(whole.radius[:2], part.radius)
    assert len(set(whole.radius)) > 1


# -- from parameters to Jacobian norms ---------------------------------------------------------------------------------


def test_the_gain_of_sine_modes_is_the_one_in_closed_form():
    for side in (8, 28):
        assert SMOOTH.guaranteed_strength(side, 1.0) == pytest.approx(np.pi / (2 * np.sqrt(2) * (side - 1)), rel=1e-12)


@pytest.mark.once("oldest")
@pytest.mark.parametrize("family", [SMOOTH, SmoothDeformation(5), AffineDeformation()], ids=repr)
def test_no_parameters_have_a_smaller_norm_than_is_guaranteed(family):
    rng, shape = np.random.default_rng(0), (9, 12)
    p = family.n_parameters(shape)
    gain = family.guaranteed_strength(shape, 1.0)
    z = rng.standard_normal((10_000, p))
    grid = np.linspace(0, 8, 9), np.linspace(0, 11, 9)
    jacobians = np.concatenate([family.directions(shape, part).jacobian_on_grid(*grid) for part in np.split(z, 50)])
    on_grid = np.linalg.norm(jacobians, ord=2, axis=(-2, -1)).max(axis=(1, 2))  # at most the sup norm
    assert (gain * np.linalg.norm(z, axis=1) <= on_grid).all()

    def norm_of(z):
        return family.directions(shape, z[None] / np.linalg.norm(z)).jacobian_sup_norm[0]

    found = minimize(norm_of, z[on_grid.argmin()], method="Nelder-Mead", options={"maxfev": 150})
    assert gain <= found.fun <= 6 * gain
    assert gain > 0


def test_rotations_and_translations_are_converted_exactly():
    for angle in (0.1, 1.0, 3.0):
        field = Rotation().directions((9, 9), np.array([[angle]]))
        assert Rotation().guaranteed_strength((9, 9), angle) == pytest.approx(field.jacobian_sup_norm[0], rel=1e-12)
    assert Rotation().guaranteed_strength((9, 9), [4.0, np.inf]).tolist() == [2.0, 2.0]
    assert Translation().guaranteed_strength((9, 9), [0.0, 1.5]).tolist() == [0.0, 1.5]


@pytest.mark.parametrize("exponent", [1.0, 1.5])
def test_holder_fields_of_a_certified_strength_have_parameters_inside(exponent):
    family, rng = HolderDeformation(exponent, cutoff=3), np.random.default_rng(0)
    gain = family.guaranteed_strength((9, 9), 1.0)
    z = rng.standard_normal((200, family.n_parameters((9, 9))))
    norms = family.strength_of(family.directions((9, 9), z))
    assert gain > 0
    assert (gain * np.linalg.norm(z, axis=1) <= norms).all()
    sunk, image = lambda x: x[:, 4, 4] < 3.9, ramp(9, 9)[None]  # in the middle, where the field is not zero
    found = smallest_flip(sunk, image, family, n_evaluations=32, limit=5, random_state=0)
    assert np.isfinite(found.strength[0])
    assert family.strength_of(found.fields)[0] == pytest.approx(found.strength[0], rel=1e-6)
    assert HolderDeformation(0.5).guaranteed_strength((9, 9), [1.0, 2.0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("family", [ElasticDeformation(2.0), CombinedDeformation()], ids=repr)
def test_families_that_hold_translations_guarantee_no_norm(family):
    assert family.guaranteed_strength((9, 9), 5.0) == pytest.approx(0, abs=1e-7)


# -- the majority: laws with fresh noise ------------------------------------------------------------------------------


def rows_of(clf):
    return lambda x: clf.predict(x.reshape(len(x), -1))


MODELS = [
    DecisionTreeClassifier(max_depth=6, random_state=0),
    GaussianNB(var_smoothing=1e-2),
    RidgeClassifier(),
    LinearDiscriminantAnalysis(),
    KNeighborsClassifier(1, algorithm="brute"),
]


def check_majority(model, n_images, n_models, widen=1.0):
    """At fields inside the radius the class is as frequent as is certified, and no other has the majority."""
    f, images = rows_of(model.fit(X[:600].reshape(600, -1), Y[:600])), X[600 : 600 + n_images]
    sigma, n, rng = 0.5, 200, np.random.default_rng(5)
    found = certify(f, images, SMOOTH, sigma, n_samples=n, n_select=50, random_state=0)
    cloud, error = Cloud(SMOOTH, sigma), 1e-3 / (2 * 2 * n_images * n_models)
    assert (~found.abstained).mean() > 0.3
    for i in np.flatnonzero(~found.abstained):
        for share in (0.5, 0.99):
            direction = rng.standard_normal(SMOOTH.n_parameters((8, 8)))
            p = share * found.radius[i] * direction / np.linalg.norm(direction)
            votes = cloud.of(f, images[i][..., None], p, n, rng)
            seen = int((votes == found.labels[i]).sum())
            least = norm.cdf(widen * norm.ppf(found.probability[i]) - np.linalg.norm(p) / sigma)
            assert binom.cdf(seen, n, least) >= error
            others = np.unique(votes[votes != found.labels[i]], return_counts=True)[1]
            assert lower_bound(others.max(initial=0), n, error) <= 0.5


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_the_majority_is_what_is_certified(model):
    check_majority(model, 200 if os.environ.get("KERNELCONV_SLOW") == "1" else 20, len(MODELS))


def test_the_law_sees_a_certificate_that_says_too_much():
    with pytest.raises(AssertionError):
        check_majority(RidgeClassifier(), 20, 1, widen=3.0)


def test_a_classifier_may_flip_inside_the_radius_of_its_majority():
    image = X[:1]

    def at_rest(x):
        return (np.abs(x - image).max(axis=(1, 2)) < 1e-3).astype(int)

    guaranteed = certify(at_rest, image, SMOOTH, 0.5, random_state=0)
    found = smallest_flip(at_rest, image, SMOOTH, random_state=0)
    assert found.labels[0] == 1
    assert guaranteed.labels[0] == 0
    assert found.radius[0] < 0.1 * guaranteed.radius[0]


# -- flips -------------------------------------------------------------------------------------------------------------


def test_the_smallest_flip_of_a_linear_function_is_its_distance():
    found = smallest_flip(
        below(1.2), ramp(33)[None], Translation(), limit=5, order=1, padding="symmetric", random_state=0
    )
    assert 1.2 <= found.strength[0] < 1.22
    assert found.radius[0] == pytest.approx(found.strength[0])
    assert found.accuracy([0], [1.0, 1.3]).tolist() == [1.0, 0.0]


def test_flips_change_the_label_at_their_strength():
    f = rows_of(RidgeClassifier().fit(X[:600].reshape(600, -1), Y[:600]))
    images = X[600:608]
    found = smallest_flip(f, images, SMOOTH, n_evaluations=96, random_state=0)
    flipped = np.isfinite(found.strength)
    assert 3 <= flipped.sum()
    assert np.allclose(found.fields.jacobian_sup_norm[flipped], found.strength[flipped], rtol=1e-6)
    labels = f(warp(images, found.fields))
    assert (labels[flipped] != f(images)[flipped]).all()
    assert (found.strength[flipped] <= 0.9).all()
    few = smallest_flip(f, images, SMOOTH, n_evaluations=16, random_state=0)
    assert np.minimum(found.strength, 1).mean() < np.minimum(few.strength, 1).mean()


def test_no_flip_is_said_to_be_none():
    found = smallest_flip(constant, X[:2], SMOOTH, n_evaluations=32, random_state=0)
    assert found.strength.tolist() == found.radius.tolist() == [np.inf, np.inf]
    assert not found.parameters.any()
    assert "0 of 2 labels changed up to 0.9)" in repr(found)


@pytest.mark.once("oldest")
def test_flips_of_the_majority_lie_outside_its_radius():
    f = rows_of(RidgeClassifier().fit(X[:600].reshape(600, -1), Y[:600]))
    images = X[600:606]
    guaranteed = certify(f, images, SMOOTH, 0.5, random_state=0)
    found = smallest_flip(f, images, SMOOTH, sigma=0.5, n_samples=100, n_evaluations=48, random_state=0)
    assert np.isfinite(found.radius).any()
    assert (found.radius > guaranteed.radius)[found.labels == guaranteed.labels].all()


# -- representations ---------------------------------------------------------------------------------------------------


def test_an_orthogonal_map_has_the_certificate_of_the_pixels():
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 64)))[0]
    maps = [lambda x: x.reshape(len(x), -1), lambda x: x.reshape(len(x), -1) @ turned]
    pixels, others = (certify_change(m, X[:2], SMOOTH, 0.5, [0.0, 0.4], n_samples=100, random_state=0) for m in maps)
    np.testing.assert_allclose(others.guaranteed, pixels.guaranteed, rtol=1e-12)
    assert np.isfinite(pixels.guaranteed).all()
    still = certify_change(maps[0], np.ones((1, 8, 8)), SMOOTH, 0.5, [0.0], padding="reflect", random_state=0)
    assert still.guaranteed[0, 0] < 1e-12  # a constant image does not move


@pytest.mark.parametrize(("share", "alpha"), [(0.5, 0.05), (0.9, 0.05), (0.99, 0.2)])
def test_order_statistics_bound_quantiles(share, alpha):
    rng, n = np.random.default_rng(0), 200
    rank = int(upper_rank(share, n, alpha))
    samples = np.sort(rng.random((20_000, n)), axis=1)
    wrong = (samples[:, rank] < share).mean() if rank < n else 0.0
    assert wrong <= alpha + 0.005
    assert rank == 0 or (samples[:, rank - 1] < share).mean() > alpha - 0.005  # the smallest that will do


def test_the_median_change_stays_below_what_is_guaranteed():
    scattering, sigma, n = Scattering2D(1, L=4).fit(X[:1]), 0.5, 400
    radii = [0.0, 0.5, 1.0, 3.0]
    found = certify_change(scattering, X[:6], SMOOTH, sigma, radii, n_samples=n, random_state=0)
    assert np.isinf(found.guaranteed[:, 3]).all()
    assert (np.diff(found.guaranteed[:, :3], axis=1) > 0).all()
    assert (found.typical < found.guaranteed[:, 0]).all()
    assert found.strengths == pytest.approx(SMOOTH.guaranteed_strength((8, 8), radii))
    rng, cloud = np.random.default_rng(1), Cloud(SMOOTH, sigma)
    for i in range(6):
        clean = scattering.transform(X[i : i + 1])[0]

        def change(x, clean=clean):
            return np.linalg.norm(scattering.transform(x) - clean, axis=1) / np.linalg.norm(clean)

        p = rng.standard_normal(SMOOTH.n_parameters((8, 8)))
        p /= np.linalg.norm(p)
        for k, radius in enumerate(radii[:3]):
            above = cloud.of(change, X[i][..., None], radius * p, n, rng) > found.guaranteed[i, k]
            assert binom.sf(above.sum() - 1, n, 0.5) >= 1e-5


@pytest.mark.parametrize("padding", ["zero", "reflect", "symmetric", "circular"])
@pytest.mark.parametrize("order", [1, 3])
def test_a_lipschitz_map_moves_no_further_than_is_guaranteed(order, padding):
    rng = np.random.default_rng(0)
    network = Convolution(4, 3, padding="circular").build((8, 8, 1), rng)
    c = network.lipschitz((8, 8, 1))
    x = X[:5, ..., None]
    for t in (0.2, 1.5):
        bound = lipschitz_guarantee(c, x, t, order=order, padding=padding)
        for _ in range(20):
            tau = rng.standard_normal((5, 8, 8, 2))
            tau *= t / np.linalg.norm(tau, axis=-1, keepdims=True)
            moved = network.forward(warp(x, tau, order=order, padding=padding)) - network.forward(x)
            assert (np.linalg.norm(moved.reshape(5, -1), axis=1) <= bound).all()


@pytest.mark.parametrize("order", [1, 3])
def test_the_lipschitz_guarantee_of_a_ramp_is_nearly_reached(order):
    x = ramp(60, 60)[None]
    tau = np.broadcast_to([0.5, 0.0], (60, 60, 2))
    moved = np.linalg.norm(warp(x, tau, order=order, padding="symmetric") - x)
    assert 0.9 < moved / lipschitz_guarantee(1.0, x, 0.5, order=order, padding="symmetric")[0] <= 1


def test_the_lipschitz_guarantee_grows_with_constant_and_displacement():
    one, two = (lipschitz_guarantee(c, X[:3], t) for c, t in ((1.0, 0.5), (2.0, 0.5)))
    assert two == pytest.approx(2 * one)
    assert (lipschitz_guarantee(1.0, X[:3], 2.5) > 5 * one).all()


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: certify(constant, X[:2], Dilation(), 1.0),
            ValueError,
            "added to the .*For dilations .* AffineDeformation",
        ),
        (lambda: certify(constant, X[:2], "smooth", 1.0), ValueError, "deformation must be a family such as Smooth"),
        (lambda: certify(constant, X[:2], SMOOTH, 0.0), ValueError, "sigma must be"),
        (lambda: certify(constant, X[:2], SMOOTH, 1.0, alpha=1), ValueError, "alpha must be between 0 and 1, got 1"),
        (lambda: certify(constant, X[:2], SMOOTH, 1.0, order=2), ValueError, r"order must be 0 \(nearest\)"),
        (lambda: certify(constant, X[:2, 0], SMOOTH, 1.0), ValueError, r"X must be images, \(n, h, w\)"),
        (lambda: smallest_flip(constant, X[:2], Rotation()), ValueError, "linear families closed under scaling"),
        (lambda: smallest_flip(constant, X[:2], CombinedDeformation()), ValueError, "closed under scaling"),
        (lambda: smallest_flip(constant, X[:2], SMOOTH, limit=1.5), ValueError, "strength=1.5 is not below 1"),
        (lambda: smallest_flip(constant, X[:2], SMOOTH, n_evaluations=8), ValueError, "n_evaluations must be"),
        (lambda: certify_change(abs, X[:2], SMOOTH, 1.0, [-1.0]), ValueError, "radii must be >= 0"),
        (
            lambda: certify_change(abs, X[:2], SMOOTH, 1.0, [[0.0, 1.0]]),
            ValueError,
            r"got shape \(1, 2\)",
        ),
        (lambda: certify_change(abs, X[:2], SMOOTH, 1.0, []), ValueError, r"got shape \(0,\)"),
        (
            lambda: certify_change(abs, X[:2] * [[[1]], [[0]]], SMOOTH, 1.0, [1.0]),
            ValueError,
            r"= 0 for X\[1\]",
        ),
        (lambda: lipschitz_guarantee(1.0, X[:2], 0.5, order=0), ValueError, "order must be 1 or 3, whose interpolat"),
        (lambda: certify(constant, X[:2], SMOOTH, 1.0).accuracy([0]), ValueError, "y must hold one label an image"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_labels_of_another_kind_are_refused_where_they_are_compared():
    """A classifier that returns class numbers, and named classes: nothing would be right."""
    images, dark = np.random.default_rng(0).random((4, 8, 8)), lambda x: (x.mean((1, 2)) < 0.5).astype(int)
    named, words = np.array(list("abab")), r"mixes numbers \(\d\) and strings \('a'\): labels must be of one kind"
    head = {"phi": lambda x: x, "X": images, "head": lambda rows: (rows.mean(1) < 0.5).astype(int), "y": named}
    found = certify(dark, images, Translation(), 1.0, n_samples=20, n_select=10, random_state=0)
    flips = smallest_flip(dark, images, Translation(), n_evaluations=20, random_state=0)
    calls = [lambda: found.accuracy(named), lambda: flips.accuracy(named)]
    calls += [lambda: measure_corruptions(**head, corruptions=["inverse"], severities=[1], random_state=0)]
    calls += [lambda: measure_stability(**head, deformation=Translation(), strengths=[1.0], measures=["accuracy"])]
    for call in calls:
        with pytest.raises(ValueError, match=words):
            call()
    assert found.accuracy(found.labels) == (~found.abstained).mean()
    assert flips.accuracy(dark(images)) == 1.0


def test_flips_want_one_label_an_image_and_strengths_that_are_finite():
    x = np.random.default_rng(0).random((3, 6, 6))
    found = smallest_flip(lambda v: np.zeros(len(v), int), x, Translation(), n_evaluations=16, random_state=0)
    assert found.accuracy([0, 0, 1], [0.0, found.limit]).tolist() == [2 / 3, 2 / 3]
    for y in ([0], [[0], [0], [1]]):
        with pytest.raises(ValueError, match=r"y must hold one label an image, \(3,\), got shape"):
            found.accuracy(y)
    beyond = found.limit + 0.1, f"strengths must be at most the limit of the search, {found.limit:g}"
    for strength, words in ((np.nan, "strengths holds 1 non-finite"), (-1.0, "strengths must be >= 0"), beyond):
        with pytest.raises(ValueError, match=words):
            found.accuracy([0, 0, 1], strength)


def test_certified_accuracies_have_the_axes_of_their_strengths_and_results_are_compared_as_objects():
    x, same = np.random.default_rng(0).random((3, 6, 6)), lambda v: np.zeros(len(v), int)
    one, two = (certify(same, x, Translation(), sigma=1.0, random_state=0) for _ in range(2))
    asked = np.array([[0.0, 1.0], [2.0, 9.0]])
    assert one.accuracy([0, 0, 1], asked).tolist() == [[2 / 3, 2 / 3], [2 / 3, 0]]
    assert one == one
    assert one != two
    assert len({one, two}) == 2
