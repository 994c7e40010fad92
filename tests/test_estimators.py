"""What estimators promise: scikit-learn's whole suite, and what it cannot see because it reads rows only."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import (
    AffineSubspaceClassifier,
    ConvKernelClassifier,
    ConvNetRegressor,
    JointTimeFrequencyScattering,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    Scattering3D,
)
from kernelconv.networks import CapsNetClassifier, SeparableScattering2D
from kernelconv.networks.cnn.classifier import ConvNetClassifier
from kernelconv.networks.estimator import ImageTransformer
from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.serial import serial
from kernelconv.networks.training.loop import train
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU
from kernelconv.testing import check_image_estimator


def problem(n=40, shape=(8, 7), classes=3, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    x, y = np.random.default_rng(seed).standard_normal((n, *shape)), np.arange(n) % classes
    for i, label in enumerate(y):
        x[i, :4, 2 * label : 2 * label + 2] += 3
    return x, y


def ckn(**parameters):
    return ConvKernelNetwork(**{"n_anchors": (4, 5), "n_patches": 300, "random_state": 0, **parameters})


def cnn(**parameters):
    plan = serial(Convolution(4, 3, padding="zero"), ReLU(), MaxPooling(2), Flatten(), Dense(3))
    return ConvNetClassifier(**{"architecture": plan, "epochs": 2, "random_state": 0, **parameters})


# scikit-learn's suite

SUITE = parametrize_with_checks(
    [
        ConvKernelNetwork(n_anchors=(6, 8), image_shape=(1, -1), n_patches=500, random_state=0),
        ConvNetClassifier(image_shape=(1, -1), epochs=15, random_state=0),
        ConvNetClassifier("mlp", image_shape=(1, -1), epochs=15, random_state=0),
    ]
)


def once_by_architecture(cases):
    """Return the checks; those of one class's second architecture run in one row of CI."""
    # a list, where scikit-learn 1.6 gives a generator: pytest wants to count its cases
    found = [(case, getattr(case, "values", case)) for case in cases]
    return [
        pytest.param(*values, marks=[*getattr(case, "marks", ()), pytest.mark.once("oldest")])
        if getattr(values[0], "architecture", None) == "mlp"
        else case
        for case, values in found
    ]


@pytest.mark.parametrize(SUITE.args[0], once_by_architecture(SUITE.args[1]), **SUITE.kwargs)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# What the suite cannot see


@pytest.mark.parametrize(
    ("estimator", "shape"),
    [
        (Scattering1D(J=1), (16, 1)),
        (JointTimeFrequencyScattering(J=1, J_fr=1, Q=4, T=1), (16, 1)),
        (Scattering2D(J=1, image_shape=(4, 4)), (4, 4)),
        (Scattering3D(J=0, volume_shape=(1, 4, 4)), (1, 4, 4)),
    ],
)
def test_columns_of_an_earlier_table_are_forgotten(estimator, shape):
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).random((3, 16))
    of_table = estimator.fit(pandas.DataFrame(x, columns=[f"p{i}" for i in range(16)]))
    assert len(of_table.feature_names_in_) == 16
    assert not hasattr(of_table.fit(x.reshape(3, *shape)), "feature_names_in_")


@pytest.mark.parametrize(
    "estimator", [ckn(), ckn(padding="valid", patch_size=(3, 1)), cnn(), cnn(architecture="resnet")]
)
def test_images_contract(estimator):
    x, y = problem(12)
    check_image_estimator(estimator, x, y)


class Broken(ImageTransformer):
    """A correct estimator, one method of which each subclass breaks."""

    def __init__(self, power=2, image_shape=None):
        self.power = power
        self.image_shape = image_shape

    def fit(self, X, y=None):
        self.mean_ = self._read_images(X, reset=True).mean(axis=0)
        self.maps_shape_ = self.image_shape_
        return self

    def transform(self, X):
        x = self._read_images(X)
        return (x.reshape(len(x), -1) - self.mean_.ravel()) ** self.power


class Mutates(Broken):
    def transform(self, X):
        x = self._read_images(X)
        x -= self.mean_
        return x.reshape(len(x), -1)


class MutatesByForce(Broken):
    def fit(self, X, y=None):
        X.flags.writeable = True
        X[0] = 0
        return super().fit(X)


class IgnoresSetParams(Broken):
    def __init__(self, power=2, image_shape=None):
        super().__init__(power, image_shape)
        self._function = lambda x, p=power: x**p  # built too early

    def transform(self, X):
        x = self._read_images(X)
        return self._function(x.reshape(len(x), -1) - self.mean_.ravel())

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "_function"}

    def __setstate__(self, state):
        self.__dict__.update(state, _function=lambda x, p=state["power"]: x**p)


class DropsDtype(Broken):
    def transform(self, X):
        return super().transform(X).astype(np.float64)


class LowersDtype(Broken):
    def transform(self, X):
        return super().transform(X).astype(np.float32)


class DependsOnTheBatch(Broken):
    def transform(self, X):
        y = super().transform(X)
        return y / y.std()


class TakesChannelsFirst(Broken):
    def _read_images(self, X, reset=False):
        X = np.asarray(X)
        return super()._read_images(np.moveaxis(X, 1, -1) if X.ndim == 4 and X.shape[1] == 1 else X, reset=reset)


class ReadsRowsByColumns(Broken):
    def transform(self, X):
        x = super().transform(X)
        return x[:, ::-1] if np.ndim(X) == 2 else x


class ForgetsTheChannelAxis(Broken):
    def transform(self, X):
        return super().transform(X) * (1 if np.ndim(X) == 3 else 2)


class Constant(Broken):
    def transform(self, X):
        return np.ones_like(super().transform(X))


class LosesState(Broken):
    def __getstate__(self):
        return {**self.__dict__, "mean_": 0 * self.mean_}


class LearnsOn(Broken):
    def fit(self, X, y=None):
        before = getattr(self, "mean_", 0)
        super().fit(X)
        self.mean_ = self.mean_ + before
        return self


class TakesAnything(Broken):
    def _read_images(self, X, reset=False):
        try:
            return super()._read_images(X, reset=reset)
        except ValueError:
            return super()._read_images(np.ones((2, 8, 7, 1)), reset=reset)


class TakesOtherShapes(Broken):
    def transform(self, X):
        x = np.asarray(X)
        return super().transform(x if x.shape[1] != 7 else np.ones((len(x), 8, 7)))


class Silent(BaseEstimator):
    def __init__(self, image_shape=None):
        self.image_shape = image_shape

    def fit(self, X, y=None):
        return self


BROKEN = [
    (Mutates(), ValueError, "read-only"),  # numpy's own words: the images it gets cannot be written
    (MutatesByForce(), AssertionError, "The input was changed"),
    (IgnoresSetParams(3), AssertionError, "set_params, or fitting twice, differs from a fresh object"),
    (DropsDtype(), AssertionError, "float32 input gave another dtype"),
    (LowersDtype(), AssertionError, "float64 input gave another dtype"),
    (DependsOnTheBatch(), AssertionError, "A batch differs from batches of one by"),
    (TakesChannelsFirst(), AssertionError, "Input that is channels first was accepted"),
    (ReadsRowsByColumns(), AssertionError, "Rows with image_shape differ from images"),
    (ForgetsTheChannelAxis(), AssertionError, r"\(n, h, w, 1\) differs from \(n, h, w\)"),
    (Constant(), AssertionError, "The output does not depend on the image"),
    (LosesState(), AssertionError, "pickle changed the output"),
    (LearnsOn(), AssertionError, "set_params, or fitting twice, differs"),
    (TakesAnything(), AssertionError, "Input that is channels first was accepted"),
    (TakesOtherShapes(), AssertionError, "Images of another shape than in fit were accepted"),
    (Silent(), AssertionError, "Silent has neither transform, predict_proba nor decision_function"),
]


@pytest.mark.parametrize(("estimator", "kind", "match"), BROKEN, ids=[type(b[0]).__name__ for b in BROKEN])
def test_check_image_estimator_sees_what_is_broken(estimator, kind, match):
    with pytest.raises(kind, match=match):
        check_image_estimator(estimator, problem(12)[0])


def test_check_image_estimator_passes_what_is_right():
    x, _ = problem(12)
    check_image_estimator(Broken(), x)
    assert x.flags.writeable
    check_image_estimator(Broken(3), problem(12)[0])


class WrongWords(Broken):
    def __init__(self, power=2, image_shape=None, where="fit"):
        super().__init__(power, image_shape)
        self.where = where

    def _read_images(self, X, reset=False):
        try:
            return super()._read_images(X, reset=reset)
        except ValueError:
            if reset == (self.where == "fit"):
                raise ValueError("no.") from None
            raise


@pytest.mark.parametrize(("where", "match"), [("fit", "'channels first', got: no"), ("", "the shape, got: no")])
def test_check_image_estimator_reads_the_errors(where, match):
    with pytest.raises(AssertionError, match=f"Expected an error about {match}"):
        check_image_estimator(WrongWords(where=where), problem(12)[0])


# scikit-learn's tools


def test_pandas_output():
    pd = pytest.importorskip("pandas", reason="set_output(transform='pandas') needs pandas")
    x, _ = problem()
    rows = x.reshape(len(x), -1)
    estimator = ckn(image_shape=(8, 7)).set_output(transform="pandas").fit(rows)
    frame = estimator.transform(rows)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(estimator.get_feature_names_out())
    assert np.array_equal(frame.to_numpy(), ckn().fit(x).transform(x))
    table = pd.DataFrame(rows, columns=[f"pixel_{i}" for i in range(56)])
    fitted = ckn(image_shape=(8, 7)).fit(table)
    assert fitted.feature_names_in_[0] == "pixel_0"
    fitted.fit(x)  # images have no names: the table's are forgotten
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.transform(rows).shape == (40, 20)


def test_grid_search_scores_what_it_says():
    """Each point of the grid scores as a fresh object does: set_params reaches the network."""
    x, y = problem(60)
    grid = {"convkernelnetwork__n_anchors": [(1, 1), (2, 6), (8, 3)]}
    search = GridSearchCV(make_pipeline(ckn(), RidgeClassifier()), grid, cv=3).fit(x, y)
    scores = []
    for n_anchors in grid["convkernelnetwork__n_anchors"]:
        fresh = GridSearchCV(make_pipeline(ckn(n_anchors=n_anchors), RidgeClassifier()), {}, cv=3).fit(x, y)
        scores.append(fresh.cv_results_["mean_test_score"][0])
    assert search.cv_results_["mean_test_score"].tolist() == scores
    assert len(set(scores)) > 1


@pytest.mark.parametrize(
    ("estimator", "changed"),
    [
        (ckn(), {"n_anchors": (3, 3), "patch_size": (2, 3), "sigma": 0.8, "padding": "reflect", "random_state": 4}),
        (cnn(), {"epochs": 3, "learning_rate": 0.01, "optimizer": "sgd", "loss": "squared_hinge", "random_state": 4}),
    ],
)
def test_set_params_then_fit_is_a_fresh_object(estimator, changed):
    x, y = problem()
    old = clone(estimator).fit(x, y)
    fresh = clone(estimator).set_params(**changed).fit(x, y)
    again = old.set_params(**changed).fit(x[::-1], y[::-1]).fit(x, y)
    assert np.array_equal(again.transform(x), fresh.transform(x))
    assert not np.array_equal(fresh.transform(x), clone(estimator).fit(x, y).transform(x))


@pytest.mark.parametrize("estimator", [ckn(), cnn()])
def test_pickles_and_random_states(estimator):
    x, y = problem()
    fitted = clone(estimator).fit(x, y)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(x), fitted.transform(x))
    same = clone(estimator).set_params(random_state=np.random.RandomState(3)).fit(x, y).transform(x)
    assert np.array_equal(
        same, clone(estimator).set_params(random_state=np.random.RandomState(3)).fit(x, y).transform(x)
    )
    generator = np.random.default_rng(0)
    assert np.array_equal(
        clone(estimator).set_params(random_state=generator).fit(x, y).transform(x), fitted.transform(x)
    )


@pytest.mark.parametrize("estimator", [ckn(), cnn()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_memory_mapped_images(estimator, dtype, tmp_path):
    x, y = problem()
    x = (40 * (x - x.min())).astype(dtype)
    np.save(tmp_path / "images.npy", x)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    out = clone(estimator).fit(mapped, y).transform(mapped)
    assert out.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert np.array_equal(out, clone(estimator).fit(x, y).transform(x))


@pytest.mark.parametrize("estimator", [ckn(), cnn()])
def test_not_fitted_and_other_shapes(estimator):
    x, y = problem()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clone(estimator).transform(x)
    if hasattr(estimator, "summary"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            clone(estimator).summary()
    fitted = clone(estimator).fit(x, y)
    assert fitted.image_shape_ == (8, 7, 1)
    assert fitted.n_features_in_ == 56
    with pytest.raises(ValueError, match=r"X holds images of shape \(7, 7, 1\), but \w+ was fitted on .* \(8, 7, 1\)"):
        fitted.transform(x[:, 1:])
    with pytest.raises(ValueError, match="rows need image_shape"):
        fitted.transform(x.reshape(40, -1))
    assert np.array_equal(fitted.transform(x.tolist()), fitted.transform(x))


# The classifier


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_may_be_strings(classes):
    x, y = problem(classes=classes)
    plan = serial(Flatten(), Dense(classes))
    names = np.array(["zero", "two", "alpha"])[y]
    clf = cnn(architecture=plan, epochs=30, learning_rate=0.02).fit(x, names)
    assert list(clf.classes_) == sorted(set(names))
    assert clf.predict(x).dtype == names.dtype
    assert clf.score(x, names) > 0.9
    assert clf.decision_function(x).shape == ((40,) if classes == 2 else (40, 3))
    proba = clf.predict_proba(x)
    assert np.allclose(proba.sum(axis=1), 1)
    assert np.array_equal(clf.classes_[proba.argmax(axis=1)], clf.predict(x))


def test_probabilities_of_two_classes_are_the_softmax():
    x, y = problem(classes=2)
    clf = cnn(architecture=serial(Flatten(), Dense(2))).fit(x, y)
    scores = clf.network_.forward(x).reshape(40, 2)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.allclose(clf.predict_proba(x), expected, rtol=1e-12)
    assert np.allclose(clf.decision_function(x), scores[:, 1] - scores[:, 0], rtol=1e-12)


def test_features_are_what_the_last_part_reads():
    x, y = problem()
    clf = cnn().fit(x, y)
    trace = clf.network_.trace(x)
    assert np.array_equal(clf.transform(x), trace["flatten_4"].reshape(40, -1))
    assert len(clf.get_feature_names_out()) == clf.transform(x).shape[1]
    last = clf.network_.parts[-1]
    assert np.allclose(clf.transform(x) @ last.params["weight"] + last.params["bias"], clf.decision_function(x))
    assert "dense_5" in clf.summary()


def test_a_network_of_one_part_is_logistic_regression_on_pixels():
    x, y = problem()
    clf = cnn(architecture=serial(Dense(3)), epochs=60).fit(x, y)
    assert np.array_equal(clf.transform(x), x.reshape(40, -1))
    assert clf.score(x, y) > 0.9


def test_history_and_verbose(capsys):
    x, y = problem()
    clf = cnn(verbose=True, epochs=3).fit(x, y)
    lines = capsys.readouterr().out.splitlines()
    assert [h["epoch"] for h in clf.history_] == [1, 2, 3]
    loss, accuracy = clf.history_[0]["loss"], clf.history_[0]["accuracy"]
    assert re.fullmatch(rf"epoch   1  loss {loss:.4f}  accuracy {accuracy:.4f}  \d+ s", lines[0])
    assert len(lines) == 3
    cnn().fit(x, y)
    assert not capsys.readouterr().out


def test_every_parameter_reaches_the_training(monkeypatch):
    from kernelconv.networks.cnn import estimator as module

    asked = {}

    def spy(network, images, labels, **values):
        asked.update(values)
        return network, []

    monkeypatch.setattr(module, "train", spy)
    values = {"epochs": 7, "batch_size": 5, "learning_rate": 0.3, "schedule": "constant", "loss": "squared_hinge"}
    cnn(**values, optimizer="sgd", momentum=0.7, weight_decay=0.2, n_jobs=2, frozen="dense_5").fit(*problem())
    assert {k: asked[k] for k in values} == values
    assert asked["n_jobs"] == 2
    assert asked["frozen"] == "dense_5"
    assert asked["optimizer"] == module.Optimizer("sgd", 0.7, 0.2)
    assert asked["progress"] is None


def test_presets_by_name():
    x, y = problem(12, (5, 4))
    for name, n_parts in (("wide_lenet", 13), ("mlp", 4)):
        clf = ConvNetClassifier(name, epochs=1, random_state=0).fit(x, y)
        assert len(clf.network_.parts) == n_parts
        assert clf.predict(x).shape == (12,)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"architecture": "lenet"}, "must be one of 'lenet5', 'wide_lenet', .*, 'densenet', 'mlp', got 'lenet'"),
        (
            {"architecture": serial(Flatten(), Dense(4))},
            r"output has shape \(1, 1, 4\) for images of shape \(8, 7, 1\); 3 classes need \(1, 1, 3\): .*Dense\(3\)",
        ),
        ({"architecture": serial(Convolution(3, 9))}, "does not fit its input"),
        ({"epochs": 0}, "epochs must be an int >= 1"),
        ({"optimizer": "adagrad"}, "optimizer must be one of"),
        ({"momentum": 1.5}, "momentum must be in"),
        ({"loss": "squared_error"}, "loss must be one of 'log_loss', 'squared_hinge', .*, got 'squared_error'"),
        ({"frozen": "conv"}, "frozen names 'conv', but there is no such param"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero int, got 0"),
    ],
)
def test_classifier_refuses_in_fit(parameters, match):
    x, y = problem()
    with pytest.raises(ValueError, match=match):
        cnn(**parameters).fit(x, y)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (None, "ConvNetClassifier requires y to be passed, but the target y is None"),
        (np.zeros(40, int), "A classifier needs at least 2 classes, y holds one class only: .*0"),
        (np.arange(39) % 3, "inconsistent numbers of samples"),
        (np.linspace(0, 1, 40), "Unknown label type: continuous"),
        (np.ones((40, 2)), "y should be a 1d array"),
        (np.where(np.arange(40) == 3, np.nan, 1.0), "Input y contains NaN"),
        (np.where(np.arange(40) == 3, np.inf, 1.0), "Input y contains infinity"),
    ],
)
def test_classifier_refuses_labels(y, match):
    with pytest.raises(ValueError, match=match):
        cnn().fit(problem()[0], y)


def test_a_column_of_labels_is_read_with_a_warning():
    x, y = problem()
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        clf = cnn().fit(x, y[:, None])
    assert np.array_equal(clf.predict(x), cnn().fit(x, y).predict(x))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the overflow itself
def test_a_learning_rate_far_too_high_is_an_error():
    x, y = problem()
    with pytest.raises(ValueError, match=r"The training loss is .* lower learning_rate \(now 1e\+09\) or scale"):
        cnn(learning_rate=1e9, optimizer="sgd", epochs=30, loss="squared_hinge").fit(x, y)


def test_transformer_mixin_gives_fit_transform():
    x, _ = problem()
    assert isinstance(ckn(), TransformerMixin)
    assert np.array_equal(ckn().fit_transform(x), ckn().fit(x).transform(x))


# A fit that fails

SMALL = {"epochs": 1, "random_state": 0}
FAIL = {
    # an estimator that fits 8 x 7 images, and images whose shape or labels it refuses once it has read them
    "Scattering2D": (Scattering2D(J=2, L=2), lambda x, y: (x[:, :3, :3], y)),
    "SeparableScattering2D": (SeparableScattering2D(J=2), lambda x, y: (x[:, :3, :3], y)),
    "RotoTranslationScattering2D": (RotoTranslationScattering2D(J=2, L=2), lambda x, y: (x[:, :3, :3], y)),
    "Scattering1D": (Scattering1D(J=2, Q=1), lambda x, y: (x[:, :2, 0], y)),
    "JointTimeFrequencyScattering": (
        JointTimeFrequencyScattering(J=2, Q=1, J_fr=1),
        lambda x, y: (x[:, :2, 0], y),
    ),
    "ConvKernelNetwork": (ckn(patch_size=3, padding="valid", subsampling=1), lambda x, y: (x[:, :3, :3], y)),
    "ConvKernelClassifier": (ConvKernelClassifier((4,), **SMALL), lambda x, y: (x[:, :6], 0 * y)),
    "ConvNetClassifier": (cnn(), lambda x, y: (x[:, :6], y % 2)),  # three outputs for two classes
    "ConvNetRegressor": (ConvNetRegressor("mlp", **SMALL), lambda x, y: (x[:, :6], np.full(len(y), np.inf))),
    "CapsNetClassifier": (CapsNetClassifier(2, 1, filter_size=3, **SMALL), lambda x, y: (x[:, :6], 0 * y)),
    "AffineSubspaceClassifier": (AffineSubspaceClassifier(2), lambda x, y: (x[:, 0], 0 * y)),
}


def flat(name, x):
    """Images as the estimator of a name reads them."""
    signals = name in ("Scattering1D", "JointTimeFrequencyScattering")
    return x.reshape(len(x), -1) if signals or name == "AffineSubspaceClassifier" else x


def answer(estimator, x):
    return (estimator.predict if hasattr(estimator, "predict") else estimator.transform)(x)


@pytest.mark.parametrize("name", FAIL)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(name):
    (x, y), (estimator, refused) = problem(), FAIL[name]
    fitted = clone(estimator).fit(flat(name, x), y)
    before, learned = answer(fitted, flat(name, x)), dict(vars(fitted))
    for wrong in (clone(estimator), fitted):
        with pytest.raises(ValueError, match=r"."):
            wrong.fit(*refused(x, y))
    np.testing.assert_array_equal(answer(fitted, flat(name, x)), before)
    assert vars(fitted).keys() == learned.keys()
    assert all(vars(fitted)[key] is value for key, value in learned.items())
    failed = clone(estimator)
    with pytest.raises(ValueError, match=r"."):
        failed.fit(*refused(x, y))
    with pytest.raises(NotFittedError):
        answer(failed, flat(name, x))


def test_an_interrupted_fit_leaves_the_labels_of_the_network_that_is_there(monkeypatch):
    (x, y), clf = problem(), cnn()
    clf.fit(x, y)
    before = clf.predict(x)

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("kernelconv.networks.cnn.estimator.train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(x, np.array(["c", "b", "a"])[y])
    np.testing.assert_array_equal(clf.predict(x), before)


def test_a_first_partial_fit_that_fails_is_none():
    (x, y), clf = problem(), cnn()
    with pytest.raises(ValueError, match="y holds \\[2\\], not among the classes \\[0, 1\\]: pass all of them"):
        clf.set_params(architecture="mlp").partial_fit(x, y, classes=[0, 1])
    with pytest.raises(NotFittedError):
        clf.predict(x)
    clf.partial_fit(x, y, classes=[0, 1, 2]).partial_fit(x, y, classes=[2, 1, 0])
    with pytest.raises(ValueError, match=r"classes are \['a', 'b'\], and the network was made for \[0, 1, 2\]"):
        clf.partial_fit(x, y, classes=["a", "b"])


def test_a_partial_fit_that_is_interrupted_does_not_move_what_the_next_one_starts_from(monkeypatch):
    (x, y), one, other = problem(), cnn(), cnn()
    for clf in (one, other):
        clf.partial_fit(x, y)

    def interrupted(*args, **options):
        train(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kernelconv.networks.cnn.estimator.train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            one.partial_fit(x, y)
    for clf in (one, other):
        clf.partial_fit(x, y)
    np.testing.assert_array_equal(one.decision_function(x), other.decision_function(x))


def test_a_warm_start_with_another_architecture_begins_anew():
    (x, y), clf = problem(), cnn(architecture="mlp", warm_start=True)
    first = clf.fit(x, y).network_
    assert repr(clf.fit(x, y).network_) == repr(first)
    again = clf.set_params(architecture="lenet5").fit(x, y).network_
    alone = cnn(architecture="lenet5").fit(x, y).network_
    assert repr(again) == repr(alone) != repr(first)
    for key, value in alone.params.items():
        np.testing.assert_array_equal(again.params[key], value)


@pytest.mark.parametrize(
    "estimator",
    [
        ConvKernelNetwork(4, n_patches=200, random_state=0, image_shape=(8, 7)),
        Scattering1D(2),
        JointTimeFrequencyScattering(J=2, Q=1, J_fr=1),
        Scattering3D(0, volume_shape=(2, 4, 7)),
    ],
    ids=lambda e: type(e).__name__,
)
def test_names_of_features_are_those_of_fit(estimator):
    pd = pytest.importorskip("pandas", reason="tables need pandas")
    rows = pd.DataFrame(np.random.default_rng(0).random((20, 56)), columns=[f"p{i}" for i in range(56)])
    estimator.fit(rows)
    assert len(estimator.get_feature_names_out(rows.columns)) == estimator.transform(rows).shape[1]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        estimator.get_feature_names_out([f"q{i}" for i in range(56)])
    with pytest.raises(ValueError, match=r"input_features should have length equal .* \(56\), got 1"):
        estimator.get_feature_names_out(["p0"])
