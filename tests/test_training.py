"""Losses, optimisers, schedules and the epoch loop, against formulas, differences and theory."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from kernelconv._parallel.collectives import all_gather
from kernelconv.networks.cnn.presets import mlp, wide_lenet
from kernelconv.networks.serial import serial
from kernelconv.networks.training import loop as training
from kernelconv.networks.training.augmentation import Augmentation
from kernelconv.networks.training.loop import loss_gradient, train
from kernelconv.networks.training.losses import (
    CLASS_LOSSES,
    as_loss,
    log_softmax,
    softmax_cross_entropy,
    squared_error,
    squared_hinge,
)
from kernelconv.networks.training.optimizers import Optimizer, learning_rates
from kernelconv.operators import (
    AveragePooling,
    Convolution,
    Dense,
    Flatten,
    GaussianPooling,
    KernelMapping,
    Layer,
    MaxPooling,
    PatchExtraction,
    ReLU,
    Standardization,
)
from kernelconv.operators.base import Part
from kernelconv.testing import check_vjp

RNG = np.random.default_rng


@dataclass(frozen=True, repr=False)
class Mask(Part):
    """A dropout of one half, to see where the masks come from."""

    def _out_shape(self, in_shape):
        return in_shape

    def definition(self, x):
        return x

    def _pullback(self, x, *, train=False, rng=None):
        mask = 2.0 * (rng.random(x.shape) < 0.5) if train else np.ones(x.shape)
        return x * mask, lambda g: (g * mask, {}), self.state


@dataclass(frozen=True, repr=False)
class Centring(Part):
    """Subtracts the batch mean in training: couples the samples."""

    couples_samples = True

    def _out_shape(self, in_shape):
        return in_shape

    def definition(self, x):
        return x

    def _pullback(self, x, *, train=False, rng=None):
        if not train:
            return x, lambda g: (g, {}), self.state
        return x - batch_mean(x), lambda g: (g - batch_mean(g), {}), self.state


def batch_mean(x):
    sums, counts = zip(*all_gather((x.sum(axis=0), len(x))), strict=True)
    return sum(sums) / sum(counts)


def problem(n=70, shape=(6, 6, 1), classes=3, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    rng = RNG(seed)
    x, y = rng.standard_normal((n, *shape)), np.arange(n) % classes
    for i, label in enumerate(y):
        x[i, :3, 2 * label : 2 * label + 2] += 2
    return x, y


def small(classes=3, shape=(6, 6, 1)):
    network = serial(Convolution(4, 3), ReLU(), MaxPooling(2), Flatten(), Dense(classes))
    return network.build(shape, RNG(0))


# Losses


def test_log_softmax_is_the_formula_and_does_not_overflow():
    s = RNG(0).standard_normal((5, 4))
    assert np.allclose(log_softmax(s), np.log(np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)), rtol=1e-13)
    assert np.allclose(log_softmax(s + 1e4), log_softmax(s), atol=1e-11)
    huge = log_softmax(np.array([[1e5, 0, -1e5]], np.float32))
    assert huge.tolist() == [[0, -1e5, -2e5]]
    assert huge.dtype == np.float32


def test_cross_entropy_is_that_of_scikit_learn():
    s, labels = RNG(0).standard_normal((9, 4)), RNG(1).integers(4, size=9)
    value, _ = softmax_cross_entropy(s, labels)
    assert value == pytest.approx(9 * log_loss(labels, np.exp(log_softmax(s)), labels=range(4)), rel=1e-12)


def test_squared_hinge_is_the_loops():
    s, labels = RNG(0).standard_normal((9, 4)), RNG(1).integers(4, size=9)
    expected = sum(max(0, 1 - (1 if j == labels[i] else -1) * s[i, j]) ** 2 / 2 for i in range(9) for j in range(4))
    assert squared_hinge(s, labels)[0] == pytest.approx(expected, rel=1e-13)


def test_squared_error_is_that_of_scikit_learn():
    outputs, targets = RNG(0).standard_normal((2, 9, 4))
    expected = 9 * 4 * mean_squared_error(targets, outputs) / 2
    assert squared_error(outputs, targets)[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_the_squared_error_is_the_difference(dtype):
    outputs, targets = RNG(0).standard_normal((2, 6, 3))
    gradient = squared_error(outputs.astype(dtype), targets.astype(dtype))[1]
    assert gradient.dtype == dtype
    numeric = np.zeros_like(outputs)
    for index in np.ndindex(outputs.shape):
        step = np.zeros_like(outputs)
        step[index] = 1e-6
        numeric[index] = (squared_error(outputs + step, targets)[0] - squared_error(outputs - step, targets)[0]) / 2e-6
    assert np.abs(gradient - numeric).max() < (1e-8 if dtype == np.float64 else 1e-6)


def test_a_loss_is_its_name_or_itself():
    s, labels = RNG(0).standard_normal((9, 4)), RNG(1).integers(4, size=9)
    for name, loss in CLASS_LOSSES.items():
        for given in (name, loss):
            value, gradient = as_loss(given, CLASS_LOSSES)(s, labels)
            assert value == loss(s, labels)[0]
            assert np.array_equal(gradient, loss(s, labels)[1])
    with pytest.raises(ValueError, match=r"loss must be one of 'log_loss', 'squared_hinge', .*, got 'squared_error'"):
        as_loss("squared_error", CLASS_LOSSES)
    with pytest.raises(ValueError, match=r"loss must be one of 'log_loss', 'squared_hinge', .*, got <class 'int'>"):
        as_loss(int, CLASS_LOSSES)
    for other in (len, lambda outputs: 0.0):
        with pytest.raises(
            ValueError, match=r"loss must be a function \(outputs, labels\) -> \(sum, gradient\), got <"
        ):
            as_loss(other)


@pytest.mark.parametrize("name", list(CLASS_LOSSES))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_losses_are_the_differences(name, dtype):
    loss, h = CLASS_LOSSES[name], 1e-6
    s, labels = RNG(0).standard_normal((6, 3)), RNG(1).integers(3, size=6)
    gradient = loss(s.astype(dtype), labels)[1]
    assert gradient.dtype == dtype
    numeric = np.zeros_like(s)
    for index in np.ndindex(s.shape):
        step = np.zeros_like(s)
        step[index] = h
        numeric[index] = (loss(s + step, labels)[0] - loss(s - step, labels)[0]) / (2 * h)
    assert np.abs(gradient - numeric).max() < (1e-8 if dtype == np.float64 else 1e-6)
    assert np.abs(numeric).max() > 0.1


# Optimisers


def steps(optimizer, grads, start=1.0, rate=0.1, name="weight"):
    params, memory = {name: np.array([start])}, None
    memory = optimizer.start(params)
    for g in grads:
        params = optimizer.step(params, {name: np.array([g])}, memory, rate)
    return params[name][0]


def test_sgd_with_nesterov_momentum_is_the_recursion():
    grads, p, v = [0.5, -1.0, 2.0, 0.25], 1.0, 0.0
    for g in grads:
        v = 0.8 * v + g
        p -= 0.1 * (g + 0.8 * v)
    assert steps(Optimizer("sgd", 0.8), grads) == pytest.approx(p, rel=1e-14)
    assert steps(Optimizer("sgd", 0.0), grads) == pytest.approx(1 - 0.1 * sum(grads), rel=1e-14)


def test_adam_is_the_paper():
    """Algorithm 1 of Kingma & Ba, with bias-corrected moments."""
    grads, p, m, v = [0.5, -1.0, 2.0, 0.25], 1.0, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        m, v = 0.7 * m + 0.3 * g, 0.99 * v + 0.01 * g * g
        p -= 0.1 * (m / (1 - 0.7**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3)
    assert steps(Optimizer("adam", 0.7, second=0.99, epsilon=1e-3), grads) == pytest.approx(p, rel=1e-12)


def test_adam_has_the_decays_and_the_floor_of_the_paper_by_default():
    grads, p, m, v = [1.0, 1e-8, -3e-8], 1.0, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert steps(Optimizer(), grads) == pytest.approx(p, rel=1e-13)
    assert steps(Optimizer(), [1e-8]) == pytest.approx(0.95, rel=1e-13)  # a gradient as small as the floor


def test_the_first_step_of_adam_is_the_rate_whatever_the_scale():
    for g in (1e-3, 1.0, 1e6):
        assert steps(Optimizer(), [g]) == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_decay_shrinks_weights_and_nothing_else(kind):
    optimizer = Optimizer(kind, weight_decay=0.5)
    assert steps(optimizer, [0.0, 0.0], name="convolution_1.weight") == pytest.approx(0.95**2, rel=1e-14)
    assert steps(optimizer, [0.0, 0.0], name="convolution_1.bias") == 1
    assert steps(optimizer, [0.0, 0.0], name="layer_1.M.anchors") == 1


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_steps_keep_the_dtype_and_the_old_params(kind):
    params = {"weight": np.ones(3, np.float32)}
    grads = {"weight": np.full(3, 0.5, np.float32)}
    optimizer = Optimizer(kind, weight_decay=0.1)
    new = optimizer.step(params, grads, optimizer.start(params), 0.1)["weight"]
    assert new.dtype == np.float32
    assert params["weight"].tolist() == [1, 1, 1]
    assert grads["weight"].tolist() == [0.5] * 3
    assert (new < 1).all()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"kind": "lbfgs"}, "optimizer must be one of 'adam', 'sgd', got 'lbfgs'"),
        ({"weight_decay": -1}, "weight_decay must be >= 0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"momentum": -0.1}, "momentum must be >= 0"),
        ({"momentum": "0.9"}, "momentum must be a number, got '0.9'"),
        ({"second": 2}, r"second must be in \[0, 1\), got 2"),
        ({"epsilon": 0}, "epsilon must be > 0"),
        ({"weight_decay": 1.01e12}, r"weight_decay must be at most 1e\+12, got 1010000000000\.0"),
    ],
)
def test_optimizers_refuse(values, match):
    with pytest.raises(ValueError, match=match):
        Optimizer(**values)


def test_the_largest_rates_are_taken_and_larger_ones_refused():
    assert Optimizer(weight_decay=1e12).weight_decay == learning_rates(1e12, "constant", 1)[0] == 1e12
    with pytest.raises(ValueError, match=r"learning_rate must be at most 1e\+12, got 1010000000000\.0"):
        learning_rates(1.01e12, "cosine", 3)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
def test_schedules_of_no_step_and_of_one(schedule):
    assert learning_rates(0.5, schedule, 0).shape == (0,)
    assert learning_rates(0.5, schedule, 1).tolist() == [pytest.approx(0.05 if schedule == "one_cycle" else 0.5)]


def test_schedules():
    assert learning_rates(0.3, "constant", 4).tolist() == [0.3] * 4
    rates = learning_rates(0.3, "cosine", 100)
    assert rates[0] == 0.3
    assert rates[50] == pytest.approx(0.15)
    assert rates[25] == pytest.approx(0.3 * (1 + np.sqrt(0.5)) / 2)
    assert 0 < rates[-1] < 1e-3
    assert (np.diff(rates) < 0).all()
    for values, match in (((0, "cosine"), "learning_rate must be > 0"), ((1, "linear"), "schedule must be one of")):
        with pytest.raises(ValueError, match=match):
            learning_rates(*values, 5)


# The gradient of a mini-batch


@pytest.mark.parametrize("loss", list(CLASS_LOSSES))
def test_mini_batch_gradient_is_that_of_the_mean_loss(loss):
    """70 images make three blocks; the whole batch in one, and central differences, say the same."""
    x, labels = problem()
    network, objective = small(), CLASS_LOSSES[loss]

    def mean_loss(params):
        return objective(network.replace(params).forward(x).reshape(len(x), -1), labels)[0] / len(x)

    scores, value, grads, _ = loss_gradient(network, x, labels, objective, (0, 0))
    assert np.allclose(scores, network.forward(x).reshape(len(x), -1), rtol=1e-12)
    assert value == pytest.approx(mean_loss(network.params), rel=1e-12)
    for name, grad in grads.items():
        t = RNG(1).standard_normal(grad.shape)
        up, down = ({**network.params, name: network.params[name] + s * 1e-6 * t} for s in (1, -1))
        assert np.vdot(grad, t) == pytest.approx((mean_loss(up) - mean_loss(down)) / 2e-6, rel=1e-6, abs=1e-9)
        assert np.abs(grad).max() > 1e-3


def test_gradient_of_a_kernel_network_is_the_difference_too():
    """Anchors included, through embedding and whitening: end to end."""
    x, labels = problem(40)
    layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(5), GaussianPooling(2))
    network = serial(layer, Dense(3)).build((6, 6, 1), RNG(0), x)

    def mean_loss(anchors):
        built = network.replace(network.constrain({**network.params, "layer_1.M.anchors": anchors}))
        return softmax_cross_entropy(built.forward(x).reshape(len(x), -1), labels)[0] / len(x)

    grad = loss_gradient(network, x, labels, softmax_cross_entropy, (0,))[2]["layer_1.M.anchors"]
    z = network.params["layer_1.M.anchors"]
    t = RNG(1).standard_normal(z.shape)
    t -= z * (z * t).sum(axis=1, keepdims=True)  # along the sphere
    numeric = (mean_loss(z + 1e-6 * t) - mean_loss(z - 1e-6 * t)) / 2e-6
    assert abs(numeric) > 1e-4
    assert np.vdot(grad, t) == pytest.approx(numeric, rel=1e-6)


@pytest.mark.parametrize("n", [20, 70])
def test_blocks_of_samples_that_are_coupled_meet(n):
    x, labels = problem(n)
    network = serial(Flatten(), Centring(), Dense(3)).build((6, 6, 1), RNG(0))
    rows = x.reshape(len(x), -1)
    centred = rows - rows.mean(axis=0)
    scores, _, grads, _ = loss_gradient(network, x, labels, softmax_cross_entropy, (0,))
    assert np.allclose(scores, centred @ network.params["dense_3.weight"], rtol=1e-12)
    _, g = softmax_cross_entropy(scores, labels)
    assert np.allclose(grads["dense_3.weight"], centred.T @ g / len(x), rtol=1e-10, atol=1e-14)


def test_masks_come_from_the_seed_and_differ_between_blocks_and_steps(monkeypatch):
    network = serial(Mask(), Flatten(), Dense(2)).build((4, 4, 1), RNG(0))
    x, labels = np.ones((70, 4, 4, 1)), np.arange(70) % 2

    def scores(seed, n_jobs=None):
        return loss_gradient(network, x, labels, softmax_cross_entropy, seed, n_jobs)[0]

    first = scores((5, 0))
    assert np.array_equal(first, scores((5, 0), 1))
    assert np.array_equal(first, scores((5, 0), 3))
    assert not np.array_equal(first, scores((5, 1)))
    assert not np.array_equal(first[:32], first[32:64])


def test_check_vjp_in_training_mode_sees_the_mask():
    part = Mask().build((4, 4, 1))
    check_vjp(part, RNG(0).standard_normal((2, 4, 4, 1)), RNG(1), train_seed=3)

    class Forgets(Mask):
        def _pullback(self, x, *, train=False, rng=None):
            y, _, state = super()._pullback(x, train=train, rng=rng)
            return y, lambda g: (g, {}), state

    with pytest.raises(AssertionError, match="Gradient in x"):
        check_vjp(Forgets().build((4, 4, 1)), RNG(0).standard_normal((2, 4, 4, 1)), RNG(1), train_seed=3)


# The loop


def run(network=None, n=70, **values):
    x, y = problem(n)
    settings = {"epochs": 4, "batch_size": 20, "learning_rate": 0.02, **values}
    return train(network or small(), x, y, rng=RNG(1), **settings)


@pytest.mark.once("oldest")
@pytest.mark.parametrize("kind", ["adam", "sgd"])
@pytest.mark.parametrize("loss", list(CLASS_LOSSES))
def test_training_lowers_the_loss_and_learns(kind, loss):
    network, history = run(n=140, epochs=40, optimizer=Optimizer(kind), loss=loss)
    assert [h["epoch"] for h in history] == list(range(1, 41))
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[-1]["accuracy"] > 0.9
    x, y = problem(60, seed=9)
    assert (network.forward(x).reshape(60, -1).argmax(axis=1) == y).mean() > 0.8


def test_training_is_deterministic_and_leaves_the_start_alone():
    start = small()
    before = {k: v.copy() for k, v in start.params.items()}
    (a, history), (b, other) = run(start), run(start)
    assert all(np.array_equal(a.params[k], b.params[k]) for k in before)
    assert history == other
    assert all(np.array_equal(start.params[k], v) for k, v in before.items())
    assert not np.array_equal(a.params["dense_5.weight"], before["dense_5.weight"])


def test_history_is_of_the_epoch_as_it_ran():
    """One epoch of one batch: the loss before the step, over all images; the last, short batch counts its share."""
    x, y = problem()
    network = small()
    expected = softmax_cross_entropy(network.forward(x).reshape(70, -1), y)[0] / 70
    _, history = run(network, epochs=1, batch_size=1000)
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-12)
    assert history[0]["accuracy"] == (network.forward(x).reshape(70, -1).argmax(axis=1) == y).mean()
    tiny = run(network, epochs=1, batch_size=64, learning_rate=1e-12)[1]
    assert tiny[0]["loss"] == pytest.approx(expected, rel=1e-9)


def test_every_image_is_seen_once_an_epoch_in_another_order(monkeypatch):
    seen, seeds = [], set()
    real = training.loss_gradient

    def spy(network, x, labels, *rest):
        seen.append(x[:, 0, 0, 0])
        seeds.add(rest[1])
        return real(network, x, labels, *rest)

    monkeypatch.setattr(training, "loss_gradient", spy)
    run(epochs=2, batch_size=16)
    x, _ = problem()
    assert [len(s) for s in seen] == [16, 16, 16, 16, 6] * 2
    first, second = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    assert np.array_equal(np.sort(first), np.sort(x[:, 0, 0, 0]))
    assert np.array_equal(np.sort(second), np.sort(first))
    assert not np.array_equal(first, second)
    assert len(seeds) == 10  # each step draws its own masks


def test_seeds_of_a_training_are_any_of_63_bits(monkeypatch):
    """From a few seeds alone, two trainings in a hundred would draw the same masks."""
    seeds, real = [], training.loss_gradient

    def spy(network, x, labels, loss, seed, *rest):
        seeds.append(seed[0])
        return real(network, x, labels, loss, seed, *rest)

    monkeypatch.setattr(training, "loss_gradient", spy)
    network = serial(Dense(2)).build((1, 1, 1), RNG(0))
    for i in range(12):
        train(network, np.ones((2, 1, 1, 1)), np.arange(2), rng=RNG(i), epochs=1, batch_size=2, learning_rate=0.1)
    assert len(set(seeds)) == 12
    assert min(seeds) < 2**61 < 2**62 < max(seeds) < 2**63


@pytest.mark.parametrize(
    ("n", "blocks"), [(5, [5]), (10, [8, 2]), (16, [8, 8]), (41, [21, 20]), (64, [32, 32]), (70, [32, 32, 6])]
)
def test_a_batch_is_cut_by_its_length_alone(n, blocks):
    """The blocks decide which masks are drawn: halves of small batches, 8 images at least and 32 at most."""
    x, labels = problem(n)
    for n_jobs in (1, 3):
        seen = []

        def augmentation(images, rng, seen=seen):
            seen.append(len(images))
            return images

        loss_gradient(small(), x, labels, softmax_cross_entropy, (0,), n_jobs, augmentation)
        assert sorted(seen, reverse=True) == blocks


def test_progress_is_told_of_each_epoch():
    told = []
    _, history = run(epochs=3, progress=told.append)
    assert told == history
    assert len(told) == 3


def test_params_take_the_dtype_of_the_images():
    x, y = problem(20)
    network, _ = train(small(), x.astype(np.float32), y, rng=RNG(0), epochs=1, batch_size=8, learning_rate=0.01)
    assert {v.dtype for v in network.params.values()} == {np.dtype(np.float32)}
    assert not np.array_equal(network.params["dense_5.bias"], np.zeros(3))


def test_trained_anchors_stay_on_the_sphere():
    layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(5), AveragePooling(2))
    start = serial(layer, Dense(3)).build((6, 6, 1), RNG(0), problem()[0])
    network, history = run(start, epochs=6)
    z = network.params["layer_1.M.anchors"]
    assert np.allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-12)
    assert np.abs(z - start.params["layer_1.M.anchors"]).max() > 1e-2
    assert history[-1]["loss"] < history[0]["loss"]


def test_a_linear_network_on_all_shifts_of_an_image_becomes_circulant():
    """Z, Y circulant: the least-norm solution Y Z^+ is circulant, and gradient descent from zero finds it."""
    n = 6
    z = RNG(0).standard_normal(n)
    shifts = np.stack([np.roll(z, s) for s in range(n)])
    target = np.stack([np.roll(RNG(1).standard_normal(n), s) for s in range(n)])
    dense = Dense(n, bias=False).build((1, n, 1), RNG(2)).replace({"weight": np.zeros((n, n))})
    x = shifts.reshape(n, 1, n, 1)
    step = 1 / np.linalg.norm(shifts, 2) ** 2
    for _ in range(300):
        error = dense.forward(x) - target.reshape(n, 1, 1, n)
        dense = dense.replace({"weight": dense.params["weight"] - step * dense.vjp(x, error)[1]["weight"]})
    weight = dense.params["weight"]
    assert np.allclose(weight, np.stack([np.roll(weight[0], s) for s in range(n)]), rtol=0, atol=1e-12)
    assert np.abs(weight).max() > 0.1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the overflow itself
def test_a_loss_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match=r"The training loss is (nan|inf) at epoch \d+, step \d+: lower learning_rate"):
        run(optimizer=Optimizer("sgd"), learning_rate=1e9, epochs=20, loss="squared_hinge")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"epochs": 0}, "epochs must be an int >= 1"),
        ({"batch_size": 0}, "batch_size must be an int >= 1"),
        ({"loss": "hinge"}, "loss must be one of 'log_loss', .*, 'margin_loss', 'squared_error', got 'hinge'"),
        ({"learning_rate": 0}, "learning_rate must be > 0"),
        ({"loss": "squared_error"}, r"Targets must have the shape of the outputs, \(10, 3\), got \(10,\)"),
        ({"loss": lambda s, y: (0.0, s[:, :2])}, r"must have their shape, \(10, 3\), and be real, got \(10, 2\)"),
        ({"frozen": "dense"}, r"frozen names 'dense', but .* nor a part with params: \['convolution_1\.weight', "),
        ({"frozen": ("dense_5", "relu_2")}, "frozen names 'relu_2', but there is no such param"),
        ({"frozen": ("dense_5", "convolution_1")}, "leaves nothing to train: it names all of"),
        ({"schedule": "linear"}, "schedule must be one of 'constant', 'step', 'cosine', 'one_cycle', got 'linear'"),
    ],
)
def test_train_refuses(values, match):
    with pytest.raises(ValueError, match=match):
        run(**values)


# Presets


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (1, 30, 1), (1, 1, 1), (5, 2, 3), (20, 24, 3), (30, 19, 1)])
def test_lenet_fits_any_size(shape):
    network = wide_lenet(shape, 7).build(shape, RNG(0))
    h, w = (max(size // 2, 1) for size in shape[:2])
    if min(h, w) >= 10:  # the second convolution sees no zeros
        h, w = h - 4, w - 4
    h, w = max(h // 2, 1), max(w // 2, 1)
    assert network.params["dense_10.weight"].shape == (64 * h * w, 128)
    assert network.forward(RNG(1).standard_normal((2, *shape))).shape == (2, 1, 1, 7)
    assert isinstance(network.parts[0], Standardization)


def test_lenet_and_mlp_have_the_parameters_that_they_should():
    lenet = wide_lenet((28, 28, 1), 10).build((28, 28, 1), RNG(0))
    assert lenet.n_params() == (25 + 1) * 32 + (25 * 32 + 1) * 64 + (25 * 64 + 1) * 128 + 129 * 10
    assert mlp((28, 28, 1), 10).build((28, 28, 1), RNG(0)).n_params() == 785 * 512 + 513 * 10


# Callable losses and targets


def test_a_callable_loss_is_trained_as_its_name_is():
    (a, history), (b, other) = (run(loss=loss) for loss in ("squared_hinge", squared_hinge))
    assert history == other
    assert all(np.array_equal(v, b.params[k]) for k, v in a.params.items())


def test_squared_errors_are_trained_on_targets_without_an_accuracy():
    """One linear layer, full batches of gradient descent: the steps of least squares by hand."""
    x, targets = RNG(0).standard_normal((30, 2, 2, 1)), RNG(1).standard_normal((30, 3))
    network = serial(Dense(3)).build((2, 2, 1), RNG(2))
    settings = {"epochs": 4, "batch_size": 30, "learning_rate": 0.1, "schedule": "constant", "loss": "squared_error"}
    trained, history = train(network, x, targets, rng=RNG(0), optimizer=Optimizer("sgd", 0.0), **settings)
    rows, w, b, losses = x.reshape(30, 4), network.params["dense_1.weight"], network.params["dense_1.bias"], []
    for _ in range(4):
        error = rows @ w + b - targets
        losses.append((error**2).sum() / 60)
        w, b = w - 0.1 * rows.T @ error / 30, b - 0.1 * error.mean(axis=0)
    assert np.allclose(trained.params["dense_1.weight"], w, rtol=1e-12)
    assert np.allclose(trained.params["dense_1.bias"], b, rtol=1e-12)
    assert [h["loss"] for h in history] == pytest.approx(losses, rel=1e-12)
    assert all(h.keys() == {"epoch", "loss"} for h in history)
    validated = train(network, x, targets, rng=RNG(0), validation=(x, targets), **settings)[1]
    assert validated[0].keys() == {"epoch", "loss", "validation_loss"}


# Frozen params


FROZEN = [
    ("dense_5", {"dense_5.weight", "dense_5.bias"}),
    (("convolution_1.weight",), {"convolution_1.weight"}),
    (("convolution_1.bias", "dense_5.weight"), {"convolution_1.bias", "dense_5.weight"}),
    ((), set()),
]


@pytest.mark.parametrize(("frozen", "kept"), FROZEN)
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_frozen_params_keep_their_bits_and_the_others_move(frozen, kept, kind):
    start = small()
    network, history = run(start, frozen=frozen, optimizer=Optimizer(kind, weight_decay=0.1))
    assert {k for k, v in network.params.items() if np.array_equal(v, start.params[k])} == kept
    assert list(network.params) == list(start.params)
    assert history[-1]["loss"] < history[0]["loss"]


def test_what_is_trained_moves_as_torch_moves_it_beside_frozen_params():
    torch = pytest.importorskip("torch", reason="PyTorch is a peer: pip install kernelconv[peers]")
    x, labels = problem(24)
    network = serial(Flatten(), Dense(5), ReLU(), Dense(3), names=["flat", "first", "relu", "last"])
    network = network.build((6, 6, 1), RNG(0))
    theirs = {k: torch.tensor(v, requires_grad=k.startswith("last")) for k, v in network.params.items()}
    peer = torch.optim.AdamW([v for v in theirs.values() if v.requires_grad], lr=0.01, eps=1e-8, weight_decay=0.0)
    for _ in range(5):
        hidden = torch.relu(torch.tensor(x.reshape(24, -1)) @ theirs["first.weight"] + theirs["first.bias"])
        scores = hidden @ theirs["last.weight"] + theirs["last.bias"]
        peer.zero_grad()
        torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels)).backward()
        peer.step()
    settings = {"epochs": 5, "batch_size": 24, "learning_rate": 0.01, "schedule": "constant", "frozen": "first"}
    trained, _ = train(network, x, labels, rng=RNG(0), **settings)
    for name, value in trained.params.items():
        assert np.allclose(value, theirs[name].detach().numpy(), rtol=1e-9, atol=1e-12)


def test_frozen_anchors_are_not_even_brought_back_to_the_sphere():
    layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(5), AveragePooling(2))
    start = serial(layer, layer, Dense(3)).build((6, 6, 1), RNG(0), problem()[0]).astype(np.float32)
    x, y = problem(40)
    z = start.params["layer_1.M.anchors"] * np.float32(1 + 1e-5)  # off the sphere: a projection would show
    start = start.replace({**start.params, "layer_1.M.anchors": z})
    settings = {"rng": RNG(0), "epochs": 2, "batch_size": 20, "learning_rate": 0.01}
    network, _ = train(start, x.astype(np.float32), y, frozen="layer_1.M", **settings)
    assert np.array_equal(network.params["layer_1.M.anchors"], z)
    assert not np.array_equal(network.params["layer_2.M.anchors"], start.params["layer_2.M.anchors"])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, r"A loss returns \(sum, gradient in the outputs\), got None"),
        (lambda s: (np.ones(len(s)), s), "the sum over the batch must be a number, got array"),
        (lambda s: (1j, s), "the sum over the batch must be a number"),
        (lambda s: (1.0, s * 1j), "and be real, got .* of dtype complex"),
        (lambda s: (1.0, s * np.nan), "the loss's gradient holds .* non-finite values"),
    ],
)
def test_losses_of_ones_own_are_checked(returned, message):
    with pytest.raises(ValueError, match=message):
        run(loss=lambda scores, labels: returned(scores) if returned else None)


def test_what_trains_otherwise_is_refused():
    with pytest.raises(ValueError, match="frozen must be a name or several, got 3"):
        run(frozen=3)
    for augmentation in ("flip", Augmentation, len):
        with pytest.raises(ValueError, match=r"must be an Augmentation\(...\), a function .* got ('flip'|<.*)\."):
            run(augmentation=augmentation)
    with pytest.raises(
        ValueError, match=r"must return images of shape \(10, 6, 6, 1\), as it was given, got \(10, 6, 6\)"
    ):
        run(augmentation=lambda images, rng: images[..., 0])
    with pytest.raises(ValueError, match="what augmentation returned"):
        run(augmentation=lambda images, rng: images * 1j)


def test_what_augmentation_returns_is_brought_to_the_dtype_of_the_images():
    (x, y), settings = problem(), {"epochs": 1, "batch_size": 20, "learning_rate": 0.02}
    for augmentation in (lambda images, rng: images.astype(np.float64), lambda images, rng: images):
        network, _ = train(small(), x.astype(np.float32), y, rng=RNG(1), augmentation=augmentation, **settings)
        assert {v.dtype for v in network.params.values()} == {np.dtype(np.float32)}
