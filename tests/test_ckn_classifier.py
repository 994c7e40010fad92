"""ConvKernelClassifier: gradients of the whole network, exact last layer, steps on the sphere, the contract."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import ConvKernelClassifier, ConvKernelNetwork, ConvNetClassifier, load_digits_images, serial
from kernelconv.networks.kernel.classifier import _moved
from kernelconv.networks.kernel.last_layer import SphereSteps, inverse_covariance, solve_last_layer
from kernelconv.networks.training.loop import loss_gradient
from kernelconv.networks.training.losses import CLASS_LOSSES, squared_hinge
from kernelconv.networks.training.optimizers import learning_rates
from kernelconv.operators import ArcCosine, Dense, Flatten
from kernelconv.testing import check_vjp

TINY = {"n_anchors": (8, 12), "n_patches": 2000, "random_state": 0}


@parametrize_with_checks(
    [
        ConvKernelClassifier(4, epochs=1, n_patches=200, random_state=0, image_shape=(1, -1)),
        ConvKernelClassifier(4, epochs=1, n_patches=200, loss="log_loss", random_state=0, image_shape=(1, -1)),
    ]
)
def test_classifier_is_a_scikit_learn_estimator(estimator, check):
    check(estimator)


@parametrize_with_checks([ConvKernelNetwork(4, n_patches=200, random_state=0, image_shape=(1, -1))])
def test_network_is_a_scikit_learn_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    X = X.astype(np.float64)
    return X[:300], y[:300], X[300:900], y[300:900]


@pytest.mark.parametrize("loss", list(CLASS_LOSSES))
def test_the_gradient_of_the_loss_is_exact(digits, loss):
    """Anchors of both layers, through embedding, whitening, pooling and the scores."""
    x, y = digits[0][:6], digits[1][:6]
    x = x + 0.1 * np.random.default_rng(1).standard_normal(x.shape)  # at a blank patch there is no derivative
    rng = np.random.default_rng(0)
    ckn = ConvKernelNetwork((5, 6), n_patches=500, random_state=0).fit(x)
    shape = ckn.maps_shape_
    parts = [*ckn.network_.parts, Flatten().build(shape), Dense(10).build((1, 1, int(np.prod(shape))), rng)]
    network = serial(*parts)
    check_vjp(network, x[..., None], rng)
    _, value, grads, _ = loss_gradient(network, x[..., None], y, CLASS_LOSSES[loss], (0,))
    for name in (n for n in grads if n.endswith("anchors")):
        t = rng.standard_normal(grads[name].shape)

        def at(h, name=name, t=t):
            moved = network.replace({**network.params, name: network.params[name] + h * t})
            return loss_gradient(moved, x[..., None], y, CLASS_LOSSES[loss], (0,))[1]

        slope = (at(1e-6) - at(-1e-6)) / 2e-6
        assert abs(slope) > 1e-6 * abs(value)
        assert abs((grads[name] * t).sum() - slope) < 1e-7 * np.linalg.norm(grads[name]) * np.linalg.norm(t)


def test_the_last_layer_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 5))
    y = (x[:, 0] + 0.5 * rng.standard_normal(120) > 0).astype(int) + (x[:, 1] > 1)
    n, alpha = len(x), 0.01
    w, value = solve_last_layer(x, y, 3, alpha=alpha, loss="log_loss")
    peer = LogisticRegression(C=1 / (n * alpha), tol=1e-10, max_iter=1000).fit(x, y)
    assert np.abs(w[:-1].T - peer.coef_).max() < 1e-4
    assert np.abs((w[-1] - w[-1].mean()) - (peer.intercept_ - peer.intercept_.mean())).max() < 1e-4
    w, _ = solve_last_layer(x, y, 3, alpha=alpha)
    # LinearSVC penalises the intercept: a large scaling makes that vanish; its squared hinge has no factor 1/2
    peer = LinearSVC(C=1 / (2 * n * alpha), dual=False, tol=1e-10, intercept_scaling=1e4, max_iter=10_000).fit(x, y)
    assert np.abs(w[:-1].T - peer.coef_).max() < 1e-3 * np.abs(peer.coef_).max()
    again, same = solve_last_layer(x, y, 3, alpha=alpha, loss="log_loss", start=rng.standard_normal((6, 3)))
    assert same == pytest.approx(value, rel=1e-6)
    for n_jobs in (1, 3):
        bits = solve_last_layer(x, y, 3, alpha=alpha, n_jobs=n_jobs)[0]
        assert np.array_equal(bits, w)
    assert again.shape == (6, 3)


def test_steps_keep_to_the_sphere_and_descend():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((7, 5))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    a = rng.standard_normal((5, 5))
    q = inverse_covariance(rng.standard_normal((400, 5)) @ a)
    assert np.trace(q) == pytest.approx(5)
    assert np.linalg.cond(q) > 2
    g = rng.standard_normal((7, 5))
    steps = SphereSteps({"z": q})
    move = steps.direction("z", z, g)
    matrix = np.stack([(np.eye(5) - np.outer(q @ u, u) / (u @ q @ u)) @ q @ v for u, v in zip(z, g, strict=True)])
    assert np.abs(move - matrix).max() < 1e-12
    assert np.abs((move * z).sum(1)).max() < 1e-12  # tangent to the sphere
    assert ((move * g).sum(1) > 0).all()  # its opposite descends
    new = steps.step("z", z, g, 0.05)
    assert np.abs(np.linalg.norm(new, axis=1) - 1).max() < 1e-12
    angle = np.arccos(np.clip((new * z).sum(1), -1, 1))
    assert 0.1 * 0.05 * 0.5 < np.sqrt((angle**2).mean()) < 0.05  # the velocity has just begun to grow
    assert np.array_equal(SphereSteps({"z": q}).step("z", z, 0 * g, 0.05), z)


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_anchors_turn_by_the_rate_once_the_velocity_has_grown(scale):
    """Gradients along the sphere that keep their lengths: the root mean square angle of a step is the rate."""
    angles = np.array([0.3, 2.0, 4.0])
    z, lengths, rate = np.stack([np.cos(angles), np.sin(angles)], axis=1), np.array([[1.0], [2.0], [0.5]]), 1e-5
    steps = SphereSteps({"z": np.eye(2)}, 0.9)
    for _ in range(300):
        before, g = z, scale * lengths * np.stack([-z[:, 1], z[:, 0]], axis=1)
        z = steps.step("z", z, g, rate)
    turned = np.arctan2(before[:, 0] * z[:, 1] - before[:, 1] * z[:, 0], (before * z).sum(1))
    np.testing.assert_allclose(turned, -rate * lengths[:, 0] / np.sqrt((lengths**2).mean()), rtol=1e-3)


@pytest.mark.parametrize("first", [0.0, 1e-6])
def test_a_first_gradient_of_nothing_makes_no_step_longer_than_the_rate(first):
    z, g = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    steps = SphereSteps({"z": np.eye(2)}, 0)
    z = steps.step("z", z, first * g, 0.02)
    after = steps.step("z", z, g, 0.02)
    assert np.arccos((z * after).sum()) <= 0.02


def test_the_velocity_and_the_size_of_steps_are_running_means():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((4, 3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    steps, velocity, size = SphereSteps({"z": np.eye(3)}, 0.7), 0.0, None
    for factor in (1.0, 3.0, 3.0):
        g = factor * rng.standard_normal((4, 3))
        move = g - z * (z * g).sum(1, keepdims=True)
        norm = np.sqrt((move**2).sum() / 4)
        size = norm if size is None else size + (norm - size) / 20  # over some twenty steps
        velocity = 0.7 * velocity + 0.3 * move / size
        new = z - 0.1 * velocity
        z = steps.step("z", z, g, 0.1)
        np.testing.assert_allclose(z, new / np.linalg.norm(new, axis=1, keepdims=True), rtol=1e-12)
    assert SphereSteps({}).momentum == ConvKernelClassifier().momentum
    assert SphereSteps({}, 0).momentum == 0


def test_the_inverse_covariance_amplifies_no_direction_beyond_its_damping():
    same = np.ones((4, 3))  # all variance along one direction
    assert np.linalg.cond(inverse_covariance(same, 0.2)) == pytest.approx(1 + 3 / 0.2)
    assert np.linalg.cond(inverse_covariance(same)) == pytest.approx(1 + 3 / 0.1)
    values = np.linalg.eigvalsh(inverse_covariance(same))
    assert values.sum() == pytest.approx(3)
    scaled = np.random.default_rng(0).standard_normal((50, 3))
    np.testing.assert_allclose(
        inverse_covariance(scaled), inverse_covariance(scaled * np.arange(1, 51)[:, None]), rtol=1e-10
    )  # norms play no part


@pytest.mark.once("oldest")
def test_training_lowers_the_objective_and_the_error(digits):
    x, y, test, truth = digits
    unsupervised = ConvKernelClassifier(**TINY, epochs=0).fit(x, y)
    clf = ConvKernelClassifier(**TINY, epochs=6).fit(x, y)
    values = [h["objective"] for h in clf.history_]
    assert [h["epoch"] for h in clf.history_] == list(range(7))
    assert values[0] == unsupervised.history_[0]["objective"]
    assert (np.diff(values) <= 0).all()
    assert values[-1] < 0.9 * values[0]
    assert clf.score(test, truth) > unsupervised.score(test, truth) > 0.7
    for z, before in zip(clf.anchors_, unsupervised.anchors_, strict=True):
        assert np.abs(np.linalg.norm(z, axis=1) - 1).max() < 1e-12
        assert np.linalg.norm(z - before) > 0.01


def test_without_epochs_it_is_the_unsupervised_network_and_a_linear_classifier(digits):
    x, y, test, _ = digits
    clf = ConvKernelClassifier(**TINY, epochs=0, loss="log_loss").fit(x, y)
    ckn = ConvKernelNetwork(**TINY).fit(x)
    phi = ckn.transform(x)
    assert np.allclose(clf.transform(x), phi, atol=1e-12)
    mean = phi.mean(0)
    scale = np.sqrt(((phi - mean) ** 2).sum(1).mean())
    peer = LogisticRegression(C=1 / (len(x) * 1e-4), tol=1e-8, max_iter=2000).fit((phi - mean) / scale, y)
    their_features = (ckn.transform(test) - mean) / scale
    assert (clf.predict(test) == peer.predict(their_features)).mean() > 0.995
    assert np.abs(clf.predict_proba(test) - peer.predict_proba(their_features)).max() < 0.02


@pytest.mark.parametrize("classes", [2, 10])
def test_probabilities_are_the_softmax_of_the_scores(digits, classes):
    x, y = (a[digits[1] < classes] for a in digits[:2])
    clf = ConvKernelClassifier(4, epochs=1, n_patches=300, loss="log_loss", random_state=0).fit(x, y)
    scores = clf.network_.forward(x[..., None]).reshape(len(x), classes)
    assert np.allclose(clf.predict_proba(x), np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), rtol=1e-10)
    assert clf.decision_function(x).shape == ((len(x),) if classes == 2 else (len(x), classes))
    assert np.array_equal(clf.classes_[clf.predict_proba(x).argmax(axis=1)], clf.predict(x))


@pytest.mark.parametrize("estimator", [ConvKernelClassifier, ConvNetClassifier])
def test_there_are_probabilities_for_the_log_loss_alone(estimator):
    assert hasattr(estimator(loss="log_loss"), "predict_proba")
    for loss in ("squared_hinge", squared_hinge):
        assert not hasattr(estimator(loss=loss), "predict_proba")
        with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
            estimator(loss=loss).predict_proba([])
    assert not hasattr(ConvKernelClassifier, "partial_fit")


@pytest.fixture
def steps_seen(digits, monkeypatch):
    """A classifier before its first epoch, its data, seeds of the gradients, and (rate, steps) of the moves."""
    x, y = digits[0][:20], digits[1][:20]
    settings = {"epochs": 0, "batch_size": 10, "learning_rate": 0.1, "n_patches": 300, "n_jobs": 1}
    clf = ConvKernelClassifier(4, **settings, random_state=0).fit(x, y)
    clf.set_params(epochs=7)
    seeds, moves = [], []

    def gradient(network, x, labels, loss, seed, *rest):
        seeds.append(seed)
        return loss_gradient(network, x, labels, loss, seed, *rest)

    def moved(network, grads, steps, rate):
        moves.append((rate, steps))
        return _moved(network, grads, steps, rate)

    monkeypatch.setattr("kernelconv.networks.kernel.classifier.loss_gradient", gradient)
    monkeypatch.setattr("kernelconv.networks.kernel.classifier._moved", moved)
    return clf, (x[..., None], y), seeds, moves


def solved_to(values, networks):
    """Stand for the last layer's solution: the last layer before, and the next of `values` as the objective."""
    values = iter(values)

    def with_last_layer(self, base, images, labels, before):
        networks.append(serial(*base.parts, *before.parts[-2:], names=before.names))
        return networks[-1], next(values)

    return with_last_layer


def test_seeds_of_steps_are_any_of_63_bits_and_each_is_another(steps_seen, monkeypatch):
    clf, data, seeds, _ = steps_seen
    monkeypatch.setattr(ConvKernelClassifier, "_with_last_layer", solved_to([1.0] * 56, []))
    for i in range(8):
        clf._train(clf.network_, 1.0, *data, np.random.default_rng(i))
    first = [seed for seed, epoch, step in seeds if (epoch, step) == (0, 0)]
    assert min(first) < 2**61 < 2**62 < max(first) < 2**63
    assert len(set(seeds)) == len(seeds) == 8 * 7 * 2


def test_counts_of_small_integer_types_are_counts(digits):
    X, y = digits[0][:200], digits[1][:200]
    plain, small = (
        ConvKernelClassifier(4, epochs=t(3), batch_size=t(100), n_patches=200, random_state=0).fit(X, y)
        for t in (int, np.int8)
    )
    np.testing.assert_array_equal(small.decision_function(X), plain.decision_function(X))


def test_an_epoch_that_ends_worse_is_undone_and_the_angle_halved(steps_seen, monkeypatch):
    clf, data, _, moves = steps_seen
    found, networks = [2.0, 2.5, 2.4, 1.5, 1.5, 9.0, 1.25], []
    monkeypatch.setattr(ConvKernelClassifier, "_with_last_layer", solved_to(found, networks))
    for values, last in ((found[:6], 4), (found, 6)):
        clf.history_ = []
        moves.clear()
        networks.clear()
        monkeypatch.setattr(ConvKernelClassifier, "_with_last_layer", solved_to(values, networks))
        trained = clf.set_params(epochs=len(values))._train(clf.network_, 3.0, *data, np.random.default_rng(0))
        assert trained is networks[last]
        assert [h["objective"] for h in clf.history_] == [2.0, 2.0, 2.0, 1.5, 1.5, 1.5, 1.25][: len(values)]
        assert [h["epoch"] for h in clf.history_] == list(range(1, len(values) + 1))
        halvings = np.array([0, 0, 1, 2, 2, 2, 3])[: len(values), None]
        rates = learning_rates(0.1, "cosine", 2 * len(values)).reshape(-1, 2)
        np.testing.assert_allclose(np.reshape([rate for rate, _ in moves], (-1, 2)), rates / 2.0**halvings)
        assert all(a is b for (_, a), (_, b) in zip(moves[::2], moves[1::2], strict=True))
        goes_on = [a is b for (_, a), (_, b) in pairwise(moves[::2])]  # the velocity, but for an epoch that is undone
        assert goes_on == [True, False, False, True, True, False][: len(values) - 1]


def test_the_last_layer_starts_from_the_weights_before(digits, monkeypatch):
    """On the same features these are the solution, seen through the same centring and scale."""
    x, y = digits[0][:60], digits[1][:60]
    clf = ConvKernelClassifier(4, n_patches=300, epochs=0, random_state=0, n_jobs=1).fit(x, y)
    starts, solutions = [], []

    def solve(*values, start, **named):
        starts.append(start)
        solutions.append(solve_last_layer(*values, start=start, **named))
        return solutions[-1]

    monkeypatch.setattr("kernelconv.networks.kernel.classifier.solve_last_layer", solve)
    for before in (None, clf.network_):
        clf._with_last_layer(clf.representation_, x[..., None], y, before)
    assert starts[0] is None
    np.testing.assert_allclose(starts[1], solutions[0][0], rtol=1e-6, atol=1e-9)


def test_anchors_follow_the_gradient_of_the_loss_asked_for(digits, monkeypatch):
    used = []

    def spy(network, x, labels, loss, *rest):
        used.append(loss)
        return loss_gradient(network, x, labels, loss, *rest)

    monkeypatch.setattr("kernelconv.networks.kernel.classifier.loss_gradient", spy)
    for name in CLASS_LOSSES:
        ConvKernelClassifier(4, epochs=1, n_patches=300, loss=name, random_state=0).fit(digits[0][:60], digits[1][:60])
        assert used.pop() is CLASS_LOSSES[name]


def test_a_callable_loss_is_trained_as_its_name_is(digits):
    x, y = digits[0][:80], digits[1][:80]
    settings = {"n_anchors": 4, "epochs": 1, "n_patches": 300, "random_state": 0}
    named, called = (ConvKernelClassifier(**settings, loss=loss).fit(x, y) for loss in ("squared_hinge", squared_hinge))
    assert np.array_equal(named.decision_function(x), called.decision_function(x))
    assert named.history_ == called.history_
    with pytest.raises(ValueError, match="the gradient must have their shape"):
        ConvKernelClassifier(**settings, loss=lambda s, y: (0.0, s[:1])).fit(x, y)


def test_same_bits_for_any_number_of_threads(digits):
    x, y = digits[0][:80], digits[1][:80]
    scores = [
        ConvKernelClassifier(6, epochs=2, n_patches=500, random_state=0, n_jobs=n).fit(x, y).decision_function(x)
        for n in (1, 2, 3)
    ]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])


def test_progress_is_printed_where_asked(digits, capsys):
    ConvKernelClassifier(4, epochs=1, n_patches=300, random_state=0).fit(digits[0][:60], digits[1][:60])
    assert capsys.readouterr().out == ""
    ConvKernelClassifier(4, epochs=1, n_patches=300, random_state=0, verbose=True).fit(digits[0][:60], digits[1][:60])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch   0  objective ")


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"alpha": 0.0}, "alpha must be > 0"),
        ({"loss": "hinge"}, "loss must be one of 'log_loss', 'squared_hinge', 'margin_loss', got 'hinge'"),
        ({"loss": "squared_error"}, "loss must be one of 'log_loss', 'squared_hinge', .*, got 'squared_error'"),
        ({"epochs": -1}, "epochs must be an int >= 0"),
        ({"batch_size": 0}, "batch_size must be an int >= 1"),
        ({"learning_rate": -1.0}, "learning_rate must be > 0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\)"),
        ({"kernel": ArcCosine(0)}, "infinite slope"),
        ({"input": "fourier"}, "input must be one of"),
    ],
)
def test_the_classifier_refuses(digits, parameters, match):
    with pytest.raises(ValueError, match=match):
        ConvKernelClassifier(**{"n_anchors": 4, "n_patches": 200, "epochs": 1, **parameters}).fit(
            digits[0][:40], digits[1][:40]
        )


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"learning_rate": -1.0}, {"momentum": 1.0}])
def test_numbers_are_refused_before_anchors_are_learned(digits, wrong, monkeypatch):
    monkeypatch.setattr("kernelconv.networks.kernel.classifier.NetworkTransformer", None)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ConvKernelClassifier(4, **wrong).fit(digits[0][:40], digits[1][:40])
