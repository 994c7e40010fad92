"""What cells of one process share: computed once, with the results and the seconds of a cell computed alone."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from kernelconv import ConvKernelNetwork, Scattering2D
from kernelconv.datasets import load_split
from kernelconv.datasets.split import Split
from kernelconv.studies import shared as module
from kernelconv.studies.accuracy import TIMES, Accuracy
from kernelconv.studies.models import Model, Representation
from kernelconv.studies.registry import HEADS, model
from kernelconv.studies.shared import Shared
from kernelconv.studies.sweep import Sweep

X = np.random.default_rng(0).random((30, 8, 8)).astype(np.float32)
Y = np.arange(30) % 2
DONE = []


class Told(TransformerMixin, BaseEstimator):
    """Rows of pixels, less the mean of the training images where it learns; says what it does."""

    def __init__(self, learns=False, hidden=None):
        self.learns = learns
        self.hidden = hidden

    def fit(self, X, y=None):
        DONE.append("fit")
        self.mean_ = X.mean(0) * self.learns
        return self

    def transform(self, X):
        DONE.append("transform")
        return (X - self.mean_).reshape(len(X), -1)


@pytest.fixture(autouse=True)
def nothing_done():
    DONE.clear()


def run(shared, estimator, draw=0, n=20):
    fitted, fit_seconds = shared.fit(estimator, X[draw : draw + n], Y[draw : draw + n], ("subset", draw))
    predicted, seconds = shared.predict(fitted, X[10:], "test")
    return predicted, fit_seconds, seconds


def test_two_heads_share_what_reads_the_images():
    shared = Shared()
    for alpha in (1.0, 100.0):
        estimator = make_pipeline(Told(learns=True), StandardScaler(), RidgeClassifier(alpha))
        predicted, *_ = run(shared, estimator)
        np.testing.assert_array_equal(predicted, estimator.fit(X[:20], Y[:20]).predict(X[10:]))
    # once for the cells, subset and test images; the rest is the check's own
    assert DONE.count("fit") == 1 + 2
    assert DONE.count("transform") == 2 + 2 * 2


def test_what_learns_nothing_is_found_in_other_draws_and_what_learns_is_not():
    for learns, expected in ((False, 2 + 1), (True, 2 + 2)):
        DONE.clear()
        shared = Shared()
        for draw in (0, 5):
            run(shared, make_pipeline(Told(learns=learns), RidgeClassifier()), draw)
        assert DONE.count("fit") == 2
        assert DONE.count("transform") == expected  # two subsets; the test images once or twice


def test_members_of_a_union_are_shared_one_by_one():
    shared = Shared()
    run(shared, make_pipeline(Told(), RidgeClassifier()))
    assert len(DONE) == 3
    union = make_pipeline(make_union(Told(), make_pipeline(Told(learns=True), StandardScaler())), RidgeClassifier())
    predicted, *_ = run(shared, union)
    assert len(DONE) == 6
    np.testing.assert_array_equal(predicted, union.fit(X[:20], Y[:20]).predict(X[10:]))


def test_what_is_found_again_is_told_with_the_seconds_it_took(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(module, "cpu_clock", lambda: lambda: next(now))
    shared = Shared()
    alone = run(shared, make_pipeline(Told(), RidgeClassifier()))[1:]
    again = run(shared, make_pipeline(Told(), RidgeClassifier()))[1:]
    assert alone == again == (3, 3)  # what reads the images twice, and the head; what is between takes a tick too
    assert len(DONE) == 3


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "MOST_FITTED", 2)
    monkeypatch.setattr(module, "MOST_BYTES", 20 * 64 * 4)
    shared = Shared()
    for draw in (0, 1, 2, 0):
        run(shared, make_pipeline(Told(learns=True), RidgeClassifier()), draw)
    assert len(shared.fitted) == 2
    assert len(shared.features) == 1
    assert DONE.count("fit") == 4
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    run(shared, make_pipeline(Told(learns=True), RidgeClassifier()), 7)
    assert sum(f.nbytes for f, _ in shared.features.values()) <= 20 * 64 * 4


def test_an_estimator_that_cannot_be_pickled_is_computed_every_time():
    shared = Shared()
    for _ in range(2):
        run(shared, make_pipeline(Told(hidden=lambda: None), RidgeClassifier()))
    assert DONE == ["fit", "transform", "transform"] * 2
    assert not shared.fitted


def test_a_later_sweep_takes_nothing_of_one_whose_code_was_another(tmp_path, monkeypatch):
    split = Split("noise", X[:20], Y[:20], X[20:], Y[20:])
    own = Representation("told", "told", "yours", lambda shape, size, seed: Told(), "none")
    for mean in (0.0, 1.0):
        monkeypatch.setattr(Told, "fit", lambda self, X, y=None, mean=mean: self.__dict__.update(mean_=mean) or self)
        study = Accuracy(split, {"told+affine": Model("told+affine", own, HEADS["affine"])}, {20: 1})
        (done,) = Sweep(study, tmp_path / str(mean)).run()
        (kept,) = module.shared().fitted.values()
        assert kept.estimator.mean_ == mean
        assert not done.known


def test_steps_that_are_passed_through_are_left_out():
    estimator = Pipeline([("none", None), ("same", "passthrough"), ("told", Told()), ("head", RidgeClassifier())])
    predicted, *_ = run(Shared(), estimator)
    np.testing.assert_array_equal(predicted, estimator.fit(X[:20], Y[:20]).predict(X[10:]))


@pytest.mark.parametrize("estimator", [Scattering2D(J=1), ConvKernelNetwork(4, random_state=0)])
def test_use_does_not_change_what_our_estimators_are_known_by(estimator):
    first, again = Shared(), Shared()
    for shared in (first, again):
        shared.fit(estimator, X, None, "subset")
        estimator.transform(X)
        estimator = type(estimator)(**estimator.get_params())
    (one,), (other,) = first.fitted.values(), again.fitted.values()
    assert one.digest == other.digest is not None


@pytest.mark.once("oldest")
def test_cells_that_share_have_the_records_of_cells_that_do_not(monkeypatch):
    names = ("scattering+affine", "scattering+gaussian", "ckn-1", "scattering-ckn+gaussian")
    whole, models = load_split("digits"), {name: model(name, (8, 8)) for name in names}
    split = Split("few digits", whole.X_train, whole.y_train, whole.X_test[:50], whole.y_test[:50])
    study = Accuracy(split, models, {50: 2}, parts=("test", "validation"), strengths=(0.2,))
    together = [study.run(cell) for cell in study.cells]
    for cell, record in zip(study.cells, together, strict=True):
        monkeypatch.setattr(module, "_kept", module._OfThread())
        alone = study.run(cell)
        assert {k: v for k, v in alone.items() if k not in TIMES} == {k: v for k, v in record.items() if k not in TIMES}


class InPlace(Told):
    """Writes into the images that it is given, and learns nothing."""

    def transform(self, X):
        X *= -1
        return X.reshape(len(X), -1)


def test_a_model_that_works_in_place_spoils_no_other():
    """Neither the images of another model nor features that two heads read."""
    images = (255 * X).astype(np.float32)
    split = Split("small", images, Y, images[:20].copy(), Y[:20])
    first = Accuracy(split, {"pixels+linear": model("pixels+linear")}, {12: 1})
    alone = first.run(first.cells[0])["test_error"]
    spoiler = Accuracy(split, {"pixels+linear": model("pixels+linear")}, {12: 1})
    built = make_pipeline(InPlace(), RidgeClassifier())
    object.__setattr__(spoiler.models["pixels+linear"], "build", lambda *_: built)
    spoiler.run(spoiler.cells[0])
    np.testing.assert_array_equal(split.X_test, images[:20])
    assert first.run(first.cells[0])["test_error"] == alone
    kept, features = Shared(), make_pipeline(Told())
    fitted, _ = kept.fit(features, X, None, "subset")
    for _ in range(2):
        rows, _ = kept.transform(fitted, X, "subset")
        np.testing.assert_array_equal(rows, X.reshape(len(X), -1))
        rows *= 0
