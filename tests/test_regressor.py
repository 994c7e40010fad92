"""ConvNetRegressor: scikit-learn's suite, least squares, several targets, early stopping, what it refuses."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import Augmentation, ConvNetClassifier, ConvNetRegressor, serial
from kernelconv.networks.training.losses import squared_error
from kernelconv.operators import Convolution, Dense, Flatten, MaxPooling, ReLU
from kernelconv.testing import check_image_estimator

RNG = np.random.default_rng


def problem(n=80, seed=0):
    """Images with a bright spot; the targets are its row, column and height, centred."""
    rng = RNG(seed)
    x, where = 0.1 * rng.standard_normal((n, 8, 7)), rng.integers(1, 6, (n, 2))
    height = rng.uniform(1, 3, n)
    for i, (row, column) in enumerate(where):
        x[i, row - 1 : row + 2, column - 1 : column + 2] += height[i]
    return x, np.column_stack([where - 3.0, height - 2.0])


def plan(n_outputs=3):
    return serial(Convolution(4, 3), ReLU(), MaxPooling(2), Flatten(), Dense(n_outputs))


def small(n_outputs=3, **values):
    return ConvNetRegressor(plan(n_outputs), **{"epochs": 4, "batch_size": 16, "random_state": 0, **values})


@parametrize_with_checks([ConvNetRegressor("mlp", image_shape=(1, -1), epochs=15, random_state=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_images_contract():
    x, y = problem(12)
    check_image_estimator(small(), x, y)
    check_image_estimator(small(1, augmentation=Augmentation(shift=1)), x, y[:, 0])


def test_it_learns_where_the_spot_is():
    x, y = problem(400)
    reg = small(epochs=60, learning_rate=0.02).fit(x[:300], y[:300])
    assert is_regressor(reg)
    predicted = reg.predict(x[300:])
    assert reg.score(x[300:], y[300:]) == pytest.approx(r2_score(y[300:], predicted), rel=1e-12)
    linear = Ridge().fit(x[:300].reshape(300, -1), y[:300])
    assert reg.score(x[300:], y[300:]) > 0.95 > linear.score(x[300:].reshape(100, -1), y[300:])
    assert reg.transform(x).shape == (400, 24)
    last = reg.network_.parts[-1].params
    assert np.allclose(reg.transform(x) @ last["weight"] + last["bias"], reg.predict(x))
    assert reg.history_[0].keys() == {"epoch", "loss"}


def test_a_linear_network_finds_ridge_regression():
    """Decoupled decay at a constant rate ends where gradient and decay cancel: ridge with alpha = n * decay."""
    x, y = problem(60)
    plan = serial(Flatten(), Dense(3, bias=False))
    settings = {"optimizer": "sgd", "momentum": 0.0, "batch_size": 60, "schedule": "constant", "weight_decay": 0.5}
    reg = ConvNetRegressor(plan, epochs=1000, learning_rate=0.02, random_state=0, **settings).fit(x, y)
    peer = Ridge(alpha=60 * 0.5, fit_intercept=False).fit(x.reshape(60, -1), y)
    assert np.allclose(reg.network_.params["dense_2.weight"], peer.coef_.T, atol=1e-3 * np.abs(peer.coef_).max())
    assert np.abs(peer.coef_).max() > 0.05


def test_one_target_comes_back_as_it_was_given():
    x, y = problem()
    column, single = small(1).fit(x, y[:, :1]), small(1).fit(x, y[:, 0])
    assert single.predict(x).shape == (80,)
    assert column.predict(x).shape == (80, 1)
    assert np.array_equal(column.predict(x)[:, 0], single.predict(x))
    assert (single.n_outputs_, small().fit(x, y).n_outputs_) == (1, 3)


def test_a_callable_loss_gets_targets():
    x, y = problem()

    def absolute(outputs, targets):
        return np.abs(outputs - targets).sum(), np.sign(outputs - targets)

    assert np.array_equal(small(loss=squared_error).fit(x, y).predict(x), small().fit(x, y).predict(x))
    robust = small(loss=absolute, epochs=40, learning_rate=0.01).fit(x, y)
    assert robust.history_[-1]["loss"] < 0.5 * robust.history_[0]["loss"]
    assert not np.array_equal(robust.predict(x), small(epochs=40, learning_rate=0.01).fit(x, y).predict(x))


def test_early_stopping_keeps_the_best_network_and_stops():
    x, y = problem(90)
    reg = small(early_stopping=True, epochs=60, patience=2, validation_fraction=0.3, learning_rate=0.05).fit(x, y)
    losses = [h["validation_loss"] for h in reg.history_]
    assert len(losses) < 60
    assert len(losses) == np.argmin(losses) + 3
    held_out = reg._held_out(y, RNG(0))
    assert held_out.sum() == 27
    assert not np.array_equal(held_out, reg._held_out(y, RNG(1)))
    assert squared_error(reg.predict(x[held_out]), y[held_out])[0] / 27 == pytest.approx(min(losses), rel=1e-12)
    assert "validation_accuracy" not in reg.history_[0]
    with pytest.raises(ValueError, match="at least 2 are needed, got 1"):
        small(early_stopping=True).fit(x[:1], y[:1])


def test_partial_fits_and_warm_starts_go_on():
    x, y = problem(60)
    reg = small(learning_rate=0.01)
    for _ in range(15):
        reg.partial_fit(x[:30], y[:30]).partial_fit(x[30:], y[30:])
    assert [h["epoch"] for h in reg.history_] == list(range(1, 31))
    assert reg.history_[-1]["loss"] < 0.3 * reg.history_[0]["loss"]
    with pytest.raises(ValueError, match="y holds 1 targets an image, 3 were learned before"):
        reg.partial_fit(x, y[:, 0])
    warm = small(warm_start=True, schedule="constant", learning_rate=0.01, epochs=12).fit(x, y)
    last = warm.history_[-1]["loss"]
    assert warm.fit(x, y).history_[0]["loss"] < 1.2 * last
    warm.architecture = plan(2)
    assert warm.fit(x, y[:, :2]).predict(x).shape == (60, 2)  # other targets: from the start


def test_scikit_learns_tools():
    x, y = problem(60)
    reg = small(1, image_shape=(8, 7))
    rows, target = x.reshape(60, -1), 1000 + 50 * y[:, 0]
    scaled = TransformedTargetRegressor(reg.set_params(epochs=40, learning_rate=0.01), transformer=StandardScaler())
    assert scaled.fit(rows, target).score(rows, target) > 0.9
    search = GridSearchCV(small(), {"epochs": [1, 30], "architecture__convolution_1__size": [3, 5]}, cv=2).fit(x, y)
    assert search.best_params_["epochs"] == 30
    assert search.best_estimator_.network_.parts[0].size[0] == search.best_params_["architecture__convolution_1__size"]
    fitted = small().fit(x, y)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(x), fitted.predict(x))
    assert not any(hasattr(fitted, name) for name in ("classes_", "decision_function", "predict_proba"))


def test_same_bits_for_any_number_of_threads():
    x, y = problem()
    first, *others = (small(n_jobs=n_jobs, batch_size=70).fit(x, y).predict(x) for n_jobs in (1, 2, 3))
    assert all(np.array_equal(other, first) for other in others)


def test_its_parameters_are_those_of_the_classifier_but_for_the_loss():
    ours, theirs = ConvNetRegressor().get_params(), ConvNetClassifier().get_params()
    assert {k for k in ours if ours[k] != theirs[k]} == {"loss"}
    assert list(ours) == list(theirs)
    values = {k: object() for k in ours}
    assert ConvNetRegressor(**values).get_params(deep=False) == values
    assert clone(ConvNetRegressor(epochs=3)).epochs == 3


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"architecture": plan(2)}, r"shape \(1, 1, 2\) for .*; 3 targets need \(1, 1, 3\): end it with Dense\(3\)"),
        ({"loss": "log_loss"}, "loss must be one of 'squared_error', got 'log_loss'"),
        ({"frozen": "dense"}, "frozen names 'dense'"),
        ({"early_stopping": True, "validation_fraction": 1.0}, r"validation_fraction must be in \(0, 1\), got 1.0"),
    ],
)
def test_it_refuses_in_fit(parameters, match):
    with pytest.raises(ValueError, match=match):
        small().set_params(**parameters).fit(*problem())


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (3.0, "y must hold a row of targets for each image, got 3.0 alone"),
        (None, "ConvNetRegressor requires y to be passed, but the target y is None"),
        (np.zeros(79), "inconsistent numbers of samples"),
        (np.where(np.arange(80) == 3, np.nan, 1.0), "Input y contains NaN"),
        (np.where(np.arange(80) == 3, np.inf, 1.0), "Input y contains infinity"),
        (np.array(["a"] * 80), "y must hold numbers, got dtype"),
    ],
)
def test_it_refuses_targets(y, match):
    with pytest.raises(ValueError, match=match):
        small().fit(problem()[0], y)
