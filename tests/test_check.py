"""Every complaint about input: what it says, and what passes."""

import numpy as np
import pytest

from kernelconv import _check


def images(*shape, dtype=np.float64):
    return np.ones(shape, dtype)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(np.float64, np.float64), *((t, np.float32) for t in (np.float32, np.float16, np.uint8, np.int64, bool))],
)
def test_float64_stays_and_all_else_becomes_float32(given, kept):
    x = _check.as_float(np.arange(3).astype(given))
    assert x.dtype == kept
    assert x[1] == 1


def test_floats_are_not_copied():
    x = images(2, 3, 3)
    assert np.shares_memory(_check.check_images(x), x)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.array([1j]), "Complex data not supported: pixels has dtype complex128"),
        (np.array([None, "a"]), "pixels must hold numbers, got dtype object"),
        (np.array(["a"]), "pixels must hold numbers, got dtype <U1"),
    ],
)
def test_what_holds_no_numbers_is_refused(x, match):
    with pytest.raises(ValueError, match=match):
        _check.as_float(x, "pixels")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_are_counted_and_located(value):
    x = images(2, 3, 4)
    x[1, 2, 0] = x[1, 2, 3] = value
    with pytest.raises(ValueError, match=r"pixels holds 2 non-finite values .* the first at index \(1, 2, 0\)"):
        _check.check_finite(x, "pixels")


def test_infinities_that_cancel_are_found():
    with pytest.raises(ValueError, match="2 non-finite"):
        _check.check_finite(np.array([np.inf, 1, -np.inf]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_values_whose_sum_overflows_pass(dtype):
    x = np.full(5, np.finfo(dtype).max, dtype)
    assert _check.check_finite(x) is x


@pytest.mark.parametrize(
    ("shape", "image_shape", "expected"),
    [
        ((2, 5, 6), None, (2, 5, 6, 1)),
        ((2, 5, 6, 3), None, (2, 5, 6, 3)),
        ((2, 30), (5, 6), (2, 5, 6, 1)),
        ((2, 30), [5, 6, 1], (2, 5, 6, 1)),
        ((2, 30), (5, 2, 3), (2, 5, 2, 3)),
        ((2, 30), (5, -1, 3), (2, 5, 2, 3)),
        ((2, 30), (1, -1), (2, 1, 30, 1)),
        ((2, 5, 6), (5, 6), (2, 5, 6, 1)),
        ((2, 5, 6, 3), (-1, 6, 3), (2, 5, 6, 3)),
        ((2, 1, 8, 9), (1, 8, 9), (2, 1, 8, 9)),  # says so: not channels first
        ((2, 3, 4, 9), None, (2, 3, 4, 9)),  # low images with many channels
    ],
)
def test_images_of_every_layout_are_read(shape, image_shape, expected):
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    read = _check.check_images(x, image_shape=image_shape)
    assert read.shape == expected
    assert np.array_equal(read.ravel(), x.ravel())


@pytest.mark.parametrize(
    ("shape", "image_shape", "match"),
    [
        ((5,), None, r"pixels must be \(n_images, height, width\) or .*, got shape \(5,\)"),
        ((1, 1, 2, 2, 1), None, r"got shape \(1, 1, 2, 2, 1\)"),
        ((2, 1, 8, 8), None, r"looks like channels first.*numpy\.moveaxis\(pixels, 1, -1\).*image_shape=\(1, 8, 8\)"),
        ((2, 3, 5, 5), None, "looks like channels first"),
        ((0, 4, 4), None, r"pixels is empty: shape \(0, 4, 4, 1\)"),
        ((2, 4, 0), None, "pixels is empty"),
        ((0, 16), (4, 4), "pixels is empty"),
        ((2, 16), None, r"pixels has two axes, shape \(2, 16\): rows need image_shape=\(h, w\)"),
        ((2, 16), (4,), r"image_shape must be \(h, w\) or \(h, w, c\) of positive ints \(one may be -1\), got \(4,\)"),
        ((2, 16), 4, r"image_shape must be .*, got 4\."),
        ((2, 4, 4), 4, r"image_shape must be .*, got 4\."),
        ((2, 16), "44", "image_shape must be .*, got 44"),
        ((2, 16), (4, 0), "image_shape must be"),
        ((2, 16), (4, 4.0), "image_shape must be"),
        ((2, 16), (3, 5), r"Rows of 16 values cannot be read as images of image_shape=\(3, 5\)"),
        ((2, 16), (3, -1), r"Rows of 16 values cannot be read as images of image_shape=\(3, -1\)"),
        ((2, 16), (-1, -1), "Rows of 16 values cannot be read"),
        ((2, 1), (-1, -1), "Rows of 1 values cannot be read"),
        ((2, 4, 4), (4, 5), r"pixels holds images of shape \(4, 4, 1\), but image_shape=\(4, 5\)"),
        ((2, 4, 4, 3), (4, 4), r"holds images of shape \(4, 4, 3\), but image_shape=\(4, 4\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(shape, image_shape, match):
    with pytest.raises(ValueError, match=match):
        _check.check_images(np.ones(shape), image_shape=image_shape, name="pixels")


def test_non_finite_images_are_refused():
    with pytest.raises(ValueError, match=r"x holds 1 non-finite .* index \(0, 1, 1, 0\)"):
        _check.check_images(np.array([[[0, 1], [2, np.nan]]]))


def test_the_channels_first_guess_can_be_switched_off():
    assert _check.check_images(images(2, 1, 8, 8), channels_last=False).shape == (2, 1, 8, 8)


@pytest.mark.parametrize(("value", "pair"), [(3, (3, 3)), ((1, 2), (1, 2)), ([4, 5], (4, 5)), (np.int8(2), (2, 2))])
def test_pairs(value, pair):
    read = _check.as_pair(value, "size")
    assert read == pair
    assert [type(v) for v in read] == [int, int]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "33", (1,), (1, 2, 3), (1, 0), (2, 2.0), np.ones((2, 2))])
def test_what_is_no_pair_is_refused(value):
    with pytest.raises(ValueError, match=r"size must be an int >= 1 or a \(height, width\) pair of them, got"):
        _check.as_pair(value, "size")


def test_pairs_have_a_minimum():
    assert _check.as_pair(0, "shift", minimum=0) == (0, 0)
    with pytest.raises(ValueError, match=r"shift must be an int >= 3 .* got \(3, 2\)"):
        _check.as_pair((3, 2), "shift", minimum=3)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2), np.int64(3), 10**30, 2**63])
def test_positive_numbers(value):
    assert _check.check_positive(value, "sigma") == value
    assert type(_check.check_positive(value, "sigma")) is float


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (None, "sigma must be a number, got None"),
        ("1", "sigma must be a number, got '1'"),
        (True, "sigma must be a number, got True"),
        (0, "sigma must be > 0 and finite, got 0"),
        (-0.5, "sigma must be > 0 and finite, got -0.5"),
        (np.inf, "sigma must be > 0 and finite, got inf"),
        (10**400, "sigma must be > 0 and finite, got 1000"),
        (np.complex64(1), "sigma must be a number, got"),
        (float("nan"), "sigma must be > 0 and finite, got nan"),
    ],
)
def test_what_is_not_positive_is_refused(value, match):
    with pytest.raises(ValueError, match=match):
        _check.check_positive(value, "sigma")


def test_zero_is_allowed_where_asked():
    assert _check.check_positive(0, "epsilon", zero=True) == 0
    with pytest.raises(ValueError, match="epsilon must be >= 0 and finite, got -1"):
        _check.check_positive(-1, "epsilon", zero=True)


def test_counts():
    assert _check.check_count(np.int32(4), "epochs") == 4
    assert _check.check_count(0, "epochs", minimum=0) == 0
    for value in (0, -3, 1.0, True, None, "2"):
        with pytest.raises(ValueError, match=rf"epochs must be an int >= 1, got {value!r}"):
            _check.check_count(value, "epochs")


def test_choices():
    assert _check.check_choice("b", "mode", ("a", "b")) == "b"
    with pytest.raises(ValueError, match="mode must be one of 'a', 'b', got 'c'"):
        _check.check_choice("c", "mode", ("a", "b"))


def test_random_states():
    generator = np.random.default_rng(0)
    assert _check.check_rng(generator) is generator
    draws = [_check.check_rng(s).random() for s in (3, 3, np.int64(3), 4)]
    assert draws[0] == draws[1] == draws[2] != draws[3]
    assert _check.check_rng(np.random.SeedSequence(3)).random() == draws[0]
    assert _check.check_rng(None).random() != _check.check_rng(None).random()
    old = [np.random.RandomState(s) for s in (1, 1, 2)]  # scikit-learn's users pass them
    a, b, c = (_check.check_rng(s).random() for s in old)
    assert a == b != c
    assert _check.check_rng(old[0]).random() != a  # it is used up, as scikit-learn's are


@pytest.mark.parametrize("value", ["a", -1, 1.5])
def test_what_is_no_random_state_is_refused(value):
    with pytest.raises(ValueError, match=f"random_state must be None, an int >= 0, .* got {value!r}"):
        _check.check_rng(value)
