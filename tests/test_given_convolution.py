"""Convolutions of given weights: worked examples, SciPy's, filters made by hand, and how they live in networks."""

import itertools
import pickle

import numpy as np
import pytest
from scipy import signal

from kernelconv import ConvNetClassifier
from kernelconv._identity import described
from kernelconv.networks import serial
from kernelconv.operators import HAND_MADE, Convolution, Flatten, ReLU, hand_made

RNG = np.random.default_rng


def of_one(picture, weights, **settings):
    """A filter's answer to one picture (h, w) or (h, w, c)."""
    x = np.asarray(picture, float)
    x = x[None] if x.ndim == 3 else x[None, :, :, None]
    return Convolution.from_weights(weights, **settings).forward(x)[0, :, :, 0]


# -- worked examples ---------------------------------------------------------------------------------------------------


def test_four_by_four_by_hand():
    x = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 2, 1, 0], [1, 0, 2, 2]]
    np.testing.assert_array_equal(of_one(x, [[1, -1], [0, 1]]), [[0, 5, 0], [1, -1, 2], [0, 3, 3]])


def test_five_by_five_by_hand():
    x = [[int(c) for c in row] for row in ("10110", "11011", "00110", "01100", "11101")]
    np.testing.assert_array_equal(of_one(x, [[0, 1, 0], [1, 1, 0], [0, 0, 1]]), [[3, 3, 2], [2, 1, 3], [2, 3, 3]])


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 3), (4, 1)])
def test_flipped_is_scipy_s_convolution_and_unflipped_its_correlation(size):
    x, w = RNG(0).standard_normal((7, 9)), RNG(1).standard_normal(size)
    np.testing.assert_allclose(of_one(x, w), signal.correlate2d(x, w, "valid"), atol=1e-12)
    np.testing.assert_allclose(of_one(x, w, flip=True), signal.convolve2d(x, w, "valid"), atol=1e-12)
    if min(size) > 1:
        assert np.abs(of_one(x, w) - of_one(x, w, flip=True)).max() > 0.1


@pytest.mark.parametrize(("padding", "boundary"), [("zero", "fill"), ("circular", "wrap"), ("symmetric", "symm")])
def test_borders_are_scipy_s(padding, boundary):
    x, w = RNG(0).standard_normal((6, 7)), RNG(1).standard_normal((3, 5))
    expected = signal.convolve2d(x, w, "same", boundary)
    np.testing.assert_allclose(of_one(x, w, padding=padding, flip=True), expected, atol=1e-12)


def test_channels_are_summed_and_filters_are_side_by_side():
    x, w, b = RNG(0).standard_normal((2, 6, 7, 3)), RNG(1).standard_normal((3, 2, 3, 4)), RNG(2).standard_normal(4)
    y = Convolution.from_weights(w, b).forward(x)
    assert y.shape == (2, 4, 6, 4)
    for i, m in np.ndindex(2, 4):
        expected = sum(signal.correlate2d(x[i, :, :, c], w[:, :, c, m], "valid") for c in range(3)) + b[m]
        np.testing.assert_allclose(y[i, :, :, m], expected, atol=1e-12)
    np.testing.assert_allclose(Convolution.from_weights(w[..., 1], b[1]).forward(x)[..., 0], y[..., 1], atol=1e-12)


def test_the_output_size_is_the_formula():
    for n, k, s, p in itertools.product((5, 8, 11), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2)):
        part = Convolution.from_weights(np.ones((k, k)), stride=s, padding=p)
        assert part.out_shape((n, n, 1)) == (((n + 2 * p - k) // s + 1),) * 2 + (1,)
        assert part.forward(np.zeros((1, n, n, 1))).shape[1:] == part.out_shape((n, n, 1))


# -- filters made by hand ----------------------------------------------------------------------------------------------

EDGES = ["vertical_edge", "horizontal_edge", "red_vertical_edge", "mixed_difference", "laplacian", "eight_neighbours"]


def test_filters_sum_to_nothing_or_to_one():
    assert list(HAND_MADE) == [*EDGES, "sharpen", "box", "gaussian"]
    for name, filter in HAND_MADE.items():
        assert filter.sum(axis=(0, 1)) == pytest.approx(0.0 if name in EDGES else 1.0, abs=1e-15), name
        assert np.abs(filter).sum() > 0.9
        assert getattr(hand_made, name.upper()) is filter
        with pytest.raises(ValueError, match="read-only"):
            filter[0] = 1
    with pytest.raises(TypeError):
        HAND_MADE["box"] = None


@pytest.mark.parametrize("name", HAND_MADE)
def test_a_constant_picture_is_taken_away_by_edges_and_left_alone_by_the_others(name):
    c = 3 if name == "red_vertical_edge" else 1
    y = of_one(np.full((5, 6, c), 2.5), HAND_MADE[name])
    np.testing.assert_allclose(y, 0 if name in EDGES else 2.5, atol=1e-14)


def step(channel=0, channels=1):
    """Bright on the left."""
    x = np.zeros((5, 6, channels))
    x[:, :3, channel] = 1
    return x


def test_edges_answer_their_own_direction():
    np.testing.assert_array_equal(of_one(step(), hand_made.VERTICAL_EDGE), [[0, 3, 3, 0]] * 3)
    np.testing.assert_array_equal(of_one(step(), hand_made.VERTICAL_EDGE, flip=True), [[0, -3, -3, 0]] * 3)
    assert not of_one(step(), hand_made.HORIZONTAL_EDGE).any()
    np.testing.assert_array_equal(of_one(step()[:, :, 0].T, hand_made.HORIZONTAL_EDGE).T, [[0, 3, 3, 0]] * 3)


def test_the_red_edge_sees_red_alone():
    np.testing.assert_array_equal(of_one(step(0, 3), hand_made.RED_VERTICAL_EDGE), [[0, 3, 3, 0]] * 3)
    for channel in (1, 2):
        assert not of_one(step(channel, 3), hand_made.RED_VERTICAL_EDGE).any()


def test_second_differences_of_polynomials():
    u, v = np.meshgrid(np.arange(6.0), np.arange(7.0), indexing="ij")
    np.testing.assert_allclose(of_one(u * v, hand_made.MIXED_DIFFERENCE), 4)
    np.testing.assert_allclose(of_one(u**2 + 3 * v**2, hand_made.LAPLACIAN), 2 + 6)
    np.testing.assert_allclose(of_one(u**2 + 3 * v**2, hand_made.EIGHT_NEIGHBOURS), -3 * (2 + 6))
    np.testing.assert_allclose(of_one(u**2, hand_made.SHARPEN), u[1:-1, 1:-1] ** 2 - 2)


def test_averages_spread_an_impulse():
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    np.testing.assert_allclose(of_one(dot, hand_made.BOX), 1 / 9)
    line = np.array([1, 2, 1]) / 4
    np.testing.assert_allclose(of_one(dot, hand_made.GAUSSIAN), np.outer(line, line))


# -- in networks -------------------------------------------------------------------------------------------------------


def test_weights_are_those_given_whatever_draws():
    w, b = RNG(0).standard_normal((3, 3, 2, 4)), RNG(1).standard_normal(4)
    network = serial(Convolution.from_weights(w, b, padding="zero"), ReLU()).build((5, 6, 2), RNG(2))
    found = network.params
    np.testing.assert_array_equal(found["givenconvolution_1.weight"], w.reshape(18, 4))
    np.testing.assert_array_equal(found["givenconvolution_1.bias"], b)
    assert found["givenconvolution_1.weight"].flags.writeable
    again = serial(Convolution.from_weights(w, b, padding="zero"), ReLU()).set_params(givenconvolution_1__stride=2)
    np.testing.assert_array_equal(again.build((5, 6, 2)).params["givenconvolution_1.weight"], w.reshape(18, 4))
    x = RNG(3).standard_normal((2, 5, 6, 2))
    np.testing.assert_array_equal(network.forward(x)[:, ::2, ::2], again.build((5, 6, 2)).forward(x))


def test_training_changes_them_unless_they_are_frozen():
    x, y = RNG(0).standard_normal((12, 6, 6)), np.arange(12) % 2
    network = serial(Convolution.from_weights(HAND_MADE["laplacian"]), ReLU(), Convolution(2, 4), Flatten())
    for frozen in ((), "givenconvolution_1"):
        clf = ConvNetClassifier(network, epochs=1, frozen=frozen, random_state=0).fit(x, y)
        kept = np.array_equal(clf.network_.params["givenconvolution_1.weight"].ravel(), hand_made.LAPLACIAN.ravel())
        assert kept == bool(frozen)


def test_they_are_equal_by_value_and_told_apart_by_it():
    one, same, other = (Convolution.from_weights(HAND_MADE[name]) for name in ("box", "box", "gaussian"))
    assert one == same == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(same)
    assert one != other
    assert one != Convolution(1, 3, bias=False)
    assert described(one) == described(same) != described(other)
    assert repr(one).startswith("GivenConvolution(1, size=3, bias=False, weights=Weights(3 x 3 x 1 x 1, sha256 ")


def test_what_is_given_is_copied():
    w, b = np.ones((2, 2)), np.ones(1)
    part = Convolution.from_weights(w, b)
    w[:], b[:] = 7, 7
    assert part.forward(np.ones((1, 2, 2, 1))).item() == 5
    assert part.build((2, 2, 1)).params["weight"].tolist() == [[1]] * 4


def test_dtypes():
    assert Convolution.from_weights([[1, 2]]).build((3, 3, 1)).params["weight"].dtype == np.float32
    assert Convolution.from_weights([[1.0, 2]]).build((3, 3, 1)).params["weight"].dtype == np.float64
    part = Convolution.from_weights([[0.1, 2]], 0.1)
    for dtype in (np.float32, np.float64):
        assert part.forward(np.ones((1, 3, 3, 1), dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("weights", "settings", "match"),
    [
        (
            [1.0, 2.0],
            {},
            r"weights must be \(k_h, k_w\), .* at least one value, got shape \(2,\)\. .* transpose\(2, 3, 1, 0\)",
        ),
        (np.ones((1, 2, 1, 1, 1)), {}, r"got shape \(1, 2, 1, 1, 1\)"),
        (np.ones((0, 2)), {}, r"got shape \(0, 2\)"),
        ([[1.0, np.nan]], {}, "weights holds 1 non-finite values"),
        ([["a", "b"]], {}, "weights must hold numbers"),
        ([[1.0, 2.0]], {"bias": [1, 2]}, r"bias must be one number a filter, 1, got 2\."),
        ([[1.0, 2.0]], {"bias": [[1]]}, r"bias must be one number a filter, \(n_filters,\), got shape \(1, 1\)"),
        ([[1.0, 2.0]], {"bias": np.inf}, "bias holds 1 non-finite values"),
        ([[1.0, 2.0]], {"flip": 2}, "flip must be True or False, got 2"),
        ([[1.0, 2.0]], {"stride": 0}, "stride must be an int >= 1"),
    ],
)
def test_what_is_refused(weights, settings, match):
    with pytest.raises(ValueError, match=match):
        Convolution.from_weights(weights, **settings)


def test_fields_that_do_not_fit_the_weights_are_refused():
    part = Convolution.from_weights(np.ones((2, 2, 3, 4)), np.zeros(4))
    with pytest.raises(ValueError, match=r"weights are of 3 channels, the maps have 1\."):
        part.forward(np.ones((1, 5, 5, 1)))
    with pytest.raises(ValueError, match=r"n_filters=5 of size=\(2, 2\) do not fit weights .* \(2, 2, 3, 4\)"):
        serial(part).set_params(givenconvolution_1__n_filters=5)
    with pytest.raises(ValueError, match="bias=True needs biases, and bias=False none"):
        serial(part).set_params(givenconvolution_1__bias=False)
