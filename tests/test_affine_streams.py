"""AffineSubspaceClassifier in pieces: what fit learns from all samples at once."""

import io
import pickle
from functools import reduce

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from kernelconv.networks.affine_subspace import AffineSubspaceClassifier


def drawn(n=160, d=15, seed=0, far=20.0):
    """Samples of three classes near subspaces of four directions, of variances that fall."""
    rng = np.random.default_rng(seed)
    y = np.sort(rng.integers(0, 3, n))
    bases = rng.standard_normal((3, 4, d)) * [[[3], [2], [1.5], [1]]]
    x = np.einsum("nk,nkd->nd", rng.standard_normal((n, 4)), bases[y]) + 0.1 * rng.standard_normal((n, d))
    return x + far + rng.standard_normal((3, d))[y], np.array(["a", "b", "c"])[y]


def in_pieces(clf, x, y, length=23):
    for lo in range(0, len(x), length):
        clf.partial_fit(x[lo : lo + length], y[lo : lo + length])
    return clf


def assert_same_subspaces(found, wanted, tolerance=1e-8):
    assert list(found.classes_) == list(wanted.classes_)
    assert np.linalg.norm(found.means_ - wanted.means_) <= tolerance * np.linalg.norm(wanted.means_)
    for v, w in zip(found.components_, wanted.components_, strict=True):
        assert v.shape == w.shape
        assert np.linalg.norm(v.T @ v - w.T @ w) <= tolerance * np.sqrt(len(w))


def assert_same_moments(a, b, tolerance=1e-12):
    for one, other in zip(a.class_moments_, b.class_moments_, strict=True):
        for name, array in one.arrays().items():
            assert np.linalg.norm(array - other.arrays()[name]) <= tolerance * np.linalg.norm(array), name


@pytest.mark.parametrize("length", [1, 23])
@pytest.mark.parametrize("k", [0, 3, 100])
@pytest.mark.parametrize("d", [15, 90], ids=["more samples", "more features"])
def test_pieces_learn_what_fit_learns(d, k, length):
    x, y = drawn(d=d)
    whole, pieces = AffineSubspaceClassifier(k).fit(x, y), in_pieces(AffineSubspaceClassifier(k), x, y, length)
    assert_same_subspaces(pieces, whole)
    assert pieces.n_components_ == k
    assert [len(v) for v in pieces.components_] == [min(k, d, (y == c).sum() - 1) for c in "abc"]
    new = x + np.random.default_rng(1).standard_normal(x.shape)
    np.testing.assert_allclose(pieces.decision_function(new), whole.decision_function(new), rtol=1e-7, atol=1e-7)
    if k < d:  # else nothing is left over for any class
        assert np.array_equal(pieces.predict(new), whole.predict(new))


def test_a_class_that_spans_less_has_fewer_directions():
    line = np.outer(np.linspace(-1, 1, 30), [3.0, 4.0, 0.0]) + 5
    x, y = np.concatenate([line, np.full((30, 3), 7.0)]), np.repeat([0, 1], 30)
    clf = in_pieces(AffineSubspaceClassifier(3), x, y, 7)
    assert [len(v) for v in clf.components_] == [1, 0]
    np.testing.assert_allclose(np.abs(clf.components_[0]), [[0.6, 0.8, 0.0]], atol=1e-12)


def test_a_chunk_of_many_classes_is_no_regression():
    x, _ = drawn()
    clf = in_pieces(AffineSubspaceClassifier(0), x, np.arange(160) % 40, 40)  # scikit-learn would warn of each chunk
    assert clf.means_.shape == (40, 15)


def test_float32_is_learned_in_float64():
    x, y = drawn()
    clf = in_pieces(AffineSubspaceClassifier(3), x.astype(np.float32), y)
    assert clf.means_.dtype == clf.components_[0].dtype == np.float64
    assert_same_subspaces(clf, AffineSubspaceClassifier(3).fit(x.astype(np.float32).astype(np.float64), y))


def test_merging_is_commutative_and_associative_and_one_pass():
    x, y = drawn()
    whole = AffineSubspaceClassifier(3).fit(x, y)

    def merged(*order):
        pieces = [slice(0, 40), slice(40, 50), slice(50, 160)]
        heads = [AffineSubspaceClassifier(3).partial_fit(x[s], y[s]) for s in pieces]
        return reduce(lambda a, b: a.merge(b), [heads[i] for i in order])

    assert list(merged(0).classes_) == ["a"]
    nested = merged(0).merge(merged(1, 2))
    for other in (merged(2, 1, 0), merged(1, 2, 0), nested):
        assert_same_moments(merged(0, 1, 2), other)
        assert_same_subspaces(other, whole)


def test_merging_leaves_the_other_and_a_fresh_one_is_neutral():
    x, y = drawn()
    a, b = in_pieces(AffineSubspaceClassifier(3), x, y), AffineSubspaceClassifier(3).partial_fit(x[:60], y[:60])
    before = {name: array.copy() for name, array in b.state().items()}
    a.merge(b).merge(AffineSubspaceClassifier(3))
    copy = AffineSubspaceClassifier(3).merge(b)
    assert_same_moments(copy, b, 0)
    copy.partial_fit(x, y)
    assert all(np.array_equal(before[name], array) for name, array in b.state().items())
    assert sum(m.n_samples for m in a.class_moments_) == 220


def test_directions_are_found_once_and_anew_after_more_samples():
    x, y = drawn()
    clf = in_pieces(AffineSubspaceClassifier(3), x[::2], y[::2])
    first = clf.components_
    assert clf.components_ is first
    clf.partial_fit(x[1::2], y[1::2])
    assert_same_subspaces(clf, AffineSubspaceClassifier(3).fit(x, y))
    clf.set_params(n_components=1)
    assert_same_subspaces(clf, AffineSubspaceClassifier(1).fit(x, y))
    assert clf.n_components_ == 1


def test_state_in_a_file_pickle_and_clone():
    x, y = drawn()
    half = AffineSubspaceClassifier(3).partial_fit(x[:100], y[:100].astype(object))
    file = io.BytesIO()
    np.savez(file, **half.state())
    file.seek(0)
    with np.load(file) as state:
        read = clone(half).load_state(state)
    for one in (half, read, pickle.loads(pickle.dumps(half))):
        one.partial_fit(x[100:], y[100:])
        assert_same_moments(one, half, 0)
        assert np.array_equal(one.predict(x), half.predict(x))
    with pytest.raises(NotFittedError):
        clone(half).state()


def test_fit_begins_anew_and_keeps_no_moments():
    x, y = drawn()
    clf = in_pieces(AffineSubspaceClassifier(3), x, y).fit(x[:, 1:], y)
    assert not hasattr(clf, "class_moments_")
    assert np.array_equal(clf.predict(x[:, 1:]), AffineSubspaceClassifier(3).fit(x[:, 1:], y).predict(x[:, 1:]))


@pytest.mark.parametrize("method", ["partial_fit", "merge", "state", "load_state"])
def test_a_dimension_to_choose_and_a_fitted_one_are_refused_in_words(method):
    x, y = drawn()
    for error in (ValueError, AttributeError):
        with pytest.raises(error, match=rf"{method} needs a dimension, n_components=k: n_components='cv' compares"):
            getattr(AffineSubspaceClassifier(), method)
        with pytest.raises(error, match=f"fit keeps no moments, which {method} needs: start with a clone and partial"):
            getattr(AffineSubspaceClassifier(2).fit(x, y), method)
    assert not hasattr(AffineSubspaceClassifier(), method)
    assert hasattr(AffineSubspaceClassifier(2), method)
    assert getattr(AffineSubspaceClassifier, method).__doc__.strip()


def test_what_does_not_fit_is_refused():
    x, y = drawn()
    clf = in_pieces(AffineSubspaceClassifier(3), x, y)
    with pytest.raises(ValueError, match="X has 14 features, but AffineSubspaceClassifier is expecting 15 features"):
        clf.partial_fit(x[:, 1:], y)
    with pytest.raises(ValueError, match=r"y holds \['c'\], not among the classes \['a', 'b'\]"):
        clf.partial_fit(x, y, classes=["b", "a"])
    with pytest.raises(ValueError, match=r"mixes strings .* and numbers"):
        clf.partial_fit(x, np.arange(160) % 3)
    with pytest.raises(ValueError, match="n_components must be an int >= 0, got -1"):
        AffineSubspaceClassifier(-1).partial_fit(x, y)
    with pytest.raises(ValueError, match="merge needs the same features: 15 here, 14 there"):
        clf.merge(AffineSubspaceClassifier(3).partial_fit(x[:, 1:], y))
    with pytest.raises(ValueError, match="fit keeps no moments that could be merged"):
        clf.merge(AffineSubspaceClassifier(3).fit(x, y))
    with pytest.raises(TypeError, match="merge takes another AffineSubspaceClassifier, got 3"):
        clf.merge(3)
    with pytest.raises(ValueError, match=r"data contains only one class: .*a"):
        AffineSubspaceClassifier(3).partial_fit(x[:9], y[:9]).predict(x)
    assert sum(m.n_samples for m in clf.class_moments_) == 160


def test_a_dimension_that_is_to_be_chosen_later_is_refused_in_words():
    x, y = drawn(d=3)
    clf = AffineSubspaceClassifier(1).partial_fit(x, y).set_params(n_components="cv")
    with pytest.raises(ValueError, match="A classifier of a stream needs a dimension, n_components=k"):
        clf.predict(x)


def test_features_are_the_same_by_name():
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    x, y = drawn(d=3)
    one, other = (
        AffineSubspaceClassifier(1).partial_fit(pd.DataFrame(x, columns=list(names)), y) for names in ("abc", "acb")
    )
    with pytest.raises(ValueError, match="same features in the same order: feature 1 is 'b' here, 'c' there"):
        one.merge(other)
    for again in (AffineSubspaceClassifier(1).merge(one), AffineSubspaceClassifier(1).load_state(one.state())):
        assert again.feature_names_in_.tolist() == list("abc")


def test_memory_is_refused_before_it_is_taken(monkeypatch):
    x, y = drawn(9, 2000)
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 5 * 2000**2 * 8 - 1}.get)
    monkeypatch.setattr("kernelconv.networks.moments.Moments.zeros", None)
    with pytest.raises(ValueError, match=r"of 2000 features and 3 classes, a Gram matrix each, would need 0\.1 GiB"):
        AffineSubspaceClassifier(3).partial_fit(x, y)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"classes": None}, "'classes' is missing"),
        ({"gram_1": None}, "'gram' is missing"),
        ({"gram_1": np.full((15, 15), np.inf)}, "gram holds 225 non-finite"),
        ({"mean_0": np.zeros(3)}, "sums of shapes .* do not fit each other"),
        ({"classes": np.empty(0)}, "its classes differ in features, or there are none"),
    ],
)
def test_a_damaged_state_is_refused(broken, message):
    x, y = drawn()
    state = in_pieces(AffineSubspaceClassifier(3), x, y).state() | broken
    clf = AffineSubspaceClassifier(3)
    with pytest.raises(ValueError, match=message):
        clf.load_state({name: array for name, array in state.items() if array is not None})
    assert not hasattr(clf, "class_moments_")


def test_a_class_that_was_announced_is_known_before_its_first_sample():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 4)), np.arange(12) % 3
    early, late = x[y < 2], y[y < 2]
    head = AffineSubspaceClassifier(n_components=1).partial_fit(early, late, classes=[2, 1, 0])
    two = AffineSubspaceClassifier(n_components=1).partial_fit(early, late)
    assert head.classes_.tolist() == [0, 1, 2]
    scores = head.decision_function(x)
    np.testing.assert_array_equal(scores[:, 2], -np.inf)
    np.testing.assert_array_equal(head.predict(x), two.predict(x))
    again = AffineSubspaceClassifier(n_components=1).load_state(head.state()).merge(two)
    assert again.classes_.tolist() == [0, 1, 2]
    head.partial_fit(x[y == 2], y[y == 2])
    whole = AffineSubspaceClassifier(n_components=1).partial_fit(x, y)
    np.testing.assert_allclose(head.decision_function(x), whole.decision_function(x), rtol=1e-12, atol=1e-12)
    one = AffineSubspaceClassifier(n_components=0).partial_fit(x[y == 1], y[y == 1], classes=[0, 1])
    with pytest.raises(ValueError, match="only one class: 1"):
        one.predict(x)


def test_a_state_of_other_features_has_no_names_of_the_old_ones():
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    x, y = np.random.default_rng(0).standard_normal((12, 5)), np.arange(12) % 2
    head = AffineSubspaceClassifier(n_components=1).partial_fit(pd.DataFrame(x[:, :3], columns=list("abc")), y)
    head.load_state(AffineSubspaceClassifier(n_components=1).partial_fit(x, y).state())
    assert not hasattr(head, "feature_names_in_")
    assert head.predict(x).shape == y.shape
