"""Fields of a given Hölder exponent: their norm, their increments, and the exponent at which scattering gives way."""

import numpy as np
import pytest

from kernelconv import Scattering1D
from kernelconv.deformations import (
    AffineField,
    FourierField,
    HolderDeformation,
    SineField,
    SmoothDeformation,
    holder_norm,
    warp,
)
from kernelconv.deformations.norms.jacobians import spectral_norm
from kernelconv.stability import measure_stability, relative_change, worst_case


def by_all_pairs(field, a, points=24):
    """The norm of one field from the quotients of all pairs of points of a grid: never above the supremum."""
    rows, columns = (np.linspace(0, n - 1, points if n > 1 else 1) for n in field.shape)
    u = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    side = max(field.shape) - 1
    f = field.jacobian_at(u) if a > 1 else field.at(u) / side
    d = f[:, None] - f
    size = spectral_norm(d) if a > 1 else np.linalg.norm(d, axis=-1)
    distance = np.linalg.norm(u[:, None] - u, axis=-1) / side
    np.fill_diagonal(distance, np.inf)
    slope = spectral_norm(field.jacobian_at(u)).max() if a > 1 else 0
    largest = (size / distance ** (a - 1 if a > 1 else a)).max()
    return largest + slope + np.linalg.norm(field.at(u), axis=-1).max() / side


def single_wave(shape, k, height=1.0):
    """Height sin(k pi u) along images of one line."""
    coefficients = np.zeros((2, 1, 2 * k + 1))
    coefficients[1, 0, -1] = height
    return FourierField(shape, coefficients, (1.0, 2.0 * (shape[1] - 1)))


# -- the norm ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 20), (12, 30), (1, 25)])
@pytest.mark.parametrize("a", [0.3, 0.8, 1.2, 1.7])
def test_the_norm_is_the_supremum_over_pairs(a, shape):
    fields = HolderDeformation(a, 3).sample(shape, 0.1, rng=3, size=4)
    found = [by_all_pairs(fields[i], a) for i in range(4)]
    assert max(found) <= 0.1 * (1 + 1e-9)
    assert min(found) > 0.1 * 0.97


@pytest.mark.parametrize("k", [1, 7])
def test_a_single_wave_has_the_norm_of_its_formula(k):
    wave, height = single_wave((1, 65), k, 64 * 0.1), 0.1
    x = 1.1655611852072113  # tan(x) = 2 x: where sin(x) / sqrt(x) is largest
    top = np.sin(x) / np.sqrt(x)
    quotient = top * np.sqrt(np.pi) if k == 1 else 2 * top * np.sqrt(k * np.pi / 2)  # at the end, or about a zero
    assert holder_norm(wave, 0.5) == pytest.approx(height * (1 + quotient), rel=1e-6)
    assert holder_norm(wave, 1.0) == pytest.approx(height * (1 + k * np.pi), rel=1e-6)
    slopes = k * np.pi * (1 + 2 * top * np.sqrt(k * np.pi / 2))
    assert holder_norm(wave, 1.5) == pytest.approx(height * (1 + slopes), rel=1e-6)


def test_an_affine_field_is_largest_from_corner_to_corner():
    field = AffineField((21, 21), 0.3 * np.eye(2), np.array([2.0, 0.0]))
    shift = np.hypot(12 * 0.3 - 0.6 + 2, 3) / 20
    for a in (0.25, 0.75):
        assert holder_norm(field, a) == pytest.approx(shift + 0.3 * np.sqrt(2) ** (1 - a), rel=1e-9)
    assert holder_norm(field, 1.0) == pytest.approx(shift + 0.3, rel=1e-9)
    assert holder_norm(field, 1.5) == pytest.approx(shift + 0.3, rel=1e-9)


@pytest.mark.parametrize("a", [0.5, 1.0, 1.5])
def test_the_norm_is_one_for_any_number_of_pixels_and_homogeneous(a):
    coefficients = np.random.default_rng(0).standard_normal((3, 2, 3, 3))
    small, large = (SineField((n, n), (n - 1) * coefficients) for n in (17, 49))
    np.testing.assert_allclose(holder_norm(small, a), holder_norm(large, a), rtol=1e-6)
    np.testing.assert_allclose(holder_norm(small.scaled([1e-3, -2, 1e20]), a), holder_norm(small, a) * [1e-3, 2, 1e20])
    np.testing.assert_allclose([holder_norm(small[i], a) for i in range(3)], holder_norm(small, a), rtol=1e-9)
    assert isinstance(holder_norm(small[0], a), float)


# -- the family -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(16, 16), (10, 14), (1, 33), (33, 1)])
@pytest.mark.parametrize("a", [0.5, 1.0, 1.5])
def test_the_norm_asked_for_is_the_one_measured(a, shape):
    fields = HolderDeformation(a, 5).sample(shape, 0.2, rng=0, size=3)
    np.testing.assert_allclose(holder_norm(fields, a), 0.2, rtol=1e-9)
    assert fields.values.shape == (3, *shape, 2)
    assert len(np.unique(np.abs(fields.values).sum((1, 2, 3)).round(9))) == 3
    np.testing.assert_allclose(fields.values[:, 0, 0], 0, atol=1e-12)
    np.testing.assert_allclose(fields.values[:, -1, -1], 0, atol=1e-12)


def test_fields_of_a_line_run_along_it():
    row, column = (HolderDeformation(0.7, 6).sample(shape, 0.1, rng=1) for shape in ((1, 40), (40, 1)))
    assert not row.values[..., 0].any()
    assert not column.values[..., 1].any()
    np.testing.assert_allclose(row.values[0, :, 1], column.values[:, 0, 0], atol=1e-12)
    z = np.array([[1.0, -2.0, 0.5]])
    u = np.linspace(0, 1, 40)
    expected = sum(z[0, k - 1] * k**-1.2 * np.sin(k * np.pi * u) for k in (1, 2, 3))
    found = HolderDeformation(0.7, 3).directions((1, 40), z)
    np.testing.assert_allclose(found.values[0, 0, :, 1], expected, atol=1e-12)


def test_modes_have_the_amplitudes_of_their_formula():
    family, n = HolderDeformation(0.6, 3), 16
    assert family.n_parameters((n, n)) == 2 * SmoothDeformation(3).n_parameters((n, n)) // 2
    z = np.random.default_rng(0).standard_normal((4000, family.n_parameters((n, n))))
    power = (family.directions((n, n), z).coefficients ** 2).mean(0)
    i, j = np.arange(1, 4)[:, None], np.arange(1, 4)
    kept = np.hypot(i, j) < 3.5
    np.testing.assert_allclose((power * (i**2 + j**2) ** 1.6)[:, kept], 1, atol=0.12)
    assert not power[:, ~kept].any()


def slope_of_increments(fields, of_jacobian, cutoff, side):
    """The slope of log rms increment on log distance, from two cells of the shortest wave to an eighth of the image."""
    distances = np.geomspace(2 / cutoff, 1 / 8, 6) * side
    rng = np.random.default_rng(5)
    rms = []
    for r in distances:
        u = rng.uniform(0.25, 0.6, (200, 2)) * (np.array(fields.shape) - 1)
        step = r * (np.array(fields.shape) > 1)
        f = fields.jacobian_at if of_jacobian else fields.at
        d = f(u + step / np.sqrt(max((step > 0).sum(), 1))) - f(u)
        rms.append(np.sqrt((d**2).mean()))
    return np.polyfit(np.log(distances), np.log(rms), 1)[0]


@pytest.mark.parametrize(("shape", "cutoff"), [((64, 64), 64), ((1, 256), 256)])
@pytest.mark.parametrize("a", [0.3, 0.6, 1.3, 1.6])
def test_increments_grow_as_the_exponent_says(a, shape, cutoff):
    family = HolderDeformation(a, cutoff)
    z = np.random.default_rng(1).standard_normal((8, family.n_parameters(shape)))
    slope = slope_of_increments(family.directions(shape, z), a > 1, cutoff, max(shape) - 1)
    assert slope == pytest.approx(a if a < 1 else a - 1, abs=0.1)


def test_rough_fields_fold_as_the_cutoff_grows_and_smooth_ones_do_not():
    folded = {
        a: [(HolderDeformation(a, c).sample((1, 64), 0.4, rng=0, size=10).min_det <= 0).mean() for c in (2, 24)]
        for a in (0.5, 1.0, 1.5)
    }
    assert folded[1.0] == folded[1.5] == [0, 0]
    assert folded[0.5][0] < 0.5 < folded[0.5][1] == 1


def test_the_family_is_measured_and_searched():
    x = np.random.default_rng(0).random((3, 12, 12))
    family = HolderDeformation(0.75, 3)
    report = measure_stability(np.abs, x, family, strengths=(0.1,), random_state=0)
    assert {row.unit for row in report} == {"image sides"}
    found = worst_case(np.abs, x, family, 0.1, n_evaluations=20, random_state=0)
    np.testing.assert_allclose(holder_norm(found.fields, 0.75), 0.1, rtol=1e-9)
    assert found.fields.values.std() > 0


# -- the threshold: a known answer ------------------------------------------------------------------------------------


def changes(a, sizes):
    """What scattering at 16 px sees of one wave of 16 px and C^a norm 0.1, at a packet of waves of 4 px."""
    found = []
    for n in sizes:
        wave = FourierField((1, n), [[[0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]], (1.0, 16.0))
        field = wave.scaled(0.1 / holder_norm(wave, a))
        assert 2**4 >= 10 * field.sup_norm  # the theorem's translation term is small
        u = np.arange(n) - n / 2
        packet = (np.cos(np.pi / 2 * u) * np.exp(-(u**2) / (2 * (n / 8) ** 2)))[None]
        scattering = Scattering1D(J=4, Q=4).fit(packet)
        moved = warp(packet[:, None], field)[:, 0]
        found.append(relative_change(*(scattering.transform(x) for x in (packet, moved)))[0])
    return np.array(found)


def test_a_packet_at_the_pixels_frequency_shows_the_threshold():
    # the frequency is N / 4 and the field's N / 16 waves a side: the phase moves by N times N^-a
    rough, edge, smooth = (changes(a, (2**6, 2**8, 2**10)) for a in (0.75, 1.0, 1.5))
    assert (np.diff(rough) > 0.2).all()
    assert abs(edge[-1] / edge[1] - 1) < 0.1
    assert smooth[2] < 0.5 * smooth[1] < 0.4 * smooth[0] < 0.02 * rough[0]


# -- what is wrong ----------------------------------------------------------------------------------------------------

WAVE = SineField((8, 8), np.ones((2, 1, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: HolderDeformation(0), r"exponent must be > 0 and finite, got 0"),
        (lambda: HolderDeformation(2.0), r"exponent must be below 2, got 2.0: one derivative is looked at"),
        (lambda: HolderDeformation(0.5, cutoff=0), r"cutoff must be an int >= 1, got 0"),
        (
            lambda: HolderDeformation(0.5, cutoff=10**7).n_parameters((8, 8)),
            r"A series of up to 10000000 modes an axis, and",
        ),
        (lambda: HolderDeformation(0.5).sample((1, 1), 0.1), r"at least 2 pixels, got shape=\(1, 1\)"),
        (lambda: HolderDeformation(0.5).sample((8, 8), 0), r"strength must be > 0 and finite, got 0"),
        (lambda: HolderDeformation(0.5, 2).from_parameters((8, 8), np.ones((2, 5)), 0.1), r"z must hold 6 parameters"),
        (lambda: HolderDeformation(0.5, 2).from_parameters((8, 8), np.zeros((1, 6)), 0.1), r"field whose .*norm is 0"),
        (lambda: holder_norm(WAVE, 2), r"exponent must be below 2, got 2"),
        (lambda: holder_norm(WAVE.values, 1), r"field must be a DisplacementField, such as .*, got array"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
