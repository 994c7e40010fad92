import numpy as np
import pytest
from scipy import ndimage, optimize

from kernelconv.deformations import (
    AffineField,
    Dilation,
    FourierField,
    Rotation,
    SineField,
    SmoothDeformation,
    Translation,
    warp,
)
from kernelconv.deformations.fields import check_size
from kernelconv.deformations.norms.jacobians import spectral_norm, spectral_norm_gradient
from kernelconv.deformations.norms.suprema import _local_maxima

FAMILIES = [Rotation(), Dilation(), SmoothDeformation(2), SmoothDeformation(3), SmoothDeformation(8)]
SCIPY_MODES = {"zero": "grid-constant", "reflect": "mirror", "symmetric": "reflect", "circular": "grid-wrap"}
ids = {"ids": repr}


def images(n=3, h=9, w=12, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((n, h, w)).astype(dtype)


def displacements(*shape, scale=2.0, seed=1):
    return scale * np.random.default_rng(seed).standard_normal((*shape, 2))


# -- naive references --------------------------------------------------------------------------------------------------


def naive_pixel(x, r, c, padding):
    """The image at an integer position, which may lie outside."""
    h, w = x.shape
    if padding == "zero":
        return x[r, c] if 0 <= r < h and 0 <= c < w else 0.0
    pad = {"reflect": "reflect", "symmetric": "symmetric", "circular": "wrap"}[padding]
    rows, columns = (np.pad(np.arange(n), 40, mode=pad) for n in (h, w))
    return x[rows[r + 40], columns[c + 40]]


def naive_warp(x, tau, order, padding):
    out = np.zeros_like(x)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            p, q = r - tau[r, c, 0], c - tau[r, c, 1]
            if order == 0:
                out[r, c] = naive_pixel(x, int(np.floor(p + 0.5)), int(np.floor(q + 0.5)), padding)
                continue
            i, j = int(np.floor(p)), int(np.floor(q))
            s, t = p - i, q - j
            out[r, c] = (
                (1 - s) * (1 - t) * naive_pixel(x, i, j, padding)
                + (1 - s) * t * naive_pixel(x, i, j + 1, padding)
                + s * (1 - t) * naive_pixel(x, i + 1, j, padding)
                + s * t * naive_pixel(x, i + 1, j + 1, padding)
            )
    return out


def independent_supremum(score, shape, n_starts=4):
    """Sup of score(point): the 8x finer pixel grid, then two optimisers from well separated best points."""
    h, w = shape
    rows, columns = np.linspace(0, h - 1, 8 * (h - 1) + 1), np.linspace(0, w - 1, 8 * (w - 1) + 1)
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
    values = score(points.reshape(-1, 2)).reshape(points.shape[:2])
    peaks = np.argwhere(values == ndimage.maximum_filter(values, 9, mode="nearest"))
    peaks = sorted(peaks, key=lambda p: -values[tuple(p)])[:n_starts]
    best = values.max()
    for peak in peaks:
        for method in ("L-BFGS-B", "Nelder-Mead"):  # the second sticks on borders, the first at kinks
            found = optimize.minimize(
                lambda p: -score(p[None])[0],
                points[tuple(peak)],
                method=method,
                bounds=[(0, h - 1), (0, w - 1)],
                tol=1e-12,
            )
            best = max(best, -found.fun)
    return best


# -- warp --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", SCIPY_MODES)
@pytest.mark.parametrize("order", [0, 1])
def test_warp_equals_the_naive_loop(order, padding):
    x, tau = images(), displacements(3, 9, 12, scale=4.0)
    expected = np.stack([naive_warp(*one, order, padding) for one in zip(x, tau, strict=True)])
    np.testing.assert_allclose(warp(x, tau, order=order, padding=padding), expected, atol=1e-14)
    assert np.abs(expected - x).max() > 1


@pytest.mark.parametrize("padding", SCIPY_MODES)
@pytest.mark.parametrize("order", [1, 3])
def test_warp_equals_scipy(order, padding):
    x, tau = images(), displacements(3, 9, 12, scale=4.0)
    grid = np.indices((9, 12)).astype(float)
    expected = [
        ndimage.map_coordinates(a, grid - np.moveaxis(t, -1, 0), order=order, mode=SCIPY_MODES[padding])
        for a, t in zip(x, tau, strict=True)
    ]
    np.testing.assert_allclose(warp(x, tau, order=order, padding=padding), expected, atol=1e-9)  # SciPy, short axes


def test_padding_zero_is_an_image_padded_with_zeros():
    x, tau = images(), displacements(3, 9, 12, scale=3.0)
    wide = ((0, 0), (30, 30), (30, 30))
    padded = warp(np.pad(x, wide), np.pad(tau, (*wide, (0, 0))), padding="circular")
    np.testing.assert_allclose(warp(x, tau), padded[:, 30:-30, 30:-30], atol=1e-6)


@pytest.mark.parametrize("padding", SCIPY_MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_zero_displacement_is_the_identity(order, padding, shared):
    x = images()
    y = warp(x, np.zeros((9, 12, 2) if shared else (3, 9, 12, 2)), order=order, padding=padding)
    assert np.abs(y - x).max() <= (0 if order <= 1 else 1e-12)


@pytest.mark.parametrize("padding", SCIPY_MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_integer_translation_is_a_roll(order, padding, shared):
    x, shift = images(), (2, -3)
    tau = np.broadcast_to(np.float64(shift), (9, 12, 2) if shared else (3, 9, 12, 2))
    y, rolled = warp(x, tau, order=order, padding=padding), np.roll(x, shift, axis=(1, 2))
    inside = np.s_[:] if padding == "circular" else np.s_[:, 2:, :-3]
    assert np.abs(y - rolled)[inside].max() <= (0 if order <= 1 else 1e-12)
    if padding == "zero":
        assert np.abs(y[:, :2]).max() <= 1e-12
        assert np.abs(y[:, :, -3:]).max() <= 1e-12


@pytest.mark.parametrize("padding", SCIPY_MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_shared_field_equals_one_field_each(order, padding):
    x = np.random.default_rng(3).standard_normal((5, 9, 12, 4))
    tau = displacements(9, 12)
    own = warp(x, np.broadcast_to(tau, (5, 9, 12, 2)), order=order, padding=padding)
    np.testing.assert_allclose(warp(x, tau, order=order, padding=padding), own, atol=1e-13)
    for k in range(4):
        np.testing.assert_array_equal(warp(x[..., k], tau, order=order, padding=padding).shape, own.shape[:3])
        np.testing.assert_allclose(warp(x[..., k], tau, order=order, padding=padding), own[..., k], atol=1e-13)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_warp_keeps_the_dtype_and_the_bits_for_any_number_of_threads(dtype, shared):
    x = np.random.default_rng(0).integers(0, 255, (150, 28, 28)).astype(dtype)
    x.flags.writeable = False
    tau = displacements(28, 28) if shared else displacements(150, 28, 28)
    y = [warp(x, tau, n_jobs=n) for n in (1, 2, 3)]
    assert y[0].dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert all(np.array_equal(y[0], other) for other in y[1:])
    exact = warp(x.astype(np.float64), tau)
    assert np.linalg.norm(y[0] - exact) <= 1e-6 * np.linalg.norm(exact)
    one_by_one = np.concatenate([warp(x[i : i + 1], tau if shared else tau[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(one_by_one, y[0][:3], atol=1e-12 if dtype == np.float64 else 1e-3)


def test_a_dilated_gaussian_blob_has_its_closed_form():
    rows, columns = np.indices((96, 96)) - 47.5
    x = np.exp(-(rows**2 + columns**2) / (2 * 6.0**2))[None]
    for s in (0.05, 0.2, 0.4):
        field = AffineField((96, 96), s * np.eye(2), np.zeros(2))  # x((1 - s) u): larger
        y = warp(x, field)
        ratio = np.linalg.norm(y) / np.linalg.norm(x)
        assert ratio == pytest.approx(1 / (1 - s), abs=8e-5)
        expected = np.sqrt(1 + 1 / (1 - s) ** 2 - 4 / (1 + (1 - s) ** 2))
        assert np.linalg.norm(y - x) / np.linalg.norm(x) == pytest.approx(expected, abs=8e-5)


def test_a_band_limited_image_follows_an_affine_map():
    def wave(r, c):
        return np.cos(0.31 * r - 0.17 * c + 0.4) + 0.5 * np.sin(0.23 * c + 0.1 * r)

    field = AffineField((60, 60), np.array([[0.05, 0.1], [-0.08, 0.02]]), np.array([0.3, -0.6]))
    grid = np.indices((60, 60)).astype(float)
    moved = wave(*(grid - np.moveaxis(field.values, -1, 0)))
    y = warp(wave(*grid)[None], field)[0]
    inside = np.s_[16:-16, 16:-16]
    assert np.abs(y - moved)[inside].max() < 2e-4
    assert np.abs(wave(*grid) - moved)[inside].max() > 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tau": np.zeros((9, 9, 2))},
            r"tau has shape \(9, 9, 2\); for 3 images of 9 x 12 pixels it must be \(9, 12, 2\)",
        ),
        ({"tau": np.full((9, 12, 2), np.nan)}, "tau holds 216 non-finite values"),
        ({"tau": np.zeros((9, 12, 2), complex)}, "Complex data not supported: tau has dtype complex128"),
        ({"order": 2}, r'order must be 0 \(nearest\), 1 \(bilinear\), 3 \(cubic spline\) or "fourier", got 2'),
        ({"padding": "wrap"}, "padding must be one of 'zero', 'reflect', 'symmetric', 'circular', got 'wrap'"),
        ({"x": np.zeros((9, 12))}, "x has two axes"),
    ],
)
def test_warp_says_what_is_wrong(changes, message):
    good = {"x": images(), "tau": np.zeros((9, 12, 2)), "order": 3, "padding": "zero"} | changes
    with pytest.raises(ValueError, match=message):
        warp(good.pop("x"), good.pop("tau"), **good)


# -- fields ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_single_mode_has_the_norm_of_its_formula(k, axis):
    amplitude, shape = 0.7, (28, 33)
    c = np.zeros((2, k, k))
    c[axis, k - 1, k - 1] = amplitude
    field = SineField(shape, c)
    # sin(k pi u) sin(k pi v): the gradient's sup is k pi a / L along the shorter side, where the other factor is 1
    assert field.jacobian_sup_norm == pytest.approx(np.pi * k * amplitude / 27, rel=1e-7)
    assert field.sup_norm == pytest.approx(amplitude, rel=1e-7)


@pytest.mark.once("oldest")
@pytest.mark.parametrize("cutoff", [2, 3, 8])
def test_norms_are_suprema_to_1e_6(cutoff):
    shape = (20, 28)
    fields = SmoothDeformation(cutoff).sample(shape, 0.4, rng=cutoff, size=3)
    fields = SineField(shape, fields.coefficients)  # forget the norm that sampling has set
    for i in range(3):
        field = fields[i]

        def stretch(points, field=field):
            return np.linalg.norm(field.jacobian_at(points), 2, axis=(-2, -1))

        def shrinkage(points, field=field):
            return -np.linalg.det(np.eye(2) - field.jacobian_at(points))

        def move(points, field=field):
            return np.linalg.norm(field.at(points), axis=-1)

        assert field.jacobian_sup_norm == pytest.approx(independent_supremum(stretch, shape), rel=1e-6)
        assert field.min_det == pytest.approx(-independent_supremum(shrinkage, shape), rel=1e-6)
        assert field.sup_norm == pytest.approx(independent_supremum(move, shape), rel=1e-6)
        assert fields.jacobian_sup_norm[i] == pytest.approx(field.jacobian_sup_norm, rel=1e-12)


FIELDS = [
    SineField((11, 14), np.random.default_rng(0).standard_normal((2, 4, 4))),
    SineField((11, 14), np.random.default_rng(1).standard_normal((3, 2, 4, 4))),
    AffineField((11, 14), np.array([[0.1, 0.3], [-0.2, 0.05]]), np.array([1.0, -2.0])),
    AffineField((11, 14), np.random.default_rng(2).standard_normal((3, 2, 2)), np.ones((3, 2))),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{type(f).__name__}{f.batch_shape}")
def test_the_jacobian_is_the_derivative(field):
    points, h = np.random.default_rng(4).uniform(0, 10, (7, 2)), 1e-5
    for b in range(2):
        step = h * np.eye(2)[b]
        numeric = (field.at(points + step) - field.at(points - step)) / (2 * h)
        np.testing.assert_allclose(field.jacobian_at(points)[..., b], numeric, atol=1e-8)
    assert np.abs(field.jacobian_at(points)).max() > 0.05
    corner = np.array([[0.0, 0.0], [0.0, 13.0], [10.0, 0.0], [4.0, 7.0]])
    at_corner = field.values[..., [0, 0, 10, 4], [0, 13, 0, 7], :]
    np.testing.assert_allclose(at_corner, field.at(corner), atol=1e-12)
    np.testing.assert_allclose(
        field.jacobian[..., [0, 0, 10, 4], [0, 13, 0, 7], :, :], field.jacobian_at(corner), atol=1e-12
    )
    np.testing.assert_array_equal(np.asarray(field), field.values)


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{type(f).__name__}{f.batch_shape}")
def test_scaling_scales_the_norms(field):
    unseen = field.scaled(-2.0)  # scaled before any norm is known, and after
    known = {norm: getattr(field, norm) for norm in ("sup_norm", "jacobian_sup_norm")}
    for twice in (unseen, field.scaled(-2.0)):
        np.testing.assert_allclose(twice.values, -2 * field.values, atol=1e-12)
        for norm in known:
            assert getattr(twice, norm) == pytest.approx(2 * known[norm], rel=1e-7)
    np.testing.assert_allclose(field.rescale_to(jacobian_norm=0.3).jacobian_sup_norm, 0.3, rtol=1e-12)
    wanted = field.rescale_to(sup_norm=1.5)
    np.testing.assert_allclose(wanted.sup_norm, 1.5, rtol=1e-12)
    assert np.all((wanted.values * field.values).sum((-3, -2, -1)) > 0)


def test_the_spectral_norm_grows_as_its_gradient_says():
    rng, h = np.random.default_rng(0), 1e-6
    matrices, steps = rng.standard_normal((50, 2, 2)), rng.standard_normal((50, 2, 2))
    numeric = (spectral_norm(matrices + h * steps) - spectral_norm(matrices - h * steps)) / (2 * h)
    np.testing.assert_allclose((spectral_norm_gradient(matrices) * steps).sum((1, 2)), numeric, atol=1e-8)
    u, _, v = np.linalg.svd(matrices)
    np.testing.assert_allclose(spectral_norm_gradient(matrices), u[:, :, :1] * v[:, :1], atol=1e-12)
    assert np.isfinite(spectral_norm_gradient(np.stack([np.zeros((2, 2)), np.eye(2)]))).all()  # no derivative there


def test_a_batch_is_its_fields():
    batch = SmoothDeformation().sample((12, 15), 0.3, rng=0, size=5)
    assert len(batch) == 5
    assert batch.values.shape == (5, 12, 15, 2)
    for i in range(5):
        np.testing.assert_allclose(batch[i].values, batch.values[i], atol=1e-15)
    assert len(batch[1:3]) == 2
    assert isinstance(batch[0].sup_norm, float)
    assert batch[0].is_diffeomorphism() is True
    with pytest.raises(TypeError, match="A single field has no length"):
        len(batch[0])
    with pytest.raises(ValueError, match="read-only"):
        batch.coefficients[0] = 0


def test_folding_is_seen():
    field = SmoothDeformation().sample((28, 28), 0.99, rng=0)
    assert field.is_diffeomorphism()
    assert not field.scaled(4.0).is_diffeomorphism()
    batch = SmoothDeformation().sample((28, 28), 3.0, rng=0, size=4, allow_folding=True)
    np.testing.assert_array_equal(batch.is_diffeomorphism(), batch.min_det > 0)
    assert not batch.is_diffeomorphism().any()
    assert not AffineField((5, 5), 1.5 * np.eye(2) @ np.diag([1, 0]), np.zeros(2)).is_diffeomorphism()


def test_a_jacobian_norm_below_one_is_enough_and_not_needed():
    def diagonal(a, d):
        return AffineField((9, 9), np.diag([a, d]), np.zeros(2))

    assert diagonal(1 - 1e-9, 0).is_diffeomorphism()  # det(I - D tau) = 1e-9
    assert not diagonal(1, 0).is_diffeomorphism()
    assert not diagonal(1 + 1e-9, 0).is_diffeomorphism()
    assert not diagonal(1.5, -0.5).is_diffeomorphism()
    assert diagonal(-2.5, 0).is_diffeomorphism()  # shrinks, by 3.5
    assert AffineField((9, 9), np.array([[0, 3.0], [0, 0]]), np.zeros(2)).is_diffeomorphism()  # a shear never folds
    slide = np.zeros((3, 2, 3, 3))  # rows slide: det is 1 - d tau_0 / d u_0, whatever tau_0 does along the columns
    slide[:, 0, 0, 2] = np.array([0.99, 1.0, 1.01]) * 8 / np.pi
    fields = SineField((9, 9), slide)
    assert (fields.jacobian_sup_norm > 2.9).all()
    np.testing.assert_allclose(fields.min_det, [0.01, 0, -0.01], atol=1e-6)
    assert list(fields.is_diffeomorphism())[::2] == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.rescale_to(), "exactly one of jacobian_norm, sup_norm and rms_norm"),
        (
            lambda f: f.rescale_to(jacobian_norm=0.1, sup_norm=1.0),
            "exactly one of jacobian_norm, sup_norm and rms_norm",
        ),
        (lambda f: f.rescale_to(jacobian_norm=0), "jacobian_norm must be > 0 and finite, got 0"),
        (lambda f: f.scaled(0.0).rescale_to(sup_norm=1), "whose sup_norm is 0 cannot be rescaled to sup_norm=1"),
        (lambda f: SineField((1, 9), f.coefficients), r"at least 2 x 2 pixels, got shape=\(1, 9\)"),
        (
            lambda f: SineField((9, 9), np.zeros((3, 4, 4))),
            r"coefficients must have shape \(2, 4, 4\) or \(n, 2, 4, 4\)",
        ),
        (lambda f: SineField((9, 9), np.full((2, 1, 1), np.inf)), "coefficients holds non-finite values"),
        (lambda f: AffineField((9, 9), np.eye(2), np.zeros((3, 2))), "hold different numbers of fields"),
    ],
)
def test_fields_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(FIELDS[0])


@pytest.mark.parametrize("offset", [(3.0, 2.0), (3.0, -2.0), (-3.0, 2.0), (-3.0, -2.0)])
def test_an_affine_field_is_longest_at_one_of_the_four_corners(offset):
    field = AffineField((8, 11), 0.1 * np.eye(2), np.array(offset))
    lengths = np.linalg.norm(field.values, axis=-1)
    assert field.sup_norm == pytest.approx(lengths.max(), rel=1e-12)
    corner = np.unravel_index(lengths.argmax(), (8, 11))
    assert corner == tuple(side - 1 if b > 0 else 0 for b, side in zip(offset, (8, 11), strict=True))


def test_half_waves_of_a_fourier_series_are_those_of_its_shortest_wave_across_the_image():
    for orders, period, wanted in (
        ((3, 1), (8.0, 20.0), 6),  # 3 periods of 8 px over 8 px
        ((1, 4), (8.0, 20.0), 4),  # 4 waves of period 20 px over 10 px
        ((1, 1), (7.9, 90.0), 3),  # a little more than one wave: rounded up
        ((0, 0), (8.0, 20.0), 1),  # at least one
        ((1, 1), (90.0, 90.0), 1),
    ):
        rows, columns = (2 * k + 1 for k in orders)
        assert FourierField((9, 11), np.ones((2, rows, columns)), period).half_waves == wanted
    assert SineField((9, 11), np.ones((2, 5, 5))).half_waves == 5
    assert AffineField((9, 11), np.eye(2), np.zeros(2)).half_waves == 1


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{type(f).__name__}{f.batch_shape}")
@pytest.mark.parametrize(("name", "what"), [("values", "displacements"), ("jacobian", "Jacobians")])
def test_values_that_no_memory_holds_are_refused_before_they_are_computed(field, name, what, monkeypatch):
    n = len(field) if field.batch_shape else 1
    needed = getattr(field, name).nbytes
    monkeypatch.setattr("os.sysconf", lambda asked: {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": needed - 1}[asked])
    h, w = field.shape
    with pytest.raises(ValueError, match=f"The {what} of {n} fields at {h} x {w} pixels would need"):
        getattr(field, name)


# -- families ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES, **ids)
@pytest.mark.parametrize("s", [0.05, 0.5, 0.9])
def test_the_strength_asked_for_is_the_one_measured(family, s):
    fields = family.sample((28, 24), s, rng=1, size=6)
    assert fields.jacobian_sup_norm == pytest.approx(np.full(6, s), rel=1e-12)
    fine = np.stack(np.meshgrid(np.linspace(0, 27, 217), np.linspace(0, 23, 185), indexing="ij"), -1)
    on_grid = np.linalg.norm(fields[2].jacobian_at(fine.reshape(-1, 2)), 2, axis=(-2, -1)).max()
    assert 0.995 * s < on_grid <= s * (1 + 1e-6)
    assert fields.is_diffeomorphism().all()
    assert len(np.unique(fields.values[:, 5, 7, 0].round(9))) > 1


def test_translations_are_shifts_of_the_length_asked():
    fields = Translation().sample((9, 9), 2.5, rng=0, size=200)
    np.testing.assert_allclose(fields.sup_norm, 2.5, rtol=1e-12)
    assert not fields.jacobian_sup_norm.any()
    assert np.ptp(fields.values, axis=(1, 2)).max() == 0
    assert np.abs(fields.offset.mean(0)).max() < 0.4  # all directions


def test_rotations_rotate():
    for s in (0.3, 1.0, 2.0):
        field = Rotation().sample((9, 9), s, rng=3)
        theta = 2 * np.arcsin(s / 2)
        r = np.eye(2) - field.matrix
        np.testing.assert_allclose(r @ r.T, np.eye(2), atol=1e-12)
        assert np.trace(r) == pytest.approx(2 * np.cos(theta), abs=1e-12)
        assert field.min_det == pytest.approx(1, abs=1e-12)
    signs = Rotation().sample((9, 9), 0.3, rng=0, size=50).matrix[:, 0, 1] > 0
    assert 10 < signs.sum() < 40
    quarter = np.round(Rotation().sample((7, 7), np.sqrt(2), rng=0).values, 12)
    x = images(1, 7, 7)
    turned = warp(x, quarter, order=1)
    assert any(np.array_equal(turned, np.rot90(x, k, axes=(1, 2))) for k in (1, 3))


def test_dilations_grow_and_shrink():
    fields = Dilation().sample((9, 9), 0.2, rng=0, size=50)
    np.testing.assert_allclose(np.unique(fields.min_det.round(12)), [0.64, 1.44])


@pytest.mark.once("oldest")
def test_smooth_fields_have_the_distribution_of_their_modes():
    field = SmoothDeformation(cutoff=3).sample((28, 28), 0.4, rng=0, size=4000)
    c = field.coefficients
    i, j = np.arange(1, 4)[:, None], np.arange(1, 4)
    kept = np.hypot(i, j) < 3.5
    assert not c[:, :, ~kept].any()
    power = (c**2).mean((0, 1)) * (i**2 + j**2)
    np.testing.assert_allclose(power[kept] / power[kept].mean(), 1, atol=0.12)
    correlation = (c[:, 0] * c[:, 1]).mean(0)[kept] / (c**2).mean((0, 1))[kept]
    np.testing.assert_allclose(correlation, 0, atol=4 / np.sqrt(4000))
    border = field[:20].values
    border[:, 1:-1, 1:-1] = 0
    assert np.abs(border).max() < 1e-12


@pytest.mark.parametrize("family", [*FAMILIES, Translation()], **ids)
def test_the_same_seed_gives_the_same_fields(family):
    first, again, other = (family.sample((13, 11), 0.2, rng=seed, size=3).values for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert family.sample((13, 11), 0.2, rng=0).values.shape == (13, 11, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: SmoothDeformation().sample((9, 9), 1.0),
            "strength=1.0 is not below 1: SmoothDeformation fields .* may fold",
        ),
        (lambda: Dilation().sample((9, 9), 0), "strength must be > 0 and finite, got 0"),
        (lambda: Rotation().sample((9, 9), 2.1), "no rotation has a Jacobian norm .* above 2"),
        (lambda: SmoothDeformation(0), "cutoff must be an int >= 1, got 0"),
        (lambda: SmoothDeformation().sample((9, 9), 0.1, size=0), "size must be an int >= 1, got 0"),
        (lambda: SmoothDeformation().sample((1, 9), 0.1), "at least 2 x 2 pixels"),
        (lambda: SmoothDeformation().sample((9, 9), 0.1, rng="a"), "random_state must be None, an int"),
    ],
)
def test_families_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_fields_own_number_of_threads_changes_no_bit():
    from joblib import parallel_config

    found = []
    for n_jobs in (1, 2, 3):
        with parallel_config(n_jobs=n_jobs):
            found.append(SmoothDeformation().sample((28, 28), 0.3, rng=0, size=150).values)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_local_maxima_have_no_larger_neighbour():
    v = np.random.default_rng(0).integers(0, 4, (3, 5, 6)).astype(float)
    around = np.pad(v, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    for (k, i, j), found in np.ndenumerate(_local_maxima(v)):
        neighbours = [around[k, i + 1 + a, j + 1 + b] for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))]
        assert found == (v[k, i, j] if max(neighbours) <= v[k, i, j] else -np.inf)


def test_the_limits_of_a_size_are_allowed():
    assert [check_size(size, "scale") for size in (1e-100, 1e100)] == [1e-100, 1e100]
    for size in (0.99e-100, 1.01e100):
        with pytest.raises(ValueError, match=r"scale must be between 1e-100 and 1e\+100, got"):
            check_size(size, "scale")


def test_factors_and_points_of_a_batch_are_one_for_each_field():
    fields = SineField((8, 9), np.ones((3, 2, 2, 2)))
    points = np.ones((5, 2))
    assert fields.scaled([1, 2, 3.0]).values.shape == (3, 8, 9, 2)
    assert fields[0].scaled([1, 2.0]).values.shape == (2, 8, 9, 2)
    assert fields.at(np.stack(3 * [points])).shape == (3, 5, 2)
    for factor, of in (([1, 2.0], fields), (np.ones((3, 1)), fields), (np.ones((2, 1)), fields[0])):
        with pytest.raises(ValueError, match="factor must be a number, or one for each field; got shape"):
            of.scaled(factor)
    for found in (fields.at, fields.jacobian_at):
        with pytest.raises(ValueError, match=r"points must be one set, \(k, 2\), or one for each of 3 fields, got"):
            found(np.ones((4, 5, 2)))
