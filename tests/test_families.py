"""Families: what each draws, exact sizes, temperatures; and corruptions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import norm
from test_deformations import independent_supremum

from kernelconv.deformations import (
    CORRUPTIONS,
    AffineDeformation,
    AffineField,
    CombinedDeformation,
    Deformation,
    Dilation,
    DisplacementField,
    ElasticDeformation,
    FourierField,
    LinearDeformation,
    Rotation,
    Shear,
    ShiftedField,
    SineField,
    SmoothDeformation,
    Translation,
    corrupt,
    warp,
)
from kernelconv.stability import measure_stability, worst_case

SMOOTH = [
    SmoothDeformation(3),
    ElasticDeformation(4.0),
    ElasticDeformation(6.0),
    CombinedDeformation(SmoothDeformation(3), 1.5),
    CombinedDeformation(ElasticDeformation(5.0), 1.5),
]
AFFINE = [Rotation(), Dilation(), Shear(), AffineDeformation()]
ids = {"ids": repr}


def forget(fields):
    """The same fields, whose norms nobody has computed yet."""
    if isinstance(fields, ShiftedField):
        return ShiftedField(fields.shape, forget(fields.field), fields.offset)
    if isinstance(fields, FourierField):
        return FourierField(fields.shape, fields.coefficients, fields.period)
    return SineField(fields.shape, fields.coefficients) if isinstance(fields, SineField) else fields.scaled(1.0)


@pytest.mark.parametrize("family", [*SMOOTH, *AFFINE], **ids)
@pytest.mark.parametrize("s", [0.1, 0.5])
def test_the_jacobian_norm_asked_for_is_the_one_measured(family, s):
    fields = forget(family.sample((28, 24), s, rng=1, size=3))
    np.testing.assert_allclose(fields.jacobian_sup_norm, s, rtol=1e-6)
    assert fields.is_diffeomorphism().all()
    assert len(np.unique(fields.values[:, 5, 7].round(9), axis=0)) > 1


@pytest.mark.once("oldest")
@pytest.mark.parametrize("family", SMOOTH[1:], **ids)
def test_norms_are_suprema_to_1e_6(family):
    shape = (20, 26)
    fields = forget(family.sample(shape, 0.4, rng=2, size=2))
    for i in range(2):
        field = fields[i]

        def stretch(points, field=field):
            return np.linalg.norm(field.jacobian_at(points), 2, axis=(-2, -1))

        def move(points, field=field):
            return np.linalg.norm(field.at(points), axis=-1)

        assert field.jacobian_sup_norm == pytest.approx(independent_supremum(stretch, shape), rel=1e-6)
        assert field.sup_norm == pytest.approx(independent_supremum(move, shape), rel=1e-6)


@pytest.mark.parametrize("family", SMOOTH[1:], **ids)
def test_the_jacobian_is_the_derivative(family):
    fields = family.sample((15, 18), 0.4, rng=3, size=2)
    points, h = np.random.default_rng(4).uniform(0, 14, (7, 2)), 1e-5
    for b in range(2):
        step = h * np.eye(2)[b]
        numeric = (fields.at(points + step) - fields.at(points - step)) / (2 * h)
        np.testing.assert_allclose(fields.jacobian_at(points)[..., b], numeric, atol=1e-8)
    np.testing.assert_allclose(fields.values[:, 3, 4], fields.at(np.array([[3.0, 4.0]]))[:, 0], atol=1e-12)
    np.testing.assert_allclose(fields[1].jacobian[5, 6], fields.jacobian_at(np.array([[5.0, 6.0]]))[1, 0], atol=1e-12)


@pytest.mark.parametrize("family", [*SMOOTH, *AFFINE, Translation()], **ids)
def test_the_typical_displacement_asked_for_is_the_rms_over_the_image(family):
    shape = (22, 25)
    fields = family.sample(shape, rng=0, size=3, displacement=1.8, allow_folding=True)
    rows, columns = (np.linspace(0, n - 1, 40 * (n - 1) + 1) for n in shape)
    square = (fields.on_grid(rows, columns) ** 2).sum(-1)
    weights = [np.r_[0.5, np.ones(len(p) - 2), 0.5] / (len(p) - 1) for p in (rows, columns)]  # trapezoid
    np.testing.assert_allclose(np.sqrt(np.einsum("nij,i,j->n", square, *weights)), 1.8, rtol=2e-4)
    assert len(fields) == 3
    if isinstance(family, CombinedDeformation):
        np.testing.assert_allclose(np.hypot(*fields.offset.T), 1.5, rtol=1e-12)


def test_temperature_has_the_exact_rms_displacement_and_the_nominal_one_overstates_it():
    for cutoff in (3, 5, 10):
        family, n = SmoothDeformation(cutoff), 32
        temperature = family.temperature_range(n)[1]
        fields = family.sample_at_temperature(n, temperature, rng=cutoff, size=3000)
        rms = np.sqrt(np.mean(fields.rms_norm**2))
        exact = family.typical_displacement(n, temperature)
        assert rms == pytest.approx(exact, rel=0.03)
        nominal = n / 2 * np.sqrt(np.pi * temperature * np.log(cutoff))
        assert 1.0 < nominal / exact < 1.25 or cutoff == 3
    assert SmoothDeformation(3).typical_displacement((20, 40), 1e-3) == pytest.approx(
        np.sqrt(1e-3 * (20**2 + 40**2) / 4 * (1 / 2 + 2 / 5 + 1 / 8 + 2 / 10))
    )


def test_temperature_draws_are_the_published_sum():
    family, n, temperature = SmoothDeformation(3), 16, 2e-3
    field = family.sample_at_temperature(n, temperature, rng=0)
    u, c = np.linspace(0, 1, n), field.coefficients / (n * np.sqrt(temperature))
    for a in range(2):
        expected = sum(
            c[a, i - 1, j - 1] * np.outer(np.sin(i * np.pi * u), np.sin(j * np.pi * u))
            for i in (1, 2, 3)
            for j in (1, 2, 3)
            if np.hypot(i, j) < 3.5
        )
        np.testing.assert_allclose(field.values[..., a], n * np.sqrt(temperature) * expected, atol=1e-12)
    many = family.sample_at_temperature(n, temperature, rng=1, size=4000)
    power = (many.coefficients**2).mean(0) / (n * n * temperature)
    i, j = np.arange(1, 4)[:, None], np.arange(1, 4)
    kept = np.hypot(i, j) < 3.5
    np.testing.assert_allclose((power * (i**2 + j**2))[:, kept], 1, atol=0.12)
    assert not power[:, ~kept].any()
    top = family.temperature_range(28)[1]
    assert not family.sample_at_temperature(28, top, rng=0, size=300).is_diffeomorphism().all()


def test_elastic_fields_have_the_covariance_of_filtered_noise():
    family = ElasticDeformation(3.0)
    z = np.random.default_rng(0).standard_normal((3000, family.n_parameters((12, 30))))
    values = family.directions((12, 30), z).values[..., 0]
    assert np.abs((values**2).mean(0) / (values**2).mean() - 1).max() < 0.15  # stationary
    lags = np.arange(1, 10)
    correlation = [(values[..., lag:] * values[..., :-lag]).mean() / (values**2).mean() for lag in lags]
    np.testing.assert_allclose(correlation, np.exp(-(lags**2) / (4 * 3.0**2)), atol=0.05)
    np.testing.assert_allclose((values[:, 0, 0] * values[:, -1, -1]).mean() / (values**2).mean(), 0, atol=0.08)


@pytest.mark.parametrize("sigma", [1.5, 3.0, 7.0])
def test_elastic_series_ends_where_the_gaussian_is_below_e_to_the_minus_eight(sigma):
    period, deviations = ElasticDeformation(sigma)._waves(40)
    n_waves = len(deviations) // 2
    first, last, next_one = (np.exp(-((sigma * k * 2 * np.pi / period) ** 2) / 2) for k in (1, n_waves, n_waves + 1))
    assert last >= np.exp(-8) > next_one
    np.testing.assert_allclose(deviations[[0, 1, n_waves, -1]], [1, 2**0.5 * first, 2**0.5 * last, 2**0.5 * last])


def test_shears_slide_along_one_axis():
    fields = Shear().sample((9, 11), 0.3, rng=0, size=40)
    assert {tuple(m.ravel().round(12)) for m in fields.matrix} == {
        (0, 0.3, 0, 0), (0, -0.3, 0, 0), (0, 0, 0.3, 0), (0, 0, -0.3, 0)
    }  # fmt: skip
    np.testing.assert_allclose(fields.min_det, 1)
    np.testing.assert_allclose(fields.values[:, 4, 5], 0, atol=1e-12)


LINEAR = [f for f in [*SMOOTH, *AFFINE, Translation()] if isinstance(f, LinearDeformation)]


@pytest.mark.parametrize("family", LINEAR, **ids)
def test_directions_are_linear_in_their_parameters(family):
    p = family.n_parameters((12, 14))
    a, b = np.random.default_rng(0).standard_normal((2, 2, p))
    values = [family.directions((12, 14), z).values for z in (a, b, 2 * a - 3 * b)]
    np.testing.assert_allclose(values[2], 2 * values[0] - 3 * values[1], atol=1e-11)
    if isinstance(family, SmoothDeformation):
        return  # its draws keep the layout of a square of modes
    strength = 1.5 if family.unit else 0.3
    drawn = family.sample((12, 14), strength, rng=7, size=2).values
    z = np.random.default_rng(7).standard_normal((2, p))
    np.testing.assert_array_equal(drawn, family.from_parameters((12, 14), z, strength).values)


@pytest.mark.parametrize("family", [*SMOOTH[1:], Shear(), AffineDeformation()], **ids)
def test_the_same_seed_gives_the_same_fields(family):
    first, again, other = (family.sample((13, 11), 0.2, rng=seed, size=3).values for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SmoothDeformation().sample((9, 9)), "exactly one of strength and displacement"),
        (lambda: SmoothDeformation().sample((9, 9), 0.1, displacement=1.0), "exactly one of strength and displacement"),
        (lambda: SmoothDeformation().sample((9, 9), displacement=-1), "displacement must be > 0 and finite, got -1"),
        (
            lambda: SmoothDeformation().sample((9, 9), rng=0, displacement=9.0),
            "displacement=9.0 px needs Jacobian norms",
        ),
        (lambda: Rotation().sample((9, 9), rng=0, displacement=99.0), "no rotation has a Jacobian norm"),
        (
            lambda: CombinedDeformation(translation=2.0).sample((9, 9), rng=0, displacement=1.5),
            "displacement=1.5 px is not above the translation of 2.0 px",
        ),
        (lambda: CombinedDeformation(Rotation()), "base must be a SmoothDeformation or an ElasticDeformation"),
        (lambda: CombinedDeformation(translation=0), "translation must be > 0 and finite, got 0"),
        (lambda: ElasticDeformation(0.5), "sigma must be at least 1 px, got 0.5"),
        (lambda: SmoothDeformation(1).temperature_range(28), "needs cutoff >= 2"),
        (lambda: SmoothDeformation(3).sample_at_temperature(28, 0), "temperature must be > 0 and finite, got 0"),
        (
            lambda: FourierField((9, 9), np.zeros((2, 2, 3)), (9.0, 9.0)),
            r"must have odd length \(2 K \+ 1\), got shape",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_displaced_fields_may_fold_if_they_are_allowed_to():
    fields = SmoothDeformation().sample((9, 9), rng=0, size=4, displacement=9.0, allow_folding=True)
    np.testing.assert_allclose(fields.rms_norm, 9.0, rtol=1e-12)
    assert not fields.is_diffeomorphism().any()


# -- families of one's own ---------------------------------------------------------------------------------------------


class Bulge(Deformation):
    """One half wave along the rows, up or down."""

    def draw(self, shape, strength, rng, n):
        coefficients = np.zeros((n, 2, 1, 1))
        coefficients[:, 0, 0, 0] = rng.choice([-1.0, 1.0], n)
        return SineField(shape, coefficients).rescale_to(jacobian_norm=strength)


class Bulges(LinearDeformation):
    """A half wave along the rows and one along the columns."""

    def n_parameters(self, shape):
        return 2

    def directions(self, shape, z):
        return SineField(shape, np.reshape(z, (-1, 2, 1, 1)))


class Twice(Bulge):
    """Fields of twice the strength that is asked for."""

    def draw(self, shape, strength, rng, n):
        return super().draw(shape, 2 * strength, rng, n)


def test_a_family_that_misses_the_strength_is_refused():
    with pytest.raises(ValueError, match=r"Twice\.draw .* exactly the strength 0\.4, got one of 0\.8"):
        Twice().sample(8, 0.4, rng=0, size=3)


@pytest.mark.parametrize("family", [Bulge(), Bulges()], ids=lambda f: type(f).__name__)
def test_a_family_of_ones_own_is_sampled_measured_and_searched(family):
    fields = family.sample((9, 12), 0.3, rng=0, size=4)
    np.testing.assert_allclose(fields.jacobian_sup_norm, 0.3, rtol=1e-6)
    np.testing.assert_allclose(family.sample((9, 12), rng=0, size=4, displacement=0.5).rms_norm, 0.5, rtol=1e-9)
    assert family.sample((9, 12), 0.3, rng=0).batch_shape == ()
    x = digits(4)
    report = measure_stability(lambda x: x, x, family, [0.2], random_state=0)
    assert all(row.mean > 0 for row in report)
    if isinstance(family, LinearDeformation):
        found = worst_case(lambda x: x, x, family, 0.2, n_evaluations=8, random_state=0)
        assert (found.change >= found.random_best).all()


class Arrays(Deformation):
    """What is no family: fields as arrays."""

    def draw(self, shape, strength, rng, n):
        return np.zeros((n, *shape, 2))


class TooFew(Bulge):
    """What is no family: one field, however many are wanted."""

    def draw(self, shape, strength, rng, n):
        return super().draw(shape, strength, rng, 1)


class LinearArrays(Bulges):
    """What is no linear family: arrays for directions."""

    def directions(self, shape, z):
        return np.zeros((len(z), *shape, 2))


class Half(Bulges):
    """What is no linear family: half a parameter."""

    def n_parameters(self, shape):
        return 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Arrays().sample(8, 0.1, size=3),
            r"Arrays\.draw must return a batch of 3 fields on 8 x 8 px, got ndarray\. A field is a formula",
        ),
        (lambda: Arrays().sample(8, displacement=1.0), r"Arrays\.draw must return a batch of 1 fields .* got ndarray"),
        (lambda: TooFew().sample(8, 0.1, size=3), r"TooFew\.draw must .* got SineField\(8 x 8 px, 1 fields\)"),
        (lambda: LinearArrays().sample(8, 0.1), r"LinearArrays\.directions must return a batch of 1 fields"),
        (lambda: LinearArrays().from_parameters((8, 8), np.ones((2, 2)), 0.1), "must return a batch of 2 fields"),
        (lambda: Deformation().sample(8, 0.1), r"Deformation does not say how its fields are drawn: write draw\(shape"),
        (lambda: LinearDeformation().sample(8, 0.1), r"does not say how many parameters it has: write n_parameters"),
        (
            lambda: DisplacementField((8, 8)).values,
            "DisplacementField is no field yet: a subclass .* writes",
        ),
        (lambda: SineField((8, 8), np.ones((2, 1, 1)))[0], "A single field has no index"),
    ],
)
def test_what_is_no_family_and_no_field_is_told_what_to_write(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Half().sample(8, 0.1), r"Half\.n_parameters\(shape\) must be an int >= 1, got 0\.5"),
        (
            lambda: Rotation().directions((8, 8), np.zeros((3, 2))),
            r"z must hold 1 parameter a field, \(n, 1\), got shape \(3, 2\)",
        ),
        (
            lambda: SmoothDeformation().directions((8, 8), np.ones((2, 5))),
            r"z must hold 12 parameters a field",
        ),
        (lambda: Translation().from_parameters((8, 8), ["a"], 1.0), "z must hold numbers"),
        (
            lambda: Rotation().sample(10**6, 0.1, rng=0).values,
            "1 fields at 1000000 x 1000000 pixels would need",
        ),
        (lambda: Rotation().sample(8, 0.1, rng=0, size=10**12), r"1000000000000 fields would need 89,407.0 GiB"),
        (lambda: SmoothDeformation(10**6).sample(8, 0.1), r"1000000 x 1000000 modes would need .* GiB of memory"),
        (
            lambda: SmoothDeformation(10**6).n_parameters((8, 8)),
            r"A series of 1000000 x 1000000 modes would need .* GiB",
        ),
        (lambda: ElasticDeformation(1.0).sample(10**6, 0.1), r"1 fields of .* parameters would need .* GiB of memory"),
        (lambda: Translation().sample(8, 1e308), r"strength must be between 1e-100 and 1e\+100, got 1e\+308"),
        (lambda: Rotation().sample(8, displacement=1e-200), "displacement must be between 1e-100 and"),
        (lambda: ElasticDeformation(1e308), r"sigma must be at most 1e\+06 px, got 1e\+308"),
        (lambda: AffineField((8, 8), np.eye(2), np.zeros(2)).at([[np.nan, 0]]), "points holds 1 non-finite"),
        (lambda: Rotation().sample(1, displacement=0.5), "An image of one pixel has no typical displacement"),
        (lambda: AffineField((8, 8), np.full((2, 2), 1e200), np.zeros(2)), r"matrix holds values above 1e\+100"),
        (lambda: AffineField((8, 0), np.eye(2), np.zeros(2)), "shape must be an int >= 1 or a"),
        (lambda: AffineField((8, 8), [["1", "0"], ["0", "1"]], np.zeros(2)), "matrix must hold numbers, got dtype <U1"),
        (lambda: FourierField((8, 8), np.ones((2, 1, 1)), (8.0, -1.0)), "each of period must be > 0"),
        (lambda: FourierField((8, 8), np.ones((2, 1, 1)), 8.0), "period must be a non-empty sequence"),
        (lambda: ShiftedField((8, 8), np.eye(2), np.zeros(2)), "field must be a SineField or a FourierField on"),
        (lambda: AffineField((8, 8), np.eye(2), np.zeros(2)).at([1.0, 2.0]), r"points must be \(row, column\) pairs"),
        (lambda: AffineField((8, 8), np.eye(2), np.zeros(2)).scaled("2"), "factor must hold numbers"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# -- corruptions -------------------------------------------------------------------------------------------------------


def digits(n=40, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((20, 20))
    r, c = rng.uniform(6, 13, (2, n, 3, 1, 1))
    return np.clip(np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 6).sum(1), 0, 1).astype(dtype)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_grow_with_severity_and_stay_in_range(name):
    x = digits()
    x.flags.writeable = False
    distance = []
    for severity in range(1, 6):
        y = corrupt(x, name, severity, rng=0)
        assert y.shape == x.shape
        assert y.dtype == x.dtype
        assert y.min() >= 0
        assert y.max() <= 1
        distance.append(np.linalg.norm(y - x) / np.linalg.norm(x))
    assert distance[0] > 0.02
    assert all(b > a for a, b in pairwise(distance))
    again = corrupt(x, name, 5, rng=0)
    np.testing.assert_array_equal(again, y)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_take_channels_and_float64(name):
    x = np.stack([digits(6, seed, np.float64) for seed in range(3)], -1)
    y = corrupt(x, name, rng=1)
    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.array_equal(y, x)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float16])
def test_corruptions_of_whole_numbers_are_those_of_float32(dtype):
    x = np.random.default_rng(0).random((2, 8, 8)) > 0.5
    for name in CORRUPTIONS:
        y = corrupt(x.astype(dtype), name, rng=0)
        assert y.dtype == np.float32
        assert np.array_equal(y, corrupt(x.astype(np.float32), name, rng=0))


def test_corruptions_have_their_known_answers():
    x = digits()
    np.testing.assert_allclose(corrupt(x, "inverse", 5), 1 - x, atol=1e-6)
    assert set(np.unique(corrupt(x, "quantize", 5))) <= {0.0, 1.0}
    noisy = corrupt(np.full((50, 20, 20), 0.5), "gaussian_noise", 1, rng=0)
    assert noisy.std() == pytest.approx(0.08, rel=0.05)
    shot = corrupt(np.full((50, 20, 20), 0.25), "shot_noise", 1, rng=0)
    assert shot.std() == pytest.approx(np.sqrt(0.25 / 60), rel=0.05)
    hit = corrupt(np.full((50, 20, 20), 0.5), "impulse_noise", 3, rng=0) != 0.5
    assert hit.mean() == pytest.approx(0.1, rel=0.05)
    blank = corrupt(np.ones((5, 20, 20)), "occlusion", 5, rng=0)
    assert (blank == 0).sum((1, 2)).tolist() == [64] * 5
    striped = corrupt(np.zeros((5, 20, 20)), "stripe", 3, rng=0)
    assert striped.sum((1, 2)).tolist() == [80.0] * 5
    wet = corrupt(np.zeros((5, 20, 20)), "spatter", 5, rng=0)
    assert (wet > 0).mean() == pytest.approx(0.23, abs=0.01)
    assert corrupt(x, "gaussian_blur").sum() == pytest.approx(x.sum(), rel=0.02)


#: What the five severities of a corruption measure.
SEVERITIES = {
    "gaussian_noise": (0.08, 0.16, 0.24, 0.32, 0.4),  # standard deviation
    "shot_noise": (60, 25, 12, 5, 3),  # photons of a white pixel
    "impulse_noise": (0.03, 0.06, 0.1, 0.17, 0.27),  # share of the pixels
    "gaussian_blur": (0.6, 0.9, 1.2, 1.6, 2.0),  # px
    "motion_blur": (3, 5, 7, 9, 11),  # px
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),  # grey levels
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),  # share that is left
    "inverse": (0.2, 0.4, 0.6, 0.8, 1.0),  # share of the negative
    "quantize": (7, 5, 3, 2, 1),  # steps
    "stripe": (0.08, 0.14, 0.2, 0.26, 0.32),  # share of the width
    "occlusion": (0.15, 0.2, 0.25, 0.32, 0.4),  # share of the shorter side
    "spatter": (0.04, 0.08, 0.12, 0.17, 0.23),  # share of the pixels
    "translate": (1, 2, 3, 4, 5),  # px
    "rotate": (0.17, 0.26, 0.35, 0.43, 0.52),  # Jacobian norm
    "scale": (0.1, 0.2, 0.3, 0.4, 0.5),
    "shear": (0.1, 0.2, 0.3, 0.4, 0.5),
}


def spread_of_an_impulse(severity):
    """Return the standard deviation of a blurred impulse along the columns and along the rows."""
    x = np.zeros((1, 41, 43))
    x[0, 20, 21] = 1.0
    y, (rows, columns) = corrupt(x, "gaussian_blur", severity)[0], np.indices(x.shape[1:])
    assert y.sum() == pytest.approx(1)
    variances = [(y * (rows - 20) ** 2).sum(), (y * (columns - 21) ** 2).sum()]
    assert variances[0] == pytest.approx(variances[1])
    return np.sqrt(variances[0])


def grey(level, shape=(60, 40, 50, 2)):
    return np.full(shape, level)


MEASURED = {
    # clipping at 0 and 1 narrows the noise: the quartiles of a normal distribution give its scale
    "gaussian_noise": lambda s: (
        np.ptp(np.quantile(corrupt(grey(0.5), "gaussian_noise", s, rng=0), [0.25, 0.75])) / (2 * norm.ppf(0.75))
    ),
    "shot_noise": lambda s: -np.log((corrupt(grey(0.02), "shot_noise", s, rng=0) == 0).mean()) / 0.02,
    "impulse_noise": lambda s: (corrupt(grey(0.5), "impulse_noise", s, rng=0) != 0.5).mean(),
    "gaussian_blur": spread_of_an_impulse,
    "brightness": lambda s: (corrupt(grey(0.25), "brightness", s) - 0.25).mean(),
    "contrast": lambda s: np.ptp(corrupt(digits(dtype=float), "contrast", s)[0]) / np.ptp(digits(dtype=float)[0]),
    "inverse": lambda s: corrupt(grey(0.0), "inverse", s).mean(),
    "quantize": lambda s: len(np.unique(corrupt(np.linspace(0, 1, 400).reshape(1, 20, 20), "quantize", s))) - 1,
    "stripe": lambda s: corrupt(np.zeros((1, 3, 200)), "stripe", s, rng=0).mean(),
    "occlusion": lambda s: np.sqrt((corrupt(np.ones((1, 200, 210)), "occlusion", s, rng=0) == 0).sum()) / 200,
    "spatter": lambda s: (corrupt(grey(0.0), "spatter", s, rng=0) == 0.8).mean(),
}


@pytest.mark.parametrize("name", MEASURED)
def test_each_severity_has_its_size(name):
    found = [MEASURED[name](severity) for severity in range(1, 6)]
    np.testing.assert_allclose(found, SEVERITIES[name], rtol=0.03)


@pytest.mark.parametrize(
    ("name", "family"),
    [("translate", Translation()), ("rotate", Rotation()), ("scale", Dilation()), ("shear", Shear())],
)
def test_affine_corruptions_are_warps_by_fields_of_their_family(name, family):
    x = digits(3, dtype=float)
    for severity, strength in enumerate(SEVERITIES[name], 1):
        fields = family.sample((20, 20), strength, np.random.default_rng(2), size=3)
        np.testing.assert_array_equal(corrupt(x, name, severity, rng=2), np.clip(warp(x, fields), 0, 1))


def test_motion_blur_is_the_mean_of_shifts_by_pixels_along_a_line():
    x = np.zeros((2, 31, 33))
    x[:, 13:18, 14:20] = np.random.default_rng(0).random((2, 5, 6))
    for severity, n_shifts in enumerate(SEVERITIES["motion_blur"], 1):
        angle = np.random.default_rng(severity).uniform(0, np.pi)
        steps = [s - (n_shifts - 1) / 2 for s in range(n_shifts)]
        shifted = [ndimage.shift(x, (0, s * np.sin(angle), s * np.cos(angle)), order=1) for s in steps]
        wanted = sum(shifted) / n_shifts
        np.testing.assert_allclose(corrupt(x, "motion_blur", severity, rng=severity), wanted, atol=1e-12)


@pytest.mark.parametrize("severity", range(1, 6))
def test_stripes_and_occlusions_lie_anywhere_within_the_image(severity):
    n, h, w = 400, 24, 21
    x = np.random.default_rng(0).uniform(0.1, 0.4, (n, h, w, 3))
    columns = corrupt(x, "stripe", severity, rng=0) != x
    assert (columns == columns[:, :1, :, :1]).all()  # the same ones in every row and channel
    square = corrupt(x, "occlusion", severity, rng=0) != x
    assert (square == square[..., :1]).all()
    width, side = (round(SEVERITIES[name][severity - 1] * w) for name in ("stripe", "occlusion"))
    for along, length in (
        (columns[:, 0, :, 0], width),
        (square.any((1, 3)), side),
        (square.any((2, 3)), side),
    ):
        assert (along.sum(1) == length).all()
        assert (np.diff(along.astype(int), axis=1, prepend=0, append=0) > 0).sum() == n  # no gaps
        assert set(along.argmax(1)) == set(range(along.shape[1] - length + 1))
    assert (square.sum((1, 2, 3)) == 3 * side**2).all()
    inverted, black = corrupt(x, "stripe", severity, rng=0), corrupt(x, "occlusion", severity, rng=0)
    np.testing.assert_allclose(inverted[columns], 1 - x[columns])
    assert not black[square].any()


@pytest.mark.parametrize("name", ["stripe", "occlusion"])
def test_a_stripe_and_an_occlusion_are_at_least_a_pixel_wide(name):
    x = np.full((5, 2, 3), 0.25)
    assert (corrupt(x, name, 1, rng=0) != x).sum((1, 2)).tolist() == [2 if name == "stripe" else 1] * 5


def test_spatter_is_smoothed_noise_above_a_quantile_of_its_image():
    x = digits(4)
    noise = np.random.default_rng(3).standard_normal(x.shape)
    for severity, share in enumerate(SEVERITIES["spatter"], 1):
        wet = corrupt(x, "spatter", severity, rng=3) != x
        for image, white in zip(wet, noise, strict=True):
            smooth = ndimage.gaussian_filter(white, 1.2)
            above = smooth > np.sort(smooth.ravel())[int((1 - share) * 399)]
            assert abs(above.sum() - image.sum()) <= 1
            assert (above & image).sum() >= image.sum() - 1


def test_impulses_are_black_or_white_alike():
    hit = corrupt(grey(0.5), "impulse_noise", 5, rng=0)
    assert set(np.unique(hit)) == {0.0, 0.5, 1.0}
    assert hit[hit != 0.5].mean() == pytest.approx(0.5, abs=0.01)


def test_contrast_is_about_the_mean_of_each_image_and_channel():
    x = np.random.default_rng(0).uniform(0.2, 0.8, (3, 6, 7, 2)) * [1.0, 0.5]
    y = corrupt(x, "contrast")
    np.testing.assert_allclose(y.mean((1, 2)), x.mean((1, 2)))
    np.testing.assert_allclose(y.std((1, 2)), 0.4 * x.std((1, 2)))
    np.testing.assert_array_equal(y, corrupt(x, "contrast", 3))


@pytest.mark.parametrize("x", [[[[-0.01, 0.5]]], [[[0.5, 1.01]]]])
def test_corruptions_take_grey_levels_from_0_to_1(x):
    with pytest.raises(ValueError, match=r"x must have grey levels in \[0, 1\], got"):
        corrupt(x, "contrast")
    corrupt(np.clip(x, 0, 1), "contrast")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: corrupt(x, "rain"), "corruption must be one of 'gaussian_noise', .* got 'rain'"),
        (lambda x: corrupt(x, "contrast", 6), "severity must be 1 to 5, got 6"),
        (lambda x: corrupt(x, "contrast", 0), "severity must be an int >= 1, got 0"),
        (lambda x: corrupt(255 * x, "contrast"), r"grey levels in \[0, 1\], got 0|grey levels in \[0, 1\]"),
    ],
)
def test_corruptions_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(digits())
