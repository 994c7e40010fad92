"""What a network looks for and at: fields and where they begin, filters, the strongest patches."""

import numpy as np
import pytest
import registry
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

from kernelconv import ConvNetClassifier
from kernelconv.networks import ScatteringTransform, serial, strongest_patches
from kernelconv.networks.inspection.fields import extent, field_by_gradient, touched, windows
from kernelconv.networks.inspection.filters import filters
from kernelconv.networks.inspection.resolve import up_to
from kernelconv.operators import (
    AveragePooling,
    Convolution,
    Dense,
    Flatten,
    GaussianPooling,
    KernelMapping,
    Layer,
    MaxPooling,
    PatchExtraction,
    ReLU,
    Residual,
)

RNG = np.random.default_rng


@pytest.mark.parametrize("name", registry.having("differentiable"))
def test_fields_begin_where_they_say(name):
    part = registry.built(name)
    network = serial(part)
    size, rows, columns = windows(network)
    h, w, _ = part.out_shape(part.in_shape)
    for at in {(h // 2, w // 2), ((h - 1) // 2, (w - 1) // 2)}:
        (top, left), (height, width) = extent(touched(field_by_gradient(network, at, RNG(0), 12)))
        per_axis = zip(part.in_shape, size, (rows[at[0]], columns[at[1]]), (top, left), (height, width), strict=False)
        for n, field, first, seen, length in per_axis:
            if 0 <= first and first + field <= n and length:  # what a border copies lies elsewhere
                assert first <= seen
                assert seen + length <= first + field


def test_windows_of_layers_in_a_row_are_those_of_the_image():
    """By hand: a 3x3 convolution with a border of 1, pooling by 2, a 3x3 convolution without border."""
    parts = Convolution(2, 3, padding="zero"), MaxPooling(2), Convolution(2, 3)
    size, rows, columns = windows(serial(*parts).build((8, 10, 1), RNG(0)))
    assert size == (8, 8)  # 3 + (2 - 1) + (3 - 1) * 2
    assert rows.tolist() == [-1, 1]
    assert columns.tolist() == [-1, 1, 3]
    whole, rows, columns = windows(serial(ScatteringTransform(1, 2)).build((8, 10, 1)))
    assert whole == (8, 10)
    assert set(rows) == set(columns) == {0}


def test_a_field_is_as_large_as_summary_says():
    network = serial(Convolution(3, 3), ReLU(), MaxPooling(2), Convolution(3, (3, 2)), AveragePooling(2, 1))
    network = network.build((20, 20, 1), RNG(0))
    for layer, name in enumerate(network.names):
        asked = up_to(network, layer)
        size, rows, columns = windows(asked)
        at = len(rows) // 2, len(columns) // 2
        first, reached = extent(touched(field_by_gradient(asked, at, RNG(0))))
        stated = next(line.split()[2] for line in network.summary().splitlines() if line.startswith(name))
        assert stated == f"{size[0]}x{size[1]}" == f"{reached[0]}x{reached[1]}"
        assert first == (rows[at[0]], columns[at[1]])


def strongest_by_loop(network, x, n, size, first, stride):
    """The n strongest patches of each channel, an image giving one, by loops over all positions."""
    y = network.forward(x)
    padded = np.pad(x, ((0, 0), (20, 20), (20, 20), (0, 0)))
    found = []
    for channel in range(y.shape[3]):
        best = []
        for i, maps in enumerate(y[..., channel]):
            answer, at = max((maps[p], (-p[0], -p[1])) for p in np.ndindex(*maps.shape))
            corner = [f - s * a for f, s, a in zip(first, stride, at, strict=True)]
            best.append((answer, -i, corner))
        for answer, i, (r, c) in sorted(best, reverse=True)[:n]:
            patch = padded[-i, r + 20 : r + 20 + size[0], c + 20 : c + 20 + size[1]]
            found.append((answer, -i, [r, c], patch))
    return found


@pytest.mark.parametrize("padding", ["valid", "zero"])
def test_strongest_patches_are_those_of_a_loop(padding):
    network = serial(Convolution(3, (3, 4), padding=padding), ReLU(), MaxPooling((2, 3)), Convolution(2, 2))
    network = network.build((12, 13, 2), RNG(0))
    x = RNG(1).standard_normal((9, 12, 13, 2))
    found = strongest_patches(network, None, x, n=4)
    first = (0, 0) if padding == "valid" else (-1, -1)
    size = 3 + 1 + 2, 4 + 2 + 3
    wanted = strongest_by_loop(network, x, 4, size, first, (2, 3))
    assert found.patches.shape == (2, 4, *size, 2)
    for k, (answer, image, corner, patch) in enumerate(wanted):
        at = divmod(k, 4)
        assert found.answers[at] == pytest.approx(answer, rel=1e-12)
        assert found.images[at] == image
        assert found.corners[at].tolist() == corner
        np.testing.assert_array_equal(found.patches[at], patch)
    assert (found.corners < 0).any() == (padding == "zero")
    named = strongest_patches(network, "convolution_1", x, n=1)
    assert named.patches.shape == (3, 1, 3, 4, 2)
    np.testing.assert_array_equal(strongest_patches(network, 0, x, n=1).patches, named.patches)
    assert repr(named) == "StrongestPatches(3 channels, 1 patches of 3 x 4 px each)"


def test_a_window_beyond_the_edge_is_a_patch_of_zeros():
    network = serial(Convolution.from_weights(-np.ones((2, 2, 1, 1)), padding=3)).build((5, 6, 1))
    found = strongest_patches(network, 0, RNG(0).random((3, 5, 6)), n=2)
    assert found.patches.shape == (1, 2, 2, 2, 1)
    assert not found.patches.any()


def test_an_estimator_is_asked_as_its_network():
    X = RNG(0).random((12, 6, 6))
    clf = ConvNetClassifier(
        serial(Convolution(2, 3), Flatten(), Dense(2)), epochs=1, image_shape=(6, 6), random_state=0
    )
    clf.fit(X, np.arange(12) % 2)
    by_estimator = strongest_patches(clf, 0, X.reshape(12, -1), n=3)
    by_network = strongest_patches(clf.network_, 0, X, n=3)
    np.testing.assert_array_equal(by_estimator.patches, by_network.patches)
    by_pipeline = strongest_patches(make_pipeline(clf, RidgeClassifier()), np.int64(0), X.reshape(12, -1), n=3)
    np.testing.assert_array_equal(by_pipeline.patches, by_network.patches)
    np.testing.assert_array_equal(filters(clf), filters(clf.network_))
    np.testing.assert_array_equal(filters(make_pipeline(clf, RidgeClassifier())), filters(clf))


def test_filters_of_each_kind_of_layer():
    dense = serial(Flatten(), Dense(3), ReLU(), Dense(2)).build((4, 5, 1), RNG(0))
    weight = dense.parts[1].params["weight"]
    np.testing.assert_array_equal(filters(dense), np.stack([weight[:, k].reshape(4, 5) for k in range(3)]))
    np.testing.assert_array_equal(filters(dense, "dense_2"), filters(dense))
    colour = Dense(2).build((4, 5, 3), RNG(0))
    np.testing.assert_array_equal(filters(colour)[1], colour.params["weight"][:, 1].reshape(4, 5, 3))
    inside = serial(Residual(Convolution(1, 1), serial(Convolution(1, 3, padding="zero")))).build((6, 6, 1), RNG(0))
    assert filters(inside).shape == (1, 1, 1)
    layer = Layer(PatchExtraction(3), KernelMapping(4), GaussianPooling(2))
    ckn = serial(ReLU(), layer, layer).build((12, 12, 1), RNG(0))
    np.testing.assert_array_equal(filters(ckn), ckn.parts[1].mapping.params["anchors"].reshape(4, 3, 3))
    deep = ckn.parts[2].mapping.params["anchors"].reshape(4, 3, 3, 4).mean(-1)
    np.testing.assert_array_equal(filters(ckn, -1), deep)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda n, x: strongest_patches(n, "relu", x),
            ValueError,
            "layer must be one of 'convolution_1', or the position",
        ),
        (lambda n, x: strongest_patches(n, 1, x), ValueError, "layer must be one of 'convolution_1'"),
        (lambda n, x: strongest_patches(n, True, x), ValueError, "layer must be one of"),
        (lambda n, x: strongest_patches(n, np.int64(1), x), ValueError, "layer must be one of"),
        (
            lambda n, x: strongest_patches(n, 0, x, n=4),
            ValueError,
            "n must be at most the number of images, .*: 3, got 4",
        ),
        (lambda n, x: strongest_patches(n, 0, x, n=0), ValueError, "n must be an int >= 1"),
        (
            lambda n, x: strongest_patches(n, 0, x[:, :5], n=1),
            ValueError,
            r"x holds images of shape \(5, 6, 1\), the network is",
        ),
        (lambda n, x: strongest_patches(n, 0, x * np.nan), ValueError, "X holds 108 non-finite"),
        (
            lambda n, x: strongest_patches(RidgeClassifier(), 0, x),
            TypeError,
            "pass a built Network or part, or a fitted",
        ),
        (lambda n, x: strongest_patches(serial(ReLU()), 0, x), ValueError, "is not built: call build"),
        (
            lambda n, x: filters(ReLU().build((6, 6, 1))),
            ValueError,
            r"No layer of Network: ReLU\(\) has filters to see: these are",
        ),
        (
            lambda n, x: filters(serial(ReLU()).build((6, 6, 1)), 0),
            ValueError,
            "Layer 0 of Network: .* has no filters to see",
        ),
    ],
)
def test_wrong_arguments(call, error, words):
    network = serial(Convolution(2, 3)).build((6, 6, 1), RNG(0))
    with pytest.raises(error, match=words):
        call(network, np.ones((3, 6, 6)))
