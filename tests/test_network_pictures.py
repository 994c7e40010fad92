"""Pictures of networks: what is drawn is what is in the arrays."""

import io
import warnings

import numpy as np
import pytest

from kernelconv import ConvNetClassifier, Scattering2D, serial
from kernelconv.networks.inspection.filters import filters
from kernelconv.operators import Convolution, Dense, Flatten, GlobalPooling, MaxPooling, ReLU, WaveletTransform
from kernelconv.report import (
    plot_filters,
    plot_maps,
    plot_patches,
    plot_receptive_field,
    plot_training,
    strongest_patches,
)

matplotlib = pytest.importorskip("matplotlib", reason="pictures need kernelconv[plot]")
plt = pytest.importorskip("matplotlib.pyplot", reason="pictures need kernelconv[plot]")
RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network():
    parts = Convolution(5, 3), ReLU(), MaxPooling(2), Convolution(3, 2), GlobalPooling(), Dense(2)
    return serial(*parts).build((9, 11, 3), RNG(0))


@pytest.fixture(scope="module")
def trained():
    X, y = RNG(0).random((30, 6, 6)), np.arange(30) % 2
    plan = serial(Flatten(), Dense(2))
    return {
        "stopped": ConvNetClassifier(plan, epochs=3, early_stopping=True, random_state=0).fit(X, y),
        "all": ConvNetClassifier(plan, epochs=4, random_state=0).fit(X, y),
    }


def drawn(figure):
    """The pictures of a figure, those of empty panels left out."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def names(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_filters_in_colour_are_grey_at_zero(network):
    figure = plot_filters(network)
    assert figure is plt.gcf(), "pyplot shows it"
    found = drawn(figure)
    assert len(found) == 5
    assert len(figure.axes) == 5
    for picture, weight in zip(found, filters(network), strict=True):
        np.testing.assert_allclose(picture, weight / np.abs(weight).max() / 2 + 0.5, atol=1e-12)
    assert len(drawn(plot_filters(network, "convolution_4", n=2))) == 2
    grey = drawn(plot_filters(network, 3))[0]
    assert grey.shape == (2, 2), "of five channels the mean"


def test_filters_of_several_networks_are_rows_under_their_names(network):
    scattering = Scattering2D(J=2, L=4).fit(np.zeros((1, 16, 16)))
    figure = plot_filters({"a CNN": network, "scattering": scattering})
    assert names(figure) == ["a CNN", "scattering"]
    assert len(figure.axes) == 16
    found = drawn(figure)
    assert len(found) == 5 + 4
    wavelet = filters(scattering)[3]
    np.testing.assert_allclose(found[-1], wavelet / np.abs(wavelet).max() / 2 + 0.5, atol=1e-12)


def test_a_figure_has_rows_for_all_filters():
    wide = Convolution(11, 3).build((6, 6, 1), RNG(0))
    figure = plot_filters(wide, n_columns=4)
    assert len(drawn(figure)) == 11
    assert len(figure.axes) == 12
    assert figure.get_figheight() > plot_filters(wide, n_columns=11).get_figheight()


def test_maps_are_those_of_trace(network):
    image = RNG(1).random((9, 11, 3))
    figure = plot_maps(network, image, n=4)
    maps = [m[0] for m in network.trace(image[None]).values()][:4]  # two layers of one position have no map
    assert names(figure) == ["image", "convolution_1", "relu_2", "maxpooling_3", "convolution_4"]
    assert len(figure.axes) == 5 * 4
    first, *found = drawn(figure)
    np.testing.assert_allclose(first, (image - image.min()) / np.ptp(image))
    wanted = [(m - m.min()) / np.ptp(m) for m in maps]
    channels = [m[..., k] for m in wanted for k in range(min(4, m.shape[2]))]
    assert len(found) == len(channels) == 4 + 4 + 4 + 3
    for picture, channel in zip(found, channels, strict=True):
        np.testing.assert_allclose(picture, channel)
    assert len(drawn(plot_maps(network, image[None]))) == 1 + 5 + 5 + 5 + 3


def test_maps_of_a_signal_are_curves_and_of_wavelets_moduli():
    line = serial(Convolution(2, (1, 3)), ReLU()).build((1, 20, 1), RNG(0))
    signal = RNG(1).standard_normal((1, 20))
    figure = plot_maps(line, signal)
    curves = [axes.lines[0].get_ydata() for axes in figure.axes if axes.lines]
    assert [len(c) for c in curves] == [20, 18, 18, 18, 18]
    np.testing.assert_allclose(curves[0], (signal[0] - signal.min()) / np.ptp(signal))
    wavelets = serial(WaveletTransform(0, L=2)).build((8, 8, 1))
    image = RNG(1).random((8, 8))
    modulus = np.abs(wavelets.forward(image[None, :, :, None])[0])
    found = drawn(plot_maps(wavelets, image))[1]
    np.testing.assert_allclose(found, (modulus[..., 0] - modulus.min()) / np.ptp(modulus))


def test_patches_are_rows_of_a_channel(network):
    found = strongest_patches(network, "maxpooling_3", RNG(1).random((7, 9, 11, 3)), n=6)
    figure = plot_patches(found, n=4, n_columns=5)
    assert names(figure) == [f"channel {k}" for k in range(4)]
    shown = found.patches[:4, :5]
    pictures = drawn(figure)
    assert len(pictures) == len(figure.axes) == 20
    for picture, patch in zip(pictures, shown.reshape(20, *shown.shape[2:]), strict=True):
        np.testing.assert_allclose(picture, (patch - shown.min()) / np.ptp(shown))
    blank = strongest_patches(Convolution(1, 2).build((3, 3, 1), RNG(0)), 0, np.zeros((1, 3, 3)), n=1)
    assert not drawn(plot_patches(blank))[0].any()


def test_receptive_field_by_gradient_fills_the_window_of_summary():
    network = serial(Convolution(3, 3, padding="zero"), ReLU(), MaxPooling(2), Convolution(2, 3))
    figure = plot_receptive_field(network, (16, 18))
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "convolution_4\nwindow 8x8 px\ngradient 8x8 px"
    frame, border = axes.patches
    assert (border.get_x(), border.get_y(), border.get_width(), border.get_height()) == (-0.5, -0.5, 18, 16)
    picture = drawn(figure)[0]
    assert picture.shape == (16, 18)
    assert picture.max() == 1
    rows, columns = np.flatnonzero((picture > 1e-4).any(1)), np.flatnonzero((picture > 1e-4).any(0))
    assert (frame.get_x(), frame.get_y()) == (columns[0] - 0.5, rows[0] - 0.5)
    assert (frame.get_width(), frame.get_height()) == (columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
    stated = network.build((16, 18, 1), RNG(0)).summary().splitlines()[5]
    assert stated.split()[:3] == ["convolution_4", "6x7x2", "8x8"]


def test_a_window_larger_than_the_image_is_drawn_whole():
    network = serial(Convolution(2, 19, padding="zero"))
    figure = plot_receptive_field(network, (8, 10))
    with warnings.catch_warnings():  # matplotlib's, of a layout without room
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO())
    (axes,) = figure.axes
    frame, _ = axes.patches
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (5 - 9.5, 4 - 9.5, 19, 19)
    assert left < frame.get_x() < frame.get_x() + 19 < right
    assert top < frame.get_y() < frame.get_y() + 19 < bottom
    assert axes.get_title(loc="left") == "convolution_1\nwindow 19x19 px\ngradient 8x10 px"


def test_receptive_field_of_a_layer_of_a_built_network_on_given_axes(network):
    axes = plt.figure().subplots()
    assert plot_receptive_field(network, layer="maxpooling_3", axes=axes) is axes.figure
    assert axes.get_title(loc="left").startswith("maxpooling_3\nwindow 4x4 px\ngradient 4x4 px")
    other = plot_receptive_field(network, (30, 30, 3), 0)
    assert drawn(other)[0].shape == (30, 30), "weights are drawn for another shape"


def test_training_curves_are_the_records(trained):
    figure = plot_training(trained)
    loss, accuracy = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "accuracy"]
    (text,) = figure.legends
    assert [t.get_text() for t in text.get_texts()] == ["stopped", "all", "training images", "held-out images"]
    first, second = (one.history_ for one in trained.values())
    for axes, key in ((loss, "loss"), (accuracy, "accuracy")):
        own, validation, other = axes.lines
        np.testing.assert_array_equal(own.get_xydata(), [(r["epoch"], r[key]) for r in first])
        np.testing.assert_array_equal(validation.get_ydata(), [r[f"validation_{key}"] for r in first])
        np.testing.assert_array_equal(other.get_ydata(), [r[key] for r in second])
        assert own.get_color() == validation.get_color() != other.get_color()
        assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "-"]


def test_training_of_one_has_no_names_and_a_history_is_as_good_as_its_estimator(trained):
    alone = plot_training(trained["all"])
    assert not alone.legends
    axes = plt.figure().subplots(2)
    assert plot_training({"mine": trained["all"].history_}, axes=axes) is axes[0].figure
    assert axes[1].get_legend_handles_labels()[1] == ["mine"]
    for one, other in zip(alone.axes, axes, strict=True):
        np.testing.assert_array_equal(one.lines[0].get_xydata(), other.lines[0].get_xydata())
    single = plot_training([{"epoch": 1, "objective": 2.0}])
    assert single.axes[0].lines[0].get_marker() not in ("None", None), "one epoch is a point"


def test_matplotlib_is_left_as_it_was(network):
    with matplotlib.rc_context({"font.size": 7, "axes.spines.top": True}):
        before = dict(matplotlib.rcParams)
        plot_filters(network)
        assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_it_is_said_what_to_install(network, trained, monkeypatch):
    monkeypatch.setattr("kernelconv.report.charts.style.figures_available", lambda: False)
    image = np.zeros((1, 9, 11, 3))
    for draw in (
        lambda: plot_filters(network),
        lambda: plot_maps(network, image),
        lambda: plot_patches(strongest_patches(network, 0, image, n=1)),
        lambda: plot_receptive_field(network, layer=0),
        lambda: plot_training(trained),
    ):
        with pytest.raises(ImportError, match=r"Figures need matplotlib: pip install kernelconv\[plot\]"):
            draw()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda n: plot_filters(n, n=0), ValueError, "n must be an int >= 1"),
        (lambda n: plot_filters({}), ValueError, "There is nothing to draw: the dict of networks is empty"),
        (lambda n: plot_filters(n, "relu_2"), ValueError, "Layer 'relu_2' of Network: .* has no filters to see"),
        (lambda n: plot_filters("cnn"), TypeError, "A network is asked what it does, got 'cnn': pass a built Network"),
        (lambda n: plot_maps(n, np.zeros((2, 9, 11, 3))), ValueError, r"image must be one image of shape \(9, 11, 3\)"),
        (lambda n: plot_maps(n, np.full((9, 11, 3), np.nan)), ValueError, "image holds 297 non-finite"),
        (lambda n: plot_maps(n, np.zeros(5)), ValueError, "image must be"),
        (lambda n: plot_patches(np.zeros((2, 2, 3, 3, 1))), TypeError, "found must be what strongest_patches"),
        (lambda n: plot_receptive_field(n, (3,)), ValueError, "in_shape must be .height, width, channels."),
        (lambda n: plot_receptive_field(serial(ReLU())), ValueError, "is not built"),
        (lambda n: plot_receptive_field(n, layer="x"), ValueError, "layer must be one of 'convolution_1'"),
        (lambda n: plot_training(n), TypeError, "A training is a fitted estimator with a history_"),
        (lambda n: plot_training([]), ValueError, "There is nothing to draw: no record of a training"),
        (lambda n: plot_training([{"loss": 1.0}], axes=[1, 2]), ValueError, "draws 1 panels, loss; got 2 axes"),
    ],
)
def test_wrong_arguments(network, call, error, words):
    with pytest.raises(error, match=words):
        call(network)
