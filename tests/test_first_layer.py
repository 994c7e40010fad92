"""Pictures of a first layer: the wavelets, anchors and filters themselves."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelNetwork, ConvNetClassifier, Scattering2D
from kernelconv._files import pack, unpack
from kernelconv.networks.serial import serial
from kernelconv.operators import Convolution, Dense, Flatten
from kernelconv.studies.accuracy import AccuracyCell, first_layers
from kernelconv.studies.first_layer import first_layer, pictures


@pytest.fixture(params=[(), (2,), (3,)], ids=["grey", "two channels", "colour"])
def images(request):
    return np.random.default_rng(0).random((20, 10, 12, *request.param))


def seen(patches):
    """Return patches (k, h, w, c) as one sees them."""
    return patches if patches.shape[-1] == 3 else sum(np.moveaxis(patches, -1, 0)) / patches.shape[-1]


def test_filters_of_a_cnn(images):
    plan = serial(Convolution(5, (3, 4)), Flatten(), Dense(2))
    fitted = ConvNetClassifier(plan, epochs=1, random_state=0).fit(images, np.arange(20) % 2)
    weight = fitted.network_.parts[0].params["weight"]  # (row, column, channel of the patch; filter)
    c = 1 if images.ndim == 3 else images.shape[3]
    filters = [weight[:, k].reshape(3, 4, c) for k in range(5)]
    np.testing.assert_array_equal(first_layer(fitted), seen(np.stack(filters)))


def test_anchors_of_a_kernel_network(images):
    fitted = ConvKernelNetwork((6, 4), patch_size=((3, 2), 2), input="raw", n_patches=200, random_state=0).fit(images)
    c = 1 if images.ndim == 3 else images.shape[3]
    expected = seen(fitted.anchors_[0].reshape(6, 3, 2, c))
    np.testing.assert_array_equal(first_layer(make_pipeline(fitted, RidgeClassifier())), expected)
    pixels = ConvKernelNetwork((6, 4), patch_size=(1, 2), input="raw", n_patches=200, random_state=0)
    if c > 1:  # on one channel all pixels look alike
        assert first_layer(pixels.fit(images)) is None


def test_wavelets_of_scattering():
    fitted = Scattering2D(J=2, L=4).fit(np.zeros((1, 16, 20)))
    bank = fitted.filter_bank_
    assert bank.shape == (24, 28)  # of the images and their borders
    psi = np.fft.ifft2(bank.psi).real[:, ::2].reshape(4, 24, 28)  # scales by every other angle
    for picture, wavelet in zip(first_layer(fitted), psi, strict=True):
        np.testing.assert_array_equal(picture, np.roll(wavelet, (12, 14), (0, 1))[:, 2:26])


@pytest.mark.parametrize("shape", [(9, 40), (40, 33)])
def test_wavelets_are_square_and_around_their_centre_whatever_the_images(shape):
    fitted = Scattering2D(J=2, L=4).fit(np.zeros((1, *shape)))
    h, w = fitted.filter_bank_.shape
    psi = np.fft.ifft2(fitted.filter_bank_.psi).real[:, ::2].reshape(4, h, w)
    half = min(h, w, 24) // 2
    at = np.arange(-half, half)
    np.testing.assert_array_equal(first_layer(fitted), psi[:, at[:, None], at])  # from the end of an axis: below zero


def test_what_has_no_first_layer_to_see():
    assert first_layer(RidgeClassifier()) is None
    assert pictures(RidgeClassifier()) is None


def test_pictures_are_scaled_to_the_largest_value_of_each():
    fitted = Scattering2D(J=2, L=4).fit(np.zeros((1, 16, 20)))
    layer = first_layer(fitted)
    for n, kept in ((16, [0, 1, 2, 3]), (2, [0, 3]), (3, [0, 2, 3])):
        found = unpack(pictures(fitted, n))
        scaled = layer[kept] / np.abs(layer[kept]).max((1, 2), keepdims=True)
        assert found.dtype == np.int8
        assert np.abs(found - 127 * scaled).max() <= 0.6
        assert (np.abs(found).max((1, 2)) == 127).all()


def test_pictures_of_a_study_are_read_back_from_minus_one_to_one():
    kept = {
        AccuracyCell("a", 100, 0, "test"): {"first_layer": pack(np.array([[[-127, 0, 127]]], np.int8))},
        AccuracyCell("b", 100, 0, "test"): {},
    }
    sweep = SimpleNamespace(records=lambda: kept, study=SimpleNamespace(models=["a", "b"]))
    assert first_layers(sweep)["a"].tolist() == [[[-1, 0, 1]]]
    assert list(first_layers(sweep)) == ["a"]
