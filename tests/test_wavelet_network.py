"""WaveletNetworkRegressor: scikit-learn's suite, its Jacobian, the functions of Zhang & Benveniste."""

import pickle
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv.networks import WaveletNetworkRegressor
from kernelconv.networks.wavelet_network import _Wavelons


def piecewise(x):
    """The function of one variable of Zhang & Benveniste (1992), on [-10, 10]."""
    curve = 10 * np.exp(-0.05 * x - 0.5) * np.sin((0.03 * x + 0.7) * x)
    return np.where(x < -2, -2.186 * x - 12.864, np.where(x < 0, 4.246 * x, curve))


def saddle(x):
    """Their function of two."""
    return (x[:, 0] ** 2 - x[:, 1] ** 2) * np.sin(0.5 * x[:, 0])


def off(found, wanted):
    return np.sqrt(np.mean((found - wanted) ** 2)) / wanted.std()


pytestmark = pytest.mark.filterwarnings("ignore:The best of .* had not converged")  # a few evaluations suffice here

LINE = np.linspace(-10, 10, 200)
X1, Y1 = LINE[:, None], piecewise(LINE)


def small(**values):
    return WaveletNetworkRegressor(**{"n_wavelons": 3, "n_starts": 2, "max_iter": 15, "random_state": 0, **values})


@parametrize_with_checks([small(n_wavelons=2, n_starts=1)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_the_piecewise_function_in_the_best_of_eight_starts():
    reg = WaveletNetworkRegressor(7, n_starts=8, random_state=0).fit(X1, Y1)
    assert reg.errors_.shape == (8,)
    assert reg.errors_.min() <= 0.02
    assert (reg.errors_ <= 0.02).sum() >= 5
    assert off(reg.predict(X1), Y1) == pytest.approx(reg.errors_.min(), rel=1e-6)
    between = LINE[:-1] + 0.05
    assert off(reg.predict(between[:, None]), piecewise(between)) <= 0.02


@pytest.mark.once("oldest")
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_wavelons_come_closer_than_as_many_tanh():
    settings = {"hidden_layer_sizes": (7,), "activation": "tanh", "solver": "lbfgs", "alpha": 0, "max_iter": 1000}
    mlps = [MLPRegressor(**settings, tol=1e-9, random_state=seed).fit(X1 / 10, Y1) for seed in range(3)]
    wavelons = WaveletNetworkRegressor(7, n_starts=3, random_state=0).fit(X1, Y1)
    assert wavelons.errors_.min() < 0.7 * min(off(mlp.predict(X1 / 10), Y1) for mlp in mlps)


def test_a_function_of_two_variables():
    x = np.random.default_rng(0).uniform(-10, 10, (300, 2))
    reg = WaveletNetworkRegressor(10, n_starts=2, max_iter=60, random_state=0).fit(x, saddle(x))
    new = np.random.default_rng(1).uniform(-10, 10, (500, 2))
    assert reg.translations_.shape == reg.dilations_.shape == (10, 2)
    assert off(reg.predict(new), saddle(new)) < 0.1


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_jacobian_is_that_of_differences(d):
    rng = np.random.default_rng(d)
    k, x = 4, rng.standard_normal((6, d))
    parameters = rng.standard_normal(k * (2 * d + 1) + d + 1)
    wavelons = _Wavelons.of(parameters, k, d)
    assert np.array_equal(wavelons.vector(), parameters)
    steps = 1e-6 * np.eye(len(parameters))
    slopes = [
        _Wavelons.of(parameters + s, k, d).values(x) - _Wavelons.of(parameters - s, k, d).values(x) for s in steps
    ]
    np.testing.assert_allclose(wavelons.jacobian(x), np.transpose(slopes) / 2e-6, atol=1e-8)


def test_predictions_are_the_formula():
    x = np.random.default_rng(0).uniform(-3, 5, (40, 2))
    y = np.sin(x[:, 0]) * x[:, 1]
    reg = small(n_wavelons=4).fit(x, y)
    for row, value in zip(x[:5], reg.predict(x), strict=False):
        total = reg.intercept_ + row @ reg.coef_
        for w, t, dilation in zip(reg.weights_, reg.translations_, reg.dilations_, strict=True):
            u = dilation * (row - t)
            total += w * np.prod(-u * np.exp(-(u**2) / 2))
        assert value == pytest.approx(total, rel=1e-9)


def test_a_wavelon_and_a_line_are_found():
    u = (LINE - 3) / 2
    y = 5 * -u * np.exp(-(u**2) / 2) - 0.7 * LINE + 2
    reg = WaveletNetworkRegressor(1, random_state=0).fit(X1, y)
    assert off(reg.predict(X1), y) < 1e-8
    assert reg.translations_.ravel() == pytest.approx([3], rel=1e-6)
    assert np.abs(reg.dilations_).ravel() == pytest.approx([0.5], rel=1e-6)
    assert reg.weights_ * np.sign(reg.dilations_[0]) == pytest.approx([5], rel=1e-6)
    assert reg.coef_ == pytest.approx([-0.7], rel=1e-6)
    assert reg.intercept_ == pytest.approx(2, rel=1e-6)
    assert 1 <= reg.n_iter_ < 200


def test_units_do_not_matter():
    reg, other = small().fit(X1, Y1), small().fit(X1 * 2.0**200, Y1 * 2.0**-60)
    assert np.array_equal(other.predict(X1 * 2.0**200), reg.predict(X1) * 2.0**-60)
    moved = small().fit(X1 + 1000, Y1 - 50)
    assert off(moved.predict(X1 + 1000) + 50, reg.predict(X1)) < 1e-3
    assert off(other.predict(X1), reg.predict(X1)) > 0.1


def test_it_is_of_its_seed_and_the_best_start():
    reg = small(n_starts=5).fit(X1, Y1)
    assert len(set(reg.errors_)) == 5
    assert off(reg.predict(X1), Y1) == pytest.approx(reg.errors_.min(), rel=1e-9)
    assert np.array_equal(clone(reg).fit(X1, Y1).predict(X1), reg.predict(X1))
    assert np.array_equal(pickle.loads(pickle.dumps(reg)).predict(X1), reg.predict(X1))
    assert not np.array_equal(small(n_starts=5, random_state=1).fit(X1, Y1).predict(X1), reg.predict(X1))
    assert small(max_iter=4).fit(X1, Y1).n_iter_ == 4


@pytest.mark.parametrize("y", [np.zeros(200), np.full(200, 0.1)])
def test_constants_are_learned(y):
    reg = small().fit(np.column_stack([LINE, np.ones(200)]), y)
    assert np.abs(reg.predict([[0.5, 1], [3, 1]]) - y[0]).max() < 1e-12


def test_far_from_all_wavelons_the_line_is_left():
    reg = small().fit(X1, Y1)
    far = np.array([[-1e8], [1e90]])
    assert reg.predict(far) == pytest.approx(far[:, 0] * reg.coef_[0], rel=1e-6)
    narrow = small().fit(X1 * 1e-90, Y1)  # of which arguments have squares beyond all floats
    assert narrow.predict([[1e90]]) == pytest.approx(1e180 * reg.coef_, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"n_wavelons": 0}, "n_wavelons must be an int >= 1, got 0"),
        ({"n_starts": 1.5}, "n_starts must be an int >= 1, got 1.5"),
        ({"max_iter": "long"}, "max_iter must be an int >= 1, got 'long'"),
        ({"random_state": -1}, "random_state must be None, an int >= 0"),
        ({"n_wavelons": 10**9}, "The Jacobian of 1000000000 wavelons of 1 features in 200 samples would need"),
    ],
)
def test_what_is_no_network_is_refused(values, text):
    with pytest.raises(ValueError, match=text):
        small(**values).fit(X1, Y1)


def test_what_are_no_samples_is_refused():
    with pytest.raises(ValueError, match="cannot be squared in float64"):
        small().fit(X1 * 1e200, Y1)
    with pytest.raises(ValueError, match="cannot be squared in float64"):
        small().fit(X1, Y1 * 1e-200)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        small().fit(X1, np.column_stack([Y1, Y1]))
    with pytest.raises(ValueError, match="y is masked"):
        small().fit(X1, np.ma.array(Y1, mask=Y1 > 0))
    with pytest.raises(ValueError, match="X has 2 features, but WaveletNetworkRegressor is expecting 1"):
        small().fit(X1, Y1).predict(np.column_stack([LINE, LINE]))


def test_a_fit_that_stops_early_is_said():
    with pytest.warns(ConvergenceWarning, match="best of 2 starts had not converged after max_iter=3 evaluations"):
        small(max_iter=3).fit(X1, Y1)


def test_predictions_take_the_memory_of_a_block():
    reg = small(n_wavelons=8, max_iter=100).fit(X1, Y1)
    x = np.linspace(-10, 10, 40_000)[:, None]
    tracemalloc.start()
    try:
        reg.predict(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * x.nbytes
