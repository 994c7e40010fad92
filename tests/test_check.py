"""Every complaint about input: what it says, and what passes."""

import re
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from kernelconv import _check
from kernelconv._numbers import ForeignObjectError, check_labels


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
        (np.array(["1"]), "pixels must hold numbers, got dtype <U1"),
        ([b"1"], r"pixels must hold numbers, got dtype \|S1"),
        (np.array(["2020"], "M8[Y]"), r"pixels must hold numbers, got dtype datetime64\[Y\]"),
        (np.array([3], "m8[s]"), r"pixels must hold numbers, got dtype timedelta64\[s\]"),
        (np.zeros(2, [("a", float)]), "pixels must hold numbers, got dtype .*'a'"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), r"pixels is masked, and masks are not read: pass pixels\.filled"),
        ([np.ma.array([1.0, 2.0], mask=[False, True])], "pixels is masked"),
        (sparse.csr_array(np.eye(2)), r"Sparse data was passed for pixels, .* pass pixels\.toarray\(\)"),
        ([[1, 2], [3]], "pixels is a ragged list: all its rows must have one length"),
        ([np.ones(2), np.ones(3)], "pixels is a ragged list"),
        (np.array([10**400]), r"pixels holds numbers beyond 3\.4e\+38, the largest of float32: scale it"),
        (np.array([np.longdouble("1e100")]), "pixels holds numbers beyond"),
    ],
)
def test_what_holds_no_numbers_is_refused(x, match):
    with pytest.raises(ValueError, match=match):
        _check.as_float(x, "pixels")


@pytest.mark.parametrize("entry", [None, "1", b"1", {"a": 1}, 1j, np.timedelta64(3, "s"), np.array(1.0), float])
def test_what_is_no_number_among_objects_is_refused_where_it_is(entry):
    x = np.array([[1.0, 2], [3, 4]], object)
    x[1, 0] = entry
    with pytest.raises(
        ForeignObjectError, match=r"x must hold numbers, got dtype object with .* at index \(1, 0\): .* a number"
    ):
        _check.as_float(x)


def test_the_error_of_a_foreign_object_is_what_both_callers_expect():
    assert issubclass(ForeignObjectError, TypeError)  # scikit-learn's suite
    assert issubclass(ForeignObjectError, ValueError)  # what this library documents


def test_objects_that_are_numbers_are_read():
    x = np.array([1, 2.5, True, np.uint8(7), Fraction(1, 2), Decimal("0.25"), 10**30], object)
    assert _check.as_float(x).tolist() == np.array([1, 2.5, 1, 7, 0.5, 0.25, 1e30], np.float32).tolist()
    assert _check.as_float(np.array([np.inf, 1], object))[0] == np.inf  # an infinity is not beyond: check_finite's case


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_every_byte_order_and_layout_is_read():
    x = np.arange(6.0).reshape(2, 3) / 3
    for same in (x.astype(">f8"), np.asfortranarray(x), x[::-1, ::-1][::-1, ::-1], np.asmatrix(x)):
        read = _check.as_float(same)
        assert type(read) is np.ndarray
        assert read.dtype == np.float64
        assert read.dtype.isnative
        assert np.array_equal(read, x)


@pytest.mark.parametrize("library", ["torch", "jax.numpy", "array_api_strict"])
def test_arrays_of_other_libraries_are_not_read_without_a_word(library):
    xp = pytest.importorskip(library)
    with pytest.raises(TypeError, match=r"^y must be a NumPy array, got a <class .*\. Pass it as NumPy: y\.detach"):
        _check.as_float(xp.ones(3), "y")


class Strange:
    """What has no repr, no length, no equality and no array."""

    def _raise(self, *others, **options):
        raise RuntimeError("strange")

    __repr__ = __eq__ = __len__ = __iter__ = __array__ = __float__ = _raise
    __hash__ = None


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # NumPy would rather have no matrices
    MATRIX = np.asmatrix([[1, 2]])

JUNK = [
    *(None, True, np.True_, ..., 1j, "1", b"1", {}, {1: 2, 3: 4}, {1, 2}, range(2), object(), int, np, np.random),
    *(10**400, -(10**5000), 2**64, np.nan, -np.inf, 1e400, Fraction(1, 2), Decimal(2), Decimal("sNaN"), Strange()),
    *(np.datetime64("2020"), np.timedelta64(3, "s"), np.complex128(1), np.longdouble("1e4000"), np.void(b"a")),
    *(np.array(3), np.array(0.5), np.array([True, 2], object), np.ones((2, 2), int), np.ma.masked, np.array("a")),
    *([], [1], [1, 2, 3.0], [1, [2]], [[1], [2, 3]], [Strange(), 1], [1.5, 2], (True, 2), ("1", "2"), (None, None)),
    *(sparse.eye_array(2), MATRIX, (i for i in (1, 2)), lambda x: x, Exception("x")),
]


@pytest.mark.parametrize(
    ("check", "match"),
    [
        (lambda v: _check.as_pair(v, "size"), "size must be an int >= 1 or a"),
        (lambda v: _check.check_count(v, "size"), "size must be an int >= 1, got"),
        (
            lambda v: _check.check_positive(v, "size"),
            r"size must be (a number|> 0 and finite), got|taken: 1\.8\d*e\+19",
        ),
        (lambda v: _check.check_choice(v, "size", ("a", "b")), "size must be one of 'a', 'b', got"),
        (lambda v: _check.check_shape((8, v, 1)), r"in_shape must be \(height, width, channels\), three positive ints"),
        (lambda v: _check.check_shape(v), r"in_shape must be \(height, width, channels\), three positive ints"),
        (lambda v: _check.as_padding(v, ("zero",)), "padding must be one of 'zero', or px of zeros"),
        (
            lambda v: _check.resolve_image_shape(v, 4),
            r"image_shape must be \(h, w\) or|Rows of 4 values cannot be read",
        ),
        (lambda v: _check.check_generator(v, "Part.build"), r"Part\.build needs a numpy Generator: pass rng=numpy"),
        (lambda v: _check.check_images(v), r"x (must|holds|is|requires|cannot|has)|Complex data|Sparse data"),
    ],
)
def test_junk_is_refused_in_the_checks_own_words(check, match):
    texts = [complaint(check, value) for value in JUNK]
    assert [text for text in texts if not (re.match(match, text) and len(text) < 400)] == []


def complaint(check, value):
    """What `check` says against `value`; what it returns, if it has nothing against it."""
    try:
        return f"taken: {check(value)!r}"
    except (ValueError, TypeError) as error:
        return str(error)


def test_junk_is_numbers_or_refused():
    texts = [complaint(_check.check_finite, value) for value in JUNK]
    known = r"taken: array|x (must hold|holds|is|requires|cannot)|Complex data|Sparse data"
    assert [text for text in texts if not re.match(known, text)] == []
    assert 10 < sum(text.startswith("taken") for text in texts) < 20


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
        ((2, 8, 8, 64), None, (2, 8, 8, 64)),  # square maps with many more
        ((2, 4, 9, 8), None, (2, 4, 9, 8)),  # not less than half
        ((2, 5, 40, 4), None, (2, 5, 40, 4)),  # few channels last
        ((4, 8, 32, 32), (8, 32, 32), (4, 8, 32, 32)),
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
        (
            (4, 8, 32, 32),
            None,
            r"channels first.*images of 8 x 32 pixels with 32 channels: .* image_shape=\(8, 32, 32\)",
        ),
        ((2, 2, 6, 5), None, "looks like channels first"),
        ((0, 4, 4), None, r"pixels is empty: shape \(0, 4, 4, 1\)"),
        ((2, 4, 0), None, "pixels is empty"),
        ((0, 16), (4, 4), "pixels is empty"),
        (
            (2, 16),
            None,
            r"pixels has two axes, shape \(2, 16\): rows need image_shape=\(h, w\).*: pixels\[None\]\.",
        ),
        ((2, 16), (4,), r"image_shape must be \(h, w\) or \(h, w, c\) of positive ints \(one may be -1\), got \(4,\)"),
        ((2, 16), 4, r"image_shape must be .*, got 4\."),
        ((2, 4, 4), 4, r"image_shape must be .*, got 4\."),
        ((2, 16), "44", "image_shape must be .*, got '44'"),
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
    for value in (2**63, (2**63, 3), (3, 2**63)):
        with pytest.raises(ValueError, match="shift must be an int >= 1 or a"):
            _check.as_pair(value, "shift")


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2), np.int64(3), 2**63, 2**100])
def test_positive_numbers(value):
    assert _check.check_positive(value, "sigma") == float(value)
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
    assert len({_check.check_rng(np.random.RandomState(s)).random() for s in range(300)}) == 300


@pytest.mark.parametrize("value", ["a", -1, 1.5])
def test_what_is_no_random_state_is_refused(value):
    with pytest.raises(ValueError, match=f"random_state must be None, an int >= 0, .* got {value!r}"):
        _check.check_rng(value)


def test_of_junk_only_none_and_ints_are_random_states():
    texts = [complaint(lambda v: type(_check.check_rng(v)).__name__, value) for value in JUNK]
    refused = [text for text in texts if not text.startswith("taken")]
    assert len(JUNK) - len(refused) == 4  # None, 10**400, 2**64, [1]
    assert all(text.startswith("random_state must be None, an int >= 0, a numpy Generator") for text in refused)


@pytest.mark.parametrize(
    "y", [[1, 2.0, True], ["a", "b"], [b"a"], np.array([1, np.int8(2)], object), np.array(["a"], object), 3, [[1], [2]]]
)
def test_labels_of_one_kind_pass(y):
    check_labels(y)


@pytest.mark.parametrize(
    ("y", "kind", "match"),
    [
        (["a", 1, 2], ValueError, r"y mixes strings \('a'\) and numbers \(1\): labels must be of one kind"),
        (np.array([1, "a"], object), ValueError, r"y mixes numbers \(1\) and strings \('a'\)"),
        (["a", b"a"], ValueError, "y mixes strings .* and bytes"),
        ([None, 1], ForeignObjectError, "y must hold labels, numbers or strings, got None"),
        ([[1, 2], [3]], ValueError, "y is a ragged list"),
        (np.ma.array([1, 2], mask=[0, 1]), ValueError, "y is masked"),
        (np.zeros(2, "V3"), ValueError, r"y must hold labels, numbers or strings, got dtype \|V3"),
    ],
)
def test_labels_of_several_kinds_or_none_are_refused(y, kind, match):
    with pytest.raises(kind, match=match):
        check_labels(y)


def test_sequences():
    assert _check.check_sequence((0.1,), "strengths") == (0.1,)
    for value in (0.1, "ab", (), np.ones((2, 2)), {0.1}, (i for i in (1, 2)), None):
        with pytest.raises(ValueError, match="strengths must be a non-empty sequence, got"):
            _check.check_sequence(value, "strengths")


def test_what_is_larger_than_the_machine_is_refused(monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 2**12, "SC_PHYS_PAGES": 2**20}[name], raising=False)
    _check.check_memory(2**32, "A matrix")
    with pytest.raises(ValueError, match=r"A matrix would need 6\.0 GiB of memory, and this machine has 4\.0 GiB"):
        _check.check_memory(1.5 * 2**32, "A matrix")


@pytest.mark.parametrize("known", [-1, 0, ValueError("no such name")])
def test_where_nobody_knows_the_memory_nothing_is_refused(monkeypatch, known):
    def sysconf(name):
        if isinstance(known, Exception):
            raise known
        return known

    monkeypatch.setattr("os.sysconf", sysconf, raising=False)
    _check.check_memory(2.0**80, "A matrix")
