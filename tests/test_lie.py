"""The Lie derivative error, and the equivariance error of fields that it is the limit of."""

import numpy as np
import pytest
from scipy import ndimage

from kernelconv.deformations import AffineField, Rotation, SineField, SmoothDeformation, warp, warp_derivative
from kernelconv.networks import serial
from kernelconv.operators import Convolution, GaussianPooling, KernelMapping, Layer, PatchExtraction, ReLU
from kernelconv.stability import equivariance_error, lie_error, translation_error
from kernelconv.stability.equivariance.lie import as_generator, lie_derivative
from kernelconv.stability.representation import as_gradient

#: Time of the displacements that stand for the limit.
SMALL = 1e-7


def images(n=3, h=12, w=10, c=1, seed=0):
    return np.random.default_rng(seed).standard_normal((n, h, w, c))


def blobs(n=2, side=45, width=2.8, seed=0):
    """Gaussian spots near the centre of an image that is 0 far around them: band-limited, to rounding."""
    rng, u = np.random.default_rng(seed), np.arange(side) - (side - 1) / 2
    spots = [np.exp(-((u[:, None] - a) ** 2 + (u - b) ** 2) / (2 * width**2)) for a, b in rng.uniform(-3, 3, (n, 2))]
    return np.stack(spots)[..., None]


def network(padding="zero"):
    layer = Layer(PatchExtraction(3, padding=padding), KernelMapping(4), GaussianPooling(2))
    return serial(layer, Convolution(3, 3)).build((12, 10, 1), np.random.default_rng(0), images(8, seed=5))


def moved(generator, t, sides):
    """The displacement at time t of the one-parameter group of a generator."""
    if generator == "rotation":
        cos, sin = np.cos(t), np.sin(t)
        return AffineField(sides, np.eye(2) - [[cos, -sin], [sin, cos]], np.zeros(2))
    if generator == "dilation":
        return AffineField(sides, (1 - np.exp(-t)) * np.eye(2), np.zeros(2))
    field = as_generator(generator, (1, *sides))
    return field.scaled(t)


GENERATORS = [(1.0, 0.0), (-0.6, 0.8), "rotation", "dilation", "shear"]


# -- the law ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["zero", "circular", "symmetric"])
@pytest.mark.parametrize("order", [3, "fourier"])
@pytest.mark.parametrize("generator", GENERATORS, ids=str)
def test_it_is_the_limit_of_the_equivariance_error(generator, order, padding):
    x, phi, how = images(), network(), {"order": order, "padding": padding}
    found = lie_error(phi, x, generator, **how)
    limit = equivariance_error(phi, x, moved(generator, SMALL, (12, 10)), **how) / SMALL
    np.testing.assert_allclose(found, limit, rtol=1e-5)
    assert (found > 0.05).all()


@pytest.mark.parametrize("shift", [(1.0, 0.0), (-0.6, 0.8), (0.0, 2.0)])
def test_of_translations_by_pixels_too(shift):
    x, phi = images(), network()
    limit = equivariance_error(phi, x, tuple(SMALL * c for c in shift)) / SMALL
    np.testing.assert_allclose(lie_error(phi, x, shift), limit, rtol=1e-5)
    limit = translation_error(phi, x, tuple(SMALL * c for c in shift)) / SMALL
    np.testing.assert_allclose(lie_error(phi, x, shift, output="invariant", order=3), limit, rtol=1e-5)


def test_of_fields_one_an_image():
    fields = SmoothDeformation(2).sample((12, 10), 0.4, rng=1, size=3)
    x, phi = images(), network()
    found = lie_error(phi, x, fields)
    np.testing.assert_allclose(found, equivariance_error(phi, x, fields.scaled(SMALL)) / SMALL, rtol=1e-5)
    alone = [lie_error(phi, x[i : i + 1], fields[i])[0] for i in range(3)]
    np.testing.assert_allclose(found, alone, rtol=1e-6)
    # these vanish on the border, which is as it was
    limit = equivariance_error(lambda x: x**3, x, fields.scaled(SMALL)) / SMALL
    np.testing.assert_allclose(lie_error(lambda x: x**3, x, fields), limit, rtol=1e-5)


# -- known answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 10), (11, 9)])
def test_a_circular_convolution_commutes_with_translations(shape):
    part = Convolution(4, 3, padding="circular").build((*shape, 2), np.random.default_rng(0))
    x = images(3, *shape, 2)
    for generator in ((1, 0), (0, 1), (0.3, -0.7)):
        assert lie_error(part, x, generator, padding="circular").max() < 1e-9
        assert lie_error(part, x, generator, output="invariant", padding="circular").min() > 0.5
    assert lie_error(serial(part, ReLU()), x, (1, 0), padding="circular").min() > 0.05


@pytest.mark.parametrize("padding", ["circular", "zero", "reflect"])
@pytest.mark.parametrize("order", [3, "fourier"])
def test_the_identity_as_an_invariant_map_is_the_slope_of_the_image(order, padding):
    x, unit = images(4, 9, 8, 2), np.array([0.6, -0.8])
    slope = warp_derivative(x, np.zeros((9, 8, 2)), order=order, padding=padding) @ unit
    expected = np.sqrt((slope**2).sum((1, 2, 3)) / (x**2).sum((1, 2, 3)))
    found = lie_error(lambda x: x, x, tuple(unit), output="invariant", order=order, padding=padding)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_a_wave_has_the_slope_of_its_formula():
    x = np.sin(2 * np.pi * 3 * np.arange(16) / 16) * np.ones((1, 5, 1))
    found = lie_error(lambda x: x, x, (0.0, 2.0), output="invariant", padding="circular")
    assert found[0] == pytest.approx(2 * 2 * np.pi * 3 / 16, rel=1e-9)
    assert lie_error(lambda x: x, x, (1.0, 0.0), output="invariant", padding="circular")[0] < 1e-9


@pytest.mark.parametrize("generator", ["rotation", "dilation", "shear"])
def test_what_is_defined_without_places_moves_with_its_input(generator):
    x = blobs()
    assert lie_error(lambda x: x**2, x, generator).max() < 1e-6
    assert equivariance_error(lambda x: x**2, x, moved(generator, 0.2, (45, 45))).max() < 1e-6
    assert lie_error(lambda x: x * np.arange(45)[:, None], x, generator).min() > 0.05


def test_an_isotropic_blur_turns_and_does_not_grow_with_the_picture():
    x = blobs()
    blur, one = (lambda x, s=s: ndimage.gaussian_filter(x, (0, *s, 0), truncate=9) for s in ((2, 2), (2, 0)))
    assert lie_error(blur, x, "rotation").max() < 1e-6
    assert equivariance_error(blur, x, Rotation().sample((45, 45), 0.3, rng=0)).max() < 1e-6
    for phi, generator in ((one, "rotation"), (blur, "dilation"), (blur, "shear")):
        assert lie_error(phi, x, generator).min() > 0.1
        assert equivariance_error(phi, x, moved(generator, 0.2, (45, 45))).min() > 0.02


def test_a_dilated_gaussian_has_its_closed_form():
    u = np.arange(41) - 20.0
    x = np.exp(-(u[:, None] ** 2 + u**2) / 18)[None]
    # (u . grad)^2 of exp(-u^2 / 2 w^2) has the mean u^4 / w^4, 2 in two dimensions
    found = lie_error(lambda x: x, x, "dilation", output="invariant")
    assert found[0] == pytest.approx(np.sqrt(2), rel=1e-6)


def test_maps_move_about_their_own_centre_by_the_stride():
    x = blobs(side=60, width=5.5)
    means = lambda x: x.reshape(len(x), 20, 3, 20, 3, -1).mean((2, 4))  # noqa: E731
    found = [
        lie_error(phi, x, "rotation").max() for phi in (means, lambda x: means(x)[:, ::-1], lambda x: x[:, ::3, ::3])
    ]
    assert found[0] < 1e-3
    assert found[1] > 0.3  # a mirrored map turns the other way
    assert found[2] > 0.05  # the corner of each square is not its centre
    turn = Rotation().sample((60, 60), 0.2, rng=0)
    assert (
        equivariance_error(means, x, turn).max()
        < 1e-3
        < 0.01
        < equivariance_error(lambda x: x[:, ::3, ::3], x, turn).min()
    )


def inside(n, size, margin):
    """Random images that are 0 on a margin."""
    x = np.zeros((n, size, size, 1))
    x[:, margin:-margin, margin:-margin] = np.random.default_rng(0).random((n, size - 2 * margin, size - 2 * margin, 1))
    return x


def test_maps_without_padding_move_by_the_stride_of_their_network():
    x, valid = inside(2, 28, 10), Convolution(4, 3, padding="valid").build((28, 28, 1), np.random.default_rng(0))
    for phi, given in ((valid, {}), (valid.forward, {}), (lambda x: valid.forward(x), {"stride": 1})):
        assert equivariance_error(phi, x, (1, 0), **given).max() < 1e-12
        assert lie_error(phi, x, (1, 0), **given).max() < 1e-9
    # a last position that is no stride from the border: 57 = 2 * 28 + 1, and 29 positions
    pooled = GaussianPooling(2).build((57, 57, 1))
    assert equivariance_error(pooled, inside(1, 57, 20), (2, 4)).max() < 1e-6


def test_positions_on_every_second_pixel_turn_about_the_centre_of_the_image():
    u = np.arange(56) - 27.5
    x = np.exp(-(u[:, None] ** 2 + 2 * u**2) / 40)[None, ..., None]
    every, all_of_them = (GaussianPooling(s, scale=3.0).build((56, 56, 1)) for s in (2, 1))
    wanted = lie_error(all_of_them, x, "rotation")
    assert wanted > 0.01  # what its border changes of the maps
    np.testing.assert_allclose(lie_error(every, x, "rotation"), wanted, rtol=0.01)
    np.testing.assert_allclose(lie_error(every.forward, x, "rotation", stride=2, origin=0), wanted, rtol=0.01)
    centred = lie_error(lambda x: every.forward(x), x, "rotation")
    assert centred > 5 * wanted  # half a pixel off: what of a function is taken to be centred is not


@pytest.mark.parametrize("generator", GENERATORS, ids=str)
def test_the_pullback_is_the_adjoint_of_the_derivative(generator):
    x, phi = images(2), network()
    field = as_generator(generator, x.shape)
    y, slope = lie_derivative(phi.forward, x, field, None, 3, "zero")
    g = np.random.default_rng(1).standard_normal(y.shape)
    along = (warp_derivative(x, np.zeros((12, 10, 2))) * field.values[:, :, None]).sum(-1)
    pulled = as_gradient(phi)(x, g.reshape(phi.forward(x).shape))
    assert (g * slope).sum() == pytest.approx((pulled * along).sum(), rel=1e-7)
    assert abs((g * slope).sum()) > 1e-3


# -- differences ------------------------------------------------------------------------------------------------------


def test_differences_are_of_the_fourth_order():
    x, phi = images(2), lambda x: np.sin(5 * x)
    exact = lie_error(phi, x, (1, 0), output="invariant")
    errors = [np.abs(lie_error(phi, x, (1, 0), output="invariant", step=s) - exact).max() for s in (0.04, 0.02)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.2)
    assert errors[1] < 1e-3


def test_a_generator_may_be_of_any_length():
    x, phi = images(2), network()
    for factor in (1e-30, 1e30):
        found = lie_error(phi, x, (0.0, factor)) / factor
        np.testing.assert_allclose(found, lie_error(phi, x, (0.0, 1.0)), rtol=1e-9)


def test_features_in_float32_take_a_larger_step():
    x, phi = images(2), network()
    exact, single = lie_error(phi, x, (1, 0)), lambda x: phi.forward(x).astype(np.float32)
    where = {"stride": phi.receptive_field((12, 10, 1))[1]}
    np.testing.assert_allclose(lie_error(single, x, (1, 0), **where), exact, rtol=1e-4)
    assert np.abs(lie_error(single, x, (1, 0), step=1e-6, **where) / exact - 1).max() > 1e-3


def test_images_in_float32_are_measured_in_float64():
    seen, x = set(), images(2).astype(np.float32)
    found = lie_error(lambda x: seen.add(x.dtype.name) or x**3, x, (1, 0))
    assert found.dtype == np.float64
    assert seen == {"float64"}
    np.testing.assert_array_equal(found, lie_error(lambda x: x**3, x.astype(np.float64), (1, 0)))


def test_a_module_is_measured_as_its_formula():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    module = torch.nn.Conv2d(1, 2, 3, stride=2, padding=1).double()
    x = images(2)
    weight = module.weight.detach().numpy()
    bias = module.bias.detach().numpy()

    def phi(x):
        padded = np.pad(x[..., 0], ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
        return np.einsum("nijab,kab->nijk", windows, weight[:, 0]) + bias

    np.testing.assert_allclose(lie_error(module, x, "shear"), lie_error(phi, x, "shear"), rtol=1e-6)


# -- positions --------------------------------------------------------------------------------------------------------


def test_only_positions_that_stay_inside_count():
    x = images(2, 9, 8)
    tau = moved("rotation", 0.6, (9, 8))
    bad = np.abs(tau.values) > np.minimum(np.indices((9, 8)), np.indices((9, 8))[:, ::-1, ::-1]).transpose(1, 2, 0)
    kept = ~bad.any(-1)
    phi = lambda x: np.abs(x)  # noqa: E731
    a, b = warp(phi(x), tau, order=3), phi(warp(x, tau, order=3))
    expected = np.linalg.norm((b - a)[:, kept, 0], axis=1) / np.linalg.norm(a[:, kept, 0], axis=1)
    np.testing.assert_allclose(equivariance_error(phi, x, tau, order=3), expected, rtol=1e-12)
    assert 0 < kept.sum() < kept.any(0).sum() * kept.any(1).sum()


def test_tensors_are_measured_by_fields_too():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, tau = images(2, 9, 8), moved("rotation", 0.3, (9, 8))
    found = equivariance_error(torch.abs, torch.tensor(x), tau)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), equivariance_error(np.abs, x, tau), rtol=1e-10)


# -- what is wrong ----------------------------------------------------------------------------------------------------

X = images(2, 6, 7)
ONE_FAR = AffineField((6, 7), np.zeros((2, 2, 2)), np.array([[0.0, 0.0], [0.0, 9.0]]))
TWO = SineField((6, 7), np.ones((3, 2, 1, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lie_error(np.abs, X, "shear", stride=0), "stride must be > 0, got 0"),
        (lambda: equivariance_error(np.abs, X, (1, 0), stride=(1, -1)), r"stride must be > 0, got \(1, -1\)"),
        (
            lambda: equivariance_error(np.abs, X, (1, 0), origin=(1, 2, 3)),
            r"origin must be a number of pixels or",
        ),
        (
            lambda: equivariance_error(lambda x: x[:, 1:-1, 1:-1], X, (1, 0)),
            r"Maps of 4 x 5 positions do not divide images of 6 x 7 px: pass stride=",
        ),
        (lambda: lie_error(np.abs, X, "spin"), r"generator must be one of 'rotation', 'dilation', 'shear', got 'spin'"),
        (lambda: lie_error(np.abs, X, (1, 2, 3)), r"generator must be \(rows, columns\), two numbers of pixels, got"),
        (lambda: lie_error(np.abs, X, (0, 0)), r"The generator \(0, 0\) moves no pixel: pass a field or a translation"),
        (lambda: lie_error(np.abs, X, (1e-200, 0)), r"The generator \(1e-200, 0\) moves no pixel"),
        (lambda: lie_error(np.abs, X[:, :1, :1], "shear"), r"The generator 'shear' moves no pixel"),
        (lambda: lie_error(np.abs, X, None), r"generator must hold numbers"),
        (lambda: lie_error(np.abs, X, TWO), r"generator must be one field on 6 x 7 px, .* a batch of 2; got SineField"),
        (lambda: lie_error(np.abs, X, moved("shear", 1, (7, 6))), r"generator must be one field on 6 x 7 px"),
        (lambda: equivariance_error(np.abs, X, TWO), r"shift must be one field on 6 x 7 px, the images' sides"),
        (
            lambda: equivariance_error(np.abs, X, AffineField((6, 7), 9 * np.eye(2), np.zeros(2))),
            r"AffineField.* leaves",
        ),
        (lambda: equivariance_error(np.abs, X, ONE_FAR), r"AffineField.* leaves no position of the"),
        (lambda: lie_error(np.abs, X, (1, 0), output="both"), r"output must be one of 'equivariant', 'invariant'"),
        (lambda: lie_error(np.abs, X, (1, 0), order=1), r"order must be 3 .cubic spline. or 'fourier', .* got 1"),
        (lambda: lie_error(np.abs, X, (1, 0), padding="wrap"), r"padding must be one of"),
        (lambda: lie_error(np.abs, X, (1, 0), step=0), r"step must be > 0 and finite, got 0"),
        (lambda: lie_error(np.abs, X * np.nan, (1, 0)), r"X holds 84 non-finite values"),
        (lambda: lie_error(lambda x: 0 * x, X, (1, 0)), r"Phi\(x\) = 0 for 2 of 2 images"),
        (lambda: lie_error(lambda x: x.mean((1, 2)), X, (1, 0)), r"Equivariance is of maps \(n, h, w, k\)"),
        (
            lambda: lie_error(lambda x: x[:, :1], X, (1, 0)),
            r"The generator \(1, 0\) leaves no position of",
        ),
        (lambda: lie_error(lambda x: x / 0, X, (1, 0)), r"phi\(X\) holds 84 non-finite values"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("output", ["equivariant", "invariant"])
def test_the_error_of_an_image_does_not_depend_on_the_fields_of_others(output):
    x, part = images(2), network().astype(np.float32)

    def phi(x):
        return part.forward(x.astype(np.float32))

    fields = SmoothDeformation(2).sample((12, 10), 0.3, 0, size=2)
    alone = lie_error(phi, x[1:], fields[1:], output=output, stride=3)
    beside = lie_error(phi, x, fields.scaled(np.array([1e5, 1.0])), output=output, stride=3)
    assert beside[1] == pytest.approx(alone[0], rel=1e-4)
