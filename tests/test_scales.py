"""Values far from one, where squares overflow or vanish: right to rounding or refused in words, never 0 or NaN."""

import numpy as np
import pytest

from kernelconv import (
    AffineSubspaceClassifier,
    ConvKernel,
    ConvKernelClassifier,
    ConvKernelNetwork,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    SeparableScattering2D,
)
from kernelconv._scales import bounds, largest, rescaled, rms_norm, row_norms, scales, squarable
from kernelconv.operators import (
    BatchNorm,
    Exponential,
    GaussianPooling,
    KernelMapping,
    Layer,
    PatchCentering,
    PatchExtraction,
    Standardization,
)
from kernelconv.operators.fast.layers import FusedByTiles

FAR = [(np.float32, 2.0**100), (np.float32, 2.0**-100), (np.float64, 2.0**600), (np.float64, 2.0**-600)]


def images(n=12, dtype=np.float64):
    x = np.random.default_rng(0).random((n, 8, 8))
    x[np.arange(n), 2 * (np.arange(n) % 3)] += 2  # three classes: where the bright row lies
    return x.astype(dtype)


def relative(a, b):
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# -- the powers of two ------------------------------------------------------------------------------------------------


def test_each_image_comes_into_the_ordinary_range_and_the_others_stay():
    x = np.array([[1e30, -2e30], [-3, 1], [1e-30, 0], [0, 0], [np.inf, 1e30], [np.nan, 1], [1e-45, 0]], np.float32)
    by = scales(x)
    assert by.shape == (7, 1)
    assert by.dtype == np.float32
    exact = np.frexp(by[:, 0])
    assert (exact[0] == 0.5).all()  # powers of two
    assert list(by[[1, 3, 4, 5], 0]) == [1, 1, 1, 1]
    assert 0.5 <= largest(x[0] * by[0]) < 1
    assert 0.5 <= largest(x[2] * by[2]) < 1
    low, high = bounds(np.float32)
    assert low < largest(x[6] * by[6]) < high  # a denormal number
    assert scales(x[[1, 3]]) is None
    assert scales(x[1:2], np.float32([1e30])) is None  # a strange norm is looked into


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_are_in_the_ordinary_range_and_what_lies_beyond_is_not(dtype):
    for bound, beyond in zip(bounds(dtype), (0.5, 2), strict=True):
        assert scales(np.array([[bound]], dtype)) is None
        assert scales(np.array([[bound * beyond]], dtype)) is not None
    low, high = (np.array(b, dtype) for b in bounds(dtype))
    assert (low * np.finfo(dtype).eps) ** 2 > np.finfo(dtype).tiny / 100  # digits of the smallest are hardly lost
    assert 1e4 * high**2 < np.finfo(dtype).max


def test_values_that_leave_no_room_for_sums_are_refused():
    with pytest.raises(ValueError, match=r"as large as 1e\+35 leave no room for sums in float32, .* pass float64\."):
        scales(np.full((1, 2), 1e35, np.float32))
    with pytest.raises(ValueError, match=r"as large as 1e\+305 leave no room .* in float64, .*\. Divide them first\.$"):
        scales(np.full((1, 2), 1e305))


def test_rescaled_undoes_what_it_did():
    x = np.float32([[3e30, 4e30], [3, 4]])
    got = rescaled(lambda v: np.sqrt((v**2).sum(axis=1)), x, scales(x))
    np.testing.assert_allclose(got, np.float32([5e30, 5]), rtol=1e-6)
    np.testing.assert_allclose(row_norms(x), np.float32([5e30, 5]), rtol=1e-6)


def test_ordinary_norms_keep_their_bits():
    x = np.random.default_rng(0).standard_normal((50, 9)).astype(np.float32)
    x[3] = 0
    assert np.array_equal(row_norms(x), np.linalg.norm(x, axis=1))
    assert rms_norm(x) == np.sqrt(np.einsum("nd,nd->n", x, x).mean(dtype=np.float64))
    assert rms_norm(np.zeros((2, 3))) == 0


@pytest.mark.parametrize(("dtype", "far"), FAR)
def test_root_mean_square_norm_of_any_scale(dtype, far):
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(dtype)
    assert rms_norm(x * dtype(far)) == pytest.approx(rms_norm(x) * far, rel=1e-6)


# -- what squares -----------------------------------------------------------------------------------------------------

PHI = {
    "ckn": ConvKernelNetwork((6, 5), 3, 2, random_state=0),
    "ckn centered": ConvKernelNetwork(6, 3, 2, input="centered", random_state=0),
    "ckn by gradient": ConvKernelNetwork(6, 1, 2, input="gradient", random_state=0),
    "scattering": Scattering2D(2, 3),
    "scattering of decisive paths": Scattering2D(2, 3, energy=0.95),
    "roto-translation": RotoTranslationScattering2D(2, 2),
    "separable": SeparableScattering2D(2),
}


@pytest.mark.parametrize(("dtype", "far"), FAR[::3])
@pytest.mark.parametrize("name", PHI)
def test_representations_grow_with_the_images(name, dtype, far):
    x = images(dtype=dtype)
    wanted, got = PHI[name].fit(x).transform(x), PHI[name].fit(x * dtype(far)).transform(x * dtype(far))
    assert got.dtype == dtype
    assert relative(got / dtype(far), wanted) < 1e-4


@pytest.mark.parametrize(("dtype", "far"), FAR)
def test_whitened_and_standardized_images_have_no_scale(dtype, far):
    x = images(dtype=dtype)
    ckn = ConvKernelNetwork(6, 3, 2, input="whitened", random_state=0)
    assert relative(ckn.fit(x * dtype(far)).transform(x * dtype(far)), ckn.fit(x).transform(x)) < 1e-4
    each = [Standardization().build((8, 8, 1), data=v).forward(v) for v in (x[..., None], x[..., None] * dtype(far))]
    assert relative(each[1], each[0]) < 1e-4
    assert abs(each[1].std() - 1) < 1e-3


@pytest.mark.parametrize(("dtype", "far"), FAR)
def test_signals_and_inner_maps(dtype, far):
    x = images(dtype=dtype)
    rows = x.reshape(12, 64)
    scattering = Scattering1D(3, 2).fit(rows)
    assert relative(scattering.transform(rows * dtype(far)) / dtype(far), scattering.transform(rows)) < 1e-5
    planar = Scattering2D(2, 3).fit(x)
    path = planar.paths_[-1]
    assert relative(planar.propagate(x * dtype(far), path) / dtype(far), planar.propagate(x, path)) < 1e-5


def test_scattering_refuses_what_leaves_no_room_for_sums():
    x = images(dtype=np.float32)
    far, planar = x * np.float32(1e37), Scattering2D(2, 3).fit(x)
    for call in (
        lambda: planar.transform(far),
        lambda: planar.propagate(far, planar.paths_[-1]),
        lambda: RotoTranslationScattering2D(2, 2).fit(x).transform(far),
        lambda: Scattering1D(3, 2).fit_transform(far.reshape(12, 64)),
    ):
        with pytest.raises(ValueError, match=r"Values as large as \S+ leave no room for sums in float32"):
            call()


def test_gradients_of_scattering_down_to_the_smallest_numbers():
    x = images(2, np.float32)[..., None]
    network = Scattering2D(2, 3).fit(x).network_
    g = np.random.default_rng(1).standard_normal((2, 2, 2, 16)).astype(np.float32)
    assert relative(network.vjp(x * np.float32(2.0**-124), g)[0], network.vjp(x, g)[0]) < 1e-4


def test_energies_of_float32_and_what_leaves_float64():
    x = images(dtype=np.float32)
    planar = Scattering2D(2, 3, max_order=1).fit(x)
    far = np.float32(2.0**100)
    assert planar.residual_energy(x) > 0
    assert relative(planar.energies(x * far), planar.energies(x) * 2.0**200) < 1e-5
    assert planar.residual_energy(x * far) == pytest.approx(planar.residual_energy(x) * 2.0**200, rel=1e-5)
    for energy in (planar.energies, planar.residual_energy):
        with pytest.raises(ValueError, match="leave the range of float64"):
            energy(images() * 1e200)
    with pytest.raises(ValueError, match="of the images, and these hold none: they are black"):
        Scattering2D(2, 3, energy=0.9).fit(np.zeros((2, 8, 8)))


def test_end_to_end_training_does_not_see_the_scale():
    x, y = images(dtype=np.float32), np.arange(12) % 3
    classifier, objectives = ConvKernelClassifier(4, 3, 2, n_patches=200, epochs=1, random_state=0), []
    for scaled in (x, *(x.astype(dtype) * dtype(far) for dtype, far in FAR)):
        assert classifier.fit(scaled, y).score(scaled, y) == 1
        objectives.append(classifier.history_[-1]["objective"])
    np.testing.assert_allclose(objectives[1:], objectives[0], rtol=1e-3)


@pytest.mark.parametrize("far", [1e19, 1e-25])
def test_affine_subspaces_and_exact_kernels_go_on_in_float64(far):
    x, y = images(30, np.float32), np.arange(30) % 3
    rows = x.reshape(30, -1)
    near, far_off = (AffineSubspaceClassifier(2).fit(v, y) for v in (rows, rows * np.float32(far)))
    scores = far_off.decision_function(rows * np.float32(far))
    assert scores.dtype == np.float64
    assert near.decision_function(rows).dtype == np.float32
    assert relative(scores / far**2, near.decision_function(rows)) < 1e-4
    assert far_off.score(rows * np.float32(far), y) == 1
    kernel = ConvKernel(3, 2)
    gram = kernel(x[:3] * np.float32(far))
    assert (gram.dtype, kernel(x[:3]).dtype) == (np.float64, np.float32)
    assert relative(gram / far**2, kernel(x[:3])) < 1e-5
    assert relative(kernel.diag(x[:3] * np.float32(far)), np.diag(gram)) < 1e-5


def test_one_far_image_is_enough():
    """A Gram matrix of images of which one is tiny has an entry for it, and so has that of two sets."""
    x = images(3)
    tiny = (x * np.array([1, 1, 1e-25]).reshape(3, 1, 1)).astype(np.float32)
    gram, wanted = ConvKernel(3, 2)(tiny), ConvKernel(3, 2)(x)
    np.testing.assert_allclose(gram[2, :2] / 1e-25, wanted[2, :2], rtol=1e-5)
    np.testing.assert_allclose(ConvKernel(3, 2)(tiny[:2], tiny[2:])[:, 0], gram[:2, 2], rtol=1e-6)
    np.testing.assert_allclose(ConvKernel(3, 2)(tiny[2:], tiny[:2])[0], gram[2, :2], rtol=1e-6)
    assert ConvKernel(3, 2)(tiny[:2], tiny[2:]).dtype == ConvKernel(3, 2)(tiny[2:], tiny[:2]).dtype == np.float64


@pytest.mark.parametrize("far", [1e200, 1e-200])
def test_squares_that_leave_float64_are_refused(far):
    x, y = images(6), np.arange(6) % 3
    rows = x.reshape(6, -1)
    fitted = AffineSubspaceClassifier(0).fit(rows, y)
    for call in (
        lambda: AffineSubspaceClassifier(0).fit(rows * far, y),
        lambda: fitted.predict(rows * far),
        lambda: ConvKernel()(x * far),
        lambda: ConvKernel()(x, x[:2] * far),
    ):
        with pytest.raises(ValueError, match=r"cannot be squared in float64: they overflow or vanish\. Multiply them"):
            call()
    assert squarable(np.zeros((2, 3), np.float32)).dtype == np.float32


def test_gram_of_rows_of_any_scale():
    x = np.float32([[3e25, 4e25], [1, 0]])
    gram = Exponential(1).gram(x[1:], x)
    np.testing.assert_allclose(gram, [[5e25 * np.exp(3 / 5 - 1), 1]], rtol=1e-6)
    np.testing.assert_allclose(Exponential(1).gram(np.array([[3, 4]])), [[25]], rtol=1e-6)  # ints become float32


def test_batch_statistics_that_overflow_are_refused():
    x = images(dtype=np.float32)[..., None]
    part = BatchNorm().build((8, 8, 1)).astype(np.float32)
    for run in (part, type("Plain", (BatchNorm,), {})().build((8, 8, 1)).astype(np.float32)):  # engine and definition
        with pytest.raises(ValueError, match="Squares of the maps that BatchNorm normalises overflow"):
            run.pullback(x * np.float32(1e30), train=True)


# -- nothing but rounding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("input", "part"), [("whitened", "PatchWhitening cannot"), ("centered", "PatchCentering leav")]
)
def test_flat_patches_are_refused_rather_than_blown_up(input, part, dtype):
    levels = 0.1 * np.random.default_rng(0).random((70, 1, 1))  # more than one block is looked at
    row = np.random.default_rng(0).random((70, 1, 9))
    ckn = ConvKernelNetwork(4, 3, 2, padding="symmetric", input=input, random_state=0)
    rows = ConvKernelNetwork(4, ((3, 1),), 1, padding="symmetric", input=input, random_state=0)
    for model, x in ((ckn, np.broadcast_to(levels, (70, 8, 8))), (rows, row), (ckn, np.zeros((70, 8, 8)))):
        with pytest.raises(ValueError, match=f"{part}.* flat patches: every sampled one is constant, up to rounding"):
            model.fit(x.astype(dtype))
    x = np.array(np.broadcast_to(levels, (70, 8, 8)), dtype)
    x[69, 4, 4] += 0.1  # one image with contrast is enough to learn from
    features = ckn.fit(x).transform(x)
    assert np.linalg.norm(features[69]) > 0.01
    assert np.linalg.norm(features[:69], axis=1).max() < 1e-4 * np.linalg.norm(features[69])


def test_a_bright_flat_image_does_not_hide_faint_contrast():
    patches = np.random.default_rng(0).standard_normal((50, 1, 1, 9)).astype(np.float32)
    patches[0] = 1e9
    PatchCentering(3).build((1, 1, 9), data=patches)
    with pytest.raises(ValueError, match="PatchCentering leaves nothing of flat patches"):
        PatchCentering(3).build((1, 1, 9), data=patches[:1])
    flat = np.full((2, 1, 1, 9), 7, np.uint8)
    with pytest.raises(ValueError, match="PatchCentering leaves nothing of flat patches"):
        PatchCentering(3).build((1, 1, 9), data=flat)


@pytest.mark.parametrize("background", [0.0, 1.0])
def test_far_values_beside_others_go_through_tiles(background):
    layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(5), GaussianPooling(2))
    layer = layer.build((12, 12, 6), np.random.default_rng(0)).astype(np.float32)
    assert isinstance(layer._engine, FusedByTiles)
    x = np.full((2, 12, 12, 6), background, np.float32)
    x[:, :5, :5] = 2.0**100 * np.random.default_rng(1).random((2, 5, 5, 6))
    expected = layer.astype(np.float64).forward(x.astype(np.float64))
    assert relative(layer.forward(x), expected) < 1e-5
