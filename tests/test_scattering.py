"""Scattering2D: against loops, kymatio, theory, and scikit-learn's contract."""

import pickle

import numpy as np
import pytest
from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from kernelconv.networks.scattering.fast import by_frequency, by_map, cascades
from kernelconv.networks.scattering.paths import ScatteringPath
from kernelconv.networks.scattering.scattering_2d import Scattering2D
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.morlet import crop


@parametrize_with_checks(
    [
        Scattering2D(J=1, padding="zero", image_shape=(1, -1)),
        Scattering2D(J=1, padding="zero", image_shape=(1, -1), engine="kymatio"),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def images(n=3, h=28, w=28, c=None, seed=0, dtype=np.float64):
    shape = (n, h, w) if c is None else (n, h, w, c)
    return np.random.default_rng(seed).random(shape).astype(dtype)


def as_maps(rows, scattering):
    """Rows of one channel as (n, n_paths, h', w'), the way kymatio shapes its array."""
    h, w, channels = scattering.maps_shape_
    return rows.reshape(len(rows), channels, h, w)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# -- references ----------------------------------------------------------------------------------------------------


def circular_convolution(x, kernel):
    """Direct sum over positions and shifts, circular border."""
    h, w = x.shape
    out = np.zeros((h, w), complex)
    for i in range(h):
        for j in range(w):
            for k in range(h):
                for m in range(w):
                    out[i, j] += x[(i - k) % h, (j - m) % w] * kernel[k, m]
    return out


def full_resolution(x, J, L, max_order, convolve, step):
    """The definition of circular scattering: nothing is subsampled before the very end."""
    bank = FilterBank(x.shape, J, L)
    psi, phi = np.fft.ifft2(bank.psi), np.fft.ifft2(bank.phi)
    maps = {(): x}
    for _ in range(max_order):
        for path, u in list(maps.items()):
            for j in range(path[-1][0] + 1 if path else 0, J):
                for k in range(L):
                    maps[(*path, (j, k))] = np.abs(convolve(u, psi[j, k]))
    ordered = sorted(maps, key=lambda path: (len(path), path))
    return np.stack([convolve(maps[path], phi).real[::step, ::step] for path in ordered]), ordered


def fft_convolution(x, kernel):
    return np.fft.ifft2(np.fft.fft2(x) * np.fft.fft2(kernel))


def test_loops_over_a_tiny_image():
    x = images(1, 8, 4)
    expected, ordered = full_resolution(x[0], 2, 2, 2, circular_convolution, 1)
    scattering = Scattering2D(J=2, L=2, padding="circular", oversampling=2).fit(x)
    maps = as_maps(scattering.transform(x), scattering)[0]
    np.testing.assert_allclose(maps, expected, atol=1e-13)
    assert [tuple(zip(p.scales, p.angles, strict=True)) for p in scattering.paths_] == ordered
    assert np.abs(expected[-1]).max() > 1e-4


@pytest.mark.parametrize("max_order", [0, 1, 2, 3, 4])
def test_any_order_without_subsampling_is_the_definition(max_order):
    x = images(1, 16, 24)
    expected, ordered = full_resolution(x[0], 3, 3, max_order, fft_convolution, 1)
    scattering = Scattering2D(J=3, L=3, max_order=max_order, padding="circular", oversampling=3).fit(x)
    maps = as_maps(scattering.transform(x), scattering)[0]
    np.testing.assert_allclose(maps, expected, atol=1e-13)
    assert [p.order for p in scattering.paths_] == [len(path) for path in ordered]
    assert len(ordered) == [1, 10, 37, 64, 64][max_order]


@pytest.mark.parametrize(("oversampling", "tolerance"), [(0, 2e-2), (1, 2e-3), (2, 1e-13)])
def test_oversampling_removes_the_aliasing(oversampling, tolerance):
    x = images(1, 32, 32) - 0.5
    expected, _ = full_resolution(x[0], 2, 4, 2, fft_convolution, 4)
    scattering = Scattering2D(J=2, L=4, padding="circular", oversampling=oversampling).fit(x)
    maps = as_maps(scattering.transform(x), scattering)[0]
    step = 2**oversampling
    error = relative(maps[:, ::step, ::step], expected)
    assert error < tolerance
    assert maps.shape[1:] == (8 * step, 8 * step)


def subsampled(x, J, L, max_order):
    """The cascade as the engine defines it, map by map: each scale on its own grid, filters cropped to that grid."""
    bank = FilterBank(x.shape, J, L)
    averages = {}

    def visit(path, u, resolution):
        low_passed = np.fft.ifft2(np.fft.fft2(u) * crop(bank.phi, 2**resolution)).real
        step = 2 ** (J - resolution)
        averages[path] = low_passed[::step, ::step]
        for j in range(path[-1][0] + 1 if path else 0, J):
            for k in range(L) if len(path) < max_order else ():
                wave = np.fft.ifft2(np.fft.fft2(u) * crop(bank.psi[j, k], 2**resolution))
                step = 2 ** (j - resolution)
                visit((*path, (j, k)), np.abs(wave[::step, ::step]), j)

    visit((), x, 0)
    return np.stack([averages[path] for path in sorted(averages, key=lambda path: (len(path), path))])


@pytest.mark.parametrize("small", [0, 10_000], ids=["by map", "by frequency"])
@pytest.mark.parametrize("chunk_bytes", [2**8, 2**12, 2**20])
def test_subsampled_cascade_whatever_the_chunks(chunk_bytes, small, monkeypatch):
    monkeypatch.setattr(cascades, "SMALL", small)
    monkeypatch.setattr(by_map, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(by_frequency, "CHUNK_BYTES", chunk_bytes)
    x = images(2, 32, 48)
    scattering = Scattering2D(J=4, L=3, max_order=3, padding="circular").fit(x)
    maps = as_maps(scattering.transform(x), scattering)
    expected = np.stack([subsampled(image, 4, 3, 3) for image in x])
    np.testing.assert_allclose(maps, expected, atol=1e-14)
    assert expected[:, -1].min() > 1e-5


# -- kymatio -------------------------------------------------------------------------------------------------------


@pytest.mark.once("oldest")
@pytest.mark.parametrize("size", [(28, 28), (32, 32), (33, 47), (64, 64)], ids=str)
@pytest.mark.parametrize(("J", "L"), [(1, 4), (2, 8), (3, 6), (3, 8), (4, 4)])
@pytest.mark.parametrize("max_order", [1, 2])
def test_kymatios_grid_gives_kymatios_array(size, J, L, max_order):
    x = images(2, *size)
    expected = ScatteringNumPy2D(J, size, L, max_order)(x)
    scattering = Scattering2D(J, L, max_order, grid="kymatio").fit(x)
    maps = as_maps(scattering.transform(x), scattering)
    assert maps.shape == expected.shape
    assert relative(maps, expected) < 1e-4
    assert relative(maps[:, 1:], expected[:, 1:]) < 1e-4
    in_float32 = as_maps(scattering.transform(x.astype(np.float32)), scattering)
    assert relative(in_float32, maps) < 1e-5


@pytest.mark.once("oldest")
@pytest.mark.parametrize(("size", "J"), [((96, 128), 5), ((128, 96), 2)], ids=str)
def test_large_images_give_kymatios_array(size, J):
    x = images(1, *size)
    expected = ScatteringNumPy2D(J, size, 4, 2)(x)
    scattering = Scattering2D(J, 4, grid="kymatio").fit(x)
    assert scattering.filter_bank_.phi.size > cascades.SMALL
    assert relative(as_maps(scattering.transform(x), scattering), expected) < 1e-4


@pytest.mark.parametrize(("oversampling", "paths"), [(0, "decreasing"), (1, "decreasing"), (1, "all")])
def test_both_cascades_agree(oversampling, paths, monkeypatch):
    x = images(3, 20, 27, dtype=np.float32)
    given = {"oversampling": oversampling, "paths": paths, "padding": "symmetric"}
    rows = []
    for small in (0, 10**6):
        monkeypatch.setattr(cascades, "SMALL", small)
        rows.append(Scattering2D(3, 4, **given).fit_transform(x))
    assert 0 < relative(rows[0], rows[1]) < 1e-5


def test_paths_are_in_kymatios_order():
    x = images(1, 16, 16)
    listed = ScatteringNumPy2D(3, (16, 16), 4, out_type="list")(x)
    paths = Scattering2D(J=3, L=4).fit(x).paths_
    assert list(paths) == [ScatteringPath(item["j"], item["theta"]) for item in listed]
    assert [p.order for p in paths] == sorted(p.order for p in paths)


def test_grids_agree_where_the_scale_divides_the_size():
    x = images(2, 32, 48)
    rows = [Scattering2D(J=3, L=4, grid=grid).fit_transform(x) for grid in ("centred", "kymatio")]
    assert np.array_equal(rows[0], rows[1])


def test_centred_grid_pads_evenly_and_sees_every_row():
    x = np.zeros((1, 28, 28))
    x[0, -1] = 1.0
    centred = Scattering2D(J=3, L=4, max_order=0, padding="zero").fit(x)
    theirs = Scattering2D(J=3, L=4, max_order=0, padding="zero", grid="kymatio").fit(x)
    assert centred.maps_shape_ == (4, 4, 1)
    assert theirs.maps_shape_ == (3, 3, 1)
    assert centred.maps(x).max() > 5 * theirs.maps(x).max()
    # with zeros outside, padding the image to 32 x 32 beforehand changes nothing
    x = images(2, 28, 28)
    inside = np.pad(x, ((0, 0), (2, 2), (2, 2)))
    rows = Scattering2D(J=3, L=4, padding="zero").fit_transform(inside)
    np.testing.assert_allclose(Scattering2D(J=3, L=4, padding="zero").fit_transform(x), rows, atol=1e-14)


@pytest.mark.parametrize("padding", ["reflect", "zero", "symmetric", "circular"])
@pytest.mark.parametrize("grid", ["centred", "kymatio"])
@pytest.mark.parametrize("max_order", [0, 1, 2])
def test_kymatio_engine_agrees(padding, grid, max_order):
    x = images(2, 21, 30, c=2, dtype=np.float32)
    native = Scattering2D(2, 4, max_order, padding=padding, grid=grid).fit(x)
    theirs = clone(native).set_params(engine="kymatio").fit(x)
    rows = theirs.transform(x)
    assert rows.dtype == np.float32
    assert relative(native.transform(x), rows) < 1e-4
    again = pickle.loads(pickle.dumps(theirs))
    assert np.array_equal(again.transform(x), rows)
    assert len(pickle.dumps(theirs)) < 20_000


@pytest.mark.parametrize("padding", ["reflect", "zero", "symmetric", "circular"])
def test_paddings_are_numpys(padding):
    mode = {"zero": "constant", "circular": "wrap"}.get(padding, padding)
    x = images(1, 10, 13)
    # 10 -> 12 with 4 more on each side, 13 -> 16: what kymatio computes on an image padded by numpy
    padded = np.pad(x, ((0, 0), (5, 5), (5, 6)), mode=mode)
    expected = ScatteringNumPy2D(2, (12, 16), 4, pre_pad=True)(padded)
    scattering = Scattering2D(J=2, L=4, padding=padding).fit(x)
    assert relative(as_maps(scattering.transform(x), scattering), expected) < 1e-4


def test_one_image_has_maps_where_rows_would_do_too():
    x = images(3, 8, 8)
    scattering = Scattering2D(1, 2, image_shape=(8, 8)).fit(x)
    wanted = scattering.maps(x)
    np.testing.assert_allclose(scattering.maps(x[0]), wanted[0], atol=1e-14)
    np.testing.assert_array_equal(scattering.maps(x.reshape(3, -1)), wanted)
    with pytest.raises(ValueError, match="X has 8 features, but Scattering2D is expecting 64"):
        scattering.maps(x[0, :5])


# -- theory --------------------------------------------------------------------------------------------------------


def test_circular_scattering_commutes_with_shifts_by_the_scale():
    x = images(2, 32, 24)
    scattering = Scattering2D(J=3, L=4, padding="circular").fit(x)
    maps = scattering.maps(x)
    shifted = scattering.maps(np.roll(x, (8, -16), axis=(1, 2)))
    np.testing.assert_allclose(shifted, np.roll(maps, (1, -2), axis=(1, 2)), atol=1e-10)
    assert np.abs(shifted - maps).max() > 1e-3


def test_energy_decays_by_order():
    x = images(4, 32, 32) - 0.5
    scattering = Scattering2D(J=4, L=8, max_order=3, padding="circular").fit(x)
    maps = as_maps(scattering.transform(x), scattering)
    order = np.array([p.order for p in scattering.paths_])
    energies = [(maps[:, order == m] ** 2).sum() for m in range(4)]
    assert energies[1] > 3 * energies[2] > 9 * energies[3] > 0


def test_transform_is_contractive_up_to_the_upper_frame_bound():
    x, y = images(1, 32, 32), images(1, 32, 32, seed=1)
    scattering = Scattering2D(J=2, L=8, padding="circular", oversampling=2).fit(x)
    upper = scattering.filter_bank_.frame_bounds()[1]
    distance = np.linalg.norm(scattering.transform(x) - scattering.transform(y))
    assert 0 < distance <= upper * np.linalg.norm(x - y)


@pytest.mark.parametrize("padding", ["reflect", "symmetric", "circular"])
def test_constant_image(padding):
    x = np.full((1, 20, 24), 3.0)
    maps = Scattering2D(J=2, L=4, padding=padding).fit(x).maps(x)
    np.testing.assert_allclose(maps[..., 0], 3.0, rtol=1e-4)
    np.testing.assert_allclose(maps[..., 1:], 0, atol=1e-13)


def test_homogeneous():
    x = images(1, 16, 16)
    scattering = Scattering2D(J=2, L=4).fit(x)
    np.testing.assert_allclose(scattering.transform(3 * x), 3 * scattering.transform(x), rtol=1e-11)


# -- estimator -----------------------------------------------------------------------------------------------------


def test_channels_are_scattered_one_by_one():
    x = images(3, 20, 17, c=3)
    scattering = Scattering2D(J=2, L=4).fit(x)
    rows = scattering.transform(x)
    each = [Scattering2D(J=2, L=4).fit_transform(x[..., k]) for k in range(3)]
    np.testing.assert_allclose(rows, np.concatenate(each, axis=1), atol=1e-13)
    h, w, channels = scattering.maps_shape_
    n_paths = len(scattering.paths_)
    assert (h, w, channels) == (5, 5, 3 * n_paths)
    maps = scattering.maps(x)
    assert maps.shape == (3, h, w, channels)
    assert np.array_equal(maps[1, :, :, n_paths + 4], rows.reshape(3, 3, n_paths, h, w)[1, 1, 4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_is_its_images(dtype):
    x = images(60, 28, 28, dtype=dtype)
    scattering = Scattering2D(J=2, L=8).fit(x)
    rows = scattering.transform(x)
    one_by_one = np.concatenate([scattering.transform(image[None]) for image in x])
    assert rows.dtype == dtype
    assert relative(one_by_one, rows) < (1e-12 if dtype == np.float64 else 1e-5)


def test_same_bits_for_any_number_of_threads():
    x = images(150, 28, 28, dtype=np.float32)
    rows = [Scattering2D(J=2, n_jobs=n).fit_transform(x) for n in (1, 2, 3)]
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[0], rows[2])


def test_read_only_and_memory_mapped_input(tmp_path):
    x = images(5, 16, 16, dtype=np.float32)
    before = x.copy()
    x.flags.writeable = False
    rows = Scattering2D(J=2, L=4).fit_transform(x)
    assert np.array_equal(x, before)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(Scattering2D(J=2, L=4).fit_transform(mapped), rows)


def test_integers_become_float32():
    x = (255 * images(2, 16, 16)).astype(np.uint8)
    rows = Scattering2D(J=2, L=4).fit_transform(x)
    assert rows.dtype == np.float32
    assert np.array_equal(rows, Scattering2D(J=2, L=4).fit_transform(x.astype(np.float32)))


def test_rows_and_images_agree():
    x = images(2, 12, 16, c=2)
    rows = Scattering2D(J=2, L=4, image_shape=(12, 16, 2)).fit_transform(x.reshape(2, -1))
    assert np.array_equal(rows, Scattering2D(J=2, L=4).fit_transform(x))


def test_pickle_clone_and_set_params():
    x = images(3, 20, 20)
    scattering = Scattering2D(J=2, L=4).fit(x)
    rows = scattering.transform(x)
    data = pickle.dumps(scattering)
    assert len(data) < 20_000
    assert np.array_equal(pickle.loads(data).transform(x), rows)
    assert np.array_equal(clone(scattering).fit_transform(x), rows)
    changed = scattering.set_params(J=3, L=6, padding="zero").fit(x)
    assert np.array_equal(changed.transform(x), Scattering2D(J=3, L=6, padding="zero").fit_transform(x))


@pytest.mark.once("oldest")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_scores_each_model(n_jobs):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    waves = np.cos(np.arange(16) * np.where(y == 0, 0.9, 1.1)[:, None] + rng.uniform(0, 6, (40, 1)))
    x = (waves[:, None] + 0.7 * rng.standard_normal((40, 16, 16))).astype(np.float32)
    pipeline = make_pipeline(Scattering2D(L=2), LogisticRegression(max_iter=2000))
    grid = {"scattering2d__J": [1, 2, 3], "scattering2d__L": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(x, y)
    fresh = [
        cross_val_score(make_pipeline(Scattering2D(J=J, L=L), LogisticRegression(max_iter=2000)), x, y, cv=3).mean()
        for J in (1, 2, 3)
        for L in (2, 3)
    ]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], fresh)
    assert len(set(fresh)) > 1


def test_feature_names_and_pandas():
    x = images(2, 8, 12, c=2)
    scattering = Scattering2D(J=2, L=2).set_output(transform="pandas").fit(x)
    frame = scattering.transform(x)
    h, w, _ = scattering.maps_shape_
    assert list(frame.columns) == list(scattering.get_feature_names_out())
    assert len(set(frame.columns)) == frame.shape[1] == 2 * 9 * h * w
    n_paths, at = len(scattering.paths_), scattering.paths_.index(ScatteringPath((0, 1), (1, 0)))
    np.testing.assert_array_equal(frame["scattering2d_c1_j0t1_j1t0_1_2"], scattering.maps(x)[:, 1, 2, n_paths + at])
    names = Scattering2D(J=2, L=2).fit(x[..., 0]).get_feature_names_out()
    assert names[0] == "scattering2d_mean_0_0"


def test_one_line_images_with_zero_padding():
    x = images(2, 1, 30)
    maps = Scattering2D(J=4, L=4, padding="zero").fit(x).maps(x)
    assert maps.shape == (2, 1, 2, 1 + 16 + 96)
    assert np.abs(maps).max() > 0.01


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"J": 0}, "J must be an int >= 1, got 0"),
        ({"J": 2.0}, r"J must be an int >= 1, got 2\.0"),
        ({"L": 0}, "L must be an int >= 1, got 0"),
        ({"max_order": -1}, "max_order must be an int >= 0, got -1"),
        ({"oversampling": -1}, "oversampling must be an int >= 0, got -1"),
        ({"padding": "edge"}, "padding must be one of 'reflect', 'zero', 'circular', 'symmetric', got 'edge'"),
        ({"grid": "left"}, "grid must be one of 'centred', 'kymatio', got 'left'"),
        ({"engine": "torch"}, "engine must be one of 'native', 'kymatio', got 'torch'"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero int, got 0"),
        ({"J": 2000}, r"J=2000 averages over 2\*\*J pixels, more than the image of 20 x 30"),
        (
            {"paths": "all", "max_order": 10**9},
            r"There are [\d,]+ scattering paths up to order 5 alone, more than 1,000",
        ),
        ({"L": 1000}, r"There are 1,002,001 scattering paths up to order 2 alone"),
        ({"L": 10**12, "max_order": 0}, r"A bank of J=2 x L=1000000000000 wavelets of 28 x 40 px would need .* GiB"),
        (
            {"J": 5},
            r"J=5 averages over 2\*\*J = 32 pixels, more than the image of 20 x 30. Use J <= 4, or padding='zero'",
        ),
        ({"J": 6}, r"J=6 averages over 2\*\*J = 64 pixels, more than the image of 20 x 30. Use J <= 4\.$"),
        ({"J": 5, "padding": "zero", "grid": "kymatio"}, "more than the image of 20 x 30"),
        ({"J": 6, "padding": "zero"}, r"2\*\*J = 64 pixels, more than twice the image of 20 x 30. Use J <= 5"),
        ({"engine": "kymatio", "max_order": 3}, "engine='kymatio' computes orders 0, 1 and 2 .* got max_order=3"),
        ({"engine": "kymatio", "oversampling": 1}, "without oversampling, got max_order=2 and oversampling=1"),
        ({"engine": "kymatio", "padding": "circular"}, "always pads a border"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        Scattering2D(**parameters).fit(images(1, 20, 30))


def test_channels_first_and_other_sizes():
    with pytest.raises(ValueError, match="channels first"):
        Scattering2D().fit(np.zeros((2, 3, 16, 16)))
    scattering = Scattering2D(J=1, L=2).fit(images(1, 16, 16))
    with pytest.raises(ValueError, match="X holds images of shape"):
        scattering.transform(images(1, 16, 17))
    with pytest.raises(ValueError, match="non-finite"):
        scattering.transform(np.full((1, 16, 16), np.nan))


@pytest.mark.parametrize("channels", [1, 2])
def test_maps_take_any_leading_axes(channels):
    x = np.random.default_rng(0).standard_normal((2, 3, 12, 9, channels))
    scattering = Scattering2D(2, 2).fit(x[0])
    expected = scattering.maps(x.reshape(6, 12, 9, channels))
    cases = {(2, 3): [x], (3,): [x[0]], (): [x[0, 0]]}
    if channels == 1:
        cases = {leading: [given, given[..., 0]] for leading, (given,) in cases.items()}
    for leading, given in cases.items():
        for images in given:
            found = scattering.maps(images)
            assert found.shape == (*leading, *scattering.maps_shape_)
            some = expected[: np.prod(leading, dtype=int)]
            np.testing.assert_allclose(found.reshape(some.shape), some, atol=1e-14)
    rows = Scattering2D(2, 2, image_shape=(12, 9)).fit(x[0, ..., 0])
    assert rows.maps(x[0, ..., 0].reshape(3, -1)).shape == (3, *rows.maps_shape_)
    with pytest.raises(ValueError, match=r"must be \(n_images, height, width\) or .* got shape \(2, 3, 12, 9, .\)"):
        scattering.transform(x)


def test_meta_is_what_kymatio_says_of_each_entry():
    theirs = ScatteringNumPy2D(3, (16, 16), 4, 2, out_type="list")(np.zeros((16, 16)))
    scattering = Scattering2D(3, 4).fit(np.zeros((1, 16, 16)))
    meta = scattering.meta()
    assert meta["key"] == [entry["n"] for entry in theirs]
    np.testing.assert_array_equal(meta["order"], [len(entry["n"]) for entry in theirs])
    for name in ("j", "n", "theta"):
        assert meta[name].shape == (len(theirs), 2)
        assert [tuple(row[~np.isnan(row)]) for row in meta[name]] == [entry[name] for entry in theirs]
    some = Scattering2D(2, 4, energy=0.9).fit(np.random.default_rng(0).random((2, 16, 16)))
    assert some.meta()["key"] == [tuple(j * 4 + a for j, a in zip(*path, strict=True)) for path in some.paths_]
