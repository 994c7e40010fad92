"""Classifiers on features, against scikit-learn; large linear systems, against the whole matrix."""

from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from scipy.linalg import cho_factor
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold

import kernelconv
from kernelconv import ConvKernel
from kernelconv.studies.estimators import conjugate_gradients, least_squares, positive
from kernelconv.studies.estimators.choice import choice_subset
from kernelconv.studies.estimators.conjugate_gradients import nystrom, solve_kernel
from kernelconv.studies.estimators.kernel_classifiers import ExactKernelRidge, Supervised
from kernelconv.studies.estimators.least_squares import GaussianRidge, LinearRidge
from kernelconv.studies.estimators.panels import panels, product
from kernelconv.studies.estimators.positive import solve_positive


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 12))
    y = np.arange(150) % 3
    return centres[y] + 0.9 * rng.standard_normal((150, 12)), np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("n", [12, 150])  # as many images as features: the dual system; more: the primal one
def test_linear_head_is_ridge_regression(blobs, n):
    X, y = blobs[0][:n], blobs[1][:n]
    head = LinearRidge().fit(X, y)
    x = (X - X.mean(0)) / np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    targets = 2.0 * (y[:, None] == np.unique(y)) - 1
    peer = Ridge(alpha=head.chosen_["penalty"], fit_intercept=False).fit(x, targets)
    np.testing.assert_allclose(head.decision_function(X), peer.predict(x), rtol=1e-8, atol=1e-10)
    assert np.mean(head.predict(X) == y) > 0.8


def test_scores_of_two_classes_are_those_of_the_second(blobs):
    X, y = blobs[0], blobs[1] == "b"
    head = LinearRidge().fit(X, y)
    scores = head.decision_function(X)
    assert scores.shape == (150,)
    np.testing.assert_array_equal(scores > 0, head.predict(X))


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-8), (np.float32, 2e-3)])
def test_gaussian_head_is_kernel_ridge_in_both_precisions(blobs, monkeypatch, dtype, rtol):
    X, y = blobs
    n_double = 10 if dtype is np.float32 else 10_000  # as if there were many images
    monkeypatch.setattr(least_squares, "BLOCK", 64)
    head = GaussianRidge(n_double=n_double).fit(X, y)
    x = (X - X.mean(0)) / np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    peer = KernelRidge(kernel="rbf", gamma=head.chosen_["gamma"], alpha=head.chosen_["penalty_used"])
    targets = 2.0 * (y[:, None] == np.unique(y)) - 1
    theirs = peer.fit(x, targets).predict(x[:40])
    np.testing.assert_allclose(head._scores(x[:40]), theirs, rtol=rtol, atol=rtol)
    assert np.abs(theirs).max() > 0.5


def test_gaussian_head_chooses_what_scores_best_in_the_folds(blobs):
    X, y = blobs
    head = GaussianRidge(3).fit(X, y)
    x = head.scale_.transform(X)
    errors = {}
    for gamma in head.grid["gamma"]:
        for penalty in head.grid["penalty"]:
            wrong = 0
            for train, test in StratifiedKFold(3, shuffle=True, random_state=3).split(x, y):
                peer = KernelRidge(kernel="rbf", gamma=gamma, alpha=penalty)
                scores = peer.fit(x[train], head._targets(y[train])).predict(x[test])
                wrong += (head.classes_[scores.argmax(1)] != y[test]).sum()
            errors[gamma, penalty] = wrong
    assert len(set(errors.values())) > 1
    assert errors[head.chosen_["gamma"], head.chosen_["penalty"]] == min(errors.values())
    assert head.validation_error_ == pytest.approx(100 * min(errors.values()) / len(y))


def test_parameters_are_chosen_on_a_balanced_five_thousand():
    y = np.sort(np.arange(12_000) % 10)
    kept = choice_subset(y, 0)
    assert np.bincount(y[kept]).tolist() == [500] * 10
    assert len(choice_subset(y[::3], 0)) == 4000


@pytest.mark.parametrize("n", [10, 11, 1])
@pytest.mark.parametrize("width", [3, 5, 100])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_panels_multiply_as_the_whole_matrix(n, width, dtype, rtol):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, n + 5)).astype(np.float32)
    a, x = a @ a.T, rng.standard_normal((n, 3))
    parts = panels(n, lambda rows, columns: a[rows, columns], width)
    assert sum(p.size for p in parts) <= n * n / 2 + n * min(width, n)
    np.testing.assert_allclose(product(parts, x, dtype), a.astype(np.float64) @ x, rtol=rtol, atol=10 * rtol)


def kernel_of(n, gamma, monkeypatch, n_centres):
    """A Gaussian kernel of n points, its blocks, targets, and centres fewer than points."""
    monkeypatch.setattr(conjugate_gradients, "N_CENTRES", n_centres)
    monkeypatch.setattr(conjugate_gradients, "BLOCK", 37)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    k = np.exp(-gamma * least_squares.squared_distances(x, x))
    return k, lambda rows, columns: k[rows][:, columns], rng.standard_normal((n, 2))


@pytest.mark.parametrize(("gamma", "penalty"), [(0.05, 1e-4), (0.5, 1e-2), (2.0, 1e-4), (0.05, 10.0)])
@pytest.mark.parametrize("n_centres", [30, 300])
def test_conjugate_gradients_solve_the_system_as_well_as_they_say(monkeypatch, gamma, penalty, n_centres):
    k, block, targets = kernel_of(200, gamma, monkeypatch, n_centres)
    a = k.astype(np.float64) + penalty * np.eye(200)
    found = solve_kernel(200, block, penalty, targets, np.random.default_rng(1))
    left = np.linalg.norm(a @ found.weights - targets) / np.linalg.norm(targets)
    assert found.residual == pytest.approx(left, rel=1e-6)
    assert 0 < left <= 2e-3
    exact = k @ np.linalg.solve(a, targets)  # fitted values: penalty times weights is what they miss of the targets
    assert np.linalg.norm(k @ found.weights - exact) <= 2e-3 * np.linalg.norm(targets) + 1e-9


def test_the_preconditioner_is_the_inverse_where_all_images_are_centres(monkeypatch):
    k, block, x = kernel_of(60, 0.5, monkeypatch, 60)
    times = nystrom(60, block, 0.1, np.random.default_rng(0))
    values, vectors = np.linalg.eigh(k.astype(np.float64))
    inverse = vectors / (values + 0.1) @ vectors.T
    found, expected = times(x), inverse @ x
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-4)
    symmetric = times(np.eye(60))
    np.testing.assert_allclose(symmetric, symmetric.T, atol=1e-10)
    assert np.linalg.eigvalsh(symmetric).min() > 0


def test_few_centres_save_products(monkeypatch):
    """Of a kernel that is smooth, thirty centres of two hundred catch what is large."""
    counts = {}
    for name in ("without", "with"):
        _, block, targets = kernel_of(200, 0.05, monkeypatch, 30)
        calls = []
        monkeypatch.setattr(conjugate_gradients, "product", lambda *a, calls=calls: calls.append(1) or product(*a))
        if name == "without":
            monkeypatch.setattr(conjugate_gradients, "nystrom", lambda *_: lambda x: x)
        solve_kernel(200, block, 1e-2, targets, np.random.default_rng(1))
        counts[name] = len(calls)
        monkeypatch.undo()
    assert counts["with"] < counts["without"] / 2


def test_a_system_that_does_not_converge_is_said(monkeypatch):
    _, block, targets = kernel_of(200, 2.0, monkeypatch, 2)
    for name in ("MOST_PRODUCTS", "ROUNDS"):
        monkeypatch.setattr(conjugate_gradients, name, 1)
    with pytest.warns(ConvergenceWarning, match="200 images has a relative residual of .* 1 rounds of 1 prod"):
        found = solve_kernel(200, block, 1e-4, targets, np.random.default_rng(1))
    assert found.residual > 2e-3


def test_a_large_system_says_how_well_it_is_solved(blobs):
    head = GaussianRidge(n_double=10).fit(blobs[0].astype(np.float32), blobs[1])
    assert 0 < head.chosen_["residual"] <= 2e-3
    assert head.chosen_["penalty_used"] == max(head.chosen_["penalty"], 1e-4)


@pytest.mark.parametrize(("n", "expected"), [(5, {2}), (6, {1})])
def test_large_positive_systems_are_factorised_on_one_blas_thread(monkeypatch, n, expected):
    """On two, OpenBLAS 0.3.30 ends in a segmentation fault from 15,000 rows on."""

    def threads():
        return {info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"}

    def factorised(a, **options):
        seen.append(threads())
        return cho_factor(a, **options)

    seen = []
    monkeypatch.setattr(positive, "MOST_ROWS_THREADED", 5)
    monkeypatch.setattr(positive, "cho_factor", factorised)
    a = np.eye(n) + 0.1
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS cannot run on two threads")
        x = solve_positive(a.copy(), np.ones((n, 2)))
    assert seen == [expected]
    np.testing.assert_allclose(a @ x, 1, rtol=1e-13)


def test_cholesky_is_called_where_its_size_is_limited():
    """Large matrices elsewhere would meet the fault of OpenBLAS: a preconditioner has 1,000 centres."""
    root = Path(kernelconv.__file__).parent
    folders = [root, *(f for f in [root.parent / "benchmarks"] if f.is_dir())]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    words = ("cho_factor", "cholesky(", "import cholesky", "potrf", "assume_a=")
    found = {path.name for path in files if any(w in path.read_text() for w in words)}
    assert found == {"conjugate_gradients.py", "positive.py"}


def test_a_black_image_is_an_image_among_others_for_the_exact_kernel():
    rng = np.random.default_rng(0)
    x, y = rng.random((30, 4, 4, 1)), np.arange(30) % 2
    x[y == 1, :2] += 3
    x[0], black = 0, np.zeros((1, 4, 4, 1))
    fitted = ExactKernelRidge(ConvKernel((2,), subsampling=2)).fit(x, y)
    assert np.isfinite(fitted.weights_).all()
    assert np.mean(fitted.predict(x[1:]) == y[1:]) > 0.9
    assert fitted.predict(black).shape == (1,)


def test_the_exact_kernel_chooses_the_penalty_that_errs_least_over_all_folds():
    class Gaussian:
        def __call__(self, x, z=None):
            z = x if z is None else z
            return np.exp(-((x[:, None] - z[None]) ** 2).sum(-1))

        def diag(self, x):
            return np.ones(len(x))

    rng, penalties = np.random.default_rng(8), (1e-6, 1e-2, 1.0, 100.0)
    for seed in range(12):  # 53 images: folds of 11 and of 10, so that a mean over folds weighs them otherwise
        x, y = rng.standard_normal((53, 2)), rng.integers(2, size=53)
        fitted = ExactKernelRidge(Gaussian(), seed, penalties).fit(x, y)
        wrong = np.zeros(4, int)
        for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y):
            for i, penalty in enumerate(penalties):
                peer = KernelRidge(kernel="rbf", gamma=1.0, alpha=penalty)
                wrong[i] += (np.sign(peer.fit(x[train], 2.0 * y[train] - 1).predict(x[test])) != 2 * y[test] - 1).sum()
        assert fitted.chosen_["penalty"] == penalties[wrong.argmin()]


@pytest.mark.parametrize(("n", "held_out"), [(20, 4), (19, 4), (25, 5)])
def test_a_fifth_is_held_out_or_one_image_a_class(monkeypatch, n, held_out):
    seen = []

    class Always(DummyClassifier):
        def set_params(self, **options):
            return self

        def score(self, X, y):
            seen.append(len(y))
            return 1.0

        def fit(self, X, y):
            self.network_ = None
            return super().fit(X, y)

    x, y = np.zeros((n, 2)), np.arange(n) % 4
    assert Supervised(Always()).fit(x, y).chosen_ == {"penalty": 1e-6}
    assert set(seen) == {held_out}


@pytest.mark.parametrize("wide", [False, True])
def test_a_penalty_below_the_rounding_of_single_precision_is_still_solved(wide, monkeypatch):
    rng = np.random.default_rng(0)
    shape = (40, 200) if wide else (3000, 40)
    x = (rng.random((shape[0], 3)) @ rng.random((3, shape[1]))).astype(np.float32)  # of rank 3
    y = (x[:, 0] > np.median(x[:, 0])).astype(int)
    singular = []

    def solve(gram, right):
        singular.append(np.linalg.eigvalsh(gram)[0] <= 0)
        return solve_positive(gram, right)

    monkeypatch.setattr(least_squares, "solve_positive", solve)
    heads = [LinearRidge(penalties=(1e-6,)).fit(values, y) for values in (x, x.astype(np.float64))]
    assert singular == [True, False, False]
    np.testing.assert_array_equal(*(head.predict(x) for head in heads))
