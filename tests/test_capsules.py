"""Capsules: squashing and routing by agreement with known answers, the margin loss, CapsNetClassifier."""

import inspect

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import ConvNetClassifier, load_digits_images
from kernelconv.networks import CapsNetClassifier
from kernelconv.networks.cnn.presets import capsnet
from kernelconv.networks.training.losses import margin_loss
from kernelconv.operators import CapsuleLength, RoutedDense, Squash
from kernelconv.testing import check_image_estimator

RNG = np.random.default_rng


def small(**values):
    defaults = {"n_filters": 4, "n_capsules": 2, "capsule_size": 3, "class_capsule_size": 4, "filter_size": 3}
    return CapsNetClassifier(**{**defaults, "epochs": 2, "random_state": 0, **values})


def problem(n=40, shape=(8, 7), classes=3, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    x, y = RNG(seed).standard_normal((n, *shape)), np.arange(n) % classes
    for i, label in enumerate(y):
        x[i, :4, 2 * label : 2 * label + 2] += 3
    return x, y


# Parts


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_squash_keeps_directions_and_shortens(dtype):
    lengths = np.array([1e-30, 0.1, 1, 3, 10, 1e30], dtype)
    s = lengths[:, None] * np.array([2, -1, 2], dtype) / 3
    v = Squash(3).forward(s.reshape(6, 1, 1, 3)).reshape(6, 3)
    assert v.dtype == dtype
    np.testing.assert_allclose(CapsuleLength(3).forward(s.reshape(6, 1, 1, 3)).ravel(), lengths, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1)[1:5], [0.0099, 0.5, 0.9, 0.9901], atol=5e-5)
    np.testing.assert_allclose(v[5], s[5] / 1e30, rtol=1e-6)  # no square overflows
    np.testing.assert_allclose(v[1:5] / np.linalg.norm(v[1:5], axis=1)[:, None], s[1:5] / lengths[1:5, None], rtol=1e-5)


@pytest.mark.parametrize("part", [Squash(2), CapsuleLength(2)])
def test_a_capsule_of_zeros_stays_and_has_no_gradient(part):
    x = np.zeros((1, 1, 2, 4))
    x[0, 0, 1, 2:] = 1
    y, pull, _ = part.pullback(x)
    g = pull(np.ones_like(y))[0]
    assert not y[0, 0, 0].any()
    assert not g[0, 0, 0].any()
    assert g[0, 0, 1, 2:].all()


@pytest.mark.parametrize("routings", [1, 2, 3])
def test_couplings_are_shares(routings):
    x = RNG(0).standard_normal((5, 2, 3, 4))
    part = RoutedDense(3, 4, in_size=2, routings=routings).build((2, 3, 4), RNG(1))
    coupling = part.coupling(x)
    assert coupling.shape == (5, 12, 3)
    np.testing.assert_allclose(coupling.sum(axis=2), 1, atol=1e-14)
    assert (np.abs(coupling - 1 / 3).max() < 1e-15) == (routings == 1)


def test_one_routing_is_the_squashed_mean_vote():
    x = RNG(0).standard_normal((5, 2, 3, 4))
    part = RoutedDense(3, 4, in_size=2, routings=1).build((2, 3, 4), RNG(1))
    votes = np.einsum("nic,icd->nd", x.reshape(5, 12, 2), part.params["weight"])
    np.testing.assert_allclose(part.forward(x), Squash(4).forward(votes[:, None, None] / 3), atol=1e-13)


def test_votes_that_agree_are_heard_more():
    """Four capsules vote alike for the first of two, and each otherwise for the second."""
    weight = np.zeros((4, 1, 4))
    weight[:, 0, :2] = [1, 0]
    weight[:, 0, 2:] = [[1, 0], [-1, 0], [0, 1], [0, -1]]
    shares, lengths = [], []
    for routings in (1, 2, 3, 10):
        part = RoutedDense(2, 2, in_size=1, routings=routings).build((2, 2, 1), RNG(0)).replace({"weight": weight})
        x = np.ones((1, 2, 2, 1))
        shares.append(part.coupling(x)[0, :, 0].min())
        lengths.append(CapsuleLength(2).forward(part.forward(x)).ravel())
    assert shares == sorted(shares)
    assert shares[0] == 0.5
    assert shares[-1] > 0.99
    np.testing.assert_allclose(lengths[0], [4 / 5, 0], atol=1e-15)  # of the mean vote, of length 2
    np.testing.assert_allclose(lengths[-1], [16 / 17, 0], atol=1e-3)  # of all votes, of length 4


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Squash(0), "size must be an int >= 1, got 0"),
        (lambda: CapsuleLength(1.5), "size must be an int >= 1, got 1.5"),
        (
            lambda: Squash(3).out_shape((2, 2, 4)),
            "Squash needs capsules of 3 channels, its input has 4: a multiple of 3",
        ),
        (lambda: CapsuleLength(3).build((2, 2, 4)), "CapsuleLength needs capsules of 3 channels, its input has 4"),
        (lambda: RoutedDense(0, 4, 2), "n_capsules must be an int >= 1, got 0"),
        (lambda: RoutedDense(2, 4, 2, routings=0), "routings must be an int >= 1, got 0"),
        (lambda: RoutedDense(2, 4, 2, initialization="zeros"), "initialization must be one of"),
        (
            lambda: RoutedDense(2, 4, 2).build((2, 2, 3), RNG(0)),
            "RoutedDense needs capsules of 2 channels, its input has 3",
        ),
        (lambda: RoutedDense(2, 4, 2).build((2, 2, 4)), r"RoutedDense.build needs a numpy Generator"),
        (
            lambda: RoutedDense(2, 4, 2).build((2, 2, 4), RNG(0)).forward(np.ones((1, 3, 2, 4))),
            r"RoutedDense has weights for 8 capsules, maps of shape \(3, 2, 4\) have 12: it takes maps of one size",
        ),
    ],
)
def test_what_are_no_capsules_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


# The margin loss


def test_the_margin_loss_is_its_formula():
    lengths, labels = RNG(0).random((6, 4)), RNG(1).integers(4, size=6)
    value, gradient = margin_loss(lengths, labels)

    def naive(lengths):
        total = 0.0
        for row, y in zip(lengths, labels, strict=True):
            for k, length in enumerate(row):
                total += max(0, 0.9 - length) ** 2 if k == y else 0.5 * max(0, length - 0.1) ** 2
        return total

    assert value == pytest.approx(naive(lengths), rel=1e-14)
    for i, k in np.ndindex(lengths.shape):
        step = np.zeros_like(lengths)
        step[i, k] = 1e-6
        assert gradient[i, k] == pytest.approx((naive(lengths + step) - naive(lengths - step)) / 2e-6, abs=1e-8)
    assert margin_loss(np.array([[0.9, 0.1, 0.05]]), np.array([0]))[0] == 0
    assert margin_loss(lengths.astype(np.float32), labels)[1].dtype == np.float32


# The classifier

SUITE = parametrize_with_checks([small(n_capsules=4, image_shape=(1, -1), epochs=12, learning_rate=0.03)])


@pytest.mark.once("newest")
@pytest.mark.parametrize(SUITE.args[0], list(SUITE.args[1]), **SUITE.kwargs)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_images_contract():
    check_image_estimator(small(), *problem(12))


def test_the_classifier_is_its_network_trained_by_the_margin_loss():
    x, y = problem()
    ours = small(routings=2).fit(x, y)
    options = {"n_filters": 4, "n_capsules": 2, "capsule_size": 3, "class_capsule_size": 4, "filter_size": 3}
    plan = capsnet((8, 7, 1), 3, **options, routings=2)
    theirs = ConvNetClassifier(plan, loss="margin_loss", epochs=2, learning_rate=5e-3, random_state=0).fit(x, y)
    assert np.array_equal(ours.decision_function(x), theirs.decision_function(x))
    assert ours.history_ == theirs.history_
    capsules = ours.transform(x).reshape(40, 3, 4)
    np.testing.assert_allclose(np.linalg.norm(capsules, axis=2), ours.decision_function(x), rtol=1e-12)
    assert 0 < ours.decision_function(x).min() < ours.decision_function(x).max() < 1
    assert not hasattr(ours, "predict_proba")
    assert not np.array_equal(small(routings=1).fit(x, y).decision_function(x), ours.decision_function(x))


def test_it_trains_as_the_other_networks_do():
    ours, theirs = (inspect.signature(cls).parameters for cls in (CapsNetClassifier, ConvNetClassifier))
    assert theirs.keys() - ours.keys() == {"architecture", "loss"}
    assert {k: ours[k].default for k in ours.keys() & theirs.keys() - {"epochs", "learning_rate"}} == {
        k: theirs[k].default for k in ours.keys() & theirs.keys() - {"epochs", "learning_rate"}
    }


def test_digits():
    x, y = load_digits_images()
    clf = small(n_filters=8, n_capsules=4, epochs=6, learning_rate=0.02).fit(x[:500], y[:500])
    assert clf.score(x[500:1000], y[500:1000]) > 0.75


def test_same_bits_for_any_number_of_threads():
    x, y = problem()
    one, two = (small(n_jobs=n).fit(x, y).decision_function(x) for n in (1, 2))
    assert np.array_equal(one, two)


def test_small_and_long_maps_have_zeros_around_them():
    shapes = [part.out_shape for part in capsnet((5, 5, 1), 3, filter_size=9).parts]
    assert shapes[1]((5, 5, 1)) == (5, 5, 16)
    assert capsnet((28, 28, 1), 10).shapes((28, 28, 1))[4] == (6, 6, 32)
    assert capsnet((1, 30, 1), 2).out_shape((1, 30, 1)) == (1, 1, 2)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"n_filters": 0}, "n_filters must be an int >= 1, got 0"),
        ({"n_capsules": 1.5}, "n_capsules must be an int >= 1, got 1.5"),
        ({"capsule_size": -1}, "capsule_size must be an int >= 1, got -1"),
        ({"class_capsule_size": "a"}, "class_capsule_size must be an int >= 1, got 'a'"),
        ({"filter_size": (3, 3)}, r"filter_size must be an int >= 1, got \(3, 3\)"),
        ({"routings": 0}, "routings must be an int >= 1, got 0"),
        ({"epochs": 0}, "epochs must be an int >= 1"),
    ],
)
def test_classifier_refuses_in_fit(values, match):
    with pytest.raises(ValueError, match=match):
        small(**values).fit(*problem())


def test_what_are_no_images_or_classes_is_refused():
    x, y = problem()
    with pytest.raises(ValueError, match="at least 2 classes, y holds one class only"):
        small().fit(x, 0 * y)
    with pytest.raises(ValueError, match="X holds 1 non-finite values"):
        small().fit(np.where(x == x[3, 2, 1], np.nan, x), y)
