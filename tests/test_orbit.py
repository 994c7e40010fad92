"""Group invariance: exact under quarter turns and flips, alone among what is close to it."""

import numpy as np
import pytest

from kernelconv import ConvKernelNetwork, load_digits_images
from kernelconv.operators import (
    Convolution,
    GaussianPooling,
    KernelMapping,
    Layer,
    Modulus,
    OrbitPooling,
    PatchExtraction,
)
from kernelconv.testing import check_vjp, dot_test

TURNS = {
    "rotations": [lambda x: np.rot90(x, k=1, axes=(1, 2)), lambda x: np.rot90(x, k=2, axes=(1, 2))],
    "flips": [lambda x: x[:, :, ::-1]],
}
TURNS["rotations and flips"] = [*TURNS["rotations"], *TURNS["flips"], lambda x: np.swapaxes(x, 1, 2)]


@pytest.mark.parametrize("group", list(TURNS))
@pytest.mark.parametrize("size", [8, 7])
def test_features_do_not_change_under_the_group(group, size):
    x = load_digits_images()[0][:60, :size, :size].astype(np.float64)
    ckn = ConvKernelNetwork((6, 9), 3, 2, group=group, n_patches=500, random_state=0).fit(x)
    plain = ConvKernelNetwork((6, 9), 3, 2, n_patches=500, random_state=0).fit(x)
    features, other = ckn.transform(x), plain.transform(x)
    assert features.shape == other.shape
    assert np.linalg.norm(features - features.mean(0)) > 0.1 * np.linalg.norm(features)
    for turn in TURNS[group]:
        assert np.linalg.norm(ckn.transform(turn(x)) - features) < 1e-12 * np.linalg.norm(features)
        assert np.linalg.norm(plain.transform(turn(x)) - other) > 0.05 * np.linalg.norm(other)
    skew = np.roll(x, 1, axis=2)  # no element of the group
    assert np.linalg.norm(ckn.transform(skew) - features) > 0.01 * np.linalg.norm(features)
    assert len(ckn.anchors_) == 2


@pytest.mark.parametrize("group", list(TURNS))
def test_it_is_the_mean_over_the_group(group):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 5, 2))
    inner = Convolution(3, 2, bias=False)
    part = OrbitPooling(inner, group).build((5, 5, 2), rng)
    turned = {
        "rotations": [np.rot90(x, k, axes=(1, 2)) for k in range(4)],
        "flips": [x, x[:, :, ::-1]],
    }
    turned["rotations and flips"] = [v for k in turned["rotations"] for v in (k, k[:, ::-1])]
    mean = np.mean([part.part.forward(np.ascontiguousarray(v)) for v in turned[group]], axis=0)
    assert np.abs(mean).max() > 0.1
    assert np.abs(part.forward(x) - mean).max() < 1e-12
    dot_test(part, rng)
    check_vjp(part, x, rng)
    assert part.multiply_adds((5, 5, 2)) == len(turned[group]) * inner.multiply_adds((5, 5, 2))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="Quarter turns need square images"):
        ConvKernelNetwork(3, group="rotations").fit(np.ones((3, 6, 5)))
    with pytest.raises(ValueError, match="group must be one of"):
        ConvKernelNetwork(3, group="shifts").fit(np.ones((3, 6, 6)))


def test_anchors_are_learned_from_turned_images():
    x = np.random.default_rng(0).random((40, 8, 8, 1)) ** 3
    part = OrbitPooling(Layer(PatchExtraction(3), KernelMapping(6), GaussianPooling(2)), "flips")
    built = [part.build((8, 8, 1), np.random.default_rng(1), data=data) for data in (x, 1 - x, None)]
    anchors = [one.part.mapping.params["anchors"] for one in built]
    assert (anchors[0] >= 0).all()  # as the patches of these images are; random directions are not
    assert not np.allclose(anchors[0], anchors[1])
    assert (anchors[2] < 0).any()


@pytest.mark.parametrize("group", list(TURNS))
def test_training_images_are_turned_by_the_elements_in_turn(group):
    seen = []

    class Watching(Modulus):
        def build(self, in_shape, rng=None, data=None):
            seen.append(data[np.arange(len(data))])
            return super().build(in_shape, rng, data)

    image = np.random.default_rng(0).random((4, 4, 2))
    rotations = [np.rot90(image, k) for k in range(4)]
    orbit = {"rotations": rotations, "flips": [image, image[:, ::-1]]}
    orbit["rotations and flips"] = [*rotations, *(v[:, ::-1] for v in rotations)]
    n = len(orbit[group])
    OrbitPooling(Watching(), group).build((4, 4, 2), None, np.stack([image] * (2 * n + 1)))
    assert np.array_equal(seen[0][0], image)
    assert {v.tobytes() for v in seen[0][:n]} == {np.ascontiguousarray(v).tobytes() for v in orbit[group]}
    assert np.array_equal(seen[0][n : 2 * n], seen[0][:n])
    assert np.array_equal(seen[0][2 * n], image)


def test_an_image_that_is_not_square_has_no_quarter_turns():
    for group in ("rotations", "rotations and flips"):
        with pytest.raises(ValueError, match=r"Quarter turns need square images, got \(4, 5\) px: use group='flips'"):
            OrbitPooling(Modulus(), group).build((4, 5, 1))
    assert OrbitPooling(Modulus(), "flips").build((4, 5, 1)).out_shape((4, 5, 1)) == (4, 5, 1)
