"""The presets and their training: PyTorch's losses, schedules, early stopping, warm starts, faults."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from kernelconv import Augmentation, ConvNetClassifier, load_digits_images
from kernelconv.networks.cnn.presets import ARCHITECTURES, resnet, vgg, wide_lenet
from kernelconv.networks.serial import serial
from kernelconv.networks.training.loop import loss_gradient, train
from kernelconv.networks.training.losses import log_softmax, softmax_cross_entropy
from kernelconv.networks.training.optimizers import Optimizer, learning_rates
from kernelconv.operators import BatchNorm, Convolution, Dense, Dropout, Flatten, MaxPooling, ReLU, Residual
from kernelconv.testing import check_image_estimator, check_vjp

RNG = np.random.default_rng


def problem(n=70, shape=(8, 7), classes=3, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    rng = RNG(seed)
    x, y = rng.standard_normal((n, *shape, 1)), np.arange(n) % classes
    for i, label in enumerate(y):
        x[i, :3, 2 * label : 2 * label + 2] += 2
    return x, y


def plan(classes=3):
    return serial(Convolution(4, 3), ReLU(), MaxPooling(2), Flatten(), Dropout(0.2), Dense(classes))


def small(**values):
    return ConvNetClassifier(plan(), **{"epochs": 4, "batch_size": 16, "random_state": 0, **values})


# Presets


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 1), (1, 30, 1), (1, 1, 1), (2, 5, 3)])
def test_presets_fit_any_size(name, shape):
    network = ARCHITECTURES[name](shape, 7).build(shape, RNG(0))
    assert network.out_shape(shape) == (1, 1, 7)
    y = network.forward(RNG(1).standard_normal((2, *shape)))
    assert y.shape == (2, 1, 1, 7)
    assert np.abs(y).max() > 0


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize("train_seed", [None, 3])
def test_gradients_of_presets(name, train_seed):
    shape = (12, 12, 1)
    narrow = {"width": 0.25} if name == "inception" else {}  # of many maps one has a kink within the step
    network = ARCHITECTURES[name](shape, 3, **narrow).build(shape, RNG(0))
    x = RNG(1).standard_normal((3, *shape))
    check_vjp(network, x, RNG(2), train_seed=train_seed, params=False, h=1e-7)
    # in the params along one direction for all: a network of some twenty of them
    y, pull, _ = network.pullback(x, train=train_seed is not None, rng=RNG(3))
    g = RNG(4).standard_normal(y.shape)
    grads = pull(g)[1]
    t = {k: RNG(5).standard_normal(v.shape) / np.sqrt(v.size) for k, v in network.params.items()}

    def value(sign):
        moved = network.replace({k: v + sign * 1e-6 * t[k] for k, v in network.params.items()})
        return np.vdot(moved.pullback(x, train=train_seed is not None, rng=RNG(3))[0], g)

    expected = (value(1) - value(-1)) / 2e-6
    assert abs(expected) > 1e-2
    assert sum(np.vdot(grads[k], t[k]) for k in t) == pytest.approx(expected, rel=1e-6)


def test_parameters_counted_by_hand():
    def count(network, shape):
        return network.build(shape, RNG(0)).n_params()

    assert count(wide_lenet((28, 28, 1), 10), (28, 28, 1)) == 26 * 32 + 801 * 64 + (25 * 64 + 1) * 128 + 1290
    blocks = 2 * 9 * 32**2 + (9 * 32 + 9 * 64 + 32) * 64 + (9 * 64 + 9 * 128 + 64) * 128
    normalized = 2 * (32 * 3 + 64 * 3 + 128 * 3)
    assert count(resnet((28, 28, 1), 10), (28, 28, 1)) == 9 * 32 + blocks + normalized + 1290
    convolutions = 9 * (32 + 32**2 + 32 * 64 + 64**2 + 64 * 128 + 128**2) + 4 * (32 + 64 + 128)
    assert count(vgg((32, 32, 1), 10), (32, 32, 1)) == convolutions + (16 * 128 + 1) * 256 + 2570


def test_deep_presets_hold_what_their_names_say():
    parts = resnet((28, 28, 1), 10).parts
    assert sum(isinstance(p, Residual) for p in parts) == 3
    assert any(isinstance(p, BatchNorm) for p in parts)
    assert sum(isinstance(p, Convolution) for p in vgg((28, 28, 1), 10).parts) == 6
    for preset in (vgg, wide_lenet):
        assert [p.rate for p in preset((28, 28, 1), 10).parts if isinstance(p, Dropout)] == [0.5, 0.5]  # Srivastava's


def test_progress_is_a_line_an_epoch_where_asked(capsys):
    x, y = problem(30)
    small(early_stopping=True, validation_fraction=0.4).fit(x, y)
    assert capsys.readouterr().out == ""
    clf = small(verbose=True, epochs=2).fit(x, y)
    lines = capsys.readouterr().out.splitlines()
    for i, record in enumerate(clf.history_, 1):
        said = f"epoch   {i}  loss {record['loss']:.4f}  accuracy {record['accuracy']:.4f}  "
        assert re.fullmatch(re.escape(said) + r"[0-9]{1,2} s", lines[i - 1])
    assert len(lines) == 2


@pytest.mark.once("oldest")
@pytest.mark.parametrize("name", ["vgg", "resnet"])
def test_deep_presets_learn_digits(name):
    x, y = load_digits_images()
    clf = ConvNetClassifier(name, epochs=6, random_state=0).fit(x[:600], y[:600])
    assert clf.score(x[1000:], y[1000:]) > 0.9
    assert clf.history_[-1]["loss"] < 0.6
    assert clf.transform(x[:3]).shape == (3, 256 if name == "vgg" else 128)
    assert "total" in clf.summary()


# PyTorch


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is a peer: pip install kernelconv[peers]")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small batches: threads only get in the way
    yield torch
    torch.set_num_threads(threads)


# in single precision rounding decides which of two almost equal values is the largest, and where its gradient goes
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-2)])
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_lenet_has_the_losses_of_torch_for_twenty_steps(torch, dtype, tolerance, kind):
    shape = (28, 28, 1)
    parts = [p for p in wide_lenet(shape, 10).parts[1:] if not isinstance(p, Dropout)]
    network = serial(*parts).build(shape, RNG(0)).astype(dtype)
    names = list(network.params)
    theirs = [torch.tensor(network.params[n], requires_grad=True) for n in names]
    rate = 1e-3 if kind == "adam" else 0.03
    optimizer, memory = Optimizer(kind), None
    memory = optimizer.start(network.params)
    peer = torch.optim.Adam(theirs, lr=rate) if kind == "adam" else torch.optim.SGD(theirs, rate, 0.9, nesterov=True)
    losses = []
    for step in range(20):
        x = RNG(step % 2).standard_normal((36, *shape)).astype(dtype)  # two batches in turn, so that they are learned
        y = RNG(100 + step % 2).integers(10, size=36)
        loss = torch.nn.functional.cross_entropy(torch_lenet(torch, x, theirs), torch.from_numpy(y))
        peer.zero_grad()
        loss.backward()
        peer.step()
        _, value, grads, _ = loss_gradient(network, x, y, softmax_cross_entropy, (0, step), 2)
        assert value == pytest.approx(loss.item(), rel=tolerance)
        network = network.replace(optimizer.step(network.params, grads, memory, rate))
        losses.append(value)
    assert np.ptp(losses) > 0.1


def torch_lenet(torch, x, params):
    """The preset without standardisation and dropout, written in PyTorch; dense weights in our order (h, w, c)."""
    f = torch.nn.functional
    w1, b1, w2, b2, w3, b3, w4, b4 = params
    z = torch.tensor(np.moveaxis(x, -1, 1).copy())
    z = f.max_pool2d(f.relu(f.conv2d(z, w1.reshape(5, 5, 1, 32).permute(3, 2, 0, 1), b1, padding=2)), 2)
    z = f.max_pool2d(f.relu(f.conv2d(z, w2.reshape(5, 5, 32, 64).permute(3, 2, 0, 1), b2)), 2)
    return f.relu(z.permute(0, 2, 3, 1).reshape(len(x), -1) @ w3 + b3) @ w4 + b4


# Schedules


def test_schedules():
    step = learning_rates(1.0, "step", 8)
    assert np.allclose(step, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
    cycle = learning_rates(0.5, "one_cycle", 1000)
    assert cycle[0] == pytest.approx(0.05)
    assert cycle.max() == pytest.approx(0.5)
    assert cycle.argmax() == 200
    assert (np.diff(cycle[:200]) > 0).all()
    assert (np.diff(cycle[200:]) < 0).all()
    assert cycle[600] == pytest.approx(0.25)
    assert cycle[-1] < 1e-5


# Early stopping


def test_early_stopping_keeps_the_best_network_and_stops():
    x, y = problem(90)
    clf = small(early_stopping=True, epochs=60, patience=2, validation_fraction=0.3, learning_rate=0.03).fit(x, y)
    losses = [h["validation_loss"] for h in clf.history_]
    assert len(losses) < 60
    assert len(losses) == np.argmin(losses) + 3
    held_out = clf._held_out(y, RNG(0))
    scores = clf.network_.forward(x[held_out]).reshape(held_out.sum(), -1)
    assert softmax_cross_entropy(scores, y[held_out])[0] / held_out.sum() == pytest.approx(min(losses), rel=1e-12)
    assert 0 <= clf.history_[0]["validation_accuracy"] <= 1


def test_every_class_is_held_out_alike():
    y = np.repeat([0, 1, 2], [50, 20, 2])
    clf = small(early_stopping=True)
    clf.classes_ = np.arange(3)
    held_out = clf._held_out(y, RNG(0))
    assert np.bincount(y[held_out]).tolist() == [5, 2, 1]
    assert not np.array_equal(held_out, clf._held_out(y, RNG(1)))
    clf.validation_fraction = 0.9  # one of each class is left to train on
    assert np.bincount(y[clf._held_out(y, RNG(0))]).tolist() == [45, 18, 1]


def test_the_least_patience_is_one_epoch():
    x, y = problem(90)
    settings = {"early_stopping": True, "epochs": 60, "validation_fraction": 0.3, "learning_rate": 0.03}
    losses = [h["validation_loss"] for h in small(patience=1, **settings).fit(x, y).history_]
    assert len(losses) == np.argmin(losses) + 2 < 60
    assert len(losses) > 2


def test_early_stopping_refuses():
    x, y = problem(30)
    with pytest.raises(ValueError, match="class 7 has only 1, at least 2 are needed"):
        small(early_stopping=True).fit(x, np.where(np.arange(30) == 4, 7, y))
    with pytest.raises(ValueError, match=r"validation_fraction must be in \(0, 1\), got 1.0"):
        small(early_stopping=True, validation_fraction=1.0).fit(x, y)
    with pytest.raises(ValueError, match=r"early_stopping must be True or False, got array\(\[1, 2\]\)"):
        small(early_stopping=np.array([1, 2])).fit(x, y)
    with pytest.raises(ValueError, match="warm_start must be True or False, got 'yes'"):
        small(warm_start="yes").fit(x, y)
    with pytest.raises(ValueError, match="patience must be an int >= 1"):
        small(early_stopping=True, patience=0).fit(x, y)
    with pytest.raises(ValueError, match="patience needs validation"):
        train(plan().build((8, 7, 1), RNG(0)), x, y, rng=RNG(0), epochs=1, batch_size=9, learning_rate=1, patience=2)


# Warm starts, partial fits


def test_warm_start_goes_on_and_a_cold_one_does_not():
    x, y = problem()
    clf = small(warm_start=True, schedule="constant", epochs=12).fit(x, y)
    first = clf.history_[-1]["loss"]
    before = clf.network_
    assert clf.fit(x, y).history_[0]["loss"] < 1.2 * first
    assert before is not clf.network_
    assert small(epochs=1).fit(x, y).history_[0]["loss"] > 1.3 * first
    clf.fit(x, np.array(list("abc"))[y])  # other classes: from the start
    assert clf.history_[0]["loss"] > 1.3 * first
    assert clf.fit(x[:, 1:], y).network_.in_shape == (7, 7, 1)


def test_a_warm_start_knows_an_architecture_by_the_names_of_its_parts():
    x, y = problem()
    of = {"epochs": 1, "warm_start": True, "random_state": 0}
    clf = ConvNetClassifier(serial(Flatten(), Dense(3), names=["flat", "out"]), **of).fit(x, y)
    clf.set_params(architecture=serial(Flatten(), Dense(3), names=["flat", "head"]), frozen="head.bias").fit(x, y)
    assert list(clf.network_.params) == ["head.weight", "head.bias"]


def test_what_is_frozen_gathers_no_momentum():
    x, y = problem()
    clf = small(optimizer="sgd", weight_decay=0.0, frozen="convolution_1", momentum=0.9)
    for _ in range(3):
        clf.partial_fit(x, y)
    before = clf.network_.params
    clf.set_params(frozen=[name for name in before if not name.startswith("convolution_1")])
    clf.partial_fit(0 * x, y)
    assert np.array_equal(clf.network_.params["convolution_1.weight"], before["convolution_1.weight"])


def test_frozen_parts_are_those_of_the_last_fit_while_the_others_go_on():
    x, y = problem()
    clf = small(warm_start=True).fit(x, y)
    before = clf.network_.params
    clf.set_params(frozen=("convolution_1", "dense_6.bias")).fit(x, y)
    kept = {k for k, v in clf.network_.params.items() if np.array_equal(v, before[k])}
    assert kept == {"convolution_1.weight", "convolution_1.bias", "dense_6.bias"}
    drawn = plan().build((8, 7, 1), RNG(0)).params["convolution_1.weight"]
    assert np.array_equal(small(frozen="convolution_1").fit(x, y).network_.params["convolution_1.weight"], drawn)
    piece = small(frozen="convolution_1").partial_fit(x, y).partial_fit(x, y)
    assert np.array_equal(piece.network_.params["convolution_1.weight"], drawn)


def test_what_a_frozen_normalization_measures_goes_on_as_in_torch():
    x, y = problem()
    network = serial(BatchNorm(), Flatten(), Dense(3))
    frozen = ConvNetClassifier(network, epochs=2, frozen="batchnorm_1", random_state=0).fit(x, y).network_
    start = network.build((8, 7, 1), RNG(0), x)
    for name, value in start.parts[0].params.items():
        assert np.array_equal(frozen.parts[0].params[name], value)
    for name, value in start.parts[0].state.items():
        assert not np.array_equal(frozen.parts[0].state[name], value), name


@pytest.mark.parametrize(
    ("labels", "words"), [(None, "requires y to be passed"), ([0, "a", 2], "y mixes numbers .* and strings")]
)
def test_labels_of_a_later_piece_are_refused_in_words(labels, words):
    x, y = problem(9)
    clf = small().partial_fit(x, y)
    with pytest.raises(ValueError, match=words):
        clf.partial_fit(x[:3], None if labels is None else np.array(labels, object))


@pytest.mark.parametrize("part", [Dense(2), Convolution(2, 3)])
def test_a_seed_in_place_of_a_generator_is_refused_in_words(part):
    with pytest.raises(ValueError, match=rf"{type(part).__name__}.build needs a numpy Generator.*default_rng.*got 0"):
        part.build((4, 4, 1), 0)
    with pytest.raises(ValueError, match=r"Dropout needs a numpy Generator.*got 0"):
        Dropout(0.5).build((4, 4, 1)).pullback(np.ones((1, 4, 4, 1)), train=True, rng=0)


@pytest.mark.parametrize(("first", "then"), [("sgd", "adam"), ("adam", "sgd")])
def test_another_optimizer_starts_anew(first, then):
    x, y = problem(30)
    moved = small(optimizer=first).partial_fit(x, y).set_params(optimizer=then)
    fresh = pickle.loads(pickle.dumps(moved))
    fresh._memory = {}
    for clf in (moved, fresh):
        clf.partial_fit(x, y)
    assert np.array_equal(moved.decision_function(x), fresh.decision_function(x))


def test_partial_fit_is_a_training_in_pieces():
    x, y = problem(60)
    clf = small(learning_rate=0.01)
    for _ in range(15):
        for lo in (0, 30):
            clf.partial_fit(x[lo : lo + 30], y[lo : lo + 30], classes=[0, 1, 2])
    assert [h["epoch"] for h in clf.history_] == list(range(1, 31))
    assert clf.history_[-1]["loss"] < 0.5 * clf.history_[0]["loss"]
    assert clf.score(x, y) > 0.9
    again = small(learning_rate=0.01)
    for _ in range(15):
        for lo in (0, 30):
            again.partial_fit(x[lo : lo + 30], y[lo : lo + 30], classes=[0, 1, 2])
    assert np.array_equal(clf.decision_function(x), again.decision_function(x))


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.Philox, np.random.MT19937])
def test_a_pickle_holds_no_generator_and_goes_on_with_its_draws(bits):
    x, y = problem(40)
    for fitted in (small().fit(x, y), small().partial_fit(x, y)):
        assert b"numpy.random" not in pickle.dumps(fitted)  # NumPy 1.26 cannot read one that NumPy 2 wrote
    fitted, whole = (small(random_state=np.random.Generator(bits(3))).fit(x, y) for _ in range(2))
    fitted = pickle.loads(pickle.dumps(fitted))
    for clf in (fitted, whole):
        clf.partial_fit(x, y).partial_fit(x, y)
    assert np.array_equal(fitted.decision_function(x), whole.decision_function(x))


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_partial_fits_are_epochs_of_one_training(kind):
    """The same generator, the same moments and the same weights go on from call to call."""
    x, y = problem(40)
    clf = small(optimizer=kind)
    rng = RNG(0)
    network = plan().build((8, 7, 1), rng, x)
    optimizer = Optimizer(kind, clf.momentum, clf.weight_decay)
    memory = optimizer.start(network.params)
    for s in (slice(0, 20), slice(20, 40), slice(0, 40)):
        clf.partial_fit(x[s], y[s])
        settings = {"batch_size": 16, "learning_rate": clf.learning_rate, "schedule": "constant"}
        network, _ = train(network, x[s], y[s], rng=rng, epochs=1, optimizer=optimizer, memory=memory, **settings)
        assert all(np.array_equal(v, network.params[k]) for k, v in clf.network_.params.items())
    assert clf._memory["count"] == 2 + 2 + 3


def test_partial_fit_needs_its_classes():
    x, y = problem(30)
    clf = small().partial_fit(x, y)
    with pytest.raises(ValueError, match=r"y holds \[5\], not among the classes \[0, 1, 2\]"):
        clf.partial_fit(x, np.where(y == 2, 5, y))
    with pytest.raises(ValueError, match="holds images of shape"):
        clf.partial_fit(x[:, 1:], y)
    with pytest.raises(ValueError, match="partial_fit holds no images out: set early_stopping=False, or use fit"):
        small(early_stopping=True).partial_fit(x, y)
    two = small().partial_fit(x[y < 2], y[y < 2], classes=[0, 1, 2]).partial_fit(x, y)
    assert two.decision_function(x).shape == (30, 3)
    fitted = small().fit(x, y)
    loss = fitted.history_[-1]["loss"]
    assert fitted.partial_fit(x, y).history_[-1]["epoch"] == 5
    assert fitted.history_[-1]["loss"] < 1.3 * loss


# scikit-learn's promises on images, with all that training offers switched on


@pytest.mark.parametrize(
    "clf",
    [
        small(augmentation=Augmentation(shift=1, rotation=10, deformation=0.2, noise=0.1, cutout=2)),
        small(early_stopping=True, validation_fraction=0.4),
        ConvNetClassifier("resnet", epochs=1, batch_size=8, random_state=0),
    ],
    ids=["augmented", "early stopping", "resnet"],
)
def test_promises_on_images(clf):
    x, y = problem(18)
    check_image_estimator(clf, x[..., 0], y)


def test_augmented_fit_has_the_same_bits_for_any_number_of_threads():
    x, y = problem()
    first, *others = (
        small(augmentation=Augmentation(shift=1, noise=0.1), batch_size=70, n_jobs=n_jobs).fit(x, y).predict_proba(x)
        for n_jobs in (1, 2, 3)
    )
    assert all(np.array_equal(other, first) for other in others)
    assert not np.array_equal(small(batch_size=70).fit(x, y).predict_proba(x), first)


# Faults


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the overflow itself
def test_a_loss_that_explodes_says_what_to_lower():
    x, y = problem()
    with pytest.raises(ValueError, match=r"training loss is (nan|inf) at epoch \d+, step \d+: lower learning_rate"):
        small(optimizer="sgd", learning_rate=1e12, loss="squared_hinge", epochs=20).fit(x, y)


@pytest.mark.parametrize("name", ["lenet5", "wide_lenet", "vgg", "resnet", "mlp"])
def test_faults_are_clear(name):
    x, y = problem(12)
    clf = ConvNetClassifier(name, epochs=1, random_state=0)
    with pytest.raises(NotFittedError):
        clf.predict(x)
    with pytest.raises(ValueError, match="one class only"):
        clf.fit(x, np.zeros(12, int))
    with pytest.raises(ValueError, match="empty"):
        clf.fit(x[:0], y[:0])
    clf.fit(x, np.array(["cat", "dog", "owl"])[y])
    assert set(clf.predict(x)) <= {"cat", "dog", "owl"}
    assert np.allclose(clf.predict_proba(x).sum(axis=1), 1)
    with pytest.raises(ValueError, match=r"shape \(7, 7, 1\), but ConvNetClassifier was fitted on images of shape"):
        clf.predict(x[:, 1:])
    with pytest.raises(ValueError, match="empty"):
        clf.predict(x[:0])
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict(x), clf.predict(x))


def test_an_image_left_alone_in_the_last_batch_does_no_harm():
    x, y = problem(33)
    clf = ConvNetClassifier("resnet", epochs=2, batch_size=32, random_state=0).fit(x, y)
    assert np.isfinite(log_softmax(clf.decision_function(x))).all()
    assert clone(clf).get_params() == clf.get_params()


def test_a_validation_loss_that_is_once_not_finite_is_no_best_one():
    x, y = problem(90)
    clf = small(early_stopping=True, epochs=8, patience=4, validation_fraction=0.3, learning_rate=0.03)
    held_out = clf.fit(x, y)._held_out(y, RNG(0))
    seen = []

    def loss(scores, labels):
        seen.append(len(labels))
        value, gradient = softmax_cross_entropy(scores, labels)
        first = len(labels) == held_out.sum() and seen.count(len(labels)) == 1
        return (np.nan if first else value), gradient

    clf.set_params(loss=loss).fit(x, y)
    losses = [record["validation_loss"] for record in clf.history_]
    assert np.isnan(losses[0])
    assert len(losses) == 8
    scores = clf.network_.forward(x[held_out]).reshape(held_out.sum(), -1)
    assert softmax_cross_entropy(scores, y[held_out])[0] / held_out.sum() == pytest.approx(min(losses[1:]), rel=1e-12)


def test_a_built_network_is_refused():
    x, y = problem(20)
    fitted = small(epochs=1).fit(x, y)
    with pytest.raises(ValueError, match="architecture is a built network, whose weights fit would draw anew"):
        ConvNetClassifier(fitted.network_, epochs=1).fit(x, y)


def test_counts_of_numpy_do_not_overflow():
    rng = np.random.default_rng
    for count in (np.uint8(200), np.int32(200)):
        for part in (Convolution(count, 3, initialization="glorot_normal"), Dense(count)):
            assert type(getattr(part, "n_filters", None) or part.n_units) is int
    one, other = (
        Convolution(n, 5, initialization="glorot_normal").build((9, 9, 3), rng(0)) for n in (20, np.uint8(20))
    )
    np.testing.assert_array_equal(one.params["weight"], other.params["weight"])
    assert Convolution(np.int32(64), 7, padding="zero").multiply_adds((1000, 1000, 8)) == 64 * 49 * 8 * 10**6
