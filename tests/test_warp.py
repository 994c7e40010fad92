"""The warp's exact reference, its adjoint and its derivative in tau."""

import numpy as np
import pytest

from kernelconv.deformations import (
    AffineField,
    ElasticDeformation,
    SmoothDeformation,
    Translation,
    warp,
    warp_adjoint,
    warp_derivative,
)

PADDINGS = ("zero", "reflect", "symmetric", "circular")
each_padding = pytest.mark.parametrize("padding", PADDINGS)


def images(n=3, h=9, w=12, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((n, h, w)).astype(dtype)


def displacements(*shape, scale=2.0, seed=1):
    return scale * np.random.default_rng(seed).standard_normal((*shape, 2))


def trigonometric(x, p, q):
    """The trigonometric polynomial through a periodic image x at the point (p, q), from its Fourier coefficients."""
    h, w = x.shape
    spectrum, total = np.fft.fft2(x), 0.0
    for k, row in enumerate(np.fft.fftfreq(h, 1 / h)):
        for j, column in enumerate(np.fft.fftfreq(w, 1 / w)):
            # the Nyquist frequency of an even side is shared by + and -: a cosine
            f = np.cos(np.pi * p) if 2 * abs(row) == h else np.exp(2j * np.pi * row * p / h)
            g = np.cos(np.pi * q) if 2 * abs(column) == w else np.exp(2j * np.pi * column * q / w)
            total += spectrum[k, j] * f * g
    return total.real / (h * w)


def extended(x, padding, pad=40):
    """The image as a periodic one of a full period, and where its first pixel is."""
    if padding == "circular":
        return x
    h, w = x.shape
    mode = "reflect" if padding == "reflect" else "symmetric"
    size = (h - 2, w - 2) if padding == "reflect" else (h, w)
    return np.pad(x, ((0, size[0]), (0, size[1])), mode=mode)


@pytest.mark.parametrize("padding", ["circular", "reflect", "symmetric"])
@pytest.mark.parametrize("sides", [(5, 6), (4, 7)])
def test_the_fourier_warp_is_the_trigonometric_polynomial(padding, sides):
    x, tau = images(1, *sides), displacements(*sides, scale=3)
    period = extended(x[0], padding)
    expected = [
        [trigonometric(period, r - tau[r, c, 0], c - tau[r, c, 1]) for c in range(sides[1])] for r in range(sides[0])
    ]
    y = warp(x, tau, order="fourier", padding=padding)[0]
    np.testing.assert_allclose(y, expected, atol=1e-12)
    assert np.abs(y - x[0]).max() > 0.5


def test_the_fourier_warp_of_an_image_on_zeros_is_sinc_interpolation():
    x, tau = images(), displacements(3, 9, 12, scale=3)
    y = warp(x, tau, order="fourier")
    for r, c in ((0, 0), (3, 5), (8, 11)):
        p, q = r - tau[1, r, c, 0], c - tau[1, r, c, 1]
        expected = np.sinc(p - np.arange(9)) @ x[1] @ np.sinc(q - np.arange(12))
        assert y[1, r, c] == pytest.approx(expected, abs=1e-13)
    # and the limit of a wide period
    wide = ((0, 0), (150, 150), (150, 150))
    far = warp(np.pad(x[1:2], wide), np.pad(tau[1:2], (*wide, (0, 0))), padding="circular")[0, 150:-150, 150:-150]
    assert np.abs(warp(x[1:2], tau[1:2])[0] - far).max() < 1e-6  # the spline does the same at its own accuracy


@each_padding
@pytest.mark.parametrize("shared", [True, False])
def test_the_fourier_warp_keeps_the_laws_of_the_others(padding, shared):
    x = images()
    zero = np.zeros((9, 12, 2) if shared else (3, 9, 12, 2))
    assert np.abs(warp(x, zero, order="fourier", padding=padding) - x).max() <= 1e-12
    shift = np.array([2.0, -3.0])
    y = warp(x, zero + shift, order="fourier", padding=padding)
    inside = np.s_[:] if padding == "circular" else np.s_[:, 2:, :-3]
    assert np.abs(y - np.roll(x, (2, -3), axis=(1, 2)))[inside].max() <= 1e-12


def test_the_fourier_warp_of_a_band_limited_image_is_exact_where_the_spline_is_not():
    h, w = 24, 30
    rows, columns = np.indices((h, w)).astype(float)

    def wave(r, c):
        return np.cos(2 * np.pi * (5 * r / h + 4 * c / w) + 0.3) + np.sin(2 * np.pi * 9 * c / w)

    field = AffineField((h, w), np.array([[0.05, 0.1], [-0.08, 0.02]]), np.array([0.3, -0.6]))
    exact = wave(rows - field.values[..., 0], columns - field.values[..., 1])
    y = warp(wave(rows, columns)[None], field, order="fourier", padding="circular")[0]
    np.testing.assert_allclose(y, exact, atol=1e-12)
    spline = warp(wave(rows, columns)[None], field, padding="circular")[0]
    assert 1e-3 < np.abs(spline - exact).max() < 0.1


def test_a_rotation_is_undone_to_the_accuracy_of_the_band():
    rows, columns = np.indices((33, 33)) - 16.0
    x = (np.exp(-(rows**2 + (columns - 3) ** 2) / 18) * (1 + rows / 20))[None]
    angle = 0.4
    turn = np.eye(2) - np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there, back = (AffineField((33, 33), m, np.zeros(2)) for m in (turn, turn.T))
    again = {order: warp(warp(x, there, order=order), back, order=order) for order in (1, 3, "fourier")}
    error = {order: np.linalg.norm(y - x) / np.linalg.norm(x) for order, y in again.items()}
    assert error["fourier"] < 1e-4 < error[3] < 5e-3 < error[1]


@each_padding
@pytest.mark.parametrize("order", [0, 1, 3, "fourier"])
@pytest.mark.parametrize("shared", [True, False])
def test_the_adjoint_passes_the_dot_test(order, padding, shared):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 4, 9, 12, 2))
    tau = displacements(9, 12, scale=3) if shared else displacements(4, 9, 12, scale=3)
    forward, back = (f(a, tau, order=order, padding=padding) for f, a in ((warp, x), (warp_adjoint, y)))
    norm = np.linalg.norm
    assert abs(np.vdot(forward, y) - np.vdot(x, back)) <= 1e-12 * max(norm(forward) * norm(y), norm(x) * norm(back))
    assert norm(back) > 1
    assert warp_adjoint(y[..., 0], tau, order=order, padding=padding) == pytest.approx(back[..., 0], abs=1e-12)


@pytest.mark.parametrize("order", [1, 3])
def test_the_adjoint_keeps_dtype_and_bits_for_any_number_of_threads(order):
    y, tau = images(300, 20, 20, dtype=np.float32), displacements(300, 20, 20)
    found = [warp_adjoint(y, tau, order=order, n_jobs=n) for n in (1, 2, 3)]
    assert found[0].dtype == np.float32
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@each_padding
@pytest.mark.parametrize("order", [1, 3, "fourier"])
@pytest.mark.parametrize("sides", [(9, 12), (8, 11)])
def test_the_derivative_in_tau_is_the_limit_of_differences(order, padding, sides):
    rng = np.random.default_rng(3)
    x, tau = rng.standard_normal((3, *sides, 2)), displacements(3, *sides)
    slope = warp_derivative(x, tau, order=order, padding=padding)
    assert slope.shape == (3, *sides, 2, 2)
    for a in range(2):
        step = 1e-6 * np.eye(2)[a]
        up, down = (warp(x, tau + s * step, order=order, padding=padding) for s in (1, -1))
        difference = (up - down) / 2e-6
        near = np.abs(difference - slope[..., a]) <= 1e-6 * (1 + np.abs(slope[..., a]))
        assert near.all()
    assert np.abs(slope).max() > 0.5


def test_the_derivative_at_pixels_is_the_spectral_one_and_finite():
    h, w = 15, 16
    rows, columns = np.indices((h, w))
    x = np.sin(2 * np.pi * 3 * rows / h + 0.2) * np.cos(2 * np.pi * 5 * columns / w)
    exact = -6 * np.pi / h * np.cos(2 * np.pi * 3 * rows / h + 0.2) * np.cos(2 * np.pi * 5 * columns / w)
    for nudge in (0.0, 1e-9, 1e-5):  # on the pixels the closed form of the kernel is 0 / 0
        slope = warp_derivative(x[None], np.full((h, w, 2), nudge), order="fourier", padding="circular")[0]
        np.testing.assert_allclose(slope[..., 0], exact, atol=3e-5)
        zero = warp_derivative(x[None], np.full((h, w, 2), nudge), order="fourier")[0]
        assert np.isfinite(zero).all()


def test_the_gradient_of_a_field_follows_by_the_chain_rule():
    x, g = images(2, 16, 16), images(2, 16, 16, seed=4)
    family = SmoothDeformation(2)
    z = np.random.default_rng(5).standard_normal((2, family.n_parameters((16, 16))))

    def value(z):
        return np.vdot(warp(x, family.directions((16, 16), z)), g)

    slope = warp_derivative(x, family.directions((16, 16), z)) * g[..., None]
    basis = family.directions((16, 16), np.eye(z.shape[1])).values
    gradient = np.einsum("nhwa,phwa->np", slope, basis)
    t = np.random.default_rng(6).standard_normal(z.shape)
    difference = (value(z + 1e-6 * t) - value(z - 1e-6 * t)) / 2e-6
    assert difference == pytest.approx(np.vdot(gradient, t), rel=1e-7)


def test_the_interpolation_floor_of_blobs_is_small():
    rows, columns = np.indices((28, 28)) - 13.5
    x = np.exp(-(rows**2 + columns**2) / (2 * 2.5**2))[None]
    tau = ElasticDeformation(4.0).sample((28, 28), 0.3, rng=0)
    exact = warp(x, tau, order="fourier")
    error = {order: np.linalg.norm(warp(x, tau, order=order) - exact) for order in (1, 3)}
    assert error[3] < 1e-3 * np.linalg.norm(exact) < 0.2 * error[1]


@each_padding
@pytest.mark.parametrize("order", [0, 3, "fourier"])
def test_displacements_of_any_length_are_taken(order, padding):
    x, tau = images(), np.round(displacements(9, 12), 2)
    period = {"circular": (9, 12), "symmetric": (18, 24), "reflect": (16, 22), "zero": (0, 0)}[padding]
    far = np.round(tau * 2**6) / 2**6 + 2.0**40 * np.array(period)  # no digit is lost
    near = warp(x, np.round(tau * 2**6) / 2**6, order=order, padding=padding)
    np.testing.assert_allclose(warp(x, far, order=order, padding=padding), near, atol=1e-12)
    for tau in (np.full((9, 12, 2), np.iinfo(np.int64).min), np.full((9, 12, 2), -1e300)):
        found = warp(x, tau, order=order, padding=padding)
        assert np.isfinite(found).all()
        assert padding != "zero" or np.abs(found).max() < 1e-8


def test_images_without_room_for_sums_are_refused():
    x = np.full((2, 9, 9), 1e35, np.float32)
    with pytest.raises(ValueError, match=r"Values as large as 1e\+35 leave no room for sums in float32"):
        warp(x, np.zeros((9, 9, 2)))
    assert np.isfinite(warp(1e-5 * x, np.full((9, 9, 2), 0.5))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, t: warp_derivative(x, t, order=0), "The nearest pixel has no derivative in tau"),
        (lambda x, t: warp_derivative(x, t[:5]), r"tau has shape \(5, 12, 2\)"),
        (lambda x, t: warp_adjoint(x, t, padding="wrap"), "padding must be one of"),
        (lambda x, t: warp_adjoint(x[0], t), "y has two axes"),
        (lambda x, t: warp(x, t, order="sinc"), "order must be 0 .* or \"fourier\", got 'sinc'"),
        (lambda x, t: warp(x, Translation().sample((9, 9), 1, rng=0)), "for 3 images of 9 x 12 pixels"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(images(), np.zeros((9, 12, 2)))


@pytest.mark.parametrize("shape", [(1, 32, 16), (1, 50, 8), (3, 20, 32)])
def test_a_field_says_which_axes_are_rows_and_columns(shape):
    x = np.random.default_rng(0).random((2, *shape))
    still = np.zeros((*shape[:2], 2))
    np.testing.assert_allclose(warp(x, still), x, atol=1e-12)
    np.testing.assert_allclose(warp(x, np.stack([still, still]), order=np.int64(1)), x)
    with pytest.raises(ValueError, match="looks like channels first"):
        warp(x, np.zeros((*shape[1:], 2)))
