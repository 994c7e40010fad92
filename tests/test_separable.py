"""SeparableScattering2D: the naive loop, its laws, the bound of its bank, and scikit-learn's contract."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy.signal import convolve2d
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv import SeparableScattering2D
from kernelconv.networks.scattering.fast.separable import Separable
from kernelconv.networks.scattering.paths import ScatteringPath, scattering_paths
from kernelconv.networks.scattering.separable.definition import scattered
from kernelconv.networks.scattering.separable.geometry import SeparableGeometry
from kernelconv.operators.wavelets.separable import DIRECTIONS, filters, separable_frame_bounds, separable_wavelet

PADDINGS = {"zero": "constant", "reflect": "reflect", "symmetric": "symmetric", "circular": "wrap"}
MIRRORED = [5, 4, 3, 2, 1, 0]  # of direction k from left to right, and of 0 from 18 to 162 degrees
TURNED = [3, 4, 5, 0, 1, 2]


@parametrize_with_checks([SeparableScattering2D(J=1, padding="zero", image_shape=(1, -1))])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def naive(u, path, J, padding, scale=0):
    """One map of one image: short tensor filters, whole convolutions, every second sample of them."""
    if scale == J:
        return u
    continued = np.pad(u, [(1, 1 + n % 2) for n in u.shape], PADDINGS[padding])
    here = scale in path.scales
    taps = separable_wavelet(0, path.angles[path.scales.index(scale)]) if here else separable_wavelet(1)
    kept = convolve2d(continued, taps, mode="valid")[::2, ::2]
    return naive(np.abs(kept) if here else kept, path, J, padding, scale + 1)


def positions_of(scattering, permuted):
    """Return where the paths lie whose directions are those of ``paths_``, permuted."""
    at = {path: i for i, path in enumerate(scattering.paths_)}
    return [at[ScatteringPath(path.scales, tuple(permuted[t] for t in path.angles))] for path in scattering.paths_]


# -- filters ----------------------------------------------------------------------------------------------------------


def test_filters_are_their_formulas():
    omega = np.linspace(-3, 3, 41)
    hats = {k: np.exp(-1j * np.outer(omega, [-1.5, -0.5, 0.5, 1.5])) @ taps for k, taps in filters().items()}
    size = 1.34**0.5
    expected = {
        "l": np.cos(omega / 2) ** 3,
        "m": size * np.cos(omega / 2 - np.pi / 8) ** 3,
        "g": size * np.sin(omega / 2) * np.cos(omega / 2 - 7 * np.pi / 24) ** 2,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(hats[name], values, atol=1e-14)
        np.testing.assert_allclose(filters()[name][::-1], filters()[name].conj(), atol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        filters()["m"][0] = 1


def test_frequencies_point_where_they_are_said_to():
    for scale in (0, 1):
        for t, angle in enumerate(DIRECTIONS):
            psi = separable_wavelet(scale, t)
            spectrum, omega = np.abs(np.fft.fft2(psi, (128, 128))), np.fft.fftfreq(128)
            row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
            turn = np.degrees(np.arctan2(omega[row], omega[column])) - angle
            assert abs((turn + 90) % 180 - 90) < 4
            assert abs(psi.sum()) < 1e-15
            assert 0.4 < spectrum.max() < 1.34
    np.testing.assert_allclose(separable_wavelet(3).sum(), 1, rtol=1e-14)


def test_frame_bounds_are_those_of_the_matrix():
    n, taps = 8, [separable_wavelet(1), *(separable_wavelet(0, t) for t in range(6))]
    lines = []
    for filter_ in taps:
        kernel = np.zeros((n, n), complex)
        kernel[:4, :4] = filter_
        lines += [np.roll(kernel, (i, j), axis=(0, 1)).ravel() for i in range(0, n, 2) for j in range(0, n, 2)]
    step = 2 * np.array(lines)
    values = np.linalg.eigvalsh(step.real.T @ step.real + step.imag.T @ step.imag)
    np.testing.assert_allclose((values[0], values[-1]), separable_frame_bounds(n), rtol=1e-12)
    for n in (2, 10, 64, 96):
        lower, upper = separable_frame_bounds(n)
        assert 0.5 < lower < 1
        assert upper <= 1 + 1e-12


# -- laws -------------------------------------------------------------------------------------------------------------

SIZES = {"even": ((16, 24), 2, 2), "odd": ((13, 9), 3, 3), "one order": ((8, 6), 2, 1), "average": ((5, 7), 2, 0)}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", SIZES)
def test_engine_and_definition_are_the_naive_loop(name, padding):
    size, J, max_order = SIZES[name]
    x = noise(2, *size)
    scattering = SeparableScattering2D(J, max_order, padding=padding).fit(x)
    assert scattering.paths_ == scattering_paths(J, 6, max_order)
    found = scattering.transform(x).reshape(2, len(scattering.paths_), *scattering.maps_shape_[:2])
    by_definition = scattered(SeparableGeometry(size, J, max_order, padding), x)
    np.testing.assert_allclose(found, by_definition, atol=1e-14)
    for k in range(0, len(scattering.paths_), 1 + len(scattering.paths_) // 40):
        expected = naive(x[1], scattering.paths_[k], J, padding)
        np.testing.assert_allclose(found[1, k], expected, atol=1e-13)
        assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("size", [(160, 36), (49, 100)])
def test_axes_in_tiles(size, n):
    """One image is computed by other products than several."""
    for padding in PADDINGS:
        x, geometry = noise(n, *size), SeparableGeometry(size, 2, 1, padding)
        np.testing.assert_allclose(Separable(geometry)(x), scattered(geometry, x), atol=1e-14)


@pytest.mark.parametrize("padding", ["symmetric", "circular"])
def test_wavelets_of_coarse_scales_are_those_a_trous(padding):
    """Convolution with the filters as they are in space, of the image continued once."""
    x, J = noise(1, 16, 16)[0], 3
    scattering = SeparableScattering2D(J, 1, padding=padding).fit(x[None])
    wide, maps = np.pad(x, 16, PADDINGS[padding]), scattering.maps(x[None])[0]

    def sampled(taps):
        first = 16 - 2**J + 1
        return convolve2d(wide, taps, mode="valid")[first : first + 16 : 2**J, first : first + 16 : 2**J]

    np.testing.assert_allclose(maps[..., 0], sampled(separable_wavelet(J)), atol=1e-13)
    for t in range(6):
        modulus = np.abs(sampled(separable_wavelet(J - 1, t)))
        np.testing.assert_allclose(maps[..., 1 + 6 * (J - 1) + t], modulus, atol=1e-13)
        assert modulus.max() > 1e-3


def test_maps_move_with_the_image():
    x = noise(2, 16, 24)
    scattering = SeparableScattering2D(2, padding="circular").fit(x)
    maps = scattering.maps(x)
    shifted = scattering.maps(np.roll(x, (4, -8), axis=(1, 2)))
    np.testing.assert_allclose(shifted, np.roll(maps, (1, -2), axis=(1, 2)), atol=1e-13)
    assert np.abs(shifted - maps).max() > 1e-2


@pytest.mark.parametrize("padding", PADDINGS)
def test_mirrors_and_quarter_turns_permute_directions(padding):
    x = noise(2, 16, 16)
    scattering = SeparableScattering2D(2, padding=padding).fit(x)
    maps = scattering.maps(x)
    mirrored, turned = positions_of(scattering, MIRRORED), positions_of(scattering, TURNED)
    np.testing.assert_allclose(scattering.maps(x[:, :, ::-1])[..., mirrored], maps[:, :, ::-1], atol=1e-13)
    np.testing.assert_allclose(scattering.maps(x[:, ::-1])[..., mirrored], maps[:, ::-1], atol=1e-13)
    quarter = np.rot90(x, axes=(1, 2))
    np.testing.assert_allclose(scattering.maps(quarter)[..., turned], np.rot90(maps, axes=(1, 2)), atol=1e-13)
    assert np.abs(scattering.maps(quarter) - np.rot90(maps, axes=(1, 2))).max() > 1e-2


def test_no_distance_grows():
    """2^J |S x - S y| <= |x - y|; the average of a constant comes close."""
    x, y = noise(2, 64, 32, 32)
    y[32:] = x[32:] + 1e-3 * y[32:]
    scattering = SeparableScattering2D(3, 3, padding="circular").fit(x)
    moved = 8 * np.linalg.norm(scattering.transform(x) - scattering.transform(y), axis=1)
    ratio = moved / np.linalg.norm((x - y).reshape(64, -1), axis=1)
    assert 0.1 < ratio.min()
    assert ratio.max() <= 1
    flat = np.ones((1, 32, 32))
    np.testing.assert_allclose(8 * np.linalg.norm(scattering.transform(flat)), np.linalg.norm(flat), rtol=1e-12)


@pytest.mark.parametrize("c", [1, 3])
def test_batches_threads_channels_and_precision(c):
    x = noise(40, 20, 18, c)
    read_only = x.copy()
    read_only.flags.writeable = False
    scattering = SeparableScattering2D(2, n_jobs=1).fit(read_only)
    rows = scattering.transform(read_only)
    assert rows.shape == (40, c * 49 * 5 * 5)
    assert np.array_equal(rows, clone(scattering).set_params(n_jobs=2).fit(x).transform(x))
    np.testing.assert_allclose(
        np.concatenate([scattering.transform(x[i : i + 1]) for i in range(3)]), rows[:3], atol=1e-13
    )
    alone = SeparableScattering2D(2).fit(x[..., -1]).maps(x[..., -1])
    np.testing.assert_allclose(scattering.maps(x)[..., -49:], alone, atol=1e-14)
    single = scattering.transform(x.astype(np.float32))
    assert single.dtype == np.float32
    assert 0 < np.linalg.norm(single - rows) / np.linalg.norm(rows) < 1e-6


def test_blocks_depend_on_sizes_alone():
    for side, images in ((28, 128), (48, 56), (128, 16), (362, 16), (363, 1), (4096, 1)):
        assert Separable(SeparableGeometry((side, side), 2, 2, "zero")).block(4) == images


def test_memory_is_that_of_blocks():
    x = noise(64, 64, 64).astype(np.float32)
    scattering = SeparableScattering2D(2, n_jobs=1).fit(x)
    rows = scattering.transform(x)
    tracemalloc.start()
    scattering.transform(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.nbytes < peak < rows.nbytes + 16 * 16 * 64 * 64 * 4 * 3


# -- the estimator ----------------------------------------------------------------------------------------------------


def test_pickles_parameters_and_names():
    x = noise(2, 8, 8, 2)
    scattering = SeparableScattering2D(1).fit(x)
    again = pickle.loads(pickle.dumps(scattering))
    assert np.array_equal(again.transform(x), scattering.transform(x))
    changed = clone(scattering).set_params(J=2, padding="circular").fit(x)
    assert np.array_equal(changed.transform(x), SeparableScattering2D(2, padding="circular").fit(x).transform(x))
    names = scattering.get_feature_names_out()
    assert len(names) == scattering.transform(x).shape[1] == len(set(names))
    assert names[0] == "separablescattering2d_c0_mean_0_0"
    assert names[-1] == "separablescattering2d_c1_j0t5_3_3"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"J": 0}, "J must be an int >= 1, got 0"),
        ({"J": 1.5}, r"J must be an int >= 1, got 1\.5"),
        ({"max_order": -1}, "max_order must be an int >= 0, got -1"),
        ({"padding": "mirror"}, "padding must be one of .*, got 'mirror'"),
        (
            {"J": 4},
            r"J=4 averages over 2\*\*J = 16 pixels, more than .* 12 x 9\. Use J <= 3, or padding='zero'\.",
        ),
        ({"J": 5, "padding": "zero"}, r"2\*\*J = 32 pixels, more than twice the image of 12 x 9\. Use J <= 4\."),
        ({"J": 70}, r"J=70 averages over 2\*\*J pixels"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero int"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ValueError, match=message):
        SeparableScattering2D(**parameters).fit(noise(2, 12, 9))


def test_images_are_checked():
    x = noise(2, 12, 9)
    with pytest.raises(ValueError, match="complex"):
        SeparableScattering2D().fit(x + 1j)
    with pytest.raises(ValueError, match="empty"):
        SeparableScattering2D().fit(x[:0])
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        SeparableScattering2D().maps(x)
    scattering = SeparableScattering2D().fit(x)
    with pytest.raises(ValueError, match=r"images of shape \(9, 12, 1\), but SeparableScattering2D was fitted on"):
        scattering.transform(x.swapaxes(1, 2))
    x[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        scattering.transform(x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0), "scale must be an int >= 0, got -1"),
        ((0,), "scale must be an int >= 1, got 0"),
        ((11, 0), "scale must be at most 10, got 11: a wavelet would have 12286 samples a side"),
        ((0, 6), "direction must be None or an int from 0 to 5, got 6"),
    ],
)
def test_wavelets_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        separable_wavelet(*arguments)
    with pytest.raises(ValueError, match="n must be even, got 5"):
        separable_frame_bounds(5)


def test_gradients_of_other_libraries():
    """PyTorch differentiates the definition, at 0 too."""
    torch = pytest.importorskip("torch")
    x, v = noise(2, 2, 8, 8)
    scattering = SeparableScattering2D(2).fit(x)
    leaf = torch.tensor(x, requires_grad=True)
    (gradient,) = torch.autograd.grad((scattering.transform(leaf) ** 2).sum(), leaf)
    h = 1e-6
    slope = sum(s * (scattering.transform(x + s * h * v) ** 2).sum() for s in (1, -1)) / (2 * h)
    np.testing.assert_allclose(float((gradient * torch.tensor(v)).sum()), slope, rtol=1e-6)
    blank = torch.zeros((1, 8, 8), dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(scattering.transform(blank).sum(), blank)
    assert bool(torch.isfinite(gradient).all())
