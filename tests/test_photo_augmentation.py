"""Scale, crop, colour, blur: each change alone by its own arithmetic; and augmentations one after the other."""

import pickle

import numpy as np
import pytest

from kernelconv import Augmentation, ConvNetClassifier, PhotoAugmentation, warp
from kernelconv._identity import described
from kernelconv.networks import AugmentationChain
from kernelconv.networks.training.photographs import _gaussians

RNG = np.random.default_rng
CHANGES = [{"scale": 0.5}, {"crop": 0.5}, {"jitter": 0.4}, {"drop": 0.5}, {"blur": 2.0}]
ALL = PhotoAugmentation(scale=0.3, crop=0.5, jitter=0.4, drop=0.2, blur=1.0)


def images(n=20, shape=(12, 10, 3), seed=0):
    x = RNG(seed).uniform(1, 2, (n, *shape))
    x.flags.writeable = False
    return x


def name_of(change):
    return next(iter(change))


# -- what holds of all -------------------------------------------------------------------------------------------------


def test_nothing_asked_changes_nothing():
    assert np.array_equal(PhotoAugmentation()(images(), RNG(0)), images())


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_change_follows_from_the_generator(change, dtype):
    x, augmentation = images().astype(dtype), PhotoAugmentation(**change)
    y = augmentation(x, RNG(3))
    assert y.shape == x.shape
    assert y.dtype == dtype
    assert np.array_equal(y, augmentation(x, RNG(3)))
    assert not np.array_equal(y, augmentation(x, RNG(4)))
    one = np.array([np.ptp(image - other) for image, other in zip(y, x, strict=True)])
    assert len(np.unique(one)) > 1  # every image has its own


def test_what_the_crop_leaves_is_enlarged_about_its_own_centre():
    cropped, both = (PhotoAugmentation(scale=s, crop=0.75).displacements(40, (33, 65), RNG(0)) for s in (0.0, 3.0))
    # the middle of the result shows the middle of the window, whatever the factor
    np.testing.assert_array_equal(both[:, 16, 32], cropped[:, 16, 32])
    assert np.abs(both - cropped).max() > 1


@pytest.mark.parametrize("change", [*CHANGES, {"scale": 0.4, "crop": 0.9, "blur": 30.0, "drop": 1.0}], ids=name_of)
def test_a_picture_of_one_colour_stays_of_one_colour(change):
    x = np.ones((6, 9, 7, 3)) * [0.2, 0.5, 2.0]
    y = PhotoAugmentation(**change)(x, RNG(0))
    np.testing.assert_allclose(y, np.broadcast_to(y[:, :1, :1], y.shape), rtol=1e-12)
    if "jitter" not in change and "drop" not in change:
        np.testing.assert_allclose(y, x, rtol=1e-12)


def test_images_without_channels_and_integers_are_those_of_one_channel_and_floats():
    x = RNG(0).integers(0, 256, (6, 9, 7, 1), dtype=np.uint8)
    y = ALL(x.astype(np.float32), RNG(1))
    assert y.dtype == np.float32
    for given in (x, x.astype(">i8"), x.tolist()):
        assert np.array_equal(ALL(given, RNG(1)), y)
        assert np.array_equal(ALL(np.asarray(given)[..., 0], 1), y[..., 0])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (9, 1, 1)])
def test_images_of_one_line_or_pixel(shape):
    x = images(4, shape)
    y = ALL(x, RNG(0))
    assert y.shape == x.shape
    assert np.isfinite(y).all()
    assert not np.array_equal(y, x)


# -- scale and crop ----------------------------------------------------------------------------------------------------


def sources(augmentation, n, shape, seed=0):
    """Where each pixel comes from, rows (n, h) and columns (n, w)."""
    tau = augmentation.displacements(n, shape, RNG(seed)).astype(np.float64)
    rows, columns = (np.arange(side) for side in shape)
    assert (np.ptp(tau[..., 0], axis=2) == 0).all()  # rows stay rows
    assert (np.ptp(tau[..., 1], axis=1) == 0).all()
    return rows - tau[:, :, 0, 0], columns - tau[:, 0, :, 1]


def test_scales_are_about_the_middle_and_uniform_in_their_logarithm():
    rows, columns = sources(PhotoAugmentation(scale=0.5), 4000, (9, 6))
    factor = 8 / (rows[:, -1] - rows[:, 0])
    np.testing.assert_allclose(5 / (columns[:, -1] - columns[:, 0]), factor, rtol=1e-5)
    np.testing.assert_allclose(rows[:, 4], 4, atol=1e-5)
    np.testing.assert_allclose(columns[:, 2] + columns[:, 3], 5, atol=1e-5)
    quantiles = np.quantile(np.log(factor) / np.log(1.5), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(quantiles, [-1, -0.5, 0, 0.5, 1], atol=0.05)


def test_windows_have_their_share_of_the_area_and_lie_anywhere_inside():
    side = 21
    rows, columns = sources(PhotoAugmentation(crop=0.75), 3000, (side, side))
    height, width = ((p[:, -1] - p[:, 0]) / (side - 1) for p in (rows, columns))
    for p in (rows, columns):
        assert p.min() > -1e-4
        assert p.max() < side - 1 + 1e-4
    np.testing.assert_allclose(np.quantile(height * width, [0, 0.5, 1]), [0.25, 0.625, 1], atol=0.02)
    ratio = np.log(width / height) / np.log(4 / 3)
    small = height * width < 0.7  # there is room for every ratio
    np.testing.assert_allclose(np.quantile(ratio[small], [0, 0.25, 0.5, 0.75, 1]), [-1, -0.5, 0, 0.5, 1], atol=0.05)
    assert np.abs(ratio).max() < 1 + 1e-4
    places = [(p[:, 0] / (1 - share) / (side - 1))[small] for p, share in ((rows, height), (columns, width))]
    for place in places:
        np.testing.assert_allclose(np.quantile(place, [0, 0.25, 0.5, 0.75, 1]), np.arange(5) / 4, atol=0.05)
    assert abs(np.corrcoef(*places)[0, 1]) < 0.06


def test_scale_and_crop_are_one_warp_mirrored_at_the_edge():
    augmentation, x = PhotoAugmentation(scale=0.3, crop=0.4), images()
    tau = augmentation.displacements(len(x), x.shape[1:3], RNG(5))
    assert np.array_equal(augmentation(x, RNG(5)), warp(x, tau, padding="symmetric"))
    line = np.linspace(0, 1, 41)
    smooth = np.broadcast_to((line * (1 - line) * 4) ** 2, (5, 41, 41))[..., None]
    _, columns = sources(PhotoAugmentation(crop=0.6), 5, (41, 41), seed=2)
    y = PhotoAugmentation(crop=0.6)(smooth, RNG(2))[..., 0]
    u = columns / 40
    np.testing.assert_allclose(y, np.broadcast_to(((u * (1 - u) * 4) ** 2)[:, None], y.shape), atol=1e-3)


# -- colours -----------------------------------------------------------------------------------------------------------


def test_brightness_contrast_and_saturation_have_their_factors():
    x = images(3000, (4, 5, 3))
    y = PhotoAugmentation(jitter=0.4)(x, RNG(0))
    mean, grey = (lambda z: z.mean(axis=(1, 2, 3))), (lambda z: z.mean(axis=3))
    brightness = mean(y) / mean(x)
    contrast = (grey(y)[:, 0, 0] - mean(y)) / (grey(x)[:, 0, 0] - mean(x)) / brightness
    saturation = (y[:, 0, 0, 0] - grey(y)[:, 0, 0]) / (x[:, 0, 0, 0] - grey(x)[:, 0, 0]) / brightness / contrast
    for factor in (brightness, contrast, saturation):
        np.testing.assert_allclose(np.quantile(factor, [0, 0.25, 0.5, 0.75, 1]), [0.6, 0.8, 1, 1.2, 1.4], atol=0.03)
    assert np.abs(np.corrcoef([brightness, contrast, saturation]) - np.eye(3)).max() < 0.06
    again = brightness[:, None, None, None] * (x - mean(x)[:, None, None, None])
    again = mean(y)[:, None, None, None] + contrast[:, None, None, None] * again
    level = again.mean(axis=3, keepdims=True)
    np.testing.assert_allclose(level + saturation[:, None, None, None] * (again - level), y, rtol=1e-6)


def test_colours_are_dropped_with_their_probability_and_whole():
    x = images(2000, (2, 3, 3))
    y = PhotoAugmentation(drop=0.3)(x, RNG(0))
    dropped = (np.ptp(y, axis=3) == 0).all(axis=(1, 2))
    assert 0.27 < dropped.mean() < 0.33
    assert np.array_equal(y[~dropped], x[~dropped])
    np.testing.assert_allclose(y[dropped][..., 0], x[dropped].mean(axis=3), rtol=1e-12)
    assert (np.ptp(PhotoAugmentation(drop=1.0)(x, RNG(0)), axis=3) == 0).all()


def test_grey_pictures_have_no_colour_to_lose():
    x = images(5, (4, 4, 1))
    assert np.array_equal(PhotoAugmentation(drop=1.0)(x, RNG(0)), x)


# -- blur --------------------------------------------------------------------------------------------------------------


def test_a_blur_is_a_gaussian_average_of_what_is_inside():
    x, blur = images(3, (6, 5, 2)), 1.7
    y = PhotoAugmentation(blur=blur)(x, RNG(4))
    for image, found, s in zip(x, y, RNG(4).uniform(0, blur, 3), strict=True):
        for i, j in np.ndindex(6, 5):
            u, v = np.meshgrid(np.arange(6), np.arange(5), indexing="ij")
            w = np.exp(-((u - i) ** 2 + (v - j) ** 2) / (2 * s * s))
            np.testing.assert_allclose(found[i, j], (w[..., None] * image).sum((0, 1)) / w.sum(), rtol=1e-12)


def test_blurs_of_no_and_of_endless_width():
    assert np.array_equal(_gaussians(np.zeros(2), 5), np.broadcast_to(np.eye(5), (2, 5, 5)))
    np.testing.assert_allclose(_gaussians(np.full(1, 1e30), 4), 0.25)
    assert np.abs(PhotoAugmentation(blur=1e30)(images(), RNG(0)).std(axis=(1, 2))).max() < 1e-12


# -- one after the other -----------------------------------------------------------------------------------------------


def negative(images, rng):
    return -images


def test_a_chain_is_its_changes_in_a_row():
    x, flip, noise = images(), Augmentation(flip=True), Augmentation(noise=0.1)
    rng = RNG(3)
    wanted = noise(ALL(flip(x, rng), rng), rng)
    chain = flip | ALL | noise
    assert np.array_equal(chain(x, RNG(3)), wanted)
    assert not np.array_equal((noise | ALL | flip)(x, RNG(3)), wanted)
    assert chain == flip | (ALL | noise) == AugmentationChain([flip, ALL, noise])
    assert chain.changes == (flip, ALL, noise)
    assert (negative | ALL).changes == (negative, ALL)
    assert np.array_equal((negative | ALL)(x, RNG(3)), ALL(-x, RNG(3)))
    assert np.array_equal((ALL | negative)(x[..., 0], 3), -ALL(x[..., 0], 3))
    assert pickle.loads(pickle.dumps(chain)) == chain


def test_a_chain_says_what_is_in_it_and_augmentation_what_it_always_said():
    """Cells of committed studies are found again by this."""
    assert described(Augmentation(shift=2)) == {
        "class": "Augmentation",
        **{"shift": 2, "rotation": 0.0, "deformation": 0.0, "noise": 0.0, "cutout": 0, "flip": False},
    }
    found = described(PhotoAugmentation(crop=0.5) | negative)
    zeros = dict.fromkeys(("scale", "jitter", "drop", "blur"), 0.0)
    crop = {"class": "PhotoAugmentation", "crop": 0.5, **zeros}
    assert found == {"class": "AugmentationChain", "changes": [crop, {"name": "negative"}]}


def test_training_takes_chains_with_the_same_bits_for_any_number_of_threads(tmp_path):
    x, y = images(24, (8, 8, 3)), np.arange(24) % 3
    settings = {"epochs": 2, "batch_size": 24, "random_state": 0}
    settings["augmentation"] = PhotoAugmentation(crop=0.3, jitter=0.2) | Augmentation(flip=True)
    one, two = (ConvNetClassifier("mlp", n_jobs=n, **settings).fit(x, y).decision_function(x) for n in (1, 2))
    assert np.array_equal(one, two)
    kept = ConvNetClassifier("mlp", checkpoint=tmp_path / "file", **settings)
    assert np.array_equal(kept.fit(x, y).decision_function(x), one)
    with pytest.raises(ValueError, match="keeps another training"):
        kept.set_params(augmentation=PhotoAugmentation(crop=0.3)).fit(x, y)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"scale": -0.1}, "scale must be >= 0"),
        ({"scale": 1.01e30}, r"scale must be at most 1e\+30, got 1\.01e\+30"),
        ({"crop": 1.0}, "crop must be below 1: nothing would be left"),
        ({"crop": 1.5}, "crop must be at most 1, got 1.5"),
        ({"jitter": 1.1}, "jitter must be at most 1, got 1.1"),
        ({"drop": 2}, "drop must be at most 1, got 2"),
        ({"drop": "often"}, "drop must be a number"),
        ({"blur": np.nan}, "blur must be >= 0 and finite"),
    ],
)
def test_what_is_out_of_range_is_refused(values, match):
    with pytest.raises(ValueError, match=match):
        PhotoAugmentation(**values)


@pytest.mark.parametrize("augmentation", [ALL, Augmentation() | ALL])
def test_what_are_no_images_is_refused(augmentation):
    with pytest.raises(ValueError, match="images holds 1 non-finite values"):
        augmentation(np.where(np.arange(20).reshape(1, 4, 5) == 3, np.nan, 1.0), RNG(0))
    with pytest.raises(ValueError, match="images has two axes, shape"):
        augmentation(np.ones((4, 5)), RNG(0))
    with pytest.raises(ValueError, match="random_state must be None, an int >= 0"):
        augmentation(images(), "a")
    with pytest.raises(ValueError, match="n must be an int >= 0, got -1"):
        ALL.displacements(-1, (3, 4), 0)


@pytest.mark.parametrize("wrong", [None, "flip", len, Augmentation, 3])
def test_what_is_no_change_is_refused(wrong):
    with pytest.raises(ValueError, match=r"changes must be each an Augmentation\(...\) or a function"):
        AugmentationChain((ALL, wrong))
    if wrong is not Augmentation:  # a class has its own |
        with pytest.raises(ValueError, match="changes must be each"):
            ALL | wrong


def test_a_chain_of_nothing_and_a_function_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="changes must be a non-empty sequence"):
        AugmentationChain(())
    with pytest.raises(ValueError, match=r"augmentation must return images of shape \(20, 12, 10, 3\)"):
        (ALL | (lambda x, rng: x[:, 1:]))(images(), RNG(0))
