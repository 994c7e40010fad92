"""When an engine may compute a part: of exactly its type, where the mathematics allows it, with all gradients."""

from dataclasses import dataclass

import numpy as np
import pytest

from kernelconv.networks.serial import serial
from kernelconv.operators import (
    AveragePooling,
    BatchNorm,
    Concat,
    Convolution,
    Dense,
    Exponential,
    Flatten,
    GaussianPooling,
    KernelMapping,
    Layer,
    LocallyConnected,
    PatchCentering,
    PatchExtraction,
    ReLU,
    Residual,
)
from kernelconv.operators.base import Part
from kernelconv.testing import check_vjp

SHAPE = (8, 8, 2)
RNG = np.random.default_rng


def images(n=3):
    return RNG(0).standard_normal((n, *SHAPE))


class DoubledMapping(KernelMapping):
    def definition(self, x):
        return 2 * super().definition(x)


class TripledResidual(Residual):
    def definition(self, x):
        return 3 * super().definition(x)


class TripledLayer(Layer):
    def definition(self, x):
        return 3 * super().definition(x)


class SquaredExponential(Exponential):
    def __call__(self, u):
        return super().__call__(u) ** 2


@pytest.mark.parametrize(
    "part",
    [
        Layer(PatchExtraction(3), DoubledMapping(5), GaussianPooling(2)),
        TripledResidual(Convolution(2, 3, padding="zero")),
        TripledLayer(PatchExtraction(3), KernelMapping(5), GaussianPooling(2)),
        KernelMapping(5, SquaredExponential()),
    ],
    ids=["mapping", "residual", "layer", "kernel"],
)
def test_who_changes_a_definition_is_not_run_by_anothers_engine(part):
    part = part.build(SHAPE, RNG(1))
    y = part.definition(images())
    assert np.abs(part.forward(images()) - y).max() < 1e-12 * np.abs(y).max()


@pytest.mark.parametrize(
    "pooling",
    [
        Convolution(5, 2, bias=False),
        Convolution(3, 2, bias=False),
        LocallyConnected(5, 2, bias=False),
        Flatten(),
        Dense(3, bias=False),
        PatchCentering((1, 5)),
        Concat(AveragePooling(2), AveragePooling(2)),
        serial(AveragePooling(2), Convolution(5, 1, bias=False)),
    ],
    ids=repr,
)
def test_a_linear_pooling_that_mixes_channels_comes_after_the_whitening(pooling):
    layer = Layer(PatchExtraction(3), KernelMapping(5), pooling).build(SHAPE, RNG(1))
    assert not layer.fused
    y = layer.definition(images())
    assert np.abs(layer.forward(images()) - y).max() < 1e-12 * np.abs(y).max()


def test_poolings_that_leave_channels_alone_are_fused():
    for pooling in (GaussianPooling(2), AveragePooling(2), serial(GaussianPooling(2), AveragePooling(2))):
        assert Layer(PatchExtraction(3), KernelMapping(5), pooling).fused


def test_a_fused_layer_has_the_gradients_and_the_state_of_all_its_parts():
    patches = serial(Convolution(4, 3), BatchNorm(), names=["convolution", "norm"])
    layer = Layer(patches, KernelMapping(5), GaussianPooling(2)).build(SHAPE, RNG(1))
    assert layer.fused
    y, pull, state = layer.pullback(images(), train=True)
    y_own, pull_own, state_own = layer._pullback(images(), train=True)
    assert np.allclose(y, y_own, rtol=1e-12)
    g = RNG(2).standard_normal(y.shape)
    grads, own = pull(g)[1], pull_own(g)[1]
    assert grads.keys() == own.keys() == layer.params.keys()
    assert all(np.allclose(grads[k], own[k], rtol=1e-8, atol=1e-10) for k in own)
    assert state.keys() == state_own.keys() == layer.state.keys()
    assert all(np.allclose(state[k], state_own[k]) for k in state)
    assert not np.allclose(state["P.norm.mean"], layer.state["P.norm.mean"])
    check_vjp(layer, images(), RNG(3))


@dataclass(frozen=True, repr=False)
class Scale(Part):
    """Parts of a user's own need not be comparable."""

    factor: object = 1.0

    def _out_shape(self, in_shape):
        return in_shape

    def definition(self, x):
        return self.factor * x


class Plain(Scale):
    def __eq__(self, other):
        return isinstance(other, Plain)

    __hash__ = None


def test_parts_that_are_equal_or_unhashable_keep_their_own_values():
    for kind in (Scale, Plain):
        assert kind(2.0).forward(images()).max() == 2 * images().max()
        assert kind(3.0).forward(images()).max() == 3 * images().max()
    assert Scale(np.array([1.0, 2.0])).forward(images()).shape == (3, *SHAPE)


def test_a_network_of_built_parts_takes_weightless_ones_as_they_are():
    convolution = Convolution(3, 3, bias=False).build(SHAPE, RNG(1))
    for tail in (AveragePooling(2), GaussianPooling(2), ReLU()):
        network = serial(convolution, tail)
        wanted = tail.forward(convolution.forward(images()))
        assert np.array_equal(network.forward(images()), wanted)


@pytest.mark.parametrize(
    "part", [AveragePooling(2), GaussianPooling(2), LocallyConnected(3, 2), Convolution(3, 3), BatchNorm()], ids=repr
)
def test_a_gradient_given_in_integers_is_that_in_floats(part):
    part = part.build(SHAPE, RNG(1))
    y, pull, _ = part.pullback(images())
    g = RNG(2).integers(0, 200, y.shape).astype(np.uint8)
    (gx, grads), (wanted, wanted_grads) = pull(g), pull(g.astype(np.float32))
    assert np.array_equal(gx, wanted)
    assert all(np.array_equal(grads[k], wanted_grads[k]) for k in wanted_grads)


def test_average_pooling_keeps_what_is_not_finite_in_its_window():
    x = images()
    x[0, 3, 3, 0], x[1, 0, 0, 1] = np.inf, np.nan
    y = AveragePooling(2).forward(x)
    assert np.argwhere(np.isinf(y)).tolist() == [[0, 1, 1, 0]]
    assert np.argwhere(np.isnan(y)).tolist() == [[1, 0, 0, 1]]


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"y must be maps of the output's shape \(4, 4, 2\), got \(5, 4, 2\)"):
        AveragePooling(2).build(SHAPE).adjoint(np.ones((2, 5, 4, 2)))
    with pytest.raises(ValueError, match="mapping of a Layer must be a part, got 3"):
        Layer(PatchExtraction(2), 3, GaussianPooling(2))
    with pytest.raises(ValueError, match=r"in_shape must be .* three positive ints, got None"):
        serial(ReLU()).build(None)
