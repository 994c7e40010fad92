"""AffineSubspaceClassifier: against definitions, scikit-learn's PCA, naive cross-validation and its suite."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv.networks.affine_subspace import AffineSubspaceClassifier


@parametrize_with_checks([AffineSubspaceClassifier(), AffineSubspaceClassifier(n_components=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def subspace_data(n, d, n_classes, k, seed=0, noise=0.3):
    """Samples near affine subspaces of dimension k whose means differ little."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    bases = rng.standard_normal((n_classes, k, d))
    means = 0.5 * rng.standard_normal((n_classes, d))
    coefficients = rng.standard_normal((n, k))
    x = means[y] + np.einsum("nk,nkd->nd", coefficients, bases[y]) + noise * rng.standard_normal((n, d))
    return x, y


def pca_residuals(x, y, x_test, k):
    residuals = []
    for c in np.unique(y):
        pca = PCA(k, svd_solver="full").fit(x[y == c])
        back = pca.inverse_transform(pca.transform(x_test))
        residuals.append(((x_test - back) ** 2).sum(axis=1))
    return np.stack(residuals, axis=1)


@pytest.mark.parametrize(("n", "d"), [(60, 100), (300, 12)], ids=["more features", "more samples"])
@pytest.mark.parametrize("k", [1, 4])
def test_residuals_are_those_of_pca(n, d, k):
    x, y = subspace_data(n, d, 3, 4)
    x_test, _ = subspace_data(50, d, 3, 4, seed=1)
    clf = AffineSubspaceClassifier(k).fit(x, y)
    expected = pca_residuals(x, y, x_test, k)
    np.testing.assert_allclose(clf.decision_function(x_test), -expected, rtol=1e-10)
    assert np.array_equal(clf.predict(x_test), expected.argmin(axis=1))
    assert expected.min() > 0.1


def test_far_from_the_origin_nothing_cancels():
    x, y = subspace_data(60, 100, 3, 4)
    near = AffineSubspaceClassifier(3).fit(x, y).decision_function(x)
    far = AffineSubspaceClassifier(3).fit(x + 1e4, y).decision_function(x + 1e4)
    np.testing.assert_allclose(far, near, rtol=1e-8)


def test_full_rank_leaves_no_residual_on_training_samples():
    x, y = subspace_data(60, 100, 3, 4)
    residuals = -AffineSubspaceClassifier(100).fit(x, y).decision_function(x)
    own = residuals[np.arange(60), y]
    assert own.max() < 1e-12 * (x**2).sum(axis=1).max()
    assert np.delete(residuals[0], y[0]).min() > 1


def test_directions_are_orthonormal_even_when_the_spectrum_falls_fast():
    rng = np.random.default_rng(0)
    scales = 10.0 ** -np.arange(0, 6, 0.5)
    x = rng.standard_normal((40, 12)) * scales @ np.linalg.qr(rng.standard_normal((80, 12)))[0].T
    clf = AffineSubspaceClassifier(10).fit(x, np.repeat([0, 1], 20))
    for v in clf.components_:
        assert v.shape == (10, 80)
        np.testing.assert_allclose(v @ v.T, np.eye(10), atol=1e-12)


@pytest.mark.parametrize("d", [5, 60], ids=["more samples", "more features"])
def test_a_class_has_no_more_directions_than_it_spans(d):
    rng = np.random.default_rng(0)
    v, w = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
    along = rng.standard_normal((2, 30))
    line = 3 + np.outer(along[0], v)
    flat = -3 + np.outer(along[0], v) + 1e-5 * np.outer(along[1], w)  # 1e-10 of the variance: small, and no rounding
    x, y = np.concatenate([line, flat, np.full((30, d), 7.0)]), np.repeat([0, 1, 2], 30)
    clf = AffineSubspaceClassifier(4).fit(x, y)
    assert [len(found) for found in clf.components_] == [1, 2, 0]
    np.testing.assert_allclose(np.abs(clf.components_[1] @ np.stack([v, w], 1)), np.eye(2), atol=1e-4)
    off = rng.standard_normal((20, d))
    off -= np.outer(off @ v, v)  # what is across the line is all residual
    np.testing.assert_allclose(-clf.decision_function(line.mean(0) + off)[:, 0], (off**2).sum(1), rtol=1e-9)


def naive_cv_errors(x, y, folds, dimensions):
    errors = np.zeros(len(dimensions))
    for train, held_out in folds:
        for i, k in enumerate(dimensions):
            predicted = AffineSubspaceClassifier(k).fit(x[train], y[train]).predict(x[held_out])
            errors[i] += (predicted != y[held_out]).sum()
    return errors / len(y)


def test_dimension_is_chosen_as_by_naive_cross_validation():
    x, y = subspace_data(90, 30, 3, 4, noise=0.5)
    cv = StratifiedKFold(3)
    clf = AffineSubspaceClassifier(cv=cv).fit(x, y)
    dimensions = range(len(clf.cv_errors_))
    expected = naive_cv_errors(x, y, list(cv.split(x, y)), dimensions)
    np.testing.assert_allclose(clf.cv_errors_, expected)
    assert clf.n_components_ == expected.argmin()
    assert expected[4] < expected[0] - 0.1  # the choice matters
    assert np.array_equal(clf.predict(x), AffineSubspaceClassifier(clf.n_components_).fit(x, y).predict(x))


def test_int_folds_are_stratified_balanced_and_shuffled_by_the_seed():
    _, y = subspace_data(100, 5, 3, 2)
    x = np.zeros((100, 5))

    def folds(seed):
        return AffineSubspaceClassifier(cv=4, random_state=seed)._folds(x, y)

    held_out = [f for _, f in folds(0)]
    assert np.array_equal(np.sort(np.concatenate(held_out)), np.arange(100))
    assert [len(f) for f in held_out] == [25] * 4
    counts = np.array([np.bincount(y[f], minlength=3) for f in held_out])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert all(not np.intersect1d(train, f).size for train, f in folds(0))
    assert np.array_equal(folds(0)[0][1], folds(0)[0][1])
    assert not np.array_equal(folds(0)[0][1], folds(1)[0][1])
    assert not np.array_equal(folds(0)[0][1], folds(None)[0][1])


@pytest.mark.parametrize("smallest", [1, 2])
def test_classes_smaller_than_the_number_of_folds(smallest):
    x, y = subspace_data(40, 20, 2, 2)
    x, y = np.concatenate([x, x[:smallest] + 9]), np.concatenate([y, [2] * smallest])
    clf = AffineSubspaceClassifier(cv=5).fit(x, y)
    assert np.array_equal(clf.predict(x[-smallest:]), [2] * smallest)
    assert clf.score(x, y) > 0.9


def test_one_sample_a_class_is_the_nearest_mean():
    x = np.eye(3)
    clf = AffineSubspaceClassifier().fit(x, ["a", "b", "c"])
    assert clf.n_components_ == 0
    np.testing.assert_allclose(clf.decision_function(x), 2 * np.eye(3) - 2)
    assert list(clf.predict(x)) == ["a", "b", "c"]


def test_binary_decision_is_one_column_with_the_sign_of_the_prediction():
    x, y = subspace_data(80, 10, 2, 2)
    y = np.array(["no", "yes"])[y]
    clf = AffineSubspaceClassifier(2).fit(x, y)
    scores = clf.decision_function(x)
    assert scores.shape == (80,)
    assert np.array_equal(clf.predict(x) == "yes", scores > 0)
    assert 0 < (scores > 0).sum() < 80


def test_float32_stays_and_agrees():
    x, y = subspace_data(90, 120, 3, 4)
    clf = AffineSubspaceClassifier(4).fit(x.astype(np.float32), y)
    scores = clf.decision_function(x.astype(np.float32))
    assert scores.dtype == clf.means_.dtype == clf.components_[0].dtype == np.float32
    np.testing.assert_allclose(scores, AffineSubspaceClassifier(4).fit(x, y).decision_function(x), rtol=1e-3)


def test_same_bits_for_any_number_of_threads_and_single_rows_agree():
    x, y = subspace_data(1500, 300, 3, 4)
    fitted = [AffineSubspaceClassifier(n_jobs=n, max_components=8, cv=2).fit(x, y) for n in (1, 2, 3)]
    scores = [clf.decision_function(x) for clf in fitted]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])
    rows = np.concatenate([fitted[0].decision_function(row[None]) for row in x[:5]])
    np.testing.assert_allclose(rows, scores[0][:5], rtol=1e-10)


def test_pickle_and_clone():
    x, y = subspace_data(60, 20, 3, 2)
    clf = AffineSubspaceClassifier(random_state=0).fit(x, y)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).decision_function(x), clf.decision_function(x))
    assert np.array_equal(clone(clf).fit(x, y).decision_function(x), clf.decision_function(x))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": "auto"}, "n_components must be 'cv' or an int >= 0, got 'auto'"),
        ({"n_components": -1}, "n_components must be an int >= 0, got -1"),
        ({"n_components": 1.5}, "n_components must be an int >= 0, got 1.5"),
        ({"cv": 1}, "cv must be an int >= 2, got 1"),
        (
            {"cv": (-1, 2)},
            r"cv must be an int >= 2, .* pairs \(training, held-out\) of .* 20 .* got \(-1, 2\)",
        ),
        ({"cv": ()}, r"pairs .* none of them empty, got \(\)"),
        ({"cv": [(1, 2)]}, r"pairs .* got \[\(1, 2\)\]"),
        ({"cv": [([0, 1], [20])]}, "pairs .* of indices of the 20 samples"),
        ({"cv": [([0, 1], np.arange(0))]}, "pairs .* of indices of the 20 samples, none of them empty"),
        ({"cv": [([0, 1], [2], [3])]}, "pairs .* of indices of the 20 samples"),
        ({"cv": [([0.5], [1])]}, "pairs .* of indices of the 20 samples"),
        ({"cv": "five"}, "cv must be an int >= 2, a scikit-learn splitter, or pairs .* got 'five'"),
        ({"cv": 2.5}, "cv must be an int >= 2, a scikit-learn splitter, or pairs .* got 2.5"),
        ({"max_components": -2}, "max_components must be an int >= 0, got -2"),
        ({"random_state": "x"}, "random_state must be None"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero int, got 0"),
    ],
)
def test_bad_parameters(parameters, message):
    x, y = subspace_data(20, 5, 2, 1)
    with pytest.raises(ValueError, match=message):
        AffineSubspaceClassifier(**parameters).fit(x, y)


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="at least 2 classes in the data, but the data contains only one class"):
        AffineSubspaceClassifier().fit(np.eye(4), np.ones(4))


def test_splitters_that_leave_a_class_out_of_training():
    x, y = subspace_data(40, 10, 2, 2)
    y[:8] = 2  # the whole class is one group: never in training while it is held out
    with pytest.raises(ValueError, match="groups"):
        AffineSubspaceClassifier(cv=GroupKFold(2)).fit(x, y)
    splits = [(np.arange(8, 40), np.arange(8)), (np.arange(8), np.arange(8, 40))]
    clf = AffineSubspaceClassifier(cv=splits).fit(x, y)
    masks = AffineSubspaceClassifier(cv=[(y != 2, y == 2), (y == 2, y != 2)]).fit(x, y)
    assert np.array_equal(masks.cv_errors_, clf.cv_errors_)
    assert clf.cv_errors_.min() == 1.0  # nobody can guess an unseen class


@pytest.mark.parametrize("seed", range(4))
def test_equal_samples_span_nothing(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((9, 4)), np.repeat([0, 1], [3, 6])
    x[:3] = rng.random(4) + 0.1
    whole, streamed = AffineSubspaceClassifier(2).fit(x, y), AffineSubspaceClassifier(2).partial_fit(x, y)
    assert [len(v) for v in whole.components_] == [len(v) for v in streamed.components_] == [0, 2]


def test_errors_of_an_earlier_cross_validation_are_forgotten():
    x, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    fitted = AffineSubspaceClassifier().fit(x, y)
    assert len(fitted.cv_errors_) > 0
    assert not hasattr(fitted.set_params(n_components=1).fit(x, y), "cv_errors_")
