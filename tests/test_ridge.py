"""Ridge regression in one pass: against scikit-learn's Ridge, one penalty and one fold at a time."""

import io
import pickle
import tracemalloc
from functools import reduce

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv.streams import IncrementalRidge, IncrementalRidgeClassifier
from kernelconv.streams.moments import stream_folds

HEADS = {"regressor": IncrementalRidge, "classifier": IncrementalRidgeClassifier}
SPLITS = "cv is a number of folds, which the sample's place in the stream decides; the check passes pairs of indices"


@parametrize_with_checks(
    [head() for head in HEADS.values()],
    expected_failed_checks=lambda estimator: {"check_sample_weight_equivalence_on_dense_data": SPLITS},
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def drawn(n=150, d=12, seed=0, far=3.0):
    """Samples of a falling spectrum around a far mean, targets that depend on them, labels and weights."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) @ (10.0 ** -np.linspace(0, 2, d)[:, None] * rng.standard_normal((d, d)))
    t = x[:, :3] @ rng.standard_normal((3, 3)) + rng.standard_normal((n, 3))
    return x + far, t, np.array(["b", "a", "c"])[t.argmax(axis=1)], rng.uniform(0.1, 2, n)


def targets(y):
    return 2.0 * (y[:, None] == np.unique(y)) - 1


def largest_eigenvalue(x, w):
    rows = np.sqrt(w)[:, None] * (x - np.average(x, axis=0, weights=w))
    return np.linalg.norm(rows, 2) ** 2


def in_pieces(head, x, y, w=None, length=40, **first):
    for lo in range(0, len(x), length):
        s = slice(lo, lo + length)
        head.partial_fit(x[s], y[s], sample_weight=None if w is None else w[s], **(first if lo == 0 else {}))
    return head


def off(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


# -- the same as Ridge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), [(150, 12), (60, 130)], ids=["more samples", "more features"])
def test_every_penalty_is_that_of_ridge(n, d, dtype):
    x, t, y, w = drawn(n, d)
    x = x.astype(dtype)
    w[::9] = 0
    wide = x.astype(np.float64)
    alphas = largest_eigenvalue(wide, w) * 10.0 ** -np.arange(0, 6.99)
    classifier = in_pieces(IncrementalRidgeClassifier(alphas), x, y, w)
    regressor = in_pieces(IncrementalRidge(alphas), x, t, w)
    for i, alpha in enumerate(alphas):
        for head, wanted in ((classifier, targets(y)), (regressor, t)):
            peer = Ridge(alpha, solver="svd").fit(wide, wanted, w)
            assert off(head.coef_path_[i], peer.coef_) < 1e-8
            assert off(head.intercept_path_[i], peer.intercept_) < 1e-8
    assert len(alphas) == 7


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_penalty_is_that_of_a_loop_over_the_folds(seed, weighted):
    x, t, y, w = drawn(90, 40, seed)
    w = w if weighted else np.ones(90)
    alphas = 10.0 ** np.arange(-2, 5)
    heads = IncrementalRidgeClassifier(alphas, random_state=seed), IncrementalRidge(alphas, cv=3, random_state=seed)
    for head, labels, wanted in zip(heads, (y, t), (targets(y), t), strict=True):
        in_pieces(head, x, labels, w if weighted else None)
        split = PredefinedSplit(head.folds(90))
        errors = np.zeros(7)
        for i, alpha in enumerate(alphas):
            for train, test in split.split():
                predicted = Ridge(alpha, solver="svd").fit(x[train], wanted[train], w[train]).predict(x[test])
                errors[i] += (w[test, None] * (predicted - wanted[test]) ** 2).sum()
        np.testing.assert_allclose(head.errors_, errors / (3 * w.sum()), rtol=1e-9)
        assert head.alpha_ == alphas[errors.argmin()]
        assert 0 < errors.argmin() < 6  # a choice in the middle
        assert split.get_n_splits() == head.cv


def test_weights_are_repetitions():
    x, _, y, _ = drawn()
    times = np.random.default_rng(1).integers(0, 4, 150)
    weighted = IncrementalRidgeClassifier(1.0, cv=None).fit(x, y, times)
    repeated = IncrementalRidgeClassifier(1.0, cv=None).fit(np.repeat(x, times, axis=0), np.repeat(y, times))
    assert off(weighted.coef_, repeated.coef_) < 1e-11
    assert off(weighted.coef_, IncrementalRidgeClassifier(1.0, cv=None).fit(x, y, 2.0).coef_) > 1e-3


def test_predictions_are_those_of_ridge():
    x, t, y, _ = drawn()
    classifier, regressor = IncrementalRidgeClassifier().fit(x, y), IncrementalRidge().fit(x, t[:, 0])
    scores = Ridge(classifier.alpha_, solver="svd").fit(x, targets(y)).predict(x)
    np.testing.assert_allclose(classifier.decision_function(x), scores, rtol=1e-9, atol=1e-10)
    assert np.array_equal(classifier.predict(x), np.unique(y)[scores.argmax(axis=1)])
    peer = Ridge(regressor.alpha_, solver="svd").fit(x, t[:, 0])
    np.testing.assert_allclose(regressor.predict(x), peer.predict(x), rtol=1e-9)
    assert regressor.coef_.shape == peer.coef_.shape == (12,)
    assert np.ndim(regressor.intercept_) == 0
    assert regressor.coef_path_.shape == (7, 12)
    assert regressor.intercept_path_.shape == (7,)
    assert regressor.predict(x.astype(np.float32)).dtype == np.float64


def test_one_target_with_two_axes_keeps_them():
    x, t, _, _ = drawn()
    head = IncrementalRidge(cv=2).fit(x, t[:, :1])
    assert head.predict(x).shape == (150, 1)
    assert head.coef_.shape == (1, 12)


def test_two_classes_have_one_column():
    x, _, y, _ = drawn()
    y = np.where(y == "a", "no", "yes")
    head = IncrementalRidgeClassifier(1.0, cv=None).fit(x, y)
    peer = Ridge(1.0, solver="svd").fit(x, np.where(y == "yes", 1.0, -1.0))
    assert head.coef_.shape == (1, 12)
    assert head.intercept_.shape == (1,)
    assert off(head.coef_[0], peer.coef_) < 1e-10
    scores = head.decision_function(x)
    np.testing.assert_allclose(scores, peer.predict(x), rtol=1e-9, atol=1e-12)
    assert np.array_equal(head.predict(x) == "yes", scores > 0)
    assert 10 < (scores > 0).sum() < 140


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_small_penalties_are_warned_of_with_their_condition(head):
    x, _, y, w = drawn()
    y, top = (y if head is IncrementalRidgeClassifier else x[:, 0] + w), largest_eigenvalue(x, np.ones(150))
    head(top / 0.99e7, cv=None).fit(x, y)
    with pytest.warns(LinAlgWarning, match=r"condition number of 1\.0e\+08, .* off by more than 1e-8"):
        fitted = head(top / 1e8, cv=None).fit(x, y)
    fitted.predict(x)  # once is enough
    chosen = head((top / 1e8, 1.0)).fit(x, np.where(w > 1, "a", "b") if head is IncrementalRidgeClassifier else w)
    assert chosen.alpha_ == 1.0
    with pytest.warns(LinAlgWarning, match=r"The penalty .* condition number of 1\.0e\+08"):
        assert len(chosen.coef_path_) == 2


# -- pieces and machines ----------------------------------------------------------------------------------------------


def sums(head):
    return head.moments_.arrays()


def assert_same_sums(a, b, tolerance=1e-12):
    assert sums(a).keys() == sums(b).keys()
    for name, array in sums(a).items():
        assert np.linalg.norm(array - sums(b)[name]) <= tolerance * np.linalg.norm(array), name


@pytest.mark.parametrize("length", [1, 17, 150])
def test_chunks_of_other_sizes_are_the_same_stream(length):
    x, _, y, w = drawn(far=100.0)
    whole, pieces = IncrementalRidgeClassifier().fit(x, y, w), in_pieces(IncrementalRidgeClassifier(), x, y, w, length)
    assert off(pieces.coef_, whole.coef_) < 1e-10
    assert off(pieces.intercept_, whole.intercept_) < 1e-10
    assert pieces.alpha_ == whole.alpha_
    assert off(pieces.errors_, whole.errors_) < 1e-10


def machines(far=50.0, **parameters):
    """Three machines, each with a piece of a stream; the labels of the first are not all there are."""
    x, _, y, w = drawn(120, far=far)
    y = np.sort(y)
    heads = []
    for s in (slice(0, 50), slice(50, 60), slice(60, 120)):
        head = IncrementalRidgeClassifier(**parameters)
        heads.append(head.partial_fit(x[s], y[s], sample_weight=w[s], start=s.start))
    return heads, (x, y, w)


def test_merging_is_commutative_and_associative_and_one_pass():
    def merged(*order):
        heads = machines()[0]
        return reduce(lambda a, b: a.merge(b), [heads[i] for i in order])

    (a, b, c), (x, y, w) = machines()
    nested = a.merge(b.merge(c))
    one = IncrementalRidgeClassifier().fit(x, y, w)
    assert list(machines()[0][0].classes_) == ["a", "b"]
    for other in (nested, merged(2, 1, 0), merged(1, 2, 0), one):
        assert_same_sums(merged(0, 1, 2), other)
        assert list(other.classes_) == ["a", "b", "c"]
        assert off(other.coef_, one.coef_) < 1e-10
        assert off(other.intercept_, one.intercept_) < 1e-10


def test_merging_leaves_the_other_and_a_fresh_one_is_neutral():
    (a, b, _), _ = machines()
    before = {name: array.copy() for name, array in sums(b).items()}
    classes = b.classes_
    a.merge(b)
    a.merge(clone(a))
    assert a.n_features_in_ == 12
    assert all(np.array_equal(before[name], array) for name, array in sums(b).items())
    assert b.classes_ is classes
    copy = clone(b).merge(b)
    assert_same_sums(copy, b, 0)
    copy.partial_fit(*machines()[1][:2])
    assert all(np.array_equal(before[name], array) for name, array in sums(b).items())


def test_regressors_merge():
    x, t, _, w = drawn()
    for y in (t, t[:, 0]):
        whole = IncrementalRidge().fit(x, y, w)
        first = IncrementalRidge().partial_fit(x[:70], y[:70], w[:70])
        second = IncrementalRidge().partial_fit(x[70:], y[70:], w[70:], start=70)
        merged = IncrementalRidge().merge(second).merge(first)
        assert_same_sums(merged, whole)
        np.testing.assert_allclose(merged.predict(x), whole.predict(x), rtol=1e-9)


def test_a_new_label_was_no_ones_before():
    x, _, y, _ = drawn()
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    assert len(np.unique(y[:40])) == 1
    late, told = in_pieces(IncrementalRidgeClassifier(), x, y), IncrementalRidgeClassifier()
    in_pieces(told, x, y, classes=["c", "b", "a"])
    assert off(late.coef_, told.coef_) < 1e-12
    assert off(late.coef_, IncrementalRidgeClassifier().fit(x, y).coef_) < 1e-10
    announced = IncrementalRidgeClassifier().partial_fit(x, y, classes=["a", "b", "c", "d"])
    assert np.array_equal(announced.coef_[3], np.zeros(12))
    np.testing.assert_allclose(announced.intercept_[3], -1)
    assert off(announced.coef_[:3], late.coef_) < 1e-10


def test_a_chunk_of_many_classes_is_no_regression():
    x, _, _, _ = drawn()
    assert len(in_pieces(IncrementalRidgeClassifier(), x, np.arange(150) % 40).coef_) == 40


def test_folds_are_a_function_of_the_place():
    folds = stream_folds(0, 1003, 5, 7)
    assert all(np.bincount(folds[lo : lo + 5], minlength=5).tolist() == [1] * 5 for lo in range(0, 1000, 5))
    for start in (0, 1, 4, 5, 6, 501, 1000):
        assert np.array_equal(stream_folds(start, 33, 5, 7)[: 1003 - start], folds[start : start + 33])
    assert np.array_equal(IncrementalRidge(random_state=7).folds(33, start=501), folds[501:534])
    assert 500 < (folds != stream_folds(0, 1003, 5, 8)).sum() < 950
    orders = {tuple(folds[lo : lo + 5]) for lo in range(0, 1000, 5)}
    assert len(orders) > 80, "of 120 orders"
    assert not IncrementalRidge(cv=None).folds(9).any()
    far = stream_folds(10**15, 10, 5, 7)
    assert np.bincount(far).tolist() == [2] * 5


def test_the_sums_forget_nothing_when_penalties_change():
    x, _, y, _ = drawn()
    head = IncrementalRidgeClassifier().fit(x, y)
    first = head.coef_
    head.set_params(alphas=(5.0, 7.0))
    assert head.alpha_ in (5.0, 7.0)
    assert len(head.errors_) == 2
    assert np.array_equal(head.coef_, IncrementalRidgeClassifier((5.0, 7.0)).fit(x, y).coef_)
    head.set_params(alphas=IncrementalRidgeClassifier().alphas)
    assert np.array_equal(head.coef_, first)


def test_fit_begins_anew_and_partial_fit_goes_on():
    x, _, y, _ = drawn()
    head = IncrementalRidgeClassifier().fit(x[:, :5], y).fit(x, np.where(y == "a", "d", y))
    assert list(head.classes_) == ["b", "c", "d"]
    assert head.n_features_in_ == 12
    before = head.coef_
    head.partial_fit(x[:50], np.where(y == "a", "d", y)[:50])
    assert head.moments_.n_samples == 200
    assert not np.array_equal(head.coef_, before)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_state_in_a_file_pickle_and_clone(head):
    x, t, y, w = drawn()
    y = y.astype(object) if head is IncrementalRidgeClassifier else t[:, 0]
    whole, half = (
        head(random_state=3).fit(x, y, w),
        head(random_state=3).partial_fit(x[:77], y[:77], sample_weight=w[:77]),
    )
    file = io.BytesIO()
    np.savez(file, **half.state())
    file.seek(0)
    with np.load(file) as state:
        read = clone(half).load_state(state)
    copy = pickle.loads(pickle.dumps(half))
    for one in (half, read, copy):
        one.partial_fit(x[77:], y[77:], sample_weight=w[77:])
        assert_same_sums(one, half, 0)
        assert np.array_equal(one.predict(x), half.predict(x))
    assert_same_sums(half, whole)
    assert not hasattr(clone(half), "moments_")


def test_memory_is_told_and_refused_before_it_is_taken(monkeypatch):
    assert IncrementalRidge().memory(1764) == 7 * 1764**2 * 8
    assert IncrementalRidge(1.0, cv=None).memory(10) == 3 * 100 * 8
    x, _, y, _ = drawn(20, 200_000 // 100)
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 7 * 2000**2 * 8 - 1}.get)
    monkeypatch.setattr("kernelconv.networks.moments.Moments.zeros", None)
    head = IncrementalRidgeClassifier()
    message = r"IncrementalRidgeClassifier of 2000 features, 5 \+ 2 Gram matrices, would need 0.2 GiB"
    with pytest.raises(ValueError, match=message):
        head.partial_fit(x, y)
    assert not hasattr(head, "moments_")


def test_no_more_memory_is_taken_than_told():
    x, _, y, _ = drawn(200, 400)
    head = IncrementalRidgeClassifier((1.0, 10.0))
    told = head.memory(400)
    tracemalloc.start()
    try:
        in_pieces(head, x, y)
        _ = head.coef_
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.8 * told < peak < 1.15 * told


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alphas": 0}, "alphas must be > 0 and finite, got 0"),
        ({"alphas": (1.0, -1)}, "alphas must be > 0 and finite, got -1"),
        ({"alphas": ()}, r"alphas must be a non-empty sequence, got \(\)"),
        ({"alphas": "auto"}, "alphas must be a number, got 'auto'"),
        ({"cv": 1}, "cv must be None or an int >= 2, the number of folds, got 1"),
        ({"cv": PredefinedSplit([0, 1])}, "cv must be None or an int >= 2, .* got PredefinedSplit"),
        ({"cv": None}, r"cv=None leaves nothing out to choose among 7 alphas: pass one, or cv=5"),
        ({"random_state": None}, "random_state must be an int >= 0, got None"),
        ({"random_state": np.random.default_rng(0)}, "random_state must be an int >= 0, got Generator"),
    ],
)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_bad_parameters(head, parameters, message):
    x, _, y, w = drawn(20)
    with pytest.raises(ValueError, match=message):
        head(**parameters).partial_fit(x, y if head is IncrementalRidgeClassifier else w)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample_weight": np.ones(7)}, r"sample_weight must be 20 numbers >= 0, one a sample, got shape \(7,\)"),
        ({"sample_weight": -np.eye(20)[0]}, "sample_weight must be 20 numbers >= 0"),
        ({"sample_weight": np.full(20, np.nan)}, "sample_weight holds 20 non-finite values"),
        ({"start": -1}, "start must be an int >= 0, got -1"),
        ({"X": np.ones((20, 11))}, "X has 11 features, but Incremental.* is expecting 12 features"),
        ({"X": np.full((20, 12), 1e200)}, r"Values of size 1e\+200 cannot be squared"),
        ({"y": None}, "y"),
    ],
)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_what_is_refused_changes_nothing(head, given, message):
    x, t, y, _ = drawn(20)
    samples = {"X": x, "y": y if head is IncrementalRidgeClassifier else t[:, 0]}
    fitted = head().partial_fit(**samples)
    before = {name: array.copy() for name, array in fitted.state().items()}
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(**{**samples, **given})
    assert all(np.array_equal(before[name], array) for name, array in fitted.state().items())


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_whose_first_samples_were_refused_has_learned_nothing(head):
    x, _, y, w = drawn(20)
    one = head()
    with pytest.raises(ValueError, match="sample_weight"):
        one.partial_fit(x, y if head is IncrementalRidgeClassifier else w, sample_weight=-w)
    for ask in (lambda: one.predict(x), one.state, lambda: one.coef_):
        with pytest.raises(NotFittedError):
            ask()
    assert not hasattr(one, "coef_")
    one.partial_fit(x[:, 1:], y if head is IncrementalRidgeClassifier else w)
    assert one.coef_.shape[-1] == 11


def test_labels_and_targets_that_do_not_fit():
    x, t, y, _ = drawn(20)
    fitted = IncrementalRidgeClassifier().fit(x, y)
    with pytest.raises(ValueError, match=r"y holds \['b'\], not among the classes \['a', 'c'\]"):
        fitted.partial_fit(x, y, classes=["a", "c"])
    with pytest.raises(ValueError, match=r"mixes strings .* and numbers"):
        fitted.partial_fit(x, np.arange(20) % 3)
    with pytest.raises(ValueError, match=r"mixes numbers .* and strings"):
        IncrementalRidgeClassifier().partial_fit(x, np.arange(20) % 3).merge(fitted)
    with pytest.raises(ValueError, match="Unknown label type"):
        IncrementalRidgeClassifier().partial_fit(x, t[:, 0])
    one = IncrementalRidgeClassifier().partial_fit(x, ["a"] * 20)
    with pytest.raises(ValueError, match=r"at least 2 classes in the data, but the data contains only one class: .*a"):
        one.predict(x)
    with pytest.raises(ValueError, match="y holds 2 targets a sample, 3 were learned before"):
        IncrementalRidge().partial_fit(x, t).partial_fit(x, t[:, :2])


def test_too_few_to_choose_or_to_learn():
    x, t, _, _ = drawn(20)
    with pytest.raises(ValueError, match="at least 2 of the 5 folds, got 1 of n_samples=1: add more, or take cv=None"):
        IncrementalRidge().fit(x[:1], t[:1])
    with pytest.raises(ValueError, match="Every sample so far has weight zero"):
        IncrementalRidge().fit(x, t, np.zeros(20))
    assert np.array_equal(IncrementalRidge(1.0, cv=None).fit(x[:1], t[:1]).intercept_, t[0])
    assert IncrementalRidge().fit(x[:2], t[:2]).errors_.shape == (7,)
    with pytest.raises(AttributeError, match="no errors_ with cv=None"):
        _ = IncrementalRidge(1.0, cv=None).fit(x, t).errors_


def test_heads_that_cannot_be_merged():
    x, t, y, _ = drawn(20)
    head = IncrementalRidge().fit(x, t)
    with pytest.raises(TypeError, match="merge takes another IncrementalRidge, got IncrementalRidgeClassifier"):
        head.merge(IncrementalRidgeClassifier().fit(x, y))
    for other in (IncrementalRidge(cv=3), IncrementalRidge(random_state=1), IncrementalRidge(1.0, cv=None)):
        with pytest.raises(ValueError, match=r"merge needs the same cv and random_state: \(5, 0\) here, \(.*\) there"):
            head.merge(other.fit(x, t))
    with pytest.raises(ValueError, match="merge needs the same features: 12 here, 11 there"):
        head.merge(IncrementalRidge().fit(x[:, 1:], t))
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    named = IncrementalRidge().fit(pd.DataFrame(x, columns=list("abcdefghijkl")), t)
    with pytest.raises(ValueError, match="same features in the same order: feature 2 is 'c' here, 'd' there"):
        named.merge(IncrementalRidge().fit(pd.DataFrame(x, columns=list("abdcefghijkl")), t))
    assert IncrementalRidge().merge(named).feature_names_in_.tolist() == list("abcdefghijkl")
    with pytest.raises(ValueError, match="merge needs as many targets: 3 here, 1 there"):
        head.merge(IncrementalRidge().fit(x, t[:, 0]))
    with pytest.raises(ValueError, match=r"changed after samples were added: \(4, 0\) here, \(5, 0\) there"):
        head.set_params(cv=4).partial_fit(x, t)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"gram_1": None}, "'gram' is missing"),
        ({"deal": None}, "'deal' is missing"),
        ({"classes": None}, "'classes' is missing"),
        ({"classes": np.array(["a", "b"])}, "2 classes and sums of 3"),
        ({"gram_0": np.eye(3)}, "sums of shapes .* do not fit each other"),
        ({"mean_2": np.full(12, np.nan)}, "mean holds 12 non-finite"),
        ({"deal": np.array([5, 1])}, r"another cv or random_state: \(5, 0\) here, \(5, 1\) there"),
        ({"deal": np.array([0, 0])}, "its folds differ in features or targets, or there are none"),
    ],
)
def test_a_damaged_state_is_refused_and_nothing_taken(broken, message):
    x, _, y, _ = drawn(20)
    state = IncrementalRidgeClassifier().fit(x, y).state() | broken
    head = IncrementalRidgeClassifier()
    with pytest.raises(ValueError, match=message):
        head.load_state({name: array for name, array in state.items() if array is not None})
    assert not hasattr(head, "moments_")


@pytest.mark.parametrize("head", [IncrementalRidge(), IncrementalRidgeClassifier()], ids=["regressor", "classifier"])
def test_a_fit_that_is_refused_leaves_the_one_before(head):
    x, t, labels, _ = drawn()
    y = labels if isinstance(head, IncrementalRidgeClassifier) else t
    before = head.fit(x, y).predict(x)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        head.fit(x[:, :2], y[:-1])
    np.testing.assert_array_equal(head.predict(x), before)


def test_a_fit_of_one_class_leaves_the_one_before():
    x, _, labels, _ = drawn()
    head = IncrementalRidgeClassifier().fit(x, labels)
    with pytest.raises(ValueError, match="only one class"):
        head.fit(x, np.zeros(len(x), int))
    assert head.classes_.tolist() == ["a", "b", "c"]


def test_a_state_of_other_features_has_no_names_of_the_old_ones():
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    x, y, *_ = drawn(d=5)
    of_table = IncrementalRidge().fit(pd.DataFrame(x[:, :3], columns=list("abc")), y)
    of_table.load_state(IncrementalRidge().fit(x, y).state())
    assert not hasattr(of_table, "feature_names_in_")
    assert of_table.predict(x).shape == y.shape


def test_a_state_keeps_the_names_of_its_features(tmp_path):
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    x, y, *_ = drawn(d=3)
    table = pd.DataFrame(x, columns=["one", "two", "three"])
    np.savez(tmp_path / "sums.npz", **IncrementalRidge().fit(table, y).state())
    with np.load(tmp_path / "sums.npz") as state:
        again = IncrementalRidge().load_state(state)
    assert again.feature_names_in_.tolist() == ["one", "two", "three"]
    again.partial_fit(table, y).predict(table)  # warnings are errors here
