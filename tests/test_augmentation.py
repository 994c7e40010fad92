"""Augmentation: each change alone, what it leaves alone, and where its randomness comes from."""

import numpy as np
import pytest

from kernelconv import Augmentation, PhotoAugmentation, SmoothDeformation, warp
from kernelconv.networks.training.augmentation import _unit_fields

RNG = np.random.default_rng


def images(n=20, shape=(12, 10, 1), seed=0):
    x = RNG(seed).uniform(1, 2, (n, *shape))
    x.flags.writeable = False
    return x


def test_nothing_asked_changes_nothing():
    x = images()
    for augmentation in (Augmentation(), PhotoAugmentation(scale=0, crop=0, jitter=0, drop=0, blur=0)):
        found = augmentation(x, RNG(0))
        assert np.array_equal(found, images())
        found += 1  # a copy, which may be written to
    assert np.array_equal(x, images())


@pytest.mark.parametrize(
    "change",
    [{"shift": 2}, {"rotation": 20}, {"deformation": 0.4}, {"noise": 0.2}, {"cutout": 3}, {"flip": True}],
    ids=lambda c: next(iter(c)),
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_change_follows_from_the_generator(change, dtype):
    x, augmentation = images().astype(dtype), Augmentation(**change)
    y = augmentation(x, RNG(3))
    assert y.shape == x.shape
    assert y.dtype == dtype
    assert np.array_equal(y, augmentation(x, RNG(3)))
    assert not np.array_equal(y, augmentation(x, RNG(4)))
    assert not np.array_equal(y, x)
    one = np.array([np.ptp(image - other) for image, other in zip(y, x, strict=True)])
    assert len(np.unique(one)) > 1  # every image has its own


def test_shifts_are_uniform_and_bounded():
    tau = Augmentation(shift=2.0).displacements(4000, (3, 4), RNG(0))
    assert tau.shape == (4000, 3, 4, 2)
    assert (np.ptp(tau, axis=(1, 2)) == 0).all()
    assert np.abs(tau).max() <= 2
    assert np.allclose(tau[:, 0, 0].std(axis=0), 2 / np.sqrt(3), rtol=0.05)
    assert np.abs(tau[:, 0, 0].mean(axis=0)).max() < 0.1
    assert abs(np.corrcoef(tau[:, 0, 0].T)[0, 1]) < 0.05  # each axis by itself


def test_a_rotation_turns_about_the_centre():
    tau = Augmentation(rotation=30).displacements(50, (9, 7), RNG(0))
    assert np.abs(tau[:, 4, 3]).max() < 1e-6
    points = np.stack(np.meshgrid(np.arange(9) - 4, np.arange(7) - 3, indexing="ij"), axis=-1)
    moved = points - tau  # x(u - tau(u)): lengths stay
    assert np.allclose(np.linalg.norm(moved, axis=-1), np.linalg.norm(points, axis=-1), atol=1e-5)
    cosine = (moved[:, 0, 0] * points[0, 0]).sum(-1) / (points[0, 0] ** 2).sum()
    angles = np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
    assert 20 < angles.max() <= 30.001


def test_deformations_have_the_norm_they_are_given():
    fields = _unit_fields((12, 10))
    again = SmoothDeformation().sample((12, 10), 0.5, 0, len(fields))
    assert np.allclose(again.jacobian_sup_norm, 0.5, rtol=1e-6)
    assert np.array_equal(fields, 2 * again.values)
    tau = Augmentation(deformation=0.3).displacements(30, (12, 10), RNG(0))
    steps = [np.diff(tau, axis=axis) for axis in (1, 2)]
    assert 0.05 < max(np.abs(step).max() for step in steps) < 0.3 * 1.0001
    assert Augmentation(deformation=0.3)(images(3, (1, 9, 2)), RNG(0)).shape == (3, 1, 9, 2)


def test_rotations_go_both_ways_alike():
    tau = Augmentation(rotation=30).displacements(2000, (9, 7), RNG(0))
    moved = np.array([-4, -3]) - tau[:, 0, 0]
    angles = np.rad2deg(np.arctan2(moved[:, 1], moved[:, 0]) - np.arctan2(-3, -4))
    angles = (angles + 180) % 360 - 180
    np.testing.assert_allclose([angles.min(), angles.max()], [-30, 30], atol=0.2)
    assert np.std(angles) == pytest.approx(30 / np.sqrt(3), rel=0.05)
    assert abs(angles.mean()) < 1


@pytest.mark.parametrize("shape", [(2, 5), (6, 2)])
def test_deformations_are_kept_fields_of_any_size_below_the_largest_and_any_signs(shape):
    fields = _unit_fields(shape)
    assert len(fields) == 256  # as the class says
    tau = Augmentation(deformation=0.4).displacements(3000, shape, RNG(0)).astype(np.float64)
    products = np.einsum("nhwc,khwc->nkc", tau, fields)
    norms = np.einsum("khwc,khwc->kc", fields, fields)
    of = np.abs(products**2 / norms).sum(-1).argmax(axis=1)  # the field each is a multiple of, up to signs
    sizes = products[np.arange(3000), of] / norms[of]
    np.testing.assert_allclose(sizes[:, None, None] * fields[of], tau, atol=1e-6)
    np.testing.assert_allclose(np.abs(sizes[:, 0]), np.abs(sizes[:, 1]), rtol=1e-5)
    np.testing.assert_allclose(np.quantile(np.abs(sizes[:, 0]), [0, 0.25, 0.5, 0.75, 1]), np.arange(5) / 10, atol=0.02)
    for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        assert abs(((np.sign(sizes) == (a, b)).all(axis=1)).mean() - 1 / 4) < 0.03
    assert len(np.unique(of)) == 256


def test_images_of_one_line_are_not_deformed():
    for shape in ((1, 9), (9, 1)):
        assert not Augmentation(deformation=0.4).displacements(3, shape, RNG(0)).any()


def test_displacements_add_up_to_one_warp():
    augmentation = Augmentation(shift=1, rotation=10, deformation=0.2)
    x = images()
    tau = augmentation.displacements(len(x), x.shape[1:3], RNG(5))
    assert np.array_equal(augmentation(x, RNG(5)), warp(x, tau))


def test_noise_has_its_deviation():
    x = images(200)
    assert np.std(Augmentation(noise=0.3)(x, RNG(0)) - x) == pytest.approx(0.3, rel=0.03)


def test_flips_mirror_left_and_right_half_of_the_time():
    x = images(400)
    y = Augmentation(flip=True)(x, RNG(0))
    mirrored = (y == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert np.array_equal(mirrored, ~(y == x).all(axis=(1, 2, 3)))
    assert 0.4 < mirrored.mean() < 0.6
    assert np.array_equal(mirrored, RNG(0).random(400) < 0.5)  # so that a seed stands for the same images later


def test_maps_of_more_channels_than_pixels_are_images_too():
    x = images(3, (2, 2, 7))
    assert np.array_equal(
        Augmentation(flip=True)(x, RNG(0)), np.where(RNG(0).random((3, 1, 1, 1)) < 0.5, x[:, :, ::-1], x)
    )


def test_cutout_is_a_square_of_zeros():
    x = images(300)
    y = Augmentation(cutout=4)(x, RNG(0))
    gone = y == 0
    assert np.array_equal(y[~gone], x[~gone])
    rows, columns = gone.any(axis=(2, 3)).sum(axis=1), gone.any(axis=(1, 3)).sum(axis=1)
    assert np.array_equal(gone.sum(axis=(1, 2, 3)), rows * columns)
    assert rows.max() == columns.max() == 4
    assert rows.min() >= 1  # smaller only at the border
    assert gone.mean(axis=0).min() > 0  # anywhere


@pytest.mark.parametrize("side", [2, 3, 4])
def test_cutouts_have_their_middle_at_any_pixel(side):
    """So that a square of 3 px whose middle is on the border keeps two rows, never one, and both ends are alike."""
    gone = Augmentation(cutout=side)(np.ones((4000, 9, 9, 1)), RNG(0)) == 0
    for axes in ((2, 3), (1, 3)):
        lost = gone.any(axis=axes)  # (n, 9): which rows, which columns
        first, last = lost.argmax(1), 8 - lost[:, ::-1].argmax(1)
        middles = np.where(first > 0, first + side // 2, last + 1 - side + side // 2)
        np.testing.assert_allclose(np.bincount(middles, minlength=9) / 4000, 1 / 9, atol=0.02)
        assert lost.sum(1).min() == side - side // 2


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"shift": -1}, "shift must be >= 0"),
        ({"noise": np.nan}, "noise must be"),
        ({"deformation": 1.0}, "deformation must be below 1"),
        ({"shift": 1.01e30}, r"shift must be at most 1e30, got 1\.01e\+30"),
        ({"cutout": 1.5}, "cutout must be an int >= 0"),
        ({"flip": "left"}, "flip must be True or False, got 'left'"),
    ],
)
def test_augmentation_refuses(values, match):
    with pytest.raises(ValueError, match=match):
        Augmentation(**values)


def test_the_largest_changes_are_taken():
    assert Augmentation(noise=1e30).noise == 1e30
    assert Augmentation(deformation=0.999).deformation == 0.999


ALL = Augmentation(shift=1, rotation=10, deformation=0.2, noise=0.1, cutout=2, flip=True)
CHANGES = [Augmentation(), Augmentation(flip=True), Augmentation(noise=0.2), Augmentation(shift=1), ALL]


@pytest.mark.parametrize("augmentation", CHANGES)
def test_images_without_channels_and_integers_are_those_of_one_channel_and_floats(augmentation):
    x = RNG(0).integers(0, 256, (6, 9, 7, 1), dtype=np.uint8)
    y = augmentation(x.astype(np.float32), RNG(1))
    assert y.dtype == np.float32
    for images in (x, x.astype(">i8"), x.astype(bool) * x, x.tolist()):
        assert np.array_equal(augmentation(images, RNG(1)), y)
        assert np.array_equal(augmentation(np.asarray(images)[..., 0], 1), y[..., 0])
    assert augmentation(x[..., 0] / 2, RNG(1)).dtype == np.float64


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (
            np.where(np.arange(7) == 3, np.nan, np.ones((2, 9, 7))),
            r"holds 18 non-finite values .* \(0, 0, 3, 0\)",
        ),
        (np.ones((2, 9, 7, 1), complex), "Complex data not supported: images has dtype complex128"),
        (np.full((2, 9, 7), "ink"), "images must hold numbers"),
        (np.ones((9, 7)), "images has two axes, shape"),
        (np.ones((1, 2, 3, 4, 5)), r"images must be \(n_images, height, width\) or"),
        (np.ones((0, 9, 7)), "images is empty"),
    ],
)
@pytest.mark.parametrize("augmentation", CHANGES[:2])
def test_what_are_no_images_is_refused(augmentation, x, match):
    with pytest.raises(ValueError, match=match):
        augmentation(x, RNG(0))


def test_the_random_state_is_checked():
    with pytest.raises(ValueError, match="random_state must be None, an int >= 0, a numpy Generator or a"):
        Augmentation(flip=True)(images(), "a")
    with pytest.raises(ValueError, match="n must be an int >= 0, got -1"):
        Augmentation(shift=1).displacements(-1, (3, 4), 0)
    with pytest.raises(ValueError, match="shape must be an int >= 1 or a"):
        Augmentation(shift=1).displacements(2, (3, 4, 1), 0)
