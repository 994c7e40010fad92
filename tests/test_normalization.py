"""BatchNorm, Dropout and Residual: formulas, PyTorch, and batches that are cut into blocks."""

import threading
import time

import numpy as np
import pytest

from kernelconv._parallel.blocks import n_threads
from kernelconv._parallel.collectives import all_gather, map_coupled
from kernelconv.networks.cnn.presets import resnet
from kernelconv.networks.serial import serial
from kernelconv.networks.training import loop as training
from kernelconv.networks.training.loop import loss_gradient
from kernelconv.networks.training.losses import softmax_cross_entropy
from kernelconv.operators import BatchNorm, Convolution, Dense, Dropout, Flatten, ReLU, Residual, Standardization
from kernelconv.testing import check_vjp

RNG = np.random.default_rng
SHAPE = (4, 5, 3)


def images(n=6, seed=0):
    return 2 + 3 * RNG(seed).standard_normal((n, *SHAPE))


def normalization(seed=1):
    part = BatchNorm().build(SHAPE)
    params = {"scale": RNG(seed).uniform(0.5, 2, 3), "shift": RNG(seed + 1).standard_normal(3)}
    return part.replace(params, {"mean": np.array([1.0, 2, 3]), "variance": np.array([0.5, 4, 9])})


# BatchNorm


def test_training_normalises_by_the_batch():
    part, x = normalization(), images()
    y, _, state = part.pullback(x, train=True)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    expected = part.params["scale"] * (x - mean) / np.sqrt(variance + 1e-5) + part.params["shift"]
    assert np.allclose(y, expected, rtol=1e-12)
    assert np.allclose(state["mean"], 0.9 * part.state["mean"] + 0.1 * mean, rtol=1e-13)
    unbiased = x.reshape(-1, 3).var(axis=0, ddof=1)
    assert np.allclose(state["variance"], 0.9 * part.state["variance"] + 0.1 * unbiased, rtol=1e-13)


def test_evaluation_uses_what_training_has_seen():
    part, x = normalization(), images()
    slope = part.params["scale"] / np.sqrt(part.state["variance"] + 1e-5)
    expected = slope * (x - part.state["mean"]) + part.params["shift"]
    assert np.allclose(part.forward(x), expected, rtol=1e-12)
    assert part.pullback(x)[2] is part.state or part.pullback(x)[2] == part.state


def test_gradient_in_training():
    check_vjp(normalization(), images(), RNG(3), train_seed=0)


def test_a_gradient_that_takes_the_statistics_for_constants_is_caught():
    class Forgetful(BatchNorm):
        def _pullback(self, x, *, train=False, rng=None):
            y, _, state = super()._pullback(x, train=train, rng=rng)
            slope = self.params["scale"] / np.sqrt(x.var(axis=(0, 1, 2)) + self.epsilon)
            return y, lambda g: (g * slope, {}), state

    with pytest.raises(AssertionError, match="Gradient in x"):
        check_vjp(Forgetful().build(SHAPE), images(), RNG(3), train_seed=0, params=False)


def test_a_constant_channel_stays_finite():
    y, pull, state = BatchNorm().build((2, 2, 2)).pullback(np.full((1, 2, 2, 2), 7.0), train=True)
    assert not y.any()
    assert np.isfinite(pull(np.ones_like(y))[0]).all()
    assert np.allclose(state["variance"], 0.9)


def test_a_batch_of_one_pixel_has_no_variance_and_is_normalised_by_the_running_statistics():
    part, x, g = normalization(), RNG(5).standard_normal((1, 1, 1, 3)), RNG(6).standard_normal((1, 1, 1, 3))
    for engine in (
        part,
        serial(part)
        .build((1, 1, 3), RNG(0))
        .replace(
            {f"batchnorm_1.{k}": v for k, v in part.params.items()},
            {f"batchnorm_1.{k}": v for k, v in part.state.items()},
        ),
    ):
        y, pull, state = engine.pullback(x, train=True)
        np.testing.assert_allclose(y, part.definition(x), rtol=1e-12)
        np.testing.assert_allclose(pull(g)[0], part.vjp(x, g)[0], rtol=1e-12)
        for name, value in engine.state.items():
            assert np.array_equal(state[name], value)
    y, state = part.training_definition(x, None)
    assert np.array_equal(y, part.definition(x))
    assert state is part.state


def test_float32_loses_nothing_to_a_large_mean():
    x = (1000 + RNG(0).standard_normal((64, 4, 4, 1))).astype(np.float32)
    y = BatchNorm().build((4, 4, 1)).astype(np.float32).pullback(x, train=True)[0]
    wide = x.astype(np.float64)
    assert y.dtype == np.float32
    assert np.abs(y - (wide - wide.mean()) / wide.std()).max() < 2e-3


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"momentum": 0.0}, "momentum must be > 0"),
        ({"momentum": 1.5}, r"momentum must be in \(0, 1\], got 1.5"),
        ({"epsilon": -1.0}, "epsilon must be > 0"),
    ],
)
def test_batchnorm_refuses(values, match):
    with pytest.raises(ValueError, match=match):
        BatchNorm(**values)


@pytest.mark.parametrize("memory_order", [(0, 1, 2, 3), (1, 0, 2, 3)])
def test_batchnorm_is_that_of_torch(memory_order):
    torch = pytest.importorskip("torch", reason="PyTorch is a peer: pip install kernelconv[peers]")
    part, x, g = normalization(), images(), RNG(5).standard_normal((6, *SHAPE))
    x = np.ascontiguousarray(x.transpose(memory_order)).transpose(memory_order)
    peer = torch.nn.BatchNorm2d(3, dtype=torch.float64)
    with torch.no_grad():
        for tensor, values in (
            (peer.weight, part.params["scale"]),
            (peer.bias, part.params["shift"]),
            (peer.running_mean, part.state["mean"]),
            (peer.running_var, part.state["variance"]),
        ):
            tensor.copy_(torch.from_numpy(values))
    tx = torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)
    ty = peer(tx)
    ty.backward(torch.tensor(np.moveaxis(g, -1, 1).copy()))
    y, pull, state = part.pullback(x, train=True)
    gx, grads = pull(g)
    for ours, theirs in (
        (np.moveaxis(y, -1, 1), ty),
        (np.moveaxis(gx, -1, 1), tx.grad),
        (grads["scale"], peer.weight.grad),
        (grads["shift"], peer.bias.grad),
        (state["mean"], peer.running_mean),
        (state["variance"], peer.running_var),
    ):
        assert np.allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    peer.eval()
    trained = part.replace(part.params, state)
    assert np.allclose(np.moveaxis(trained.forward(x), -1, 1), peer(tx).detach().numpy(), rtol=1e-10)


# Batches that are cut into blocks


def coupled():
    branch = serial(Convolution(3, 3, padding="zero", bias=False), BatchNorm(), ReLU())
    network = serial(BatchNorm(), Residual(branch, BatchNorm()), Flatten(), BatchNorm(), Dense(4))
    return network.build(SHAPE, RNG(0))


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_the_cut_of_a_batch_changes_nothing(monkeypatch, n_jobs):
    network, x, labels = coupled(), images(30), RNG(1).integers(4, size=30)

    def gradient(block):
        monkeypatch.setattr(training, "TRAIN_BLOCK", block)
        return loss_gradient(network, x, labels, softmax_cross_entropy, (0,), n_jobs)

    scores, value, grads, state = gradient(30)
    for block in (7, 4):
        other = gradient(block)
        assert np.allclose(other[0], scores, rtol=1e-10, atol=1e-12)
        assert other[1] == pytest.approx(value, rel=1e-12)
        for mine, theirs in ((other[2], grads), (other[3], state)):
            assert all(np.allclose(mine[k], theirs[k], rtol=1e-9, atol=1e-11) for k in theirs)
    assert np.abs(grads["residual_2.branch.convolution_1.weight"]).max() > 1e-4
    assert state.keys() == network.state.keys()
    assert np.abs(state["batchnorm_4.mean"]).max() > 0


def test_blocks_that_did_not_exchange_would_be_seen(monkeypatch):
    """The guard of the test above: with statistics of each block alone the result is another."""
    network, x, labels = coupled(), images(30), RNG(1).integers(4, size=30)
    whole = loss_gradient(network, x, labels, softmax_cross_entropy, (0,))[1]
    monkeypatch.setattr(training, "TRAIN_BLOCK", 7)
    monkeypatch.setattr(training, "map_coupled", training.map_blocks)
    assert abs(loss_gradient(network, x, labels, softmax_cross_entropy, (0,))[1] - whole) > 1e-3


def test_a_resnet_has_the_same_bits_for_any_number_of_threads():
    x = RNG(0).standard_normal((70, 8, 8, 1)).astype(np.float32)
    labels = RNG(1).integers(3, size=70)
    network = resnet((8, 8, 1), 3).build((8, 8, 1), RNG(0), x).astype(np.float32)
    first, *others = (loss_gradient(network, x, labels, softmax_cross_entropy, (0,), n_jobs) for n_jobs in (1, 2, 3))
    for other in others:
        assert np.array_equal(other[0], first[0])
        assert all(np.array_equal(other[2][k], v) for k, v in first[2].items())
        assert all(np.array_equal(other[3][k], v) for k, v in first[3].items())


class Impatient(threading.Semaphore):
    """Fails where blocks that keep their slots while they wait would hang."""

    def acquire(self, blocking=True, timeout=10):
        found = super().acquire(blocking, timeout)
        assert found or timeout < 10, "no slot came free"
        return found

    __enter__ = acquire


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_blocks_meet_in_order_and_within_their_number_of_threads(n_jobs, monkeypatch):
    computing, most, lock = 0, 0, threading.Lock()
    monkeypatch.setattr(threading, "Semaphore", Impatient)

    def run(s):
        nonlocal computing, most
        found = []
        for turn in range(4):
            with lock:
                computing += 1
                most = max(most, computing)
            time.sleep(0.002)
            with lock:
                computing -= 1
            found.append(all_gather((turn, s.start)))
        return found

    results = map_coupled(run, 10, 2, n_jobs)
    assert results == [[[(turn, lo) for lo in range(0, 10, 2)] for turn in range(4)]] * 5
    assert 1 <= most <= n_jobs
    assert all_gather(3) == [3]


def test_a_block_that_fails_releases_the_others():
    def run(s):
        all_gather(1)
        if s.start == 4:
            raise KeyError("block 4")
        all_gather(2)

    before = threading.active_count()
    with pytest.raises(KeyError, match="block 4"):
        map_coupled(run, 10, 2, 2)
    assert threading.active_count() <= before
    assert map_coupled(lambda s: sum(all_gather(1)), 6, 2, 2) == [3, 3, 3]


def test_a_single_block_has_nobody_to_meet():
    assert map_coupled(lambda s: all_gather(s.stop), 3, 8, 2) == [[3]]
    assert map_coupled(lambda s: n_threads(4), 6, 2, 2) == [1, 1, 1]


# Dropout


def test_dropout_keeps_the_mean_and_masks_the_gradient():
    x = np.ones((50, 8, 8, 4))
    y, pull, _ = Dropout(0.3).build((8, 8, 4)).pullback(x, train=True, rng=RNG(0))
    assert set(np.unique(y)) == {0, 1 / (1 - np.float64(0.3))}
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    g = RNG(1).standard_normal(x.shape)
    assert np.array_equal(pull(g)[0], g * y)
    check_vjp(Dropout(0.3).build((8, 8, 4)), RNG(2).standard_normal((3, 8, 8, 4)), RNG(3), train_seed=1)


def test_dropout_does_nothing_in_evaluation_nor_at_rate_zero():
    x = images()
    assert np.array_equal(Dropout(0.9).build(SHAPE).forward(x), x)
    assert np.array_equal(Dropout(0.9).build(SHAPE).pullback(x)[0], x)
    assert np.array_equal(Dropout(0).build(SHAPE).pullback(x, train=True, rng=RNG(0))[0], x)


def test_dropout_refuses():
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\), got 1"):
        Dropout(1)
    with pytest.raises(ValueError, match="rate must be >= 0"):
        Dropout(-0.1)
    with pytest.raises(ValueError, match="pass rng"):
        Dropout().build(SHAPE).pullback(images(), train=True)


def test_a_batch_of_two_pixels_has_the_unbiased_variance():
    x = np.array([1.0, 4.0]).reshape(1, 1, 2, 1)
    state = BatchNorm(momentum=1.0).build((1, 2, 1)).pullback(x, train=True)[2]
    assert state["variance"] == pytest.approx(np.var(x, ddof=1))
    assert state["mean"] == pytest.approx(x.mean())


def test_a_channel_is_constant_where_its_deviation_is_a_millionth_of_its_values():
    ends = 1 + np.sqrt([1.05e-12, 0.95e-12]) * np.array([[1], [-1]])
    part = Standardization().build((1, 1, 2), data=ends.reshape(2, 1, 1, 2))
    assert part.state["deviation"][0] == pytest.approx(np.sqrt(1.05e-12), rel=1e-6)
    assert part.state["deviation"][1] == 1


# Residual


def test_residual_adds_its_ways():
    branch, shortcut = Convolution(4, 3, stride=2, padding="zero"), Convolution(4, 1, stride=2)
    part, x = Residual(branch, shortcut).build(SHAPE, RNG(0)), images()
    assert np.allclose(part.forward(x), part.branch.forward(x) + part.shortcut.forward(x), rtol=1e-13)
    assert set(part.params) == {"branch.weight", "branch.bias", "shortcut.weight", "shortcut.bias"}
    assert part.receptive_field(SHAPE) == ((3, 3), (2, 2))
    assert part.multiply_adds(SHAPE) == branch.multiply_adds(SHAPE) + shortcut.multiply_adds(SHAPE)
    identity = Residual(ReLU()).build(SHAPE)
    assert np.array_equal(identity.forward(x), np.maximum(x, 0) + x)
    assert identity.lipschitz(SHAPE) == 2
    assert Residual(BatchNorm()).lipschitz(SHAPE) is None


def test_residual_refuses_ways_that_do_not_meet():
    with pytest.raises(ValueError, match=r"branch gives maps of shape \(2, 3, 4\), the shortcut \(4, 5, 3\)"):
        Residual(Convolution(4, 3)).build(SHAPE, RNG(0))


def test_residual_reads_well():
    assert repr(Residual(ReLU(), Convolution(3, 1))) == "Residual(ReLU(), Convolution(3, size=1))"


def test_training_gradients_of_a_residual_network():
    branch = serial(Convolution(3, 3, padding="zero"), ReLU(), BatchNorm())
    network = serial(Residual(branch, Convolution(3, 1)), ReLU(), Flatten(), Dense(4)).build(SHAPE, RNG(0))
    check_vjp(network, images(5), RNG(2), train_seed=0)
